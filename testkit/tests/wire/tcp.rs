//! Clients reach the brokers through real sockets as well.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::peer::{FETCH, PRODUCE, Peer, fetch, fetched, produce, stored};
use kurier_env::{Env, RealWall};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::TestCluster;

fn cluster() -> TestCluster {
    TestCluster::builder().brokers(2).topic("t", 1).wall(Arc::new(RealWall)).build()
}

async fn connect(address: &str) -> std::io::Result<Peer> {
    let address: SocketAddr = address.parse().unwrap();
    Env::real().net().connect(address).await.map(Peer::over)
}

#[tokio::test]
async fn clients_are_told_the_ports_that_they_can_reach() {
    let cluster = cluster();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let bootstrap = tcp.bootstrap();
    let mut peer = connect(&bootstrap[1]).await.unwrap();
    let metadata = peer.call(7, &MetadataRequest::default()).await.unwrap();
    let told: Vec<_> = metadata.brokers.iter().map(|b| format!("{}:{}", b.host, b.port)).collect();
    assert_eq!(told, bootstrap);
    let mut inside = Peer::connect(&cluster.env(1), 1).await.unwrap();
    let metadata = inside.call(7, &MetadataRequest::default()).await.unwrap();
    assert_eq!(&*metadata.brokers[0].host, "broker-1");
}

#[tokio::test]
async fn clients_are_told_what_is_advertised_in_place_of_where_the_brokers_listen() {
    let three = || TestCluster::builder().brokers(3).wall(Arc::new(RealWall));
    let cluster = three().advertised_host("kafka.test").advertised_port(19_092).build();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let wanted = ["kafka.test:19092", "kafka.test:19093", "kafka.test:19094"];
    assert_eq!(tcp.bootstrap(), wanted);
    let mut peer = connect(&tcp.listening()[2]).await.unwrap();
    let metadata = peer.call(7, &MetadataRequest::default()).await.unwrap();
    let told: Vec<_> = metadata.brokers.iter().map(|b| format!("{}:{}", b.host, b.port)).collect();
    assert_eq!(told, wanted);

    let cluster = three().advertised_host("::2").build();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    for (told, listening) in tcp.bootstrap().iter().zip(tcp.listening()) {
        assert_eq!(told.strip_prefix("[::2]"), listening.strip_prefix("127.0.0.1"));
    }

    let cluster = three().advertised_port(u16::MAX - 1).build();
    let error = cluster.serve_tcp("127.0.0.1", 0).await.unwrap_err();
    assert_eq!(error.address, "127.0.0.1:65536");
}

#[tokio::test]
async fn records_go_in_and_out_through_sockets() {
    let cluster = cluster();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let mut writer = connect(&tcp.bootstrap()[0]).await.unwrap();
    let mut reader = connect(&tcp.bootstrap()[0]).await.unwrap();
    reader.send(FETCH, &fetch(0, 30_000)).await;
    let value = "x".repeat(300_000);
    assert_eq!(stored(&writer.call(PRODUCE, &produce(&value)).await.unwrap()), Ok(0));
    let (_, answer) =
        reader.receive::<kurier_protocol::api::fetch::FetchRequest>(FETCH).await.unwrap();
    assert!(fetched(&answer).unwrap() > value.len());
}

#[tokio::test]
async fn a_dead_brokers_port_is_closed_until_it_is_back() {
    let cluster = cluster();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let address = tcp.bootstrap()[0].clone();
    let mut peer = connect(&address).await.unwrap();
    peer.call(7, &MetadataRequest::default()).await.unwrap();
    cluster.kill_broker(1);
    assert!(peer.is_closed().await);
    assert!(eventually(async || connect(&address).await.is_err()).await);
    cluster.restart_broker(1);
    assert!(eventually(async || connect(&address).await.is_ok()).await);
}

#[tokio::test]
async fn after_shutdown_ports_and_connections_are_closed() {
    let cluster = cluster();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let address = tcp.bootstrap()[0].clone();
    let mut peer = connect(&address).await.unwrap();
    peer.call(7, &MetadataRequest::default()).await.unwrap();
    tcp.shutdown().await;
    assert!(peer.is_closed().await);
    assert!(connect(&address).await.is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let cluster = cluster();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let taken = port(&tcp.bootstrap()[0]);
    let error = cluster.serve_tcp("127.0.0.1", taken).await.unwrap_err();
    assert_eq!(error.address, format!("127.0.0.1:{taken}"));
    assert_eq!(error.source.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("cannot listen at 127.0.0.1:{taken}: ")));
    let three = TestCluster::builder().brokers(3).build();
    let beyond = three.serve_tcp("127.0.0.1", u16::MAX).await.unwrap_err();
    assert!(["127.0.0.1:65535", "127.0.0.1:65536"].contains(&beyond.address.as_str()));
}

fn port(address: &str) -> u16 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// Whether something becomes true after a while: the brokers are tasks of their own.
async fn eventually(mut is_so: impl AsyncFnMut() -> bool) -> bool {
    for _ in 0..10_000 {
        if is_so().await {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}
