//! What a transactional producer promises, on transactions of both versions.

use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::offsets::Isolation;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::transactional::{Transaction, TransactionalProducer};
use kurier_client::transactions::{
    ConsumerGroupMetadata, GroupOffset, TransactionEnd, TransactionVersion,
};
use kurier_client::{Client, Error};
use kurier_protocol::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{RELEASES, World};

const SECOND: Duration = Duration::from_secs(1);
const NONE: [&str; 0] = [];
const STEPS: [ApiKey; 5] = [
    ApiKey::INIT_PRODUCER_ID,
    ApiKey::ADD_PARTITIONS_TO_TXN,
    ApiKey::ADD_OFFSETS_TO_TXN,
    ApiKey::TXN_OFFSET_COMMIT,
    ApiKey::END_TXN,
];

async fn producer(client: &Client) -> TransactionalProducer {
    let config = ProducerConfig { block_max: 20 * SECOND, ..ProducerConfig::default() };
    client.transactional_producer("a").config(config).build().await.unwrap()
}

fn record(partition: i32, value: &str) -> Record<'_> {
    Record::to("t").partition(partition).value(value)
}

async fn send(to: &Transaction, values: &[&str]) -> Result<(), Error> {
    for value in values {
        drop(to.enqueue(record(0, value)).await?);
        drop(to.enqueue(record(1, value)).await?);
    }
    Ok(())
}

fn count(world: &World, api: ApiKey) -> usize {
    world.cluster.requests().iter().filter(|request| request.api == api).count()
}

/// What readers of committed records get, once markers are written.
async fn both(world: &World) -> Vec<String> {
    sleep(SECOND).await;
    assert_eq!(world.committed(0), world.committed(1), "a transaction was torn");
    world.committed(0)
}

