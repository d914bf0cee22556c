//! Core: ready batches to requests by leader; answers to offsets, retries or failures.
//!
//! Leaders are looked up when a batch is drained, so a leader move changes how the next drain
//! groups and nothing else. Order holds in every case: as long as a broker cannot tell a batch
//! that it has from one that it lacks (no idempotence), a partition has one batch in flight, and a
//! batch that failed stands before all later ones. Without acks nothing is ever sent again after
//! an answer, and as many may be in flight as the broker may have requests.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurier_protocol::Uuid;
use kurier_protocol::api::produce::{ProduceRequest, ProduceResponse};
use kurier_protocol::record::Magic;

use super::accumulator::{Accumulator, Partition};
use super::config::{Acks, ProducerConfig};
use super::delivery::Fate;
use super::flushes::Flushes;
use super::lanes::Lanes;
use super::linger::Linger;
use super::request::{Assembly, Gates, Loaded, magic_of, versions};
use super::response::{self, Heard, Verdict};
use super::sealed::{Sealed, Sealer};
use crate::backoff::Backoff;
use crate::error::{Error, Waiting};
use crate::metadata::Picture;

/// The state of everything that a producer has accepted.
#[derive(Debug)]
pub(crate) struct Sender {
    config: ProducerConfig,
    /// How many batches of one partition may be in flight.
    lane_in_flight_max: usize,
    accumulator: Arc<Accumulator>,
    sealer: Sealer,
    lanes: Lanes,
    linger: Linger,
    brokers: BTreeMap<i32, Broker>,
    flights: BTreeMap<u64, Flight>,
    launched: u64,
    flushes: Flushes,
    actions: VecDeque<Action>,
    wants_refresh: bool,
    /// Callers wait for space: what is open must go, whatever the linger.
    is_short: bool,
    /// No caller is left: nothing lingers any more.
    is_ending: bool,
}

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Send a request.
    Call(Call),
    /// Ask for metadata soon.
    Refresh,
    /// Tell the cluster of a leader that a broker named.
    Heard(Heard),
    /// Everything that was there at this flush has its outcome; one of the failures, if any.
    Flushed(u64, Option<Error>),
}

/// A request to be sent, in the order of calls.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) broker: i32,
    pub(crate) versions: RangeInclusive<i16>,
    pub(crate) request: ProduceRequest,
    /// What the request must pass when it begins to be written.
    pub(crate) gates: Arc<Gates>,
}

#[derive(Debug, Default)]
struct Broker {
    in_flight: usize,
    /// Partitions that wait for an answer to make room.
    blocked: Vec<usize>,
    /// The format that it takes, once known.
    magic: Option<Magic>,
}

/// A request without an answer yet.
#[derive(Debug)]
struct Flight {
    broker: i32,
    /// One for each batch, in their order.
    gates: Arc<Gates>,
    batches: Vec<Loaded>,
}

impl Sender {
    pub(crate) fn new(
        config: ProducerConfig,
        accumulator: Arc<Accumulator>,
        backoff: Backoff,
    ) -> Self {
        let is_blind = config.acks == Acks::None;
        Self {
            lane_in_flight_max: if is_blind { config.in_flight_max } else { 1 },
            accumulator,
            sealer: Sealer::new(config.compression, config.compression_level),
            lanes: Lanes::new(backoff, config.delivery_timeout),
            linger: Linger::new(config.linger),
            brokers: BTreeMap::new(),
            config,
            flights: BTreeMap::new(),
            launched: 0,
            flushes: Flushes::default(),
            actions: VecDeque::new(),
            wants_refresh: false,
            is_short: false,
            is_ending: false,
        }
    }

    /// A batch has its first record.
    pub(crate) fn handle_first(&mut self, now: Instant, partition: &Arc<Partition>, number: u64) {
        let slot = partition.slot;
        if !self.lanes.of(partition).note(number, now) {
            return;
        }
        self.lanes.update_expiry(slot);
        if self.linger.start(now, slot, number) {
            self.lanes.make_due(slot, number);
        }
    }

    /// A batch is full.
    pub(crate) fn handle_full(&mut self, partition: &Arc<Partition>) {
        let slot = partition.slot;
        self.lanes.of(partition);
        self.lanes.queue(slot);
    }

    /// A caller waits for buffer space.
    pub(crate) fn handle_short(&mut self) {
        self.is_short = true;
    }

    /// Sends everything that is there; [`Action::Flushed`] tells when it has its outcomes.
    pub(crate) fn handle_flush(&mut self, id: u64) {
        let targets = self.lanes.hurry();
        self.flushes.add(id, targets);
        self.report_flushes();
    }

