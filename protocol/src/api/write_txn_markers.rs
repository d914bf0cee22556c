//! WriteTxnMarkers: writes commit or abort markers to the partitions of ended transactions.
//!
//! Sent by the transaction coordinator to the partition leaders (KIP-98). The one other user is the
//! admin call that aborts a hanging transaction (KIP-664); it needs permission for cluster actions.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.11.0 | first (KIP-98) |
//! | 1 | 2.8 | compact lengths, tags (KIP-482) |
//! | 2 | 4.2 | the version of transactions, 1 or 2 (KIP-1228) |

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    WriteTxnMarkersRequest => WriteTxnMarkersResponse, key 27, versions 0..=2, flexible 1..;

    /// Asks to write markers.
    struct WriteTxnMarkersRequest {
        /// The markers, one for each transaction.
        0..     markers: Vec<WritableTxnMarker>,
    }

    /// One transaction and where its marker goes.
    struct WritableTxnMarker {
        /// The producer's id.
        0..     producer_id: i64,
        /// The producer's epoch; a leader that knows a higher one refuses.
        0..     producer_epoch: i16,
        /// True to commit, false to abort.
        0..     transaction_result: bool,
        /// The partitions that get the marker, by topic.
        0..     topics: Vec<WritableTxnMarkerTopic>,
        /// The leader epoch of the coordinator's own partition; a leader that knows a higher one
        /// refuses.
        0..     coordinator_epoch: i32,
        /// The `transaction.version` that the transaction ran under; 0 and 1 mean before KIP-890.
        2..     transaction_version: i8 [ignorable],
    }

    /// Partitions of one topic.
    struct WritableTxnMarkerTopic {
        /// The topic's name.
        0..     name: Str,
        /// Numbers of the partitions that get the marker.
        0..     partition_indexes: Vec<i32>,
    }

    /// Says which markers are written.
    struct WriteTxnMarkersResponse {
        /// The outcome, by transaction.
        0..     markers: Vec<WritableTxnMarkerResult>,
    }

    /// The outcome for one transaction.
    struct WritableTxnMarkerResult {
        /// The producer's id.
        0..     producer_id: i64,
        /// The outcome, by topic.
        0..     topics: Vec<WritableTxnMarkerTopicResult>,
    }

    /// The outcome for one topic.
    struct WritableTxnMarkerTopicResult {
        /// The topic's name.
        0..     name: Str,
        /// The outcome, by partition.
        0..     partitions: Vec<WritableTxnMarkerPartitionResult>,
    }

    /// The outcome for one partition.
    struct WritableTxnMarkerPartitionResult {
        /// The partition's number within its topic.
        0..     partition_index: i32,
        /// `NOT_LEADER_OR_FOLLOWER`: ask the new leader. `INVALID_PRODUCER_EPOCH`,
        /// `TRANSACTION_COORDINATOR_FENCED`: a newer one was here. `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
    }
}
