//! Core: who saw what nobody should: J5, J6 and J7.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::facts::{Facts, ReadFact, SendFact};
use super::invariant::Invariant;
use super::operation::{Action, Fate, Operation, Txn};
use super::violation::Violation;
use crate::isolation::Isolation;

/// J5: what failed is never polled.
pub(super) fn check_aborted(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    for send in facts.sends.iter().filter(|send| send.fate == Fate::Aborted) {
        // Who asks for uncommitted records gets those of aborted transactions as well.
        let seen = if send.is_txn { send.seen_committed } else { send.seen };
        let read = seen.and_then(|read| facts.reads.get(read));
        let Some((read, &at)) = read.zip(facts.partitions.get(send.partition)) else { continue };
        let writer = if send.is_txn { "transaction was aborted" } else { "send failed" };
        let violation = Violation::new(
            Invariant::J5,
            (at, vec![read.offset]),
            vec![send.place, read.place],
            format!("value {} was polled, but its {writer}", send.value),
        );
        let partial = send.is_txn.then_some(Invariant::Q4);
        found.push(violation.also([Invariant::Q3].into_iter().chain(partial)));
    }
}

/// J7: nobody sees a transaction before its end is asked for.
pub(super) fn check_early(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut told = BTreeSet::new();
    for (read, send) in committed_reads(facts) {
        let (Some(writer), Some(reader)) =
            (facts.operation(send.place), facts.operation(read.place))
        else {
            continue;
        };
        let is_own = read.place == send.place;
        let is_early = before(reader).zip(asked(writer)).is_some_and(|(read, end)| read < end);
        let Some(&at) = facts.partitions.get(read.partition) else { continue };
        if (is_own || is_early) && told.insert((send.place, read.place)) {
            let who = if is_own { "its own transaction" } else { "a reader" };
            found.push(Violation::new(
                Invariant::J7,
                (at, vec![read.offset]),
                vec![send.place, read.place],
                format!("value {} was polled by {who} before the end was asked for", send.value),
            ));
        }
    }
}

/// J6: no transaction reads what depends on its own writes.
pub(super) fn check_circles(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut flow = Flow::default();
    for (read, send) in committed_reads(facts) {
        let reader = facts.operation(read.place).filter(|reader| reader.is_txn());
        let is_real = reader.is_some_and(|reader| reader.fate() != Fate::Aborted);
        if is_real && send.fate != Fate::Aborted && read.place != send.place {
            flow.edges.entry(send.place).or_default().entry(read.place).or_insert(*read);
        }
    }
    for circle in flow.circles() {
        let first = circle.first().and_then(|from| {
            let to = circle.get(1).unwrap_or(from);
            flow.edges.get(from)?.get(to)
        });
        let at = first.and_then(|read| Some((*facts.partitions.get(read.partition)?, read.offset)));
        let Some((at, offset)) = at else { continue };
        let names: Vec<String> = circle.iter().map(ToString::to_string).collect();
        found.push(Violation::new(
            Invariant::J6,
            (at, vec![offset]),
            circle.clone(),
            format!(
                "each of the transactions {} was read by the next one, and the last by the \
                first",
                names.join(", ")
            ),
        ));
    }
}

/// Reads of records of transactions by who wants committed records.
fn committed_reads<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = (&'a ReadFact, &'a SendFact)> {
    facts.reads.iter().filter_map(|read| {
        let send = facts.sends.get(read.send?)?;
        let is_wanted = read.isolation == Isolation::Committed && send.is_txn;
        is_wanted.then_some((read, send))
    })
}

/// When a reader surely had read.
fn before(reader: &Operation) -> Option<Duration> {
    asked(reader).or(reader.completed)
}

/// When the end of a transaction was asked for.
fn asked(operation: &Operation) -> Option<Duration> {
    match &operation.action {
        Action::Txn(Txn { ended, .. }) => *ended,
        _ => None,
    }
}

/// Which transaction was read by which, and by which read.
#[derive(Debug, Default)]
struct Flow {
    edges: BTreeMap<usize, BTreeMap<usize, ReadFact>>,
}

impl Flow {
    /// A shortest circle in each knot of transactions that all depend on each other.
    fn circles(&self) -> Vec<Vec<usize>> {
        let knots = self.knots();
        knots.iter().filter_map(|knot| self.circle(knot)).collect()
    }

    /// The strongly connected components of more than one transaction, by Tarjan's algorithm, with
    /// a stack of its own.
    fn knots(&self) -> Vec<BTreeSet<usize>> {
        let mut search = Search::default();
        for &root in self.edges.keys() {
            if !search.low.contains_key(&root) {
                self.search_from(root, &mut search);
            }
        }
        search.knots
    }

    fn search_from(&self, root: usize, search: &mut Search) {
        let mut path = vec![(search.enter(root), self.readers(root))];
        while let Some(((place, index), readers)) = path.last_mut() {
            let (place, index) = (*place, *index);
            if let Some(reader) = readers.next() {
                match search.low.get(&reader) {
                    None => path.push((search.enter(reader), self.readers(reader))),
                    Some(&low) if search.open.contains(&reader) => search.lower(place, low),
                    Some(_) => {}
                }
                continue;
            }
            path.pop();
            let low = search.low.get(&place).copied().unwrap_or(index);
            if low == index {
                search.close(place);
            }
            if let Some(((parent, _), _)) = path.last() {
                search.lower(*parent, low);
            }
        }
    }

    fn readers(&self, place: usize) -> impl Iterator<Item = usize> + '_ {
        self.edges.get(&place).into_iter().flat_map(|readers| readers.keys().copied())
    }

    /// A shortest way from the first transaction of a knot back to itself.
    fn circle(&self, knot: &BTreeSet<usize>) -> Option<Vec<usize>> {
        let start = *knot.first()?;
        let mut from = BTreeMap::new();
        let mut next = VecDeque::from([start]);
        while let Some(place) = next.pop_front() {
            for reader in self.readers(place).filter(|reader| knot.contains(reader)) {
                if reader == start {
                    let back = std::iter::successors(Some(place), |place| from.get(place).copied());
                    let mut circle: Vec<usize> = back.collect();
                    circle.reverse();
                    return Some(circle);
                }
                from.entry(reader).or_insert_with(|| {
                    next.push_back(reader);
                    place
                });
            }
        }
        None
    }
}

#[derive(Debug, Default)]
struct Search {
    low: BTreeMap<usize, usize>,
    stack: Vec<usize>,
    open: BTreeSet<usize>,
    knots: Vec<BTreeSet<usize>>,
}

impl Search {
    fn enter(&mut self, place: usize) -> (usize, usize) {
        let index = self.low.len();
        self.low.insert(place, index);
        self.stack.push(place);
        self.open.insert(place);
        (place, index)
    }

    fn lower(&mut self, place: usize, to: usize) {
        if let Some(low) = self.low.get_mut(&place) {
            *low = (*low).min(to);
        }
    }

    fn close(&mut self, place: usize) {
        let mut knot = BTreeSet::new();
        while let Some(member) = self.stack.pop() {
            self.open.remove(&member);
            knot.insert(member);
            if member == place {
                break;
            }
        }
        if knot.len() > 1 {
            self.knots.push(knot);
        }
    }
}
