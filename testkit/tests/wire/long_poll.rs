//! A fetch waits for data, not longer than it says, and holds up only its own connection.

use std::time::Duration;

use crate::peer::{FETCH, PRODUCE, Peer, fetch, fetched, produce, stored};
use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::TestCluster;
use tokio::time::{Instant, sleep, timeout};

fn cluster() -> TestCluster {
    TestCluster::builder().brokers(2).topic("t", 1).build()
}

#[tokio::test(start_paused = true)]
async fn a_fetch_without_data_waits_as_long_as_it_says() {
    let cluster = cluster();
    let mut peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    let start = Instant::now();
    let answer = peer.call(FETCH, &fetch(0, 700)).await.unwrap();
    assert_eq!(fetched(&answer), Ok(0));
    assert_eq!(start.elapsed(), Duration::from_millis(700));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_returns_at_once_when_data_arrives() {
    let cluster = cluster();
    let env = cluster.env(1);
    let (mut reader, mut writer) =
        (Peer::connect(&env, 1).await.unwrap(), Peer::connect(&env, 1).await.unwrap());
    let start = Instant::now();
    reader.send(FETCH, &fetch(0, 60_000)).await;
    sleep(Duration::from_millis(250)).await;
    assert_eq!(stored(&writer.call(PRODUCE, &produce("x")).await.unwrap()), Ok(0));
    let (_, answer) = reader.receive::<FetchRequest>(FETCH).await.unwrap();
    assert!(fetched(&answer).unwrap() > 0);
    assert_eq!(start.elapsed(), Duration::from_millis(250));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_waits_for_as_many_bytes_as_it_wants() {
    let cluster = cluster();
    let env = cluster.env(1);
    let (mut reader, mut writer) =
        (Peer::connect(&env, 1).await.unwrap(), Peer::connect(&env, 1).await.unwrap());
    writer.call(PRODUCE, &produce("x")).await.unwrap();
    let one = fetched(&reader.call(FETCH, &fetch(0, 0)).await.unwrap()).unwrap();
    let min_bytes = i32::try_from(3 * one).unwrap();
    let start = Instant::now();
    reader.send(FETCH, &FetchRequest { min_bytes, ..fetch(0, 60_000) }).await;
    for _ in 0..2 {
        sleep(Duration::from_millis(100)).await;
        writer.call(PRODUCE, &produce("x")).await.unwrap();
    }
    let (_, answer) = reader.receive::<FetchRequest>(FETCH).await.unwrap();
    assert_eq!(fetched(&answer), Ok(3 * one));
    assert_eq!(start.elapsed(), Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_fetch_learns_at_once_that_the_leader_has_moved() {
    let cluster = cluster();
    let mut peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    let mut old = Peer::connect(&cluster.env(1), 1).await.unwrap();
    let start = Instant::now();
    let mut request = fetch(0, 60_000);
    // Who knows of followers (version 11) may go on reading from one, unless it names the epoch.
    old.send(10, &request).await;
    request.topics[0].partitions[0].current_leader_epoch = 0;
    peer.send(FETCH, &request).await;
    sleep(Duration::from_millis(10)).await;
    cluster.move_leader("t", 0, 2);
    let (_, answer) = peer.receive::<FetchRequest>(FETCH).await.unwrap();
    assert_eq!(fetched(&answer), Err(ErrorCode::FENCED_LEADER_EPOCH));
    let (_, answer) = old.receive::<FetchRequest>(10).await.unwrap();
    assert_eq!(fetched(&answer), Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
    assert_eq!(start.elapsed(), Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn requests_behind_a_fetch_wait_for_it() {
    let cluster = cluster();
    let mut peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    let start = Instant::now();
    let first = peer.send(FETCH, &fetch(0, 500)).await;
    let second = peer.send(7, &MetadataRequest::default()).await;
    let third = peer.send(PRODUCE, &produce("x")).await;
    assert_eq!(peer.receive::<FetchRequest>(FETCH).await.unwrap().0, first);
    assert_eq!(start.elapsed(), Duration::from_millis(500));
    assert_eq!(peer.receive::<MetadataRequest>(7).await.unwrap().0, second);
    let (id, answer) = peer.receive::<ProduceRequest>(PRODUCE).await.unwrap();
    assert_eq!((id, stored(&answer)), (third, Ok(0)));
    assert_eq!(start.elapsed(), Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_request_behind_a_fetch_is_not_executed_before_it_is_answered() {
    let cluster = cluster();
    let mut peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    peer.send(FETCH, &fetch(0, 500)).await;
    peer.send(PRODUCE, &produce("x")).await;
    sleep(Duration::from_millis(499)).await;
    assert_eq!(cluster.high_watermark("t", 0), 0);
    let apis: Vec<_> = cluster.requests().iter().map(|request| request.api).collect();
    assert_eq!(apis, [ApiKey::FETCH]);
    sleep(Duration::from_millis(2)).await;
    assert_eq!(cluster.high_watermark("t", 0), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_ends_when_its_client_goes() {
    let cluster = cluster();
    let env = cluster.env(1);
    let mut peer = Peer::connect(&env, 1).await.unwrap();
    peer.send(FETCH, &fetch(0, i32::MAX)).await;
    // The write half goes, as if the client had half closed its socket: what is there is sent.
    tokio::io::AsyncWriteExt::shutdown(&mut peer.stream).await.unwrap();
    let answer = timeout(Duration::from_secs(1), peer.receive::<FetchRequest>(FETCH)).await;
    assert_eq!(fetched(&answer.unwrap().unwrap().1), Ok(0));
    assert!(peer.is_closed().await);
}
