//! Core: who asks for something in a transaction, and what.

use std::collections::BTreeSet;

use kurier_protocol::{ErrorCode, Str};

use super::marker::Marker;
use crate::group::TopicPartition;

/// A producer, its epoch.
pub(crate) type Producer = (i64, i16);

/// A transactional id and who claims to write under it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer<'a> {
    pub(crate) id: &'a str,
    pub(crate) producer: Producer,
    /// What it is told if a later one has taken its place: that depends on its request.
    pub(crate) fenced: ErrorCode,
}

/// Which rules a client or a cluster follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// KIP-98.
    V1,
    /// KIP-890: each transaction has an epoch of its own.
    V2,
}

/// A request for a producer id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Init<'a> {
    pub(crate) id: &'a Str,
    pub(crate) timeout_ms: i32,
    /// Who the producer is, if it was one before (KIP-360).
    pub(crate) expected: Option<Producer>,
    /// What it is told if a later one has taken its place.
    pub(crate) fenced: ErrorCode,
    /// A producer id that nobody has.
    pub(crate) fresh: i64,
}

/// What may be in a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Member<'a> {
    Partition(&'a TopicPartition),
    /// The offsets of a group.
    Group(&'a Str),
}

/// A transaction whose markers are to be written.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) id: Str,
    pub(crate) marker: Marker,
    pub(crate) partitions: BTreeSet<TopicPartition>,
    pub(crate) groups: BTreeSet<Str>,
}
