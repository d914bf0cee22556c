//! The bare loop: what reading a batch costs at least, with no interface around it. It knows that
//! the batch has magic 2 and is not compressed, compares the checksum, and gives up at the first
//! thing that does not fit, without a word on what it was.

use bytes::Bytes;

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
