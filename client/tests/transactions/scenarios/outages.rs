//! Brokers that cannot be reached, or answer late.

use std::time::Duration;

use kurier_client::producer::ProducerConfig;
use kurier_client::{Client, Error};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use kurier_testkit::net::Connects;
use tokio::time::{Instant, sleep, timeout};

use super::scene::{
    COORDINATOR, GROUP_COORDINATOR, LEADER, MS, SECOND, Scene, config, each, each_with, no_storm,
    offsets, record,
};
use crate::world::World;

/// Nobody gets through to a broker, and the cluster does not know.
fn down(scene: &Scene, broker: i32) {
    let network = scene.cluster().network().broker(broker);
    network.connects(Connects::Refused);
    network.reset();
}

fn up(scene: &Scene, broker: i32) {
    scene.cluster().network().broker(broker).heal();
}

/// A transaction after which the client knows everybody.
async fn warm_up(scene: &Scene) {
    let mut transaction = scene.begin().await;
    transaction.send(record(0, "0")).await.unwrap();
    transaction.commit().await.unwrap();
}

/// What is delivered within 5 s, or is not.
fn patient_for_5_s() -> ProducerConfig {
    let request_timeout = 4 * SECOND;
    ProducerConfig { delivery_timeout: 5 * SECOND, request_timeout, ..config() }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_goes_and_comes_back_within_a_transaction_loses_nothing() {
    for broker in [COORDINATOR, LEADER] {
        each(async |scene| {
            let mut transaction = scene.begin().await;
            let mut deliveries = Vec::new();
            for n in 0..100 {
                let value = n.to_string();
                deliveries.push(transaction.enqueue(record(n % 2, &value)).await.unwrap());
                if n == 50 {
                    down(scene, broker);
                    sleep(3 * SECOND).await;
                }
            }
            sleep(2 * SECOND).await;
            up(scene, broker);
            transaction.commit().await.unwrap();
            for delivery in deliveries {
                delivery.await.unwrap();
            }
            assert_eq!(scene.committed().await.len(), 100);
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_that_time_out_ask_for_an_abort() {
    for (release, is_v1) in [("2.8", true), ("4.4", false)] {
        let world = World::new(release).await;
        let config = kurier_client::config::ClientConfig {
            request_timeout: SECOND,
            ..kurier_client::config::ClientConfig::default()
        };
        let connect = Client::builder(world.cluster.bootstrap()).env(world.cluster.env(9));
        let client = connect.config(config).connect().await.unwrap();
        let builder = client.transactional_producer("a").config(self::config());
        let producer = builder.transaction_timeout(60 * SECOND).build().await.unwrap();
        let mut transaction = producer.begin().await.unwrap();
        transaction.send(record(0, "lost")).await.unwrap();
        let slow = |api| Fault::on(api).always().delay_answer(2 * SECOND);
        world.cluster.fault(slow(ApiKey::ADD_OFFSETS_TO_TXN));
        world.cluster.fault(slow(ApiKey::TXN_OFFSET_COMMIT));
        let start = Instant::now();
        let error = offsets(&transaction, 5).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }) && error.is_retriable(), "{error}");
        assert!(start.elapsed() <= 23 * SECOND, "{:?}", start.elapsed());
        world.cluster.clear_faults();
        for outcome in [offsets(&transaction, 5).await, transaction.commit().await] {
            assert!(outcome.unwrap_err().requires_abort(), "{is_v1}");
        }
        transaction.abort().await.unwrap();
        let mut next = producer.begin().await.unwrap();
        next.send(record(0, "kept")).await.unwrap();
        offsets(&next, 6).await.unwrap();
        next.commit().await.unwrap();
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["kept"], "{release}");
        no_storm(&world.cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_find_no_leader_in_time_ask_for_an_abort_while_the_coordinator_is_away() {
    each_with(patient_for_5_s(), async |scene| {
        warm_up(scene).await;
        let mut transaction = scene.begin().await;
        down(scene, LEADER);
        let mut deliveries = Vec::new();
        for n in 0..100 {
            deliveries.push(transaction.enqueue(record(n % 2, "lost")).await.unwrap());
        }
        offsets(&transaction, 5).await.unwrap();
        sleep(2 * SECOND).await;
        down(scene, COORDINATOR);
        let start = Instant::now();
        let error = transaction.commit().await.unwrap_err();
        assert!(error.requires_abort() && start.elapsed() <= 6 * SECOND, "{error}");
        for delivery in deliveries {
            delivery.await.unwrap_err();
        }
        up(scene, LEADER);
        up(scene, COORDINATOR);
        sleep(2 * SECOND).await;
        transaction.abort().await.unwrap();
        scene.goes_on(&["0"]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_times_out_before_it_is_sent_keeps_the_commit_from_succeeding() {
    each_with(patient_for_5_s(), async |scene| {
        warm_up(scene).await;
        let mut transaction = scene.begin().await;
        down(scene, LEADER);
        down(scene, COORDINATOR);
        let lost = transaction.enqueue(record(0, "lost")).await.unwrap();
        let error = transaction.commit().await.unwrap_err();
        assert!(error.requires_abort() && !error.is_fatal(), "{error}");
        let error = lost.await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
        up(scene, LEADER);
        up(scene, COORDINATOR);
        transaction.abort().await.unwrap();
        scene.goes_on(&["0"]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_groups_coordinator_that_cannot_be_reached_is_waited_for_or_found_elsewhere() {
    for is_moved in [false, true] {
        each(async |scene| {
            let mut transaction = scene.begin().await;
            transaction.send(record(0, "1")).await.unwrap();
            down(scene, GROUP_COORDINATOR);
            let back = async {
                sleep(3 * SECOND).await;
                match is_moved {
                    true => scene.cluster().move_coordinator("g", LEADER),
                    false => up(scene, GROUP_COORDINATOR),
                }
            };
            let start = Instant::now();
            let (sent, ()) = tokio::join!(offsets(&transaction, 5), back);
            sent.unwrap();
            assert!(start.elapsed() < 10 * SECOND, "{:?}", start.elapsed());
            transaction.commit().await.unwrap();
            up(scene, GROUP_COORDINATOR);
            assert_eq!(scene.group_offset().await, Some(5));
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_coordinator_while_a_record_fails_is_not_the_end_of_the_producer() {
    let short =
        ProducerConfig { delivery_timeout: SECOND, request_timeout: SECOND / 2, ..config() };
    each_with(short, async |scene| {
        let mut transaction = scene.begin().await;
        transaction.send(record(0, "lost")).await.unwrap();
        scene.cluster().fault(Fault::on(ApiKey::PRODUCE).always().delay(3 * SECOND));
        let late = transaction.enqueue(record(1, "lost")).await.unwrap();
        let code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
        scene.cluster().fault(Fault::on(ApiKey::FIND_COORDINATOR).times(3).answer(code));
        down(scene, COORDINATOR);
        sleep(100 * MS).await;
        up(scene, COORDINATOR);
        let error = transaction.commit().await.unwrap_err();
        assert!(error.requires_abort() && !error.is_fatal(), "{error}");
        late.await.unwrap_err();
        scene.cluster().clear_faults();
        transaction.abort().await.unwrap();
        scene.goes_on(&[]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_producer_is_built_within_the_time_that_the_caller_or_the_settings_allow() {
    for release in ["2.8", "3.9", "4.4"] {
        let world = World::new(release).await;
        world.cluster.network().connects(Connects::Refused);
        world.cluster.network().reset();
        let config = ProducerConfig { block_max: 8 * SECOND, ..config() };
        let build = || world.client.transactional_producer("a").config(config.clone()).build();
        assert!(timeout(SECOND, build()).await.is_err());
        let start = Instant::now();
        let error = build().await.unwrap_err();
        assert!(error.is_retriable() && !error.is_fatal(), "{error}");
        let took = start.elapsed();
        assert!((6 * SECOND..9 * SECOND).contains(&took), "{took:?}");
        world.cluster.network().heal();
        sleep(Duration::from_secs(2)).await;
        build().await.unwrap();
        no_storm(&world.cluster);
    }
}
