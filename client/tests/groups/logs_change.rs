//! What was done of a log says nothing of what comes in its place, where an election has lost the
//! end of it or the topic was created anew.

use std::collections::BTreeMap;

use kurier_client::Error;
use kurier_client::consumer::{Consumer, OffsetReset, Start};
use kurier_client::session::{Ended, Reason};
use kurier_testkit::TestCluster;
use tokio::time::{sleep, timeout};

use crate::sessions::{copy, out, session, turn};
use crate::world::{KINDS, Kind, S, World, member, next, numbers};

/// Numbers 0 to 5 of `t` are on all three replicas, and 5 to 10 on the leader alone.
async fn world() -> World {
    let topics = TestCluster::builder().brokers(3).topic("t", 1).topic("out", 2);
    let world = World::of(topics).await;
    world.cluster.move_leader("t", 0, 1);
    world.write(1, 0..5).await;
    world.cluster.set_in_sync("t", 0, &[1]);
    world.write(1, 5..10).await;
    world
}

/// The log is that of a replica that has not got 5 to 10, and goes on with others.
async fn cut(world: &World) {
    world.cluster.elect_uncleanly("t", 0, 2);
    assert_eq!(world.cluster.log_end("t", 0), 5);
    world.write(1, 100..104).await;
}

/// All numbers until nothing comes for a while; all but the last batch are done.
async fn read(consumer: &mut Consumer) -> Vec<i64> {
    let mut all = Vec::new();
    while let Ok(next) = timeout(20 * S, consumer.next()).await {
        all.extend(numbers(&next.unwrap().unwrap()).into_iter().map(|(_, number)| number));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_of_a_log_is_not_committed_for_what_came_in_its_place() {
    for kind in KINDS {
        let world = world().await;
        let mut consumer = member(&world.client, kind).start().unwrap();
        assert_eq!(read(&mut consumer).await, (0..10).collect::<Vec<_>>());
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 10)]));
        world.cluster.elect_uncleanly("t", 0, 2);
        assert!(read(&mut consumer).await.is_empty(), "{kind:?}");
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 5)]), "{kind:?}: up to its end");
        world.write(1, 100..102).await;
        for n in [100, 101] {
            assert_eq!(numbers(&next(&mut consumer).await), [(0, n)]);
        }
        sleep(10 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 6)]), "{kind:?}: 101 is in hand");
        // Whoever comes next goes on there.
        drop(consumer);
        let mut other = member(&world.client, kind).start().unwrap();
        assert_eq!(read(&mut other).await, [101], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_of_a_log_that_was_cut_before_somebody_has_decided() {
    for kind in KINDS {
        let world = world().await;
        let mut first = member(&world.client, kind).start().unwrap();
        let _ = next(&mut first).await;
        first.commit().await.unwrap();
        first.close(10 * S).await;
        let start = world.committed(1).await[&0];
        let consumer = member(&world.client, kind).offset_reset(OffsetReset::Error);
        let mut consumer = consumer.start().unwrap();
        assert_eq!(read(&mut consumer).await, (start..10).collect::<Vec<_>>());
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 10)]));
        cut(&world).await;
        // Whoever comes next is told, too.
        for _ in 0..2 {
            let error = timeout(60 * S, consumer.next()).await.unwrap().unwrap().unwrap_err();
            let is_told = |error: &Error| {
                matches!(error, Error::LogTruncation { offset: 10, divergence: Some((5, _)), .. })
            };
            assert!(is_told(&error), "{kind:?}: {error}");
            sleep(10 * S).await;
            consumer.commit().await.unwrap();
            consumer.close(10 * S).await;
            assert_eq!(world.committed(1).await, BTreeMap::from([(0, 10)]), "{kind:?}");
            let next = member(&world.client, kind).offset_reset(OffsetReset::Error);
            consumer = next.start().unwrap();
        }
        while consumer.seek("t", 0, Start::Offset(5)).is_err() {
            sleep(S).await;
        }
        assert_eq!(read(&mut consumer).await, (100..104).collect::<Vec<_>>(), "{kind:?}");
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 9)]), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_marked_late_and_was_lost_marks_nothing_of_what_came_in_its_place() {
    let world = world().await;
    let mut consumer = member(&world.client, Kind::Eager).auto_mark(false).start().unwrap();
    let mut old = Vec::new();
    for _ in 0..10 {
        old.push(next(&mut consumer).await);
    }
    cut(&world).await;
    assert_eq!(numbers(&next(&mut consumer).await), [(0, 100)]);
    old.iter().for_each(|batch| consumer.mark(batch));
    assert_eq!(consumer.marked("t", 0), Some(5), "100 is in hand");
    consumer.close(10 * S).await;
    assert_eq!(world.committed(1).await, BTreeMap::from([(0, 5)]));
}

