//! What a member of a classic group asks its coordinator, in every version. *core*

use std::time::Duration;

use bytes::Bytes;
use kurier_protocol::Str;
use kurier_protocol::api::heartbeat::HeartbeatRequest;
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use kurier_protocol::api::leave_group::{LeaveGroupRequest, MemberIdentity};
use kurier_protocol::api::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

/// A request to the coordinator. Its answer comes back with its number.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) number: u64,
    /// How long its answer may take.
    pub(crate) timeout: Duration,
    pub(crate) what: Ask,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Join(Join),
    Sync(Sync),
    Heartbeat(Member),
    Leave(Leave),
}

/// A member, as its coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) group: Str,
    pub(crate) id: Str,
    pub(crate) instance: Option<Str>,
    pub(crate) generation: i32,
}

#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) member: Member,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    /// By the names of the assignors, best first.
    pub(crate) protocols: Vec<(Str, Bytes)>,
    pub(crate) reason: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct Sync {
    pub(crate) member: Member,
    pub(crate) protocol: Str,
    /// From the leader: what each member is given.
    pub(crate) assignments: Vec<(Str, Bytes)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Leave {
    pub(crate) member: Member,
    pub(crate) reason: &'static str,
}

impl Member {
    /// The same in any version: the coordinator refuses what it cannot do.
    pub(crate) fn heartbeat(&self) -> HeartbeatRequest {
        HeartbeatRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
        }
    }
}

impl Join {
    /// The same in any version; before version 1 members have the session timeout to join again.
    pub(crate) fn request(&self) -> JoinGroupRequest {
        let protocol = |(name, metadata): &(Str, Bytes)| JoinGroupRequestProtocol {
            name: name.clone(),
            metadata: metadata.clone(),
        };
        JoinGroupRequest {
            group_id: self.member.group.clone(),
            session_timeout_ms: millis(self.session_timeout),
            rebalance_timeout_ms: millis(self.rebalance_timeout),
            member_id: self.member.id.clone(),
            group_instance_id: self.member.instance.clone(),
            protocol_type: PROTOCOL_TYPE.into(),
            protocols: self.protocols.iter().map(protocol).collect(),
            reason: Some(self.reason.into()),
        }
    }
}

impl Sync {
    /// The same in any version.
    pub(crate) fn request(&self) -> SyncGroupRequest {
        let assignment = |(member_id, assignment): &(Str, Bytes)| SyncGroupRequestAssignment {
            member_id: member_id.clone(),
            assignment: assignment.clone(),
        };
        SyncGroupRequest {
            group_id: self.member.group.clone(),
            generation_id: self.member.generation,
            member_id: self.member.id.clone(),
            group_instance_id: self.member.instance.clone(),
            protocol_type: Some(PROTOCOL_TYPE.into()),
            protocol_name: Some(self.protocol.clone()),
            assignments: self.assignments.iter().map(assignment).collect(),
        }
    }
}

impl Leave {
    /// Up to version 2 one member leaves, later a list of them.
    pub(crate) fn request(&self, version: i16) -> LeaveGroupRequest {
        let Member { group, id, instance, .. } = self.member.clone();
        if version < MANY_SINCE {
            return LeaveGroupRequest { group_id: group, member_id: id, ..Default::default() };
        }
        let member = MemberIdentity {
            member_id: id,
            group_instance_id: instance,
            reason: Some(self.reason.into()),
        };
        LeaveGroupRequest { group_id: group, members: vec![member], ..Default::default() }
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// What kind of group consumers make.
pub(super) const PROTOCOL_TYPE: &str = "consumer";
/// The first version in which several members can leave at once.
const MANY_SINCE: i16 = 3;

#[cfg(test)]
mod tests {
    use kurier_protocol::{Request, encode};

    use super::*;

    fn member(instance: Option<&str>) -> Member {
        Member {
            group: "g".into(),
            id: "m".into(),
            instance: instance.map(Into::into),
            generation: 3,
        }
    }

    fn join(instance: Option<&str>) -> Join {
        Join {
            member: member(instance),
            session_timeout: Duration::from_secs(45),
            rebalance_timeout: Duration::from_secs(300),
            protocols: vec![("range".into(), Bytes::from_static(b"x"))],
            reason: "why",
        }
    }

    #[test]
    fn every_version_can_be_asked() {
        fn check<R: Request>(request: impl Fn(i16) -> R) {
            for version in 0..=R::VERSION_STABLE_MAX {
                encode(&request(version), version).unwrap();
            }
        }
        check(|_| join(None).request());
        check(|_| member(None).heartbeat());
        let sync = Sync { member: member(None), protocol: "p".into(), assignments: vec![] };
        check(|_| sync.request());
        check(|version| Leave { member: member(None), reason: "why" }.request(version));
    }

    #[test]
    fn a_static_member_is_none_where_brokers_know_none() {
        assert!(encode(&join(Some("i")).request(), 4).is_err());
        assert!(encode(&join(Some("i")).request(), 5).is_ok());
    }
}
