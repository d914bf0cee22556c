//! Core: where a classic group stands, and what it waits for.

use std::time::{Duration, Instant};

/// Where a group stands, in Kafka's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// What the group waits for, and until when.
#[derive(Clone, Copy, Debug)]
pub(super) enum Barrier {
    None,
    /// The first members of a new group; each one that comes prolongs the wait.
    First {
        until: Instant,
        left: Duration,
        has_new: bool,
    },
    /// All members' JoinGroup.
    Joins(Instant),
    /// All members' SyncGroup.
    Syncs(Instant),
}
