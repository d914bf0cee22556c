//! DescribeTopicPartitions: the partitions of topics, page by page.
//!
//! Sent by admin tools to any broker; since 3.8 (KIP-966). Other than Metadata it keeps its answers
//! small and tells of the eligible leader replicas; it never creates topics.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    DescribeTopicPartitionsRequest => DescribeTopicPartitionsResponse,
    key 75, versions 0..=0, flexible 0..;

    /// Asks about topics.
    struct DescribeTopicPartitionsRequest {
        /// The topics; none = all.
        0..     topics: Vec<TopicRequest>,
        /// How many partitions the answer may hold; the broker has a limit of its own too.
        0..     response_partition_limit: i32 = 2000,
        /// Where to go on: the `next_cursor` of the last answer; `None` = from the start.
        0..     cursor: Option<Cursor> [null 0..],
    }

    /// One topic.
    struct TopicRequest {
        /// The topic's name.
        0..     name: Str,
    }

    /// The partition to go on with.
    struct Cursor {
        /// The topic's name.
        0..     topic_name: Str,
        /// The partition's number within its topic.
        0..     partition_index: i32,
    }

    /// The topics, sorted by name.
    struct DescribeTopicPartitionsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32 [ignorable],
        /// The topics; the last one may go on in the next answer.
        0..     topics: Vec<DescribeTopicPartitionsResponseTopic>,
        /// Where to go on; `None` = this was the last page.
        0..     next_cursor: Option<CursorResponse> [null 0..],
    }

    /// One topic.
    struct DescribeTopicPartitionsResponseTopic {
        /// `UNKNOWN_TOPIC_OR_PARTITION`: no such topic. `TOPIC_AUTHORIZATION_FAILED`: the caller
        /// may not describe it. `INVALID_TOPIC_EXCEPTION`: a bad name.
        0..     error_code: ErrorCode,
        /// The topic's name.
        0..     name: Option<Str> [null 0.., empty],
        /// The topic's id.
        0..     topic_id: Uuid [ignorable],
        /// Whether Kafka itself owns the topic, as it does `__consumer_offsets`.
        0..     is_internal: bool [ignorable],
        /// Its partitions.
        0..     partitions: Vec<DescribeTopicPartitionsResponsePartition>,
        /// What the caller may do with the topic: bit n stands for ACL operation n;
        /// -2147483648 = unknown.
        0..     topic_authorized_operations: i32 = -2147483648,
    }

    /// One partition.
    struct DescribeTopicPartitionsResponsePartition {
        /// `LEADER_NOT_AVAILABLE`: it has no leader now. `LISTENER_NOT_FOUND`: its leader has no
        /// address for this listener.
        0..     error_code: ErrorCode,
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The leader's broker id; -1 = none.
        0..     leader_id: i32,
        /// The leader's epoch; -1 = unknown.
        0..     leader_epoch: i32 [ignorable] = -1,
        /// The brokers that hold a replica, the preferred leader first.
        0..     replica_nodes: Vec<i32>,
        /// The brokers whose replica is in sync.
        0..     isr_nodes: Vec<i32>,
        /// The brokers that have all committed records without being in sync, so that they can lead
        /// without loss; `None` = none known.
        0..     eligible_leader_replicas: Option<Vec<i32>> [null 0..],
        /// The replicas that were eligible last, for when no other is left; `None` = none known.
        0..     last_known_elr: Option<Vec<i32>> [null 0..],
        /// The brokers whose replica is offline.
        0..     offline_replicas: Vec<i32> [ignorable],
    }

    /// The partition to go on with.
    struct CursorResponse {
        /// The topic's name.
        0..     topic_name: Str,
        /// The partition's number within its topic.
        0..     partition_index: i32,
    }
}
