//! Core: what a partition remembers of its idempotent and transactional producers (KIP-98).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kurier_protocol::ErrorCode;
use kurier_protocol::record::RecordBatch;

use crate::group::TransactionEnd;
use crate::limits::PRODUCER_BATCHES_MAX;
use crate::transaction::Marker;

/// The producers that have written to a partition, by id.
#[derive(Debug, Default)]
pub(crate) struct ProducerStates {
    states: BTreeMap<i64, ProducerState>,
    /// Where transactions begin that are open, and whose they are: what `open_from` says of each.
    open: BTreeSet<(i64, i64)>,
    /// The transactions that were aborted, in the order of their markers.
    aborted: Vec<Ended>,
    /// Transactions whose markers were not below the high watermark yet: not all replicas know
    /// that they have ended.
    unreplicated: Vec<Ended>,
}

/// A transaction that has ended, as far as it lies in this partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) producer_id: i64,
    pub(crate) first_offset: i64,
    /// Offset of the marker.
    pub(crate) last_offset: i64,
}

/// One producer.
#[derive(Debug)]
pub(crate) struct ProducerState {
    pub(crate) epoch: i16,
    /// Where its open transaction begins.
    pub(crate) open_from: Option<i64>,
    /// The epoch of the coordinator that wrote its last marker; -1 if there was none.
    pub(crate) coordinator_epoch: i32,
    /// The latest timestamp of its last batch, or that of its last marker.
    pub(crate) timestamp: i64,
    /// The latest batches, oldest first.
    batches: VecDeque<Written>,
}

/// A batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    sequences: (i32, i32),
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    /// The latest timestamp of its records.
    pub(crate) timestamp: i64,
}

/// Who wrote a batch, and which place it has among that producer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequenced {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    pub(crate) first: i32,
    pub(crate) last: i32,
    pub(crate) is_transactional: bool,
    pub(crate) timestamp: i64,
}

impl Sequenced {
    /// Reads it from a batch; `None` if its producer is not idempotent.
    pub(crate) fn of(batch: &RecordBatch) -> Option<Self> {
        (batch.producer_id() >= 0).then(|| Self {
            producer_id: batch.producer_id(),
            epoch: batch.producer_epoch(),
            first: batch.base_sequence(),
            last: batch.last_sequence(),
            is_transactional: batch.is_transactional(),
            timestamp: batch.max_timestamp(),
        })
    }
}

/// Whether a batch is to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the next one.
    Append,
    /// It was appended before.
    Duplicate(Written),
}

/// How a producer may begin of which the partition knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// At any sequence number (KIP-360).
    Anywhere,
    /// At 0; anything else is answered with this error.
    AtZero(ErrorCode),
}

