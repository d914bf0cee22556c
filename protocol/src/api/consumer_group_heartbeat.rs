//! ConsumerGroupHeartbeat: joins, stays in and leaves a consumer group of KIP-848.
//!
//! The only request of that protocol: members send it to their coordinator, and the coordinator
//! assigns partitions step by step in its answers; there is no barrier at which all stop. The first
//! heartbeat carries everything, later ones only what changed. Ready for production since 4.0;
//! usable if feature `group.version` is at least 1. In version 1 the client chooses its member id
//! (KIP-1082), in version 0 the coordinator does.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    ConsumerGroupHeartbeatRequest => ConsumerGroupHeartbeatResponse,
    key 68, versions 0..=1, flexible 0..;

    /// What a member wants and owns. Fields may be left out if they did not change.
    struct ConsumerGroupHeartbeatRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The member's id: a random uuid as text, kept for as long as the consumer lives.
        0..     member_id: Str,
        /// The epoch from the last answer; 0 = join, -1 = leave, -2 = a static member leaves for a
        /// while.
        0..     member_epoch: i32,
        /// The `group.instance.id` of a static member; `None` = none, or unchanged.
        0..     instance_id: Option<Str> [null 0..],
        /// The member's `client.rack`; `None` = none, or unchanged.
        0..     rack_id: Option<Str> [null 0..],
        /// How long the member may take to give partitions up, in milliseconds; -1 = unchanged.
        0..     rebalance_timeout_ms: i32 = -1,
        /// The topics it subscribes to by name; `None` = unchanged.
        0..     subscribed_topic_names: Option<Vec<Str>> [null 0..],
        /// A pattern (RE2) of topics it subscribes to, matched by the broker; `None` = unchanged,
        /// empty = no pattern.
        1..     subscribed_topic_regex: Option<Str> [null 1..],
        /// The assignor it asks for, `uniform` or `range` by default; `None` = the broker's choice,
        /// or unchanged.
        0..     server_assignor: Option<Str> [null 0..],
        /// The partitions that it owns now; `None` = unchanged.
        0..     topic_partitions: Option<Vec<TopicPartitions>> [null 0..],
    }

    /// Partitions of one topic that the member owns.
    struct TopicPartitions {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }

    /// The member's epoch and, if it changed, its assignment.
    struct ConsumerGroupHeartbeatResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `FENCED_MEMBER_EPOCH`, `UNKNOWN_MEMBER_ID`: all is lost, join at epoch 0.
        /// `NOT_COORDINATOR`: look it up again. `UNRELEASED_INSTANCE_ID`: the id is still taken.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// The id that the coordinator made up (version 0, on joining); else `None` or as sent.
        0..     member_id: Option<Str> [null 0..],
        /// The epoch to send from now on.
        0..     member_epoch: i32,
        /// How often to send heartbeats, in milliseconds: the broker decides.
        0..     heartbeat_interval_ms: i32,
        /// What the member shall own: give up the rest first, then take the new ones.
        /// `None` = unchanged.
        0..     assignment: Option<Assignment> [null 0..],
    }

    /// The whole target assignment of the member.
    struct Assignment {
        /// The partitions that the member may use, by topic.
        0..     topic_partitions: Vec<TopicPartitionsResponse>,
    }

    /// Partitions of one topic that the member shall own.
    struct TopicPartitionsResponse {
        /// The topic's id; its name comes from Metadata.
        0..     topic_id: Uuid,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }
}
