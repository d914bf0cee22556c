//! Core: who waits until everything that was there has its outcome.

use std::collections::BTreeMap;
use std::mem;

use crate::error::Error;

/// The flushes that are not done yet.
#[derive(Debug, Default)]
pub(crate) struct Flushes {
    waiting: Vec<Flush>,
}

/// One call of `flush`.
#[derive(Debug)]
pub(crate) struct Flush {
    pub(crate) id: u64,
    /// The newest batch of each partition at the time of the call, by slot.
    targets: BTreeMap<usize, u64>,
    /// Why one of these batches failed.
    pub(crate) failure: Option<Error>,
}

impl Flushes {
    pub(crate) fn add(&mut self, id: u64, targets: BTreeMap<usize, u64>) {
        self.waiting.push(Flush { id, targets, failure: None });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Notes that a batch has failed.
    pub(crate) fn note_failure(&mut self, slot: usize, number: u64, error: &Error) {
        for flush in &mut self.waiting {
            if flush.targets.get(&slot).is_some_and(|target| number <= *target) {
                flush.failure.get_or_insert_with(|| error.clone());
            }
        }
    }

    /// Takes all of them: what they wait for has failed by this.
    pub(crate) fn fail_all(&mut self, error: &Error) -> Vec<Flush> {
        let mut all = mem::take(&mut self.waiting);
        for flush in &mut all {
            flush.failure.get_or_insert_with(|| error.clone());
        }
        all
    }

    /// Takes the flushes that are done, given the oldest batch of a partition without an outcome.
    pub(crate) fn take_done(&mut self, oldest: impl Fn(usize) -> Option<u64>) -> Vec<Flush> {
        let is_open = |slot: usize, target: u64| oldest(slot).is_some_and(|o| o <= target);
        for flush in &mut self.waiting {
            flush.targets.retain(|slot, target| is_open(*slot, *target));
        }
        self.waiting.extract_if(.., |flush| flush.targets.is_empty()).collect()
    }
}