impl ProducerStates {
    /// Whether a batch is the next one of its producer.
    ///
    /// # Errors
    ///
    /// The producer was replaced by one of a later epoch, or a batch before this one is missing.
    pub(crate) fn check(&self, next: Sequenced, stranger: Stranger) -> Result<Verdict, ErrorCode> {
        let Some(state) = self.states.get(&next.producer_id) else {
            return match stranger {
                // Kafka compares it with the epoch of nobody.
                _ if next.epoch < NO_EPOCH => Err(ErrorCode::INVALID_PRODUCER_EPOCH),
                Stranger::AtZero(code) if next.first != 0 => Err(code),
                _ => Ok(Verdict::Append),
            };
        };
        let known = state.batches.iter().find(|known| known.sequences == (next.first, next.last));
        if let Some(known) = known.filter(|_| next.epoch == state.epoch) {
            return Ok(Verdict::Duplicate(*known));
        }
        if next.epoch < state.epoch {
            return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if state.open_from.is_some() && !next.is_transactional {
            return Err(ErrorCode::INVALID_TXN_STATE);
        }
        if next.epoch > state.epoch {
            let starts_anew = next.first == 0;
            return starts_anew.then_some(Verdict::Append).ok_or(OUT_OF_ORDER);
        }
        let last = state.batches.back().map_or(-1, |written| written.sequences.1);
        let due = if last == i32::MAX { 0 } else { last + 1 };
        (next.first == due).then_some(Verdict::Append).ok_or(OUT_OF_ORDER)
    }

    /// Remembers a batch that was appended.
    pub(crate) fn push(
        &mut self,
        written: Sequenced,
        timestamp: i64,
        (base_offset, last_offset): (i64, i64),
    ) {
        let id = written.producer_id;
        let state = self.enter(id, written.epoch);
        let begins = written.is_transactional && state.open_from.is_none();
        if begins {
            state.open_from = Some(base_offset);
        }
        state.timestamp = timestamp;
        if state.batches.len() == PRODUCER_BATCHES_MAX {
            state.batches.pop_front();
        }
        let sequences = (written.first, written.last);
        state.batches.push_back(Written { sequences, base_offset, last_offset, timestamp });
        if begins {
            self.open.insert((base_offset, id));
        }
    }

    /// Remembers the end of a transaction, whose marker was appended at a time.
    pub(crate) fn push_marker(
        &mut self,
        marker: Marker,
        (offset, timestamp): (i64, i64),
        high_watermark: i64,
    ) {
        self.unreplicated.retain(|ended| ended.last_offset >= high_watermark);
        let state = self.enter(marker.producer_id, marker.epoch);
        state.coordinator_epoch = marker.coordinator_epoch;
        state.timestamp = timestamp;
        let Some(first_offset) = state.open_from.take() else { return };
        self.open.remove(&(first_offset, marker.producer_id));
        let ended = Ended { producer_id: marker.producer_id, first_offset, last_offset: offset };
        self.unreplicated.push(ended);
        if marker.end == TransactionEnd::Abort {
            self.aborted.push(ended);
        }
    }

    /// Whether a marker may be written.
    ///
    /// # Errors
    ///
    /// A producer of a later epoch has written, or a coordinator of a later one.
    pub(crate) fn check_marker(&self, marker: Marker) -> Result<(), ErrorCode> {
        match self.states.get(&marker.producer_id) {
            Some(state) if state.epoch > marker.epoch => Err(ErrorCode::INVALID_PRODUCER_EPOCH),
            Some(state) if state.coordinator_epoch > marker.coordinator_epoch => {
                Err(ErrorCode::TRANSACTION_COORDINATOR_FENCED)
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, id: i64, epoch: i16) -> &mut ProducerState {
        let state = self.states.entry(id).or_insert_with(|| ProducerState {
            epoch,
            open_from: None,
            coordinator_epoch: -1,
            timestamp: -1,
            batches: VecDeque::new(),
        });
        if state.epoch != epoch {
            state.epoch = epoch;
            state.batches.clear();
        }
        state
    }

    /// Whether a producer has a transaction open here.
    pub(crate) fn is_open(&self, id: i64, epoch: i16) -> bool {
        self.states.get(&id).is_some_and(|s| s.epoch == epoch && s.open_from.is_some())
    }

    /// Where the first transaction begins of which not all replicas know that it has ended:
    /// committed records are read up to there. Kafka: last stable offset.
    pub(crate) fn last_stable(&self, high_watermark: i64) -> i64 {
        let open = self.open.first().map(|(offset, _)| *offset).into_iter();
        let unreplicated =
            self.unreplicated.iter().filter(|ended| ended.last_offset >= high_watermark);
        let unstable = open.chain(unreplicated.map(|ended| ended.first_offset));
        unstable.chain([high_watermark]).min().unwrap_or(high_watermark)
    }

    /// The aborted transactions that have records in a stretch of offsets.
    pub(crate) fn aborted(&self, from: i64, until: i64) -> impl Iterator<Item = &Ended> {
        let first = self.aborted.partition_point(|one| one.last_offset < from);
        let later = self.aborted.get(first..).unwrap_or_default().iter();
        later.filter(move |one| one.first_offset < until)
    }

    /// Whether the records of a producer at this offset belong to an aborted transaction.
    pub(crate) fn is_aborted(&self, producer_id: i64, offset: i64) -> bool {
        self.aborted(offset, offset + 1).any(|one| one.producer_id == producer_id)
    }

    /// Whether a batch is what the log has to tell of a producer's last sequence number or epoch.
    pub(crate) fn is_last(&self, batch: &RecordBatch) -> bool {
        let Some(state) = self.states.get(&batch.producer_id()) else { return false };
        match state.batches.back() {
            Some(last) => last.last_offset == batch.last_offset(),
            None => batch.is_control() && state.epoch == batch.producer_epoch(),
        }
    }

    /// All producers, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &ProducerState)> {
        self.states.iter().map(|(id, state)| (*id, state))
    }

    /// Forgets the producers that have no transaction open and have written nothing later than
    /// this. Kafka: producer.id.expiration.ms.
    pub(crate) fn expire(&mut self, timestamp: i64) {
        self.states.retain(|_, state| state.open_from.is_some() || state.timestamp > timestamp);
    }

    /// Forgets the aborted transactions whose records are gone.
    pub(crate) fn forget_aborted_before(&mut self, offset: i64) {
        let gone = self.aborted.partition_point(|one| one.last_offset < offset);
        self.aborted.drain(..gone);
    }

    /// Forgets all producers: nothing is left of their records, or of the memory of them.
    pub(crate) fn forget(&mut self) {
        self.states.clear();
        self.open.clear();
        self.unreplicated.clear();
    }

    /// Forgets the producers that have no record from this offset on.
    pub(crate) fn forget_before(&mut self, offset: i64) {
        self.states.retain(|_, state| {
            state.batches.retain(|written| written.last_offset >= offset);
            !state.batches.is_empty()
        });
        self.open.retain(|(_, id)| self.states.contains_key(id));
    }

    /// Learns everything anew from the batches of a log, after it lost its end.
    pub(crate) fn rebuild<'a>(
        &mut self,
        batches: impl Iterator<Item = &'a RecordBatch>,
        high_watermark: i64,
    ) {
        self.forget();
        self.aborted.clear();
        for batch in batches {
            if batch.is_control() {
                if let Some(marker) = Marker::of(batch) {
                    let at = (batch.base_offset(), batch.max_timestamp());
                    self.push_marker(marker, at, high_watermark);
                }
            } else if let Some(written) = Sequenced::of(batch) {
                let offsets = (batch.base_offset(), batch.last_offset());
                self.push(written, written.timestamp, offsets);
            }
        }
    }
}

impl ProducerState {
    /// The sequence number of its last record; -1 if it has none in this epoch.
    pub(crate) fn last_sequence(&self) -> i32 {
        self.batches.back().map_or(-1, |written| written.sequences.1)
    }
}

/// The epoch of a producer that has none.
const NO_EPOCH: i16 = -1;
const OUT_OF_ORDER: ErrorCode = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(epoch: i16, first: i32, last: i32) -> Sequenced {
        Sequenced { producer_id: 7, epoch, first, last, is_transactional: false, timestamp: 0 }
    }

