//! Core: what the coordinator of transactions knows (KIP-98, KIP-890): who may write under a
//! transactional id, what is in its transaction, and how that ends. Others write the markers.

mod phase;
mod marker;
mod settings;
mod writer;
mod held;
mod transactional_id;

pub(crate) use marker::Marker;
pub(crate) use phase::Phase;
pub(crate) use settings::TransactionSettings;
pub(crate) use transactional_id::Transaction;
pub(crate) use writer::{Ending, Init, Member, Producer, Rules, Writer};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use kurier_protocol::{ErrorCode, Str};

use crate::clock::{Now, later};
use crate::deadlines::Deadlines;
use crate::group::{TopicPartition, TransactionEnd};
use crate::kept::Kept;
use held::Held;

/// All transactional ids.
#[derive(Debug)]
pub(crate) struct Transactions {
    pub(crate) settings: TransactionSettings,
    /// The rules of the cluster, by which it aborts what takes too long.
    rules: Rules,
    transactions: BTreeMap<Str, Transaction>,
    deadlines: Deadlines,
    held: Held,
}

impl Transactions {
    pub(crate) fn new(settings: TransactionSettings, rules: Rules) -> Self {
        let (transactions, deadlines, held) = Default::default();
        Self { settings, rules, transactions, deadlines, held }
    }

    /// Lets the cluster go by other rules from now on.
    pub(crate) fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Str, &Transaction)> {
        self.transactions.iter()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Transaction> {
        self.transactions.get(id)
    }

    /// Lets something happen to an id, which may change when it is due.
    fn act<T>(
        &mut self,
        id: &str,
        act: impl FnOnce(&mut Transaction) -> Result<T, ErrorCode>,
    ) -> Result<T, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let found = self.transactions.get_mut(id);
        let found = found.ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        let done = act(found);
        self.deadlines.set(id, found.deadline(&self.settings));
        done
    }

    /// Makes a producer the only one that may write under an id. An open transaction of another
    /// one is aborted first: the producer is told to ask again.
    ///
    /// # Errors
    ///
    /// The timeout is not allowed, another producer has taken its place, or a transaction is
    /// about to end.
    pub(crate) fn init(&mut self, now: Now, init: &Init<'_>) -> Result<Producer, ErrorCode> {
        if !(1..=self.settings.timeout_max_ms).contains(&init.timeout_ms) {
            return Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        }
        let how = (self.rules, later(now.instant, self.settings.marker_delay));
        let fresh = || Transaction::new(init.fresh, now.instant);
        self.transactions.entry(init.id.kept()).or_insert_with(fresh);
        self.act(init.id, |found| found.init(now, init, how))
    }

    /// Adds partitions and groups to the transaction of a producer, which begins if none is open.
    ///
    /// # Errors
    ///
    /// The producer may not write, or its last transaction is about to end.
    pub(crate) fn add(
        &mut self,
        now: Now,
        writer: Writer<'_>,
        partitions: impl IntoIterator<Item = TopicPartition>,
        group: Option<&Str>,
    ) -> Result<(), ErrorCode> {
        self.act(writer.id, |found| {
            found.check(writer)?;
            found.add(now, partitions, group)
        })
    }

    /// Checks that something is in the open transaction of a producer.
    ///
    /// # Errors
    ///
    /// The producer may not write, its transaction is about to end, or `absent`: it is not in it.
    pub(crate) fn verify(
        &mut self,
        writer: Writer<'_>,
        what: Member<'_>,
        absent: ErrorCode,
    ) -> Result<(), ErrorCode> {
        self.act(writer.id, |found| {
            found.check(writer)?;
            found.verify(what, absent)
        })
    }

    /// Ends the transaction of a producer, and says who the producer is from now on.
    ///
    /// # Errors
    ///
    /// The producer may not write, or there is no transaction that could end so.
    pub(crate) fn end(
        &mut self,
        now: Now,
        writer: Writer<'_>,
        (end, rules): (TransactionEnd, Rules),
        fresh: i64,
    ) -> Result<Producer, ErrorCode> {
        let due = later(now.instant, self.settings.marker_delay);
        self.act(writer.id, |found| match rules {
            Rules::V1 => found.end_v1(now, writer, (end, due)),
            Rules::V2 => found.end_v2(now, writer, (end, due), fresh),
        })
    }

    /// When a transaction times out, markers are due, or an id is forgotten.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Aborts what has timed out, forgets what was not used for long, and gives the transactions
    /// whose markers are due. Takes producer ids that nobody has from `fresh`.
    pub(crate) fn handle_deadline(
        &mut self,
        now: Now,
        mut fresh: impl FnMut() -> i64,
    ) -> Vec<Ending> {
        let how = (self.rules, later(now.instant, self.settings.marker_delay));
        let mut endings = Vec::new();
        for id in self.deadlines.take(now.instant) {
            let Some(found) = self.transactions.get_mut(&id) else { continue };
            match found.phase {
                Phase::Ongoing => found.fence(now, how, fresh()),
                Phase::Empty | Phase::Complete(_) => {
                    self.transactions.remove(&id);
                    continue;
                }
                Phase::Prepare(_) => {
                    let due = found.poll_markers().filter(|_| !self.held.is_all());
                    endings.extend(due.map(|(marker, partitions, groups)| Ending {
                        id: id.clone(),
                        marker,
                        partitions,
                        groups,
                    }));
                }
            }
            self.deadlines.set(&id, found.deadline(&self.settings));
        }
        endings
    }

    /// Markers were written; partitions that have no leader that runs are left.
    pub(crate) fn handle_markers(
        &mut self,
        now: Instant,
        id: &str,
        left: BTreeSet<TopicPartition>,
    ) {
        // Who has gone meanwhile has nothing to complete.
        let _gone = self.act(id, |found| {
            found.handle_markers(now, left);
            Ok(())
        });
    }

    /// Holds back markers for one partition, or for all and for groups, until they are released.
    pub(crate) fn hold(&mut self, partition: Option<TopicPartition>) {
        self.held.push(partition);
    }

    /// Lets the markers go that were held back.
    pub(crate) fn release(&mut self, now: Instant) {
        self.held = Held::default();
        self.handle_election(now);
    }

    /// Whether a partition gets no markers for now.
    pub(crate) fn is_held(&self, partition: &TopicPartition) -> bool {
        self.held.contains(partition)
    }

    /// Partitions have leaders that run again: markers that wait for them are due.
    pub(crate) fn handle_election(&mut self, now: Instant) {
        for (id, found) in &mut self.transactions {
            found.handle_election(now);
            self.deadlines.set(id, found.deadline(&self.settings));
        }
    }
}
