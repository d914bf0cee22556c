//! Core: which partition is next, by how long their queues are (KIP-794).

/// Chooses a partition by chance: the shorter its queue, the likelier. None if there is none to
/// choose.
///
/// `load` tells how many batches wait in a partition, or none if it is not to be chosen. With `m`
/// as the longest queue, a partition with `n` batches is `m + 1 - n` times as likely as the one
/// with the longest; so all are equally likely while all queues are equal.
///
/// Of more than [`CANDIDATES_MAX`] partitions only so many neighbours are looked at, by chance too,
/// so that a topic with thousands of them costs no more.
pub(crate) fn choose(
    count: usize,
    chance: u64,
    load: impl Fn(usize) -> Option<u32>,
) -> Option<usize> {
    let seen = count.min(CANDIDATES_MAX);
    let (high, low) = (chance >> 32, chance & u64::from(u32::MAX));
    let start = if seen < count { remainder(high, count) } else { 0 };
    let mut loads = [None; CANDIDATES_MAX];
    let candidate = |at: usize| (start + at) % count.max(1);
    loads.iter_mut().take(seen).enumerate().for_each(|(at, slot)| *slot = load(candidate(at)));
    let most = u64::from(*loads.iter().flatten().max()?);
    let weight = |load: u32| most + 1 - u64::from(load);
    let total: u64 = loads.iter().flatten().map(|&load| weight(load)).sum();
    let mut left = low % total.max(1);
    for (at, load) in loads.iter().enumerate() {
        let weight = load.map_or(0, weight);
        if left < weight {
            return Some(candidate(at));
        }
        left -= weight;
    }
    None
}

/// A number of chance below `count`.
pub(crate) fn remainder(chance: u64, count: usize) -> usize {
    usize::try_from(chance % count.max(1) as u64).unwrap_or_default()
}

/// How many partitions are compared for one choice.
const CANDIDATES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// queues ("-" for a partition that is not to be used), a random number, the partition: made
    /// by Kafka's own BuiltInPartitioner.
    const GOLDEN: &str = include_str!("../../tests/data/choices.tsv");

    #[test]
    fn the_same_chance_chooses_what_java_chooses() {
        let mut rows = 0;
        for row in GOLDEN.lines() {
            let cells: Vec<_> = row.split('\t').collect();
            let queues: Vec<Option<u32>> = cells[0].split(' ').map(|q| q.parse().ok()).collect();
            let chosen = choose(queues.len(), cells[1].parse().unwrap(), |p| queues[p]);
            assert_eq!(chosen.map(|p| p.to_string()).as_deref(), Some(cells[2]), "{row}");
            rows += 1;
        }
        assert_eq!(rows, 360);
    }

    /// How often each partition is chosen of 90,000 times.
    fn frequencies(queues: &[Option<u32>]) -> BTreeMap<usize, u32> {
        let mut found = BTreeMap::new();
        for n in 0..90_000_u64 {
            // A permutation of 2^64 that looks random.
            let chance = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
            let at = choose(queues.len(), chance, |p| queues[p]).unwrap();
            *found.entry(at).or_default() += 1;
        }
        found
    }

    #[test]
    fn short_queues_get_more_in_proportion() {
        // The example of the proposal: 0, 3 and 1 batches have the weights 4, 1 and 3.
        let found = frequencies(&[Some(0), Some(3), Some(1)]);
        for (partition, weight) in [(0, 4), (1, 1), (2, 3)] {
            let (wanted, found) = (90_000 * weight / 8, found[&partition]);
            assert!(found.abs_diff(wanted) < wanted / 20, "{partition}: {found}, not {wanted}");
        }
    }

    #[test]
    fn what_is_not_to_be_chosen_never_is_and_the_others_are_equal() {
        let found = frequencies(&[Some(2), None, Some(2), None, Some(2)]);
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [0, 2, 4]);
        assert!(found.values().all(|n| n.abs_diff(30_000) < 1500), "{found:?}");
        assert_eq!(choose(3, 7, |_| None), None);
        assert_eq!(choose(0, 7, |_| Some(0)), None);
    }

    #[test]
    fn thousands_of_partitions_are_all_chosen_and_few_looked_at() {
        let looks = std::cell::Cell::new(0);
        let mut found = vec![0_u32; 3000];
        for n in 0..90_000_u64 {
            let chance = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n.rotate_left(40);
            let load = |p: usize| {
                looks.set(looks.get() + 1);
                Some(u32::from(p % 2 == 1))
            };
            found[choose(3000, chance, load).unwrap()] += 1;
        }
        assert_eq!(looks.get(), 90_000 * CANDIDATES_MAX);
        assert!(found.iter().all(|&n| n > 0), "some partition was never chosen");
        let even: u32 = found.iter().step_by(2).sum();
        assert!(even.abs_diff(60_000) < 3000, "those with empty queues got {even} of 90,000");
    }
}
