//! EndQuorumEpoch: announces that the leader of the metadata log resigns.
//!
//! Sent by the leader to the other voters, so that they elect a new one without waiting for a
//! timeout; since 2.7 (KIP-595). Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    EndQuorumEpochRequest => EndQuorumEpochResponse, key 54, versions 0..=1, flexible 1..;

    /// Who resigns.
    struct EndQuorumEpochRequest {
        /// The cluster's id, as a check; `None` = do not check.
        0..     cluster_id: Option<Str> [null 0..],
        /// The partitions, by topic: `__cluster_metadata` only.
        0..     topics: Vec<TopicData>,
        /// The leader's addresses.
        1..     leader_endpoints: Vec<LeaderEndpoint> [ignorable],
    }

    /// Partitions of one topic.
    struct TopicData {
        /// The topic's name.
        0..     topic_name: Str,
        /// The partitions.
        0..     partitions: Vec<PartitionData>,
    }

    /// One partition: number 0.
    struct PartitionData {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The id of the leader that resigns.
        0..     leader_id: i32,
        /// Its epoch.
        0..     leader_epoch: i32,
        /// The ids of the other voters, the best successor first, in version 0.
        0..=0   preferred_successors: Vec<i32> [ignorable],
        /// The other voters, the best successor first, since version 1.
        1..     preferred_candidates: Vec<ReplicaInfo> [ignorable],
    }

    /// One voter.
    struct ReplicaInfo {
        /// The voter's id.
        1..     candidate_id: i32,
        /// The id of its log directory.
        1..     candidate_directory_id: Uuid,
    }

    /// One address of the leader.
    struct LeaderEndpoint {
        /// The listener's name.
        1..     name: Str,
        /// The listener's host.
        1..     host: Str,
        /// The listener's port.
        1..     port: u16,
    }

    /// Says whether the voter has understood.
    struct EndQuorumEpochResponse {
        /// An error of the whole request. `INCONSISTENT_CLUSTER_ID`: it comes from another cluster.
        /// `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// The outcome, by topic.
        0..     topics: Vec<TopicDataResponse>,
        /// The address of the leader, if the voter knows one.
        1..     node_endpoints: Vec<NodeEndpoint> [tag 0],
    }

    /// The outcome for one topic.
    struct TopicDataResponse {
        /// The topic's name.
        0..     topic_name: Str,
        /// The outcome, by partition.
        0..     partitions: Vec<PartitionDataResponse>,
    }

    /// The outcome for one partition.
    struct PartitionDataResponse {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `FENCED_LEADER_EPOCH`: the voter is in a later epoch. `INCONSISTENT_VOTER_SET`: one of
        /// the two is no voter.
        0..     error_code: ErrorCode,
        /// The leader that the voter knows; -1 = none.
        0..     leader_id: i32,
        /// The epoch that the voter is in.
        0..     leader_epoch: i32,
    }

    /// The address of the leader.
    struct NodeEndpoint {
        /// The leader's id.
        1..     node_id: i32,
        /// The leader's host.
        1..     host: Str,
        /// The leader's port.
        1..     port: u16,
    }
}
