//! A member that runs: its cores, and just enough of a task to drive them against a cluster in
//! memory; and what all members together may never do.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kurier_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use kurier_protocol::api::heartbeat::HeartbeatResponse;
use kurier_protocol::api::join_group::JoinGroupResponse;
use kurier_protocol::api::leave_group::LeaveGroupResponse;
use kurier_protocol::api::offset_commit::OffsetCommitResponse;
use kurier_protocol::api::offset_fetch::OffsetFetchResponse;
use kurier_protocol::api::sync_group::SyncGroupResponse;
use kurier_protocol::{Request, Uuid};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::classic::{self, Ask, Classic, Divided, Farewell, Member};
use super::super::config::GroupConfig;
use super::super::consumer::{self, Interest, Modern};
use super::super::event::{Event, Loss};
use super::super::members::GroupTopics;
use super::super::moment::Moment;
use super::super::offsets::{self, Done, Origin, Progress};
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::coordination::coordinator;
use crate::error::{Error, ErrorKind};
use crate::metadata::{Creation, KeyType};
use crate::retries::call_until;
use crate::transactions::{GroupOffset, TopicPartition};

pub(super) const GROUP: &str = "g";

/// What is true of all members together.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) holders: BTreeMap<TopicPartition, usize>,
    /// How far each partition is done, by whoever had it.
    done: BTreeMap<TopicPartition, i64>,
    /// Those that brokers cannot hear: what they hold may be given to others, and what they have
    /// done since the last commit is done again.
    pub(super) unheard: BTreeSet<usize>,
    has_repeats: bool,
    pub(super) faults: Vec<String>,
    pub(super) lost: Vec<Loss>,
    pub(super) rebalances: usize,
}

