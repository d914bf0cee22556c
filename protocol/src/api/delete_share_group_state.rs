//! DeleteShareGroupState: deletes the stored state of share-partitions.
//!
//! Sent by a group coordinator to the share coordinator, when a share group or its offsets are
//! deleted (KIP-932). Needs permission for cluster actions; clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    DeleteShareGroupStateRequest => DeleteShareGroupStateResponse,
    key 86, versions 0..=0, flexible 0..;

    /// Asks to delete state.
    struct DeleteShareGroupStateRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The partitions, by topic.
        0..     topics: Vec<DeleteStateData>,
    }

    /// Partitions of one topic.
    struct DeleteStateData {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The partitions.
        0..     partitions: Vec<PartitionData>,
    }

    /// One partition.
    struct PartitionData {
        /// The partition's number within its topic.
        0..     partition: i32,
    }

    /// Says which state is gone.
    struct DeleteShareGroupStateResponse {
        /// The outcome, by topic.
        0..     results: Vec<DeleteStateResult>,
    }

    /// The outcome for one topic.
    struct DeleteStateResult {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The outcome, by partition.
        0..     partitions: Vec<PartitionResult>,
    }

    /// The outcome for one partition.
    struct PartitionResult {
        /// The partition's number within its topic.
        0..     partition: i32,
        /// `NOT_COORDINATOR`: look it up again. `COORDINATOR_LOAD_IN_PROGRESS`: wait.
        /// `UNKNOWN_TOPIC_OR_PARTITION`. `INVALID_REQUEST`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
    }
}
