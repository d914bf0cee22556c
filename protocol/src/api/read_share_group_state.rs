//! ReadShareGroupState: loads the stored state of share-partitions.
//!
//! Sent by a partition leader to the share coordinator, before it serves a share group (KIP-932).
//! Needs permission for cluster actions; clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    ReadShareGroupStateRequest => ReadShareGroupStateResponse, key 84, versions 0..=0, flexible 0..;

    /// Asks for state.
    struct ReadShareGroupStateRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The partitions, by topic.
        0..     topics: Vec<ReadStateData>,
    }

    /// Partitions of one topic.
    struct ReadStateData {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The partitions.
        0..     partitions: Vec<PartitionData>,
    }

    /// One partition.
    struct PartitionData {
        /// The partition's number within its topic.
        0..     partition: i32,
        /// The sender's leader epoch; from then on older leaders are fenced.
        0..     leader_epoch: i32,
    }

    /// The state.
    struct ReadShareGroupStateResponse {
        /// The state, by topic.
        0..     results: Vec<ReadStateResult>,
    }

    /// The state of one topic.
    struct ReadStateResult {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The state, by partition.
        0..     partitions: Vec<PartitionResult>,
    }

    /// The state of one partition.
    struct PartitionResult {
        /// The partition's number within its topic.
        0..     partition: i32,
        /// `NOT_COORDINATOR`: look it up again. `COORDINATOR_LOAD_IN_PROGRESS`: wait.
        /// `FENCED_LEADER_EPOCH`: there is a newer leader. `UNKNOWN_TOPIC_OR_PARTITION`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// The epoch of the state, which later writes must carry.
        0..     state_epoch: i32,
        /// The share-partition start offset; -1 = not yet set.
        0..     start_offset: i64,
        /// The state of the records from the start offset on.
        0..     state_batches: Vec<StateBatch>,
    }

    /// The state of a range of records.
    struct StateBatch {
        /// The first offset of the range.
        0..     first_offset: i64,
        /// The last offset of the range, itself included.
        0..     last_offset: i64,
        /// 0 = available, 2 = acknowledged, 4 = archived (given up).
        0..     delivery_state: i8,
        /// How often the records were handed out.
        0..     delivery_count: i16,
    }
}
