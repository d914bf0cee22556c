//! Rights that are taken away in mid-run: what needs them fails at once and says which ACL misses,
//! the rest goes on, and all goes on when they are given back.

use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::consumer::Start;
use kurier_client::error::ErrorKind;
use kurier_client::offsets::Position;
use kurier_client::producer::{Producer, Record};
use kurier_client::{Client, Error};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const REFUSED: ErrorCode = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
/// How old metadata becomes here.
const AGE_MAX: Duration = Duration::from_secs(20);

async fn world() -> (TestCluster, Client) {
    let cluster = TestCluster::builder().topic("lost", 1).topic("kept", 1).build();
    let config = ClientConfig { metadata_age_max: AGE_MAX, ..ClientConfig::default() };
    let builder = Client::builder(cluster.bootstrap()).config(config).env(cluster.env(7));
    let client = builder.connect().await.unwrap();
    (cluster, client)
}

async fn send(producer: &Producer, topic: &str) -> Result<i64, Error> {
    let start = Instant::now();
    let sent = timeout(10 * SECOND, producer.send(Record::to(topic).value("v"))).await;
    assert!(start.elapsed() < SECOND, "{topic}: {:?}", start.elapsed());
    Ok(sent.expect("it ends")?.offset)
}

#[track_caller]
fn misses(error: &Error, operation: &str) {
    let line = error.to_string();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Authorization, Some(REFUSED)), "{line}");
    let acl = format!("--operation {operation} --topic lost");
    assert!(line.contains("no ACL allows User:ANONYMOUS") && line.contains(&acl), "{line}");
    assert!(!error.is_retriable() && !error.is_fatal(), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_may_not_be_written_any_more_fails_alone() {
    let (cluster, client) = world().await;
    let producer = client.producer().build().await.unwrap();
    for topic in ["lost", "kept"] {
        assert_eq!(send(&producer, topic).await.unwrap(), 0);
    }
    let fault = Fault::on(ApiKey::PRODUCE).topic("lost").always().answer(REFUSED);
    let fault = cluster.fault(fault);
    for n in 1..4 {
        let both = tokio::join!(send(&producer, "lost"), send(&producer, "kept"));
        misses(&both.0.unwrap_err(), "Write");
        assert_eq!(both.1.unwrap(), n);
    }
    assert_eq!(fault.hits(), 3, "none was sent twice");
    cluster.clear_faults();
    assert_eq!(send(&producer, "lost").await.unwrap(), 1);
    assert_eq!(cluster.high_watermark("lost", 0), 2, "nothing that failed was written");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_may_not_be_read_any_more_is_told_of_once_and_the_other_goes_on() {
    let (cluster, client) = world().await;
    let producer = client.producer().build().await.unwrap();
    let mut consumer = client.consumer().topics(["lost", "kept"], Start::Earliest).start().unwrap();
    for topic in ["lost", "kept"] {
        send(&producer, topic).await.unwrap();
        assert_eq!(consumer.next().await.unwrap().unwrap().topic(), topic);
    }
    cluster.fault(Fault::on(ApiKey::FETCH).topic("lost").always().answer(REFUSED));
    let told = timeout(SECOND, consumer.next()).await.expect("at once").unwrap().unwrap_err();
    misses(&told, "Read");
    for n in 1..4 {
        send(&producer, "lost").await.unwrap();
        send(&producer, "kept").await.unwrap();
        let batch = consumer.next().await.unwrap().unwrap();
        assert_eq!((batch.topic(), batch.first_offset()), ("kept", n), "and not told of again");
    }
    cluster.clear_faults();
    let position = consumer.position("lost", 0).unwrap();
    consumer.seek("lost", 0, Start::Offset(position)).unwrap();
    let mut read = 0;
    while read < 3 {
        let batch = timeout(SECOND, consumer.next()).await.expect("at once").unwrap().unwrap();
        assert_eq!((batch.topic(), batch.first_offset()), ("lost", 1 + read));
        read += i64::try_from(batch.records().count()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_may_not_even_be_seen_any_more_fails_alone() {
    let (cluster, client) = world().await;
    let producer = client.producer().build().await.unwrap();
    for topic in ["lost", "kept"] {
        assert_eq!(send(&producer, topic).await.unwrap(), 0);
    }
    // As a broker does it: whoever may not see a topic may do nothing with it.
    let apis = [ApiKey::METADATA, ApiKey::PRODUCE, ApiKey::LIST_OFFSETS];
    for api in apis {
        cluster.fault(Fault::on(api).topic("lost").always().answer(REFUSED));
    }
    for n in 1..6 {
        let both = tokio::join!(send(&producer, "lost"), send(&producer, "kept"));
        let error = both.0.unwrap_err();
        let told_by_metadata = matches!(&error, Error::Broker { api: ApiKey::METADATA, .. });
        misses(&error, if told_by_metadata { "Describe" } else { "Write" });
        assert_eq!(both.1.unwrap(), n);
        let lookup = client.offsets();
        misses(&lookup.at(Position::Latest, [("lost", 0)]).await.unwrap_err(), "Describe");
        lookup.at(Position::Latest, [("kept", 0)]).await.unwrap();
        sleep(AGE_MAX / 2).await;
    }
    cluster.clear_faults();
    sleep(2 * AGE_MAX).await;
    assert_eq!(send(&producer, "lost").await.unwrap(), 1);
    client.offsets().at(Position::Latest, [("lost", 0)]).await.unwrap();
}
