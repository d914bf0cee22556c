//! Whatever fails on the way, records of a partition arrive in the order in which they were sent.

use std::time::Duration;

use kurier_client::producer::{Idempotence, ProducerConfig};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;

use crate::world::{World, send_numbers};

const MS: Duration = Duration::from_millis(1);

/// Sends 300 numbers one by one while something goes wrong, on a network so slow that several
/// batches are under way at a time where that is allowed.
async fn check(disturb: impl AsyncFn(&World)) {
    for idempotence in [Idempotence::Required, Idempotence::Off] {
        let world = World::new(1).await;
        world.cluster.network().latency(2 * MS..=10 * MS);
        let config = ProducerConfig {
            idempotence,
            linger: Duration::ZERO,
            batch_bytes_max: 1,
            ..ProducerConfig::default()
        };
        let producer = world.client.producer().config(config).build().await.unwrap();
        send_numbers(&producer, 0..3, MS).await.unwrap();
        let (sent, ()) = tokio::join!(send_numbers(&producer, 3..300, MS), disturb(&world));
        sent.unwrap();
        let metrics = world.client.metrics().snapshot();
        let again = metrics.get("producer-metrics", "record-retry-total", &[]).unwrap().number();
        let mut log = world.log(0);
        if idempotence == Idempotence::Off {
            // Nothing tells a leader that it has a batch: one that is sent again may stand there
            // twice, behind itself.
            log.dedup();
        }
        assert!(log.is_sorted(), "{idempotence:?}: {log:?}");
        assert_eq!(log.len(), 300, "{idempotence:?}: {log:?}");
        assert!(again > 0.0, "{idempotence:?}: nothing was sent again");
    }
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
        for _ in 0..2 {
            tokio::time::sleep(60 * MS).await;
            let leader = world.cluster.leader("t", 0).unwrap();
            world.cluster.kill_broker(leader);
            tokio::time::sleep(30 * MS).await;
            world.cluster.restart_broker(leader);
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
