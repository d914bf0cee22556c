//! What a consumer holds stays within its budget, however slowly it is read.
//!
//! This is a file of its own because it counts what the whole process holds; it has one test so
//! that no other runs beside it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kurier_client::consumer::{Consumer, OffsetReset};
use kurier_client::group::GroupProtocol;
use kurier_client::{Client, Compression, Start, Stop};
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_testkit::TestCluster;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MIB: usize = 1 << 20;
/// Answers under way, on both sides of a network that is memory too, and what a client is besides.
const BESIDES: usize = 8 * MIB;

/// Bytes that are allocated now.
fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Memory of the process that is in use now, as the kernel tells.
fn resident() -> usize {
    let told = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = told.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    kib.map_or(0, |kib| kib.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10)
}

/// A batch of eight values that take so many bytes together; every five hundredth byte is chance.
fn batch(bytes: usize, compression: Compression) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    let mut chance = 1_u32;
    let mut value = vec![b'v'; bytes / 8];
    for byte in value.iter_mut().step_by(500) {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = chance.to_be_bytes()[0];
    }
    for _ in 0..8 {
        writer.append(&RecordParts { value: Some(&value), ..RecordParts::default() }).unwrap();
    }
    writer.seal(&Seal { compression, ..Seal::default() }).unwrap()
}

/// What is to be read, and how much of it may be held.
struct Case<'a> {
    budget: usize,
    brokers: u32,
    partitions: i32,
    batches: usize,
    batch: &'a Bytes,
}

/// What is held at most while all is read slowly, beyond what is held before; and what the process
/// has more of.
async fn check(case: Case<'_>) -> (usize, usize) {
    let Case { budget, brokers, partitions, batches, batch } = case;
    let builder = TestCluster::builder().brokers(brokers).topic("t", partitions);
    let cluster = builder.requests_kept(0).build();
    for partition in 0..partitions {
        for _ in 0..batches {
            cluster.append("t", partition, batch.clone());
        }
    }
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await.unwrap();
    let (before, resident_before) = (held(), resident());
    let consumer = client.consumer().topics(["t"], Start::Earliest).stop(Stop::End);
    let mut consumer = consumer.buffer_bytes_max(budget).start().unwrap();
    let (mut count, mut most, mut resident_most) = (0, 0, 0);
    // Nobody reads at first.
    tokio::time::sleep(Duration::from_secs(5)).await;
    while let Some(batch) = consumer.next().await.transpose().unwrap() {
        most = most.max(held().saturating_sub(before));
        count += batch.records().count();
        // All that may be fetched meanwhile is.
        tokio::time::sleep(Duration::from_millis(20)).await;
        most = most.max(held().saturating_sub(before));
        resident_most = resident_most.max(resident().saturating_sub(resident_before));
    }
    assert_eq!(count, usize::try_from(partitions).unwrap() * batches * 8);
    (most, resident_most)
}

/// MEM-01, USE-02.
async fn is_within_its_budget() {
    let plain = batch(64 << 10, Compression::None);
    for (budget, brokers, partitions) in
        [(4 * MIB, 1, 1), (4 * MIB, 1, 300), (4 * MIB, 40, 40), (64 * MIB, 3, 300)]
    {
        let all = 56 * MIB + budget;
        let batches = all / plain.len() / usize::try_from(partitions).unwrap();
        let case = Case { budget, brokers, partitions, batches, batch: &plain };
        let (most, resident) = check(case).await;
        let told = format!(
            "{} KiB held, {} KiB resident, of {partitions} partitions at {brokers} brokers",
            most >> 10,
            resident >> 10
        );
        println!("{told}");
        assert!(most <= budget + BESIDES, "{told}");
        assert!(most >= budget.min(8 * MIB) / 2, "the budget is used: {told}");
        // An allocator keeps some of what was given back, too.
        assert!(resident <= budget + budget / 4 + 2 * BESIDES, "{told}");
    }
    // A hundred to one: what waits stays packed, and one batch at a time is unpacked.
    for (budget, unpacked) in [(4 * MIB, MIB), (4 * MIB, 16 * MIB), (64 * MIB, 16 * MIB)] {
        let packed = batch(unpacked, Compression::Zstd);
        assert!(packed.len() <= unpacked / 100, "{}", packed.len());
        let batches = 400 * MIB / unpacked;
        let case = Case { budget, brokers: 3, partitions: 3, batches: batches / 3, batch: &packed };
        let (most, resident) = check(case).await;
        println!("{} KiB held, {} KiB resident, packed", most >> 10, resident >> 10);
        assert!(most <= budget + unpacked + BESIDES, "{} KiB", most >> 10);
        assert!(resident <= budget + unpacked + 2 * BESIDES, "{} KiB", resident >> 10);
    }
}

/// USE-02: back-pressure that pauses one partition after the other, each once the buffer is full.
async fn what_is_paused_has_a_budget_of_its_own() {
    let (budget, partitions, batches) = (8 * MIB, 64, 16);
    let one = batch(64 << 10, Compression::None);
    let builder = TestCluster::builder().brokers(1).topic("t", partitions);
    let cluster = builder.requests_kept(0).build();
    for partition in 0..partitions {
        for _ in 0..batches {
            cluster.append("t", partition, one.clone());
        }
    }
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await.unwrap();
    let before = held();
    let consumer = client.consumer().topics(["t"], Start::Earliest).stop(Stop::End);
    let mut consumer = consumer.buffer_bytes_max(budget).start().unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut most = 0;
    for partition in 0..partitions {
        consumer.pause("t", partition).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        most = most.max(held().saturating_sub(before));
    }
    println!("{} KiB held while all is paused", most >> 10);
    assert!(most >= budget * 3 / 2 && most <= 2 * budget + BESIDES, "{} KiB", most >> 10);
    for partition in 0..partitions {
        consumer.resume("t", partition).unwrap();
    }
    let mut count = 0;
    while let Some(batch) = consumer.next().await.transpose().unwrap() {
        count += batch.records().count();
    }
    assert_eq!(count, usize::try_from(partitions).unwrap() * batches * 8);
}

