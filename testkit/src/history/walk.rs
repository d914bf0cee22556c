//! Core: follows each consumer through its partitions: J8, J9, and what was read past.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::facts::Facts;
use super::invariant::Invariant;
use super::operation::{Action, Fate, Operation, Outcome, Start, Stretch, TopicPartition};
use super::violation::Violation;
use crate::isolation::Isolation;

/// What following the consumers has shown.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) runs: Vec<Run>,
    /// Where consumers stood after their polls.
    pub(super) standings: Vec<Standing>,
    pub(super) found: Vec<Violation>,
}

/// A stretch of a partition that a consumer has read without being moved.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) partition: usize,
    pub(super) isolation: Option<Isolation>,
    pub(super) from: i64,
    /// The operation that says where it begins.
    pub(super) start: usize,
    /// The highest offset so far and who read it; both grow.
    pub(super) past: Vec<(i64, usize)>,
}

/// Where a consumer stood after a poll.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) place: usize,
    pub(super) partition: usize,
    pub(super) position: Position,
}

/// What a consumer has read last. After a transaction of unknown outcome it may go on, or go back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    low: i64,
    pub(super) high: i64,
    /// The operation that left it here.
    pub(super) by: usize,
    run: usize,
}

#[derive(Debug)]
struct Consumer {
    /// Whether each assignment is told: not so after a subscription, until one is.
    is_told: bool,
    positions: BTreeMap<usize, Position>,
}

impl Walk {
    /// Follows all consumers, and keeps the standings from this time on, if any.
    pub(super) fn new(facts: &Facts<'_>, standings_from: Option<Duration>) -> Self {
        let mut walk = Self::default();
        let mut consumers: HashMap<u32, Consumer> = HashMap::new();
        for (place, operation) in facts.in_order() {
            let new = Consumer { is_told: true, positions: BTreeMap::new() };
            let consumer = consumers.entry(operation.process).or_insert(new);
            match &operation.action {
                Action::Poll(_) | Action::Txn(_) => {
                    walk.poll(facts, (place, operation), consumer);
                    let is_wanted = standings_from.is_some_and(|from| operation.invoked >= from);
                    if is_wanted && operation.outcome == Outcome::Ok {
                        let all = consumer.positions.iter();
                        walk.standings.extend(all.map(|(&partition, &position)| Standing {
                            place,
                            partition,
                            position,
                        }));
                    }
                }
                Action::Assign(partitions) => match operation.outcome {
                    Outcome::Ok => walk.assign(facts, (place, partitions), consumer),
                    Outcome::Unknown => consumer.positions.clear(),
                    Outcome::Failed => {}
                },
                Action::Subscribe { .. } if operation.outcome != Outcome::Failed => {
                    *consumer = Consumer { is_told: false, positions: BTreeMap::new() };
                }
                Action::Crash => {
                    *consumer = Consumer { is_told: true, positions: BTreeMap::new() };
                }
                _ => {}
            }
        }
        walk
    }

    fn assign(
        &mut self,
        facts: &Facts<'_>,
        (place, partitions): (usize, &[(TopicPartition, Start)]),
        consumer: &mut Consumer,
    ) {
        consumer.is_told = true;
        let before = std::mem::take(&mut consumer.positions);
        for (partition, start) in partitions {
            let Some(partition) = facts.id(partition) else { continue };
            let from = match start {
                Start::Kept => {
                    let kept = before.get(&partition).map(|position| (partition, *position));
                    consumer.positions.extend(kept);
                    continue;
                }
                Start::Earliest => 0,
                Start::At(offset) => *offset,
            };
            let run = self.begin(Run {
                partition,
                isolation: None,
                from,
                start: place,
                past: Vec::new(),
            });
            let position = Position { low: from - 1, high: from - 1, by: place, run };
            consumer.positions.insert(partition, position);
        }
    }

    fn poll(
        &mut self,
        facts: &Facts<'_>,
        (place, operation): (usize, &Operation),
        consumer: &mut Consumer,
    ) {
        let is_told = consumer.is_told && !facts.moves_within(operation);
        if !is_told {
            consumer.positions.clear();
        }
        let mut firsts = BTreeMap::new();
        for polled in operation.polls() {
            for stretch in &polled.stretches {
                let first = stretch.records.first();
                let Some((partition, &(first, _))) = facts.id(&stretch.of).zip(first) else {
                    continue;
                };
                let former = consumer.positions.get(&partition).copied();
                let read = (place, polled.isolation, partition);
                let position = self.read(facts, read, (former, stretch));
                if let Some(position) = position.filter(|_| is_told) {
                    consumer.positions.insert(partition, position);
                    firsts.entry(partition).or_insert(first);
                }
            }
        }
        match (operation.fate(), operation.is_txn()) {
            (Fate::Committed, _) => {}
            // Whoever waits for a poll in vain does not know what it took with it.
            (Fate::Unknown, false) => consumer.positions.clear(),
            // To go back to the first record is the duty of the program.
            (fate, _) => {
                for (partition, first) in firsts {
                    if let Some(position) = consumer.positions.get_mut(&partition) {
                        position.low = first - 1;
                        if fate == Fate::Aborted {
                            position.high = first - 1;
                        }
                    }
                }
            }
        }
    }

    /// Follows a stretch, and gives the position after it.
    fn read(
        &mut self,
        facts: &Facts<'_>,
        (place, isolation, partition): (usize, Isolation, usize),
        (former, stretch): (Option<Position>, &Stretch),
    ) -> Option<Position> {
        let mut position = former;
        for &(offset, _) in &stretch.records {
            if let Some(former) = position {
                self.compare(facts, (place, isolation, partition), former, offset);
            }
            let run = position.map(|position| position.run).filter(|run| {
                let run = self.runs.get(*run);
                run.is_some_and(|run| run.isolation.is_none_or(|had| had == isolation))
            });
            let run = run.unwrap_or_else(|| {
                let (isolation, past) = (Some(isolation), Vec::new());
                self.begin(Run { partition, isolation, from: offset, start: place, past })
            });
            if let Some(run) = self.runs.get_mut(run) {
                run.isolation = Some(isolation);
                if run.past.last().is_none_or(|(highest, _)| *highest < offset) {
                    run.past.push((offset, place));
                }
            }
            position = Some(Position { low: offset, high: offset, by: place, run });
        }
        position
    }

    fn compare(
        &mut self,
        facts: &Facts<'_>,
        (place, isolation, partition): (usize, Isolation, usize),
        former: Position,
        offset: i64,
    ) {
        let Some(&at) = facts.partitions.get(partition) else { return };
        let invariant = if former.by == place { Invariant::J8 } else { Invariant::J9 };
        if offset <= former.low {
            self.found.push(Violation::new(
                invariant,
                (at, vec![offset]),
                vec![former.by, place],
                format!("was polled after @{}", former.low),
            ));
            return;
        }
        let between = (former.high, offset);
        if let Some(skipped) = facts.readable_between(partition, isolation, between) {
            self.found.push(Violation::new(
                invariant,
                (at, vec![skipped.offset]),
                vec![former.by, place, skipped.place],
                format!("was skipped between @{} and @{offset}", former.high),
            ));
        }
    }

    fn begin(&mut self, run: Run) -> usize {
        self.runs.push(run);
        self.runs.len() - 1
    }
}
