//! What is committed by itself is what was marked: all of it, and no more.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::Record;
use kurier_client::consumer::Start;
use kurier_client::error::ErrorKind;
use kurier_client::offsets::Isolation;
use kurier_client::transactions::GroupOffset;
use tokio::time::{sleep, timeout};

use crate::world::{KINDS, S, World, member, next, numbers};

#[tokio::test(start_paused = true)]
async fn what_is_marked_is_committed_by_itself_and_what_is_in_hand_is_not() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let mut consumer = member(&world.client, kind).start().unwrap();
        for n in 0..3 {
            assert_eq!(numbers(&next(&mut consumer).await), [(0, n)]);
        }
        sleep(20 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 2)]), "{kind:?}: 2 is in hand");
        next(&mut consumer).await;
        sleep(6 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 3)]), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_marks_itself_commits_what_it_marks() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let mut consumer = member(&world.client, kind).auto_mark(false).start().unwrap();
        let first = next(&mut consumer).await;
        next(&mut consumer).await;
        next(&mut consumer).await;
        sleep(20 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::new(), "{kind:?}");
        consumer.mark(&first);
        sleep(6 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 1)]), "{kind:?}");
        consumer.mark_through(("t", 0, 1)).unwrap();
        assert!(consumer.mark_through(("t", 0, 3)).is_err(), "it was not given");
        consumer.close(10 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 2)]), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_records_marks_records() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let mut consumer = member(&world.client, kind).auto_mark(false).start().unwrap();
        let first = consumer.poll_records(3, 120 * S).await.unwrap();
        let more = consumer.poll_records(2, 120 * S).await.unwrap();
        consumer.mark_through(first.last().unwrap()).unwrap();
        sleep(6 * S).await;
        let through = i64::try_from(first.len()).unwrap();
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, through)]), "{kind:?}");
        // What was given before a seek says nothing of what is given after it.
        consumer.seek("t", 0, Start::Offset(0)).unwrap();
        let batch = next(&mut consumer).await;
        let late = consumer.mark_through(more.last().unwrap()).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Invalid, "{kind:?}");
        assert_eq!(consumer.marked("t", 0), None, "{kind:?}");
        let record = batch.records().next().unwrap().unwrap();
        consumer.mark_through((&batch, &record)).unwrap();
        sleep(6 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 1)]), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn close_commits_what_is_marked_and_leaves() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let mut consumer = member(&world.client, kind).start().unwrap();
        next(&mut consumer).await;
        let second = next(&mut consumer).await;
        consumer.mark(&second);
        next(&mut consumer).await;
        timeout(S, consumer.close(10 * S)).await.unwrap();
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 2)]), "{kind:?}");
        // The next one does not wait for the session to end.
        let mut consumer = member(&world.client, kind).start().unwrap();
        let batch = timeout(10 * S, next(&mut consumer)).await.unwrap();
        assert_eq!(numbers(&batch), [(0, 2)], "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_dropped_commits_what_is_marked_and_leaves() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let mut consumer = member(&world.client, kind).start().unwrap();
        next(&mut consumer).await;
        next(&mut consumer).await;
        drop(consumer);
        let mut consumer = member(&world.client, kind).start().unwrap();
        let batch = timeout(10 * S, next(&mut consumer)).await.unwrap();
        assert_eq!(numbers(&batch), [(0, 1)], "{kind:?}");
    }
}

