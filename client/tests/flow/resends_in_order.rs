//! Whatever fails on the way, records of a partition arrive in the order in which they were sent.

use std::time::Duration;

use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;

use crate::world::{World, send_numbers};

const MS: Duration = Duration::from_millis(1);

/// Numbers as they first appear in the log: a batch may be there twice, as nothing tells the
/// broker that it has it, but a later one never stands before an earlier one's first appearance.
fn first_appearances(log: &[u32]) -> Vec<u32> {
    let mut seen = Vec::new();
    for n in log {
        if !seen.contains(n) {
            seen.push(*n);
        }
    }
    seen
}

async fn check(disturb: impl AsyncFn(&World)) {
    let world = World::new(1).await;
    let producer = world.producer().await;
    send_numbers(&producer, 0..3, MS).await.unwrap();
    let (sent, ()) = tokio::join!(send_numbers(&producer, 3..300, MS), disturb(&world));
    sent.unwrap();
    let wanted: Vec<u32> = (0..300).collect();
    assert_eq!(first_appearances(&world.log(0)), wanted);
}

#[tokio::test(start_paused = true)]
async fn resends_in_order_after_a_leader_moves() {
    check(async |world: &World| {
        for leader in [2, 3, 1, 2] {
            tokio::time::sleep(60 * MS).await;
            world.cluster.move_leader("t", 0, leader);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn resends_in_order_after_a_broker_died() {
    check(async |world: &World| {
        for broker in [1, 2] {
            tokio::time::sleep(60 * MS).await;
            world.cluster.kill_broker(broker);
            tokio::time::sleep(30 * MS).await;
            world.cluster.restart_broker(broker);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn resends_in_order_after_connections_broke() {
    check(async |world: &World| {
        let produce = || Fault::on(ApiKey::PRODUCE);
        world.cluster.fault(produce().skip(3).times(2).close());
        world.cluster.fault(produce().skip(9).execute_then_close());
        world.cluster.fault(produce().skip(14).cut(7));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn resends_in_order_after_brokers_refused() {
    check(async |world: &World| {
        let produce = || Fault::on(ApiKey::PRODUCE);
        for (skip, code) in [
            (2, ErrorCode::NOT_ENOUGH_REPLICAS),
            (5, ErrorCode::NOT_LEADER_OR_FOLLOWER),
            (8, ErrorCode::REQUEST_TIMED_OUT),
            (11, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            (14, ErrorCode::KAFKA_STORAGE_ERROR),
        ] {
            world.cluster.fault(produce().skip(skip).times(2).answer(code));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_faults_nothing_is_there_twice_and_offsets_are_true() {
    let world = World::new(1).await;
    let producer = world.producer().await;
    let offsets = send_numbers(&producer, 0..300, MS).await.unwrap();
    assert_eq!(world.log(0), (0..300).collect::<Vec<_>>());
    assert_eq!(offsets, (0..300).collect::<Vec<i64>>());
}
