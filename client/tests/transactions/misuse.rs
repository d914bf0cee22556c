//! What a program does wrong is an error at the call that names it, and disturbs nothing else.

use std::time::Duration;

use kurier_client::error::TransactionFate;
use kurier_client::producer::{Acks, Partitioner, ProducerConfig, Record};
use kurier_client::transactional::{Transaction, TransactionalProducer};
use kurier_client::transactions::{ConsumerGroupMetadata, GroupOffset};
use kurier_client::{Client, Error};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::{Instant, sleep};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const RELEASES: [&str; 3] = ["2.8", "3.9", "4.4"];

async fn producer(client: &Client) -> TransactionalProducer {
    let config = ProducerConfig {
        block_max: 2 * SECOND,
        buffer_bytes_max: 128 << 10,
        batch_bytes_max: 16 << 10,
        request_bytes_max: 64 << 10,
        ..ProducerConfig::default()
    };
    client.transactional_producer("a").config(config).build().await.unwrap()
}

/// Whether an error is of the kind that it should be.
type IsRight = fn(&Error) -> bool;

fn record(value: &str) -> Record<'_> {
    Record::to("t").partition(0).value(value)
}

async fn offsets(to: &Transaction, group: &str) -> Result<(), Error> {
    to.send_offsets(ConsumerGroupMetadata::new(group), [GroupOffset::new("t", 0, 1)]).await
}

