//! AlterPartitionReassignments: moves replicas of partitions to other brokers, or stops a move.
//!
//! Sent by admin tools to the controller, or to any KRaft broker, which forwards it; since 2.4
//! (KIP-455). The answer only says that moves have begun; see ListPartitionReassignments.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    AlterPartitionReassignmentsRequest => AlterPartitionReassignmentsResponse,
    key 45, versions 0..=1, flexible 0..;

    /// Asks to start or stop moves.
    struct AlterPartitionReassignmentsRequest {
        /// How long the controller may take, in milliseconds.
        0..     timeout_ms: i32 = 60000,
        /// Whether a partition may get more or fewer replicas than it has (KIP-860).
        1..     allow_replication_factor_change: bool = true,
        /// The partitions, by topic.
        0..     topics: Vec<ReassignableTopic>,
    }

    /// Partitions of one topic.
    struct ReassignableTopic {
        /// The topic's name.
        0..     name: Str,
        /// The partitions.
        0..     partitions: Vec<ReassignablePartition>,
    }

    /// One partition.
    struct ReassignablePartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The brokers that shall hold it, the preferred leader first; `None` = stop the move under
        /// way.
        0..     replicas: Option<Vec<i32>> [null 0..],
    }

    /// Says which moves have begun or stopped.
    struct AlterPartitionReassignmentsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// The request's `allow_replication_factor_change`, as the controller obeyed it.
        1..     allow_replication_factor_change: bool [ignorable] = true,
        /// An error of the whole request. `NOT_CONTROLLER`: ask the new one.
        /// `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The outcome, by topic.
        0..     responses: Vec<ReassignableTopicResponse>,
    }

    /// The outcome for one topic.
    struct ReassignableTopicResponse {
        /// The topic's name.
        0..     name: Str,
        /// The outcome, by partition.
        0..     partitions: Vec<ReassignablePartitionResponse>,
    }

    /// The outcome for one partition.
    struct ReassignablePartitionResponse {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `INVALID_REPLICA_ASSIGNMENT`: wrong brokers. `NO_REASSIGNMENT_IN_PROGRESS`: nothing to
        /// stop. `INVALID_REPLICATION_FACTOR`: it would change.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
    }
}
