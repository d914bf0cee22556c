//! What brokers answer to a step of a transaction.

use futures_util::future::join_all;
use kurier_client::Error;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::Instant;

use super::scene::{SECOND, Scene, asks_for_abort, config, each, no_storm, offsets, record};
use crate::world::World;

const MOVING: [ErrorCode; 3] = [
    ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ErrorCode::NOT_COORDINATOR,
    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
];

#[tokio::test(start_paused = true)]
async fn codes_that_pass_are_waited_for_at_every_step() {
    each(async |scene| {
        scene.answer(ApiKey::INIT_PRODUCER_ID, MOVING);
        let builder = scene.client().transactional_producer("a").config(config());
        let mut transaction = builder.build().await.unwrap().begin().await.unwrap();
        transaction.send(record(0, "1")).await.unwrap();
        scene.answer(ApiKey::PRODUCE, [ErrorCode::NOT_ENOUGH_REPLICAS]);
        scene.answer(ApiKey::ADD_PARTITIONS_TO_TXN, [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION]);
        transaction.send(record(1, "2")).await.unwrap();
        let codes = [ErrorCode::NOT_COORDINATOR, ErrorCode::CONCURRENT_TRANSACTIONS];
        scene.answer(ApiKey::TXN_OFFSET_COMMIT, codes);
        offsets(&transaction, 5).await.unwrap();
        scene.answer(ApiKey::END_TXN, MOVING);
        transaction.commit().await.unwrap();
        assert_eq!(scene.committed().await, ["1", "2"]);
        assert_eq!(scene.group_offset().await, Some(5));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_has_forgotten_the_producer_costs_the_transaction() {
    each(async |scene| {
        let mut transaction = scene.begin().await;
        transaction.send(record(0, "lost")).await.unwrap();
        scene.answer(ApiKey::PRODUCE, [ErrorCode::UNKNOWN_PRODUCER_ID]);
        transaction.send(record(0, "lost")).await.unwrap_err();
        asks_for_abort(transaction.commit().await, ErrorCode::UNKNOWN_PRODUCER_ID);
        transaction.abort().await.unwrap();
        scene.goes_on(&[]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_is_shut_out_while_its_epoch_is_raised_is_over() {
    for code in [ErrorCode::INVALID_PRODUCER_EPOCH, ErrorCode::PRODUCER_FENCED] {
        each(async |scene| {
            // By version 2 no epoch is raised.
            if !scene.is_v1() {
                return;
            }
            let mut transaction = scene.begin().await;
            transaction.send(record(0, "lost")).await.unwrap();
            scene.answer(ApiKey::PRODUCE, [ErrorCode::UNKNOWN_PRODUCER_ID]);
            transaction.send(record(0, "lost")).await.unwrap_err();
            let fault = Fault::on(ApiKey::INIT_PRODUCER_ID).times(2).answer(code);
            scene.cluster().fault(fault);
            let error = transaction.abort().await.unwrap_err();
            assert!(error.is_fatal() && error.code() == Some(code), "{error}");
            scene.is_over(transaction).await;
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_of_nothing_but_offsets_is_ended_however_often_they_were_asked_for() {
    each(async |scene| {
        let mut transaction = scene.begin().await;
        let lost = [ErrorCode::REQUEST_TIMED_OUT, ErrorCode::NOT_COORDINATOR];
        scene.answer(ApiKey::ADD_OFFSETS_TO_TXN, lost);
        let passing =
            [ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION];
        scene.answer(ApiKey::TXN_OFFSET_COMMIT, passing);
        offsets(&transaction, 5).await.unwrap();
        let before = scene.count(ApiKey::END_TXN) + scene.count(ApiKey::INIT_PRODUCER_ID);
        transaction.abort().await.unwrap();
        let after = scene.count(ApiKey::END_TXN) + scene.count(ApiKey::INIT_PRODUCER_ID);
        assert!(after > before, "the coordinator was told of the abort");
        assert_eq!(scene.group_offset().await, None);
        scene.goes_on(&[]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_allowed_at_one_step_asks_for_an_abort_at_all_later_ones() {
    let topic = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let group = ErrorCode::GROUP_AUTHORIZATION_FAILED;
    each(async |scene| {
        let mut transaction = scene.begin().await;
        scene.answer(ApiKey::PRODUCE, [topic]);
        transaction.send(record(0, "lost")).await.unwrap_err();
        asks_for_abort(transaction.commit().await, topic);
        asks_for_abort(offsets(&transaction, 5).await, topic);
        transaction.abort().await.unwrap();
        for (api, code) in
            [(ApiKey::ADD_PARTITIONS_TO_TXN, topic), (ApiKey::ADD_OFFSETS_TO_TXN, group)]
        {
            // By version 2 brokers add them.
            if !scene.is_v1() {
                continue;
            }
            let mut transaction = scene.begin().await;
            scene.answer(api, [code]);
            let sent = transaction.send(record(0, "lost")).await.map(drop);
            asks_for_abort(sent.and(offsets(&transaction, 5).await), code);
            asks_for_abort(transaction.commit().await, code);
            transaction.abort().await.unwrap();
        }
        scene.goes_on(&[]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_waits_for_the_last_transaction_is_asked_again() {
    each(async |scene| {
        let mut transaction = scene.begin().await;
        transaction.send(record(0, "1")).await.unwrap();
        let api =
            if scene.is_v1() { ApiKey::ADD_OFFSETS_TO_TXN } else { ApiKey::TXN_OFFSET_COMMIT };
        scene.answer(api, [ErrorCode::CONCURRENT_TRANSACTIONS; 6]);
        offsets(&transaction, 5).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(
            (scene.committed().await, scene.group_offset().await),
            (vec!["1".into()], Some(5))
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn no_offsets_are_no_request() {
    each(async |scene| {
        let mut transaction = scene.begin().await;
        transaction.send(record(0, "1")).await.unwrap();
        for _ in 0..3 {
            let group = kurier_client::transactions::ConsumerGroupMetadata::new("g");
            transaction.send_offsets(group, []).await.unwrap();
        }
        assert_eq!(scene.count(ApiKey::ADD_OFFSETS_TO_TXN), 0);
        assert_eq!(scene.count(ApiKey::TXN_OFFSET_COMMIT), 0);
        transaction.commit().await.unwrap();
        scene.goes_on(&["1"]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_login_without_rights_is_told_at_once_when_the_producer_is_built() {
    let code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    for api in [ApiKey::INIT_PRODUCER_ID, ApiKey::FIND_COORDINATOR] {
        for release in ["2.8", "3.9", "4.4"] {
            let world = World::new(release).await;
            world.cluster.fault(Fault::on(api).always().answer(code));
            let start = Instant::now();
            let error = world.client.transactional_producer("a").build().await.unwrap_err();
            assert_eq!(error.code(), Some(code), "{error}");
            assert!(!error.is_retriable() && start.elapsed() < SECOND, "{error}");
            no_storm(&world.cluster);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn brokers_without_transactions_are_told_when_the_producer_is_built() {
    for release in ["0.10.2", "4.4"] {
        let world = World::new(release).await;
        for broker in 1..=3 {
            world.cluster.set_versions(broker, ApiKey::INIT_PRODUCER_ID, None);
        }
        world.cluster.drop_connections(1);
        let error = world.client.transactional_producer("a").build().await.unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        no_storm(&world.cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_out_of_order_costs_the_transaction_and_raises_no_epoch_within_it() {
    each(async |scene| {
        let mut transaction = scene.begin().await;
        transaction.send(record(0, "lost")).await.unwrap();
        let moved = ErrorCode::NOT_LEADER_OR_FOLLOWER;
        let code = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
        scene.answer(ApiKey::PRODUCE, [moved, moved, code]);
        let mut later = Vec::new();
        for _ in 0..3 {
            later.push(transaction.enqueue(record(0, "lost")).await.unwrap());
            tokio::time::sleep(2 * super::scene::MS).await;
        }
        tokio::time::sleep(5 * SECOND).await;
        let inits = scene.count(ApiKey::INIT_PRODUCER_ID);
        let refused = transaction.send(record(0, "lost")).await.map(drop);
        assert!(refused.unwrap_err().requires_abort());
        // The first one may have been written when its leader was none any more.
        let errors = join_all(later).await;
        assert!(errors.iter().all(Result::is_err), "{errors:?}");
        let error = transaction.commit().await.unwrap_err();
        assert!(error.requires_abort() && !error.is_fatal(), "{error}");
        assert_eq!(scene.count(ApiKey::INIT_PRODUCER_ID), inits);
        transaction.abort().await.unwrap();
        scene.goes_on(&[]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn offsets_that_a_transaction_may_still_change_are_waited_for() {
    each(async |scene: &Scene| {
        scene.goes_on(&[]).await;
        scene.answer(ApiKey::OFFSET_FETCH, [ErrorCode::UNSTABLE_OFFSET_COMMIT; 6]);
        assert_eq!(scene.group_offset().await, Some(77));
        let code = ErrorCode::UNSTABLE_OFFSET_COMMIT;
        let fault = Fault::on(ApiKey::OFFSET_FETCH).always().answer(code);
        let fault = scene.cluster().fault(fault);
        let start = Instant::now();
        let isolation = kurier_client::offsets::Isolation::ReadCommitted;
        let found = scene.world.steps.committed_offsets("g", isolation, [("t", 0)]).await.remove(0);
        let error = found.outcome.unwrap_err();
        assert!(error.is_retriable() && error.code() == Some(code), "{error}");
        let limit = kurier_client::config::ClientConfig::default().request_timeout;
        assert!(start.elapsed() <= limit, "{:?}", start.elapsed());
        assert!(fault.hits() < 60, "{}", fault.hits());
    })
    .await;
}
