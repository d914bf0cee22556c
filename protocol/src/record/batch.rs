//! Batches of any magic as they lie in a fetch answer or a produce request: split off in place,
//! their headers read without decoding a record.

use bytes::Bytes;

use super::error::RecordError;
use super::kind::{Compression, Magic, TimestampType};
use super::layout::{
    Attributes, LEGACY_ATTRIBUTES_AT, LEGACY_CRC_AT, LENGTH_AT, LOG_OVERHEAD, MAGIC_AT,
    V0_LENGTH_MIN, V1_TIMESTAMP_AT, V2_ATTRIBUTES_AT, V2_BASE_TIMESTAMP_AT, V2_COUNT_AT, V2_CRC_AT,
    V2_EPOCH_AT, V2_LAST_DELTA_AT, V2_MAX_TIMESTAMP_AT, V2_PRODUCER_EPOCH_AT, V2_PRODUCER_ID_AT,
    V2_SEQUENCE_AT, array_at,
};

/// Takes batch after batch off a `records` field.
///
/// A batch that is cut off at the end is no error: brokers fill an answer up to its byte limit.
/// Iteration ends at the first error, since what follows a broken batch cannot be found.
#[derive(Debug, Clone)]
pub struct RecordBatches {
    rest: Bytes,
    is_broken: bool,
}

impl RecordBatches {
    /// Reads the batches of `records`, which are slices of it.
    #[must_use]
    pub const fn new(records: Bytes) -> Self {
        Self { rest: records, is_broken: false }
    }

    /// Whether bytes are left that are not a whole batch; meaningful after the iteration ended.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        !self.rest.is_empty()
    }

    /// The bytes that were not given out yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The length of the batch in front, if it is there in whole.
    fn whole_bytes(&self) -> Result<Option<usize>, RecordError> {
        let Some(length) = array_at(&self.rest, LENGTH_AT) else {
            return Ok(None);
        };
        let length = usize::try_from(i32::from_be_bytes(length))
            .ok()
            .filter(|&length| length >= V0_LENGTH_MIN)
            .ok_or(RecordError::malformed("batch length"))?;
        // A wrong magic is told before the length it came with is believed.
        if let Some([magic]) = array_at(&self.rest, MAGIC_AT) {
            let magic = i8::from_be_bytes([magic]);
            Magic::from_number(magic).ok_or(RecordError::UnknownMagic { magic })?;
        }
        Ok(Some(LOG_OVERHEAD.saturating_add(length)).filter(|&whole| whole <= self.rest.len()))
    }
}

impl Iterator for RecordBatches {
    type Item = Result<RecordBatch, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_broken {
            return None;
        }
        let batch = match self.whole_bytes() {
            Ok(whole) => RecordBatch::parse(self.rest.split_to(whole?)),
            Err(error) => Err(error),
        };
        self.is_broken = batch.is_err();
        Some(batch)
    }
}

impl std::iter::FusedIterator for RecordBatches {}

/// One batch as it came from the wire: a slice of it, and its header.
///
/// Uncompressed records of magic 0 and 1 stand alone, each is a batch of its own; compressed
/// ones lie in a wrapper, which is one batch.
#[derive(Debug, Clone)]
pub struct RecordBatch {
    bytes: Bytes,
    magic: Magic,
    attributes: Attributes,
    compression: Compression,
    base_offset: i64,
    last_offset: i64,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl RecordBatch {
    /// Reads the header. Invariant: the result's `bytes` hold the whole header of its magic, and
    /// its length field counts them.
    fn parse(bytes: Bytes) -> Result<Self, RecordError> {
        let number = i8::from_be_bytes(field(&bytes, MAGIC_AT)?);
        let magic =
            Magic::from_number(number).ok_or(RecordError::UnknownMagic { magic: number })?;
        if bytes.len() < magic.header_bytes() {
            return Err(RecordError::malformed("batch length"));
        }
        match magic {
            Magic::V2 => Self::parse_v2(bytes),
            Magic::V0 | Magic::V1 => Self::parse_legacy(bytes, magic),
        }
    }

    fn parse_v2(bytes: Bytes) -> Result<Self, RecordError> {
        let attributes = Attributes(u16::from_be_bytes(field(&bytes, V2_ATTRIBUTES_AT)?));
        let base_offset = i64::from_be_bytes(field(&bytes, 0)?);
        let last_delta = i32::from_be_bytes(field(&bytes, V2_LAST_DELTA_AT)?);
        let last_offset = u32::try_from(last_delta)
            .ok()
            .and_then(|delta| base_offset.checked_add(i64::from(delta)))
            .ok_or(RecordError::malformed("last offset delta"))?;
        Ok(Self {
            magic: Magic::V2,
            attributes,
            compression: attributes.codec()?,
            base_offset,
            last_offset,
            base_timestamp: i64::from_be_bytes(field(&bytes, V2_BASE_TIMESTAMP_AT)?),
            max_timestamp: i64::from_be_bytes(field(&bytes, V2_MAX_TIMESTAMP_AT)?),
            bytes,
        })
    }

    fn parse_legacy(bytes: Bytes, magic: Magic) -> Result<Self, RecordError> {
        let offset = i64::from_be_bytes(field(&bytes, 0)?);
        let [attributes] = field(&bytes, LEGACY_ATTRIBUTES_AT)?;
        let attributes = Attributes(u16::from(attributes));
        let timestamp = match magic {
            Magic::V0 => NONE,
            _ => i64::from_be_bytes(field(&bytes, V1_TIMESTAMP_AT)?),
        };
        Ok(Self {
            magic,
            attributes,
            compression: attributes.codec()?,
            base_offset: offset,
            last_offset: offset,
            base_timestamp: timestamp,
            max_timestamp: timestamp,
            bytes,
        })
    }

    /// The whole batch as it is on the wire.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The version of its format.
    #[must_use]
    pub const fn magic(&self) -> Magic {
        self.magic
    }

    /// The offset that its first record has, or had before compaction.
    ///
    /// A compressed batch of magic 0 or 1 tells only its last offset; the first one is known once
    /// it is open.
    #[must_use]
    pub const fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// The offset that its last record has, or had before compaction. Reading goes on after it.
    #[must_use]
    pub const fn last_offset(&self) -> i64 {
        self.last_offset
    }

    /// How its records are compressed.
    #[must_use]
    pub const fn compression(&self) -> Compression {
        self.compression
    }

    /// Who gave it its timestamps; `None` in magic 0, which has none.
    #[must_use]
    pub const fn timestamp_type(&self) -> Option<TimestampType> {
        match self.magic {
            Magic::V0 => None,
            Magic::V1 | Magic::V2 => Some(self.attributes.timestamp_type()),
        }
    }

    /// The time that its records' timestamps count from, in milliseconds since 1970; -1 for none.
    #[must_use]
    pub const fn base_timestamp(&self) -> i64 {
        self.base_timestamp
    }

    /// The latest timestamp, or the append time, in milliseconds since 1970; -1 for none.
    #[must_use]
    pub const fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// When tombstones and markers of the batch may be compacted away (KIP-534), in milliseconds
    /// since 1970.
    #[must_use]
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        (self.magic == Magic::V2 && self.attributes.has_delete_horizon())
            .then_some(self.base_timestamp)
    }

