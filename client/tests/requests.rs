//! Requests of users: sent again where that is safe, and never where it is not.

use std::time::Duration;

use kurier_client::admin::NewTopic;
use kurier_client::offsets::Position;
use kurier_client::{Client, Error, Target};
use kurier_protocol::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_protocol::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::Instant;

async fn start(brokers: u32) -> (TestCluster, Client) {
    let cluster = TestCluster::builder().brokers(brokers).topic("t", 1).build();
    let client = Client::builder(cluster.bootstrap()).client_id("app").env(cluster.env(1));
    (cluster, client.connect().await.expect("works"))
}

fn creation(name: &str) -> CreateTopicsRequest {
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    CreateTopicsRequest { topics: vec![topic], ..Default::default() }
}

fn count(cluster: &TestCluster, api: ApiKey) -> usize {
    cluster.requests().iter().filter(|request| request.api == api).count()
}

#[tokio::test(start_paused = true)]
async fn any_message_goes_to_whom_it_is_for() {
    let (cluster, client) = start(3).await;
    for broker in 1..=3 {
        let request = MetadataRequest::default();
        let answer = client.request(Target::Broker(broker), request).await.unwrap();
        assert_eq!(answer.brokers.len(), 3);
        let last = cluster.requests().pop().unwrap();
        assert_eq!((last.broker, last.client_id.as_deref()), (broker, Some("app")));
    }
    client.request(Target::Any, MetadataRequest::default()).await.unwrap();
    client.request(Target::Controller, creation("new")).await.unwrap();
    assert_eq!(cluster.partition_count("new"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_question_survives_a_lost_connection() {
    let (cluster, client) = start(1).await;
    for fault in [
        Fault::on(ApiKey::METADATA).close(),
        Fault::on(ApiKey::METADATA).execute_then_close(),
        Fault::on(ApiKey::METADATA).cut(3),
        Fault::on(ApiKey::METADATA).cut(20),
    ] {
        cluster.fault(fault);
        let answer = client.request(Target::Any, MetadataRequest::default()).await.unwrap();
        assert_eq!(answer.brokers.len(), 1);
        cluster.clear_faults();
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_may_have_been_executed_is_not_sent_again() {
    let (cluster, client) = start(1).await;
    cluster.fault(Fault::on(ApiKey::CREATE_TOPICS).execute_then_close());
    let error = client.request(Target::Controller, creation("new")).await.unwrap_err();
    assert!(matches!(error, Error::Disconnected { .. }) && error.maybe_written(), "{error}");
    assert_eq!(count(&cluster, ApiKey::CREATE_TOPICS), 1);
    assert_eq!(cluster.partition_count("new"), Some(1), "it was executed, as the error allows");
}

#[tokio::test(start_paused = true)]
async fn records_that_a_leader_may_have_appended_are_not_sent_again() {
    let (cluster, client) = start(1).await;
    let moved = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    cluster.fault(Fault::on(ApiKey::PRODUCE).answer(moved));
    let partition = PartitionProduceData::default();
    let topic = TopicProduceData {
        name: "t".into(),
        topic_id: cluster.topic_id("t").unwrap(),
        partition_data: vec![partition],
    };
    let request = ProduceRequest { acks: -1, topic_data: vec![topic], ..Default::default() };
    let leader = Target::Leader { topic: "t".into(), partition: 0 };
    let answer = client.request(leader, request).await.unwrap();
    assert_eq!(answer.responses[0].partition_responses[0].error_code, moved);
    assert_eq!(count(&cluster, ApiKey::PRODUCE), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_the_wrong_controller_refused_is_sent_again() {
    let (cluster, client) = start(2).await;
    cluster.fault(Fault::on(ApiKey::CREATE_TOPICS).times(2).answer(ErrorCode::NOT_CONTROLLER));
    let answer = client.request(Target::Controller, creation("new")).await.unwrap();
    assert_eq!(answer.topics[0].error_code, ErrorCode::NONE);
    assert_eq!(count(&cluster, ApiKey::CREATE_TOPICS), 3);

    cluster.fault(Fault::on(ApiKey::CREATE_TOPICS).times(2).answer(ErrorCode::NOT_CONTROLLER));
    let created = client.admin().create_topics([NewTopic::new("newer")]).await.unwrap();
    assert!(created[0].1.is_ok(), "{created:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_stays_silent_costs_one_request_timeout() {
    let (cluster, client) = start(1).await;
    cluster.fault(Fault::on(ApiKey::CREATE_TOPICS).execute_then_hang());
    let start = Instant::now();
    let error = client.request(Target::Controller, creation("new")).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { maybe_written: true, .. }), "{error}");
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_twice_costs_a_connection_and_nothing_else() {
    let (cluster, client) = start(1).await;
    cluster.fault(Fault::on(ApiKey::METADATA).answer_twice());
    for _ in 0..3 {
        let answer = client.request(Target::Any, MetadataRequest::default()).await.unwrap();
        assert_eq!(answer.brokers.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_nobody_knows_is_an_error_and_not_a_hang() {
    let (_cluster, client) = start(1).await;
    let start = Instant::now();
    let error = client.request(Target::Broker(9), MetadataRequest::default()).await.unwrap_err();
    let said = "broker 9: the metadata names no such broker; it is down or was taken out: start it";
    assert!(error.to_string().contains(said), "{error}");
    assert!(!error.to_string().contains("check the address"), "{error}");
    assert!(start.elapsed() <= Duration::from_secs(31));
}

#[tokio::test(start_paused = true)]
async fn each_topic_has_an_outcome_of_its_own() {
    let (_cluster, client) = start(1).await;
    let wanted = [NewTopic::new("a"), NewTopic::new("t"), NewTopic::new("no/name")];
    let outcomes = client.admin().create_topics(wanted).await.unwrap();
    let names: Vec<&str> = outcomes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "t", "no/name"]);
    assert!(outcomes[0].1.is_ok());
    let exists = outcomes[1].1.as_ref().unwrap_err().to_string();
    assert!(exists.contains("TOPIC_ALREADY_EXISTS to CreateTopics for topic t"), "{exists}");
    let invalid = outcomes[2].1.as_ref().unwrap_err().to_string();
    assert!(invalid.contains("INVALID_TOPIC_EXCEPTION"), "{invalid}");
}

#[tokio::test(start_paused = true)]
async fn connections_are_closed_when_the_last_clone_is_gone() {
    let (cluster, client) = start(1).await;
    let other = client.clone();
    drop(client);
    other.request(Target::Any, MetadataRequest::default()).await.unwrap();
    drop(other);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen = cluster.requests().len();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(cluster.requests().len(), seen, "a task lives on");
}

#[tokio::test(start_paused = true)]
async fn an_operation_of_several_tries_ends_when_its_time_is_over() {
    let (cluster, client) = start(1).await;
    // The first try is lost late, the second is never answered.
    let late = Fault::on(ApiKey::METADATA).delay(Duration::from_secs(29));
    cluster.fault(late);
    let start = Instant::now();
    let lost = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        cluster.drop_connections(1);
        cluster.fault(Fault::on(ApiKey::METADATA).always().delay(Duration::from_secs(60)));
    };
    let request = client.request(Target::Any, MetadataRequest::default());
    let (answer, ()) = tokio::join!(request, lost);
    let error = answer.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(start.elapsed() <= Duration::from_secs(31), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_position_may_be_asked_for_twice() {
    let (_cluster, client) = start(1).await;
    let twice = [("t", 0), ("t", 0)];
    let found = client.offsets().at(Position::Latest, twice).await.unwrap();
    assert_eq!(found.len(), 2);
}
