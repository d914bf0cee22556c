//! Core: a broken promise, and what proves it.

use std::fmt;

use super::invariant::Invariant;
use super::operation::TopicPartition;

/// A promise that a history shows to be broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// What does not hold.
    pub invariant: Invariant,
    /// What does not hold either, as it follows.
    pub also: Vec<Invariant>,
    /// The partition, if it is about one.
    pub partition: Option<TopicPartition>,
    /// The offsets that it is about, in order.
    pub offsets: Vec<i64>,
    /// The places in the history of the operations that prove it: a history of these alone breaks
    /// the same promise in the same partition.
    pub operations: Vec<usize>,
    /// What happened, in words.
    pub detail: String,
}

impl Violation {
    pub(super) fn new(
        invariant: Invariant,
        at: (&TopicPartition, Vec<i64>),
        mut operations: Vec<usize>,
        detail: String,
    ) -> Self {
        operations.sort_unstable();
        operations.dedup();
        let (partition, offsets) = (Some(at.0.clone()), at.1);
        Self { invariant, also: Vec::new(), partition, offsets, operations, detail }
    }

    pub(super) fn also(mut self, also: impl IntoIterator<Item = Invariant>) -> Self {
        self.also.extend(also);
        self
    }

    /// Everything that does not hold.
    pub fn invariants(&self) -> impl Iterator<Item = Invariant> {
        [self.invariant].into_iter().chain(self.also.iter().copied())
    }

    /// Whether it is the same trouble: the same promise, in the same partition.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.invariant == other.invariant && self.partition == other.partition
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.invariant)?;
        for also in &self.also {
            write!(f, ", {also}")?;
        }
        write!(f, " {}: ", self.invariant.broken())?;
        if let Some(partition) = &self.partition {
            write!(f, "{partition} ")?;
        }
        for offset in &self.offsets {
            write!(f, "@{offset} ")?;
        }
        write!(f, "{} (operations", self.detail)?;
        for place in &self.operations {
            write!(f, " {place}")?;
        }
        f.write_str(")")
    }
}
