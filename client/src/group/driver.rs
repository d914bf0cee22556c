//! The task of one member: it owns the cores of the membership and of its offsets, runs their calls
//! against the coordinator, and tells whoever reads what to read.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use kurier_env::{Purpose, watch};
use kurier_protocol::Uuid;
use kurier_protocol::api::offset_commit::OffsetCommitResponse;
use kurier_protocol::api::offset_fetch::OffsetFetchResponse;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::asking::Asker;
use super::classic::{Ask, Classic, Member};
use super::consumer::Interest;
use super::handle::{Closing, Order, Plea};
use super::membership::{Action, Membership, Reply};
use super::moment::Moment;
use super::notices::Notices;
use super::offsets::{self, Progress};
use super::pattern::{Chosen, Pattern, Subscription};
use super::reader::{Marked, Reader};
use super::silence::{Need, Silence};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::transactions::TopicPartition;

/// The task of one member.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) asker: Asker,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) notices: Notices,
    pub(crate) membership: Membership,
    pub(crate) progress: Progress,
    pub(crate) silence: Silence,
    /// Where whoever asks sees as whom it commits, or did last; none before it was a member.
    pub(crate) member: watch::Sender<Option<Member>>,
    pub(crate) work: Work,
    pub(crate) state: State,
}

/// What a member is in the middle of.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// What is held, and how far it was marked when that was passed on.
    pub(super) held: BTreeMap<TopicPartition, Marked>,
    /// What is being given up, by the numbers of the membership.
    pub(super) revoked: BTreeMap<u64, Revoked>,
    /// The last commits of what is given up, and the numbers of that.
    pub(super) partings: BTreeMap<u64, u64>,
    /// Programs that wait for their commits.
    pub(super) commits: BTreeMap<u64, oneshot::Sender<Result<(), Error>>>,
    /// Who asks whether what they have read is still the member's own, and waits for a generation.
    pub(super) pleas: Vec<Plea>,
    /// Since when partitions are divided, if they are.
    pub(super) divided_since: Option<Instant>,
    /// Since when it is not known where partitions begin that were given.
    pub(super) given_at: Option<Instant>,
    /// How many partitions were counted.
    pub(super) counted: usize,
    /// How often it has subscribed.
    pub(super) subscriptions: u64,
    /// The subscription whose pattern is looked up once more.
    pub(super) rereading: Option<u64>,
    /// What the topics match that are to be read, if it has said so.
    pub(super) pattern: Option<Pattern>,
    /// Those topics, where the client looks for them.
    pub(super) chosen: Chosen,
    /// Topics that are kept fresh for the membership.
    pub(super) watched: BTreeSet<Arc<str>>,
    /// When it ends, whatever is left to do.
    pub(super) closing: Option<Instant>,
    /// Why it has ended.
    pub(super) failure: Option<Error>,
}

/// Partitions that are being given up.
#[derive(Debug)]
pub(super) struct Revoked {
    pub(super) partitions: Vec<TopicPartition>,
    /// When they are lost.
    pub(super) until: Instant,
    pub(super) since: Instant,
}

/// What others ask of a member.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) subscription: watch::Receiver<Subscription>,
    pub(crate) closing: oneshot::Receiver<Closing>,
}

/// Something that was waited for.
#[derive(Debug)]
pub(crate) enum News {
    Reply(u64, Reply),
    Named {
        asked: BTreeSet<Uuid>,
        names: Vec<(Uuid, Arc<str>)>,
    },
    Commit(u64, Result<OffsetCommitResponse, Error>),
    Start(u64, Result<(i16, OffsetFetchResponse), Error>),
    /// Nothing of what was revoked under this number is in hand.
    Idle(u64),
    /// The coordinator reads this pattern itself.
    Told(u64, Pattern),
    /// The topics that there are, for this pattern.
    Topics(u64, Pattern, Result<Vec<Arc<str>>, Error>),
    /// A topic that this subscription names cannot be read, or nobody says whether it can.
    Missing(u64, Arc<str>, Error),
    Nothing,
}

type Work = FuturesUnordered<BoxFuture<'static, News>>;

