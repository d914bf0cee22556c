//! Core: a group of the classic protocol: who is in it, and how it comes to a generation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupResponse};
use kurier_protocol::api::sync_group::{SyncGroupRequest, SyncGroupResponse};
use kurier_protocol::{ErrorCode, Str};

use super::calls::{Calls, Known};
use super::claim::{Claim, CommitKind};
use super::member::{Awaits, Caller, Member};
use super::settings::GroupSettings;

/// A group of the classic protocol.
#[derive(Debug)]
pub(crate) struct Classic {
    phase: Phase,
    generation: i32,
    protocol_type: Option<Str>,
    protocol: Option<Str>,
    leader: Option<Str>,
    members: BTreeMap<Str, Member>,
    /// Ids that were given away and did not join yet (KIP-394), and until when they may.
    promised: BTreeMap<Str, Instant>,
    barrier: Barrier,
    joins: Calls<JoinGroupResponse>,
    syncs: Calls<SyncGroupResponse>,
    /// What a new coordinator would read in the log: the latest generation that was completed.
    saved: Option<Box<Saved>>,
}

#[derive(Clone, Debug)]
struct Saved {
    generation: i32,
    protocol: Option<Str>,
    leader: Option<Str>,
    members: BTreeMap<Str, Member>,
}

/// Where a group stands, in Kafka's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// What the group waits for, and until when.
#[derive(Clone, Copy, Debug)]
enum Barrier {
    None,
    /// The first members of a new group; each one that comes prolongs the wait.
    First {
        until: Instant,
        left: Duration,
        has_new: bool,
    },
    /// All members' JoinGroup.
    Joins(Instant),
    /// All members' SyncGroup.
    Syncs(Instant),
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

    // ---- JoinGroup

    /// A member joins, or looks whether the generation it waits for has begun: `None` if not.
    pub(crate) fn join(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        settings: &GroupSettings,
    ) -> Option<JoinGroupResponse> {
        match self.joins.take(caller.call) {
            Known::Waits => return None,
            Known::Answered(answer) => return Some(answer),
            Known::New => {}
        }
        let done = if self.is_full(&request.member_id, settings) {
            Err(ErrorCode::GROUP_MAX_SIZE_REACHED)
        } else if !self.takes(request) {
            Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
        } else if request.member_id.is_empty() {
            self.join_as_new(caller, request, settings)
        } else {
            self.join_as_known(caller, request, settings)
        };
        match done {
            Ok(Some(answer)) => Some(answer),
            Ok(None) => match self.joins.take(caller.call) {
                Known::Answered(answer) => Some(answer),
                Known::New | Known::Waits => None,
            },
            Err(code) => Some(refused(code, &request.member_id)),
        }
    }

    fn is_full(&self, id: &Str, settings: &GroupSettings) -> bool {
        let max = settings.members_max;
        match self.phase {
            Phase::Empty => false,
            Phase::PreparingRebalance => {
                let waiting = self.members.values().filter(|m| m.awaits_join()).count();
                waiting >= max && !self.members.get(id).is_some_and(Member::awaits_join)
            }
            Phase::CompletingRebalance | Phase::Stable => {
                self.members.len() >= max && !self.members.contains_key(id)
            }
        }
    }

