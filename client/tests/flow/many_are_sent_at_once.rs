//! `send_all` waits for batches, keeps the order, and names each record that was not delivered.

use std::cell::Cell;
use std::error::Error as _;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use kurier_client::Error;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::task::LocalSet;

use crate::world::World;

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

fn last_digit(value: &str) -> &str {
    value.get(value.len() - 1..).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn all_are_there_in_order_when_it_returns() {
    let world = World::new(6).await;
    let producer = world.client.producer().batch_bytes_max(1 << 10).build().await.unwrap();
    let values = numbers(0..5000);
    let records = values.iter().map(|value| Record::to("t").key(last_digit(value)).value(value));
    let sent = producer.send_all(records).await.unwrap();
    assert_eq!(sent, 5000);
    let mut all = Vec::new();
    for partition in 0..6 {
        let log = world.log(partition);
        for key in 0..10 {
            let of_key: Vec<_> = log.iter().filter(|n| **n % 10 == key).collect();
            assert!(of_key.is_sorted(), "key {key} of partition {partition}");
        }
        all.extend(log);
    }
    all.sort_unstable();
    assert_eq!(all, (0..5000).collect::<Vec<_>>());
    assert_eq!(producer.send_all([]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn records_that_cannot_be_sent_are_named_and_keep_no_other_back() {
    let world = World::new(2).await;
    let producer = world.producer().await;
    let large = vec![b'v'; 2 << 20];
    let mut records: Vec<_> = (0..8).map(|n| Record::to("t").partition(n % 2).value("1")).collect();
    records[3] = Record::to("t").partition(0).value(&large);
    records[5] = Record::to("t").partition(9).value("1");
    let error = producer.send_all(records).await.unwrap_err();
    let named: Vec<_> = error.failures().map(|(n, why)| (n, why.to_string())).collect();
    assert_eq!((named.len(), named[0].0, named[1].0), (2, 3, 5), "{named:?}");
    assert!(named[0].1.contains("max.request.size"), "{named:?}");
    assert!(named[1].1.contains("no partition 9: it has 2"), "{named:?}");
    assert!(!error.maybe_written() && error.tried() == 8 && error.source().is_none());
    let text = error.to_string();
    assert!(text.starts_with("2 of 8 records were not delivered; record 3: "), "{text}");
    assert!(matches!(Error::from(error), Error::TooLarge { .. }));
    assert_eq!((world.log(0).len(), world.log(1).len()), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn records_that_are_refused_at_once_let_others_run() {
    let world = World::new(1).await;
    let producer = world.producer().await;
    producer.send(Record::to("t").value("1")).await.unwrap();
    let has_run = Rc::new(Cell::new(false));
    let other = LocalSet::new();
    let runs = Rc::clone(&has_run);
    other.spawn_local(async move { runs.set(true) });
    let waits = || (!has_run.get()).then(|| Record::to("t").partition(9));
    let refused = std::iter::from_fn(waits).take(1_000_000);
    let error = other.run_until(producer.send_all(refused)).await.unwrap_err();
    assert!((1..1000).contains(&error.tried()), "{} records kept the thread", error.tried());
}

#[tokio::test(start_paused = true)]
async fn the_records_of_a_batch_that_was_refused_are_named() {
    let world = World::new(3).await;
    let producer = world.client.producer().batch_bytes_max(1 << 10).build().await.unwrap();
    let values = numbers(0..900);
    let of = |(n, value)| Record::to("t").partition(n % 3).value(value);
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let refused = Fault::on(ApiKey::PRODUCE).topic("t").partition(1).skip(2).answer(code);
    world.cluster.fault(refused);
    let error = producer.send_all((0..).zip(&values).map(of)).await.unwrap_err();
    let named: Vec<_> = error.failures().map(|(n, _)| n).collect();
    assert!(named.len() > 10 && named.len() < 100, "one batch: {named:?}");
    assert!(named.iter().all(|n| n % 3 == 1) && named.is_sorted(), "{named:?}");
    assert!(error.failures().all(|(_, why)| why.code() == Some(code)));
    assert!(!error.maybe_written());
    // Those that it does not name were delivered, and no other.
    let mut stored: Vec<_> = (0..3).flat_map(|partition| world.log(partition)).collect();
    stored.extend(named.iter().map(|n| u32::try_from(*n).unwrap()));
    stored.sort_unstable();
    assert_eq!(stored, (0..900).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_may_be_written_is_said_to_be() {
    let world = World::new(1).await;
    let timeout = Duration::from_secs(40);
    let producer = world.client.producer().delivery_timeout(timeout).build().await.unwrap();
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).always().execute_then_hang());
    let error = producer.send_all([Record::to("t").value("1")]).await.unwrap_err();
    assert!(error.maybe_written(), "{error}");
    assert!(!world.log(0).is_empty());
}

/// A cluster whose only broker dies after the first record, and a producer that holds 64 KiB.
async fn small(block_max: Duration) -> (World, kurier_client::Producer) {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
    let config = ProducerConfig {
        buffer_bytes_max: 64 << 10,
        batch_bytes_max: 16 << 10,
        block_max,
        ..ProducerConfig::default()
    };
    let producer = world.client.producer().config(config).build().await.unwrap();
    producer.send(Record::to("t").value("0")).await.unwrap();
    world.cluster.kill_broker(1);
    (world, producer)
}

#[tokio::test(start_paused = true)]
async fn a_buffer_that_stays_full_ends_it_and_the_rest_is_not_tried() {
    let (_world, producer) = small(Duration::from_secs(3)).await;
    let asked = Cell::new(0);
    let value = [b'1'; 1000];
    let records = std::iter::repeat_with(|| {
        asked.set(asked.get() + 1);
        Record::to("t").value(&value)
    });
    let error = producer.send_all(records).await.unwrap_err();
    assert_eq!(error.tried(), asked.get());
    // What waits is bounded by the buffer, however many there are.
    assert!((30..70).contains(&asked.get()), "{}", asked.get());
    let named: Vec<_> = error.failures().map(|(n, _)| n).collect();
    assert_eq!(named, (0..asked.get()).collect::<Vec<_>>());
    let (_, last) = error.failures().last().unwrap();
    assert!(last.to_string().starts_with("no room in the producer's buffer"), "{last}");
    assert!(error.to_string().contains("those behind them were not tried"), "{error}");
    assert!(!error.maybe_written());
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_is_sent_when_it_is_dropped() {
    let (world, producer) = small(Duration::from_secs(60)).await;
    let asked = Cell::new(0);
    let values = numbers(1..1000);
    let padded: Vec<_> = values.iter().map(|value| format!("{value:0>1000}")).collect();
    let records = padded.iter().map(|value| {
        asked.set(asked.get() + 1);
        Record::to("t").value(value)
    });
    {
        let mut sending = pin!(producer.send_all(records));
        let polled = sending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    world.cluster.restart_broker(1);
    producer.close().await.unwrap();
    // The last one that it asked for found no room, and was not taken.
    assert_eq!(world.log(0), (0..asked.get()).collect::<Vec<_>>());
    assert!(asked.get() > 30, "{}", asked.get());
}
