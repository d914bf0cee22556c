//! StopReplica: has a broker stop, and maybe delete, replicas.
//!
//! Sent by the controller to brokers in clusters with ZooKeeper. Gone since 4.0: KRaft brokers read
//! the metadata log. Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    StopReplicaRequest => StopReplicaResponse, key 5, versions 0..=4, flexible 2..;

    /// The replicas to stop.
    struct StopReplicaRequest {
        /// The id of the controller that sends it.
        0..     controller_id: i32,
        /// Whether that is a KRaft controller, as while a cluster moves to KRaft (KIP-866).
        4..     is_k_raft_controller: bool,
        /// The controller's epoch; a broker that knows a higher one refuses.
        0..     controller_epoch: i32,
        /// The epoch of the receiver's registration; -1 = do not check.
        1..     broker_epoch: i64 [ignorable] = -1,
        /// Whether to delete the replicas, up to version 2; later see `delete_partition`.
        0..=2   delete_partitions: bool,
        /// The replicas, in one list, in version 0.
        0..=0   ungrouped_partitions: Vec<StopReplicaPartitionV0>,
        /// The replicas, by topic, in versions 1 and 2.
        1..=2   topics: Vec<StopReplicaTopicV1>,
        /// The replicas, by topic, since version 3 (KIP-570).
        3..     topic_states: Vec<StopReplicaTopicState>,
    }

    /// One replica, in version 0.
    struct StopReplicaPartitionV0 {
        /// The topic's name.
        0..=0   topic_name: Str,
        /// The partition's number within its topic.
        0..=0   partition_index: i32,
    }

    /// Replicas of one topic, in versions 1 and 2.
    struct StopReplicaTopicV1 {
        /// The topic's name.
        1..=2   name: Str,
        /// Numbers of the partitions.
        1..=2   partition_indexes: Vec<i32>,
    }

    /// Replicas of one topic, since version 3.
    struct StopReplicaTopicState {
        /// The topic's name.
        3..     topic_name: Str,
        /// The replicas.
        3..     partition_states: Vec<StopReplicaPartitionState>,
    }

    /// One replica, since version 3.
    struct StopReplicaPartitionState {
        /// The partition's number within its topic.
        3..     partition_index: i32,
        /// The leader's epoch; -1 = unknown, -2 = the topic is being deleted.
        3..     leader_epoch: i32 = -1,
        /// Whether to delete the replica.
        3..     delete_partition: bool,
    }

    /// Says which replicas have stopped.
    struct StopReplicaResponse {
        /// An error of the whole request. `STALE_CONTROLLER_EPOCH`: there is a newer controller.
        /// `STALE_BROKER_EPOCH`: meant for an earlier run of this broker.
        0..     error_code: ErrorCode,
        /// The outcome, by partition.
        0..     partition_errors: Vec<StopReplicaPartitionError>,
    }

    /// The outcome for one partition.
    struct StopReplicaPartitionError {
        /// The topic's name.
        0..     topic_name: Str,
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `FENCED_LEADER_EPOCH`: the broker knows a newer leader epoch. `KAFKA_STORAGE_ERROR`: the
        /// replica's log directory is offline.
        0..     error_code: ErrorCode,
    }
}
