//! DescribeShareGroupOffsets: where share groups stand in their partitions.
//!
//! Sent by admin tools to the coordinator of each group; since 4.1 (KIP-932). Version 1 (4.2,
//! KIP-1226) adds the lag.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    DescribeShareGroupOffsetsRequest => DescribeShareGroupOffsetsResponse,
    key 90, versions 0..=1, flexible 0..;

    /// Asks for offsets of groups.
    struct DescribeShareGroupOffsetsRequest {
        /// The groups.
        0..     groups: Vec<DescribeShareGroupOffsetsRequestGroup>,
    }

    /// One group.
    struct DescribeShareGroupOffsetsRequestGroup {
        /// The group's id.
        0..     group_id: Str,
        /// The partitions to report, by topic; `None` = all that the group has state for.
        0..     topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>> [null 0.., empty],
    }

    /// Partitions of one topic.
    struct DescribeShareGroupOffsetsRequestTopic {
        /// The topic's name.
        0..     topic_name: Str,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }

    /// The offsets.
    struct DescribeShareGroupOffsetsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// The offsets, by group.
        0..     groups: Vec<DescribeShareGroupOffsetsResponseGroup>,
    }

    /// The offsets of one group.
    struct DescribeShareGroupOffsetsResponseGroup {
        /// The group's id.
        0..     group_id: Str,
        /// The offsets, by topic.
        0..     topics: Vec<DescribeShareGroupOffsetsResponseTopic>,
        /// `NOT_COORDINATOR`: look it up again. `COORDINATOR_LOAD_IN_PROGRESS`: wait.
        /// `GROUP_ID_NOT_FOUND`. `GROUP_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
    }

    /// The offsets of one topic.
    struct DescribeShareGroupOffsetsResponseTopic {
        /// The topic's name.
        0..     topic_name: Str,
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The offsets, by partition.
        0..     partitions: Vec<DescribeShareGroupOffsetsResponsePartition>,
    }

    /// The offset of one partition.
    struct DescribeShareGroupOffsetsResponsePartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The share-partition start offset: all records before it are done with; -1 = not yet set.
        0..     start_offset: i64,
        /// The leader epoch of the partition.
        0..     leader_epoch: i32,
        /// How many records are left to deliver or to acknowledge; -1 = unknown.
        1..     lag: i64 [ignorable] = -1,
        /// `TOPIC_AUTHORIZATION_FAILED`. `UNKNOWN_TOPIC_OR_PARTITION`. `UNKNOWN_SERVER_ERROR`: see
        /// `error_message`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
    }
}
