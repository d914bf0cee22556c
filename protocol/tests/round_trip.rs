//! Any message, in any version, survives being encoded and decoded; and bytes that are no message
//! are refused without a panic.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use bytes::Bytes;
use kurier_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic};
use kurier_protocol::api::{self, MessageInfo};
use kurier_protocol::limits::STRING_BYTES_MAX;
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::{self, Value};
use kurier_protocol::{EncodeError, Uuid, encode, json};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

#[test]
fn any_value_survives_in_every_version() {
    each_version(|info, version| {
        check(message(info, version), 48, |value| {
            let bytes = value::encode(info, &value, version).unwrap();
            assert_eq!(value::decode(info, &bytes, version).unwrap(), value);
        });
    });
}

#[test]
fn a_tag_that_comes_twice_is_refused_by_name() {
    // The id, the epoch, the offset, two flags; two tags, both of them 0: one directory, then none.
    let head = [&[0; 4 + 8 + 8][..], &[0, 0, 2], &[0, 17, 2], &[7; 16], &[0, 1, 1]].concat();
    let info = api::message("BrokerHeartbeatRequest").unwrap();
    let error = value::decode(info, &Bytes::from(head), 2).unwrap_err();
    assert!(error.to_string().contains("tag 0 comes twice"), "{error}");
}

#[test]
fn any_value_has_the_same_bytes_when_it_is_typed() {
    each_version(|info, version| {
        check(message(info, version), 48, |value| {
            let bytes = value::encode(info, &value, version).unwrap();
            assert_eq!((info.reencode)(&bytes, version).unwrap(), bytes);
        });
    });
}

#[test]
fn any_value_survives_in_json() {
    each_version(|info, version| {
        check(message(info, version), 16, |value| {
            let text = json::print(info, &value, version).to_string();
            let json = serde_json::from_str(&text).unwrap();
            assert_eq!(json::parse(info, &json, version).unwrap(), value);
        });
    });
}

// Case WIRE-06.
#[test]
fn any_value_that_a_version_cannot_hold_is_refused_by_name() {
    let (mut refused, mut dropped) = (0, 0);
    each_version(|info, version| {
        for place in places(info.fields, version) {
            if place.field.is_in(version) {
                continue;
            }
            let result =
                value::encode(info, &(place.with)(other_than_default(place.field)), version);
            if place.field.ignorable {
                let without = (place.with)(Value::default_of(place.field));
                assert_eq!(result, value::encode(info, &without, version));
                dropped += 1;
            } else {
                let (message, field) = (info.name, place.field.name);
                let error = EncodeError::UnsupportedField { message, version, field };
                assert_eq!(result, Err(error));
                refused += 1;
            }
        }
    });
    assert_eq!((refused, dropped), (552, 682));
}

#[test]
fn any_null_that_a_version_forbids_is_refused_by_name() {
    let mut refused = 0;
    each_version(|info, version| {
        for place in places(info.fields, version) {
            if !place.field.is_in(version) || place.field.is_nullable(version) {
                continue;
            }
            let (message, field) = (info.name, place.field.name);
            let error = EncodeError::Null { message, version, field };
            let result = value::encode(info, &(place.with)(Value::Null), version);
            assert_eq!(result, Err(error));
            refused += 1;
        }
    });
    assert_eq!(refused, 5739);
}

// Case WIRE-06.
#[test]
fn any_string_that_is_too_long_is_refused_by_name() {
    let (length, max) = (0x8000, STRING_BYTES_MAX);
    let mut refused = 0;
    each_version(|info, version| {
        for place in places(info.fields, version) {
            let text = Value::String("x".repeat(length).into());
            let value = match place.field.kind {
                Kind::String => text,
                Kind::Array(Kind::String) => Value::Array(vec![text]),
                _ => continue,
            };
            if !place.field.is_in(version) {
                continue;
            }
            let (message, field) = (info.name, place.field.name);
            let what = "string";
            let error = EncodeError::TooLong { message, version, field, what, length, max };
            assert_eq!(value::encode(info, &(place.with)(value), version), Err(error));
            refused += 1;
        }
    });
    assert_eq!(refused, 1603);
}

