//! Core: what was read of each partition in a round, from where and up to where.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::consumer::{FetchedBatch, Mark, Start, Turn};
use crate::group::Lot;
use crate::transactions::{GroupOffset, TopicPartition};

/// What was read since the last round that was committed, or given back.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// By slot and generation: a partition that was taken away and given back is there twice.
    open: BTreeMap<(usize, u64), Read>,
    /// How far each slot is committed, in its last generation.
    done: BTreeMap<usize, (u64, Mark)>,
}

/// What was read of one partition, as it was given once.
#[derive(Clone, Debug)]
struct Read {
    of: TopicPartition,
    turn: Turn,
    /// What gives all of it again.
    start: Start,
    /// What is behind it.
    end: Mark,
}

impl Reads {
    pub(crate) fn push(&mut self, batch: &FetchedBatch) {
        let of = (Arc::clone(&batch.topic), batch.partition);
        self.push_span(of, batch.turn, (batch.first_offset(), batch.mark()));
    }

    /// Records from this offset to this mark were given.
    fn push_span(&mut self, of: TopicPartition, turn: Turn, (first, end): (i64, Mark)) {
        let Turn { slot, generation } = turn;
        let start = self.start(turn, first);
        let read = self.open.entry((slot, generation));
        read.or_insert(Read { of, turn, start, end }).end = end;
    }

    /// Where records are given again from: behind what is committed of the same turn, as then it is
    /// known which record is before it (KIP-320).
    fn start(&self, turn: Turn, first: i64) -> Start {
        match self.done.get(&turn.slot) {
            Some((generation, Mark { offset, leader_epoch: leader_epoch @ 0.. }))
                if *generation == turn.generation =>
            {
                Start::InEpoch { offset: *offset, leader_epoch: *leader_epoch }
            }
            _ => Start::Offset(first),
        }
    }

    pub(crate) fn lots(&self) -> Vec<Lot> {
        self.open.values().map(|read| (read.of.clone(), read.turn.generation)).collect()
    }

    /// What the group goes on with once the round is committed.
    pub(crate) fn offsets(&self) -> Vec<GroupOffset> {
        let offset = |Read { of: (topic, partition), end, .. }: &Read| GroupOffset {
            leader_epoch: end.leader_epoch,
            ..GroupOffset::new(Arc::clone(topic), *partition, end.offset)
        };
        self.open.values().map(offset).collect()
    }

    pub(crate) fn turns(&self) -> impl Iterator<Item = Turn> {
        self.open.values().map(|read| read.turn)
    }

    /// What was read is committed.
    pub(crate) fn commit(&mut self) {
        for Read { turn, end, .. } in std::mem::take(&mut self.open).into_values() {
            self.done.insert(turn.slot, (turn.generation, end));
        }
    }

    /// What was read is not committed: where each partition is read from again.
    pub(crate) fn take_back(&mut self) -> Vec<(Turn, Start)> {
        let open = std::mem::take(&mut self.open);
        open.into_values().map(|read| (read.turn, read.start)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(slot: usize, generation: u64) -> Turn {
        Turn { slot, generation }
    }

    fn at(offset: i64) -> Mark {
        Mark { offset, leader_epoch: 4 }
    }

    fn read(reads: &mut Reads, of: i32, turn: Turn, first: i64, end: i64) {
        reads.push_span(("t".into(), of), turn, (first, at(end)));
    }

    #[test]
    fn a_round_is_given_back_from_its_beginning() {
        let mut reads = Reads::default();
        read(&mut reads, 0, turn(0, 1), 5, 7);
        read(&mut reads, 1, turn(1, 1), 3, 4);
        read(&mut reads, 0, turn(0, 1), 8, 9);
        assert_eq!(reads.lots(), [(("t".into(), 0), 1), (("t".into(), 1), 1)]);
        let ends: Vec<_> = reads.offsets().iter().map(|of| (of.partition, of.offset)).collect();
        assert_eq!(ends, [(0, 9), (1, 4)]);
        let starts = [(turn(0, 1), Start::Offset(5)), (turn(1, 1), Start::Offset(3))];
        assert_eq!(reads.take_back(), starts);
        assert!(reads.lots().is_empty() && reads.take_back().is_empty());
    }

    #[test]
    fn what_is_committed_is_not_given_back_and_says_which_record_is_before_the_next() {
        let mut reads = Reads::default();
        read(&mut reads, 0, turn(0, 1), 5, 7);
        reads.commit();
        assert!(reads.take_back().is_empty());
        // Markers of transactions lie between.
        read(&mut reads, 0, turn(0, 1), 9, 12);
        let behind = Start::InEpoch { offset: 7, leader_epoch: 4 };
        assert_eq!(reads.take_back(), [(turn(0, 1), behind)]);
        // In another turn others may have gone on.
        read(&mut reads, 0, turn(0, 2), 30, 31);
        assert_eq!(reads.take_back(), [(turn(0, 2), Start::Offset(30))]);
    }

    #[test]
    fn a_partition_that_was_given_back_in_the_round_is_asked_for_both_times() {
        let mut reads = Reads::default();
        read(&mut reads, 0, turn(0, 1), 5, 7);
        read(&mut reads, 0, turn(0, 3), 5, 6);
        assert_eq!(reads.lots(), [(("t".into(), 0), 1), (("t".into(), 0), 3)]);
    }
}
