//! Core: a member of a consumer group, of the new or the classic protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kurier_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use kurier_protocol::api::join_group::JoinGroupRequestProtocol;
use kurier_protocol::{Str, Uuid};

use crate::group::assignor::{Assignment, Assignor};
use crate::group::member::Caller;
use crate::kept::Kept;

/// Partitions by topic id, each with the epoch in which the member was given it.
pub(crate) type Owned = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerMember {
    pub(crate) instance: Option<Str>,
    pub(crate) rack: Option<Str>,
    pub(crate) client_id: Str,
    pub(crate) names: BTreeSet<Str>,
    pub(crate) regex: Option<Str>,
    pub(crate) assignor: Option<Assignor>,
    pub(crate) rebalance: Duration,
    /// Set if it speaks the classic protocol.
    pub(crate) classic: Option<ClassicMember>,
    pub(crate) place: Place,
    pub(crate) timers: Timers,
}

/// Where a member stands in its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) state: MemberState,
    pub(crate) epoch: i32,
    pub(crate) previous_epoch: i32,
    /// What it has or may take.
    pub(crate) assigned: Owned,
    /// What it shall give up first.
    pub(crate) revoking: Owned,
}

/// What a member must do before it is where it shall be, in Kafka's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberState {
    Stable,
    /// It shall give up partitions.
    Unrevoked,
    /// Others shall give up partitions that it is to have.
    Unreleased,
}

/// A member that speaks the classic protocol.
#[derive(Clone, Debug)]
pub(crate) struct ClassicMember {
    pub(crate) session: Duration,
    pub(crate) protocols: Vec<JoinGroupRequestProtocol>,
}

/// Until when a member must do what, or is lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    /// Send a heartbeat.
    pub(crate) session: Option<Instant>,
    /// Give up what it shall.
    pub(crate) revoke: Option<Instant>,
    /// Join again, as a member of the classic protocol.
    pub(crate) join: Option<Instant>,
    /// Send SyncGroup, as such a member.
    pub(crate) sync: Option<Instant>,
}

impl ConsumerMember {
    pub(super) fn new(caller: &Caller) -> Self {
        Self {
            instance: None,
            rack: None,
            client_id: caller.client_id.clone(),
            names: BTreeSet::new(),
            regex: None,
            assignor: None,
            rebalance: Duration::ZERO,
            classic: None,
            place: Place {
                state: MemberState::Stable,
                epoch: 0,
                previous_epoch: -1,
                assigned: Owned::new(),
                revoking: Owned::new(),
            },
            timers: Timers::default(),
        }
    }

    /// Takes what a heartbeat says.
    pub(super) fn update(&mut self, caller: &Caller, request: &ConsumerGroupHeartbeatRequest) {
        self.client_id = caller.client_id.clone();
        self.classic = None;
        if request.instance_id.is_some() {
            self.instance = request.instance_id.kept();
        }
        if request.rack_id.is_some() {
            self.rack = request.rack_id.kept();
        }
        if let Some(names) = &request.subscribed_topic_names {
            self.names = names.iter().map(Str::kept).collect();
        }
        if let Some(pattern) = &request.subscribed_topic_regex {
            self.regex = Some(pattern.kept()).filter(|pattern| !pattern.is_empty());
        }
        if let Some(name) = &request.server_assignor {
            self.assignor = Assignor::named(name);
        }
        if let Ok(ms) = u64::try_from(request.rebalance_timeout_ms) {
            self.rebalance = Duration::from_millis(ms);
        }
    }

    /// What it has, or shall give up.
    pub(crate) fn held(&self) -> Assignment {
        let mut held = Assignment::new();
        for (topic, partitions) in self.place.assigned.iter().chain(&self.place.revoking) {
            held.entry(*topic).or_default().extend(partitions.keys());
        }
        held
    }
}

impl Place {
    /// Whether everything is as it shall be in an epoch.
    pub(super) fn is_stable(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// The place of a member that has what it shall have.
    pub(crate) fn stable(epoch: i32, assigned: &Assignment) -> Self {
        let assigned = assigned.iter().map(|(&topic, partitions)| {
            (topic, partitions.iter().map(|&partition| (partition, epoch)).collect())
        });
        Self {
            state: MemberState::Stable,
            epoch,
            previous_epoch: epoch,
            assigned: assigned.collect(),
            revoking: Owned::new(),
        }
    }
}

impl Timers {
    pub(super) fn next(&self) -> Option<Instant> {
        #[cfg(test)]
        ASKED.set(ASKED.get() + 1);
        [self.session, self.revoke, self.join, self.sync].into_iter().flatten().min()
    }
}

#[cfg(test)]
thread_local! {
    /// How often members were asked when they are due.
    pub(crate) static ASKED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}
