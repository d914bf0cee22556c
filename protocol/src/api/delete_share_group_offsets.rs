//! DeleteShareGroupOffsets: makes a share group forget its state of whole topics.
//!
//! Sent by admin tools to the group's coordinator; since 4.1 (KIP-932). The group must be empty of
//! members.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    DeleteShareGroupOffsetsRequest => DeleteShareGroupOffsetsResponse,
    key 92, versions 0..=0, flexible 0..;

    /// Asks to forget topics of one group.
    struct DeleteShareGroupOffsetsRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The topics to forget.
        0..     topics: Vec<DeleteShareGroupOffsetsRequestTopic>,
    }

    /// One topic.
    struct DeleteShareGroupOffsetsRequestTopic {
        /// The topic's name.
        0..     topic_name: Str,
    }

    /// Says which topics are forgotten.
    struct DeleteShareGroupOffsetsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// An error of the whole request. `NON_EMPTY_GROUP`: it has members. `GROUP_ID_NOT_FOUND`.
        /// `NOT_COORDINATOR`: look it up again. `GROUP_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// The outcome, by topic.
        0..     responses: Vec<DeleteShareGroupOffsetsResponseTopic>,
    }

    /// The outcome for one topic.
    struct DeleteShareGroupOffsetsResponseTopic {
        /// The topic's name.
        0..     topic_name: Str,
        /// The topic's id.
        0..     topic_id: Uuid,
        /// `UNKNOWN_TOPIC_OR_PARTITION`. `TOPIC_AUTHORIZATION_FAILED`. `UNKNOWN_SERVER_ERROR`: see
        /// `error_message`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
    }
}
