//! The bare loop: what reading a batch costs at least, with no interface around it. It knows that
//! the batch has magic 2 and is not compressed, compares the checksum, and gives up at the first
//! thing that does not fit, without a word on what it was.

use bytes::Bytes;
use kurier_protocol::record::RecordParts;

/// A record as the bare loop sees it. Headers stay encoded.
#[derive(Debug)]
pub struct Bare<'a> {
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
    /// The count of the headers, and the headers.
    pub headers: &'a [u8],
}

/// A record that owns its fields, each by a reference count.
#[derive(Debug)]
pub struct BareOwned {
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null.
    pub value: Option<Bytes>,
    /// The count of the headers, and the headers; empty if there are none.
    pub headers: Bytes,
}

/// Reads all records of a batch.
pub fn read(batch: &[u8], mut each: impl FnMut(Bare<'_>)) -> Option<()> {
    if crc32c::crc32c(batch.get(21..)?).to_be_bytes() != number(batch, 17)? {
        return None;
    }
    let base_offset = i64::from_be_bytes(number(batch, 0)?);
    let base_timestamp = i64::from_be_bytes(number(batch, 27)?);
    let mut rest = batch.get(61..)?;
    for _ in 0..i32::from_be_bytes(number(batch, 57)?) {
        let len = usize::try_from(varint(&mut rest)?).ok()?;
        let (mut body, next) = rest.split_at_checked(len)?;
        rest = next;
        body = body.get(1..)?;
        let timestamp = base_timestamp + varint(&mut body)?;
        let offset = base_offset + varint(&mut body)?;
        let key = field(&mut body)?;
        let value = field(&mut body)?;
        each(Bare { offset, timestamp, key, value, headers: body });
    }
    Some(())
}

/// Reads the headers of a record.
pub fn headers(mut from: &[u8], mut each: impl FnMut(&[u8], Option<&[u8]>)) -> Option<()> {
    if from.is_empty() {
        return Some(());
    }
    for _ in 0..varint(&mut from)? {
        let key = field(&mut from)??;
        each(key, field(&mut from)?);
    }
    Some(())
}

/// Reads all records of a batch into a vector.
pub fn owned(batch: &Bytes) -> Option<Vec<BareOwned>> {
    let count = i32::from_be_bytes(number(batch, 57)?);
    let mut records = Vec::with_capacity(usize::try_from(count).ok()?);
    let own = |field: &[u8]| batch.slice_ref(field);
    read(batch, |Bare { offset, timestamp, key, value, headers }| {
        let headers = if headers == [0] { Bytes::new() } else { own(headers) };
        let (key, value) = (key.map(own), value.map(own));
        records.push(BareOwned { offset, timestamp, key, value, headers });
    })?;
    Some(records)
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[inline(always)]
fn field<'a>(from: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let Ok(len) = usize::try_from(varint(from)?) else {
        return Some(None);
    };
    let (field, rest) = from.split_at_checked(len)?;
    *from = rest;
    Some(Some(field))
}

#[inline(always)]
fn varint(from: &mut &[u8]) -> Option<i64> {
    let mut u = 0;
    for shift in 0..10 {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        u |= u64::from(byte & 0x7f) << (7 * shift);
        if byte < 0x80 {
            return Some((u >> 1).cast_signed() ^ -(u & 1).cast_signed());
        }
    }
    None
}

/// Writes records into a batch of magic 2, as long as the buffer has room: nothing is checked.
pub fn encode<'a>(
    buffer: Vec<u8>,
    count: usize,
    parts: impl Fn(usize) -> RecordParts<'a>,
) -> Bytes {
    let mut to = buffer;
    to.extend_from_slice(&[0; HEADER]);
    let first = parts(0).timestamp;
    let mut latest = first;
    for index in 0..count {
        let record = parts(index);
        latest = latest.max(record.timestamp);
        let (offset, timestamp) = (wide(index), record.timestamp - first);
        let mut body = 1 + varint_len(timestamp) + varint_len(offset);
        body += field_len(record.key) + field_len(record.value);
        body += varint_len(wide(record.headers.len()));
        for header in record.headers {
            body += field_len(Some(header.key)) + field_len(header.value);
        }
        put_varint(&mut to, wide(body));
        to.push(0);
        put_varint(&mut to, timestamp);
        put_varint(&mut to, offset);
        put_field(&mut to, record.key);
        put_field(&mut to, record.value);
        put_varint(&mut to, wide(record.headers.len()));
        for header in record.headers {
            put_field(&mut to, Some(header.key));
            put_field(&mut to, header.value);
        }
    }
    let last = narrow(count) - 1;
    let mut put = |at: usize, bytes: &[u8]| to[at..at + bytes.len()].copy_from_slice(bytes);
    put(12, &[0xff, 0xff, 0xff, 0xff, 2]);
    put(23, &last.to_be_bytes());
    put(27, &first.to_be_bytes());
    put(35, &latest.to_be_bytes());
    put(43, &[0xff; 14]);
    put(57, &narrow(count).to_be_bytes());
    let length = narrow(to.len() - 12).to_be_bytes();
    to[8..12].copy_from_slice(&length);
    let crc = crc32c::crc32c(&to[21..]).to_be_bytes();
    to[17..21].copy_from_slice(&crc);
    to.into()
}

