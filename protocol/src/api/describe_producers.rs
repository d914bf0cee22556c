//! DescribeProducers: the idempotent and transactional producers that a partition remembers.
//!
//! Sent by admin tools to a replica of each partition, as a rule the leader, to find hanging
//! transactions. Since 2.8 (KIP-664).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DescribeProducersRequest => DescribeProducersResponse, key 61, versions 0..=0, flexible 0..;

    /// Asks about partitions.
    struct DescribeProducersRequest {
        /// The partitions, by topic.
        0..     topics: Vec<TopicRequest>,
    }

    /// Partitions of one topic.
    struct TopicRequest {
        /// The topic's name.
        0..     name: Str,
        /// Numbers of the partitions.
        0..     partition_indexes: Vec<i32>,
    }

    /// The producers.
    struct DescribeProducersResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// The producers, by topic.
        0..     topics: Vec<TopicResponse>,
    }

    /// The producers of one topic.
    struct TopicResponse {
        /// The topic's name.
        0..     name: Str,
        /// The producers, by partition.
        0..     partitions: Vec<PartitionResponse>,
    }

    /// The producers of one partition.
    struct PartitionResponse {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `NOT_LEADER_OR_FOLLOWER`: this broker has no replica, refresh.
        /// `UNKNOWN_TOPIC_OR_PARTITION`. `TOPIC_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// The producers whose state the partition still holds.
        0..     active_producers: Vec<ProducerState>,
    }

    /// One producer.
    struct ProducerState {
        /// The producer's id.
        0..     producer_id: i64,
        /// The last epoch seen.
        0..     producer_epoch: i32,
        /// The sequence number of its last record; -1 = none.
        0..     last_sequence: i32 = -1,
        /// When it last wrote, in milliseconds since 1970; -1 = unknown.
        0..     last_timestamp: i64 = -1,
        /// The coordinator epoch of its last marker; negative = none.
        0..     coordinator_epoch: i32,
        /// The first offset of its open transaction; -1 = none is open.
        0..     current_txn_start_offset: i64 = -1,
    }
}
