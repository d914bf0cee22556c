//! Our tables against Kafka's own message definitions, layouts, error codes and version ranges.
//!
//! These are not part of the project. They are read from `shared/kafka` beside the project, or from
//! the folder that `KURIER_SHARED` names; where neither is, the tests say so and check nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kurier_protocol::api;
use kurier_protocol::release::{self, Release};
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::Value;
use kurier_protocol::{ApiKey, ErrorCode, Uuid};
use serde_json::Value as Json;

#[test]
fn every_field_is_what_kafka_says() {
    let Some(shared) = shared() else { return };
    let (mut names, mut count) = (BTreeSet::new(), 0);
    for info in api::messages().filter(|info| !IN_LOGS_ONLY.contains(&info.name)) {
        let kafka = message(&shared, info.name);
        assert_eq!(kafka["name"], info.name);
        names.insert(format!("{}.json", info.name));
        let versions = versions(&kafka["validVersions"]).unwrap();
        assert_eq!((*info.versions.start(), *info.versions.end()), versions, "{}", info.name);
        let flexible = self::versions(&kafka["flexibleVersions"]).map_or(i16::MAX, |v| v.0);
        assert_eq!(info.flexible, flexible, "{}", info.name);
        count += Comparison { kafka: &kafka, flexible }.fields(
            info.name,
            info.fields,
            kafka["fields"].as_array().unwrap(),
        );
    }
    let files = std::fs::read_dir(shared.join("messages")).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(names, files.collect(), "every message of Kafka is here");
    println!("{} messages with {count} fields are what Kafka says: all there are", names.len());
    assert_eq!((names.len(), count), (203, 1883));
}

#[test]
fn every_api_has_the_key_and_the_stable_version_of_kafka() {
    let Some(shared) = shared() else { return };
    for api in api::apis() {
        let kafka = message(&shared, api.request.name);
        assert_eq!(kafka["apiKey"], api.key.0);
        let is_unstable = kafka["latestVersionUnstable"] == true;
        let stable_max = *api.request.versions.end() - i16::from(is_unstable);
        assert_eq!(api.version_stable_max, stable_max, "{}", api.key);
        assert_eq!(api.key.name().map(|name| format!("{name}Request")).unwrap(), api.request.name);
        let newest = release::advertised(Release::NEWEST, api.key);
        assert!(newest.is_none_or(|newest| *newest.end() == stable_max), "{}", api.key);
    }
}

#[test]
fn every_version_has_the_headers_that_kafka_gives_it() {
    let Some(shared) = shared() else { return };
    let mut count = 0;
    for api in api::apis() {
        let flexible = |info: &api::MessageInfo| {
            versions(&message(&shared, info.name)["flexibleVersions"]).map_or(i16::MAX, |v| v.0)
        };
        let (request, response) = (flexible(&api.request), flexible(&api.response));
        for version in api.request.versions.clone() {
            let before_request = match api.key {
                ApiKey::CONTROLLED_SHUTDOWN if version == 0 => 0,
                _ => 1 + i16::from(version >= request),
            };
            let before_response = i16::from(api.key != ApiKey::API_VERSIONS && version >= response);
            assert_eq!(api.request_header_version(version), before_request, "{}", api.key);
            assert_eq!(api.response_header_version(version), before_response, "{}", api.key);
            count += 2;
        }
    }
    println!("{count} headers are those of Kafka");
    assert_eq!(count, 728);
}

#[test]
fn every_version_has_the_layout_of_kafka() {
    let Some(shared) = shared() else { return };
    let mut count = 0;
    for row in table(&shared, "wire-layouts.tsv") {
        let Some(info) = api::message(&row["name"]) else { continue };
        let version: i16 = row["version"].parse().unwrap();
        let is_flexible = info.version(version).is_flexible();
        assert_eq!(row["flexible"] == "1", is_flexible, "{} v{version}", info.name);
        let ours = Layout { version, is_flexible }.fields(info.fields);
        // A default that is the type's own is shown where Kafka's definition repeats it.
        let theirs = row["layout"].replace("bool=false", "bool=").replace("int8=0", "int8=");
        assert_eq!(ours, theirs, "{} v{version}", info.name);
        count += 1;
    }
    println!("{count} layouts are those of Kafka");
    assert_eq!(count, 751);
}

