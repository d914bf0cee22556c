//! Groups of the classic protocol: joins, generations, static members, sessions.

use std::time::Duration;

use bytes::Bytes;
use kurier_protocol::api::heartbeat::HeartbeatRequest;
use kurier_protocol::api::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use kurier_protocol::api::leave_group::{LeaveGroupRequest, MemberIdentity};
use kurier_protocol::api::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Str};

use super::bench::{Bench, Fate};

/// The coordinator of group `g`.
pub(super) const COORDINATOR: i32 = 2;

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn join(member: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member.into(),
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range", "r"), protocol("sticky", "s")],
        ..Default::default()
    }
}

fn protocol(name: &str, metadata: &'static str) -> JoinGroupRequestProtocol {
    JoinGroupRequestProtocol {
        name: name.into(),
        metadata: Bytes::from_static(metadata.as_bytes()),
    }
}

fn static_join(member: &str, instance: &str) -> JoinGroupRequest {
    JoinGroupRequest { group_instance_id: Some(instance.into()), ..join(member) }
}

pub(super) fn sync(
    member: &str,
    generation_id: i32,
    given: &[(&str, &'static str)],
) -> SyncGroupRequest {
    let assignments = given.iter().map(|(id, assignment)| SyncGroupRequestAssignment {
        member_id: (*id).into(),
        assignment: Bytes::from_static(assignment.as_bytes()),
    });
    SyncGroupRequest {
        group_id: "g".into(),
        generation_id,
        member_id: member.into(),
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        assignments: assignments.collect(),
        ..Default::default()
    }
}

impl Bench {
    pub(super) fn heartbeat(&mut self, member: &str, generation_id: i32) -> ErrorCode {
        let (group_id, member_id) = ("g".into(), member.into());
        let request = HeartbeatRequest { group_id, member_id, generation_id, ..Default::default() };
        self.call(COORDINATOR, 4, &request).answer().error_code
    }

    fn leave(&mut self, member: &str) -> ErrorCode {
        let members = vec![MemberIdentity { member_id: member.into(), ..Default::default() }];
        let request = LeaveGroupRequest { group_id: "g".into(), members, ..Default::default() };
        let answer = self.call(COORDINATOR, 5, &request).answer();
        assert_eq!(answer.error_code, ErrorCode::NONE);
        answer.members[0].error_code
    }

    fn joins(&mut self, request: &JoinGroupRequest) -> (u64, Fate<JoinGroupResponse>) {
        let call = self.new_call();
        (call, self.poll(COORDINATOR, 9, (request, call), Duration::ZERO))
    }

    fn again(&mut self, request: &JoinGroupRequest, call: u64) -> Fate<JoinGroupResponse> {
        self.poll(COORDINATOR, 9, (request, call), Duration::ZERO)
    }

    fn syncs(&mut self, request: &SyncGroupRequest) -> Fate<SyncGroupResponse> {
        self.call(COORDINATOR, 5, request)
    }

    /// A member's id, as a member without one gets it.
    pub(super) fn name_member(&mut self) -> Str {
        let named = self.joins(&join("")).1.answer();
        assert_eq!(named.error_code, ErrorCode::MEMBER_ID_REQUIRED);
        named.member_id
    }

    /// A group of one member in generation 1 that was given `all`.
    pub(super) fn alone(&mut self) -> Str {
        let id = self.name_member();
        let joined = self.joins(&join(&id)).1.answer();
        assert_eq!((joined.error_code, joined.generation_id), (ErrorCode::NONE, 1));
        assert_eq!((&joined.leader, joined.members.len()), (&id, 1));
        let synced = self.syncs(&sync(&id, 1, &[(&id, "all")])).answer();
        assert_eq!((synced.error_code, &synced.assignment[..]), (ErrorCode::NONE, &b"all"[..]));
        id
    }

    /// A group of two members in generation 2; the first leads.
    fn pair(&mut self) -> (Str, Str) {
        let first = self.alone();
        let second = self.name_member();
        let (call, fate) = self.joins(&join(&second));
        assert!(matches!(fate, Fate::Waits(_)));
        assert_eq!(self.heartbeat(&first, 1), ErrorCode::REBALANCE_IN_PROGRESS);
        let lead = self.joins(&join(&first)).1.answer();
        assert_eq!((lead.generation_id, lead.members.len()), (2, 2));
        let follow = self.again(&join(&second), call).answer();
        assert_eq!((follow.generation_id, follow.members.len()), (2, 0));
        assert_eq!(follow.leader, first);
        let (call, wanted) = (self.new_call(), sync(&second, 2, &[]));
        let fate = self.poll(COORDINATOR, 5, (&wanted, call), Duration::ZERO);
        assert!(matches!(fate, Fate::Waits(_)));
        let given = sync(&first, 2, &[(&first, "a"), (&second, "b")]);
        assert_eq!(self.syncs(&given).answer().assignment[..], b"a"[..]);
        let synced = self.poll(COORDINATOR, 5, (&wanted, call), Duration::ZERO).answer();
        assert_eq!(synced.assignment[..], b"b"[..]);
        (first, second)
    }
}

#[test]
fn members_join_a_generation_together_and_the_leader_assigns() {
    let mut bench = Bench::new(Release::NEWEST);
    let (first, second) = bench.pair();
    assert_eq!(bench.heartbeat(&first, 2), ErrorCode::NONE);
    assert_eq!(bench.heartbeat(&second, 2), ErrorCode::NONE);
    assert_eq!(bench.heartbeat(&second, 1), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(bench.heartbeat("who", 2), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.leave(&second), ErrorCode::NONE);
    assert_eq!(bench.leave(&second), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.heartbeat(&first, 2), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(bench.joins(&join(&first)).1.answer().generation_id, 3);
}

#[test]
fn a_member_that_is_silent_for_a_session_is_gone() {
    let mut bench = Bench::new(Release::NEWEST);
    let (first, second) = bench.pair();
    bench.pass(9 * SECOND);
    assert_eq!(bench.heartbeat(&first, 2), ErrorCode::NONE);
    bench.pass(2 * SECOND);
    assert_eq!(bench.heartbeat(&second, 2), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.heartbeat(&first, 2), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(bench.joins(&join(&first)).1.answer().members.len(), 1);
}

#[test]
fn who_does_not_join_in_time_is_left_behind() {
    let mut bench = Bench::new(Release::NEWEST);
    let (first, second) = bench.pair();
    let (call, fate) = bench.joins(&join(&first));
    assert!(matches!(fate, Fate::Waits(_)));
    for _ in 0..7 {
        bench.pass(8 * SECOND);
        assert_eq!(bench.heartbeat(&second, 2), ErrorCode::REBALANCE_IN_PROGRESS);
        assert!(matches!(bench.again(&join(&first), call), Fate::Waits(_)));
    }
    bench.pass(4 * SECOND);
    let joined = bench.again(&join(&first), call).answer();
    assert_eq!((joined.generation_id, joined.members.len()), (3, 1));
    assert_eq!(bench.heartbeat(&second, 2), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_follower_that_does_not_sync_in_time_is_put_out() {
    let mut bench = Bench::new(Release::NEWEST);
    let (first, second) = bench.pair();
    let (call, _) = bench.joins(&join(&first));
    bench.joins(&join(&second)).1.answer();
    assert_eq!(bench.again(&join(&first), call).answer().generation_id, 3);
    assert_eq!(bench.syncs(&sync(&first, 3, &[])).answer().error_code, ErrorCode::NONE);
    for _ in 0..7 {
        bench.pass(8 * SECOND);
        assert_eq!(bench.heartbeat(&first, 3), ErrorCode::NONE);
        assert_eq!(bench.heartbeat(&second, 3), ErrorCode::NONE);
    }
    bench.pass(4 * SECOND);
    assert_eq!(bench.heartbeat(&second, 3), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.heartbeat(&first, 3), ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn an_id_that_was_promised_holds_the_others_up_for_a_session_at_most() {
    let mut bench = Bench::new(Release::NEWEST);
    let first = bench.alone();
    bench.name_member();
    let (call, fate) = bench.joins(&join(&first));
    assert!(matches!(fate, Fate::Waits(_)));
    bench.pass(10 * SECOND);
    assert_eq!(bench.again(&join(&first), call).answer().generation_id, 2);
}

#[test]
fn a_request_that_waits_begins_anew_if_its_coordinator_has_lost_it() {
    let mut bench = Bench::new(Release::NEWEST);
    let (first, _) = bench.pair();
    let (call, fate) = bench.joins(&join(&first));
    assert!(matches!(fate, Fate::Waits(_)));
    let now = bench.now.instant;
    bench.state.move_coordinator("g", 1, now);
    assert_eq!(bench.again(&join(&first), call).answer().error_code, ErrorCode::NOT_COORDINATOR);
    bench.state.move_coordinator("g", COORDINATOR, now);
    let (call, _) = bench.joins(&join(&first));
    bench.state.move_coordinator("g", 1, now);
    bench.state.move_coordinator("g", COORDINATOR, now);
    // The coordinator knows the generation before, in which everybody still is.
    assert!(matches!(bench.again(&join(&first), call), Fate::Waits(_)));
    assert_eq!(bench.heartbeat(&first, 2), ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn the_first_generation_waits_for_further_members() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.state.groups.settings.initial_delay = 3 * SECOND;
    let (first, second) = (bench.name_member(), bench.name_member());
    let (one, _) = bench.joins(&join(&first));
    bench.pass(2 * SECOND);
    let (two, _) = bench.joins(&join(&second));
    bench.pass(2 * SECOND);
    assert!(matches!(bench.again(&join(&first), one), Fate::Waits(_)), "it was prolonged");
    bench.pass(3 * SECOND);
    assert_eq!(bench.again(&join(&first), one).answer().members.len(), 2);
    assert_eq!(bench.again(&join(&second), two).answer().generation_id, 1);
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let mut bench = Bench::new(Release::NEWEST);
    let first = bench.joins(&static_join("", "i")).1.answer();
    assert_eq!((first.error_code, first.generation_id), (ErrorCode::NONE, 1));
    let old = first.member_id;
    let mut request = sync(&old, 1, &[(&old, "all")]);
    request.group_instance_id = Some("i".into());
    bench.syncs(&request).answer();

    let back = bench.joins(&static_join("", "i")).1.answer();
    assert_eq!((back.generation_id, back.skip_assignment), (1, true));
    assert_ne!(back.member_id, old);
    let heartbeat = |member: &Str| HeartbeatRequest {
        group_id: "g".into(),
        generation_id: 1,
        member_id: member.clone(),
        group_instance_id: Some("i".into()),
    };
    let fenced = bench.call(COORDINATOR, 4, &heartbeat(&old)).answer();
    assert_eq!(fenced.error_code, ErrorCode::FENCED_INSTANCE_ID);
    let alive = bench.call(COORDINATOR, 4, &heartbeat(&back.member_id)).answer();
    assert_eq!(alive.error_code, ErrorCode::NONE);
    request.member_id = back.member_id;
    assert_eq!(bench.syncs(&request).answer().assignment[..], b"all"[..]);

    let members =
        vec![MemberIdentity { group_instance_id: Some("i".into()), ..Default::default() }];
    let request = LeaveGroupRequest { group_id: "g".into(), members, ..Default::default() };
    let left = bench.call(COORDINATOR, 5, &request).answer();
    assert_eq!(left.members[0].error_code, ErrorCode::NONE);
}

#[test]
fn a_static_member_comes_back_with_other_words_without_a_rebalance() {
    let mut bench = Bench::new(Release::NEWEST);
    let first = bench.joins(&static_join("", "i")).1.answer();
    let mut request = sync(&first.member_id, 1, &[(&first.member_id, "all")]);
    request.group_instance_id = Some("i".into());
    bench.syncs(&request).answer();
    let mut other = static_join("", "i");
    other.protocols = vec![protocol("range", "changed"), protocol("sticky", "s")];
    assert_eq!(bench.joins(&other).1.answer().generation_id, 1, "range is elected again");
    other.protocols = vec![protocol("sticky", "s"), protocol("range", "r")];
    assert_eq!(bench.joins(&other).1.answer().generation_id, 2, "sticky would be elected");
}

#[test]
fn members_that_leave_together_cause_one_rebalance() {
    let mut bench = Bench::new(Release::NEWEST);
    let (first, second) = bench.pair();
    let (call, fate) = bench.joins(&join(&first));
    assert!(matches!(fate, Fate::Waits(_)));
    let members = [&first, &second].map(|id| MemberIdentity {
        member_id: id.clone(),
        reason: Some("they go".into()),
        ..Default::default()
    });
    let request =
        LeaveGroupRequest { group_id: "g".into(), members: members.into(), ..Default::default() };
    let left = bench.call(COORDINATOR, 5, &request).answer();
    assert!(left.members.iter().all(|member| member.error_code.is_ok()));
    let gone = bench.again(&join(&first), call).answer();
    assert_eq!(gone.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    let group = bench.state.groups.get("g").unwrap();
    assert!(group.is_empty());
    let third = bench.name_member();
    assert_eq!(bench.joins(&join(&third)).1.answer().generation_id, 4);
}

#[test]
fn members_agree_on_a_protocol_that_all_have() {
    let mut bench = Bench::new(Release::NEWEST);
    let first = bench.alone();
    let second = bench.name_member();
    let other = JoinGroupRequest { protocols: vec![protocol("lot", "l")], ..join(&second) };
    let refused = bench.joins(&other).1.answer();
    assert_eq!(refused.error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let sticky = JoinGroupRequest { protocols: vec![protocol("sticky", "s")], ..join(&second) };
    bench.joins(&sticky);
    let joined = bench.joins(&join(&first)).1.answer();
    assert_eq!(joined.protocol_name.as_deref(), Some("sticky"));
    assert!(joined.members.iter().all(|member| member.metadata[..] == b"s"[..]));
}

#[test]
fn what_a_group_does_not_take_is_refused() {
    let mut bench = Bench::new(Release::NEWEST);
    let code = |bench: &mut Bench, request| bench.joins(&request).1.answer().error_code;
    let nameless = JoinGroupRequest { group_id: "".into(), ..join("") };
    assert_eq!(code(&mut bench, nameless), ErrorCode::INVALID_GROUP_ID);
    let short = JoinGroupRequest { session_timeout_ms: 5999, ..join("") };
    assert_eq!(code(&mut bench, short), ErrorCode::INVALID_SESSION_TIMEOUT);
    assert_eq!(code(&mut bench, join("who")), ErrorCode::UNKNOWN_MEMBER_ID);
    let unspoken = JoinGroupRequest { protocols: Vec::new(), ..join("") };
    assert_eq!(code(&mut bench, unspoken), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let elsewhere = bench.call(1, 9, &join("")).answer();
    assert_eq!(elsewhere.error_code, ErrorCode::NOT_COORDINATOR);
    bench.state.groups.settings.members_max = 1;
    bench.alone();
    assert_eq!(code(&mut bench, join("")), ErrorCode::GROUP_MAX_SIZE_REACHED);
}

#[test]
fn a_member_of_an_old_version_joins_at_once() {
    let mut bench = Bench::new(Release::V0_10_0);
    let joined =
        bench.call(COORDINATOR, 0, &JoinGroupRequest { rebalance_timeout_ms: -1, ..join("") });
    let joined = joined.answer();
    assert_eq!((joined.error_code, joined.generation_id), (ErrorCode::NONE, 1));
    assert_eq!(joined.leader, joined.member_id);
}

#[test]
fn a_new_coordinator_knows_the_latest_generation() {
    let mut bench = Bench::new(Release::NEWEST);
    let first = bench.alone();
    let second = bench.name_member();
    bench.joins(&join(&second));
    bench.state.stop(COORDINATOR, bench.now.instant);
    bench.pass(9 * SECOND);
    let request = HeartbeatRequest {
        group_id: "g".into(),
        member_id: first.clone(),
        generation_id: 1,
        ..Default::default()
    };
    let answer = bench.call(COORDINATOR, 4, &request).answer();
    assert_eq!(answer.error_code, ErrorCode::NOT_COORDINATOR);
    assert_eq!(bench.call(3, 4, &request).answer().error_code, ErrorCode::NONE);
    let unknown = bench.call(3, 9, &join(&second)).answer();
    assert_eq!(unknown.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}
