//! WriteShareGroupState: stores progress of share-partitions.
//!
//! Sent by a partition leader to the share coordinator, as records are acknowledged (KIP-932).
//! Needs permission for cluster actions; clients never send it. Version 1 (4.2, KIP-1226) adds the
//! count from which lag is computed.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    WriteShareGroupStateRequest => WriteShareGroupStateResponse,
    key 85, versions 0..=1, flexible 0..;

    /// Asks to store state.
    struct WriteShareGroupStateRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The state, by topic.
        0..     topics: Vec<WriteStateData>,
    }

    /// The state of one topic.
    struct WriteStateData {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The state, by partition.
        0..     partitions: Vec<PartitionData>,
    }

    /// The state of one partition.
    struct PartitionData {
        /// The partition's number within its topic.
        0..     partition: i32,
        /// The epoch of the state that the sender read; an older one is fenced.
        0..     state_epoch: i32,
        /// The sender's leader epoch; an older one is fenced.
        0..     leader_epoch: i32,
        /// The new share-partition start offset; -1 = it stays as it is.
        0..     start_offset: i64,
        /// How many records from the start offset on are acknowledged or archived; -1 = unknown.
        1..     delivery_complete_count: i32 [ignorable] = -1,
        /// The records whose state changed.
        0..     state_batches: Vec<StateBatch>,
    }

    /// The new state of a range of records.
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

    /// Says which state is stored.
    struct WriteShareGroupStateResponse {
        /// The outcome, by topic.
        0..     results: Vec<WriteStateResult>,
    }

    /// The outcome for one topic.
    struct WriteStateResult {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The outcome, by partition.
        0..     partitions: Vec<PartitionResult>,
    }

    /// The outcome for one partition.
    struct PartitionResult {
        /// The partition's number within its topic.
        0..     partition: i32,
        /// `NOT_COORDINATOR`: look it up again. `FENCED_STATE_EPOCH`: the state was set up anew.
        /// `FENCED_LEADER_EPOCH`: there is a newer leader. `UNKNOWN_TOPIC_OR_PARTITION`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
    }
}