#[test]
fn every_error_code_is_that_of_kafka() {
    let Some(shared) = shared() else { return };
    let rows: Vec<_> = table(&shared, "errors.tsv").collect();
    assert_eq!(rows.len(), ErrorCode::ALL.len());
    for (row, code) in rows.iter().zip(ErrorCode::ALL) {
        assert_eq!(row["code"], code.0.to_string());
        assert_eq!(row["name"], code.name().unwrap());
        assert_eq!(row["retriable"] == "yes", code.is_retriable(), "{code}");
    }
}

#[test]
fn every_api_key_is_that_of_kafka() {
    let Some(shared) = shared() else { return };
    let mut count = 0;
    for row in table(&shared, "apis.tsv") {
        let key = ApiKey(row["api_key"].parse().unwrap());
        assert_eq!(key.name(), Some(row["name"].as_str()));
        count += 1;
    }
    assert_eq!(count, 95);
    assert_eq!(ApiKey(count).name(), None);
}

#[test]
fn every_release_has_the_versions_that_kafka_gave_it() {
    let Some(shared) = shared() else { return };
    let mut count = 0;
    for row in table(&shared, "apis.tsv") {
        let key = ApiKey(row["api_key"].parse().unwrap());
        if row["listeners"] == "controller" || matches!(key.0, 71 | 72) {
            assert_eq!(release::advertised(Release::NEWEST, key), None, "{key}");
            continue;
        }
        for &release in Release::ALL {
            let ours = release::advertised(release, key);
            assert_eq!(ours, advertised_by_kafka(&row, key, release), "{key} in {release}");
            count += 1;
        }
    }
    println!("{count} ranges are those of Kafka");
    assert_eq!(count, 81 * Release::ALL.len());
}

/// The range of an API in a release, from the columns of `apis.tsv`.
fn advertised_by_kafka(
    row: &BTreeMap<String, String>,
    key: ApiKey,
    release: Release,
) -> Option<std::ops::RangeInclusive<i16>> {
    let removed = row["removed_in_4.0_KIP-896"].as_str();
    if release >= Release::V4_0 && removed.starts_with("all") {
        return None;
    }
    let since = |name: &str| match name.trim_end_matches("-branch") {
        "0.8.2" | "0.9.0" => Release::OLDEST,
        name => name.parse().unwrap(),
    };
    let introduced = row["version_introduced_in"].split(' ').map(|entry| {
        let (version, name) = entry.split_once(':').unwrap();
        (version[1..].parse::<i16>().unwrap(), since(name))
    });
    let stable = introduced.filter(|&(version, since)| {
        since <= release && !is_unstable(key.name().unwrap(), version, release)
    });
    let highest = stable.map(|(version, _)| version).max()?;
    let share = ["ShareGroupHeartbeat", "ShareGroupDescribe", "ShareFetch", "ShareAcknowledge"];
    let lowest = match key.name().unwrap() {
        // They came back in 4.0.1 (KAFKA-19444), or are advertised all the same (KAFKA-18659).
        "JoinGroup" | "Produce" => 0,
        name if share.contains(&name) => 1,
        _ if release < Release::V4_0 || removed.is_empty() => 0,
        _ => removed.rsplit('-').next().unwrap().parse::<i16>().unwrap() + 1,
    };
    Some(lowest..=highest)
}

/// Whether a release has the version and calls it unstable (BEHAVIOUR.md, 1.2).
fn is_unstable(name: &str, version: i16, release: Release) -> bool {
    match (name, version) {
        ("InitProducerId", 6) => true,
        ("OffsetCommit", 9) | ("ConsumerGroupHeartbeat", 0) => release <= Release::V3_6,
        ("ConsumerGroupDescribe", 0) => release <= Release::V3_7,
        ("OffsetCommit" | "OffsetFetch", 10) => release <= Release::V4_1,
        (name, 0) if name.starts_with("Streams") => release <= Release::V4_1,
        (name, 0) if name.contains("Share") => release <= Release::V4_0,
        _ => false,
    }
}

