//! DescribeLogDirs: the log directories of a broker, and what lies in them.
//!
//! Sent by admin tools to the broker that they want to know about; since 1.0 (KIP-113).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DescribeLogDirsRequest => DescribeLogDirsResponse, key 35, versions 0..=5, flexible 2..;

    /// Asks about log directories.
    struct DescribeLogDirsRequest {
        /// The partitions to report; `None` = all.
        0..     topics: Option<Vec<DescribableLogDirTopic>> [null 0.., empty],
    }

    /// Partitions of one topic.
    struct DescribableLogDirTopic {
        /// The topic's name.
        0..     topic: Str,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }

    /// The log directories of this broker.
    struct DescribeLogDirsResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// `CLUSTER_AUTHORIZATION_FAILED`: the caller may not describe the cluster. Up to version 2
        /// the list is just empty then.
        3..     error_code: ErrorCode [ignorable],
        /// The log directories.
        0..     results: Vec<DescribeLogDirsResult>,
    }

    /// One log directory.
    struct DescribeLogDirsResult {
        /// `KAFKA_STORAGE_ERROR`: the directory is offline.
        0..     error_code: ErrorCode,
        /// The directory's absolute path.
        0..     log_dir: Str,
        /// The replicas in it, by topic.
        0..     topics: Vec<DescribeLogDirsTopic>,
        /// The size of its volume, in bytes; -1 = unknown (KIP-827).
        4..     total_bytes: i64 [ignorable] = -1,
        /// What is free on its volume, in bytes; -1 = unknown (KIP-827).
        4..     usable_bytes: i64 [ignorable] = -1,
        /// Whether it takes no new replicas (KIP-1066).
        5..     is_cordoned: bool [ignorable] = false,
    }

    /// The replicas of one topic.
    struct DescribeLogDirsTopic {
        /// The topic's name.
        0..     name: Str,
        /// The replicas, by partition.
        0..     partitions: Vec<DescribeLogDirsPartition>,
    }

    /// One replica.
    struct DescribeLogDirsPartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The size of its log segments, in bytes.
        0..     partition_size: i64,
        /// How many offsets its end is behind the high watermark, or, for a future replica, behind
        /// the current replica's end.
        0..     offset_lag: i64,
        /// Whether it is a copy on its way to another directory (AlterReplicaLogDirs), which will
        /// replace the current one.
        0..     is_future_key: bool,
    }
}
