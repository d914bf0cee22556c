//! ShareGroupHeartbeat: joins, stays in and leaves a share group.
//!
//! Sent by members to the group's coordinator, which assigns partitions in its answers; several
//! members may get the same partition. Ready for production since 4.2 (KIP-932); usable if feature
//! `share.version` is at least 1. The client chooses its member id.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    ShareGroupHeartbeatRequest => ShareGroupHeartbeatResponse, key 76, versions 1..=1, flexible 0..;

    /// What a member wants. Fields may be left out if they did not change.
    struct ShareGroupHeartbeatRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The member's id: a random uuid as text, kept for as long as the consumer lives.
        0..     member_id: Str,
        /// The epoch from the last answer; 0 = join, -1 = leave.
        0..     member_epoch: i32,
        /// The member's `client.rack`; `None` = none, or unchanged.
        0..     rack_id: Option<Str> [null 0..],
        /// The topics it subscribes to; `None` = unchanged.
        0..     subscribed_topic_names: Option<Vec<Str>> [null 0..],
    }

    /// The member's epoch and, if it changed, its assignment.
    struct ShareGroupHeartbeatResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `UNKNOWN_MEMBER_ID`, `FENCED_MEMBER_EPOCH`: join again at epoch 0. `NOT_COORDINATOR`:
        /// look it up again. `GROUP_MAX_SIZE_REACHED`, `INVALID_REQUEST`: give up.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// The member's id.
        0..     member_id: Option<Str> [null 0..],
        /// The epoch to send from now on.
        0..     member_epoch: i32,
        /// How often to send heartbeats, in milliseconds: the broker decides.
        0..     heartbeat_interval_ms: i32,
        /// The partitions to fetch from; `None` = unchanged.
        0..     assignment: Option<Assignment> [null 0..],
    }

    /// The whole assignment of the member.
    struct Assignment {
        /// The partitions, by topic.
        0..     topic_partitions: Vec<TopicPartitions>,
    }

    /// Partitions of one topic.
    struct TopicPartitions {
        /// The topic's id; its name comes from Metadata.
        0..     topic_id: Uuid,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }
}
