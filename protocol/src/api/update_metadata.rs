//! UpdateMetadata: gives brokers the picture of the cluster that they answer Metadata from.
//!
//! Sent by the controller to brokers in clusters with ZooKeeper. Gone since 4.0: KRaft brokers read
//! the metadata log. Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    UpdateMetadataRequest => UpdateMetadataResponse, key 6, versions 0..=8, flexible 6..;

    /// The brokers, and partitions that have changed.
    struct UpdateMetadataRequest {
        /// The id of the controller that sends it.
        0..     controller_id: i32,
        /// Whether that is a KRaft controller, as while a cluster moves to KRaft (KIP-866).
        8..     is_k_raft_controller: bool,
        /// 1 = some partitions, 2 = all partitions of the cluster, 0 = not told.
        8..     r#type: i8 [tag 0],
        /// The controller's epoch; a broker that knows a higher one refuses.
        0..     controller_epoch: i32,
        /// The epoch of the receiver's registration; -1 = do not check.
        5..     broker_epoch: i64 [ignorable] = -1,
        /// The partitions, in one list, up to version 4.
        0..=4   ungrouped_partition_states: Vec<UpdateMetadataPartitionState>,
        /// The partitions, by topic, since version 5.
        5..     topic_states: Vec<UpdateMetadataTopicState>,
        /// The brokers that are alive.
        0..     live_brokers: Vec<UpdateMetadataBroker>,
    }

    /// The partitions of one topic, since version 5.
    struct UpdateMetadataTopicState {
        /// The topic's name.
        5..     topic_name: Str,
        /// The topic's id.
        7..     topic_id: Uuid [ignorable],
        /// The partitions.
        5..     partition_states: Vec<UpdateMetadataPartitionState>,
    }

    /// One live broker.
    struct UpdateMetadataBroker {
        /// The broker's id.
        0..     id: i32,
        /// The broker's host, in version 0.
        0..=0   v0_host: Str [ignorable],
        /// The broker's port, in version 0.
        0..=0   v0_port: i32 [ignorable],
        /// The broker's addresses, since version 1.
        1..     endpoints: Vec<UpdateMetadataEndpoint> [ignorable],
        /// The rack that it stands in, if it has one.
        2..     rack: Option<Str> [null 0.., ignorable, empty],
    }

    /// One address of a broker.
    struct UpdateMetadataEndpoint {
        /// The port.
        1..     port: i32,
        /// The host.
        1..     host: Str,
        /// The listener's name.
        3..     listener: Str [ignorable],
        /// 0 = PLAINTEXT, 1 = SSL, 2 = SASL_PLAINTEXT, 3 = SASL_SSL.
        1..     security_protocol: i16,
    }

    /// The state of one partition.
    struct UpdateMetadataPartitionState {
        /// The topic's name, up to version 4.
        0..=4   topic_name: Str [ignorable],
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The epoch of the controller that last changed the state.
        0..     controller_epoch: i32,
        /// The leader's broker id; -1 = none, -2 = the topic is being deleted.
        0..     leader: i32,
        /// The leader's epoch.
        0..     leader_epoch: i32,
        /// The brokers whose replica is in sync.
        0..     isr: Vec<i32>,
        /// The version of this state in ZooKeeper.
        0..     zk_version: i32,
        /// The brokers that hold a replica, the preferred leader first.
        0..     replicas: Vec<i32>,
        /// The brokers whose replica is offline.
        4..     offline_replicas: Vec<i32> [ignorable],
    }

    /// Says whether the broker took it over.
    struct UpdateMetadataResponse {
        /// `STALE_CONTROLLER_EPOCH`: there is a newer controller. `STALE_BROKER_EPOCH`: meant for
        /// an earlier run of this broker.
        0..     error_code: ErrorCode,
    }
}
