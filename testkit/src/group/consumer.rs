//! Core: a consumer group (KIP-848): the broker assigns, members follow heartbeat by heartbeat.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kurier_protocol::api::consumer_group_heartbeat::{
    self as wire, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use kurier_protocol::{ErrorCode, Str, Uuid};
use regex_lite::Regex;

use super::assignor::{Assignment, Assignor, Reader};
use super::claim::{Claim, CommitKind};
use super::member::Caller;
use super::settings::GroupSettings;

/// The topics of the cluster: id and number of partitions, by name.
pub(crate) type Topics = BTreeMap<Str, (Uuid, i32)>;

/// A consumer group.
#[derive(Debug)]
pub(crate) struct Consumer {
    /// Grows with every change of members, subscriptions or topics.
    pub(crate) epoch: i32,
    /// The epoch for which the target was computed.
    pub(crate) assignment_epoch: i32,
    pub(crate) assignor: Assignor,
    members: BTreeMap<Str, ConsumerMember>,
    target: BTreeMap<Str, Assignment>,
    /// What was known of the topics that members read when the epoch last grew.
    topics: Topics,
    /// Whether a target was ever computed: whoever joins makes the epoch grow.
    was_computed: bool,
}

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerMember {
    pub(crate) instance: Option<Str>,
    pub(crate) rack: Option<Str>,
    pub(crate) client_id: Str,
    pub(crate) epoch: i32,
    previous_epoch: i32,
    pub(crate) names: BTreeSet<Str>,
    pub(crate) regex: Option<Str>,
    assignor: Option<Assignor>,
    rebalance: Duration,
    /// What it has or may take.
    pub(crate) assigned: Assignment,
    /// What it shall give up first.
    revoking: Assignment,
    /// Whether something of its target is still another member's.
    waits: bool,
    session: Instant,
    /// Until when it must have given up what it shall.
    revoke_until: Option<Instant>,
}

impl ConsumerMember {
    fn new(caller: &Caller) -> Self {
        Self {
            instance: None,
            rack: None,
            client_id: caller.client_id.clone(),
            epoch: 0,
            previous_epoch: -1,
            names: BTreeSet::new(),
            regex: None,
            assignor: None,
            rebalance: Duration::ZERO,
            assigned: Assignment::new(),
            revoking: Assignment::new(),
            waits: false,
            session: caller.now,
            revoke_until: None,
        }
    }

    /// Takes what a heartbeat says about subscriptions; says whether that changes anything.
    fn update(&mut self, request: &ConsumerGroupHeartbeatRequest) -> Result<bool, ErrorCode> {
        let before = (self.names.clone(), self.regex.clone(), self.assignor);
        if let Some(names) = &request.subscribed_topic_names {
            self.names = names.iter().cloned().collect();
        }
        if let Some(pattern) = &request.subscribed_topic_regex {
            compile(pattern)?;
            self.regex = Some(pattern.clone()).filter(|pattern| !pattern.is_empty());
        }
        if let Some(name) = &request.server_assignor {
            self.assignor = Assignor::named(name);
        }
        if request.rack_id.is_some() {
            self.rack.clone_from(&request.rack_id);
        }
        if let Ok(ms) = u64::try_from(request.rebalance_timeout_ms) {
            self.rebalance = Duration::from_millis(ms);
        }
        Ok(before != (self.names.clone(), self.regex.clone(), self.assignor))
    }

    fn reads<'a>(&self, topics: &'a Topics) -> impl Iterator<Item = (&'a Str, &'a (Uuid, i32))> {
        let regex = self.regex.as_ref().and_then(|pattern| compile(pattern).ok());
        topics.iter().filter(move |(name, _)| {
            self.names.contains(*name) || regex.as_ref().is_some_and(|regex| regex.is_match(name))
        })
    }

    fn is_stable(&self, epoch: i32) -> bool {
        self.epoch == epoch && !self.waits && self.revoking.is_empty()
    }
}

