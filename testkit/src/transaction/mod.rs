//! Core: what the coordinator of transactions knows (KIP-98, KIP-890): who may write under a
//! transactional id, what is in its transaction, and how that ends. Others write the markers.

mod phase;
mod marker;

pub(crate) use marker::Marker;
pub(crate) use phase::Phase;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kurier_protocol::{ErrorCode, Str};

use crate::clock::Now;
use crate::group::{TopicPartition, TransactionEnd};

/// All transactional ids.
#[derive(Debug)]
pub(crate) struct Transactions {
    pub(crate) settings: TransactionSettings,
    transactions: BTreeMap<Str, Transaction>,
}

/// What the coordinator is set to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransactionSettings {
    /// The longest timeout that a producer may ask for. Kafka: transaction.max.timeout.ms.
    pub(crate) timeout_max_ms: i32,
    /// How long it takes from the end of a transaction until its markers are written. On a real
    /// cluster that is a few milliseconds, in which the id answers CONCURRENT_TRANSACTIONS.
    pub(crate) marker_delay: Duration,
}

impl TransactionSettings {
    /// Kafka's default; markers are written at once.
    pub(crate) const DEFAULT: Self = Self { timeout_max_ms: 900_000, marker_delay: Duration::ZERO };
}

/// A producer, its epoch.
pub(crate) type Producer = (i64, i16);

/// One transactional id.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) producer: Producer,
    /// Who the producer was before its end of a transaction made it another one: a repeated
    /// request comes from that one.
    previous: Option<Producer>,
    /// The epoch before the last InitProducerId of a producer that said who it was.
    last_epoch: Option<i16>,
    pub(crate) timeout_ms: i32,
    pub(crate) phase: Phase,
    partitions: BTreeSet<TopicPartition>,
    groups: BTreeSet<Str>,
    /// When the transaction began, in milliseconds since 1970; -1 if none is open.
    pub(crate) started: i64,
    /// When it times out, or its markers are due; `None` if neither, or markers wait for a leader.
    due: Option<Instant>,
    marker: Option<Marker>,
}

/// A transactional id and who claims to write under it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer<'a> {
    pub(crate) id: &'a str,
    pub(crate) producer: Producer,
    /// What it is told if a later one has taken its place: that depends on its request.
    pub(crate) fenced: ErrorCode,
}

/// Which rules a client follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// KIP-98.
    V1,
    /// KIP-890: each transaction has an epoch of its own.
    V2,
}

/// A request for a producer id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Init<'a> {
    pub(crate) id: &'a Str,
    pub(crate) timeout_ms: i32,
    /// Who the producer is, if it was one before (KIP-360).
    pub(crate) expected: Option<Producer>,
    /// What it is told if a later one has taken its place.
    pub(crate) fenced: ErrorCode,
    /// A producer id that nobody has.
    pub(crate) fresh: i64,
}

/// A transaction whose markers are to be written.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) id: Str,
    pub(crate) marker: Marker,
    pub(crate) partitions: BTreeSet<TopicPartition>,
    pub(crate) groups: BTreeSet<Str>,
}

impl Transaction {
    fn new(id: i64) -> Self {
        Self {
            producer: (id, -1),
            previous: None,
            last_epoch: None,
            timeout_ms: 0,
            phase: Phase::Empty,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            started: -1,
            due: None,
            marker: None,
        }
    }

    /// The partitions in the transaction.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.iter()
    }

    /// The groups whose offsets are in the transaction.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Str> {
        self.groups.iter()
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.timeout_ms).unwrap_or(0))
    }

    fn begin(&mut self, now: Now) {
        if self.phase != Phase::Ongoing {
            self.phase = Phase::Ongoing;
            self.started = now.millis;
            self.due = Some(now.instant + self.timeout());
        }
    }

    fn prepare(&mut self, end: TransactionEnd, producer: Producer, due: Instant) {
        let (producer_id, epoch) = producer;
        self.phase = Phase::Prepare(end);
        self.marker = Some(Marker { producer_id, epoch, end, coordinator_epoch: 0 });
        self.due = Some(due);
    }

    /// Takes the right to write from the producer and aborts.
    fn fence(&mut self, due: Instant) {
        self.producer.1 = self.producer.1.saturating_add(1);
        self.last_epoch = None;
        self.previous = None;
        self.prepare(TransactionEnd::Abort, self.producer, due);
    }

    fn is_exhausted(&self) -> bool {
        self.producer.1 >= EPOCH_LAST
    }
}

