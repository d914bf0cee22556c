//! Each target on its corpus, and on inputs from a fixed seed.
//!
//! `KURIER_FUZZ_ITERATIONS` says how many; more than the default is for a long run.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::path::Path;

use kurier_fuzz::replay::replay;
use kurier_fuzz::targets::ALL;

const ITERATIONS_DEFAULT: usize = 3000;

fn iterations() -> usize {
    let asked = std::env::var("KURIER_FUZZ_ITERATIONS");
    asked.map_or(ITERATIONS_DEFAULT, |text| text.parse().expect("a number of iterations"))
}

#[track_caller]
fn check(name: &str) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let target = ALL.iter().find(|target| target.name == name).unwrap();
    let ran = replay(target, &corpus, iterations()).unwrap();
    assert!(ran.files > 0, "the corpus of {name} is empty");
    println!("{name}: {} files and {} inputs", ran.files, ran.made);
}

#[test]
fn any_bytes_decode_or_fail_alike_in_both_decoders() {
    check("decode_any");
}

#[test]
fn every_message_survives_a_round_trip() {
    check("round_trip");
}

#[test]
fn any_bytes_are_a_frame_or_an_error() {
    check("frames");
}

#[test]
fn any_bytes_are_record_batches_or_an_error() {
    check("record_batches");
}

#[test]
fn every_batch_survives_a_round_trip() {
    check("batch_round_trip");
}

#[test]
fn any_bytes_decompress_within_the_limit_or_fail() {
    check("decompress");
}

#[test]
fn each_target_has_a_file_for_cargo_fuzz() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cargo-fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in ALL {
        let file = format!("fuzz_targets/{}.rs", target.name);
        assert!(manifest.contains(&format!("path = \"{file}\"")), "{file} is not in the manifest");
        let text = std::fs::read_to_string(folder.join(&file)).unwrap();
        assert!(text.contains(&format!("targets::{0}::{0}", target.name)), "{file}");
    }
}
