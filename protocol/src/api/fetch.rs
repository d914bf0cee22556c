//! Fetch: record batches of partitions, from given offsets on. Consumers ask it in a loop, and so
//! do brokers that follow a leader.
//!
//! # How it goes
//!
//! A consumer sends one request to each broker that leads partitions it wants, and names for each
//! partition the offset at which to go on. The broker holds the answer back until it has
//! [`min_bytes`](FetchRequest::min_bytes) of records or
//! [`max_wait_ms`](FetchRequest::max_wait_ms) are over (*long polling*); it answers at once if a
//! partition has an error. A partition's [`records`](PartitionData::records) are whole batches as
//! they lie in the log ([`crate::record`] reads them), so that three things are the consumer's
//! part:
//!
//! * The first batch may begin before the offset that was asked for: skip those records.
//! * The last batch may be cut off at the end: drop it, and ask for it next time.
//! * Batches of markers and of aborted transactions are there, too: see *Isolation* below.
//!
//! The next request asks for the offset behind the last batch that came, whether or not it held a
//! record for the user.
//!
//! ```
//! use kurier_protocol::api::fetch::{
//!     FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse,
//!     PartitionData,
//! };
//! use kurier_protocol::record::{
//!     AbortedTransactions, BatchWriter, DecompressLimits, Fate, Magic, RecordBatches, RecordParts,
//! };
//! use kurier_protocol::{Bytes, ErrorCode, Records, decode, encode};
//!
//! // What a consumer asks: partition 0 of `orders` from offset 42 on, in version 12.
//! let partition = FetchPartition {
//!     partition: 0,
//!     fetch_offset: 42,
//!     partition_max_bytes: 1 << 20,
//!     ..FetchPartition::default()
//! };
//! let topic = FetchTopic {
//!     topic: "orders".into(),
//!     partitions: vec![partition],
//!     ..FetchTopic::default()
//! };
//! let request = FetchRequest {
//!     max_wait_ms: 500,
//!     min_bytes: 1,
//!     max_bytes: 50 << 20,
//!     isolation_level: 1,
//!     topics: vec![topic],
//!     ..FetchRequest::default()
//! };
//! let bytes: Bytes = encode(&request, 12)?;
//! assert_eq!(decode::<FetchRequest>(&bytes, 12)?, request);
//!
//! // What a broker answers: a batch that begins at offset 41, of no transaction.
//! let mut batch = BatchWriter::new(Default::default(), Magic::V2, 1_700_000_000_000);
//! for value in ["before", "first", "second"] {
//!     batch.append(&RecordParts { value: Some(value.as_bytes()), ..RecordParts::default() })?;
//! }
//! let seal = kurier_protocol::record::Seal { base_offset: 41, ..Default::default() };
//! let partition = PartitionData {
//!     partition_index: 0,
//!     high_watermark: 44,
//!     last_stable_offset: 44,
//!     records: Some(Records(batch.seal(&seal)?)),
//!     ..PartitionData::default()
//! };
//! let responses = vec![FetchableTopicResponse {
//!     topic: "orders".into(),
//!     partitions: vec![partition],
//!     ..FetchableTopicResponse::default()
//! }];
//! let bytes = encode(&FetchResponse { responses, ..FetchResponse::default() }, 12)?;
//!
//! // What the consumer makes of it.
//! let response: FetchResponse = decode(&bytes, 12)?;
//! assert_eq!(response.error_code, ErrorCode::NONE);
//! let mut next = 42;
//! let mut values = Vec::new();
//! for partition in response.responses.iter().flat_map(|topic| &topic.partitions) {
//!     assert_eq!(partition.error_code, ErrorCode::NONE);
//!     let records = partition.records.clone().unwrap_or_default();
//!     let listed = partition.aborted_transactions.as_deref().unwrap_or_default();
//!     let mut aborted = AbortedTransactions::new(listed);
//!     for batch in RecordBatches::new(records.0) {
//!         let batch = batch?;
//!         // Neither markers nor aborted records are for the user; the position passes over both.
//!         if aborted.fate(&batch)? == Fate::Committed {
//!             for record in batch.open(&DecompressLimits::default())?.records() {
//!                 let record = record?;
//!                 if record.offset >= 42 {
//!                     values.push(record.value.unwrap_or_default().to_vec());
//!                 }
//!             }
//!         }
//!         next = batch.last_offset() + 1;
//!     }
//! }
//! assert_eq!(values, [&b"first"[..], b"second"]);
//! assert_eq!(next, 44);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Versions
//!
//! Brokers of 4.0 and later speak version 4 and up (KIP-896). Clients use the highest version that
//! both sides have; [`ApiVersions`](crate::api::api_versions) tells which the broker has.
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.8.2 | records of magic 0 |
//! | 1 | 0.9.0 | the answer says for how long the client was throttled |
//! | 2 | 0.10.0 | records may have magic 1, with timestamps |
//! | 3 | 0.10.1 | `max_bytes` of the whole answer, filled in the request's order (KIP-74) |
//! | 4 | 0.11.0 | records may have magic 2; isolation, aborted transactions (KIP-98) |
//! | 5 | 0.11.0 | the first offset of the log, in both directions (KIP-107) |
//! | 6 | 1.0 | the same bytes; the sender knows KAFKA_STORAGE_ERROR (KIP-112) |
//! | 7 | 1.1 | fetch sessions, and an error of the answer as a whole (KIP-227) |
//! | 8 | 2.0 | the same bytes; a throttled answer comes at once, and the client waits (KIP-219) |
//! | 9 | 2.1 | `current_leader_epoch`, so that an old leader is noticed (KIP-320) |
//! | 10 | 2.1 | the same bytes; records may be compressed with zstd (KIP-110) |
//! | 11 | 2.3 | `rack_id` and the replica to read from instead (KIP-392) |
//! | 12 | 2.7 | compact lengths, tags (KIP-482); diverging logs, snapshots, leaders (KIP-595) |
//! | 13 | 3.1 | topics by id in place of names (KIP-516) |
//! | 14 | 3.5 | the same bytes; followers know OFFSET_MOVED_TO_TIERED_STORAGE (KIP-405) |
//! | 15 | 3.5 | followers send `replica_state` in place of `replica_id` (KIP-903) |
//! | 16 | 3.7 | addresses of new leaders, so that no metadata need be asked (KIP-951) |
//! | 17 | 3.9 | followers among controllers name the disk they write to (KIP-853) |
//! | 18 | 4.1 | followers name the high watermark they know (KIP-1166) |
//!
//! # Sessions
//!
//! Since version 7 a broker can remember what a client fetches (KIP-227). Then a request names only
//! what changed, and a response only partitions that have records, an error, or a new high
//! watermark, last stable offset or first offset.
//!
//! | `session_id` | `session_epoch` | what it asks | `topics` |
//! | --- | --- | --- | --- |
//! | 0 | -1 | no session; before version 7 there is none | all partitions |
//! | 0 | 0 | a new session | all partitions |
//! | n | 0 | a new session in place of n | all partitions |
//! | n | 1, 2, .. | the next request of session n | new or changed partitions |
//! | n | -1 | the end of session n | all partitions, or none |
//!
//! The broker answers with the id of the session, or with 0 if it has no room for one: then each
//! request names all partitions. The epoch counts the answers of a session, one request is in
//! flight at a time, and after the highest `i32` comes 1. A partition has changed if its fetch
//! offset, its `partition_max_bytes`, its first offset or its leader epoch has;
//! [`forgotten_topics_data`](FetchRequest::forgotten_topics_data) takes partitions out. After
//! FETCH_SESSION_ID_NOT_FOUND begin anew with id 0; after any other error of the answer as a whole
//! send the id with epoch 0. A session cannot mix topics by id and by name: when a topic gets an id
//! that it had not, or the version changes, begin anew.
//!
//! # Isolation
//!
//! With `isolation_level` 0 (*read uncommitted*) the broker gives records up to the high watermark.
//! With 1 (*read committed*) it gives records up to the last stable offset, and lists in
//! [`aborted_transactions`](PartitionData::aborted_transactions) those whose records are among
//! them; it does not take the records out. The client drops the transactional batches of such a
//! producer from `first_offset` up to its abort marker, as
//! [`AbortedTransactions`](crate::record::AbortedTransactions) does.
//! Batches of markers ([`crate::data::control_record`]) are never for the user, with either level.
//!
//! # Diverging logs
//!
//! Who names the epoch of the last record that it has, in
//! [`last_fetched_epoch`](FetchPartition::last_fetched_epoch), learns in the answer whether the
//! leader's log is another one up to there: then there are no records, and
//! [`diverging_epoch`](PartitionData::diverging_epoch) says up to where both may agree (KIP-595).
//! Followers do that. Consumers leave it at -1, and after a change of leader ask
//! [`OffsetForLeaderEpoch`](crate::api::offset_for_leader_epoch) (KIP-320).
//!
//! # Who may
//!
//! A consumer needs READ on each topic; a broker that follows needs CLUSTER_ACTION on the cluster.
//! Partitions that it may not read are answered TOPIC_AUTHORIZATION_FAILED, the others are good.
//!
//! # Errors
//!
//! An error of the answer as a whole is in [`FetchResponse::error_code`], one of a partition in
//! [`PartitionData::error_code`]; the other partitions are good.
//!
//! | of | code | what to do |
//! | --- | --- | --- |
//! | all | FETCH_SESSION_ID_NOT_FOUND | begin a new session, with id 0 |
//! | all | INVALID_FETCH_SESSION_EPOCH | begin a new session |
//! | all | FETCH_SESSION_TOPIC_ID_ERROR, INCONSISTENT_TOPIC_ID | begin a new session |
//! | all | INCONSISTENT_CLUSTER_ID | final: a raft voter asks one of another cluster |
//! | partition | OFFSET_OUT_OF_RANGE | choose another offset; a follower said it: ask the leader |
//! | partition | OFFSET_MOVED_TO_TIERED_STORAGE | to followers only: begin behind what was moved |
//! | partition | NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH | take `current_leader`, or refresh |
//! | partition | UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID | refresh metadata, ask again |
//! | partition | INCONSISTENT_TOPIC_ID, KAFKA_STORAGE_ERROR | refresh metadata, ask again |
//! | partition | REPLICA_NOT_AVAILABLE, OFFSET_NOT_AVAILABLE | refresh metadata, ask again |
//! | partition | UNKNOWN_LEADER_EPOCH | the broker lags behind: ask again |
//! | partition | UNKNOWN_SERVER_ERROR | ask again |
//! | partition | TOPIC_AUTHORIZATION_FAILED | final |
//! | partition | CORRUPT_MESSAGE | final: the log is damaged |
//! | partition | UNSUPPORTED_COMPRESSION_TYPE | final: zstd, asked for below version 10 |
//! | partition | UNSUPPORTED_VERSION | final: the log has a magic that the version cannot carry |
//!
//! # Limits
//!
//! The broker fills partitions in the order of the request until
//! [`max_bytes`](FetchRequest::max_bytes) is reached, and gives none of them more than its
//! [`partition_max_bytes`](FetchPartition::partition_max_bytes). Both are aims: since version 3 the
//! first batch of the first partition that has one comes whole, however large it is, so that a
//! consumer never stands still. Records count as they lie in the log, compressed.

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
        /// Milliseconds that the broker may wait for `min_bytes`, 0 and up. Consumers: 500 by
        /// default (`fetch.max.wait.ms`).
        0..     max_wait_ms: i32,
        /// Bytes of records that are worth an answer before `max_wait_ms` is over. With 0 the
        /// broker answers at once. Consumers: 1 by default (`fetch.min.bytes`).
        0..     min_bytes: i32,
        /// Bytes of records that the answer should not exceed. The first batch comes whole even if
        /// it does alone (KIP-74). Consumers: 50 MiB by default (`fetch.max.bytes`).
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
        /// Consumers: 1 MiB by default (`max.partition.fetch.bytes`).
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
