//! `Beginning`: the batches that a round begins with, and what they count for.

use crate::consumer::{Consumer, FetchedBatch, Lease};

/// What the next round begins with, or the open one did.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    batches: Vec<FetchedBatch>,
    /// Of all batches, at most.
    records: usize,
    /// Of all batches, packed and unpacked.
    bytes: usize,
    /// Counts them in the consumer's budget.
    lease: Option<Lease>,
}

impl Beginning {
    /// Adds a batch that this consumer has given.
    pub(super) fn push(&mut self, batch: FetchedBatch, consumer: &mut Consumer) {
        let records = usize::try_from(batch.record_count_max()).unwrap_or(usize::MAX);
        self.records = self.records.saturating_add(records);
        self.bytes = self.bytes.saturating_add(batch.bytes());
        self.batches.push(batch);
        // Not both at a time.
        self.lease = None;
        self.lease = Some(consumer.count(self.bytes));
    }

    /// Whether there may be more of it, where that many records are enough.
    pub(super) fn has_room(&self, records_max: usize, consumer: &Consumer) -> bool {
        self.records < records_max && self.bytes < consumer.round_bytes_max()
    }

    pub(super) fn batches(&self) -> &[FetchedBatch] {
        &self.batches
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}
