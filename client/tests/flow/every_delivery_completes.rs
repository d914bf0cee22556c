//! A delivery always resolves, and says whether the record may be in the log.

use std::time::Duration;

use kurier_client::Error;
use kurier_client::producer::{Acks, Delivery, Record};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::Instant;

use crate::world::World;

async fn only_broker() -> World {
    World::of(TestCluster::builder().brokers(1).topic("t", 2)).await
}

async fn outcome(delivery: Delivery) -> (Error, Duration) {
    let start = Instant::now();
    let error = delivery.await.expect_err("the broker is dead");
    (error, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn when_the_broker_dies_for_good() {
    let world = only_broker().await;
    let producer = world.producer().await;
    producer.send(Record::to("t").partition(0).value("1")).await.unwrap();
    world.cluster.kill_broker(1);
    let delivery = producer.enqueue(Record::to("t").partition(0).value("2")).await.unwrap();
    let (error, after) = outcome(delivery).await;
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(!error.maybe_written(), "nothing was sent: {error}");
    assert_eq!(after.as_secs(), 120, "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn when_the_broker_dies_after_it_has_written() {
    let world = only_broker().await;
    let producer = world.producer().await;
    producer.send(Record::to("t").partition(0).value("1")).await.unwrap();
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).execute_then_hang());
    let delivery = producer.enqueue(Record::to("t").partition(0).value("2")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.cluster.kill_broker(1);
    let (error, _) = outcome(delivery).await;
    assert!(error.maybe_written(), "{error}");
    assert_eq!(world.log(0), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn when_the_broker_refuses() {
    let world = only_broker().await;
    let producer = world.producer().await;
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).answer(code));
    let error = producer.send(Record::to("t").value("1")).await.unwrap_err();
    assert!(!error.maybe_written() && error.to_string().contains("ACL"), "{error}");
    producer.send(Record::to("t").value("2")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn when_no_acknowledgement_was_asked_for() {
    let world = only_broker().await;
    let producer = world.client.producer().acks(Acks::None).build().await.unwrap();
    let mut deliveries = Vec::new();
    for n in 0..100 {
        let value = n.to_string();
        let record = Record::to("t").partition(0).value(&value);
        deliveries.push(producer.enqueue(record).await.unwrap());
    }
    for delivery in deliveries {
        assert_eq!(delivery.await.unwrap().offset, -1);
    }
    producer.close().await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(world.log(0), (0..100).collect::<Vec<_>>());
}

#[test]
fn when_the_runtime_is_gone() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let delivery = first.block_on(async {
        let world = only_broker().await;
        let producer =
            world.client.producer().linger(Duration::from_secs(9)).build().await.unwrap();
        vec![producer.enqueue(Record::to("t").value("1")).await.unwrap()]
    });
    drop(first);
    let error = runtime().block_on(delivery.into_iter().next().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Closed { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn topics_and_partitions_that_do_not_exist_are_named() {
    let world = World::of(TestCluster::builder().topic("t", 2).auto_create(false)).await;
    let producer = world.producer().await;
    let error = producer.send(Record::to("none").value("1")).await.unwrap_err();
    assert!(error.to_string().contains("topic none does not exist"), "{error}");
    let error = producer.send(Record::to("t").partition(2).value("1")).await.unwrap_err();
    assert!(error.to_string().contains("no partition 2: it has 2"), "{error}");
    producer.send(Record::to("t").partition(1).value("1")).await.unwrap();
}
