//! The consumer's task: it owns the fetcher and runs its calls against the cluster.

use std::collections::BTreeMap;
use std::future::ready;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use kurier_env::Purpose;
use kurier_protocol::api::fetch::FetchResponse;
use kurier_protocol::api::offset_for_leader_epoch::OffsetForLeaderEpochResponse;
use tokio::time::{sleep_until, timeout};

use super::buffer::{Buffer, Claim, Order};
use super::config::{ConsumerConfig, Start, Stop};
use super::entry::{Entry, Item};
use super::fetcher::{Action, Fetcher, Moment};
use super::lane::Lane;
use super::lookup::Lookup;
use super::plan::Plan;
use super::question::{self, Check};
use super::shared::Shared;
use super::turn::Turn;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::metadata::{Creation, Picture, Topic};
use crate::metrics::FetchMeter;
use crate::net::Class;
use crate::offsets;

/// The task of one consumer.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) cluster: Cluster,
    pub(crate) class: Class,
    /// Of what is fetched beside a broker's usual fetch.
    pub(crate) class_aside: Class,
    pub(crate) config: ConsumerConfig,
    pub(crate) fetcher: Fetcher,
    pub(crate) meter: FetchMeter,
    pub(crate) shared: Arc<Shared>,
    /// Topics that are read as a whole, and how many partitions of each are assigned.
    pub(crate) whole: BTreeMap<Arc<str>, usize>,
    /// Slots whose topic or partition was not there, each with the generation that was told so: a
    /// later seek looks for it again.
    pub(crate) lost: BTreeMap<usize, u64>,
    /// Whether a group says what is read: it knows of partitions before our picture does.
    pub(crate) is_member: bool,
    /// Slots whose partition our picture does not have yet, and when the user is told of that.
    pub(crate) awaited: BTreeMap<usize, Instant>,
    /// When the picture is made anew for those, if it has not come by itself.
    pub(crate) refresh_at: Option<Instant>,
    /// The picture that was compared with what is read.
    pub(crate) picture_seen: Option<u64>,
}

/// What is to be read of a topic.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// All its partitions, from here.
    All(Start),
    /// The partitions of these slots.
    Some(Vec<usize>),
}

/// Something that was waited for.
enum Done {
    Topic(Arc<str>, Wanted, Result<Arc<Topic>, Error>),
    Offsets(Lookup, Vec<offsets::Outcome>),
    Checked(Option<Lane>, Vec<Check>, Result<OffsetForLeaderEpochResponse, Error>),
    /// With the time at which it was asked for.
    Fetched(u64, Instant, Result<(i16, FetchResponse), Error>),
    /// Of which nothing follows.
    Left,
}

type Work = FuturesUnordered<BoxFuture<'static, Done>>;

impl Driver {
    /// Runs until the consumer is dropped.
    pub(crate) async fn run(mut self, topics: Vec<(Arc<str>, Wanted)>) {
        let mut work = Work::new();
        for (topic, wanted) in topics {
            work.push(self.find_topic(topic, wanted));
        }
        let shared = Arc::clone(&self.shared);
        let mut pictures = self.cluster.watch();
        let mut timer = std::pin::pin!(sleep_until(tokio::time::Instant::now()));
        loop {
            while let Some(Some(done)) = work.next().now_or_never() {
                self.handle(done, &mut work);
            }
            let now = tokio::time::Instant::now().into_std();
            // Here and not in an arm of the `select!`: whatever the loop woke for, this counts as
            // having seen the picture.
            let picture = pictures.borrow_and_update().clone();
            if self.picture_seen.replace(picture.serial) != Some(picture.serial) {
                self.handle_picture(&picture);
                self.look_for_awaited(&picture);
            }
            self.handle_awaiting(now, &picture);
            while self.turn(now, &picture, &mut work) {}
            if shared.is_dropped() {
                return self.close().await;
            }
            let deadline = self.fetcher.deadline().into_iter().chain(self.refresh_at).min();
            let deadline = deadline.map(tokio::time::Instant::from_std);
            if let Some(at) = deadline
                && at != timer.deadline()
            {
                timer.as_mut().reset(at);
            }
            tokio::select! {
                biased;
                Some(done) = work.next() => self.handle(done, &mut work),
                () = shared.wait_for_user() => self.fetcher.handle_change(),
                Ok(()) = pictures.changed() => {}
                () = &mut timer, if deadline.is_some() => {}
            }
        }
    }

