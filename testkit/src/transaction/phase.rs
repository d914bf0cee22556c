//! Core: where a transaction stands.

use crate::group::TransactionEnd;

/// Where a transactional id stands, in Kafka's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has had no transaction yet.
    Empty,
    Ongoing,
    /// How it ends is decided, but not all partitions know.
    Prepare(TransactionEnd),
    Complete(TransactionEnd),
}

impl Phase {
    /// Kafka's name.
    pub(crate) fn name(self) -> &'static str {
        use TransactionEnd::{Abort, Commit};
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::Prepare(Commit) => "PrepareCommit",
            Self::Prepare(Abort) => "PrepareAbort",
            Self::Complete(Commit) => "CompleteCommit",
            Self::Complete(Abort) => "CompleteAbort",
        }
    }

    /// All names that Kafka has.
    pub(crate) const NAMES: [&'static str; 8] = [
        "Empty",
        "Ongoing",
        "PrepareCommit",
        "PrepareAbort",
        "CompleteCommit",
        "CompleteAbort",
        "Dead",
        "PrepareEpochFence",
    ];
}