/// Else tools would show a lag for as long as nothing is written. As Java's.
#[tokio::test(start_paused = true)]
async fn markers_behind_all_that_is_marked_are_committed_too() {
    for kind in KINDS {
        for (isolation, aborts) in [
            (Isolation::ReadUncommitted, false),
            (Isolation::ReadCommitted, false),
            (Isolation::ReadCommitted, true),
        ] {
            let world = World::new(1, 2).await;
            let producer = world.client.transactional_producer("id").build().await.unwrap();
            for _ in 0..2 {
                let mut transaction = producer.begin().await.unwrap();
                transaction.send(Record::to("t").partition(0).value("2")).await.unwrap();
                if aborts {
                    transaction.abort().await.unwrap();
                } else {
                    transaction.commit().await.unwrap();
                }
            }
            let end = world.cluster.log_end("t", 0);
            assert_eq!(end, 6);
            for auto in [None, Some(5 * S)] {
                let what = format!("{kind:?} {isolation:?} {aborts} {auto:?}");
                let builder = member(&world.client, kind).auto_mark(false).auto_commit(auto);
                let builder = builder.isolation(isolation).start();
                let mut consumer = builder.unwrap();
                let mut given = Vec::new();
                while let Ok(batch) = timeout(20 * S, consumer.next()).await {
                    given.push(batch.unwrap().unwrap());
                }
                if auto.is_none() {
                    // Nothing is marked yet.
                    consumer.commit().await.unwrap();
                    assert_eq!(world.committed(1).await, BTreeMap::new(), "{what}");
                    for batch in &given {
                        consumer.mark(batch);
                    }
                    consumer.commit().await.unwrap();
                    assert_eq!(world.committed(1).await, BTreeMap::from([(0, end)]), "{what}");
                    // Who comes next begins there; so that the other one has something, too.
                    consumer.commit_offsets([GroupOffset::new("t", 0, 0)]).await.unwrap();
                } else {
                    let last = given.last().unwrap();
                    given.iter().rev().skip(1).for_each(|batch| consumer.mark(batch));
                    sleep(10 * S).await;
                    let committed = world.committed(1).await[&0];
                    assert!(committed <= last.first_offset(), "{what}: {committed}");
                    consumer.mark(last);
                    sleep(10 * S).await;
                    assert_eq!(world.committed(1).await, BTreeMap::from([(0, end)]), "{what}");
                }
                consumer.close(10 * S).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_automatic_commits_only_the_program_commits() {
    for kind in KINDS {
        let world = World::new(1, 5).await;
        let mut consumer = member(&world.client, kind).auto_commit(None).start().unwrap();
        next(&mut consumer).await;
        next(&mut consumer).await;
        sleep(20 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::new(), "{kind:?}");
        // What was given last is processed, says who commits.
        consumer.commit().await.unwrap();
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 2)]), "{kind:?}");
        next(&mut consumer).await;
        next(&mut consumer).await;
        consumer.close(10 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 2)]), "{kind:?}");
    }
}

/// A member ends at any moment of its work: the next one goes on with what was not processed.
#[tokio::test(start_paused = true)]
async fn whenever_a_member_ends_nothing_is_skipped() {
    for kind in KINDS {
        for moment in 0..24_u64 {
            let world = World::new(1, 40).await;
            let mut consumer = member(&world.client, kind)
                .auto_commit(Some(Duration::from_millis(30)))
                .start()
                .unwrap();
            let mut processed = Vec::new();
            let mut batch = next(&mut consumer).await;
            let reading = async {
                loop {
                    // Work takes a while, and may be cut short.
                    sleep(Duration::from_millis(7)).await;
                    processed.extend(numbers(&batch));
                    batch = next(&mut consumer).await;
                }
            };
            let _ = timeout(Duration::from_millis(3 * moment), reading).await;
            let done = processed.len();
            match moment % 3 {
                0 => drop(consumer),
                1 => consumer.close(10 * S).await,
                // It is not heard of any more, and says nothing.
                _ => {
                    std::mem::forget(consumer);
                    world.cluster.network().client("member-1").partition();
                }
            }
            let client = world.other(2).await;
            let mut consumer = member(&client, kind).start().unwrap();
            let next = numbers(&next(&mut consumer).await)[0].1;
            let done = i64::try_from(done).unwrap();
            assert!(next <= done, "{kind:?} {moment}: {next} comes after {done}");
            assert!(moment % 3 == 2 || next + 1 >= done, "{kind:?} {moment}: {next}, not {done}");
        }
    }
}
