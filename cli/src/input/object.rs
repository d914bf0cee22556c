//! Core: a record as a JSON object, in the form that `consume --json` writes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// A record read from a JSON object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ObjectRecord {
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Reads one line.
///
/// # Errors
///
/// What is wrong with it, as a sentence for the user.
pub(crate) fn parse(line: &[u8]) -> Result<ObjectRecord, String> {
    let value = serde_json::from_slice(line).map_err(|error| {
        let found = beginning(&String::from_utf8_lossy(line));
        format!("no JSON, {error}: {found}; {EXAMPLE}")
    })?;
    let Value::Object(mut fields) = value else {
        let found = beginning(&value.to_string());
        return Err(format!("a line must be a JSON object, and this is {found}; {EXAMPLE}"));
    };
    let record = ObjectRecord {
        timestamp: take(&mut fields, "ts", Value::as_i64)?.map_or(Ok(None), timestamp)?,
        key: take(&mut fields, "key", bytes)?,
        value: take(&mut fields, "payload", bytes)?,
        headers: take(&mut fields, "headers", headers)?.unwrap_or_default(),
    };
    // Where the record was, which says nothing of where it goes.
    for ignored in ["topic", "partition", "offset", "tstype", "broker"] {
        fields.remove(ignored);
    }
    match fields.keys().next() {
        Some(name) => Err(format!("unknown field `{name}`; known are {KNOWN}")),
        None => Ok(record),
    }
}

/// Takes a field out; absent and null are the same.
fn take<T>(
    fields: &mut Map<String, Value>,
    name: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<Option<T>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match read(&value) {
            Some(found) => Ok(Some(found)),
            None => {
                let (found, wanted) = (beginning(&value.to_string()), wanted(name));
                Err(format!("field `{name}` cannot be {found}: it is {wanted}"))
            }
        },
    }
}

/// What a field may be.
fn wanted(name: &str) -> &'static str {
    match name {
        "ts" => "a number of milliseconds since 1970, or null",
        "headers" => r#"names and values in turn, as in ["a","1","b",null]"#,
        _ => r#"a text, {"base64":".."} or null"#,
    }
}

/// So much of it as a line on stderr needs.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("`{}`..", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

/// A time; -1 stands for that of now, as `consume` writes it for a record that has none.
fn timestamp(millis: i64) -> Result<Option<i64>, String> {
    match millis {
        0.. => Ok(Some(millis)),
        -1 => Ok(None),
        _ => Err(format!(
            "field `ts` cannot be {millis}: it is milliseconds since 1970, from 0 to {}, or -1 \
             for the time of now",
            i64::MAX
        )),
    }
}

/// Text, or `{"base64": ".."}`.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Object(fields) if fields.len() == 1 => {
            STANDARD.decode(fields.get("base64")?.as_str()?).ok()
        }
        _ => None,
    }
}

/// `["name", value, "name", value, ..]`
fn headers(value: &Value) -> Option<Vec<(String, Option<Vec<u8>>)>> {
    let (pairs, rest) = value.as_array()?.as_chunks::<2>();
    let header = |[name, value]: &[Value; 2]| {
        let value = if value.is_null() { None } else { Some(bytes(value)?) };
        Some((name.as_str()?.to_owned(), value))
    };
    pairs.iter().map(header).collect::<Option<_>>().filter(|_| rest.is_empty())
}

const KNOWN: &str = "topic, partition, offset, tstype, ts, broker, headers, key, payload";

const EXAMPLE: &str = r#"write one as {"key":"k","payload":"v"}"#;

/// Letters of the input that are shown.
const SHOWN_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_consume_is_read() {
        let line = br#"{"topic":"t","partition":2,"offset":7,"tstype":"create","ts":5,
            "headers":["a","1","a",null,"b",{"base64":"/w=="}],
            "key":{"base64":"AP8="},"payload":"v"}"#;
        let some = |bytes: &[u8]| Some(bytes.to_vec());
        let expected = ObjectRecord {
            timestamp: Some(5),
            key: some(b"\0\xff"),
            value: some(b"v"),
            headers: vec![
                ("a".into(), some(b"1")),
                ("a".into(), None),
                ("b".into(), some(b"\xff")),
            ],
        };
        assert_eq!(parse(line), Ok(expected));
        assert_eq!(parse(b"{\"payload\":null,\"ts\":-1}"), Ok(ObjectRecord::default()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let rows = [
            ("", "no JSON"),
            ("abc", r#": `abc`; write one as {"key":"k","payload":"v"}"#),
            ("[1]", "JSON object, and this is `[1]`"),
            (r#"{"value":"v"}"#, "unknown field `value`; known are topic, "),
            (r#"{"value":"v"}"#, ", broker, "),
            (r#"{"payload":1}"#, r#"`payload` cannot be `1`: it is a text, {"base64":".."}"#),
            (r#"{"ts":"now"}"#, r#"`ts` cannot be `"now"`: it is a number of milliseconds"#),
            (r#"{"ts":-2}"#, "`ts` cannot be -2: it is milliseconds since 1970, from 0 to 9223"),
            (r#"{"headers":["a"]}"#, "`headers`"),
            (r#"{"key":{"base64":"?"}}"#, "`key`"),
        ];
        for (line, part) in rows {
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
