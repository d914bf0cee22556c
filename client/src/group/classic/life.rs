//! Core: a member of a classic group, what the program does with it, and what is due by itself.

use std::collections::{BTreeSet, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurier_protocol::{ApiKey, ErrorCode, Str};

use super::super::assignor::Assignor;
use super::super::config::GroupConfig;
use super::super::event::{Event, Loss, Revocation};
use super::super::members::GroupTopics;
use super::super::silence::Need;
use super::calls::{Ask, Call, Leave, Member};
use super::division::Division;
use super::heartbeat::Heartbeat;
use super::reasons::{FIRST, OVERDUE, RESUBSCRIBED, TOPICS_CHANGED};
use crate::backoff::Backoff;
use crate::error::{About, Error};
use crate::transactions::TopicPartition;

/// A member of a classic group.
#[derive(Debug)]
pub(crate) struct Classic {
    pub(super) group: Str,
    pub(super) config: GroupConfig,
    pub(super) retry: Backoff,
    pub(super) phase: Phase,
    /// The topics that are to be read.
    pub(super) wanted: Vec<Arc<str>>,
    /// Those that the group was told of.
    pub(super) said: Vec<Arc<str>>,
    /// Empty while the coordinator has given none.
    pub(super) id: Str,
    /// -1 while it is in none.
    pub(super) generation: i32,
    pub(super) assignor: Option<Assignor>,
    pub(super) held: BTreeSet<TopicPartition>,
    /// What it was given last, and in which generation.
    pub(super) given: (Vec<TopicPartition>, i32),
    /// There is one while the coordinator takes it for a member.
    pub(super) heartbeat: Option<Heartbeat>,
    /// When the last heartbeat was sent to which the coordinator has said that this is its
    /// generation.
    pub(super) confirmed_at: Option<Instant>,
    /// What it looks after, if it leads the group.
    pub(super) duty: Option<Duty>,
    /// Since when the program has been at work.
    pub(super) at_work_since: Option<Instant>,
    /// How long the coordinator waits for members to join again.
    pub(super) rebalance_timeout: Duration,
    /// Why it joins, for the coordinator's log.
    pub(super) reason: &'static str,
    /// It is to leave once the group has divided, and whether the coordinator is told of it.
    pub(super) closing: Option<bool>,
    /// A join whose answer tells the id under which it is to leave.
    pub(super) abandoned: Option<u64>,
    pub(super) leaving: Option<Leaving>,
    pub(super) call_count: u64,
    pub(super) actions: VecDeque<Action>,
}

/// What it is about.
///
/// ```text
///            topics         retried               divided
///   Idle ----------> Waiting -----> Joining -----> Dividing (the leader) ---> Syncing
///    ^                 ^              |  ^ '------------------------------------^ |
///    |                 |              |  | done, or too late                      |
///    |  no topics      '--------------'  |                                        v
///    '---------------------------- GivingUp <---- rebalance, or moved ------- Stable
///                                     |  closed                                   |
///   Away: the program works           v                                           |
///   for too long               Over <---------------- fenced, refused ------------'
/// ```
#[derive(Debug)]
pub(super) enum Phase {
    /// There is nothing to read.
    Idle,
    /// It joins when this time has come.
    Waiting(Instant),
    /// These are being given up, by the numbers under which the program was told of them.
    GivingUp {
        open: Vec<(u64, Vec<TopicPartition>)>,
        until: Instant,
        then: Then,
    },
    Joining(u64),
    Dividing(u64),
    Syncing(u64),
    Stable,
    /// It has left, and joins again when the program asks for more.
    Away,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Join,
    /// Leaves for a while: there is nothing to read.
    Rest,
    /// Leaves for good; whether the coordinator is told of it.
    End {
        is_told: bool,
    },
}

/// What a leader looks after: whether the topics of the group have changed.
#[derive(Debug)]
pub(super) struct Duty {
    pub(super) names: BTreeSet<Arc<str>>,
    /// As they were divided. None if somebody else has divided them.
    pub(super) divided: Option<GroupTopics>,
    pub(super) has_changed: bool,
}

#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) call: u64,
    pub(super) ask: Leave,
    pub(super) try_count: u32,
}

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Ask the coordinator.
    Call(Call),
    /// Get to know the topics, then divide the partitions. The outcome comes back by this number.
    Divide(u64, Division),
    /// Look the coordinator up before the next call.
    Forget,
    /// Tell the program.
    Tell(Event),
}

/// How a member leaves when it is closed (KIP-1092).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Farewell {
    /// It leaves, unless it is a static member.
    #[default]
    AsUsual,
    /// It leaves, so that others get its partitions at once.
    Leave,
    /// It does not say so: its partitions wait for it until the session is over.
    Remain,
}