const HEADER: usize = 61;

fn wide(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

fn narrow(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

#[inline(always)]
fn zigzag(v: i64) -> u64 {
    ((v << 1) ^ (v >> 63)).cast_unsigned()
}

#[inline(always)]
fn varint_len(v: i64) -> usize {
    (70 - (zigzag(v) | 1).leading_zeros() as usize) / 7
}

#[inline(always)]
fn field_len(field: Option<&[u8]>) -> usize {
    field.map_or(1, |f| varint_len(wide(f.len())) + f.len())
}

#[inline(always)]
fn put_varint(to: &mut Vec<u8>, v: i64) {
    let mut u = zigzag(v);
    while u >= 0x80 {
        to.push(u.to_le_bytes()[0] | 0x80);
        u >>= 7;
    }
    to.push(u.to_le_bytes()[0]);
}

#[inline(always)]
fn put_field(to: &mut Vec<u8>, field: Option<&[u8]>) {
    put_varint(to, field.map_or(-1, |f| wide(f.len())));
    to.extend_from_slice(field.unwrap_or_default());
}

/// A topic of a Fetch response as the bare loop sees it.
#[derive(Debug)]
pub struct BareTopic {
    /// Its name.
    pub name: Bytes,
    /// Its partitions.
    pub partitions: Vec<BarePartition>,
}

/// A partition of a Fetch response as the bare loop sees it.
#[derive(Debug)]
pub struct BarePartition {
    /// Number of the partition.
    pub index: i32,
    /// What went wrong.
    pub error_code: i16,
    /// High watermark, last stable offset, first offset of the log.
    pub offsets: [i64; 3],
    /// Producer and first offset of each aborted transaction.
    pub aborted: Vec<[i64; 2]>,
    /// Broker to fetch from.
    pub preferred_read_replica: i32,
    /// Record batches.
    pub records: Bytes,
}

/// Reads a Fetch response of version 12 without tagged fields.
pub fn fetch(response: &Bytes) -> Option<Vec<BareTopic>> {
    let mut rest = response.get(10..)?;
    let mut topics = Vec::new();
    for _ in 0..compact(&mut rest)? {
        let name = slice(response, &mut rest)?;
        let count = compact(&mut rest)?;
        let mut partitions = Vec::with_capacity(count.min(rest.len()));
        for _ in 0..count {
            let (head, tail) = rest.split_first_chunk::<30>()?;
            rest = tail;
            let long = |at: usize| Some(i64::from_be_bytes(number(head, at)?));
            let mut aborted = Vec::new();
            for _ in 0..compact(&mut rest)? {
                let (pair, tail) = rest.split_first_chunk::<17>()?;
                rest = tail;
                let long = |at: usize| Some(i64::from_be_bytes(number(pair, at)?));
                aborted.push([long(0)?, long(8)?]);
            }
            let (preferred, tail) = rest.split_first_chunk()?;
            rest = tail;
            partitions.push(BarePartition {
                index: i32::from_be_bytes(number(head, 0)?),
                error_code: i16::from_be_bytes(number(head, 4)?),
                offsets: [long(6)?, long(14)?, long(22)?],
                aborted,
                preferred_read_replica: i32::from_be_bytes(*preferred),
                records: slice(response, &mut rest)?,
            });
            none(&mut rest)?;
        }
        none(&mut rest)?;
        topics.push(BareTopic { name, partitions });
    }
    none(&mut rest)?;
    rest.is_empty().then_some(topics)
}

/// What stands behind a compact length.
#[inline(always)]
fn slice(whole: &Bytes, rest: &mut &[u8]) -> Option<Bytes> {
    let length = compact(rest)?;
    let (field, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(if field.is_empty() { Bytes::new() } else { whole.slice_ref(field) })
}

/// A compact length; null is taken as empty.
#[inline(always)]
fn compact(from: &mut &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    for shift in 0..5 {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        length |= usize::from(byte & 0x7f) << (7 * shift);
        if byte < 0x80 {
            return Some(length.saturating_sub(1));
        }
    }
    None
}

/// No tagged fields.
#[inline(always)]
fn none(from: &mut &[u8]) -> Option<()> {
    let (0, rest) = from.split_first()? else { return None };
    *from = rest;
    Some(())
}
