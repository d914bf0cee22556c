//! OffsetForLeaderEpoch: where the records of a leader's epoch end. After a change of leader a
//! reader finds out with it whether records that it has read were lost (KIP-101, KIP-320).
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.11.0 | first, between brokers (KIP-101) |
//! | 1 | 2.0 | the epoch is answered that the offset belongs to (KIP-279) |
//! | 2 | 2.1 | clients may ask; the epoch that they know (KIP-320) |
//! | 3 | 2.3 | `replica_id` tells followers from clients |
//! | 4 | 2.8 | compact lengths, tags (KIP-482) |

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    OffsetForLeaderEpochRequest => OffsetForLeaderEpochResponse,
    key 23, versions 0..=4, flexible 4..;

    /// Asks leaders of partitions where epochs end.
    struct OffsetForLeaderEpochRequest {
        /// Broker that follows the leader; -1 for a consumer, which then sees offsets up to the
        /// high watermark only; -2 if it is not said.
        3..     replica_id: i32 [ignorable] = -2,
        /// The partitions, by topic.
        0..     topics: Vec<OffsetForLeaderTopic>,
    }

    /// The partitions of one topic.
    struct OffsetForLeaderTopic {
        /// Name of the topic.
        0..     topic: Str,
        /// The partitions.
        0..     partitions: Vec<OffsetForLeaderPartition>,
    }

    /// One partition, and the epoch whose end is wanted.
    struct OffsetForLeaderPartition {
        /// Number of the partition.
        0..     partition: i32,
        /// Epoch of the leader that the client knows; -1 if none. An older one is answered
        /// FENCED_LEADER_EPOCH, a newer one UNKNOWN_LEADER_EPOCH.
        2..     current_leader_epoch: i32 [ignorable] = -1,
        /// The epoch whose end is wanted: that of the last record that was read.
        0..     leader_epoch: i32,
    }

    /// Where the epochs end.
    struct OffsetForLeaderEpochResponse {
        /// Milliseconds for which the client must not send on this connection; 0 if it may.
        2..     throttle_time_ms: i32 [ignorable],
        /// The partitions, by topic.
        0..     topics: Vec<OffsetForLeaderTopicResult>,
    }

    /// The partitions of one topic.
    struct OffsetForLeaderTopicResult {
        /// Name of the topic.
        0..     topic: Str,
        /// The partitions.
        0..     partitions: Vec<EpochEndOffset>,
    }

    /// Where the epoch ends in one partition.
    struct EpochEndOffset {
        /// NONE, or why it is not told. After a refresh of the metadata: NOT_LEADER_OR_FOLLOWER,
        /// FENCED_LEADER_EPOCH, UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR. Ask again:
        /// UNKNOWN_LEADER_EPOCH, LEADER_NOT_AVAILABLE, OFFSET_NOT_AVAILABLE. Final:
        /// TOPIC_AUTHORIZATION_FAILED.
        0..     error_code: ErrorCode,
        /// Number of the partition.
        0..     partition: i32,
        /// The epoch that was asked for, or the highest one before it that has records; -1 if there
        /// is none.
        1..     leader_epoch: i32 [ignorable] = -1,
        /// Offset behind the last record of that epoch; -1 if there is none. A reader whose
        /// position lies beyond it has read records that were lost.
        0..     end_offset: i64 = -1,
    }
}
