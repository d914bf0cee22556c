//! Core: the connections to a broker on which records are fetched.

/// A connection to a broker: it answers what comes on one in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane {
    pub(crate) broker: i32,
    /// Whether it is the one beside the usual, for partitions whose leader this broker has become
    /// while it waits for records of others: they need not wait for those.
    pub(crate) is_aside: bool,
}

impl Lane {
    pub(crate) fn main(broker: i32) -> Self {
        Self { broker, is_aside: false }
    }

    pub(crate) fn aside(broker: i32) -> Self {
        Self { broker, is_aside: true }
    }
}