    fn after(written: &[(Sequenced, i64)]) -> ProducerStates {
        let mut states = ProducerStates::default();
        for &(batch, offset) in written {
            let last = offset + i64::from(batch.last.wrapping_sub(batch.first));
            states.push(batch, 0, (offset, last));
        }
        states
    }

    fn check(states: &ProducerStates, next: Sequenced) -> Result<Verdict, ErrorCode> {
        states.check(next, Stranger::Anywhere)
    }

    #[test]
    fn a_batch_that_comes_twice_is_answered_with_its_first_offset() {
        let states = after(&[(batch(0, 0, 4), 100), (batch(0, 5, 5), 105)]);
        let found = |first, last| match check(&states, batch(0, first, last)) {
            Ok(Verdict::Duplicate(known)) => Some((known.base_offset, known.last_offset)),
            _ => None,
        };
        assert_eq!(found(0, 4), Some((100, 104)));
        assert_eq!(found(5, 5), Some((105, 105)));
        assert_eq!(check(&states, batch(0, 6, 9)), Ok(Verdict::Append));
    }

    #[test]
    fn a_gap_is_refused() {
        let states = after(&[(batch(0, 0, 4), 0)]);
        assert_eq!(check(&states, batch(0, 6, 6)), Err(OUT_OF_ORDER));
        assert_eq!(check(&states, batch(1, 5, 5)), Err(OUT_OF_ORDER));
        assert_eq!(check(&states, batch(1, 0, 0)), Ok(Verdict::Append));
    }

