//! `Wire`: a value that crosses the wire.

use super::length::Lengthy;
use super::reader::Reader;
use super::writer::Writer;
use crate::error::{DecodeCause, DecodeError, EncodeError};
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

impl Literal {
    /// Whether it is the type's own. (What `==` compares with an enum that holds a number is more
    /// to compile, and hundreds of types ask.)
    pub(crate) const fn is_natural(self) -> bool {
        matches!(self, Self::Natural)
    }
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

    /// Writes a count and the elements behind it.
    ///
    /// # Errors
    ///
    /// As [`Wire::encode`].
    #[inline]
    fn encode_array(elements: &Vec<Self>, w: &mut Writer) -> Result<(), EncodeError> {
        encode_array(elements, elements.len(), w)
    }

    /// Reads `count` elements into an array that is empty.
    ///
    /// # Errors
    ///
    /// As [`Wire::decode`].
    #[inline]
    fn decode_all(
        elements: &mut Vec<Self>,
        count: usize,
        r: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        decode_each(elements, count, Self::BYTES_MIN, r)
    }

    /// Reads a count and as many elements into an array that is empty.
    ///
    /// # Errors
    ///
    /// As [`Wire::decode`].
    #[inline]
    fn decode_array(elements: &mut Vec<Self>, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        decode_array(elements, Self::BYTES_MIN, r)
    }
}

/// An array whose elements are not known to those who walk it: they are compiled once, and not
/// once for each struct that there are arrays of. What is here is, so it is little.
pub(super) trait Elements {
    fn element(&self, index: usize) -> Option<&dyn Wire>;
    /// Makes room for so many more, and adds an element that holds the default.
    fn add(&mut self, room: usize) -> Option<&mut dyn Wire>;
}

impl<T: Element> Elements for Vec<T> {
    fn element(&self, index: usize) -> Option<&dyn Wire> {
        match self.get(index) {
            Some(element) => Some(element),
            None => None,
        }
    }

    fn add(&mut self, room: usize) -> Option<&mut dyn Wire> {
        self.reserve_exact(room);
        self.push(T::default());
        match self.last_mut() {
            Some(element) => Some(element),
            None => None,
        }
    }
}

fn encode_array(elements: &dyn Elements, count: usize, w: &mut Writer) -> Result<(), EncodeError> {
    w.length(Some(count), Lengthy::Array)?;
    let mut index = 0;
    while let Some(element) = elements.element(index) {
        element.encode(w)?;
        index += 1;
    }
    Ok(())
}

fn decode_array(
    elements: &mut dyn Elements,
    bytes_min: usize,
    r: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    match counted(r)? {
        0 => Ok(()),
        count => decode_each(elements, count, bytes_min, r),
    }
}

/// The count of an array that is not null.
#[inline(always)]
pub(crate) fn counted(r: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let at = r.position();
    r.array_length()?.ok_or_else(|| DecodeError::new(at, DecodeCause::Null))
}

/// Reads elements one by one.
pub(super) fn decode_each(
    elements: &mut dyn Elements,
    count: usize,
    bytes_min: usize,
    r: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    let mut room = 0;
    for index in 0..count {
        let mut more = 0;
        if index == room {
            more = room_for(count - index, index, bytes_min.max(1), r);
            room += more;
        }
        if let Some(element) = elements.add(more) {
            element.decode(r).map_err(|error| error.at_index(index))?;
        }
    }
    Ok(())
}

/// Does what [`decode_each`] does with code of its own for the type: for those that profiles name.
pub(crate) fn decode_each_hot<T: Element>(
    elements: &mut Vec<T>,
    count: usize,
    r: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    while elements.len() < count {
        let from = elements.len();
        let next = room_for(count - from, from, T::BYTES_MIN.max(1), r);
        elements.reserve_exact(next);
        // Made where they stay: large structs are not moved there one by one.
        elements.resize_with(from + next, T::default);
        for (index, element) in elements.iter_mut().enumerate().skip(from) {
            element.decode(r).map_err(|error| error.at_index(index))?;
        }
    }
    Ok(())
}

/// How many elements to make room for: at most twice as many as there are, and never more than
/// there are said to be.
fn room_for(left: usize, from: usize, bytes_min: usize, r: &Reader<'_>) -> usize {
    let fitting = r.remaining() / bytes_min;
    left.min(fitting).clamp(1, from.max(ELEMENTS_RESERVED_MAX))
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
