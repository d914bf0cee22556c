//! Core: members of a consumer group that speak the classic protocol: JoinGroup tells what they
//! read, SyncGroup gives them what a heartbeat would (KIP-848).

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;
use kurier_protocol::api::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use kurier_protocol::api::sync_group::{SyncGroupRequest, SyncGroupResponse};
use kurier_protocol::data::consumer_protocol_assignment::{
    ConsumerProtocolAssignment, TopicPartition,
};
use kurier_protocol::data::consumer_protocol_subscription::ConsumerProtocolSubscription;
use kurier_protocol::data::{decode_versioned, encode_versioned};
use kurier_protocol::{ErrorCode, Str};

use super::group::Consumer;
use super::heartbeat::{Entrant, check_fence, unknown_instance};
use super::member::{ClassicMember, ConsumerMember, MemberState};
use super::members::MemberMut;
use crate::group::assignor::Assignment;
use crate::group::claim::Claim;
use crate::group::member::{Caller, timeouts};
use crate::group::refusal::Refusal;
use crate::group::settings::{GroupSettings, MigrationPolicy};
use crate::group::topics::Topics;
use crate::kept::Kept;

/// What became of a JoinGroup.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) answer: JoinGroupResponse,
    /// Whether all members speak the classic protocol now, so that the group goes back to it.
    pub(crate) goes_back: bool,
}

