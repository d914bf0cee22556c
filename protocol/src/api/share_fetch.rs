//! ShareFetch: acquires records for a member of a share group.
//!
//! Sent by members to the leaders of their partitions. The broker locks the records that it hands
//! out until they are acknowledged (here or by ShareAcknowledge) or the lock times out; then
//! somebody else may get them. Each member has one share session with each broker, so that only
//! changes need to be sent. Version 1 came with 4.1 (KIP-932), version 2 with 4.2 (KIP-1206,
//! KIP-1222).

use crate::error_code::ErrorCode;
use crate::wire::{Records, Str, Uuid};

api! {
    ShareFetchRequest => ShareFetchResponse, key 78, versions 1..=2, flexible 0..;

    /// Asks for records, and acknowledges earlier ones.
    struct ShareFetchRequest {
        /// The group's id.
        0..     group_id: Option<Str> [null 0..],
        /// The member's id.
        0..     member_id: Option<Str> [null 0.., empty],
        /// 0 = open a session; 1, 2 and so on = its next requests; -1 = close it.
        0..     share_session_epoch: i32,
        /// How long the broker may wait for records, in milliseconds.
        0..     max_wait_ms: i32,
        /// How many bytes the broker shall wait for.
        0..     min_bytes: i32,
        /// How many bytes the answer may hold; a first batch that is larger comes all the same
        /// (KIP-74).
        0..     max_bytes: i32 = 0x7fffffff,
        /// How many records to acquire at most; unless the mode is 1, more may come, up to the end
        /// of a batch.
        1..     max_records: i32,
        /// How many records the batches of acquired records should have, as a hint.
        1..     batch_size: i32,
        /// 0 = whole batches where that is cheaper, 1 = never more than `max_records` (KIP-1206).
        2..     share_acquire_mode: i8 [ignorable],
        /// Whether any acknowledgement is of type 4, renew (KIP-1222).
        2..     is_renew_ack: bool,
        /// The partitions to add to the session, or to acknowledge records of.
        0..     topics: Vec<FetchTopic>,
        /// The partitions to take out of the session.
        0..     forgotten_topics_data: Vec<ForgottenTopic>,
    }

    /// Partitions of one topic.
    struct FetchTopic {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The partitions.
        0..     partitions: Vec<FetchPartition>,
    }

    /// One partition.
    struct FetchPartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// How many bytes to take from this partition; version 0 only, which no longer exists.
        0..=0   partition_max_bytes: i32,
        /// Acknowledgements of records acquired earlier.
        0..     acknowledgement_batches: Vec<AcknowledgementBatch>,
    }

    /// What became of a range of records.
    struct AcknowledgementBatch {
        /// The first offset of the range.
        0..     first_offset: i64,
        /// The last offset of the range, itself included.
        0..     last_offset: i64,
        /// 0 gap, 1 accept, 2 release, 3 reject, 4 renew: one value for the whole range, or one for
        /// each of its offsets.
        0..     acknowledge_types: Vec<i8>,
    }

    /// Partitions of one topic to take out of the session.
    struct ForgottenTopic {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }

    /// The acquired records.
    struct ShareFetchResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `SHARE_SESSION_NOT_FOUND`, `INVALID_SHARE_SESSION_EPOCH`, `SHARE_SESSION_LIMIT_REACHED`:
        /// open a new session. `GROUP_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// How long the acquired records stay locked for this member, in milliseconds.
        1..     acquisition_lock_timeout_ms: i32,
        /// The records, by topic.
        0..     responses: Vec<ShareFetchableTopicResponse>,
        /// The addresses of the leaders named in `current_leader`.
        0..     node_endpoints: Vec<NodeEndpoint>,
    }

    /// The records of one topic.
    struct ShareFetchableTopicResponse {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The records, by partition.
        0..     partitions: Vec<PartitionData>,
    }

    /// The records of one partition.
    struct PartitionData {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// Of the fetch. `NOT_LEADER_OR_FOLLOWER`, `FENCED_LEADER_EPOCH`: see `current_leader`.
        /// `UNKNOWN_TOPIC_ID`: refresh. `TOPIC_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// Of the acknowledgements. `INVALID_RECORD_STATE`: the lock was lost before.
        /// `NOT_LEADER_OR_FOLLOWER`: do not send them again, the broker redelivers.
        0..     acknowledge_error_code: ErrorCode,
        /// What went wrong with the acknowledgements; `None` if there is nothing to say.
        0..     acknowledge_error_message: Option<Str> [null 0..],
        /// The leader to go to, with the errors that say so.
        0..     current_leader: LeaderIdAndEpoch,
        /// Record batches; they may hold more records than were acquired.
        0..     records: Option<Records> [null 0..=0],
        /// Which of these records are this member's now, in order.
        0..     acquired_records: Vec<AcquiredRecords>,
    }

    /// The leader of a partition.
    struct LeaderIdAndEpoch {
        /// The leader's broker id; -1 = unknown.
        0..     leader_id: i32,
        /// The leader's epoch.
        0..     leader_epoch: i32,
    }

    /// A range of acquired records.
    struct AcquiredRecords {
        /// The first offset of the range.
        0..     first_offset: i64,
        /// The last offset of the range, itself included.
        0..     last_offset: i64,
        /// How often these records have been handed out, this time included.
        0..     delivery_count: i16,
    }

    /// The address of a broker.
    struct NodeEndpoint {
        /// The broker's id.
        0..     node_id: i32,
        /// The host that it advertises.
        0..     host: Str,
        /// The port that it advertises.
        0..     port: i32,
        /// The rack that it stands in, if it has one.
        0..     rack: Option<Str> [null 0..],
    }
}
