//! Notes what a run does, as it does it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::operation::{
    Action, End, History, Operation, Outcome, Polled, Sent, Step, Stretch, TopicPartition, Txn,
};
use crate::isolation::Isolation;

/// Notes operations with the time of tokio's clock, paused or not. Cloning shares it.
///
/// No two notes have the same time: those of one moment are a nanosecond apart, in the order in
/// which they were made.
#[derive(Clone, Debug)]
pub struct Recorder {
    notes: Arc<Mutex<Notes>>,
}

/// An operation that is going on. Dropping it says that nobody waits for its outcome any longer,
/// which is unknown then.
#[derive(Debug)]
#[must_use = "dropping it makes the outcome unknown"]
pub struct Pending {
    notes: Arc<Mutex<Notes>>,
    place: usize,
}

#[derive(Debug)]
struct Notes {
    started: Instant,
    last: Duration,
    history: History,
}

impl Recorder {
    /// Begins a history; its time starts now.
    #[must_use]
    pub fn new() -> Self {
        let (started, last) = (Instant::now(), Duration::ZERO);
        let notes = Notes { started, last, history: History::default() };
        Self { notes: Arc::new(Mutex::new(notes)) }
    }

    /// Notes that a process begins something.
    pub fn begin(&self, process: u32, action: Action) -> Pending {
        let place = with(&self.notes, |notes| {
            let invoked = notes.stamp();
            let outcome = Outcome::Unknown;
            let operation = Operation { process, invoked, completed: None, outcome, action };
            notes.history.operations.push(operation);
            notes.history.operations.len() - 1
        });
        Pending { notes: Arc::clone(&self.notes), place }
    }

    /// Notes that a process begins to send a record.
    pub fn send(&self, process: u32, to: TopicPartition, value: u64) -> Pending {
        self.begin(process, Action::Send(Sent { to, value, offset: None }))
    }

    /// Notes that a process begins to poll.
    pub fn poll(&self, process: u32, isolation: Isolation) -> Pending {
        self.begin(process, Action::Poll(Polled { isolation, stretches: Vec::new() }))
    }

    /// Notes that a process begins a transaction.
    pub fn txn(&self, process: u32) -> Pending {
        let txn = Txn { end: End::Abort, ended: None, steps: Vec::new() };
        self.begin(process, Action::Txn(txn))
    }

    /// Notes something that is done at once, as [`Action::Assign`] and [`Action::Crash`] are.
    pub fn note(&self, process: u32, action: Action) {
        self.begin(process, action).end(Outcome::Ok);
    }

    /// What was noted so far. Operations that still go on have no end and an unknown outcome.
    #[must_use]
    pub fn history(&self) -> History {
        with(&self.notes, |notes| notes.history.clone())
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Pending {
    /// It has ended so.
    pub fn end(self, outcome: Outcome) {
        with(&self.notes, |notes| notes.end(self.place, outcome));
    }

    /// The broker has acknowledged the record, with this offset if it told one.
    pub fn acknowledged(self, at: impl Into<Option<i64>>) {
        self.change(|action| {
            if let Action::Send(sent) = action {
                sent.offset = at.into();
            }
        });
        self.end(Outcome::Ok);
    }

    /// The poll gave these records, offset and value, of a partition. May be said again for others.
    pub fn polled(&self, of: TopicPartition, records: Vec<(i64, u64)>) {
        self.change(|action| {
            if let Action::Poll(polled) = action {
                polled.stretches.push(Stretch { of, records });
            }
        });
    }

    /// This was done in the transaction.
    pub fn step(&self, step: Step) {
        self.change(|action| {
            if let Action::Txn(txn) = action {
                txn.steps.push(step);
            }
        });
    }

    /// The end of the transaction is asked for now. One that is never asked for is an abort.
    pub fn ending(&self, end: End) {
        with(&self.notes, |notes| {
            let now = notes.stamp();
            if let Some(Action::Txn(txn)) = notes.action(self.place) {
                (txn.end, txn.ended) = (end, Some(now));
            }
        });
    }

    /// Changes what was noted of the operation.
    pub fn change(&self, change: impl FnOnce(&mut Action)) {
        with(&self.notes, |notes| notes.action(self.place).map(change));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        with(&self.notes, |notes| notes.end(self.place, Outcome::Unknown));
    }
}

impl Notes {
    fn stamp(&mut self) -> Duration {
        let next = self.last + Duration::from_nanos(1);
        self.last = self.started.elapsed().max(next);
        self.last
    }

    fn end(&mut self, place: usize, outcome: Outcome) {
        let now = self.stamp();
        let open = self.history.operations.get_mut(place);
        if let Some(open) = open.filter(|operation| operation.completed.is_none()) {
            (open.completed, open.outcome) = (Some(now), outcome);
        }
    }

    fn action(&mut self, place: usize) -> Option<&mut Action> {
        self.history.operations.get_mut(place).map(|operation| &mut operation.action)
    }
}

fn with<T>(notes: &Mutex<Notes>, act: impl FnOnce(&mut Notes) -> T) -> T {
    // Notes are whole between any two calls, whoever panicked.
    act(&mut notes.lock().unwrap_or_else(PoisonError::into_inner))
}
