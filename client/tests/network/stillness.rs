//! Bytes that trickle, stand still or come late, and a process that stands still itself.

use std::collections::BTreeSet;
use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::consumer::Start;
use kurier_client::producer::{Idempotence, Producer, ProducerConfig, Record};
use kurier_client::{Client, Error, Target};
use kurier_protocol::ApiKey;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::net::{Blocked, Way};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::{Instant, advance, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);

async fn client(cluster: &TestCluster) -> Client {
    let config = ClientConfig { request_timeout: REQUEST_TIMEOUT, ..ClientConfig::default() };
    let servers = cluster.bootstrap().into_iter().take(3);
    Client::builder(servers).config(config).env(cluster.env(7)).connect().await.unwrap()
}

fn producer_config() -> ProducerConfig {
    ProducerConfig {
        request_timeout: REQUEST_TIMEOUT,
        delivery_timeout: DELIVERY_TIMEOUT,
        block_max: 2 * SECOND,
        buffer_bytes_max: 64 << 10,
        batch_bytes_max: 16 << 10,
        ..ProducerConfig::default()
    }
}

async fn producer(client: &Client) -> Producer {
    client.producer().config(producer_config()).build().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_trickles_is_given_up_at_its_timeout_with_its_connection() {
    let cluster = TestCluster::builder().brokers(300).topic("t", 1).build();
    let client = client(&cluster).await;
    let ask = || client.request(Target::Broker(1), MetadataRequest::default());
    ask().await.unwrap();
    // The request takes a moment, and its answer of some ten thousand bytes half a minute.
    cluster.network().bandwidth(Some(300));
    let before = cluster.requests().len();
    let start = Instant::now();
    let error = ask().await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(start.elapsed() <= REQUEST_TIMEOUT + SECOND, "{:?}", start.elapsed());
    cluster.network().bandwidth(None);
    ask().await.unwrap();
    let requests = cluster.requests();
    let of = |api| requests[before..].iter().filter(move |request| request.api == api);
    let (slow, last) = (of(ApiKey::METADATA).next().unwrap(), of(ApiKey::METADATA).last().unwrap());
    assert_ne!(slow.connection, last.connection, "nobody waits for the rest of it");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_never_reads_costs_no_more_than_the_buffer_and_is_told_in_time() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let client = client(&cluster).await;
    let producer = producer(&client).await;
    producer.send(Record::to("t").value("first")).await.unwrap();
    cluster.network().block(Way::ToBroker, Blocked::Held);
    let value = [b'v'; 1000];
    let (start, mut taken) = (Instant::now(), Vec::new());
    let full = loop {
        match producer.enqueue(Record::to("t").value(&value)).await {
            Ok(delivery) => taken.push(delivery),
            Err(error) => break error,
        }
        assert!(taken.len() <= 64, "more than the buffer holds");
    };
    assert!(matches!(full, Error::TimedOut { maybe_written: false, .. }), "{full}");
    assert!(taken.len() > 32 && start.elapsed() <= 3 * SECOND, "{:?}", start.elapsed());
    for delivery in taken {
        let late = delivery.await.unwrap_err();
        assert!(matches!(late, Error::TimedOut { .. }), "{late}");
    }
    assert!(start.elapsed() <= DELIVERY_TIMEOUT + SECOND, "{:?}", start.elapsed());
    cluster.network().heal();
    producer.send(Record::to("t").value("last")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_late_on_an_old_connection_doubles_its_records_and_no_others() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let client = client(&cluster).await;
    let config = ProducerConfig { idempotence: Idempotence::Off, ..producer_config() };
    let producer = client.producer().config(config).build().await.unwrap();
    let send = async |value: &str| producer.send(Record::to("t").value(value)).await.unwrap();
    send("a").await;
    cluster.fault(Fault::on(ApiKey::PRODUCE).close_then_execute(3 * SECOND));
    send("b").await;
    send("c").await;
    sleep(5 * SECOND).await;
    send("d").await;
    let records = cluster.stored_records("t", 0);
    let values: Vec<_> = records.iter().map(|record| record.value().unwrap()).collect();
    assert_eq!(values, [b"a", b"b", b"c", b"b", b"d"]);
    let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
    let mut next = 0;
    while next < 5 {
        let batch = consumer.next().await.unwrap().unwrap();
        assert_eq!(batch.first_offset(), next);
        next = batch.next_offset();
    }
}

/// Of a process that stood still all timers are due at once, and what had come meanwhile is there.
#[tokio::test(start_paused = true)]
async fn a_process_that_stood_still_tells_the_truth_of_each_record_and_goes_on() {
    for still in [SECOND, 2 * REQUEST_TIMEOUT, 3 * DELIVERY_TIMEOUT, 3600 * SECOND] {
        let cluster = TestCluster::builder().topic("t", 1).build();
        cluster.network().latency(Duration::from_millis(5));
        let client = client(&cluster).await;
        let producer = producer(&client).await;
        let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
        let (mut given, mut refused) = (Vec::new(), Vec::new());
        for round in 0..20 {
            let value = round.to_string();
            let delivery = producer.enqueue(Record::to("t").value(&value)).await.unwrap();
            // Anywhere on the way there and back.
            sleep(Duration::from_millis(round)).await;
            advance(still).await;
            match delivery.await {
                Ok(_) => given.push(value),
                Err(error) if error.maybe_written() => {}
                Err(_) => refused.push(value),
            }
        }
        let last = producer.send(Record::to("t").value("last")).await.unwrap();
        let mut read = Vec::new();
        while consumer.position("t", 0) <= Some(last.offset) {
            match timeout(60 * SECOND, consumer.next()).await.expect("it goes on").unwrap() {
                Ok(batch) => {
                    let values = batch.records().map(|record| record.unwrap().value.unwrap());
                    read.extend(values.map(|value| String::from_utf8(value.to_vec()).unwrap()));
                }
                Err(error) => assert!(error.is_retriable(), "{error}"),
            }
        }
        let count = |value: &String| read.iter().filter(|other| *other == value).count();
        assert!(given.iter().all(|value| count(value) >= 1), "{still:?}: {given:?} {read:?}");
        assert!(refused.iter().all(|value| count(value) == 0), "{still:?}: {refused:?} {read:?}");
        if still < DELIVERY_TIMEOUT {
            assert_eq!(given.len(), 20, "{still:?}");
        }
        // An answer that had come is taken before it is given up: nothing is sent again for it.
        let distinct: BTreeSet<_> = read.iter().collect();
        assert_eq!(distinct.len(), read.len(), "{still:?}: {read:?}");
    }
}
