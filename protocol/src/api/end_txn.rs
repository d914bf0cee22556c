//! EndTxn: commits or aborts the transaction of a producer.
//!
//! Sent by the producer to its transaction coordinator, which then has the partition leaders write
//! markers. Since version 5 (4.0, `transaction.version` 2, KIP-890) the answer carries a new epoch
//! for the next transaction.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    EndTxnRequest => EndTxnResponse, key 26, versions 0..=5, flexible 3..;

    /// Asks to end the transaction.
    struct EndTxnRequest {
        /// The producer's transactional id.
        0..     transactional_id: Str,
        /// The producer id of that transactional id.
        0..     producer_id: i64,
        /// The producer's epoch.
        0..     producer_epoch: i16,
        /// True to commit, false to abort.
        0..     committed: bool,
    }

    /// Says whether the outcome is decided. The markers may be written later.
    struct EndTxnResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// `CONCURRENT_TRANSACTIONS`: it still ends, try again. `NOT_COORDINATOR`: look it up
        /// again. `PRODUCER_FENCED`, `INVALID_TXN_STATE`: give up. `TRANSACTION_ABORTABLE`: abort.
        0..     error_code: ErrorCode,
        /// The producer id for the next transaction; -1 = keep the old one.
        5..     producer_id: i64 [ignorable] = -1,
        /// The epoch for the next transaction; -1 = keep the old one.
        5..     producer_epoch: i16 [ignorable] = -1,
    }
}
