//! Kafka's JSON form of any message: what its own tools print, and read.
//!
//! A field outside the version is absent, and so is a tagged field at its default. Names are in
//! camel case, bytes and records base64, ids Kafka's base64url text, numbers plain numbers.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
pub use serde_json::Value as Json;

use crate::api::MessageInfo;
use crate::error::{DecodeError, EncodeError};
use crate::schema::{Field, Kind};
use crate::value::{self, Value};

/// Decodes a message, which must take all bytes, into its JSON form.
///
/// # Errors
///
/// As [`crate::decode`].
pub fn decode(info: &MessageInfo, bytes: &Bytes, version: i16) -> Result<Json, DecodeError> {
    Ok(print(info, &value::decode(info, bytes, version)?, version))
}

/// Encodes a message from its JSON form.
///
/// # Errors
///
/// [`JsonError`] if it is not the form of such a message, or cannot be written in this version.
pub fn encode(info: &MessageInfo, json: &Json, version: i16) -> Result<Bytes, JsonError> {
    let value = parse(info, json, version)?;
    value::encode(info, &value, version)
        .map_err(|error| JsonError::new(JsonCause::Encode(error)).in_message(info, version))
}

/// The JSON form of a message. What does not have the shape of its field becomes null.
#[must_use]
pub fn print(info: &MessageInfo, value: &Value, version: i16) -> Json {
    print_kind(Kind::Struct(info.fields), value, version)
}

/// Reads a message from its JSON form.
///
/// # Errors
///
/// [`JsonError`] if it is not the form of such a message.
pub fn parse(info: &MessageInfo, json: &Json, version: i16) -> Result<Value, JsonError> {
    if !info.versions.contains(&version) {
        let cause = EncodeError::Version { message: info.name, version };
        return Err(JsonError::new(JsonCause::Encode(cause)).in_message(info, version));
    }
    parse_kind(Kind::Struct(info.fields), json, version)
        .map_err(|error| error.in_message(info, version))
}

/// Why JSON is not the form of a message. It names the message, its version and the field.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonError(Box<Place>);

#[derive(Clone, Debug, PartialEq)]
struct Place {
    message: &'static str,
    version: i16,
    field: String,
    cause: JsonCause,
}

/// What is wrong with JSON.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum JsonCause {
    /// A field of this version is not there.
    #[error("the field is missing")]
    Missing,
    /// The message has no such field.
    #[error("there is no such field")]
    Unknown,
    /// The message has the field in other versions.
    #[error("this version does not have the field")]
    OtherVersion,
    /// The field holds something else.
    #[error("{wanted} is wanted, not {found}")]
    Wanted {
        /// What the field holds.
        wanted: &'static str,
        /// What was found, in short.
        found: String,
    },
    /// The message cannot be written.
    #[error(transparent)]
    Encode(EncodeError),
}

impl JsonError {
    fn new(cause: JsonCause) -> Self {
        Self(Box::new(Place { message: "", version: 0, field: String::new(), cause }))
    }

    fn in_field(mut self, name: &str) -> Self {
        let dot = if self.0.field.is_empty() || self.0.field.starts_with('[') { "" } else { "." };
        self.0.field = format!("{name}{dot}{}", self.0.field);
        self
    }

    fn in_message(mut self, info: &MessageInfo, version: i16) -> Self {
        self.0.message = info.name;
        self.0.version = version;
        self
    }

    /// Name of the message, such as `FetchResponse`.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.0.message
    }

    /// Version of the message.
    #[must_use]
    pub fn version(&self) -> i16 {
        self.0.version
    }

    /// The field, such as `topics[0].partitions[3].records`; empty for the message as a whole.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.0.field
    }

    /// What is wrong.
    #[must_use]
    pub fn cause(&self) -> &JsonCause {
        &self.0.cause
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { message, version, field, cause } = &*self.0;
        write!(f, "{message} v{version}")?;
        if !field.is_empty() {
            write!(f, ", field {field}")?;
        }
        write!(f, ": {cause}")
    }
}

impl std::error::Error for JsonError {}

