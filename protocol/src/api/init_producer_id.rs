//! InitProducerId: the id and epoch under which an idempotent producer numbers its batches. For a
//! transaction it goes to the coordinator and shuts out older producers of the same name.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.11.0 | first (KIP-98) |
//! | 1 | 2.0 | the same bytes; a throttled answer comes at once (KIP-219) |
//! | 2 | 2.4 | compact lengths, tags (KIP-482) |
//! | 3 | 2.5 | the id and epoch that the producer has, to go on after an error (KIP-360) |
//! | 4 | 2.7 | the same bytes; PRODUCER_FENCED may be answered (KIP-588) |
//! | 5 | 3.8 | the same bytes; TRANSACTION_ABORTABLE may be answered (KIP-890) |
//! | 6 | 4.1 | prepared transactions (KIP-939) |

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    InitProducerIdRequest => InitProducerIdResponse, key 22, versions 0..=6, flexible 2.., stable 5;

    /// Asks for an id, or for the next epoch of one.
    struct InitProducerIdRequest {
        /// Name of the transactional producer; null for one that is only idempotent.
        0..     transactional_id: Option<Str> [null 0.., empty],
        /// Milliseconds after which the coordinator aborts a transaction that was not ended. More
        /// than the broker allows is answered INVALID_TRANSACTION_TIMEOUT.
        0..     transaction_timeout_ms: i32,
        /// Id that the producer has, to get the next epoch of it (KIP-360); -1 if none.
        3..     producer_id: i64 = -1,
        /// Epoch that the producer has; -1 if none.
        3..     producer_epoch: i16 = -1,
        /// Whether the producer takes part in two-phase commits (KIP-939).
        6..     enable2_pc: bool,
        /// Whether a prepared transaction is to be kept for the producer to end (KIP-939).
        6..     keep_prepared_txn: bool,
    }

    /// The id and epoch.
    struct InitProducerIdResponse {
        /// Milliseconds for which the client must not send on this connection (from version 1 on;
        /// before, the broker has already held the answer back for so long).
        0..     throttle_time_ms: i32 [ignorable],
        /// NONE; CONCURRENT_TRANSACTIONS, COORDINATOR_LOAD_IN_PROGRESS (ask again);
        /// COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR (find the coordinator);
        /// INVALID_PRODUCER_EPOCH (in older versions) or PRODUCER_FENCED: a newer producer has the
        /// name; INVALID_TRANSACTION_TIMEOUT; TRANSACTIONAL_ID_AUTHORIZATION_FAILED or
        /// CLUSTER_AUTHORIZATION_FAILED; TRANSACTION_ABORTABLE (from version 5 on).
        0..     error_code: ErrorCode,
        /// The id; -1 with an error.
        0..     producer_id: i64 = -1,
        /// The epoch.
        0..     producer_epoch: i16,
        /// Id under which a prepared transaction runs (KIP-939); -1 if there is none.
        6..     ongoing_txn_producer_id: i64 = -1,
        /// Epoch under which a prepared transaction runs; -1 if there is none.
        6..     ongoing_txn_producer_epoch: i16 = -1,
    }
}
