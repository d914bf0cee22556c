//! The first contact: it finds a cluster by any server, or says of each why not.

use std::time::Duration;

use kurier_client::{Client, Error};
use kurier_env::Env;
use kurier_protocol::ApiKey;
use kurier_testkit::TestCluster;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

async fn failure(servers: &[&str], env: Env) -> String {
    let client = Client::builder(servers.iter().copied()).env(env);
    client.connect().await.expect_err("nothing is there").to_string()
}

#[tokio::test(start_paused = true)]
async fn any_server_that_is_there_is_enough() {
    let cluster = TestCluster::builder().brokers(3).build();
    cluster.kill_broker(1);
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await.unwrap();
    let picture = client.picture();
    let alive: Vec<i32> = picture.brokers().map(|(id, _)| id).collect();
    assert_eq!(alive, [2, 3]);
    assert!(picture.cluster_id.is_some() && picture.controller.is_some());
}

#[tokio::test(start_paused = true)]
async fn clients_begin_with_different_servers() {
    let cluster = TestCluster::builder().brokers(3).build();
    for seed in 0..30 {
        let client = Client::builder(cluster.bootstrap()).env(cluster.env(seed)).connect().await;
        drop(client.unwrap());
    }
    let requests = cluster.requests();
    for broker in 1..=3 {
        let asked = |api, at| api == ApiKey::METADATA && at == broker;
        let count = requests.iter().filter(|r| asked(r.api, r.broker)).count();
        assert!(count >= 3, "broker {broker} was asked by {count} of 30 clients");
    }
}

#[tokio::test(start_paused = true)]
async fn every_server_is_named_with_its_reason_when_the_time_is_over() {
    let cluster = TestCluster::builder().build();
    cluster.kill_broker(1);
    let start = Instant::now();
    let line = failure(&["broker-1:9092", "elsewhere:9092"], cluster.env(1)).await;
    assert!(start.elapsed() <= Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(line.starts_with("cannot reach broker-1:9092: "), "{line}");
    assert!(line.contains("elsewhere:9092: the name cannot be resolved"), "{line}");
    assert!(!line.contains('\n'), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_comes_up_in_time_is_found() {
    let cluster = TestCluster::builder().build();
    cluster.kill_broker(1);
    let builder = Client::builder(cluster.bootstrap()).env(cluster.env(1));
    let restart = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        cluster.restart_broker(1);
    };
    let (client, ()) = tokio::join!(builder.connect(), restart);
    client.unwrap();
}

#[tokio::test(start_paused = true)]
async fn servers_that_are_no_addresses_are_refused_before_anything_is_tried() {
    let cluster = TestCluster::builder().build();
    for servers in [&["a:b"][..], &[], &["SSL://a:9093"]] {
        let line = failure(servers, cluster.env(1)).await;
        assert!(line.starts_with("bootstrap.servers: "), "{line}");
    }
    assert!(cluster.requests().is_empty());
}

/// Answers every connection with the same bytes.
async fn impostor(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("works");
    let address = listener.local_addr().expect("works").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut some = [0; 16];
            let _ = stream.read(&mut some).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    address
}

#[tokio::test]
async fn a_port_of_another_protocol_is_an_error_at_once() {
    let http = impostor(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let line = failure(&[&http], Env::real()).await;
    assert!(line.starts_with(&format!("{http}: the port speaks HTTP")), "{line}");

    let tls = impostor(&[0x15, 3, 1, 0, 2, 2, 10]).await;
    let line = failure(&[&tls], Env::real()).await;
    assert!(line.starts_with(&format!("{tls}: the port speaks TLS")), "{line}");
}

#[tokio::test]
async fn a_closed_port_of_this_machine_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let client = Client::builder([address.as_str()]).bootstrap_timeout(Duration::from_millis(300));
    let error = client.connect().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&format!("{address}: connection refused")), "{error}");
}
