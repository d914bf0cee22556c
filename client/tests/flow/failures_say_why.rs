//! What a program is told of a failure names the cause and what to do about it.

use std::time::Duration;

use kurier_client::Error;
use kurier_client::error::{ErrorKind, Origin};
use kurier_client::producer::{Producer, ProducerConfig, Record};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};

use crate::world::{World, read_all};

#[track_caller]
fn is_told(error: &Error, kind: ErrorKind, texts: &[&str]) {
    let line = error.to_string();
    assert_eq!((error.kind(), error.origin()), (kind, Origin::Broker), "{line}");
    for text in texts {
        assert!(line.contains(text), "{line}");
    }
    assert!(format!("{error:?}").contains(&line), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_acl_that_misses_is_named_by_producer_and_consumer() {
    let world = World::new(1).await;
    let producer = world.producer().await;
    producer.send(Record::to("t").value("1")).await.unwrap();
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).answer(code));
    let refused = producer.send(Record::to("t").value("2")).await.unwrap_err();
    let text = "no ACL allows User:ANONYMOUS to Write the topic: kafka-acls.sh --add \
                --allow-principal User:ANONYMOUS --operation Write --topic t";
    is_told(&refused, ErrorKind::Authorization, &["for partition 0 of topic t", text]);
    assert!(!refused.is_retriable() && !refused.is_fatal() && !refused.maybe_written());
    producer.send(Record::to("t").value("3")).await.unwrap();

    world.cluster.fault(Fault::on(ApiKey::LIST_OFFSETS).always().answer(code));
    let mut reader = world.reader();
    let refused = read_all(&mut reader).await.unwrap_err();
    let text = "--operation Describe --topic t";
    is_told(&refused, ErrorKind::Authorization, &["to ListOffsets", "User:ANONYMOUS", text]);
}

#[tokio::test(start_paused = true)]
async fn with_no_partition_that_can_be_written_every_delivery_ends_in_time_and_says_why() {
    let world = World::new(3).await;
    let timeout = Duration::from_secs(40);
    let producer = world.client.producer().delivery_timeout(timeout).build().await.unwrap();
    producer.send(Record::to("t").partition(0).value("0")).await.unwrap();
    let code = ErrorCode::LEADER_NOT_AVAILABLE;
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).always().answer(code));
    let start = tokio::time::Instant::now();
    let mut deliveries = Vec::new();
    for n in 0..30 {
        let record = Record::to("t").partition(n % 3).value("lost");
        deliveries.push(producer.enqueue(record).await.unwrap());
    }
    for delivery in deliveries {
        let error = delivery.await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::TimedOut, Some(code)), "{error}");
        assert!(error.to_string().contains("LEADER_NOT_AVAILABLE"), "{error}");
    }
    assert!(start.elapsed() <= timeout + Duration::from_secs(1), "{:?}", start.elapsed());
    world.cluster.clear_faults();
    for partition in 0..3 {
        producer.send(Record::to("t").partition(partition).value("1")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_times_out_says_what_stood_in_the_way_and_the_producer_goes_on() {
    let builder = TestCluster::builder().brokers(3).topic("t", 1);
    let world = World::of(builder.topic_config("t", "min.insync.replicas", "2")).await;
    let timeout = Duration::from_secs(40);
    let producer = world.client.producer().delivery_timeout(timeout).build().await.unwrap();
    world.cluster.set_in_sync("t", 0, &[1]);
    let late = producer.send(Record::to("t").value("lost")).await.unwrap_err();
    let texts = ["(the last try: broker answered NOT_ENOUGH_REPLICAS", "start brokers)", "40 s"];
    is_told(&late, ErrorKind::TimedOut, &texts);
    assert_eq!(late.code(), Some(ErrorCode::NOT_ENOUGH_REPLICAS));
    assert!(late.is_retriable() && !late.maybe_written());

    let left = producer.enqueue(Record::to("t").value("left")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let closed = producer.close_within(Duration::from_secs(1)).await.unwrap_err();
    is_told(&closed, ErrorKind::TimedOut, &["(the last try: broker answered NOT_ENOUGH_REPLICAS"]);
    left.await.unwrap_err();

    let producer = world.producer().await;
    world.cluster.set_in_sync("t", 0, &[1, 2]);
    assert_eq!(producer.send(Record::to("t").value("kept")).await.unwrap().offset, 0);
}

/// A producer that waits for five seconds, and has room for a few batches.
async fn hasty(world: &World) -> Producer {
    let config = ProducerConfig {
        block_max: Duration::from_secs(5),
        buffer_bytes_max: 64 << 10,
        batch_bytes_max: 16 << 10,
        ..ProducerConfig::default()
    };
    world.client.producer().config(config).build().await.unwrap()
}

/// What a caller is told that waits in vain.
async fn refusal(producer: &Producer, topic: &str) -> Error {
    loop {
        match producer.enqueue(Record::to(topic).value(&[b'v'; 1000])).await {
            Ok(delivery) => drop(delivery),
            Err(error) => return error,
        }
    }
}

/// Two brokers, and a topic that one of them holds alone.
async fn fragile() -> (World, i32) {
    let builder = TestCluster::builder().brokers(2).replication_default(1).topic("t", 1);
    let world = World::of(builder).await;
    let leader = world.cluster.leader("t", 0).unwrap();
    (world, leader)
}

#[tokio::test(start_paused = true)]
async fn a_buffer_without_room_says_what_keeps_the_records_in_it() {
    let (world, leader) = fragile().await;
    let producer = hasty(&world).await;
    let code = ErrorCode::NOT_ENOUGH_REPLICAS;
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).always().answer(code));
    let late = refusal(&producer, "t").await;
    let text = "no room in the producer's buffer (the last try: broker answered \
                NOT_ENOUGH_REPLICAS to Produce for partition 0 of topic t";
    is_told(&late, ErrorKind::TimedOut, &[text, "within 5 s"]);
    world.cluster.clear_faults();
    producer.send(Record::to("t").value("v")).await.unwrap();

    world.cluster.kill_broker(leader);
    let late = refusal(&producer, "t").await;
    let text = "(the last try: broker answered LEADER_NOT_AVAILABLE to Metadata for partition 0 \
                of topic t";
    is_told(&late, ErrorKind::TimedOut, &[text]);
}

#[tokio::test(start_paused = true)]
async fn metadata_that_does_not_come_names_what_stood_in_the_way() {
    let (world, leader) = fragile().await;
    let producer = hasty(&world).await;
    world.cluster.kill_broker(leader);
    let late = refusal(&producer, "t").await;
    let text = "no usable metadata of topic t (the last try: broker answered \
                LEADER_NOT_AVAILABLE to Metadata for partition 0 of topic t";
    is_told(&late, ErrorKind::TimedOut, &[text, "within 5 s"]);

    world.cluster.kill_broker(3 - leader);
    for topic in ["t", "u"] {
        let late = refusal(&producer, topic).await;
        let line = late.to_string();
        let begin = format!("no usable metadata of topic {topic} (the last try: cannot reach ");
        assert!(line.starts_with(&begin) && line.contains("broker-"), "{line}");
        assert_eq!((late.kind(), late.origin()), (ErrorKind::TimedOut, Origin::Network), "{line}");
    }
}
