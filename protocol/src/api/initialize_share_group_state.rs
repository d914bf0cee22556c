//! InitializeShareGroupState: sets up the stored state of share-partitions.
//!
//! Sent by a group coordinator to the share coordinator, which keeps the state of a share group's
//! partitions in `__share_group_state` (KIP-932). Needs permission for cluster actions; clients
//! never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    InitializeShareGroupStateRequest => InitializeShareGroupStateResponse,
    key 83, versions 0..=0, flexible 0..;

    /// Asks to set up state.
    struct InitializeShareGroupStateRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The partitions, by topic.
        0..     topics: Vec<InitializeStateData>,
    }

    /// Partitions of one topic.
    struct InitializeStateData {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The partitions.
        0..     partitions: Vec<PartitionData>,
    }

    /// One partition.
    struct PartitionData {
        /// The partition's number within its topic.
        0..     partition: i32,
        /// The epoch of the new state. It grows with every set-up, so that writers of the old state
        /// are fenced.
        0..     state_epoch: i32,
        /// The share-partition start offset; -1 = not yet known.
        0..     start_offset: i64,
    }

    /// Says which state is set up.
    struct InitializeShareGroupStateResponse {
        /// The outcome, by topic.
        0..     results: Vec<InitializeStateResult>,
    }

    /// The outcome for one topic.
    struct InitializeStateResult {
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
        /// `FENCED_STATE_EPOCH`: a newer state exists. `INVALID_REQUEST`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
    }
}
