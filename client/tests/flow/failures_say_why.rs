//! What a program is told of a failure names the cause and what to do about it.

use std::time::Duration;

use kurier_client::Error;
use kurier_client::error::{ErrorKind, Origin};
use kurier_client::producer::Record;
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
