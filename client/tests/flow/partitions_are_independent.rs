//! A quiet broker, a paused partition or a seek concerns nobody else.

use std::time::Duration;

use kurier_client::consumer::{ConsumerConfig, Start};
use kurier_client::producer::Record;
use kurier_protocol::ApiKey;
use kurier_testkit::Fault;
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
