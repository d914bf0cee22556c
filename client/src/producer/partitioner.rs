//! Core: which partition a record goes to.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The partition of a key among all partitions of its topic, as Java's producer chooses it.
///
/// Of none it is 0, which whoever looks it up does not find.
pub(crate) fn partition_of_key(key: &[u8], count: usize) -> usize {
    let positive = murmur2(key) & 0x7fff_ffff;
    usize::try_from(positive).unwrap_or_default() % count.max(1)
}

/// Where records without a key go: to one partition until it got a batch of bytes, then to the
/// next. Shared by all callers without a lock; two callers that cross the limit at once may both
/// switch, which costs a smaller batch and nothing else.
#[derive(Debug)]
pub(crate) struct Sticky {
    partition: AtomicUsize,
    bytes: AtomicUsize,
}

impl Sticky {
    pub(crate) fn new(partition: usize) -> Self {
        Self { partition: AtomicUsize::new(partition), bytes: AtomicUsize::new(0) }
    }

    /// The partition that is due.
    #[inline]
    pub(crate) fn current(&self) -> usize {
        self.partition.load(Ordering::Relaxed)
    }

    /// Counts bytes sent to the current partition; true if that was enough for it.
    #[inline]
    pub(crate) fn is_filled_by(&self, bytes: usize, batch_bytes_max: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes >= batch_bytes_max
    }

    /// Turns to a partition that has a leader, by chance; to any if none has.
    #[cold]
    pub(crate) fn turn(&self, count: usize, chance: u64, has_leader: impl Fn(usize) -> bool) {
        let start = usize::try_from(chance % count.max(1) as u64).unwrap_or_default();
        let round = (start..count).chain(0..start);
        let next = round.clone().find(|&p| has_leader(p)).unwrap_or(start);
        self.bytes.store(0, Ordering::Relaxed);
        self.partition.store(next, Ordering::Relaxed);
    }
}

/// The hash of Kafka's default partitioner (murmur2 with Kafka's seed).
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut h = 0x9747_b28c ^ length;
    let (chunks, tail) = data.as_chunks::<4>();
    for chunk in chunks {
        let mut k = u32::from_le_bytes(*chunk).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (i, &byte) in tail.iter().enumerate() {
            h ^= u32::from(byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// key (hex), murmur2 as Java's int, toPositive(murmur2): made by Kafka's own Utils.murmur2.
    const GOLDEN: &str = include_str!("../../tests/data/murmur2.tsv");

    #[test]
    fn keys_hash_as_in_java() {
        let mut rows = 0;
        for row in GOLDEN.lines() {
            let cells: Vec<_> = row.split('\t').collect();
            let key: Vec<u8> = (0..cells[0].len() / 2)
                .map(|i| u8::from_str_radix(&cells[0][2 * i..2 * i + 2], 16).unwrap())
                .collect();
            let hash = murmur2(&key);
            assert_eq!(hash.cast_signed(), cells[1].parse::<i32>().unwrap(), "{row}");
            let positive: usize = cells[2].parse().unwrap();
            assert_eq!(partition_of_key(&key, 7), positive % 7, "{row}");
            rows += 1;
        }
        assert_eq!(rows, 69);
    }

    #[test]
    fn records_without_a_key_stay_until_a_batch_is_full() {
        let sticky = Sticky::new(1);
        assert!(!sticky.is_filled_by(60, 100));
        assert_eq!(sticky.current(), 1);
        assert!(sticky.is_filled_by(40, 100));
        sticky.turn(3, 5, |_| true);
        assert_eq!(sticky.current(), 2);
        assert!(!sticky.is_filled_by(99, 100));
    }

    #[test]
    fn partitions_without_a_leader_are_passed_over() {
        let sticky = Sticky::new(0);
        sticky.turn(4, 2, |p| p == 1);
        assert_eq!(sticky.current(), 1);
        sticky.turn(4, 2, |_| false);
        assert_eq!(sticky.current(), 2);
    }
}
