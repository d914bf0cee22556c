//! DeleteRecords: deletes the records of partitions before an offset.
//!
//! Sent by admin tools to the leaders of the partitions; since 0.11 (KIP-107). It moves the log
//! start offset; the bytes go later.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DeleteRecordsRequest => DeleteRecordsResponse, key 21, versions 0..=2, flexible 2..;

    /// Asks to delete records.
    struct DeleteRecordsRequest {
        /// The partitions, by topic.
        0..     topics: Vec<DeleteRecordsTopic>,
        /// How long the leader may wait for its followers, in milliseconds.
        0..     timeout_ms: i32,
    }

    /// Partitions of one topic.
    struct DeleteRecordsTopic {
        /// The topic's name.
        0..     name: Str,
        /// The partitions.
        0..     partitions: Vec<DeleteRecordsPartition>,
    }

    /// One partition.
    struct DeleteRecordsPartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The first offset to keep; -1 = the high watermark, which deletes all.
        0..     offset: i64,
    }

    /// Says what is deleted.
    struct DeleteRecordsResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// The outcome, by topic.
        0..     topics: Vec<DeleteRecordsTopicResult>,
    }

    /// The outcome for one topic.
    struct DeleteRecordsTopicResult {
        /// The topic's name.
        0..     name: Str,
        /// The outcome, by partition.
        0..     partitions: Vec<DeleteRecordsPartitionResult>,
    }

    /// The outcome for one partition.
    struct DeleteRecordsPartitionResult {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The lowest log start offset of all live replicas; -1 on an error.
        0..     low_watermark: i64,
        /// `OFFSET_OUT_OF_RANGE`: past the high watermark. `NOT_LEADER_OR_FOLLOWER`: refresh.
        /// `POLICY_VIOLATION`: the topic is only compacted. `TOPIC_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
    }
}
