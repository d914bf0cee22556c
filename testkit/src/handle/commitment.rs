//! Core: what the two requests that commit offsets share: OffsetCommit and TxnOffsetCommit.

use kurier_protocol::{ErrorCode, Str, Uuid};

use crate::group::{Committed, Offsets, TopicPartition};
use crate::state::State;

/// How a request says which topic it means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Named<'a> {
    By(&'a Str),
    Id(Uuid),
}

/// The name of the topic that is meant.
///
/// # Errors
///
/// There is no such topic.
pub(super) fn known_topic(state: &State, topic: Named<'_>) -> Result<Str, ErrorCode> {
    match topic {
        Named::Id(id) => state.topic_name(id).cloned().ok_or(ErrorCode::UNKNOWN_TOPIC_ID),
        Named::By(name) => {
            let known = state.known_name(name).cloned();
            known.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        }
    }
}

/// A partition that exists, by the id of its topic.
pub(super) fn known_partition(
    state: &State,
    topic: Named<'_>,
    partition: i32,
) -> Option<(Uuid, i32)> {
    let topic = state.topic(&known_topic(state, topic).ok()?)?;
    topic.partition(partition).map(|_| (topic.id, partition))
}

/// Keeps an offset for a group, in the way that the request wants, if it may be kept.
pub(super) fn keep(
    state: &mut State,
    group: &Str,
    of: TopicPartition,
    offset: Committed,
    keep: impl FnOnce(&mut Offsets, TopicPartition, Committed) -> Result<(), ErrorCode>,
) -> ErrorCode {
    if state.partition(&of.0, of.1).is_none() {
        return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    }
    let saboteur = state.saboteur;
    let mut group = state.groups.obtain(group);
    if offset.metadata.len() > group.settings.metadata_bytes_max {
        return ErrorCode::OFFSET_METADATA_TOO_LARGE;
    }
    let kept = match saboteur.committed(offset) {
        Some(offset) => keep(&mut group.offsets, of, offset),
        None => Ok(()),
    };
    kept.err().unwrap_or(ErrorCode::NONE)
}
