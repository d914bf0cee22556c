//! Brokers that are paused: who waits for them, until when, and who takes their place.

use std::time::Duration;

use crate::peer::{PRODUCE, produce, stored};
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::{Instant, sleep};

/// How long the controller waits for a silent broker.
const SESSION: Duration = Duration::from_secs(9);
const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_paused_broker_is_fenced_after_its_session_and_comes_back() {
    let cluster = TestCluster::builder().brokers(3).topic("t", 1).build();
    cluster.move_coordinator("g", 1);
    let seen = || (cluster.leader("t", 0), cluster.leader_epoch("t", 0), cluster.in_sync("t", 0));
    cluster.pause_broker(1);
    sleep(SESSION - MILLISECOND).await;
    assert_eq!((seen(), cluster.coordinator("g")), ((Some(1), 0, vec![1, 2, 3]), Some(1)));
    sleep(MILLISECOND).await;
    assert_eq!((seen(), cluster.coordinator("g")), ((Some(2), 1, vec![2, 3]), Some(2)));
    assert_eq!(cluster.connect(2).await.unwrap().produce("t", 0, "a").await.unwrap(), Ok(0));

    cluster.resume_broker(1);
    assert_eq!(seen(), (Some(2), 1, vec![1, 2, 3]));
    let old = cluster.connect(1).await.unwrap().produce("t", 0, "b").await.unwrap();
    assert_eq!(old, Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
}

#[tokio::test(start_paused = true)]
async fn a_write_waits_for_a_paused_follower_until_that_goes_on_or_is_fenced() {
    let cluster = TestCluster::builder().brokers(2).topic("t", 1).build();
    let mut peer = cluster.connect(1).await.unwrap();
    let request = ProduceRequest { timeout_ms: 60_000, ..produce("x") };
    let short = Duration::from_secs(3);
    for (pause, waits) in [(short, short), (10 * SESSION, SESSION)] {
        cluster.pause_broker(2);
        let began = Instant::now();
        let write = async {
            let answer = peer.call(PRODUCE, &request).await.unwrap();
            (stored(&answer).is_ok(), began.elapsed())
        };
        let resume = async {
            sleep(pause).await;
            cluster.resume_broker(2);
        };
        assert_eq!(tokio::join!(write, resume).0, (true, waits));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_late_waits_until_the_paused_broker_goes_on() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    cluster.fault(Fault::on(ApiKey::PRODUCE).close_then_execute(MILLISECOND));
    assert!(cluster.connect(1).await.unwrap().produce("t", 0, "x").await.is_err());
    cluster.pause_broker(1);
    sleep(SESSION / 2).await;
    assert_eq!(cluster.log_end("t", 0), 0);
    cluster.resume_broker(1);
    sleep(2 * MILLISECOND).await;
    assert_eq!(cluster.log_end("t", 0), 1);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_made_meanwhile_waits_for_the_paused_broker_too() {
    let cluster = TestCluster::builder().brokers(2).build();
    cluster.pause_broker(2);
    cluster.create_topic("t", 1);
    let mut peer = cluster.connect(1).await.unwrap();
    let answer = peer.call(PRODUCE, &produce("x")).await.unwrap();
    assert_eq!(stored(&answer), Err(ErrorCode::REQUEST_TIMED_OUT));
    assert_eq!((cluster.log_end("t", 0), cluster.high_watermark("t", 0)), (1, 0));
    cluster.resume_broker(2);
    assert_eq!(cluster.high_watermark("t", 0), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_waits_for_its_brokers_as_long_as_it_is_told() {
    let cluster = TestCluster::builder().brokers(2).topic("t", 1);
    let cluster = cluster.broker_session_timeout(10 * SESSION).build();
    cluster.pause_broker(1);
    sleep(10 * SESSION - MILLISECOND).await;
    assert_eq!(cluster.leader("t", 0), Some(1));
    sleep(MILLISECOND).await;
    assert_eq!(cluster.leader("t", 0), Some(2));
    // Who is started anew was not paused.
    cluster.restart_broker(1);
    cluster.move_leader("t", 0, 1);
    sleep(20 * SESSION).await;
    assert_eq!(cluster.leader("t", 0), Some(1));
}
