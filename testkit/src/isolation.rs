//! Which records a reader wants.

/// What a reader is shown of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// All records, of open and aborted transactions too. Kafka: `read_uncommitted`.
    Uncommitted,
    /// Records that are in no transaction or in one that was committed, up to the first one that is
    /// open. Kafka: `read_committed`.
    Committed,
}
