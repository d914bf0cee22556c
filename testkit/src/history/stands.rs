//! Core: where values stand: J1, J4 and J10.

use std::collections::HashMap;

use super::facts::{Facts, SendFact};
use super::invariant::Invariant;
use super::operation::Outcome;
use super::violation::Violation;

/// J1: an offset has one value.
pub(super) fn check_values(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    for (partition, log) in facts.partitions.iter().zip(&facts.logs) {
        for same in log.said.chunk_by(|one, next| one.0 == next.0) {
            let mut values: Vec<_> = same.iter().map(|(_, value, place)| (value, *place)).collect();
            values.dedup_by_key(|(value, _)| *value);
            let [(_, _), (_, _), ..] = values[..] else { continue };
            let names: Vec<String> = values.iter().map(|(value, _)| value.to_string()).collect();
            let offset = same.first().map(|(offset, _, _)| *offset);
            found.push(Violation::new(
                Invariant::J1,
                (partition, offset.into_iter().collect()),
                values.iter().map(|(_, place)| *place).collect(),
                format!("has the values {}", names.join(" and ")),
            ));
        }
    }
}

/// J4: a value stands at one offset.
pub(super) fn check_duplicates(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut said: Vec<(u64, usize, i64, usize)> = Vec::new();
    for (partition, log) in facts.logs.iter().enumerate() {
        said.extend(
            log.said.iter().map(|(offset, value, place)| (*value, partition, *offset, *place)),
        );
    }
    said.sort_unstable();
    said.dedup_by_key(|(value, partition, offset, _)| (*value, *partition, *offset));
    for same in said.chunk_by(|one, next| one.0 == next.0) {
        let [(value, partition, _, _), _, ..] = same else { continue };
        let Some(&at) = facts.partitions.get(*partition) else { continue };
        let stands: Vec<String> = same
            .iter()
            .filter_map(|(_, partition, offset, _)| {
                Some(format!("{}@{offset}", facts.partitions.get(*partition)?))
            })
            .collect();
        let mut offsets: Vec<i64> = same.iter().map(|(_, _, offset, _)| *offset).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let violation = Violation::new(
            Invariant::J4,
            (at, offsets),
            same.iter().map(|(_, _, _, place)| *place).collect(),
            format!("value {value} stands at {}", stands.join(", ")),
        );
        found.push(violation.also([Invariant::Q2]));
    }
}

/// J10: what a producer sends to a partition lands in the order of sending.
pub(super) fn check_order(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    // The latest send whose place in the log is known, by process and partition. What is in a
    // transaction of unknown outcome is compared with its like only, and a lone send of unknown
    // outcome with nothing: it may land at any later time.
    let mut latest: HashMap<(u32, Option<usize>, usize), &SendFact> = HashMap::new();
    for send in &facts.sends {
        let Some(operation) = facts.operation(send.place) else { continue };
        let is_ok = operation.outcome == Outcome::Ok;
        let Some((offset, witness)) = send.stands.filter(|_| is_ok || send.is_txn) else {
            continue;
        };
        let apart = (!is_ok).then_some(send.place);
        if let Some(before) = latest.insert((operation.process, apart, send.partition), send)
            && let Some((former, former_witness)) = before.stands
            && former > offset
            && let Some(&at) = facts.partitions.get(send.partition)
        {
            let process = operation.process;
            found.push(Violation::new(
                Invariant::J10,
                (at, vec![offset, former]),
                vec![before.place, former_witness, send.place, witness],
                format!(
                    "process {process} sent {} first, and {} landed before it",
                    before.value, send.value
                ),
            ));
        }
    }
}
