//! A leader that has moved is followed: by what its successor's predecessor says, or by metadata.

use std::time::Duration;

use kurier_client::Client;
use kurier_client::consumer::Start;
use kurier_client::producer::{Producer, Record};
use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, RecordedRequest, TestCluster};
use tokio::time::{Instant, sleep};

async fn world(release: &str) -> (TestCluster, Client, Producer) {
    let cluster = TestCluster::builder().brokers(3).release(release).topic("t", 1).build();
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(7)).connect().await.unwrap();
    let producer = client.producer().build().await.unwrap();
    for broker in 1..=3 {
        // So that a connection to each is there.
        cluster.move_leader("t", 0, broker);
        producer.send(Record::to("t").value("v")).await.unwrap();
    }
    sleep(Duration::from_secs(2)).await;
    (cluster, client, producer)
}

/// The requests after a moment that matter to one who follows a leader.
fn since(cluster: &TestCluster, count: usize) -> Vec<RecordedRequest> {
    let is_one = |r: &RecordedRequest| matches!(r.api, ApiKey::PRODUCE | ApiKey::METADATA);
    cluster.requests().into_iter().skip(count).filter(is_one).collect()
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_moved_without_notice_is_asked_for_before_the_next_try() {
    let (cluster, _client, producer) = world("3.6").await;
    for broker in [1, 2, 3] {
        cluster.move_leader("t", 0, broker);
        let before = cluster.requests().len();
        producer.send(Record::to("t").value("v")).await.unwrap();
        let steps: Vec<_> = since(&cluster, before).iter().map(|r| (r.api, r.broker)).collect();
        let [(ApiKey::PRODUCE, _), (ApiKey::METADATA, _), .., (ApiKey::PRODUCE, last)] = steps[..]
        else {
            panic!("{steps:?}")
        };
        assert_eq!(last, broker, "{steps:?}");
        sleep(Duration::from_secs(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_the_old_one_names_is_asked_at_once() {
    let (cluster, _client, producer) = world("4.4").await;
    for broker in [1, 2, 3] {
        cluster.move_leader("t", 0, broker);
        // Metadata would come too late.
        cluster.fault(Fault::on(ApiKey::METADATA).delay(Duration::from_secs(3)));
        let (before, start) = (cluster.requests().len(), Instant::now());
        producer.send(Record::to("t").value("v")).await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        let produced: Vec<_> = since(&cluster, before)
            .into_iter()
            .filter(|r| r.api == ApiKey::PRODUCE)
            .map(|r| r.broker)
            .collect();
        assert_eq!(produced.len(), 2, "{produced:?}");
        assert_eq!(produced[1], broker);
        sleep(Duration::from_secs(5)).await;
        cluster.clear_faults();
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_follows_the_leader_that_the_old_one_names() {
    let (cluster, client, producer) = world("4.4").await;
    let mut consumer = client.consumer().topics(["t"], Start::Latest).start().unwrap();
    for broker in [1, 2, 3] {
        let next = async {
            sleep(Duration::from_secs(1)).await;
            cluster.move_leader("t", 0, broker);
            cluster.fault(Fault::on(ApiKey::METADATA).delay(Duration::from_secs(3)));
            let start = Instant::now();
            producer.send(Record::to("t").value("v")).await.unwrap();
            start
        };
        let (batch, start) = tokio::join!(consumer.next(), next);
        assert_eq!(batch.unwrap().unwrap().records().count(), 1);
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        sleep(Duration::from_secs(5)).await;
        cluster.clear_faults();
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_behind_takes_nobody_back_to_an_old_leader() {
    let (cluster, client, producer) = world("4.4").await;
    let old = cluster.leader_epoch("t", 0);
    cluster.move_leader("t", 0, 1);
    producer.send(Record::to("t").value("v")).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    let stale = Fault::on(ApiKey::METADATA).always().claim_leader_epoch(old);
    cluster.fault(stale);
    cluster.fault(Fault::on(ApiKey::METADATA).always().claim_leader(3));
    let _ = client.topic("none").await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(client.picture().leader_of("t", 0).map(|leader| leader.broker), Some(1));
    let before = cluster.requests().len();
    producer.send(Record::to("t").value("v")).await.unwrap();
    let asked = since(&cluster, before);
    assert_eq!(asked.iter().map(|r| (r.api, r.broker)).collect::<Vec<_>>(), [(ApiKey::PRODUCE, 1)]);
}