    /// Whether the member and the rest of the group have a protocol in common.
    fn takes(&self, request: &JoinGroupRequest) -> bool {
        if self.members.is_empty() {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        let others = || {
            let is_other = |(id, member): &(&Str, &Member)| {
                let takes_over =
                    member.instance.is_some() && member.instance == request.group_instance_id;
                **id != request.member_id && !takes_over
            };
            self.members.iter().filter(is_other).map(|(_, member)| member)
        };
        self.protocol_type.as_ref() == Some(&request.protocol_type)
            && request.protocols.iter().any(|p| others().all(|other| other.supports(&p.name)))
    }

    fn join_as_new(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        settings: &GroupSettings,
    ) -> Result<Option<JoinGroupResponse>, ErrorCode> {
        let name = request.group_instance_id.as_ref().unwrap_or(&caller.client_id);
        let id = Str::from(format!("{name}-{}", caller.fresh));
        if let Some(instance) = &request.group_instance_id {
            if let Some(old) = self.holder(instance) {
                return self.replace(caller, request, (&old, &id), settings);
            }
        } else if caller.version >= 4 {
            let session = u64::try_from(request.session_timeout_ms).unwrap_or(0);
            self.promised.insert(id.clone(), caller.now + Duration::from_millis(session));
            return Ok(Some(refused(ErrorCode::MEMBER_ID_REQUIRED, &id)));
        }
        self.add(caller, request, id, settings);
        Ok(None)
    }

    fn join_as_known(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        settings: &GroupSettings,
    ) -> Result<Option<JoinGroupResponse>, ErrorCode> {
        let id = &request.member_id;
        if self.promised.remove(id).is_some() {
            self.add(caller, request, id.clone(), settings);
            return Ok(None);
        }
        self.check_member(id, request.group_instance_id.as_deref())?;
        let member = self.members.get(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        let is_same = member.protocols == request.protocols;
        let is_leader = self.leader.as_ref() == Some(id);
        match self.phase {
            Phase::Empty => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            // It did not get the answer, and asks again.
            Phase::CompletingRebalance if is_same => return Ok(Some(self.joined(id))),
            Phase::Stable if is_same && !is_leader => return Ok(Some(self.joined(id))),
            _ => {}
        }
        if let Some(member) = self.members.get_mut(id) {
            let before = std::mem::replace(&mut member.awaits, Awaits::Join(caller.call));
            member.update(caller.version, request);
            self.joins.wait(caller.call);
            if let Awaits::Join(before) = before {
                self.joins.answer(before, refused(ErrorCode::REBALANCE_IN_PROGRESS, id));
            }
        }
        self.rebalance(caller.now, settings);
        Ok(None)
    }

    fn add(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        id: Str,
        settings: &GroupSettings,
    ) {
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        let mut member = Member::new(caller, request);
        member.awaits = Awaits::Join(caller.call);
        self.joins.wait(caller.call);
        self.leader.get_or_insert_with(|| id.clone());
        self.members.insert(id, member);
        if let Barrier::First { has_new, .. } = &mut self.barrier {
            *has_new = true;
        }
        self.rebalance(caller.now, settings);
    }

    /// A static member comes back under another id (KIP-345).
    fn replace(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        (old, id): (&Str, &Str),
        settings: &GroupSettings,
    ) -> Result<Option<JoinGroupResponse>, ErrorCode> {
        let mut member = self.members.remove(old).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        let awaits = std::mem::replace(&mut member.awaits, Awaits::Nothing);
        self.release(awaits, ErrorCode::FENCED_INSTANCE_ID, old);
        let before = member.protocols.clone();
        member.update(caller.version, request);
        member.client_id = caller.client_id.clone();
        member.touch(caller.now);
        let is_leader = self.leader.as_ref() == Some(old);
        if is_leader {
            self.leader = Some(id.clone());
        }
        self.members.insert(id.clone(), member);
        if let Some(saved) = &mut self.saved
            && let Some(member) = saved.members.remove(old)
        {
            saved.members.insert(id.clone(), member);
        }
        if self.phase == Phase::Stable && before == request.protocols {
            let answer = self.joined(id);
            // A leader that did not know it need not assign would do so from old knowledge
            // (KIP-814): up to version 8 it is told that it follows its former self.
            return Ok(Some(match (is_leader, caller.version) {
                (true, 9..) => JoinGroupResponse { skip_assignment: true, ..answer },
                (true, _) => {
                    JoinGroupResponse { leader: old.clone(), members: Vec::new(), ..answer }
                }
                (false, _) => answer,
            }));
        }
        if let Some(member) = self.members.get_mut(id) {
            member.awaits = Awaits::Join(caller.call);
        }
        self.joins.wait(caller.call);
        self.rebalance(caller.now, settings);
        Ok(None)
    }

    /// The generation as a member is told of it.
    fn joined(&self, id: &Str) -> JoinGroupResponse {
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

    // ---- SyncGroup

    /// The leader assigns, the others wait for it: `None` as long as it did not.
    pub(crate) fn sync(
        &mut self,
        caller: &Caller,
        request: &SyncGroupRequest,
    ) -> Option<SyncGroupResponse> {
        match self.syncs.take(caller.call) {
            Known::Waits => return None,
            Known::Answered(answer) => return Some(answer),
            Known::New => {}
        }
        if let Err(error_code) = self.check_sync(request) {
            return Some(SyncGroupResponse { error_code, ..Default::default() });
        }
        let id = &request.member_id;
        let is_complete = self.phase == Phase::Stable;
        let member = self.members.get_mut(id)?;
        member.owes_sync = false;
        if is_complete {
            member.touch(caller.now);
        } else {
            let before = std::mem::replace(&mut member.awaits, Awaits::Sync(caller.call));
            self.release(before, ErrorCode::REBALANCE_IN_PROGRESS, id);
            self.syncs.wait(caller.call);
            if self.leader.as_ref() == Some(id) {
                self.assign(caller.now, request);
            }
        }
        if self.phase == Phase::Stable && self.members.values().all(|m| !m.owes_sync) {
            self.barrier = Barrier::None;
        }
        match self.syncs.take(caller.call) {
            Known::Answered(answer) => Some(answer),
            Known::Waits => None,
            Known::New => self.synced(id),
        }
    }

    fn check_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        let instance = request.group_instance_id.as_deref();
        self.check_member(&request.member_id, instance)?;
        if request.generation_id != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        let differs = |said: &Option<Str>, is: &Option<Str>| said.is_some() && said != is;
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        match self.phase {
            Phase::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Phase::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            Phase::CompletingRebalance | Phase::Stable => Ok(()),
        }
    }

    fn assign(&mut self, now: Instant, request: &SyncGroupRequest) {
        for (id, member) in &mut self.members {
            let given = request.assignments.iter().rfind(|given| given.member_id == *id);
            member.assignment = given.map(|given| given.assignment.clone()).unwrap_or_default();
        }
        self.phase = Phase::Stable;
        let ids: Vec<Str> = self.members.keys().cloned().collect();
        for id in ids {
            let answer = self.synced(&id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            if let (Awaits::Sync(call), Some(answer)) = (member.awaits, answer) {
                member.awaits = Awaits::Nothing;
                member.touch(now);
                self.syncs.answer(call, answer);
            }
        }
        self.save();
    }

    fn synced(&self, id: &str) -> Option<SyncGroupResponse> {
        Some(SyncGroupResponse {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment: self.members.get(id)?.assignment.clone(),
            ..Default::default()
        })
    }

    // ---- the rest of a member's life

    /// A member shows that it is alive.
    ///
    /// # Errors
    ///
    /// It is not in the group, not in this generation, or shall join again.
    pub(crate) fn heartbeat(&mut self, now: Instant, claim: Claim<'_>) -> Result<(), ErrorCode> {
        self.check(claim)?;
        let phase = self.phase;
        if let Some(member) = self.members.get_mut(claim.member) {
            member.touch(now);
        }
        match phase {
            Phase::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Phase::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            Phase::CompletingRebalance | Phase::Stable => Ok(()),
        }
    }

    /// A member leaves. Gives the id that it had.
    ///
    /// # Errors
    ///
    /// It is not in the group.
    pub(crate) fn leave(
        &mut self,
        now: Instant,
        claim: Claim<'_>,
        settings: &GroupSettings,
    ) -> Result<Str, ErrorCode> {
        if self.promised.remove(claim.member).is_some() {
            self.complete_if_all_joined(now);
            return Ok(claim.member.into());
        }
        let id = match claim.instance {
            Some(instance) if claim.member.is_empty() => {
                self.holder(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?
            }
            instance => {
                self.check_member(claim.member, instance)?;
                Str::from(claim.member)
            }
        };
        self.remove(&id, ErrorCode::UNKNOWN_MEMBER_ID);
        self.rebalance(now, settings);
        Ok(id)
    }

    /// Whether a member may commit offsets; it has shown that it is alive.
    ///
    /// # Errors
    ///
    /// It is not in the group or not in this generation, or a rebalance is being completed.
    pub(crate) fn check_commit(
        &mut self,
        now: Instant,
        claim: Claim<'_>,
        kind: CommitKind,
    ) -> Result<(), ErrorCode> {
        if claim.generation < 0 && self.phase == Phase::Empty {
            return Ok(());
        }
        let is_named =
            claim.generation >= 0 || !claim.member.is_empty() || claim.instance.is_some();
        match kind {
            _ if is_named => self.check(claim)?,
            CommitKind::Transactional | CommitKind::Fetch => return Ok(()),
            CommitKind::Plain => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
        }
        if self.phase == Phase::CompletingRebalance && kind == CommitKind::Plain {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        if let Some(member) = self.members.get_mut(claim.member) {
            member.touch(now);
        }
        Ok(())
    }

    fn check(&self, claim: Claim<'_>) -> Result<(), ErrorCode> {
        self.check_member(claim.member, claim.instance)?;
        let is_right = claim.generation == self.generation;
        if is_right { Ok(()) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }

    fn check_member(&self, id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
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
    fn holder(&self, instance: &str) -> Option<Str> {
        let mut members = self.members.iter();
        let found = members.find(|(_, member)| member.instance.as_deref() == Some(instance));
        found.map(|(id, _)| id.clone())
    }

    fn remove(&mut self, id: &Str, code: ErrorCode) {
        if let Some(member) = self.members.remove(id) {
            self.release(member.awaits, code, id);
        }
        if self.leader.as_ref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
    }

    /// Answers a request that waits with an error.
    fn release(&mut self, awaits: Awaits, error_code: ErrorCode, id: &Str) {
        match awaits {
            Awaits::Nothing => {}
            Awaits::Join(call) => self.joins.answer(call, refused(error_code, id)),
            Awaits::Sync(call) => {
                self.syncs.answer(call, SyncGroupResponse { error_code, ..Default::default() });
            }
        }
    }

    // ---- rebalances

    /// Something about the members has changed: everyone shall join again.
    fn rebalance(&mut self, now: Instant, settings: &GroupSettings) {
        match self.phase {
            Phase::PreparingRebalance => return self.complete_if_all_joined(now),
            Phase::Empty if self.members.is_empty() => return,
            Phase::Empty => {
                self.phase = Phase::PreparingRebalance;
                let (until, left) = (now + settings.initial_delay, self.patience());
                let left = left.saturating_sub(settings.initial_delay);
                self.barrier = Barrier::First { until, left, has_new: false };
                if until <= now {
                    self.complete_join(now);
                }
                return;
            }
            Phase::CompletingRebalance => {
                let ids: Vec<Str> = self.members.keys().cloned().collect();
                for id in ids {
                    let Some(member) = self.members.get_mut(&id) else { continue };
                    if matches!(member.awaits, Awaits::Sync(_)) {
                        let awaits = std::mem::replace(&mut member.awaits, Awaits::Nothing);
                        member.touch(now);
                        self.release(awaits, ErrorCode::REBALANCE_IN_PROGRESS, &id);
                    }
                }
            }
            Phase::Stable => {}
        }
        self.phase = Phase::PreparingRebalance;
        self.barrier = Barrier::Joins(now + self.patience());
        self.complete_if_all_joined(now);
    }

    /// How long the slowest member may take.
    fn patience(&self) -> Duration {
        let longest = self.members.values().map(|member| member.rebalance).max();
        longest.unwrap_or_default().max(Duration::from_millis(1))
    }

    fn complete_if_all_joined(&mut self, now: Instant) {
        let is_open = matches!(self.barrier, Barrier::Joins(_));
        let all = self.members.values().all(Member::awaits_join) && self.promised.is_empty();
        if self.phase == Phase::PreparingRebalance && is_open && all {
            self.complete_join(now);
        }
    }

    /// Begins the next generation with those who have joined. A static member may be late.
    fn complete_join(&mut self, now: Instant) {
        let is_late = |member: &Member| !member.awaits_join() && member.instance.is_none();
        let late = self.members.iter().filter(|(_, member)| is_late(member));
        let late: Vec<Str> = late.map(|(id, _)| id.clone()).collect();
        for id in late {
            self.remove(&id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        let joins = |id: &Str| self.members.get(id).is_some_and(Member::awaits_join);
        if !self.leader.as_ref().is_some_and(joins) {
            let first = self.members.iter().find(|(_, member)| member.awaits_join());
            match first.map(|(id, _)| id.clone()) {
                Some(id) => self.leader = Some(id),
                None if self.members.is_empty() => self.leader = None,
                None => {
                    // Only static members are left, and none of them is here: wait once more.
                    self.barrier = Barrier::Joins(now + self.patience());
                    return;
                }
            }
        }
        self.generation += 1;
        if self.members.is_empty() {
            self.protocol = None;
            self.phase = Phase::Empty;
            self.barrier = Barrier::None;
            self.save();
            return;
        }
        self.protocol = self.elect_protocol();
        self.phase = Phase::CompletingRebalance;
        self.barrier = Barrier::Syncs(now + self.patience());
        let ids: Vec<Str> = self.members.keys().cloned().collect();
        for id in ids {
            let answer = self.joined(&id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.touch(now);
            member.is_new = false;
            member.owes_sync = true;
            if let Awaits::Join(call) = std::mem::replace(&mut member.awaits, Awaits::Nothing) {
                self.joins.answer(call, answer);
            }
        }
    }

    /// Each member votes for the protocol that it likes best among those that all have.
    fn elect_protocol(&self) -> Option<Str> {
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

    // ---- time, and the loss of a coordinator

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let barrier = match self.barrier {
            Barrier::None => None,
            Barrier::First { until, .. } | Barrier::Joins(until) | Barrier::Syncs(until) => {
                Some(until)
            }
        };
        let members = self.members.values().filter_map(|member| member.deadline);
        members.chain(self.promised.values().copied()).chain(barrier).min()
    }

    /// Does what is due.
    pub(crate) fn handle_deadline(&mut self, now: Instant, settings: &GroupSettings) {
        self.promised.retain(|_, until| *until > now);
        let mut lost = Vec::new();
        for (id, member) in &mut self.members {
            if member.deadline.is_none_or(|deadline| deadline > now) {
            } else if member.awaits != Awaits::Nothing && !member.is_new {
                member.deadline = None;
            } else {
                lost.push(id.clone());
            }
        }
        match self.barrier {
            Barrier::First { until, left, has_new } if until <= now => {
                let delay = settings.initial_delay.min(left);
                if has_new && !delay.is_zero() {
                    let left = left - delay;
                    self.barrier = Barrier::First { until: now + delay, left, has_new: false };
                } else {
                    self.complete_join(now);
                }
            }
            Barrier::Joins(until) if until <= now => self.complete_join(now),
            Barrier::Syncs(until) if until <= now => {
                self.barrier = Barrier::None;
                let owes = self.members.iter().filter(|(_, member)| member.owes_sync);
                lost.extend(owes.map(|(id, _)| id.clone()));
            }
            _ => {}
        }
        for id in &lost {
            self.remove(id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if lost.is_empty() {
            self.complete_if_all_joined(now);
        } else {
            self.rebalance(now, settings);
        }
    }

    fn save(&mut self) {
        self.saved = Some(Box::new(Saved {
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: self.members.clone(),
        }));
    }

    /// Another broker takes over: it knows the latest generation that was completed, and gives
    /// its members a new session. Requests that wait are lost with their connections.
    pub(crate) fn reload(&mut self, now: Instant) {
        self.promised.clear();
        self.barrier = Barrier::None;
        self.joins.clear();
        self.syncs.clear();
        let saved = self.saved.as_deref().cloned();
        self.generation = saved.as_ref().map_or(0, |saved| saved.generation);
        self.protocol = saved.as_ref().and_then(|saved| saved.protocol.clone());
        self.leader = saved.as_ref().and_then(|saved| saved.leader.clone());
        self.members = saved.map(|saved| saved.members).unwrap_or_default();
        let is_empty = self.members.is_empty();
        self.phase = if is_empty { Phase::Empty } else { Phase::Stable };
        for member in self.members.values_mut() {
            member.awaits = Awaits::Nothing;
            member.owes_sync = false;
            member.touch(now);
        }
    }
}

fn refused(error_code: ErrorCode, id: &Str) -> JoinGroupResponse {
    JoinGroupResponse { error_code, member_id: id.clone(), ..Default::default() }
}
