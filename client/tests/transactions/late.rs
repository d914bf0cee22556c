//! A request of one transaction that comes late, and finds the next one of the same id
//! (KAFKA-17754).

use std::time::Duration;

use kurier_client::error::TransactionFate;
use kurier_client::offsets::Isolation;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::transactional::{Transaction, TransactionalProducer};
use kurier_client::transactions::{ConsumerGroupMetadata, GroupOffset, TransactionVersion};
use kurier_client::{Client, Error};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::{Instant, sleep};

use crate::world::{MINUTE, RELEASES, World};

const SECOND: Duration = Duration::from_secs(1);

/// Clusters whose transactions are of version 1.
async fn first_version() -> Vec<(&'static str, World)> {
    let mut worlds = Vec::new();
    for (release, version) in RELEASES {
        if version == TransactionVersion::V1 {
            worlds.push((release, World::new(release).await));
        }
    }
    worlds.push(("4.4 at version 1", World::upgraded().await));
    worlds
}

async fn producer(client: &Client) -> TransactionalProducer {
    let config = ProducerConfig { block_max: 20 * SECOND, ..ProducerConfig::default() };
    client.transactional_producer("a").config(config).build().await.unwrap()
}

fn record(value: &str) -> Record<'_> {
    Record::to("t").partition(0).value(value)
}

async fn offsets(to: &Transaction, offset: i64) -> Result<(), Error> {
    to.send_offsets(ConsumerGroupMetadata::new("g"), [GroupOffset::new("t", 0, offset)]).await
}

async fn committed(world: &World) -> Option<i64> {
    let isolation = Isolation::ReadUncommitted;
    let found = world.steps.committed_offsets("g", isolation, [("t", 0)]).await.remove(0);
    found.outcome.unwrap().map(|found| found.offset)
}