impl Classic {
    pub(crate) fn new(group: &str, config: GroupConfig, retry: Backoff) -> Self {
        let rebalance_timeout = config.poll_interval_max;
        Self {
            group: group.into(),
            config,
            retry,
            phase: Phase::Idle,
            wanted: Vec::new(),
            said: Vec::new(),
            id: Str::default(),
            generation: -1,
            assignor: None,
            held: BTreeSet::new(),
            given: (Vec::new(), -1),
            heartbeat: None,
            confirmed_at: None,
            duty: None,
            at_work_since: None,
            rebalance_timeout,
            reason: FIRST,
            closing: None,
            abandoned: None,
            leaving: None,
            call_count: 0,
            actions: VecDeque::new(),
        }
    }

    // ---- what the program does

    /// These topics are to be read from now on.
    pub(crate) fn set_topics(&mut self, now: Instant, topics: impl IntoIterator<Item = Arc<str>>) {
        let wanted: BTreeSet<Arc<str>> = topics.into_iter().collect();
        let wanted: Vec<Arc<str>> = wanted.into_iter().collect();
        if mem::replace(&mut self.wanted, wanted.clone()) == wanted {
            return;
        }
        match &mut self.phase {
            Phase::Idle if !wanted.is_empty() => self.phase = Phase::Waiting(now),
            Phase::Stable => self.rejoin(now, RESUBSCRIBED, Revocation::Unsubscribed),
            Phase::GivingUp { then: then @ (Then::Join | Then::Rest), .. } => {
                *then = if wanted.is_empty() { Then::Rest } else { Then::Join };
            }
            // It is seen to when the group has settled, or when it joins again.
            _ => {}
        }
    }

    /// The program has taken records, and is at work.
    pub(crate) fn handle_work(&mut self, now: Instant) {
        self.at_work_since = Some(now);
    }

    /// The program waits for more.
    pub(crate) fn handle_rest(&mut self, now: Instant) {
        self.at_work_since = None;
        if matches!(self.phase, Phase::Away) {
            self.phase = if self.wanted.is_empty() { Phase::Idle } else { Phase::Waiting(now) };
        }
    }

    /// What was to be given up under this number is: nobody works with it, and what was done is
    /// committed.
    pub(crate) fn handle_given_up(&mut self, now: Instant, number: u64) {
        let Phase::GivingUp { open, then, .. } = &mut self.phase else { return };
        let Some(at) = open.iter().position(|open| open.0 == number) else { return };
        let (_, partitions) = open.remove(at);
        let (is_all, then) = (open.is_empty(), *then);
        for partition in &partitions {
            self.held.remove(partition);
        }
        if is_all {
            self.go_on(now, then);
        }
    }

    /// The member is to leave for good. What it holds can be committed until the group has begun
    /// another generation, and again when that has settled; so one that joins goes on until then.
    pub(crate) fn close(&mut self, now: Instant, farewell: Farewell) {
        let is_told = match farewell {
            Farewell::AsUsual => self.config.instance_id.is_none(),
            Farewell::Leave => true,
            Farewell::Remain => false,
        };
        if matches!(self.phase, Phase::Over) {
            return;
        }
        let is_joining =
            matches!(self.phase, Phase::Joining(_) | Phase::Dividing(_) | Phase::Syncing(_));
        if is_joining && !self.held.is_empty() {
            self.closing = Some(is_told);
            return;
        }
        self.part_for_good(now, Then::End { is_told });
    }

    pub(super) fn part_for_good(&mut self, now: Instant, then: Then) {
        let all = self.held.iter().cloned().collect();
        self.give_up(now, all, (Revocation::Leaving, then));
    }