impl Consumer {
    /// A group without members; its first generation has the epoch after this one.
    pub(crate) fn new(epoch: i32) -> Self {
        Self {
            epoch,
            assignment_epoch: epoch,
            assignor: Assignor::Uniform,
            members: BTreeMap::new(),
            target: BTreeMap::new(),
            topics: Topics::new(),
            was_computed: false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether anyone has ever joined.
    pub(crate) fn was_used(&self) -> bool {
        self.was_computed || !self.members.is_empty()
    }

    /// Its state, in Kafka's words.
    pub(crate) fn state_name(&self) -> &'static str {
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.assignment_epoch {
            "Assigning"
        } else if self.members.values().all(|member| member.is_stable(self.assignment_epoch)) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// The members, with what they shall have.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&Str, &ConsumerMember, Assignment)> {
        self.members
            .iter()
            .map(|(id, member)| (id, member, self.target.get(id).cloned().unwrap_or_default()))
    }

    /// The names of the topics that members read.
    pub(crate) fn read(&self) -> impl Iterator<Item = &Str> {
        self.topics.keys()
    }

    /// A member tells what has changed, and learns what it shall have.
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
    ) -> Result<ConsumerGroupHeartbeatResponse, ErrorCode> {
        let id = match request.member_id.is_empty() {
            true => caller.fresh.clone(),
            false => request.member_id.clone(),
        };
        if request.member_epoch < 0 {
            return self.leave(&id, request);
        }
        let mut is_changed = self.enter(caller, &id, request, settings)?;
        let member = self.members.get_mut(&id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        member.session = caller.now + settings.consumer_session;
        member.client_id = caller.client_id.clone();
        is_changed |= member.update(request)?;
        let known = self.known(topics);
        if is_changed || known != self.topics {
            self.topics = known;
            self.epoch += 1;
        }
        self.compute_target();
        let before = self.members.get(&id).map(|member| member.assigned.clone());
        self.reconcile(caller.now, &id, request.topic_partitions.as_deref());
        let member = self.members.get(&id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        // Whoever says everything is told everything.
        let is_full = request.member_epoch == 0
            || (request.rebalance_timeout_ms >= 0 && request.topic_partitions.is_some());
        let is_told = is_full || before.as_ref() != Some(&member.assigned);
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some(id),
            member_epoch: member.epoch,
            heartbeat_interval_ms: settings.consumer_heartbeat_ms,
            assignment: is_told.then(|| told(&member.assigned)),
            ..Default::default()
        })
    }

