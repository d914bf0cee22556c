//! `Wire`: a value that crosses the wire.

use super::reader::Reader;
use super::writer::Writer;
use crate::error::{DecodeError, EncodeError};
use crate::limits::ELEMENTS_RESERVED_MAX;

/// A value that crosses the wire. Implementors are the protocol's types and the structs of `api!`.
pub trait Wire {
    /// Writes the value in the writer's version.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if that version cannot hold it.
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError>;

    /// Reads the value in the reader's version into `self`, which holds the default.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are not such a value.
    fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError>;

    /// Whether the value is null.
    fn is_null(&self) -> bool {
        false
    }

    /// Whether the value is the default that a table's row names.
    fn is(&self, default: Literal) -> bool;
}

/// The default of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literal {
    /// The type's own: zero, false, empty, null, a struct of defaults.
    Natural,
    /// A number, or 1 for true.
    Int(i64),
    /// Empty, not null, though the field may be null.
    Empty,
}

/// A value whose absence has an encoding.
pub trait Nullable: Wire + Default {
    /// Writes null.
    ///
    /// # Errors
    ///
    /// None in practice; the signature is that of the other writes.
    fn encode_null(w: &mut Writer) -> Result<(), EncodeError> {
        w.null_struct();
        Ok(())
    }

    /// Writes a value that is there.
    ///
    /// # Errors
    ///
    /// As [`Wire::encode`].
    fn encode_some(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.some_struct();
        self.encode(w)
    }

    /// Reads a value, or null, into a slot. (What is returned by value is moved, and large values
    /// wait for that.)
    ///
    /// # Errors
    ///
    /// As [`Wire::decode`].
    fn decode_nullable(slot: &mut Option<Self>, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        if r.is_null_struct()? {
            *slot = None;
            return Ok(());
        }
        slot.insert(Self::default()).decode(r)
    }
}

/// A value that arrays hold.
pub trait Element: Wire + Default {
    /// The fewest bytes that one takes, so that an array reserves no more than it can fill.
    const BYTES_MIN: usize;

    /// Reads `count` elements in place of those that are there.
    ///
    /// # Errors
    ///
    /// As [`Wire::decode`].
    fn decode_all(
        elements: &mut Vec<Self>,
        count: usize,
        r: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        decode_each(elements, count, r)
    }
}

/// Reads elements one by one.
pub(super) fn decode_each<T: Element>(
    elements: &mut Vec<T>,
    count: usize,
    r: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    elements.clear();
    while elements.len() < count {
        let from = elements.len();
        let fitting = r.remaining() / T::BYTES_MIN.max(1);
        // At most twice as many as there are, and never more than there are said to be.
        let next = (count - from).min(fitting).clamp(1, from.max(ELEMENTS_RESERVED_MAX));
        elements.reserve_exact(next);
        // Made where they stay: large structs are not moved there one by one.
        elements.resize_with(from + next, T::default);
        for (index, element) in elements.iter_mut().enumerate().skip(from) {
            element.decode(r).map_err(|error| error.at_index(index))?;
        }
    }
    Ok(())
}

impl<T: Nullable> Wire for Option<T> {
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        match self {
            Some(value) => value.encode_some(w),
            None => T::encode_null(w),
        }
    }

    fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        T::decode_nullable(self, r)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }

    fn is(&self, default: Literal) -> bool {
        match (self, default) {
            (None, default) => default == Literal::Natural,
            (Some(value), Literal::Empty) => value.is(Literal::Natural),
            (Some(_), _) => false,
        }
    }
}
