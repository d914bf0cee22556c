//! What a consumer holds stays within its budget, however slowly it is read.
//!
//! This is a file of its own because it counts what the whole process holds; it has one test so
//! that no other runs beside it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kurier_client::{Client, Compression, Start, Stop};
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

/// A batch of eight values that take so many bytes together; every hundredth byte is chance.
fn batch(bytes: usize, compression: Compression) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    let mut chance = 1_u32;
    let mut value = vec![b'v'; bytes / 8];
    for byte in value.iter_mut().step_by(100) {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = chance.to_be_bytes()[0];
    }
    for _ in 0..8 {
        writer.append(&RecordParts { value: Some(&value), ..RecordParts::default() }).unwrap();
    }
    writer.seal(&Seal { compression, ..Seal::default() }).unwrap()
}

/// What is to be read.
struct Case<'a> {
    brokers: u32,
    partitions: i32,
    batches: usize,
    batch: &'a Bytes,
}

/// What is held at most while all is read slowly, beyond what is held before.
async fn check(Case { brokers, partitions, batches, batch }: Case<'_>) -> usize {
    let builder = TestCluster::builder().brokers(brokers).topic("t", partitions);
    let cluster = builder.requests_kept(0).build();
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
async fn what_is_fetched_and_unpacked_stays_within_its_budget() {
    let plain = batch(64 << 10, Compression::None);
    for (brokers, partitions) in [(1, 1), (1, 300), (40, 40)] {
        let batches = 60 * MIB / plain.len() / usize::try_from(partitions).unwrap();
        let most = check(Case { brokers, partitions, batches, batch: &plain }).await;
        let told = format!("{} KiB of {partitions} partitions at {brokers} brokers", most >> 10);
        assert!(most <= BUDGET + BESIDES, "{told}");
        assert!(most >= BUDGET / 2, "the budget is used: {told}");
    }
    // A hundred to one: what waits stays packed, and one batch at a time is unpacked.
    for unpacked in [MIB, 16 * MIB] {
        let packed = batch(unpacked, Compression::Zstd);
        assert!(packed.len() <= unpacked / 40, "{}", packed.len());
        let batches = 400 * MIB / unpacked;
        let case = Case { brokers: 3, partitions: 3, batches: batches / 3, batch: &packed };
        let most = check(case).await;
        assert!(most <= BUDGET + unpacked + BESIDES, "{} KiB", most >> 10);
    }
}
