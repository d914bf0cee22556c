//! A broker that says how long it wants to be left alone is left alone for that long (KIP-219).

use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::consumer::Start;
use kurier_client::producer::Record;
use kurier_client::{Client, Target};
use kurier_protocol::ApiKey;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::{Fault, TestCluster};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

async fn world() -> (TestCluster, Client) {
    let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(7)).connect().await.unwrap();
    (cluster, client)
}

/// When the broker of a partition got requests of an API.
fn times(cluster: &TestCluster, api: ApiKey, partition: i32) -> Vec<Duration> {
    let leader = cluster.leader("t", partition).unwrap();
    let is_one = |r: &&kurier_testkit::RecordedRequest| r.api == api && r.broker == leader;
    cluster.requests().iter().filter(is_one).map(|r| r.at).collect()
}

fn gaps(times: &[Duration]) -> Vec<Duration> {
    times.iter().zip(times.iter().skip(1)).map(|(one, next)| *next - *one).collect()
}

#[tokio::test(start_paused = true)]
async fn a_producer_leaves_the_broker_alone_that_asks_for_it_and_no_other() {
    let (cluster, client) = world().await;
    let producer = client.producer().build().await.unwrap();
    for partition in 0..2 {
        producer.send(Record::to("t").partition(partition).value("v")).await.unwrap();
    }
    let throttled = cluster.leader("t", 0).unwrap();
    cluster.fault(Fault::on(ApiKey::PRODUCE).broker(throttled).always().throttle(3 * SECOND));
    let mut deliveries = Vec::new();
    for n in 0..40 {
        let record = Record::to("t").partition(n % 2).value("v");
        deliveries.push(producer.enqueue(record).await.unwrap());
        sleep(SECOND / 2).await;
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    let slow = gaps(&times(&cluster, ApiKey::PRODUCE, 0)[1..]);
    assert!(slow.len() > 4 && slow.iter().skip(1).all(|gap| *gap >= 3 * SECOND), "{slow:?}");
    let free = gaps(&times(&cluster, ApiKey::PRODUCE, 1)[1..]);
    assert!(free.len() > 10 && free.iter().all(|gap| *gap < 2 * SECOND), "{free:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reader_waits_as_well_and_loses_nothing() {
    let (cluster, client) = world().await;
    let producer = client.producer().build().await.unwrap();
    for _ in 0..3 {
        producer.send(Record::to("t").partition(0).value("v")).await.unwrap();
    }
    let throttled = cluster.leader("t", 0).unwrap();
    // Such answers are without records.
    cluster.fault(Fault::on(ApiKey::FETCH).broker(throttled).times(4).throttle(2 * SECOND));
    let builder = client.consumer().assign([("t", 0, Start::Earliest)]);
    let mut consumer = builder.start().unwrap();
    let (start, mut read) = (Instant::now(), 0);
    while read < 3 {
        let batch = timeout(30 * SECOND, consumer.next()).await.unwrap();
        read += batch.unwrap().unwrap().records().count();
    }
    assert!(start.elapsed() >= 8 * SECOND, "{:?}", start.elapsed());
    let gaps = gaps(&times(&cluster, ApiKey::FETCH, 0));
    assert!(gaps.iter().take(4).all(|gap| *gap >= 2 * SECOND), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_throttled_broker_has_its_own_time_out() {
    let (cluster, client) = world().await;
    let config = ClientConfig { request_timeout: 5 * SECOND, ..ClientConfig::default() };
    let builder = Client::builder(cluster.bootstrap()).config(config).env(cluster.env(8));
    let hasty = builder.connect().await.unwrap();
    drop(client);
    cluster.fault(Fault::on(ApiKey::METADATA).throttle(30 * SECOND));
    let ask = || hasty.request(Target::Broker(1), MetadataRequest::default());
    ask().await.unwrap();
    let start = Instant::now();
    let error = ask().await.unwrap_err();
    assert!(!error.maybe_written(), "it was never sent: {error}");
    assert!(start.elapsed() <= 6 * SECOND, "{:?}", start.elapsed());
    sleep(25 * SECOND).await;
    ask().await.unwrap();
}
