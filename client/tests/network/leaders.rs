//! A leader that has moved is followed: by what its successor's predecessor says, or by metadata.

use std::time::Duration;

use kurier_client::Client;
use kurier_client::consumer::Start;
use kurier_client::producer::{Producer, Record};
use kurier_protocol::ApiKey;
use kurier_protocol::api::fetch::FetchRequest;
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
    for (old, broker) in [(3, 1), (1, 2), (2, 3)] {
        cluster.move_leader("t", 0, broker);
        let (before, start) = (cluster.requests().len(), Instant::now());
        producer.send(Record::to("t").value("v")).await.unwrap();
        assert!(start.elapsed() < Duration::from_millis(50), "{:?}", start.elapsed());
        sleep(Duration::from_secs(5)).await;
        let asked = since(&cluster, before);
        let steps: Vec<_> = asked.iter().map(|r| (r.api, r.broker)).collect();
        assert_eq!(steps, [(ApiKey::PRODUCE, old), (ApiKey::PRODUCE, broker)]);
        assert!(asked.iter().all(|r| r.version >= 13), "topics go by id");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_a_broker_names_wrongly_is_corrected_by_metadata() {
    let (cluster, _client, producer) = world("4.4").await;
    cluster.move_leader("t", 0, 1);
    cluster.fault(Fault::on(ApiKey::PRODUCE).claim_leader_epoch(0));
    let before = cluster.requests().len();
    producer.send(Record::to("t").value("v")).await.unwrap();
    let steps: Vec<_> = since(&cluster, before).iter().map(|r| (r.api, r.broker)).collect();
    let [(ApiKey::PRODUCE, 3), (ApiKey::METADATA, _), (ApiKey::PRODUCE, 1)] = steps[..] else {
        panic!("{steps:?}")
    };
}

#[tokio::test(start_paused = true)]
async fn the_leader_of_a_topic_that_is_gone_is_not_taken_for_that_of_its_successor() {
    let (cluster, client, producer) = world("4.4").await;
    cluster.move_leader("t", 0, 1);
    cluster.fault(Fault::on(ApiKey::PRODUCE).delay_answer(Duration::from_secs(20)));
    let sent = producer.enqueue(Record::to("t").value("v")).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let (old, id) = (cluster.leader_epoch("t", 0), cluster.topic_id("t"));
    cluster.recreate_topic("t", 1);
    assert!(cluster.topic_id("t") != id && cluster.leader_epoch("t", 0) < old);
    // A question about another topic brings news of this one.
    let _ = client.topic("none").await;
    let led = || client.picture().leader_of("t", 0).map(|leader| (leader.broker, leader.epoch));
    let by_cluster = || Some((cluster.leader("t", 0).unwrap(), cluster.leader_epoch("t", 0)));
    assert_eq!(led(), by_cluster());
    sent.await.unwrap();
    assert_eq!(led(), by_cluster());
}

#[tokio::test(start_paused = true)]
async fn a_reader_follows_the_leader_that_the_old_one_names() {
    let (cluster, _client, producer) = world("4.4").await;
    let client = Client::builder(cluster.bootstrap()).client_id("reader").env(cluster.env(8));
    let client = client.connect().await.unwrap();
    let mut consumer = client.consumer().topics(["t"], Start::Latest).start().unwrap();
    for broker in [1, 2, 3] {
        let next = async {
            sleep(Duration::from_secs(1)).await;
            let before = cluster.requests().len();
            cluster.move_leader("t", 0, broker);
            let start = Instant::now();
            producer.send(Record::to("t").value("v")).await.unwrap();
            (start, before)
        };
        let (batch, (start, before)) = tokio::join!(consumer.next(), next);
        assert_eq!(batch.unwrap().unwrap().records().count(), 1);
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        sleep(Duration::from_secs(5)).await;
        let is_readers = |r: &RecordedRequest| r.client_id.as_deref() == Some("reader");
        let asked = cluster.requests().into_iter().skip(before).filter(is_readers);
        // The old leader is told that the fetch session is over.
        let is_end = |r: &RecordedRequest| {
            r.api == ApiKey::FETCH && r.decode::<FetchRequest>().session_epoch == -1
        };
        for request in asked.filter(|r| r.api != ApiKey::API_VERSIONS && !is_end(r)) {
            assert_eq!(request.broker, broker);
            match request.api {
                ApiKey::FETCH => assert!(request.version >= 13, "topics go by id"),
                // Whether its log has what was read.
                api => assert_eq!(api, ApiKey::OFFSET_FOR_LEADER_EPOCH),
            }
        }
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
