//! What deliveries and outcomes tell of themselves.

use std::fmt;
use std::ops;

use super::batch::{Completion, Delivery, RecordMetadata};
use crate::error::Error;
use crate::sync::Counted;

impl Delivery {
    /// Whether the outcome is known, so that awaiting it takes no time.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.batch.as_ref().is_none_or(|batch| batch.outcome.get().is_some())
    }

    /// The topic of the record; "" once the outcome was taken, which has it then.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.batch.as_ref().map_or("", |batch| &batch.topic)
    }

    /// The partition of the record; -1 once the outcome was taken, which has it then.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.batch.as_ref().map_or(-1, |batch| batch.partition)
    }

    /// Its number in the batch.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// Where its batch lies: the same for deliveries of one batch, as long as one of them lives.
    pub(crate) fn batch_address(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| Counted::as_ptr(batch).addr())
    }

    /// Which records of its batch were not delivered, and why; none as long as that is not known.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (ops::Range<u32>, &Error)> {
        let outcome = self.batch.as_ref().and_then(|batch| batch.outcome.get());
        outcome.into_iter().flat_map(|outcome| outcome.failures())
    }
}

impl RecordMetadata {
    /// Of a record that was never sent: for tests of what comes behind a producer.
    #[must_use]
    pub fn new(topic: &str, partition: i32, offset: i64, timestamp: i64) -> Self {
        let batch = Completion::new(topic.into(), partition);
        Self { partition, offset, timestamp, batch }
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.batch.topic
    }
}

impl PartialEq for RecordMetadata {
    fn eq(&self, other: &Self) -> bool {
        let place = |it: &Self| (it.partition, it.offset, it.timestamp);
        place(self) == place(other) && self.topic() == other.topic()
    }
}

impl Eq for RecordMetadata {}

impl fmt::Debug for RecordMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordMetadata")
            .field("topic", &self.topic())
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("timestamp", &self.timestamp)
            .finish()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("index", &self.index)
            .field("is_complete", &self.is_complete())
            .finish()
    }
}
