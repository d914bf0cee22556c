//! Core: which turn of which partition something belongs to, and how far one is processed.

/// A partition between two seeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) slot: usize,
    pub(crate) generation: u64,
}

/// What whoever reads was told of a log since it asked for a place in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// How often where to read was looked up.
    pub(crate) finds: u64,
    /// How often it had not all any more of what was read of it.
    pub(crate) cuts: u64,
}

/// How far a partition is processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The next record to process.
    pub(crate) offset: i64,
    /// The leader epoch of the last one that was; -1 if it is not known.
    pub(crate) leader_epoch: i32,
}