    /// Whether it waits for the program to ask for more.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.phase, Phase::Away)
    }

    /// Whether it has ended, and the coordinator knows or will not be told.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Over) && self.leaving.is_none() && self.abandoned.is_none()
    }

    /// As whom it commits offsets; none while it is no member, or must not yet: between the answer
    /// to its join and that to its sync a coordinator takes none.
    pub(crate) fn committer(&self) -> Option<Member> {
        let is_between = matches!(self.phase, Phase::Dividing(_) | Phase::Syncing(_));
        (self.generation >= 0 && !is_between).then(|| self.member())
    }

    /// What it holds.
    #[cfg(test)]
    pub(crate) fn held(&self) -> &BTreeSet<TopicPartition> {
        &self.held
    }

    /// The topics that a leader must hear of when they change.
    pub(crate) fn watched(&self) -> Option<&BTreeSet<Arc<str>>> {
        self.duty.as_ref().map(|duty| &duty.names)
    }

    /// What it waits for, and when that came last.
    pub(crate) fn needs(&self) -> Option<(Need, Option<Instant>)> {
        match self.phase {
            Phase::Waiting(_) | Phase::Joining(_) | Phase::Dividing(_) | Phase::Syncing(_) => {
                Some((Need::Place, None))
            }
            Phase::Stable | Phase::GivingUp { .. } => {
                let due = self.heartbeat.as_ref()?.silent_since() + self.config.heartbeat_interval;
                Some((Need::Word, Some(due)))
            }
            Phase::Idle | Phase::Away | Phase::Over => None,
        }
    }

    /// The topics of the group as they are now. Those that are not there say nothing.
    pub(crate) fn handle_topics(&mut self, now: Instant, topics: &GroupTopics) {
        let Some(duty) = &mut self.duty else { return };
        let Some(divided) = &duty.divided else {
            duty.divided = Some(topics.clone());
            return;
        };
        let is_new = |(name, now): (&Arc<str>, &[Vec<Arc<str>>])| divided.partitions(name) != now;
        let has_changed = topics.iter().any(is_new);
        duty.has_changed |= has_changed;
        if duty.has_changed && matches!(self.phase, Phase::Stable) {
            self.rejoin(now, TOPICS_CHANGED, Revocation::Rebalance);
        }
    }

    // ---- time

    /// When something is due by itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let own = match &self.phase {
            Phase::Waiting(until) | Phase::GivingUp { until, .. } => Some(*until),
            _ => None,
        };
        let heartbeat = self.heartbeat.as_ref().filter(|_| self.beats());
        let heartbeat = heartbeat.and_then(Heartbeat::deadline);
        own.into_iter().chain(heartbeat).chain(self.overdue()).min()
    }

    /// When the program has been at work for too long.
    fn overdue(&self) -> Option<Instant> {
        let counts = !matches!(self.phase, Phase::Idle | Phase::Away | Phase::Over);
        self.at_work_since.filter(|_| counts).map(|since| since + self.config.poll_interval_max)
    }

    /// Whether the coordinator waits for heartbeats: while a join is open it waits for others.
    pub(super) fn beats(&self) -> bool {
        !matches!(self.phase, Phase::Joining(_) | Phase::Waiting(_))
    }

    /// What is to be done now, one thing after the other.
    pub(crate) fn poll_action(&mut self, now: Instant) -> Option<Action> {
        if self.actions.is_empty() {
            self.handle_time(now);
        }
        self.actions.pop_front()
    }

    fn handle_time(&mut self, now: Instant) {
        if self.overdue().is_some_and(|at| at <= now) {
            self.lose(Loss::Overdue);
            self.part(self.as_usual(OVERDUE));
            self.phase = if self.closing.take().is_some() { Phase::Over } else { Phase::Away };
        }
        match &self.phase {
            Phase::Waiting(until) if *until <= now => self.join(now),
            Phase::GivingUp { until, open, then } if *until <= now => {
                let late = open.iter().flat_map(|(_, partitions)| partitions).cloned();
                let (partitions, then) = (late.collect::<Vec<_>>(), *then);
                for partition in &partitions {
                    self.held.remove(partition);
                }
                self.tell(Event::Lost { partitions, why: Loss::TooSlow });
                self.go_on(now, then);
            }
            _ => {}
        }
        let member = self.member();
        let Some(heartbeat) = self.heartbeat.as_mut() else { return };
        if matches!(self.phase, Phase::Joining(_) | Phase::Waiting(_)) {
            return;
        }
        if let Some(session) = heartbeat.take_silence(now) {
            self.actions.extend([Action::Tell(Event::Unheard { session }), Action::Forget]);
        }
        if heartbeat.is_due(now) {
            self.call_count += 1;
            heartbeat.sent(self.call_count, now);
            let (number, timeout) = (self.call_count, heartbeat.timeout());
            self.actions.push_back(Action::Call(Call {
                number,
                timeout,
                what: Ask::Heartbeat(member),
            }));
        }
    }

    // ---- the small things

    pub(super) fn member(&self) -> Member {
        Member {
            group: self.group.clone(),
            id: self.id.clone(),
            instance: self.config.instance_id.as_deref().map(Into::into),
            generation: self.generation,
        }
    }

    pub(super) fn call(&mut self, timeout: Duration, what: Ask) -> u64 {
        self.call_count += 1;
        self.actions.push_back(Action::Call(Call { number: self.call_count, timeout, what }));
        self.call_count
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Tell(event));
    }

    pub(super) fn said_by_coordinator(&self, api: ApiKey, code: ErrorCode) -> Error {
        Error::broker(api, code, About::Group((&*self.group).into()))
    }
}
