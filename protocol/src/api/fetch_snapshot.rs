//! FetchSnapshot: loads a snapshot of the metadata log, piece by piece.
//!
//! Sent by brokers and controllers to the leader of the metadata log, when a Fetch answer has told
//! them that the records they need are gone; since 2.8 (KIP-630). Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Records, Str, Uuid};

api! {
    FetchSnapshotRequest => FetchSnapshotResponse, key 59, versions 0..=1, flexible 0..;

    /// Asks for pieces of snapshots.
    struct FetchSnapshotRequest {
        /// The cluster's id, as a check; `None` = do not check.
        0..     cluster_id: Option<Str> [null 0.., tag 0],
        /// The id of the replica that asks; -1 = it is none.
        0..     replica_id: i32 = -1,
        /// How many bytes all pieces together may hold.
        0..     max_bytes: i32 = 0x7fffffff,
        /// The snapshots, by topic: `__cluster_metadata` only.
        0..     topics: Vec<TopicSnapshot>,
    }

    /// Snapshots of one topic.
    struct TopicSnapshot {
        /// The topic's name.
        0..     name: Str,
        /// The snapshots, by partition.
        0..     partitions: Vec<PartitionSnapshot>,
    }

    /// The piece to load of one snapshot.
    struct PartitionSnapshot {
        /// The partition's number within its topic.
        0..     partition: i32,
        /// The leader epoch that the sender knows; -1 = unknown.
        0..     current_leader_epoch: i32,
        /// Which snapshot.
        0..     snapshot_id: SnapshotId,
        /// Where in the snapshot the piece begins, in bytes.
        0..     position: i64,
        /// The id of the sender's log directory (KIP-853).
        1..     replica_directory_id: Uuid [tag 0, ignorable],
    }

    /// Which snapshot: the point in the log that it stands for.
    struct SnapshotId {
        /// The offset of the first record that is not in it.
        0..     end_offset: i64,
        /// The leader epoch of the last record that is in it.
        0..     epoch: i32,
    }

    /// The pieces.
    struct FetchSnapshotResponse {
        /// How long a quota delayed the request, in milliseconds; 0 = not at all.
        0..     throttle_time_ms: i32 [ignorable],
        /// An error of the whole request. `INCONSISTENT_CLUSTER_ID`: it comes from another cluster.
        /// `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// The pieces, by topic.
        0..     topics: Vec<TopicSnapshotResponse>,
        /// The addresses of the leaders named in `current_leader`.
        1..     node_endpoints: Vec<NodeEndpoint> [tag 0],
    }

    /// The pieces for one topic.
    struct TopicSnapshotResponse {
        /// The topic's name.
        0..     name: Str,
        /// The pieces, by partition.
        0..     partitions: Vec<PartitionSnapshotResponse>,
    }

    /// The piece for one partition.
    struct PartitionSnapshotResponse {
        /// The partition's number within its topic.
        0..     index: i32,
        /// `SNAPSHOT_NOT_FOUND`: it is gone, fetch again. `POSITION_OUT_OF_RANGE`.
        /// `NOT_LEADER_OR_FOLLOWER`, `FENCED_LEADER_EPOCH`: see `current_leader`.
        0..     error_code: ErrorCode,
        /// Which snapshot.
        0..     snapshot_id: SnapshotIdResponse,
        /// The leader to go to.
        0..     current_leader: LeaderIdAndEpoch [tag 0],
        /// The size of the whole snapshot, in bytes.
        0..     size: i64,
        /// Where in the snapshot the piece begins, in bytes.
        0..     position: i64,
        /// The piece. It may begin and end within a record batch.
        0..     unaligned_records: Option<Records>,
    }

    /// Which snapshot: the point in the log that it stands for.
    struct SnapshotIdResponse {
        /// The offset of the first record that is not in it.
        0..     end_offset: i64,
        /// The leader epoch of the last record that is in it.
        0..     epoch: i32,
    }

    /// The leader of a partition.
    struct LeaderIdAndEpoch {
        /// The leader's id; -1 = unknown.
        0..     leader_id: i32,
        /// The leader's epoch.
        0..     leader_epoch: i32,
    }

    /// The address of a leader.
    struct NodeEndpoint {
        /// The leader's id.
        1..     node_id: i32,
        /// The leader's host.
        1..     host: Str,
        /// The leader's port.
        1..     port: u16,
    }
}
