//! Core: requests that wait for an answer which another event gives.

use std::collections::BTreeMap;

use crate::limits::ANSWERS_KEPT_MAX;

/// Waiting requests and what they will be answered, by the number of the call.
#[derive(Debug)]
pub(crate) struct Calls<A> {
    calls: BTreeMap<u64, Option<A>>,
    answered: u64,
}

impl<A> Default for Calls<A> {
    fn default() -> Self {
        Self { calls: BTreeMap::new(), answered: 0 }
    }
}

/// What is known of a call.
#[derive(Debug)]
pub(crate) enum Known<A> {
    /// It was not seen before.
    New,
    /// It waits.
    Waits,
    /// This is its answer, which is given away.
    Answered(A),
}

impl<A> Calls<A> {
    /// What is known of a call.
    pub(super) fn take(&mut self, call: u64) -> Known<A> {
        match self.calls.remove(&call) {
            None => Known::New,
            Some(Some(answer)) => Known::Answered(answer),
            Some(None) => {
                self.calls.insert(call, None);
                Known::Waits
            }
        }
    }

    /// Lets a call wait.
    pub(super) fn wait(&mut self, call: u64) {
        self.calls.insert(call, None);
    }

    /// Answers a call that waits. Answers that nobody fetches, as their clients have gone, are
    /// forgotten in time.
    pub(super) fn answer(&mut self, call: u64, answer: A) {
        if let Some(slot) = self.calls.get_mut(&call) {
            *slot = Some(answer);
            self.answered += 1;
        }
        while self.calls.len() > ANSWERS_KEPT_MAX {
            self.calls.pop_first();
        }
    }

    /// Forgets all calls.
    pub(super) fn clear(&mut self) {
        self.calls.clear();
    }

    /// How many calls were answered while they waited.
    pub(super) fn answered(&self) -> u64 {
        self.answered
    }
}
