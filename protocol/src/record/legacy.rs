//! Message sets of magic 0 and 1 inside a compressed wrapper: what Kafka checks and how inner
//! offsets become real ones.

use super::batch::check_crc;
use super::error::RecordError;
use super::kind::{Compression, Magic};
use super::layout::{
    Attributes, LEGACY_ATTRIBUTES_AT, LENGTH_AT, LOG_OVERHEAD, MAGIC_AT, V0_LENGTH_MIN, array_at,
};

/// What a walk over an unpacked message set found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageSet {
    /// The bytes of its whole entries; a cut-off one at the end does not count, as in Kafka.
    pub(crate) bytes: usize,
    pub(crate) count: u32,
    pub(crate) first_offset: i64,
    pub(crate) last_offset: i64,
    /// Whether the offsets are 0, 1, 2, and so on.
    pub(crate) is_numbered: bool,
}

impl MessageSet {
    /// Walks all entries and checks length, magic and checksum of each.
    pub(crate) fn scan(set: &[u8]) -> Result<Self, RecordError> {
        let mut found =
            Self { bytes: 0, count: 0, first_offset: 0, last_offset: 0, is_numbered: true };
        let mut rest = set;
        while let Some(entry) = whole_entry(rest)? {
            let offset = i64::from_be_bytes(array_at(entry, 0).unwrap_or_default());
            if found.count == 0 {
                found.first_offset = offset;
            }
            found.last_offset = offset;
            found.is_numbered &= offset == i64::from(found.count);
            found.bytes += entry.len();
            found.count += 1;
            rest = rest.get(entry.len()..).unwrap_or_default();
        }
        if found.count == 0 {
            return Err(RecordError::malformed("compressed message set without records"));
        }
        Ok(found)
    }

    /// What to add to the inner offsets. Those of magic 0 are absolute; those of magic 1 count
    /// up to the wrapper's, which is the last record's. A wrapper at 0 is unassigned by some
    /// producers.
    pub(crate) fn shift(&self, magic: Magic, wrapper_offset: i64) -> Result<i64, RecordError> {
        if magic == Magic::V0 || wrapper_offset == 0 {
            return Ok(0);
        }
        if wrapper_offset < self.last_offset {
            return Err(RecordError::malformed("wrapper offset below the last inner one"));
        }
        wrapper_offset.checked_sub(self.last_offset).ok_or(RecordError::malformed("inner offset"))
    }
}

/// The entry in front, checked; `None` when what is left is no whole entry.
fn whole_entry(rest: &[u8]) -> Result<Option<&[u8]>, RecordError> {
    let Some(length) = array_at(rest, LENGTH_AT) else {
        return Ok(None);
    };
    let length = usize::try_from(i32::from_be_bytes(length))
        .ok()
        .filter(|&length| length >= V0_LENGTH_MIN)
        .ok_or(RecordError::malformed("inner message length"))?;
    let Some(entry) = rest.get(..LOG_OVERHEAD.saturating_add(length)) else {
        return Ok(None);
    };
    let [magic] = array_at(entry, MAGIC_AT).unwrap_or_default();
    let magic = match i8::from_be_bytes([magic]) {
        0 => Magic::V0,
        1 => Magic::V1,
        magic => return Err(RecordError::UnknownMagic { magic }),
    };
    check_crc(entry, magic)?;
    let [attributes] = array_at(entry, LEGACY_ATTRIBUTES_AT).unwrap_or_default();
    if Attributes(u16::from(attributes)).codec()? != Compression::None {
        return Err(RecordError::malformed("compressed message inside a compressed one"));
    }
    Ok(Some(entry))
}

/// The value of a wrapper: its compressed message set.
pub(crate) fn wrapped(wrapper: &[u8], magic: Magic) -> Result<&[u8], RecordError> {
    let malformed = RecordError::malformed("compressed message");
    let fields = wrapper.get(magic.header_bytes()..).ok_or(malformed)?;
    let rest = after_key(fields).ok_or(malformed)?;
    let (len, value) = rest.split_first_chunk::<4>().ok_or(malformed)?;
    let len = usize::try_from(i32::from_be_bytes(*len))
        .map_err(|_| RecordError::malformed("compressed message without a value"))?;
    value.get(..len).ok_or(malformed)
}

/// Skips a key, which wrappers have null.
fn after_key(fields: &[u8]) -> Option<&[u8]> {
    let (len, rest) = fields.split_first_chunk::<4>()?;
    match usize::try_from(i32::from_be_bytes(*len)) {
        Ok(len) => rest.get(len..),
        Err(_) => Some(rest),
    }
}
