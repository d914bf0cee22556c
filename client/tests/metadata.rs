//! Metadata: topics are waited for as long as is right, leaders are followed, brokers come back.

use std::time::Duration;

use kurier_client::offsets::Position;
use kurier_client::{Client, Error, Target};
use kurier_protocol::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::TestCluster;
use tokio::time::{Instant, sleep};

async fn client(cluster: &TestCluster) -> Client {
    Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await.expect("connects")
}

async fn latest(client: &Client, topic: &str) -> Result<Option<i64>, Error> {
    let found = client.offsets().at(Position::Latest, [(topic, 0)]).await?;
    Ok(found.first().and_then(|found| found.offset))
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_does_not_exist_is_an_error_after_the_topic_wait() {
    let cluster = TestCluster::builder().build();
    let client = client(&cluster).await;
    let start = Instant::now();
    let error = latest(&client, "none").await.unwrap_err();
    assert!(matches!(error, Error::UnknownTopic { .. }), "{error}");
    assert_eq!(start.elapsed().as_secs(), 3);
    assert!(cluster.topics().is_empty(), "reading has created it");
    let asked = cluster.requests().len();
    assert!(asked < 40, "{asked} requests");
    sleep(Duration::from_secs(60)).await;
    assert!(cluster.requests().len() <= asked + 1, "asks on for a topic that nobody wants");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_created_a_moment_later_is_found() {
    let cluster = TestCluster::builder().build();
    let client = client(&cluster).await;
    let create = async {
        sleep(Duration::from_secs(2)).await;
        cluster.create_topic("late", 1);
    };
    let (found, ()) = tokio::join!(latest(&client, "late"), create);
    assert_eq!(found.unwrap(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_does_not_exist_is_named_with_their_number() {
    let cluster = TestCluster::builder().topic("t", 3).build();
    let client = client(&cluster).await;
    let error = client.offsets().at(Position::Latest, [("t", 3)]).await.unwrap_err();
    assert!(error.to_string().contains("no partition 3: it has 3"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_moved_is_followed() {
    let cluster = TestCluster::builder().brokers(3).topic("t", 1).build();
    let client = client(&cluster).await;
    assert_eq!(latest(&client, "t").await.unwrap(), Some(0));
    for broker in [1, 2, 3, 1] {
        cluster.move_leader("t", 0, broker);
        assert_eq!(latest(&client, "t").await.unwrap(), Some(0));
        let request = cluster.requests().into_iter().rfind(|r| r.api == ApiKey::LIST_OFFSETS);
        assert_eq!(request.unwrap().broker, broker);
    }
}

#[tokio::test(start_paused = true)]
async fn a_raw_request_follows_its_leader_too() {
    let cluster = TestCluster::builder().brokers(2).topic("t", 1).build();
    let client = client(&cluster).await;
    let partition = ListOffsetsPartition { timestamp: -1, ..Default::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    for broker in [1, 2, 1] {
        cluster.move_leader("t", 0, broker);
        let target = Target::Leader { topic: "t".into(), partition: 0 };
        let answer = client.request(target, request.clone()).await.unwrap();
        assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::NONE);
    }
}

#[tokio::test(start_paused = true)]
async fn brokers_that_all_go_and_come_back_are_found_again() {
    let cluster = TestCluster::builder().brokers(2).topic("t", 1).build();
    let client = client(&cluster).await;
    latest(&client, "t").await.unwrap();
    cluster.kill_broker(1);
    cluster.kill_broker(2);
    let restart = async {
        sleep(Duration::from_secs(5)).await;
        cluster.restart_broker(1);
        cluster.restart_broker(2);
    };
    let (found, ()) = tokio::join!(latest(&client, "t"), restart);
    assert_eq!(found.unwrap(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn nothing_hangs_when_the_brokers_stay_away() {
    let cluster = TestCluster::builder().brokers(2).topic("t", 1).build();
    let client = client(&cluster).await;
    latest(&client, "t").await.unwrap();
    cluster.kill_broker(1);
    cluster.kill_broker(2);
    let start = Instant::now();
    let error = latest(&client, "t").await.unwrap_err();
    assert!(start.elapsed() <= Duration::from_secs(31), "{:?}", start.elapsed());
    assert!(!error.maybe_written() || error.is_retriable(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn metadata_is_renewed_before_it_is_too_old_and_not_more_often() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let client = client(&cluster).await;
    latest(&client, "t").await.unwrap();
    let count = || cluster.requests().iter().filter(|r| r.api == ApiKey::METADATA).count();
    let before = count();
    sleep(Duration::from_secs(3010)).await;
    assert_eq!(count() - before, 10, "once each 300 s");
    let serial = client.picture().serial;
    assert!(serial >= 10, "{serial}");
}
