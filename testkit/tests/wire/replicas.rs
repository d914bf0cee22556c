//! Replicas that a test holds back: who waits for them hears at once when they go on.

use std::time::Duration;

use crate::peer::{FETCH, PRODUCE, Peer, fetch, fetched, produce, stored};
use kurier_protocol::ErrorCode;
use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::api::produce::ProduceRequest;
use kurier_testkit::TestCluster;
use tokio::time::{Instant, sleep};

fn cluster() -> TestCluster {
    TestCluster::builder().brokers(3).topic("t", 1).build()
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_replicas_hears_at_once_that_they_have_come() {
    let cluster = cluster();
    let env = cluster.env(1);
    let (mut reader, mut writer) =
        (Peer::connect(&env, 1).await.unwrap(), Peer::connect(&env, 1).await.unwrap());
    cluster.hold_high_watermark("t", 0);
    let start = Instant::now();
    reader.send(FETCH, &fetch(0, 60_000)).await;
    writer.send(PRODUCE, &produce("x")).await;
    sleep(Duration::from_millis(250)).await;
    assert_eq!((cluster.high_watermark("t", 0), cluster.log_end("t", 0)), (0, 1));
    cluster.release_high_watermark("t", 0);
    let (_, answer) = writer.receive::<ProduceRequest>(PRODUCE).await.unwrap();
    assert_eq!(stored(&answer), Ok(0));
    let (_, answer) = reader.receive::<FetchRequest>(FETCH).await.unwrap();
    assert!(fetched(&answer).unwrap() > 0);
    assert_eq!(start.elapsed(), Duration::from_millis(250));
}

#[tokio::test(start_paused = true)]
async fn a_producer_waits_for_replicas_as_long_as_it_says() {
    let cluster = cluster();
    let mut writer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    cluster.hold_follower("t", 0, 2);
    let start = Instant::now();
    let answer = writer.call(PRODUCE, &produce("x")).await.unwrap();
    assert_eq!(stored(&answer), Err(ErrorCode::REQUEST_TIMED_OUT));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn what_only_the_leader_has_dies_with_it() {
    let cluster = cluster();
    let env = cluster.env(1);
    let mut writer = Peer::connect(&env, 1).await.unwrap();
    writer.call(PRODUCE, &produce("kept")).await.unwrap();
    cluster.hold_high_watermark("t", 0);
    let leader_only = ProduceRequest { acks: 1, ..produce("lost") };
    assert_eq!(stored(&writer.call(PRODUCE, &leader_only).await.unwrap()), Ok(1));
    cluster.kill_broker(1);
    assert_eq!((cluster.leader("t", 0), cluster.log_end("t", 0)), (Some(2), 1));
    let mut writer = Peer::connect(&env, 2).await.unwrap();
    cluster.release_high_watermark("t", 0);
    assert_eq!(stored(&writer.call(PRODUCE, &produce("other")).await.unwrap()), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn an_unclean_election_loses_what_the_new_leader_had_not_fetched() {
    let cluster = cluster();
    let env = cluster.env(1);
    let mut writer = Peer::connect(&env, 1).await.unwrap();
    writer.call(PRODUCE, &produce("kept")).await.unwrap();
    cluster.set_in_sync("t", 0, &[1, 3]);
    writer.call(PRODUCE, &produce("lost")).await.unwrap();
    assert_eq!(cluster.high_watermark("t", 0), 2);
    cluster.elect_uncleanly("t", 0, 2);
    assert_eq!((cluster.leader("t", 0), cluster.leader_epoch("t", 0)), (Some(2), 1));
    assert_eq!((cluster.high_watermark("t", 0), cluster.in_sync("t", 0)), (1, vec![1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn old_records_go_at_a_command() {
    let cluster = cluster();
    cluster.set_topic_config("t", "retention.ms", "1000");
    let mut writer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    writer.call(PRODUCE, &produce("x")).await.unwrap();
    // It was written long ago.
    cluster.apply_retention("t");
    assert_eq!((cluster.log_start("t", 0), cluster.log_end("t", 0)), (1, 1));
    assert_eq!(cluster.last_stable_offset("t", 0), 1);
}
