//! Produce: record batches for the partitions that a broker leads.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.8.2 | records of magic 0 |
//! | 1 | 0.9.0 | the answer says for how long the client was throttled |
//! | 2 | 0.10.0 | records may have magic 1; the append time is answered (KIP-32) |
//! | 3 | 0.11.0 | records of magic 2 only; `transactional_id` (KIP-98) |
//! | 4 | 1.0 | the same bytes; the sender knows KAFKA_STORAGE_ERROR (KIP-112) |
//! | 5 | 1.0 | the first offset of the log is answered |
//! | 6 | 2.0 | the same bytes; a throttled answer comes at once (KIP-219) |
//! | 7 | 2.1 | the same bytes; records may be compressed with zstd (KIP-110) |
//! | 8 | 2.4 | which records of a batch were refused, and why (KIP-467) |
//! | 9 | 2.8 | compact lengths, tags (KIP-482) |
//! | 10 | 3.7 | who leads the partition now (KIP-951) |
//! | 11 | 3.8 | the same bytes; TRANSACTION_ABORTABLE may be answered (KIP-890) |
//! | 12 | 4.0 | the same bytes; partitions join the transaction by themselves (KIP-890) |
//! | 13 | 4.1 | topics by id in place of names (KIP-516) |

use crate::error_code::ErrorCode;
use crate::wire::{Records, Str, Uuid};

api! {
    ProduceRequest => ProduceResponse, key 0, versions 0..=13, flexible 9..;

    /// Brings record batches. With `acks` 0 there is no answer, not even for errors.
    struct ProduceRequest {
        /// Transaction that the batches belong to; null if to none. From version 12 on the broker
        /// adds the partitions to the transaction by itself (KIP-890).
        3..     transactional_id: Option<Str> [null 3..],
        /// When the broker answers: 0 never, 1 when the leader has the batches, -1 when all
        /// replicas in sync have them. Others are answered INVALID_REQUIRED_ACKS.
        0..     acks: i16,
        /// Milliseconds that the leader may wait for the replicas, with `acks` -1. After that it
        /// answers REQUEST_TIMED_OUT, and the batches may still be stored.
        0..     timeout_ms: i32,
        /// The batches by topic.
        0..     topic_data: Vec<TopicProduceData>,
    }

    /// The batches for one topic.
    struct TopicProduceData {
        /// Name of the topic.
        0..=12  name: Str [ignorable],
        /// Id of the topic.
        13..    topic_id: Uuid [ignorable],
        /// The batches by partition.
        0..     partition_data: Vec<PartitionProduceData>,
    }

    /// The batches for one partition.
    struct PartitionProduceData {
        /// Number of the partition.
        0..     index: i32,
        /// Record batches: of magic 2 from version 3 on, and then exactly one; of magic 1 in
        /// version 2; of magic 0 before. zstd is allowed from version 7 on.
        0..     records: Option<Records> [null 0..],
    }

    /// What became of the batches.
    struct ProduceResponse {
        /// What became of them, by topic.
        0..     responses: Vec<TopicProduceResponse>,
        /// Milliseconds for which the client must not send on this connection (from version 6 on;
        /// before, the broker has already held the answer back for so long).
        1..     throttle_time_ms: i32 [ignorable],
        /// Addresses of the brokers that `current_leader` names (KIP-951).
        10..    node_endpoints: Vec<NodeEndpoint> [tag 0],
    }

    /// What became of the batches for one topic.
    struct TopicProduceResponse {
        /// Name of the topic.
        0..=12  name: Str [ignorable],
        /// Id of the topic.
        13..    topic_id: Uuid [ignorable],
        /// What became of them, by partition.
        0..     partition_responses: Vec<PartitionProduceResponse>,
    }

    /// What became of the batches for one partition.
    struct PartitionProduceResponse {
        /// Number of the partition.
        0..     index: i32,
        /// NONE, or why the batches were not stored. Retried after a refresh of the metadata:
        /// NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID,
        /// KAFKA_STORAGE_ERROR. Retried: NOT_ENOUGH_REPLICAS, CORRUPT_MESSAGE. Possibly stored:
        /// REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND. Stored before:
        /// DUPLICATE_SEQUENCE_NUMBER. To be split: MESSAGE_TOO_LARGE. Final for these records:
        /// INVALID_RECORD, INVALID_TIMESTAMP, UNSUPPORTED_COMPRESSION_TYPE, RECORD_LIST_TOO_LARGE,
        /// TOPIC_AUTHORIZATION_FAILED. Of the producer itself: OUT_OF_ORDER_SEQUENCE_NUMBER,
        /// UNKNOWN_PRODUCER_ID, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, TRANSACTION_ABORTABLE.
        0..     error_code: ErrorCode,
        /// Offset of the first record; -1 if nothing was stored, or it is not known where.
        0..     base_offset: i64,
        /// Milliseconds since 1970 at which the broker stored the records, if the topic's
        /// timestamps are of that kind; else -1.
        2..     log_append_time_ms: i64 [ignorable] = -1,
        /// First offset that the partition still has; -1 if it is not known.
        5..     log_start_offset: i64 [ignorable] = -1,
        /// The records because of which the whole batch was refused (KIP-467).
        8..     record_errors: Vec<BatchIndexAndErrorMessage> [ignorable],
        /// What they have in common, in the broker's words; null if it says nothing.
        8..     error_message: Option<Str> [null 8.., ignorable],
        /// Who leads the partition, with NOT_LEADER_OR_FOLLOWER (KIP-951).
        10..    current_leader: LeaderIdAndEpoch [tag 0],
    }

    /// One record because of which a batch was refused.
    struct BatchIndexAndErrorMessage {
        /// Place of the record in its batch, from 0.
        8..     batch_index: i32,
        /// What is wrong with it, in the broker's words; null if it says nothing.
        8..     batch_index_error_message: Option<Str> [null 8..],
    }

    /// Who leads a partition.
    struct LeaderIdAndEpoch {
        /// Id of the broker; -1 if it is not known.
        10..    leader_id: i32 = -1,
        /// Epoch of the leader; -1 if it is not known.
        10..    leader_epoch: i32 = -1,
    }

    /// Where a broker is.
    struct NodeEndpoint {
        /// Id of the broker.
        10..    node_id: i32,
        /// Host name or address that clients are to connect to.
        10..    host: Str,
        /// Port that clients are to connect to.
        10..    port: i32,
        /// Rack or zone of the broker; null if it does not say.
        10..    rack: Option<Str> [null 10..],
    }
}
