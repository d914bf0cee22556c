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
    let offset = i64::from(deltas.offset);
    let body = (1 + varint_len(deltas.timestamp) + varint_len(offset))
        .saturating_add(field_bytes(parts.key))
        .saturating_add(field_bytes(parts.value))
        .saturating_add(headers_bytes(parts.headers));
    let whole = buf.len().saturating_add(body).saturating_add(varint_len(wide(body)));
    if whole > bytes_max {
        return Err(whole);
    }
    put_varint(buf, wide(body));
    buf.push(0);
    put_varint(buf, deltas.timestamp);
    put_varint(buf, offset);
    put_field(buf, parts.key);
    put_field(buf, parts.value);
    put_varint(buf, wide(parts.headers.len()));
    for header in parts.headers {
        put_field(buf, Some(header.key));
        put_field(buf, header.value);
    }
    Ok(())
}

/// The bytes that a field takes with its length.
#[inline(always)]
fn field_bytes(field: Option<&[u8]>) -> usize {
    field.map_or(1, |field| varint_len(wide(field.len())).saturating_add(field.len()))
}

/// The bytes that the headers take, with their count.
#[inline(always)]
fn headers_bytes(headers: &[Header<'_>]) -> usize {
    headers.iter().fold(varint_len(wide(headers.len())), |sum, header| {
        let key = field_bytes(Some(header.key));
        sum.saturating_add(key).saturating_add(field_bytes(header.value))
    })
}

#[inline(always)]
fn put_field(buf: &mut Vec<u8>, field: Option<&[u8]>) {
    put_varint(buf, field.map_or(-1, |field| wide(field.len())));
    buf.extend_from_slice(field.unwrap_or_default());
}

/// Byte by byte into the buffer: numbers that were gathered elsewhere first and copied at once
/// would be read back before their bytes have left the processor's store queue.
#[inline(always)]
fn put_varint(buf: &mut Vec<u8>, v: i64) {
    let mut u = zigzag(v);
    while u >= 0x80 {
        buf.push(low(u) | 0x80);
        u >>= 7;
    }
    buf.push(low(u));
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
