//! Core: patterns of topics, and which topics they were last found to mean.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kurier_protocol::{ErrorCode, Str};

use crate::clock::later;
use crate::group::refusal::Refusal;
use crate::group::topics::Topics;
use crate::pattern::{Pattern, is_too_costly};

/// What the patterns of a group mean.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    found: BTreeMap<Str, BTreeSet<Str>>,
    /// When they were looked up, and among which topics.
    looked: Option<(Instant, u64)>,
    /// When all of them were, and not those alone that were new.
    looked_all: Option<Instant>,
    /// What each pattern in use costs for each byte of topics' names.
    costs: BTreeMap<Str, u64>,
}

impl Patterns {
    /// The topics that a pattern means; `None` if it was not looked up yet.
    pub(super) fn found(&self, pattern: &str) -> Option<&BTreeSet<Str>> {
        self.found.get(pattern)
    }

    /// Takes a pattern that nobody used before.
    ///
    /// # Errors
    ///
    /// It is none that a broker reads, or all patterns of the group together would cost too much.
    pub(super) fn add(&mut self, pattern: &Str, topics: &Topics) -> Result<(), Refusal> {
        let refused = |why: &str| {
            let message = format!(
                "SubscribedTopicRegex `{pattern}` is not a valid regular expression: {why}."
            );
            Refusal::new(ErrorCode::INVALID_REGULAR_EXPRESSION, message)
        };
        let cost = Pattern::new(pattern).map_err(refused)?.cost(1);
        let all = self.costs.values().sum::<u64>() + cost;
        if is_too_costly(all.saturating_mul(topics.name_bytes() as u64)) {
            return Err(refused(
                "it takes too long to compare all topics with it, use a shorter one",
            ));
        }
        self.costs.insert(pattern.clone(), cost);
        Ok(())
    }

    /// Forgets a pattern that nobody uses.
    pub(super) fn remove(&mut self, pattern: &str) {
        self.costs.remove(pattern);
        self.found.remove(pattern);
        if self.found.is_empty() {
            self.looked = None;
        }
    }

    /// Whether these patterns are to be looked up now: a broker does so for new patterns and for
    /// new topics, but not at every heartbeat.
    pub(super) fn is_due(
        &self,
        now: Instant,
        patterns: &BTreeSet<Str>,
        topics: &Topics,
        refresh: Duration,
    ) -> bool {
        let Some((at, made)) = self.looked else { return !patterns.is_empty() };
        let is_known = patterns.len() == self.found.len()
            && patterns.iter().all(|pattern| self.found.contains_key(pattern));
        !patterns.is_empty()
            && now > at + LOOKED_UP_AT_MOST_EVERY
            && (!is_known || self.are_all_due(now, made, topics, refresh))
    }

    fn are_all_due(&self, now: Instant, made: u64, topics: &Topics, refresh: Duration) -> bool {
        made < topics.made() || self.looked_all.is_none_or(|at| now > later(at, refresh))
    }

    /// Looks the patterns up: all of them if there are new topics or it is time, else those that
    /// are new. Says whether any means other topics than before.
    pub(super) fn look_up(
        &mut self,
        now: Instant,
        patterns: BTreeSet<Str>,
        topics: &Topics,
        refresh: Duration,
    ) -> bool {
        let are_all_due =
            self.looked.is_none_or(|(_, made)| self.are_all_due(now, made, topics, refresh));
        let mut spent = 0_u64;
        let mut found = BTreeMap::new();
        let mut has_changed = false;
        for pattern in patterns {
            let before = self.found.remove(&pattern);
            let names = match (before, self.costs.get(&pattern)) {
                (Some(before), _) if !are_all_due => before,
                (before, cost) => {
                    let cost = cost.copied().unwrap_or_default();
                    spent = spent.saturating_add(cost.saturating_mul(topics.name_bytes() as u64));
                    let before = before.unwrap_or_default();
                    // There are more topics than when the pattern was taken.
                    let names = match is_too_costly(spent) {
                        true => before.clone(),
                        false => meant(&pattern, topics),
                    };
                    has_changed |= names != before;
                    names
                }
            };
            found.insert(pattern, names);
        }
        self.found = found;
        self.looked = Some((now, topics.made()));
        if are_all_due {
            self.looked_all = Some(now);
        }
        has_changed
    }
}

/// The topics that a pattern means.
fn meant(pattern: &str, topics: &Topics) -> BTreeSet<Str> {
    match Pattern::new(pattern) {
        Ok(read) => topics.names().filter(|name| read.is_match(name)).cloned().collect(),
        Err(_) => BTreeSet::new(),
    }
}

/// How often patterns are looked up at most. Kafka: 10 s, not to be set.
const LOOKED_UP_AT_MOST_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::MATCHED;

    const REFRESH: Duration = Duration::from_secs(600);

    /// Ten thousand topics with names as long as they may be.
    fn topics() -> Topics {
        let mut topics = Topics::default();
        for number in 0..10_000 {
            topics.set(&format!("{number:0249}"), Default::default(), 1);
        }
        topics
    }

    fn used(patterns: &Patterns) -> BTreeSet<Str> {
        patterns.costs.keys().cloned().collect()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test needs some moment to begin with")]
    fn a_pattern_is_compared_once_with_each_set_of_topics() {
        let (mut patterns, mut topics, mut now) = (Patterns::default(), topics(), Instant::now());
        let mut look = |patterns: &mut Patterns, topics: &Topics| {
            now += Duration::from_secs(11);
            let before = MATCHED.get();
            let is_due = patterns.is_due(now, &used(patterns), topics, REFRESH);
            if is_due {
                patterns.look_up(now, used(patterns), topics, REFRESH);
            }
            (is_due, MATCHED.get() - before)
        };
        patterns.add(&"0.*1".into(), &topics).unwrap();
        assert_eq!(look(&mut patterns, &topics), (true, 10_000));
        assert_eq!(look(&mut patterns, &topics), (false, 0));
        patterns.add(&"0.*2".into(), &topics).unwrap();
        assert_eq!(look(&mut patterns, &topics), (true, 10_000), "the new one alone");
        assert_eq!(patterns.found("0.*1").map(BTreeSet::len), Some(1000));
        topics.set("new", Default::default(), 1);
        assert_eq!(look(&mut patterns, &topics), (true, 20_002));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test needs some moment to begin with")]
    fn patterns_that_would_cost_too_much_are_refused_one_by_one_and_together() {
        let (mut patterns, mut topics) = (Patterns::default(), topics());
        let long = Str::from("(0{1,20}){1,20}");
        assert_eq!(
            Patterns::default().add(&long, &Topics::default()).map_err(|no| no.code),
            Ok(())
        );
        let refused = patterns.add(&long, &topics).map_err(|no| no.code);
        assert_eq!(refused, Err(ErrorCode::INVALID_REGULAR_EXPRESSION));
        let all = (0..1000).map(|number| Str::from(format!("{number}.*")));
        let taken = all.filter(|pattern| patterns.add(pattern, &topics).is_ok()).count();
        assert!((2..20).contains(&taken), "{taken}");
        // Topics come to them: then those are compared for which there is time.
        for number in 0..10_000 {
            topics.set(&format!("{number:0248}x"), Default::default(), 1);
        }
        let before = MATCHED.get();
        patterns.look_up(Instant::now(), used(&patterns), &topics, REFRESH);
        assert!(MATCHED.get() - before < taken * 20_000);
    }
}
