//! Core: a member of a KIP-848 group, what the program does with it, and what is due by itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurier_protocol::{Str, Uuid};

use super::super::classic::{Classic, Farewell, Member};
use super::super::config::GroupConfig;
use super::super::event::{Event, Loss, Revocation};
use super::super::silence::Need;
use super::beat::Told;
pub(crate) use super::beat::{Beat, Interest};
use crate::backoff::Backoff;
use crate::error::Error;
use crate::transactions::TopicPartition;

/// A member of a group whose partitions the coordinator divides.
#[derive(Debug)]
pub(crate) struct Modern {
    pub(super) group: Str,
    /// Its own choice (KIP-1082), kept for life.
    pub(super) id: Str,
    pub(super) config: GroupConfig,
    /// The assignor that it asks for.
    pub(super) assignor: Option<Str>,
    pub(super) retry: Backoff,
    pub(super) phase: Phase,
    pub(super) interest: Interest,
    /// 0 until it has joined.
    pub(super) epoch: i32,
    /// What it shall hold.
    pub(super) target: Option<BTreeSet<(Uuid, i32)>>,
    pub(super) held: BTreeMap<(Uuid, i32), TopicPartition>,
    /// What it gives up, by the numbers under which the program was told, and until when.
    pub(super) open: Vec<(u64, Vec<(Uuid, i32)>)>,
    pub(super) until: Option<Instant>,
    pub(super) names: BTreeMap<Uuid, Arc<str>>,
    /// Whose names are asked for.
    pub(crate) nameless: BTreeSet<Uuid>,
    /// What the coordinator knows of it.
    pub(super) told: Option<Told>,
    /// The heartbeat without an answer.
    pub(super) beat: Option<Beat>,
    pub(super) next_beat: Instant,
    /// When the last one went out that was answered well.
    pub(super) heard_at: Instant,
    /// Whether the program knows that this is longer ago than a session.
    pub(super) is_unheard: bool,
    /// Since when it is to be asked whether the coordinator has gone on from this epoch.
    pub(super) doubted_at: Option<Instant>,
    /// How often the coordinator wants to hear of it.
    pub(super) interval: Duration,
    /// How often a join was refused by a coordinator that wants it to join.
    pub(super) refusals: u32,
    /// Whether it has joined, and the program does not know yet.
    pub(super) is_new: bool,
    pub(super) at_work_since: Option<Instant>,
    pub(super) call_count: u64,
    pub(super) actions: VecDeque<Action>,
}

/// What it is about.
///
/// ```text
///         interest            leaves                 closed
///   Idle ----------> Active ---------> Parting ----------------> Over
///    ^  '--------------^ |                |                       ^
///    |   no interest     | works too long | no interest           |
///    |                   v                v                       |
///    '----------------- Away            Idle        fenced, refused
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Active,
    /// It gives up what it holds, and then leaves: for good, or until there is something to read.
    Parting {
        is_final: bool,
        epoch: Option<i32>,
    },
    /// It has left, and joins again when the program asks for more.
    Away,
    Over,
}

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Ask the coordinator.
    Beat(Box<Beat>),
    /// Learn the names of these topics, from the brokers if need be.
    Name(BTreeSet<Uuid>),
    /// See anew who reads the pattern: the coordinator cannot.
    Reread,
    /// Be this member instead, which is to read that: the coordinator takes no others.
    Turn(Box<Classic>, Interest),
    /// Look the coordinator up before the next call.
    Forget,
    /// Tell the program.
    Tell(Event),
}

impl Modern {
    /// A member with this id, which nobody else must have.
    pub(crate) fn new(
        (group, id): (&str, &str),
        (config, assignor): (GroupConfig, Option<&str>),
        retry: Backoff,
        now: Instant,
    ) -> Self {
        Self {
            group: group.into(),
            id: id.into(),
            config,
            assignor: assignor.map(Into::into),
            retry,
            phase: Phase::Idle,
            interest: Interest::Topics(Vec::new()),
            epoch: 0,
            target: None,
            held: BTreeMap::new(),
            open: Vec::new(),
            until: None,
            names: BTreeMap::new(),
            nameless: BTreeSet::new(),
            told: None,
            beat: None,
            next_beat: now,
            heard_at: now,
            is_unheard: false,
            doubted_at: None,
            interval: FIRST_INTERVAL,
            refusals: 0,
            is_new: false,
            at_work_since: None,
            call_count: 0,
            actions: VecDeque::new(),
        }
    }

