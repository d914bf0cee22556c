//! What a run has seen besides its history: what went wrong, what callers were told, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kurier_client::Error;
use kurier_testkit::PlantedFault;

use crate::ahead::Given;
use crate::gone::{Cut, Gone};

/// A producer: the process that has it, and the how manieth of that process it is.
pub(crate) type Name = (u32, u32);

/// What all of a run share. Cloning shares it.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Pages>>);

/// What is noted.
#[derive(Default)]
pub(crate) struct Pages {
    /// How often something was made to go wrong, requests apart.
    pub(crate) struck: u64,
    /// Requests that something happens to.
    pub(crate) planted: Vec<PlantedFault>,
    /// What callers were told.
    pub(crate) told: Vec<Told>,
    /// What took longer than it may.
    pub(crate) late: Vec<String>,
    /// Bytes of values that wait for their outcome, by producer, and the most there were.
    pub(crate) pending: BTreeMap<Name, usize>,
    pub(crate) pending_max: usize,
    /// Producers that have heard that they are over; of those that were shut out, where the logs
    /// ended then, by partition.
    pub(crate) over: BTreeMap<Name, Option<Vec<i64>>>,
    /// Producers that were told to abort, and have not committed since.
    pub(crate) in_debt: BTreeSet<Name>,
    /// How often a producer was told to abort, and committed afterwards.
    pub(crate) redeemed: u64,
    /// Acknowledged without an offset.
    pub(crate) without_offset: u64,
    /// Values by the producer that sent them.
    pub(crate) values: BTreeMap<u64, Name>,
    /// Who holds a partition, as members have heard it.
    pub(crate) holders: BTreeSet<(i32, Name)>,
    /// Commits that were refused for good.
    pub(crate) refused_commits: u64,
    /// How many consumers there were.
    pub(crate) consumers: usize,
    /// What was copied, by the order in which that was tried: partition and offset.
    pub(crate) copies: Vec<(i32, i64)>,
    /// Offsets that were in transactions, by process.
    pub(crate) offsets: BTreeMap<u32, Vec<(i64, Fate)>>,
    /// How long the process stood still, over all.
    pub(crate) stood_still: Duration,
    /// The most requests and turns of the runtime within a second, and connections at a time.
    pub(crate) requests_max: usize,
    pub(crate) turns_max: u64,
    pub(crate) connections_max: usize,
    /// Records that are no more, and where others stand in their place.
    pub(crate) gone: Vec<Gone>,
    pub(crate) cuts: Vec<Cut>,
    /// What consumers have given, where that is asked for; and the most records that one held.
    pub(crate) given: Vec<Given>,
    pub(crate) ahead_max: i64,
    /// What is wrong beyond the history.
    pub(crate) wrong: Vec<String>,
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Committed,
    Aborted,
    Unknown,
}

/// An error that a caller got.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) by: Name,
    pub(crate) call: &'static str,
    pub(crate) error: Error,
}

impl Ledger {
    pub(crate) fn open(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was made to go wrong.
    pub(crate) fn strike(&self) {
        self.open().struck += 1;
    }

    /// A caller got an error.
    pub(crate) fn tell(&self, by: Name, call: &'static str, error: &Error) {
        self.open().told.push(Told { by, call, error: error.clone() });
    }

    /// A member has a partition now. Who else has it.
    pub(crate) fn hold(&self, name: Name, partition: i32) -> Option<Name> {
        let mut pages = self.open();
        let other = pages.holders.iter().find(|(of, _)| *of == partition).copied();
        pages.holders.insert((partition, name));
        other.map(|(_, other)| other)
    }

    /// A member has a partition no more, or none of all.
    pub(crate) fn let_go(&self, name: Name, partition: Option<i32>) {
        let is_gone = |of: i32| partition.is_none_or(|gone| gone == of);
        self.open().holders.retain(|(of, holder)| *holder != name || !is_gone(*of));
    }

    /// The value that a copy of this record has: each of them has another one.
    pub(crate) fn copy(&self, of: (i32, i64)) -> u64 {
        let mut pages = self.open();
        pages.copies.push(of);
        FIRST_COPY + u64::try_from(pages.copies.len() - 1).unwrap_or(u64::MAX)
    }

    /// A call has taken so long.
    pub(crate) fn took(&self, what: &str, took: Duration, limit: Duration) {
        let mut pages = self.open();
        let limit = limit + pages.stood_still + SLACK;
        if took > limit {
            pages.late.push(format!("{what} took {took:?}, and {limit:?} is allowed"));
        }
    }

    /// So many bytes wait for their outcome.
    pub(crate) fn note_pending(&self, bytes: usize) {
        let mut pages = self.open();
        pages.pending_max = pages.pending_max.max(bytes);
    }

    /// A record begins to wait for its outcome.
    pub(crate) fn begin(&self, by: Name, bytes: usize) {
        let mut pages = self.open();
        let pending = pages.pending.entry(by).or_default();
        *pending += bytes;
        let pending = *pending;
        pages.pending_max = pages.pending_max.max(pending);
    }

    /// A record has its outcome.
    pub(crate) fn end(&self, by: Name, bytes: usize) {
        *self.open().pending.entry(by).or_default() -= bytes;
    }
}

impl Pages {
    /// The offsets that were in a process's transactions.
    pub(crate) fn offsets_of(&mut self, process: Name) -> &mut Vec<(i64, Fate)> {
        self.offsets.entry(process.0).or_default()
    }

    /// The record that a value is a copy of.
    pub(crate) fn copied(&self, value: u64) -> Option<(i32, i64)> {
        let at = usize::try_from(value.checked_sub(FIRST_COPY)?).ok()?;
        self.copies.get(at).copied()
    }

    /// How often something went wrong.
    pub(crate) fn injections(&self) -> u64 {
        self.struck + self.planted.iter().map(PlantedFault::hits).sum::<u64>()
    }
}

/// Behind all values that producers send.
const FIRST_COPY: u64 = 1_000_000_000;
/// Timers are a little late.
const SLACK: Duration = Duration::from_secs(1);
