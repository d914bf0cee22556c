//! Static members, and members whose coordinator moves: what they had they have again.

use std::collections::BTreeSet;

use kurier_client::Target;
use kurier_client::group::{Farewell, GroupEvent};
use kurier_protocol::api::describe_groups::DescribeGroupsRequest;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, Requests, TestCluster};
use tokio::time::{Instant, sleep, timeout};

use crate::world::{KINDS, Kind, S, World, member, next, numbers};

#[tokio::test(start_paused = true)]
async fn a_static_member_has_its_partitions_again_after_a_restart() {
    for kind in KINDS {
        let world = World::new(4, 30).await;
        let named = |client, name: &str| member(client, kind).instance_id(name).start().unwrap();
        let client = world.other(2).await;
        let mut first = named(&world.client, "a");
        let mut second = named(&client, "b");
        let mut events = second.events().unwrap();
        for _ in 0..40 {
            let _ = timeout(S, first.next()).await;
            let _ = timeout(S, second.next()).await;
        }
        assert_eq!((first.assignment().len(), second.assignment().len()), (2, 2), "{kind:?}");
        let held: BTreeSet<_> = first.assignment().into_iter().collect();
        while timeout(S, events.next()).await.is_ok() {}
        first.close(10 * S).await;
        sleep(20 * S).await;
        assert_eq!(second.assignment().len(), 2, "{kind:?}: nobody else gets them");
        let other = world.other(3).await;
        let mut first = named(&other, "a");
        let _ = timeout(20 * S, first.next()).await;
        assert_eq!(first.assignment().into_iter().collect::<BTreeSet<_>>(), held, "{kind:?}");
        assert!(timeout(S, events.next()).await.is_err(), "{kind:?}: it has heard nothing of it");
        // One that leaves for good does say so.
        first.close_as(Farewell::Leave, 10 * S).await;
        drop(events);
        for _ in 0..20 {
            let _ = timeout(S, second.next()).await;
            sleep(S).await;
        }
        assert_eq!(second.assignment().len(), 4, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_static_member_that_is_fenced_says_so_and_reads_nothing_more() {
    for kind in &KINDS[..2] {
        let world = World::new(1, 30).await;
        let mut first = member(&world.client, *kind).instance_id("a").start().unwrap();
        next(&mut first).await;
        let client = world.other(2).await;
        let mut second = member(&client, *kind).instance_id("a").start().unwrap();
        next(&mut second).await;
        sleep(20 * S).await;
        let error = loop {
            match timeout(60 * S, first.next()).await.unwrap().unwrap() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), Some(ErrorCode::FENCED_INSTANCE_ID), "{error}");
        assert!(timeout(S, first.next()).await.unwrap().is_none(), "{kind:?}: that is its end");
        let error = first.commit().await.unwrap_err();
        assert!(!error.is_retriable(), "{error}");
        next(&mut second).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_name_another_one_has_is_refused_by_the_coordinator_and_says_so() {
    let world = World::new(1, 30).await;
    let named = |client| member(client, Kind::Coordinator).instance_id("a").start().unwrap();
    let mut first = named(&world.client);
    next(&mut first).await;
    let client = world.other(2).await;
    let mut second = named(&client);
    let error = timeout(60 * S, second.next()).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::UNRELEASED_INSTANCE_ID), "{error}");
    assert!(!error.is_retriable() && error.to_string().contains("stop the other"), "{error}");
    assert!(timeout(S, second.next()).await.unwrap().is_none(), "that is its end");
    sleep(60 * S).await;
    next(&mut first).await;
    // The name is free when the first one is gone.
    first.close(10 * S).await;
    next(&mut named(&client)).await;
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_moves_is_found_again_and_nothing_is_lost() {
    for kind in KINDS {
        let world = World::new(3, 20).await;
        let mut consumer = member(&world.client, kind).start().unwrap();
        let mut events = consumer.events().unwrap();
        let mut seen = Vec::new();
        for broker in [1, 2, 3] {
            for _ in 0..10 {
                seen.extend(numbers(&next(&mut consumer).await));
            }
            world.cluster.kill_broker(broker);
            consumer.commit().await.unwrap();
            sleep(20 * S).await;
            world.cluster.restart_broker(broker);
            sleep(20 * S).await;
        }
        while let Ok(batch) = timeout(20 * S, consumer.next()).await {
            match batch.unwrap() {
                Ok(batch) => seen.extend(numbers(&batch)),
                Err(error) => assert!(error.is_retriable(), "{error}"),
            }
        }
        for partition in 0..3 {
            let of = seen.iter().filter(|(of, _)| *of == partition).map(|(_, number)| *number);
            assert_eq!(of.collect::<Vec<_>>(), (0..20).collect::<Vec<_>>(), "{kind:?}");
        }
        while let Ok(Some(event)) = timeout(S, events.next()).await {
            let is_lost = matches!(event, GroupEvent::Lost { .. });
            assert!(!is_lost, "{kind:?}: {event:?}");
        }
    }
}

/// A coordinator that has just come up may refuse a commit of a member that it will know again.
#[tokio::test(start_paused = true)]
async fn a_commit_that_is_refused_for_no_reason_costs_a_member_nothing() {
    for code in [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::STALE_MEMBER_EPOCH] {
        for instance in [None, Some("a")] {
            let world = World::new(1, 30).await;
            let builder = member(&world.client, Kind::Coordinator);
            let mut consumer = match instance {
                Some(name) => builder.instance_id(name).start().unwrap(),
                None => builder.start().unwrap(),
            };
            let mut events = consumer.events().unwrap();
            next(&mut consumer).await;
            world.cluster.fault(Fault::on(ApiKey::OFFSET_COMMIT).answer(code));
            let committed = timeout(2 * S, consumer.commit()).await;
            committed.expect("as soon as the coordinator says that it knows it").unwrap();
            assert_eq!(world.committed(1).await[&0], 1, "{code:?} {instance:?}");
            next(&mut consumer).await;
            while let Ok(Some(event)) = timeout(20 * S, events.next()).await {
                assert!(matches!(event, GroupEvent::Assigned { .. }), "{code:?}: {event:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn closing_while_the_group_waits_for_others_takes_no_longer_than_it_may() {
    for kind in [Kind::Eager, Kind::Cooperative] {
        for farewell in [Farewell::AsUsual, Farewell::Remain] {
            let world = World::new(2, 30).await;
            let mut first = member(&world.client, kind).poll_interval_max(60 * S).start().unwrap();
            // What is in hand it does not give up, and so the other one waits.
            next(&mut first).await;
            let client = world.other(2).await;
            let second = member(&client, kind).poll_interval_max(60 * S).start().unwrap();
            sleep(10 * S).await;
            assert!(second.assignment().is_empty(), "{kind:?}: it waits");
            let start = Instant::now();
            second.close_as(farewell, 5 * S).await;
            assert!(start.elapsed() <= 5 * S, "{kind:?} {farewell:?}: {:?}", start.elapsed());
            // Nor does the group wait for it: at the longest for as long as its session lasts.
            let mut seen = BTreeSet::new();
            while let Ok(batch) = timeout(120 * S, first.next()).await {
                seen.extend(numbers(&batch.unwrap().unwrap()));
            }
            assert_eq!(first.assignment().len(), 2, "{kind:?} {farewell:?}");
            assert_eq!(seen.iter().filter(|(_, number)| *number == 29).count(), 2, "{kind:?}");
        }
    }
}

/// CONS-02: the coordinator goes from one broker to another and back, and who is asked for it names
/// the last one for a while.
#[tokio::test(start_paused = true)]
async fn a_coordinator_that_goes_to_and_fro_is_looked_for_no_faster_than_it_may() {
    for kind in KINDS {
        let world = World::new(1, 0).await;
        world.cluster.move_coordinator("g", 1);
        let mut consumer = member(&world.client, kind).auto_commit(Some(S / 10)).start().unwrap();
        let mut events = consumer.events().unwrap();
        world.write(1, 0..1).await;
        let mut seen = numbers(&next(&mut consumer).await);
        for flip in 1..=5 {
            let (old, new) = if flip % 2 == 1 { (1, 2) } else { (2, 1) };
            let stale = Fault::on(ApiKey::FIND_COORDINATOR).times(3).claim_coordinator(old);
            let stale = world.cluster.fault(stale);
            world.cluster.move_coordinator("g", new);
            for n in 3 * flip - 2..=3 * flip {
                world.write(1, n..n + 1).await;
                seen.extend(numbers(&next(&mut consumer).await));
                consumer.commit().await.unwrap();
                assert_eq!(world.committed(1).await[&0], n + 1, "{kind:?}");
                sleep(2 * S).await;
            }
            assert_eq!(stale.hits(), 3, "{kind:?}");
        }
        assert!(seen.iter().map(|(_, number)| *number).eq(0..=15), "{kind:?}: {seen:?}");
        while let Ok(Some(event)) = timeout(S, events.next()).await {
            assert!(!matches!(event, GroupEvent::Lost { .. }), "{kind:?}: {event:?}");
        }
        for api in [
            ApiKey::FIND_COORDINATOR,
            ApiKey::OFFSET_COMMIT,
            ApiKey::HEARTBEAT,
            ApiKey::CONSUMER_GROUP_HEARTBEAT,
            ApiKey::JOIN_GROUP,
        ] {
            // Those that the test itself sends beside the automatic ones.
            world.cluster.assert_at_most(14, &Requests::of(api), S);
        }
    }
}

/// PURE-13: the coordinator moves at any moment of a join.
#[tokio::test(start_paused = true)]
async fn who_joins_while_the_coordinator_moves_is_in_all_the_same() {
    for kind in KINDS {
        for moment in 0..40_u32 {
            let world = World::new(1, 3).await;
            world.cluster.move_coordinator("g", 1);
            // Each step of a join takes a while; brokers wait three seconds for others to join.
            world.cluster.network().latency(S / 20);
            let mut consumer = member(&world.client, kind).start().unwrap();
            let start = Instant::now();
            let mut seen = Vec::new();
            let moves = async {
                sleep(S / 10 * moment).await;
                world.cluster.move_coordinator("g", 2 + i32::try_from(moment % 2).unwrap());
            };
            let reading = async {
                while seen.len() < 3 {
                    let batch = timeout(30 * S, consumer.next()).await;
                    let batch = batch.unwrap_or_else(|_| panic!("{kind:?} {moment}: not in"));
                    seen.extend(numbers(&batch.unwrap().unwrap()));
                }
            };
            tokio::join!(moves, reading);
            assert_eq!(seen, [(0, 0), (0, 1), (0, 2)], "{kind:?} {moment}");
            // Sooner than a member that was left behind there would be forgotten.
            assert!(start.elapsed() < 20 * S, "{kind:?} {moment}: {:?}", start.elapsed());
        }
    }
}

/// GRP-01: what makes a member join again comes while it waits for the answer to its first join,
/// and the connection is lost, or is not.
#[tokio::test(start_paused = true)]
async fn who_changes_its_mind_while_it_joins_leaves_no_member_behind() {
    for kind in [Kind::Eager, Kind::Cooperative] {
        for is_lost in [false, true] {
            let topics = TestCluster::builder().brokers(3).topic("t", 1).topic("u", 1);
            let world = World::of(topics).await;
            world.write(1, 0..1).await;
            let slow = Fault::on(ApiKey::JOIN_GROUP).times(2).delay_answer(5 * S);
            let slow = world.cluster.fault(slow);
            let mut consumer = member(&world.client, kind).start().unwrap();
            let _ = timeout(S, consumer.next()).await;
            consumer.control().subscribe(["t", "u"]).unwrap();
            if is_lost {
                let broker = world.cluster.coordinator("g").unwrap();
                world.cluster.drop_connections(broker);
            }
            assert_eq!(numbers(&next(&mut consumer).await), [(0, 0)], "{kind:?} {is_lost}");
            let _ = timeout(20 * S, consumer.next()).await;
            assert_eq!((slow.hits(), consumer.assignment().len()), (2, 2), "{kind:?} {is_lost}");
            let request = DescribeGroupsRequest { groups: vec!["g".into()], ..Default::default() };
            let group = Target::Group("g".to_owned());
            let told = world.client.request(group, request).await.unwrap();
            let members: Vec<_> = told.groups.iter().flat_map(|group| &group.members).collect();
            assert_eq!(members.len(), 1, "{kind:?} {is_lost}: {members:?}");
        }
    }
}

/// GRP-07: the coordinator has lost the group, once or for ever.
#[tokio::test(start_paused = true)]
async fn who_is_told_that_there_is_no_group_joins_once_more_and_ends_if_that_goes_on() {
    for forever in [false, true] {
        let world = World::new(1, 2).await;
        let mut consumer = member(&world.client, Kind::Coordinator).start().unwrap();
        next(&mut consumer).await;
        let gone = Fault::on(ApiKey::CONSUMER_GROUP_HEARTBEAT);
        let gone = if forever { gone.always() } else { gone.times(1) };
        let gone = world.cluster.fault(gone.answer(ErrorCode::GROUP_ID_NOT_FOUND));
        if forever {
            let told = timeout(120 * S, async {
                loop {
                    match consumer.next().await {
                        Some(Err(error)) => return error,
                        Some(Ok(_)) => {}
                        None => panic!("without a word"),
                    }
                }
            });
            let told = told.await.unwrap();
            assert_eq!(told.code(), Some(ErrorCode::GROUP_ID_NOT_FOUND), "{told}");
            let hits = gone.hits();
            let _ = timeout(600 * S, consumer.next()).await;
            assert!(hits <= 10 && gone.hits() == hits, "{hits} heartbeats, {}", gone.hits());
            continue;
        }
        sleep(20 * S).await;
        world.write(1, 2..3).await;
        let mut seen = Vec::new();
        while seen.last() != Some(&(0, 2)) {
            seen.extend(numbers(&next(&mut consumer).await));
        }
        assert_eq!(gone.hits(), 1, "once");
    }
}