    // ---- what the program does

    /// This is to be read from now on.
    pub(crate) fn set_interest(&mut self, now: Instant, mut interest: Interest) {
        if let Interest::Topics(topics) = &mut interest {
            topics.sort_unstable();
            topics.dedup();
        }
        if mem::replace(&mut self.interest, interest.clone()) == interest {
            return;
        }
        let is_nothing = interest == Interest::Topics(Vec::new());
        match self.phase {
            Phase::Idle if !is_nothing => self.join(now),
            Phase::Active if is_nothing => {
                let epoch = Some(self.parting_epoch());
                self.part(now, Revocation::Unsubscribed, Phase::Parting { is_final: false, epoch });
            }
            Phase::Active => self.next_beat = now,
            _ => {}
        }
    }

    pub(super) fn join(&mut self, now: Instant) {
        (self.phase, self.epoch, self.told, self.target) = (Phase::Active, 0, None, None);
        self.next_beat = now;
    }

    /// The program has taken records, and is at work.
    pub(crate) fn handle_work(&mut self, now: Instant) {
        self.at_work_since = Some(now);
    }

    /// The program waits for more.
    pub(crate) fn handle_rest(&mut self, now: Instant) {
        self.at_work_since = None;
        if self.phase == Phase::Away {
            match &self.interest {
                Interest::Topics(topics) if topics.is_empty() => self.phase = Phase::Idle,
                _ => self.join(now),
            }
        }
    }

    /// What was to be given up under this number is: nobody works with it, and what was done is
    /// committed.
    pub(crate) fn handle_given_up(&mut self, now: Instant, number: u64) {
        let Some(at) = self.open.iter().position(|open| open.0 == number) else { return };
        let (_, partitions) = self.open.remove(at);
        for partition in &partitions {
            self.held.remove(partition);
        }
        if self.open.is_empty() {
            self.go_on(now);
        }
    }

    /// The member is to leave for good. A static one leaves for a while, so that nobody else gets
    /// its partitions until its session is over.
    pub(crate) fn close(&mut self, now: Instant, farewell: Farewell) {
        if self.phase == Phase::Over {
            return;
        }
        let is_member = self.epoch > 0 && matches!(self.phase, Phase::Active);
        // One that is joining may be a member by the time that its answer comes.
        let is_joining = self.beat.is_some() && self.phase == Phase::Active;
        let epoch = match farewell {
            _ if !is_member && !is_joining => None,
            Farewell::AsUsual => Some(self.parting_epoch()),
            Farewell::Leave => Some(LEAVES),
            Farewell::Remain if self.config.instance_id.is_some() => Some(STEPS_OUT),
            Farewell::Remain => None,
        };
        let epoch = match self.phase {
            Phase::Parting { epoch, .. } => epoch,
            _ => epoch,
        };
        self.part(now, Revocation::Leaving, Phase::Parting { is_final: true, epoch });
    }

    fn parting_epoch(&self) -> i32 {
        if self.config.instance_id.is_some() { STEPS_OUT } else { LEAVES }
    }

    /// Whether it waits for the program to ask for more.
    pub(crate) fn is_away(&self) -> bool {
        self.phase == Phase::Away
    }

    /// Whether it has ended, and the coordinator knows or will not be told.
    pub(crate) fn is_done(&self) -> bool {
        self.phase == Phase::Over && self.beat.is_none()
    }

    /// As whom it commits and fetches offsets: with its epoch. None while it is no member.
    pub(crate) fn committer(&self) -> Option<Member> {
        (self.epoch > 0).then(|| Member {
            group: self.group.clone(),
            id: self.id.clone(),
            instance: self.config.instance_id.as_deref().map(Into::into),
            generation: self.epoch,
        })
    }

    /// What it holds, in order.
    pub(crate) fn held(&self) -> Vec<TopicPartition> {
        let mut held: Vec<TopicPartition> = self.held.values().cloned().collect();
        held.sort_unstable();
        held
    }

    // ---- time

