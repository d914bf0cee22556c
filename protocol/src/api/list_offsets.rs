//! ListOffsets: the first or last offset of partitions, or the one at a point in time. It goes to
//! the leaders of the partitions.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.8.2 | several offsets, of segments |
//! | 1 | 0.10.1 | one offset, by the timestamp of a record (KIP-79) |
//! | 2 | 0.11.0 | `isolation_level` (KIP-98) |
//! | 3 | 2.0 | the same bytes; a throttled answer comes at once (KIP-219) |
//! | 4 | 2.1 | epochs of leaders (KIP-320) |
//! | 5 | 2.2 | the same bytes; OFFSET_NOT_AVAILABLE may be answered (KIP-207) |
//! | 6 | 2.8 | compact lengths, tags (KIP-482) |
//! | 7 | 3.0 | timestamp -3: the record with the highest one (KIP-734) |
//! | 8 | 3.5 | timestamp -4: the first offset on local disk (KIP-405) |
//! | 9 | 3.9 | timestamp -5: the last offset in remote storage (KIP-1005) |
//! | 10 | 4.0 | `timeout_ms`, for tiered storage (KIP-1075) |
//! | 11 | 4.2 | timestamp -6: the first offset that is only on local disk (KIP-1023) |

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    ListOffsetsRequest => ListOffsetsResponse, key 2, versions 0..=11, flexible 6..;

    /// Asks for one offset a partition; in version 0, which has no lookup by time, for several.
    struct ListOffsetsRequest {
        /// Broker that follows the leader; -1 for a client, which 0 is not.
        0..     replica_id: i32,
        /// 0 for the last offset of all records, 1 for that of ended transactions.
        2..     isolation_level: i8,
        /// The partitions, by topic.
        0..     topics: Vec<ListOffsetsTopic>,
        /// Milliseconds that the broker may wait for tiered storage (KIP-1075).
        10..    timeout_ms: i32 [ignorable],
    }

    /// The partitions of one topic.
    struct ListOffsetsTopic {
        /// Name of the topic.
        0..     name: Str,
        /// The partitions.
        0..     partitions: Vec<ListOffsetsPartition>,
    }

    /// One partition, and what is to be found in it.
    struct ListOffsetsPartition {
        /// Number of the partition.
        0..     partition_index: i32,
        /// Epoch of the leader that the client knows; -1 if none (KIP-320).
        4..     current_leader_epoch: i32 [ignorable] = -1,
        /// Milliseconds since 1970: the first record that is not older. -1 the end, -2 the
        /// beginning; -3 the record with the highest timestamp (from version 7 on); of tiered
        /// storage -4 the first offset on local disk (8), -5 the last one in remote storage (9), -6
        /// the first one that is only on local disk (11).
        0..     timestamp: i64,
        /// How many offsets are wanted at most.
        0..=0   max_num_offsets: i32 = 1,
    }

    /// The offsets.
    struct ListOffsetsResponse {
        /// Milliseconds for which the client must not send on this connection (from version 3 on;
        /// before, the broker has already held the answer back for so long).
        2..     throttle_time_ms: i32 [ignorable],
        /// The partitions, by topic.
        0..     topics: Vec<ListOffsetsTopicResponse>,
    }

    /// The partitions of one topic.
    struct ListOffsetsTopicResponse {
        /// Name of the topic.
        0..     name: Str,
        /// The partitions.
        0..     partitions: Vec<ListOffsetsPartitionResponse>,
    }

    /// What was found in one partition.
    struct ListOffsetsPartitionResponse {
        /// Number of the partition.
        0..     partition_index: i32,
        /// NONE, or why there is no offset. After a refresh of the metadata:
        /// NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_TOPIC_OR_PARTITION,
        /// KAFKA_STORAGE_ERROR. Ask again: LEADER_NOT_AVAILABLE, OFFSET_NOT_AVAILABLE,
        /// UNKNOWN_LEADER_EPOCH, REPLICA_NOT_AVAILABLE. Final: TOPIC_AUTHORIZATION_FAILED,
        /// UNSUPPORTED_FOR_MESSAGE_FORMAT (no lookup by time in batches of magic 0),
        /// UNSUPPORTED_VERSION (a timestamp below -1 that the broker cannot serve).
        0..     error_code: ErrorCode,
        /// First offsets of segments, highest first; the end of the log before them, if it was
        /// asked for.
        0..=0   old_style_offsets: Vec<i64>,
        /// Timestamp of the record that was found; -1 if the beginning or end was asked for.
        1..     timestamp: i64 = -1,
        /// The offset; -1 if no record is as young as that.
        1..     offset: i64 = -1,
        /// Epoch of the record that was found; -1 if it is not known.
        4..     leader_epoch: i32 = -1,
    }
}