    /// No caller is left: sends what is there without lingering.
    pub(crate) fn handle_end(&mut self) {
        self.is_ending = true;
        self.linger.end();
        self.lanes.hurry();
    }

    /// The cluster has changed, and with it perhaps the leaders.
    pub(crate) fn handle_picture(&mut self) {
        self.lanes.handle_picture();
        let blocked: Vec<_> =
            self.brokers.values_mut().flat_map(|b| mem::take(&mut b.blocked)).collect();
        self.lanes.requeue(blocked);
    }

    /// A broker has told which versions of Produce it speaks.
    pub(crate) fn handle_versions(&mut self, broker: i32, newest: i16) {
        self.brokers.entry(broker).or_default().magic = Some(magic_of(newest));
    }

    /// A call has its answer, or will have none.
    pub(crate) fn handle_answer(
        &mut self,
        now: Instant,
        id: u64,
        answer: Result<ProduceResponse, Error>,
        chance: u64,
    ) {
        let Some(flight) = self.flights.remove(&id) else { return };
        let broker = self.brokers.entry(flight.broker).or_default();
        broker.in_flight -= 1;
        self.lanes.requeue(mem::take(&mut broker.blocked));
        let moment = Moment { now, chance };
        match answer {
            Ok(_) if self.config.acks == Acks::None => {
                let unknown = Fate::Stored { base_offset: -1, append_time: -1 };
                for loaded in flight.batches {
                    self.finish(loaded.slot, loaded.sealed, unknown.clone());
                }
            }
            Ok(response) => {
                let (verdicts, heard) = response::read(flight.batches, response);
                self.actions.extend(heard.into_iter().map(Action::Heard));
                for (loaded, verdict) in verdicts {
                    self.handle_verdict(moment, loaded, verdict);
                }
            }
            Err(error) => {
                for loaded in flight.batches {
                    self.handle_lost(moment, loaded, flight.broker, error.clone());
                }
            }
        }
        self.report_flushes();
    }

    /// The next thing to do, if there is one now.
    pub(crate) fn poll_action(&mut self, now: Instant, picture: &Picture) -> Option<Action> {
        if self.actions.is_empty() {
            self.pass_time(now);
            self.drain(now, picture);
            if self.is_short && self.flights.is_empty() && self.actions.is_empty() {
                self.is_short = false;
                self.lanes.hurry();
                self.drain(now, picture);
            }
            if mem::take(&mut self.wants_refresh) {
                self.actions.push_back(Action::Refresh);
            }
            // What is ready without a deadline must not be left alone.
            debug_assert!(!self.actions.is_empty() || self.lanes.ready_count() == 0);
        }
        self.actions.pop_front()
    }

    /// When [`poll_action`](Self::poll_action) must be called again, if nothing else happens.
    pub(crate) fn deadline(&mut self) -> Option<Instant> {
        let lanes = &self.lanes;
        let is_taken = |slot, number| lanes.get(slot).is_none_or(|lane| lane.taken >= number);
        let lingering = self.linger.deadline(|timer| is_taken(timer.slot, timer.number));
        self.lanes.deadline().into_iter().chain(lingering).min()
    }

    /// Whether every record has its outcome.
    pub(crate) fn is_idle(&self) -> bool {
        self.unsettled().is_none() && self.flights.is_empty() && self.actions.is_empty()
    }

    /// The partition of some record without an outcome.
    pub(crate) fn unsettled(&self) -> Option<&Arc<Partition>> {
        self.lanes.unsettled()
    }

    /// Drops everything that waits for a broker, so that its deliveries fail. What is left to do
    /// is to tell the flushes.
    pub(crate) fn give_up(&mut self) {
        self.lanes.abandon();
        self.flights.clear();
        self.actions.retain(|action| matches!(action, Action::Flushed(..)));
        let failed = self.flushes.fail_all(&Error::Closed { what: "producer" }).into_iter();
        self.actions.extend(failed.map(|flush| Action::Flushed(flush.id, flush.failure)));
    }
}

/// What an answer's handling needs to know of the world.
#[derive(Clone, Copy)]
struct Moment {
    now: Instant,
    chance: u64,
}

/// Time.
impl Sender {
    fn pass_time(&mut self, now: Instant) {
        while let Some(timer) = self.linger.pop_due(now) {
            self.lanes.make_due(timer.slot, timer.number);
        }
        while let Some(timer) = self.linger.pop_late(now) {
            if let Some(lane) = self.lanes.get_mut(timer.slot) {
                lane.partition.mark_late(timer.number);
            }
        }
        self.lanes.pass_time(now);
        while let Some(slot) = self.lanes.pop_expired(now) {
            self.expire(slot);
        }
    }

