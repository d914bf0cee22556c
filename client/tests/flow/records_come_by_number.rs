//! Records by number: never more than are asked for, in order, each once, and no partition starves.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use kurier_client::consumer::{Consumer, FetchedRecord, Start};
use kurier_client::producer::Record;
use kurier_client::{Compression, Stop};
use kurier_testkit::TestCluster;
use tokio::time::{Instant, sleep, timeout};

use crate::polls::cut;
use crate::world::{World, number};

const S: Duration = Duration::from_secs(1);

/// Partition 0 has `much` numbers, the others ten each.
async fn world(partitions: i32, much: u32, compression: Compression) -> World {
    let builder = TestCluster::builder().brokers(2).topic("t", partitions);
    let world = World::of(builder).await;
    let producer = world.client.producer().compression(compression).build().await.unwrap();
    for partition in 0..partitions {
        let count = if partition == 0 { much } else { 10 };
        let values: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        let of = |value| Record::to("t").partition(partition).value(value);
        producer.send_all(values.iter().map(of)).await.unwrap();
    }
    world
}

fn reader(world: &World) -> Consumer {
    let reader = world.client.consumer().topics(["t"], Start::Earliest);
    reader.partition_bytes_max(16 << 10).start().unwrap()
}

fn read(one: &FetchedRecord) -> (i32, u32) {
    (one.partition, number(one.record.value().unwrap()))
}