/// As in Java: nothing is committed without a record that was not taken.
#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_sent_is_told_and_costs_its_transaction_alone() {
    for release in RELEASES {
        let builder = TestCluster::builder().release(release).auto_create(false);
        let world = World::of(builder).await;
        let producer = producer(&world.client).await;
        let large = vec![b'v'; 70 << 10];
        let rows: [(Record<'_>, IsRight); 5] = [
            (Record::to("t").value(&large), |error| matches!(error, Error::TooLarge { .. })),
            (Record::to("none").value("v"), |error| matches!(error, Error::UnknownTopic { .. })),
            (Record::to("t").partition(2), |error| matches!(error, Error::UnknownTopic { .. })),
            (Record::to("t").partition(-1), |error| matches!(error, Error::UnknownTopic { .. })),
            (Record::to("t").timestamp(-2), |error| matches!(error, Error::Invalid { .. })),
        ];
        let count = rows.len();
        for (bad, is_right) in rows {
            let mut transaction = producer.begin().await.unwrap();
            transaction.send(record("lost")).await.unwrap();
            let error = transaction.enqueue(bad.clone()).await.unwrap_err();
            assert!(is_right(&error) && !error.maybe_written(), "{release}: {error}");
            let told = error.to_string();
            let error = transaction.sender().send(bad).await.unwrap_err();
            assert!(is_right(&error), "{release}: {error}");
            let error = transaction.commit().await.unwrap_err();
            assert!(error.requires_abort() && error.to_string().contains(&told), "{error}");
            transaction.abort().await.unwrap();
            drop(transaction);
            let mut next = producer.begin().await.unwrap();
            next.send(record("kept")).await.unwrap();
            next.commit().await.unwrap();
        }
        sleep(SECOND).await;
        assert_eq!(world.committed(0), vec!["kept"; count], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_is_told_in_time_and_costs_the_transaction_alone() {
    for release in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let mut transaction = producer.begin().await.unwrap();
        transaction.send(record("lost")).await.unwrap();
        let busy = ErrorCode::NOT_ENOUGH_REPLICAS;
        world.cluster.fault(Fault::on(ApiKey::PRODUCE).always().answer(busy));
        let value = "2".repeat(30_000);
        let mut deliveries = Vec::new();
        let error = loop {
            let start = Instant::now();
            match transaction.enqueue(record(&value)).await {
                Ok(delivery) => deliveries.push(delivery),
                Err(error) => {
                    let took = start.elapsed();
                    assert!((2 * SECOND..3 * SECOND).contains(&took), "{release}: {took:?}");
                    break error;
                }
            }
        };
        assert!(matches!(error, Error::TimedOut { .. }), "{release}: {error}");
        assert!(!error.maybe_written() && error.is_retriable(), "{release}: {error}");
        transaction.abort().await.unwrap();
        drop(transaction);
        for delivery in deliveries {
            delivery.await.unwrap_err();
        }
        world.cluster.clear_faults();
        let mut next = producer.begin().await.unwrap();
        next.send(record("kept")).await.unwrap();
        next.commit().await.unwrap();
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["kept"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_out_of_order_change_nothing() {
    for release in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let mut first = producer.begin().await.unwrap();
        assert!(matches!(producer.begin().await, Err(Error::Invalid { .. })), "{release}");
        first.send(record("1")).await.unwrap();
        first.commit().await.unwrap();
        // After the commit.
        assert!(matches!(first.send(record("late")).await, Err(Error::Closed { .. })));
        assert!(matches!(first.enqueue(record("late")).await, Err(Error::Closed { .. })));
        assert!(matches!(offsets(&first, "g").await, Err(Error::Closed { .. })), "{release}");
        let is_committed = |error: &Error| {
            matches!(error, Error::Transaction { fate: TransactionFate::Committed, .. })
        };
        assert!(is_committed(&first.abort().await.unwrap_err()), "{release}");
        first.commit().await.unwrap();
        let mut second = producer.begin().await.unwrap();
        // The first one is still held, and is not the one that is open.
        assert!(matches!(first.send(record("late")).await, Err(Error::Closed { .. })));
        assert!(matches!(offsets(&first, "g").await, Err(Error::Closed { .. })), "{release}");
        first.commit().await.unwrap();
        second.send(record("lost")).await.unwrap();
        second.abort().await.unwrap();
        // After the abort.
        let is_aborted = |error: &Error| {
            matches!(error, Error::Transaction { fate: TransactionFate::Aborted, .. })
        };
        assert!(is_aborted(&second.commit().await.unwrap_err()), "{release}");
        assert!(matches!(second.send(record("late")).await, Err(Error::Closed { .. })));
        assert!(matches!(offsets(&second, "g").await, Err(Error::Closed { .. })), "{release}");
        second.abort().await.unwrap();
        let mut third = producer.begin().await.unwrap();
        third.send(record("3")).await.unwrap();
        third.commit().await.unwrap();
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["1", "3"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_of_a_group_that_does_not_have_the_member_cost_the_transaction_alone() {
    for release in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let group = ConsumerGroupMetadata {
            member_id: "nobody".to_owned(),
            generation_id: 5,
            ..ConsumerGroupMetadata::new("g")
        };
        for (group, code) in [
            (group, ErrorCode::UNKNOWN_MEMBER_ID),
            (ConsumerGroupMetadata::new(""), ErrorCode::INVALID_GROUP_ID),
        ] {
            let mut transaction = producer.begin().await.unwrap();
            transaction.send(record("lost")).await.unwrap();
            let offset = GroupOffset::new("t", 0, 1);
            let error = transaction.send_offsets(group, [offset]).await.unwrap_err();
            if code == ErrorCode::INVALID_GROUP_ID {
                // It is told before anything is asked, and costs nothing.
                assert!(matches!(error, Error::Invalid { .. }), "{release}: {error}");
                let offset = GroupOffset::new("t", 0, -1);
                let group = ConsumerGroupMetadata::new("g");
                let error = transaction.send_offsets(group, [offset]).await.unwrap_err();
                assert!(matches!(error, Error::Invalid { .. }), "{release}: {error}");
                offsets(&transaction, "g").await.unwrap();
                transaction.abort().await.unwrap();
                continue;
            }
            assert!(error.requires_abort() || error.code() == Some(code), "{release}: {error}");
            assert!(transaction.commit().await.unwrap_err().requires_abort(), "{release}");
            transaction.abort().await.unwrap();
        }
        let mut kept = producer.begin().await.unwrap();
        kept.send(record("kept")).await.unwrap();
        offsets(&kept, "g").await.unwrap();
        kept.commit().await.unwrap();
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["kept"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_contradict_each_other_are_told_before_anything_is_asked() {
    let world = World::new("4.4").await;
    let of = ProducerConfig::default;
    let inits = || {
        let requests = world.cluster.requests();
        requests.iter().filter(|one| one.api == ApiKey::INIT_PRODUCER_ID).count()
    };
    for (config, part) in [
        (ProducerConfig { in_flight_max: 6, ..of() }, "max.in.flight.requests.per.connection"),
        (ProducerConfig { retry_count_max: 0, ..of() }, "retries"),
        (ProducerConfig { delivery_timeout: SECOND, ..of() }, "delivery.timeout.ms"),
        (ProducerConfig { partitioner: Partitioner::Fixed(-1), ..of() }, "partitioner"),
    ] {
        let builder = world.client.transactional_producer("a").config(config);
        let error = builder.build().await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    for (id, timeout) in [("", SECOND), ("a", Duration::ZERO), ("a", Duration::MAX)] {
        let builder = world.client.transactional_producer(id).transaction_timeout(timeout);
        let error = builder.build().await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
    }
    assert_eq!(inits(), 0);
    // Longer than the brokers allow: only they can tell.
    let builder = world.client.transactional_producer("a").transaction_timeout(SECOND * 86_400);
    let error = builder.build().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::INVALID_TRANSACTION_TIMEOUT), "{error}");
    assert!(
        error.is_fatal() && error.to_string().contains("transaction.max.timeout.ms"),
        "{error}"
    );
    // Acks are all, whatever is said of them.
    let config = ProducerConfig { acks: Acks::None, ..of() };
    let producer = world.client.transactional_producer("a").config(config).build().await.unwrap();
    let mut transaction = producer.begin().await.unwrap();
    transaction.send(record("1")).await.unwrap();
    transaction.commit().await.unwrap();
    sleep(SECOND).await;
    assert_eq!(world.committed(0), ["1"]);
}

/// What it sends is not of the transaction any more.
#[tokio::test(start_paused = true)]
async fn a_sender_that_comes_after_the_end_was_asked_for_spoils_no_commit() {
    for release in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let mut transaction = producer.begin().await.unwrap();
        transaction.send(record("1")).await.unwrap();
        world.cluster.network().latency(100 * MS);
        let sender = transaction.sender();
        let delivery = transaction.enqueue(record("2")).await.unwrap();
        let late = async {
            sleep(50 * MS).await;
            sender.enqueue(record("late")).await.unwrap_err()
        };
        let (outcome, refused) = tokio::join!(transaction.commit(), late);
        assert!(matches!(refused, Error::Closed { .. }), "{release}: {refused}");
        outcome.unwrap();
        delivery.await.unwrap();
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["1", "2"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_fatal_end_the_next_begin_says_why_though_the_transaction_is_held() {
    for release in RELEASES {
        let world = World::new(release).await;
        let first = producer(&world.client).await;
        let mut held = first.begin().await.unwrap();
        held.send(record("lost")).await.unwrap();
        let _second = producer(&world.client).await;
        assert!(held.commit().await.unwrap_err().is_fatal(), "{release}");
        let error = first.begin().await.unwrap_err();
        assert!(error.is_fatal() && !matches!(error, Error::Invalid { .. }), "{release}: {error}");
        assert!(held.abort().await.unwrap_err().is_fatal(), "{release}");
    }
}
