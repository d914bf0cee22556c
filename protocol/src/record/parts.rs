//! Records and headers as borrowed parts: what a caller gives, and what a reader is given.

use std::borrow::Cow;

use super::kind::Magic;

/// A record to be written; nothing is owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordParts<'a> {
    /// Milliseconds since 1970; -1 for none. Magic 0 drops it.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null, a tombstone in compacted topics.
    pub value: Option<&'a [u8]>,
    /// The headers in order; keys may repeat. Only magic 2 has them.
    pub headers: &'a [Header<'a>],
}

impl Default for RecordParts<'_> {
    fn default() -> Self {
        Self { timestamp: -1, key: None, value: None, headers: &[] }
    }
}

impl RecordParts<'_> {
    /// No encoding of this record adds more bytes to a batch.
    #[inline]
    #[must_use]
    pub fn wire_bytes_max(&self, magic: Magic) -> usize {
        let data =
            self.key.map_or(0, <[u8]>::len).saturating_add(self.value.map_or(0, <[u8]>::len));
        match magic {
            // Seven numbers: five of up to 5 bytes, the timestamp of 10 and the attributes of 1.
            Magic::V2 => self
                .headers
                .iter()
                .fold(data.saturating_add(36), |sum, h| sum.saturating_add(h.wire_bytes_max())),
            Magic::V0 | Magic::V1 => data.saturating_add(magic.header_bytes() + 8),
        }
    }
}

/// A header of a record: a key, and a value that may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header<'a> {
    /// The key. Kafka says UTF-8; bytes that are not are kept as they are.
    pub key: &'a [u8],
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// Makes one.
    #[must_use]
    pub const fn new(key: &'a str, value: Option<&'a [u8]>) -> Self {
        Self { key: key.as_bytes(), value }
    }

    /// The key as text; what is not UTF-8 is replaced, as Java does.
    #[must_use]
    pub fn key_str(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.key)
    }

    const fn wire_bytes_max(&self) -> usize {
        let value = match self.value {
            Some(value) => value.len(),
            None => 0,
        };
        self.key.len().saturating_add(value).saturating_add(10)
    }
}
