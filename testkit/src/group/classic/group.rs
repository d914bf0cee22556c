//! Core: what a classic group knows: its members, its generation, and who waits for what.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use kurier_protocol::api::join_group::JoinGroupResponse;
use kurier_protocol::api::sync_group::SyncGroupResponse;
use kurier_protocol::{ErrorCode, Str};

use super::phase::{Barrier, Phase};
use crate::group::calls::Calls;
use crate::group::claim::Claim;
use crate::group::member::{Awaits, Member};

/// A group of the classic protocol.
#[derive(Debug)]
pub(crate) struct Classic {
    pub(super) phase: Phase,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<Str>,
    pub(super) protocol: Option<Str>,
    pub(super) leader: Option<Str>,
    pub(super) members: BTreeMap<Str, Member>,
    /// Ids that were given away and did not join yet (KIP-394), and until when they may.
    pub(super) promised: BTreeMap<Str, Instant>,
    pub(super) barrier: Barrier,
    pub(super) joins: Calls<JoinGroupResponse>,
    pub(super) syncs: Calls<SyncGroupResponse>,
    /// What a new coordinator would read in the log: the latest generation that was completed.
    pub(super) saved: Option<Box<Saved>>,
}

#[derive(Clone, Debug)]
pub(super) struct Saved {
    pub(super) generation: i32,
    pub(super) protocol: Option<Str>,
    pub(super) leader: Option<Str>,
    pub(super) members: BTreeMap<Str, Member>,
}

impl Classic {
    /// A group without members.
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            promised: BTreeMap::new(),
            barrier: Barrier::None,
            joins: Calls::default(),
            syncs: Calls::default(),
            saved: None,
        }
    }

    // ---- what can be seen

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.phase == Phase::Empty
    }

    pub(crate) fn protocol_type(&self) -> Option<&Str> {
        self.protocol_type.as_ref()
    }

    /// The protocol of the generation; members and their metadata are shown only with one.
    pub(crate) fn protocol(&self) -> Option<&Str> {
        self.protocol.as_ref().filter(|_| self.phase == Phase::Stable)
    }

    /// The members: id, instance, client id, metadata and assignment.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&Str, Option<&Str>, &Str, Bytes, Bytes)> {
        let protocol = self.protocol();
        self.members.iter().map(move |(id, member)| {
            let (metadata, assignment) = match protocol {
                Some(protocol) => (member.metadata(protocol), member.assignment.clone()),
                None => Default::default(),
            };
            (id, member.instance.as_ref(), &member.client_id, metadata, assignment)
        })
    }

    /// What the members say to each other, of all of them, under the protocol of the generation.
    pub(crate) fn subscriptions(&self) -> impl Iterator<Item = Bytes> {
        let protocol = self.protocol.clone().unwrap_or_default();
        self.members.values().map(move |member| member.metadata(&protocol))
    }

    /// Grows when a request that waits is answered.
    pub(crate) fn answered(&self) -> u64 {
        self.joins.answered() + self.syncs.answered()
    }

    // ---- what its members are told

    /// The generation as a member is told of it.
    pub(super) fn joined(&self, id: &Str) -> JoinGroupResponse {
        let protocol = self.protocol.clone().unwrap_or_default();
        let leader = self.leader.clone().unwrap_or_default();
        let members = self.members.iter().filter(|_| leader == *id);
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            members: members.map(|(id, member)| member.describe(id, &protocol)).collect(),
            protocol_name: Some(protocol),
            leader,
            member_id: id.clone(),
            ..Default::default()
        }
    }

    pub(super) fn synced(&self, id: &str) -> Option<SyncGroupResponse> {
        Some(SyncGroupResponse {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment: self.members.get(id)?.assignment.clone(),
            ..Default::default()
        })
    }

    // ---- one member

    pub(super) fn check(&self, claim: Claim<'_>) -> Result<(), ErrorCode> {
        self.check_member(claim.member, claim.instance)?;
        let is_right = claim.generation == self.generation;
        if is_right { Ok(()) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }

    pub(super) fn check_member(&self, id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            return match self.holder(instance) {
                None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(holder) if holder != *id => Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => Ok(()),
            };
        }
        let is_there = self.members.contains_key(id);
        if is_there { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    /// The member that has an instance id.
    pub(super) fn holder(&self, instance: &str) -> Option<Str> {
        let mut members = self.members.iter();
        let found = members.find(|(_, member)| member.instance.as_deref() == Some(instance));
        found.map(|(id, _)| id.clone())
    }

    pub(super) fn remove(&mut self, id: &Str, code: ErrorCode) {
        if let Some(member) = self.members.remove(id) {
            self.release(member.awaits, code, id);
        }
        if self.leader.as_ref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
    }

    /// Answers a request that waits with an error.
    pub(super) fn release(&mut self, awaits: Awaits, error_code: ErrorCode, id: &Str) {
        match awaits {
            Awaits::Nothing => {}
            Awaits::Join(call) => self.joins.answer(call, refused(error_code, id)),
            Awaits::Sync(call) => {
                self.syncs.answer(call, SyncGroupResponse { error_code, ..Default::default() });
            }
        }
    }
}

/// A refusal of JoinGroup.
pub(super) fn refused(error_code: ErrorCode, id: &Str) -> JoinGroupResponse {
    JoinGroupResponse { error_code, member_id: id.clone(), ..Default::default() }
}