/// What a test tells a member.
#[derive(Debug)]
enum Command {
    Read(Vec<&'static str>),
    /// The program is at work for so long.
    Work(Duration),
    Close,
}

/// A member that runs.
#[derive(Debug)]
pub(super) struct Running {
    commands: mpsc::UnboundedSender<Command>,
    task: JoinHandle<()>,
}

impl Running {
    pub(super) fn read(&self, topics: &[&'static str]) {
        self.commands.send(Command::Read(topics.to_vec())).unwrap();
    }

    pub(super) fn work(&self, time: Duration) {
        self.commands.send(Command::Work(time)).unwrap();
    }

    pub(super) async fn close(mut self) {
        self.commands.send(Command::Close).unwrap();
        (&mut self.task).await.unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a member. Its program takes so long to give a partition up.
pub(super) fn start(
    (cluster, world): (Cluster, &Arc<Mutex<World>>),
    (number, config): (usize, Option<GroupConfig>),
    work: Duration,
    topics: &[&'static str],
) -> Running {
    let (commands, orders) = mpsc::unbounded_channel();
    let retry = || Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let interval = Some(Duration::from_secs(5));
    let core = match config {
        Some(config) => Core::Classic(Box::new(Classic::new(GROUP, config, retry()))),
        None => {
            let who = (GROUP, &*format!("m{number}"));
            let now = Instant::now().into_std();
            Core::Modern(Box::new(Modern::new(who, (GroupConfig::default(), None), retry(), now)))
        }
    };
    let runner = Runner {
        cluster,
        world: Arc::clone(world),
        number,
        core,
        progress: Progress::new(GROUP, interval, retry()),
        positions: BTreeMap::new(),
        topics: Vec::new(),
        partings: BTreeMap::new(),
        work,
        answers: FuturesUnordered::new(),
    };
    let running = Running { commands, task: tokio::spawn(runner.run(orders)) };
    running.read(topics);
    running
}

enum Core {
    Classic(Box<Classic>),
    Modern(Box<Modern>),
}

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

enum Answer {
    Join(u64, Result<(i16, JoinGroupResponse), Error>),
    Divided(u64, Result<Divided, Error>),
    Sync(u64, Result<SyncGroupResponse, Error>),
    Heartbeat(u64, Result<HeartbeatResponse, Error>),
    Leave(u64, Result<LeaveGroupResponse, Error>),
    Beat(u64, Result<ConsumerGroupHeartbeatResponse, Error>),
    Names(Vec<(Uuid, Arc<str>)>),
    Commit(u64, Result<OffsetCommitResponse, Error>),
    Start(u64, Result<(i16, OffsetFetchResponse), Error>),
    /// The program is done with what it had in hand.
    Idle(u64, Vec<TopicPartition>),
    /// The program asks for more.
    Rest,
}

struct Runner {
    cluster: Cluster,
    world: Arc<Mutex<World>>,
    number: usize,
    core: Core,
    progress: Progress,
    /// Where it reads.
    positions: BTreeMap<TopicPartition, i64>,
    /// What it reads.
    topics: Vec<&'static str>,
    /// Commits of what is given up, and the numbers that those are given up by.
    partings: BTreeMap<u64, (u64, Vec<TopicPartition>)>,
    work: Duration,
    answers: FuturesUnordered<Later<Answer>>,
}

impl Runner {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Command>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            self.act();
            if self.is_done() {
                return;
            }
            let member = self.member();
            let core = match &self.core {
                Core::Classic(core) => core.deadline(),
                Core::Modern(core) => core.deadline(),
            };
            let next = core.into_iter().chain(self.progress.deadline(member.as_ref())).min();
            let next = next.map_or_else(|| Instant::now() + Duration::from_secs(3600), Into::into);
            tokio::select! {
                Some(order) = orders.recv() => self.obey(order).await,
                Some(answer) = self.answers.next() => self.handle(answer),
                _ = tick.tick() => self.do_some_work(),
                () = sleep_until(next) => {}
            }
        }
    }

    fn is_done(&self) -> bool {
        match &self.core {
            Core::Classic(core) => core.is_done(),
            Core::Modern(core) => core.is_done(),
        }
    }

    fn member(&self) -> Option<Member> {
        match &self.core {
            Core::Classic(core) => core.committer(),
            Core::Modern(core) => core.committer(),
        }
    }

    async fn obey(&mut self, order: Command) {
        let now = Instant::now().into_std();
        if let Command::Read(topics) = &order {
            self.topics.clone_from(topics);
        }
        match (order, &mut self.core) {
            (Command::Read(topics), Core::Classic(core)) => {
                core.set_topics(now, topics.into_iter().map(Into::into));
            }
            (Command::Read(topics), Core::Modern(core)) => {
                core.set_interest(
                    now,
                    Interest::Topics(topics.into_iter().map(Into::into).collect()),
                );
            }
            (Command::Work(time), core) => {
                match core {
                    Core::Classic(core) => core.handle_work(now),
                    Core::Modern(core) => core.handle_work(now),
                }
                self.later(async move {
                    sleep(time).await;
                    Answer::Rest
                });
            }
            (Command::Close, Core::Classic(core)) => core.close(now, Farewell::AsUsual),
            (Command::Close, Core::Modern(core)) => core.close(now, Farewell::AsUsual),
        }
    }

    /// A record of each partition, and a look at the topics.
    fn do_some_work(&mut self) {
        for ((topic, partition), position) in &mut self.positions {
            *position += 1;
            self.progress.mark(GroupOffset::new(Arc::clone(topic), *partition, *position));
            let mut world = self.world.lock().unwrap();
            if !world.unheard.contains(&self.number) {
                world.done.insert((Arc::clone(topic), *partition), *position);
            }
        }
        if let Core::Classic(core) = &mut self.core
            && let Some(watched) = core.watched()
        {
            for name in watched {
                self.cluster.want_topic(name, Creation::Never);
            }
            let topics =
                GroupTopics::of(&self.cluster.picture(), watched.iter().map(|name| &**name));
            core.handle_topics(Instant::now().into_std(), &topics);
        }
    }

    // ---- actions

    fn act(&mut self) {
        loop {
            let now = Instant::now().into_std();
            let member = self.member();
            match &mut self.core {
                Core::Classic(core) => {
                    if let Some(action) = core.poll_action(now) {
                        self.classic(action);
                        continue;
                    }
                }
                Core::Modern(core) => {
                    if let Some(action) = core.poll_action(now) {
                        self.modern(action);
                        continue;
                    }
                }
            }
            match self.progress.poll_action(now, member.as_ref()) {
                Some(action) => self.offsets(action),
                None => return,
            }
        }
    }

    fn classic(&mut self, action: classic::Action) {
        match action {
            classic::Action::Forget => self.forget(),
            classic::Action::Tell(event) => self.tell(event),
            classic::Action::Divide(number, division) => {
                let cluster = self.cluster.clone();
                self.later(async move {
                    let deadline = Instant::now() + Duration::from_secs(10);
                    for topic in division.topics() {
                        drop(cluster.topic(&topic, Creation::Never, deadline).await);
                    }
                    let names = division.topics();
                    let names = names.iter().map(|name| &**name);
                    let topics = GroupTopics::of(&cluster.picture(), names);
                    Answer::Divided(number, division.divide(topics))
                });
            }
            classic::Action::Call(call) => {
                let (number, timeout) = (call.number, call.timeout);
                match call.what {
                    Ask::Join(join) => self.ask(
                        timeout,
                        0..=9,
                        move |_| join.request(),
                        move |answer| Answer::Join(number, answer),
                    ),
                    Ask::Sync(sync) => self.ask(
                        timeout,
                        0..=5,
                        move |_| sync.request(),
                        move |answer| Answer::Sync(number, answer.map(|(_, response)| response)),
                    ),
                    Ask::Heartbeat(member) => self.ask(
                        timeout,
                        0..=4,
                        move |_| member.heartbeat(),
                        move |answer| {
                            Answer::Heartbeat(number, answer.map(|(_, response)| response))
                        },
                    ),
                    Ask::Leave(leave) => self.ask(
                        timeout,
                        0..=5,
                        move |version| leave.request(version),
                        move |answer| Answer::Leave(number, answer.map(|(_, response)| response)),
                    ),
                }
            }
        }
    }

    fn modern(&mut self, action: consumer::Action) {
        match action {
            consumer::Action::Forget => self.forget(),
            consumer::Action::Tell(event) => self.tell(event),
            consumer::Action::Beat(beat) => {
                let (number, timeout) = (beat.number, beat.timeout);
                self.ask(
                    timeout,
                    0..=1,
                    move |_| beat.request(),
                    move |answer| Answer::Beat(number, answer.map(|(_, response)| response)),
                );
            }
            consumer::Action::Reread => unreachable!("nobody reads by a pattern"),
            consumer::Action::Turn(..) => unreachable!("its kind is said"),
            consumer::Action::Name(ids) => {
                let (cluster, topics) = (self.cluster.clone(), self.topics.clone());
                self.later(async move {
                    let deadline = Instant::now() + Duration::from_secs(10);
                    for topic in topics {
                        drop(cluster.topic(topic, Creation::Never, deadline).await);
                    }
                    let picture = cluster.picture();
                    let name = |id| Some((id, Arc::clone(&picture.topic_by_id(id)?.name)));
                    Answer::Names(ids.into_iter().filter_map(name).collect())
                });
            }
        }
    }

    fn offsets(&mut self, action: offsets::Action) {
        match action {
            offsets::Action::Forget => self.forget(),
            offsets::Action::Commit(call) => {
                let number = call.number;
                let versions = offsets::CommitCall::VERSIONS;
                self.ask(
                    Duration::from_secs(10),
                    versions,
                    move |_| call.request(),
                    move |answer| Answer::Commit(number, answer.map(|(_, response)| response)),
                );
            }
            offsets::Action::Ask(call) => {
                let number = call.number;
                let versions = offsets::StartCall::VERSIONS;
                self.ask(
                    Duration::from_secs(10),
                    versions,
                    move |version| call.request(version),
                    move |answer| Answer::Start(number, answer),
                );
            }
            offsets::Action::Start(of, found) => {
                let start = found.map_or(0, |found| found.offset);
                let mut world = self.world.lock().unwrap();
                let wanted = world.done.get(&of).copied().unwrap_or(0);
                let is_fault = if world.has_repeats { start > wanted } else { start != wanted };
                if is_fault {
                    let fault =
                        format!("{}: {of:?} starts at {start}, and {wanted} is done", self.number);
                    world.faults.push(fault);
                }
                drop(world);
                self.positions.insert(of, start);
            }
            offsets::Action::NoStart(of, error) => {
                self.fault(format!("{of:?} has no start: {error}"))
            }
            offsets::Action::Doubt { generation, code } => {
                let at = Self::at();
                match &mut self.core {
                    Core::Classic(core) => core.handle_commit_refused(at, generation, code),
                    Core::Modern(core) => core.handle_commit_refused(at.now, generation, code),
                }
            }
            offsets::Action::Done(Done { number, origin, outcomes }) => {
                let failed = outcomes.iter().find_map(|(_, outcome)| outcome.as_ref().err());
                // One that is not a member any more is told so besides; what an automatic commit
                // leaves is a part of the next one.
                let is_odd = |error: &&Error| {
                    error.kind() != ErrorKind::Membership && origin == Origin::Parting
                };
                if let Some(error) = failed.filter(is_odd).filter(|_| !self.is_unheard()) {
                    self.fault(format!("a commit failed: {error}"));
                }
                if let Some((number, partitions)) = self.partings.remove(&number) {
                    self.progress.handle_given_up(&partitions);
                    self.let_go(&partitions);
                    let now = Instant::now().into_std();
                    match &mut self.core {
                        Core::Classic(core) => core.handle_given_up(now, number),
                        Core::Modern(core) => core.handle_given_up(now, number),
                    }
                }
            }
        }
    }

    fn tell(&mut self, event: Event) {
        let now = Instant::now().into_std();
        match event {
            Event::Assigned { added, .. } => {
                self.world.lock().unwrap().rebalances += 1;
                for of in &added {
                    let other = self.world.lock().unwrap().holders.insert(of.clone(), self.number);
                    let is_heard = |other: &usize| {
                        let mut world = self.world.lock().unwrap();
                        let is_unheard = world.unheard.contains(other);
                        world.has_repeats |= is_unheard;
                        !is_unheard
                    };
                    if let Some(other) = other.filter(is_heard) {
                        self.fault(format!("{of:?} is {other}'s"));
                    }
                }
                self.progress.handle_assigned(now, &added);
            }
            Event::Revoked { number, partitions, .. } => {
                let work = self.work;
                self.later(async move {
                    sleep(work).await;
                    Answer::Idle(number, partitions)
                });
            }
            Event::Lost { partitions, why } => {
                let mut world = self.world.lock().unwrap();
                world.lost.push(why);
                world.has_repeats = true;
                drop(world);
                self.positions.retain(|of, _| !partitions.contains(of));
                self.progress.handle_given_up(&partitions);
                self.let_go(&partitions);
            }
            Event::Unheard { .. } if self.is_unheard() => {}
            other => self.fault(format!("{other:?}")),
        }
    }

    fn is_unheard(&self) -> bool {
        self.world.lock().unwrap().unheard.contains(&self.number)
    }

    fn let_go(&mut self, partitions: &[TopicPartition]) {
        let mut world = self.world.lock().unwrap();
        world.holders.retain(|of, holder| *holder != self.number || !partitions.contains(of));
    }

    fn forget(&mut self) {
        if let Some(broker) = self.cluster.known_coordinator(KeyType::Group, GROUP) {
            self.cluster.forget_coordinator(KeyType::Group, GROUP, broker);
        }
    }

    fn fault(&mut self, what: String) {
        self.world.lock().unwrap().faults.push(format!("{}: {what}", self.number));
    }

    fn later(&mut self, answer: impl Future<Output = Answer> + Send + 'static) {
        self.answers.push(Box::pin(answer));
    }

    fn ask<R: Request>(
        &mut self,
        timeout: Duration,
        versions: RangeInclusive<i16>,
        request: impl Fn(i16) -> R + Send + 'static,
        answer: impl FnOnce(Result<(i16, R::Response), Error>) -> Answer + Send + 'static,
    ) {
        // A join waits for the other members, on a connection of its own.
        let cluster = self.cluster.with_request_timeout(timeout);
        self.later(async move {
            let deadline = Instant::now() + timeout;
            answer(match coordinator(&cluster, KeyType::Group, GROUP, deadline).await {
                Ok(broker) => call_until(&cluster, deadline, broker, versions, request).await,
                Err(error) => Err(error),
            })
        });
    }

    // ---- answers

    fn at() -> Moment {
        Moment { now: Instant::now().into_std(), chance: Backoff::NO_JITTER }
    }

    fn handle(&mut self, answer: Answer) {
        let at = Self::at();
        match (answer, &mut self.core) {
            (Answer::Commit(number, answer), _) => {
                self.progress.handle_commit(at, number, answer);
            }
            (Answer::Start(number, answer), _) => self.progress.handle_start(at, number, answer),
            (Answer::Idle(number, partitions), _) => {
                // Nothing is done with it any more; what was is committed.
                self.positions.retain(|of, _| !partitions.contains(of));
                let until = (at.now, at.now + Duration::from_secs(60));
                let parting = self.progress.commit_parting(&partitions, until);
                self.partings.insert(parting, (number, partitions));
            }
            (Answer::Rest, Core::Classic(core)) => core.handle_rest(at.now),
            (Answer::Rest, Core::Modern(core)) => core.handle_rest(at.now),
            (Answer::Join(number, answer), Core::Classic(core)) => {
                core.handle_join(at, number, answer)
            }
            (Answer::Divided(number, outcome), Core::Classic(core)) => {
                core.handle_divided(at, number, outcome)
            }
            (Answer::Sync(number, answer), Core::Classic(core)) => {
                core.handle_sync(at, number, answer)
            }
            (Answer::Heartbeat(number, answer), Core::Classic(core)) => {
                core.handle_heartbeat(at, number, answer)
            }
            (Answer::Leave(number, answer), Core::Classic(core)) => {
                core.handle_leave(number, answer)
            }
            (Answer::Beat(number, answer), Core::Modern(core)) => {
                core.handle_beat(at, number, answer)
            }
            (Answer::Names(names), Core::Modern(core)) => core.handle_names(at.now, names),
            _ => unreachable!("an answer to the other core"),
        }
    }
}
