//! Core: one transactional id: who may write under it, what is in its transaction, how it goes on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kurier_protocol::{ErrorCode, Str};

use super::marker::Marker;
use super::phase::Phase;
use super::settings::TransactionSettings;
use super::writer::{Init, Member, Producer, Rules, Writer};
use crate::clock::{Now, later};
use crate::group::{TopicPartition, TransactionEnd};
use crate::kept::Kept;

/// One transactional id.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) producer: Producer,
    /// The producer id before the last change: a repeated request may come from there.
    previous_id: i64,
    /// The epoch before the last one was given away; -1 if nobody may come back from it.
    last_epoch: i16,
    /// The producer id after this transaction, if the epochs of the present one are used up.
    next_id: Option<i64>,
    pub(crate) timeout_ms: i32,
    pub(crate) phase: Phase,
    partitions: BTreeSet<TopicPartition>,
    groups: BTreeSet<Str>,
    /// When the transaction began, in milliseconds since 1970, which is known until the next
    /// one begins; -1 if there was none.
    pub(crate) started: i64,
    /// When it times out, or its markers are due; `None` if neither, or markers wait for a leader.
    due: Option<Instant>,
    /// When anything about it changed last.
    updated: Instant,
    marker: Option<Marker>,
}

impl Transaction {
    pub(super) fn new(id: i64, now: Instant) -> Self {
        Self {
            producer: (id, -1),
            previous_id: -1,
            last_epoch: -1,
            next_id: None,
            timeout_ms: 0,
            phase: Phase::Empty,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            started: -1,
            due: None,
            updated: now,
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

    /// When something is due: the end of a transaction, or of the id itself.
    pub(super) fn deadline(&self, settings: &TransactionSettings) -> Option<Instant> {
        match self.phase {
            Phase::Empty | Phase::Complete(_) => Some(later(self.updated, settings.id_expiration)),
            Phase::Ongoing | Phase::Prepare(_) => self.due,
        }
    }

    /// Whether a producer may write under the id, in the epoch that it says.
    ///
    /// # Errors
    ///
    /// Another one may.
    pub(super) fn check(&self, writer: Writer<'_>) -> Result<(), ErrorCode> {
        if self.producer.0 != writer.producer.0 {
            return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        let is_right = self.producer.1 == writer.producer.1;
        if is_right { Ok(()) } else { Err(writer.fenced) }
    }

    /// Makes a producer the only one that may write, or aborts first what is open.
    pub(super) fn init(
        &mut self,
        now: Now,
        init: &Init<'_>,
        (rules, due): (Rules, Instant),
    ) -> Result<Producer, ErrorCode> {
        let (id, epoch) = self.producer;
        let is_known = |(expected, last): Producer| {
            epoch == -1 || expected == id || (expected == self.previous_id && is_exhausted(last))
        };
        if !init.expected.is_none_or(is_known) {
            return Err(init.fenced);
        }
        match self.phase {
            Phase::Prepare(_) => return Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            Phase::Ongoing => {
                // Its epoch is never given away: the producer asks again, and gets the next one.
                self.fence(now, (rules, due), init.fresh);
                return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
            }
            Phase::Empty | Phase::Complete(_) => {}
        }
        let expected = init.expected.map(|(_, epoch)| epoch);
        let is_rotated = is_exhausted(epoch) && expected.is_none_or(|expected| expected == epoch);
        let (next, last_epoch) = match expected {
            _ if is_rotated => ((init.fresh, 0), expected.unwrap_or(-1)),
            _ if is_exhausted(epoch) => return Err(ErrorCode::UNKNOWN_SERVER_ERROR),
            None => ((id, epoch + 1), -1),
            Some(expected) if epoch == -1 || expected == epoch => ((id, epoch + 1), epoch),
            // The answer to its last request was lost: it is told again who it is.
            Some(expected) if expected == self.last_epoch => ((id, epoch), self.last_epoch),
            Some(_) => return Err(init.fenced),
        };
        self.change(now.instant);
        (self.producer, self.last_epoch) = (next, last_epoch);
        self.timeout_ms = init.timeout_ms;
        self.phase = Phase::Empty;
        self.started = -1;
        Ok(next)
    }

    /// Adds partitions and groups; a transaction begins if none is open.
    pub(super) fn add(
        &mut self,
        now: Now,
        partitions: impl IntoIterator<Item = TopicPartition>,
        group: Option<&Str>,
    ) -> Result<(), ErrorCode> {
        match self.phase {
            Phase::Prepare(_) => return Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            Phase::Ongoing => {}
            Phase::Empty | Phase::Complete(_) => {
                let timeout = u64::try_from(self.timeout_ms).unwrap_or(0);
                self.phase = Phase::Ongoing;
                self.started = now.millis;
                self.due = Some(now.instant + Duration::from_millis(timeout));
            }
        }
        self.change(now.instant);
        for partition in partitions {
            if !self.partitions.contains(&partition) {
                let (topic, index) = partition;
                self.partitions.insert((topic.kept(), index));
            }
        }
        self.groups.extend(group.map(Str::kept));
        Ok(())
    }

    /// Whether something is in the open transaction; `absent` if not.
    pub(super) fn verify(&self, what: Member<'_>, absent: ErrorCode) -> Result<(), ErrorCode> {
        let is_in = match what {
            _ if matches!(self.phase, Phase::Prepare(_)) => {
                return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
            }
            Member::Partition(partition) => self.partitions.contains(partition),
            Member::Group(group) => self.groups.contains(group),
        };
        if is_in { Ok(()) } else { Err(absent) }
    }

    /// Ends the transaction by the rules of KIP-98: a repeated request is one of the same epoch.
    pub(super) fn end_v1(
        &mut self,
        now: Now,
        writer: Writer<'_>,
        (end, due): (TransactionEnd, Instant),
    ) -> Result<Producer, ErrorCode> {
        self.check(writer)?;
        match self.phase {
            Phase::Ongoing => {
                self.prepare(now, (end, due));
                Ok(self.producer)
            }
            Phase::Empty => Err(ErrorCode::INVALID_TXN_STATE),
            Phase::Prepare(_) | Phase::Complete(_) => self.ended(end),
        }
    }

    /// Ends the transaction by the rules of KIP-890: the producer then has a new epoch, and who
    /// asks again does so with the one before.
    pub(super) fn end_v2(
        &mut self,
        now: Now,
        writer: Writer<'_>,
        (end, due): (TransactionEnd, Instant),
        fresh: i64,
    ) -> Result<Producer, ErrorCode> {
        let ((id, epoch), (said_id, said)) = (self.producer, writer.producer);
        let is_rotated = self.previous_id == said_id && said == EPOCH_LAST && epoch == 0;
        let is_repeated = is_rotated || said.checked_add(1) == Some(epoch);
        let is_allowed = match self.phase {
            Phase::Ongoing | Phase::Empty => said == epoch,
            Phase::Prepare(_) => is_repeated && !is_rotated,
            Phase::Complete(_) => is_repeated || said == epoch,
        };
        if id != said_id && !is_rotated {
            return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        if !is_allowed {
            return Err(writer.fenced);
        }
        match (self.phase, end) {
            (Phase::Ongoing, _) => {}
            (Phase::Prepare(_), _) => return self.ended(end),
            (Phase::Complete(_), _) if is_repeated => return self.ended(end),
            // Nothing was written, but nothing of an attempt must come later.
            (Phase::Empty | Phase::Complete(_), TransactionEnd::Abort) => {
                self.started = now.millis;
            }
            (Phase::Empty | Phase::Complete(_), TransactionEnd::Commit) => {
                return Err(ErrorCode::INVALID_TXN_STATE);
            }
        }
        self.bump(fresh);
        self.prepare(now, (end, due));
        Ok(self.next_id.map_or(self.producer, |next| (next, 0)))
    }

    /// The answer to who asks for an end that was decided before.
    fn ended(&self, end: TransactionEnd) -> Result<Producer, ErrorCode> {
        match self.phase {
            Phase::Prepare(decided) if decided == end => Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            Phase::Complete(decided) if decided == end => Ok(self.producer),
            _ => Err(ErrorCode::INVALID_TXN_STATE),
        }
    }

    /// Takes the right to write from the producer and aborts.
    pub(super) fn fence(&mut self, now: Now, (rules, due): (Rules, Instant), fresh: i64) {
        match rules {
            Rules::V1 => {
                self.producer.1 = self.producer.1.saturating_add(1);
                self.last_epoch = -1;
            }
            // The producer may come back with its epoch and ask for the next one.
            Rules::V2 => self.bump(fresh),
        }
        self.prepare(now, (TransactionEnd::Abort, due));
    }

    fn bump(&mut self, fresh: i64) {
        let epoch = self.producer.1;
        self.next_id = is_exhausted(epoch).then_some(fresh);
        self.last_epoch = epoch;
        self.producer.1 = epoch.saturating_add(1);
    }

    fn prepare(&mut self, now: Now, (end, due): (TransactionEnd, Instant)) {
        self.change(now.instant);
        let (producer_id, epoch) = self.producer;
        self.phase = Phase::Prepare(end);
        self.marker = Some(Marker { producer_id, epoch, end, coordinator_epoch: 0 });
        self.due = Some(due);
    }

    /// The markers to write, if they are due: which, and where.
    pub(super) fn poll_markers(
        &mut self,
    ) -> Option<(Marker, BTreeSet<TopicPartition>, BTreeSet<Str>)> {
        self.due = None;
        Some((self.marker?, self.partitions.clone(), self.groups.clone()))
    }

    /// Markers were written; partitions that have no leader are left.
    pub(super) fn handle_markers(&mut self, now: Instant, left: BTreeSet<TopicPartition>) {
        let Phase::Prepare(end) = self.phase else { return };
        self.groups.clear();
        self.partitions = left;
        if self.partitions.is_empty() {
            self.change(now);
            self.phase = Phase::Complete(end);
            self.marker = None;
            if let Some(next) = self.next_id.take() {
                self.producer = (next, 0);
            }
        }
    }

    /// Partitions have leaders again: markers that wait for them are due.
    pub(super) fn handle_election(&mut self, now: Instant) {
        if self.marker.is_some() {
            self.due.get_or_insert(now);
        }
    }

    fn change(&mut self, now: Instant) {
        self.previous_id = self.producer.0;
        self.updated = now;
    }
}

/// Whether an epoch is the last one that a producer may have.
fn is_exhausted(epoch: i16) -> bool {
    epoch >= EPOCH_LAST
}

/// The last epoch that a producer may have: the one after it is kept for the fence.
const EPOCH_LAST: i16 = i16::MAX - 1;
