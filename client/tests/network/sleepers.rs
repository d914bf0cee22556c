//! A producer asks for the metadata of the topics that it uses (KIP-526).

use std::collections::BTreeSet;
use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::producer::{Producer, ProducerConfig, Record, TopicsConfig};
use kurier_client::{Client, Error};
use kurier_protocol::ApiKey;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::TestCluster;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

async fn world() -> (TestCluster, Client, Producer) {
    let cluster = TestCluster::builder().topic("busy", 1).topic("rare", 1).build();
    let config = ClientConfig { metadata_age_max: 20 * SECOND, ..ClientConfig::default() };
    let builder = Client::builder(cluster.bootstrap()).config(config).env(cluster.env(7));
    let client = builder.connect().await.unwrap();
    let ours = ProducerConfig {
        topics: TopicsConfig { idle_max: 60 * SECOND, ..TopicsConfig::default() },
        ..ProducerConfig::default()
    };
    let producer = client.producer().config(ours).build().await.unwrap();
    (cluster, client, producer)
}

/// The topics that were asked for since so many requests.
fn asked(cluster: &TestCluster, since: usize) -> BTreeSet<String> {
    let metadata = |r: &&kurier_testkit::RecordedRequest| r.api == ApiKey::METADATA;
    let requests = cluster.requests();
    let asked = requests.iter().skip(since).filter(metadata);
    let names = asked.flat_map(|r| r.decode::<MetadataRequest>().topics.unwrap_or_default());
    names.filter_map(|topic| Some(topic.name?.to_string())).collect()
}

async fn send(producer: &Producer, topic: &str) -> Result<i64, Error> {
    Ok(producer.send(Record::to(topic).key("k").value("v")).await?.offset)
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_not_used_is_asked_for_no_more_until_it_is() {
    let (cluster, _client, producer) = world().await;
    assert_eq!(send(&producer, "rare").await.unwrap(), 0);
    let (both, one) = (["busy", "rare"], ["busy"]);
    for minute in 0..5 {
        let since = cluster.requests().len();
        for n in 0..6 {
            assert_eq!(send(&producer, "busy").await.unwrap(), minute * 6 + n);
            sleep(10 * SECOND).await;
        }
        let wanted: &[&str] = if minute < 1 { &both } else { &one };
        // In the minute in which it falls asleep it may be asked for or not.
        if minute != 1 {
            let asked = asked(&cluster, since);
            assert_eq!(asked.iter().map(String::as_str).collect::<Vec<_>>(), wanted, "{minute}");
        }
    }
    let since = cluster.requests().len();
    assert_eq!(send(&producer, "rare").await.unwrap(), 1, "in order, where it was");
    sleep(30 * SECOND).await;
    assert!(asked(&cluster, since).contains("rare"));
}

#[tokio::test(start_paused = true)]
async fn what_has_changed_while_a_topic_slept_is_known_before_the_next_record() {
    let (_cluster, client, producer) = world().await;
    send(&producer, "rare").await.unwrap();
    sleep(200 * SECOND).await;
    client.admin().create_partitions([("rare", 16)]).await.unwrap();
    let mut used = BTreeSet::new();
    for key in 0..40 {
        let key = key.to_string();
        let sent = producer.send(Record::to("rare").key(&key).value("v")).await.unwrap();
        used.insert(sent.partition);
    }
    assert!(used.len() > 8, "{used:?}");
}

#[tokio::test(start_paused = true)]
async fn a_topic_with_records_that_wait_does_not_fall_asleep() {
    let (cluster, _client, producer) = world().await;
    send(&producer, "rare").await.unwrap();
    cluster.kill_broker(1);
    let record = Record::to("rare").key("k").value("v");
    let delivery = producer.enqueue(record).await.unwrap();
    sleep(100 * SECOND).await;
    let since = cluster.requests().len();
    cluster.restart_broker(1);
    assert_eq!(delivery.await.unwrap().offset, 1);
    sleep(25 * SECOND).await;
    assert!(asked(&cluster, since).contains("rare"));
}