    #[test]
    fn an_older_epoch_is_refused() {
        let states = after(&[(batch(3, 0, 0), 0)]);
        assert_eq!(check(&states, batch(2, 0, 0)), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    }

    #[test]
    fn an_epoch_that_nobody_can_have_is_refused() {
        let states = ProducerStates::default();
        assert_eq!(check(&states, batch(-2, 0, 0)), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
        assert_eq!(check(&states, batch(-1, 0, 0)), Ok(Verdict::Append));
    }

    #[test]
    fn after_the_highest_sequence_comes_zero() {
        let states = after(&[(batch(0, i32::MAX - 1, i32::MAX), 0)]);
        assert_eq!(check(&states, batch(0, 0, 3)), Ok(Verdict::Append));
    }

    #[test]
    fn a_producer_that_is_not_known_may_begin_anywhere() {
        let states = ProducerStates::default();
        assert_eq!(check(&states, batch(0, 12, 13)), Ok(Verdict::Append));
        let stranger = Stranger::AtZero(ErrorCode::UNKNOWN_PRODUCER_ID);
        let refused = states.check(batch(0, 12, 13), stranger);
        assert_eq!(refused, Err(ErrorCode::UNKNOWN_PRODUCER_ID));
        assert_eq!(states.check(batch(0, 0, 1), stranger), Ok(Verdict::Append));
    }

    #[test]
    fn a_producer_without_records_is_forgotten_where_records_are_all_that_is_remembered() {
        let mut states = after(&[(batch(0, 0, 4), 0), (batch(0, 5, 5), 5)]);
        states.forget_before(5);
        assert_eq!(check(&states, batch(0, 9, 9)), Err(OUT_OF_ORDER));
        states.forget_before(6);
        assert_eq!(check(&states, batch(0, 9, 9)), Ok(Verdict::Append));
    }

    #[test]
    fn a_producer_that_was_silent_for_long_is_forgotten_unless_its_transaction_is_open() {
        let open = Sequenced { producer_id: 8, is_transactional: true, ..batch(0, 0, 0) };
        let mut states = after(&[(batch(0, 0, 4), 0), (open, 5)]);
        states.expire(-1);
        assert_eq!(states.iter().count(), 2);
        states.expire(0);
        assert_eq!(states.iter().map(|(id, _)| id).collect::<Vec<_>>(), [8]);
        let end = TransactionEnd::Abort;
        let marker = Marker { producer_id: 8, epoch: 0, end, coordinator_epoch: 0 };
        states.push_marker(marker, (6, 70), 7);
        states.expire(69);
        assert_eq!(states.iter().count(), 1, "its end counts as well");
        states.expire(70);
        assert_eq!(states.iter().count(), 0);
        assert_eq!(states.aborted(5, 6).count(), 1, "its records are aborted for ever");
        states.forget_aborted_before(6);
        assert_eq!(states.aborted(0, 9).count(), 1);
        states.forget_aborted_before(7);
        assert_eq!(states.aborted(0, 9).count(), 0);
    }

    #[test]
    fn a_transaction_is_unstable_until_all_replicas_have_its_marker() {
        let mut states = after(&[(Sequenced { is_transactional: true, ..batch(0, 0, 4) }, 0)]);
        assert_eq!(states.last_stable(5), 0);
        let end = TransactionEnd::Commit;
        let marker = Marker { producer_id: 7, epoch: 0, end, coordinator_epoch: 0 };
        states.push_marker(marker, (5, 0), 3);
        assert_eq!((states.last_stable(3), states.last_stable(5)), (0, 0));
        assert_eq!(states.last_stable(6), 6);
    }

    #[test]
    fn what_is_stable_is_known_from_the_first_open_transaction() {
        let of = |producer_id| Sequenced { producer_id, is_transactional: true, ..batch(0, 0, 0) };
        let ends = |states: &mut ProducerStates, producer_id, offset: i64| {
            let end = TransactionEnd::Abort;
            let marker = Marker { producer_id, epoch: 0, end, coordinator_epoch: 0 };
            states.push_marker(marker, (offset, 0), offset + 1);
        };
        let mut states = after(&[(of(1), 3), (of(2), 4), (of(3), 5)]);
        assert_eq!(states.last_stable(6), 3);
        ends(&mut states, 2, 6);
        ends(&mut states, 1, 7);
        assert_eq!(states.last_stable(8), 5);
        ends(&mut states, 3, 8);
        assert_eq!(states.last_stable(9), 9);
        let mut states = after(&[(of(1), 3), (of(2), 4)]);
        states.forget_before(4);
        assert_eq!(states.last_stable(5), 4, "who is forgotten has nothing open");
        states.forget();
        assert_eq!(states.last_stable(5), 5);
    }

    #[test]
    fn a_coordinator_of_an_older_epoch_ends_nothing() {
        let mut states = ProducerStates::default();
        let end = TransactionEnd::Commit;
        let marker = Marker { producer_id: 7, epoch: 0, end, coordinator_epoch: 2 };
        states.push_marker(marker, (0, 0), 0);
        let older = Marker { coordinator_epoch: 1, ..marker };
        let fenced = states.check_marker(older);
        assert_eq!(fenced, Err(ErrorCode::TRANSACTION_COORDINATOR_FENCED));
        assert_eq!(states.check_marker(marker), Ok(()));
    }
}
