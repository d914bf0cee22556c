//! A transaction ends while one of its partitions has no leader. Brokers of 4.3 and 4.4 leave that
//! partition out and say that all is done (KAFKA-20734).

use std::time::Duration;

use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::transactional::{Transaction, TransactionalProducer};
use kurier_client::transactions::{TransactionEnd, TransactionMarker, TransactionVersion};
use kurier_protocol::ApiKey;
use kurier_testkit::TestCluster;
use tokio::time::sleep;

use crate::world::{World, all};

const SECOND: Duration = Duration::from_secs(1);

/// A partition whose only replica is on a broker that is no coordinator, and a record in it, in a
/// transaction that is open.
async fn begun(release: &str) -> (World, TransactionalProducer, Transaction, i32) {
    let builder = TestCluster::builder().release(release).replication_default(1);
    let world = World::of(builder).await;
    let leader = world.cluster.leader("t", 0).unwrap();
    world.cluster.move_coordinator("a", leader % 3 + 1);
    let config = ProducerConfig { block_max: 20 * SECOND, ..ProducerConfig::default() };
    let builder = world.client.transactional_producer("a").config(config);
    let producer = builder.build().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    for partition in [0, 1] {
        let record = Record::to("t").partition(partition).value("v");
        transaction.send(record).await.unwrap();
    }
    (world, producer, transaction, leader)
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_left_a_partition_out_is_not_called_done() {
    for release in ["4.3", "4.4"] {
        let (world, producer, mut transaction, leader) = begun(release).await;
        // Nobody has told the client: its metadata is minutes old when it commits.
        world.cluster.kill_broker(leader);
        let back = async {
            sleep(5 * SECOND).await;
            world.cluster.restart_broker(leader);
        };
        let (outcome, ()) = tokio::join!(transaction.commit(), back);
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
    let back = async {
        sleep(5 * SECOND).await;
        world.cluster.restart_broker(leader);
    };
    let (outcome, ()) = tokio::join!(transaction.commit(), back);
    outcome.unwrap();
    drop(transaction);
    assert_eq!(world.committed(0), ["v"]);
    producer.begin().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn brokers_that_wait_for_the_leader_are_not_asked_more() {
    let (world, producer, mut transaction, leader) = begun("3.9").await;
    world.cluster.kill_broker(leader);
    let back = async {
        sleep(5 * SECOND).await;
        world.cluster.restart_broker(leader);
    };
    let (outcome, ()) = tokio::join!(transaction.commit(), back);
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
