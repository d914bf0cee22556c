//! Each step of a transaction can be taken by itself, on brokers of every age.

use std::time::Duration;

use kurier_client::offsets::Isolation;
use kurier_client::transactions::{
    ConsumerGroupMetadata, GroupOffset, TransactionEnd, TransactionVersion,
};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::{Instant, sleep};

use crate::world::{MINUTE, RELEASES, World, all};

const SECOND: Duration = Duration::from_secs(1);

fn versions(world: &World, api: ApiKey) -> Vec<i16> {
    world.cluster.requests().iter().filter(|r| r.api == api).map(|r| r.version).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_is_read_and_what_is_aborted_is_not() {
    for (release, version) in RELEASES {
        let world = World::new(release).await;
        let mut transaction = world.init("a", version).await;
        for (value, end) in [
            ("1", TransactionEnd::Commit),
            ("2", TransactionEnd::Abort),
            ("3", TransactionEnd::Commit),
        ] {
            // Below version 2 a producer numbers on within an epoch: a new one begins at 0 again.
            if version == TransactionVersion::V1 {
                transaction = world.init("a", version).await;
            }
            world.write(&transaction, 0, value).await;
            world.write(&transaction, 1, value).await;
            let producer = world.steps.end(&transaction, end).await.unwrap();
            let is_new = producer != transaction.producer;
            assert_eq!(is_new, version == TransactionVersion::V2, "{release}");
            transaction.producer = producer;
        }
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["1", "3"], "{release}");
        assert_eq!(world.committed(1), ["1", "3"], "{release}");
        let ends = versions(&world, ApiKey::END_TXN);
        let is_right = |v: &i16| (*v == 5) == (version == TransactionVersion::V2);
        assert!(ends.iter().all(is_right), "{release}: {ends:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_are_committed_with_their_transaction_and_waited_for_until_then() {
    for (release, version) in RELEASES {
        let world = World::new(release).await;
        let transaction = world.init("a", version).await;
        let group = ConsumerGroupMetadata::new("billing");
        if version == TransactionVersion::V1 {
            world.steps.add_offsets(&transaction, "billing").await.unwrap();
        }
        let offsets = [GroupOffset::new("t", 0, 7).metadata("seven"), GroupOffset::new("t", 1, 9)];
        all(world.steps.commit_offsets(&transaction, &group, offsets).await).unwrap();
        let has_stable = release != "0.11.0";
        let stable = if has_stable { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
        let wanted = [("t", 1), ("t", 0)];
        let before = world.steps.committed_offsets("billing", Isolation::ReadUncommitted, wanted);
        assert!(before.await.into_iter().all(|p| p.outcome.unwrap().is_none()), "{release}");
        let fetch = world.steps.committed_offsets("billing", stable, wanted);
        let end = async {
            sleep(5 * SECOND).await;
            world.steps.end(&transaction, TransactionEnd::Commit).await.unwrap();
            sleep(SECOND).await;
            Instant::now()
        };
        let start = Instant::now();
        let found = if has_stable {
            tokio::join!(fetch, end).0
        } else {
            end.await;
            fetch.await
        };
        assert!(start.elapsed() >= 5 * SECOND, "{release}");
        let found: Vec<_> = found.into_iter().map(|p| p.outcome.unwrap().unwrap()).collect();
        assert_eq!((found[0].offset, found[1].offset), (7, 9), "{release}");
        assert_eq!(found[0].metadata, "seven", "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_cannot_say_whether_offsets_are_stable_is_not_believed() {
    let world = World::new("2.4").await;
    let fetch = world.steps.committed_offsets("g", Isolation::ReadCommitted, [("t", 0)]);
    let error = fetch.await.remove(0).outcome.unwrap_err();
    assert!(error.to_string().contains("require_stable"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_open_transaction_of_another_producer_is_aborted_and_that_is_waited_for() {
    for (release, version) in RELEASES {
        let world = World::new(release).await;
        let dead = world.init("a", version).await;
        world.write(&dead, 0, "lost").await;
        world.cluster.hold_markers();
        let released = async {
            sleep(3 * SECOND).await;
            world.cluster.release_markers();
        };
        let start = Instant::now();
        let (next, ()) = tokio::join!(world.init("a", version), released);
        assert!(start.elapsed() >= 3 * SECOND, "{release}");
        assert!(next.producer.epoch > dead.producer.epoch, "{release}");
        let error = world.steps.end(&dead, TransactionEnd::Commit).await.unwrap_err();
        assert!(error.is_fatal() && !error.maybe_written(), "{release}: {error}");
        assert_eq!(world.committed(0), [""; 0], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_producer_gets_its_next_epoch_only_if_nobody_else_has_taken_over() {
    let world = World::new("3.9").await;
    let first = world.steps.init_producer_id("a", MINUTE, None).await.unwrap();
    let second = world.steps.init_producer_id("a", MINUTE, Some(first)).await.unwrap();
    assert_eq!((second.id, second.epoch), (first.id, first.epoch + 1));
    world.steps.init_producer_id("a", MINUTE, None).await.unwrap();
    let error = world.steps.init_producer_id("a", MINUTE, Some(second)).await.unwrap_err();
    assert!(error.is_fatal(), "{error}");
    let old = World::new("2.4").await;
    let error = old.steps.init_producer_id("a", MINUTE, Some(first)).await.unwrap_err();
    assert!(error.to_string().contains("Kafka 2.5"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_ended_in_the_version_of_its_begin_and_never_in_5_at_level_0() {
    // Begun by version 1, and the level is 2 now.
    let world = World::new("4.4").await;
    let transaction = world.init("a", TransactionVersion::V1).await;
    world.write(&transaction, 0, "1").await;
    for _ in 0..2 {
        world.steps.end(&transaction, TransactionEnd::Commit).await.unwrap();
    }
    // Begun by version 2, and the level is 0 now, of which the open connections know nothing.
    let transaction = world.init("b", TransactionVersion::V2).await;
    world.write(&transaction, 1, "2").await;
    let told = kurier_protocol::api::api_versions::ApiVersionsResponse {
        finalized_features: Vec::new(),
        ..Default::default()
    };
    let level = Fault::on(ApiKey::API_VERSIONS).always();
    world
        .cluster
        .fault(level.reply::<kurier_protocol::api::api_versions::ApiVersionsRequest>(told));
    world.steps.end(&transaction, TransactionEnd::Commit).await.unwrap();
    assert_eq!(versions(&world, ApiKey::END_TXN), [4, 4, 4]);
    sleep(SECOND).await;
    assert_eq!((world.committed(0), world.committed(1)), (vec!["1".into()], vec!["2".into()]));
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_moves_is_followed_at_every_step() {
    for (release, version) in RELEASES {
        let world = World::new(release).await;
        let mut broker = 1;
        let mut moves = || {
            broker = broker % 3 + 1;
            world.cluster.move_coordinator("a", broker);
            world.cluster.move_coordinator("g", broker);
        };
        moves();
        let transaction = world.init("a", version).await;
        moves();
        world.write(&transaction, 0, "v").await;
        let group = ConsumerGroupMetadata::new("g");
        if version == TransactionVersion::V1 {
            moves();
            world.steps.add_offsets(&transaction, "g").await.unwrap();
        }
        moves();
        let offsets = [GroupOffset::new("t", 0, 1)];
        all(world.steps.commit_offsets(&transaction, &group, offsets).await).unwrap();
        moves();
        world.steps.end(&transaction, TransactionEnd::Commit).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["v"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_refused_is_named_and_what_was_added_stays_added() {
    let world = World::new("3.9").await;
    let transaction = world.init("a", TransactionVersion::V1).await;
    world.write(&transaction, 0, "v").await;
    let refused = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let fault = Fault::on(ApiKey::ADD_PARTITIONS_TO_TXN).topic("t").partition(1);
    world.cluster.fault(fault.always().answer(refused));
    let outcomes = world.steps.add_partitions(&transaction, [("t", 0), ("t", 1)]).await;
    let codes: Vec<_> = outcomes.iter().map(|p| p.outcome.as_ref().unwrap_err().code()).collect();
    assert_eq!(codes, [Some(ErrorCode::OPERATION_NOT_ATTEMPTED), Some(refused)]);
    assert!(all(outcomes).unwrap_err().requires_abort());
    world.steps.end(&transaction, TransactionEnd::Commit).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(world.committed(0), ["v"]);
}
