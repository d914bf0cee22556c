//! Requests in full: defaults where the short form says nothing, and bytes where it describes them.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut as _, BytesMut};
use kurier_protocol::api::MessageInfo;
use kurier_protocol::record::{BatchWriter, Compression, Magic, RecordParts, Seal};
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::Value;
use serde_json::{Map, Value as Json};

/// What earlier answers of a broker have said, by name.
pub(super) type Kept = HashMap<String, Json>;

/// A request in Kafka's JSON form, as this version has it.
pub(super) fn full(info: &MessageInfo, short: &Json, version: i16, kept: &Kept) -> Json {
    let short = filled(short, kept);
    whole(info.fields, short.as_object().unwrap(), version)
}

/// With what was kept in place of `"$name"`.
fn filled(json: &Json, kept: &Kept) -> Json {
    match json {
        Json::Object(object) => {
            object.iter().map(|(name, json)| (name.clone(), filled(json, kept))).collect()
        }
        Json::Array(elements) => elements.iter().map(|json| filled(json, kept)).collect(),
        Json::String(text) => text.strip_prefix('$').map_or_else(
            || json.clone(),
            |name| {
                let (name, more) = name.split_once('+').unwrap_or((name, "0"));
                let value = kept.get(name).unwrap_or_else(|| panic!("nothing is kept as {name}"));
                match more.parse() {
                    Ok(0_i64) => value.clone(),
                    more => (value.as_i64().unwrap() + more.unwrap()).into(),
                }
            },
        ),
        other => other.clone(),
    }
}

fn whole(fields: &[Field], short: &Map<String, Json>, version: i16) -> Json {
    let is_known = |name: &String| fields.iter().any(|field| camel_case(field.name) == **name);
    let unknown = short.keys().find(|name| !is_known(name));
    assert_eq!(unknown, None, "no such field");
    let there = fields.iter().filter(|field| field.is_in(version)).filter_map(|field| {
        let name = camel_case(field.name);
        let value = match short.get(&name) {
            Some(json) => value(field.kind, json, version),
            None if field.tag.is_some() => return None,
            None => default(field.kind, &Value::default_of(field), version),
        };
        Some((name, value))
    });
    Json::Object(there.collect())
}

fn value(kind: Kind, short: &Json, version: i16) -> Json {
    match (kind, short) {
        (Kind::Struct(fields), Json::Object(short)) => whole(fields, short, version),
        (Kind::Array(element), Json::Array(elements)) => {
            elements.iter().map(|short| value(*element, short, version)).collect()
        }
        (Kind::Bytes | Kind::Records, Json::Object(described)) => {
            STANDARD.encode(bytes(described)).into()
        }
        (_, other) => other.clone(),
    }
}

fn default(kind: Kind, of: &Value, version: i16) -> Json {
    match (kind, of) {
        (_, Value::Null) => Json::Null,
        (_, Value::Bool(value)) => (*value).into(),
        (_, Value::Int(value)) => (*value).into(),
        (_, Value::Float(value)) => (*value).into(),
        (_, Value::Uuid(value)) => value.to_string().into(),
        (_, Value::String(value)) => value.as_str().into(),
        (_, Value::Bytes(_)) => "".into(),
        (_, Value::Array(_)) => Json::Array(Vec::new()),
        (Kind::Struct(fields), Value::Struct(_)) => whole(fields, &Map::new(), version),
        (_, Value::Struct(_)) => panic!("a struct of no fields"),
    }
}

/// Bytes by what they are: `text`; `subscription`, the topics of a consumer of a classic group;
/// `batch` or `batches`, of records.
fn bytes(described: &Map<String, Json>) -> Vec<u8> {
    let (what, of) = described.iter().next().unwrap();
    match what.as_str() {
        "text" => of.as_str().unwrap().as_bytes().to_vec(),
        "subscription" => subscription(of.as_array().unwrap()),
        "batch" => batch(of),
        "batches" => of.as_array().unwrap().iter().flat_map(batch).collect(),
        _ => panic!("no bytes are known as {what:?}"),
    }
}

/// ConsumerProtocolSubscription version 0, behind its version.
fn subscription(topics: &[Json]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.put_i16(0);
    bytes.put_u32(u32::try_from(topics.len()).unwrap());
    for topic in topics {
        let topic = topic.as_str().unwrap();
        bytes.put_u16(u16::try_from(topic.len()).unwrap());
        bytes.put_slice(topic.as_bytes());
    }
    bytes.put_i32(-1); // No user data.
    bytes
}

/// A batch of `values`, each with the same `key` and at the same `time`.
fn batch(described: &Json) -> Vec<u8> {
    let int = |name: &str, default| described[name].as_i64().unwrap_or(default);
    let is = |name: &str| described[name].as_bool().unwrap_or_default();
    let magic = Magic::from_number(int("magic", 2).try_into().unwrap()).unwrap();
    let compression = described["compression"].as_str().unwrap_or("none");
    let seal = Seal {
        compression: Compression::ALL.into_iter().find(|c| c.name() == compression).unwrap(),
        producer_id: int("producerId", -1),
        producer_epoch: int("producerEpoch", -1).try_into().unwrap(),
        base_sequence: int("baseSequence", -1).try_into().unwrap(),
        is_transactional: is("transactional"),
        is_control: is("control"),
        ..Seal::default()
    };
    let time = int("time", -1);
    let mut writer = BatchWriter::new(BytesMut::new(), magic, time);
    let key = described["key"].as_str().map(str::as_bytes);
    for value in described["values"].as_array().unwrap() {
        let value = value.as_str().map(str::as_bytes);
        writer.append(&RecordParts { timestamp: time, key, value, headers: &[] }).unwrap();
    }
    let mut bytes = writer.seal(&seal).unwrap().to_vec();
    if is("broken") {
        *bytes.last_mut().unwrap() ^= 1;
    }
    bytes
}

/// A name as Kafka's JSON writes it.
fn camel_case(snake: &str) -> String {
    let mut words = snake.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |camel, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        camel + &head.to_ascii_uppercase() + tail
    })
}
