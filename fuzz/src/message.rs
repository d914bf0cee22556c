//! Messages that obey the protocol, whatever the bytes that choose them.

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use kurier_protocol::api::MessageInfo;
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::Value;
use kurier_protocol::{Str, Uuid};

/// A message of a version. It is small: once `u` has no more bytes, all that follows is empty.
///
/// # Errors
///
/// None in practice: bytes that end are no error.
pub fn message(info: &MessageInfo, version: i16, u: &mut Unstructured<'_>) -> Result<Value> {
    message_of(info, version, &mut |_, _| Ok(None), u)
}

/// A message in which `choice` may choose values; any do where it gives none. It is asked for whole
/// arrays and structs first, then for what is in them.
///
/// # Errors
///
/// Those of `choice`.
pub fn message_of(
    info: &MessageInfo,
    version: i16,
    choice: Choice<'_>,
    u: &mut Unstructured<'_>,
) -> Result<Value> {
    Maker { version, choice }.fields("", info.fields, u).map(Value::Struct)
}

/// Chooses a value for a place in a message, or leaves it to chance.
pub type Choice<'a> = &'a mut dyn FnMut(Place, &mut Unstructured<'_>) -> Result<Option<Value>>;

/// Where a value stands in a message.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The field of the array or struct around it; empty at the top.
    pub parent: &'static str,
    /// Its field; that of the array for elements that are no structs.
    pub field: &'static str,
    /// What it holds.
    pub kind: Kind,
}

struct Maker<'a> {
    version: i16,
    choice: Choice<'a>,
}

impl Maker<'_> {
    fn fields(
        &mut self,
        parent: &'static str,
        fields: &'static [Field],
        u: &mut Unstructured<'_>,
    ) -> Result<Vec<Value>> {
        fields.iter().map(|field| self.field(parent, field, u)).collect()
    }

    fn field(
        &mut self,
        parent: &'static str,
        field: &'static Field,
        u: &mut Unstructured<'_>,
    ) -> Result<Value> {
        let default = Value::default_of(field);
        let is_allowed = default != Value::Null || field.is_nullable(self.version);
        if !field.is_in(self.version) || (field.tag.is_some() && is_allowed && u.ratio(1, 2)?) {
            return Ok(default);
        }
        if field.is_nullable(self.version) && u.ratio(1, 4)? {
            return Ok(Value::Null);
        }
        self.value(Place { parent, field: field.name, kind: field.kind }, u)
    }

    fn value(&mut self, place: Place, u: &mut Unstructured<'_>) -> Result<Value> {
        if let Some(value) = (self.choice)(place, u)? {
            return Ok(value);
        }
        match place.kind {
            Kind::Array(element) => {
                let count = u.int_in_range(0..=3)?;
                let elements = (0..count).map(|_| self.value(Place { kind: *element, ..place }, u));
                Ok(Value::Array(elements.collect::<Result<_>>()?))
            }
            Kind::Struct(rows) => self.fields(place.field, rows, u).map(Value::Struct),
            kind => leaf(kind, u),
        }
    }
}

/// A value that holds no others.
fn leaf(kind: Kind, u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match kind {
        Kind::Bool => Value::Bool(u.arbitrary()?),
        Kind::Float64 => Value::Float(*u.choose(&[0.0, -1.5, f64::MAX, f64::INFINITY])?),
        Kind::Uuid => Value::Uuid(Uuid(u.arbitrary()?)),
        Kind::String => Value::String(text(u)?),
        // From 4 KiB on a records field is not copied.
        Kind::Records if u.ratio(1, 16)? => Value::Bytes(vec![7; 5000].into()),
        Kind::Bytes | Kind::Records => Value::Bytes(bytes(u)?),
        Kind::Array(_) => Value::Array(Vec::new()),
        Kind::Struct(_) => Value::Struct(Vec::new()),
        Kind::Int8 | Kind::Int16 | Kind::Uint16 | Kind::Int32 | Kind::Uint32 | Kind::Int64 => {
            let (min, max) = range(kind);
            Value::Int(edge(min, max, u)?)
        }
    })
}

/// The least and the greatest number of a kind.
pub(crate) const fn range(kind: Kind) -> (i64, i64) {
    match kind {
        Kind::Int8 => (-0x80, 0x7f),
        Kind::Int16 => (-0x8000, 0x7fff),
        Kind::Uint16 => (0, 0xffff),
        Kind::Int32 => (-0x8000_0000, 0x7fff_ffff),
        Kind::Uint32 => (0, 0xffff_ffff),
        _ => (i64::MIN, i64::MAX),
    }
}

/// A number that is often at an end of its type, or beside one.
pub(crate) fn edge(min: i64, max: i64, u: &mut Unstructured<'_>) -> Result<i64> {
    Ok(match u.int_in_range(0..=7)? {
        0 => min,
        1 => max,
        2 => (-1).clamp(min, max),
        3 => u.int_in_range(min..=max)?,
        4 => u.int_in_range(-300..=300)?.clamp(min, max),
        _ => u.int_in_range(0..=9)?,
    })
}

/// Text of any length that a varint or a broker may stumble over.
pub(crate) fn text(u: &mut Unstructured<'_>) -> Result<Str> {
    let len = *u.choose(&[0, 1, 5, 20, 126, 127, 128, 300])?;
    let letters = ['a', 'z', '0', '.', '\0', 'é', '✓', '🦀'];
    let text: Result<String> = (0..len).map(|_| u.choose(&letters).copied()).collect();
    text.map(Into::into)
}

fn bytes(u: &mut Unstructured<'_>) -> Result<Bytes> {
    let len = u.int_in_range(0..=64)?.min(u.len());
    Ok(Bytes::copy_from_slice(u.bytes(len)?))
}
