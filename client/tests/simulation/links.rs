//! What a client does when the network fails it in one certain way.

use std::collections::BTreeSet;
use std::time::Duration;

use kurier_client::consumer::{ConsumerConfig, Start, Stop};
use kurier_client::producer::Record;
use kurier_client::{Client, Error, Target};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::TestCluster;
use kurier_testkit::net::{Answer, Blocked, Connects, Network, Side, Way};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn cluster() -> TestCluster {
    TestCluster::builder().brokers(3).topic("t", 3).build()
}

async fn client(cluster: &TestCluster, name: &str) -> Client {
    let builder = Client::builder(cluster.bootstrap()).env(cluster.env_for(name, 7));
    builder.request_timeout(5 * SECOND).connect().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_ends_at_the_clients_own_timeout() {
    let cluster = cluster();
    let client = client(&cluster, "app").await;
    let ask = || client.request(Target::Any, MetadataRequest::default());
    ask().await.unwrap();
    cluster.network().half_open(Side::Broker);
    let start = Instant::now();
    let error = ask().await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { maybe_written: true, .. }), "{error}");
    assert_eq!(start.elapsed(), 5 * SECOND);
    ask().await.unwrap();
    assert!(start.elapsed() < 6 * SECOND, "the next request has a new connection");
}

#[tokio::test(start_paused = true)]
async fn a_partition_stops_requests_and_nothing_acknowledged_is_lost_when_it_heals() {
    for (way, blocked) in [
        (Way::Both, Blocked::Held),
        (Way::Both, Blocked::Lost),
        (Way::ToBroker, Blocked::Lost),
        (Way::ToClient, Blocked::Held),
    ] {
        let cluster = cluster();
        let writer = client(&cluster, "writer").await;
        let producer = writer.producer().request_timeout(5 * SECOND).build().await.unwrap();
        let leader = cluster.leader("t", 0).unwrap();
        let mut deliveries = Vec::new();
        for n in 0..60 {
            if n == 10 {
                cluster.network().client("writer").broker(leader).block(way, blocked);
            }
            if n == 50 {
                cluster.network().heal();
            }
            let record = Record::to("t").partition(0);
            deliveries.push(producer.enqueue(record.value(&n.to_string())).await.unwrap());
            sleep(SECOND / 2).await;
            match (n, deliveries.last().unwrap().is_complete()) {
                (0..10 | 55.., is_complete) => assert!(is_complete, "{n}: {way:?} {blocked:?}"),
                (10..50, is_complete) => assert!(!is_complete, "{n}: {way:?} {blocked:?}"),
                // It takes a moment until what was held or has to be sent again is through.
                _ => {}
            }
        }
        for (n, delivery) in deliveries.into_iter().enumerate() {
            let offset = delivery.await.unwrap().offset;
            let record = &cluster.stored_records("t", 0)[usize::try_from(offset).unwrap()];
            assert_eq!(record.value().unwrap(), n.to_string().as_bytes(), "{way:?} {blocked:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_finds_brokers_by_a_name_that_is_not_there_at_first() {
    let cluster = cluster();
    let nowhere = Answer::Addresses(vec![[192, 0, 2, 1].into()]);
    cluster.network().resolve("kafka", [Answer::Missing, nowhere, Answer::Brokers(vec![2, 3])]);
    let builder = Client::builder(["kafka:9092"]).env(cluster.env(7));
    let client = builder.connect().await.unwrap();
    assert_eq!(client.picture().brokers().count(), 3);
}

/// Sends numbers to a topic of three partitions and reads them back, while `disturb` goes on.
async fn numbers_get_through(name: &str, disturb: impl AsyncFn(&Network)) {
    let cluster = cluster();
    let client = client(&cluster, "app").await;
    let network = cluster.network();
    let producer = client.producer().request_timeout(5 * SECOND).build().await.unwrap();
    let config = ConsumerConfig { request_timeout: 5 * SECOND, ..ConsumerConfig::default() };
    let builder = client.consumer().config(config).topics(["t"], Start::Earliest);
    let mut consumer = builder.start().unwrap();
    let flow = async {
        let mut read = BTreeSet::new();
        for n in 0..30 {
            let record = Record::to("t").partition(n % 3);
            let value = n.to_string().repeat(10);
            producer.enqueue(record.value(&value)).await.unwrap().await.unwrap();
            sleep(SECOND / 5).await;
        }
        while read.len() < 30 {
            let batch = consumer.next().await.unwrap().unwrap();
            for record in batch.records() {
                read.insert(record.unwrap().value.unwrap().to_vec());
            }
        }
    };
    tokio::select! {
        biased;
        () = async { disturb(&network).await; std::future::pending().await } => {}
        done = timeout(300 * SECOND, flow) => done.unwrap_or_else(|_| panic!("{name}: stuck")),
    }
}

#[tokio::test(start_paused = true)]
async fn slow_and_broken_sockets_delay_records_and_lose_none() {
    numbers_get_through("one byte at a time", async |network| network.read_bytes_max(Some(1)))
        .await;
    numbers_get_through("1 KB/s", async |network| network.bandwidth(Some(1000))).await;
    let jitter = Duration::ZERO..=SECOND;
    numbers_get_through("jitter", async |network| network.latency(jitter.clone())).await;
    numbers_get_through("resets amid frames", async |network| {
        network.bandwidth(Some(2000));
        for _ in 0..20 {
            sleep(SECOND).await;
            network.reset();
        }
    })
    .await;
    numbers_get_through("black holes", async |network| {
        network.connects(Connects::Ignored);
        network.reset();
        sleep(20 * SECOND).await;
        network.heal();
    })
    .await;
    numbers_get_through("half open", async |network| {
        for gone in [Side::Broker, Side::Client, Side::Broker] {
            sleep(SECOND).await;
            network.half_open(gone);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn latency_costs_a_reader_round_trips_and_no_records() {
    let cluster = cluster();
    let client = client(&cluster, "app").await;
    let producer = client.producer().build().await.unwrap();
    let mut deliveries = Vec::new();
    for n in 0..300 {
        let record = Record::to("t").partition(n % 3);
        deliveries.push(producer.enqueue(record.value(&n.to_string())).await.unwrap());
    }
    producer.flush().await.unwrap();
    drop(deliveries);
    cluster.network().latency(SECOND / 10..=SECOND / 2);
    cluster.network().read_bytes_max(Some(7));
    let builder = client.consumer().topics(["t"], Start::Earliest).stop(Stop::End);
    let mut consumer = builder.start().unwrap();
    let (start, mut read) = (Instant::now(), 0);
    while let Some(batch) = timeout(60 * SECOND, consumer.next()).await.unwrap() {
        read += batch.unwrap().records().count();
    }
    assert_eq!(read, 300);
    assert!(start.elapsed() > SECOND / 2, "{:?}", start.elapsed());
}
