//! A transaction ends while one of its partitions has no leader. Brokers of 4.3 and 4.4 leave that
//! partition out and say that all is done (KAFKA-20734). A commit is then told to it, or not called
//! done; an abort is made sure of before the id's next transaction begins.

use std::time::Duration;

use kurier_client::Error;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::transactional::{Transaction, TransactionalProducer};
use kurier_client::transactions::{TransactionEnd, TransactionMarker, TransactionVersion};
use kurier_protocol::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Builder, Fault, TestCluster};
use tokio::time::sleep;

use crate::world::{World, all};

const SECOND: Duration = Duration::from_secs(1);

/// A partition whose only replica is on a broker that is no coordinator, and a record in it, in a
/// transaction that is open.
async fn begun(release: &str) -> (World, TransactionalProducer, Transaction, i32) {
    begun_by(release, TransactionVersion::V2).await
}

/// The same by these rules, where brokers have both.
async fn begun_by(
    release: &str,
    rules: TransactionVersion,
) -> (World, TransactionalProducer, Transaction, i32) {
    begun_in(TestCluster::builder().release(release), rules).await
}

async fn begun_in(
    builder: Builder,
    rules: TransactionVersion,
) -> (World, TransactionalProducer, Transaction, i32) {
    let world = World::of(builder.replication_default(1)).await;
    let leaders = [0, 1].map(|partition| world.cluster.leader("t", partition).unwrap());
    let coordinator = (1..=3).find(|broker| !leaders.contains(broker)).unwrap();
    world.cluster.move_coordinator("a", coordinator);
    let producer = taken_over(&world).await.unwrap();
    if rules == TransactionVersion::V1 {
        // It says on a connection that it has, that the cluster has no features any more.
        let asked = Fault::on(ApiKey::API_VERSIONS).broker(coordinator).always();
        world.cluster.fault(asked.reply::<ApiVersionsRequest>(ApiVersionsResponse::default()));
        sleep(2 * SECOND).await;
    }
    let transaction = producer.begin().await.unwrap();
    for partition in [0, 1] {
        let record = Record::to("t").partition(partition).value("v");
        transaction.send(record).await.unwrap();
    }
    (world, producer, transaction, leaders[0])
}

/// A producer that has taken the id over.
async fn taken_over(world: &World) -> Result<TransactionalProducer, Error> {
    let config = ProducerConfig { block_max: 20 * SECOND, ..ProducerConfig::default() };
    world.client.transactional_producer("a").config(config).build().await
}

/// A broker comes back in a while.
async fn back(world: &World, broker: i32) {
    sleep(5 * SECOND).await;
    world.cluster.restart_broker(broker);
}

/// Commits a record to the partition that had no leader.
async fn commit_next(producer: &TransactionalProducer) {
    let mut next = producer.begin().await.unwrap();
    next.send(Record::to("t").partition(0).value("w")).await.unwrap();
    next.commit().await.unwrap();
}

