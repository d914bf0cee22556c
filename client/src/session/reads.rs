//! Core: what was read of each partition in a round, and up to where.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::consumer::{FetchedBatch, Mark, Turn};
use crate::group::Lot;
use crate::transactions::{GroupOffset, TopicPartition};

/// What was read since the last round that was committed, or given back.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// By slot and generation: a partition that was taken away and given back is there twice.
    open: BTreeMap<(usize, u64), Read>,
}

/// What was read of one partition, as it was given once.
#[derive(Clone, Debug)]
struct Read {
    of: TopicPartition,
    turn: Turn,
    /// What is behind it.
    end: Mark,
}

impl Reads {
    pub(crate) fn push(&mut self, batch: &FetchedBatch) {
        let of = (Arc::clone(&batch.topic), batch.partition);
        self.push_until(of, batch.turn, batch.mark());
    }

    /// Records up to this mark were given.
    fn push_until(&mut self, of: TopicPartition, turn: Turn, end: Mark) {
        let Turn { slot, generation } = turn;
        self.open.entry((slot, generation)).or_insert(Read { of, turn, end }).end = end;
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
        self.open.clear();
    }

    /// What was read is not committed: whose it is.
    pub(crate) fn take_back(&mut self) -> Vec<Turn> {
        let open = std::mem::take(&mut self.open);
        open.into_values().map(|read| read.turn).collect()
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

    fn read(reads: &mut Reads, of: i32, turn: Turn, end: i64) {
        reads.push_until(("t".into(), of), turn, at(end));
    }

    #[test]
    fn a_round_is_committed_or_given_back_as_a_whole() {
        let mut reads = Reads::default();
        let read_all = |reads: &mut Reads| {
            read(reads, 0, turn(0, 1), 7);
            read(reads, 1, turn(1, 1), 4);
            read(reads, 0, turn(0, 1), 9);
        };
        read_all(&mut reads);
        assert_eq!(reads.lots(), [(("t".into(), 0), 1), (("t".into(), 1), 1)]);
        let ends: Vec<_> = reads.offsets().iter().map(|of| (of.partition, of.offset)).collect();
        assert_eq!(ends, [(0, 9), (1, 4)]);
        assert_eq!(reads.take_back(), [turn(0, 1), turn(1, 1)]);
        assert!(reads.lots().is_empty() && reads.take_back().is_empty());
        read_all(&mut reads);
        reads.commit();
        assert!(reads.lots().is_empty() && reads.take_back().is_empty());
    }

    #[test]
    fn a_partition_that_was_given_back_in_the_round_is_asked_for_both_times() {
        let mut reads = Reads::default();
        read(&mut reads, 0, turn(0, 1), 7);
        read(&mut reads, 0, turn(0, 3), 6);
        assert_eq!(reads.lots(), [(("t".into(), 0), 1), (("t".into(), 0), 3)]);
    }
}
