//! What becomes of the end of a transaction.

use kurier_client::Error;
use kurier_client::producer::ProducerConfig;
use kurier_client::transactional::Transaction;
use kurier_client::transactions::TransactionEnd;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::{Instant, sleep, timeout};

use super::scene::{MS, SECOND, Scene, config, each, each_with, offsets, record};

/// What a call says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Done,
    Abort,
    Fatal,
}

fn said(outcome: &Result<(), Error>) -> Said {
    match outcome {
        Ok(()) => Said::Done,
        Err(error) if error.requires_abort() => Said::Abort,
        Err(error) if error.is_fatal() => Said::Fatal,
        Err(error) => panic!("{error}"),
    }
}

async fn end(transaction: &mut Transaction, wanted: TransactionEnd) -> Result<(), Error> {
    match wanted {
        TransactionEnd::Commit => transaction.commit().await,
        TransactionEnd::Abort => transaction.abort().await,
    }
}

/// A transaction with one record.
async fn begin_with_one(scene: &Scene) -> Transaction {
    let transaction = scene.begin().await;
    transaction.send(record(0, "1")).await.unwrap();
    transaction
}

#[tokio::test(start_paused = true)]
async fn each_code_to_the_end_of_a_transaction_has_one_meaning() {
    use ErrorCode as Code;
    let rows: [(&[Code], Said, Said); 14] = [
        (&[Code::COORDINATOR_NOT_AVAILABLE; 2], Said::Done, Said::Done),
        (&[Code::NOT_COORDINATOR; 2], Said::Done, Said::Done),
        (&[Code::COORDINATOR_LOAD_IN_PROGRESS], Said::Done, Said::Done),
        (&[Code::CONCURRENT_TRANSACTIONS; 3], Said::Done, Said::Done),
        // The producer lives on after an abort, and if that is refused there is nothing left.
        (&[Code::UNKNOWN_PRODUCER_ID], Said::Abort, Said::Fatal),
        (&[Code::TRANSACTION_ABORTABLE], Said::Abort, Said::Fatal),
        (&[Code::INVALID_PRODUCER_ID_MAPPING], Said::Fatal, Said::Fatal),
        (&[Code::INVALID_PRODUCER_EPOCH], Said::Fatal, Said::Fatal),
        (&[Code::PRODUCER_FENCED], Said::Fatal, Said::Fatal),
        (&[Code::INVALID_TXN_STATE], Said::Fatal, Said::Fatal),
        (&[Code::TRANSACTIONAL_ID_AUTHORIZATION_FAILED], Said::Fatal, Said::Fatal),
        (&[Code::GROUP_AUTHORIZATION_FAILED], Said::Fatal, Said::Fatal),
        (&[Code::INVALID_FETCH_SIZE], Said::Fatal, Said::Fatal),
        // Nobody knows what it means: it may have happened, and is asked for again.
        (&[ErrorCode(9999)], Said::Done, Said::Done),
    ];
    for (codes, commit, abort) in rows {
        for (is_commit, is_flushed) in [(true, true), (true, false), (false, true), (false, false)]
        {
            each(async |scene: &Scene| {
                let mut transaction = scene.begin().await;
                transaction.send(record(0, "1")).await.unwrap();
                let delivery = transaction.enqueue(record(1, "1")).await.unwrap();
                if is_flushed {
                    delivery.await.unwrap();
                }
                offsets(&transaction, 5).await.unwrap();
                scene.answer(ApiKey::END_TXN, codes.iter().copied());
                let (outcome, wanted) = match is_commit {
                    true => (transaction.commit().await, commit),
                    false => (transaction.abort().await, abort),
                };
                assert_eq!(said(&outcome), wanted, "{codes:?} {outcome:?}");
                match said(&outcome) {
                    Said::Done if is_commit => scene.goes_on(&["1", "1"]).await,
                    Said::Done => scene.goes_on(&[]).await,
                    Said::Abort => {
                        transaction.abort().await.unwrap();
                        scene.goes_on(&[]).await;
                    }
                    Said::Fatal => scene.is_over(transaction).await,
                }
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_is_asked_for_until_the_coordinator_is_found() {
    const CODES: [ErrorCode; 10] = [
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::NOT_COORDINATOR,
    ];
    each(async |scene| {
        for wanted in [TransactionEnd::Abort, TransactionEnd::Commit] {
            let mut transaction = begin_with_one(scene).await;
            scene.answer(ApiKey::END_TXN, CODES);
            end(&mut transaction, wanted).await.unwrap();
        }
        scene.goes_on(&["1"]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_end_that_takes_too_long_can_be_asked_for_again() {
    let short = ProducerConfig { block_max: SECOND / 2, ..config() };
    each_with(short, async |scene| {
        for wanted in [TransactionEnd::Abort, TransactionEnd::Commit] {
            let mut transaction = begin_with_one(scene).await;
            let code = ErrorCode::NOT_COORDINATOR;
            let fault = scene.cluster().fault(Fault::on(ApiKey::END_TXN).always().answer(code));
            let start = Instant::now();
            for _ in 0..2 {
                let error = end(&mut transaction, wanted).await.unwrap_err();
                assert!(error.is_retriable() && !error.requires_abort(), "{error}");
            }
            // The single request has the client's timeout, and no other one begins after block_max.
            assert!(start.elapsed() < 62 * SECOND, "{:?}", start.elapsed());
            scene.cluster().clear_faults();
            assert!(fault.hits() < 150, "{}", fault.hits());
            end(&mut transaction, wanted).await.unwrap();
        }
        scene.goes_on(&["1"]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_still_in_flight_when_time_runs_out_is_told_later() {
    let short = ProducerConfig { block_max: SECOND, ..config() };
    each_with(short, async |scene| {
        for wanted in [TransactionEnd::Commit, TransactionEnd::Abort] {
            let mut transaction = begin_with_one(scene).await;
            scene.cluster().fault(Fault::on(ApiKey::END_TXN).execute_then_hang());
            let error = end(&mut transaction, wanted).await.unwrap_err();
            assert!(error.is_retriable() && error.maybe_written(), "{error}");
            end(&mut transaction, wanted).await.unwrap();
        }
        scene.goes_on(&["1"]).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_abort_whose_new_epoch_comes_late_goes_on_when_it_is_asked_for_again() {
    for is_waited_for in [false, true] {
        each(async |scene| {
            let mut transaction = scene.begin().await;
            transaction.send(record(0, "lost")).await.unwrap();
            scene.answer(ApiKey::PRODUCE, [ErrorCode::UNKNOWN_PRODUCER_ID]);
            transaction.send(record(0, "lost")).await.unwrap_err();
            assert!(transaction.commit().await.unwrap_err().requires_abort());
            let api = if scene.is_v1() { ApiKey::INIT_PRODUCER_ID } else { ApiKey::END_TXN };
            scene.slow(api, 10 * SECOND);
            assert!(timeout(100 * MS, transaction.abort()).await.is_err());
            if is_waited_for {
                sleep(12 * SECOND).await;
            }
            transaction.abort().await.unwrap();
            scene.goes_on(&[]).await;
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_shut_out_when_it_aborts_is_over_and_asks_no_more() {
    for code in [ErrorCode::INVALID_PRODUCER_EPOCH, ErrorCode::PRODUCER_FENCED] {
        each(async |scene| {
            let mut transaction = scene.begin().await;
            transaction.send(record(0, "lost")).await.unwrap();
            let (ends, inits) =
                (scene.count(ApiKey::END_TXN), scene.count(ApiKey::INIT_PRODUCER_ID));
            scene.answer(ApiKey::END_TXN, [code]);
            for _ in 0..2 {
                let error = transaction.abort().await.unwrap_err();
                assert!(error.is_fatal() && error.code() == Some(code), "{error}");
            }
            assert_eq!(scene.count(ApiKey::END_TXN), ends + 1);
            assert_eq!(scene.count(ApiKey::INIT_PRODUCER_ID), inits);
            scene.is_over(transaction).await;
        })
        .await;
    }
}
