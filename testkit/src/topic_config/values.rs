//! Core: what settings of a topic decide that a client can see.

use kurier_protocol::record::{Compression, TimestampType};

/// The values that are in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Values {
    /// Bytes of the largest batch. Kafka: max.message.bytes.
    pub(crate) message_bytes_max: usize,
    /// Bytes of the largest set of records, however many batches it has. Kafka: segment.bytes.
    pub(crate) segment_bytes: usize,
    /// Who gives records their time. Kafka: message.timestamp.type.
    pub(crate) timestamp_type: TimestampType,
    /// How old a record may be, in ms. Kafka: message.timestamp.before.max.ms.
    pub(crate) timestamp_before_max_ms: i64,
    /// How far in the future a record's time may be, in ms. Kafka: message.timestamp.after.max.ms.
    pub(crate) timestamp_after_max_ms: i64,
    /// Replicas that acks=all takes. Kafka: min.insync.replicas.
    pub(crate) in_sync_min: usize,
    /// The codec that batches are stored with; `None` keeps the producer's. Kafka:
    /// compression.type.
    pub(crate) compression: Option<Compression>,
    /// What becomes of old records. Kafka: cleanup.policy.
    pub(crate) cleanup: Cleanup,
    /// Whether a replica that is not in sync may lead if no other can. Kafka:
    /// unclean.leader.election.enable.
    pub(crate) elects_unclean: bool,
    /// How old records may become, in ms; -1 for no limit. Kafka: retention.ms.
    pub(crate) retention_ms: i64,
    /// How many bytes a partition may have; -1 for no limit. Kafka: retention.bytes.
    pub(crate) retention_bytes: i64,
    /// How long compaction keeps a record without a value, in ms. Kafka: delete.retention.ms.
    pub(crate) delete_retention_ms: i64,
    /// Whether old clients get records in their format. Kafka: message.downconversion.enable.
    pub(crate) converts_down: bool,
}

impl Values {
    /// What is there before the defaults of a release are.
    pub(super) const NONE: Self = Self {
        message_bytes_max: 0,
        segment_bytes: 0,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: 0,
        timestamp_after_max_ms: 0,
        in_sync_min: 0,
        compression: None,
        cleanup: Cleanup { deletes: false, compacts: false },
        elects_unclean: false,
        retention_ms: 0,
        retention_bytes: 0,
        delete_retention_ms: 0,
        converts_down: false,
    };
}

/// What becomes of old records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cleanup {
    /// They may be deleted.
    pub(crate) deletes: bool,
    /// The latest of each key is kept: every record needs one.
    pub(crate) compacts: bool,
}

impl Cleanup {
    /// The policies of a list.
    pub(super) fn named(text: &str) -> Option<Self> {
        let mut found = Self::default();
        for policy in text.split(',').map(str::trim) {
            match policy {
                "delete" => found.deletes = true,
                "compact" => found.compacts = true,
                _ => return None,
            }
        }
        Some(found)
    }
}
