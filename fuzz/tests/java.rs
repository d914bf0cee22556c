//! Thousands of messages of every API in every version, read and written by Apache Kafka's own
//! classes too; and record batches that these classes write.
//!
//! `KURIER_KAFKA_CLASSES` names the releases whose classes are asked, newest first; a message goes
//! to the first that knows its version, since releases rename fields. 4.4.0 and 3.9.2 know all.
//! Without it nothing is compared. `KURIER_KAFKA_ROUNDS` says
//! how many messages there are of each kind in each version.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use arbitrary::Unstructured;
use bytes::Bytes;
use kurier_fuzz::frame::{Frame, arbitrary, arbitrary_response};
use kurier_fuzz::message::message;
use kurier_fuzz::mutate::{Mutation, mutate};
use kurier_fuzz::random::Random;
use kurier_protocol::api::{self, MessageInfo};
use kurier_protocol::json::{self, Json};
use kurier_protocol::rows;
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::{self, Value};

const ROUNDS_DEFAULT: usize = 100;

/// A message for Kafka's classes.
struct Row {
    info: &'static MessageInfo,
    version: i16,
    mutation: Option<Mutation>,
    body: Bytes,
    /// What it is for us, if it is anything.
    value: Option<Value>,
}

// Case WIRE-05.
#[test]
fn kafkas_classes_read_what_we_read_and_write_what_we_write() {
    let Ok(releases) = std::env::var("KURIER_KAFKA_CLASSES") else {
        println!("SKIPPED: KURIER_KAFKA_CLASSES names no release");
        return;
    };
    let rounds = rounds();
    let mut kinds: BTreeSet<_> = api::messages()
        .flat_map(|info| info.versions.clone().map(move |version| (info.name, version)))
        .collect();
    let mut findings = Findings::default();
    for release in releases.split_whitespace() {
        let known = known(release, &kinds);
        ask(release, rows(known.iter().copied().collect(), rounds), &mut findings);
        println!("Kafka {release}: {} messages and versions", known.len());
        kinds.retain(|kind| !known.contains(kind));
    }
    println!("{} messages, of which {} broken", findings.count, findings.broken);
    for (what, (count, example)) in &findings.other {
        let is_expected = is_expected(what);
        println!("{count} times: {what}{}", if is_expected { "" } else { example });
    }
    let unexpected: Vec<_> = findings.other.keys().filter(|what| !is_expected(what)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert_eq!(kinds, WITHOUT_CLASSES.into(), "messages that no release knows");
}

// Case WIRE-02, for batches of every format and codec.
#[test]
fn batches_that_kafkas_classes_write_are_read_as_these_read_them() {
    let releases = std::env::var("KURIER_KAFKA_CLASSES").unwrap_or_default();
    if !releases.contains(WRITER_OF_OLD_BATCHES) {
        println!("SKIPPED: KURIER_KAFKA_CLASSES does not name {WRITER_OF_OLD_BATCHES}");
        return;
    }
    let count = 10 * rounds();
    let mut read = 0;
    let args = [count.to_string(), "1".to_owned()];
    java(WRITER_OF_OLD_BATCHES, "Batches.java", &args, std::iter::empty(), |line| {
        let kafkas: Json = serde_json::from_str(line).unwrap();
        let ours = rows::decode_records(line).unwrap_or_else(|failed| panic!("{failed}: {line}"));
        let ours: Json = serde_json::from_str(&ours).unwrap();
        assert_eq!(ours["batches"], kafkas["batches"], "{}", kafkas["hex"]);
        assert_eq!(ours.get("partialBytes"), None);
        read += 1;
    });
    assert_eq!(read, count);
    println!("{read} times one to three batches of Kafka's");
}

/// The last release that writes every format, and in whose classes `Batches.java` finds its own.
const WRITER_OF_OLD_BATCHES: &str = "3.9.2";

fn rounds() -> usize {
    let rounds = std::env::var("KURIER_KAFKA_ROUNDS");
    rounds.map_or(ROUNDS_DEFAULT, |text| text.parse().expect("a number"))
}

fn is_expected(what: &str) -> bool {
    what.contains("only") && EXPECTED.iter().any(|why| what.contains(why))
}

/// What only one reads, by what the other says against it; each with its reason.
const EXPECTED: [&str; 5] = [
    // Kafka takes any negative length for null; the protocol says that null is -1.
    "the length - is not possible",
    // Java puts U+FFFD in the place of what is no text, and so changes names silently.
    "the string is not UTF-",
    // Kafka passes over the size of a tagged field that it knows; here it must be right. (What is
    // left over at the end of a message Kafka notices too.)
    " bytes are left over",
    " more bytes are needed",
    // Kafka refuses a tag of a later version, where KIP-482 says to pass over it.
    "only we read it: Tag  is not valid for version",
];

/// What Kafka has no generated classes for: its assignors write these with a schema of their own.
const WITHOUT_CLASSES: [(&str, i16); 3] = [
    ("CooperativeStickyAssignorUserData", 0),
    ("StickyAssignorUserData", 0),
    ("StickyAssignorUserData", 1),
];

type Kinds = BTreeSet<(&'static str, i16)>;

#[derive(Default)]
struct Findings {
    count: u64,
    broken: u64,
    /// What differs, how often, and an example.
    other: BTreeMap<String, (u64, String)>,
}

impl Findings {
    fn note(&mut self, row: &Row, what: &str, answer: &str) {
        let kind = row.mutation.map_or_else(|| "whole".to_owned(), |kind| format!("{kind:?}"));
        // One that is whole, or ought to be read, is told apart by its message.
        let name = match row.mutation {
            Some(mutation) if !mutation.keeps_framing() => kind,
            _ => format!("{} v{}, {kind}", row.info.name, row.version),
        };
        let example = || {
            let answer: String = answer.chars().take(3000).collect();
            let ours = row.value.as_ref().map(|value| json::print(row.info, value, row.version));
            let ours = ours.map_or_else(|| "refused".to_owned(), |json| json.to_string());
            let (name, version) = (row.info.name, row.version);
            format!("\n    {name} v{version} {:x}\n    Kafka: {answer}\n    ours: {ours}", row.body)
        };
        let entry = self.other.entry(format!("{name}: {what}"));
        entry.or_insert_with(|| (0, example())).0 += 1;
    }
}

/// The kinds of message that a release knows.
fn known(release: &str, kinds: &Kinds) -> Kinds {
    let lines: Vec<_> = kinds.iter().map(|(name, v)| format!("{name}\t{v}\t\t-\n")).collect();
    let mut known = Kinds::new();
    let mut kinds = kinds.iter();
    java(release, "Golden.java", &[], lines.into_iter(), |answer| {
        let kind = kinds.next().unwrap();
        if answer != "unknown" {
            known.insert(*kind);
        }
    });
    known
}

/// Messages of each kind: half of them whole, the others changed.
fn rows(kinds: Vec<(&'static str, i16)>, rounds: usize) -> impl Iterator<Item = Row> {
    (0..rounds).flat_map(move |round| {
        kinds.clone().into_iter().filter_map(move |(name, version)| row(name, version, round))
    })
}

fn row(name: &str, version: i16, round: usize) -> Option<Row> {
    let info = api::message(name)?;
    let mut random = Random::from_bytes(format!("{name} {version} {round}").as_bytes());
    // The first of each kind is as empty as can be.
    let data = if round == 0 { Vec::new() } else { random.bytes(3000) };
    let mut u = Unstructured::new(&data);
    let Some(frame) = frame(info, version, &mut u) else {
        let value = message(info, version, &mut u).ok()?;
        let body = value::encode(info, &value, version).ok()?;
        return Some(Row { info, version, mutation: None, body, value: Some(value) });
    };
    let whole = |frame: Frame| {
        let body = frame.body().into();
        Row { info, version, mutation: None, body, value: Some(frame.value) }
    };
    if round.is_multiple_of(2) {
        return Some(whole(frame));
    }
    let mutation = Mutation::ALL[random.below(Mutation::ALL.len())];
    let bytes = mutate(&frame, mutation, &mut u).ok()?;
    let Some(bytes) = bytes.filter(|_| is_of_body(mutation)) else { return Some(whole(frame)) };
    let body = Bytes::from(bytes).slice(4 + frame.header_bytes().len()..);
    let value = value::decode(info, &body, version).ok();
    Some(Row { info, version, mutation: Some(mutation), body, value })
}

/// A frame around such a message, if it is one of an API.
fn frame(info: &MessageInfo, version: i16, u: &mut Unstructured<'_>) -> Option<Frame> {
    let api = api::apis().iter().find(|api| {
        [&api.request, &api.response].iter().any(|message| message.name == info.name)
    })?;
    if info.name.ends_with("Request") {
        arbitrary(api.key, version, u).ok()
    } else {
        arbitrary_response(api.key, version, u).ok()
    }
}

/// Whether what is changed is the message, and not what stands before it.
fn is_of_body(mutation: Mutation) -> bool {
    mutation.keeps_framing() || mutation >= Mutation::Truncated
}

fn ask(release: &str, rows: impl Iterator<Item = Row> + Send + 'static, f: &mut Findings) {
    let (sent, asked) = mpsc::channel();
    let lines = rows.map(move |row| {
        let line = line(&row);
        sent.send(row).unwrap();
        line
    });
    java(release, "Golden.java", &[], lines, |answer| {
        let row: Row = asked.recv().unwrap();
        f.count += 1;
        f.broken += u64::from(row.mutation.is_some_and(|mutation| !mutation.keeps_framing()));
        compare(&row, answer, f);
    });
}

/// What Kafka's classes are told.
fn line(row: &Row) -> String {
    let json = match (&row.value, row.mutation) {
        // Kafka prints numbers without an end as text, and does not read that.
        (Some(value), None) if !is_endless(value) => {
            json::print(row.info, value, row.version).to_string()
        }
        // Written again, what is changed need not be what it was: unknown tags, long varints.
        _ => "-".to_owned(),
    };
    format!("{}\t{}\t{:x}\t{json}\n", row.info.name, row.version, row.body)
}

fn is_endless(value: &Value) -> bool {
    match value {
        Value::Float(number) => !number.is_finite(),
        Value::Array(values) | Value::Struct(values) => values.iter().any(is_endless),
        _ => false,
    }
}

fn compare(row: &Row, answer: &str, findings: &mut Findings) {
    let (word, rest) = answer.split_once('\t').unwrap_or((answer, ""));
    match (word, &row.value) {
        ("ok", Some(value)) => {
            let kafkas: Json = serde_json::from_str(rest).unwrap();
            let mut ours = json::print(row.info, value, row.version);
            without_records(row.info.fields, &mut ours);
            if kafkas != ours {
                findings.note(row, "other JSON", rest);
            }
        }
        ("ok", None) => {
            let why = value::decode(row.info, &row.body, row.version).unwrap_err();
            let why = why.cause().to_string();
            findings.note(row, &format!("only Kafka reads it: {}", without_digits(&why)), rest);
        }
        ("left", None) | ("refused", None) => {}
        ("left" | "refused", Some(_)) => {
            let why = rest.split_once("Exception: ").map_or(rest, |(_, why)| why);
            findings.note(row, &format!("only we read it: {}", without_digits(why)), answer);
        }
        _ => findings.note(row, word, answer),
    }
}

fn without_digits(text: &str) -> String {
    text.chars().filter(|char| !char.is_ascii_digit()).collect()
}

/// Kafka prints no record, only that there may be some.
fn without_records(fields: &[Field], json: &mut Json) {
    for field in fields {
        let name = field.name.split('_').enumerate().map(|(at, word)| match at {
            0 => word.to_owned(),
            _ => word[..1].to_uppercase() + &word[1..],
        });
        let Some(json) = json.get_mut(name.collect::<String>()) else { continue };
        match field.kind {
            Kind::Records if json.is_string() => *json = Json::String(String::new()),
            Kind::Struct(fields) => without_records(fields, json),
            Kind::Array(Kind::Struct(fields)) => {
                let elements = json.as_array_mut().into_iter().flatten();
                elements.for_each(|element| without_records(fields, element));
            }
            _ => {}
        }
    }
}

/// Runs a source file on Kafka's classes, with lines on its stdin, and hands each answer on.
fn java(
    release: &str,
    source: &str,
    args: &[String],
    lines: impl Iterator<Item = String> + Send + 'static,
    mut work: impl FnMut(&str),
) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(root.join("ci/kafka-broker"));
    command.args(["tool", release]).arg(root.join("ci/java").join(source)).args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = BufWriter::new(child.stdin.take().unwrap());
    let writer = thread::spawn(move || {
        for line in lines {
            stdin.write_all(line.as_bytes()).unwrap();
        }
        stdin.flush().unwrap();
    });
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        work(&line.unwrap());
    }
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
}
