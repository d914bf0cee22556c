//! How things end: closing takes no longer than it may, and dropping takes no time at all.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use kurier_client::consumer::Start;
use kurier_client::producer::Record;
use kurier_client::{Client, Target};
use kurier_env::{BoxFuture, Datagram, Env, Io, Net};
use kurier_protocol::ApiKey;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::net::{Blocked, Connects, Side, Way};
use kurier_testkit::{Fault, TestCluster};
use tokio::runtime::{self, Handle};
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
    let (cluster, client, _) = traced_world().await;
    (cluster, client)
}

/// The same, and a trace of the network that the client holds.
async fn traced_world() -> (TestCluster, Client, Weak<Held>) {
    let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
    let held = Arc::new(Held(cluster.env(7)));
    let trace = Arc::downgrade(&held);
    let env = cluster.env(7).with_net(held);
    let client = Client::builder(cluster.bootstrap()).env(env).connect().await.unwrap();
    (cluster, client, trace)
}

/// A network that nobody but a client and its tasks hold.
#[derive(Debug)]
struct Held(Env);

impl Net for Held {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.0.net().resolve(host, port)
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        self.0.net().connect(to)
    }

    fn datagram(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        self.0.net().datagram(to)
    }
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
        let (cluster, client, net) = traced_world().await;
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
        assert_eq!(net.strong_count(), 0, "{state}: something holds the client's network");
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

#[test]
fn nothing_stays_of_a_client_whose_runtime_is_gone() {
    for state in STATES {
        let mut builder = runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        let (client, net) = runtime.block_on(async {
            let (cluster, client, net) = traced_world().await;
            let producer = client.producer().build().await.unwrap();
            let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
            producer.send(Record::to("t").partition(0).value("v")).await.unwrap();
            consumer.next().await.unwrap().unwrap();
            bring_about(&cluster, state);
            let kept = client.clone();
            tokio::spawn(async move {
                let _record = producer.send(Record::to("t").partition(1).value("v")).await;
                while consumer.next().await.is_some() {}
                drop((client, cluster));
            });
            sleep(SECOND).await;
            (kept, net)
        });
        drop(runtime);
        assert!(net.strong_count() > 0, "{state}: the client is still held");
        drop(client);
        assert_eq!(net.strong_count(), 0, "{state}: something holds the client's network");
    }
}
