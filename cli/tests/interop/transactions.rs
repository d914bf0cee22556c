//! Transactions of both versions at real brokers: Java's readers of committed records get what was
//! committed, and nothing else.

use std::time::Duration;

use kurier_client::offsets::Isolation;
use kurier_client::producer::ProducerConfig;
use kurier_client::transactional::{Transaction, TransactionalProducer};
use kurier_client::transactions::{ConsumerGroupMetadata, GroupOffset};
use kurier_client::{Client, Record};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep};

use crate::real_broker::RealBroker;
use crate::real_brokers::each_since;
use crate::run::{text, wait_until};
use crate::tools::kafka_broker;

const TOPIC: &str = "transactions";
const GROUP: &str = "transactions";

#[test]
fn java_reads_what_was_committed_and_nothing_else() {
    each_since("0.11", "commits and aborts, with offsets", |release| {
        let broker = RealBroker::start(release);
        broker.create_topic(TOPIC, 1);
        let wanted = Runtime::new().unwrap().block_on(run(&broker));
        assert_eq!(committed_by_java(&broker, wanted.len()), wanted, "{release}");
    });
}

/// Levels that a running cluster goes to, one after the other. Connections stay open, and tell
/// nothing of it. Records by version 2 at level 0 would end the id until the broker is restarted.
const LEVELS: [i16; 6] = [1, 2, 0, 2, 0, 1];

#[test]
fn the_version_of_transactions_changes_between_and_within_them() {
    each_since("4.0", "another version of transactions in mid-run", |release| {
        let broker = RealBroker::start(release);
        broker.create_topic(TOPIC, 1);
        let runtime = Runtime::new().unwrap();
        let client = Client::builder([&*broker.bootstrap]).connect();
        let client = runtime.block_on(client).unwrap();
        let producer = runtime.block_on(client.transactional_producer("a").build()).unwrap();
        let mut wanted = Vec::new();
        for (round, level) in LEVELS.into_iter().enumerate() {
            let mut open = runtime.block_on(producer.begin()).unwrap();
            let send = |to: &Transaction, value: &str| {
                runtime.block_on(to.send(Record::to(TOPIC).value(value))).map(drop)
            };
            send(&open, &format!("{round}-open")).unwrap();
            change_version(&broker, &client, &runtime, level);
            runtime.block_on(open.commit()).unwrap();
            wanted.push(format!("{round}-open"));
            let mut after = runtime.block_on(producer.begin()).unwrap();
            send(&after, &format!("{round}-after")).unwrap();
            runtime.block_on(after.commit()).unwrap();
            wanted.push(format!("{round}-after"));
        }
        assert_eq!(committed_by_java(&broker, wanted.len()), wanted, "{release}");
    });
}

/// By Kafka's own tool; waits until whoever asks is told.
fn change_version(broker: &RealBroker, client: &Client, runtime: &Runtime, level: i16) {
    let found = || {
        let ranges = runtime.block_on(client.features()).unwrap();
        let mut features = ranges.features();
        features.find(|(name, _)| *name == "transaction.version").map_or(0, |(_, level)| level)
    };
    let verb = if level < found() { "downgrade" } else { "upgrade" };
    let class = "org.apache.kafka.tools.FeatureCommand";
    let mut tool = kafka_broker(&["tool", &broker.release.to_string(), class]);
    tool.args(["--bootstrap-server", &broker.bootstrap, verb]);
    text(tool.args(["--feature", &format!("transaction.version={level}")]), "");
    wait_until("the version has changed", || found() == level);
}

/// The values that Java's console gives of committed records.
fn committed_by_java(broker: &RealBroker, count: usize) -> Vec<String> {
    let isolation = ["--isolation-level", "read_committed"];
    let from = ["--from-beginning", "--partition", "0"];
    let args: Vec<&str> = isolation.into_iter().chain(from).collect();
    let read = broker.java().console_consume(TOPIC, &args, count);
    read.lines().filter_map(|line| line.rsplit('\t').next()).map(String::from).collect()
}

