//! ListPartitionReassignments: the moves of replicas that are under way.
//!
//! Sent by admin tools to the controller, or to any KRaft broker, which forwards it; since 2.4
//! (KIP-455).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    ListPartitionReassignmentsRequest => ListPartitionReassignmentsResponse,
    key 46, versions 0..=0, flexible 0..;

    /// Asks for moves.
    struct ListPartitionReassignmentsRequest {
        /// How long the controller may take, in milliseconds.
        0..     timeout_ms: i32 = 60000,
        /// The partitions, by topic; `None` = all.
        0..     topics: Option<Vec<ListPartitionReassignmentsTopics>> [null 0..],
    }

    /// Partitions of one topic.
    struct ListPartitionReassignmentsTopics {
        /// The topic's name.
        0..     name: Str,
        /// Numbers of the partitions.
        0..     partition_indexes: Vec<i32>,
    }

    /// The moves.
    struct ListPartitionReassignmentsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `NOT_CONTROLLER`: ask the new one. `CLUSTER_AUTHORIZATION_FAILED`: the caller may not
        /// describe the cluster.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The moves, by topic. Partitions that are not moving do not occur.
        0..     topics: Vec<OngoingTopicReassignment>,
    }

    /// The moves of one topic.
    struct OngoingTopicReassignment {
        /// The topic's name.
        0..     name: Str,
        /// The moves, by partition.
        0..     partitions: Vec<OngoingPartitionReassignment>,
    }

    /// The move of one partition.
    struct OngoingPartitionReassignment {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// All brokers that hold it at present, those that come and those that go included.
        0..     replicas: Vec<i32>,
        /// The brokers that it comes to.
        0..     adding_replicas: Vec<i32>,
        /// The brokers that it goes from.
        0..     removing_replicas: Vec<i32>,
    }
}
