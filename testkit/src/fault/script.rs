//! Core: the faults of a cluster, and how often each has hit.

use std::collections::BTreeMap;

use super::action::{Action, ConnectionFate};
use super::filter::{Filter, Seen};
use super::plan::Plan;
use super::requests::{Aim, Fault};

/// The faults of a cluster, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Script {
    active: BTreeMap<u64, Entry>,
    /// How often those hit that have had all their turns.
    spent: BTreeMap<u64, u64>,
    added: u64,
}

#[derive(Debug)]
struct Entry {
    fault: Fault,
    seen: u64,
    hits: u64,
}

impl Script {
    /// Adds a fault, and gives its number. It counts requests from now on.
    pub(crate) fn push(&mut self, fault: Fault) -> u64 {
        self.added += 1;
        self.active.insert(self.added, Entry { fault, seen: 0, hits: 0 });
        self.added
    }

    /// Takes a fault back. Its hits stay known.
    pub(crate) fn remove(&mut self, number: u64) {
        if let Some(entry) = self.active.remove(&number) {
            self.spent.insert(number, entry.hits);
        }
    }

    /// Takes all faults back.
    pub(crate) fn clear(&mut self) {
        while let Some((number, entry)) = self.active.pop_first() {
            self.spent.insert(number, entry.hits);
        }
    }

    /// How often a fault has hit.
    pub(crate) fn hits(&self, number: u64) -> u64 {
        let active = self.active.get(&number).map(|entry| entry.hits);
        active.or_else(|| self.spent.get(&number).copied()).unwrap_or(0)
    }

    /// Whether a fault may hit again.
    pub(crate) fn is_active(&self, number: u64) -> bool {
        self.active.contains_key(&number)
    }

    /// What happens to the next request. Every fault that is meant for it counts it.
    pub(crate) fn handle_request(&mut self, seen: &Seen<'_>) -> Plan {
        let mut plan = Plan::default();
        self.visit(|fault, turn| {
            let Aim::Requests(filter) = &fault.aim else { return Verdict::OTHER };
            if matches!(fault.action, Action::Corrupt(_)) || !filter.takes(seen) {
                return Verdict::OTHER;
            }
            let Some(turn) = turn else { return Verdict::SEEN };
            let is_hit = match &fault.action {
                Action::Fate(fate) => plan.push_fate(seen.api, filter, (fate, turn)),
                Action::Twist(twist) => {
                    plan.twists.push((filter.clone(), twist.clone()));
                    true
                }
                Action::Corrupt(_) | Action::Connection(_) => false,
            };
            Verdict { is_seen: true, is_hit }
        });
        plan
    }

    /// Which batches of an answer are to be damaged: `has_records` says whether there are some
    /// where a fault looks for them. Gives where, and at which byte.
    pub(crate) fn handle_answer(
        &mut self,
        seen: &Seen<'_>,
        mut has_records: impl FnMut(&Filter) -> bool,
    ) -> Vec<(Filter, usize)> {
        let mut found = Vec::new();
        self.visit(|fault, turn| {
            let (Aim::Requests(filter), Action::Corrupt(at)) = (&fault.aim, &fault.action) else {
                return Verdict::OTHER;
            };
            if !filter.takes(seen) || !has_records(filter) {
                return Verdict::OTHER;
            }
            found.extend(turn.map(|_| (filter.clone(), *at)));
            Verdict { is_seen: true, is_hit: turn.is_some() }
        });
        found
    }

    /// Whether answers are looked at.
    pub(crate) fn damages(&self) -> bool {
        self.active.values().any(|entry| matches!(entry.fault.action, Action::Corrupt(_)))
    }