#[tokio::test(start_paused = true)]
async fn a_call_gives_so_many_at_most_and_all_come_in_order() {
    for compression in [Compression::None, Compression::Zstd] {
        for max in [1, 7, 100, 10_000] {
            let world = world(3, 2_000, compression).await;
            let mut consumer = reader(&world);
            let mut seen: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
            while seen.values().map(Vec::len).sum::<usize>() < 2_020 {
                let records = consumer.poll_records(max, 60 * S).await.unwrap();
                assert!((1..=max).contains(&records.len()));
                for (partition, number) in records.iter().map(read) {
                    seen.entry(partition).or_default().push(number);
                }
                for (partition, numbers) in &seen {
                    let next = i64::try_from(numbers.len()).unwrap();
                    assert_eq!(consumer.position("t", *partition), Some(next));
                }
            }
            for (partition, numbers) in seen {
                let count = if partition == 0 { 2_000 } else { 10 };
                assert_eq!(numbers, (0..count).collect::<Vec<u32>>(), "partition {partition}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_with_a_thousand_times_the_records_starves_no_other() {
    let world = world(6, 20_000, Compression::None).await;
    let mut consumer = reader(&world);
    let mut first: BTreeMap<i32, usize> = BTreeMap::new();
    for poll in 0..60 {
        for one in consumer.poll_records(100, 60 * S).await.unwrap() {
            first.entry(one.partition).or_insert(poll);
        }
    }
    assert_eq!(first.len(), 6, "{first:?}");
    assert!(first.values().all(|poll| *poll < 40), "{first:?}");
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_batch_heeds_seek_pause_and_unassign() {
    let world = world(2, 100, Compression::Zstd).await;
    let mut consumer = world.client.consumer().assign([("t", 0, Start::Earliest)]).start().unwrap();
    let take = async |consumer: &mut Consumer| {
        let records = consumer.poll_records(10, 60 * S).await.unwrap();
        records.iter().map(|one| read(one).1).collect::<Vec<u32>>()
    };
    assert_eq!(take(&mut consumer).await, (0..10).collect::<Vec<u32>>());
    assert_eq!(consumer.marked("t", 0), None);
    assert_eq!(take(&mut consumer).await, (10..20).collect::<Vec<u32>>());
    assert_eq!(consumer.marked("t", 0), Some(10));
    consumer.seek("t", 0, Start::Offset(50)).unwrap();
    assert_eq!(take(&mut consumer).await, (50..60).collect::<Vec<u32>>());
    consumer.pause("t", 0).unwrap();
    assert!(consumer.poll_records(10, 5 * S).await.unwrap().is_empty());
    consumer.resume("t", 0).unwrap();
    assert_eq!(take(&mut consumer).await, (60..70).collect::<Vec<u32>>());
    consumer.assign([("t", 1, Start::Offset(5))]).unwrap();
    consumer.unassign([("t", 0)]).unwrap();
    assert_eq!(take(&mut consumer).await, (5..10).collect::<Vec<u32>>());
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_batch_that_is_not_asked_for_takes_no_room_from_others() {
    for seeks in [false, true] {
        let world = world(2, 2_000, Compression::Zstd).await;
        let consumer = world.client.consumer().assign([("t", 0, Start::Earliest)]);
        // Less than the batch is unpacked to.
        let mut consumer = consumer.buffer_bytes_max(8 << 10).start().unwrap();
        assert_eq!(consumer.poll_records(10, 60 * S).await.unwrap().len(), 10);
        if seeks {
            consumer.seek("t", 0, Start::Latest).unwrap();
        } else {
            consumer.pause("t", 0).unwrap();
        }
        consumer.assign([("t", 1, Start::Earliest)]).unwrap();
        let records = consumer.poll_records(10, 60 * S).await.unwrap();
        let records: Vec<(i32, u32)> = records.iter().map(read).collect();
        assert_eq!(records, (0..10).map(|n| (1, n)).collect::<Vec<_>>(), "seeks: {seeks}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_no_longer_than_it_says() {
    let world = world(1, 0, Compression::None).await;
    let mut consumer = reader(&world);
    let start = Instant::now();
    assert!(consumer.poll_records(10, 3 * S).await.unwrap().is_empty());
    assert_eq!(start.elapsed().as_secs(), 3);
    assert!(consumer.poll_records(0, 3 * S).await.unwrap().is_empty());
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_may_wait_for_ever() {
    let world = world(1, 1, Compression::None).await;
    let mut consumer = reader(&world);
    let records = consumer.poll_records(10, Duration::MAX).await.unwrap();
    assert_eq!(records.len(), 1);
    consumer.close(Duration::MAX).await;
}

/// PURE-14.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_at_any_poll_loses_nothing() {
    for compression in [Compression::None, Compression::Zstd] {
        for polls in 1..=6 {
            let world = world(3, 2_000, compression).await;
            world.cluster.network().latency(S / 1000);
            let mut consumer = reader(&world);
            let (mut seen, mut dropped) = (BTreeMap::<i32, Vec<u32>>::new(), 0);
            let end = Instant::now() + 60 * S;
            while seen.values().map(Vec::len).sum::<usize>() < 2_020 {
                assert!(Instant::now() < end, "{compression:?} {polls}: some do not come");
                let Some(records) = cut(consumer.poll_records(300, 60 * S), polls).await else {
                    dropped += 1;
                    sleep(S / 10_000).await;
                    continue;
                };
                for (partition, number) in records.unwrap().iter().map(read) {
                    seen.entry(partition).or_default().push(number);
                }
                for (partition, numbers) in &seen {
                    let marked = consumer.marked("t", *partition).unwrap_or(0);
                    assert!(usize::try_from(marked).unwrap() <= numbers.len(), "{polls}");
                }
            }
            for (partition, numbers) in seen {
                let count = if partition == 0 { 2_000 } else { 10 };
                assert_eq!(numbers, (0..count).collect::<Vec<u32>>(), "partition {partition}");
            }
            assert!(polls > 2 || dropped > 0, "{compression:?} {polls}: it waits");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn batches_are_a_stream() {
    let world = world(3, 2_000, Compression::None).await;
    let consumer = world.client.consumer().topics(["t"], Start::Earliest).stop(Stop::End);
    let mut consumer = consumer.start().unwrap();
    let all = consumer.stream().map(|batch| batch.unwrap().records().count());
    let count: usize = timeout(60 * S, all.collect::<Vec<usize>>()).await.unwrap().iter().sum();
    assert_eq!(count, 2_020);
}
