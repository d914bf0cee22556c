//! The network in memory does what its settings say, to the millisecond.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use kurier_protocol::api::metadata::MetadataRequest;
use kurier_protocol::api::produce::ProduceRequest;
use kurier_testkit::TestCluster;
use kurier_testkit::net::{Answer, Blocked, Connects, Side, Way, What};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, timeout};

use crate::peer::{PRODUCE, Peer, produce, stored};

const MS: Duration = Duration::from_millis(1);

fn cluster() -> TestCluster {
    TestCluster::builder().brokers(2).topic("t", 1).build()
}

async fn append(peer: &mut Peer, value: &str) -> std::io::Result<i64> {
    let answer = peer.call::<ProduceRequest>(PRODUCE, &produce(value)).await?;
    Ok(stored(&answer).unwrap())
}

fn values(cluster: &TestCluster) -> Vec<String> {
    let records = cluster.stored_records("t", 0);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    records.iter().map(|record| text(record.value().unwrap())).collect()
}

async fn leader(cluster: &TestCluster, client: &str) -> Peer {
    let leader = cluster.leader("t", 0).unwrap();
    Peer::connect(&cluster.env_for(client, 1), leader).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn latency_adds_up() {
    let cluster = cluster();
    cluster.network().latency(20 * MS);
    let start = Instant::now();
    let mut peer = leader(&cluster, "a").await;
    assert_eq!(start.elapsed(), 40 * MS, "there and back");
    append(&mut peer, "1").await.unwrap();
    assert_eq!(start.elapsed(), 80 * MS);
    assert_eq!(cluster.requests()[0].at, 60 * MS);
    cluster.network().broker(cluster.leader("t", 0).unwrap()).latency(30 * MS);
    append(&mut peer, "2").await.unwrap();
    assert_eq!(start.elapsed(), 140 * MS);
    cluster.network().calm();
    append(&mut peer, "3").await.unwrap();
    assert_eq!(start.elapsed(), 140 * MS);
}

#[tokio::test(start_paused = true)]
async fn jitter_stays_within_its_limits_and_never_reorders_a_connection() {
    let cluster = cluster();
    cluster.network().latency(MS..=30 * MS);
    let mut peer = leader(&cluster, "a").await;
    let mut took = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        append(&mut peer, "x").await.unwrap();
        took.push(start.elapsed());
    }
    let (least, most) = (took.iter().min().unwrap(), took.iter().max().unwrap());
    assert!(*least >= 2 * MS && *most <= 62 * MS && *most > 2 * *least, "{least:?} {most:?}");
    let mut sent = Vec::new();
    for n in 0..200 {
        sent.push(peer.send(PRODUCE, &produce(&n.to_string())).await);
        sleep(MS).await;
    }
    for id in sent {
        assert_eq!(peer.receive::<ProduceRequest>(PRODUCE).await.unwrap().0, id);
    }
    assert_eq!(values(&cluster)[50..], (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn connections_overtake_each_other() {
    let cluster = cluster();
    cluster.network().latency(MS..=30 * MS);
    let (mut one, mut two) = (leader(&cluster, "a").await, leader(&cluster, "a").await);
    let mut overtaken = 0;
    for _ in 0..50 {
        let (first, second) = tokio::join!(append(&mut one, "first"), append(&mut two, "second"));
        overtaken += usize::from(first.unwrap() > second.unwrap());
    }
    assert!((10..40).contains(&overtaken), "{overtaken} of 50");
}

#[tokio::test(start_paused = true)]
async fn a_partition_holds_requests_until_it_heals() {
    let cluster = cluster();
    let (mut peer, mut other) = (leader(&cluster, "a").await, leader(&cluster, "b").await);
    cluster.network().client("a").partition();
    let mut held = std::pin::pin!(append(&mut peer, "held"));
    assert!(timeout(100_000 * MS, &mut held).await.is_err());
    assert_eq!(append(&mut other, "other").await.unwrap(), 0, "b is not cut off");
    cluster.network().heal();
    assert_eq!(held.await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_way_alone_may_be_cut() {
    let cluster = cluster();
    let mut peer = leader(&cluster, "a").await;
    cluster.network().block(Way::ToClient, Blocked::Held);
    let mut unheard = std::pin::pin!(append(&mut peer, "unheard"));
    assert!(timeout(100 * MS, &mut unheard).await.is_err());
    assert_eq!(values(&cluster), ["unheard"], "the request got through");
    cluster.network().heal();
    assert_eq!(unheard.await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_lost_bytes_is_reset_and_one_that_lost_none_goes_on() {
    let cluster = cluster();
    let (mut peer, mut other) = (leader(&cluster, "a").await, leader(&cluster, "a").await);
    cluster.network().block(Way::ToBroker, Blocked::Lost);
    let mut lost = std::pin::pin!(append(&mut peer, "lost"));
    assert!(timeout(100 * MS, &mut lost).await.is_err());
    cluster.network().heal();
    assert_eq!(lost.await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(append(&mut other, "other").await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_connects_is_refused_or_waits_as_told() {
    let cluster = cluster();
    let (env, network) = (cluster.env(1), cluster.network().broker(1));
    network.latency(10 * MS);
    network.connects(Connects::Refused);
    let start = Instant::now();
    let refused = Peer::connect(&env, 1).await.err().unwrap();
    assert_eq!((refused.kind(), start.elapsed()), (ErrorKind::ConnectionRefused, 20 * MS));
    assert!(Peer::connect(&env, 2).await.is_ok());
    for wait in [|| Connects::Ignored, || Connects::Accepted] {
        network.connects(wait());
        if wait() == Connects::Accepted {
            network.partition();
        }
        let mut waiting = std::pin::pin!(Peer::connect(&env, 1));
        assert!(timeout(100_000 * MS, &mut waiting).await.is_err());
        network.heal();
        let mut peer = waiting.await.unwrap();
        assert_eq!(peer.call(7, &MetadataRequest::default()).await.unwrap().brokers.len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_never_answered_and_never_closed() {
    let cluster = cluster();
    let mut peer = leader(&cluster, "a").await;
    cluster.network().half_open(Side::Broker);
    let mut silent = std::pin::pin!(append(&mut peer, "silent"));
    assert!(timeout(100_000 * MS, &mut silent).await.is_err());
    cluster.network().heal();
    assert!(timeout(100_000 * MS, &mut silent).await.is_err());
    assert_eq!(append(&mut leader(&cluster, "a").await, "new").await.unwrap(), 0);

    let mut peer = leader(&cluster, "a").await;
    cluster.network().half_open(Side::Client);
    assert_eq!(peer.frame().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_reset_ends_both_sides_at_once() {
    let cluster = cluster();
    let mut peer = leader(&cluster, "a").await;
    append(&mut peer, "1").await.unwrap();
    cluster.network().reset();
    assert_eq!(peer.frame().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(append(&mut leader(&cluster, "a").await, "2").await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_news_of_an_end_takes_its_time_too() {
    let cluster = cluster();
    let mut peer = leader(&cluster, "a").await;
    cluster.network().latency(20 * MS);
    cluster.kill_broker(cluster.leader("t", 0).unwrap());
    let start = Instant::now();
    assert!(peer.is_closed().await);
    assert_eq!(start.elapsed(), 20 * MS);
}

#[tokio::test(start_paused = true)]
async fn names_change_over_time_and_for_one_client() {
    let cluster = cluster();
    let nowhere = [192, 0, 2, 1].into();
    cluster.network().resolve(
        "kafka",
        [Answer::Brokers(vec![2, 1]), Answer::Missing, Answer::Addresses(vec![nowhere])],
    );
    cluster.network().client("a").resolve("broker-1", [Answer::Hangs]);
    let (a, b) = (cluster.env_for("a", 1), cluster.env_for("b", 1));
    let ip = |last| SocketAddr::from(([10, 0, 0, last], 9092));
    assert_eq!(a.net().resolve("kafka", 9092).await.unwrap(), [ip(2), ip(1)]);
    let missing = b.net().resolve("kafka", 9092).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    for _ in 0..2 {
        let found = b.net().resolve("kafka", 9092).await.unwrap();
        assert_eq!(found, [SocketAddr::new(nowhere, 9092)]);
        let unreachable = b.net().connect(found[0]).await.err().unwrap();
        assert_eq!(unreachable.kind(), ErrorKind::HostUnreachable);
    }
    assert!(timeout(100_000 * MS, a.net().resolve("broker-1", 9092)).await.is_err());
    assert_eq!(b.net().resolve("broker-1", 9092).await.unwrap(), [ip(1)]);
}

#[tokio::test(start_paused = true)]
async fn narrow_links_take_their_time_and_small_reads_lose_nothing() {
    let cluster = cluster();
    let mut peer = leader(&cluster, "a").await;
    cluster.network().bandwidth(Some(1000));
    let start = Instant::now();
    append(&mut peer, &"x".repeat(3000)).await.unwrap();
    assert!((3100 * MS..3500 * MS).contains(&start.elapsed()), "{:?}", start.elapsed());
    cluster.network().calm();
    cluster.network().read_bytes_max(Some(1));
    append(&mut peer, "small").await.unwrap();
    peer.send(7, &MetadataRequest::default()).await;
    assert_eq!(peer.stream.read(&mut [0; 100]).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_writes_to_a_client_which_has_gone_does_not_hang() {
    let cluster = cluster();
    cluster.network().latency(20 * MS);
    let mut peer = leader(&cluster, "a").await;
    for _ in 0..5000 {
        peer.send(7, &MetadataRequest::default()).await;
    }
    drop(peer);
    sleep(1000 * MS).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

/// Five clients that append, each on its own connection, while the network is not kind.
async fn run(seed: u64) -> (u64, Vec<(Duration, u64, What)>) {
    let chance = std::sync::Arc::new(kurier_env::Seeded::new(seed));
    let cluster = TestCluster::builder().brokers(3).topic("t", 1).chance(chance).build();
    let network = cluster.network();
    network.record();
    network.latency(MS..=30 * MS);
    let mut clients = tokio::task::JoinSet::new();
    for client in ["a", "b", "c", "d", "e"] {
        let mut peer = leader(&cluster, client).await;
        clients.spawn(async move {
            for n in 0..20 {
                if append(&mut peer, &n.to_string()).await.is_err() {
                    return;
                }
            }
        });
    }
    sleep(200 * MS).await;
    network.client("a").reset();
    network.client("b").partition();
    sleep(200 * MS).await;
    network.heal();
    clients.join_all().await;
    let events = network.events().into_iter();
    (network.event_hash(), events.map(|event| (event.at, event.connection, event.what)).collect())
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_events_and_another_one_others() {
    let (hash, events) = run(1).await;
    assert!(events.len() > 100, "{events:?}");
    let again = run(1).await;
    assert_eq!((hash, events), again);
    assert_ne!(hash, run(2).await.0);
}
