//! AlterShareGroupOffsets: moves the start offsets of a share group.
//!
//! Sent by admin tools to the group's coordinator; since 4.1 (KIP-932). The group must be empty of
//! members.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    AlterShareGroupOffsetsRequest => AlterShareGroupOffsetsResponse,
    key 91, versions 0..=0, flexible 0..;

    /// Asks to move start offsets of one group.
    struct AlterShareGroupOffsetsRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The new offsets, by topic.
        0..     topics: Vec<AlterShareGroupOffsetsRequestTopic>,
    }

    /// The new offsets for one topic.
    struct AlterShareGroupOffsetsRequestTopic {
        /// The topic's name.
        0..     topic_name: Str,
        /// The new offsets, by partition.
        0..     partitions: Vec<AlterShareGroupOffsetsRequestPartition>,
    }

    /// The new offset for one partition.
    struct AlterShareGroupOffsetsRequestPartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The share-partition start offset to set: delivery begins there anew.
        0..     start_offset: i64,
    }

    /// Says which offsets moved.
    struct AlterShareGroupOffsetsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// An error of the whole request. `NON_EMPTY_GROUP`: it has members. `GROUP_ID_NOT_FOUND`.
        /// `NOT_COORDINATOR`: look it up again. `GROUP_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// The outcome, by topic.
        0..     responses: Vec<AlterShareGroupOffsetsResponseTopic>,
    }

    /// The outcome for one topic.
    struct AlterShareGroupOffsetsResponseTopic {
        /// The topic's name.
        0..     topic_name: Str,
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The outcome, by partition.
        0..     partitions: Vec<AlterShareGroupOffsetsResponsePartition>,
    }

    /// The outcome for one partition.
    struct AlterShareGroupOffsetsResponsePartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `UNKNOWN_TOPIC_OR_PARTITION`. `TOPIC_AUTHORIZATION_FAILED`. `UNKNOWN_SERVER_ERROR`: see
        /// `error_message`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
    }
}
