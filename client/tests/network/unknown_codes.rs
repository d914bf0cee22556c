//! An error code that no release of Kafka has: whichever API answers with it, there is one error
//! that has the number, and asked again is only where `remedy` says so.

use std::fmt::Debug;
use std::time::Duration;

use kurier_client::admin::NewTopic;
use kurier_client::config::ClientConfig;
use kurier_client::consumer::{ConsumerConfig, Start};
use kurier_client::offsets::Position;
use kurier_client::producer::Record;
use kurier_client::security::{Sasl, Secret};
use kurier_client::{Client, Error, Target};
use kurier_protocol::api::describe_groups::DescribeGroupsRequest;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, PlantedFault, SaslMechanism, TestCluster};
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);
/// How long each call may take.
const LIMIT: Duration = Duration::from_secs(5);
const UNKNOWN: ErrorCode = ErrorCode(9999);

fn config() -> ClientConfig {
    ClientConfig { request_timeout: LIMIT, bootstrap_timeout: LIMIT, ..ClientConfig::default() }
}

async fn world() -> (TestCluster, Client) {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let builder = Client::builder(cluster.bootstrap()).config(config()).env(cluster.env(7));
    let client = builder.connect().await.unwrap();
    (cluster, client)
}

/// Whether there was one answer, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Once,
    UntilTheTimeIsOver,
}

/// What a call comes to: an error that has the number, once it was asked as often as it should be.
async fn check<T: Debug>(
    (asked, fault): (Asked, &PlantedFault),
    call: impl Future<Output = Result<T, Error>>,
) -> Error {
    let (start, before) = (Instant::now(), fault.hits());
    let told = timeout(4 * LIMIT, call).await.expect("it ends").unwrap_err();
    let (took, answers) = (start.elapsed(), fault.hits() - before);
    let line = told.to_string();
    assert!(line.contains("error code 9999"), "{line}");
    assert_eq!(told.code(), Some(UNKNOWN), "{line}");
    match asked {
        Asked::Once => {
            assert_eq!((answers, told.is_retriable()), (1, false), "{line}");
            assert!(took < SECOND, "{took:?}: {line}");
        }
        Asked::UntilTheTimeIsOver => {
            assert!((3..40).contains(&answers), "{answers} answers: {line}");
            assert!(LIMIT - SECOND <= took && took <= LIMIT + SECOND, "{took:?}: {line}");
        }
    }
    told
}

