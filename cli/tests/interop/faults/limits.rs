//! What brokers allow: idle connections are closed, and clients that are too fast throttled.

use std::time::{Duration, Instant};

use kurier_client::consumer::{Start, Stop};
use kurier_client::producer::{Producer, Record};
use kurier_client::{Client, Error, Target};
use kurier_protocol::api::alter_client_quotas::{
    AlterClientQuotasRequest, EntityData, EntryData, OpData,
};
use tokio::runtime::{self, Runtime};
use tokio::time::{sleep, timeout};

use super::cluster::{Kept, Way, cluster};
use super::shared::{config, producer_config};
use super::trial::fresh_topic;
use crate::real_broker::RealBroker;
use crate::real_brokers::{each_since, say};

// Rows 8 and 69 of the fault matrix at real brokers.

/// After how long the broker closes a connection, and how much later it may come to do so.
const IDLE_MAX: Duration = Duration::from_millis(1000);
const IDLE_SLACK: Duration = Duration::from_millis(350);
/// Producers, each with a connection and a partition of its own.
const PRODUCERS: i32 = 24;
const ROUNDS: u32 = 8;

fn runtime() -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn connections_that_a_broker_closes_as_a_request_starts_lose_nothing() {
    each_since("4.4", "connections closed for being idle as requests start", |release| {
        let setting = format!("connections.max.idle.ms={}", IDLE_MAX.as_millis());
        let broker = RealBroker::start_with(release, &["--set", &setting]);
        broker.create_topic("t", PRODUCERS.unsigned_abs());
        runtime().block_on(async {
            let connecting = Client::builder([&broker.bootstrap]).config(config()).connect();
            let client = connecting.await.unwrap();
            let sends = (0..PRODUCERS).map(|partition| send_now_and_then(&client, partition));
            let longest = futures_util::future::join_all(sends).await.into_iter().max().unwrap();
            let closed = metric(&client, "producer-metrics", "connection-close-total");
            assert!(closed >= 20.0, "{closed} connections were closed");
            assert!(longest < Duration::from_secs(3), "a record took {longest:?}");
            let read = read_all(&client).await;
            let doubled: usize = read.iter().map(|values| values.len() - ROUNDS as usize).sum();
            say(&format!(
                "idle: {} records through {closed} closed connections, {doubled} doubled; the \
                 longest took {longest:?}",
                PRODUCERS.unsigned_abs() * ROUNDS
            ));
            for mut values in read {
                values.dedup();
                assert_eq!(values, (0..ROUNDS).collect::<Vec<_>>(), "in order, and none is lost");
            }
        });
    });
}

/// Sends a record when its connection is about to be closed, again and again; gives how long the
/// slowest took.
async fn send_now_and_then(client: &Client, partition: i32) -> Duration {
    let producer = client.producer().config(producer_config()).build().await.unwrap();
    let mut longest = Duration::ZERO;
    for round in 0..ROUNDS {
        let value = round.to_string();
        let start = Instant::now();
        let record = Record::to("t").partition(partition).value(&value);
        producer.send(record).await.unwrap();
        longest = longest.max(start.elapsed());
        // Each at another moment between just before it may be closed and just after it must be.
        let step = (partition.unsigned_abs() * 5 + round * 3) % PRODUCERS.unsigned_abs();
        let spread = IDLE_SLACK * step / PRODUCERS.unsigned_abs();
        sleep(IDLE_MAX - Duration::from_millis(20) + spread).await;
    }
    longest
}

/// The values of each partition.
async fn read_all(client: &Client) -> Vec<Vec<u32>> {
    let mut all = vec![Vec::new(); usize::try_from(PRODUCERS).unwrap()];
    let builder = client.consumer().topics(["t"], Start::Earliest).stop(Stop::End);
    let mut consumer = builder.start().unwrap();
    while let Some(batch) = consumer.next().await.transpose().unwrap() {
        let values = &mut all[usize::try_from(batch.partition()).unwrap()];
        for record in batch.records() {
            let value = record.unwrap().value.unwrap();
            values.push(std::str::from_utf8(value).unwrap().parse().unwrap());
        }
    }
    all
}

fn metric(client: &Client, group: &str, name: &str) -> f64 {
    let snapshot = client.metrics().snapshot();
    snapshot.get(group, name, &[]).unwrap_or_else(|| panic!("no {group} {name}")).number()
}

/// How much a client of the quota may send to a broker in a second.
const QUOTA_BYTES: u32 = 50_000;

#[test]
fn a_producer_over_its_quota_keeps_still_and_shows_it() {
    each_since("4.4", "a producer over its quota", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, 1, Kept::WELL);
        let servers = cluster.servers(Way::Plain);
        runtime().block_on(async {
            let connect =
                |id: &str| Client::builder(&servers).config(config()).client_id(id).connect();
            let (limited, free) =
                (connect("limited").await.unwrap(), connect("free").await.unwrap());
            set_quota(&free, "limited").await.unwrap();
            let producers = [&limited, &free].map(|c| c.producer().config(producer_config()));
            let [one, other] = producers;
            let (one, other) = (one.build().await.unwrap(), other.build().await.unwrap());
            let (took, free_took) = tokio::join!(send(&one, &topic, 60), send(&other, &topic, 60));
            let longest = metric(&limited, "producer-metrics", "produce-throttle-time-max");
            let average = metric(&limited, "producer-metrics", "produce-throttle-time-avg");
            say(&format!(
                "quota: 600,000 bytes at {QUOTA_BYTES} a second took {took:?}, and {free_took:?} \
                 without a quota; produce-throttle-time-avg {average:.0} ms, -max {longest:.0} ms"
            ));
            assert!(longest > 100.0 && average > 0.0, "it is shown: {average}, {longest}");
            assert!(
                took.as_secs_f64() * 1e3 > longest,
                "it has kept still for that long: {took:?}"
            );
            assert!(took > Duration::from_secs(5), "its quota is kept: {took:?}");
            assert!(free_took < took / 2, "and nobody else's: {free_took:?}");
            assert_eq!(metric(&free, "producer-metrics", "produce-throttle-time-max"), 0.0);
        });
    });
}

/// Sends records of 10,000 bytes, one after the other, and gives how long that takes.
async fn send(producer: &Producer, topic: &str, count: usize) -> Duration {
    let (value, start) = (vec![b'v'; 10_000], Instant::now());
    for _ in 0..count {
        let sending = producer.send(Record::to(topic).value(&value));
        timeout(Duration::from_secs(60), sending).await.expect("no hang").unwrap();
    }
    start.elapsed()
}

async fn set_quota(client: &Client, client_id: &str) -> Result<(), Error> {
    let entity =
        EntityData { entity_type: "client-id".into(), entity_name: Some(client_id.into()) };
    let op = OpData {
        key: "producer_byte_rate".into(),
        value: f64::from(QUOTA_BYTES),
        ..Default::default()
    };
    let entry = EntryData { entity: vec![entity], ops: vec![op] };
    let request = AlterClientQuotasRequest { entries: vec![entry], ..Default::default() };
    let answer = client.request(Target::Any, request).await?;
    assert!(answer.entries.iter().all(|entry| entry.error_code.is_ok()), "{answer:?}");
    // Brokers hear of it a moment later.
    sleep(Duration::from_secs(2)).await;
    Ok(())
}
