//! What clients did can be counted, read and judged.

use std::time::Duration;

use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, Isolation, Requests, TestCluster};

#[tokio::test(start_paused = true)]
async fn requests_connections_and_bytes_are_counted() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    for _ in 0..2 {
        let mut peer = cluster.connect(1).await.unwrap();
        assert!(peer.produce("t", 0, "x").await.unwrap().is_ok());
        assert!(peer.fetch("t", 0, 0).await.unwrap().is_ok());
    }
    let counters = cluster.counters();
    assert_eq!((counters.connections, counters.of(ApiKey::PRODUCE)), (2, 2));
    assert_eq!(counters.requests.get(&(1, ApiKey::FETCH)), Some(&2));
    let bodies: usize = cluster.requests().iter().map(|request| request.body.len()).sum();
    assert_eq!(counters.request_bytes, bodies as u64);
    assert!(counters.answer_bytes > 0);
}

#[cfg(feature = "json")]
#[tokio::test(start_paused = true)]
async fn a_request_reads_as_the_json_of_kafka() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    assert!(cluster.connect(1).await.unwrap().fetch("t", 0, 7).await.is_ok());
    let json = cluster.requests()[0].json().unwrap();
    assert_eq!(json["topics"][0]["partitions"][0]["fetchOffset"], 7);
}

#[tokio::test(start_paused = true)]
async fn a_test_can_wait_for_requests() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let fetches = Requests::of(ApiKey::FETCH);
    let mut peer = cluster.connect(1).await.unwrap();
    let (_, sent) = tokio::join!(cluster.wait_for_requests(&fetches, 2), async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(peer.fetch("t", 0, 0).await.is_ok());
        }
        cluster.requests_of(&fetches).len()
    });
    assert_eq!(sent, 2);
    cluster.wait_for_requests(&fetches, 2).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "3 requests within 1s, and 2 are allowed:\n  at 5s: Fetch v12 from \
                           \"peer\" to broker 1 (connection 1)\n  at 5s")]
async fn who_asks_too_often_is_listed() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let mut peer = cluster.connect(1).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    for _ in 0..3 {
        assert!(peer.fetch("t", 0, 0).await.is_ok());
    }
    assert!(peer.produce("t", 0, "x").await.is_ok());
    cluster.assert_at_most(3, &Fault::on(ApiKey::FETCH), Duration::from_secs(1));
    cluster.assert_at_most(2, &Fault::on(ApiKey::FETCH), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "3 requests are waited for, and 2 are kept")]
async fn who_waits_for_more_requests_than_are_kept_is_told() {
    let cluster = TestCluster::builder().requests_kept(2).build();
    cluster.wait_for_requests(&Requests::of(ApiKey::METADATA), 3).await;
}

#[tokio::test(start_paused = true)]
async fn stored_records_are_more_than_what_is_read() {
    let cluster = TestCluster::builder().brokers(2).topic("t", 1).build();
    let mut peer = cluster.connect(cluster.leader("t", 0).unwrap()).await.unwrap();
    assert_eq!(peer.produce("t", 0, "a").await.unwrap(), Ok(0));
    let follower = 3 - cluster.leader("t", 0).unwrap();
    cluster.hold_follower("t", 0, follower);
    let late = peer.produce("t", 0, "b");
    let not_answered = tokio::time::timeout(Duration::from_millis(1), late).await;
    assert!(not_answered.is_err(), "{not_answered:?}");
    assert_eq!(cluster.stored_records("t", 0).len(), 2);
    assert_eq!(cluster.read("t", 0, Isolation::Uncommitted).len(), 1);
}
