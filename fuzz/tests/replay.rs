//! Each target on its corpus, and on inputs from a fixed seed.
//!
//! `KURIER_FUZZ_ITERATIONS` says how many; more than the default is for a long run.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::path::Path;

use allocation_counter::measure;
use kurier_fuzz::random::Random;
use kurier_fuzz::replay::replay;
use kurier_fuzz::targets::{self, ALL, Target};
#[cfg(feature = "testkit")]
use kurier_protocol::ApiKey;

const ITERATIONS_DEFAULT: usize = 1500;
/// Bytes that a target may have in use at any time: codec tables, an unpacked batch, its copies.
const ALLOCATED_MAX: u64 = 24 << 20;

fn iterations() -> usize {
    let asked = std::env::var("KURIER_FUZZ_ITERATIONS");
    asked.map_or(ITERATIONS_DEFAULT, |text| text.parse().expect("a number of iterations"))
}

macro_rules! replays {
    ($($promise:ident: $target:ident,)*) => {
        $(#[test]
        fn $promise() {
            let _ = targets::$target;
            check(stringify!($target));
        })*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($target)),*];
            let all: Vec<_> = ALL.iter().map(|target| target.name).collect();
            assert_eq!(replayed[..], all[..]);
        }
    };
}

// Case PURE-07: each change replays what fuzzing has found.
replays! {
    any_bytes_decode_or_fail_alike_as_a_request_in_both_decoders: decode_request,
    any_bytes_decode_or_fail_alike_as_a_response_in_both_decoders: decode_response,
    every_message_survives_a_round_trip: round_trip,
    a_change_that_keeps_the_framing_is_read_and_a_fatal_one_refused: mutated,
    any_bytes_are_a_frame_or_an_error: frames,
    any_bytes_are_a_header_or_an_error: headers,
    any_bytes_are_what_groups_keep_or_an_error: group_blobs,
    any_bytes_are_batches_of_magic_2_or_an_error: batch_v2,
    any_bytes_are_batches_of_magic_0_and_1_or_an_error: batch_v0_v1,
    every_batch_survives_a_round_trip: batch_round_trip,
    any_bytes_decompress_from_gzip_within_the_limit_or_fail: decompress_gzip,
    any_bytes_decompress_from_snappy_within_the_limit_or_fail: decompress_snappy,
    any_bytes_decompress_from_lz4_within_the_limit_or_fail: decompress_lz4,
    any_bytes_decompress_from_zstd_within_the_limit_or_fail: decompress_zstd,
    any_partition_is_read_forward_and_without_aborted_records: fetch_partition,
    any_order_of_requests_leaves_a_cluster_that_answers: stateful_testkit,
    any_broker_leaves_a_client_that_ends_its_calls_in_time: hostile_broker,
    any_text_is_properties_or_an_error: properties,
}

#[track_caller]
fn check(name: &str) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let target = ALL.iter().find(|target| target.name == name).unwrap();
    let ran = replay(target, &corpus, iterations() / target.cost).unwrap();
    assert!(ran.files > 0, "the corpus of {name} is empty");
    println!("{name}: {} files and {} inputs", ran.files, ran.made);
}

// Cases WIRE-08, WIRE-11, WIRE-12.
#[test]
fn no_input_makes_a_target_use_more_memory_than_the_limits_allow() {
    let mut most = (0, "");
    for target in ALL {
        let mut random = Random::from_bytes(target.name.as_bytes());
        for _ in 0..100 {
            let used = used_by(target, &(target.make)(&mut random));
            most = most.max((used, target.name));
        }
        for file in std::fs::read_dir(corpus_of(target)).unwrap() {
            let used = used_by(target, &std::fs::read(file.unwrap().path()).unwrap());
            most = most.max((used, target.name));
        }
    }
    println!("at most {} bytes in use, by {}", most.0, most.1);
    assert!(most.0 < ALLOCATED_MAX, "{most:?}");
}

fn corpus_of(target: &Target) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn used_by(target: &Target, input: &[u8]) -> u64 {
    measure(|| (target.run)(input)).bytes_max
}

#[test]
fn each_target_has_a_file_for_cargo_fuzz() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cargo-fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in ALL {
        let file = format!("fuzz_targets/{}.rs", target.name);
        assert!(manifest.contains(&format!("path = \"{file}\"")), "{file} is not in the manifest");
        let text = std::fs::read_to_string(folder.join(&file)).unwrap();
        assert!(text.contains(&format!("kurier_fuzz::targets::{}(", target.name)), "{file}");
    }
}

/// So many scripts together get everywhere.
#[cfg(feature = "testkit")]
const SCRIPTS: usize = 400;

#[cfg(feature = "testkit")]
#[test]
fn scripts_for_a_cluster_get_past_the_refusals() {
    let target = ALL.iter().find(|target| target.name == "stateful_testkit").unwrap();
    let mut random = Random::from_bytes(b"past the refusals");
    let mut tally = targets::Tally::default();
    for _ in 0..SCRIPTS {
        tally.add(&targets::play(&(target.make)(&mut random)));
    }
    println!("{tally:?}");
    assert!(tally.late > 0, "no request had to wait");
    for key in PAST_THE_REFUSALS {
        assert!(tally.successes.contains_key(&key), "no {key} succeeded");
    }
}

/// Those that need something that others have done before.
#[cfg(feature = "testkit")]
const PAST_THE_REFUSALS: [ApiKey; 12] = [
    ApiKey::PRODUCE,
    ApiKey::FETCH,
    ApiKey::OFFSET_COMMIT,
    ApiKey::JOIN_GROUP,
    ApiKey::SYNC_GROUP,
    ApiKey::HEARTBEAT,
    ApiKey::LEAVE_GROUP,
    ApiKey::ADD_PARTITIONS_TO_TXN,
    ApiKey::TXN_OFFSET_COMMIT,
    ApiKey::END_TXN,
    ApiKey::CONSUMER_GROUP_HEARTBEAT,
    ApiKey::DELETE_RECORDS,
];

#[cfg(feature = "client")]
#[test]
fn clients_get_past_hostile_answers_and_are_stopped_by_others() {
    let target = ALL.iter().find(|target| target.name == "hostile_broker").unwrap();
    let mut random = Random::from_bytes(b"past the answers");
    let met: Vec<_> = (0..40).map(|_| targets::meet(&(target.make)(&mut random))).collect();
    let sum = |count: fn(&targets::Met) -> usize| met.iter().map(count).sum::<usize>();
    let (succeeded, failed) = (sum(|met| met.succeeded), sum(|met| met.failed));
    println!("{succeeded} calls succeeded, {failed} failed, {} requests", sum(|met| met.requests));
    assert!(succeeded > 100 && failed > 40, "not much was tried");
    let again = targets::meet(&[16; 200]);
    assert_eq!(targets::meet(&[16; 200]), again, "the same bytes are the same run");
}
