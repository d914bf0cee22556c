//! Core: how far consumers are behind: J14.

use std::collections::BTreeMap;
use std::time::Duration;

use super::facts::{Facts, over};
use super::invariant::Invariant;
use super::violation::Violation;
use super::walk::Standing;
use crate::isolation::Isolation;

/// How far consumers may be behind, and from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LagLimit {
    pub(super) from: Duration,
    pub(super) max: Duration,
}

/// J14: finds the worst lag of each process and partition that is too large.
pub(super) fn check_lag(
    facts: &Facts<'_>,
    standings: &[Standing],
    limit: LagLimit,
    found: &mut Vec<Violation>,
) {
    let known = known(facts);
    let mut worst: BTreeMap<(u32, usize), (Duration, Violation)> = BTreeMap::new();
    for standing in standings {
        let Some(operation) = facts.operation(standing.place) else { continue };
        let Some(known) = known.get(standing.partition) else { continue };
        let next = known.partition_point(|proof| proof.offset <= standing.position.high);
        let Some(proof) = known.get(next) else { continue };
        let lag = operation.invoked.saturating_sub(proof.since.max(limit.from));
        let key = (operation.process, standing.partition);
        let is_worse = worst.get(&key).is_none_or(|(worst, _)| lag > *worst);
        let Some(&at) = facts.partitions.get(standing.partition) else { continue };
        if lag > limit.max && is_worse {
            let violation = Violation::new(
                Invariant::J14,
                (at, vec![standing.position.high.saturating_add(1)]),
                vec![standing.place, standing.position.by, proof.place, proof.seen],
                format!("process {} is {lag:?} behind, {:?} is allowed", key.0, limit.max),
            );
            worst.insert(key, (lag, violation));
        }
    }
    found.extend(worst.into_values().map(|(_, violation)| violation));
}

/// A time from which on there was surely something to read at this offset or a later one.
#[derive(Clone, Copy, Debug)]
struct Proof {
    offset: i64,
    since: Duration,
    place: usize,
    seen: usize,
}

/// By partition and in the order of offsets: the earliest proof for this offset or a later one.
fn known(facts: &Facts<'_>) -> Vec<Vec<Proof>> {
    let mut known: Vec<Vec<Proof>> = vec![Vec::new(); facts.partitions.len()];
    let mut push = |partition: usize, offset, (place, seen)| {
        let since = facts.operation(place).and_then(over);
        if let Some((since, known)) = since.zip(known.get_mut(partition)) {
            known.push(Proof { offset, since, place, seen });
        }
    };
    for send in facts.sends.iter().filter(|send| send.is_acknowledged()) {
        // What nobody ever sees is lost, not late.
        let seen = send.seen.and_then(|read| facts.reads.get(read));
        if let (Some(offset), Some(read)) = (send.told, seen) {
            push(send.partition, offset, (send.place, read.place));
        }
    }
    for read in facts.reads.iter().filter(|read| read.isolation == Isolation::Committed) {
        push(read.partition, read.offset, (read.place, read.place));
    }
    for of in &mut known {
        of.sort_by_key(|proof| (proof.offset, proof.since));
        let mut best: Option<Proof> = None;
        for proof in of.iter_mut().rev() {
            if let Some(best) = best.filter(|best| best.since < proof.since) {
                *proof = Proof { offset: proof.offset, ..best };
            }
            best = Some(*proof);
        }
    }
    known
}
