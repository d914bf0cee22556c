//! What a client measures is what it did; and what is documented is there.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::time::Duration;

use kurier_client::consumer::OffsetReset;
use kurier_client::metrics::{Metrics, Snapshot};
use kurier_client::producer::ProducerConfig;
use kurier_client::transactions::{ConsumerGroupMetadata, GroupOffset};
use kurier_client::{Client, Record, Start, Stop};
use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, TestCluster};

/// A client that has written and read some records, with what it did it by still there.
async fn busy(cluster: &TestCluster) -> (Client, Box<dyn std::any::Any>) {
    let client = Client::builder(cluster.bootstrap()).client_id("app").env(cluster.env(1));
    let client = client.connect().await.unwrap();
    let producer = client.producer().build().await.unwrap();
    for value in 0..10 {
        producer.send(Record::to("t").value(&[value; 100])).await.unwrap();
    }
    let mut consumer =
        client.consumer().topics(["t"], Start::Earliest).stop(Stop::End).start().unwrap();
    let mut records = 0;
    while let Some(batch) = consumer.next().await.transpose().unwrap() {
        records += batch.records().count();
    }
    assert_eq!(records, 10);
    (client, Box::new((producer, consumer)))
}

fn cluster() -> TestCluster {
    TestCluster::builder().topic("t", 1).build()
}

fn number(snapshot: &Snapshot, group: &str, name: &str) -> f64 {
    snapshot.get(group, name, &[]).unwrap_or_else(|| panic!("{group} {name}")).number()
}

#[tokio::test(start_paused = true)]
async fn every_documented_metric_is_there_in_all_three_forms_and_no_other() {
    let cluster = cluster();
    let (client, _held) = busy(&cluster).await;
    let group = client.consumer().group("g").subscribe(["t"]).offset_reset(OffsetReset::Earliest);
    let mut member = group.start().unwrap();
    member.next().await.unwrap().unwrap();
    let snapshot = client.metrics().snapshot();
    let text = snapshot.prometheus();
    let page = Metrics::reference();
    let (page, _) = page.split_once("\n## Java's names that are missing").unwrap();
    let mut documented = BTreeSet::new();
    for section in page.split("\n## ").skip(1) {
        let group = section.split_once(", by").unwrap().0;
        for row in section.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.split(" | ").collect();
            let bare = |cell: &str| cell.trim_matches(['|', ' ', '`']).to_owned();
            documented.insert((group.to_owned(), bare(cells[0]), bare(cells[3])));
        }
    }
    let found: BTreeSet<_> = snapshot
        .iter()
        .map(|metric| (metric.group.to_owned(), metric.name.to_owned(), metric.prometheus_name()))
        .collect();
    assert_eq!(documented, found);
    for metric in snapshot.iter() {
        let line = format!("\n{}{{client_id=\"app\"", metric.prometheus_name());
        assert!(text.contains(&line), "{line}");
        let telemetry = metric.telemetry_name();
        assert!(telemetry.starts_with("org.apache.kafka.") && !telemetry.contains(['-', '_']));
        assert!(!metric.is_counter() || metric.number() >= 0.0, "{metric:?}");
    }
    assert_eq!(number(&snapshot, "kafka-metrics-count", "count"), snapshot.iter().len() as f64);
}

