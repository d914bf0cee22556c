//! AllocateProducerIds: gives a broker a block of producer ids.
//!
//! Sent by brokers to the controller, before they answer InitProducerId from the block; since 3.0
//! (KIP-730). Clients never send it.

use crate::error_code::ErrorCode;

api! {
    AllocateProducerIdsRequest => AllocateProducerIdsResponse, key 67, versions 0..=0, flexible 0..;

    /// Asks for a block.
    struct AllocateProducerIdsRequest {
        /// The id of the broker that asks.
        0..     broker_id: i32,
        /// The epoch of its registration; -1 = unknown.
        0..     broker_epoch: i64 = -1,
    }

    /// The block.
    struct AllocateProducerIdsResponse {
        /// How long a quota delayed the request, in milliseconds; 0 = not at all.
        0..     throttle_time_ms: i32,
        /// `STALE_BROKER_EPOCH`: the broker has been registered anew. `NOT_CONTROLLER`: ask the new
        /// one. `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// The first id of the block.
        0..     producer_id_start: i64,
        /// How many ids the block has.
        0..     producer_id_len: i32,
    }
}
