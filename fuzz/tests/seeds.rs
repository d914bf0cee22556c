//! A seed for each half of each API in each version: bytes that Apache Kafka's classes wrote, or,
//! for the few that have no row of theirs, what the tables say. Each is decoded without an error,
//! and is what its JSON says.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may panic")]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Read;

use arbitrary::Unstructured;
use bytes::Bytes;
use kurier_fuzz::frame::of_half;
use kurier_fuzz::half::{Direction, Half};
use kurier_fuzz::random::Random;
use kurier_fuzz::reached::Reached;
use kurier_fuzz::targets;
use kurier_protocol::json::{self, Json};

const MESSAGES: &[u8] = include_bytes!("../../protocol/tests/golden/messages.jsonl.gz");

// Case PURE-07: fuzzing starts from every API in every version.
#[test]
fn every_half_of_every_api_is_reached_in_every_version() {
    let kafkas = kafkas();
    let mut reached = Reached::default();
    let mut made = Vec::new();
    for half in Half::all() {
        let (info, version) = (half.info(), half.version());
        let row = kafkas.get(&(info.name.to_owned(), version));
        let (bytes, json) = row.map_or_else(
            || {
                made.push(half.to_string());
                self::made(half)
            },
            |row| (unhex(row), row["j"].clone()),
        );
        let Some(value) = targets::decoded(info, version, &bytes) else {
            panic!("{half} was not decoded: {bytes:x}");
        };
        // A row may name a tagged field that holds its default; its bytes do not.
        assert_eq!(value, json::parse(info, &json, version).unwrap(), "{half}");
        run(half, &bytes);
        reached.note(half);
    }
    let missing: Vec<_> = reached.missing().map(|half| half.to_string()).collect();
    assert!(missing.is_empty(), "not reached: {missing:?}");
    println!("{} halves were reached; not by bytes of Kafka's: {made:?}", reached.count());
    assert_eq!((reached.count(), made.len()), (728, 10));
}

/// A seed of our own, and its JSON: written apart from the encoder.
fn made(half: Half) -> (Bytes, Json) {
    let data = Random::new(7).some(3000);
    let frame = of_half(half, &mut Unstructured::new(&data)).unwrap();
    (frame.body().into(), json::print(half.info(), &frame.value, half.version()))
}

/// The targets that libFuzzer starts from this seed.
fn run(half: Half, body: &[u8]) {
    let head = [half.key().0, half.version()].map(|number| u8::try_from(number).unwrap());
    let data = [&head[..], body].concat();
    match half.direction() {
        Direction::Request => targets::decode_request(&data),
        Direction::Response => targets::decode_response(&data),
    }
}

/// The longest of Kafka's rows of each message in each version.
fn kafkas() -> BTreeMap<(String, i16), Json> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(MESSAGES).read_to_string(&mut text).unwrap();
    let mut seeds: BTreeMap<_, Json> = BTreeMap::new();
    for line in text.lines() {
        let row: Json = serde_json::from_str(line).unwrap();
        let version = row["v"].as_i64().unwrap().try_into().unwrap();
        let length = |row: &Json| row["hex"].as_str().unwrap().len();
        match seeds.entry((row["n"].as_str().unwrap().to_owned(), version)) {
            Entry::Occupied(known) if length(known.get()) >= length(&row) => {}
            Entry::Occupied(mut known) => drop(known.insert(row)),
            Entry::Vacant(free) => drop(free.insert(row)),
        }
    }
    seeds
}

fn unhex(row: &Json) -> Bytes {
    let hex = row["hex"].as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
