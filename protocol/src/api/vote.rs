//! Vote: asks the voters of the metadata log to elect the sender as leader.
//!
//! Sent by a candidate to every other voter; since 2.7 (KIP-595). Version 1 (3.9, KIP-853) tells
//! replicas apart by directory; version 2 (4.0, KIP-996) can ask first whether it is worth while.
//! Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    VoteRequest => VoteResponse, key 52, versions 0..=2, flexible 0..;

    /// A candidate's request.
    struct VoteRequest {
        /// The cluster's id, as a check; `None` = do not check.
        0..     cluster_id: Option<Str> [null 0..],
        /// The id of the voter that is asked; -1 = not told.
        1..     voter_id: i32 [ignorable] = -1,
        /// The partitions, by topic: `__cluster_metadata` only.
        0..     topics: Vec<TopicData>,
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
        /// The epoch that the candidate stands for; its present epoch in a pre-vote.
        0..     replica_epoch: i32,
        /// The candidate's id.
        0..     replica_id: i32,
        /// The id of the candidate's log directory.
        1..     replica_directory_id: Uuid [ignorable],
        /// The id of the asked voter's log directory; zero = not told.
        1..     voter_directory_id: Uuid [ignorable],
        /// The epoch of the last record in the candidate's log.
        0..     last_offset_epoch: i32,
        /// The end offset of the candidate's log.
        0..     last_offset: i64,
        /// Whether this is only a question, which changes nobody's epoch (KIP-996).
        2..     pre_vote: bool,
    }

    /// The votes.
    struct VoteResponse {
        /// An error of the whole request. `INCONSISTENT_CLUSTER_ID`: it comes from another cluster.
        /// `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// The votes, by topic.
        0..     topics: Vec<TopicDataResponse>,
        /// The address of the leader, if there is one.
        1..     node_endpoints: Vec<NodeEndpoint> [tag 0],
    }

    /// The votes for one topic.
    struct TopicDataResponse {
        /// The topic's name.
        0..     topic_name: Str,
        /// The votes, by partition.
        0..     partitions: Vec<PartitionDataResponse>,
    }

    /// The vote for one partition.
    struct PartitionDataResponse {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `FENCED_LEADER_EPOCH`: the voter is in a later epoch. `INVALID_VOTER_KEY`: meant for
        /// another directory. `INCONSISTENT_VOTER_SET`: one of the two is no voter.
        0..     error_code: ErrorCode,
        /// The leader that the voter knows; -1 = none.
        0..     leader_id: i32,
        /// The epoch that the voter is in.
        0..     leader_epoch: i32,
        /// Whether the candidate has the vote.
        0..     vote_granted: bool,
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
