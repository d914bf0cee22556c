//! The register, and what holds for the types in it and not only for their fields.

use super::*;
use crate::message::{Request, decode, encode};
use crate::schema::{Field, Kind};
use crate::value::{self, Value};

#[test]
fn every_api_stands_at_its_key() {
    for (index, api) in (0..).zip(apis()) {
        assert_eq!(api.key.0, index);
        assert_eq!(info(api.key).unwrap().request.name, api.request.name);
        assert_eq!(api.request.versions, api.response.versions, "{}", api.key);
        assert_eq!(api.request.flexible, api.response.flexible, "{}", api.key);
        assert!(api.request.versions.contains(&api.version_stable_max));
        assert_eq!(version(api.key, 3), Some(api.request.version(3)));
    }
    for key in [-1, 95, i16::MIN, i16::MAX] {
        assert!(info(ApiKey(key)).is_none() && version(ApiKey(key), 0).is_none());
    }
}

/// What a version lacks is the default in the typed message as in the dynamic one: a message that
/// is read in one version and written in another has the same bytes, or is refused, either way.
#[test]
fn a_message_that_changes_its_version_is_the_same_typed_and_dynamic() {
    let mut work = Work::default();
    each_api(&mut work);
    work.message::<RequestHeader>();
    work.message::<ResponseHeader>();
    assert_eq!(work.messages, 2 * 95 + 2);
    assert_eq!((work.changes, work.refused), (4945, 457));
}

#[derive(Default)]
pub(super) struct Work {
    messages: usize,
    changes: usize,
    refused: usize,
}

impl Work {
    pub(super) fn api<R: Request>(&mut self) {
        self.message::<R>();
        self.message::<R::Response>();
    }

    fn message<M: Message>(&mut self) {
        self.messages += 1;
        let info = message(M::NAME).unwrap();
        for from in M::VERSIONS {
            let bytes = value::encode(info, &filled(M::FIELDS, from), from).unwrap();
            let typed: M = decode(&bytes, from).unwrap();
            let dynamic = value::decode(info, &bytes, from).unwrap();
            for to in M::VERSIONS {
                let outcome = encode(&typed, to);
                self.changes += 1;
                self.refused += usize::from(outcome.is_err());
                assert_eq!(outcome, value::encode(info, &dynamic, to), "{} v{from}", M::NAME);
            }
        }
    }
}

/// Defaults, with one element in each array so that its defaults are seen as well.
fn filled(fields: &'static [Field], version: i16) -> Value {
    Value::Struct(fields.iter().map(|field| filled_field(field, version)).collect())
}

fn filled_field(field: &Field, version: i16) -> Value {
    match field.kind {
        _ if !field.is_in(version) => Value::default_of(field),
        Kind::Array(Kind::Struct(inner)) => Value::Array(vec![filled(inner, version)]),
        Kind::Struct(inner) => filled(inner, version),
        Kind::Records => Value::Bytes(Default::default()),
        _ => Value::default_of(field),
    }
}