/// Messages that Kafka's clients do not have: `golden.rs` compares them with bytes of its brokers.
const IN_LOGS_ONLY: [&str; 8] = [
    "StickyAssignorUserData",
    "CooperativeStickyAssignorUserData",
    "OffsetCommitKey",
    "OffsetCommitValue",
    "GroupMetadataKey",
    "GroupMetadataValue",
    "TransactionLogKey",
    "TransactionLogValue",
];

struct Comparison<'a> {
    kafka: &'a Json,
    flexible: i16,
}

impl Comparison<'_> {
    /// How many fields there are, those of structs included.
    fn fields(&self, place: &str, ours: &[Field], theirs: &[Json]) -> usize {
        let names: Vec<_> = ours.iter().map(|field| camel_case(field.name)).collect();
        let kafka: Vec<_> =
            theirs.iter().map(|f| uncapitalized(f["name"].as_str().unwrap())).collect();
        assert_eq!(names, kafka, "{place}");
        ours.iter().zip(theirs).map(|(ours, theirs)| self.field(place, ours, theirs)).sum()
    }

    fn field(&self, place: &str, ours: &Field, theirs: &Json) -> usize {
        let place = format!("{place}.{}", ours.name);
        let since = (ours.since, ours.until);
        assert_eq!(Some(since), versions(&theirs["versions"]), "versions of {place}");
        let null = Some(ours.null).filter(|(first, last)| first <= last);
        assert_eq!(null, versions(&theirs["nullableVersions"]), "null versions of {place}");
        let ignorable =
            matches!(&theirs["ignorable"], Json::Bool(true)) || theirs["ignorable"] == "true";
        assert_eq!(ours.ignorable, ignorable, "ignorable of {place}");
        assert_eq!(ours.plain, theirs["flexibleVersions"] == "none", "flexible of {place}");
        assert_eq!(ours.tag.map(Json::from).unwrap_or_default(), theirs["tag"], "tag of {place}");
        if ours.tag.is_some() {
            assert_eq!(theirs["versions"], theirs["taggedVersions"], "tagged versions of {place}");
            assert!(ours.since >= self.flexible, "{place} is tagged before tags are");
        }
        assert_eq!(Value::default_of(ours), self.default(theirs), "default of {place}");
        let (kind, name) = match (ours.kind, theirs["type"].as_str().unwrap()) {
            (Kind::Array(element), name) => (*element, name.strip_prefix("[]").unwrap()),
            (kind, name) => (kind, name),
        };
        let Kind::Struct(fields) = kind else {
            assert_eq!(primitive(kind), name, "type of {place}");
            return 1;
        };
        1 + self.fields(&place, fields, self.struct_fields(name, theirs))
    }

    fn struct_fields<'a>(&'a self, name: &str, field: &'a Json) -> &'a [Json] {
        let common = self.kafka["commonStructs"].as_array().into_iter().flatten();
        let named = common.filter(|common| common["name"] == name);
        let lists = std::iter::once(field).chain(named);
        lists.filter_map(|list| list["fields"].as_array()).next().unwrap()
    }

    /// The default as Kafka's compiler takes it: what is not said is zero, false, empty, or null
    /// for records.
    fn default(&self, field: &Json) -> Value {
        let said = match &field["default"] {
            Json::String(text) => text.clone(),
            Json::Null => String::new(),
            other => other.to_string(),
        };
        let kind = field["type"].as_str().unwrap();
        match (kind, said.as_str()) {
            (_, "null") | ("records", "") => Value::Null,
            ("bool", _) => Value::Bool(said == "true"),
            ("string", text) => Value::String(text.into()),
            ("bytes", "") => Value::Bytes(Default::default()),
            ("uuid", "") => Value::Uuid(Uuid::ZERO),
            ("float64", _) => Value::Float(said.parse().unwrap_or_default()),
            (array, "") if array.starts_with("[]") => Value::Array(Vec::new()),
            (kind, "") if kind.starts_with(|c: char| c.is_ascii_uppercase()) => {
                let fields = self.struct_fields(kind, field);
                Value::Struct(fields.iter().map(|field| self.default(field)).collect())
            }
            (_, "") => Value::Int(0),
            (_, number) => Value::Int(match number.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16).unwrap(),
                None => number.parse().unwrap(),
            }),
        }
    }
}

