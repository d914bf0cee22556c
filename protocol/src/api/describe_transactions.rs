//! DescribeTransactions: the state of transactions, as their coordinator knows it.
//!
//! Sent by admin tools to the transaction coordinator of each id. Since 3.0 (KIP-664).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DescribeTransactionsRequest => DescribeTransactionsResponse,
    key 65, versions 0..=0, flexible 0..;

    /// Asks about transactions.
    struct DescribeTransactionsRequest {
        /// The transactional ids.
        0..     transactional_ids: Vec<Str>,
    }

    /// The descriptions.
    struct DescribeTransactionsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// One description for each id asked about.
        0..     transaction_states: Vec<TransactionState>,
    }

    /// The description of one transaction.
    struct TransactionState {
        /// `TRANSACTIONAL_ID_NOT_FOUND`. `NOT_COORDINATOR`: look it up again.
        /// `COORDINATOR_LOAD_IN_PROGRESS`: wait. `TRANSACTIONAL_ID_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// The transactional id.
        0..     transactional_id: Str,
        /// `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit`, `CompleteAbort`,
        /// `PrepareEpochFence` or `Dead`.
        0..     transaction_state: Str,
        /// How long the transaction may stay open before the coordinator aborts it, in
        /// milliseconds.
        0..     transaction_timeout_ms: i32,
        /// When it started, in milliseconds since 1970; negative = none is open.
        0..     transaction_start_time_ms: i64,
        /// The producer id in use.
        0..     producer_id: i64,
        /// The producer's epoch.
        0..     producer_epoch: i16,
        /// The partitions in the transaction, by topic, as far as the caller may see them.
        0..     topics: Vec<TopicData>,
    }

    /// Partitions of one topic.
    struct TopicData {
        /// The topic's name.
        0..     topic: Str,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }
}
