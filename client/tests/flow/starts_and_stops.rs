//! A consumer starts where it is told and stops at the end, or says why not.

use std::time::Duration;

use kurier_client::consumer::{Consumer, ConsumerConfig, OffsetReset, Start, Stop};
use kurier_client::producer::Record;
use kurier_client::{Client, Error};
use kurier_testkit::TestCluster;
use tokio::time::Instant;

use crate::world::{World, read_all};

/// Ten records whose timestamps are 100, 200, and so on.
async fn ten_records(release: &str) -> World {
    let world = World::of(TestCluster::builder().release(release).topic("t", 1)).await;
    let producer = world.client.producer().batch_bytes_max(150).build().await.unwrap();
    for n in 1..=10 {
        let value = n.to_string();
        let record = Record::to("t").timestamp(n * 100).value(&value);
        drop(producer.enqueue(record).await.unwrap());
    }
    producer.close().await.unwrap();
    world
}

fn from(world: &World, start: Start) -> Consumer {
    let builder = world.client.consumer().assign([("t", 0, start)]).stop(Stop::End);
    builder.start().unwrap()
}

async fn offsets(mut consumer: Consumer) -> Vec<i64> {
    read_all(&mut consumer).await.unwrap().iter().map(|(_, offset, _)| *offset).collect()
}

