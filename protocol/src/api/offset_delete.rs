//! OffsetDelete: deletes committed offsets of some partitions of a group.
//!
//! Sent by admin tools to the group's coordinator. Since 2.4 (KIP-496). Other than DeleteGroups it
//! works on a group with members, for topics that they do not subscribe to.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    OffsetDeleteRequest => OffsetDeleteResponse, key 47, versions 0..=0, flexible never..;

    /// Asks to delete offsets of one group.
    struct OffsetDeleteRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The partitions, by topic.
        0..     topics: Vec<OffsetDeleteRequestTopic>,
    }

    /// One topic.
    struct OffsetDeleteRequestTopic {
        /// The topic's name.
        0..     name: Str,
        /// The partitions whose offsets shall go.
        0..     partitions: Vec<OffsetDeleteRequestPartition>,
    }

    /// One partition.
    struct OffsetDeleteRequestPartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
    }

    /// Says which offsets are gone.
    struct OffsetDeleteResponse {
        /// An error of the whole request. `GROUP_ID_NOT_FOUND`. `NON_EMPTY_GROUP`: it has members
        /// and is not a consumer group. `NOT_COORDINATOR`: look it up again.
        0..     error_code: ErrorCode,
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32 [ignorable],
        /// The outcome, by topic.
        0..     topics: Vec<OffsetDeleteResponseTopic>,
    }

    /// The outcome for one topic.
    struct OffsetDeleteResponseTopic {
        /// The topic's name.
        0..     name: Str,
        /// The outcome, by partition.
        0..     partitions: Vec<OffsetDeleteResponsePartition>,
    }

    /// The outcome for one partition.
    struct OffsetDeleteResponsePartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `GROUP_SUBSCRIBED_TO_TOPIC`: a member reads this topic. `UNKNOWN_TOPIC_OR_PARTITION`.
        /// `TOPIC_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
    }
}
