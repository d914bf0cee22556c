//! Requests that come late, on connections that were given up long before.

use std::time::Duration;

use kurier_client::offsets::Isolation;
use kurier_client::producer::{Producer, ProducerConfig, Record};
use kurier_client::{Client, Delivery};
use tokio::runtime::{self, Runtime};
use tokio::time::sleep;

use super::cluster::{ALL, Cluster, Kept, Way, cluster};
use super::reading::{values, wait_for_committed};
use super::shared::{config, producer_config};
use super::trial::fresh_topic;
use crate::proxy::Proxy;
use crate::real_broker::RealBroker;
use crate::real_brokers::each_since;

// Rows 13, 27, 31 and 32 of the fault matrix at real brokers.

/// How long what was held takes to arrive, and more.
const ARRIVAL: Duration = Duration::from_secs(2);

fn runtime() -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

async fn client(servers: &[String]) -> Client {
    Client::builder(servers).config(config()).connect().await.unwrap()
}

fn hold(cluster: &Cluster) {
    ALL.iter().for_each(|id| cluster.proxy(*id).hold());
}

async fn let_go(cluster: &Cluster) {
    ALL.iter().for_each(|id| cluster.proxy(*id).release());
    sleep(ARRIVAL).await;
}

#[test]
fn records_that_come_late_on_old_connections_are_there_once() {
    each_since("4.4", "records late on old connections", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, 1, Kept::WELL);
        let servers = cluster.servers(Way::Proxied);
        let found = runtime().block_on(async {
            let client = client(&servers).await;
            let config = ProducerConfig { linger: Duration::ZERO, ..producer_config() };
            let producer = client.producer().config(config).build().await.unwrap();
            send(&producer, &topic, 0..5).await;
            hold(cluster);
            // Each is written by another connection, once its own is given up.
            send(&producer, &topic, 5..20).await;
            let_go(cluster).await;
            send(&producer, &topic, 20..25).await;
            values(&client, &topic, Isolation::ReadUncommitted).await
        });
        assert_eq!(found, (0..25).map(|value| value.to_string()).collect::<Vec<_>>());
    });
}

/// Sends values, several at a time, and waits until each is delivered.
async fn send(producer: &Producer, topic: &str, those: std::ops::Range<u32>) {
    let mut deliveries: Vec<Delivery> = Vec::new();
    for value in those {
        let value = value.to_string();
        deliveries.push(producer.enqueue(Record::to(topic).value(&value)).await.unwrap());
        sleep(Duration::from_millis(20)).await;
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
}

/// A producer is cut off from its brokers in mid-transaction; another one takes its id over; then
/// all that the first one had sent arrives.
#[test]
fn who_was_shut_out_and_wakes_up_writes_nothing() {
    each_since("4.4", "a fenced producer wakes up", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, 1, Kept::WELL);
        let servers = cluster.servers(Way::Proxied);
        runtime().block_on(async {
            let (one, other) = (client(&servers).await, client(&servers).await);
            let record = |value| Record::to(&topic).value(value);
            let build = async |client: &Client| {
                let builder = client.transactional_producer(&topic).config(producer_config());
                builder.build().await.unwrap()
            };
            let first = build(&one).await;
            let mut old = first.begin().await.unwrap();
            old.send(record("before")).await.unwrap();
            hold(cluster);
            let late = old.enqueue(record("late")).await.unwrap();
            sleep(Duration::from_millis(300)).await;
            let second = build(&other).await;
            let mut new = second.begin().await.unwrap();
            new.send(record("new")).await.unwrap();
            new.commit().await.unwrap();
            let_go(cluster).await;
            late.await.unwrap_err();
            // What was refused is a record; that the id is another's comes out with the abort.
            let refused = old.commit().await.unwrap_err();
            assert!(refused.requires_abort() || refused.is_fatal(), "{refused}");
            let refused = old.abort().await.unwrap_err();
            assert!(refused.is_fatal(), "{refused}");
            drop(old);
            assert!(first.begin().await.unwrap_err().is_fatal());
            let mut last = second.begin().await.unwrap();
            last.send(record("last")).await.unwrap();
            last.commit().await.unwrap();
            wait_for_committed(&other, &topic, &["new", "last"]).await;
            let written = values(&other, &topic, Isolation::ReadUncommitted).await;
            assert_eq!(written, ["before", "new", "last"], "nothing was written late");
        });
    });
}

/// A commit is held up, and told again by another connection; then it arrives in the midst of the
/// next transaction. Below version 2 nothing but the epoch says which one it is of (KAFKA-17754).
#[test]
fn a_commit_that_comes_late_does_not_commit_the_next_transaction() {
    each_since("3.9", "commits late on old connections", |release| {
        let (levels, unstable) = match release.at_least("4.0") {
            true => (["1", "2"], "false"),
            false => (["0", "1"], "true"),
        };
        for level in levels {
            let feature = format!("transaction.version={level}");
            let unstable = format!("unstable.feature.versions.enable={unstable}");
            let options = ["--proxied", "--set", &unstable, "--feature", &feature];
            let broker = RealBroker::start_with(release, &options);
            let (at, to) = (broker.value("PROXY_1"), broker.value("BEHIND_1"));
            let proxy = Proxy::start(at.parse().unwrap(), to.parse().unwrap(), 1);
            let servers = vec![at.to_owned()];
            broker.create_topic("t", 1);
            let wanted = ["first", "last"];
            runtime().block_on(async {
                let client = client(&servers).await;
                let features = client.features().await.unwrap();
                let found = features.features().find(|(name, _)| *name == "transaction.version");
                assert_eq!(found.map_or(0, |(_, level)| level).to_string(), level);
                commit_late(&client, &proxy).await;
                wait_for_committed(&client, "t", &wanted).await;
            });
            let args = ["--isolation-level", "read_committed", "--from-beginning"];
            let read = broker.java().console_consume("t", &args, wanted.len());
            let read: Vec<_> = read.lines().filter_map(|line| line.rsplit('\t').next()).collect();
            assert_eq!(read, wanted, "{release}, {feature}");
        }
    });
}

async fn commit_late(client: &Client, proxy: &Proxy) {
    let builder = client.transactional_producer("a").config(producer_config());
    let producer = builder.build().await.unwrap();
    let mut first = producer.begin().await.unwrap();
    first.send(Record::to("t").value("first")).await.unwrap();
    proxy.hold();
    first.commit().await.unwrap();
    let mut next = producer.begin().await.unwrap();
    next.send(Record::to("t").value("next")).await.unwrap();
    proxy.release();
    sleep(ARRIVAL).await;
    next.abort().await.unwrap();
    let mut last = producer.begin().await.unwrap();
    last.send(Record::to("t").value("last")).await.unwrap();
    last.commit().await.unwrap();
}
