//! Core: a member of a classic group.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kurier_protocol::Str;
use kurier_protocol::api::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, JoinGroupResponseMember,
};
use kurier_protocol::api::sync_group::SyncGroupResponse;

use super::slot::Slot;

use crate::kept::Kept;

/// Who sends a request, and which one it is.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) version: i16,
    pub(crate) client_id: Str,
    /// A part of a member's id that nobody has.
    pub(crate) fresh: Str,
    pub(crate) now: Instant,
}

/// A member, and what it waits for.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(super) instance: Option<Str>,
    pub(super) client_id: Str,
    pub(super) session: Duration,
    pub(super) rebalance: Duration,
    pub(super) protocols: Vec<JoinGroupRequestProtocol>,
    pub(super) assignment: Bytes,
    pub(super) awaits: Awaits,
    /// When it is given up for lost; `None` while a request of it waits.
    pub(super) deadline: Option<Instant>,
    /// Whether it has never been in a generation.
    pub(super) is_new: bool,
    /// Whether it must still send SyncGroup in this generation.
    pub(super) owes_sync: bool,
}

/// The request of a member that waits.
#[derive(Clone, Debug)]
pub(crate) enum Awaits {
    Nothing,
    Join(Slot<JoinGroupResponse>),
    Sync(Slot<SyncGroupResponse>),
}

impl Member {
    /// A member that asks to join.
    pub(super) fn new(caller: &Caller, request: &JoinGroupRequest) -> Self {
        let mut member = Self {
            instance: request.group_instance_id.kept(),
            client_id: caller.client_id.clone(),
            session: Duration::ZERO,
            rebalance: Duration::ZERO,
            protocols: Vec::new(),
            assignment: Bytes::new(),
            awaits: Awaits::Nothing,
            deadline: Some(caller.now + NEW_MEMBER_WAITS),
            is_new: true,
            owes_sync: false,
        };
        member.update(request);
        member
    }

    /// Takes what a further JoinGroup says.
    pub(super) fn update(&mut self, request: &JoinGroupRequest) {
        (self.session, self.rebalance) = timeouts(request);
        self.protocols = request.protocols.kept();
    }

    /// It has shown that it is alive.
    pub(super) fn touch(&mut self, now: Instant) {
        self.deadline = Some(now + self.session);
    }

    pub(super) fn awaits_nothing(&self) -> bool {
        matches!(self.awaits, Awaits::Nothing)
    }

    pub(super) fn awaits_join(&self) -> bool {
        matches!(self.awaits, Awaits::Join(_))
    }

    /// What it says to the leader under a protocol.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|offered| offered.name == protocol);
        found.map(|offered| offered.metadata.clone()).unwrap_or_default()
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|offered| offered.name == protocol)
    }

    /// How the leader is told of it.
    pub(super) fn describe(&self, id: &Str, protocol: &str) -> JoinGroupResponseMember {
        JoinGroupResponseMember {
            member_id: id.clone(),
            group_instance_id: self.instance.clone(),
            metadata: self.metadata(protocol),
        }
    }
}

/// How long a member may be silent, and take to join again. Version 0 has one time for both.
pub(super) fn timeouts(request: &JoinGroupRequest) -> (Duration, Duration) {
    let session = millis(request.session_timeout_ms);
    let is_said = request.rebalance_timeout_ms >= 0;
    (session, if is_said { millis(request.rebalance_timeout_ms) } else { session })
}

/// A time of the protocol; negative ones are none.
pub(super) fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// How long a member may wait for its first generation. Kafka: 5 minutes, not to be set.
const NEW_MEMBER_WAITS: Duration = Duration::from_secs(300);
