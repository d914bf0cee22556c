//! Fetch: record batches of partitions, from given offsets on. Consumers ask it in a loop, and so
//! do brokers that follow a leader.
//!
//! Between requests the broker can remember what a client fetches, in a *fetch session* (KIP-227):
//! then a request names only what changed, and a response only partitions that have news.

use crate::error_code::ErrorCode;
use crate::wire::{Records, Str, Uuid};

api! {
    FetchRequest => FetchResponse, key 1, versions 0..=18, flexible 12..;

    /// Asks for batches. The broker answers once it has `min_bytes`, or after `max_wait_ms`.
    struct FetchRequest {
        /// Cluster that a raft voter believes to be in; null for everyone else.
        12..    cluster_id: Option<Str> [null 12.., tag 0, ignorable],
        /// Broker that follows the leader; -1 for a consumer.
        0..=14  replica_id: i32 = -1,
        /// Broker that follows the leader; left at its default by a consumer.
        15..    replica_state: ReplicaState [tag 1],
        /// Milliseconds that the broker may wait for `min_bytes`.
        0..     max_wait_ms: i32,
        /// Bytes of records that are worth an answer before `max_wait_ms` is over.
        0..     min_bytes: i32,
        /// Bytes of records that the answer should not exceed. The first batch comes whole even if
        /// it does alone (KIP-74).
        3..     max_bytes: i32 [ignorable] = 0x7fffffff,
        /// 0 for all records up to the high watermark, 1 for those up to the last stable offset,
        /// aborted transactions listed. Which records of them are dropped is the client's part.
        4..     isolation_level: i8 [ignorable],
        /// The fetch session; 0 if there is none, or none yet.
        7..     session_id: i32 [ignorable],
        /// 0 asks for a session, -1 ends it or asks for none, 1 and up count the requests of one.
        7..     session_epoch: i32 [ignorable] = -1,
        /// The partitions wanted; in a session those that are new or have changed.
        0..     topics: Vec<FetchTopic>,
        /// Partitions that leave the session.
        7..     forgotten_topics_data: Vec<ForgottenTopic>,
        /// Rack or zone of the consumer, so that the leader can name a closer replica (KIP-392);
        /// empty if it does not say.
        11..    rack_id: Str [ignorable],
    }

    /// A broker that follows a leader.
    struct ReplicaState {
        /// Id of the broker; -1 for a consumer.
        15..    replica_id: i32 = -1,
        /// Epoch under which the broker is registered (KIP-903); -1 if it is not known.
        15..    replica_epoch: i64 = -1,
    }

    /// The partitions of one topic that are wanted.
    struct FetchTopic {
        /// Name of the topic.
        0..=12  topic: Str [ignorable],
        /// Id of the topic.
        13..    topic_id: Uuid [ignorable],
        /// The partitions.
        0..     partitions: Vec<FetchPartition>,
    }

    /// One partition that is wanted.
    struct FetchPartition {
        /// Number of the partition.
        0..     partition: i32,
        /// Epoch of the leader that the client knows; -1 if none. An older one is answered
        /// FENCED_LEADER_EPOCH, a newer one UNKNOWN_LEADER_EPOCH (KIP-320).
        9..     current_leader_epoch: i32 [ignorable] = -1,
        /// Offset of the first record wanted. Records before it that are in the same batch come
        /// along, and are the client's to skip.
        0..     fetch_offset: i64,
        /// Epoch of the last record that a follower has; -1 for a consumer.
        12..    last_fetched_epoch: i32 = -1,
        /// First offset that a follower still has; -1 for a consumer.
        5..     log_start_offset: i64 [ignorable] = -1,
        /// Bytes that are wanted of this partition at most. The first batch comes whole even if it
        /// is larger; before version 3 it is cut off, and a record that is larger never comes.
        0..     partition_max_bytes: i32,
        /// Disk on which a follower keeps the partition; zero for a consumer.
        17..    replica_directory_id: Uuid [tag 0, ignorable],
        /// High watermark that a follower knows; the highest number there is for a consumer.
        18..    high_watermark: i64 [tag 1, ignorable] = 9223372036854775807,
    }

    /// Partitions of one topic that leave the session.
    struct ForgottenTopic {
        /// Name of the topic.
        7..=12  topic: Str [ignorable],
        /// Id of the topic.
        13..    topic_id: Uuid [ignorable],
        /// Numbers of the partitions.
        7..     partitions: Vec<i32>,
    }

    /// The batches that there are.
    struct FetchResponse {
        /// Milliseconds for which the client must not send on this connection (from version 8 on;
        /// before, the broker has already held the answer back for so long). A throttled answer is
        /// empty, which is no error.
        1..     throttle_time_ms: i32 [ignorable],
        /// NONE, or why there is no answer at all. FETCH_SESSION_ID_NOT_FOUND,
        /// INVALID_FETCH_SESSION_EPOCH and FETCH_SESSION_TOPIC_ID_ERROR: start a new session.
        7..     error_code: ErrorCode [ignorable],
        /// The fetch session that the broker keeps from now on; 0 if none.
        7..     session_id: i32,
        /// The partitions; in a session those that have records, an error or other news.
        0..     responses: Vec<FetchableTopicResponse>,
        /// Addresses of the brokers that `current_leader` names (KIP-951).
        16..    node_endpoints: Vec<NodeEndpoint> [tag 0],
    }

    /// The partitions of one topic.
    struct FetchableTopicResponse {
        /// Name of the topic.
        0..=12  topic: Str [ignorable],
        /// Id of the topic.
        13..    topic_id: Uuid [ignorable],
        /// The partitions.
        0..     partitions: Vec<PartitionData>,
    }

    /// One partition.
    struct PartitionData [hot] {
        /// Number of the partition.
        0..     partition_index: i32,
        /// NONE, or why there are no batches. OFFSET_OUT_OF_RANGE: choose another offset. After a
        /// refresh of the metadata: NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH,
        /// UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID,
        /// KAFKA_STORAGE_ERROR. Ask again: UNKNOWN_LEADER_EPOCH, OFFSET_NOT_AVAILABLE,
        /// REPLICA_NOT_AVAILABLE. Final: TOPIC_AUTHORIZATION_FAILED, CORRUPT_MESSAGE,
        /// UNSUPPORTED_COMPRESSION_TYPE (zstd below version 10).
        0..     error_code: ErrorCode,
        /// Offset behind the last record that all replicas in sync have; -1 with an error.
        0..     high_watermark: i64,
        /// Offset before which every transaction has ended; -1 if it is not known.
        4..     last_stable_offset: i64 [ignorable] = -1,
        /// First offset that the partition still has; -1 if it is not known.
        5..     log_start_offset: i64 [ignorable] = -1,
        /// Where the log of a follower parts from the leader's; default if it does not.
        12..    diverging_epoch: EpochEndOffset [tag 0],
        /// Who leads the partition, with NOT_LEADER_OR_FOLLOWER or FENCED_LEADER_EPOCH (KIP-951).
        12..    current_leader: LeaderIdAndEpoch [tag 1],
        /// Snapshot that a raft follower should fetch first; default if none.
        12..    snapshot_id: SnapshotId [tag 2],
        /// Aborted transactions with records in this answer, if `isolation_level` was 1. Null if it
        /// was 0.
        4..     aborted_transactions: Option<Vec<AbortedTransaction>> [null 4.., ignorable, empty],
        /// Broker to fetch from instead (KIP-392); -1 if this one is right. Records are then empty.
        11..    preferred_read_replica: i32 = -1,
        /// Record batches, the last one possibly cut off; null or empty if there are none.
        0..     records: Option<Records> [null 0..],
    }

    /// An epoch, and the offset behind its last record.
    struct EpochEndOffset [hot] {
        /// Epoch of a leader; -1 if none is meant.
        12..    epoch: i32 = -1,
        /// Offset behind the last record of that epoch; -1 if it is not known.
        12..    end_offset: i64 = -1,
    }

    /// Who leads a partition.
    struct LeaderIdAndEpoch [hot] {
        /// Id of the broker; -1 if it is not known.
        12..    leader_id: i32 = -1,
        /// Epoch of the leader; -1 if it is not known.
        12..    leader_epoch: i32 = -1,
    }

    /// A snapshot of the cluster's metadata.
    struct SnapshotId [hot] {
        /// Offset behind the last record that it covers; -1 if none is meant.
        0..     end_offset: i64 = -1,
        /// Epoch of that record; -1 if none is meant.
        0..     epoch: i32 = -1,
    }

    /// A transaction that was aborted. Records of this producer from `first_offset` on are to be
    /// dropped, until its abort marker comes.
    struct AbortedTransaction {
        /// Id of its producer.
        4..     producer_id: i64,
        /// Offset of its first record in this partition.
        4..     first_offset: i64,
    }

    /// Where a broker is.
    struct NodeEndpoint {
        /// Id of the broker.
        16..    node_id: i32,
        /// Host name or address that clients are to connect to.
        16..    host: Str,
        /// Port that clients are to connect to.
        16..    port: i32,
        /// Rack or zone of the broker; null if it does not say.
        16..    rack: Option<Str> [null 16..],
    }
}
