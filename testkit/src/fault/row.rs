//! Core: one struct of a message whose type is known at run time only, its fields found by name.

use bytes::Bytes;
use kurier_protocol::ErrorCode;
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::Value;

/// The fields of a struct, and what is in them. Fields that the version lacks are not there.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    version: i16,
    fields: &'static [Field],
    values: &'a mut [Value],
}

impl<'a> Row<'a> {
    /// A struct of these fields; none if the value is no such struct.
    pub(crate) fn new(
        version: i16,
        fields: &'static [Field],
        value: &'a mut Value,
    ) -> Option<Self> {
        match value {
            Value::Struct(values) => Some(Self { version, fields, values }),
            _ => None,
        }
    }

    /// An element of an array of structs.
    pub(crate) fn element(version: i16, element: &Kind, value: &'a mut Value) -> Option<Self> {
        let Kind::Struct(fields) = element else { return None };
        Self::new(version, fields, value)
    }

    /// The version of the message.
    pub(crate) fn version(&self) -> i16 {
        self.version
    }

    /// Every field that the version has.
    pub(crate) fn fields(&mut self) -> impl Iterator<Item = (&'static Field, &mut Value)> {
        let version = self.version;
        let fields = self.fields.iter().zip(self.values.iter_mut());
        fields.filter(move |(field, _)| field.is_in(version))
    }

    /// The first field that has one of these names.
    pub(crate) fn find(&mut self, names: &[&str]) -> Option<(&'static Field, &mut Value)> {
        self.fields().find(|(field, _)| names.contains(&field.name))
    }

    /// What is in the first field that has one of these names.
    pub(crate) fn get(&mut self, names: &[&str]) -> Option<&Value> {
        self.find(names).map(|(_, value)| &*value)
    }

    /// The integer in a field.
    pub(crate) fn int(&mut self, names: &[&str]) -> Option<i32> {
        match self.get(names)? {
            Value::Int(value) => i32::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Puts something into a field, if there is one.
    pub(crate) fn set(&mut self, names: &[&str], new: Value) {
        if let Some((_, value)) = self.find(names) {
            *value = new;
        }
    }

    /// The struct in a field.
    pub(crate) fn child(&mut self, name: &str) -> Option<Row<'_>> {
        let version = self.version;
        let (field, value) = self.find(&[name])?;
        Row::element(version, &field.kind, value)
    }

    /// The elements of an array, and what they are; none if it is null.
    pub(crate) fn array(&mut self, names: &[&str]) -> Option<(&'static Kind, &mut Vec<Value>)> {
        let (field, value) = self.find(names)?;
        match (field.kind, value) {
            (Kind::Array(element), Value::Array(items)) => Some((element, items)),
            _ => None,
        }
    }

    /// The error code of the struct.
    pub(crate) fn error_code(&mut self) -> Option<ErrorCode> {
        let code = self.int(ERROR_CODE)?;
        i16::try_from(code).ok().map(ErrorCode)
    }

    /// Empties the struct and gives it an error code.
    pub(crate) fn fail(&mut self, code: ErrorCode) {
        for (field, value) in self.fields() {
            if NOTHING_IS_MINUS_ONE.contains(&field.name) {
                *value = Value::Int(-1);
            } else if !KEPT.contains(&field.name) {
                *value = nothing(field);
            }
        }
        self.set(ERROR_CODE, Value::Int(code.0.into()));
    }
}

/// What an element of an array is when nothing is said of it.
pub(crate) fn blank(element: &Kind) -> Value {
    match element {
        Kind::Struct(fields) => Value::Struct(fields.iter().map(nothing).collect()),
        _ => Value::Int(0),
    }
}

/// A field of which nothing is said. Records are empty and not null, which not all clients read.
fn nothing(field: &Field) -> Value {
    match field.kind {
        Kind::Records => Value::Bytes(Bytes::new()),
        _ => Value::default_of(field),
    }
}

/// Where an answer says what went wrong.
const ERROR_CODE: &[&str] = &["error_code", "partition_error_code"];
/// Fields of answers in which -1 says that there is nothing, whatever their default is.
const NOTHING_IS_MINUS_ONE: &[&str] = &[
    "base_offset",
    "committed_offset",
    "end_offset",
    "high_watermark",
    "leader_id",
    "low_watermark",
    "offset",
    "timestamp",
];
/// What a failed row still says: what it is about.
const KEPT: &[&str] = &[
    "index",
    "partition",
    "partition_index",
    "name",
    "topic",
    "topic_id",
    "is_internal",
    "replica_nodes",
];
