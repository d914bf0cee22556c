//! When the brokers that are known are no help: back to the bootstrap servers.

use std::time::Duration;

use kurier_client::config::{ClientConfig, RecoveryConfig};
use kurier_client::producer::Record;
use kurier_client::{Client, Target};
use kurier_protocol::api::metadata::{MetadataRequest, MetadataResponse, MetadataResponseBroker};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::net::Answer;
use kurier_testkit::{Fault, TestCluster};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// Three brokers behind one name, and a client that knows nothing else to begin with.
async fn world(recovery: RecoveryConfig) -> (TestCluster, Client) {
    let cluster = TestCluster::builder().brokers(3).topic("t", 3).build();
    cluster.network().resolve("kafka", [Answer::Brokers(vec![1, 2, 3])]);
    let config = ClientConfig {
        metadata_age_max: 60 * SECOND,
        request_timeout: 5 * SECOND,
        recovery,
        ..ClientConfig::default()
    };
    let builder = Client::builder(["kafka:9092"]).config(config).env(cluster.env(7));
    let client = builder.connect().await.unwrap();
    (cluster, client)
}

/// Names that no look-up ever answers for, instead of the brokers' own.
fn advertise_nowhere(cluster: &TestCluster) {
    for broker in 1..=3 {
        let nowhere = format!("nowhere-{broker}");
        cluster.network().resolve(&nowhere, [Answer::Hangs]);
        cluster.fault(Fault::on(ApiKey::METADATA).always().claim_address(broker, &nowhere, 9092));
    }
}

