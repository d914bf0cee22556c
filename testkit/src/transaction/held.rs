//! Core: where no markers are written for now, by script.

use std::collections::BTreeSet;

use crate::group::TopicPartition;

/// Partitions that get no markers for now.
#[derive(Debug)]
pub(super) enum Held {
    Some(BTreeSet<TopicPartition>),
    /// Groups get none either.
    All,
}

impl Default for Held {
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Held {
    /// Adds one partition, or all that there are.
    pub(super) fn push(&mut self, partition: Option<TopicPartition>) {
        match (self, partition) {
            (Self::All, _) => {}
            (held, None) => *held = Self::All,
            (Self::Some(held), Some(partition)) => {
                held.insert(partition);
            }
        }
    }

    pub(super) fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    pub(super) fn contains(&self, partition: &TopicPartition) -> bool {
        match self {
            Self::Some(held) => held.contains(partition),
            Self::All => true,
        }
    }
}
