//! What brokers speak belongs to a connection: it may be old, narrow, different on each broker, and
//! change in mid-run. A request goes in what that broker has, or an error says what it lacks.

use std::collections::BTreeSet;
use std::time::Duration;

use kurier_client::consumer::{Consumer, Start};
use kurier_client::offsets::Position;
use kurier_client::producer::{Producer, Record};
use kurier_client::{Client, Error};
use kurier_protocol::ApiKey;
use kurier_protocol::release::{Release, advertised};
use kurier_testkit::TestCluster;
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

async fn client(cluster: &TestCluster) -> Client {
    Client::builder(cluster.bootstrap()).env(cluster.env(7)).connect().await.unwrap()
}

/// Records of two partitions, which lie on two brokers, out and in.
struct Flow {
    producer: Producer,
    consumer: Consumer,
    sent: i64,
}

impl Flow {
    async fn start(client: &Client) -> Self {
        let assigned = [0, 1].map(|partition| ("t", partition, Start::Earliest));
        Self {
            producer: client.producer().build().await.unwrap(),
            consumer: client.consumer().assign(assigned).start().unwrap(),
            sent: 0,
        }
    }

    /// A record for each partition, which is read again; none is lost, and none is there twice.
    async fn goes_on(&mut self, when: &str) {
        let mut seen = BTreeSet::new();
        for partition in 0..2 {
            let record = Record::to("t").partition(partition).value("v");
            let sent = timeout(60 * SECOND, self.producer.send(record)).await;
            let sent = sent.unwrap_or_else(|_| panic!("{when}: sending hangs"));
            let offset = sent.unwrap_or_else(|error| panic!("{when}: {error}")).offset;
            assert_eq!(offset, self.sent, "{when}");
        }
        while seen.len() < 2 {
            let next = timeout(60 * SECOND, self.consumer.next()).await;
            let next = next.unwrap_or_else(|_| panic!("{when}: reading hangs")).unwrap();
            let batch = next.unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_eq!(batch.first_offset(), self.sent, "{when}");
            assert!(seen.insert(batch.partition()), "{when}: nothing is read twice");
        }
        self.sent += 1;
    }
}

/// The versions of an API that a broker got since so many requests.
fn versions(cluster: &TestCluster, since: usize, api: ApiKey, broker: i32) -> BTreeSet<i16> {
    let requests = cluster.requests();
    let these = requests.iter().skip(since).filter(|r| r.api == api && r.broker == broker);
    these.map(|r| r.version).collect()
}

#[tokio::test(start_paused = true)]
async fn who_does_not_know_the_first_question_is_asked_it_in_version_0() {
    for release in ["0.10.0", "1.0", "2.3"] {
        let cluster = TestCluster::builder().brokers(2).release(release).topic("t", 2).build();
        let client = client(&cluster).await;
        Flow::start(&client).await.goes_on(release).await;
        let first: Vec<i16> = cluster.requests().iter().take(2).map(|r| r.version).collect();
        assert!(first[0] > 2 && first[1] == 0, "{release}: {first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_becomes_another_release_is_spoken_to_as_that_one() {
    let cluster = TestCluster::builder().brokers(2).release("4.4").topic("t", 2).build();
    let client = client(&cluster).await;
    let mut flow = Flow::start(&client).await;
    flow.goes_on("4.4").await;
    for release in ["3.9", "2.4", "4.0", "4.4"] {
        // One broker after the other, and at last what the whole cluster is set to.
        for broker in 1..=2 {
            cluster.set_broker_release(broker, release);
            flow.goes_on(&format!("broker {broker} is {release}")).await;
        }
        cluster.set_release(release);
        let since = cluster.requests().len();
        for _ in 0..3 {
            flow.goes_on(release).await;
            sleep(SECOND).await;
        }
        let range = |api| advertised(release.parse::<Release>().unwrap(), api).unwrap();
        for api in [ApiKey::PRODUCE, ApiKey::FETCH] {
            for broker in 1..=2 {
                let used = versions(&cluster, since, api, broker);
                let is_known = |version: &i16| range(api).contains(version);
                assert!(!used.is_empty() && used.iter().all(is_known), "{release}: {used:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_broker_gets_the_versions_that_it_has_when_it_has_them() {
    let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
    let client = client(&cluster).await;
    let mut flow = Flow::start(&client).await;
    flow.goes_on("at first").await;
    let leaders = [0, 1].map(|partition| cluster.leader("t", partition).unwrap());
    assert_ne!(leaders[0], leaders[1]);
    let (narrow, wide) = (leaders[0], leaders[1]);
    // Connections that are open ask once more in what they were told, and are closed for it.
    cluster.set_versions(narrow, ApiKey::PRODUCE, Some(3..=7));
    cluster.set_versions(narrow, ApiKey::FETCH, Some(4..=9));
    flow.goes_on("one broker speaks less").await;
    let since = cluster.requests().len();
    flow.goes_on("and is known to").await;
    let highest = |api, broker| versions(&cluster, since, api, broker).pop_last().unwrap();
    assert_eq!((highest(ApiKey::PRODUCE, narrow), highest(ApiKey::FETCH, narrow)), (7, 9));
    assert!(highest(ApiKey::PRODUCE, wide) > 7 && highest(ApiKey::FETCH, wide) > 9);
}

#[tokio::test(start_paused = true)]
async fn what_one_broker_lacks_is_an_error_that_names_it_and_no_other_is_asked() {
    let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
    let client = client(&cluster).await;
    let lacking = cluster.leader("t", 0).unwrap();
    cluster.set_versions(lacking, ApiKey::LIST_OFFSETS, Some(1..=7));
    let local = |partition| {
        let offsets = client.offsets();
        async move { offsets.at(Position::EarliestLocal, [("t", partition)]).await }
    };
    assert_eq!(local(1).await.unwrap()[0].offset, Some(0));
    let error = local(0).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }) && !error.is_retriable(), "{error}");
    let line = error.to_string();
    assert!(line.starts_with("ListOffsets needs Kafka 3."), "{line}");
    assert!(line.contains("offers version 1 to 7 of it, as Kafka"), "{line}");

    // The whole API is gone, in mid-run.
    cluster.set_versions(lacking, ApiKey::LIST_OFFSETS, None);
    cluster.drop_connections(lacking);
    let error = client.offsets().at(Position::Latest, [("t", 0)]).await.unwrap_err();
    assert!(error.to_string().contains("offers none of it"), "{error}");
    assert_eq!(client.offsets().at(Position::Latest, [("t", 1)]).await.unwrap().len(), 1);
    let producer = client.producer().build().await.unwrap();
    let send = |partition| producer.send(Record::to("t").partition(partition).value("v"));
    send(0).await.unwrap();
    cluster.set_versions(lacking, ApiKey::PRODUCE, None);
    cluster.drop_connections(lacking);
    let refused = timeout(5 * SECOND, send(0)).await.expect("at once").unwrap_err();
    assert!(matches!(refused, Error::Unsupported { .. }), "{refused}");
    assert!(refused.to_string().starts_with("Produce needs "), "{refused}");
    send(1).await.unwrap();
}