    /// Finds the member, or lets it in; says whether the group is another one now.
    fn enter(
        &mut self,
        caller: &Caller,
        id: &Str,
        request: &ConsumerGroupHeartbeatRequest,
        settings: &GroupSettings,
    ) -> Result<bool, ErrorCode> {
        let holder = request.instance_id.as_ref().and_then(|instance| self.holder(instance));
        if request.member_epoch > 0 {
            match (&request.instance_id, &holder) {
                (Some(_), None) => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                (Some(_), Some(holder)) if holder != id => {
                    return Err(ErrorCode::FENCED_INSTANCE_ID);
                }
                _ => {}
            }
            let member = self.members.get(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            return check_epoch(member, request).map(|()| false);
        }
        if let Some(holder) = holder {
            let mut member =
                self.members.get(&holder).cloned().unwrap_or_else(|| ConsumerMember::new(caller));
            if holder == *id {
                return Ok(false);
            }
            if member.epoch != LEFT_FOR_A_WHILE {
                return Err(ErrorCode::UNRELEASED_INSTANCE_ID);
            }
            // It takes the place of its former self, with all that was given to that.
            self.members.remove(&holder);
            member.epoch = 0;
            self.members.insert(id.clone(), member);
            if let Some(target) = self.target.remove(&holder) {
                self.target.insert(id.clone(), target);
            }
            return Ok(false);
        }
        if self.members.contains_key(id) {
            return Ok(false);
        }
        if self.members.len() >= settings.members_max {
            return Err(ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        let mut member = ConsumerMember::new(caller);
        member.instance.clone_from(&request.instance_id);
        member.update(request)?;
        self.members.insert(id.clone(), member);
        Ok(true)
    }

    fn leave(
        &mut self,
        id: &Str,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, ErrorCode> {
        if let Some(instance) = &request.instance_id {
            let holder = self.holder(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            if holder != *id {
                return Err(ErrorCode::FENCED_INSTANCE_ID);
            }
        }
        let member = self.members.get_mut(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if request.member_epoch == LEFT_FOR_A_WHILE {
            member.epoch = LEFT_FOR_A_WHILE;
            member.revoking.clear();
        } else {
            self.remove(id);
        }
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some(id.clone()),
            member_epoch: request.member_epoch,
            ..Default::default()
        })
    }

    fn remove(&mut self, id: &str) {
        self.members.remove(id);
        self.target.remove(id);
        self.epoch += 1;
    }

    fn holder(&self, instance: &Str) -> Option<Str> {
        let mut members = self.members.iter();
        let found = members.find(|(_, member)| member.instance.as_ref() == Some(instance));
        found.map(|(id, _)| id.clone())
    }

    /// What is known of the topics that members read.
    fn known(&self, topics: &Topics) -> Topics {
        let read = self.members.values().flat_map(|member| member.reads(topics));
        read.map(|(name, found)| (name.clone(), *found)).collect()
    }

    /// Who shall have what, if that is not known for this epoch.
    fn compute_target(&mut self) {
        if self.assignment_epoch == self.epoch {
            return;
        }
        let mut votes = [(Assignor::Uniform, 0), (Assignor::Range, 0)];
        for (assignor, count) in &mut votes {
            *count = self.members.values().filter(|m| m.assignor == Some(*assignor)).count();
        }
        let [uniform, range] = votes;
        self.assignor = if range.1 > uniform.1 { range.0 } else { uniform.0 };
        let readers = self.members.iter().map(|(id, member)| Reader {
            id: id.clone(),
            topics: member.reads(&self.topics).map(|(_, (topic, _))| *topic).collect(),
            had: self.target.get(id).cloned().unwrap_or_default(),
        });
        let readers: Vec<Reader> = readers.collect();
        let counts = self.topics.values().copied().collect();
        self.target = self.assignor.assign(&readers, &counts);
        self.assignment_epoch = self.epoch;
        self.was_computed = true;
    }

    /// Brings a member nearer to what it shall have: first it gives up, then it takes what others
    /// have given up.
    fn reconcile(&mut self, now: Instant, id: &Str, owned: Option<&[wire::TopicPartitions]>) {
        let target = self.target.get(id).cloned().unwrap_or_default();
        let taken = self.taken_by_others(id);
        let Some(member) = self.members.get_mut(id) else { return };
        let owns = |of: &Assignment| match owned {
            None => !of.is_empty(),
            Some(owned) => owned.iter().any(|topic| {
                let of = of.get(&topic.topic_id);
                of.is_some_and(|of| topic.partitions.iter().any(|p| of.contains(p)))
            }),
        };
        if owns(&member.revoking) || member.is_stable(self.assignment_epoch) {
            return;
        }
        let (keeps, gives_up) = split(&member.assigned, |topic, partition| {
            target.get(&topic).is_some_and(|wanted| wanted.contains(&partition))
        });
        member.assigned = keeps;
        member.revoking = Assignment::new();
        member.revoke_until = None;
        if owns(&gives_up) {
            member.revoking = gives_up;
            member.revoke_until = Some(now + member.rebalance);
            return;
        }
        let (free, others) = split(&target, |topic, partition| {
            !taken.get(&topic).is_some_and(|taken| taken.contains(&partition))
        });
        member.assigned = free;
        member.waits = !others.is_empty();
        if member.epoch != self.assignment_epoch {
            member.previous_epoch = member.epoch;
            member.epoch = self.assignment_epoch;
        }
    }

    fn taken_by_others(&self, id: &Str) -> Assignment {
        let mut taken = Assignment::new();
        for (_, other) in self.members.iter().filter(|(other, _)| *other != id) {
            for (topic, partitions) in other.assigned.iter().chain(&other.revoking) {
                taken.entry(*topic).or_default().extend(partitions);
            }
        }
        taken
    }

    /// Whether a member may commit or fetch offsets.
    ///
    /// # Errors
    ///
    /// It is not in the group, or not in its epoch; versions before 9 have no word for that.
    pub(crate) fn check_offsets(
        &self,
        claim: Claim<'_>,
        kind: CommitKind,
        version: i16,
    ) -> Result<(), ErrorCode> {
        if claim.generation < 0 && (self.members.is_empty() || kind != CommitKind::Plain) {
            return Ok(());
        }
        let member = self.members.get(claim.member).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if member.epoch == claim.generation {
            return Ok(());
        }
        Err(match kind {
            CommitKind::Transactional => ErrorCode::ILLEGAL_GENERATION,
            CommitKind::Plain if version < 9 => ErrorCode::UNSUPPORTED_VERSION,
            CommitKind::Plain | CommitKind::Fetch => ErrorCode::STALE_MEMBER_EPOCH,
        })
    }

    /// When a member is given up for lost.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let members = self.members.values();
        members.flat_map(|member| [Some(member.session), member.revoke_until]).flatten().min()
    }

    /// Gives up members that were silent, or did not give up what they should.
    pub(crate) fn handle_deadline(&mut self, now: Instant) {
        let is_lost = |member: &ConsumerMember| {
            member.session <= now || member.revoke_until.is_some_and(|until| until <= now)
        };
        let lost = self.members.iter().filter(|(_, member)| is_lost(member));
        let lost: Vec<Str> = lost.map(|(id, _)| id.clone()).collect();
        for id in lost {
            self.remove(&id);
        }
    }

    /// Another broker takes over, and gives the members a new session.
    pub(crate) fn reload(&mut self, now: Instant, settings: &GroupSettings) {
        for member in self.members.values_mut() {
            member.session = now + settings.consumer_session;
            member.revoke_until = member.revoke_until.map(|_| now + member.rebalance);
        }
    }
}

fn check_epoch(
    member: &ConsumerMember,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<(), ErrorCode> {
    let (said, is) = (request.member_epoch, member.epoch);
    // The answer that told it the new epoch was lost.
    let is_repeated = said == member.previous_epoch
        && request.topic_partitions.as_ref().is_some_and(|owned| {
            owned.iter().all(|topic| {
                let assigned = member.assigned.get(&topic.topic_id);
                let has = |p: &i32| assigned.is_some_and(|assigned| assigned.contains(p));
                topic.partitions.iter().all(has)
            })
        });
    if said == is || is_repeated { Ok(()) } else { Err(ErrorCode::FENCED_MEMBER_EPOCH) }
}

/// Splits an assignment by a condition: what meets it, and the rest.
fn split(of: &Assignment, is_in: impl Fn(Uuid, i32) -> bool) -> (Assignment, Assignment) {
    let (mut met, mut rest) = (Assignment::new(), Assignment::new());
    for (&topic, partitions) in of {
        for &partition in partitions {
            let part = if is_in(topic, partition) { &mut met } else { &mut rest };
            part.entry(topic).or_default().insert(partition);
        }
    }
    (met, rest)
}

fn told(assigned: &Assignment) -> wire::Assignment {
    let topic_partitions = assigned.iter().map(|(&topic_id, partitions)| {
        let partitions = partitions.iter().copied().collect();
        wire::TopicPartitionsResponse { topic_id, partitions }
    });
    wire::Assignment { topic_partitions: topic_partitions.collect() }
}

/// A pattern that must match a whole name.
fn compile(pattern: &str) -> Result<Regex, ErrorCode> {
    let whole = format!("^(?:{pattern})$");
    Regex::new(&whole).map_err(|_| ErrorCode::INVALID_REGULAR_EXPRESSION)
}

/// The epoch of a static member that will come back.
const LEFT_FOR_A_WHILE: i32 = -2;
