//! A checked cursor over bytes.

use bytes::Bytes;

use super::length::Lengthy;
use super::varint;
use super::version::Version;
use crate::error::{DecodeCause, DecodeError};

/// Reads a message of one version from the front of bytes. It never reads past their end, and
/// never allocates more than they are long.
#[derive(Debug)]
pub struct Reader<'a> {
    whole: &'a Bytes,
    at: usize,
    end: usize,
    version: i16,
    flexible: bool,
    in_tag: bool,
}

impl<'a> Reader<'a> {
    /// A reader of a message of `version` at the front of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a Bytes, version: Version) -> Self {
        let (version, flexible) = (version.number(), version.is_flexible());
        Self { whole: bytes, at: 0, end: bytes.len(), version, flexible, in_tag: false }
    }

    /// The version of the message.
    #[must_use]
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Whether the version has compact lengths and tagged fields.
    #[must_use]
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// Bytes that are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// Bytes that were read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// An error at the place where reading stands.
    #[cold]
    pub fn error(&self, cause: DecodeCause) -> DecodeError {
        DecodeError::new(self.at, cause)
    }

    /// Takes the next `count` bytes as a slice of the message.
    ///
    /// # Errors
    ///
    /// [`DecodeCause::Truncated`] if there are fewer.
    pub fn take(&mut self, count: usize) -> Result<Bytes, DecodeError> {
        let from = self.advance(count)?;
        Ok(self.whole.slice(from..from + count))
    }

    /// Takes the next `N` bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeCause::Truncated`] if there are fewer.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let from = self.advance(N)?;
        match self.whole.get(from..).and_then(|rest| rest.first_chunk::<N>()) {
            Some(bytes) => Ok(*bytes),
            None => Err(self.error(DecodeCause::Truncated { needed: N, left: 0 })),
        }
    }

    /// Reads an unsigned varint of at most 32 bits.
    ///
    /// # Errors
    ///
    /// [`DecodeCause::Truncated`] or [`DecodeCause::Varint`].
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let rest = self.whole.get(self.at..self.end).unwrap_or_default();
        match varint::read_u32(rest) {
            Some(Ok((value, length))) => {
                self.at += length;
                Ok(value)
            }
            Some(Err(())) => Err(self.error(DecodeCause::Varint)),
            None => {
                let left = self.remaining();
                Err(self.error(DecodeCause::Truncated { needed: left + 1, left }))
            }
        }
    }

    /// Reads a length; `None` is null.
    pub(super) fn length(&mut self, what: Lengthy) -> Result<Option<usize>, DecodeError> {
        self.in_tag = false;
        let length = if self.flexible {
            i64::from(self.uvarint()?) - 1
        } else if what.is_short() {
            i16::from_be_bytes(self.array()?).into()
        } else {
            i32::from_be_bytes(self.array()?).into()
        };
        match usize::try_from(length) {
            Ok(count) if count <= what.max() => Ok(Some(count)),
            Err(_) if length == -1 => Ok(None),
            _ => Err(self.error(DecodeCause::Length(length))),
        }
    }

    /// Reads the count of an array, which cannot be more than the bytes that are left.
    pub(crate) fn array_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let length = self.length(Lengthy::Array)?;
        let left = self.remaining();
        match length {
            Some(count) if count > left => Err(self.error(DecodeCause::Count { count, left })),
            length => Ok(length),
        }
    }

    /// Reads what stands before a struct that may be null: whether it is. In the payload of a tag
    /// that is a varint, elsewhere a byte below zero.
    pub(crate) fn is_null_struct(&mut self) -> Result<bool, DecodeError> {
        if std::mem::take(&mut self.in_tag) {
            return Ok(self.uvarint()? == 0);
        }
        Ok(0 > i8::from_be_bytes(self.array()?))
    }

    /// Hands each tagged field at the end of a struct to `field`, which says whether it knows the
    /// tag. Unknown ones are skipped; known ones must be read to their end.
    pub(crate) fn tags(
        &mut self,
        field: &mut dyn FnMut(u32, &mut Self) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..self.uvarint()? {
            let tag = self.uvarint()?;
            let size = self.uvarint()? as usize;
            let left = self.remaining();
            if size > left {
                return Err(self.error(DecodeCause::Truncated { needed: size, left }));
            }
            let outer = self.end;
            self.end = self.at + size;
            self.in_tag = true;
            let known = field(tag, self)?;
            self.in_tag = false;
            if known && self.at != self.end {
                return Err(self.error(DecodeCause::Leftover(self.end - self.at)));
            }
            self.at = self.end;
            self.end = outer;
        }
        Ok(())
    }

    /// Says that a struct begins: what is read from now on is not a tag's outermost value.
    pub(crate) fn enter(&mut self) {
        self.in_tag = false;
    }

    /// Reads one field without compact lengths, though the version is flexible.
    pub(crate) fn plain<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let value = read(self);
        self.flexible = flexible;
        value
    }

    #[inline]
    fn advance(&mut self, count: usize) -> Result<usize, DecodeError> {
        let left = self.remaining();
        if count > left {
            return Err(self.error(DecodeCause::Truncated { needed: count, left }));
        }
        let from = self.at;
        self.at += count;
        Ok(from)
    }
}