#[tokio::test(start_paused = true)]
async fn commits_are_visible_and_aborts_are_not() {
    for (release, version) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        for (values, is_committed) in
            [(["1", "2"], true), (["3", "4"], false), (["5", "6"], true), (["7", "8"], true)]
        {
            let mut transaction = producer.begin().await.unwrap();
            send(&transaction, &values).await.unwrap();
            match is_committed {
                true => transaction.commit().await.unwrap(),
                false => transaction.abort().await.unwrap(),
            }
        }
        assert_eq!(both(&world).await, ["1", "2", "5", "6", "7", "8"], "{release}");
        let adds = count(&world, ApiKey::ADD_PARTITIONS_TO_TXN);
        assert_eq!(adds > 0, version == TransactionVersion::V1, "{release}");
        // It goes on with its epoch, or with the one that the end gave.
        let renewals = count(&world, ApiKey::INIT_PRODUCER_ID);
        assert!(renewals <= 2, "{release}: {renewals}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_transaction_is_no_request() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        for _ in 0..3 {
            producer.begin().await.unwrap().commit().await.unwrap();
            producer.begin().await.unwrap().abort().await.unwrap();
            drop(producer.begin().await.unwrap());
        }
        assert_eq!(count(&world, ApiKey::END_TXN), 0, "{release}");
        assert_eq!(count(&world, ApiKey::INIT_PRODUCER_ID), 1, "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_transaction_at_a_time() {
    let world = World::new("4.4").await;
    let producer = producer(&world.client).await;
    let first = producer.begin().await.unwrap();
    let error = producer.begin().await.unwrap_err();
    assert!(error.to_string().contains("the last transaction is open"), "{error}");
    drop(first);
    producer.begin().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_transaction_can_go_to_another_task_and_its_senders_anywhere() {
    let world = World::new("4.4").await;
    let producer = producer(&world.client).await;
    let mut transaction = producer.begin().await.unwrap();
    let senders: Vec<_> = (0..4)
        .map(|n| {
            let sender = transaction.sender();
            tokio::spawn(async move {
                let value = n.to_string();
                sender.send(record(0, &value)).await.unwrap();
                sender.send(record(1, "x")).await.unwrap();
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let late = transaction.sender();
    tokio::spawn(async move { transaction.commit().await.unwrap() }).await.unwrap();
    sleep(SECOND).await;
    assert_eq!((world.committed(0).len(), world.committed(1).len()), (4, 4));
    assert!(late.send(record(0, "late")).await.is_err());
    assert_eq!(world.committed(0).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_was_buffered_before_an_abort_is_sent_after_it() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let mut first = producer.begin().await.unwrap();
        first.send(record(0, "lost")).await.unwrap();
        // The leader is away: what is buffered stays so.
        let fault = world
            .cluster
            .fault(Fault::on(ApiKey::PRODUCE).always().answer(ErrorCode::NOT_ENOUGH_REPLICAS));
        let mut deliveries = Vec::new();
        for n in 0..20 {
            deliveries.push(first.enqueue(record(n % 2, "lost")).await.unwrap());
        }
        first.abort().await.unwrap();
        world.cluster.clear_faults();
        drop(fault);
        for delivery in deliveries {
            let error = delivery.await.unwrap_err();
            assert!(!error.maybe_written(), "{release}: {error}");
        }
        let mut second = producer.begin().await.unwrap();
        send(&second, &["kept"]).await.unwrap();
        second.commit().await.unwrap();
        assert_eq!(both(&world).await, ["kept"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_not_committed_and_the_next_transaction_is() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let mut first = producer.begin().await.unwrap();
        send(&first, &["1"]).await.unwrap();
        first.send(record(0, "2")).await.unwrap();
        world.cluster.fault(Fault::on(ApiKey::PRODUCE).answer(ErrorCode::INVALID_RECORD));
        first.send(record(0, "refused")).await.unwrap_err();
        let error = first.send(record(1, "after")).await.unwrap_err();
        assert!(error.requires_abort(), "{release}: {error}");
        for _ in 0..2 {
            let error = first.commit().await.unwrap_err();
            assert!(error.requires_abort() && !error.maybe_written(), "{release}: {error}");
            assert!(error.to_string().contains("INVALID_RECORD"), "{release}: {error}");
        }
        first.abort().await.unwrap();
        let mut second = producer.begin().await.unwrap();
        send(&second, &["3"]).await.unwrap();
        second.commit().await.unwrap();
        assert_eq!(both(&world).await, ["3"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_not_committed_without_a_record_that_was_not_taken() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let mut first = producer.begin().await.unwrap();
        send(&first, &["1"]).await.unwrap();
        let sender = first.sender();
        sender.enqueue(record(7, "to nowhere")).await.unwrap_err();
        let error = first.commit().await.unwrap_err();
        assert!(error.requires_abort() && !error.maybe_written(), "{release}: {error}");
        first.abort().await.unwrap();
        let mut second = producer.begin().await.unwrap();
        send(&second, &["2"]).await.unwrap();
        second.commit().await.unwrap();
        assert_eq!(both(&world).await, ["2"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_are_committed_with_the_records_or_not_at_all() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        for (offset, is_committed) in [(5, true), (9, false)] {
            let mut transaction = producer.begin().await.unwrap();
            send(&transaction, &["v"]).await.unwrap();
            let group = ConsumerGroupMetadata::new("g");
            transaction.send_offsets(group, [GroupOffset::new("t", 0, offset)]).await.unwrap();
            match is_committed {
                true => transaction.commit().await.unwrap(),
                false => transaction.abort().await.unwrap(),
            }
            sleep(SECOND).await;
            let isolation = Isolation::ReadUncommitted;
            let found = world.steps.committed_offsets("g", isolation, [("t", 0)]).await.remove(0);
            assert_eq!(found.outcome.unwrap().unwrap().offset, 5, "{release}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_future_was_dropped_tells_its_outcome_when_it_is_asked_again() {
    for (release, _) in RELEASES {
        for millis in [0, 1, 5, 50, 200, 1000, 3000] {
            let world = World::new(release).await;
            let producer = producer(&world.client).await;
            let mut first = producer.begin().await.unwrap();
            send(&first, &["1"]).await.unwrap();
            let slow = Fault::on(ApiKey::END_TXN).delay_answer(2 * SECOND);
            world.cluster.fault(slow);
            drop(timeout(Duration::from_millis(millis), first.commit()).await);
            first.commit().await.unwrap();
            assert!(first.abort().await.unwrap_err().to_string().contains("committed before"));
            assert_eq!(both(&world).await, ["1"], "{release} after {millis} ms");
            drop(first);
            let second = producer.begin().await.unwrap();
            assert_eq!(second.previous(), None, "{release}: somebody was told");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_which_nobody_knows_is_not_said_to_have_failed_to_who_asks_again() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let mut first = producer.begin().await.unwrap();
        send(&first, &["1"]).await.unwrap();
        // It is executed, nobody hears of it, and its repetition is refused.
        world.cluster.fault(Fault::on(ApiKey::END_TXN).execute_then_close());
        let refused = Fault::on(ApiKey::END_TXN).skip(1).answer(ErrorCode::INVALID_TXN_STATE);
        world.cluster.fault(refused);
        drop(timeout(Duration::ZERO, first.commit()).await);
        sleep(SECOND).await;
        for _ in 0..2 {
            let error = first.commit().await.unwrap_err();
            assert!(error.maybe_written() && error.is_fatal(), "{release}: {error}");
        }
        assert_eq!(both(&world).await, ["1"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_is_dropped_is_aborted_or_its_commit_is_told_by_the_next() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let first = producer.begin().await.unwrap();
        first.send(record(0, "lost")).await.unwrap();
        send(&first, &["lost"]).await.unwrap();
        drop(first);
        sleep(SECOND).await;
        assert_eq!(count(&world, ApiKey::END_TXN), 1, "{release}: it does not wait for the next");
        let mut second = producer.begin().await.unwrap();
        send(&second, &["kept"]).await.unwrap();
        world.cluster.fault(Fault::on(ApiKey::END_TXN).delay_answer(2 * SECOND));
        drop(timeout(SECOND, second.commit()).await);
        drop(second);
        let third = producer.begin().await.unwrap();
        assert_eq!(third.previous(), Some(TransactionEnd::Commit), "{release}");
        assert_eq!(both(&world).await, ["kept"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_tear_nothing_at_any_step() {
    let apis = [
        ApiKey::ADD_PARTITIONS_TO_TXN,
        ApiKey::PRODUCE,
        ApiKey::ADD_OFFSETS_TO_TXN,
        ApiKey::TXN_OFFSET_COMMIT,
        ApiKey::END_TXN,
    ];
    for (release, _) in RELEASES.into_iter().skip(1) {
        for api in apis {
            let world = World::new(release).await;
            let producer = producer(&world.client).await;
            for (n, value) in ["1", "2", "3"].into_iter().enumerate() {
                let mut transaction = producer.begin().await.unwrap();
                if n == 1 {
                    world.cluster.fault(Fault::on(api).execute_then_close());
                }
                send(&transaction, &[value]).await.unwrap();
                let group = ConsumerGroupMetadata::new("g");
                let offset = GroupOffset::new("t", 0, i64::try_from(n).unwrap() + 1);
                transaction.send_offsets(group, [offset]).await.unwrap();
                transaction.commit().await.unwrap();
            }
            assert_eq!(both(&world).await, ["1", "2", "3"], "{release} {api}");
            let found = world.steps.committed_offsets("g", Isolation::ReadCommitted, [("t", 0)]);
            let found = found.await.remove(0).outcome.unwrap().unwrap();
            assert_eq!(found.offset, 3, "{release} {api}");
        }
    }
}

/// KAFKA-17754: the epoch is raised, so that the late one is shut out.
#[tokio::test(start_paused = true)]
async fn a_late_commit_does_not_commit_the_next_transaction() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let mut first = producer.begin().await.unwrap();
        send(&first, &["1"]).await.unwrap();
        first.send(record(0, "1")).await.unwrap();
        first.send(record(1, "1")).await.unwrap();
        world.cluster.fault(Fault::on(ApiKey::END_TXN).close_then_execute(20 * SECOND));
        first.commit().await.unwrap();
        drop(first);
        let mut second = producer.begin().await.unwrap();
        second.send(record(0, "2")).await.unwrap();
        second.send(record(1, "2")).await.unwrap();
        sleep(30 * SECOND).await;
        assert_eq!(both(&world).await, ["1", "1"], "{release}: the second one is open");
        second.abort().await.unwrap();
        assert_eq!(both(&world).await, ["1", "1"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_shut_out_hears_it_and_writes_nothing_more() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let first = producer(&world.client).await;
        let mut old = first.begin().await.unwrap();
        send(&old, &["lost"]).await.unwrap();
        old.send(record(0, "lost")).await.unwrap();
        let second = producer(&world.client).await;
        let mut new = second.begin().await.unwrap();
        send(&new, &["kept"]).await.unwrap();
        assert!(old.commit().await.is_err(), "{release}");
        new.commit().await.unwrap();
        drop(old);
        let error = first.begin().await.unwrap_err();
        assert!(error.is_fatal(), "{release}: {error}");
        assert_eq!(both(&world).await, ["kept"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_took_too_long_says_so_soon() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let builder = world.client.transactional_producer("a");
        let producer = builder.transaction_timeout(5 * SECOND).build().await.unwrap();
        let mut transaction = producer.begin().await.unwrap();
        send(&transaction, &["lost"]).await.unwrap();
        transaction.send(record(0, "lost")).await.unwrap();
        sleep(30 * SECOND).await;
        let start = Instant::now();
        let error = transaction.commit().await.unwrap_err();
        assert!(start.elapsed() < 5 * SECOND && !error.maybe_written(), "{release}: {error}");
        assert_eq!(both(&world).await, NONE, "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_version_of_transactions_may_change_between_two_of_them() {
    let world = World::new("3.9").await;
    let producer = producer(&world.client).await;
    for (release, value) in [("3.9", "1"), ("4.4", "2"), ("3.9", "3"), ("4.4", "4")] {
        world.cluster.set_release(release);
        sleep(SECOND).await;
        let mut transaction = producer.begin().await.unwrap();
        send(&transaction, &[value]).await.unwrap();
        transaction.commit().await.unwrap();
    }
    assert_eq!(both(&world).await, ["1", "2", "3", "4"]);
}

/// The cluster goes back to version 1 while connections stay open, which tell nothing of it.
#[tokio::test(start_paused = true)]
async fn a_version_that_is_taken_back_in_mid_run_costs_one_transaction() {
    let world = World::new("4.4").await;
    let producer = producer(&world.client).await;
    let mut before = producer.begin().await.unwrap();
    send(&before, &["1"]).await.unwrap();
    before.commit().await.unwrap();
    // In the midst of a transaction: leaders refuse its records.
    let mut refused = producer.begin().await.unwrap();
    let no_features = || {
        Fault::on(ApiKey::API_VERSIONS)
            .always()
            .reply::<ApiVersionsRequest>(ApiVersionsResponse::default())
    };
    let fault = world.cluster.fault(no_features());
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).answer(ErrorCode::UNSUPPORTED_VERSION));
    refused.send(record(0, "refused")).await.unwrap_err();
    assert!(refused.commit().await.unwrap_err().requires_abort());
    refused.abort().await.unwrap();
    by(TransactionVersion::V1, &world, &producer, "2").await;
    by(TransactionVersion::V1, &world, &producer, "3").await;
    // Between two of them nothing is lost, in either direction.
    world.cluster.clear_faults();
    drop(fault);
    sleep(2 * SECOND).await;
    by(TransactionVersion::V2, &world, &producer, "4").await;
    world.cluster.fault(no_features());
    sleep(2 * SECOND).await;
    by(TransactionVersion::V1, &world, &producer, "5").await;
    assert_eq!(both(&world).await, ["1", "2", "3", "4", "5"]);
}

/// Commits a transaction, which goes by these rules.
async fn by(
    version: TransactionVersion,
    world: &World,
    producer: &TransactionalProducer,
    value: &str,
) {
    let added = count(world, ApiKey::ADD_PARTITIONS_TO_TXN);
    let mut transaction = producer.begin().await.unwrap();
    send(&transaction, &[value]).await.unwrap();
    transaction.commit().await.unwrap();
    let is_added = count(world, ApiKey::ADD_PARTITIONS_TO_TXN) > added;
    assert_eq!(is_added, version == TransactionVersion::V1, "{value}");
}

#[tokio::test(start_paused = true)]
async fn leaders_and_coordinators_may_move_at_any_time() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let mut wanted = Vec::new();
        for n in 0..6 {
            let broker = n % 3 + 1;
            let mut transaction = producer.begin().await.unwrap();
            world.cluster.move_coordinator("a", broker);
            send(&transaction, &["v"]).await.unwrap();
            world.cluster.move_leader("t", n % 2, broker);
            let group = ConsumerGroupMetadata::new("g");
            let offset = GroupOffset::new("t", 0, i64::from(n));
            world.cluster.move_coordinator("g", broker);
            transaction.send_offsets(group, [offset]).await.unwrap();
            world.cluster.move_coordinator("a", (n + 1) % 3 + 1);
            transaction.commit().await.unwrap();
            wanted.push("v");
        }
        assert_eq!(both(&world).await, wanted, "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_a_partition_has_not_heard_of_is_not_called_done() {
    for is_released in [true, false] {
        let world = World::new("4.4").await;
        let config = ClientConfig { metadata_age_max: 2 * SECOND, ..ClientConfig::default() };
        let connect = Client::builder(world.cluster.bootstrap()).env(world.cluster.env(8));
        let client = connect.config(config).connect().await.unwrap();
        let producer = producer(&client).await;
        let mut first = producer.begin().await.unwrap();
        for partition in [0, 1] {
            first.send(record(partition, "v")).await.unwrap();
        }
        world.cluster.hold_markers_of("t", 0);
        world.cluster.move_leader("t", 0, 3);
        sleep(5 * SECOND).await;
        let release = async {
            sleep(5 * SECOND).await;
            if is_released {
                world.cluster.release_markers();
            }
        };
        let start = Instant::now();
        let (outcome, ()) = tokio::join!(first.commit(), release);
        assert!(start.elapsed() >= 5 * SECOND);
        if is_released {
            outcome.unwrap();
        } else {
            // Its coordinator has yet to tell it: the commit is still owed.
            let error = outcome.unwrap_err();
            assert!(error.maybe_written() && error.is_retriable(), "{error}");
            world.cluster.release_markers();
            first.commit().await.unwrap();
        }
        drop(first);
        assert_eq!(both(&world).await, ["v"]);
        producer.begin().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn codes_of_a_coordinator_that_pass_are_waited_for() {
    let passing = [
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::CONCURRENT_TRANSACTIONS,
    ];
    for (release, _) in RELEASES {
        for code in passing {
            let world = World::new(release).await;
            for api in STEPS {
                world.cluster.fault(Fault::on(api).times(2).answer(code));
            }
            let producer = producer(&world.client).await;
            for value in ["1", "2"] {
                let mut transaction = producer.begin().await.unwrap();
                send(&transaction, &[value]).await.unwrap();
                let group = ConsumerGroupMetadata::new("g");
                transaction.send_offsets(group, [GroupOffset::new("t", 0, 1)]).await.unwrap();
                transaction.commit().await.unwrap();
            }
            assert_eq!(both(&world).await, ["1", "2"], "{release} {code}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_asks_for_an_abort_does_so_and_the_next_transaction_commits() {
    let rows = [
        (ApiKey::ADD_PARTITIONS_TO_TXN, ErrorCode::TRANSACTION_ABORTABLE),
        (ApiKey::ADD_PARTITIONS_TO_TXN, ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        (ApiKey::PRODUCE, ErrorCode::TRANSACTION_ABORTABLE),
        (ApiKey::PRODUCE, ErrorCode::INVALID_TXN_STATE),
        (ApiKey::PRODUCE, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
        (ApiKey::PRODUCE, ErrorCode::UNKNOWN_PRODUCER_ID),
        (ApiKey::ADD_OFFSETS_TO_TXN, ErrorCode::GROUP_AUTHORIZATION_FAILED),
        (ApiKey::TXN_OFFSET_COMMIT, ErrorCode::TRANSACTION_ABORTABLE),
        (ApiKey::TXN_OFFSET_COMMIT, ErrorCode::ILLEGAL_GENERATION),
        (ApiKey::TXN_OFFSET_COMMIT, ErrorCode::FENCED_INSTANCE_ID),
        (ApiKey::END_TXN, ErrorCode::TRANSACTION_ABORTABLE),
    ];
    for (release, version) in RELEASES.into_iter().skip(1) {
        for (api, code) in rows {
            let is_sent =
                !matches!(api, ApiKey::ADD_PARTITIONS_TO_TXN | ApiKey::ADD_OFFSETS_TO_TXN);
            if version == TransactionVersion::V2 && !is_sent {
                continue;
            }
            let world = World::new(release).await;
            let producer = producer(&world.client).await;
            let mut first = producer.begin().await.unwrap();
            let fault = world.cluster.fault(Fault::on(api).answer(code));
            send(&first, &["lost"]).await.unwrap();
            let group = ConsumerGroupMetadata::new("g");
            let sent = first.send_offsets(group, [GroupOffset::new("t", 0, 1)]).await;
            let Err(error) = first.commit().await else {
                panic!("{release} {api} {code}: {sent:?}, {} hits", fault.hits())
            };
            assert!(error.requires_abort(), "{release} {api} {code}: {error}");
            first.abort().await.unwrap();
            let mut second = producer.begin().await.unwrap();
            send(&second, &["kept"]).await.unwrap();
            second.commit().await.unwrap();
            assert_eq!(both(&world).await, ["kept"], "{release} {api} {code}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn settings_by_name_are_those_of_transactions_and_no_plain_producer_passes_for_one() {
    let world = World::new("4.4").await;
    let servers = world.cluster.bootstrap().join(",");
    let pairs = [
        ("bootstrap.servers", &*servers),
        ("transactional.id", "named"),
        ("transaction.timeout.ms", "5000"),
    ];
    let builder = Client::from_properties(pairs).unwrap().env(world.cluster.env(8));
    let client = builder.connect().await.unwrap();
    let error = client.producer().build().await.unwrap_err().to_string();
    assert!(error.contains("transactional.id"), "{error}");
    let id = client.transactional_id().unwrap().to_owned();
    let producer = client.transactional_producer(id).build().await.unwrap();
    producer.begin().await.unwrap();
    let described = world.steps.describe(["named"]).await.remove(0).1.unwrap();
    assert_eq!(described.timeout, 5 * SECOND);
}

/// Before 3.6 a partition takes what comes late, unless it has heard of a higher epoch.
#[tokio::test(start_paused = true)]
async fn a_record_that_comes_late_after_an_abort_is_shut_out() {
    for (release, _) in RELEASES {
        let world = World::new(release).await;
        let producer = producer(&world.client).await;
        let mut first = producer.begin().await.unwrap();
        first.send(record(0, "lost")).await.unwrap();
        let on = || Fault::on(ApiKey::PRODUCE);
        world.cluster.fault(on().close_then_execute(20 * SECOND));
        world.cluster.fault(on().skip(1).always().answer(ErrorCode::NOT_ENOUGH_REPLICAS));
        let late = first.enqueue(record(0, "late")).await.unwrap();
        sleep(2 * SECOND).await;
        first.abort().await.unwrap();
        assert!(late.await.unwrap_err().maybe_written(), "{release}");
        world.cluster.clear_faults();
        sleep(30 * SECOND).await;
        let mut second = producer.begin().await.unwrap();
        send(&second, &["kept"]).await.unwrap();
        second.commit().await.unwrap();
        assert_eq!(both(&world).await, ["kept"], "{release}");
    }
}