/// Commits offset 5 in a transaction; a request for it comes ten seconds later once more.
async fn commit_offsets_of_which_some_come_late(world: &World, producer: &TransactionalProducer) {
    let mut first = producer.begin().await.unwrap();
    let late = Fault::on(ApiKey::TXN_OFFSET_COMMIT).close_then_execute(10 * SECOND);
    world.cluster.fault(late);
    offsets(&first, 5).await.unwrap();
    first.commit().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn does_not_decide_about_the_next_transaction() {
    for (release, world) in first_version().await {
        for is_commit in [true, false] {
            let producer = producer(&world.client).await;
            let before = world.committed(0).len();
            let mut first = producer.begin().await.unwrap();
            first.send(record("1")).await.unwrap();
            world.cluster.fault(Fault::on(ApiKey::END_TXN).close_then_execute(20 * SECOND));
            match is_commit {
                true => first.commit().await.unwrap(),
                false => first.abort().await.unwrap(),
            }
            drop(first);
            let mut second = producer.begin().await.unwrap();
            second.send(record("2")).await.unwrap();
            sleep(25 * SECOND).await;
            let now = before + usize::from(is_commit);
            assert_eq!(world.committed(0).len(), now, "{release}: the second one is open");
            // Neither was it aborted.
            second.send(record("3")).await.unwrap();
            second.commit().await.unwrap();
            sleep(SECOND).await;
            assert_eq!(world.committed(0).len(), now + 2, "{release}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn does_not_begin_the_next_transaction() {
    for api in [ApiKey::ADD_PARTITIONS_TO_TXN, ApiKey::ADD_OFFSETS_TO_TXN] {
        for (release, world) in first_version().await {
            let producer = producer(&world.client).await;
            let mut first = producer.begin().await.unwrap();
            world.cluster.fault(Fault::on(api).close_then_execute(20 * SECOND));
            first.send(record("1")).await.unwrap();
            offsets(&first, 5).await.unwrap();
            first.commit().await.unwrap();
            drop(first);
            // Nothing is in it until the late one has come, and its time would be over.
            let mut second = producer.begin().await.unwrap();
            sleep(30 * SECOND + 2 * MINUTE).await;
            second.send(record("2")).await.unwrap();
            second.commit().await.unwrap();
            sleep(SECOND).await;
            assert_eq!(world.committed(0), ["1", "2"], "{release} {api}");
        }
    }
}

/// It opens a transaction that nobody wants, which is in the way of the next epoch.
#[tokio::test(start_paused = true)]
async fn does_not_end_the_producer_between_two_transactions() {
    for (release, world) in first_version().await {
        let producer = producer(&world.client).await;
        let mut first = producer.begin().await.unwrap();
        let late = Fault::on(ApiKey::ADD_PARTITIONS_TO_TXN).close_then_execute(10 * SECOND);
        world.cluster.fault(late);
        first.send(record("1")).await.unwrap();
        first.commit().await.unwrap();
        drop(first);
        sleep(15 * SECOND).await;
        let mut second = producer.begin().await.expect(release);
        second.send(record("2")).await.unwrap();
        second.commit().await.unwrap();
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["1", "2"], "{release}");
    }
}

/// Brokers up to 3.9 refuse it and take the offsets of the next transaction away, whose commit
/// succeeds. Who has a fixed id can only look.
#[tokio::test(start_paused = true)]
async fn offsets_that_take_others_away_are_found_out_by_the_commit() {
    for (release, is_lost) in [
        ("0.11.0", true),
        ("2.4", true),
        ("2.8", true),
        ("3.9", true),
        ("4.0", false),
        ("4.4", false),
    ] {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        commit_offsets_of_which_some_come_late(&world, &producer).await;
        sleep(SECOND).await;
        assert_eq!(committed(&world).await, Some(5), "{release}");
        let mut second = producer.begin().await.unwrap();
        second.send(record("2")).await.unwrap();
        offsets(&second, 9).await.unwrap();
        sleep(20 * SECOND).await;
        let outcome = second.commit().await;
        drop(second);
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["2"], "{release}");
        if !is_lost {
            outcome.unwrap();
            assert_eq!(committed(&world).await, Some(9), "{release}");
            producer.begin().await.unwrap();
            continue;
        }
        assert_eq!(committed(&world).await, Some(5), "{release}: the brokers have lost them");
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains("offsets of group g"), "{release}: {error}");
        assert!(error.is_fatal() && error.maybe_written(), "{release}: {error}");
        assert!(producer.begin().await.unwrap_err().is_fatal(), "{release}");
    }
}

/// A transaction whose offsets its commit must look at, where looking meets this.
async fn with_doubtful_offsets(
    release: &str,
    answer: ErrorCode,
) -> (World, TransactionalProducer, Transaction) {
    let world = World::new(release).await;
    let producer = producer(&world.client).await;
    commit_offsets_of_which_some_come_late(&world, &producer).await;
    let second = producer.begin().await.unwrap();
    second.send(record("2")).await.unwrap();
    offsets(&second, 9).await.unwrap();
    world.cluster.fault(Fault::on(ApiKey::OFFSET_FETCH).always().answer(answer));
    (world, producer, second)
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_look_at_offsets_is_told_so_and_that_the_rest_is_committed() {
    for release in ["2.4", "3.9"] {
        let code = ErrorCode::GROUP_AUTHORIZATION_FAILED;
        let (world, producer, mut second) = with_doubtful_offsets(release, code).await;
        let start = Instant::now();
        let error = second.commit().await.unwrap_err();
        assert!(start.elapsed() < SECOND, "{release}: {:?}", start.elapsed());
        let fate = TransactionFate::OffsetsUnknown { group: "g".into() };
        assert!(matches!(&error, Error::Transaction { fate: it, .. } if *it == fate), "{error}");
        assert_eq!((error.code(), error.maybe_written()), (Some(code), true), "{release}");
        assert!(error.to_string().contains("GROUP_AUTHORIZATION_FAILED"), "{release}: {error}");
        assert!(producer.begin().await.unwrap_err().is_fatal(), "{release}");
        assert_eq!(world.committed(0), ["2"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_that_nobody_tells_of_are_looked_at_for_a_bounded_time() {
    for release in ["2.4", "2.8", "3.9"] {
        let code = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
        let (world, _producer, mut second) = with_doubtful_offsets(release, code).await;
        let (start, before) = (Instant::now(), asked(&world));
        let error = second.commit().await.unwrap_err();
        let took = start.elapsed();
        assert!(took <= 20 * SECOND, "{release}: {took:?}, of max.block.ms=20000");
        assert!(asked(&world) - before < 100, "{release}: {} times", asked(&world) - before);
        // It may be asked for once more, and the transaction is not sent again.
        assert!(error.is_retriable() && error.maybe_written(), "{release}: {error}");
        assert_eq!(error.code(), Some(code), "{release}: {error}");
        world.cluster.clear_faults();
        second.commit().await.unwrap();
        assert_eq!((world.committed(0), committed(&world).await), (vec!["2".into()], Some(9)));
    }
}

/// How often offsets were asked for.
fn asked(world: &World) -> usize {
    let requests = world.cluster.requests();
    requests.iter().filter(|request| request.api == ApiKey::OFFSET_FETCH).count()
}

#[tokio::test(start_paused = true)]
async fn offsets_that_come_before_those_of_the_next_transaction_do_no_harm() {
    for (release, world) in first_version().await {
        let producer = producer(&world.client).await;
        commit_offsets_of_which_some_come_late(&world, &producer).await;
        for offset in [9, 12] {
            let mut next = producer.begin().await.unwrap();
            sleep(20 * SECOND).await;
            offsets(&next, offset).await.unwrap();
            next.commit().await.unwrap();
            sleep(SECOND).await;
            assert_eq!(committed(&world).await, Some(offset), "{release}");
        }
    }
}
