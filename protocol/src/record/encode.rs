//! Single records into a buffer: magic 2 with its numbers gathered on the stack first, so that
//! the buffer is touched once for them; magic 0 and 1 with a checksum each.

use bytes::{BufMut, BytesMut};

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
    buf: &mut BytesMut,
    deltas: Deltas,
    parts: &RecordParts<'_>,
    bytes_max: usize,
) -> Result<(), usize> {
    let mut s = Numbers::new();
    let key = parts.key.unwrap_or_default();
    let value = parts.value.unwrap_or_default();
    s.varint(deltas.timestamp);
    s.varint(i64::from(deltas.offset));
    s.varint(if parts.key.is_some() { wide(key.len()) } else { -1 });
    let middle = s.len & MASK;
    s.varint(if parts.value.is_some() { wide(value.len()) } else { -1 });
    let end = s.len & MASK;
    let headers = if parts.headers.is_empty() { 1 } else { headers_bytes(parts.headers) };
    let body =
        headers.saturating_add(end - GAP).saturating_add(key.len()).saturating_add(value.len());
    let start = s.length(body);
    let whole = buf.len().saturating_add(body).saturating_add(GAP - start);
    if whole > bytes_max {
        return Err(whole);
    }
    // Invariant: start <= middle <= end <= 64, all within the numbers.
    #[expect(clippy::indexing_slicing, reason = "ends of what was written just now")]
    if key.is_empty() {
        buf.put_slice(&s.bytes[start..end]);
    } else {
        buf.put_slice(&s.bytes[start..middle]);
        buf.put_slice(key);
        buf.put_slice(&s.bytes[middle..end]);
    }
    buf.put_slice(value);
    if parts.headers.is_empty() {
        buf.put_u8(0);
    } else {
        put_headers(buf, parts.headers);
    }
    Ok(())
}

/// Room for the length, which is known last.
const GAP: usize = 5;
/// Four numbers of at most ten bytes, the attributes and the gap are 46 bytes.
const MASK: usize = 63;

/// All numbers of a record on the stack.
struct Numbers {
    bytes: [u8; MASK + 1],
    len: usize,
}

impl Numbers {
    /// Starts after the gap and the attributes, which are 0.
    #[inline(always)]
    const fn new() -> Self {
        Self { bytes: [0; MASK + 1], len: GAP + 1 }
    }

    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "the mask keeps it within the array")]
    fn push(&mut self, byte: u8) {
        self.bytes[self.len & MASK] = byte;
        self.len += 1;
    }

    #[inline(always)]
    fn varint(&mut self, v: i64) {
        let u = zigzag(v);
        if u < 0x80 {
            self.push(low(u));
        } else if u < 0x4000 {
            self.push(low(u) | 0x80);
            self.push(low(u >> 7));
        } else {
            self.varint_long(u);
        }
    }

    #[inline(never)]
    fn varint_long(&mut self, mut u: u64) {
        while u >= 0x80 {
            self.push(low(u) | 0x80);
            u >>= 7;
        }
        self.push(low(u));
    }

    /// Writes the length of the record so that it ends where the gap does; returns its start.
    #[inline(always)]
    fn length(&mut self, body: usize) -> usize {
        let v = wide(body);
        let start = GAP - varint_len(v).min(GAP);
        let end = std::mem::replace(&mut self.len, start);
        self.varint(v);
        self.len = end;
        start
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the low byte is wanted")]
const fn low(u: u64) -> u8 {
    u as u8
}

#[inline(always)]
#[expect(clippy::cast_possible_wrap, reason = "no slice is longer than isize::MAX")]
const fn wide(len: usize) -> i64 {
    len as i64
}

/// The bytes that the headers take, with their count.
fn headers_bytes(headers: &[Header<'_>]) -> usize {
    let field = |len: usize| len.saturating_add(varint_len(wide(len)));
    headers.iter().fold(varint_len(wide(headers.len())), |sum, header| {
        let value = header.value.map_or(1, |value| field(value.len()));
        sum.saturating_add(field(header.key.len())).saturating_add(value)
    })
}

fn put_headers(buf: &mut BytesMut, headers: &[Header<'_>]) {
    put_varint(buf, wide(headers.len()));
    for header in headers {
        put_varint(buf, wide(header.key.len()));
        buf.put_slice(header.key);
        put_varint(buf, header.value.map_or(-1, |v| wide(v.len())));
        buf.put_slice(header.value.unwrap_or_default());
    }
}

#[inline]
fn put_varint(buf: &mut BytesMut, v: i64) {
    let mut u = zigzag(v);
    while u >= 0x80 {
        buf.put_u8(low(u) | 0x80);
        u >>= 7;
    }
    buf.put_u8(low(u));
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
    buf: &mut BytesMut,
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
