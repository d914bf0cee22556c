//! A cell: who does what, and how often it is done in one go.

use std::fmt;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// A batch of 1000 records, 100 bytes of value each, is read.
    DecodeValue,
    /// A batch of 1000 records with a value, a key and a header each is read.
    DecodeKeyed,
    /// A batch of 1000 records, 100 bytes of value each, is written.
    EncodeValue,
    /// A batch of 1000 records with a value, a key and a header each is written.
    EncodeKeyed,
    /// A Fetch response of 10 times 100 partitions without records is read.
    Fetch(i16),
    /// A Metadata response of 100 times 10 partitions with 3 replicas each is read.
    Metadata(i16),
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DecodeValue => f.write_str("decode, value of 100 B"),
            Self::DecodeKeyed => f.write_str("decode, value of 100 B, key of 16 B, a header"),
            Self::EncodeValue => f.write_str("encode, value of 100 B"),
            Self::EncodeKeyed => f.write_str("encode, value of 100 B, key of 16 B, a header"),
            Self::Fetch(version) => write!(f, "Fetch response v{version}, no records"),
            Self::Metadata(version) => write!(f, "Metadata response v{version}"),
        }
    }
}

/// Whose code does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The least that the work needs, without an interface around it: the floor.
    Bare,
    /// Kurier.
    Ours,
    /// Another codec.
    Peer,
}

/// Whether what comes out can outlive the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keeps {
    /// It borrows.
    Borrowed,
    /// It owns its bytes, be it by a reference count.
    Owned,
}

/// Who does what.
pub struct Cell {
    /// What is done.
    pub task: Task,
    /// By whom, in words.
    pub who: &'static str,
    /// Whose code that is.
    pub kind: Kind,
    /// What comes out of it.
    pub keeps: Keeps,
    /// Does it, for [`ITEMS`] records or partitions; gives back something made of all of them.
    pub run: Box<dyn Fn() -> i64>,
}

/// Records in a batch, and partitions in a message.
pub const ITEMS: u32 = 1000;

impl Cell {
    /// A cell; the first run must give `expected`, so that nobody is measured doing nothing.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn new(
        task: Task,
        (who, kind, keeps): (&'static str, Kind, Keeps),
        expected: i64,
        run: impl Fn() -> i64 + 'static,
    ) -> Self {
        assert_eq!(run(), expected, "{who} does not do its work: {task}");
        Self { task, who, kind, keeps, run: Box::new(run) }
    }
}