#[tokio::test(start_paused = true)]
async fn what_was_done_of_a_topic_is_not_committed_for_one_that_was_created_anew() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let mut consumer = member(&world.client, kind).start().unwrap();
        assert_eq!(read(&mut consumer).await, [0, 1, 2, 3, 4]);
        world.cluster.recreate_topic("t", 1);
        world.write(1, 100..108).await;
        for n in 100..103 {
            assert_eq!(numbers(&next(&mut consumer).await), [(0, n)], "{kind:?}");
        }
        sleep(10 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 2)]), "{kind:?}: 102 is in hand");
    }
}

/// CONS-12: what was fetched of the topic that was.
#[tokio::test(start_paused = true)]
async fn what_is_buffered_of_a_topic_is_not_committed_for_one_that_was_created_anew() {
    for kind in KINDS {
        let world = World::new(1, 200).await;
        let mut consumer = member(&world.client, kind).auto_commit(Some(S)).start().unwrap();
        for n in 0..5 {
            assert_eq!(numbers(&next(&mut consumer).await), [(0, n)], "{kind:?}");
        }
        world.cluster.recreate_topic("t", 1);
        world.write(1, 1000..1003).await;
        let (mut seen, mut committed) = (Vec::new(), Vec::new());
        for _ in 0..30 {
            sleep(S / 2).await;
            if let Ok(next) = timeout(S, consumer.next()).await {
                seen.extend(numbers(&next.unwrap().unwrap()));
            }
            committed.extend(world.committed(1).await.get(&0).copied());
        }
        assert_eq!(seen, [(0, 1000), (0, 1001), (0, 1002)], "{kind:?}");
        assert!(committed.iter().all(|offset| *offset <= 3), "{kind:?}: {committed:?}");
        assert_eq!(committed.last(), Some(&3), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_that_has_read_what_was_lost_is_not_committed_and_begins_anew_where_it_began() {
    for kind in KINDS {
        let world = world().await;
        let mut session = session(&world.client, kind, "s").start().await.unwrap();
        let mut round = session.begin().await.unwrap().unwrap();
        let mut read = round.batches().iter().map(numbers).map(|batch| batch.len()).sum::<usize>();
        while read < 10 {
            read += numbers(&round.next().await.unwrap().unwrap()).len();
        }
        copy(&round).await.unwrap();
        cut(&world).await;
        // Once it is known, nothing more belongs to it.
        if let Some(new) = round.next().await {
            assert_eq!(numbers(&new.unwrap()), [(0, 100)], "{kind:?}");
        }
        assert!(round.is_revoked(), "{kind:?}");
        let ended = round.end().await.unwrap();
        assert!(matches!(ended, Ended::NotCommitted(Reason::Taken(_))), "{kind:?}: {ended:?}");
        while world.committed(1).await.values().sum::<i64>() < 9 {
            assert!(turn(&mut session).await.unwrap().is_committed(), "{kind:?}");
        }
        let left: Vec<i64> = (0..5).chain(100..104).collect();
        assert_eq!(out(&world).get(&0), Some(&left), "{kind:?}");
    }
}