/// Commits, aborts, drops, and is shut out. Gives what readers of committed records must see.
async fn run(broker: &RealBroker) -> Vec<String> {
    let client = Client::builder([&*broker.bootstrap]).connect().await.unwrap();
    let producer = client.transactional_producer("a").build().await.unwrap();
    let mut wanted = Vec::new();
    for round in 0..12 {
        let values = one(&client, &producer, round).await;
        wanted.extend(values);
    }
    // A later producer of the same name shuts this one out, and aborts what it left.
    let mut old = producer.begin().await.unwrap();
    old.send(Record::to(TOPIC).value("left")).await.unwrap();
    let later = client.transactional_producer("a").build().await.unwrap();
    assert!(old.commit().await.unwrap_err().is_fatal());
    let mut new = later.begin().await.unwrap();
    new.send(Record::to(TOPIC).value("last")).await.unwrap();
    new.commit().await.unwrap();
    wanted.push("last".to_owned());
    timed_out(&client).await;
    wanted.push("in time".to_owned());
    if broker.release.at_least("2.5") {
        refused(&client).await;
        wanted.push("after".to_owned());
    }
    wanted
}

/// A transaction that is open for too long is aborted by its coordinator, and its producer is over.
async fn timed_out(client: &Client) {
    let build = async || {
        let builder = client.transactional_producer("c");
        builder.transaction_timeout(Duration::from_secs(1)).build().await.unwrap()
    };
    let producer = build().await;
    let mut slow = producer.begin().await.unwrap();
    slow.send(Record::to(TOPIC).value("slow")).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let refused = slow.commit().await.unwrap_err();
    assert!(refused.is_fatal() && !refused.maybe_written(), "{refused}");
    drop(slow);
    let mut next = build().await.begin().await.unwrap();
    next.send(Record::to(TOPIC).value("in time")).await.unwrap();
    next.commit().await.unwrap();
}

/// A record that the broker refuses leaves a hole in the numbers: the transaction is aborted by
/// raising the epoch below version 2, and the next one commits.
async fn refused(client: &Client) {
    let config = ProducerConfig { request_bytes_max: 4 << 20, ..ProducerConfig::default() };
    let producer = client.transactional_producer("b").config(config).build().await.unwrap();
    let mut first = producer.begin().await.unwrap();
    first.send(Record::to(TOPIC).value("lost")).await.unwrap();
    let large = vec![0; 2 << 20];
    first.send(Record::to(TOPIC).value(&large)).await.unwrap_err();
    assert!(first.commit().await.unwrap_err().requires_abort());
    first.abort().await.unwrap();
    let mut second = producer.begin().await.unwrap();
    second.send(Record::to(TOPIC).value("after")).await.unwrap();
    second.commit().await.unwrap();
}

/// A transaction, and what it makes visible.
async fn one(client: &Client, producer: &TransactionalProducer, round: i64) -> Vec<String> {
    let mut transaction = producer.begin().await.unwrap();
    let values: Vec<String> = (0..50).map(|number| format!("{round}-{number}")).collect();
    for value in &values {
        drop(transaction.enqueue(Record::to(TOPIC).value(value)).await.unwrap());
    }
    let group = ConsumerGroupMetadata::new(GROUP);
    transaction.send_offsets(group, [GroupOffset::new(TOPIC, 0, round)]).await.unwrap();
    match round % 4 {
        1 => {
            transaction.abort().await.unwrap();
            return Vec::new();
        }
        2 => {
            drop(transaction);
            return Vec::new();
        }
        _ => transaction.commit().await.unwrap(),
    }
    committed(client, round).await;
    values
}

/// The offset of the round becomes the one that is committed.
async fn committed(client: &Client, round: i64) {
    let end = Instant::now() + Duration::from_secs(20);
    let steps = client.transactions();
    loop {
        let isolation = Isolation::ReadUncommitted;
        let found = steps.committed_offsets(GROUP, isolation, [(TOPIC, 0)]).await.remove(0);
        let offset = found.outcome.unwrap().map(|found| found.offset);
        if offset == Some(round) {
            return;
        }
        assert!(Instant::now() < end, "{offset:?} is committed, {round} should be");
        sleep(Duration::from_millis(50)).await;
    }
}
