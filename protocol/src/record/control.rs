//! Control records: what brokers write between the data, above all the end of a transaction.

use bytes::{Bytes, BytesMut};

use super::error::RecordError;
use super::kind::Magic;
use super::layout::array_at;
use super::parts::RecordParts;
use super::records::RecordRef;
use super::writer::{BatchWriter, Seal};

/// What a control record is; its key says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// The transaction was aborted: its records do not count.
    Abort,
    /// The transaction was committed.
    Commit,
    /// Another one, which concerns brokers only: 2 is a leader change, 3 and 4 begin and end a
    /// snapshot, 5 and 6 are KRaft's version and voters. A newer broker may know more.
    Other(i16),
}

impl ControlType {
    /// The kind of a record from a control batch.
    ///
    /// # Errors
    /// Its key is missing or too short.
    pub fn of(record: &RecordRef<'_>) -> Result<Self, RecordError> {
        let key = record.key.unwrap_or_default();
        // Later versions of the key may only add to it.
        let kind = array_at(key, 2).ok_or(RecordError::malformed("control record key"))?;
        Ok(match i16::from_be_bytes(kind) {
            0 => Self::Abort,
            1 => Self::Commit,
            other => Self::Other(other),
        })
    }

    const fn number(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::Other(number) => number,
        }
    }
}

/// The marker that ends a transaction in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndTransaction {
    /// Whether it is committed, or else aborted.
    pub is_committed: bool,
    /// The epoch of the transaction coordinator.
    pub coordinator_epoch: i32,
}

impl EndTransaction {
    /// Reads a record of a control batch; `None` when it is another kind of control record.
    ///
    /// # Errors
    /// Its key or value is missing or too short.
    pub fn of(record: &RecordRef<'_>) -> Result<Option<Self>, RecordError> {
        let is_committed = match ControlType::of(record)? {
            ControlType::Abort => false,
            ControlType::Commit => true,
            ControlType::Other(_) => return Ok(None),
        };
        let epoch = array_at(record.value.unwrap_or_default(), 2)
            .ok_or(RecordError::malformed("end transaction marker"))?;
        Ok(Some(Self { is_committed, coordinator_epoch: i32::from_be_bytes(epoch) }))
    }

    /// Writes the marker as the batch that a broker appends.
    ///
    /// `seal` tells offset, leader epoch, producer id and epoch; `timestamp` is in milliseconds
    /// since 1970.
    ///
    /// # Errors
    /// The base offset is out of range.
    pub fn to_batch(&self, timestamp: i64, seal: &Seal) -> Result<Bytes, RecordError> {
        let kind = if self.is_committed { ControlType::Commit } else { ControlType::Abort };
        let [a, b] = kind.number().to_be_bytes();
        let key = [0, 0, a, b];
        let [c, d, e, f] = self.coordinator_epoch.to_be_bytes();
        let value = [0, 0, c, d, e, f];
        let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, timestamp);
        let (key, value) = (Some(&key[..]), Some(&value[..]));
        writer.append(&RecordParts { timestamp, key, value, headers: &[] })?;
        writer.seal(&Seal { is_transactional: true, is_control: true, ..*seal })
    }
}
