//! DescribeQuorum: the leader, voters and observers of the metadata log.
//!
//! Sent by admin tools to any broker, which forwards it, or to a controller; since 2.7 (KIP-595),
//! for tools since 3.3 (KIP-836). Only the partition `__cluster_metadata-0` can be asked for.
//! Version 2 (3.9, KIP-853) adds directories and addresses.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    DescribeQuorumRequest => DescribeQuorumResponse, key 55, versions 0..=2, flexible 0..;

    /// Asks about the quorum.
    struct DescribeQuorumRequest {
        /// The partitions, by topic.
        0..     topics: Vec<TopicData>,
    }

    /// Partitions of one topic.
    struct TopicData {
        /// The topic's name: `__cluster_metadata`.
        0..     topic_name: Str,
        /// The partitions.
        0..     partitions: Vec<PartitionData>,
    }

    /// One partition.
    struct PartitionData {
        /// The partition's number: 0.
        0..     partition_index: i32,
    }

    /// The quorum.
    struct DescribeQuorumResponse {
        /// `CLUSTER_AUTHORIZATION_FAILED`: the caller may not describe the cluster.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        2..     error_message: Option<Str> [null 2.., ignorable, empty],
        /// The quorums, by topic.
        0..     topics: Vec<TopicDataResponse>,
        /// The addresses of the voters.
        2..     nodes: Vec<Node>,
    }

    /// The quorums of one topic.
    struct TopicDataResponse {
        /// The topic's name.
        0..     topic_name: Str,
        /// The quorums, by partition.
        0..     partitions: Vec<PartitionDataResponse>,
    }

    /// The quorum of one partition.
    struct PartitionDataResponse {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `NOT_LEADER_OR_FOLLOWER`: the receiver is not the leader, try elsewhere.
        /// `UNKNOWN_TOPIC_OR_PARTITION`: there is no such quorum.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        2..     error_message: Option<Str> [null 2.., ignorable, empty],
        /// The id of the leader, which is the active controller; -1 = unknown.
        0..     leader_id: i32,
        /// The leader's epoch.
        0..     leader_epoch: i32,
        /// The offset up to which the log is committed.
        0..     high_watermark: i64,
        /// The controllers that vote.
        0..     current_voters: Vec<ReplicaState>,
        /// The brokers and controllers that only read the log.
        0..     observers: Vec<ReplicaState>,
    }

    /// One voter.
    struct Node {
        /// The voter's id.
        2..     node_id: i32,
        /// Its addresses.
        2..     listeners: Vec<Listener>,
    }

    /// One address of a voter.
    struct Listener {
        /// The listener's name.
        2..     name: Str,
        /// The listener's host.
        2..     host: Str,
        /// The listener's port.
        2..     port: u16,
    }

    /// How far one replica has come.
    struct ReplicaState {
        /// The replica's id.
        0..     replica_id: i32,
        /// The id of its log directory; zero = unknown.
        2..     replica_directory_id: Uuid,
        /// The last offset that the leader knows it has; -1 = unknown.
        0..     log_end_offset: i64,
        /// When it last fetched from the leader, in milliseconds since 1970; -1 = unknown.
        1..     last_fetch_timestamp: i64 [ignorable] = -1,
        /// When it last had all that the leader had, in milliseconds since 1970; -1 = unknown.
        1..     last_caught_up_timestamp: i64 [ignorable] = -1,
    }
}
