//! Single records into a buffer: magic 2 as varints behind a length that is reckoned beforehand,
//! magic 0 and 1 with a checksum each.

use bytes::BufMut;

use super::kind::Magic;
use super::layout::{Attributes, LENGTH_AT, LOG_OVERHEAD, MAGIC_AT, put_at};
use super::parts::{Header, RecordParts};
use super::varint::{varint_len, zigzag};

/// What a record of magic 2 says relative to its batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deltas {
    pub(crate) offset: i32,
    pub(crate) timestamp: i64,
}

/// Appends a record of magic 2, if the buffer has at most `bytes_max` bytes then; else it stays
/// as it was, and the error is how many it would have.
#[inline]
pub(crate) fn put_v2(
    buf: &mut Vec<u8>,
    deltas: Deltas,
    parts: &RecordParts<'_>,
    bytes_max: usize,
) -> Result<(), usize> {
    let timestamp = Varint::new(deltas.timestamp);
    let offset = Varint::new(i64::from(deltas.offset));
    let (key, value) = (Field::new(parts.key), Field::new(parts.value));
    let header_count = Varint::of_len(parts.headers.len());
    let body = (1 + timestamp.len + offset.len + header_count.len)
        .saturating_add(key.len())
        .saturating_add(value.len())
        .saturating_add(headers_bytes(parts.headers));
    let length = Varint::of_len(body);
    let whole = buf.len().saturating_add(body).saturating_add(length.len);
    if whole > bytes_max {
        return Err(whole);
    }
    length.put(buf);
    buf.push(0);
    timestamp.put(buf);
    offset.put(buf);
    key.put(buf);
    value.put(buf);
    header_count.put(buf);
    for header in parts.headers {
        Field::new(Some(header.key)).put(buf);
        Field::new(header.value).put(buf);
    }
    Ok(())
}

/// The bytes that the headers take, without their count.
#[inline(always)]
fn headers_bytes(headers: &[Header<'_>]) -> usize {
    headers.iter().fold(0, |sum: usize, header| {
        let (key, value) = (Field::new(Some(header.key)), Field::new(header.value));
        sum.saturating_add(key.len()).saturating_add(value.len())
    })
}

/// A number that will be written, and how many bytes it takes.
#[derive(Clone, Copy)]
struct Varint {
    zigzag: u64,
    len: usize,
}

impl Varint {
    #[inline(always)]
    const fn new(number: i64) -> Self {
        Self::of_zigzag(zigzag(number), number)
    }

    /// That of a length. No slice is longer than `isize::MAX`.
    #[inline(always)]
    #[expect(clippy::cast_possible_wrap, reason = "see the line above")]
    const fn of_len(len: usize) -> Self {
        Self::of_zigzag((len as u64) << 1, len as i64)
    }

    /// Nearly all take one byte or two, and those are cheap to tell.
    #[inline(always)]
    const fn of_zigzag(zigzag: u64, number: i64) -> Self {
        let len = match zigzag {
            ..0x80 => 1,
            0x80..0x4000 => 2,
            _ => varint_len(number),
        };
        Self { zigzag, len }
    }

    /// Straight into the buffer: bytes that were gathered elsewhere first and copied at once would
    /// be read back before they have left the processor's store queue.
    #[inline(always)]
    fn put(self, buf: &mut Vec<u8>) {
        match self.len {
            1 => buf.push(low(self.zigzag)),
            2 => buf.extend_from_slice(&[low(self.zigzag) | 0x80, low(self.zigzag >> 7)]),
            _ => self.put_long(buf),
        }
    }

    #[inline(never)]
    fn put_long(self, buf: &mut Vec<u8>) {
        let mut zigzag = self.zigzag;
        while zigzag >= 0x80 {
            buf.push(low(zigzag) | 0x80);
            zigzag >>= 7;
        }
        buf.push(low(zigzag));
    }
}

/// Bytes behind their length; null has the length -1.
#[derive(Clone, Copy)]
struct Field<'a> {
    length: Varint,
    bytes: &'a [u8],
}

impl<'a> Field<'a> {
    #[inline(always)]
    fn new(bytes: Option<&'a [u8]>) -> Self {
        let length = bytes.map_or(Varint::new(-1), |bytes| Varint::of_len(bytes.len()));
        Self { length, bytes: bytes.unwrap_or_default() }
    }

    #[inline(always)]
    const fn len(self) -> usize {
        self.length.len.saturating_add(self.bytes.len())
    }

    #[inline(always)]
    fn put(self, buf: &mut Vec<u8>) {
        self.length.put(buf);
        buf.extend_from_slice(self.bytes);
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the low byte is wanted")]
const fn low(u: u64) -> u8 {
    u as u8
}

/// What an entry of a message set says besides key and value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) magic: Magic,
    pub(crate) offset: i64,
    pub(crate) attributes: Attributes,
    /// Magic 0 drops it.
    pub(crate) timestamp: i64,
}

/// Appends an entry of magic 0 or 1. Invariant: its length fits 32 bits, as the caller checked.
pub(crate) fn put_legacy(
    buf: &mut Vec<u8>,
    entry: Entry,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) {
    let at = buf.len();
    buf.put_i64(entry.offset);
    buf.put_i32(0);
    buf.put_u32(0);
    buf.put_i8(entry.magic.number());
    buf.put_u8(entry.attributes.legacy());
    if entry.magic != Magic::V0 {
        buf.put_i64(entry.timestamp);
    }
    for field in [key, value] {
        buf.put_i32(field.map_or(-1, |f| narrow(f.len())));
        buf.put_slice(field.unwrap_or_default());
    }
    if let Some(entry) = buf.get_mut(at..) {
        finish_legacy(entry);
    }
}

/// Writes the length and the CRC-32 of a whole entry.
pub(crate) fn finish_legacy(entry: &mut [u8]) {
    let length = narrow(entry.len().saturating_sub(LOG_OVERHEAD));
    put_at(entry, LENGTH_AT, length.to_be_bytes());
    let crc = crc32fast::hash(entry.get(MAGIC_AT..).unwrap_or_default());
    put_at(entry, LOG_OVERHEAD, crc.to_be_bytes());
}

/// Invariant: the caller checked that the length fits.
pub(crate) fn narrow(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}