#[tokio::test(start_paused = true)]
async fn starts_at_an_offset_a_time_or_an_end() {
    for release in ["0.10.0", "0.10.1", "0.11.0", "2.0", "4.4"] {
        let world = ten_records(release).await;
        let check = async |start, wanted: std::ops::Range<i64>| {
            let wanted: Vec<_> = wanted.collect();
            assert_eq!(offsets(from(&world, start)).await, wanted, "{release} {start:?}");
        };
        check(Start::Earliest, 0..10).await;
        check(Start::Latest, 10..10).await;
        check(Start::Offset(3), 3..10).await;
        check(Start::Offset(10), 10..10).await;
        if release == "0.10.0" {
            let error = from(&world, Start::Timestamp(250)).next().await.unwrap().unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
            continue;
        }
        check(Start::Timestamp(1000), 9..10).await;
        check(Start::Timestamp(1001), 10..10).await;
        check(Start::Timestamp(0), 0..10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_topic_ends_at_once() {
    let world = World::new(5).await;
    let start = Instant::now();
    assert!(read_all(&mut world.reader()).await.unwrap().is_empty());
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn goes_on_when_it_is_not_to_stop() {
    let world = ten_records("4.4").await;
    let builder = world.client.consumer().topics(["t"], Start::Latest);
    let mut consumer = builder.start().unwrap();
    let producer = world.producer().await;
    let send_later = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        producer.send(Record::to("t").value("later")).await.unwrap();
    };
    let (batch, ()) = tokio::join!(consumer.next(), send_later);
    let batch = batch.unwrap().unwrap();
    let record = batch.records().next().unwrap().unwrap();
    assert_eq!((record.offset, record.value), (10, Some(&b"later"[..])));
    assert_eq!((batch.high_watermark(), batch.next_offset()), (11, 11));
}

#[tokio::test(start_paused = true)]
async fn an_offset_out_of_range_is_an_error_unless_told_otherwise() {
    let world = ten_records("4.4").await;
    world.cluster.set_log_start("t", 0, 4);
    for start in [Start::Offset(1), Start::Offset(99)] {
        let mut consumer = world.client.consumer().assign([("t", 0, start)]).start().unwrap();
        let text = consumer.next().await.unwrap().unwrap_err().to_string();
        assert!(
            text.contains("OFFSET_OUT_OF_RANGE") && text.contains("auto.offset.reset"),
            "{text}"
        );
        assert!(consumer.next().await.is_none(), "nothing is left to be read");
        consumer.seek("t", 0, Start::Earliest).unwrap();
        assert_eq!(consumer.next().await.unwrap().unwrap().first_offset(), 4);
    }
    let builder = world.client.consumer().assign([("t", 0, Start::Offset(1))]).stop(Stop::End);
    let reset = builder.offset_reset(OffsetReset::Earliest).start().unwrap();
    assert_eq!(offsets(reset).await, (4..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_named_and_the_rest_is_read() {
    let world = ten_records("4.4").await;
    let builder = world.client.consumer().stop(Stop::End);
    let builder = builder.assign([("t", 0, Start::Earliest), ("t", 7, Start::Earliest)]);
    let mut consumer = builder.topics(["none"], Start::Earliest).start().unwrap();
    let (mut errors, mut batches) = (Vec::new(), 0);
    while let Some(next) = consumer.next().await {
        match next {
            Ok(_) => batches += 1,
            Err(error) => errors.push(error.to_string()),
        }
    }
    errors.sort();
    assert!(batches > 0);
    let [none, partition] = &errors[..] else { panic!("{errors:?}") };
    assert!(none.contains("topic none does not exist"), "{none}");
    assert!(partition.contains("no partition 7: it has 1"), "{partition}");
}

#[tokio::test(start_paused = true)]
async fn brokers_that_are_away_at_the_start_are_waited_for() {
    let world = ten_records("4.4").await;
    let builder = Client::builder(world.cluster.bootstrap()).env(world.cluster.env(8));
    let client = builder.connect().await.unwrap();
    world.cluster.kill_broker(1);
    let config = ConsumerConfig { outage_max: Duration::from_secs(5), ..ConsumerConfig::default() };
    let builders = [
        client.consumer().config(config.clone()).topics(["t"], Start::Earliest),
        client.consumer().config(config).assign([("t", 0, Start::Earliest)]),
    ];
    let mut consumers = builders.map(|builder| builder.stop(Stop::End).start().unwrap());
    for consumer in &mut consumers {
        let error = consumer.next().await.unwrap().unwrap_err();
        assert!(error.is_retriable(), "{error}");
    }
    world.cluster.restart_broker(1);
    for consumer in &mut consumers {
        let mut read = 0;
        while let Some(next) = consumer.next().await {
            // Perhaps it was told twice before the broker came back.
            read += next.map_or(0, |batch| batch.records().count());
        }
        assert_eq!(read, 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_assignment_is_refused() {
    let world = World::new(1).await;
    let refused = |builder: kurier_client::consumer::ConsumerBuilder| {
        let error = builder.start().unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
    };
    let new = || world.client.consumer();
    refused(new());
    refused(new().assign([("t", 0, Start::Offset(-1))]));
    refused(new().assign([("t", 0, Start::Earliest), ("t", 0, Start::Latest)]));
    refused(new().assign([("t", 0, Start::Earliest)]).topics(["t"], Start::Latest));
}

#[tokio::test(start_paused = true)]
async fn the_end_is_where_the_log_ended_at_the_start() {
    let world = ten_records("4.4").await;
    let mut consumer = world.reader();
    let first = consumer.next().await.unwrap().unwrap();
    let producer = world.producer().await;
    producer.send(Record::to("t").value("too late")).await.unwrap();
    let rest = read_all(&mut consumer).await.unwrap();
    assert_eq!(first.first_offset(), 0);
    assert_eq!(rest.last().unwrap().1, 9);
}

/// Whoever works slower than what comes never finds nothing there.
#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_told_while_records_come() {
    let world = World::new(1).await;
    let producer = world.client.producer().linger(Duration::ZERO).build().await.unwrap();
    for _ in 0..500 {
        producer.send(Record::to("t").value("v")).await.unwrap();
    }
    let consumer = world.client.consumer().topics(["t", "none"], Start::Earliest);
    let mut consumer = consumer.start().unwrap();
    let mut batches = 0;
    let error = loop {
        match consumer.next().await.unwrap() {
            Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => break error,
        }
        batches += 1;
    };
    assert_eq!(error.kind(), kurier_client::error::ErrorKind::NotFound, "{error}");
    assert!(batches < 100, "{batches} batches came before that");
}
