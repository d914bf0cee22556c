//! Messages whose type is known at run time only: decoded and encoded by their fields.

use bytes::Bytes;

use crate::api::MessageInfo;
use crate::error::{DecodeCause, DecodeError, EncodeError};
use crate::schema::{Field, Kind, decode_struct, encode_struct};
use crate::wire::{Literal, Reader, Records, Str, Uuid, Wire, Writer};

/// A value of any type of the protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// An id.
    Uuid(Uuid),
    /// Text.
    String(Str),
    /// Bytes or records.
    Bytes(Bytes),
    /// Elements.
    Array(Vec<Self>),
    /// A value for each field, in the order of the fields; defaults where the version has none.
    Struct(Vec<Self>),
}

impl Value {
    /// The default of a field.
    #[must_use]
    pub fn default_of(field: &Field) -> Self {
        match (field.default, field.kind) {
            (Literal::Natural, _) if field.is_optional() => Self::Null,
            (Literal::Int(value), Kind::Bool) => Self::Bool(value != 0),
            (Literal::Int(value), _) => Self::Int(value),
            (_, kind) => Self::zero(kind),
        }
    }

    /// Zero, false, empty, or a struct of defaults.
    fn zero(kind: Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool(false),
            Kind::Int8 | Kind::Int16 | Kind::Uint16 | Kind::Int32 | Kind::Uint32 | Kind::Int64 => {
                Self::Int(0)
            }
            Kind::Float64 => Self::Float(0.0),
            Kind::Uuid => Self::Uuid(Uuid::ZERO),
            Kind::String => Self::String(Str::default()),
            Kind::Bytes | Kind::Records => Self::Bytes(Bytes::new()),
            Kind::Array(_) => Self::Array(Vec::new()),
            Kind::Struct(fields) => Self::Struct(fields.iter().map(Self::default_of).collect()),
        }
    }
}

/// Decodes a message, which must take all bytes.
///
/// # Errors
///
/// As [`crate::decode`].
pub fn decode(info: &MessageInfo, bytes: &Bytes, version: i16) -> Result<Value, DecodeError> {
    let (value, length) = decode_prefix(info, bytes, version)?;
    match bytes.len() - length {
        0 => Ok(value),
        left => {
            Err(DecodeError::new(length, DecodeCause::Leftover(left))
                .in_message(info.name, version))
        }
    }
}

/// Decodes a message at the front of bytes, and says how many it took.
///
/// # Errors
///
/// As [`crate::decode`], but bytes may be left over.
pub fn decode_prefix(
    info: &MessageInfo,
    bytes: &Bytes,
    version: i16,
) -> Result<(Value, usize), DecodeError> {
    if !info.versions.contains(&version) {
        let (first, last) = (*info.versions.start(), *info.versions.end());
        let cause = DecodeCause::Version { first, last };
        return Err(DecodeError::new(0, cause).in_message(info.name, version));
    }
    let mut r = Reader::new(bytes, info.version(version));
    let value = read(Kind::Struct(info.fields), &mut r)
        .map_err(|error| error.in_message(info.name, version))?;
    Ok((value, r.position()))
}

/// Encodes a message.
///
/// # Errors
///
/// As [`crate::encode`], and [`EncodeError::Shape`] if the value is not such a message.
pub fn encode(info: &MessageInfo, value: &Value, version: i16) -> Result<Bytes, EncodeError> {
    if !info.versions.contains(&version) {
        return Err(EncodeError::Version { message: info.name, version });
    }
    let mut w = Writer::new(info.version(version));
    write(Kind::Struct(info.fields), value, &mut w).map_err(|error| error.in_message(info.name))?;
    Ok(w.finish().to_bytes())
}

/// A field and the value in it: what makes a dynamic value obey the rules of typed ones.
struct Slot {
    field: &'static Field,
    value: Value,
}

impl Slot {
    fn empty(field: &'static Field) -> Self {
        Self { field, value: Value::default_of(field) }
    }
}

impl Wire for Slot {
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        let kind = self.field.kind;
        match self.value {
            Value::Null if !self.field.is_optional() => {
                let (message, version) = ("", w.version());
                Err(EncodeError::Null { message, version, field: self.field.name })
            }
            _ if self.field.is_optional() => write_nullable(kind, &self.value, w),
            _ => write(kind, &self.value, w),
        }
    }

    fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        let kind = self.field.kind;
        self.value =
            if self.field.is_optional() { read_nullable(kind, r)? } else { read(kind, r)? };
        Ok(())
    }

    fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    fn is(&self, _: Literal) -> bool {
        self.value == Value::default_of(self.field)
    }
}

