//! Core: the control batch that ends a transaction in a partition.

use bytes::{Bytes, BytesMut};
use kurier_protocol::data::control_record::{ControlRecordTypeSchema, EndTxnMarker};
use kurier_protocol::data::encode_versioned;
use kurier_protocol::record::{BatchWriter, Magic, RecordBatch, RecordParts, Seal};

use crate::group::TransactionEnd;

/// Which producer's transaction ends, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    pub(crate) end: TransactionEnd,
    /// Epoch of the coordinator that wrote it.
    pub(crate) coordinator_epoch: i32,
}

impl Marker {
    /// The batch for the log; offsets are still to be given.
    pub(crate) fn batch(&self, millis: i64) -> Bytes {
        let kind = match self.end {
            TransactionEnd::Abort => 0,
            TransactionEnd::Commit => 1,
        };
        let key = encode_versioned(&ControlRecordTypeSchema { r#type: kind }, 0);
        let coordinator_epoch = self.coordinator_epoch;
        let value = encode_versioned(&EndTxnMarker { coordinator_epoch }, 0);
        let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, millis);
        let seal = Seal {
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            is_transactional: true,
            is_control: true,
            ..Seal::default()
        };
        let sealed = key.ok().zip(value.ok()).and_then(|(key, value)| {
            let (key, value) = (Some(&key[..]), Some(&value[..]));
            writer.append(&RecordParts { timestamp: millis, key, value, headers: &[] }).ok()?;
            writer.seal(&seal).ok()
        });
        // Invariant: a record of ten bytes fits into a batch.
        sealed.expect("a marker can be written")
    }

    /// Reads it from a control batch of a log; `None` if it is none.
    pub(crate) fn of(batch: &RecordBatch) -> Option<Self> {
        let opened = batch.open(&Default::default()).ok()?;
        let record = opened.records().next()?.ok()?;
        let (_, kind) = record.key?.split_at_checked(2)?;
        let end = match i16::from_be_bytes(kind.try_into().ok()?) {
            0 => TransactionEnd::Abort,
            1 => TransactionEnd::Commit,
            _ => return None,
        };
        let (_, epoch) = record.value?.split_at_checked(2)?;
        Some(Self {
            producer_id: batch.producer_id(),
            epoch: batch.producer_epoch(),
            end,
            coordinator_epoch: i32::from_be_bytes(epoch.get(..4)?.try_into().ok()?),
        })
    }
}