/// What a client keeps to read answers into, once it has read some.
const POOL: usize = 8 * MIB;

/// USE-07: a record may outlive the consumer, in any task, and keeps no more than what came with
/// it: its batch if it was packed, else the answer.
async fn a_record_that_is_kept_keeps_its_batch_alone() {
    for (compression, alive) in [(Compression::Zstd, 2 * MIB), (Compression::None, MIB)] {
        let one = batch(64 << 10, compression);
        let cluster = TestCluster::builder().topic("t", 1).requests_kept(0).build();
        for _ in 0..400 {
            cluster.append("t", 0, one.clone());
        }
        let env = cluster.env(1);
        let client = Client::builder(cluster.bootstrap()).env(env).connect().await.unwrap();
        let before = held();
        let reading = client.consumer().topics(["t"], Start::Earliest).stop(Stop::End);
        let mut consumer = reading.fetch_bytes_max(256 << 10).start().unwrap();
        let mut kept = Vec::new();
        while let Some(batch) = consumer.next().await.transpose().unwrap() {
            let records: Vec<_> =
                batch.records().map(|one| batch.to_owned(&one.unwrap())).collect();
            // To another task and back, one of all that a batch has.
            let moved = tokio::spawn(async move { records.into_iter().nth(3).unwrap() });
            kept.push(moved.await.unwrap());
        }
        drop(consumer);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(kept.len(), 400);
        let of_all = held().saturating_sub(before);
        // Of what is not packed the whole answers are kept, whose buffers have room left.
        let packed_or_not = 2 * 400 * (64 << 10);
        assert!(of_all <= packed_or_not, "{compression}: {} KiB of all", of_all >> 10);
        kept.truncate(1);
        let of_one = held().saturating_sub(before);
        assert!(of_one <= alive + POOL, "{compression}: {} KiB of one", of_one >> 10);
        assert_eq!(kept.first().unwrap().value().unwrap().len(), 8 << 10);
        drop(kept);
        let after = held().saturating_sub(before);
        assert!(after <= POOL + (256 << 10), "{compression}: {} KiB of none", after >> 10);
    }
}

/// MEM-02: an hour in which members come and go, connections are lost and leaders move.
async fn an_hour_ends_with_the_memory_of_its_first_minutes() {
    let builder = TestCluster::builder().brokers(3).topic("t", 6).requests_kept(0);
    let cluster = builder.build();
    let one = batch(4 << 10, Compression::None);
    for partition in 0..6 {
        for _ in 0..10 {
            cluster.append("t", partition, one.clone());
        }
    }
    for protocol in [GroupProtocol::Classic, GroupProtocol::Consumer] {
        let connect = async |name: &str| {
            let env = cluster.env_for(name, 1);
            Client::builder(cluster.bootstrap()).env(env).connect().await.unwrap()
        };
        let (client, other) = (connect("a").await, connect("b").await);
        let member = |client: &Client| {
            let builder = client.consumer().group("g").group_protocol(protocol).subscribe(["t"]);
            builder.offset_reset(OffsetReset::Earliest).start().unwrap()
        };
        let mut steady = member(&client);
        let mut held_after = Vec::new();
        for minute in 0..60 {
            let start = tokio::time::Instant::now();
            let mut guest = (minute % 2 == 0).then(|| member(&other));
            let broker = 1 + minute % 3;
            if minute % 5 == 1 {
                cluster.drop_connections(broker);
            }
            cluster.move_leader("t", minute % 6, broker);
            let read = async |consumer: &mut Consumer| {
                while let Some(batch) = consumer.next().await {
                    match batch {
                        Ok(batch) => assert!(batch.records().count() > 0),
                        Err(error) => assert!(error.is_retriable(), "{error}"),
                    }
                }
            };
            let reading = async {
                match &mut guest {
                    Some(guest) => drop(tokio::join!(read(&mut steady), read(guest))),
                    None => read(&mut steady).await,
                }
            };
            let minute_is_over = tokio::time::timeout(Duration::from_secs(40), reading).await;
            assert!(minute_is_over.is_err(), "it goes on");
            if let Some(guest) = guest {
                guest.close(Duration::from_secs(10)).await;
            }
            // All of it comes once more.
            for (topic, partition) in steady.assignment() {
                steady.seek(&topic, partition, Start::Offset(0)).unwrap();
            }
            tokio::time::sleep_until(start + Duration::from_secs(60)).await;
            held_after.push(held());
        }
        let kib: Vec<usize> = held_after.iter().map(|bytes| bytes >> 10).collect();
        // The same moments of the turns that repeat: all of them do every half an hour.
        let (early, late) = held_after.split_at(30);
        let most = |of: &[usize]| of.iter().copied().max().unwrap();
        assert!(most(late) <= most(early) + (64 << 10), "{protocol:?}: {kib:?} KiB");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_fetched_and_unpacked_stays_within_its_budget_and_nothing_leaks() {
    is_within_its_budget().await;
    what_is_paused_has_a_budget_of_its_own().await;
    a_record_that_is_kept_keeps_its_batch_alone().await;
    an_hour_ends_with_the_memory_of_its_first_minutes().await;
}