    /// Takes orders, asks for more, and then hands out what came: the next answer is on its way
    /// while the user works on this one. Says whether to do so again at once.
    fn turn(&mut self, now: Instant, picture: &Picture, work: &mut Work) -> bool {
        let portion = self.shared.with(|buffer| buffer.portion());
        self.fetcher.set_portion(portion);
        if portion.is_some() {
            // What waits for each reader decides what is asked for.
            self.shared.hand_over(self.fetcher.take_entries());
        }
        self.take_orders(work);
        let mut buffered = self.shared.with(|buffer| buffer.bytes());
        let mut entries = self.fetcher.take_entries();
        buffered += entries.iter().map(|entry| entry.item.bytes()).sum::<usize>();
        while let Some(action) = self.fetcher.poll_action(now, picture, buffered) {
            self.act(action, work);
        }
        entries.extend(self.fetcher.take_entries());
        self.shared.hand_over(entries);
        let room = self.fetcher.room();
        let has_room = self.fetcher.is_held() && !self.shared.must_wait_for_room(room);
        if has_room {
            self.fetcher.handle_change();
        }
        has_room
    }

    fn take_orders(&mut self, work: &mut Work) {
        let mut found: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
        while let Some(order) = self.shared.with(|buffer| buffer.pop_order()) {
            self.fetcher.handle_order(order);
            if let Some(claim) = self.follow(order) {
                found.entry(claim.topic).or_default().push(claim.turn.slot);
            }
        }
        self.shared.with(|buffer| buffer.add_pending(found.len()));
        for (topic, slots) in found {
            work.push(self.find_topic(topic, Wanted::Some(slots)));
        }
    }

    /// What follows from an order beside the fetcher; a claim if its topic is to be looked for.
    fn follow(&mut self, order: Order) -> Option<Claim> {
        let claim = |slot| self.shared.with(|buffer| buffer.claim(slot));
        match order {
            Order::Assign(Turn { slot, .. }) => {
                self.lost.remove(&slot);
                claim(slot)
            }
            Order::Unassign(Turn { slot, .. }) => {
                self.lost.remove(&slot);
                self.awaited.remove(&slot);
                self.meter.unassigned(slot);
                let topic = self.shared.with(|buffer| buffer.abandoned(slot))?;
                if !self.whole.contains_key(&topic) {
                    self.cluster.forget_topic(&topic);
                }
                None
            }
            Order::Seek(Turn { slot, generation }, _)
            | Order::Return(Turn { slot, generation }, ..) => {
                self.meter.sought(slot);
                let is_lost = self.lost.get(&slot).is_some_and(|told| generation > *told);
                is_lost.then(|| self.lost.remove(&slot)).and_then(|_| claim(slot))
            }
            Order::Hold(Turn { slot, generation }) => {
                self.lost.insert(slot, generation);
                None
            }
            Order::Pause(_) | Order::Resume(_) | Order::Stop(_) => None,
            Order::Full(_) | Order::Roomy(_) => None,
        }
    }

    fn act(&self, action: Action, work: &mut Work) {
        match action {
            Action::Fetch { id, lane, plan } => work.push(self.fetch(id, lane, plan)),
            Action::Leave { broker, plan } => work.push(self.leave(broker, plan)),
            Action::Lookup(lookup) => work.push(self.look_up(lookup)),
            Action::Check { broker, lane, checks } => {
                work.push(self.check(broker, lane, checks));
            }
            Action::Refresh => self.cluster.refresh(),
            Action::Heard(hint) => self.cluster.heard_leader(hint),
        }
    }

    fn handle(&mut self, done: Done, work: &mut Work) {
        let now = tokio::time::Instant::now().into_std();
        let moment = Moment { now, chance: self.cluster.env().chance(Purpose::Backoff) };
        match done {
            Done::Fetched(id, asked_at, answer) => {
                self.handle_fetched(moment, (id, asked_at), answer)
            }
            Done::Offsets(lookup, found) => self.fetcher.handle_offsets(moment, lookup, found),
            Done::Checked(lane, checks, answer) => {
                self.fetcher.handle_checked(moment, (lane, checks), answer);
            }
            Done::Left => {}
            Done::Topic(name, wanted, Err(error)) if error.is_retriable() => {
                self.shared.with(|buffer| buffer.tell(error));
                self.shared.wake_user();
                work.push(self.find_topic(name, wanted));
            }
            Done::Topic(name, wanted, topic) => {
                self.handle_topic(&name, wanted, topic);
                self.shared.with(|buffer| buffer.end_pending());
                // Perhaps nothing is left to be read.
                self.shared.wake_user();
            }
        }
    }