#[tokio::test(start_paused = true)]
async fn how_long_calls_about_transactions_take_is_counted() {
    let cluster = cluster();
    let client = Client::builder(cluster.bootstrap()).client_id("app").env(cluster.env(1));
    let client = client.connect().await.unwrap();
    let slow = |api, seconds| {
        let by = Duration::from_secs(seconds);
        drop(cluster.fault(Fault::on(api).delay_answer(by)));
    };
    slow(ApiKey::INIT_PRODUCER_ID, 1);
    let producer = client.transactional_producer("a").build().await.unwrap();
    let of = |name: &str| {
        number(
            &client.metrics().snapshot(),
            "producer-metrics",
            &format!("txn-{name}-time-ns-total"),
        )
    };
    assert_eq!((of("init"), of("begin")), (1e9, 0.0));
    let mut first = producer.begin().await.unwrap();
    first.send(Record::to("t").value("v")).await.unwrap();
    slow(ApiKey::TXN_OFFSET_COMMIT, 2);
    let group = ConsumerGroupMetadata::new("g");
    first.send_offsets(group, [GroupOffset::new("t", 0, 1)]).await.unwrap();
    slow(ApiKey::END_TXN, 3);
    first.commit().await.unwrap();
    drop(first);
    let second = producer.begin().await.unwrap();
    second.send(Record::to("t").value("v")).await.unwrap();
    // The next one waits for the end of the one that is dropped.
    slow(ApiKey::END_TXN, 4);
    drop(second);
    let mut third = producer.begin().await.unwrap();
    third.send(Record::to("t").value("v")).await.unwrap();
    slow(ApiKey::END_TXN, 5);
    third.abort().await.unwrap();
    let found = ["init", "send-offsets", "commit", "begin", "abort"].map(|name| of(name) / 1e9);
    assert_eq!(found, [1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[tokio::test(start_paused = true)]
async fn how_long_brokers_ask_to_be_left_alone_is_counted() {
    let cluster = cluster();
    cluster.fault(Fault::on(ApiKey::PRODUCE).skip(4).throttle(Duration::from_secs(3)));
    cluster.fault(Fault::on(ApiKey::FETCH).throttle(Duration::from_secs(2)));
    let (client, _held) = busy(&cluster).await;
    let snapshot = client.metrics().snapshot();
    let of = |group, name| number(&snapshot, group, name);
    assert_eq!(of("producer-metrics", "produce-throttle-time-max"), 3000.0);
    assert_eq!(of("producer-metrics", "produce-throttle-time-avg"), 300.0, "one of ten");
    let group = "consumer-fetch-manager-metrics";
    assert_eq!(of(group, "fetch-throttle-time-max"), 2000.0);
    assert!((1.0..2000.0).contains(&of(group, "fetch-throttle-time-avg")));
    let requests = cluster.requests();
    for (api, skip, wait) in [(ApiKey::PRODUCE, 4, 3), (ApiKey::FETCH, 0, 2)] {
        let mut times = requests.iter().filter(|r| r.api == api).map(|r| r.at).skip(skip);
        let (throttled, next) = (times.next().unwrap(), times.next().unwrap());
        assert!(next - throttled >= Duration::from_secs(wait), "{api} waits, too");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_and_bytes_are_counted_by_role_and_by_broker() {
    let cluster = cluster();
    let (client, held) = busy(&cluster).await;
    let snapshot = client.metrics().snapshot();
    let of = |group, name| number(&snapshot, group, name);
    // ApiVersions, InitProducerId and ten Produce requests, each answered.
    assert_eq!(of("producer-metrics", "request-total"), 12.0);
    assert_eq!(of("producer-metrics", "response-total"), 12.0);
    assert_eq!(of("producer-metrics", "network-io-total"), 24.0);
    assert_eq!(of("producer-node-metrics", "request-total"), 12.0);
    let bytes = of("producer-metrics", "outgoing-byte-total");
    assert!(bytes > 1000.0 && bytes == of("producer-node-metrics", "outgoing-byte-total"));
    assert!(of("producer-metrics", "request-size-max") < bytes);
    assert!(of("consumer-metrics", "incoming-byte-total") > 1000.0);
    assert!(of("consumer-node-metrics", "request-latency-max") >= 0.0);
    assert_eq!(of("producer-metrics", "connection-count"), 1.0);
    assert_eq!(of("producer-metrics", "connection-creation-total"), 1.0);
    assert_eq!(of("producer-metrics", "successful-authentication-total"), 0.0);
    // The first question went to a bootstrap server, which has its own series.
    let first =
        snapshot.get("admin-client-node-metrics", "request-total", &[("node-id", "node--1")]);
    assert!(first.unwrap().number() > 0.0);
    drop(held);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let later = client.metrics().snapshot();
    assert_eq!(number(&later, "producer-metrics", "connection-count"), 0.0);
    assert_eq!(number(&later, "producer-metrics", "connection-close-total"), 1.0);
    assert_eq!(number(&later, "producer-metrics", "request-total"), 12.0, "a counter stays");
}

#[tokio::test(start_paused = true)]
async fn records_are_counted_on_both_sides_for_all_topics_and_for_each() {
    let cluster = cluster();
    let (client, held) = busy(&cluster).await;
    let snapshot = client.metrics().snapshot();
    let of = |group, name| number(&snapshot, group, name);
    let at = |group, name, tags| snapshot.get(group, name, tags).map(|metric| metric.number());
    let (sent, fetched) = ("producer-metrics", "consumer-fetch-manager-metrics");
    assert_eq!(of(sent, "record-send-total"), 10.0);
    assert_eq!(at("producer-topic-metrics", "record-send-total", &[("topic", "t")]), Some(10.0));
    assert_eq!(of(sent, "records-per-request-avg"), 1.0);
    assert_eq!(of(sent, "compression-rate-avg"), 1.0);
    let batch = of(sent, "batch-size-max");
    assert_eq!(of("producer-topic-metrics", "byte-total"), 10.0 * batch);
    assert_eq!(of(sent, "record-size-max"), batch - 61.0, "a batch of one record");
    assert_eq!(of(sent, "record-size-avg"), batch - 61.0);
    assert_eq!(of(sent, "record-retry-total") + of(sent, "record-error-total"), 0.0);
    assert_eq!(of(sent, "buffer-available-bytes"), of(sent, "buffer-total-bytes"));
    assert_eq!(of(sent, "buffer-total-bytes"), (32 << 20) as f64);
    assert_eq!(of(sent, "requests-in-flight") + of(sent, "waiting-threads"), 0.0);
    assert!(of(sent, "record-queue-time-max") >= 5.0, "the linger");
    assert!(of(sent, "metadata-age") >= 0.0);
    assert_eq!(of(fetched, "records-consumed-total"), 10.0);
    assert_eq!(at(fetched, "records-consumed-total", &[("topic", "t")]), Some(10.0));
    assert_eq!(of(fetched, "bytes-consumed-total"), 10.0 * (batch - 61.0));
    assert!(of(fetched, "fetch-total") >= 1.0 && of(fetched, "fetch-size-max") >= batch);
    let partition = &[("topic", "t"), ("partition", "0")];
    assert_eq!(at(fetched, "records-lag", partition), Some(0.0));
    assert_eq!(at(fetched, "records-lead", partition), Some(10.0));
    assert_eq!(at(fetched, "records-lag-max", partition), Some(10.0), "before the first batch");
    assert!(of("consumer-metrics", "last-poll-seconds-ago") < 1.0);
    drop(held);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let later = client.metrics().snapshot();
    assert_eq!(number(&later, fetched, "records-consumed-total"), 10.0, "a counter stays");
    assert!(later.get(fetched, "records-lag", partition).is_none(), "nobody reads it any more");
    assert_eq!(number(&later, sent, "buffer-total-bytes"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn retries_failures_and_waits_are_counted() {
    let cluster = cluster();
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await.unwrap();
    let config = ProducerConfig {
        buffer_bytes_max: 64 << 10,
        batch_bytes_max: 16 << 10,
        block_max: Duration::from_secs(3),
        request_timeout: Duration::from_secs(10),
        delivery_timeout: Duration::from_secs(20),
        ..ProducerConfig::default()
    };
    let producer = client.producer().config(config).build().await.unwrap();
    producer.send(Record::to("t").value("v")).await.unwrap();
    cluster.kill_broker(1);
    let value = vec![b'v'; 1000];
    let mut taken = 0;
    while let Ok(delivery) = producer.try_enqueue(Record::to("t").value(&value)) {
        drop(delivery);
        taken += 1;
    }
    producer.enqueue(Record::to("t").value(&value)).await.unwrap_err();
    let of = |name| number(&client.metrics().snapshot(), "producer-metrics", name);
    assert_eq!(of("buffer-exhausted-total"), 1.0);
    assert_eq!(of("bufferpool-wait-time-ns-total"), 3e9);
    assert!(of("buffer-available-bytes") < 16.0 * 1024.0);
    producer.flush().await.unwrap_err();
    assert!(of("record-retry-total") > 0.0);
    assert_eq!(of("record-error-total"), f64::from(taken));
    assert!(of("flush-time-ns-total") > 1e9);
    assert_eq!(of("buffer-available-bytes"), 64.0 * 1024.0);
    assert_eq!(of("requests-in-flight"), 0.0);
    assert!(of("metadata-wait-time-ns-total") >= 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_not_taken_lags_by_what_is_new() {
    let cluster = cluster();
    let (client, _held) = busy(&cluster).await;
    let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
    consumer.next().await.unwrap().unwrap();
    let lag =
        || number(&client.metrics().snapshot(), "consumer-fetch-manager-metrics", "records-lag");
    let position = consumer.position("t", 0).unwrap();
    assert_eq!(lag(), 10.0 - position as f64);
    let producer = client.producer().build().await.unwrap();
    for _ in 0..5 {
        producer.send(Record::to("t").value("v")).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    // The user has taken nothing, and the consumer's task knows what is there.
    assert_eq!(lag(), 15.0 - position as f64);
}
