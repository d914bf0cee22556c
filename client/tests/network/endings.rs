//! How things end: closing takes no longer than it may, and dropping takes no time at all.

use std::time::Duration;

use kurier_client::consumer::Start;
use kurier_client::producer::Record;
use kurier_client::{Client, Target};
use kurier_protocol::ApiKey;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::net::{Blocked, Connects, Side, Way};
use kurier_testkit::{Fault, TestCluster};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// What has become of the brokers.
const STATES: [&str; 7] = ["well", "dead", "paused", "half open", "cut off", "silent", "refusing"];

fn bring_about(cluster: &TestCluster, state: &str) {
    let network = cluster.network();
    match state {
        "dead" => (1..=2).for_each(|broker| cluster.kill_broker(broker)),
        "paused" => (1..=2).for_each(|broker| cluster.pause_broker(broker)),
        "half open" => network.half_open(Side::Broker),
        "cut off" => network.block(Way::Both, Blocked::Lost),
        "silent" => drop(cluster.fault(Fault::on(ApiKey::PRODUCE).always().execute_then_hang())),
        "refusing" => {
            network.connects(Connects::Refused);
            network.reset();
        }
        _ => {}
    }
}

async fn world() -> (TestCluster, Client) {
    let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(7)).connect().await.unwrap();
    (cluster, client)
}

#[tokio::test(start_paused = true)]
async fn closing_ends_in_time_whatever_the_brokers_do() {
    for state in STATES {
        let (cluster, client) = world().await;
        let producer = client.producer().build().await.unwrap();
        producer.send(Record::to("t").partition(0).value("v")).await.unwrap();
        bring_about(&cluster, state);
        let mut deliveries = Vec::new();
        for partition in 0..2 {
            let record = Record::to("t").partition(partition).value("v");
            let enqueued = timeout(SECOND, producer.enqueue(record)).await.unwrap();
            deliveries.push(enqueued.unwrap());
        }
        let start = Instant::now();
        let closed = producer.close_within(2 * SECOND).await;
        assert!(start.elapsed() <= 2 * SECOND, "{state}: {:?}", start.elapsed());
        assert_eq!(closed.is_ok(), state == "well", "{state}: {closed:?}");
        for delivery in deliveries {
            assert!(delivery.is_complete(), "{state}: nothing hangs");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_everything_takes_no_time_and_leaves_no_task_for_long() {
    for state in STATES {
        let (cluster, client) = world().await;
        let producer = client.producer().build().await.unwrap();
        producer.send(Record::to("t").partition(0).value("v")).await.unwrap();
        let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
        consumer.next().await.unwrap().unwrap();
        bring_about(&cluster, state);
        let record = Record::to("t").partition(1).value("v");
        drop(timeout(SECOND, producer.enqueue(record)).await);
        let asked = client.request(Target::Any, MetadataRequest::default());
        drop(timeout(SECOND / 10, asked).await);
        drop(timeout(SECOND / 10, consumer.next()).await);
        let start = Instant::now();
        drop((producer, consumer, client));
        assert!(start.elapsed().is_zero(), "{state}");
        // A producer goes on for its delivery timeout, a request for its own.
        sleep(160 * SECOND).await;
        cluster.network().reset();
        cluster.network().heal();
        for broker in 1..=2 {
            cluster.restart_broker(broker);
        }
        sleep(SECOND).await;
        let left = Handle::current().metrics().num_alive_tasks();
        assert_eq!(left, 0, "{state}: tasks are left");
    }
}
