//! Core: the sender in a transaction: what waits to be added to it, and what ends it.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::accumulator::Accumulator;
use super::clearing::LastWrite;
use super::config::ProducerConfig;
use super::enrolment::{Enrolled, Enrolment};
use super::identity::Claim;
use super::sender::{Action, Sender};
use super::transaction::{Numbers, Report};
use crate::backoff::Backoff;
use crate::error::Error;
use crate::transactions::{BegunTransaction, PartitionOutcome};

impl Sender {
    /// A sender all of whose batches belong to a transaction, and are numbered on from these.
    pub(crate) fn within(
        (transaction, numbers): (BegunTransaction, Numbers),
        config: ProducerConfig,
        accumulator: Arc<Accumulator>,
        backoff: Backoff,
    ) -> Self {
        let identity = transaction.producer;
        let mut sender = Self::new(config, accumulator, backoff.clone());
        sender.claim = Claim::given(identity, backoff.clone());
        sender.sealer = sender.sealer.transactional();
        sender.transaction = Some(Enrolment::new(transaction, numbers, backoff));
        sender
    }

    /// Why no batch may be sent any more, if none may.
    pub(super) fn refusal(&self) -> Option<Error> {
        self.transaction.as_ref()?.refusal()
    }

    /// Lets everything fail that is not in flight, and what comes back from there.
    pub(crate) fn stop(&mut self, why: &Error) {
        if let Some(transaction) = &mut self.transaction {
            transaction.handle_failure(why);
        }
    }

    /// Fails everything that is not in flight, if a record has failed since the last call.
    pub(super) fn fail_stopped(&mut self, now: Instant) -> bool {
        let Some(transaction) = &mut self.transaction else { return false };
        if !transaction.take_news() {
            return false;
        }
        let Some(error) = transaction.refusal() else { return false };
        self.lanes.hurry();
        let slots: Vec<usize> = self.lanes.iter().map(|lane| lane.partition.slot).collect();
        slots.into_iter().for_each(|slot| self.fail_due(now, slot, &error));
        true
    }

    /// Asks for partitions to be added, if some wait.
    pub(super) fn poll_enrolment(&mut self, now: Instant) {
        let Some(transaction) = &mut self.transaction else { return };
        if let Some(partitions) = transaction.poll(now) {
            let to = transaction.transaction().clone();
            self.actions.push_back(Action::Enrol(to, partitions));
        }
    }

    /// The coordinator was asked to add partitions.
    pub(crate) fn handle_enrolled(
        &mut self,
        now: Instant,
        outcomes: Vec<PartitionOutcome>,
        chance: u64,
    ) {
        let Some(transaction) = &mut self.transaction else { return };
        match transaction.handle(now, outcomes, chance) {
            Enrolled::Go(slots, later) => {
                self.lanes.requeue(slots);
                let Some((slots, error)) = later else { return };
                for slot in slots {
                    if let Some(lane) = self.lanes.get_mut(slot) {
                        lane.last_error = Some(error.clone());
                    }
                }
            }
            Enrolled::Failed(error) => transaction.handle_failure(&error),
        }
    }

    /// Whether nothing is under way to a broker.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_idle() && self.transaction.as_ref().is_none_or(|it| !it.is_asking())
    }

    /// What the records have come to, once nothing is under way.
    pub(crate) fn report(&mut self) -> (Report, Vec<LastWrite>) {
        let Some(transaction) = &self.transaction else { return Default::default() };
        let mut numbers = Some(Numbers::new());
        let mut written = Vec::new();
        for lane in self.lanes.iter() {
            let (topic, index) = (&lane.partition.topic, lane.partition.index);
            match (lane.sequence.settled(), &mut numbers) {
                (Some(next), Some(numbers)) if lane.sequence.peek().is_some() => {
                    numbers.insert((Arc::clone(topic), index), next);
                }
                (Some(_), _) => {}
                (None, _) => drop(mem::take(&mut numbers)),
            }
            let offset = Some(lane.sequence.last_offset()).filter(|offset| *offset >= 0);
            let is_doubtful = lane.sequence.is_doubtful();
            if is_doubtful || lane.sequence.is_written() {
                written.push(LastWrite {
                    topic: Arc::clone(topic),
                    partition: index,
                    offset,
                    // Which of its leaders has it, if one has, nobody knows.
                    leader_epoch: if is_doubtful { -1 } else { lane.leader_epoch },
                    producer_id: transaction.transaction().producer.id,
                });
            }
        }
        let report = Report {
            trace: transaction.trace,
            is_suspect: transaction.is_suspect,
            failure: transaction.failure().cloned(),
            numbers,
        };
        (report, written)
    }
}
