//! ControlledShutdown: moves a broker's leaders away before it stops.
//!
//! Sent by brokers to the controller in clusters with ZooKeeper. Gone since 4.0: KRaft brokers ask
//! by BrokerHeartbeat. Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    ControlledShutdownRequest => ControlledShutdownResponse, key 7, versions 0..=3, flexible 3..;

    /// Asks to move leaders away.
    struct ControlledShutdownRequest {
        /// The id of the broker that wants to stop.
        0..     broker_id: i32,
        /// The epoch of its registration; -1 = unknown.
        2..     broker_epoch: i64 [ignorable] = -1,
    }

    /// What is left to move.
    struct ControlledShutdownResponse {
        /// `STALE_BROKER_EPOCH`: the broker has been registered anew. `NOT_CONTROLLER`: ask the new
        /// one.
        0..     error_code: ErrorCode,
        /// The partitions that the broker still leads.
        0..     remaining_partitions: Vec<RemainingPartition>,
    }

    /// One partition.
    struct RemainingPartition {
        /// The topic's name.
        0..     topic_name: Str,
        /// The partition's number within its topic.
        0..     partition_index: i32,
    }
}
