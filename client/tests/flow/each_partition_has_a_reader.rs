//! A consumer that is split has a reader for each partition: they run beside each other, none waits
//! for another, and who takes a partition away waits for the work on that one alone.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use kurier_client::consumer::{PartitionReader, Split};
use kurier_client::producer::Record;
use kurier_client::{Consumer, FetchedBatch, Start, Stop};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::seeds::seeds;
use crate::world::{World, number};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// Numbers in batches of one, the same in each partition.
async fn write(world: &World, partitions: i32, numbers: std::ops::Range<u32>) {
    let producer = world.client.producer().linger(Duration::ZERO).build().await.unwrap();
    for n in numbers {
        for partition in 0..partitions {
            let value = n.to_string();
            producer.send(Record::to("t").partition(partition).value(&value)).await.unwrap();
        }
    }
}

async fn world(partitions: i32, numbers: u32) -> World {
    let world = World::new(partitions).await;
    write(&world, partitions, 0..numbers).await;
    world
}

fn unmarked(world: &World) -> Consumer {
    let builder = world.client.consumer().topics(["t"], Start::Earliest);
    builder.auto_mark(false).start().unwrap()
}

/// The readers of so many partitions, by partition.
async fn readers(split: &mut Split, partitions: i32) -> BTreeMap<i32, PartitionReader> {
    let mut readers = BTreeMap::new();
    while readers.len() < usize::try_from(partitions).unwrap() {
        let reader = timeout(10 * S, split.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(reader.topic(), "t");
        assert!(readers.insert(reader.partition(), reader).is_none());
    }
    readers
}

fn numbers(batch: &FetchedBatch) -> Vec<u32> {
    batch.records().map(|record| number(record.unwrap().value.unwrap())).collect()
}

/// The next so many numbers of a reader.
async fn take(reader: &mut PartitionReader, count: usize) -> Vec<u32> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let batch = timeout(60 * S, reader.next()).await.expect("it wakes for its records");
        let batch = batch.unwrap().unwrap();
        assert_eq!(batch.partition(), reader.partition());
        taken.extend(numbers(&batch));
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn in_a_task_of_its_own_and_gets_all_of_its_records_in_order() {
    let world = world(5, 40).await;
    // What was taken before the split is not given again.
    let mut consumer = world.reader();
    let first = consumer.next().await.unwrap().unwrap();
    let mut split = consumer.split();
    let mut tasks = JoinSet::new();
    for (partition, mut reader) in readers(&mut split, 5).await {
        tasks.spawn(async move {
            let mut all = Vec::new();
            while let Some(batch) = reader.next().await.transpose().unwrap() {
                all.extend(numbers(&batch));
            }
            (partition, all)
        });
    }
    while let Some(ended) = tasks.join_next().await {
        let (partition, mut all) = ended.unwrap();
        if partition == first.partition() {
            drop(all.splice(0..0, numbers(&first)));
        }
        assert_eq!(all, (0..40).collect::<Vec<u32>>(), "partition {partition}");
    }
    assert!(timeout(S, split.next()).await.unwrap().is_none(), "all are read to their end");
}

/// Numbers of half a kilobyte, the same in these partitions.
async fn write_much(world: &World, partitions: std::ops::Range<i32>, numbers: u32) {
    let producer = world.producer().await;
    for n in 0..numbers {
        let value = format!("{n:0500}");
        let to = partitions.clone().map(|partition| Record::to("t").partition(partition));
        producer.send_all(to.map(|record| record.value(&value))).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn that_waits_for_no_other_however_long_that_one_stands_still() {
    // Less than half of the partitions have, and less than one of them has.
    for buffer_bytes_max in [400_000, 40_000] {
        let world = World::new(6).await;
        write_much(&world, 0..6, 300).await;
        let consumer = world.client.consumer().topics(["t"], Start::Earliest);
        let consumer = consumer.buffer_bytes_max(buffer_bytes_max).start().unwrap();
        let mut split = consumer.split();
        let mut readers = readers(&mut split, 6).await;
        for partition in [3, 0, 5] {
            let reader = readers.get_mut(&partition).unwrap();
            assert_eq!(take(reader, 300).await, (0..300).collect::<Vec<u32>>());
        }
        // What stood still has lost nothing.
        for partition in [1, 2, 4] {
            let reader = readers.get_mut(&partition).unwrap();
            assert_eq!(take(reader, 300).await, (0..300).collect::<Vec<u32>>());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_which_no_more_is_fetched_than_its_part_while_nobody_reads() {
    let world = World::new(4).await;
    write_much(&world, 0..4, 1_000).await;
    let consumer = world.client.consumer().topics(["t"], Start::Earliest);
    let mut split = consumer.buffer_bytes_max(400_000).start().unwrap().split();
    let mut readers = readers(&mut split, 4).await;
    sleep(60 * S).await;
    let fetched = |world: &World| {
        let snapshot = world.client.metrics().snapshot();
        snapshot.get("consumer-metrics", "incoming-byte-total", &[]).unwrap().number()
    };
    let unread = fetched(&world);
    assert!((100_000.0..=400_000.0).contains(&unread), "{unread} bytes");
    // One that is read goes on, and the others stay as they are.
    assert_eq!(take(readers.get_mut(&2).unwrap(), 1_000).await.len(), 1_000);
    let with_one = fetched(&world) - unread;
    assert!((400_000.0..=520_000.0).contains(&with_one), "{with_one} bytes");
}

#[tokio::test(start_paused = true)]
async fn that_is_slow_and_waits_for_no_partition_without_records() {
    let world = World::of(kurier_testkit::TestCluster::builder().brokers(1).topic("t", 8)).await;
    write_much(&world, 0..1, 2_000).await;
    world.cluster.network().latency(MS..=MS);
    let consumer = world.client.consumer().topics(["t"], Start::Earliest);
    let mut split = consumer.buffer_bytes_max(1_000_000).start().unwrap().split();
    let mut readers = readers(&mut split, 8).await;
    let reader = readers.get_mut(&0).unwrap();
    let (start, mut numbers_seen) = (Instant::now(), 0);
    while numbers_seen < 2_000 {
        let batch = timeout(60 * S, reader.next()).await.unwrap().unwrap().unwrap();
        let count = u32::try_from(numbers(&batch).len()).unwrap();
        numbers_seen += count;
        sleep(count * MS).await;
    }
    // Its own work, and little more: a broker without records waits for half a second.
    let beside = start.elapsed() - 2_000 * MS;
    assert!(beside < 100 * MS, "{beside:?}");
}

#[tokio::test(start_paused = true)]
async fn and_who_takes_its_partition_away_waits_for_the_work_on_it_and_no_other() {
    let world = world(2, 10).await;
    let mut split = unmarked(&world).split();
    let control = split.control();
    let mut readers = readers(&mut split, 2).await;
    let (mut of_0, mut of_1) = (readers.remove(&0).unwrap(), readers.remove(&1).unwrap());
    let (taken, ready) = tokio::sync::oneshot::channel();
    let working = tokio::spawn(async move {
        let batch = of_0.next().await.unwrap().unwrap();
        taken.send(()).unwrap();
        sleep(2 * S).await;
        of_0.mark(&batch);
        // Nothing more of it is given.
        assert!(of_0.next().await.is_none());
    });
    ready.await.unwrap();
    // Work on the other partition is none of it.
    let of_other = of_1.next().await.unwrap().unwrap();
    let start = Instant::now();
    control.unassign([("t", 0)]).await.unwrap();
    assert_eq!(start.elapsed(), 2 * S);
    working.await.unwrap();
    of_1.mark(&of_other);
    assert_eq!(take(&mut of_1, 9).await, (1..10).collect::<Vec<u32>>());
    // Assigned again, it has a new reader.
    control.assign([("t", 0, Start::Offset(4))]).unwrap();
    let mut again = timeout(S, split.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(take(&mut again, 6).await, (4..10).collect::<Vec<u32>>());
}

#[tokio::test(start_paused = true)]
async fn which_gives_its_partition_back_from_the_first_record_that_is_not_marked() {
    let world = world(2, 10).await;
    let mut split = unmarked(&world).split();
    let mut readers = readers(&mut split, 2).await;
    let mut reader = readers.remove(&0).unwrap();
    for n in 0..5 {
        let batch = reader.next().await.unwrap().unwrap();
        assert_eq!(numbers(&batch), [n]);
        if n < 3 {
            reader.mark(&batch);
        }
    }
    drop(reader);
    let mut next = timeout(S, split.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(next.partition(), 0);
    assert_eq!(take(&mut next, 7).await, (3..10).collect::<Vec<u32>>());
    assert_eq!(take(readers.get_mut(&1).unwrap(), 10).await, (0..10).collect::<Vec<u32>>());
    // Whoever waits for a partition does not wait for a reader that is gone.
    let control = split.control();
    drop(readers);
    let start = Instant::now();
    control.unassign([("t", 1)]).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// Nothing else wakes a reader than the one record that it waits for: the next one is written when
/// all have read this one.
#[tokio::test(start_paused = true)]
async fn which_may_stop_waiting_at_any_moment_and_wakes_for_its_records_for_every_seed() {
    let seeds = seeds(30);
    for seed in seeds.clone() {
        let world = World::new(3).await;
        world.cluster.network().latency(MS..=20 * MS);
        let consumer = world.client.consumer().topics(["t"], Start::Earliest);
        let mut split = consumer.buffer_bytes_max(4_000).start().unwrap().split();
        let mut readers: Vec<_> = readers(&mut split, 3).await.into_values().collect();
        for n in 0..10 {
            let reads = readers.iter_mut().enumerate().map(|(nth, reader)| {
                let mut chance = (seed * 10 + u64::from(n)) * 3 + u64::try_from(nth).unwrap();
                let mut roll = move |sides: u64| {
                    chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (chance >> 33) % sides
                };
                async move {
                    for _ in 0..roll(4) {
                        let patience = Duration::from_millis(roll(40));
                        if let Ok(next) = timeout(patience, reader.next()).await {
                            return numbers(&next.unwrap().unwrap());
                        }
                    }
                    let woken = timeout(S, reader.next()).await;
                    let next =
                        woken.unwrap_or_else(|_| panic!("seed {seed}: nobody wakes for {n}"));
                    numbers(&next.unwrap().unwrap())
                }
            });
            let ((), read) = tokio::join!(write(&world, 3, n..n + 1), join_all(reads));
            assert!(read.iter().all(|read| *read == [n]), "seed {seed}: {n}: {read:?}");
        }
    }
    println!("readers: {} seeds: whoever waited was woken", seeds.end);
}

#[tokio::test(start_paused = true)]
async fn until_the_consumer_is_closed_which_waits_for_work_or_dropped_which_does_not() {
    let world = world(2, 3).await;
    let mut split = unmarked(&world).split();
    let mut all = readers(&mut split, 2).await;
    let mut of_0 = all.remove(&0).unwrap();
    let batch = of_0.next().await.unwrap().unwrap();
    let working = tokio::spawn(async move {
        sleep(S).await;
        of_0.mark(&batch);
        assert!(of_0.next().await.is_none());
    });
    let start = Instant::now();
    split.close(10 * S).await;
    // And then for the broker that waits for records, as closing does.
    assert!((S..2 * S).contains(&start.elapsed()), "{:?}", start.elapsed());
    working.await.unwrap();
    assert!(all.get_mut(&1).unwrap().next().await.is_none());

    let mut split = unmarked(&world).split();
    let mut all = readers(&mut split, 2).await;
    assert_eq!(take(all.get_mut(&1).unwrap(), 2).await, [0, 1]);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    drop(split);
    assert!(all.get_mut(&1).unwrap().next().await.is_none());
    sleep(10 * S).await;
    assert!(tasks() < before, "its task is gone");
}

#[tokio::test(start_paused = true)]
async fn and_partitions_that_come_later_have_one_too() {
    let world = world(2, 3).await;
    let consumer = world.client.consumer().topics(["t"], Start::Earliest).stop(Stop::Never);
    let mut split = consumer.start().unwrap().split();
    let first = readers(&mut split, 2).await;
    assert!(timeout(S, split.next()).await.is_err());
    let grown = world.client.admin().create_partitions([("t", 3)]).await.unwrap();
    assert!(grown.iter().all(|(_, outcome)| outcome.is_ok()), "{grown:?}");
    // Metadata is asked for again every five minutes.
    let mut third = timeout(301 * S, split.next()).await.unwrap().unwrap().unwrap();
    write(&world, 3, 3..4).await;
    assert_eq!((third.partition(), take(&mut third, 1).await), (2, vec![3]));
    drop(first);
}
