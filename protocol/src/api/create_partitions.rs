//! CreatePartitions: more partitions for topics that exist. Records of a key may go to another
//! partition afterwards. In a cluster with ZooKeeper only the controller serves it; KRaft brokers
//! pass it on.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 1.0 | first (KIP-195) |
//! | 1 | 2.0 | the same bytes; a throttled answer comes at once (KIP-219) |
//! | 2 | 2.5 | compact lengths, tags (KIP-482) |
//! | 3 | 2.7 | the same bytes; THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599) |

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    CreatePartitionsRequest => CreatePartitionsResponse, key 37, versions 0..=3, flexible 2..;

    /// Asks for topics to get more partitions, each for itself.
    struct CreatePartitionsRequest {
        /// The topics.
        0..     topics: Vec<CreatePartitionsTopic>,
        /// Milliseconds that the broker waits for the new partitions to have leaders.
        0..     timeout_ms: i32,
        /// Whether this is only to be checked and not done.
        0..     validate_only: bool,
    }

    /// One topic.
    struct CreatePartitionsTopic {
        /// Name of the topic.
        0..     name: Str,
        /// How many partitions it has afterwards, the present ones included.
        0..     count: i32,
        /// Which brokers hold the new partitions, one entry for each; null if the broker chooses.
        0..     assignments: Option<Vec<CreatePartitionsAssignment>> [null 0.., empty],
    }

    /// The brokers that hold one new partition.
    struct CreatePartitionsAssignment {
        /// Ids of the brokers, the preferred leader first.
        0..     broker_ids: Vec<i32>,
    }

    /// What became of the topics.
    struct CreatePartitionsResponse {
        /// Milliseconds for which the client must not send on this connection (from version 1 on;
        /// before, the broker has already held the answer back for so long). With
        /// THROTTLING_QUOTA_EXCEEDED the topic may be tried again after it.
        0..     throttle_time_ms: i32,
        /// What became of them, each by itself.
        0..     results: Vec<CreatePartitionsTopicResult>,
    }

    /// What became of one topic.
    struct CreatePartitionsTopicResult {
        /// Name of the topic.
        0..     name: Str,
        /// NONE; UNKNOWN_TOPIC_OR_PARTITION; INVALID_PARTITIONS (not more than there are);
        /// INVALID_REPLICA_ASSIGNMENT; INVALID_REQUEST (the same topic twice);
        /// REASSIGNMENT_IN_PROGRESS; POLICY_VIOLATION; NOT_CONTROLLER (find the controller);
        /// REQUEST_TIMED_OUT (it may be done yet); THROTTLING_QUOTA_EXCEEDED (from version 3 on);
        /// TOPIC_AUTHORIZATION_FAILED.
        0..     error_code: ErrorCode,
        /// What is wrong, in the broker's words; null if it says nothing.
        0..     error_message: Option<Str> [null 0..],
    }
}
