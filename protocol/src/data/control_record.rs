//! Control records: what brokers write into logs between the data. A record of a control batch has
//! a [`ControlRecordTypeSchema`] as its key, which says what its value is.
//!
//! Keys and values begin with a version of two bytes. In the key and in [`EndTxnMarker`] it stands
//! before the fields: [`encode_versioned`](super::encode_versioned) writes it. In the others, which
//! occur only in the log of the cluster's metadata, it is the first field.

use crate::wire::Uuid;

message! { ControlRecordTypeSchema, versions 0..=0, flexible never.. }
message! { EndTxnMarker, versions 0..=0, flexible never.. }
message! { LeaderChangeMessage, versions 0..=1, flexible 0.. }
message! { SnapshotHeaderRecord, versions 0..=0, flexible 0.. }
message! { SnapshotFooterRecord, versions 0..=0, flexible 0.. }
message! { KRaftVersionRecord, versions 0..=0, flexible 0.. }

wire_structs! {
    /// The key of a control record.
    struct ControlRecordTypeSchema {
        /// What the value is: 0 and 1 the end of a transaction that was aborted or committed, 2 a
        /// change of leader, 3 and 4 the beginning and the end of a snapshot, 5 the version of
        /// KRaft, 6 the voters. Others are to be passed over.
        0..     r#type: i16,
    }

    /// The end of a transaction in a partition; the key says whether it was committed.
    struct EndTxnMarker {
        /// Epoch of the transaction coordinator that wrote it. A marker of an older epoch than one
        /// that was seen comes from a coordinator that has been replaced.
        0..     coordinator_epoch: i32,
    }

    /// The first record of each new leader of the metadata log.
    struct LeaderChangeMessage {
        /// Version of this record.
        0..     version: i16,
        /// Id of the new leader.
        0..     leader_id: i32,
        /// All voters.
        0..     voters: Vec<Voter>,
        /// Those that voted for it.
        0..     granting_voters: Vec<Voter>,
    }

    /// A voter of the metadata log.
    struct Voter {
        /// Id of the controller.
        0..     voter_id: i32,
        /// Id of the directory that its log is in (KIP-853).
        1..     voter_directory_id: Uuid,
    }

    /// The first record of a snapshot of the metadata log (KIP-630).
    struct SnapshotHeaderRecord {
        /// Version of this record.
        0..     version: i16,
        /// Append time of the last record that the snapshot covers, in milliseconds since 1970.
        0..     last_contained_log_timestamp: i64,
    }

    /// The last record of a snapshot; without it the snapshot is not whole.
    struct SnapshotFooterRecord {
        /// Version of this record.
        0..     version: i16,
    }

    /// The version of KRaft from here on (KIP-853).
    struct KRaftVersionRecord {
        /// Version of this record.
        0..     version: i16,
        /// 0 if the voters are those of the configuration, 1 if they are in the log.
        0..     k_raft_version: i16,
    }
}