    /// Fails the oldest batch of a partition: its delivery timeout has passed.
    fn expire(&mut self, slot: usize) {
        let after = self.config.delivery_timeout;
        let Some(lane) = self.lanes.get_mut(slot) else { return };
        let Some((number, _)) = lane.oldest() else { return };
        let topic = lane.partition.topic.clone();
        let partition = lane.partition.index;
        let last: Option<Box<str>> = lane.last_error.as_ref().map(|e| e.to_string().into());
        let timed_out = |maybe_written| {
            let (topic, last) = ((&*topic).into(), last.clone());
            let what = Waiting::Delivery { topic, partition, last };
            Error::TimedOut { what, after, maybe_written }
        };
        let failed = |maybe_written| Fate::Failed(timed_out(maybe_written));
        let mut was_sent = false;
        // Not even taken: it never left this process.
        while lane.taken < number
            && let Some(closed) = lane.partition.take(number)
        {
            lane.taken = closed.number;
            closed.part.complete(failed(false));
        }
        let is_due = |sealed: &Sealed| sealed.number == number;
        let waiting = mem::take(&mut lane.waiting);
        let (due, waiting) = waiting.into_iter().partition(is_due);
        lane.waiting = waiting;
        let mut due: VecDeque<Sealed> = due;
        for sealed in &mut due {
            let maybe_written = sealed.indefinite.is_some();
            was_sent |= maybe_written;
            sealed.complete(failed(maybe_written));
        }
        // In flight: the deliveries are told, the buffer is kept until the connection lets go. What
        // it has not begun to write, it will not write.
        for flight in self.flights.values_mut() {
            for (index, loaded) in flight.batches.iter_mut().enumerate() {
                if loaded.slot == slot && loaded.sealed.number == number {
                    let is_written = !flight.gates.withdraw(index);
                    let maybe_written = is_written || loaded.sealed.indefinite.is_some();
                    was_sent |= maybe_written;
                    loaded.sealed.complete(failed(maybe_written));
                }
            }
        }
        self.note_failure(slot, number, &timed_out(was_sent));
        if let Some(lane) = self.lanes.get_mut(slot) {
            lane.forget(number);
        }
        self.lanes.update_expiry(slot);
        self.report_flushes();
    }
}

/// Out.
impl Sender {
    /// Makes requests of what is ready, as far as brokers may have more.
    fn drain(&mut self, now: Instant, picture: &Picture) {
        let mut assemblies: BTreeMap<(i32, Magic), Assembly> = BTreeMap::new();
        for _ in 0..self.lanes.ready_count() {
            let Some(slot) = self.lanes.pop_ready() else { break };
            self.load(now, slot, picture, &mut assemblies);
        }
        for ((broker, magic), assembly) in assemblies {
            self.launch(broker, magic, assembly);
        }
    }

    /// Adds the next batch of a partition to the request for its leader.
    fn load(
        &mut self,
        now: Instant,
        slot: usize,
        picture: &Picture,
        assemblies: &mut BTreeMap<(i32, Magic), Assembly>,
    ) {
        let lane_in_flight_max = self.lane_in_flight_max;
        let Some(lane) = self.lanes.get_mut(slot) else { return };
        if lane.in_flight >= lane_in_flight_max || lane.retry_at.is_some() || !lane.has_batch() {
            return;
        }
        let (topic, index) = (lane.partition.topic.clone(), lane.partition.index);
        let Some(leader) = picture.leader_of(&topic, index) else {
            self.wants_refresh = true;
            return self.lanes.wait_for_leader(slot, now + LEADERLESS_RETRY);
        };
        let magic = lane.partition.magic();
        let broker = self.brokers.entry(leader.broker).or_default();
        let magic = broker.magic.unwrap_or(magic);
        let key = (leader.broker, magic);
        if !assemblies.contains_key(&key) && broker.in_flight >= self.config.in_flight_max {
            return self.block(slot, leader.broker);
        }
        let Some(sealed) = self.next_sealed(now, slot, magic) else { return };
        let request_bytes_max = self.config.request_bytes_max;
        let is_full = |a: &Assembly| !a.fits(sealed.bytes.len(), request_bytes_max);
        if assemblies.get(&key).is_some_and(is_full)
            && let Some(assembly) = assemblies.remove(&key)
        {
            self.launch(leader.broker, magic, assembly);
            let broker = self.brokers.entry(leader.broker).or_default();
            if broker.in_flight >= self.config.in_flight_max {
                if let Some(lane) = self.lanes.get_mut(slot) {
                    lane.put_back(sealed);
                }
                return self.block(slot, leader.broker);
            }
        }
        let topic_id = picture.topic(&topic).map_or(Uuid::ZERO, |t| t.id);
        let assembly = assemblies.entry(key).or_insert_with(|| {
            self.brokers.entry(leader.broker).or_default().in_flight += 1;
            Assembly::default()
        });
        assembly.push(Loaded { slot, topic, topic_id, index, sealed });
        if let Some(lane) = self.lanes.get_mut(slot) {
            lane.in_flight += 1;
            if lane.in_flight < lane_in_flight_max {
                self.lanes.queue(slot);
            }
        }
    }

