//! AssignReplicasToDirs: tells the controller which log directory a replica lies in.
//!
//! Sent by brokers with more than one log directory to the controller, so that it knows what is
//! lost when a directory fails; since 3.7 (KIP-858). Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::Uuid;

api! {
    AssignReplicasToDirsRequest => AssignReplicasToDirsResponse,
    key 73, versions 0..=0, flexible 0..;

    /// Where the replicas of one broker lie.
    struct AssignReplicasToDirsRequest {
        /// The id of the broker that tells.
        0..     broker_id: i32,
        /// The epoch of its registration; -1 = unknown.
        0..     broker_epoch: i64 = -1,
        /// The replicas, by directory.
        0..     directories: Vec<DirectoryData>,
    }

    /// One log directory.
    struct DirectoryData {
        /// The directory's id.
        0..     id: Uuid,
        /// The replicas in it, by topic.
        0..     topics: Vec<TopicData>,
    }

    /// Replicas of one topic.
    struct TopicData {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The partitions.
        0..     partitions: Vec<PartitionData>,
    }

    /// One replica.
    struct PartitionData {
        /// The partition's number within its topic.
        0..     partition_index: i32,
    }

    /// Says what the controller wrote down.
    struct AssignReplicasToDirsResponse {
        /// How long a quota delayed the request, in milliseconds; 0 = not at all.
        0..     throttle_time_ms: i32,
        /// An error of the whole request. `STALE_BROKER_EPOCH`: the broker has been registered
        /// anew. `NOT_CONTROLLER`: ask the new one. `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// The outcome, by directory.
        0..     directories: Vec<DirectoryDataResponse>,
    }

    /// The outcome for one directory.
    struct DirectoryDataResponse {
        /// The directory's id.
        0..     id: Uuid,
        /// The outcome, by topic.
        0..     topics: Vec<TopicDataResponse>,
    }

    /// The outcome for one topic.
    struct TopicDataResponse {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The outcome, by partition.
        0..     partitions: Vec<PartitionDataResponse>,
    }

    /// The outcome for one replica.
    struct PartitionDataResponse {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `UNKNOWN_TOPIC_ID`, `UNKNOWN_TOPIC_OR_PARTITION`: no such partition.
        /// `NOT_LEADER_OR_FOLLOWER`: the broker holds no replica of it.
        0..     error_code: ErrorCode,
    }
}
