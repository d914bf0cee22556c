//! What is left of a run when it is over: everything that the codes are asked about.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::Error;
use kurier_testkit::history::{Action, Check, End, History, Outcome, Violation};

use crate::code::Column;
use crate::ledger::Pages;
use crate::settings::Settings;

/// A run that is over.
pub(crate) struct Ran {
    pub(crate) settings: Settings,
    pub(crate) history: History,
    /// What the history checker finds, whatever is allowed.
    pub(crate) violations: Vec<Violation>,
    /// When all was well again.
    pub(crate) healed: Duration,
    pub(crate) pages: Pages,
    /// All that the logs hold at the end, aborted or not: partition, offset, value.
    pub(crate) stored: Vec<(i32, i64, u64)>,
    /// What committed readers can read of the topic in the end: partition and offset.
    pub(crate) readable: Vec<(i32, i64)>,
    /// What copies that committed readers see are copies of: partition and offset.
    pub(crate) copies: Vec<(i32, i64)>,
    /// A number of a batch that meant two things.
    pub(crate) reused: Option<String>,
    /// The offsets that groups have in the end, by process.
    pub(crate) committed: BTreeMap<u32, Option<i64>>,
    /// Who got on, once all was well.
    pub(crate) progress: Result<(), String>,
    pub(crate) tasks_left: usize,
    pub(crate) connections_left: usize,
}

impl Ran {
    /// The checker that a run is given to.
    pub(crate) fn check(settings: &Settings, healed: Duration) -> Check {
        let check = Check::new().drained();
        match settings.column {
            Column::G | Column::K | Column::R => check.lag_max(healed, settings.progress_max()),
            _ => check,
        }
    }

    pub(crate) fn injections(&self) -> u64 {
        self.pages.injections()
    }

    /// Records that stand in the logs more than once.
    pub(crate) fn duplicates(&self) -> usize {
        let mut values: Vec<u64> = self.stored.iter().map(|(_, _, value)| *value).collect();
        values.sort_unstable();
        let all = values.len();
        values.dedup();
        all - values.len()
    }

    /// Errors that callers were told.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &Error> {
        self.pages.told.iter().map(|told| &told.error)
    }

    /// Records acknowledged, or transactions committed.
    pub(crate) fn done(&self) -> usize {
        let is_done = |action: &Action, outcome| match action {
            Action::Send(_) => outcome == Outcome::Ok,
            Action::Txn(txn) => outcome == Outcome::Ok && txn.end == End::Commit,
            _ => false,
        };
        let operations = self.history.operations.iter();
        operations.filter(|operation| is_done(&operation.action, operation.outcome)).count()
    }
}
