//! Whoever looks after a group or a transactional id is found, remembered, and found again.

use std::time::Duration;

use kurier_client::{Client, Target};
use kurier_protocol::api::describe_groups::DescribeGroupsRequest;
use kurier_protocol::api::describe_transactions::DescribeTransactionsRequest;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::Instant;

async fn world(release: &str) -> (TestCluster, Client) {
    let cluster = TestCluster::builder().brokers(3).release(release).build();
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(7)).connect().await.unwrap();
    (cluster, client)
}

/// Asks the coordinator of a group about it, and gives the broker that answered.
async fn describe(cluster: &TestCluster, client: &Client, group: &str) -> i32 {
    let request = DescribeGroupsRequest { groups: vec![group.into()], ..Default::default() };
    let answer = client.request(Target::Group(group.to_owned()), request).await.unwrap();
    let is_there = |code| code != ErrorCode::NOT_COORDINATOR;
    assert!(answer.groups.iter().all(|group| is_there(group.error_code)));
    cluster.requests().into_iter().rfind(|r| r.api == ApiKey::DESCRIBE_GROUPS).unwrap().broker
}

fn looked_up(cluster: &TestCluster) -> u64 {
    cluster.counters().of(ApiKey::FIND_COORDINATOR)
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_is_asked_for_once_and_again_when_it_has_moved() {
    for release in ["0.10.0", "1.1", "2.8", "4.4"] {
        let (cluster, client) = world(release).await;
        for (lookups, broker) in [(1, 1), (2, 3), (3, 2)] {
            cluster.move_coordinator("billing", broker);
            for _ in 0..5 {
                assert_eq!(describe(&cluster, &client, "billing").await, broker, "{release}");
            }
            assert_eq!(looked_up(&cluster), lookups, "{release}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_died_is_replaced() {
    let (cluster, client) = world("4.4").await;
    cluster.move_coordinator("billing", 2);
    assert_eq!(describe(&cluster, &client, "billing").await, 2);
    cluster.kill_broker(2);
    let start = Instant::now();
    let next = describe(&cluster, &client, "billing").await;
    assert!(next != 2 && start.elapsed() < Duration::from_secs(5), "{next}");
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_is_not_there_yet_is_waited_for() {
    let (cluster, client) = world("4.4").await;
    let codes = [ErrorCode::COORDINATOR_NOT_AVAILABLE, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS];
    cluster.fault(Fault::on(ApiKey::FIND_COORDINATOR).times(2).answer_in_turn(codes));
    describe(&cluster, &client, "billing").await;
    assert_eq!(looked_up(&cluster), 3);
    cluster
        .fault(Fault::on(ApiKey::FIND_COORDINATOR).answer(ErrorCode::GROUP_AUTHORIZATION_FAILED));
    let request = DescribeGroupsRequest::default();
    let error = client.request(Target::Group("other".to_owned()), request).await.unwrap_err();
    assert!(error.to_string().contains("group other"), "{error}");
    assert_eq!(looked_up(&cluster), 4, "that is an answer");
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_is_looked_for_no_longer_than_a_request_may_take() {
    let cluster = TestCluster::builder().build();
    let builder = Client::builder(cluster.bootstrap()).env(cluster.env(7));
    let client = builder.request_timeout(Duration::from_secs(8)).connect().await.unwrap();
    cluster.fault(Fault::on(ApiKey::FIND_COORDINATOR).always().delay(Duration::from_secs(60)));
    let start = Instant::now();
    let lost = async {
        tokio::time::sleep(Duration::from_secs(6)).await;
        cluster.fault(Fault::on_connect().always().hang());
        cluster.drop_connections(1);
    };
    let request = client.request(Target::Group("g".to_owned()), DescribeGroupsRequest::default());
    let (answer, ()) = tokio::join!(request, lost);
    answer.unwrap_err();
    let took = start.elapsed();
    assert!(took <= Duration::from_secs(9), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn groups_and_transactional_ids_of_one_name_are_apart() {
    let (cluster, client) = world("4.4").await;
    describe(&cluster, &client, "x").await;
    let request = DescribeTransactionsRequest { transactional_ids: vec!["x".into()] };
    let target = Target::TransactionalId("x".to_owned());
    client.request(target, request).await.unwrap();
    assert_eq!(looked_up(&cluster), 2);
}