// Case WIRE-06.
#[test]
fn any_value_of_another_shape_is_refused_by_name() {
    let mut refused = 0;
    each_version(|info, version| {
        for place in places(info.fields, version) {
            if !place.field.is_in(version) {
                continue;
            }
            let other = match place.field.kind {
                Kind::Bool => Value::Int(1),
                _ => Value::Bool(true),
            };
            let (name, named) = (info.name, place.field.name);
            match value::encode(info, &(place.with)(other), version) {
                Err(EncodeError::Shape { message, version: said, field, .. }) => {
                    assert_eq!((message, said, field), (name, version, named));
                }
                other => panic!("{name} v{version} {named}: {other:?}"),
            }
            refused += 1;
        }
    });
    assert_eq!(refused, 6325);
}

// Case WIRE-06.
#[test]
fn a_typed_string_that_is_too_long_is_refused_by_name() {
    let topic =
        MetadataRequestTopic { name: Some("x".repeat(40_000).into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    assert_eq!(
        encode(&request, 12).unwrap_err().to_string(),
        "MetadataRequest v12, field name: a string of 40000 is longer than allowed (32767)",
    );
}

#[test]
fn random_bytes_are_refused_or_read_but_never_a_panic() {
    each_version(|info, version| {
        check(vec(any::<u8>(), 0..200), 64, |bytes| hostile(info, version, bytes.into()));
    });
}

#[test]
fn damaged_messages_are_refused_or_read_but_never_a_panic() {
    each_version(|info, version| {
        let damage = vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
        let cut = any::<prop::sample::Index>();
        check((message(info, version), damage, cut), 48, |(value, damage, cut)| {
            let mut bytes = value::encode(info, &value, version).unwrap().to_vec();
            for (place, byte) in damage {
                if let Some(slot) = bytes.len().checked_sub(1).map(|last| place.index(last + 1)) {
                    *bytes.get_mut(slot).unwrap() = byte;
                }
            }
            hostile(info, version, bytes.clone().into());
            bytes.truncate(cut.index(bytes.len() + 1));
            hostile(info, version, bytes.into());
        });
    });
}

/// A field somewhere in a message, and the message of defaults with a value there.
struct Place {
    field: &'static Field,
    with: Box<dyn Fn(Value) -> Value>,
}

/// Every field of a struct, at any depth that the version has.
fn places(fields: &'static [Field], version: i16) -> Vec<Place> {
    let mut places = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let with = move |value| {
            let mut values: Vec<_> = fields.iter().map(|field| modest(field, version)).collect();
            *values.get_mut(index).unwrap() = value;
            Value::Struct(values)
        };
        if field.is_in(version) {
            places.extend(places_within(field.kind, version, with));
        }
        places.push(Place { field, with: Box::new(with) });
    }
    places
}

/// Every field of a struct that a field holds, or holds an array of.
fn places_within(
    kind: Kind,
    version: i16,
    with: impl Fn(Value) -> Value + Copy + 'static,
) -> Vec<Place> {
    let (inner, wrap): (_, fn(Value) -> Value) = match kind {
        Kind::Struct(inner) => (inner, |value| value),
        Kind::Array(Kind::Struct(inner)) => (*inner, |value| Value::Array(vec![value])),
        _ => return Vec::new(),
    };
    let places = places(inner, version).into_iter().map(move |place| Place {
        field: place.field,
        with: Box::new(move |value| with(wrap((place.with)(value)))),
    });
    places.collect()
}

/// Both ways to decode agree on whether bytes are a message; what is one can be written again.
fn hostile(info: &MessageInfo, version: i16, bytes: Bytes) {
    let dynamic = value::decode(info, &bytes, version);
    let typed = (info.reencode)(&bytes, version);
    match (dynamic, typed) {
        (Ok(value), Ok(again)) => {
            assert_eq!(value::encode(info, &value, version).unwrap(), again);
            assert_eq!(value::decode(info, &again, version).unwrap(), value);
        }
        (Err(dynamic), Err(typed)) => {
            assert_eq!(dynamic.to_string(), typed.to_string());
            assert!(dynamic.offset() <= bytes.len());
        }
        (dynamic, typed) => panic!("{} v{version}: {dynamic:?}, {typed:?}", info.name),
    }
}

fn each_version(mut work: impl FnMut(&'static MessageInfo, i16)) {
    let mut count = 0;
    for info in api::messages() {
        for version in info.versions.clone() {
            work(info, version);
            count += 1;
        }
    }
    assert_eq!(count, 770);
}

/// Does something with so many values; the same ones on every run.
fn check<S: Strategy>(strategy: S, cases: u32, work: impl Fn(S::Value)) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(482),
        ..ProptestConfig::default()
    };
    let outcome = TestRunner::new(config).run(&strategy, |value| {
        work(value);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

fn message(info: &MessageInfo, version: i16) -> BoxedStrategy<Value> {
    value(Kind::Struct(info.fields), version)
}

fn field(field: &'static Field, version: i16) -> BoxedStrategy<Value> {
    if !field.is_in(version) {
        return Just(Value::default_of(field)).boxed();
    }
    let rare = prop_oneof![1 => Just(Value::default_of(field)), 6 => value(field.kind, version)];
    if field.is_nullable(version) {
        return prop_oneof![1 => Just(Value::Null), 4 => rare].boxed();
    }
    match Value::default_of(field) {
        Value::Null => value(field.kind, version),
        _ => rare.boxed(),
    }
}

fn value(kind: Kind, version: i16) -> BoxedStrategy<Value> {
    let int = |first: i64, last: i64| {
        prop_oneof![Just(first), Just(last), Just(0), first..=last].prop_map(Value::Int).boxed()
    };
    let bytes = || vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Bytes(bytes.into())).boxed();
    match kind {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Int8 => int(i8::MIN.into(), i8::MAX.into()),
        Kind::Int16 => int(i16::MIN.into(), i16::MAX.into()),
        Kind::Uint16 => int(0, u16::MAX.into()),
        Kind::Int32 => int(i32::MIN.into(), i32::MAX.into()),
        Kind::Uint32 => int(0, u32::MAX.into()),
        Kind::Int64 => int(i64::MIN, i64::MAX),
        Kind::Float64 => any::<f64>().prop_map(Value::Float).boxed(),
        Kind::Uuid => any::<[u8; 16]>().prop_map(|id| Value::Uuid(Uuid(id))).boxed(),
        Kind::String => vec(any::<char>(), 0..30)
            .prop_map(|text| Value::String(String::from_iter(text).into()))
            .boxed(),
        Kind::Bytes => bytes(),
        Kind::Records => prop_oneof![
            4 => bytes(),
            1 => (4000..5000usize).prop_map(|length| Value::Bytes(vec![7; length].into())),
        ]
        .boxed(),
        Kind::Array(element) => vec(value(*element, version), 0..4).prop_map(Value::Array).boxed(),
        Kind::Struct(fields) => {
            let fields: Vec<_> = fields.iter().map(|row| field(row, version)).collect();
            fields.prop_map(Value::Struct).boxed()
        }
    }
}

/// The default, or where the version does not allow that, which is null records, empty ones.
fn modest(field: &Field, version: i16) -> Value {
    match Value::default_of(field) {
        Value::Null if field.is_in(version) && !field.is_nullable(version) => {
            Value::Bytes(Bytes::new())
        }
        default => default,
    }
}

fn other_than_default(field: &Field) -> Value {
    match field.kind {
        Kind::Bool => Value::Bool(Value::default_of(field) == Value::Bool(false)),
        Kind::Float64 => Value::Float(0.5),
        Kind::Uuid => Value::Uuid(Uuid([1; 16])),
        Kind::String => Value::String("x".into()),
        Kind::Bytes | Kind::Records => Value::Bytes(Bytes::from_static(b"x")),
        Kind::Array(Kind::Struct(fields)) => {
            Value::Array(vec![Value::Struct(fields.iter().map(Value::default_of).collect())])
        }
        Kind::Array(Kind::String) => Value::Array(vec![Value::String("x".into())]),
        Kind::Array(_) => Value::Array(vec![Value::Int(1)]),
        Kind::Struct(fields) => Value::Struct(fields.iter().map(other_than_default).collect()),
        _ => Value::Int(77),
    }
}