struct Layout {
    version: i16,
    is_flexible: bool,
}

impl Layout {
    fn fields(&self, fields: &[Field]) -> String {
        let here = || fields.iter().filter(|field| field.is_in(self.version));
        let plain = here().filter(|field| field.tag.is_none()).map(|field| self.field(field));
        let mut text = plain.collect::<Vec<_>>().join(",");
        if self.is_flexible {
            let mut tagged: Vec<_> = here().filter_map(|field| Some((field.tag?, field))).collect();
            tagged.sort_by_key(|(tag, _)| *tag);
            let tagged = tagged
                .iter()
                .map(|(tag, field)| format!("{tag}:{}={}", self.field(field), shown(field)));
            text += "|T";
            text += &tagged.collect::<Vec<_>>().join(";");
        }
        text
    }

    fn field(&self, field: &Field) -> String {
        let compact = if self.is_flexible && !field.plain { "~" } else { "" };
        let null = if field.is_nullable(self.version) { "?" } else { "" };
        match field.kind {
            Kind::Array(element) => format!("[{compact}]{null}{}", self.kind(*element, compact)),
            kind => format!("{null}{}", self.kind(kind, compact)),
        }
    }

    fn kind(&self, kind: Kind, compact: &str) -> String {
        match kind {
            Kind::Struct(fields) => format!("{{{}}}", self.fields(fields)),
            Kind::String | Kind::Bytes | Kind::Records => format!("{}{compact}", primitive(kind)),
            kind => primitive(kind).to_owned(),
        }
    }
}

/// A default as `wire-layouts.tsv` shows it: nothing if it is the type's own.
fn shown(field: &Field) -> String {
    match Value::default_of(field) {
        Value::Null => "null".to_owned(),
        Value::Int(number) if number != 0 => number.to_string(),
        _ => String::new(),
    }
}

fn primitive(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Uint16 => "uint16",
        Kind::Int32 => "int32",
        Kind::Uint32 => "uint32",
        Kind::Int64 => "int64",
        Kind::Float64 => "float64",
        Kind::Uuid => "uuid",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Records => "records",
        Kind::Array(_) | Kind::Struct(_) => unreachable!("not a primitive"),
    }
}

/// Kafka's definition of a message.
fn message(shared: &Path, name: &str) -> Json {
    let path = shared.join("messages").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// `3+`, `3-5` or `3`; `None` for `none` or nothing.
fn versions(json: &Json) -> Option<(i16, i16)> {
    let text = json.as_str().filter(|text| *text != "none")?;
    let number = |text: &str| text.parse::<i16>().unwrap();
    Some(match (text.strip_suffix('+'), text.split_once('-')) {
        (Some(first), _) => (number(first), i16::MAX),
        (_, Some((first, last))) => (number(first), number(last)),
        _ => (number(text), number(text)),
    })
}

fn uncapitalized(name: &str) -> String {
    name[..1].to_lowercase() + &name[1..]
}

/// The name that the JSON form gives a field, worked out once more.
fn camel_case(snake: &str) -> String {
    let mut words = snake.split('_');
    let first = words.next().unwrap().to_owned();
    first + &words.map(|word| word[..1].to_uppercase() + &word[1..]).collect::<String>()
}

/// The rows of a table, by the names of their columns.
fn table(shared: &Path, name: &str) -> impl Iterator<Item = BTreeMap<String, String>> {
    let text = std::fs::read_to_string(shared.join(name)).unwrap();
    let cells = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let mut lines = text.lines().map(cells).collect::<Vec<_>>().into_iter();
    let header = lines.next().unwrap();
    lines.map(move |row| header.iter().cloned().zip(row).collect())
}

/// Where Kafka's definitions are; `None`, and a word about it, if they are not here.
fn shared() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let named = std::env::var_os("KURIER_SHARED");
    let folder = named.clone().map_or_else(|| PathBuf::from(beside), PathBuf::from).join("kafka");
    if folder.join("messages").is_dir() {
        return Some(folder);
    }
    assert!(named.is_none(), "KURIER_SHARED has no kafka/messages");
    eprintln!("NOT CHECKED: Kafka's message definitions are not in {}", folder.display());
    None
}
