//! `flush` and `close` send what is buffered, and so does the task when the producer is dropped.

use std::time::Duration;

use kurier_client::Error;
use kurier_client::producer::{Producer, ProducerConfig, Record};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::Instant;

use crate::world::World;

const HOUR: Duration = Duration::from_secs(3600);

/// A producer that would wait for an hour, with 1000 records in it.
async fn full(world: &World) -> Producer {
    let config = world.producer().await.config().clone();
    let config = ProducerConfig { linger: HOUR, delivery_timeout: 2 * HOUR, ..config };
    let producer = world.client.producer().config(config).build().await.unwrap();
    for n in 0..1000 {
        let value = n.to_string();
        drop(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
    }
    producer
}

fn stored(world: &World) -> usize {
    (0..3).map(|partition| world.log(partition).len()).sum()
}

#[tokio::test(start_paused = true)]
async fn flush_sends_at_once() {
    let world = World::new(3).await;
    let start = Instant::now();
    let producer = full(&world).await;
    producer.flush().await.unwrap();
    assert_eq!(stored(&world), 1000);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    producer.flush().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn close_sends_and_then_takes_no_more() {
    let world = World::new(3).await;
    let producer = full(&world).await;
    producer.clone().close().await.unwrap();
    assert_eq!(stored(&world), 1000);
    let error = producer.enqueue(Record::to("t").value("1")).await.unwrap_err();
    assert!(matches!(error, Error::Closed { what: "producer" }), "{error}");
    assert!(matches!(producer.flush().await, Err(Error::Closed { .. })));
    producer.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn close_tells_that_a_record_failed() {
    let world = World::new(3).await;
    let producer = full(&world).await;
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).always().answer(code));
    let error = producer.close().await.unwrap_err();
    assert!(error.to_string().contains("TOPIC_AUTHORIZATION_FAILED"), "{error}");
}

/// Whoever is asked last may have longer to answer than the record has.
#[tokio::test(start_paused = true)]
async fn close_takes_no_longer_than_the_delivery_timeout() {
    let world = World::new(3).await;
    let config = ProducerConfig {
        request_timeout: Duration::from_secs(10),
        delivery_timeout: Duration::from_secs(12),
        ..ProducerConfig::default()
    };
    let producer = world.client.producer().config(config).build().await.unwrap();
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).always().execute_then_hang());
    drop(producer.enqueue(Record::to("t").value("1")).await.unwrap());
    let start = Instant::now();
    let error = producer.close().await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }) && error.maybe_written(), "{error}");
    assert_eq!(start.elapsed().as_secs(), 12);
}

#[tokio::test(start_paused = true)]
async fn close_within_fails_what_is_left() {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 3)).await;
    let producer = full(&world).await;
    let delivery = producer.enqueue(Record::to("t").value("1")).await.unwrap();
    world.cluster.kill_broker(1);
    let start = Instant::now();
    let error = producer.close_within(Duration::from_secs(2)).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert_eq!(start.elapsed().as_secs(), 2);
    delivery.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_producer_goes_on_sending() {
    let world = World::new(3).await;
    drop(full(&world).await);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stored(&world), 1000);
}

#[test]
fn close_tells_that_the_task_is_gone() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let producer = first.block_on(async {
        let world = World::new(3).await;
        let producer = full(&world).await;
        drop(world);
        producer
    });
    drop(first);
    let error = runtime().block_on(producer.close()).unwrap_err();
    assert!(matches!(error, Error::Closed { what: "producer" }), "{error}");
}
