//! Which connection to a broker a request takes.

use crate::metrics::Role;

/// Which of a client's connections to a broker a request takes. A broker answers one connection in
/// turn, so what may wait long has connections of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Records of the producer with this number.
    Produce(u64),
    /// Fetches of the consumer with this number.
    Fetch(u64),
    /// Everything else.
    Normal,
}

impl Class {
    /// Among whose connections it is measured.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Produce(_) => Role::Producer,
            Self::Fetch(_) => Role::Consumer,
            Self::Normal => Role::Admin,
        }
    }
}
