//! A transactional producer is closed: nothing is left open, and nobody waits longer than allowed.

use std::time::Duration;

use kurier_client::Error;
use kurier_client::error::TransactionFate;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::transactional::TransactionalProducer;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{RELEASES, World};

const SECOND: Duration = Duration::from_secs(1);

async fn producer(world: &World) -> TransactionalProducer {
    let config = ProducerConfig { block_max: 20 * SECOND, ..ProducerConfig::default() };
    world.client.transactional_producer("a").config(config).build().await.unwrap()
}

fn record(value: &str) -> Record<'_> {
    Record::to("t").partition(0).value(value)
}

fn count(world: &World, api: ApiKey) -> usize {
    world.cluster.requests().iter().filter(|request| request.api == api).count()
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_any_more_and_nothing_is_asked_for_when_nothing_is_open() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world).await;
        let mut first = producer.begin().await.unwrap();
        first.send(record("1")).await.unwrap();
        first.commit().await.unwrap();
        let ends = count(&world, ApiKey::END_TXN);
        let other = producer.clone();
        producer.close().await.unwrap();
        for producer in [&producer, &other] {
            let error = producer.begin().await.unwrap_err();
            assert!(matches!(error, Error::Closed { .. }), "{release}: {error}");
            producer.close().await.unwrap();
            producer.close_within(SECOND).await.unwrap();
        }
        assert_eq!(count(&world, ApiKey::END_TXN), ends, "{release}");
        first.commit().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_open_is_aborted_and_its_owner_hears_of_that() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world).await;
        let mut open = producer.begin().await.unwrap();
        open.send(record("lost")).await.unwrap();
        let start = Instant::now();
        producer.close().await.unwrap();
        assert!(start.elapsed() < SECOND, "{release}: {:?}", start.elapsed());
        // Nobody has to wait for the coordinator to time it out.
        let next = world.client.transactional_producer("a").build().await.unwrap();
        assert!(start.elapsed() < SECOND, "{release}: {:?}", start.elapsed());
        let sent = open.send(record("late")).await;
        assert!(matches!(sent, Err(Error::Closed { .. })), "{release}: {sent:?}");
        let error = open.commit().await.unwrap_err();
        let is_told = |error: &Error| {
            matches!(error, Error::Transaction { fate: TransactionFate::Aborted, .. })
        };
        assert!(is_told(&error), "{release}: {error}");
        open.abort().await.unwrap();
        let mut kept = next.begin().await.unwrap();
        kept.send(record("kept")).await.unwrap();
        kept.commit().await.unwrap();
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["kept"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_was_asked_for_goes_on() {
    for (release, _) in RELEASES {
        for is_given_up in [false, true] {
            let world = World::new(release).await;
            let producer = producer(&world).await;
            let mut open = producer.begin().await.unwrap();
            open.send(record("kept")).await.unwrap();
            world.cluster.fault(Fault::on(ApiKey::END_TXN).delay_answer(5 * SECOND));
            if is_given_up {
                assert!(timeout(SECOND, open.commit()).await.is_err());
                producer.close().await.unwrap();
                open.commit().await.unwrap();
            } else {
                let close = async {
                    sleep(SECOND).await;
                    producer.close().await
                };
                let (committed, closed) = tokio::join!(open.commit(), close);
                committed.and(closed).unwrap();
            }
            sleep(SECOND).await;
            assert_eq!(world.committed(0), ["kept"], "{release}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_allowed_and_then_nothing_is_sent() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world).await;
        let mut open = producer.begin().await.unwrap();
        open.send(record("lost")).await.unwrap();
        let busy = ErrorCode::NOT_ENOUGH_REPLICAS;
        world.cluster.fault(Fault::on(ApiKey::PRODUCE).always().answer(busy));
        let waits = open.enqueue(record("lost")).await.unwrap();
        let moving = ErrorCode::NOT_COORDINATOR;
        for api in [ApiKey::END_TXN, ApiKey::INIT_PRODUCER_ID] {
            world.cluster.fault(Fault::on(api).always().answer(moving));
        }
        let start = Instant::now();
        let error = producer.close_within(3 * SECOND).await.unwrap_err();
        assert_eq!(start.elapsed(), 3 * SECOND, "{release}");
        assert!(matches!(error, Error::TimedOut { .. }), "{release}: {error}");
        assert!(error.to_string().contains("transactions of a"), "{release}: {error}");
        waits.await.unwrap_err();
        let error = open.commit().await.unwrap_err();
        assert!(error.is_fatal(), "{release}: {error}");
        sleep(SECOND).await;
        let sent = world.cluster.requests().len();
        sleep(30 * SECOND).await;
        let apis = [ApiKey::PRODUCE, ApiKey::END_TXN, ApiKey::INIT_PRODUCER_ID];
        let later = world.cluster.requests().split_off(sent);
        assert!(later.iter().all(|one| !apis.contains(&one.api)), "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_producer_is_given_up_meanwhile_may_have_happened() {
    let world = World::new("4.4").await;
    let producer = producer(&world).await;
    let mut open = producer.begin().await.unwrap();
    open.send(record("kept")).await.unwrap();
    world.cluster.fault(Fault::on(ApiKey::END_TXN).delay_answer(10 * SECOND));
    let (committed, closed) = tokio::join!(open.commit(), async {
        sleep(SECOND).await;
        producer.close_within(SECOND).await
    });
    closed.unwrap_err();
    let error = committed.unwrap_err();
    assert!(error.maybe_written() && error.is_fatal(), "{error}");
    sleep(10 * SECOND).await;
    assert_eq!(world.committed(0), ["kept"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_closes_it_once_more_waits_too_and_hears_the_same() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world).await;
        let open = producer.begin().await.unwrap();
        open.send(record("lost")).await.unwrap();
        let refused = Fault::on(ApiKey::END_TXN).always();
        world.cluster.fault(refused.answer(ErrorCode::NOT_COORDINATOR));
        let start = Instant::now();
        assert!(timeout(SECOND, producer.close()).await.is_err(), "{release}: it goes on");
        let (second, third) = tokio::join!(producer.close(), producer.close());
        assert!(start.elapsed() >= 19 * SECOND, "{release}: {:?}", start.elapsed());
        let later = producer.close().await;
        for told in [second, third, later] {
            let code = told.unwrap_err().code();
            assert_eq!(code, Some(ErrorCode::NOT_COORDINATOR), "{release}");
        }
        let world = World::new(release).await;
        let producer = self::producer(&world).await;
        let open = producer.begin().await.unwrap();
        open.send(record("lost")).await.unwrap();
        world.cluster.fault(Fault::on(ApiKey::END_TXN).always().execute_then_hang());
        assert!(timeout(SECOND, producer.close()).await.is_err(), "{release}: it goes on");
        let (waits, gives_up) = tokio::join!(producer.close(), producer.close_within(SECOND));
        assert!(gives_up.unwrap_err().maybe_written(), "{release}");
        assert!(matches!(waits, Err(Error::Closed { .. })), "{release}: {waits:?}");
    }
}
