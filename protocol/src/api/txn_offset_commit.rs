//! TxnOffsetCommit: commits offsets of a group as a part of a transaction.
//!
//! Sent by a producer to the coordinator of the group (not of the transaction). The offsets count
//! only once the transaction is committed. Since version 3 (2.5, KIP-447) the coordinator refuses
//! members of an older generation. Version 5 also adds the group to the transaction
//! (`transaction.version` 2, KIP-890); version 6 names topics by id (4.4, KIP-1319).

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    TxnOffsetCommitRequest => TxnOffsetCommitResponse, key 28, versions 0..=6, flexible 3..;

    /// Asks to remember offsets until the transaction ends.
    struct TxnOffsetCommitRequest {
        /// The producer's transactional id.
        0..     transactional_id: Str,
        /// The group whose offsets these are.
        0..     group_id: Str,
        /// The producer id of that transactional id.
        0..     producer_id: i64,
        /// The producer's epoch.
        0..     producer_epoch: i16,
        /// The generation or member epoch of the consumer that read the records; -1 = do not check.
        3..     generation_id_or_member_epoch: i32 = -1,
        /// That consumer's member id; empty = do not check.
        3..     member_id: Str,
        /// That consumer's `group.instance.id` if it is static, else `None`.
        3..     group_instance_id: Option<Str> [null 3..],
        /// The offsets to store, by topic.
        0..     topics: Vec<TxnOffsetCommitRequestTopic>,
    }

    /// The offsets to store for one topic.
    struct TxnOffsetCommitRequestTopic {
        /// The topic's name; up to version 5.
        0..=5   name: Str [ignorable],
        /// The topic's id; in place of the name since version 6.
        6..     topic_id: Uuid [ignorable],
        /// The offsets to store, by partition.
        0..     partitions: Vec<TxnOffsetCommitRequestPartition>,
    }

    /// The offset to store for one partition.
    struct TxnOffsetCommitRequestPartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The offset of the next record to read: one more than that of the last record processed.
        0..     committed_offset: i64,
        /// Leader epoch of the last record processed, for truncation checks (KIP-320);
        /// -1 = unknown.
        2..     committed_leader_epoch: i32 [ignorable] = -1,
        /// Any text of the client's, given back by OffsetFetch. The broker limits its length.
        0..     committed_metadata: Option<Str> [null 0.., empty],
    }

    /// Says for each partition whether its offset was stored.
    struct TxnOffsetCommitResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// The outcome, by topic.
        0..     topics: Vec<TxnOffsetCommitResponseTopic>,
    }

    /// The outcome for one topic.
    struct TxnOffsetCommitResponseTopic {
        /// The topic's name; up to version 5.
        0..=5   name: Str [ignorable],
        /// The topic's id; in place of the name since version 6.
        6..     topic_id: Uuid [ignorable],
        /// The outcome, by partition.
        0..     partitions: Vec<TxnOffsetCommitResponsePartition>,
    }

    /// The outcome for one partition.
    struct TxnOffsetCommitResponsePartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `NOT_COORDINATOR`: look the group's up again. `ILLEGAL_GENERATION`, `UNKNOWN_MEMBER_ID`,
        /// `FENCED_INSTANCE_ID`: abort. `INVALID_PRODUCER_EPOCH`: fenced, give up.
        0..     error_code: ErrorCode,
    }
}
