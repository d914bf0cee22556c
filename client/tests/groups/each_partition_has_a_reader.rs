//! A member whose partitions have a reader each gives one up when the work on that one is done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kurier_client::consumer::{PartitionReader, Split};
use kurier_client::group::{GroupEvent, Loss};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::partitions_are_given_up::event;
use crate::world::{KINDS, Kind, S, World, member, next, numbers};

/// How many numbers were processed of each partition; they come from 0 and in order.
#[derive(Clone, Debug, Default)]
struct Done(Arc<Mutex<BTreeMap<i32, i64>>>);

impl Done {
    fn add(&self, (partition, number): (i32, i64)) {
        let mut done = self.0.lock().unwrap();
        let before = done.insert(partition, number + 1).unwrap_or(0);
        assert_eq!(number, before, "partition {partition} goes on where it was");
    }

    fn of(&self, partition: i32) -> i64 {
        self.0.lock().unwrap().get(&partition).copied().unwrap_or(0)
    }
}

/// Processes a partition, each batch for so long.
async fn process(mut reader: PartitionReader, work: Duration, done: Done) {
    while let Some(batch) = reader.next().await {
        let batch = batch.unwrap();
        sleep(work).await;
        done.add(*numbers(&batch).first().unwrap());
    }
}

/// Processes all partitions, those of even numbers for longer.
async fn process_all(mut split: Split, done: Done) {
    let mut tasks = JoinSet::new();
    while let Some(reader) = split.next().await {
        let reader = reader.unwrap();
        let work = if reader.partition() % 2 == 0 { 20 * S } else { S / 10 };
        tasks.spawn(process(reader, work, done.clone()));
    }
}

/// The readers of so many partitions, by partition.
async fn readers(split: &mut Split, partitions: usize) -> BTreeMap<i32, PartitionReader> {
    let mut readers = BTreeMap::new();
    while readers.len() < partitions {
        let reader = timeout(60 * S, split.next()).await.unwrap().unwrap().unwrap();
        readers.insert(reader.partition(), reader);
    }
    readers
}