impl Consumer {
    /// A member joins by the classic protocol, or joins again to learn of a new assignment.
    ///
    /// # Errors
    ///
    /// The group does not take it.
    pub(crate) fn join_classic(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        topics: &Topics,
        settings: &GroupSettings,
    ) -> Result<Joined, Refusal> {
        if settings.migration == MigrationPolicy::Disabled {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL.into());
        }
        let instance = request.group_instance_id.as_deref();
        let id = match request.member_id.is_empty() {
            true => caller.fresh.clone(),
            false => request.member_id.kept(),
        };
        self.check_room(&id, instance, settings)?;
        let first = self.check_protocols(request)?;
        if caller.version >= 4 && instance.is_none() && request.member_id.is_empty() {
            return Ok(Joined { answer: required(id), goes_back: false });
        }
        let entrant = self.enter_classic(caller, request, id)?;
        let said = decode_versioned::<ConsumerProtocolSubscription>(&first.metadata);
        let said = said.map_err(|_| ErrorCode::INCONSISTENT_GROUP_PROTOCOL)?;
        let was_new = entrant.replaces.as_ref().and_then(|old| self.members.get(old));
        let replaced_new = was_new.is_some_and(|old| old.classic.is_none());
        let id = entrant.id.clone();
        let mut member = entrant.member.clone();
        member.update_classic(caller, request, &said);
        let update = self.update(caller, entrant, member, (topics, settings))?;
        self.refresh(topics, update.change.or(update.subscription));
        let goes_back = replaced_new
            && settings.migration.downgrades()
            && self.members.len() <= settings.members_max
            && self.members.values().all(|member| member.classic.is_some());
        if !goes_back {
            self.compute_target(caller.now, topics, settings);
        }
        let claimed = claimed(&said, topics);
        self.reconcile(caller.now, &id, (Some(&claimed), update.subscription), topics);
        let generation_id = self.members.get(&id).map_or(0, |member| member.place.epoch);
        let answer = JoinGroupResponse {
            member_id: id,
            generation_id,
            protocol_type: Some(CONSUMER),
            protocol_name: Some(first.name.clone()),
            ..Default::default()
        };
        Ok(Joined { answer, goes_back })
    }

    /// Finds the protocol of a member that counts, its first one.
    fn check_protocols<'a>(
        &self,
        request: &'a JoinGroupRequest,
    ) -> Result<&'a JoinGroupRequestProtocol, Refusal> {
        let classic = || self.members.values().filter_map(|member| member.classic.as_ref());
        let is_common = |name: &Str| {
            classic().all(|member| member.protocols.iter().any(|offered| offered.name == *name))
        };
        let is_supported = request.protocol_type == CONSUMER
            && request.protocols.iter().any(|offered| is_common(&offered.name));
        let first = request.protocols.first().filter(|_| is_supported);
        first.ok_or_else(|| ErrorCode::INCONSISTENT_GROUP_PROTOCOL.into())
    }

    fn enter_classic(
        &self,
        caller: &Caller,
        request: &JoinGroupRequest,
        id: Str,
    ) -> Result<Entrant, Refusal> {
        let Some(instance) = &request.group_instance_id else {
            let known = self.members.get(&id).cloned();
            let member = known.unwrap_or_else(|| ConsumerMember::new(caller));
            return Ok(Entrant { id, member, replaces: None });
        };
        let holder = self.holder(instance);
        let known = holder.as_ref().and_then(|holder| self.members.get(holder)).cloned();
        match (holder, known) {
            (Some(holder), Some(member)) if request.member_id.is_empty() => {
                Ok(Entrant { id, member: member.anew(), replaces: Some(holder) })
            }
            (Some(holder), Some(member)) => {
                check_fence(&id, instance, &holder)?;
                Ok(Entrant { id, member, replaces: None })
            }
            _ if request.member_id.is_empty() => {
                Ok(Entrant { id, member: ConsumerMember::new(caller), replaces: None })
            }
            _ => Err(unknown_instance(instance)),
        }
    }

    /// A member asks what it shall have.
    ///
    /// # Errors
    ///
    /// It is not in the group or its generation, or shall join again first.
    pub(crate) fn sync_classic(
        &mut self,
        now: Instant,
        request: &SyncGroupRequest,
        topics: &Topics,
    ) -> Result<SyncGroupResponse, Refusal> {
        let claim = Claim {
            member: &request.member_id,
            instance: request.group_instance_id.as_deref(),
            generation: request.generation_id,
        };
        let assignment_epoch = self.assignment_epoch;
        let (mut member, classic) = self.find_classic(claim)?;
        let first = classic.protocols.first();
        let differs = |said: &Option<Str>, is: Option<&Str>| said.is_some() && said.as_ref() != is;
        if differs(&request.protocol_type, Some(&CONSUMER))
            || differs(&request.protocol_name, first.map(|first| &first.name))
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL.into());
        }
        let is_behind =
            assignment_epoch > member.place.epoch && member.place.state != MemberState::Unrevoked;
        if is_behind {
            let until = now + member.rebalance;
            member.timers.join.get_or_insert(until);
            return Err(ErrorCode::REBALANCE_IN_PROGRESS.into());
        }
        member.timers.sync = None;
        member.timers.session = Some(now + classic.session);
        let metadata = first.map(|first| first.metadata.clone()).unwrap_or_default();
        Ok(SyncGroupResponse {
            protocol_type: request.protocol_type.clone(),
            protocol_name: request.protocol_name.clone(),
            assignment: assignment(&member.assigned(), topics, &metadata),
            ..Default::default()
        })
    }

    /// A member shows that it is alive.
    ///
    /// # Errors
    ///
    /// It is not in the group or its generation, or shall join again.
    pub(crate) fn heartbeat_classic(
        &mut self,
        now: Instant,
        claim: Claim<'_>,
    ) -> Result<(), ErrorCode> {
        let assignment_epoch = self.assignment_epoch;
        let waits = self.waits_for_others(claim.member);
        let (mut member, classic) = self.find_classic(claim).map_err(|refusal| refusal.code)?;
        member.timers.session = Some(now + classic.session);
        let is_told = member.place.epoch < assignment_epoch
            || member.place.state == MemberState::Unrevoked
            || (member.place.state == MemberState::Unreleased && !waits);
        if is_told {
            let until = now + member.rebalance;
            member.timers.join.get_or_insert(until);
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        Ok(())
    }

    /// Who leaves by LeaveGroup, of whichever protocol.
    ///
    /// # Errors
    ///
    /// There is no such member.
    pub(crate) fn leaving(&self, claim: Claim<'_>) -> Result<Str, ErrorCode> {
        let Some(instance) = claim.instance else {
            let known = self.members.get_key_value(claim.member);
            return known.map(|(id, _)| id.clone()).ok_or(ErrorCode::UNKNOWN_MEMBER_ID);
        };
        let holder = self.holder(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if !claim.member.is_empty() && *claim.member != *holder {
            return Err(ErrorCode::FENCED_INSTANCE_ID);
        }
        Ok(holder)
    }

    /// Whether all members but those that go speak the classic protocol, and some stay.
    pub(crate) fn is_classic_without(&self, gone: &BTreeSet<Str>) -> bool {
        let mut stay = self.members.iter().filter(|(id, _)| !gone.contains(*id)).peekable();
        stay.peek().is_some() && stay.all(|(_, member)| member.classic.is_some())
    }

    fn find_classic(
        &mut self,
        claim: Claim<'_>,
    ) -> Result<(MemberMut<'_>, ClassicMember), Refusal> {
        if let Some(instance) = claim.instance {
            let holder = self.holder(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            check_fence(claim.member, instance, &holder)?;
        }
        let member = self.members.get_mut(claim.member).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        let classic = member.classic.clone().ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if member.place.epoch != claim.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION.into());
        }
        Ok((member, classic))
    }
}

