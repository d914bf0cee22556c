//! What a delivery tells besides its outcome.

use std::fmt;
use std::ops;

use super::batch::Delivery;
use crate::error::Error;
use crate::sync::Counted;

impl Delivery {
    /// Whether the outcome is known, so that awaiting it takes no time.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.batch.outcome.get().is_some()
    }

    /// The topic of the record.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.batch.topic
    }

    /// The partition of the record.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.batch.partition
    }

    /// Its number in the batch.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// Where its batch lies: the same for deliveries of one batch, as long as one of them lives.
    pub(crate) fn batch_address(&self) -> usize {
        Counted::as_ptr(&self.batch).addr()
    }

    /// Which records of its batch were not delivered, and why; none as long as that is not known.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (ops::Range<u32>, &Error)> {
        self.batch.outcome.get().into_iter().flat_map(|outcome| outcome.failures())
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
