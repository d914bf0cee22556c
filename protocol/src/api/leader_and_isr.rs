//! LeaderAndIsr: tells brokers which replicas they lead and follow.
//!
//! Sent by the controller to brokers in clusters with ZooKeeper. Gone since 4.0: KRaft brokers read
//! the metadata log. Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    LeaderAndIsrRequest => LeaderAndIsrResponse, key 4, versions 0..=7, flexible 4..;

    /// The state of partitions that the broker holds replicas of.
    struct LeaderAndIsrRequest {
        /// The id of the controller that sends it.
        0..     controller_id: i32,
        /// Whether that is a KRaft controller, as while a cluster moves to KRaft (KIP-866).
        7..     is_k_raft_controller: bool,
        /// The controller's epoch; a broker that knows a higher one refuses.
        0..     controller_epoch: i32,
        /// The epoch of the receiver's registration; -1 = do not check.
        2..     broker_epoch: i64 [ignorable] = -1,
        /// 1 = some partitions, 2 = all partitions of the broker, 0 = not told.
        5..     r#type: i8,
        /// The partitions, in one list, up to version 1.
        0..=1   ungrouped_partition_states: Vec<LeaderAndIsrPartitionState>,
        /// The partitions, by topic, since version 2.
        2..     topic_states: Vec<LeaderAndIsrTopicState>,
        /// The brokers that lead these partitions.
        0..     live_leaders: Vec<LeaderAndIsrLiveLeader>,
    }

    /// The partitions of one topic, since version 2.
    struct LeaderAndIsrTopicState {
        /// The topic's name.
        2..     topic_name: Str,
        /// The topic's id.
        5..     topic_id: Uuid [ignorable],
        /// The partitions.
        2..     partition_states: Vec<LeaderAndIsrPartitionState>,
    }

    /// One broker that leads.
    struct LeaderAndIsrLiveLeader {
        /// The broker's id.
        0..     broker_id: i32,
        /// The broker's host.
        0..     host_name: Str,
        /// The broker's port.
        0..     port: i32,
    }

    /// The state of one partition.
    struct LeaderAndIsrPartitionState {
        /// The topic's name, up to version 1.
        0..=1   topic_name: Str [ignorable],
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The epoch of the controller that last changed the state.
        0..     controller_epoch: i32,
        /// The leader's broker id; -1 = none.
        0..     leader: i32,
        /// The leader's epoch.
        0..     leader_epoch: i32,
        /// The brokers whose replica is in sync.
        0..     isr: Vec<i32>,
        /// The version of this state, in ZooKeeper that of its node.
        0..     partition_epoch: i32,
        /// The brokers that hold a replica, the preferred leader first.
        0..     replicas: Vec<i32>,
        /// The brokers that it comes to in a reassignment.
        3..     adding_replicas: Vec<i32> [ignorable],
        /// The brokers that it goes from in a reassignment.
        3..     removing_replicas: Vec<i32> [ignorable],
        /// Whether the replica is new, so that the broker may not have it yet.
        1..     is_new: bool [ignorable],
        /// 0 = all is well, 1 = the leader still recovers from an unclean election (KIP-704).
        6..     leader_recovery_state: i8,
    }

    /// Says what the broker made of it.
    struct LeaderAndIsrResponse {
        /// An error of the whole request. `STALE_CONTROLLER_EPOCH`: there is a newer controller.
        /// `STALE_BROKER_EPOCH`: meant for an earlier run of this broker.
        0..     error_code: ErrorCode,
        /// The outcome, by partition, up to version 4.
        0..=4   partition_errors: Vec<LeaderAndIsrPartitionError>,
        /// The outcome, by topic, since version 5.
        5..     topics: Vec<LeaderAndIsrTopicError>,
    }

    /// The outcome for one topic, since version 5.
    struct LeaderAndIsrTopicError {
        /// The topic's id.
        5..     topic_id: Uuid,
        /// The outcome, by partition.
        5..     partition_errors: Vec<LeaderAndIsrPartitionError>,
    }

    /// The outcome for one partition.
    struct LeaderAndIsrPartitionError {
        /// The topic's name, up to version 4.
        0..=4   topic_name: Str [ignorable],
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `STALE_CONTROLLER_EPOCH`: the broker knows a newer leader epoch. `KAFKA_STORAGE_ERROR`:
        /// the replica's log directory is offline.
        0..     error_code: ErrorCode,
    }
}