impl ConsumerMember {
    /// Takes what a JoinGroup says.
    fn update_classic(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        said: &ConsumerProtocolSubscription,
    ) {
        self.client_id = caller.client_id.clone();
        if request.group_instance_id.is_some() {
            self.instance = request.group_instance_id.kept();
        }
        if said.rack_id.as_ref().is_some_and(|rack| !rack.is_empty()) {
            self.rack = said.rack_id.kept();
        }
        self.names = said.topics.iter().map(Str::kept).collect();
        self.regex = None;
        let (session, rebalance) = timeouts(request);
        self.rebalance = rebalance;
        self.classic = Some(ClassicMember { session, protocols: request.protocols.kept() });
        self.timers.session = Some(caller.now + session);
        self.timers.sync = Some(caller.now + self.rebalance);
        (self.timers.join, self.timers.revoke) = (None, None);
    }

    /// What it has or may take.
    pub(crate) fn assigned(&self) -> Assignment {
        let assigned = self.place.assigned.iter();
        assigned.map(|(&topic, given)| (topic, given.keys().copied().collect())).collect()
    }
}

/// An assignment as members of the classic protocol read it, in the version of their metadata.
pub(crate) fn assignment(given: &Assignment, topics: &Topics, metadata: &Bytes) -> Bytes {
    let assigned = given.iter().filter_map(|(&id, partitions)| {
        let topic = topics.name(id)?.clone();
        Some(TopicPartition { topic, partitions: partitions.iter().copied().collect() })
    });
    let assigned_partitions = assigned.collect();
    let data = ConsumerProtocolAssignment { assigned_partitions, user_data: None };
    let said = metadata.first_chunk().map_or(0, |bytes| i16::from_be_bytes(*bytes));
    encode_versioned(&data, said.clamp(0, 3)).unwrap_or_default()
}

fn claimed(said: &ConsumerProtocolSubscription, topics: &Topics) -> Assignment {
    let mut claimed = Assignment::new();
    for owned in &said.owned_partitions {
        if let Some((id, _)) = topics.get(&owned.topic) {
            claimed.entry(*id).or_default().extend(&owned.partitions);
        }
    }
    claimed
}

fn required(member_id: Str) -> JoinGroupResponse {
    let error_code = ErrorCode::MEMBER_ID_REQUIRED;
    JoinGroupResponse { error_code, member_id, ..Default::default() }
}

const CONSUMER: Str = Str::from_static("consumer");
