//! AddOffsetsToTxn: announces that a transaction will commit offsets of a group.
//!
//! Sent by a producer to its transaction coordinator, before TxnOffsetCommit goes to the group's
//! coordinator (KIP-98). Not needed with `transaction.version` 2, where TxnOffsetCommit version 5
//! does it all (KIP-890).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    AddOffsetsToTxnRequest => AddOffsetsToTxnResponse, key 25, versions 0..=4, flexible 3..;

    /// Asks to add a group's offsets to the transaction.
    struct AddOffsetsToTxnRequest {
        /// The producer's transactional id.
        0..     transactional_id: Str,
        /// The producer id of that transactional id.
        0..     producer_id: i64,
        /// The producer's epoch.
        0..     producer_epoch: i16,
        /// The group whose offsets the transaction will commit.
        0..     group_id: Str,
    }

    /// Says whether the group's offsets are part of the transaction now.
    struct AddOffsetsToTxnResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// `CONCURRENT_TRANSACTIONS`: try again. `NOT_COORDINATOR`: look it up again.
        /// `PRODUCER_FENCED`, `INVALID_TXN_STATE`: give up. `TRANSACTION_ABORTABLE`: abort.
        0..     error_code: ErrorCode,
    }
}
