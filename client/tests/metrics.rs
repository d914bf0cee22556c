//! What a client measures is what it did; and what is documented is there.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;

use kurier_client::metrics::{Metrics, Snapshot};
use kurier_client::{Client, Record, Start, Stop};
use kurier_testkit::TestCluster;

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
async fn requests_and_bytes_are_counted_by_role_and_by_broker() {
    let cluster = cluster();
    let (client, held) = busy(&cluster).await;
    let snapshot = client.metrics().snapshot();
    let of = |group, name| number(&snapshot, group, name);
    // ApiVersions and ten Produce requests, each answered.
    assert_eq!(of("producer-metrics", "request-total"), 11.0);
    assert_eq!(of("producer-metrics", "response-total"), 11.0);
    assert_eq!(of("producer-metrics", "network-io-total"), 22.0);
    assert_eq!(of("producer-node-metrics", "request-total"), 11.0);
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
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let later = client.metrics().snapshot();
    assert_eq!(number(&later, "producer-metrics", "connection-count"), 0.0);
    assert_eq!(number(&later, "producer-metrics", "connection-close-total"), 1.0);
    assert_eq!(number(&later, "producer-metrics", "request-total"), 11.0, "a counter stays");
}
