//! Core: what groups have processed and committed: J13 and Q6.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kurier_protocol::Str;

use super::facts::Facts;
use super::invariant::Invariant;
use super::operation::{Action, Fate, Operation, Start};
use super::violation::Violation;
use crate::isolation::Isolation;

/// J13: transactions of a group consume each record once.
pub(super) fn check_counts(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut consumed = Vec::new();
    for (place, operation) in facts.in_order() {
        if !operation.is_txn() || operation.fate() != Fate::Committed {
            continue;
        }
        let commits = operation.commits().flat_map(|commit| {
            commit.offsets.iter().map(move |(partition, until)| (&commit.group, partition, until))
        });
        let committed: Vec<_> = commits.collect();
        for stretch in operation.polls().flat_map(|polled| &polled.stretches) {
            let of = committed.iter().filter(|(_, partition, _)| **partition == stretch.of);
            for (group, _, until) in of {
                let records = stretch.records.iter().filter(|(offset, _)| offset < until);
                let consumption = |(offset, _): &(i64, u64)| (*group, &stretch.of, *offset, place);
                consumed.extend(records.map(consumption));
            }
        }
    }
    consumed.sort_unstable();
    consumed.dedup();
    for same in consumed.chunk_by(|one, next| (one.0, one.1, one.2) == (next.0, next.1, next.2)) {
        let [(group, partition, offset, _), _, ..] = same else { continue };
        found.push(Violation::new(
            Invariant::J13,
            (partition, vec![*offset]),
            same.iter().map(|(_, _, _, place)| *place).collect(),
            format!("{} transactions of group {group} consumed it and committed", same.len()),
        ));
    }
}

/// Q6: a committed offset never covers a record that the group has not processed.
pub(super) fn check_commits(facts: &Facts<'_>, lost: &[bool], found: &mut Vec<Violation>) {
    let members = members(facts);
    let progress = progress(facts, &members);
    let existing = existing(facts, lost);
    let mut passes: BTreeMap<(&Str, usize), Pass> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for (place, operation) in facts.in_order() {
        if operation.fate() != Fate::Committed {
            continue;
        }
        // In a transaction its own polls count.
        let at = if operation.is_txn() { operation.completed } else { Some(operation.invoked) };
        let Some(at) = at else { continue };
        for commit in operation.commits() {
            for (partition, until) in &commit.offsets {
                let Some(id) = facts.id(partition) else { continue };
                let key = (&commit.group, id);
                let both = progress.get(&key).zip(existing.get(id));
                let Some((progress, existing)) = both else { continue };
                let pass = passes.entry(key).or_insert_with(|| Pass::new(existing, progress));
                let Some((offset, witness)) = pass.open(at, *until) else { continue };
                if !told.insert((key, offset)) {
                    continue;
                }
                let mut places = vec![place, witness];
                places.extend(progress.start.map(|(_, places)| places).into_iter().flatten());
                found.push(Violation::new(
                    Invariant::Q6,
                    (partition, vec![offset]),
                    places,
                    format!("group {} committed @{until} and had not processed it", commit.group),
                ));
            }
        }
    }
}

type Members<'a> = BTreeMap<u32, BTreeMap<&'a Str, usize>>;

/// The groups that processes belong to, with the operation that says so.
fn members<'a>(facts: &Facts<'a>) -> Members<'a> {
    let mut members = Members::new();
    for (place, operation) in facts.in_order() {
        let of = members.entry(operation.process).or_default();
        if let Action::Subscribe { group, .. } = &operation.action {
            of.entry(group).or_insert(place);
        }
        for commit in operation.commits() {
            of.entry(&commit.group).or_insert(place);
        }
    }
    members
}

/// What a group has done in a partition.
#[derive(Debug, Default)]
struct Progress {
    /// The lowest offset that it set out to read, and who says so.
    start: Option<(i64, [usize; 2])>,
    /// When each record was processed first.
    done: Vec<(i64, Duration)>,
}

impl Progress {
    fn begin(&mut self, offset: i64, places: [usize; 2]) {
        if self.start.is_none_or(|(start, _)| offset < start) {
            self.start = Some((offset, places));
        }
    }
}

