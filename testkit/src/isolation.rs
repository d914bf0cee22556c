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

impl Isolation {
    /// The one that a request asks for by Kafka's number.
    pub(crate) fn numbered(level: i8) -> Self {
        if level == 1 { Self::Committed } else { Self::Uncommitted }
    }
}