#[tokio::test(start_paused = true)]
async fn topics_are_not_changed_twice_for_it() {
    let (cluster, client) = world().await;
    let admin = client.admin();
    let one = |outcomes: Vec<(String, Result<(), Error>)>| outcomes.into_iter().next().unwrap().1;
    let plant = |api| cluster.fault(Fault::on(api).always().answer(UNKNOWN));
    let fault = plant(ApiKey::CREATE_TOPICS);
    check((Asked::Once, &fault), async { one(admin.create_topics([NewTopic::new("n")]).await?) })
        .await;
    let fault = plant(ApiKey::DELETE_TOPICS);
    check((Asked::Once, &fault), async { one(admin.delete_topics(["t"]).await?) }).await;
    let fault = plant(ApiKey::CREATE_PARTITIONS);
    check((Asked::Once, &fault), async { one(admin.create_partitions([("t", 3)]).await?) }).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_is_refused_with_it_and_the_next_one_is_taken() {
    let (cluster, client) = world().await;
    let producer = client.producer().build().await.unwrap();
    let fault = cluster.fault(Fault::on(ApiKey::PRODUCE).answer(UNKNOWN));
    let send = || producer.send(Record::to("t").value("v"));
    check((Asked::Once, &fault), send()).await;
    assert_eq!(send().await.unwrap().offset, 0);
}

#[tokio::test(start_paused = true)]
async fn metadata_that_is_refused_with_it_says_so_of_a_topic_and_of_everything() {
    let (cluster, client) = world().await;
    let of_topic = Fault::on(ApiKey::METADATA).topic("t").always().answer(UNKNOWN);
    let fault = cluster.fault(of_topic);
    let error = check((Asked::Once, &fault), client.topic("t")).await;
    assert!(error.to_string().contains("topic t"), "{error}");
    cluster.clear_faults();
    client.topic("t").await.unwrap();

    // Of everything: a broker that is not ready cannot be told from one that never will be.
    let fault = cluster.fault(Fault::on(ApiKey::METADATA).always().answer_at_top(UNKNOWN));
    check((Asked::UntilTheTimeIsOver, &fault), client.topic("new")).await;
    let other = Client::builder(cluster.bootstrap()).config(config()).env(cluster.env(8));
    check((Asked::UntilTheTimeIsOver, &fault), other.connect()).await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_says_it_first_of_all_is_tried_until_the_time_is_over() {
    let (cluster, client) = world().await;
    let fault = cluster.fault(Fault::on(ApiKey::API_VERSIONS).always().answer(UNKNOWN));
    let other = Client::builder(cluster.bootstrap()).config(config()).env(cluster.env(8));
    check((Asked::UntilTheTimeIsOver, &fault), other.connect()).await;
    // The same in mid-run.
    cluster.drop_connections(1);
    let lookup = client.offsets();
    check((Asked::UntilTheTimeIsOver, &fault), lookup.at(Position::Latest, [("t", 0)])).await;
    cluster.clear_faults();
    lookup.at(Position::Latest, [("t", 0)]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_is_refused_with_it_is_asked_for_once() {
    let (cluster, client) = world().await;
    let fault = cluster.fault(Fault::on(ApiKey::FIND_COORDINATOR).always().answer(UNKNOWN));
    let group = Target::Group("g".to_owned());
    let call = client.request(group, DescribeGroupsRequest::default());
    let error = check((Asked::Once, &fault), call).await;
    assert!(error.to_string().contains("group g"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn offsets_and_records_are_asked_for_as_long_as_javas_client_does() {
    let (cluster, client) = world().await;
    let producer = client.producer().build().await.unwrap();
    producer.send(Record::to("t").value("v")).await.unwrap();
    let plant = |api| cluster.fault(Fault::on(api).always().answer(UNKNOWN));
    let fault = plant(ApiKey::LIST_OFFSETS);
    let lookup = client.offsets();
    check((Asked::UntilTheTimeIsOver, &fault), lookup.at(Position::Latest, [("t", 0)])).await;
    cluster.clear_faults();

    let of_whole = Fault::on(ApiKey::FETCH).always().answer_at_top(UNKNOWN);
    for fault in [Fault::on(ApiKey::FETCH).always().answer(UNKNOWN), of_whole] {
        let patient = ConsumerConfig { outage_max: LIMIT, ..ConsumerConfig::default() };
        let builder = client.consumer().config(patient).assign([("t", 0, Start::Offset(0))]);
        let mut consumer = builder.start().unwrap();
        let fault = cluster.fault(fault);
        let next = async { consumer.next().await.unwrap() };
        check((Asked::UntilTheTimeIsOver, &fault), next).await;
        cluster.clear_faults();
        let batch = timeout(4 * LIMIT, consumer.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(batch.first_offset(), 0, "it goes on by itself");
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_refused_with_it_is_not_tried_again() {
    let builder = TestCluster::builder().sasl([SaslMechanism::Plain]).user("alice", "w");
    let cluster = builder.build();
    for api in [ApiKey::SASL_HANDSHAKE, ApiKey::SASL_AUTHENTICATE] {
        let fault = cluster.fault(Fault::on(api).always().answer(UNKNOWN));
        let sasl = Sasl::Plain { user: "alice".to_owned(), password: Secret::new("w") };
        let builder = Client::builder(cluster.bootstrap()).config(config()).env(cluster.env(8));
        check((Asked::Once, &fault), builder.sasl(sasl).connect()).await;
        cluster.clear_faults();
    }
}
