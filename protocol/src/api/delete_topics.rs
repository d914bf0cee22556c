//! DeleteTopics: takes topics and all their records away. In a cluster with ZooKeeper only the
//! controller serves it; KRaft brokers pass it on.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.10.1 | first (KIP-4) |
//! | 1 | 0.11.0 | the answer says for how long the client was throttled |
//! | 2 | 2.0 | the same bytes; a throttled answer comes at once (KIP-219) |
//! | 3 | 2.1 | the same bytes; TOPIC_DELETION_DISABLED may be answered |
//! | 4 | 2.4 | compact lengths, tags (KIP-482) |
//! | 5 | 2.7 | messages with errors; THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599) |
//! | 6 | 2.8 | topics by name or by id (KIP-516) |

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    DeleteTopicsRequest => DeleteTopicsResponse, key 20, versions 0..=6, flexible 4..;

    /// Asks for topics to be deleted, each for itself.
    struct DeleteTopicsRequest {
        /// The topics, by name or id.
        6..     topics: Vec<DeleteTopicState>,
        /// The topics, by name.
        0..=5   topic_names: Vec<Str> [ignorable],
        /// Milliseconds that the broker waits for the deletion.
        0..     timeout_ms: i32,
    }

    /// One topic.
    struct DeleteTopicState {
        /// Name of the topic; null if the id is given.
        6..     name: Option<Str> [null 6..],
        /// Id of the topic; zero if the name is given. Both are answered INVALID_REQUEST.
        6..     topic_id: Uuid,
    }

    /// What became of the topics.
    struct DeleteTopicsResponse {
        /// Milliseconds for which the client must not send on this connection (from version 2 on;
        /// before, the broker has already held the answer back for so long). With
        /// THROTTLING_QUOTA_EXCEEDED the topic may be tried again after it.
        1..     throttle_time_ms: i32 [ignorable],
        /// What became of them, each by itself.
        0..     responses: Vec<DeletableTopicResult>,
    }

    /// What became of one topic.
    struct DeletableTopicResult {
        /// Name of the topic; null if its id is not known, or the client may not know its name.
        0..     name: Option<Str> [null 6.., empty],
        /// Id of the topic; zero if it is not known.
        6..     topic_id: Uuid [ignorable],
        /// NONE; UNKNOWN_TOPIC_OR_PARTITION or UNKNOWN_TOPIC_ID; TOPIC_DELETION_DISABLED (from
        /// version 3 on, else INVALID_REQUEST); NOT_CONTROLLER (find the controller);
        /// REQUEST_TIMED_OUT (it will be deleted yet); THROTTLING_QUOTA_EXCEEDED (from version 5
        /// on); INVALID_TOPIC_EXCEPTION; TOPIC_AUTHORIZATION_FAILED.
        0..     error_code: ErrorCode,
        /// What is wrong, in the broker's words; null if it says nothing.
        5..     error_message: Option<Str> [null 5.., ignorable],
    }
}
