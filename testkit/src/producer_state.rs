//! Core: what a partition remembers of its idempotent producers (KIP-98).

use std::collections::{BTreeMap, VecDeque};

use kurier_protocol::ErrorCode;
use kurier_protocol::record::RecordBatch;

use crate::limits::PRODUCER_BATCHES_MAX;

/// The producers that have written to a partition, by id.
#[derive(Debug, Default)]
pub(crate) struct ProducerStates {
    states: BTreeMap<i64, ProducerState>,
}

#[derive(Debug)]
struct ProducerState {
    epoch: i16,
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
}

impl Sequenced {
    /// Reads it from a batch; `None` if its producer is not idempotent.
    pub(crate) fn of(batch: &RecordBatch) -> Option<Self> {
        (batch.producer_id() >= 0).then(|| Self {
            producer_id: batch.producer_id(),
            epoch: batch.producer_epoch(),
            first: batch.base_sequence(),
            last: batch.last_sequence(),
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
        let state = self
            .states
            .entry(written.producer_id)
            .or_insert_with(|| ProducerState { epoch: written.epoch, batches: VecDeque::new() });
        if state.epoch != written.epoch {
            state.epoch = written.epoch;
            state.batches.clear();
        }
        if state.batches.len() == PRODUCER_BATCHES_MAX {
            state.batches.pop_front();
        }
        let sequences = (written.first, written.last);
        state.batches.push_back(Written { sequences, base_offset });
    }

    /// Learns everything anew from the batches of a log, after it lost its end.
    pub(crate) fn rebuild<'a>(&mut self, batches: impl Iterator<Item = &'a RecordBatch>) {
        self.states.clear();
        for batch in batches {
            if let Some(written) = Sequenced::of(batch) {
                self.push(written, batch.base_offset());
            }
        }
    }
}

const OUT_OF_ORDER: ErrorCode = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(epoch: i16, first: i32, last: i32) -> Sequenced {
        Sequenced { producer_id: 7, epoch, first, last }
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
