//! Records of `__transaction_state`, the log in which transaction coordinators keep transactions.
//!
//! Two bytes before key and value are their versions:
//! [`decode_versioned`](super::decode_versioned) reads both. A record without a value says that the
//! transactional id was forgotten.

use crate::wire::Str;

message! { TransactionLogKey, versions 0..=0, flexible never.. }
message! { TransactionLogValue, versions 0..=1, flexible 1.. }

wire_structs! {
    /// Whose transaction it is.
    struct TransactionLogKey {
        /// The transactional id.
        0..     transactional_id: Str,
    }

    /// The state of a transactional id.
    struct TransactionLogValue {
        /// Id of its producer.
        0..     producer_id: i64,
        /// Producer id of the transaction before, if this one has another; -1 if not (KIP-890).
        1..     previous_producer_id: i64 [tag 0] = -1,
        /// Producer id that the producer has been told to use from now on, because the epochs of
        /// this one are used up; -1 if there is none (KIP-890).
        1..     next_producer_id: i64 [tag 1] = -1,
        /// Epoch of the producer.
        0..     producer_epoch: i16,
        /// Epoch that the producer has been told to use from now on; -1 if there is none (KIP-939).
        1..     next_producer_epoch: i16 [tag 3] = -1,
        /// Time after which an open transaction is aborted, in milliseconds.
        0..     transaction_timeout_ms: i32,
        /// 0 empty, 1 ongoing, 2 about to commit, 3 about to abort, 4 committed, 5 aborted, 6 dead
        /// (being forgotten), 7 about to abort with a new epoch.
        0..     transaction_status: i8,
        /// Partitions with records of the transaction, by topic; null if there is none.
        0..     transaction_partitions: Option<Vec<PartitionsSchema>> [null 0.., empty],
        /// When the state last changed, in milliseconds since 1970.
        0..     transaction_last_update_timestamp_ms: i64,
        /// When the transaction began, in milliseconds since 1970; -1 if there is none.
        0..     transaction_start_timestamp_ms: i64,
        /// Which protocol the client uses: 2 is that of KIP-890, lower numbers are the one before.
        1..     client_transaction_version: i16 [tag 2],
    }

    /// Partitions of one topic.
    struct PartitionsSchema {
        /// Name of the topic.
        0..     topic: Str,
        /// Numbers of the partitions.
        0..     partition_ids: Vec<i32>,
    }
}
