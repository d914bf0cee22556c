//! `Wire`: a value that crosses the wire.

use super::reader::Reader;
use super::writer::Writer;
use crate::error::{DecodeError, EncodeError};

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

    /// Reads a value, or null.
    ///
    /// # Errors
    ///
    /// As [`Wire::decode`].
    fn decode_nullable(r: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        if r.is_null_struct()? {
            return Ok(None);
        }
        let mut value = Self::default();
        value.decode(r)?;
        Ok(Some(value))
    }
}

/// A value that arrays hold.
pub trait Element: Wire + Default {
    /// The fewest bytes that one takes, so that an array reserves no more than it can fill.
    const BYTES_MIN: usize;
}

impl<T: Nullable> Wire for Option<T> {
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        match self {
            Some(value) => value.encode_some(w),
            None => T::encode_null(w),
        }
    }

    fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        *self = T::decode_nullable(r)?;
        Ok(())
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
