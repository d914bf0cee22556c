//! A future that is dropped, wherever it was, loses nothing: the client goes on as if it had not
//! been.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kurier_client::admin::NewTopic;
use kurier_client::offsets::Position;
use kurier_client::{Client, Target};
use kurier_env::{BoxFuture, Datagram, Env, Io, Net, Wall};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::TestCluster;
use tokio::time::{sleep, timeout};

/// Polls a future so many times, letting everything else move in between, and drops it.
async fn cut<T>(future: impl Future<Output = T>, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let done =
            std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_ready()));
        if done.await {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn works(client: &Client) {
    let answer = client.request(Target::Any, MetadataRequest::default()).await.expect("works");
    assert_eq!(answer.brokers.len(), 2);
    let found = client.offsets().at(Position::Earliest, [("t", 0), ("t", 1)]).await;
    assert_eq!(found.expect("works").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_and_lookups_may_be_dropped_anywhere() {
    for polls in 0..12 {
        let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
        let builder = Client::builder(cluster.bootstrap()).env(cluster.env(1));
        cut(builder.clone().connect(), polls).await;
        let client = builder.connect().await.unwrap();
        cut(client.request(Target::Any, MetadataRequest::default()), polls).await;
        works(&client).await;
        cut(client.offsets().at(Position::Latest, [("t", 0)]), polls).await;
        works(&client).await;
        let admin = client.admin();
        cut(admin.list_topics(), polls).await;
        cut(admin.describe_topics(["t"]), polls).await;
        works(&client).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_dropped_is_done_once_or_not_at_all() {
    for polls in 0..12 {
        let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
        let builder = Client::builder(cluster.bootstrap()).env(cluster.env(1));
        let client = builder.connect().await.unwrap();
        let admin = client.admin();
        cut(admin.create_topics([NewTopic::new("new").partitions(2)]), polls).await;
        cut(admin.create_partitions([("t", 3)]), polls).await;
        cut(admin.delete_topics(["new"]), polls).await;
        works(&client).await;
        assert!(matches!(cluster.partition_count("new"), None | Some(2)));
        assert!(matches!(cluster.partition_count("t"), Some(2 | 3)));
    }
}

/// Every name has many addresses, and none of them ever answers.
#[derive(Debug, Default)]
struct Void {
    connects: AtomicUsize,
}

impl Net for Void {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let all = (1..=16).map(|last| SocketAddr::from(([10, 0, 0, last], port))).collect();
        Box::pin(std::future::ready(Ok(all)))
    }

    fn connect(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        self.connects.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending())
    }

    fn datagram(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        Box::pin(std::future::pending())
    }
}

impl Wall for Void {
    fn millis(&self) -> i64 {
        0
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_contact_that_is_dropped_tries_no_more_addresses() {
    let void = Arc::new(Void::default());
    let builder = Client::builder(["kafka:9092"]).env(Env::simulated(
        void.clone(),
        Arc::new(Void::default()),
        1,
    ));
    assert!(timeout(Duration::from_secs(1), builder.connect()).await.is_err());
    sleep(Duration::from_secs(600)).await;
    assert_eq!(void.connects.load(Ordering::Relaxed), 1);
    assert_eq!(Arc::strong_count(&void), 1, "a task still has the network");
}
