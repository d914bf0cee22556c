//! AlterReplicaLogDirs: moves replicas to another log directory of the same broker.
//!
//! Sent by admin tools to the broker that holds the replicas; since 1.0 (KIP-113). It only starts
//! the copying; DescribeLogDirs shows how far it is.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    AlterReplicaLogDirsRequest => AlterReplicaLogDirsResponse, key 34, versions 0..=2, flexible 2..;

    /// Asks to move replicas.
    struct AlterReplicaLogDirsRequest {
        /// The replicas, by the directory that they go to.
        0..     dirs: Vec<AlterReplicaLogDir>,
    }

    /// One directory and what goes there.
    struct AlterReplicaLogDir {
        /// The directory's absolute path.
        0..     path: Str,
        /// The replicas, by topic.
        0..     topics: Vec<AlterReplicaLogDirTopic>,
    }

    /// Replicas of one topic.
    struct AlterReplicaLogDirTopic {
        /// The topic's name.
        0..     name: Str,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }

    /// Says which copies have begun.
    struct AlterReplicaLogDirsResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// The outcome, by topic.
        0..     results: Vec<AlterReplicaLogDirTopicResult>,
    }

    /// The outcome for one topic.
    struct AlterReplicaLogDirTopicResult {
        /// The topic's name.
        0..     topic_name: Str,
        /// The outcome, by partition.
        0..     partitions: Vec<AlterReplicaLogDirPartitionResult>,
    }

    /// The outcome for one partition.
    struct AlterReplicaLogDirPartitionResult {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `LOG_DIR_NOT_FOUND`: no such directory. `KAFKA_STORAGE_ERROR`: it is offline.
        /// `REPLICA_NOT_AVAILABLE`: no replica here yet; it will be made there.
        0..     error_code: ErrorCode,
    }
}
