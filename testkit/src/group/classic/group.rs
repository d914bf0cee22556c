//! Core: what a classic group knows: its members, its generation, and who waits for what.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use kurier_protocol::api::join_group::JoinGroupResponse;
use kurier_protocol::api::sync_group::SyncGroupResponse;
use kurier_protocol::{ErrorCode, Str};

use super::phase::{Barrier, Phase};
use crate::deadlines::Deadlines;
use crate::group::claim::Claim;
use crate::group::member::{Awaits, Member};
use crate::group::slot::Slot;

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
    pub(super) promised: Deadlines,
    pub(super) barrier: Barrier,
    /// How many requests were answered that had waited.
    answered: u64,
    /// When its last member had gone; `None` if it has members or never had any.
    pub(super) empty_since: Option<Instant>,
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
            promised: Deadlines::default(),
            barrier: Barrier::None,
            answered: 0,
            empty_since: None,
            saved: None,
        }
    }

    /// A group of consumers that have spoken the other protocol: each has what it shall have.
    pub(crate) fn of_consumers(generation: i32, members: BTreeMap<Str, Member>) -> Self {
        let mut group = Self {
            phase: Phase::Stable,
            generation,
            protocol_type: Some(Str::from_static("consumer")),
            leader: members.keys().next().cloned(),
            members,
            ..Self::new()
        };
        group.protocol = group.elect_protocol();
        group.save();
        group
    }

    // ---- what can be seen

    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    /// The members, as they are remembered.
    pub(crate) fn all_members(&self) -> impl Iterator<Item = (&Str, &Member)> {
        self.members.iter()
    }

    /// The protocol that was elected last.
    pub(crate) fn elected(&self) -> Option<&Str> {
        self.protocol.as_ref()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.phase == Phase::Empty
    }

    pub(crate) fn is_stable(&self) -> bool {
        self.phase == Phase::Stable
    }

    /// Since when it has no members, if it had some.
    pub(crate) fn empty_since(&self) -> Option<Instant> {
        self.empty_since.filter(|_| self.is_empty())
    }

    pub(crate) fn protocol_type(&self) -> Option<&Str> {
        self.protocol_type.as_ref()
    }

    /// The protocol of the generation; members' metadata are shown only with one.
    pub(crate) fn protocol(&self) -> Option<&Str> {
        self.protocol.as_ref().filter(|_| self.phase == Phase::Stable)
    }

    /// The members: id, instance, client id, metadata and assignment.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&Str, Option<&Str>, &Str, Bytes, Bytes)> {
        let protocol = self.protocol();
        self.members.iter().map(move |(id, member)| {
            let metadata = protocol.map(|protocol| member.metadata(protocol)).unwrap_or_default();
            let assignment = member.assignment.clone();
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
        self.answered
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

    /// Each member votes for the protocol that it likes best among those that all have.
    pub(super) fn elect_protocol(&self) -> Option<Str> {
        let is_common = |name: &Str| self.members.values().all(|member| member.supports(name));
        let mut votes: Vec<(Str, usize)> = Vec::new();
        for member in self.members.values() {
            let choice = member.protocols.iter().map(|offered| &offered.name);
            let Some(choice) = choice.into_iter().find(|name| is_common(name)) else { continue };
            match votes.iter_mut().find(|(name, _)| name == choice) {
                Some((_, count)) => *count += 1,
                None => votes.push((choice.clone(), 1)),
            }
        }
        let most = votes.iter().map(|(_, count)| *count).max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name)
    }

    /// Keeps what a new coordinator would read in the log.
    pub(super) fn save(&mut self) {
        let mut members = self.members.clone();
        // Who waits is not in the log.
        members.values_mut().for_each(|member| member.awaits = Awaits::Nothing);
        self.saved = Some(Box::new(Saved {
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members,
        }));
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

    /// Answers all requests that wait: the group takes up another protocol, so that they must
    /// begin anew.
    pub(crate) fn interrupt(&mut self) {
        let ids: Vec<Str> = self.members.keys().cloned().collect();
        for id in ids {
            if let Some(member) = self.members.get_mut(&id) {
                let awaits = std::mem::replace(&mut member.awaits, Awaits::Nothing);
                self.release(awaits, ErrorCode::REBALANCE_IN_PROGRESS, &id);
            }
        }
    }

    /// Answers a request that waits with an error.
    pub(super) fn release(&mut self, awaits: Awaits, error_code: ErrorCode, id: &Str) {
        match awaits {
            Awaits::Nothing => {}
            Awaits::Join(slot) => self.answer(slot, refused(error_code, id)),
            Awaits::Sync(slot) => {
                self.answer(slot, SyncGroupResponse { error_code, ..Default::default() });
            }
        }
    }

    /// Answers a request that waits.
    pub(super) fn answer<A: Clone>(&mut self, slot: Slot<A>, answer: A) {
        slot.answer(answer);
        self.answered += 1;
    }
}

/// A refusal of JoinGroup.
pub(super) fn refused(error_code: ErrorCode, id: &Str) -> JoinGroupResponse {
    JoinGroupResponse { error_code, member_id: id.clone(), ..Default::default() }
}
