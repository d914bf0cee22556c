//! Core: what a partition remembers of its idempotent and transactional producers (KIP-98).

use std::collections::{BTreeMap, VecDeque};

use kurier_protocol::ErrorCode;
use kurier_protocol::record::RecordBatch;

use crate::group::TransactionEnd;
use crate::limits::PRODUCER_BATCHES_MAX;
use crate::transaction::Marker;

/// The producers that have written to a partition, by id.
#[derive(Debug, Default)]
pub(crate) struct ProducerStates {
    states: BTreeMap<i64, ProducerState>,
    /// The transactions that were aborted, in the order of their markers.
    aborted: Vec<Aborted>,
}

/// An aborted transaction, as far as it lies in this partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aborted {
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
    /// The latest timestamp of its last batch.
    pub(crate) timestamp: i64,
    /// The latest batches, oldest first.
    batches: VecDeque<Written>,
}

#[derive(Clone, Copy, Debug)]
struct Written {
    sequences: (i32, i32),
    base_offset: i64,
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
    /// It was appended before, at this offset.
    Duplicate(i64),
}

impl ProducerStates {
    /// Whether a batch is the next one of its producer.
    ///
    /// # Errors
    ///
    /// The producer was replaced by one of a later epoch, or a batch before this one is missing.
    pub(crate) fn check(&self, next: Sequenced) -> Result<Verdict, ErrorCode> {
        let Some(state) = self.states.get(&next.producer_id) else {
            return Ok(Verdict::Append);
        };
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
        let known = state.batches.iter().find(|known| known.sequences == (next.first, next.last));
        if let Some(known) = known {
            return Ok(Verdict::Duplicate(known.base_offset));
        }
        let last = state.batches.back().map_or(-1, |written| written.sequences.1);
        let due = if last == i32::MAX { 0 } else { last + 1 };
        (next.first == due).then_some(Verdict::Append).ok_or(OUT_OF_ORDER)
    }

    /// Remembers a batch that was appended.
    pub(crate) fn push(&mut self, written: Sequenced, base_offset: i64) {
        let state = self.enter(written.producer_id, written.epoch);
        if written.is_transactional {
            state.open_from.get_or_insert(base_offset);
        }
        state.timestamp = written.timestamp;
        if state.batches.len() == PRODUCER_BATCHES_MAX {
            state.batches.pop_front();
        }
        let sequences = (written.first, written.last);
        state.batches.push_back(Written { sequences, base_offset });
    }

    /// Remembers the end of a transaction, whose marker was appended.
    pub(crate) fn push_marker(&mut self, marker: Marker, offset: i64) {
        let state = self.enter(marker.producer_id, marker.epoch);
        state.coordinator_epoch = marker.coordinator_epoch;
        if let Some(first_offset) = state.open_from.take()
            && marker.end == TransactionEnd::Abort
        {
            let producer_id = marker.producer_id;
            self.aborted.push(Aborted { producer_id, first_offset, last_offset: offset });
        }
    }

    /// Whether a marker may be written.
    ///
    /// # Errors
    ///
    /// A producer of a later epoch has written.
    pub(crate) fn check_marker(&self, marker: Marker) -> Result<(), ErrorCode> {
        let later = self.states.get(&marker.producer_id).filter(|s| s.epoch > marker.epoch);
        if later.is_some() { Err(ErrorCode::INVALID_PRODUCER_EPOCH) } else { Ok(()) }
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

    /// Where the first open transaction begins: committed records are read up to there. Kafka:
    /// last stable offset.
    pub(crate) fn last_stable(&self, end: i64) -> i64 {
        self.states.values().filter_map(|state| state.open_from).min().unwrap_or(end)
    }

    /// The aborted transactions that have records in a stretch of offsets.
    pub(crate) fn aborted(&self, from: i64, until: i64) -> impl Iterator<Item = &Aborted> {
        let aborted = self.aborted.iter();
        aborted.filter(move |one| one.last_offset >= from && one.first_offset < until)
    }

    /// All producers, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &ProducerState)> {
        self.states.iter().map(|(id, state)| (*id, state))
    }

    /// Learns everything anew from the batches of a log, after it lost its end.
    pub(crate) fn rebuild<'a>(&mut self, batches: impl Iterator<Item = &'a RecordBatch>) {
        self.states.clear();
        self.aborted.clear();
        for batch in batches {
            if batch.is_control() {
                if let Some(marker) = Marker::of(batch) {
                    self.push_marker(marker, batch.base_offset());
                }
            } else if let Some(written) = Sequenced::of(batch) {
                self.push(written, batch.base_offset());
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
            states.push(batch, offset);
        }
        states
    }

    #[test]
    fn a_batch_that_comes_twice_is_answered_with_its_first_offset() {
        let states = after(&[(batch(0, 0, 4), 100), (batch(0, 5, 5), 105)]);
        assert_eq!(states.check(batch(0, 0, 4)), Ok(Verdict::Duplicate(100)));
        assert_eq!(states.check(batch(0, 5, 5)), Ok(Verdict::Duplicate(105)));
        assert_eq!(states.check(batch(0, 6, 9)), Ok(Verdict::Append));
    }

    #[test]
    fn a_gap_is_refused() {
        let states = after(&[(batch(0, 0, 4), 0)]);
        assert_eq!(states.check(batch(0, 6, 6)), Err(OUT_OF_ORDER));
        assert_eq!(states.check(batch(1, 5, 5)), Err(OUT_OF_ORDER));
        assert_eq!(states.check(batch(1, 0, 0)), Ok(Verdict::Append));
    }

    #[test]
    fn an_older_epoch_is_refused() {
        let states = after(&[(batch(3, 0, 0), 0)]);
        assert_eq!(states.check(batch(2, 0, 0)), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    }

    #[test]
    fn after_the_highest_sequence_comes_zero() {
        let states = after(&[(batch(0, i32::MAX - 1, i32::MAX), 0)]);
        assert_eq!(states.check(batch(0, 0, 3)), Ok(Verdict::Append));
    }

    #[test]
    fn a_producer_that_is_not_known_may_begin_anywhere() {
        assert_eq!(ProducerStates::default().check(batch(0, 12, 13)), Ok(Verdict::Append));
    }
}