fn progress<'a>(facts: &Facts<'a>, members: &Members<'a>) -> BTreeMap<(&'a Str, usize), Progress> {
    let mut all: BTreeMap<(&Str, usize), Progress> = BTreeMap::new();
    for (place, operation) in facts.in_order() {
        for (group, witness) in members.get(&operation.process).into_iter().flatten() {
            if let Action::Assign(partitions) = &operation.action {
                for (partition, start) in partitions {
                    let Some(id) = facts.id(partition) else { continue };
                    let start = match start {
                        Start::Kept => continue,
                        Start::Earliest => 0,
                        Start::At(offset) => *offset,
                    };
                    all.entry((group, id)).or_default().begin(start, [place, *witness]);
                }
            }
            push_polls(facts, (place, operation), (group, *witness), &mut all);
        }
    }
    for progress in all.values_mut() {
        progress.done.sort_unstable();
        progress.done.dedup_by_key(|(offset, _)| *offset);
    }
    all
}

fn push_polls<'a>(
    facts: &Facts<'a>,
    (place, operation): (usize, &Operation),
    (group, witness): (&'a Str, usize),
    all: &mut BTreeMap<(&'a Str, usize), Progress>,
) {
    let done = match operation.fate() {
        Fate::Committed => operation.completed,
        // It may have been committed as soon as it began.
        Fate::Unknown if operation.is_txn() => Some(operation.invoked),
        Fate::Unknown | Fate::Aborted => None,
    };
    for stretch in operation.polls().flat_map(|polled| &polled.stretches) {
        let Some(id) = facts.id(&stretch.of) else { continue };
        let progress = all.entry((group, id)).or_default();
        for (offset, _) in &stretch.records {
            progress.begin(*offset, [place, witness]);
            progress.done.extend(done.map(|done| (*offset, done)));
        }
    }
}

/// By partition: the offsets of all records that are there to be processed, with who says so.
fn existing(facts: &Facts<'_>, lost: &[bool]) -> Vec<Vec<(i64, usize)>> {
    let mut existing: Vec<Vec<(i64, u8, usize)>> = Vec::new();
    for partition in 0..facts.partitions.len() {
        let seen = facts.readable(partition, Isolation::Committed).iter();
        let seen = seen.filter_map(|(offset, read)| Some((*offset, facts.reads.get(*read)?)));
        existing.push(seen.map(|(offset, read)| (offset, 0, read.place)).collect());
    }
    for (send, is_lost) in facts.sends.iter().zip(lost) {
        if let Some(of) = existing.get_mut(send.partition)
            && send.is_acknowledged()
            && !is_lost
        {
            of.extend(send.told.map(|offset| (offset, 1, send.place)));
        }
    }
    let sorted = existing.into_iter().map(|mut of| {
        of.sort_unstable();
        of.dedup_by_key(|(offset, _, _)| *offset);
        of.into_iter().map(|(offset, _, place)| (offset, place)).collect()
    });
    sorted.collect()
}

/// Until when everything up to a record was processed.
#[derive(Debug)]
struct Pass {
    /// Offset, who says that there is a record, and when it and all before were processed.
    records: Vec<(i64, usize, Duration)>,
}

impl Pass {
    fn new(existing: &[(i64, usize)], progress: &Progress) -> Self {
        let start = progress.start.map_or(i64::MAX, |(start, _)| start);
        let mut until = Duration::ZERO;
        let passed = existing.iter().filter(|(offset, _)| *offset >= start);
        let passed = passed.map(|&(offset, witness)| {
            let done = progress.done.partition_point(|(done, _)| *done < offset);
            let done = progress.done.get(done).filter(|(done, _)| *done == offset);
            until = until.max(done.map_or(Duration::MAX, |(_, at)| *at));
            (offset, witness, until)
        });
        Self { records: passed.collect() }
    }

    /// The first record before an offset that was not processed at a time.
    fn open(&self, at: Duration, until: i64) -> Option<(i64, usize)> {
        let first = self.records.partition_point(|(_, _, done)| *done <= at);
        let (offset, witness, _) = self.records.get(first)?;
        (*offset < until).then_some((*offset, *witness))
    }
}
