//! A buffer that is written to, with large records left where they are.

use bytes::Bytes;

use super::length::Lengthy;
use super::varint;
use super::version::Version;
use crate::error::EncodeError;
use crate::limits::{FRAME_BYTES_MAX, LENGTH_MAX};

/// Writes a message of one version. A `records` value from 4 KiB up is not copied: it becomes a
/// segment of its own, so that a request leaves by vectored writes.
#[derive(Debug)]
pub struct Writer {
    buffer: Vec<u8>,
    /// Bytes that stand before the given place in `buffer`.
    apart: Vec<(usize, Bytes)>,
    version: i16,
    flexible: bool,
    in_tag: bool,
}

impl Writer {
    /// A writer of a message of `version`.
    #[must_use]
    pub fn new(version: Version) -> Self {
        let (version, flexible) = (version.number(), version.is_flexible());
        Self {
            buffer: Vec::with_capacity(FIRST_BYTES),
            apart: Vec::new(),
            version,
            flexible,
            in_tag: false,
        }
    }

    /// The version of the message.
    #[inline]
    #[must_use]
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Whether the version has compact lengths and tagged fields.
    #[inline]
    #[must_use]
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// Goes on with a message of another version: a body after its header.
    pub(crate) fn switch(&mut self, version: Version) {
        self.version = version.number();
        self.flexible = version.is_flexible();
    }

    /// Writes bytes as they are.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Writes an unsigned varint.
    #[inline]
    pub fn uvarint(&mut self, value: u32) {
        match u8::try_from(value) {
            Ok(byte @ ..0x80) => self.put(&[byte]),
            _ => varint::write(&mut self.buffer, value.into()),
        }
    }

    /// Writes record batches after their length, by reference if they are large.
    pub(super) fn records(&mut self, records: &Bytes) {
        if records.len() < APART_BYTES_MIN {
            self.put(records);
        } else {
            self.apart.push((self.buffer.len(), records.clone()));
        }
    }

    /// Writes a length; `None` is null.
    #[inline]
    pub(super) fn length(
        &mut self,
        length: Option<usize>,
        what: Lengthy,
    ) -> Result<(), EncodeError> {
        self.in_tag = false;
        let length = match length {
            None => -1,
            Some(length) => match i32::try_from(length) {
                Ok(short) if length <= what.max() => short,
                _ => return Err(self.too_long(what.name(), length, what.max())),
            },
        };
        // Invariant: -1 <= length <= what.max(), so that neither the sum nor two bytes overflow.
        if self.flexible {
            self.uvarint(length.wrapping_add(1).cast_unsigned());
        } else if what.is_short() {
            self.put(&i16::try_from(length).unwrap_or(-1).to_be_bytes());
        } else {
            self.put(&length.to_be_bytes());
        }
        Ok(())
    }

    /// Writes a tagged field: tag, size, and what `write` writes.
    pub(crate) fn tag(
        &mut self,
        tag: u32,
        write: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let mut payload = Self::new(Version::of(self.version, self.version));
        payload.in_tag = true;
        write(&mut payload)?;
        let payload = payload.finish().to_bytes();
        let size = i32::try_from(payload.len())
            .map_err(|_| self.too_long("tagged field", payload.len(), LENGTH_MAX))?;
        self.uvarint(tag);
        self.uvarint(size.cast_unsigned());
        self.put(&payload);
        Ok(())
    }

    /// Writes the count of an array.
    pub(crate) fn array_length(&mut self, count: Option<usize>) -> Result<(), EncodeError> {
        self.length(count, Lengthy::Array)
    }

    /// Writes a struct that is null: in the payload of a tag a varint, elsewhere a byte.
    pub(crate) fn null_struct(&mut self) {
        let null = if self.in_tag { 0 } else { u8::MAX };
        self.in_tag = false;
        self.put(&[null]);
    }

    /// Writes what stands before a struct that may be null and is not.
    pub(crate) fn some_struct(&mut self) {
        self.in_tag = false;
        self.put(&[1]);
    }

    /// Says that a struct begins: what is written from now on is not a tag's outermost value.
    #[inline]
    pub(crate) fn enter(&mut self) {
        self.in_tag = false;
    }

    /// Writes one field without compact lengths, though the version is flexible.
    pub(crate) fn plain<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let value = write(self);
        self.flexible = flexible;
        value
    }

    /// How many bytes were written, those left where they are included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len() + self.apart.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> Segments {
        let length = self.len();
        let rest = Bytes::from(self.buffer);
        let mut pieces = Vec::with_capacity(2 * self.apart.len() + 1);
        let mut from = 0;
        for (at, bytes) in self.apart {
            if from < at {
                pieces.push(rest.slice(from..at));
            }
            pieces.push(bytes);
            from = at;
        }
        if from < rest.len() {
            pieces.push(rest.slice(from..));
        }
        Segments { pieces, length }
    }

    /// Puts the length of everything after the first four bytes into them.
    pub(crate) fn finish_frame(mut self) -> Result<Segments, EncodeError> {
        let length = self.len().saturating_sub(4);
        let claim =
            i32::try_from(length).map_err(|_| self.too_long("frame", length, FRAME_BYTES_MAX))?;
        if let Some(prefix) = self.buffer.first_chunk_mut::<4>() {
            *prefix = claim.to_be_bytes();
        }
        Ok(self.finish())
    }

    /// Message and field are for those to say who know them.
    #[cold]
    fn too_long(&self, what: &'static str, length: usize, max: usize) -> EncodeError {
        let (message, version, field) = ("", self.version, "");
        EncodeError::TooLong { message, version, field, what, length, max }
    }
}

/// An encoded message as the pieces in which it leaves: what was written, and between, unmoved,
/// the large record batches.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    pieces: Vec<Bytes>,
    length: usize,
}

impl Segments {
    /// Bytes of all pieces together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes in one piece; copies if there are several.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self.pieces.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            several => several.concat().into(),
        }
    }
}

impl IntoIterator for Segments {
    type Item = Bytes;
    type IntoIter = std::vec::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.pieces.into_iter()
    }
}

/// Most requests fit.
const FIRST_BYTES: usize = 128;
/// Records of fewer bytes are copied: a slice of a vectored write costs more than they do.
const APART_BYTES_MIN: usize = 4 << 10;
