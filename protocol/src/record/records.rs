//! The records of an open batch, decoded lazily: every length is checked, nothing is allocated.

use super::error::RecordError;
use super::layout::array_at;
use super::parts::Header;
use super::varint;

/// A record that borrows from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970; -1 for none.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
    /// Invariant: `header_count` whole headers, checked when the record was read.
    pub(crate) headers: &'a [u8],
    pub(crate) header_count: u32,
    /// What holds key, value and headers.
    pub(crate) body: &'a [u8],
}

impl<'a> RecordRef<'a> {
    /// Its headers in order; keys may repeat.
    #[inline]
    #[must_use]
    pub const fn headers(&self) -> Headers<'a> {
        Headers { rest: self.headers, left: self.header_count }
    }

    /// The bytes that key, value and headers take, with their lengths.
    #[must_use]
    pub const fn body_bytes(&self) -> usize {
        self.body.len()
    }
}

/// The headers of a record in order.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Headers<'a> {
    /// Invariant: `rest` holds `left` whole headers; a reader checked them.
    pub(crate) const fn checked(rest: &'a [u8], left: u32) -> Self {
        Self { rest, left }
    }

    #[inline]
    fn take(&mut self) -> Option<Header<'a>> {
        let key = varint::take_field(&mut self.rest)??;
        let value = varint::take_field(&mut self.rest)?;
        Some(Header { key, value })
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    #[inline]
    fn next(&mut self) -> Option<Header<'a>> {
        self.left = self.left.checked_sub(1)?;
        self.take()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// The records of an open batch in order. Iteration ends at the first error.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    /// Records to come; in a message set, 1 as long as there are bytes.
    left: u32,
    layout: Layout,
    base_offset: i64,
    base_timestamp: i64,
    /// The time of all records when the broker gave it.
    append_time: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Records of magic 2: varints, deltas to the batch.
    Batch,
    /// Entries of magic 0 and 1, each with offset and length.
    MessageSet,
}

impl<'a> Records<'a> {
    /// Reads `count` records of magic 2.
    pub(crate) const fn of_batch(
        records: &'a [u8],
        count: u32,
        base_offset: i64,
        base_timestamp: i64,
    ) -> Self {
        let layout = Layout::Batch;
        Self { rest: records, left: count, layout, base_offset, base_timestamp, append_time: None }
    }

    /// Reads the entries of a message set; `shift` is added to their offsets. Invariant: the set
    /// is made of whole entries whose checksums were compared.
    pub(crate) const fn of_message_set(set: &'a [u8], count: u32, shift: i64) -> Self {
        Self {
            rest: set,
            left: count,
            layout: Layout::MessageSet,
            base_offset: shift,
            base_timestamp: -1,
            append_time: None,
        }
    }

    #[must_use]
    pub(crate) const fn with_append_time(mut self, append_time: Option<i64>) -> Self {
        self.append_time = append_time;
        self
    }

    #[inline(always)]
    fn read(&mut self) -> Option<RecordRef<'a>> {
        let len = usize::try_from(varint::take(&mut self.rest)?).ok()?;
        let (body, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        let (_attributes, mut b) = body.split_first()?;
        // Java wraps around, too: the sum of a base and a delta that a producer made up.
        let timestamp = self.base_timestamp.wrapping_add(varint::take(&mut b)?);
        let delta = u32::try_from(varint::take(&mut b)?).ok().filter(|&d| d >> 31 == 0)?;
        let offset = self.base_offset.checked_add(i64::from(delta))?;
        let key = varint::take_field(&mut b)?;
        let value = varint::take_field(&mut b)?;
        let (header_count, headers) = if b == [0] { (0, &[][..]) } else { check_headers(b)? };
        let timestamp = self.append_time.unwrap_or(timestamp);
        Some(RecordRef { offset, timestamp, key, value, headers, header_count, body })
    }
}

/// The entry of a message set in front, and what follows. By value, so that the iterator need not
/// live in memory.
#[inline(never)]
fn split_entry(set: &[u8], shift: i64, append_time: Option<i64>) -> Option<(RecordRef<'_>, &[u8])> {
    let mut entry = set;
    let offset = i64::from_be_bytes(take_array(&mut entry)?).checked_add(shift)?;
    let length = usize::try_from(i32::from_be_bytes(take_array(&mut entry)?)).ok()?;
    let (mut body, rest) = entry.split_at_checked(length)?;
    let [_, _, _, _, magic, _attributes] = take_array(&mut body)?;
    let timestamp = if magic == 0 { -1 } else { i64::from_be_bytes(take_array(&mut body)?) };
    let timestamp = if magic == 0 { -1 } else { append_time.unwrap_or(timestamp) };
    let fields = body;
    let key = take_legacy_field(&mut body)?;
    let value = take_legacy_field(&mut body)?;
    let (headers, header_count) = (&[][..], 0);
    Some((RecordRef { offset, timestamp, key, value, headers, header_count, body: fields }, rest))
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordRef<'a>, RecordError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let record = match self.layout {
            Layout::Batch => self.read(),
            Layout::MessageSet => {
                split_entry(self.rest, self.base_offset, self.append_time).map(|(record, rest)| {
                    self.rest = rest;
                    record
                })
            }
        };
        let Some(record) = record else {
            self.left = 0;
            return Some(Err(RecordError::malformed("record")));
        };
        if self.left == 0 && !self.rest.is_empty() {
            return Some(Err(RecordError::malformed("record count")));
        }
        Some(Ok(record))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.left).ok())
    }
}

impl std::iter::FusedIterator for Records<'_> {}

/// Walks all headers once, so that reading them later cannot fail.
#[inline]
fn check_headers(mut b: &[u8]) -> Option<(u32, &[u8])> {
    let count = u32::try_from(varint::take(&mut b)?).ok().filter(|&c| c >> 31 == 0)?;
    let headers = b;
    for _ in 0..count {
        varint::take_field(&mut b)??;
        varint::take_field(&mut b)?;
    }
    b.is_empty().then_some((count, headers))
}

fn take_array<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let array = array_at(from, 0)?;
    *from = from.get(N..)?;
    Some(array)
}

#[expect(clippy::option_option, reason = "malformed and null are different answers")]
fn take_legacy_field<'a>(from: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = i32::from_be_bytes(take_array(from)?);
    if len < 0 {
        return Some(None);
    }
    let (field, rest) = from.split_at_checked(usize::try_from(len).ok()?)?;
    *from = rest;
    Some(Some(field))
}
