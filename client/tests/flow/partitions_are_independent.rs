//! A quiet broker, a paused partition or a seek concerns nobody else.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::consumer::{ConsumerConfig, Start, Stop};
use kurier_client::producer::Record;
use kurier_client::{Client, Error};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::Instant;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_quiet_broker_does_not_delay_a_busy_one() {
    let world = World::new(3).await;
    let producer = world.producer().await;
    // Partition 0 gets records; brokers of the others would answer after ten seconds.
    let config =
        ConsumerConfig { fetch_wait_max: Duration::from_secs(10), ..ConsumerConfig::default() };
    let builder = world.client.consumer().config(config).topics(["t"], Start::Earliest);
    let mut consumer = builder.start().unwrap();
    let start = Instant::now();
    for n in 0..50 {
        producer.send(Record::to("t").partition(0).value("1")).await.unwrap();
        let batch = consumer.next().await.unwrap().unwrap();
        assert_eq!((batch.partition(), batch.first_offset()), (0, n));
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_hangs_does_not_delay_the_others() {
    let world = World::new(3).await;
    let producer = world.producer().await;
    for partition in 0..3 {
        producer.send(Record::to("t").partition(partition).value("1")).await.unwrap();
    }
    let hung = world.cluster.leader("t", 1).unwrap();
    world.cluster.fault(Fault::on(ApiKey::FETCH).broker(hung).execute_then_hang());
    let mut consumer = world.reader();
    let start = Instant::now();
    let mut order = Vec::new();
    while let Some(batch) = consumer.next().await.transpose().unwrap() {
        order.push((batch.partition(), start.elapsed().as_secs()));
    }
    order.sort_unstable_by_key(|(_, at)| *at);
    assert_eq!(order.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [0, 0, 30]);
    assert_eq!(order[2].0, 1);
}

#[tokio::test(start_paused = true)]
async fn seek_and_pause_act_at_once() {
    let world = World::new(2).await;
    let producer = world.producer().await;
    for n in 0..20 {
        producer.send(Record::to("t").partition(n % 2).value("1")).await.unwrap();
    }
    let mut consumer = world.reader();
    let mut first = consumer.next().await.unwrap().unwrap();
    while first.partition() != 0 {
        first = consumer.next().await.unwrap().unwrap();
    }
    consumer.pause("t", 0).unwrap();
    consumer.seek("t", 1, Start::Offset(8)).unwrap();
    assert_eq!(consumer.position("t", 1), Some(8));
    for wanted in [8, 9] {
        let batch = consumer.next().await.unwrap().unwrap();
        assert_eq!((batch.partition(), batch.first_offset()), (1, wanted));
    }
    let nothing = tokio::time::timeout(Duration::from_secs(5), consumer.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    consumer.resume("t", 0).unwrap();
    let batch = consumer.next().await.unwrap().unwrap();
    assert_eq!((batch.partition(), batch.first_offset()), (0, first.next_offset()));
    consumer.seek("t", 3, Start::Earliest).unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn partitions_that_are_added_are_read_and_written() {
    let world = World::new(1).await;
    let producer = world.producer().await;
    producer.send(Record::to("t").value("1")).await.unwrap();
    let builder = world.client.consumer().topics(["t"], Start::Earliest);
    let mut consumer = builder.start().unwrap();
    assert_eq!(consumer.next().await.unwrap().unwrap().partition(), 0);
    let grown = world.client.admin().create_partitions([("t", 2)]).await.unwrap();
    assert!(grown.iter().all(|(_, outcome)| outcome.is_ok()), "{grown:?}");
    // Metadata is asked for again every five minutes.
    tokio::time::sleep(Duration::from_secs(301)).await;
    producer.send(Record::to("t").partition(1).value("2")).await.unwrap();
    assert_eq!(consumer.next().await.unwrap().unwrap().partition(), 1);
}

/// A client that knows no topic yet.
async fn fresh_client(world: &World) -> Client {
    let builder = Client::builder(world.cluster.bootstrap()).env(world.cluster.env(8));
    builder.connect().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn seek_and_pause_count_also_before_the_topic_is_known() {
    let world = World::new(2).await;
    let producer = world.producer().await;
    for n in 0..20 {
        producer.send(Record::to("t").partition(n % 2).value("1")).await.unwrap();
    }
    let all = [("t", 0, Start::Earliest), ("t", 1, Start::Offset(2))];
    let mut consumer = fresh_client(&world).await.consumer().assign(all).start().unwrap();
    consumer.seek("t", 0, Start::Offset(8)).unwrap();
    consumer.pause("t", 1).unwrap();
    for wanted in [8, 9] {
        let batch = consumer.next().await.unwrap().unwrap();
        assert_eq!((batch.partition(), batch.first_offset()), (0, wanted));
    }
    let nothing = tokio::time::timeout(Duration::from_secs(5), consumer.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    consumer.resume("t", 1).unwrap();
    let batch = consumer.next().await.unwrap().unwrap();
    assert_eq!((batch.partition(), batch.first_offset()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_seek_looks_again_for_what_was_not_there() {
    let world = World::new(1).await;
    let all = [("late", 0, Start::Latest), ("t", 1, Start::Latest)];
    let mut consumer = fresh_client(&world).await.consumer().assign(all).start().unwrap();
    // Before the topic is missed, a seek changes nothing about that.
    consumer.seek("late", 0, Start::Latest).unwrap();
    for _ in 0..2 {
        let error = consumer.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::UnknownTopic { .. }), "{error}");
    }
    assert!(consumer.next().await.is_none());
    world.cluster.create_topic("late", 1);
    let producer = world.producer().await;
    producer.send(Record::to("late").value("1")).await.unwrap();
    consumer.seek("late", 0, Start::Earliest).unwrap();
    let batch = consumer.next().await.unwrap().unwrap();
    assert_eq!((batch.topic(), batch.first_offset()), ("late", 0));
    // Still not there: it is said again.
    consumer.seek("t", 1, Start::Earliest).unwrap();
    let error = consumer.next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("no partition 1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_partition_takes_no_room_from_the_others() {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 2)).await;
    let producer = world.client.producer().batch_bytes_max(1 << 10).build().await.unwrap();
    for n in 0..100 {
        let record = Record::to("t").partition(n % 2).value(&[b'1'; 1000]);
        producer.send(record).await.unwrap();
    }
    let config = ConsumerConfig {
        partition_bytes_max: 2000,
        buffer_bytes_max: 4000,
        ..ConsumerConfig::default()
    };
    let both = [("t", 0, Start::Earliest), ("t", 1, Start::Earliest)];
    let mut consumer = world.client.consumer().config(config).assign(both).start().unwrap();
    consumer.pause("t", 1).unwrap();
    // The buffer fills with partition 0; then that is paused, too.
    tokio::time::sleep(Duration::from_secs(5)).await;
    consumer.pause("t", 0).unwrap();
    consumer.resume("t", 1).unwrap();
    for _ in 0..50 {
        let next = tokio::time::timeout(Duration::from_secs(5), consumer.next()).await;
        assert_eq!(next.expect("room for the other").unwrap().unwrap().partition(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn partitions_that_are_added_are_noticed_while_much_else_happens() {
    let world = World::new(1).await;
    let age = Duration::from_secs(1);
    let config = ClientConfig { metadata_age_max: age, ..ClientConfig::default() };
    let builder = Client::builder(world.cluster.bootstrap()).env(world.cluster.env(8));
    let reader = builder.config(config).connect().await.unwrap();
    let mut consumer = reader.consumer().topics(["t"], Start::Earliest).start().unwrap();
    let producer = world.producer().await;
    producer.send(Record::to("t").value("1")).await.unwrap();
    consumer.next().await.unwrap().unwrap();
    let grown = world.client.admin().create_partitions([("t", 2)]).await.unwrap();
    assert!(grown.iter().all(|(_, outcome)| outcome.is_ok()), "{grown:?}");
    // Nothing is paused, but its task looks: whenever a picture comes, it is busy already.
    let consumer = Arc::new(Mutex::new(consumer));
    let busy = Arc::clone(&consumer);
    let ringer = tokio::spawn(poll_fn(move |context| {
        busy.lock().unwrap().resume("t", 0).unwrap();
        context.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    let start = Instant::now();
    while consumer.lock().unwrap().assignment().len() < 2 {
        assert!(start.elapsed() < 2 * age);
        tokio::time::advance(Duration::from_millis(10)).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    ringer.abort();
}

/// A leader that refuses to say where one of its partitions begins or ends.
#[tokio::test(start_paused = true)]
async fn one_whose_offset_is_refused_keeps_no_other_from_starting() {
    for code in [
        ErrorCode::KAFKA_STORAGE_ERROR,
        ErrorCode::OFFSET_NOT_AVAILABLE,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::UNKNOWN_SERVER_ERROR,
    ] {
        for (start, stop) in [
            (Start::Earliest, Stop::Never),
            (Start::Latest, Stop::Never),
            (Start::Earliest, Stop::End),
        ] {
            let world = World::of(TestCluster::builder().brokers(1).topic("t", 3)).await;
            let of_one = Fault::on(ApiKey::LIST_OFFSETS).topic("t").partition(1);
            world.cluster.fault(of_one.always().answer(code));
            let producer = world.producer().await;
            let write = async || {
                for partition in 0..3 {
                    producer.send(Record::to("t").partition(partition).value("1")).await.unwrap();
                }
            };
            write().await;
            let begin = Instant::now();
            let builder = world.client.consumer().topics(["t"], start).stop(stop);
            let mut consumer = builder.start().unwrap();
            if start == Start::Latest {
                tokio::time::sleep(Duration::from_secs(1)).await;
                write().await;
            }
            let mut read = BTreeSet::new();
            let error = loop {
                match consumer.next().await.unwrap() {
                    Ok(batch) => {
                        assert!(begin.elapsed() < Duration::from_secs(2), "{code}: {start:?}");
                        read.insert(batch.partition());
                    }
                    Err(error) => break error,
                }
            };
            assert_eq!(read, BTreeSet::from([0, 2]), "{code}: {start:?}, {error}");
            assert!(error.to_string().contains("partition 1 of topic t"), "{code}: {error}");
        }
    }
}