    fn handle_fetched(
        &mut self,
        moment: Moment,
        (id, asked_at): (u64, Instant),
        answer: Result<(i16, FetchResponse), Error>,
    ) {
        if let Ok((_, response)) = &answer {
            let latency = moment.now.saturating_duration_since(asked_at);
            self.meter.answered(moment.now, latency, response.throttle_time_ms);
        }
        let before = self.fetcher.entry_count();
        self.fetcher.handle_answer(moment, id, answer);
        self.meter.fetched(moment.now, &self.fetcher.caught_behind(before));
        for (topic, offsets) in self.fetcher.skipped_behind(before) {
            self.meter.skipped(moment.now, &topic, offsets);
        }
        let extents: Vec<_> = self.fetcher.drain_extents().collect();
        self.shared.with(|buffer| extents.iter().for_each(|e| buffer.tell_end(e.slot, e.end)));
        extents.into_iter().for_each(|extent| self.meter.told(moment.now, extent));
    }

    fn handle_topic(&mut self, name: &Arc<str>, wanted: Wanted, topic: Result<Arc<Topic>, Error>) {
        match (topic, wanted) {
            (Ok(topic), Wanted::All(_)) if topic.partitions.is_empty() => {
                let partition = Some((0, 0));
                let error = Error::UnknownTopic { topic: (&**name).into(), partition };
                self.shared.with(|buffer| buffer.tell(error));
            }
            (Ok(topic), Wanted::All(start)) => {
                self.assign(name, 0..topic.partitions.len(), start);
                self.whole.insert(Arc::clone(name), topic.partitions.len());
                // A picture that was seen before may have had more.
                self.picture_seen = None;
            }
            (Ok(topic), Wanted::Some(slots)) => {
                for claim in self.claims(&slots) {
                    if topic.partition(claim.partition).is_some() {
                        self.begin(claim);
                        continue;
                    }
                    if self.is_member {
                        self.wait_for(claim.turn.slot);
                        continue;
                    }
                    let of = Some((claim.partition, topic.partitions.len()));
                    let error = Error::UnknownTopic { topic: (&**name).into(), partition: of };
                    self.lose(claim.turn, Item::Failed(error));
                }
            }
            (Err(error), Wanted::Some(slots)) => {
                // One error for all of them: the others would say the same.
                let mut error = Some(error);
                for claim in self.claims(&slots) {
                    self.lose(claim.turn, error.take().map_or(Item::End, Item::Failed));
                }
            }
            (Err(error), Wanted::All(_)) => self.shared.with(|buffer| buffer.tell(error)),
        }
    }

    /// The user may have sought or paused since the slots were made.
    fn claims(&self, slots: &[usize]) -> Vec<Claim> {
        let claim = |buffer: &mut Buffer| slots.iter().filter_map(|s| buffer.claim(*s)).collect();
        self.shared.with(claim)
    }

    fn lose(&mut self, turn: Turn, item: Item) {
        self.lost.insert(turn.slot, turn.generation);
        self.shared.hand_over(vec![Entry { turn, item }]);
    }

    /// The group knows of a partition that our picture does not have yet.
    fn wait_for(&mut self, slot: usize) {
        let now = tokio::time::Instant::now().into_std();
        self.awaited.entry(slot).or_insert(now + self.config.outage_max);
        self.refresh_at.get_or_insert(now);
        // The picture may have come meanwhile.
        self.picture_seen = None;
    }

    /// Begins those that the picture has now.
    fn look_for_awaited(&mut self, picture: &Picture) {
        let slots: Vec<usize> = self.awaited.keys().copied().collect();
        for claim in self.claims(&slots) {
            let topic = picture.topic(&claim.topic);
            if topic.is_some_and(|topic| topic.partition(claim.partition).is_some()) {
                self.awaited.remove(&claim.turn.slot);
                self.begin(claim);
            }
        }
    }

