//! Which connection to a broker a request takes.

use kurier_protocol::ApiKey;

use crate::metrics::Role;

/// Which of a client's connections to a broker a request takes. A broker answers one connection in
/// turn, so what may wait long has connections of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Records of the producer with this number.
    Produce(u64),
    /// Fetches of the consumer with this number.
    Fetch(u64),
    /// What a coordinator answers when all members of a group have come, JoinGroup and SyncGroup,
    /// where a program asks for it itself.
    Slow,
    /// The same for the member of a group with this number.
    Member(u64),
    /// Everything else.
    Normal,
}

impl Class {
    /// That of a request which is neither a producer's nor a consumer's own.
    pub(crate) fn of(api: ApiKey) -> Self {
        match api {
            ApiKey::JOIN_GROUP | ApiKey::SYNC_GROUP => Self::Slow,
            _ => Self::Normal,
        }
    }

    /// Among whose connections it is measured.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Produce(_) => Role::Producer,
            Self::Fetch(_) | Self::Slow | Self::Member(_) => Role::Consumer,
            Self::Normal => Role::Admin,
        }
    }
}