fn read(kind: Kind, r: &mut Reader<'_>) -> Result<Value, DecodeError> {
    Ok(match kind {
        Kind::Bool => Value::Bool(typed(r)?),
        Kind::Int8 => Value::Int(typed::<i8>(r)?.into()),
        Kind::Int16 => Value::Int(typed::<i16>(r)?.into()),
        Kind::Uint16 => Value::Int(typed::<u16>(r)?.into()),
        Kind::Int32 => Value::Int(typed::<i32>(r)?.into()),
        Kind::Uint32 => Value::Int(typed::<u32>(r)?.into()),
        Kind::Int64 => Value::Int(typed(r)?),
        Kind::Float64 => Value::Float(typed(r)?),
        Kind::Uuid => Value::Uuid(typed(r)?),
        Kind::String => Value::String(typed(r)?),
        Kind::Bytes => Value::Bytes(typed(r)?),
        Kind::Records => Value::Bytes(typed::<Records>(r)?.0),
        Kind::Array(_) => {
            let at = r.position();
            match read_nullable(kind, r)? {
                Value::Null => return Err(DecodeError::new(at, DecodeCause::Null)),
                array => array,
            }
        }
        Kind::Struct(fields) => {
            let mut slots: Vec<_> = fields.iter().map(Slot::empty).collect();
            let mut rows: Vec<_> = slots.iter_mut().map(|slot| slot as &mut dyn Wire).collect();
            decode_struct(fields, &mut rows, r)?;
            Value::Struct(slots.into_iter().map(|slot| slot.value).collect())
        }
    })
}

fn read_nullable(kind: Kind, r: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let value = match kind {
        Kind::String => typed::<Option<Str>>(r)?.map(Value::String),
        Kind::Bytes => typed::<Option<Bytes>>(r)?.map(Value::Bytes),
        Kind::Records => typed::<Option<Records>>(r)?.map(|records| Value::Bytes(records.0)),
        Kind::Array(element) => match r.array_length()? {
            None => None,
            Some(count) => {
                let mut elements = Vec::new();
                for index in 0..count {
                    let element = read(*element, r).map_err(|error| error.at_index(index))?;
                    elements.push(element);
                }
                Some(Value::Array(elements))
            }
        },
        Kind::Struct(_) if r.is_null_struct()? => None,
        _ => Some(read(kind, r)?),
    };
    Ok(value.unwrap_or(Value::Null))
}

fn write(kind: Kind, value: &Value, w: &mut Writer) -> Result<(), EncodeError> {
    match (kind, value) {
        (Kind::Bool, Value::Bool(value)) => value.encode(w),
        (Kind::Int8, Value::Int(value)) => int::<i8>(*value, w)?.encode(w),
        (Kind::Int16, Value::Int(value)) => int::<i16>(*value, w)?.encode(w),
        (Kind::Uint16, Value::Int(value)) => int::<u16>(*value, w)?.encode(w),
        (Kind::Int32, Value::Int(value)) => int::<i32>(*value, w)?.encode(w),
        (Kind::Uint32, Value::Int(value)) => int::<u32>(*value, w)?.encode(w),
        (Kind::Int64, Value::Int(value)) => value.encode(w),
        (Kind::Float64, Value::Float(value)) => value.encode(w),
        (Kind::Uuid, Value::Uuid(value)) => value.encode(w),
        (Kind::String, Value::String(value)) => value.encode(w),
        (Kind::Bytes, Value::Bytes(value)) => value.encode(w),
        (Kind::Records, Value::Bytes(value)) => Records(value.clone()).encode(w),
        (Kind::Array(element), Value::Array(values)) => {
            w.array_length(Some(values.len()))?;
            values.iter().try_for_each(|value| write(*element, value, w))
        }
        (Kind::Struct(fields), Value::Struct(values)) if fields.len() == values.len() => {
            let filled =
                |(field, value): (&'static Field, &Value)| Slot { field, value: value.clone() };
            let slots: Vec<_> = fields.iter().zip(values).map(filled).collect();
            let rows: Vec<_> = slots.iter().map(|slot| slot as &dyn Wire).collect();
            encode_struct(fields, &rows, w)
        }
        _ => Err(shape(w, wanted(kind))),
    }
}

fn write_nullable(kind: Kind, value: &Value, w: &mut Writer) -> Result<(), EncodeError> {
    match (kind, value) {
        (Kind::String, Value::Null) => Option::<Str>::None.encode(w),
        (Kind::Bytes, Value::Null) => Option::<Bytes>::None.encode(w),
        (Kind::Records, Value::Null) => Option::<Records>::None.encode(w),
        (Kind::Array(_), Value::Null) => w.array_length(None),
        (Kind::Struct(_), Value::Null) => {
            w.null_struct();
            Ok(())
        }
        (Kind::Struct(_), value) => {
            w.some_struct();
            write(kind, value, w)
        }
        (kind, value) => write(kind, value, w),
    }
}

fn typed<T: Wire + Default>(r: &mut Reader<'_>) -> Result<T, DecodeError> {
    let mut value = T::default();
    value.decode(r)?;
    Ok(value)
}

fn int<T: TryFrom<i64>>(value: i64, w: &Writer) -> Result<T, EncodeError> {
    T::try_from(value).map_err(|_| shape(w, "an integer in the range of its type"))
}

/// Message and field are for those to say who know them.
fn shape(w: &Writer, wanted: &'static str) -> EncodeError {
    EncodeError::Shape { message: "", version: w.version(), field: "", wanted }
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Int8 | Kind::Int16 | Kind::Uint16 | Kind::Int32 | Kind::Uint32 | Kind::Int64 => {
            "an integer"
        }
        Kind::Float64 => "a number",
        Kind::Uuid => "an id",
        Kind::String => "text",
        Kind::Bytes | Kind::Records => "bytes",
        Kind::Array(_) => "an array",
        Kind::Struct(_) => "a struct with all its fields",
    }
}
