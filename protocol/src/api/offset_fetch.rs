//! OffsetFetch: reads the offsets that a group has committed.
//!
//! Sent to the group's coordinator, by consumers that start to read a partition and by admin tools.
//! Since version 8 (3.0, KIP-709) one request asks for many groups; before that, `group_id` and
//! `topics` name one. Version 0 read from ZooKeeper. Version 9 checks the epochs of KIP-848
//! members; version 10 (4.1) names topics by id.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    OffsetFetchRequest => OffsetFetchResponse, key 9, versions 0..=10, flexible 6..;

    /// Asks for committed offsets.
    struct OffsetFetchRequest {
        /// The group to ask about; since version 8 see `groups`.
        0..=7   group_id: Str,
        /// The partitions to ask about; `None` = all with an offset (from version 2).
        0..=7   topics: Option<Vec<OffsetFetchRequestTopic>> [null 2..=7, empty],
        /// The groups to ask about, since version 8.
        8..     groups: Vec<OffsetFetchRequestGroup>,
        /// Whether to refuse with `UNSTABLE_OFFSET_COMMIT` where an open transaction may still
        /// change the offset (KIP-447).
        7..     require_stable: bool,
    }

    /// One topic to ask about, up to version 7.
    struct OffsetFetchRequestTopic {
        /// The topic's name.
        0..=7   name: Str,
        /// Numbers of the partitions to ask about.
        0..=7   partition_indexes: Vec<i32>,
    }

    /// One group to ask about, since version 8.
    struct OffsetFetchRequestGroup {
        /// The group's id.
        8..     group_id: Str,
        /// The sender's member id (KIP-848); `None` if it is not a member.
        9..     member_id: Option<Str> [null 9.., ignorable],
        /// The sender's member epoch (KIP-848); -1 = not a member, do not check.
        9..     member_epoch: i32 [ignorable] = -1,
        /// The partitions to ask about; `None` = all with an offset.
        8..     topics: Option<Vec<OffsetFetchRequestTopics>> [null 8.., empty],
    }

    /// One topic to ask about, since version 8.
    struct OffsetFetchRequestTopics {
        /// The topic's name; up to version 9.
        8..=9   name: Str [ignorable],
        /// The topic's id; in place of the name since version 10.
        10..    topic_id: Uuid [ignorable],
        /// Numbers of the partitions to ask about.
        8..     partition_indexes: Vec<i32>,
    }

    /// The committed offsets.
    struct OffsetFetchResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 4 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        3..     throttle_time_ms: i32 [ignorable],
        /// The offsets, by topic; since version 8 see `groups`.
        0..=7   topics: Vec<OffsetFetchResponseTopic>,
        /// An error of the whole group, up to version 7: the same codes as in `groups`. Versions 0
        /// and 1 repeat it in every partition instead.
        2..=7   error_code: ErrorCode [ignorable],
        /// The offsets, by group, since version 8.
        8..     groups: Vec<OffsetFetchResponseGroup>,
    }

    /// The offsets of one topic, up to version 7.
    struct OffsetFetchResponseTopic {
        /// The topic's name.
        0..=7   name: Str,
        /// The offsets, by partition.
        0..=7   partitions: Vec<OffsetFetchResponsePartition>,
    }

    /// The offset of one partition, up to version 7.
    struct OffsetFetchResponsePartition {
        /// The partition's number within its topic.
        0..=7   partition_index: i32,
        /// The offset of the next record to read; -1 = none was committed.
        0..=7   committed_offset: i64,
        /// The leader epoch committed with the offset; -1 = unknown.
        5..=7   committed_leader_epoch: i32 [ignorable] = -1,
        /// The text committed with the offset.
        0..=7   metadata: Option<Str> [null 0..=7, empty],
        /// `UNSTABLE_OFFSET_COMMIT`: an open transaction, ask again later.
        /// `UNKNOWN_TOPIC_OR_PARTITION`; `TOPIC_AUTHORIZATION_FAILED`.
        0..=7   error_code: ErrorCode,
    }

    /// The offsets of one group, since version 8.
    struct OffsetFetchResponseGroup {
        /// The group's id.
        8..     group_id: Str,
        /// The offsets, by topic.
        8..     topics: Vec<OffsetFetchResponseTopics>,
        /// `NOT_COORDINATOR`: look it up again. `COORDINATOR_LOAD_IN_PROGRESS`: wait.
        /// `STALE_MEMBER_EPOCH`: use the newer epoch. `GROUP_AUTHORIZATION_FAILED`.
        8..     error_code: ErrorCode,
    }

    /// The offsets of one topic, since version 8.
    struct OffsetFetchResponseTopics {
        /// The topic's name; up to version 9.
        8..=9   name: Str [ignorable],
        /// The topic's id; in place of the name since version 10.
        10..    topic_id: Uuid [ignorable],
        /// The offsets, by partition.
        8..     partitions: Vec<OffsetFetchResponsePartitions>,
    }

    /// The offset of one partition, since version 8.
    struct OffsetFetchResponsePartitions {
        /// The partition's number within its topic.
        8..     partition_index: i32,
        /// The offset of the next record to read; -1 = none was committed.
        8..     committed_offset: i64,
        /// The leader epoch committed with the offset; -1 = unknown.
        8..     committed_leader_epoch: i32 [ignorable] = -1,
        /// The text committed with the offset.
        8..     metadata: Option<Str> [null 8.., empty],
        /// `UNSTABLE_OFFSET_COMMIT`: an open transaction, ask again later. `UNKNOWN_TOPIC_ID`: ask
        /// Metadata again. `TOPIC_AUTHORIZATION_FAILED`.
        8..     error_code: ErrorCode,
    }
}
