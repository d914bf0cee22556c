//! OffsetCommit: stores how far a group has read, partition by partition.
//!
//! Sent to the group's coordinator, by members of the group and by admin tools. A client that is no
//! member of the group (it assigns its own partitions, or resets offsets) sends an empty member id
//! and epoch -1; that is allowed while the group has no members. Version 0 kept the offsets in
//! ZooKeeper. Version 9 checks the epochs of KIP-848 members; version 10 (4.1) names topics by id.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    OffsetCommitRequest => OffsetCommitResponse, key 8, versions 0..=10, flexible 8..;

    /// Asks the coordinator to remember offsets of one group.
    struct OffsetCommitRequest {
        /// The group whose offsets these are.
        0..     group_id: Str,
        /// The generation (classic group) or member epoch (KIP-848) of the sender; -1 = not a
        /// member.
        1..     generation_id_or_member_epoch: i32 [ignorable] = -1,
        /// The sender's member id; empty if it is not a member.
        1..     member_id: Str [ignorable],
        /// The sender's `group.instance.id` if it is a static member (KIP-345), else `None`.
        7..     group_instance_id: Option<Str> [null 7..],
        /// How long to keep the offsets, in milliseconds; -1 = as the broker is configured. Gone
        /// since version 5: only the broker's `offsets.retention.minutes` counts (KIP-211).
        2..=4   retention_time_ms: i64 [ignorable] = -1,
        /// The offsets to store, by topic.
        0..     topics: Vec<OffsetCommitRequestTopic>,
    }

    /// The offsets to store for one topic.
    struct OffsetCommitRequestTopic {
        /// The topic's name; up to version 9.
        0..=9   name: Str [ignorable],
        /// The topic's id; in place of the name since version 10.
        10..    topic_id: Uuid [ignorable],
        /// The offsets to store, by partition.
        0..     partitions: Vec<OffsetCommitRequestPartition>,
    }

    /// The offset to store for one partition.
    struct OffsetCommitRequestPartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The offset of the next record to read: one more than that of the last record processed.
        0..     committed_offset: i64,
        /// Leader epoch of the last record processed, for truncation checks (KIP-320);
        /// -1 = unknown.
        6..     committed_leader_epoch: i32 [ignorable] = -1,
        /// When the commit happened, in milliseconds since 1970; -1 = now. Version 1 only.
        1..=1   commit_timestamp: i64 = -1,
        /// Any text of the client's, given back by OffsetFetch. The broker limits its length.
        0..     committed_metadata: Option<Str> [null 0.., empty],
    }

    /// Says for each partition whether its offset was stored.
    struct OffsetCommitResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 4 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        3..     throttle_time_ms: i32 [ignorable],
        /// The outcome, by topic.
        0..     topics: Vec<OffsetCommitResponseTopic>,
    }

    /// The outcome for one topic.
    struct OffsetCommitResponseTopic {
        /// The topic's name; up to version 9.
        0..=9   name: Str [ignorable],
        /// The topic's id; in place of the name since version 10.
        10..    topic_id: Uuid [ignorable],
        /// The outcome, by partition.
        0..     partitions: Vec<OffsetCommitResponsePartition>,
    }

    /// The outcome for one partition.
    struct OffsetCommitResponsePartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `NOT_COORDINATOR`: look it up again. `REBALANCE_IN_PROGRESS`, `ILLEGAL_GENERATION`,
        /// `UNKNOWN_MEMBER_ID`: rejoin. `STALE_MEMBER_EPOCH`: use the newer epoch.
        0..     error_code: ErrorCode,
    }
}