impl Driver {
    /// Runs until the member is gone. It begins with what it was asked for before.
    pub(crate) async fn run(mut self, mut inbox: Inbox, orders: Vec<Order>) {
        let mut pictures = self.asker.cluster.watch();
        let subscription = inbox.subscription.borrow_and_update().clone();
        self.subscribe(subscription);
        orders.into_iter().for_each(|order| self.obey(order));
        loop {
            self.act();
            let is_late = self.state.closing.is_some_and(|until| until <= Instant::now());
            let has_nothing = self.progress.is_idle() || self.state.failure.is_some();
            if is_late || (self.membership.is_done() && has_nothing) {
                return;
            }
            let until = self.deadline();
            let is_away = self.membership.is_away();
            let reader = Arc::clone(&self.reader);
            tokio::select! {
                biased;
                Some(news) = self.work.next() => self.handle(news),
                closing = &mut inbox.closing, if self.state.closing.is_none() => {
                    self.close(closing.ok());
                }
                Some(order) = inbox.orders.recv() => self.obey(order),
                Ok(()) = inbox.subscription.changed() => {
                    let subscription = inbox.subscription.borrow_and_update().clone();
                    self.subscribe(subscription);
                }
                Ok(()) = pictures.changed() => self.look(),
                () = reader.wait_for_rest(), if is_away => {
                    self.membership.handle_pace(now(), None);
                }
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let member = self.membership.committer();
        let progress = self.progress.deadline(member.as_ref());
        let cores = [self.membership.deadline(), progress, self.silence.deadline()];
        cores.into_iter().flatten().map(Instant::from_std).chain(self.state.closing).min()
    }

    // ---- what is to be done

    fn act(&mut self) {
        self.gather_marks();
        if self.state.closing.is_none() && !self.membership.is_away() {
            self.membership.handle_pace(now(), self.reader.at_work_since());
        }
        loop {
            let now = now();
            if let Some(action) = self.membership.poll_action(now) {
                self.follow(action);
                continue;
            }
            if let Some((generation, asked)) = self.membership.confirmed() {
                self.progress.handle_confirmed(generation, asked);
            }
            let member = self.membership.committer();
            match self.progress.poll_action(now, member.as_ref()) {
                Some(action) => self.follow_offsets(action),
                None => {
                    self.answer_pleas(member.as_ref());
                    self.break_silence();
                    return self.show(member);
                }
            }
        }
    }

    fn show(&mut self, member: Option<Member>) {
        let held = self.state.held.len();
        self.asker.meter.holds(held, self.state.counted);
        self.state.counted = held;
        // Who is no member just now is shown as it was: brokers refuse that, but take offsets of
        // nobody for anybody's.
        let Some(member) = member else { return };
        self.member.send_if_modified(|shown| {
            let is_news = shown.as_ref() != Some(&member);
            *shown = Some(member);
            is_news
        });
    }

    fn follow(&mut self, action: Action) {
        match action {
            Action::Call(call) => {
                if matches!(call.what, Ask::Join(_)) {
                    self.state.divided_since.get_or_insert_with(Instant::now);
                }
                let answer = self.asker.call(call);
                self.later(answer.map(|(number, reply)| News::Reply(number, reply)));
            }
            Action::Beat(beat) => {
                let answer = self.asker.beat(*beat);
                self.later(answer.map(|(number, reply)| News::Reply(number, reply)));
            }
            Action::Divide(number, division) => {
                let divided = self.asker.divide(number, division);
                self.later(divided.map(|(number, reply)| News::Reply(number, reply)));
            }
            Action::Name(ids) => self.name(ids, Duration::ZERO),
            Action::Reread => {
                let is_under_way = self.state.rereading == Some(self.state.subscriptions);
                if let Some(pattern) = self.state.pattern.clone().filter(|_| !is_under_way) {
                    // What was looked up before is of the coordinator before.
                    self.state.subscriptions += 1;
                    self.state.rereading = Some(self.state.subscriptions);
                    self.look_for(pattern, Duration::ZERO);
                }
            }
            Action::Turn(classic, interest) => self.turn(classic, interest),
            Action::Forget => self.asker.forget(),
            Action::Tell(event) => self.tell(event),
        }
    }

    /// The coordinator takes no member whose partitions it would divide.
    fn turn(&mut self, classic: Box<Classic>, interest: Interest) {
        tracing::info!(group = %self.asker.group, "the coordinator does not divide, a member does");
        self.membership = Membership::Classic(classic);
        // What stood in the way of the other one is over.
        self.silence.handle_needs(now(), &[]);
        match self.state.pattern.clone() {
            Some(pattern) => {
                self.state.subscriptions += 1;
                self.state.rereading = None;
                self.look_for(pattern, Duration::ZERO);
            }
            None => self.membership.set_interest(now(), interest),
        }
    }

    fn name(&mut self, asked: BTreeSet<Uuid>, wait: Duration) {
        let asker = self.asker.clone();
        self.later(async move {
            sleep(wait).await;
            let names = asker.names(asked.clone()).await;
            News::Named { asked, names }
        });
    }

    fn follow_offsets(&mut self, action: offsets::Action) {
        match action {
            offsets::Action::Forget => self.asker.forget(),
            offsets::Action::Commit(call) => {
                let number = call.number;
                let answer = self.asker.commit(call);
                self.later(answer.map(move |answer| News::Commit(number, answer)));
            }
            offsets::Action::Ask(call) => {
                let number = call.number;
                let answer = self.asker.start(call);
                self.later(answer.map(move |answer| News::Start(number, answer)));
            }
            offsets::Action::Start(of, found) => {
                if let Some(given) = self.state.given_at.take() {
                    self.asker.meter.started(now(), given.elapsed());
                }
                self.reader.begin(&of, found.as_ref());
            }
            offsets::Action::NoStart(of, error) => self.reader.fail(&of, error),
            offsets::Action::Doubt { generation, code } => {
                let at = self.moment();
                self.membership.handle_commit_refused(at, generation, code);
                if matches!(self.membership, Membership::Alone(_)) {
                    let held: Vec<TopicPartition> = self.state.held.keys().cloned().collect();
                    self.progress.refuse(&held, code);
                }
            }
            offsets::Action::Done(done) => self.committed(done),
        }
    }

    // ---- what has come

    fn handle(&mut self, news: News) {
        let at = self.moment();
        match news {
            News::Reply(number, reply) => {
                if let Some(trouble) = reply.trouble(&self.asker.group) {
                    self.silence.handle_trouble(&[Need::Place, Need::Word], trouble);
                }
                self.membership.handle_reply(at, number, reply);
                if self.membership.watched().is_some_and(|watched| *watched != self.state.watched) {
                    self.look();
                }
            }
            News::Named { mut asked, names } => {
                self.membership.handle_names(at.now, names);
                asked.retain(|id| self.membership.is_nameless(id));
                if !asked.is_empty() {
                    self.name(asked, NAMES_WAIT);
                }
            }
            News::Commit(number, answer) => self.progress.handle_commit(at, number, answer),
            News::Start(number, answer) => {
                self.progress.handle_start(at, number, answer);
                if let Some(trouble) = self.progress.start_trouble() {
                    self.silence.handle_trouble(&[Need::Start], trouble.clone());
                }
            }
            News::Idle(number) => self.part(number),
            News::Told(number, pattern) if number == self.state.subscriptions => {
                self.state.rereading = None;
                self.state.chosen = Chosen::default();
                let interest = Interest::Pattern(Arc::clone(pattern.text()));
                self.membership.set_interest(at.now, interest);
            }
            News::Topics(number, pattern, topics) if number == self.state.subscriptions => {
                self.state.rereading = None;
                let wait = self.cluster().config().metadata_age_max;
                match topics.and_then(|topics| pattern.choose(topics)) {
                    Ok(found) => {
                        let topics = self.state.chosen.update(found);
                        let is_doubtful = self.state.chosen.is_doubtful();
                        let wait = if is_doubtful { PATTERN_WAIT.min(wait) } else { wait };
                        self.membership.set_interest(at.now, Interest::Topics(topics));
                        self.look_for(pattern, wait);
                    }
                    Err(error) if !error.is_retriable() => {
                        self.reader.tell(error);
                        self.look_for(pattern, wait);
                    }
                    Err(error) => {
                        self.reader.tell(error);
                        self.look_for(pattern, PATTERN_WAIT.min(wait));
                    }
                }
            }
            News::Missing(number, topic, error) if number == self.state.subscriptions => {
                if error.is_retriable() {
                    self.find(topic, self.cluster().config().retry_backoff_max);
                } else {
                    self.reader.tell(error);
                }
            }
            // Another subscription has come.
            News::Told(..) | News::Topics(..) | News::Missing(..) => {}
            News::Nothing => {}
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: now(), chance: self.cluster().env().chance(Purpose::Backoff) }
    }

    fn cluster(&self) -> &Cluster {
        &self.asker.cluster
    }

    pub(super) fn later(&mut self, news: impl Future<Output = News> + Send + 'static) {
        self.work.push(news.boxed());
    }
}

impl Drop for Driver {
    /// Whatever ends the task, nobody waits for it.
    fn drop(&mut self) {
        let failure = self.state.failure.take();
        for (_, reply) in mem::take(&mut self.state.commits) {
            let closed = Error::Closed { what: "member of the group" };
            let _ = reply.send(Err(failure.clone().unwrap_or(closed)));
        }
        self.asker.meter.holds(0, self.state.counted);
        self.reader.end();
        self.asker.cluster.release(self.asker.class);
    }
}

pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// When the topics of a pattern are asked for again, if no broker has told them, or one was missed.
const PATTERN_WAIT: Duration = Duration::from_secs(5);
/// How often names of topics are asked for that the brokers do not know yet.
const NAMES_WAIT: Duration = Duration::from_secs(1);
