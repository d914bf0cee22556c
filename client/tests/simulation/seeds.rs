//! Many seeds, and what a seed is worth.

use std::collections::BTreeSet;
use std::time::Duration;

use kurier_protocol::{ApiKey, ErrorCode};

use crate::plan::{Mishap, Plan, Trouble};
use crate::run::run;
use crate::stage::seeds;

#[test]
fn every_run_keeps_its_promises() {
    let mut failures = Vec::new();
    let (mut acknowledged, mut failed, mut duplicates, mut polled) = (0, 0, 0, 0);
    let mut idempotent = 0;
    for seed in seeds(SEEDS) {
        let plan = Plan::new(seed);
        match run(&plan) {
            Ok(report) => {
                idempotent += if plan.is_idempotent() { report.acknowledged } else { 0 };
                acknowledged += report.acknowledged;
                failed += report.failed;
                duplicates += report.duplicates;
                polled += report.polled;
            }
            Err(failure) => {
                eprintln!("{failure}");
                failures.push(seed);
            }
        }
    }
    println!(
        "{} seeds: {acknowledged} records acknowledged, {failed} not, {polled} polled; of the \
         {idempotent} with idempotence none is stored twice, of the others {duplicates} are",
        seeds(SEEDS).len()
    );
    assert!(failures.is_empty(), "seeds that failed: {failures:?}");
    assert!(acknowledged > 0 && polled > acknowledged, "nothing was done");
}

#[test]
fn numbered_batches_are_written_once_whatever_becomes_of_requests() {
    let (mut failures, mut acknowledged, mut failed) = (Vec::new(), 0, 0);
    for seed in seeds(SEEDS) {
        match run(&Plan::of_numbers(seed)) {
            Ok(report) => {
                acknowledged += report.acknowledged;
                failed += report.failed;
            }
            Err(failure) => {
                eprintln!("{failure}");
                failures.push(seed);
            }
        }
    }
    println!("{acknowledged} records acknowledged, {failed} not, none stored twice");
    assert!(failures.is_empty(), "seeds that failed: {failures:?}");
    assert!(acknowledged > failed, "little was done");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let mut hashes = BTreeSet::new();
    for seed in 0..8 {
        let (once, again) = [(); 2].map(|()| run(&Plan::new(seed)).unwrap()).into();
        let differs = once.events.iter().zip(&again.events).find(|(once, again)| once != again);
        assert_eq!(differs, None, "seed {seed}: the first event that differs");
        assert_eq!(once, again, "seed {seed}");
        hashes.insert(once.hash);
    }
    assert_eq!(hashes.len(), 8, "another seed is another run");
}

#[test]
fn a_cluster_that_loses_records_is_found_out() {
    let lie = Trouble::Request(ApiKey::PRODUCE, Mishap::Answer(ErrorCode::NONE));
    let plan = Plan { troubles: vec![(Duration::from_secs(20), lie)], ..Plan::new(3) };
    let failure = run(&plan).unwrap_err();
    assert!(failure.contains("seed 3"), "{failure}");
    assert!(failure.contains("the smallest history"), "{failure}");
}

/// Seeds, unless something else is asked for.
const SEEDS: u64 = 20;
