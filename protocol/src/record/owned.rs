//! Records that own their bytes.

use std::ops::Range;

use bytes::Bytes;

use super::records::{Headers, RecordRef};

/// A record that keeps its bytes alive: one reference count on the batch it came from, which
/// stays in memory as long as the record does. [`detach`](Self::detach) copies it out.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its place in the partition.
    pub offset: i64,
    /// Milliseconds since 1970; -1 for none.
    pub timestamp: i64,
    body: Bytes,
    /// Invariant: all three are ranges of `body`.
    key: Option<Range<u32>>,
    value: Option<Range<u32>>,
    headers: Range<u32>,
    header_count: u32,
}

impl Record {
    /// Invariant: `body` holds the same bytes as `record.body`, which its fields are slices of.
    #[inline]
    pub(crate) fn new(body: Bytes, record: &RecordRef<'_>) -> Self {
        let within = |field: &[u8]| within(record.body, field);
        Self {
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(within),
            value: record.value.map(within),
            headers: within(record.headers),
            header_count: record.header_count,
            body,
        }
    }

    /// The key; `None` is null.
    #[inline]
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.key.clone().map(|range| self.slice(range))
    }

    /// The value; `None` is null.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.value.clone().map(|range| self.slice(range))
    }

    /// The key as bytes that share the record's memory.
    #[must_use]
    pub fn key_bytes(&self) -> Option<Bytes> {
        self.key().map(|key| self.body.slice_ref(key))
    }

    /// The value as bytes that share the record's memory.
    #[must_use]
    pub fn value_bytes(&self) -> Option<Bytes> {
        self.value().map(|value| self.body.slice_ref(value))
    }

    /// Its headers in order; keys may repeat.
    #[inline]
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        Headers::checked(self.slice(self.headers.clone()), self.header_count)
    }

    /// The record as a borrowed one.
    #[must_use]
    pub fn as_ref(&self) -> RecordRef<'_> {
        RecordRef {
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key(),
            value: self.value(),
            headers: self.slice(self.headers.clone()),
            header_count: self.header_count,
            body: &self.body,
        }
    }

    /// Copies the record out of its batch, whose memory it lets go.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self { body: Bytes::copy_from_slice(&self.body), ..self.clone() }
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the ranges were made from slices of the body")]
    fn slice(&self, range: Range<u32>) -> &[u8] {
        // Invariant: the ranges were made from slices of the body.
        &self.body[index(range.start)..index(range.end)]
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.offset == other.offset
            && self.timestamp == other.timestamp
            && self.key() == other.key()
            && self.value() == other.value()
            && self.headers().eq(other.headers())
    }
}

impl Eq for Record {}

/// Where a slice of `body` lies in it. An empty field may lie anywhere.
#[inline]
fn within(body: &[u8], field: &[u8]) -> Range<u32> {
    if field.is_empty() {
        return 0..0;
    }
    let start = field.as_ptr().addr() - body.as_ptr().addr();
    // Invariant: lengths of records are 32 bits on the wire.
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    narrow(start)..narrow(start + field.len())
}

#[inline]
fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}
