//! What the protocol says of a field, and the two functions that obey it.

use crate::error::{DecodeCause, DecodeError, EncodeError};
use crate::wire::{Literal, Reader, Records, Str, Uuid, Wire, Writer};

/// What the protocol says of one field: enough to decode, print, generate and compare it.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name, in snake case.
    pub name: &'static str,
    /// First version that has the field.
    pub since: i16,
    /// Last version that has it.
    pub until: i16,
    /// First and last version in which it may be null; none if the first is the greater.
    pub null: (i16, i16),
    /// Its tag, if it is a tagged field (KIP-482).
    pub tag: Option<u32>,
    /// Whether a version without the field may silently lose its value.
    pub ignorable: bool,
    /// Whether its length is never compact, not even in flexible versions.
    pub plain: bool,
    /// What it holds.
    pub kind: Kind,
    /// What it holds when nothing was said.
    pub default: Literal,
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One byte, zero or not.
    Bool,
    /// A signed byte.
    Int8,
    /// Two bytes, signed.
    Int16,
    /// Two bytes, unsigned.
    Uint16,
    /// Four bytes, signed.
    Int32,
    /// Four bytes, unsigned.
    Uint32,
    /// Eight bytes, signed.
    Int64,
    /// Eight bytes, IEEE 754.
    Float64,
    /// Sixteen bytes.
    Uuid,
    /// UTF-8 text.
    String,
    /// Bytes.
    Bytes,
    /// Record batches.
    Records,
    /// Any number of elements.
    Array(&'static Self),
    /// Fields, in this order.
    Struct(&'static [Field]),
}

impl Kind {
    /// The fewest bytes that a value takes which is not null.
    const fn bytes_min(&self) -> usize {
        match self {
            Self::Bool | Self::Int8 => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Int32 | Self::Uint32 => 4,
            Self::Int64 | Self::Float64 => 8,
            Self::Uuid => 16,
            Self::String | Self::Bytes | Self::Records | Self::Array(_) => 1,
            Self::Struct(fields) => bytes_min(fields),
        }
    }
}

/// A type that has a [`Kind`].
pub trait Shape {
    /// What a field of this type holds.
    const KIND: Kind;
}

macro_rules! shapes {
    ($($type:ty: $kind:ident,)*) => { $(
        impl Shape for $type {
            const KIND: Kind = Kind::$kind;
        }
    )* };
}

shapes! {
    bool: Bool, i8: Int8, i16: Int16, u16: Uint16, i32: Int32, u32: Uint32, i64: Int64,
    f64: Float64, Uuid: Uuid, Str: String, bytes::Bytes: Bytes, Records: Records,
}

impl<T: Shape> Shape for Vec<T> {
    const KIND: Kind = Kind::Array(&T::KIND);
}

impl<T: Shape> Shape for Option<T> {
    const KIND: Kind = T::KIND;
}

impl Field {
    /// A field that a row names, without its exceptions.
    #[must_use]
    pub const fn new(name: &'static str, since: i16, until: i16, kind: Kind) -> Self {
        Self {
            name: bare(name),
            since,
            until,
            null: (i16::MAX, i16::MIN),
            tag: None,
            ignorable: false,
            plain: false,
            kind,
            default: Literal::Natural,
        }
    }

    /// Whether a version has the field.
    #[must_use]
    pub const fn is_in(&self, version: i16) -> bool {
        self.since <= version && version <= self.until
    }

    /// Whether the field is an `Option`: it may be null in some version, or holds records, which
    /// are null where nothing was said.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.null.0 <= self.null.1 || matches!(self.kind, Kind::Records)
    }

    /// Whether the field may be null in a version.
    #[must_use]
    pub const fn is_nullable(&self, version: i16) -> bool {
        self.null.0 <= version && version <= self.null.1
    }
}

