//! Core: ready batches to requests by leader (`drain.rs`); answers to offsets, retries or failures
//! (`outcome.rs`).
//!
//! Leaders are looked up when a batch is drained, so a leader move changes how the next drain
//! groups and nothing else. Order holds in every case: a batch that failed stands before all later
//! ones, and goes when nothing of its partition is in flight. Numbered batches (`sequence.rs`) are
//! in flight five at a time: a leader refuses those that come before their turn. Without numbers
//! it cannot tell a batch that it has from one that it lacks, and a partition has one in flight.
//! Without acks nothing is ever sent again after an answer, and as many may be in flight as the
//! broker may have requests.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::record::Magic;

use super::accumulator::{Accumulator, Partition};
use super::config::{Acks, LANE_IN_FLIGHT_MAX, ProducerConfig};
use super::enrolment::Enrolment;
use super::flushes::Flushes;
use super::identity::{Claim, Claimed};
use super::lanes::Lanes;
use super::linger::Linger;
use super::request::{Gates, Loaded, magic_of};
use super::sealed::Sealer;
use crate::backoff::Backoff;
use crate::error::Error;
use crate::metadata::{Hint, Picture};
use crate::metrics::Produce;
use crate::transactions::{BegunTransaction, ProducerIdAndEpoch, TopicPartition};

/// The state of everything that a producer has accepted.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(super) config: ProducerConfig,
    /// How many batches of one partition may be in flight.
    pub(super) lane_in_flight_max: usize,
    /// As whom batches are numbered.
    pub(super) claim: Claim,
    /// The transaction that all of it belongs to, if it does.
    pub(super) transaction: Option<Enrolment>,
    pub(super) accumulator: Arc<Accumulator>,
    pub(super) sealer: Sealer,
    pub(super) lanes: Lanes,
    pub(super) linger: Linger,
    pub(super) brokers: BTreeMap<i32, Broker>,
    pub(super) flights: BTreeMap<u64, Flight>,
    pub(super) launched: u64,
    pub(super) flushes: Flushes,
    pub(super) actions: VecDeque<Action>,
    /// What was done, for whoever counts.
    pub(super) done: Vec<Produce>,
    pub(super) wants_refresh: bool,
    /// No caller is left: nothing lingers any more.
    pub(super) is_ending: bool,
    /// What the brokers take this client for, if that is known.
    pub(super) principal: Option<Arc<str>>,
}

/// A partition with records that have no outcome.
#[derive(Debug)]
pub(crate) struct Unsettled {
    pub(crate) partition: Arc<Partition>,
    /// Why the last try failed, if one did.
    pub(crate) last: Option<Error>,
}

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Send a request.
    Call(Call),
    /// Ask a broker for a producer id.
    Identify,
    /// Ask the coordinator to add partitions to the transaction.
    Enrol(BegunTransaction, Vec<TopicPartition>),
    /// Ask for metadata soon.
    Refresh,
    /// Tell the cluster of a leader that a broker named.
    Heard(Hint),
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
pub(super) struct Broker {
    pub(super) in_flight: usize,
    /// Partitions that wait for an answer to make room.
    pub(super) blocked: Vec<usize>,
    /// The format that it takes, once known.
    pub(super) magic: Option<Magic>,
    /// Whether it tells the last batch of a producer from others, and not the last five.
    pub(super) remembers_one: bool,
}

/// A request without an answer yet.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) broker: i32,
    /// One for each batch, in their order.
    pub(super) gates: Arc<Gates>,
    pub(super) batches: Vec<Loaded>,
}

impl Sender {
    pub(crate) fn new(
        config: ProducerConfig,
        accumulator: Arc<Accumulator>,
        backoff: Backoff,
    ) -> Self {
        let lane_in_flight_max = match config.acks {
            Acks::None => config.in_flight_max,
            _ if config.is_idempotent() => config.in_flight_max.min(LANE_IN_FLIGHT_MAX),
            _ => 1,
        };
        Self {
            lane_in_flight_max,
            claim: Claim::new(&config, backoff.clone()),
            transaction: None,
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
            done: Vec::new(),
            wants_refresh: false,
            is_ending: false,
            principal: None,
        }
    }

    /// Whether a partition has records without an outcome.
    pub(crate) fn is_busy(&self, slot: usize) -> bool {
        self.lanes.get(slot).is_some_and(|lane| lane.oldest().is_some())
    }

    /// The same, with what the brokers take this client for.
    pub(crate) fn known_as(self, principal: Option<Arc<str>>) -> Self {
        Self { principal, ..self }
    }