/// The client may not write markers, or not look at producers.
fn forbid(world: &World, api: ApiKey) {
    let code = match api {
        ApiKey::WRITE_TXN_MARKERS => ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
        _ => ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    };
    world.cluster.fault(Fault::on(api).always().answer(code));
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_left_a_partition_out_is_told_to_it_where_that_is_allowed() {
    for rules in [TransactionVersion::V1, TransactionVersion::V2] {
        let (world, producer, mut transaction, leader) = begun_by("4.4", rules).await;
        world.cluster.kill_broker(leader);
        let (outcome, ()) = tokio::join!(transaction.commit(), back(&world, leader));
        outcome.unwrap();
        drop(transaction);
        assert_eq!(world.committed(0), ["v"], "{rules:?}");
        commit_next(&producer).await;
        assert_eq!(world.committed(0), ["v", "w"], "{rules:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_after_the_answer_and_before_the_marker_is_not_missed() {
    for is_commit in [true, false] {
        let builder = TestCluster::builder().release("4.4").transaction_marker_delay(2 * SECOND);
        let (world, producer, mut transaction, leader) =
            begun_in(builder, TransactionVersion::V2).await;
        let die = async {
            sleep(SECOND).await;
            world.cluster.kill_broker(leader);
            back(&world, leader).await;
        };
        let end = async {
            match is_commit {
                true => transaction.commit().await.unwrap(),
                false => transaction.abort().await.unwrap(),
            }
            drop(transaction);
            commit_next(&producer).await;
        };
        tokio::join!(end, die);
        let wanted: &[&str] = if is_commit { &["v", "w"] } else { &["w"] };
        assert_eq!(world.committed(0), wanted, "committed: {is_commit}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_which_nobody_says_whether_it_is_there_is_still_owed() {
    let (world, producer, mut transaction, leader) = begun("4.4").await;
    world.cluster.kill_broker(leader);
    let error = transaction.commit().await.unwrap_err();
    assert!(error.is_retriable() && error.maybe_written() && !error.is_fatal(), "{error}");
    let error = transaction.abort().await.unwrap_err();
    assert!(error.is_retriable() && error.maybe_written(), "what is owed is the commit: {error}");
    world.cluster.restart_broker(leader);
    transaction.commit().await.unwrap();
    drop(transaction);
    assert_eq!(world.committed(0), ["v"]);
    commit_next(&producer).await;
}

#[tokio::test(start_paused = true)]
async fn an_abort_that_left_a_partition_out_is_told_to_it_before_the_next_transaction() {
    for release in ["4.2", "4.3", "4.4"] {
        for rules in [TransactionVersion::V1, TransactionVersion::V2] {
            let (world, producer, mut transaction, leader) = begun_by(release, rules).await;
            world.cluster.kill_broker(leader);
            transaction.abort().await.unwrap();
            drop(transaction);
            tokio::join!(commit_next(&producer), back(&world, leader));
            assert_eq!(world.committed(0), ["w"], "{release} {rules:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_dropped_while_a_leader_is_away_is_aborted_there_as_well() {
    let (world, producer, transaction, leader) = begun("4.4").await;
    world.cluster.kill_broker(leader);
    drop(transaction);
    tokio::join!(commit_next(&producer), back(&world, leader));
    assert_eq!(world.committed(0), ["w"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_while_a_partition_cannot_hear_of_an_abort() {
    let (world, producer, mut transaction, leader) = begun("4.4").await;
    world.cluster.kill_broker(leader);
    transaction.abort().await.unwrap();
    drop(transaction);
    for _ in 0..2 {
        let error = producer.begin().await.unwrap_err();
        assert!(error.is_retriable() && !error.is_fatal(), "{error}");
        assert!(error.to_string().contains("partition 0"), "{error}");
    }
    world.cluster.restart_broker(leader);
    commit_next(&producer).await;
    assert_eq!(world.committed(0), ["w"]);
}

#[tokio::test(start_paused = true)]
async fn a_partition_whose_topic_is_gone_has_nothing_to_hear() {
    let (world, producer, mut transaction, leader) = begun("4.4").await;
    world.cluster.kill_broker(leader);
    transaction.abort().await.unwrap();
    drop(transaction);
    world.cluster.create_topic("u", 1);
    world.cluster.delete_topic("t");
    let mut next = producer.begin().await.unwrap();
    next.send(Record::to("u").partition(0).value("w")).await.unwrap();
    next.commit().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_takes_the_id_over_tells_partitions_of_what_it_aborts() {
    for rules in [TransactionVersion::V1, TransactionVersion::V2] {
        let (world, first, transaction, leader) = begun_by("4.4", rules).await;
        world.cluster.kill_broker(leader);
        let (second, ()) = tokio::join!(taken_over(&world), back(&world, leader));
        commit_next(&second.unwrap()).await;
        assert_eq!(world.committed(0), ["w"], "{rules:?}");
        drop((first, transaction));
    }
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_is_closed_after_an_abort_tells_partitions_first() {
    for is_closed in [true, false] {
        let (world, producer, mut transaction, leader) = begun("4.4").await;
        world.cluster.kill_broker(leader);
        transaction.abort().await.unwrap();
        drop(transaction);
        let close = async {
            match is_closed {
                true => producer.close().await.unwrap(),
                false => drop(producer),
            }
        };
        tokio::join!(close, back(&world, leader));
        sleep(5 * SECOND).await;
        commit_next(&taken_over(&world).await.unwrap()).await;
        assert_eq!(world.committed(0), ["w"], "closed: {is_closed}");
    }
}

#[tokio::test(start_paused = true)]
async fn leaders_that_stay_cost_an_abort_no_transaction_more() {
    let (world, producer, mut transaction, _) = begun("4.4").await;
    transaction.abort().await.unwrap();
    drop(transaction);
    let added = |world: &World| {
        let apis = [ApiKey::ADD_PARTITIONS_TO_TXN, ApiKey::INIT_PRODUCER_ID];
        world.cluster.requests().iter().filter(|one| apis.contains(&one.api)).count()
    };
    let before = added(&world);
    commit_next(&producer).await;
    assert_eq!(added(&world), before);
    assert_eq!(world.committed(0), ["w"]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_left_a_partition_out_is_not_called_done() {
    for release in ["4.3", "4.4"] {
        let (world, producer, mut transaction, leader) = begun(release).await;
        forbid(&world, ApiKey::WRITE_TXN_MARKERS);
        // Nobody has told the client: its metadata is minutes old when it commits.
        world.cluster.kill_broker(leader);
        let (outcome, ()) = tokio::join!(transaction.commit(), back(&world, leader));
        drop(transaction);
        assert_eq!(world.committed(0), [""; 0], "{release}: the broker has left it out");
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains("partition 0 of topic t"), "{release}: {error}");
        assert!(error.maybe_written() && error.is_fatal(), "{release}: {error}");
        // The end of the id's next transaction would decide about the record.
        assert!(producer.begin().await.unwrap_err().is_fatal(), "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_somebody_brings_to_the_partition_is_done() {
    let (world, producer, mut transaction, leader) = begun("4.4").await;
    let code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    world.cluster.fault(Fault::on(ApiKey::WRITE_TXN_MARKERS).times(1).answer(code));
    world.cluster.kill_broker(leader);
    let repair = async {
        sleep(5 * SECOND).await;
        world.cluster.restart_broker(leader);
        sleep(5 * SECOND).await;
        let found = world.steps.producers([("t", 0)]).await.remove(0).outcome.unwrap();
        let open = found.iter().find(|one| one.transaction_start.is_some()).unwrap();
        let producer = kurier_client::transactions::ProducerIdAndEpoch {
            id: open.producer_id,
            epoch: i16::try_from(open.producer_epoch).unwrap(),
        };
        let marker = TransactionMarker {
            producer,
            version: TransactionVersion::V2,
            end: TransactionEnd::Commit,
            coordinator_epoch: open.coordinator_epoch.max(0),
        };
        all(world.steps.write_marker(&marker, [("t", 0)]).await).unwrap();
    };
    let (outcome, ()) = tokio::join!(transaction.commit(), repair);
    outcome.unwrap();
    drop(transaction);
    assert_eq!((world.committed(0), world.committed(1)), (vec!["v".into()], vec!["v".into()]));
    producer.begin().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_waits_for_the_leader_is_done_when_it_is_back() {
    let (world, producer, mut transaction, leader) = begun("4.2").await;
    world.cluster.kill_broker(leader);
    let (outcome, ()) = tokio::join!(transaction.commit(), back(&world, leader));
    outcome.unwrap();
    drop(transaction);
    assert_eq!(world.committed(0), ["v"]);
    producer.begin().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn brokers_that_wait_for_the_leader_are_not_asked_more() {
    let (world, producer, mut transaction, leader) = begun("3.9").await;
    world.cluster.kill_broker(leader);
    let (outcome, ()) = tokio::join!(transaction.commit(), back(&world, leader));
    outcome.unwrap();
    drop(transaction);
    sleep(5 * SECOND).await;
    assert_eq!(world.committed(0), ["v"]);
    let mut next = producer.begin().await.unwrap();
    next.send(Record::to("t").partition(0).value("w")).await.unwrap();
    let metadata = |world: &World| {
        world.cluster.requests().iter().filter(|one| one.api == ApiKey::METADATA).count()
    };
    let before = metadata(&world);
    next.commit().await.unwrap();
    assert_eq!(metadata(&world), before);
}