/// A name as Kafka's JSON writes it: `topic_data` is `topicData`.
pub(crate) fn camel_case(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    let mut words = snake.split('_');
    camel.push_str(words.next().unwrap_or_default());
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

fn print_kind(kind: Kind, value: &Value, version: i16) -> Json {
    match (kind, value) {
        (Kind::Struct(fields), Value::Struct(values)) => {
            let shown = |(field, value): &(&Field, &Value)| {
                field.is_in(version) && (field.tag.is_none() || **value != Value::default_of(field))
            };
            let print = |(field, value): (&Field, &Value)| {
                (camel_case(field.name), print_kind(field.kind, value, version))
            };
            Json::Object(fields.iter().zip(values).filter(shown).map(print).collect())
        }
        (Kind::Array(element), Value::Array(values)) => {
            values.iter().map(|value| print_kind(*element, value, version)).collect()
        }
        (_, Value::Bool(value)) => Json::Bool(*value),
        (_, Value::Int(value)) => Json::from(*value),
        (_, Value::Float(value)) => match serde_json::Number::from_f64(*value) {
            Some(number) => Json::Number(number),
            None => Json::String(Endless::of(*value).to_owned()),
        },
        (_, Value::Uuid(value)) => Json::String(value.to_string()),
        (_, Value::String(value)) => Json::String(value.as_str().to_owned()),
        (_, Value::Bytes(value)) => Json::String(STANDARD.encode(value)),
        (_, Value::Null | Value::Array(_) | Value::Struct(_)) => Json::Null,
    }
}

fn parse_kind(kind: Kind, json: &Json, version: i16) -> Result<Value, JsonError> {
    let wanted = |wanted: &'static str| {
        JsonError::new(JsonCause::Wanted { wanted, found: abbreviated(json) })
    };
    let int = |range: std::ops::RangeInclusive<i64>, what| {
        let number = json.as_i64().filter(|number| range.contains(number));
        number.map(Value::Int).ok_or_else(|| wanted(what))
    };
    match kind {
        Kind::Bool => json.as_bool().map(Value::Bool).ok_or_else(|| wanted("true or false")),
        Kind::Int8 => int(-0x80..=0x7f, "an integer of 8 bits"),
        Kind::Int16 => int(-0x8000..=0x7fff, "an integer of 16 bits"),
        Kind::Uint16 => int(0..=0xffff, "an integer of 16 bits without a sign"),
        Kind::Int32 => int(-0x8000_0000..=0x7fff_ffff, "an integer of 32 bits"),
        Kind::Uint32 => int(0..=0xffff_ffff, "an integer of 32 bits without a sign"),
        Kind::Int64 => int(i64::MIN..=i64::MAX, "an integer of 64 bits"),
        Kind::Float64 => {
            let number = json.as_f64().or_else(|| Endless::parse(json.as_str()?));
            number.map(Value::Float).ok_or_else(|| wanted("a number"))
        }
        Kind::Uuid => {
            let id = json.as_str().and_then(|text| text.parse().ok());
            id.map(Value::Uuid).ok_or_else(|| wanted("an id of 22 characters of base64url"))
        }
        Kind::String => {
            let text = json.as_str().ok_or_else(|| wanted("text"))?;
            Ok(Value::String(text.into()))
        }
        Kind::Bytes | Kind::Records => {
            let bytes = json.as_str().and_then(|text| STANDARD.decode(text).ok());
            bytes.map(|bytes| Value::Bytes(bytes.into())).ok_or_else(|| wanted("base64 text"))
        }
        Kind::Array(element) => {
            let elements = json.as_array().ok_or_else(|| wanted("an array"))?;
            let parse = |(index, json)| {
                parse_kind(*element, json, version)
                    .map_err(|error| error.in_field(&format!("[{index}]")))
            };
            elements.iter().enumerate().map(parse).collect::<Result<_, _>>().map(Value::Array)
        }
        Kind::Struct(fields) => {
            let object = json.as_object().ok_or_else(|| wanted("an object"))?;
            parse_struct(fields, object, version)
        }
    }
}

