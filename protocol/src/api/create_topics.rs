//! CreateTopics: new topics. In a cluster with ZooKeeper only the controller serves it; KRaft
//! brokers pass it on. A topic that is created is known to other brokers a moment later.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.10.1 | first (KIP-4) |
//! | 1 | 0.10.2 | `validate_only`, and messages with errors |
//! | 2 | 0.11.0 | the answer says for how long the client was throttled |
//! | 3 | 2.0 | the same bytes; a throttled answer comes at once (KIP-219) |
//! | 4 | 2.4 | counts of -1 stand for the broker's defaults (KIP-464) |
//! | 5 | 2.4 | compact lengths, tags (KIP-482); what was created is answered (KIP-525) |
//! | 6 | 2.7 | the same bytes; THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599) |
//! | 7 | 2.8 | the id of the topic is answered (KIP-516) |

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    CreateTopicsRequest => CreateTopicsResponse, key 19, versions 0..=7, flexible 5..;

    /// Asks for topics to be created, each for itself.
    struct CreateTopicsRequest {
        /// The topics.
        0..     topics: Vec<CreatableTopic>,
        /// Milliseconds that the broker waits for the topics to have leaders; 0 or less: not at
        /// all, which ZooKeeper clusters answer REQUEST_TIMED_OUT though the topics will be there.
        0..     timeout_ms: i32 = 60000,
        /// Whether the topics are only to be checked and not created.
        1..     validate_only: bool,
    }

    /// One topic.
    struct CreatableTopic {
        /// Name of the topic: at most 249 letters, digits, `.`, `_` and `-`.
        0..     name: Str,
        /// How many partitions it has; -1 for the broker's default (from version 4 on, KIP-464), or
        /// if `assignments` says it.
        0..     num_partitions: i32,
        /// How many brokers hold each of them; -1 for the broker's default (from version 4 on), or
        /// if `assignments` says it.
        0..     replication_factor: i16,
        /// Which brokers hold which partition; empty if the broker chooses.
        0..     assignments: Vec<CreatableReplicaAssignment>,
        /// Settings of the topic that are not the broker's default.
        0..     configs: Vec<CreatableTopicConfig>,
    }

    /// The brokers that hold one partition.
    struct CreatableReplicaAssignment {
        /// Number of the partition.
        0..     partition_index: i32,
        /// Ids of the brokers, the preferred leader first.
        0..     broker_ids: Vec<i32>,
    }

    /// One setting of a topic.
    struct CreatableTopicConfig {
        /// Name of the setting, such as `retention.ms`.
        0..     name: Str,
        /// Its value.
        0..     value: Option<Str> [null 0.., empty],
    }

    /// What became of the topics.
    struct CreateTopicsResponse {
        /// Milliseconds for which the client must not send on this connection (from version 3 on;
        /// before, the broker has already held the answer back for so long). With
        /// THROTTLING_QUOTA_EXCEEDED the topic may be tried again after it.
        2..     throttle_time_ms: i32 [ignorable],
        /// What became of them, each by itself.
        0..     topics: Vec<CreatableTopicResult>,
    }

    /// What became of one topic.
    struct CreatableTopicResult {
        /// Name of the topic.
        0..     name: Str,
        /// Id of the topic; zero if it was not created.
        7..     topic_id: Uuid [ignorable],
        /// NONE; TOPIC_ALREADY_EXISTS; INVALID_TOPIC_EXCEPTION; INVALID_PARTITIONS;
        /// INVALID_REPLICATION_FACTOR; INVALID_REPLICA_ASSIGNMENT; INVALID_CONFIG;
        /// INVALID_REQUEST (the same topic twice); POLICY_VIOLATION; NOT_CONTROLLER (find the
        /// controller); REQUEST_TIMED_OUT (it may be created yet); THROTTLING_QUOTA_EXCEEDED (from
        /// version 6 on); TOPIC_AUTHORIZATION_FAILED or CLUSTER_AUTHORIZATION_FAILED.
        0..     error_code: ErrorCode,
        /// What is wrong, in the broker's words; null or empty if it says nothing.
        1..     error_message: Option<Str> [null 0.., ignorable, empty],
        /// Why `configs` is not told, such as TOPIC_AUTHORIZATION_FAILED; NONE if it is.
        5..     topic_config_error_code: ErrorCode [tag 0, ignorable],
        /// How many partitions the topic has; -1 if that is not told.
        5..     num_partitions: i32 [ignorable] = -1,
        /// How many brokers hold each; -1 if that is not told.
        5..     replication_factor: i16 [ignorable] = -1,
        /// All settings of the topic; null if that is not told (KIP-525).
        5..     configs: Option<Vec<CreatableTopicConfigs>> [null 5.., ignorable, empty],
    }

    /// One setting of a new topic.
    struct CreatableTopicConfigs {
        /// Name of the setting.
        5..     name: Str,
        /// Its value; null if it is secret or not set.
        5..     value: Option<Str> [null 5.., empty],
        /// Whether it cannot be changed.
        5..     read_only: bool,
        /// Where the value comes from: 1 the topic, 2 this broker at run time, 3 all brokers at run
        /// time, 4 the broker's file, 5 Kafka's default; 0 or -1 unknown.
        5..     config_source: i8 [ignorable] = -1,
        /// Whether it is secret.
        5..     is_sensitive: bool,
    }
}
