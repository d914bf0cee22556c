//! What time costs in which nothing happens: the test kit's promise that simulated time is cheap.

use std::time::Duration;

use kurier_client::Client;
use kurier_client::consumer::Start;
use kurier_client::producer::{Producer, Record};
use kurier_testkit::TestCluster;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

const IDLE: Duration = Duration::from_secs(1000);

/// Three brokers, a client that knows them all, and its producer.
async fn world() -> (TestCluster, Client, Producer) {
    let cluster = TestCluster::builder().brokers(3).topic("t", 6).build();
    let builder = Client::builder(cluster.bootstrap()).env(cluster.env(7));
    let client = builder.connect().await.unwrap();
    let producer = client.producer().build().await.unwrap();
    for partition in 0..6 {
        producer.send(Record::to("t").partition(partition).value("1")).await.unwrap();
    }
    (cluster, client, producer)
}

/// Requests so far, and how often the runtime has looked what to do next.
fn effort(cluster: &TestCluster) -> (usize, u64) {
    (cluster.requests().len(), Handle::current().metrics().worker_park_count(0))
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_and_cluster_hardly_move_in_a_thousand_seconds() {
    let (cluster, _client, _producer) = world().await;
    let before = effort(&cluster);
    sleep(IDLE).await;
    let after = effort(&cluster);
    assert!(after.0 - before.0 <= 5, "{before:?} {after:?}: metadata each five minutes");
    assert!(after.1 - before.1 <= 100, "{before:?} {after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_waits_costs_its_long_polls_and_no_more() {
    let (cluster, client, _producer) = world().await;
    let mut consumer = client.consumer().topics(["t"], Start::Latest).start().unwrap();
    let before = effort(&cluster);
    assert!(timeout(IDLE, consumer.next()).await.is_err());
    let after = effort(&cluster);
    // Three brokers, and half a second for each poll.
    assert!((6000..6050).contains(&(after.0 - before.0)), "{before:?} {after:?}");
    assert!(after.1 - before.1 <= 7000, "{before:?} {after:?}");
}
