//! What can be asked about transactions is answered by whoever knows.

use std::time::Duration;

use kurier_client::transactions::{
    TransactionEnd, TransactionFilter, TransactionMarker, TransactionVersion,
};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::sleep;

use crate::world::{MINUTE, RELEASES, World, all};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn all_coordinators_are_asked_for_what_they_list_and_those_that_fail_are_named() {
    let world = World::new("4.4").await;
    let ids = ["a", "b", "c", "d", "e", "f"];
    for id in ids {
        let transaction = world.init(id, TransactionVersion::V2).await;
        if id < "c" {
            world.write(&transaction, 0, id).await;
        }
    }
    let listing = world.steps.list(&TransactionFilter::default()).await;
    let found: Vec<_> = listing.transactions.iter().map(|t| &*t.transactional_id).collect();
    assert_eq!((found, listing.failures.len()), (ids.to_vec(), 0));
    let of = |id: &str| listing.transactions.iter().find(|t| t.transactional_id == id);
    for id in ids {
        assert_eq!(of(id).map(|t| t.coordinator), world.cluster.coordinator(id), "{id}");
    }
    sleep(10 * SECOND).await;
    let filter = TransactionFilter {
        states: vec!["Ongoing".into(), "Sleeping".into()],
        open_for: Some(5 * SECOND),
        pattern: Some("[b-e]".into()),
        ..TransactionFilter::default()
    };
    let listing = world.steps.list(&filter).await;
    let found: Vec<_> =
        listing.transactions.iter().map(|t| (&*t.transactional_id, &*t.state)).collect();
    assert_eq!(found, [("b", "Ongoing")]);
    assert_eq!(listing.unknown_states, ["Sleeping"]);
    let fault = Fault::on(ApiKey::LIST_TRANSACTIONS).broker(2);
    world.cluster.fault(fault.always().answer(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    let listing = world.steps.list(&TransactionFilter::default()).await;
    assert_eq!(listing.failures.iter().map(|(broker, _)| *broker).collect::<Vec<_>>(), [2]);
    assert!(listing.transactions.iter().all(|t| t.coordinator != 2));
    assert!(!listing.transactions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_brokers_do_not_have_is_an_error_that_names_it() {
    let world = World::new("3.9").await;
    let filter = TransactionFilter { pattern: Some("a.*".into()), ..TransactionFilter::default() };
    let listing = world.steps.list(&filter).await;
    assert_eq!(listing.failures.len(), 3);
    let error = listing.failures[0].1.to_string();
    assert!(error.contains("transactional_id_pattern") && error.contains("4.1"), "{error}");
    let old = World::new("2.8").await;
    let listing = old.steps.list(&TransactionFilter::default()).await;
    assert!(listing.failures[0].1.to_string().contains("Kafka 3.0"), "{:?}", listing.failures);
}

#[tokio::test(start_paused = true)]
async fn ids_are_described_by_their_coordinators_each_by_itself() {
    let world = World::new("4.4").await;
    let a = world.init("a", TransactionVersion::V2).await;
    world.write(&a, 1, "v").await;
    let b = world.init("b", TransactionVersion::V2).await;
    world.cluster.move_coordinator("a", 3);
    world.cluster.move_coordinator("b", 1);
    let described = world.steps.describe(["b", "nobody", "a"]).await;
    let [(_, found_a), (_, found_b), (_, nobody)] = &described[..] else { panic!() };
    let found_a = found_a.as_ref().unwrap();
    assert_eq!((&*found_a.state, found_a.producer), ("Ongoing", a.producer));
    assert_eq!((found_a.timeout, found_a.started.is_some()), (MINUTE, true));
    assert_eq!(found_a.partitions, [("t".into(), 1)]);
    let found_b = found_b.as_ref().unwrap();
    assert_eq!((&*found_b.state, found_b.producer), ("Empty", b.producer));
    assert_eq!((found_b.started, found_b.partitions.len()), (None, 0));
    let error = nobody.as_ref().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TRANSACTIONAL_ID_NOT_FOUND), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_hangs_in_a_partition_is_found_and_ended_there() {
    let world = World::new("4.4").await;
    let transaction = world.init("a", TransactionVersion::V2).await;
    world.write(&transaction, 0, "v").await;
    world.cluster.hold_markers_of("t", 0);
    world.cluster.move_leader("t", 0, 3);
    world.steps.end(&transaction, TransactionEnd::Commit).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(world.committed(0), [""; 0]);
    let mut found = world.steps.producers([("t", 0), ("t", 1)]).await;
    assert_eq!(found[1].outcome.as_ref().unwrap().len(), 0);
    let open = found.remove(0).outcome.unwrap().remove(0);
    assert_eq!((open.producer_id, open.transaction_start), (transaction.producer.id, Some(0)));
    let marker = TransactionMarker {
        producer: transaction.producer,
        version: TransactionVersion::V2,
        end: TransactionEnd::Commit,
        coordinator_epoch: open.coordinator_epoch.max(0),
    };
    all(world.steps.write_marker(&marker, [("t", 0)]).await).unwrap();
    assert_eq!(world.committed(0), ["v"]);
    let found = world.steps.producers([("t", 0)]).await.remove(0).outcome.unwrap();
    assert_eq!(found[0].transaction_start, None);
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_does_not_exist_fails_alone() {
    let world = World::new("4.4").await;
    let found = world.steps.producers([("t", 0), ("t", 9), ("none", 0)]).await;
    let is_there: Vec<_> =
        found.iter().map(|p| (&*p.topic, p.partition, p.outcome.is_ok())).collect();
    assert_eq!(is_there, [("none", 0, false), ("t", 0, true), ("t", 9, false)]);
    let error = found[2].outcome.as_ref().unwrap_err();
    assert!(error.to_string().contains("partition 9"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn features_are_those_of_now() {
    let world = World::new("4.4").await;
    let level = |ranges: &kurier_client::net::Ranges| ranges.feature("transaction.version");
    assert_eq!(level(&world.client.features().await.unwrap()), Some(2));
    world.cluster.set_release("3.9");
    assert_eq!(level(&world.client.features().await.unwrap()), None);
    for (release, version) in RELEASES {
        let world = World::new(release).await;
        let ranges = world.client.features().await.unwrap();
        assert_eq!(TransactionVersion::of_level(level(&ranges)), version, "{release}");
    }
}
