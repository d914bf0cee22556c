//! Each partitioner puts records where its page says, and spreads what no key places.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kurier_client::producer::{Partitioner, Producer, ProducerConfig, Record, Sticky};
use kurier_client::{Client, Error};
use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, Requests, TestCluster};

use crate::world::World;

async fn producer(world: &World, partitioner: Partitioner) -> Producer {
    world.client.producer().partitioner(partitioner).build().await.unwrap()
}

/// How many records each partition of `t` has.
fn counts(world: &World, partitions: i32) -> Vec<usize> {
    (0..partitions).map(|p| world.cluster.stored_records("t", p).len()).collect()
}

#[tokio::test(start_paused = true)]
async fn keys_land_where_librdkafka_puts_them() {
    let world = World::new(12).await;
    let producer = producer(&world, Partitioner::ConsistentRandom(Sticky::default())).await;
    let mut rows = 0;
    for row in include_str!("../data/librdkafka.tsv").lines() {
        let cells: Vec<_> = row.split('\t').collect();
        if cells[1] != "12" || cells[0].is_empty() || cells[0] == "null" {
            continue;
        }
        let byte = |at| u8::from_str_radix(&cells[0][at..at + 2], 16).unwrap();
        let key: Vec<u8> = (0..cells[0].len()).step_by(2).map(byte).collect();
        let delivery = producer.enqueue(Record::to("t").key(&key)).await.unwrap();
        assert_eq!(delivery.partition().to_string(), cells[2], "{row}");
        rows += 1;
    }
    assert_eq!(rows, 68);
    producer.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn round_robin_gives_each_partition_the_same_also_when_the_buffer_was_full() {
    let world = World::new(6).await;
    let config = ProducerConfig {
        partitioner: Partitioner::RoundRobin,
        buffer_bytes_max: 64 << 10,
        batch_bytes_max: 16 << 10,
        ..ProducerConfig::default()
    };
    let producer = world.client.producer().config(config).build().await.unwrap();
    for n in 0..600 {
        let value = format!("{n:0>1000}");
        let record = Record::to("t").key("same").value(&value);
        drop(producer.enqueue(record).await.unwrap());
    }
    producer.close().await.unwrap();
    assert_eq!(counts(&world, 6), [100; 6]);
    assert_eq!(world.log(1)[..3], [1, 7, 13]);
}

#[tokio::test(start_paused = true)]
async fn round_robin_random_and_sticky_pass_over_partitions_without_a_leader() {
    let of_one = TestCluster::builder().brokers(3).replication_default(1).topic("t", 6);
    let world = World::of(of_one).await;
    let dead = world.cluster.leader("t", 2).unwrap();
    let is_dead = |p: &i32| world.cluster.leader("t", *p) == Some(dead);
    let without: Vec<i32> = (0..6).filter(is_dead).collect();
    assert_eq!(without.len(), 2);
    world.cluster.kill_broker(dead);
    let names = ["round_robin", "random", "sticky"];
    for name in names {
        let config = ProducerConfig {
            partitioner: name.parse().unwrap(),
            batch_bytes_max: 1 << 10,
            ..ProducerConfig::default()
        };
        let producer = world.client.producer().config(config).build().await.unwrap();
        let mut found: BTreeMap<i32, u32> = BTreeMap::new();
        for _ in 0..300 {
            let record = Record::to("t").value(&[b'v'; 600]);
            let delivery = producer.enqueue(record).await.unwrap();
            *found.entry(delivery.partition()).or_default() += 1;
        }
        producer.close().await.unwrap();
        assert!(without.iter().all(|p| !found.contains_key(p)), "{name}: {found:?}");
        assert!(found.values().all(|n| (30..150).contains(n)), "{name}: {found:?}");
        if name == "round_robin" {
            assert!(found.values().all(|n| *n == 75), "{found:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_a_partitioner_makes_up_is_an_error_at_the_call() {
    let world = World::new(2).await;
    let custom = |record: &kurier_client::producer::Unplaced<'_>| match record.key? {
        b"negative" => Some(-1),
        b"last" => Some(record.partition_count - 1),
        _ => Some(record.partition_count),
    };
    let own = producer(&world, Partitioner::custom(custom)).await;
    let fixed = producer(&world, Partitioner::Fixed(7)).await;
    for (producer, key, partition) in
        [(&own, "negative", "-1"), (&own, "beyond", "2"), (&fixed, "any", "7")]
    {
        let error = producer.send(Record::to("t").key(key)).await.unwrap_err();
        assert!(matches!(error, Error::UnknownTopic { partition: Some(_), .. }), "{error}");
        assert!(error.to_string().contains(&format!("no partition {partition}")), "{error}");
    }
    assert_eq!(own.send(Record::to("t").key("last")).await.unwrap().partition, 1);
    own.send(Record::to("t").value("spread")).await.unwrap();
    // A record that names its partition is nobody else's business.
    assert_eq!(fixed.send(Record::to("t").partition(1)).await.unwrap().partition, 1);
}

#[tokio::test(start_paused = true)]
async fn a_partitioner_is_asked_once_a_record_whatever_becomes_of_it() {
    let world = World::new(2).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&asked);
    let config = ProducerConfig {
        partitioner: Partitioner::custom(move |record| {
            counts.fetch_add(1, Ordering::Relaxed);
            Some(if record.key.is_some() { 7 } else { 1 })
        }),
        batch_bytes_max: 16 << 10,
        buffer_bytes_max: 64 << 10,
        ..ProducerConfig::default()
    };
    let producer = world.client.producer().config(config).build().await.unwrap();
    let value = [b'1'; 3000];
    // Their batches end again and again, and some wait for space in the buffer.
    let records = (0..200).map(|_| Record::to("t").value(&value));
    assert_eq!(producer.send_all(records).await.unwrap(), 200);
    assert_eq!(asked.load(Ordering::Relaxed), 200);
    let refused = Record::to("t").key("beyond");
    producer.enqueue(refused.clone()).await.unwrap_err();
    assert_eq!(asked.load(Ordering::Relaxed), 201);
    producer.try_enqueue(refused).unwrap_err();
    assert_eq!(asked.load(Ordering::Relaxed), 202);
}

/// Sends records without a key for some seconds while the leader of partition 0 takes long to
/// answer; tells how many went to it, and how many to the two others.
async fn spread(sticky: Sticky, fault: Option<fn(Requests) -> Fault>) -> (usize, usize) {
    let world = World::new(3).await;
    let config = ProducerConfig {
        partitioner: Partitioner::Murmur2Random(sticky),
        batch_bytes_max: 4 << 10,
        ..ProducerConfig::default()
    };
    let producer = world.client.producer().config(config).build().await.unwrap();
    producer.send(Record::to("t").value("first")).await.unwrap();
    let slow = world.cluster.leader("t", 0).unwrap();
    if let Some(fault) = fault {
        world.cluster.fault(fault(Fault::on(ApiKey::PRODUCE).broker(slow).always()));
    }
    let (mut to_slow, mut to_others) = (0, 0);
    for _ in 0..4000 {
        let delivery = producer.enqueue(Record::to("t").value(&[b'v'; 500])).await.unwrap();
        let leader = world.cluster.leader("t", delivery.partition());
        if leader == Some(slow) {
            to_slow += 1
        } else {
            to_others += 1
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.cluster.clear_faults();
    (to_slow, to_others)
}

fn late(requests: Requests) -> Fault {
    requests.delay_answer(Duration::from_millis(100))
}

#[tokio::test(start_paused = true)]
async fn a_slow_broker_gets_fewer_of_the_records_without_a_key() {
    let (slow, others) = spread(Sticky::default(), Some(late)).await;
    assert!(slow * 5 < others && slow > 0, "{slow} to the slow one, {others} to two others");
    let indifferent = Sticky { adaptive: false, ..Sticky::default() };
    let (slow, others) = spread(indifferent, Some(late)).await;
    assert!(slow * 3 > others, "{slow} to the slow one, {others} to two others");
    let (one, others) = spread(Sticky::default(), None).await;
    assert!(one * 3 > others && one < others, "{one} and {others} when nobody is slow");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_takes_nothing_for_long_gets_no_more() {
    let availability_timeout = Duration::from_millis(200);
    let (slow, _) = spread(
        Sticky { availability_timeout, ..Sticky::default() },
        Some(Requests::execute_then_hang),
    )
    .await;
    // In those 200 ms it may get a few turns of eight to sixteen records each.
    assert!(slow < 100, "{slow} to the broker that hangs");
    let (patient, _) = spread(Sticky::default(), Some(Requests::execute_then_hang)).await;
    assert!(patient > slow, "{patient} without the limit, {slow} with it");
}

#[tokio::test(start_paused = true)]
async fn what_is_spread_turns_when_a_batch_is_full_and_not_before() {
    let world = World::new(6).await;
    let config = ProducerConfig { batch_bytes_max: 8 << 10, ..ProducerConfig::default() };
    let producer = world.client.producer().config(config).build().await.unwrap();
    // About 8.3 records of a batch's size a linger: each batch ends by its bytes.
    let mut turns = Vec::new();
    for _ in 0..800 {
        let delivery = producer.enqueue(Record::to("t").value(&[b'v'; 1000])).await.unwrap();
        match turns.last_mut() {
            Some((partition, records)) if *partition == delivery.partition() => *records += 1,
            _ => turns.push((delivery.partition(), 1)),
        }
    }
    producer.close().await.unwrap();
    // Two turns in a row may be of one partition.
    assert!(turns.iter().all(|(_, records)| records % 8 == 0), "{turns:?}");
    assert!(turns.len() > 70, "{turns:?}");
    for partition in 0..6 {
        assert!(turns.iter().filter(|(to, _)| *to == partition).count() > 5, "{turns:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn brokers_of_the_rack_come_before_others_while_there_are_some() {
    let builder = TestCluster::builder().brokers(3).replication_default(1).topic("t", 6);
    let world = World::of(builder.rack(1, "a").rack(2, "b").rack(3, "b")).await;
    let leader = |partition| world.cluster.leader("t", partition);
    let spread = async |seed| {
        let builder = Client::builder(world.cluster.bootstrap()).env(world.cluster.env(seed));
        let client = builder.connect().await.unwrap();
        let sticky = Sticky { rack: Some("a".into()), ..Sticky::default() };
        let config = ProducerConfig {
            partitioner: Partitioner::Sticky(sticky),
            batch_bytes_max: 1 << 10,
            ..ProducerConfig::default()
        };
        let producer = client.producer().config(config).build().await.unwrap();
        let mut found: BTreeMap<i32, u32> = BTreeMap::new();
        for _ in 0..200 {
            let delivery = producer.enqueue(Record::to("t").value(&[b'v'; 600])).await.unwrap();
            *found.entry(delivery.partition()).or_default() += 1;
        }
        producer.close().await.unwrap();
        found
    };
    let found = spread(8).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.keys().all(|partition| leader(*partition) == Some(1)), "{found:?}");
    world.cluster.kill_broker(1);
    let found = spread(9).await;
    assert_eq!(found.len(), 4, "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_lingered_out_leaves_no_half_of_one_behind() {
    let world = World::new(6).await;
    let config = ProducerConfig { batch_bytes_max: 8 << 10, ..ProducerConfig::default() };
    let producer = world.client.producer().config(config).build().await.unwrap();
    let send = async || {
        let record = Record::to("t").value(&[b'v'; 1000]);
        producer.enqueue(record).await.unwrap().partition()
    };
    let first = send().await;
    for _ in 0..5 {
        assert_eq!(send().await, first);
    }
    // Six of eight leave for their time is up.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut turns = Vec::new();
    for _ in 0..200 {
        let partition = send().await;
        match turns.last_mut() {
            Some((to, records)) if *to == partition => *records += 1,
            _ => turns.push((partition, 1)),
        }
    }
    producer.close().await.unwrap();
    assert_eq!(
        turns.first().map(|(to, records)| (*to, records % 8)),
        Some((first, 0)),
        "{turns:?}"
    );
    let sizes: Vec<_> = (0..6).flat_map(|p| world.cluster.batches("t", p)).collect();
    let small = sizes.iter().filter(|batch| batch.bytes().len() < 8000).count();
    assert_eq!(small, 1, "the one whose time was up");
}
