//! Which release of Kafka has what a broker lacks, and what to do without.

use kurier_protocol::release::{Release, advertised};
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::{ApiKey, EncodeError};

/// The first release whose brokers answer an API from this version on, unless every broker that is
/// spoken to does.
pub(super) fn first_with(api: ApiKey, version: i16) -> Option<Release> {
    let has_it = |release: &&Release| {
        advertised(**release, api).is_some_and(|range| version <= *range.end())
    };
    Release::ALL.iter().find(has_it).copied().filter(|release| *release > Release::OLDEST)
}

/// The first version of a message that can hold what a request holds and a version could not.
pub(super) fn first_version(fields: &[Field], error: &EncodeError) -> Option<i16> {
    match error {
        EncodeError::UnsupportedField { field, version, .. } => {
            find(fields, field).map(|field| field.since).filter(|since| version < since)
        }
        EncodeError::Null { field, version, .. } => {
            find(fields, field).map(|field| field.null.0).filter(|since| version < since)
        }
        _ => None,
    }
}

fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| field.name == name).or_else(|| {
        fields.iter().find_map(|field| match inner(&field.kind) {
            Kind::Struct(fields) => find(fields, name),
            _ => None,
        })
    })
}

fn inner(kind: &Kind) -> &Kind {
    match kind {
        Kind::Array(kind) => inner(kind),
        kind => kind,
    }
}

/// What to do where a broker does not have an API, or not the version.
pub(super) fn instead_of(api: ApiKey) -> &'static str {
    match api {
        ApiKey::CREATE_TOPICS => {
            "let the broker create the topic at its first use (auto.create.topics.enable), \
             or use kafka-topics.sh of its release"
        }
        ApiKey::DELETE_TOPICS | ApiKey::CREATE_PARTITIONS => {
            "use kafka-topics.sh of the broker's release"
        }
        ApiKey::LIST_OFFSETS => "start at the earliest or latest offset, or at one by number",
        _ => "use a newer broker",
    }
}