fn parse_struct(
    fields: &[Field],
    object: &serde_json::Map<String, Json>,
    version: i16,
) -> Result<Value, JsonError> {
    let mut values = Vec::with_capacity(fields.len());
    let mut found = 0;
    for field in fields {
        let name = camel_case(field.name);
        let json = object.get(&name);
        found += usize::from(json.is_some());
        let value = parse_field(field, json, version).map_err(|error| error.in_field(&name))?;
        values.push(value);
    }
    if found < object.len() {
        let is_known = |name: &str| fields.iter().any(|field| camel_case(field.name) == name);
        let unknown = object.keys().find(|name| !is_known(name)).map_or("", String::as_str);
        return Err(JsonError::new(JsonCause::Unknown).in_field(unknown));
    }
    Ok(Value::Struct(values))
}

fn parse_field(field: &Field, json: Option<&Json>, version: i16) -> Result<Value, JsonError> {
    match json {
        None if field.is_in(version) && field.tag.is_none() => {
            Err(JsonError::new(JsonCause::Missing))
        }
        None => Ok(Value::default_of(field)),
        Some(_) if !field.is_in(version) => Err(JsonError::new(JsonCause::OtherVersion)),
        Some(Json::Null) if field.is_nullable(version) => Ok(Value::Null),
        Some(json) => parse_kind(field.kind, json, version),
    }
}

/// The beginning of a value, enough to find it again.
fn abbreviated(json: &Json) -> String {
    match json {
        Json::Array(_) => "an array".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(FOUND_CHARS_MAX) {
                Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
                None => text,
            }
        }
    }
}

/// Numbers that JSON has no digits for; Java writes their names.
struct Endless;

impl Endless {
    fn of(value: f64) -> &'static str {
        match value {
            f64::INFINITY => "Infinity",
            f64::NEG_INFINITY => "-Infinity",
            _ => "NaN",
        }
    }

    fn parse(text: &str) -> Option<f64> {
        let all = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        all.into_iter().find(|value| Self::of(*value) == text)
    }
}

/// Characters of a wrong value that an error repeats.
const FOUND_CHARS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api;

    fn fetch() -> &'static MessageInfo {
        api::message("FetchRequest").unwrap()
    }

    #[track_caller]
    fn check(version: i16, change: impl FnOnce(&mut Json), error: &str) {
        let mut json = print(
            fetch(),
            &Value::Struct(fetch().fields.iter().map(Value::default_of).collect()),
            version,
        );
        json["topics"] = json!([{"topic": "a", "partitions": []}]);
        assert!(parse(fetch(), &json, version).is_ok(), "good before the change");
        change(&mut json);
        assert_eq!(parse(fetch(), &json, version).unwrap_err().to_string(), error);
    }

    #[test]
    fn an_error_names_the_field() {
        check(
            0,
            |json| json["topics"][0]["partitions"] = json!([{"partition": "x"}]),
            "FetchRequest v0, field topics[0].partitions[0].partition: \
             an integer of 32 bits is wanted, not \"x\"",
        );
    }

    #[test]
    fn a_field_that_is_missing_is_named() {
        check(
            7,
            |json| drop(json.as_object_mut().unwrap().remove("sessionId")),
            "FetchRequest v7, field sessionId: the field is missing",
        );
    }

    #[test]
    fn a_field_that_nobody_knows_is_refused() {
        check(
            7,
            |json| json["sesionId"] = json!(1),
            "FetchRequest v7, field sesionId: there is no such field",
        );
    }

    #[test]
    fn a_field_of_another_version_is_refused() {
        check(
            7,
            |json| json["rackId"] = json!("a"),
            "FetchRequest v7, field rackId: this version does not have the field",
        );
    }

    #[test]
    fn an_integer_that_is_too_large_is_refused() {
        check(
            7,
            |json| json["isolationLevel"] = json!(128),
            "FetchRequest v7, field isolationLevel: an integer of 8 bits is wanted, not 128",
        );
    }

    #[test]
    fn a_version_that_is_not_known_is_refused() {
        let error = encode(fetch(), &json!({}), 99).unwrap_err();
        assert_eq!(error.to_string(), "FetchRequest v99: FetchRequest has no version 99");
    }

    #[test]
    fn names_become_those_of_kafka() {
        assert_eq!(camel_case("enable2_pc"), "enable2Pc");
        assert_eq!(camel_case("topics"), "topics");
        assert_eq!(camel_case("log_append_time_ms"), "logAppendTimeMs");
    }
}