    /// The next batch of a partition, in the format that its leader takes. Those that cannot be
    /// written in it fail where they stand.
    fn next_sealed(&mut self, now: Instant, slot: usize, magic: Magic) -> Option<Sealed> {
        loop {
            let lane = self.lanes.get_mut(slot)?;
            let mut sealed = match lane.waiting.pop_front() {
                Some(sealed) => sealed,
                None => {
                    let closed = lane.take(now)?;
                    let number = closed.number;
                    self.lanes.update_expiry(slot);
                    match self.sealer.seal(closed) {
                        Ok(sealed) => sealed,
                        Err(error) => {
                            self.settle(slot, number, Some(&error));
                            self.report_flushes();
                            continue;
                        }
                    }
                }
            };
            if sealed.magic == magic {
                return Some(sealed);
            }
            match self.sealer.convert(&mut sealed, magic) {
                Ok(()) => return Some(sealed),
                Err(error) => {
                    let error = sealed.reported(error);
                    self.drop_sealed(slot, sealed, Fate::Failed(error));
                    self.report_flushes();
                }
            }
        }
    }

    fn launch(&mut self, broker: i32, magic: Magic, assembly: Assembly) {
        let versions = versions(magic, self.sealer.compression(), &assembly);
        let (request, batches) = assembly.finish(self.config.acks, self.config.request_timeout);
        self.launched += 1;
        let id = self.launched;
        let gates = Gates::new(batches.len());
        self.flights.insert(id, Flight { broker, gates: Arc::clone(&gates), batches });
        self.actions.push_back(Action::Call(Call { id, broker, versions, request, gates }));
    }

    /// Lets a partition wait until its leader has answered something.
    fn block(&mut self, slot: usize, broker: i32) {
        if let Some(lane) = self.lanes.get_mut(slot) {
            lane.is_queued = true;
            self.brokers.entry(broker).or_default().blocked.push(slot);
        }
    }
}

/// Without a leader and without news, look again after this.
const LEADERLESS_RETRY: Duration = Duration::from_millis(250);

/// Back.
impl Sender {
    fn handle_verdict(&mut self, moment: Moment, mut loaded: Loaded, verdict: Verdict) {
        match verdict {
            Verdict::Done(Fate::Failed(error)) => self.fail(loaded, error),
            Verdict::Done(fate) => self.finish(loaded.slot, loaded.sealed, fate),
            Verdict::Each(refusals) => {
                let error = refusals.error(0);
                if let Some(part) = loaded.sealed.part.take() {
                    self.note_failure(loaded.slot, loaded.sealed.number, &error);
                    part.complete_each(|index| Fate::Failed(refusals.error(index)));
                }
                self.finish(loaded.slot, loaded.sealed, Fate::Failed(error));
            }
            Verdict::Retry(error) => self.retry(moment, loaded, error),
            Verdict::Refresh(error) => {
                self.wants_refresh = true;
                self.retry(moment, loaded, error);
            }
            Verdict::Split(_) if loaded.sealed.records() > 1 => self.split(loaded),
            Verdict::Split(error) => self.fail(loaded, error),
        }
    }

    /// The call has failed as a whole.
    fn handle_lost(&mut self, moment: Moment, mut loaded: Loaded, broker: i32, error: Error) {
        let magic = self.brokers.get(&broker).and_then(|b| b.magic);
        if loaded.sealed.part.is_some()
            && matches!(error, Error::Unsupported { .. })
            && magic.is_some_and(|magic| magic != loaded.sealed.magic)
        {
            // It went in the wrong format; the next drain converts it.
            loaded.sealed.attempts -= 1;
            return self.put_back(loaded);
        }
        if error.is_retriable() {
            self.wants_refresh = true;
            return self.retry(moment, loaded, error);
        }
        self.fail(loaded, error);
    }

