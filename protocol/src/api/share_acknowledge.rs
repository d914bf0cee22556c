//! ShareAcknowledge: says what became of acquired records, without fetching new ones.
//!
//! Sent by members of share groups to the leaders of their partitions, in the share session that
//! ShareFetch opened. Version 1 came with 4.1 (KIP-932), version 2 with 4.2 (KIP-1222).

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    ShareAcknowledgeRequest => ShareAcknowledgeResponse, key 79, versions 1..=2, flexible 0..;

    /// Acknowledges records.
    struct ShareAcknowledgeRequest {
        /// The group's id.
        0..     group_id: Option<Str> [null 0..],
        /// The member's id.
        0..     member_id: Option<Str> [null 0.., empty],
        /// The session's next epoch, counted together with ShareFetch; -1 = close it.
        0..     share_session_epoch: i32,
        /// Whether any acknowledgement is of type 4, renew (KIP-1222).
        2..     is_renew_ack: bool,
        /// The acknowledgements, by topic.
        0..     topics: Vec<AcknowledgeTopic>,
    }

    /// The acknowledgements for one topic.
    struct AcknowledgeTopic {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The acknowledgements, by partition.
        0..     partitions: Vec<AcknowledgePartition>,
    }

    /// The acknowledgements for one partition.
    struct AcknowledgePartition {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// The acknowledgements, in order of their offsets.
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

    /// Says which acknowledgements count.
    struct ShareAcknowledgeResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `SHARE_SESSION_NOT_FOUND`, `INVALID_SHARE_SESSION_EPOCH`: open a new session; the
        /// acknowledgements are lost. `GROUP_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// How long renewed records stay locked for this member, in milliseconds.
        2..     acquisition_lock_timeout_ms: i32 [ignorable],
        /// The outcome, by topic.
        0..     responses: Vec<ShareAcknowledgeTopicResponse>,
        /// The addresses of the leaders named in `current_leader`.
        0..     node_endpoints: Vec<NodeEndpoint>,
    }

    /// The outcome for one topic.
    struct ShareAcknowledgeTopicResponse {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The outcome, by partition.
        0..     partitions: Vec<PartitionData>,
    }

    /// The outcome for one partition.
    struct PartitionData {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `INVALID_RECORD_STATE`: the lock was lost before. `NOT_LEADER_OR_FOLLOWER`,
        /// `UNKNOWN_TOPIC_ID`: do not send them again, the broker redelivers.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// The leader to go to, with the errors that say so.
        0..     current_leader: LeaderIdAndEpoch,
    }

    /// The leader of a partition.
    struct LeaderIdAndEpoch {
        /// The leader's broker id; -1 = unknown.
        0..     leader_id: i32,
        /// The leader's epoch.
        0..     leader_epoch: i32,
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
