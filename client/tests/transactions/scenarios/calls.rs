//! Calls that overlap, are given up, or are made again.

use kurier_client::Error;
use kurier_client::producer::ProducerConfig;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::{Instant, sleep, timeout};

use super::scene::{MS, SECOND, config, each, each_with, offsets, record};

#[tokio::test(start_paused = true)]
async fn offsets_beside_records_that_fail_succeed_or_ask_for_an_abort() {
    each(async |scene| {
        for wait in [0, 1, 10, 100, 500] {
            let mut transaction = scene.begin().await;
            let busy = ErrorCode::CONCURRENT_TRANSACTIONS;
            scene.answer(ApiKey::ADD_PARTITIONS_TO_TXN, [busy; 2]);
            scene.answer(ApiKey::ADD_OFFSETS_TO_TXN, [busy]);
            let (late, refused) =
                (ErrorCode::REQUEST_TIMED_OUT, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
            scene.answer(ApiKey::PRODUCE, [late, late, refused, refused]);
            for _ in 0..2 {
                drop(transaction.enqueue(record(0, "lost")).await.unwrap());
            }
            sleep(wait * MS).await;
            if let Err(error) = offsets(&transaction, 5).await {
                assert!(error.requires_abort(), "{error}");
            }
            sleep(2 * SECOND).await;
            assert!(transaction.commit().await.unwrap_err().requires_abort());
            assert!(offsets(&transaction, 6).await.unwrap_err().requires_abort());
            transaction.abort().await.unwrap();
            scene.cluster().clear_faults();
        }
        scene.goes_on(&[]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_given_up_are_taken_up_again_by_the_next_call() {
    for is_commit in [true, false] {
        each(async |scene| {
            let mut transaction = scene.begin().await;
            let delay = Fault::on(ApiKey::PRODUCE).delay_answer(3 * SECOND);
            scene.cluster().fault(delay);
            drop(transaction.enqueue(record(0, "1")).await.unwrap());
            scene.slow(ApiKey::ADD_OFFSETS_TO_TXN, 400 * MS);
            scene.slow(ApiKey::END_TXN, 1200 * MS);
            offsets(&transaction, 5).await.unwrap();
            let mut tries = 0;
            loop {
                let ended = match is_commit {
                    true => timeout(100 * MS, transaction.commit()).await,
                    false => timeout(100 * MS, transaction.abort()).await,
                };
                if let Ok(outcome) = ended {
                    outcome.unwrap();
                    break;
                }
                tries += 1;
                sleep(SECOND).await;
            }
            assert!(tries > 0);
            // The other end was not, and will not be.
            let other = match is_commit {
                true => transaction.abort().await,
                false => transaction.commit().await,
            };
            assert!(matches!(other, Err(Error::Transaction { .. })), "{other:?}");
            drop(transaction);
            scene.goes_on(if is_commit { &["1"] } else { &[] }).await;
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_given_up_and_failed_meanwhile_says_so_when_it_is_made_again() {
    for is_commit in [true, false] {
        each(async |scene| {
            let mut transaction = scene.begin().await;
            transaction.send(record(0, "lost")).await.unwrap();
            let code = ErrorCode::INVALID_TXN_STATE;
            scene.cluster().fault(Fault::on(ApiKey::END_TXN).delay(2 * SECOND));
            scene.answer(ApiKey::END_TXN, [code]);
            let given_up = match is_commit {
                true => timeout(SECOND / 2, transaction.commit()).await,
                false => timeout(SECOND / 2, transaction.abort()).await,
            };
            assert!(given_up.is_err());
            sleep(3 * SECOND).await;
            for _ in 0..2 {
                let error = match is_commit {
                    true => transaction.commit().await.unwrap_err(),
                    false => transaction.abort().await.unwrap_err(),
                };
                assert!(error.is_fatal() && error.code() == Some(code), "{error}");
            }
            scene.is_over(transaction).await;
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn calls_at_the_same_time_take_turns_or_are_refused() {
    each(async |scene| {
        let (first, second) = tokio::join!(scene.producer.begin(), scene.producer.begin());
        let (mut transaction, refused) = match (first, second) {
            (Ok(begun), Err(error)) | (Err(error), Ok(begun)) => (begun, error),
            other => panic!("{other:?}"),
        };
        assert!(matches!(refused, Error::Invalid { .. }), "{refused}");
        scene.slow(ApiKey::TXN_OFFSET_COMMIT, 3 * SECOND);
        let (one, two) = tokio::join!(offsets(&transaction, 5), offsets(&transaction, 6));
        one.and(two).unwrap();
        transaction.send(record(0, "1")).await.unwrap();
        let sender = transaction.sender();
        scene.slow(ApiKey::END_TXN, 3 * SECOND);
        let late = async {
            sleep(SECOND).await;
            let begun = scene.producer.begin().await;
            (sender.send(record(0, "late")).await, begun)
        };
        let (ended, (sent, begun)) = tokio::join!(transaction.commit(), late);
        ended.unwrap();
        assert!(matches!(sent, Err(Error::Closed { .. })), "{sent:?}");
        assert!(matches!(begun, Err(Error::Invalid { .. })), "{begun:?}");
        assert_eq!(
            (scene.committed().await, scene.group_offset().await),
            (vec!["1".into()], Some(6))
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn offsets_that_no_coordinator_takes_are_tried_again_slowly() {
    let code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
    each(async |scene| {
        let mut transaction = scene.begin().await;
        transaction.send(record(0, "1")).await.unwrap();
        scene.answer(ApiKey::TXN_OFFSET_COMMIT, [code; 4]);
        let start = Instant::now();
        offsets(&transaction, 5).await.unwrap();
        assert!(start.elapsed() >= SECOND, "{:?}", start.elapsed());
        transaction.commit().await.unwrap();
        scene.goes_on(&["1"]).await;
    })
    .await;
    let short = ProducerConfig { block_max: SECOND / 2, ..config() };
    each_with(short, async |scene| {
        let mut transaction = scene.begin().await;
        let fault = Fault::on(ApiKey::TXN_OFFSET_COMMIT).always().answer(code);
        let fault = scene.cluster().fault(fault);
        let start = Instant::now();
        let error = offsets(&transaction, 5).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{error}");
        assert!(start.elapsed() <= 31 * SECOND && fault.hits() < 50, "{}", fault.hits());
        scene.cluster().clear_faults();
        transaction.abort().await.unwrap();
        scene.goes_on(&[]).await;
    })
    .await;
}
