//! How long is looked for a commit that a partition may not have heard of.

use std::time::Duration;

use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::transactional::Transaction;
use kurier_testkit::TestCluster;
use tokio::time::{Instant, sleep};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const BLOCK_MAX: Duration = Duration::from_secs(20);

/// A transaction that is open, with a record in a partition whose only replica is on a broker that
/// is no coordinator. That broker has died, and brokers of 4.4 leave its partition out.
async fn begun_without_a_leader() -> (World, Transaction, i32) {
    let builder = TestCluster::builder().release("4.4").replication_default(1);
    let world = World::of(builder).await;
    let leader = world.cluster.leader("t", 0).unwrap();
    world.cluster.move_coordinator("a", leader % 3 + 1);
    let config = ProducerConfig { block_max: BLOCK_MAX, ..ProducerConfig::default() };
    let builder = world.client.transactional_producer("a").config(config);
    let producer = builder.build().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    transaction.send(Record::to("t").partition(0).value("v")).await.unwrap();
    world.cluster.kill_broker(leader);
    (world, transaction, leader)
}

#[tokio::test(start_paused = true)]
async fn a_commit_is_looked_for_until_block_max_and_then_can_be_asked_for_again() {
    let (world, mut transaction, leader) = begun_without_a_leader().await;
    let (start, before) = (Instant::now(), world.cluster.requests().len());
    let error = transaction.commit().await.unwrap_err();
    assert!(error.is_retriable() && error.maybe_written(), "{error}");
    let took = start.elapsed();
    assert!((BLOCK_MAX - 2 * SECOND..=BLOCK_MAX + SECOND).contains(&took), "{took:?}");
    let requests = world.cluster.requests().len() - before;
    assert!(requests < 200, "{requests} requests");
    world.cluster.restart_broker(leader);
    transaction.commit().await.unwrap();
    assert_eq!(world.committed(0), ["v"]);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_comes_back_in_time_is_looked_at_soon() {
    let (world, mut transaction, leader) = begun_without_a_leader().await;
    let start = Instant::now();
    let back = async {
        sleep(10 * SECOND).await;
        world.cluster.restart_broker(leader);
    };
    let (outcome, ()) = tokio::join!(transaction.commit(), back);
    outcome.unwrap();
    let took = start.elapsed();
    assert!((10 * SECOND..13 * SECOND).contains(&took), "{took:?}");
    assert_eq!(world.committed(0), ["v"]);
}