    fn retry(&mut self, moment: Moment, mut loaded: Loaded, error: Error) {
        let slot = loaded.slot;
        if loaded.sealed.part.is_none() {
            // Its deliveries were told that the timeout has passed.
            return self.finish(slot, loaded.sealed, Fate::Failed(error));
        }
        if loaded.sealed.attempts > self.config.retry_count_max {
            return self.fail(loaded, error);
        }
        tracing::debug!(topic = %loaded.topic, partition = loaded.index, %error, "sending again");
        if error.maybe_written() {
            loaded.sealed.indefinite = Some(error.clone());
        }
        let wait = self.lanes.get_mut(slot).map(|lane| {
            lane.last_error = Some(error);
            lane.backoff.next(moment.chance)
        });
        self.put_back(loaded);
        self.lanes.back_off(slot, moment.now + wait.unwrap_or_default());
    }

    fn put_back(&mut self, loaded: Loaded) {
        if let Some(lane) = self.lanes.get_mut(loaded.slot) {
            lane.in_flight -= 1;
            lane.put_back(loaded.sealed);
            self.lanes.queue(loaded.slot);
        }
    }

    /// The broker finds a batch too large: sends it as two. That is no attempt.
    fn split(&mut self, mut loaded: Loaded) {
        let slot = loaded.slot;
        loaded.sealed.attempts -= 1;
        let number = loaded.sealed.number;
        match self.sealer.split(&mut loaded.sealed) {
            Ok([first, second]) => {
                let Some(lane) = self.lanes.get_mut(slot) else { return };
                lane.in_flight -= 1;
                lane.note_split(number);
                lane.waiting.push_front(second);
                lane.waiting.push_front(first);
                self.lanes.queue(slot);
            }
            Err(error) => {
                tracing::warn!(topic = %loaded.topic, %error, "cannot split a batch");
                self.fail(loaded, error);
            }
        }
    }

    fn fail(&mut self, mut loaded: Loaded, error: Error) {
        let error = loaded.sealed.reported(error);
        tracing::debug!(topic = %loaded.topic, partition = loaded.index, %error, "not delivered");
        self.finish(loaded.slot, loaded.sealed, Fate::Failed(error));
    }

    /// A batch that was in flight has its outcome.
    fn finish(&mut self, slot: usize, sealed: Sealed, fate: Fate) {
        let is_stored = matches!(fate, Fate::Stored { .. });
        if let Some(lane) = self.lanes.get_mut(slot) {
            lane.in_flight -= 1;
            if is_stored {
                lane.backoff.reset();
                lane.last_error = None;
            }
            if lane.has_batch() {
                self.lanes.queue(slot);
            }
        }
        self.drop_sealed(slot, sealed, fate);
    }

    fn drop_sealed(&mut self, slot: usize, mut sealed: Sealed, fate: Fate) {
        // Of one that had its outcome before, nobody waits to hear.
        let failure = match &fate {
            Fate::Failed(error) if sealed.part.is_some() => Some(error.clone()),
            _ => None,
        };
        sealed.complete(fate);
        self.accumulator.pool.put_sealed(sealed.bytes);
        drop(sealed.space);
        self.settle(slot, sealed.number, failure.as_ref());
    }

    /// A batch, or a piece of one, has its outcome, and its deliveries know.
    fn settle(&mut self, slot: usize, number: u64, failure: Option<&Error>) {
        if let Some(error) = failure {
            self.note_failure(slot, number, error);
        }
        self.lanes.settle(slot, number);
    }

    /// Whoever waits for these records shall hear of it, and the log if nobody can.
    fn note_failure(&mut self, slot: usize, number: u64, error: &Error) {
        if self.is_ending
            && let Some(lane) = self.lanes.get_mut(slot)
        {
            let (topic, partition) = (lane.partition.topic.clone(), lane.partition.index);
            tracing::warn!(%topic, partition, %error, "records were not delivered");
        }
        self.flushes.note_failure(slot, number, error);
    }

    fn report_flushes(&mut self) {
        if self.flushes.is_empty() {
            return;
        }
        let lanes = &self.lanes;
        let oldest = |slot| lanes.get(slot)?.oldest().map(|(number, _)| number);
        let done = self.flushes.take_done(oldest).into_iter();
        self.actions.extend(done.map(|flush| Action::Flushed(flush.id, flush.failure)));
    }
}

#[cfg(test)]
mod tests;
