//! Core: whose turn it is among the partitions of a topic.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the records of a topic go that are spread: to one partition until it got a batch of bytes,
/// or to each in turn. Shared by all callers without a lock; of callers that race, some may give a
/// partition a record too many or count too little, which costs nothing else.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    sticky: AtomicUsize,
    bytes: AtomicUsize,
    next: AtomicUsize,
}

impl Turns {
    /// There are so many partitions now: the sticky one is one of them, and the round goes on.
    pub(crate) fn handle_count(&self, count: usize) {
        self.bytes.store(0, Ordering::Relaxed);
        if self.sticky() >= count {
            self.turn_to(0);
        }
    }

    /// The sticky partition.
    #[inline]
    pub(crate) fn sticky(&self) -> usize {
        self.sticky.load(Ordering::Relaxed)
    }

    /// How many bytes it got.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The sticky partition got more.
    #[inline]
    pub(crate) fn note_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Ends the turn of the sticky partition, which got so many bytes; false if another caller was
    /// faster.
    pub(crate) fn end(&self, bytes: usize) -> bool {
        self.bytes.compare_exchange(bytes, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Makes another partition the sticky one.
    pub(crate) fn turn_to(&self, partition: usize) {
        self.sticky.store(partition, Ordering::Relaxed);
    }

    /// The next partition of the round; taken modulo their number.
    pub(crate) fn next(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    /// The partition `given` got the record of the turn that [`next`](Self::next) told of.
    pub(crate) fn note_round(&self, given: i32) {
        let given = usize::try_from(given).unwrap_or_default();
        self.next.store(given.wrapping_add(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_ends_the_turn_of_a_partition() {
        let turns = Turns::default();
        turns.turn_to(1);
        turns.note_bytes(60);
        turns.note_bytes(40);
        let seen = turns.bytes();
        assert_eq!((turns.sticky(), seen), (1, 100));
        assert!(turns.end(seen) && !turns.end(seen));
        turns.turn_to(2);
        assert_eq!((turns.sticky(), turns.bytes()), (2, 0));
    }

    #[test]
    fn a_round_goes_on_when_partitions_were_added() {
        let turns = Turns::default();
        turns.note_round(4);
        turns.turn_to(3);
        turns.note_bytes(9);
        turns.handle_count(6);
        assert_eq!((turns.next(), turns.sticky(), turns.bytes()), (5, 3, 0));
        turns.handle_count(3);
        assert_eq!((turns.next(), turns.sticky()), (5, 0));
    }
}