impl Transactions {
    pub(crate) fn new(settings: TransactionSettings) -> Self {
        Self { settings, transactions: BTreeMap::new() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Str, &Transaction)> {
        self.transactions.iter()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Transaction> {
        self.transactions.get(id)
    }

    fn check(&mut self, writer: Writer<'_>) -> Result<&mut Transaction, ErrorCode> {
        if writer.id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let found = self.transactions.get_mut(writer.id);
        let found = found.filter(|found| found.producer.0 == writer.producer.0);
        let found = found.ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        if found.producer.1 == writer.producer.1 { Ok(found) } else { Err(writer.fenced) }
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
        let due = now.instant + self.settings.marker_delay;
        let fresh = || Transaction::new(init.fresh);
        let found = self.transactions.entry(init.id.clone()).or_insert_with(fresh);
        let (id, epoch) = found.producer;
        if let Some((expected, _)) = init.expected {
            let was = found.previous.is_some_and(|previous| Some(previous) == init.expected);
            if epoch >= 0 && expected != id && !was {
                return Err(init.fenced);
            }
        }
        match found.phase {
            Phase::Prepare(_) => return Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            Phase::Ongoing => {
                if init.expected.is_some_and(|(_, expected)| expected != epoch) {
                    return Err(init.fenced);
                }
                found.fence(due);
                return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
            }
            Phase::Empty | Phase::Complete(_) => {}
        }
        match init.expected.map(|(_, epoch)| epoch) {
            Some(expected) if epoch >= 0 && expected != epoch => {
                // The answer to its last request was lost: it is told again who it is.
                let is_repeated = found.last_epoch == Some(expected)
                    || found.previous.is_some_and(|previous| Some(previous) == init.expected);
                return if is_repeated { Ok(found.producer) } else { Err(init.fenced) };
            }
            expected => found.last_epoch = expected,
        }
        found.timeout_ms = init.timeout_ms;
        found.previous = None;
        if found.is_exhausted() {
            found.previous = init.expected;
            found.producer = (init.fresh, 0);
        } else {
            found.producer.1 += 1;
        }
        found.phase = Phase::Empty;
        found.started = -1;
        Ok(found.producer)
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
        let found = self.check(writer)?;
        if matches!(found.phase, Phase::Prepare(_)) {
            return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
        }
        found.begin(now);
        found.partitions.extend(partitions);
        found.groups.extend(group.cloned());
        Ok(())
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
        let found = self.check(writer)?;
        if matches!(found.phase, Phase::Prepare(_)) {
            return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
        }
        let is_in = match what {
            Member::Partition(partition) => found.partitions.contains(partition),
            Member::Group(group) => found.groups.contains(group),
        };
        if is_in && found.phase == Phase::Ongoing { Ok(()) } else { Err(absent) }
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
        let due = now.instant + self.settings.marker_delay;
        let repeated = |found: &&Transaction| {
            let (id, epoch) = writer.producer;
            let is_before =
                found.producer.0 == id && found.producer.1.checked_sub(1) == Some(epoch);
            let has_ended = matches!(found.phase, Phase::Prepare(_) | Phase::Complete(_));
            rules == Rules::V2
                && has_ended
                && (is_before || found.previous == Some(writer.producer))
        };
        if let Some(found) = self.transactions.get(writer.id).filter(repeated) {
            return found.ended(end);
        }
        let found = self.check(writer)?;
        match (found.phase, rules) {
            (Phase::Ongoing, _) => {}
            (Phase::Prepare(_), Rules::V2) => return Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            // Nothing was written, but nothing of an attempt must come later (KIP-890).
            (Phase::Empty | Phase::Complete(_), Rules::V2) if end == TransactionEnd::Abort => {}
            (Phase::Empty, _) | (Phase::Complete(_), Rules::V2) => {
                return Err(ErrorCode::INVALID_TXN_STATE);
            }
            (Phase::Complete(_) | Phase::Prepare(_), Rules::V1) => return found.ended(end),
        }
        let (id, epoch) = found.producer;
        match rules {
            Rules::V1 => found.prepare(end, (id, epoch), due),
            Rules::V2 => {
                found.prepare(end, (id, epoch.saturating_add(1)), due);
                found.previous = Some((id, epoch));
                found.producer =
                    if found.is_exhausted() { (fresh, 0) } else { (id, epoch.saturating_add(1)) };
            }
        }
        Ok(found.producer)
    }

    /// When a transaction times out or markers are due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.transactions.values().filter_map(|found| found.due).min()
    }

    /// Aborts what has timed out, and gives the transactions whose markers are due.
    pub(crate) fn handle_deadline(&mut self, now: Instant) -> Vec<Ending> {
        let due = now + self.settings.marker_delay;
        let mut endings = Vec::new();
        for (id, found) in &mut self.transactions {
            if found.due.is_none_or(|due| due > now) {
                continue;
            }
            if found.phase == Phase::Ongoing {
                found.fence(due);
                continue;
            }
            found.due = None;
            let (partitions, groups) = (found.partitions.clone(), found.groups.clone());
            if let Some(marker) = found.marker {
                endings.push(Ending { id: id.clone(), marker, partitions, groups });
            }
        }
        endings
    }

    /// Markers were written; partitions that have no leader are left.
    pub(crate) fn handle_markers(&mut self, id: &str, left: BTreeSet<TopicPartition>) {
        if let Some(found) = self.transactions.get_mut(id)
            && let Phase::Prepare(end) = found.phase
        {
            found.groups.clear();
            found.partitions = left;
            if found.partitions.is_empty() {
                found.phase = Phase::Complete(end);
                found.marker = None;
                found.started = -1;
            }
        }
    }

    /// Partitions have leaders again: markers that wait for them are due.
    pub(crate) fn handle_election(&mut self, now: Instant) {
        for found in self.transactions.values_mut().filter(|found| found.marker.is_some()) {
            found.due.get_or_insert(now);
        }
    }
}

impl Transaction {
    /// The answer to who asks for an end that was decided before.
    fn ended(&self, end: TransactionEnd) -> Result<Producer, ErrorCode> {
        match self.phase {
            Phase::Prepare(decided) if decided == end => Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            Phase::Complete(decided) if decided == end => Ok(self.producer),
            _ => Err(ErrorCode::INVALID_TXN_STATE),
        }
    }
}

/// What may be in a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Member<'a> {
    Partition(&'a TopicPartition),
    /// The offsets of a group.
    Group(&'a Str),
}

/// The last epoch that a producer may have: the one after it is kept for the fence.
const EPOCH_LAST: i16 = i16::MAX - 1;