    /// When something is due by itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let beat = (self.beats() && self.beat.is_none()).then_some(self.next_beat);
        let until = self.until.filter(|_| !self.open.is_empty());
        beat.into_iter().chain(until).chain(self.overdue()).chain(self.unheard()).min()
    }

    /// When a session will have passed without a good answer, if nobody was told.
    fn unheard(&self) -> Option<Instant> {
        let counts = self.beats() && self.epoch > 0 && !self.is_unheard;
        counts.then(|| self.heard_at + self.config.session_timeout)
    }

    /// What it waits for, and when that came last.
    pub(crate) fn needs(&self) -> impl Iterator<Item = (Need, Option<Instant>)> {
        let coordinator = match self.epoch {
            _ if !self.beats() => None,
            ..=0 => Some((Need::Place, None)),
            _ => Some((Need::Word, Some(self.heard_at + self.interval))),
        };
        let names = (self.beats() && !self.nameless.is_empty()).then_some((Need::Names, None));
        coordinator.into_iter().chain(names)
    }

    /// Whether the coordinator is to hear of it. One that gives up what it holds is still there.
    fn beats(&self) -> bool {
        match self.phase {
            Phase::Active => true,
            Phase::Parting { .. } => self.epoch > 0,
            _ => false,
        }
    }

    fn overdue(&self) -> Option<Instant> {
        let counts = matches!(self.phase, Phase::Active | Phase::Parting { .. });
        self.at_work_since.filter(|_| counts).map(|since| since + self.config.poll_interval_max)
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
            let is_final = matches!(self.phase, Phase::Parting { is_final: true, .. });
            let is_known = self.epoch > 0 || self.beat.is_some();
            self.lose(Loss::Overdue);
            if is_known {
                self.send(now, self.parting_epoch());
            }
            self.phase = if is_final { Phase::Over } else { Phase::Away };
        }
        if self.until.is_some_and(|until| until <= now) && !self.open.is_empty() {
            let late: Vec<(Uuid, i32)> =
                mem::take(&mut self.open).into_iter().flat_map(|(_, late)| late).collect();
            let partitions = late.iter().filter_map(|of| self.held.remove(of)).collect();
            self.tell(Event::Lost { partitions, why: Loss::TooSlow });
            self.go_on(now);
        }
        if self.unheard().is_some_and(|at| at <= now) {
            self.is_unheard = true;
            self.tell(Event::Unheard { session: self.config.session_timeout });
        }
        if self.beats() && self.beat.is_none() && self.next_beat <= now {
            self.send(now, self.epoch);
        }
    }

    pub(super) fn send(&mut self, now: Instant, epoch: i32) {
        self.call_count += 1;
        let beat = Beat {
            number: self.call_count,
            sent: now,
            timeout: self.interval.max(TIMEOUT_MIN),
            group: self.group.clone(),
            id: self.id.clone(),
            epoch,
            instance: self.config.instance_id.as_deref().map(Into::into),
            rack: self.config.rack.as_deref().map(Into::into),
            assignor: self.assignor.clone(),
            rebalance_timeout: self.config.poll_interval_max,
            now: Told {
                interest: self.interest.clone(),
                owned: self.held.keys().copied().collect(),
            },
            before: self.told.clone(),
        };
        self.beat = Some(beat.clone());
        self.next_beat = now + self.interval;
        self.actions.push_back(Action::Beat(Box::new(beat)));
    }

    // ---- the small things

    pub(super) fn tell(&mut self, event: Event) {
        self.actions.push_back(Action::Tell(event));
    }

    /// What it holds may be another member's.
    pub(super) fn lose(&mut self, why: Loss) {
        let partitions: Vec<TopicPartition> = self.held();
        if !partitions.is_empty() {
            self.tell(Event::Lost { partitions, why });
        }
        self.held.clear();
        self.open.clear();
        (self.epoch, self.told, self.target) = (0, None, None);
        self.doubted_at = None;
    }

    /// Nothing can be done any more.
    pub(super) fn end(&mut self, error: Error) {
        self.lose(Loss::Over);
        self.phase = Phase::Over;
        self.tell(Event::Over(error));
    }
}

/// How often the coordinator hears of a member before it has said how often it wants to.
const FIRST_INTERVAL: Duration = Duration::from_secs(5);
/// How long an answer may take at least.
const TIMEOUT_MIN: Duration = Duration::from_secs(10);
/// The epoch of a member that leaves.
pub(super) const LEAVES: i32 = -1;
/// The epoch of a static member that leaves for a while.
pub(super) const STEPS_OUT: i32 = -2;
