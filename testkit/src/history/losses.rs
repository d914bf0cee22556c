//! Core: what should have been read and was not: J2, J3, J12, and with them Q1 and Q4.

use std::collections::HashMap;

use super::facts::{Facts, SendFact};
use super::invariant::Invariant;
use super::operation::Fate;
use super::violation::Violation;
use super::walk::Run;
use crate::isolation::Isolation;

/// Finds what is lost, and says for each send whether it is.
pub(super) fn check_losses(
    facts: &Facts<'_>,
    runs: &[Run],
    end: Ending,
    found: &mut Vec<Violation>,
) -> Vec<bool> {
    let search = Losses::new(facts, runs, end);
    let mut lost = Vec::with_capacity(facts.sends.len());
    for send in &facts.sends {
        let violation = search.look(send);
        lost.push(violation.is_some());
        found.extend(violation);
    }
    lost
}

/// Whether at the end of the run all was polled that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Drained,
    Open,
}

#[derive(Debug)]
struct Losses<'a> {
    facts: &'a Facts<'a>,
    end: Ending,
    any: Cover<'a>,
    committed: Cover<'a>,
    /// Whether anybody wants committed records.
    has_committed: bool,
    /// For each transaction that was seen the send of it that was, and by which operation.
    parts: HashMap<usize, (u64, usize)>,
}

impl<'a> Losses<'a> {
    fn new(facts: &'a Facts<'a>, runs: &'a [Run], end: Ending) -> Self {
        let has_committed = facts.reads.iter().any(|read| read.isolation == Isolation::Committed);
        let mut parts = HashMap::new();
        for send in facts.sends.iter().filter(|send| send.is_txn) {
            let seen = if has_committed { send.seen_committed } else { send.seen };
            if let Some(read) = seen.and_then(|read| facts.reads.get(read)) {
                parts.entry(send.place).or_insert((send.value, read.place));
            }
        }
        let count = facts.partitions.len();
        let committed = runs.iter().filter(|run| run.isolation == Some(Isolation::Committed));
        Self {
            facts,
            end,
            any: Cover::new(count, runs.iter()),
            committed: Cover::new(count, committed),
            has_committed,
            parts,
        }
    }

    fn look(&self, send: &SendFact) -> Option<Violation> {
        let part = self.parts.get(&send.place);
        // A transaction of unknown outcome that somebody saw was committed.
        let must_be = send.is_acknowledged() || (send.fate == Fate::Unknown && part.is_some());
        let wants_committed = send.is_txn && self.has_committed;
        let seen = if wants_committed { send.seen_committed } else { send.seen };
        if !must_be || seen.is_some() {
            return None;
        }
        let passed = send.told.and_then(|offset| self.passed(send, offset));
        if passed.is_none() && self.end == Ending::Open {
            return None;
        }
        let &at = self.facts.partitions.get(send.partition)?;
        let is_acknowledged = send.is_acknowledged().then_some(Invariant::Q1);
        let is_txn = send.is_txn.then_some(Invariant::Q4);
        let value = send.value;
        let (invariant, detail) = match (part, passed) {
            (Some((read, _)), _) => {
                let detail = format!(
                    "value {value} cannot be read, but value {read} of its transaction can"
                );
                (Invariant::J12, detail)
            }
            (None, Some((past, _))) => {
                let detail = format!("value {value} was polled by nobody, but @{past} was");
                (Invariant::J2, detail)
            }
            (None, None) => (Invariant::J3, format!("value {value} was polled by nobody")),
        };
        let witnesses = passed.into_iter().flat_map(|(_, places)| places);
        let places = [send.place].into_iter().chain(part.map(|(_, place)| *place));
        let violation = Violation::new(
            invariant,
            (at, send.told.into_iter().collect()),
            places.chain(witnesses).collect(),
            detail,
        );
        Some(violation.also(is_acknowledged.into_iter().chain(is_txn)))
    }

    /// Who has read past the offset of a send that nobody has read.
    fn passed(&self, send: &SendFact, offset: i64) -> Option<(i64, [usize; 2])> {
        let committed = self.committed.past(send.partition, offset);
        let any = || self.any.past(send.partition, offset).filter(|_| send.seen.is_none());
        committed.or_else(any)
    }
}

/// Which offsets some consumer has read past.
#[derive(Debug)]
struct Cover<'a> {
    /// By partition: where runs begin, each with the run that reaches furthest of those that begin
    /// there or before.
    furthest: Vec<Vec<(i64, &'a Run)>>,
}

impl<'a> Cover<'a> {
    fn new(partitions: usize, runs: impl Iterator<Item = &'a Run>) -> Self {
        let mut furthest: Vec<Vec<(i64, &Run)>> = vec![Vec::new(); partitions];
        for run in runs.filter(|run| !run.past.is_empty()) {
            if let Some(of) = furthest.get_mut(run.partition) {
                of.push((run.from, run));
            }
        }
        for of in &mut furthest {
            of.sort_by_key(|(from, _)| *from);
            let mut best: Option<&Run> = None;
            for (_, run) in of.iter_mut() {
                let better = best.filter(|best| best.end() >= run.end()).unwrap_or(run);
                *run = better;
                best = Some(better);
            }
        }
        Self { furthest }
    }

    /// The first offset after this one in a run over it, with who says where the run begins and
    /// who read that offset.
    fn past(&self, partition: usize, offset: i64) -> Option<(i64, [usize; 2])> {
        let of = self.furthest.get(partition)?;
        let begun = of.partition_point(|(from, _)| *from <= offset);
        let (_, run) = of.get(begun.checked_sub(1)?)?;
        let first = run.past.partition_point(|(read, _)| *read <= offset);
        run.past.get(first).map(|(past, place)| (*past, [run.start, *place]))
    }
}

impl Run {
    fn end(&self) -> i64 {
        self.past.last().map_or(i64::MIN, |(offset, _)| *offset)
    }
}