    /// Asks for the picture again as long as partitions are awaited, and tells of those that do not
    /// come for long.
    fn handle_awaiting(&mut self, now: Instant, picture: &Picture) {
        if self.refresh_at.is_none_or(|at| at > now) {
            return;
        }
        let late: Vec<usize> = self
            .awaited
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(slot, _)| *slot)
            .collect();
        for Claim { topic, partition, turn, .. } in self.claims(&late) {
            let partition = Some((partition, picture.partition_count(&topic).unwrap_or(0)));
            let item = Item::News(Error::UnknownTopic { topic: (&*topic).into(), partition });
            self.shared.hand_over(vec![Entry { turn, item }]);
        }
        let again = now + self.config.outage_max;
        self.awaited.extend(late.into_iter().map(|slot| (slot, again)));
        let is_waiting = !self.awaited.is_empty();
        self.refresh_at = is_waiting.then(|| now + self.cluster.config().retry_backoff_max);
        if is_waiting {
            self.cluster.refresh();
        }
    }

    fn handle_picture(&mut self, picture: &Picture) {
        self.fetcher.handle_picture();
        if self.config.stop == Stop::End {
            return;
        }
        // Partitions that were added are read from their beginning, so that nothing is missed.
        let grown = |(name, count): (&Arc<str>, &usize)| {
            let now = picture.partition_count(name)?;
            (now > *count).then(|| (Arc::clone(name), *count..now))
        };
        let grown: Vec<_> = self.whole.iter().filter_map(grown).collect();
        for (name, added) in grown {
            self.whole.insert(Arc::clone(&name), added.end);
            self.assign(&name, added, Start::Earliest);
        }
    }

    fn assign(&mut self, topic: &Arc<str>, partitions: std::ops::Range<usize>, start: Start) {
        for partition in partitions.filter_map(|p| i32::try_from(p).ok()) {
            let claim = self.shared.with(|buffer| {
                let turn = buffer.assign(topic, partition, start);
                buffer.claim(turn.slot)
            });
            if let Some(claim) = claim {
                self.begin(claim);
            }
        }
        self.shared.wake_takers();
        // Perhaps somebody makes readers for them.
        self.shared.wake_user();
    }

    fn begin(&mut self, claim: Claim) {
        self.meter.assigned(claim.turn.slot, &claim.topic, claim.partition);
        self.fetcher.handle_assigned(claim);
    }

    fn find_topic(&self, name: Arc<str>, wanted: Wanted) -> BoxFuture<'static, Done> {
        let cluster = self.cluster.clone();
        let deadline = tokio::time::Instant::now() + self.config.outage_max;
        async move {
            let topic = cluster.topic(&name, Creation::Never, deadline).await;
            Done::Topic(name, wanted, topic)
        }
        .boxed()
    }

    fn look_up(&self, mut lookup: Lookup) -> BoxFuture<'static, Done> {
        let cluster = self.cluster.clone();
        let isolation = self.config.isolation;
        let now = tokio::time::Instant::now().into_std();
        let until = *lookup.until.get_or_insert(now + self.config.outage_max);
        let deadline = tokio::time::Instant::from_std(until);
        async move {
            let found = offsets::lookup_some(&cluster, &lookup.wanted, isolation, deadline).await;
            Done::Offsets(lookup, found)
        }
        .boxed()
    }

    fn check(
        &self,
        broker: i32,
        lane: Option<Lane>,
        checks: Vec<Check>,
    ) -> BoxFuture<'static, Done> {
        let class = lane.map_or(Class::Normal, |lane| self.class_of(lane));
        let request = question::request(&checks);
        let answer = self.cluster.call(broker, class, CHECK_VERSIONS, move |_| request);
        async move { Done::Checked(lane, checks, answer.await.map(|(_, response)| response)) }
            .boxed()
    }

    fn fetch(&self, id: u64, lane: Lane, plan: Plan) -> BoxFuture<'static, Done> {
        let (versions, class) = (plan.versions(), self.class_of(lane));
        let answer =
            self.cluster.call(lane.broker, class, versions, move |version| plan.request(version));
        let asked_at = tokio::time::Instant::now().into_std();
        async move { Done::Fetched(id, asked_at, answer.await) }.boxed()
    }

    fn class_of(&self, lane: Lane) -> Class {
        if lane.is_aside { self.class_aside } else { self.class }
    }
}

/// The end of fetch sessions, which brokers would remember for a while.
impl Driver {
    /// Tells a broker that its session is over. The answer says nothing.
    fn leave(&self, broker: i32, plan: Plan) -> BoxFuture<'static, Done> {
        let versions = plan.versions();
        let answer =
            self.cluster.call(broker, self.class, versions, move |version| plan.request(version));
        answer.map(|_| Done::Left).boxed()
    }

    /// Tells all of them. Nobody waits for it, but for a while this task: what is not sent by then
    /// a broker forgets by itself.
    async fn close(mut self) {
        let leaving: Work = self
            .fetcher
            .close()
            .into_iter()
            .map(|(broker, plan)| self.leave(broker, plan))
            .collect();
        let all = leaving.for_each(|_| ready(()));
        // A broker answers in turn, and may wait for records first.
        let _ = timeout(self.config.fetch_wait_max + LEAVING_MAX, all).await;
    }
}

/// The versions of OffsetForLeaderEpoch in which consumers may ask.
const CHECK_VERSIONS: RangeInclusive<i16> = 3..=4;

/// How long a broker's answer to the end of its session is waited for.
const LEAVING_MAX: Duration = Duration::from_secs(1);

impl Drop for Driver {
    /// Whatever ends the task, nobody waits for it.
    fn drop(&mut self) {
        self.shared.with(|buffer| buffer.die());
        self.shared.wake_user();
        self.cluster.release(self.class);
        self.cluster.release(self.class_aside);
    }
}
