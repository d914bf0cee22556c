//! A checked cursor over bytes.

use bytes::Bytes;

use super::length::Lengthy;
use super::varint;
use super::version::Version;
use crate::error::{DecodeCause, DecodeError};

/// Reads a message of one version from the front of bytes. It never reads past their end. Lengths
/// in them never allocate for more than they are: at most
/// [`MEMORY_PER_BYTE_MAX`](crate::limits::MEMORY_PER_BYTE_MAX) times their own.
#[derive(Debug)]
pub struct Reader<'a> {
    whole: &'a Bytes,
    /// What may be read now: the message, or the payload of a tag.
    rest: &'a [u8],
    /// Bytes of the message behind `rest`.
    beyond: usize,
    version: i16,
    flexible: bool,
    in_tag: bool,
}

impl<'a> Reader<'a> {
    /// A reader of a message of `version` at the front of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a Bytes, version: Version) -> Self {
        let (version, flexible) = (version.number(), version.is_flexible());
        Self { whole: bytes, rest: bytes, beyond: 0, version, flexible, in_tag: false }
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

    /// Bytes that are left.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Bytes that were read.
    #[inline]
    #[must_use]
    pub fn position(&self) -> usize {
        self.whole.len() - self.beyond - self.rest.len()
    }

    /// An error at the place where reading stands.
    #[cold]
    #[must_use]
    pub fn error(&self, cause: DecodeCause) -> DecodeError {
        DecodeError::new(self.position(), cause)
    }

    /// Takes the next `count` bytes as a slice of the message.
    ///
    /// # Errors
    ///
    /// [`DecodeCause::Truncated`] if there are fewer.
    pub fn take(&mut self, count: usize) -> Result<Bytes, DecodeError> {
        if count == 0 {
            return Ok(Bytes::new());
        }
        let from = self.position();
        match self.rest.get(count..) {
            Some(rest) => self.rest = rest,
            None => return Err(self.truncated(count)),
        }
        Ok(self.whole.slice(from..from + count))
    }

    /// Takes the next `N` bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeCause::Truncated`] if there are fewer.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(self.truncated(N)),
        }
    }

    /// Takes `count` times the next `N` bytes, if there are so many.
    pub(super) fn arrays<const N: usize>(&mut self, count: usize) -> Option<&'a [[u8; N]]> {
        let (all, rest) = self.rest.split_at_checked(count.checked_mul(N)?)?;
        self.rest = rest;
        Some(all.as_chunks().0)
    }

    /// Reads an unsigned varint of at most 32 bits.
    ///
    /// # Errors
    ///
    /// [`DecodeCause::Truncated`] or [`DecodeCause::Varint`].
    #[inline]
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(byte.into())
            }
            _ => self.uvarint_long(),
        }
    }

    fn uvarint_long(&mut self) -> Result<u32, DecodeError> {
        match varint::read_u32(self.rest) {
            Some(Ok((value, length))) => {
                self.rest = self.rest.get(length..).unwrap_or_default();
                Ok(value)
            }
            Some(Err(())) => Err(self.error(DecodeCause::Varint)),
            None => Err(self.truncated(self.remaining() + 1)),
        }
    }

    /// Reads a length; -1 is null. (An `Option` would not be returned in registers.)
    #[inline(always)]
    pub(super) fn length(&mut self, what: Lengthy) -> Result<i32, DecodeError> {
        self.in_tag = false;
        let length = if self.flexible {
            // Below -1, as every other length that is not possible, if it is above an i32.
            self.uvarint()?.wrapping_sub(1).cast_signed()
        } else if what.is_short() {
            i16::from_be_bytes(self.array()?).into()
        } else {
            i32::from_be_bytes(self.array()?)
        };
        match usize::try_from(length) {
            Ok(count) if count <= what.max() => Ok(length),
            Err(_) if length == -1 => Ok(length),
            _ => Err(self.impossible(length)),
        }
    }

    #[cold]
    fn impossible(&self, length: i32) -> DecodeError {
        let unsigned = i64::from(length.cast_unsigned());
        self.error(DecodeCause::Length(if self.flexible { unsigned } else { length.into() }))
    }

    /// Reads the count of an array, which cannot be more than the bytes that are left.
    #[inline]
    pub(crate) fn array_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let Ok(count) = usize::try_from(self.length(Lengthy::Array)?) else {
            return Ok(None);
        };
        let left = self.remaining();
        if count > left {
            return Err(self.error(DecodeCause::Count { count, left }));
        }
        Ok(Some(count))
    }

    /// Reads what stands before a struct that may be null: whether it is. In the payload of a tag
    /// that is a varint, elsewhere a byte below zero.
    pub(crate) fn is_null_struct(&mut self) -> Result<bool, DecodeError> {
        if std::mem::take(&mut self.in_tag) {
            return Ok(self.uvarint()? == 0);
        }
        Ok(0 > i8::from_be_bytes(self.array()?))
    }

    /// How many tagged fields end a struct: none where the version is not flexible.
    #[inline]
    pub(crate) fn tag_count(&mut self) -> Result<u32, DecodeError> {
        if self.flexible { self.uvarint() } else { Ok(0) }
    }

    /// Hands each of `count` tagged fields at the end of a struct to `field`, which says whether
    /// it knows the tag. Unknown ones are skipped; known ones must be read to their end, and come
    /// once: nobody writes them twice, and a second value would mix with the first.
    pub(crate) fn tags(
        &mut self,
        count: u32,
        field: &mut dyn FnMut(u32, &mut Self) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut seen = 0u64;
        for _ in 0..count {
            let tag = self.uvarint()?;
            let size = self.uvarint()? as usize;
            let Some((payload, rest)) = self.rest.split_at_checked(size) else {
                return Err(self.truncated(size));
            };
            self.rest = payload;
            self.beyond += rest.len();
            self.in_tag = true;
            let known = field(tag, self)?;
            self.in_tag = false;
            if known && !self.rest.is_empty() {
                return Err(self.error(DecodeCause::Leftover(self.remaining())));
            }
            let bit = 1u64.checked_shl(tag).unwrap_or(0);
            if known && seen & bit != 0 {
                return Err(self.error(DecodeCause::RepeatedTag(tag)));
            }
            seen |= bit;
            self.rest = rest;
            self.beyond -= rest.len();
        }
        Ok(())
    }

    /// Says that a struct begins: what is read from now on is not a tag's outermost value.
    #[inline]
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

    #[cold]
    fn truncated(&self, needed: usize) -> DecodeError {
        self.error(DecodeCause::Truncated { needed, left: self.remaining() })
    }
}
