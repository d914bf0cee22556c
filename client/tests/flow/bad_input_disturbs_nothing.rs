//! What cannot be sent is an error at the call that names the remedy, and nobody else notices.

use std::time::Duration;

use kurier_client::Error;
use kurier_client::producer::{Partitioner, Producer, ProducerConfig, Record, TryEnqueueError};
use kurier_protocol::ErrorCode;
use kurier_testkit::TestCluster;
use tokio::time::Instant;

use crate::world::World;

/// Tries to send a record, between two others of the same batch that get through.
async fn refused(world: &World, producer: &Producer, bad: Record<'_>, texts: &[&str]) {
    let before = producer.enqueue(Record::to("t").partition(0).value("1")).await.unwrap();
    let error = producer.enqueue(bad.clone()).await.unwrap_err();
    let text = error.to_string();
    for part in texts {
        assert!(text.contains(part), "{text}");
    }
    assert!(!error.maybe_written(), "{text}");
    let again = producer.try_enqueue(bad);
    assert!(
        matches!(again, Err(TryEnqueueError::Failed(_) | TryEnqueueError::NewTopic(_))),
        "{again:?}"
    );
    let after = producer.enqueue(Record::to("t").partition(0).value("2")).await.unwrap();
    let (before, after) = (before.await.unwrap(), after.await.unwrap());
    assert_eq!(before.offset + 1, after.offset, "{text}");
    assert_eq!(world.cluster.stored_records("t", 0).len() as i64, after.offset + 1, "{text}");
}

#[tokio::test(start_paused = true)]
async fn records_that_no_broker_would_take() {
    let world = World::of(TestCluster::builder().topic("t", 2).auto_create(false)).await;
    let config = ProducerConfig { block_max: Duration::from_secs(2), ..Default::default() };
    let producer = world.client.producer().config(config).build().await.unwrap();
    let refused = async |bad, texts: &[&str]| refused(&world, &producer, bad, texts).await;
    let large = vec![b'v'; 1 << 20];
    refused(
        Record::to("t").partition(0).value(&large),
        &["record of 10486", "over the limit of 1048576", "raise request_bytes_max"],
    )
    .await;
    refused(
        Record::to("none").value("1"),
        &["topic none does not exist", "create it; reading never does"],
    )
    .await;
    refused(
        Record::to("t").partition(2).value("1"),
        &["topic t has no partition 2: it has 2, counted from 0"],
    )
    .await;
    refused(Record::to("t").partition(-1).value("1"), &["topic t has no partition -1"]).await;
    refused(
        Record::to("t").timestamp(-2).value("1"),
        &["timestamp: -2 lies before 1970", "milliseconds since 1970, or -1 for none"],
    )
    .await;
    let start = Instant::now();
    refused(Record::to("").value("1"), &["topic: the name is empty; name the topic that is meant"])
        .await;
    let several = [Record::to("").value("1"), Record::to("t").partition(1).value("2")];
    let error = producer.send_all(several).await.unwrap_err();
    assert_eq!(error.failures().map(|(record, _)| record).collect::<Vec<_>>(), [0]);
    assert!(start.elapsed() < Duration::from_secs(1), "an empty name is refused at once");
    let none = producer.send(Record::to("t").partition(1).timestamp(-1)).await.unwrap();
    assert_eq!(none.timestamp, -1, "Kafka's own number for no timestamp");
}

#[tokio::test(start_paused = true)]
async fn a_time_that_the_broker_refuses_is_told_apart_from_its_neighbours() {
    let world = World::new(1).await;
    let producer = world.producer().await;
    let far = i64::MAX / 2;
    let good = producer.enqueue(Record::to("t").value("1")).await.unwrap();
    let bad = producer.enqueue(Record::to("t").timestamp(far).value("2")).await.unwrap();
    let (good, bad) = (good.await.unwrap_err(), bad.await.unwrap_err());
    for error in [&good, &bad] {
        assert_eq!(error.code(), Some(ErrorCode::INVALID_TIMESTAMP), "{error}");
        assert!(error.to_string().contains("message.timestamp.after.max.ms"), "{error}");
        assert!(!error.maybe_written(), "{error}");
    }
    assert!(good.to_string().contains("another record"), "{good}");
    assert!(!bad.to_string().contains("another record"), "{bad}");
    assert_eq!(producer.send(Record::to("t").value("3")).await.unwrap().offset, 0);
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_is_closed() {
    let world = World::new(1).await;
    let (closed, open) = (world.producer().await, world.producer().await);
    closed.close().await.unwrap();
    let error = closed.send(Record::to("t").value("1")).await.unwrap_err();
    assert_eq!(error.to_string(), "the producer is closed; make a new one");
    let error = closed.send_all([Record::to("t").value("1")]).await.unwrap_err();
    assert!(error.to_string().ends_with("record 0: the producer is closed; make a new one"));
    let tried = closed.try_enqueue(Record::to("t").value("1"));
    assert!(matches!(tried, Err(TryEnqueueError::Failed(Error::Closed { .. }))), "{tried:?}");
    open.send(Record::to("t").value("1")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn settings_that_contradict_each_other() {
    let world = World::new(1).await;
    let second = Duration::from_secs(1);
    let of = ProducerConfig::default;
    for (config, texts) in [
        (
            ProducerConfig { delivery_timeout: second, ..of() },
            ["delivery_timeout (delivery.timeout.ms): 1s is less than", "raise delivery"],
        ),
        (
            ProducerConfig { in_flight_max: 0, ..of() },
            ["in_flight_max (max.in.flight.requests.per.connection)", "must be at least 1"],
        ),
        (
            ProducerConfig { partitioner: Partitioner::Fixed(-1), ..of() },
            ["partitioner: partition -1", "counted from 0"],
        ),
        (
            ProducerConfig { buffer_bytes_max: 1, ..of() },
            ["buffer_bytes_max (buffer.memory): 1 is not within", "65536"],
        ),
    ] {
        let error = world.client.producer().config(config).build().await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        let text = error.to_string();
        assert!(texts.iter().all(|part| text.contains(part)), "{text}");
    }
    world.producer().await.send(Record::to("t").value("1")).await.unwrap();
}
