//! What a consumer holds stays within its budget, however slowly it is read.
//!
//! This is a file of its own because it counts what the whole process holds; it has one test so
//! that no other runs beside it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kurier_client::{Client, Start, Stop};
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_testkit::TestCluster;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MIB: usize = 1 << 20;
const BUDGET: usize = 4 * MIB;
/// Answers under way, on both sides of a network that is memory too, and what a client is besides.
const BESIDES: usize = 8 * MIB;

/// Bytes that are allocated now.
fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// A batch of so many bytes.
fn batch(bytes: usize) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    let value = vec![b'v'; bytes / 8];
    for _ in 0..8 {
        writer.append(&RecordParts { value: Some(&value), ..RecordParts::default() }).unwrap();
    }
    writer.seal(&Seal::default()).unwrap()
}

/// What is held at most while all is read slowly, beyond what is held before.
async fn check(partitions: i32, batches: usize, batch: &Bytes) -> usize {
    let cluster = TestCluster::builder().topic("t", partitions).requests_kept(0).build();
    for partition in 0..partitions {
        for _ in 0..batches {
            cluster.append("t", partition, batch.clone());
        }
    }
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await.unwrap();
    let before = held();
    let consumer = client.consumer().topics(["t"], Start::Earliest).stop(Stop::End);
    let mut consumer = consumer.buffer_bytes_max(BUDGET).start().unwrap();
    let (mut count, mut most) = (0, 0);
    while let Some(batch) = consumer.next().await.transpose().unwrap() {
        most = most.max(held().saturating_sub(before));
        count += batch.records().count();
        // All that may be fetched meanwhile is.
        tokio::time::sleep(Duration::from_millis(20)).await;
        most = most.max(held().saturating_sub(before));
    }
    assert_eq!(count, usize::try_from(partitions).unwrap() * batches * 8);
    most
}

#[tokio::test(start_paused = true)]
async fn what_is_fetched_stays_within_its_budget() {
    let plain = batch(64 << 10);
    for partitions in [1, 300] {
        let batches = 60 * MIB / plain.len() / usize::try_from(partitions).unwrap();
        let most = check(partitions, batches, &plain).await;
        assert!(most <= BUDGET + BESIDES, "{} KiB of {partitions} partitions", most >> 10);
        assert!(most >= BUDGET, "the budget is used: {} KiB", most >> 10);
    }
}