#[tokio::test(start_paused = true)]
async fn what_its_reader_works_on_is_done_before_it_goes_and_done_once() {
    for kind in KINDS {
        let world = World::new(4, 100).await;
        // Nothing is committed by the clock.
        let slow = Some(3600 * S);
        let first = member(&world.client, kind).auto_commit(slow).start().unwrap();
        let (done, control) = (Done::default(), first.control());
        let first = tokio::spawn(process_all(first.split(), done.clone()));
        sleep(35 * S).await;
        let client = world.other(2).await;
        let second = member(&client, kind).auto_commit(slow).start().unwrap();
        let theirs = second.control();
        let second = tokio::spawn(process_all(second.split(), done.clone()));
        // Long work is under way until 40 s, and short work goes on where partitions stay.
        sleep(2 * S).await;
        assert!(theirs.assignment().is_empty(), "{kind:?}: {:?}", theirs.assignment());
        sleep(300 * S).await;
        assert_eq!((control.assignment().len(), theirs.assignment().len()), (2, 2), "{kind:?}");
        let counts: Vec<i64> = (0..4).map(|partition| done.of(partition)).collect();
        assert!(counts[0].min(counts[2]) >= 14, "{kind:?}: {counts:?}");
        assert_eq!((counts[1], counts[3]), (100, 100), "{kind:?}");
        assert!(!first.is_finished() && !second.is_finished(), "{kind:?}: no number came twice");
        first.abort();
        second.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_dropped_keeps_nobody_waiting_and_its_batch_is_done_by_others() {
    for kind in KINDS {
        let world = World::new(1, 10).await;
        let first = member(&world.client, kind).auto_mark(false).auto_commit(Some(3600 * S));
        let mut split = first.start().unwrap().split();
        let mut reader = readers(&mut split, 1).await.remove(&0).unwrap();
        let marked = reader.next().await.unwrap().unwrap();
        reader.mark(&marked);
        reader.next().await.unwrap().unwrap();
        split.control().unsubscribe().unwrap();
        sleep(20 * S).await;
        assert!(world.committed(1).await.is_empty(), "{kind:?}: a batch is in hand");
        drop(reader);
        sleep(S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 1)]), "{kind:?}");
        let mut second = member(&world.other(2).await, kind).start().unwrap();
        assert_eq!(numbers(&next(&mut second).await), [(0, 1)], "{kind:?}: it was not marked");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_works_for_too_long_costs_the_member_its_partitions() {
    for kind in KINDS {
        let world = World::new(2, 30).await;
        let first = member(&world.client, kind).poll_interval_max(60 * S).start().unwrap();
        let mut split = first.split();
        let mut events = split.events().unwrap();
        let mut all = readers(&mut split, 2).await;
        let (mut slow, quick) = (all.remove(&0).unwrap(), all.remove(&1).unwrap());
        let quick = tokio::spawn(process(quick, S, Done::default()));
        let batch = slow.next().await.unwrap().unwrap();
        sleep(59 * S).await;
        assert_eq!(split.control().assignment().len(), 2, "{kind:?}");
        sleep(2 * S).await;
        assert!(split.control().assignment().is_empty(), "{kind:?}");
        let why = loop {
            match timeout(S, events.next()).await.unwrap().unwrap() {
                GroupEvent::Lost { why, .. } => break why,
                GroupEvent::Assigned { .. } => {}
                other => panic!("{kind:?}: {other:?}"),
            }
        };
        assert_eq!(why, Loss::Overdue, "{kind:?}");
        quick.await.unwrap();
        // It says nothing any more, and when it asks again the member comes back.
        slow.mark(&batch);
        sleep(60 * S).await;
        assert!(split.control().assignment().is_empty(), "{kind:?}");
        assert!(slow.next().await.is_none());
        drop(slow);
        let mut again = readers(&mut split, 2).await.remove(&0).unwrap();
        assert_eq!(numbers(&again.next().await.unwrap().unwrap()), numbers(&batch), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_closes_waits_for_the_work_of_readers_and_commits_it() {
    let world = World::new(2, 30).await;
    let first = member(&world.client, Kind::Coordinator).auto_commit(Some(3600 * S));
    let mut split = first.start().unwrap().split();
    let done = Done::default();
    for reader in readers(&mut split, 2).await.into_values() {
        let work = if reader.partition() == 0 { 3 * S } else { S };
        tokio::spawn(process(reader, work, done.clone()));
    }
    sleep(10 * S).await;
    split.close(30 * S).await;
    assert_eq!(world.committed(2).await, BTreeMap::from([(0, done.of(0)), (1, done.of(1))]));
    assert!(done.of(0) >= 3 && done.of(1) >= 9, "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn events_come_while_no_reader_asks_and_a_dropped_readers_partition_has_another() {
    for kind in KINDS {
        let world = World::new(2, 10).await;
        let mut split = member(&world.client, kind).start().unwrap().split();
        let mut events = split.events().unwrap();
        let mut all = readers(&mut split, 2).await;
        // For longer than many heartbeats take.
        sleep(60 * S).await;
        drop(all.remove(&0));
        all.extend(readers(&mut split, 1).await);
        assert_eq!(all.len(), 2, "{kind:?}: the one that was dropped has another");
        let client = world.other(2).await;
        let mut second = member(&client, kind).start().unwrap();
        let revoked = loop {
            match event(&mut events).await {
                GroupEvent::Revoked { partitions, .. } => break partitions.len(),
                GroupEvent::Assigned { .. } => {}
                other => panic!("{kind:?}: {other:?}"),
            }
        };
        assert_eq!(revoked, if kind == Kind::Eager { 2 } else { 1 }, "{kind:?}");
        sleep(60 * S).await;
        let mine = split.control().assignment();
        let [(_, partition)] = mine[..] else { panic!("{kind:?}: {mine:?}") };
        let mut reader = match timeout(S, split.next()).await {
            Ok(next) => next.unwrap().unwrap(),
            Err(_) => all.remove(&partition).unwrap(),
        };
        for n in 0..10 {
            let mine = timeout(S, reader.next()).await.unwrap().unwrap().unwrap();
            assert_eq!(numbers(&mine), [(partition, n)], "{kind:?}");
            assert_eq!(numbers(&next(&mut second).await), [(1 - partition, n)], "{kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_nobody_asks_a_reader_of_costs_the_member_its_partitions() {
    for kind in KINDS {
        let world = World::new(3, 30).await;
        let first = member(&world.client, kind).poll_interval_max(60 * S).start().unwrap();
        let mut split = first.split();
        let mut events = split.events().unwrap();
        let two = readers(&mut split, 2).await;
        let third = (0..3).find(|partition| !two.contains_key(partition)).unwrap();
        for reader in two.into_values() {
            tokio::spawn(process(reader, S, Done::default()));
        }
        let start = Instant::now();
        let why = loop {
            match event(&mut events).await {
                GroupEvent::Lost { why, .. } => break why,
                GroupEvent::Assigned { .. } => {}
                other => panic!("{kind:?}: {other:?}"),
            }
        };
        assert_eq!(why, Loss::Overdue, "{kind:?}");
        assert!((59 * S..70 * S).contains(&start.elapsed()), "{kind:?}: {:?}", start.elapsed());
        sleep(120 * S).await;
        assert!(split.control().assignment().is_empty(), "{kind:?}: others are to have them");
        let mut again = readers(&mut split, 3).await;
        let batch = again.get_mut(&third).unwrap().next();
        let batch = timeout(S, batch).await.unwrap().unwrap().unwrap();
        assert_eq!(numbers(&batch), [(third, 0)], "{kind:?}");
        sleep(50 * S).await;
        assert_eq!(split.control().assignment().len(), 3, "{kind:?}");
    }
}