/// A name without the `r#` that Rust puts before its keywords.
const fn bare(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// The fewest bytes that a struct takes in any version that has fields of it.
pub(crate) const fn bytes_min(fields: &[Field]) -> usize {
    let mut least = usize::MAX;
    // What a struct takes changes only where a field comes or goes.
    let mut rows = fields;
    while let [row, rest @ ..] = rows {
        let comes = bytes_in(fields, row.since);
        let goes = bytes_in(fields, row.until.saturating_add(1));
        if comes > 0 && comes < least {
            least = comes;
        }
        if goes > 0 && goes < least {
            least = goes;
        }
        rows = rest;
    }
    if least == usize::MAX { 1 } else { least }
}

/// The fewest bytes that a struct takes in a version.
const fn bytes_in(fields: &[Field], version: i16) -> usize {
    let mut sum = 0;
    let mut rows = fields;
    while let [row, rest @ ..] = rows {
        if row.is_in(version) && row.tag.is_none() {
            sum += match row.kind {
                Kind::Struct(_) if row.is_nullable(version) => 1,
                kind => kind.bytes_min(),
            };
        }
        rows = rest;
    }
    sum
}

/// Writes the fields of a struct, and ends it.
pub(crate) fn encode_struct(
    fields: &[Field],
    values: &[&dyn Wire],
    w: &mut Writer,
) -> Result<(), EncodeError> {
    w.enter();
    let mut tagged = 0;
    for (field, value) in fields.iter().zip(values) {
        tagged += u32::from(encode_field(field, *value, w)?);
    }
    if w.is_flexible() {
        w.uvarint(tagged);
        if tagged > 0 {
            encode_tags(fields, values, w)?;
        }
    }
    Ok(())
}

/// Writes a field where the version has it, unless it is tagged; says whether it is to be written
/// among the tags.
#[inline(always)]
pub(crate) fn encode_field<T: Wire + ?Sized>(
    field: &Field,
    value: &T,
    w: &mut Writer,
) -> Result<bool, EncodeError> {
    let version = w.version();
    if !field.is_in(version) {
        if field.ignorable || value.is(field.default) {
            return Ok(false);
        }
        return Err(EncodeError::UnsupportedField { message: "", version, field: field.name });
    }
    if field.is_optional() && !field.is_nullable(version) && value.is_null() {
        return Err(EncodeError::Null { message: "", version, field: field.name });
    }
    if field.tag.is_some() {
        return Ok(!value.is(field.default));
    }
    let written = if field.plain { w.plain(|w| value.encode(w)) } else { value.encode(w) };
    written.map_err(|error| error.in_field(field.name))?;
    Ok(false)
}

#[cold]
pub(crate) fn encode_tags(
    fields: &[Field],
    values: &[&dyn Wire],
    w: &mut Writer,
) -> Result<(), EncodeError> {
    let version = w.version();
    let mut tagged: Vec<_> = fields
        .iter()
        .zip(values)
        .filter(|(field, value)| field.is_in(version) && !value.is(field.default))
        .filter_map(|(field, value)| Some((field.tag?, field.name, value)))
        .collect();
    tagged.sort_by_key(|(tag, _, _)| *tag);
    tagged.into_iter().try_for_each(|(tag, name, value)| {
        w.tag(tag, |w| value.encode(w)).map_err(|error| error.in_field(name))
    })
}

/// Reads the fields of a struct into slots that hold the defaults.
pub(crate) fn decode_struct(
    fields: &'static [Field],
    slots: &mut [&mut dyn Wire],
    r: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    r.enter();
    for (field, slot) in fields.iter().zip(slots.iter_mut()) {
        decode_field(field, *slot, r)?;
    }
    match r.tag_count()? {
        0 => Ok(()),
        count => decode_tags(count, fields, slots, r),
    }
}

/// Reads a field where the version has it, unless it is tagged.
#[inline(always)]
pub(crate) fn decode_field<T: Wire + ?Sized>(
    field: &'static Field,
    slot: &mut T,
    r: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    if field.tag.is_some() || !field.is_in(r.version()) {
        return Ok(());
    }
    decode_value(field, slot, r)
}

#[cold]
pub(crate) fn decode_tags(
    count: u32,
    fields: &'static [Field],
    slots: &mut [&mut dyn Wire],
    r: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    let version = r.version();
    r.tags(count, &mut |tag, r| {
        let mut rows = fields.iter().zip(slots.iter_mut());
        match rows.find(|(field, _)| field.tag == Some(tag) && field.is_in(version)) {
            Some((field, slot)) => decode_value(field, *slot, r).map(|()| true),
            None => Ok(false),
        }
    })
}

#[inline(always)]
fn decode_value<T: Wire + ?Sized>(
    field: &'static Field,
    slot: &mut T,
    r: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    let at = r.position();
    let read = if field.plain { r.plain(|r| slot.decode(r)) } else { slot.decode(r) };
    read.map_err(|error| error.in_field(field.name))?;
    if field.is_optional() && !field.is_nullable(r.version()) && slot.is_null() {
        return Err(DecodeError::new(at, DecodeCause::Null).in_field(field.name));
    }
    Ok(())
}

/// Whether every field holds its default, which is the only default that a struct can have.
pub(crate) fn is_default(fields: &[Field], values: &[&dyn Wire], default: Literal) -> bool {
    default.is_natural() && fields.iter().zip(values).all(|(field, value)| value.is(field.default))
}

#[cfg(test)]
mod tests;
