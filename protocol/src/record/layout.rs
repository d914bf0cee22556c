//! Where the fields of a record batch lie, and what its attribute bits mean.
//!
//! ```text
//! magic 2   0 base offset | 8 length | 12 leader epoch | 16 magic | 17 CRC-32C of what follows |
//!           21 attributes | 23 last offset delta | 27 base timestamp | 35 max timestamp |
//!           43 producer id | 51 producer epoch | 53 base sequence | 57 count | 61 records
//! magic 1   0 offset | 8 length | 12 CRC-32 of what follows | 16 magic | 17 attributes |
//!           18 timestamp | 26 key | value
//! magic 0   the same without the timestamp
//! ```

use super::error::RecordError;
use super::kind::{Compression, TimestampType};

/// The attribute bits of a batch; those of magic 0 and 1 are the lowest eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Attributes(pub(crate) u16);

impl Attributes {
    const CODEC: u16 = 0x07;
    const LOG_APPEND_TIME: u16 = 0x08;
    const TRANSACTIONAL: u16 = 0x10;
    const CONTROL: u16 = 0x20;
    const DELETE_HORIZON: u16 = 0x40;

    pub(crate) fn codec(self) -> Result<Compression, RecordError> {
        let [_, low] = self.0.to_be_bytes();
        let id = low & 0x07;
        Compression::from_id(id).ok_or(RecordError::UnknownCodec { id })
    }
    pub(crate) const fn timestamp_type(self) -> TimestampType {
        match self.0 & Self::LOG_APPEND_TIME {
            0 => TimestampType::CreateTime,
            _ => TimestampType::LogAppendTime,
        }
    }
    pub(crate) const fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }
    pub(crate) const fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }
    /// The base timestamp is the time at which tombstones may go (KIP-534).
    pub(crate) const fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }
    #[must_use]
    pub(crate) fn with_codec(self, codec: Compression) -> Self {
        Self((self.0 & !Self::CODEC) | u16::from(codec.id()))
    }
    #[must_use]
    pub(crate) const fn with_timestamp_type(self, kind: TimestampType) -> Self {
        match kind {
            TimestampType::CreateTime => Self(self.0 & !Self::LOG_APPEND_TIME),
            TimestampType::LogAppendTime => Self(self.0 | Self::LOG_APPEND_TIME),
        }
    }
    #[must_use]
    pub(crate) const fn transactional(self) -> Self {
        Self(self.0 | Self::TRANSACTIONAL)
    }
    #[must_use]
    pub(crate) const fn control(self) -> Self {
        Self(self.0 | Self::CONTROL)
    }
    #[must_use]
    pub(crate) const fn with_delete_horizon(self) -> Self {
        Self(self.0 | Self::DELETE_HORIZON)
    }
    /// The only attribute byte that magic 0 and 1 have.
    pub(crate) const fn legacy(self) -> u8 {
        let [_, low] = self.0.to_be_bytes();
        low
    }
}

/// The fixed-width number at `at`, if the bytes reach that far.
#[inline]
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Writes a fixed-width number at `at`.
///
/// # Panics
/// When the bytes do not reach that far: callers write into headers that they made or checked.
#[inline]
pub(crate) fn put_at<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    // Invariant: callers pass whole headers and offsets within them.
    #[expect(clippy::indexing_slicing, reason = "offsets are constants within a checked header")]
    bytes[at..at + N].copy_from_slice(&value);
}

/// Offset and length, in front of batches of any magic; the length counts what follows.
pub(crate) const LOG_OVERHEAD: usize = 12;
/// Where the length of any batch lies.
pub(crate) const LENGTH_AT: usize = 8;
/// Where the magic of any batch lies.
pub(crate) const MAGIC_AT: usize = 16;

/// The smallest length that a batch of magic 0 can claim: CRC, magic, attributes, two lengths.
pub(crate) const V0_LENGTH_MIN: usize = 14;
/// Where the CRC-32 of magic 0 and 1 lies; it covers what follows it.
pub(crate) const LEGACY_CRC_AT: usize = 12;
/// Where the attributes of magic 0 and 1 lie.
pub(crate) const LEGACY_ATTRIBUTES_AT: usize = 17;
/// Where the timestamp of magic 1 lies.
pub(crate) const V1_TIMESTAMP_AT: usize = 18;

/// The bytes of a batch of magic 2 before its records.
pub(crate) const V2_HEADER: usize = 61;
/// Where the partition leader epoch of magic 2 lies.
pub(crate) const V2_EPOCH_AT: usize = 12;
/// Where the CRC-32C of magic 2 lies.
pub(crate) const V2_CRC_AT: usize = 17;
/// Where the attributes of magic 2 lie; the CRC-32C covers all bytes from here.
pub(crate) const V2_ATTRIBUTES_AT: usize = 21;
/// Where the last offset delta of magic 2 lies.
pub(crate) const V2_LAST_DELTA_AT: usize = 23;
/// Where the base timestamp of magic 2 lies.
pub(crate) const V2_BASE_TIMESTAMP_AT: usize = 27;
/// Where the max timestamp of magic 2 lies.
pub(crate) const V2_MAX_TIMESTAMP_AT: usize = 35;
/// Where the producer id of magic 2 lies.
pub(crate) const V2_PRODUCER_ID_AT: usize = 43;
/// Where the producer epoch of magic 2 lies.
pub(crate) const V2_PRODUCER_EPOCH_AT: usize = 51;
/// Where the base sequence of magic 2 lies.
pub(crate) const V2_SEQUENCE_AT: usize = 53;
/// Where the record count of magic 2 lies.
pub(crate) const V2_COUNT_AT: usize = 57;
