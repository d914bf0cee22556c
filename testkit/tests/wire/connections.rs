//! A connection that breaks the protocol is closed, and no other; brokers come and go.

use std::io::ErrorKind;
use std::time::Duration;

use crate::peer::{FETCH, PRODUCE, Peer, fetch, fetched, produce, stored};
use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_protocol::{ApiKey, ErrorCode, frame};
use kurier_testkit::TestCluster;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

fn cluster() -> TestCluster {
    TestCluster::builder().brokers(2).topic("t", 1).build()
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_request_close_only_their_connection() {
    let cluster = cluster();
    let env = cluster.env(1);
    let metadata = frame::request(&MetadataRequest::default(), 7, 1, None).unwrap().to_bytes();
    let mut broken = metadata.to_vec();
    broken.truncate(metadata.len() - 1);
    broken[3] -= 1;
    let old_fetch = frame::request(&fetch(0, 0), 3, 1, None).unwrap().to_bytes().to_vec();
    let rows = [
        b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n".to_vec(),
        vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc],
        (-1i32).to_be_bytes().to_vec(),
        0i32.to_be_bytes().to_vec(),
        i32::MAX.to_be_bytes().to_vec(),
        ((100 << 20) + 1i32).to_be_bytes().to_vec(),
        [&4i32.to_be_bytes()[..], &[0xff; 4]].concat(),
        broken,
        old_fetch,
    ];
    let mut other = Peer::connect(&env, 1).await.unwrap();
    other.send(FETCH, &fetch(0, 1000)).await;
    for row in rows {
        let mut peer = Peer::connect(&env, 1).await.unwrap();
        peer.stream.write_all(&row).await.unwrap();
        assert!(peer.is_closed().await, "{row:?}");
    }
    let (_, answer) = other.receive::<FetchRequest>(FETCH).await.unwrap();
    assert_eq!(fetched(&answer), Ok(0));
    assert_eq!(other.call(7, &MetadataRequest::default()).await.unwrap().brokers.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_may_come_byte_by_byte() {
    let cluster = cluster();
    let mut peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    let request = frame::request(&MetadataRequest::default(), 7, 1, None).unwrap().to_bytes();
    for byte in request {
        peer.stream.write_all(&[byte]).await.unwrap();
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(peer.receive::<MetadataRequest>(7).await.unwrap().0, 1);
}

#[tokio::test(start_paused = true)]
async fn many_requests_at_once_are_answered_in_order() {
    let cluster = cluster();
    let mut peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    let mut sent = Vec::new();
    for _ in 0..1000 {
        sent.push(peer.send(7, &MetadataRequest::default()).await);
    }
    for id in sent {
        assert_eq!(peer.receive::<MetadataRequest>(7).await.unwrap().0, id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_request_is_taken_whole() {
    let cluster = cluster();
    cluster.set_topic_config("t", "max.message.bytes", "8000000");
    let mut peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    let value = "x".repeat(5_000_000);
    assert_eq!(stored(&peer.call(PRODUCE, &produce(&value)).await.unwrap()), Ok(0));
    let answer = peer.call(FETCH, &fetch(0, 0)).await.unwrap();
    assert!(fetched(&answer).unwrap() > value.len());
    assert_eq!(cluster.stored_records("t", 0)[0].value(), Some(value.as_bytes()));
}

#[tokio::test(start_paused = true)]
async fn without_acks_there_is_no_answer() {
    let cluster = cluster();
    let mut peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    let mut request = produce("x");
    request.acks = 0;
    peer.send(PRODUCE, &request).await;
    let id = peer.send(7, &MetadataRequest::default()).await;
    assert_eq!(peer.receive::<MetadataRequest>(7).await.unwrap().0, id);
    assert_eq!(cluster.high_watermark("t", 0), 1);
    // A failure cannot be told, so the connection ends.
    cluster.move_leader("t", 0, 2);
    peer.send(PRODUCE, &request).await;
    assert!(peer.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_dead_broker_cuts_its_connections_and_refuses_new_ones() {
    let cluster = cluster();
    let env = cluster.env(1);
    let mut dying = Peer::connect(&env, 1).await.unwrap();
    let mut living = Peer::connect(&env, 2).await.unwrap();
    dying.call(PRODUCE, &produce("kept")).await.unwrap();
    dying.send(FETCH, &fetch(1, 60_000)).await;
    sleep(Duration::from_millis(1)).await;
    cluster.kill_broker(1);
    assert!(dying.is_closed().await);
    let refused = Peer::connect(&env, 1).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(cluster.leader("t", 0), Some(2));
    assert!(fetched(&living.call(FETCH, &fetch(0, 0)).await.unwrap()).unwrap() > 0);
    cluster.restart_broker(1);
    let mut back = Peer::connect(&env, 1).await.unwrap();
    let answer = back.call(PRODUCE, &produce("not here")).await.unwrap();
    assert_eq!(stored(&answer), Err(ErrorCode::NOT_LEADER_OR_FOLLOWER));
}

#[tokio::test(start_paused = true)]
async fn connections_can_be_cut_while_the_broker_goes_on() {
    let cluster = cluster();
    let env = cluster.env(1);
    let mut first = Peer::connect(&env, 1).await.unwrap();
    first.call(7, &MetadataRequest::default()).await.unwrap();
    cluster.drop_connections(1);
    assert!(first.is_closed().await);
    let mut second = Peer::connect(&env, 1).await.unwrap();
    assert_eq!(stored(&second.call(PRODUCE, &produce("x")).await.unwrap()), Ok(0));
}

#[test]
#[should_panic(expected = "there is no broker 3")]
fn connections_of_a_broker_that_is_not_there_cannot_be_cut() {
    cluster().drop_connections(3);
}

#[tokio::test(start_paused = true)]
async fn a_connection_over_which_nothing_comes_is_closed() {
    const MINUTE: Duration = Duration::from_secs(60);
    let idle = ("connections.max.idle.ms", MINUTE.as_millis().to_string());
    let cluster = TestCluster::builder().topic("t", 1).config(idle.0, idle.1).build();
    let env = cluster.env(1);
    let start = Instant::now();
    let mut idle = Peer::connect(&env, 1).await.unwrap();
    let mut busy = Peer::connect(&env, 1).await.unwrap();
    // Who waits for an answer is not idle, nor is a request that comes slowly.
    let mut waiting = Peer::connect(&env, 1).await.unwrap();
    waiting.send(FETCH, &fetch(0, 90_000)).await;
    let mut slow = Peer::connect(&env, 1).await.unwrap();
    let request = frame::request(&MetadataRequest::default(), 7, 1, None).unwrap().to_bytes();
    for byte in request.iter().take(3) {
        slow.stream.write_all(&[*byte]).await.unwrap();
        sleep(MINUTE / 2).await;
        busy.call(7, &MetadataRequest::default()).await.unwrap();
    }
    assert!(idle.is_closed().await);
    assert_eq!(start.elapsed(), MINUTE * 3 / 2, "it was closed before that");
    slow.stream.write_all(&request[3..]).await.unwrap();
    slow.receive::<MetadataRequest>(7).await.unwrap();
    waiting.receive::<FetchRequest>(FETCH).await.unwrap();
    assert!(busy.is_closed().await);
    assert_eq!(start.elapsed(), MINUTE * 5 / 2);
}

#[tokio::test(start_paused = true)]
async fn names_and_addresses_lead_to_brokers_or_to_errors() {
    let cluster = cluster();
    let env = cluster.env(1);
    assert_eq!(cluster.bootstrap(), ["broker-1:9092", "broker-2:9092"]);
    let unknown = env.net().resolve("broker-3", 9092).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    let closed = env.net().resolve("broker-1", 9999).await.unwrap()[0];
    assert!(env.net().connect(closed).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn everything_that_was_asked_is_remembered() {
    let cluster = cluster();
    let env = cluster.env(1);
    let mut peer = Peer::connect(&env, 1).await.unwrap();
    peer.call(7, &MetadataRequest::default()).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let mut other = Peer::connect(&env, 2).await.unwrap();
    other.call(PRODUCE, &produce("x")).await.unwrap();
    let seen: Vec<_> = cluster
        .requests()
        .iter()
        .map(|r| (r.at.as_secs(), r.broker, r.connection, r.api, r.version))
        .collect();
    assert_eq!(seen, [(0, 1, 1, ApiKey::METADATA, 7), (3, 2, 2, ApiKey::PRODUCE, PRODUCE)]);
    assert_eq!(cluster.requests()[0].client_id.as_deref(), Some("peer"));
    assert_eq!(cluster.requests()[0].decode::<MetadataRequest>(), MetadataRequest::default());
    // The batch was refused, as broker 1 leads, and is remembered all the same.
    assert_eq!((cluster.received("t", 0).len(), cluster.batches("t", 0).len()), (1, 0));
}
