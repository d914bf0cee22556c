//! Core: ConsumerGroupHeartbeat: a member tells what has changed, and learns what it shall have.

use kurier_protocol::api::consumer_group_heartbeat::{
    self as wire, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::group::{Change, Consumer};
use super::member::{ConsumerMember, Owned};
use crate::clock::later;
use crate::group::assignor::{Assignment, Assignor};
use crate::group::member::Caller;
use crate::group::refusal::Refusal;
use crate::group::settings::GroupSettings;
use crate::group::topics::Topics;
use crate::kept::Kept;

/// A member as it was before a request, and who it was if it takes the place of another one.
#[derive(Debug)]
pub(super) struct Entrant {
    pub(super) id: Str,
    pub(super) member: ConsumerMember,
    pub(super) replaces: Option<Str>,
}

/// A change of a member that has been made.
#[derive(Debug)]
pub(super) struct Update {
    /// Whether the epoch shall grow.
    pub(super) change: Change,
    /// Whether it subscribes to something else.
    pub(super) subscription: Change,
    /// Whether patterns are to be looked up when the answer is given.
    pub(super) is_look_up_due: bool,
}

impl Consumer {
    /// A member joins, stays, or follows.
    ///
    /// # Errors
    ///
    /// It is not in the group or not in its epoch, or the group does not take it.
    pub(crate) fn heartbeat(
        &mut self,
        caller: &Caller,
        request: &ConsumerGroupHeartbeatRequest,
        topics: &Topics,
        settings: &GroupSettings,
    ) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        self.check_room(&request.member_id, request.instance_id.as_deref(), settings)?;
        let entrant = self.enter(caller, request)?;
        let before = entrant.member.place.assigned.clone();
        let id = entrant.id.clone();
        let mut member = entrant.member.clone();
        member.update(caller, request);
        member.timers.session = Some(later(caller.now, settings.consumer_session));
        (member.timers.join, member.timers.sync) = (None, None);
        let update = self.update(caller, entrant, member, (topics, settings))?;
        self.refresh(topics, update.change);
        self.compute_target(caller.now, topics, settings);
        let claimed = request.topic_partitions.as_deref().map(claimed);
        self.reconcile(caller.now, &id, (claimed.as_ref(), update.subscription), topics);
        let answer = self.answer(request, &id, &before, settings);
        if update.is_look_up_due {
            // On a broker this happens on another thread, after the answer.
            self.look_up(caller, topics, settings);
        }
        answer.ok_or_else(|| ErrorCode::UNKNOWN_MEMBER_ID.into())
    }

    fn answer(
        &self,
        request: &ConsumerGroupHeartbeatRequest,
        id: &Str,
        before: &Owned,
        settings: &GroupSettings,
    ) -> Option<ConsumerGroupHeartbeatResponse> {
        let place = &self.members.get(id)?.place;
        // Whoever says everything is told everything.
        let is_full = request.rebalance_timeout_ms != -1
            && (request.subscribed_topic_names.is_some()
                || request.subscribed_topic_regex.is_some())
            && request.topic_partitions.is_some();
        let is_told = request.member_epoch == 0 || is_full || *before != place.assigned;
        Some(ConsumerGroupHeartbeatResponse {
            member_id: Some(id.clone()),
            member_epoch: place.epoch,
            heartbeat_interval_ms: settings.consumer_heartbeat_ms,
            assignment: is_told.then(|| told(&place.assigned)),
            ..Default::default()
        })
    }

    /// Whether the group has room for a member.
    pub(super) fn check_room(
        &self,
        id: &str,
        instance: Option<&str>,
        settings: &GroupSettings,
    ) -> Result<(), Refusal> {
        let max = settings.consumer_members_max;
        let is_known = self.members.contains_key(id)
            || instance.is_some_and(|instance| self.holder(instance).is_some());
        if is_known || self.members.len() < max {
            return Ok(());
        }
        let message =
            format!("The consumer group has reached its maximum capacity of {max} members.");
        Err(Refusal::new(ErrorCode::GROUP_MAX_SIZE_REACHED, message))
    }

    /// Who the sender of a heartbeat is.
    fn enter(
        &self,
        caller: &Caller,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<Entrant, Refusal> {
        let id = match request.member_id.is_empty() {
            true => caller.fresh.clone(),
            false => request.member_id.kept(),
        };
        let is_joining = request.member_epoch == 0;
        let Some(instance) = &request.instance_id else {
            let known = self.members.get(&id).cloned();
            let member = match known {
                None if !is_joining => return Err(unknown(&id, &request.group_id)),
                known => known.unwrap_or_else(|| ConsumerMember::new(caller)),
            };
            check_epoch(&member, request)?;
            return Ok(Entrant { id, member, replaces: None });
        };
        let Some(holder) = self.holder(instance) else {
            return match is_joining {
                true => Ok(Entrant { id, member: ConsumerMember::new(caller), replaces: None }),
                false => Err(unknown_instance(instance)),
            };
        };
        let member = self.members.get(&holder).cloned();
        let member = member.unwrap_or_else(|| ConsumerMember::new(caller));
        if is_joining {
            if member.classic.is_none() && member.place.epoch != LEFT_FOR_A_WHILE {
                let message = format!(
                    "Static member {id} with instance id {instance} cannot join the group because \
                     the instance id is owned by {holder} member."
                );
                return Err(Refusal::new(ErrorCode::UNRELEASED_INSTANCE_ID, message));
            }
            return Ok(Entrant { id, member: member.anew(), replaces: Some(holder) });
        }
        check_fence(&id, instance, &holder)?;
        check_epoch(&member, request)?;
        Ok(Entrant { id, member, replaces: None })
    }

    /// Takes a member as it is after a request.
    pub(super) fn update(
        &mut self,
        caller: &Caller,
        entrant: Entrant,
        member: ConsumerMember,
        (topics, settings): (&Topics, &GroupSettings),
    ) -> Result<Update, Refusal> {
        let Entrant { id, member: before, replaces } = entrant;
        let is_new_pattern = before.regex != member.regex;
        let others = member.regex.as_ref().map_or(0, |pattern| self.users(pattern));
        if is_new_pattern
            && others == 0
            && let Some(pattern) = &member.regex
        {
            self.patterns.add(pattern, topics)?;
        }
        let is_resolved = match &member.regex {
            Some(pattern) => others > 0 && self.patterns.found(pattern).is_some(),
            None => before.regex.is_some(),
        };
        let preferred = self.assignor();
        let are_new_names = before.names != member.names;
        self.is_new = false;
        if let Some(replaced) = replaces {
            // It takes the place of its former self, with all that was given to that.
            self.members.remove(&replaced);
            if let Some(target) = self.target.remove(&replaced) {
                self.target.insert(id.clone(), target);
            }
        }
        self.members.insert(id, member);
        if let Some(pattern) = before.regex.filter(|_| is_new_pattern)
            && self.users(&pattern) == 0
        {
            self.patterns.remove(&pattern);
        }
        let counts =
            are_new_names || (is_new_pattern && is_resolved) || preferred != self.assignor();
        let refresh = settings.consumer_regex_refresh;
        let used = self.patterns_used();
        Ok(Update {
            change: if counts { Change::Counts } else { Change::Nothing },
            subscription: match are_new_names || is_new_pattern {
                true => Change::Counts,
                false => Change::Nothing,
            },
            is_look_up_due: self.patterns.is_due(caller.now, &used, topics, refresh),
        })
    }

    /// Looks the patterns of all members up; the epoch grows if they mean other topics now.
    fn look_up(&mut self, caller: &Caller, topics: &Topics, settings: &GroupSettings) {
        let refresh = settings.consumer_regex_refresh;
        let used = self.patterns_used();
        let has_changed = self.patterns.look_up(caller.now, used, topics, refresh);
        let change = if has_changed { Change::Counts } else { Change::Nothing };
        self.refresh(topics, change);
    }

    /// A member leaves for a while, or for good: then it is said who is gone.
    ///
    /// # Errors
    ///
    /// It is not in the group.
    pub(crate) fn leave(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<Option<Str>, Refusal> {
        let id = &request.member_id;
        if let Some(instance) = &request.instance_id {
            let holder = self.holder(instance).ok_or_else(|| unknown_instance(instance))?;
            check_fence(id, instance, &holder)?;
        }
        if !self.members.contains_key(id) {
            return Err(unknown(id, &request.group_id));
        }
        let member = self.members.get_mut(id).filter(|_| request.instance_id.is_some());
        let Some(mut member) = member.filter(|_| request.member_epoch == LEFT_FOR_A_WHILE) else {
            return Ok(Some(id.clone()));
        };
        member.place.epoch = LEFT_FOR_A_WHILE;
        member.place.revoking.clear();
        member.timers.revoke = None;
        for epoch in member.place.assigned.values_mut().flat_map(|given| given.values_mut()) {
            *epoch = 0;
        }
        Ok(None)
    }
}

impl ConsumerMember {
    /// A static member that begins anew, with what it had.
    pub(super) fn anew(mut self) -> Self {
        (self.place.epoch, self.place.previous_epoch) = (0, 0);
        self.timers.revoke = None;
        self
    }
}

/// Checks that an instance id is the member's own.
pub(super) fn check_fence(id: &str, instance: &str, holder: &str) -> Result<(), Refusal> {
    if holder == id {
        return Ok(());
    }
    let message =
        format!("Static member {id} with instance id {instance} was fenced by member {holder}.");
    Err(Refusal::new(ErrorCode::FENCED_INSTANCE_ID, message))
}

fn unknown(id: &str, group: &str) -> Refusal {
    let message = format!("Member {id} is not a member of group {group}.");
    Refusal::new(ErrorCode::UNKNOWN_MEMBER_ID, message)
}

pub(super) fn unknown_instance(instance: &str) -> Refusal {
    Refusal::new(ErrorCode::UNKNOWN_MEMBER_ID, format!("Instance id {instance} is unknown."))
}

fn check_epoch(
    member: &ConsumerMember,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<(), Refusal> {
    let (said, is) = (request.member_epoch, member.place.epoch);
    // The answer that told it the new epoch was lost.
    let is_repeated = said == member.place.previous_epoch
        && request.topic_partitions.as_ref().is_some_and(|owned| {
            owned.iter().all(|topic| {
                let assigned = member.place.assigned.get(&topic.topic_id);
                assigned.is_some_and(|given| topic.partitions.iter().all(|p| given.contains_key(p)))
            })
        });
    if said == 0 || said == is || (said < is && is_repeated) {
        return Ok(());
    }
    let than = if said > is { "greater" } else { "smaller" };
    let message = format!(
        "The consumer group member has a {than} member epoch ({said}) than the one known by the \
         group coordinator ({is}). The member must abandon all its partitions and rejoin."
    );
    Err(Refusal::new(ErrorCode::FENCED_MEMBER_EPOCH, message))
}

fn claimed(owned: &[wire::TopicPartitions]) -> Assignment {
    owned.iter().map(|topic| (topic.topic_id, topic.partitions.iter().copied().collect())).collect()
}

fn told(assigned: &Owned) -> wire::Assignment {
    let topic_partitions = assigned.iter().map(|(&topic_id, partitions)| {
        let partitions = partitions.keys().copied().collect();
        wire::TopicPartitionsResponse { topic_id, partitions }
    });
    wire::Assignment { topic_partitions: topic_partitions.collect() }
}

/// Checks the assignor that a heartbeat asks for.
///
/// # Errors
///
/// The brokers have none of this name.
pub(crate) fn check_assignor(name: Option<&str>) -> Result<(), Refusal> {
    let Some(name) = name.filter(|name| Assignor::named(name).is_none()) else { return Ok(()) };
    let message =
        format!("ServerAssignor {name} is not supported. Supported assignors: uniform, range.");
    Err(Refusal::new(ErrorCode::UNSUPPORTED_ASSIGNOR, message))
}

/// The epoch of a static member that will come back.
const LEFT_FOR_A_WHILE: i32 = -2;
