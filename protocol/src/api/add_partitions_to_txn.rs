//! AddPartitionsToTxn: registers partitions with a transaction before records go to them.
//!
//! Up to version 3 a producer sends it to its transaction coordinator, before the first Produce to
//! each partition (KIP-98); with `transaction.version` 2 brokers do that for it (KIP-890). Version
//! 4 and later are for brokers only: a partition leader adds or checks partitions of many
//! transactions at once. A client must not use them.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    AddPartitionsToTxnRequest => AddPartitionsToTxnResponse, key 24, versions 0..=5, flexible 3..;

    /// Asks to add partitions to transactions, or to check that they are in.
    struct AddPartitionsToTxnRequest {
        /// The transactions and their partitions, since version 4.
        4..     transactions: Vec<AddPartitionsToTxnTransaction>,
        /// The producer's transactional id, up to version 3.
        0..=3   v3_and_below_transactional_id: Str,
        /// The producer id of that transactional id, up to version 3.
        0..=3   v3_and_below_producer_id: i64,
        /// The producer's epoch, up to version 3.
        0..=3   v3_and_below_producer_epoch: i16,
        /// The partitions to add, up to version 3. All are added, or none.
        0..=3   v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
    }

    /// One transaction, since version 4.
    struct AddPartitionsToTxnTransaction {
        /// The transactional id.
        4..     transactional_id: Str,
        /// The producer id of that transactional id.
        4..     producer_id: i64,
        /// The producer's epoch.
        4..     producer_epoch: i16,
        /// Whether only to check that the partitions are in the transaction, without adding them.
        4..     verify_only: bool = false,
        /// The partitions, by topic.
        4..     topics: Vec<AddPartitionsToTxnTopic>,
    }

    /// Partitions of one topic.
    struct AddPartitionsToTxnTopic {
        /// The topic's name.
        0..     name: Str,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }

    /// Says which partitions are in the transaction.
    struct AddPartitionsToTxnResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// An error of the whole request, since version 4. `CLUSTER_AUTHORIZATION_FAILED`: the
        /// sender is not a broker.
        4..     error_code: ErrorCode [ignorable],
        /// The outcome, by transaction, since version 4.
        4..     results_by_transaction: Vec<AddPartitionsToTxnResult>,
        /// The outcome, by topic, up to version 3.
        0..=3   results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
    }

    /// The outcome for one transaction, since version 4.
    struct AddPartitionsToTxnResult {
        /// The transactional id.
        4..     transactional_id: Str,
        /// The outcome, by topic.
        4..     topic_results: Vec<AddPartitionsToTxnTopicResult>,
    }

    /// The outcome for one topic.
    struct AddPartitionsToTxnTopicResult {
        /// The topic's name.
        0..     name: Str,
        /// The outcome, by partition.
        0..     results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    }

    /// The outcome for one partition.
    struct AddPartitionsToTxnPartitionResult {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `CONCURRENT_TRANSACTIONS`: the last one still ends, try again. `PRODUCER_FENCED`: give
        /// up. `OPERATION_NOT_ATTEMPTED`: another partition is at fault.
        0..     partition_error_code: ErrorCode,
    }
}
