//! ElectLeaders: has partitions elect a leader now.
//!
//! Sent by admin tools to the controller, or to any KRaft broker, which forwards it. Version 0
//! (2.2, KIP-183) was ElectPreferredLeaders; version 1 (2.4, KIP-460) adds unclean elections.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    ElectLeadersRequest => ElectLeadersResponse, key 43, versions 0..=2, flexible 2..;

    /// Asks for elections.
    struct ElectLeadersRequest {
        /// 0 = make the preferred (first) replica the leader. 1 = where there is no leader, take
        /// one even if it loses records.
        1..     election_type: i8,
        /// The partitions, by topic; `None` = all.
        0..     topic_partitions: Option<Vec<TopicPartitions>> [null 0.., empty],
        /// How long the controller may take, in milliseconds.
        0..     timeout_ms: i32 = 60000,
    }

    /// Partitions of one topic.
    struct TopicPartitions {
        /// The topic's name.
        0..     topic: Str,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }

    /// Says which elections took place.
    struct ElectLeadersResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// An error of the whole request. `CLUSTER_AUTHORIZATION_FAILED`. `NOT_CONTROLLER`: ask the
        /// new one.
        1..     error_code: ErrorCode,
        /// The outcome, by topic.
        0..     replica_election_results: Vec<ReplicaElectionResult>,
    }

    /// The outcome for one topic.
    struct ReplicaElectionResult {
        /// The topic's name.
        0..     topic: Str,
        /// The outcome, by partition.
        0..     partition_result: Vec<PartitionResult>,
    }

    /// The outcome for one partition.
    struct PartitionResult {
        /// The partition's number within its topic.
        0..     partition_id: i32,
        /// `ELECTION_NOT_NEEDED`: the leader is right already. `PREFERRED_LEADER_NOT_AVAILABLE`,
        /// `ELIGIBLE_LEADERS_NOT_AVAILABLE`: nobody can be elected.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
    }
}