    /// What happens to the next connection to a broker.
    pub(crate) fn handle_connection(&mut self, broker: i32) -> Option<ConnectionFate> {
        let mut found = None;
        self.visit(|fault, turn| {
            let (Aim::Connections(to), Action::Connection(fate)) = (&fault.aim, &fault.action)
            else {
                return Verdict::OTHER;
            };
            if to.is_some_and(|to| to != broker) {
                return Verdict::OTHER;
            }
            let is_hit = turn.is_some() && found.is_none();
            found = found.or_else(|| turn.map(|_| *fate));
            Verdict { is_seen: true, is_hit }
        });
        found
    }

    /// Shows each fault with its turn, counts, and forgets those that have had all their turns.
    fn visit(&mut self, mut judge: impl FnMut(&Fault, Option<u64>) -> Verdict) {
        let mut over = Vec::new();
        for (number, entry) in &mut self.active {
            let turns = entry.fault.turns;
            let verdict = judge(&entry.fault, turns.turn(entry.seen));
            entry.seen += u64::from(verdict.is_seen);
            entry.hits += u64::from(verdict.is_hit);
            if turns.are_over(entry.seen) {
                over.push(*number);
            }
        }
        for number in over {
            self.remove(number);
        }
    }
}

/// Whether a fault counts something, and whether it hits it.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    is_seen: bool,
    is_hit: bool,
}

impl Verdict {
    const OTHER: Self = Self { is_seen: false, is_hit: false };
    const SEEN: Self = Self { is_seen: true, is_hit: false };
}

#[cfg(test)]
mod tests {
    use kurier_protocol::{ApiKey, Str, Uuid};

    use super::*;
    use crate::fault::filter::TopicNames;
    use crate::fault::named::Names;

    struct NoTopics;

    impl TopicNames for NoTopics {
        fn name_of(&self, _: Uuid) -> Option<&Str> {
            None
        }
    }

    /// What becomes of each request, in words, and how often each fault hit.
    fn play(faults: &[Fault], requests: &[(i32, ApiKey)]) -> (Vec<String>, Vec<u64>) {
        let mut script = Script::default();
        let numbers: Vec<u64> = faults.iter().map(|fault| script.push(fault.clone())).collect();
        let fates = requests.iter().map(|&(broker, api)| {
            let plan = script.handle_request(&Seen {
                api,
                broker,
                connection: 1,
                client_id: "c",
                names: &Names::default,
                topics: &NoTopics,
            });
            plan.fate.map_or_else(String::new, |fate| format!("{fate:?}"))
        });
        let fates = fates.collect();
        (fates, numbers.into_iter().map(|number| script.hits(number)).collect())
    }

    #[test]
    fn a_fault_hits_the_requests_it_was_meant_for() {
        let fault = Fault::on(ApiKey::FETCH).broker(2).skip(1).times(2).close();
        let requests = [
            (2, ApiKey::FETCH),
            (1, ApiKey::FETCH),
            (2, ApiKey::PRODUCE),
            (2, ApiKey::FETCH),
            (2, ApiKey::FETCH),
            (2, ApiKey::FETCH),
        ];
        let (fates, hits) = play(&[fault], &requests);
        assert_eq!(fates, ["", "", "", "Close", "Close", ""]);
        assert_eq!(hits, [2]);
    }

    #[test]
    fn of_two_faults_the_first_decides_and_both_count() {
        let faults = [Fault::any().close(), Fault::any().times(2).cut(3)];
        let (fates, hits) = play(&faults, &[(1, ApiKey::FETCH); 3]);
        assert_eq!(fates, ["Close", "Cut(3)", ""]);
        assert_eq!(hits, [1, 1]);
    }

    #[test]
    fn a_connection_is_counted_by_the_faults_for_its_broker() {
        let mut script = Script::default();
        let fault = script.push(Fault::on_connect().broker(2).skip(1).refuse());
        let fates = [2, 1, 2, 2].map(|broker| script.handle_connection(broker));
        assert_eq!(fates, [None, None, Some(ConnectionFate::Refuse), None]);
        assert_eq!((script.hits(fault), script.is_active(fault)), (1, false));
    }
}