    /// The idempotent producer that wrote it; -1 for none.
    #[must_use]
    pub fn producer_id(&self) -> i64 {
        self.v2_field(V2_PRODUCER_ID_AT).map_or(NONE, i64::from_be_bytes)
    }

    /// The epoch of the producer; -1 for none.
    #[must_use]
    pub fn producer_epoch(&self) -> i16 {
        self.v2_field(V2_PRODUCER_EPOCH_AT).map_or(-1, i16::from_be_bytes)
    }

    /// The sequence number of its first record; -1 for none.
    #[must_use]
    pub fn base_sequence(&self) -> i32 {
        self.v2_field(V2_SEQUENCE_AT).map_or(-1, i32::from_be_bytes)
    }

    /// The sequence number of its last record; -1 for none.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        self.sequence_of(self.last_offset)
    }

    /// The sequence number of the record at `offset`, -1 for none. After 2147483647 comes 0.
    #[must_use]
    pub fn sequence_of(&self, offset: i64) -> i32 {
        let base = self.base_sequence();
        if base < 0 {
            return base;
        }
        let sequence = i64::from(base).wrapping_add(offset.wrapping_sub(self.base_offset));
        i32::try_from(sequence.rem_euclid(1 << 31)).unwrap_or(-1)
    }

    /// Whether it belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.magic == Magic::V2 && self.attributes.is_transactional()
    }

    /// Whether its records are markers for the brokers and readers, not data.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.magic == Magic::V2 && self.attributes.is_control()
    }

    /// The epoch of the leader that appended it; -1 for none.
    #[must_use]
    pub fn partition_leader_epoch(&self) -> i32 {
        self.v2_field(V2_EPOCH_AT).map_or(-1, i32::from_be_bytes)
    }

    /// How many records it claims to have. A compressed batch of magic 0 or 1 does not say.
    #[must_use]
    pub fn record_count(&self) -> Option<u32> {
        match (self.magic, self.compression) {
            (Magic::V2, _) => u32::try_from(self.v2_count()).ok(),
            (_, Compression::None) => Some(1),
            _ => None,
        }
    }

    /// Compares the checksum with the bytes: CRC-32C in magic 2, CRC-32 before.
    ///
    /// # Errors
    /// [`RecordError::CrcMismatch`] when they differ.
    pub fn check_crc(&self) -> Result<(), RecordError> {
        check_crc(&self.bytes, self.magic)
    }

    pub(crate) fn v2_count(&self) -> i32 {
        self.v2_field(V2_COUNT_AT).map_or(0, i32::from_be_bytes)
    }

    pub(crate) const fn attributes(&self) -> Attributes {
        self.attributes
    }

    fn v2_field<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        if self.magic == Magic::V2 { array_at(&self.bytes, at) } else { None }
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], RecordError> {
    array_at(bytes, at).ok_or(RecordError::malformed("batch length"))
}

/// Compares the checksum of a whole batch with its bytes.
pub(crate) fn check_crc(batch: &[u8], magic: Magic) -> Result<(), RecordError> {
    let (at, covered) = match magic {
        Magic::V2 => (V2_CRC_AT, V2_ATTRIBUTES_AT),
        Magic::V0 | Magic::V1 => (LEGACY_CRC_AT, MAGIC_AT),
    };
    let (Some(claimed), Some(covered)) = (array_at(batch, at), batch.get(covered..)) else {
        return Err(RecordError::malformed("batch length"));
    };
    let claimed = u32::from_be_bytes(claimed);
    let computed = match magic {
        Magic::V2 => crc32c::crc32c(covered),
        Magic::V0 | Magic::V1 => crc32fast::hash(covered),
    };
    if claimed == computed { Ok(()) } else { Err(RecordError::CrcMismatch { claimed, computed }) }
}

/// Kafka's "none" for offsets, ids and timestamps.
const NONE: i64 = -1;
