//! Core: checks a history, whole.

use std::collections::BTreeSet;
use std::time::Duration;

use super::facts::Facts;
use super::flushes::check_flushes;
use super::groups::{check_commits, check_counts};
use super::invariant::Invariant;
use super::lag::{LagLimit, check_lag};
use super::losses::{Ending, check_losses};
use super::operation::History;
use super::shrink::shrink;
use super::stands::{check_duplicates, check_order, check_values};
use super::violation::Violation;
use super::visible::{check_aborted, check_circles, check_early};
use super::walk::Walk;

/// What is expected of a history: everything in [`Invariant`], if nothing else is said, but J3 and
/// J14 only where they are asked for.
#[derive(Clone, Debug, Default)]
pub struct Check {
    omitted: BTreeSet<Invariant>,
    is_drained: bool,
    lag: Option<LagLimit>,
}

impl Check {
    /// Expects everything that can be expected of a run that ended anywhere.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Does not expect this: for example J4 and J10 of a producer without idempotence.
    #[must_use]
    pub fn without(mut self, invariant: Invariant) -> Self {
        self.omitted.insert(invariant);
        self
    }

    /// In the end consumers have polled until nothing more came: every acknowledged record must
    /// have been seen (J3).
    #[must_use]
    pub fn drained(mut self) -> Self {
        self.is_drained = true;
        self
    }

    /// Whoever polls later than `from` is at most `max` behind what others knew to be there (J14).
    /// Records behind an open transaction count too, so `max` must be longer than those last. The
    /// effort grows with polls times partitions that a consumer is assigned.
    #[must_use]
    pub fn lag_max(mut self, from: Duration, max: Duration) -> Self {
        self.lag = Some(LagLimit { from, max });
        self
    }

    /// Finds everything that does not hold, in the order of [`Invariant`], each with a proof. The
    /// effort grows with the history as sorting does.
    ///
    /// # Panics
    ///
    /// Two sends have the same value.
    #[must_use]
    pub fn run(&self, history: &History) -> Vec<Violation> {
        let facts = Facts::new(history);
        let mut walk = Walk::new(&facts, self.lag.map(|limit| limit.from));
        let mut found = Vec::new();
        check_values(&facts, &mut found);
        check_duplicates(&facts, &mut found);
        check_order(&facts, &mut found);
        check_aborted(&facts, &mut found);
        check_circles(&facts, &mut found);
        check_early(&facts, &mut found);
        found.append(&mut walk.found);
        let end = if self.is_drained { Ending::Drained } else { Ending::Open };
        let lost = check_losses(&facts, &walk.runs, end, &mut found);
        if let Some(limit) = self.lag {
            check_lag(&facts, &walk.standings, limit, &mut found);
        }
        check_counts(&facts, &mut found);
        check_commits(&facts, &lost, &mut found);
        check_flushes(&facts, &mut found);
        found.retain_mut(|violation| {
            violation.also.retain(|also| !self.omitted.contains(also));
            !self.omitted.contains(&violation.invariant)
        });
        found.sort_by_key(|violation| violation.invariant);
        found
    }

    /// The smallest history that still breaks a promise in the same way; `None` if all holds.
    ///
    /// # Panics
    ///
    /// Two sends have the same value.
    #[must_use]
    pub fn shrink(&self, history: &History) -> Option<History> {
        let first = self.run(history).into_iter().next()?;
        let breaks =
            |history: &History| self.run(history).iter().any(|found| found.is_like(&first));
        Some(shrink(history, &first.operations, breaks))
    }
}
