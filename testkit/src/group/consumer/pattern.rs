//! Core: patterns of topics, and which topics they were last found to mean.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kurier_protocol::{ErrorCode, Str};

use crate::clock::later;
use crate::group::refusal::Refusal;
use crate::group::topics::Topics;
use crate::pattern::Pattern;

/// What the patterns of a group mean.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    found: BTreeMap<Str, BTreeSet<Str>>,
    /// When they were looked up, and among which topics.
    looked: Option<(Instant, u64)>,
}

impl Patterns {
    /// The topics that a pattern means; `None` if it was not looked up yet.
    pub(super) fn found(&self, pattern: &str) -> Option<&BTreeSet<Str>> {
        self.found.get(pattern)
    }

    /// Forgets a pattern that nobody uses.
    pub(super) fn remove(&mut self, pattern: &str) {
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
            && (!is_known || made < topics.made() || now > later(at, refresh))
    }

    /// Looks the patterns up. Says whether any means other topics than before.
    pub(super) fn look_up(
        &mut self,
        now: Instant,
        patterns: BTreeSet<Str>,
        topics: &Topics,
    ) -> bool {
        let found = patterns.into_iter().map(|pattern| {
            let names = match Pattern::new(&pattern) {
                Ok(read) => topics.names().filter(|name| read.is_match(name)).cloned().collect(),
                Err(_) => BTreeSet::new(),
            };
            (pattern, names)
        });
        let found: BTreeMap<Str, BTreeSet<Str>> = found.collect();
        let nothing = BTreeSet::new();
        let has_changed = found
            .iter()
            .any(|(pattern, names)| self.found.get(pattern).unwrap_or(&nothing) != names);
        self.found = found;
        self.looked = Some((now, topics.made()));
        has_changed
    }
}

/// Checks a pattern.
///
/// # Errors
///
/// It is none that a broker reads.
pub(super) fn check(pattern: &str) -> Result<(), Refusal> {
    Pattern::new(pattern).map(drop).map_err(|why| {
        let message =
            format!("SubscribedTopicRegex `{pattern}` is not a valid regular expression: {why}.");
        Refusal::new(ErrorCode::INVALID_REGULAR_EXPRESSION, message)
    })
}

/// How often patterns are looked up at most. Kafka: 10 s, not to be set.
const LOOKED_UP_AT_MOST_EVERY: Duration = Duration::from_secs(10);
