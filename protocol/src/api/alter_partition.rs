//! AlterPartition: tells the controller of a new set of in-sync replicas.
//!
//! Sent by a partition's leader to the controller, which checks it and writes it down; since 2.7
//! (KIP-497), at first under the name AlterIsr. Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    AlterPartitionRequest => AlterPartitionResponse, key 56, versions 0..=3, flexible 0..;

    /// Asks to change the in-sync replicas of partitions.
    struct AlterPartitionRequest {
        /// The id of the leader that asks.
        0..     broker_id: i32,
        /// The epoch of that broker's registration; -1 = unknown.
        0..     broker_epoch: i64 = -1,
        /// The partitions, by topic.
        0..     topics: Vec<TopicData>,
    }

    /// Partitions of one topic.
    struct TopicData {
        /// The topic's name; up to version 1.
        0..=1   topic_name: Str [ignorable],
        /// The topic's id; in place of the name since version 2.
        2..     topic_id: Uuid [ignorable],
        /// The partitions.
        0..     partitions: Vec<PartitionData>,
    }

    /// One partition.
    struct PartitionData {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The leader's epoch.
        0..     leader_epoch: i32,
        /// The brokers in sync, up to version 2.
        0..=2   new_isr: Vec<i32>,
        /// The brokers in sync and their epochs, since version 3 (KIP-903).
        3..     new_isr_with_epochs: Vec<BrokerState>,
        /// 0 = all is well, 1 = the leader still recovers from an unclean election (KIP-704).
        1..     leader_recovery_state: i8,
        /// The epoch of the state that this change builds on.
        0..     partition_epoch: i32,
    }

    /// One broker in sync.
    struct BrokerState {
        /// The broker's id.
        3..     broker_id: i32,
        /// The epoch of its registration that the leader saw; -1 = do not check.
        3..     broker_epoch: i64 = -1,
    }

    /// Says which changes are made.
    struct AlterPartitionResponse {
        /// How long a quota delayed the request, in milliseconds; 0 = not at all.
        0..     throttle_time_ms: i32,
        /// An error of the whole request. `STALE_BROKER_EPOCH`: the leader has been registered
        /// anew. `NOT_CONTROLLER`: ask the new one. `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// The outcome, by topic.
        0..     topics: Vec<TopicDataResponse>,
    }

    /// The outcome for one topic.
    struct TopicDataResponse {
        /// The topic's name; up to version 1.
        0..=1   topic_name: Str [ignorable],
        /// The topic's id; in place of the name since version 2.
        2..     topic_id: Uuid [ignorable],
        /// The outcome, by partition.
        0..     partitions: Vec<PartitionDataResponse>,
    }

    /// The outcome for one partition, and its state now.
    struct PartitionDataResponse {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `INVALID_UPDATE_VERSION`: the state has moved on. `FENCED_LEADER_EPOCH`,
        /// `NEW_LEADER_ELECTED`: another broker leads. `INELIGIBLE_REPLICA`: a broker may not join.
        0..     error_code: ErrorCode,
        /// The leader's broker id.
        0..     leader_id: i32,
        /// The leader's epoch.
        0..     leader_epoch: i32,
        /// The brokers in sync.
        0..     isr: Vec<i32>,
        /// 0 = all is well, 1 = the leader still recovers from an unclean election.
        1..     leader_recovery_state: i8 [ignorable],
        /// The epoch of this state.
        0..     partition_epoch: i32,
    }
}