    /// A batch has its first record.
    pub(crate) fn handle_first(&mut self, now: Instant, partition: &Arc<Partition>, number: u64) {
        let slot = partition.slot;
        if !self.lanes.of(partition).note(number, now) {
            return;
        }
        if partition.magic() == Magic::V2 {
            self.claim.prepare();
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

    /// A broker was asked by this version of Produce, the newest that it has.
    pub(crate) fn handle_spoken(&mut self, broker: i32, version: i16) {
        let remembers_one = version < FIVE_REMEMBERED_SINCE;
        self.brokers.entry(broker).or_default().remembers_one = remembers_one;
    }

    /// A broker has given this producer an identity, and speaks Produce up to this version; or none
    /// has.
    pub(crate) fn handle_identity(
        &mut self,
        now: Instant,
        answer: Result<(ProducerIdAndEpoch, i16), Error>,
        chance: u64,
    ) {
        if let Ok((_, newest)) = &answer
            && *newest < FIVE_REMEMBERED_SINCE
        {
            self.lane_in_flight_max = 1;
        }
        match self.claim.handle(now, answer.map(|(identity, _)| identity), chance) {
            Claimed::Go(slots) => {
                if !self.claim.is_on() {
                    self.lane_in_flight_max = 1;
                }
                self.lanes.requeue(slots);
            }
            Claimed::Later(slots, error) => {
                for slot in slots {
                    if let Some(lane) = self.lanes.get_mut(slot) {
                        lane.last_error = Some(error.clone());
                    }
                }
            }
            Claimed::Failed(slots, error) => {
                let error = error.seen_as(self.principal.as_ref());
                slots.into_iter().for_each(|slot| self.fail_due(now, slot, &error));
            }
        }
    }

    /// The next thing to do, if there is one now.
    pub(crate) fn poll_action(&mut self, now: Instant, picture: &Picture) -> Option<Action> {
        if self.actions.is_empty() {
            self.pass_time(now);
            self.drain(now, picture);
            if self.fail_stopped(now) {
                self.drain(now, picture);
            }
            // What is on its way gives space back by itself.
            if self.accumulator.waiters.any() && self.flights.is_empty() && self.actions.is_empty()
            {
                self.lanes.hurry();
                self.drain(now, picture);
            }
            if self.claim.poll(now) {
                self.actions.push_back(Action::Identify);
            }
            self.poll_enrolment(now);
            if mem::take(&mut self.wants_refresh) {
                self.actions.push_back(Action::Refresh);
            }
            // What is ready without a deadline must not be left alone.
            debug_assert!(!self.actions.is_empty() || self.lanes.ready_count() == 0);
        }
        self.actions.pop_front()
    }

    /// What was done since the last call.
    pub(crate) fn drain_done(&mut self) -> impl Iterator<Item = Produce> {
        self.done.drain(..)
    }

    /// When [`poll_action`](Self::poll_action) must be called again, if nothing else happens.
    pub(crate) fn deadline(&mut self) -> Option<Instant> {
        let lanes = &self.lanes;
        let is_taken = |slot, number| lanes.get(slot).is_none_or(|lane| lane.taken >= number);
        let lingering = self.linger.deadline(|timer| is_taken(timer.slot, timer.number));
        let transaction = self.transaction.as_ref().and_then(Enrolment::deadline);
        let own = [self.lanes.deadline(), self.claim.deadline(), transaction];
        own.into_iter().flatten().chain(lingering).min()
    }

    /// Whether every record has its outcome.
    pub(crate) fn is_idle(&self) -> bool {
        self.lanes.unsettled().is_none() && self.flights.is_empty() && self.actions.is_empty()
    }

    /// Whether an ending producer may go: every record has its outcome, and that was told. What is
    /// in flight beyond that has run out of its time; of a transaction it is waited for, so that
    /// nothing of it comes into the next one.
    pub(crate) fn is_done(&self) -> bool {
        let is_settled = self.lanes.unsettled().is_none() && self.actions.is_empty();
        is_settled && (self.transaction.is_none() || self.flights.is_empty())
    }

    /// The partition of some record without an outcome.
    pub(crate) fn unsettled(&self) -> Option<Unsettled> {
        let lane = self.lanes.unsettled()?;
        let last = lane.last_error.clone();
        Some(Unsettled { partition: Arc::clone(&lane.partition), last })
    }

    /// Drops everything that waits for a broker, so that its deliveries fail. What is left to do
    /// is to tell the flushes.
    pub(crate) fn give_up(&mut self) {
        self.lanes.abandon();
        for mut flight in mem::take(&mut self.flights).into_values() {
            for (index, loaded) in flight.batches.iter_mut().enumerate() {
                if flight.gates.withdraw(index) {
                    loaded.sealed.note_returned();
                }
            }
        }
        self.actions.retain(|action| matches!(action, Action::Flushed(..)));
        let failed = self.flushes.fail_all(&Error::Closed { what: "producer" }).into_iter();
        self.actions.extend(failed.map(|flush| Action::Flushed(flush.id, flush.failure)));
    }
}

/// The version of Produce since which brokers remember five batches of a producer (Kafka 1.0);
/// before, it was the last one.
const FIVE_REMEMBERED_SINCE: i16 = 4;

#[cfg(test)]
mod tests;