/// How long it takes until the client knows the brokers by names that lead somewhere.
async fn recovered(client: &Client) -> Duration {
    let start = Instant::now();
    let is_well = |client: &Client| {
        let picture = client.picture();
        picture.brokers().all(|(_, broker)| !broker.address.host.starts_with("nowhere"))
    };
    while !is_well(client) {
        sleep(SECOND).await;
        assert!(start.elapsed() < 3600 * SECOND, "never");
    }
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn known_brokers_that_stay_silent_are_given_up_after_a_while() {
    let long = 1200 * SECOND;
    let rows = [
        // Not even one of them has been given up when its time is over.
        (RecoveryConfig { rebootstrap_after: 7 * SECOND, ..RecoveryConfig::default() }, 7),
        // All three have, each after ten seconds (KIP-899).
        (RecoveryConfig { rebootstrap_after: long, ..RecoveryConfig::default() }, 30),
    ];
    for (recovery, seconds) in rows {
        let (cluster, client) = world(recovery).await;
        advertise_nowhere(&cluster);
        client.topic("t").await.unwrap();
        sleep(61 * SECOND).await;
        assert!(client.picture().brokers().all(|(_, b)| b.address.host.starts_with("nowhere")));
        cluster.clear_faults();
        let took = recovered(&client).await.as_secs();
        assert!(took <= 60 + seconds + 2, "{took} s, and it asks each 60 s");
        client.request(Target::Broker(2), MetadataRequest::default()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_strategy_known_brokers_are_all_there_is() {
    let recovery = RecoveryConfig { rebootstrap: false, ..RecoveryConfig::default() };
    let (cluster, client) = world(recovery).await;
    advertise_nowhere(&cluster);
    let _ = client.topic("t").await;
    sleep(61 * SECOND).await;
    cluster.clear_faults();
    sleep(1000 * SECOND).await;
    assert!(client.picture().brokers().all(|(_, b)| b.address.host.starts_with("nowhere")));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_asks_for_it_sends_the_client_back_to_the_bootstrap_servers() {
    let (cluster, client) = world(RecoveryConfig::default()).await;
    let producer = client.producer().build().await.unwrap();
    for partition in 0..3 {
        producer.send(Record::to("t").partition(partition).value("v")).await.unwrap();
    }
    let before = cluster.counters().connections;
    // Known by their names, as brokers are; the bootstrap server is known by another.
    cluster.network().resolve("kafka", [Answer::Brokers(vec![3])]);
    let code = ErrorCode::REBOOTSTRAP_REQUIRED;
    cluster.fault(Fault::on(ApiKey::METADATA).answer_at_top(code));
    client.topic("new").await.unwrap_err();
    assert!(before < cluster.counters().connections, "the old connections were closed");
    let asked = cluster.requests().into_iter().rfind(|r| r.api == ApiKey::METADATA).unwrap();
    assert!((1..=3).contains(&asked.broker));
    for partition in 0..3 {
        producer.send(Record::to("t").partition(partition).value("v")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_an_admin_that_asks_for_it_does_the_same() {
    let (cluster, client) = world(RecoveryConfig::default()).await;
    client.topic("t").await.unwrap();
    let before = cluster.counters().connections;
    let code = ErrorCode::REBOOTSTRAP_REQUIRED;
    cluster.fault(Fault::on(ApiKey::METADATA).answer_at_top(code));
    let topics = client.admin().list_topics().await.unwrap();
    assert_eq!(topics.len(), 1);
    sleep(SECOND).await;
    assert!(before < cluster.counters().connections, "the old connections were closed");
    cluster.fault(Fault::on(ApiKey::METADATA).answer_at_top(code));
    assert!(client.admin().describe_topics(["t"]).await.unwrap()[0].is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_an_error_is_no_list_of_no_topics() {
    let (cluster, client) = world(RecoveryConfig::default()).await;
    let code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    cluster.fault(Fault::on(ApiKey::METADATA).always().answer_at_top(code));
    let error = client.admin().list_topics().await.unwrap_err();
    assert_eq!(error.code(), Some(code), "{error}");
    let error = client.admin().describe_topics(["t"]).await.unwrap_err();
    assert_eq!(error.code(), Some(code), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_took_over_the_address_of_another_is_found_out() {
    let (cluster, client) = world(RecoveryConfig::default()).await;
    let ask = || client.request(Target::Broker(2), MetadataRequest::default());
    cluster.network().resolve("broker-2", [Answer::Brokers(vec![1])]);
    let error = ask().await.unwrap_err();
    assert!(error.to_string().contains("REBOOTSTRAP_REQUIRED"), "{error}");
    let others = client.request(Target::Broker(3), MetadataRequest::default());
    assert_eq!(others.await.unwrap().brokers.len(), 3);
    let tries = cluster.counters().of(ApiKey::API_VERSIONS);
    assert!(tries < 40, "{tries} connections in five seconds");
    cluster.network().resolve("broker-2", []);
    assert_eq!(ask().await.unwrap().brokers.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_want_the_check_is_served_by_whoever_is_there() {
    let recovery = RecoveryConfig { cluster_check: false, ..RecoveryConfig::default() };
    let (cluster, client) = world(recovery).await;
    cluster.network().resolve("broker-2", [Answer::Brokers(vec![1])]);
    client.request(Target::Broker(2), MetadataRequest::default()).await.unwrap();
    assert_eq!(cluster.requests().pop().unwrap().broker, 1);
}

#[tokio::test(start_paused = true)]
async fn metadata_of_another_cluster_is_not_believed() {
    for (cluster_check, believed) in [(true, false), (false, true)] {
        let recovery = RecoveryConfig { cluster_check, ..RecoveryConfig::default() };
        let (cluster, client) = world(recovery).await;
        let own = client.picture().cluster_id.clone();
        client.topic("t").await.unwrap();
        let broker = MetadataResponseBroker {
            node_id: 9,
            host: "elsewhere".into(),
            port: 1,
            ..Default::default()
        };
        let foreign = MetadataResponse {
            brokers: vec![broker],
            cluster_id: Some("another".into()),
            controller_id: 9,
            ..Default::default()
        };
        cluster.fault(Fault::on(ApiKey::METADATA).reply::<MetadataRequest>(foreign));
        sleep(60 * SECOND + SECOND / 2).await;
        let picture = client.picture();
        assert_eq!(picture.cluster_id.as_deref() == Some("another"), believed);
        assert_eq!(picture.cluster_id == own, !believed);
        assert_eq!(picture.brokers().count(), if believed { 1 } else { 3 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_is_looked_up_for_every_connection_and_each_address_is_tried() {
    let (cluster, client) = world(RecoveryConfig::default()).await;
    let dead = "fd00::dead".parse().unwrap();
    let (one, two) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let ask = || client.request(Target::Broker(2), MetadataRequest::default());
    let rows = [
        // IPv6 first, and dead.
        vec![Answer::Addresses(vec![dead, two])],
        // Another broker's address before its own.
        vec![Answer::Addresses(vec![one, two])],
        // Not there for a moment.
        vec![Answer::Missing, Answer::Missing, Answer::Brokers(vec![2])],
        vec![Answer::Addresses(vec![dead]), Answer::Addresses(vec![dead, dead, two])],
    ];
    for answers in rows {
        cluster.network().resolve("broker-2", answers.clone());
        cluster.drop_connections(2);
        assert_eq!(ask().await.unwrap().brokers.len(), 3, "{answers:?}");
        assert_eq!(cluster.requests().pop().unwrap().broker, 2, "{answers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_brokers_that_advertise_one_address_cost_no_more_than_one_of_them() {
    let (cluster, client) = world(RecoveryConfig::default()).await;
    cluster.fault(Fault::on(ApiKey::METADATA).always().claim_address(2, "broker-1", 9092));
    let producer = client.producer().request_timeout(5 * SECOND).build().await.unwrap();
    let of = |broker| (0..3).find(|p| cluster.leader("t", *p) == Some(broker)).unwrap();
    let (good, bad) = (of(1), of(2));
    producer.send(Record::to("t").partition(good).value("v")).await.unwrap();
    let before = cluster.requests().len();
    let lost = producer.enqueue(Record::to("t").partition(bad).value("v")).await.unwrap();
    for _ in 0..60 {
        let start = Instant::now();
        producer.send(Record::to("t").partition(good).value("v")).await.unwrap();
        assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
        sleep(SECOND).await;
    }
    let asked = cluster.requests().len() - before;
    assert!(asked < 60 * 10, "{asked} requests in a minute: a busy loop");
    cluster.clear_faults();
    lost.await.unwrap();
}
