//! ReadShareGroupStateSummary: reads the offsets of share-partitions, without their records.
//!
//! Sent by a group coordinator to the share coordinator, to describe offsets (KIP-932). Needs
//! permission for cluster actions; clients never send it. Version 1 (4.2, KIP-1226) adds the count
//! from which lag is computed.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    ReadShareGroupStateSummaryRequest => ReadShareGroupStateSummaryResponse,
    key 87, versions 0..=1, flexible 0..;

    /// Asks for offsets.
    struct ReadShareGroupStateSummaryRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The partitions, by topic.
        0..     topics: Vec<ReadStateSummaryData>,
    }

    /// Partitions of one topic.
    struct ReadStateSummaryData {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The partitions.
        0..     partitions: Vec<PartitionData>,
    }

    /// One partition.
    struct PartitionData {
        /// The partition's number within its topic.
        0..     partition: i32,
        /// The partition's leader epoch, as far as the sender knows; -1 = unknown.
        0..     leader_epoch: i32,
    }

    /// The offsets.
    struct ReadShareGroupStateSummaryResponse {
        /// The offsets, by topic.
        0..     results: Vec<ReadStateSummaryResult>,
    }

    /// The offsets of one topic.
    struct ReadStateSummaryResult {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The offsets, by partition.
        0..     partitions: Vec<PartitionResult>,
    }

    /// The offset of one partition.
    struct PartitionResult {
        /// The partition's number within its topic.
        0..     partition: i32,
        /// `NOT_COORDINATOR`: look it up again. `COORDINATOR_LOAD_IN_PROGRESS`: wait.
        /// `FENCED_LEADER_EPOCH`: there is a newer leader. `UNKNOWN_TOPIC_OR_PARTITION`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// The epoch of the state.
        0..     state_epoch: i32,
        /// The leader epoch that the state was last used with.
        0..     leader_epoch: i32,
        /// The share-partition start offset; -1 = not yet set.
        0..     start_offset: i64,
        /// How many records from the start offset on are acknowledged or archived; -1 = unknown.
        1..     delivery_complete_count: i32 [ignorable] = -1,
    }
}
