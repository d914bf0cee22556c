//! Who has to give partitions up has its time for it, and hears why.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::Record;
use kurier_client::consumer::Consumer;
use kurier_client::error::ErrorKind;
use kurier_client::group::{GroupEvent, GroupEvents, Loss, Revocation};
use kurier_testkit::TestCluster;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::world::{KINDS, Kind, S, World, member, next, numbers};

pub(crate) async fn event(events: &mut GroupEvents) -> GroupEvent {
    timeout(120 * S, events.next()).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_processed_is_committed_before_partitions_are_given_up() {
    for kind in KINDS {
        let world = World::new(2, 30).await;
        // Nothing is committed by the clock.
        let slow = Some(3600 * S);
        let mut first = member(&world.client, kind).auto_commit(slow).start().unwrap();
        let mut last = BTreeMap::new();
        for _ in 0..21 {
            let (partition, number) = numbers(&next(&mut first).await)[0];
            last.insert(partition, number);
        }
        let client = world.other(2).await;
        let mut second = member(&client, kind).auto_commit(slow).start().unwrap();
        let reading = tokio::spawn(async move {
            let (partition, number) = numbers(&next(&mut second).await)[0];
            (second, partition, number)
        });
        sleep(20 * S).await;
        assert!(!reading.is_finished(), "{kind:?}: a batch is in hand");
        let control = first.control();
        let going_on = tokio::spawn(async move {
            while let Some(batch) = first.next().await {
                let (partition, number) = numbers(&batch.unwrap())[0];
                last.insert(partition, number);
                sleep(S).await;
                if control.assignment().len() == 1 {
                    break;
                }
            }
            (first, last)
        });
        let (second, partition, number) = reading.await.unwrap();
        let (first, last) = timeout(60 * S, going_on).await.unwrap().unwrap();
        let done = last.get(&partition).map_or(0, |number| number + 1);
        assert_eq!(number, done, "{kind:?}: partition {partition} goes on behind {last:?}");
        drop((first, second));
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_hears_what_it_is_given_and_holds_what_it_gives_up_until_it_lets_go() {
    for kind in KINDS {
        let world = World::new(2, 30).await;
        let mut first = member(&world.client, kind).start().unwrap();
        let mut events = first.events().unwrap();
        assert!(first.events().is_none(), "they are given once");
        let mut control = first.control();
        let reading = tokio::spawn(async move {
            loop {
                let _ = timeout(S, first.next()).await;
            }
        });
        let GroupEvent::Assigned { partitions, .. } = event(&mut events).await else { panic!() };
        let mut all = partitions;
        while all.len() < 2 {
            let GroupEvent::Assigned { partitions, .. } = event(&mut events).await else {
                panic!()
            };
            all.extend(partitions);
        }
        let client = world.other(2).await;
        let second = member(&client, kind).start().unwrap();
        let (partitions, why, release) = loop {
            match event(&mut events).await {
                GroupEvent::Revoked { partitions, why, release, .. } => {
                    break (partitions, why, release);
                }
                GroupEvent::Assigned { .. } => {}
                other => panic!("{kind:?}: {other:?}"),
            }
        };
        let (count, expected) = match kind {
            Kind::Eager => (2, Revocation::Rebalance),
            _ => (1, Revocation::Moved),
        };
        assert_eq!((partitions.len(), why), (count, expected), "{kind:?}");
        sleep(30 * S).await;
        assert!(second.assignment().is_empty(), "{kind:?}: it is held");
        release.done();
        sleep(20 * S).await;
        assert_eq!(second.assignment().len(), 1, "{kind:?}");
        control = control.clone();
        assert_eq!(control.assignment().len(), 1, "{kind:?}");
        reading.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn who_works_for_too_long_hears_that_its_partitions_are_lost_and_joins_again() {
    for kind in KINDS {
        let world = World::new(2, 30).await;
        let mut first = member(&world.client, kind).poll_interval_max(60 * S).start().unwrap();
        let mut events = first.events().unwrap();
        let batch = next(&mut first).await;
        sleep(59 * S).await;
        assert_eq!(first.assignment().len(), 2, "{kind:?}");
        sleep(2 * S).await;
        assert!(first.assignment().is_empty(), "{kind:?}");
        let why = loop {
            match event(&mut events).await {
                GroupEvent::Lost { why, partitions } => {
                    assert_eq!(partitions.len(), 2);
                    break why;
                }
                GroupEvent::Assigned { .. } => {}
                other => panic!("{kind:?}: {other:?}"),
            }
        };
        assert_eq!(why, Loss::Overdue, "{kind:?}");
        // It says nothing any more that it has processed what was lost.
        first.mark(&batch);
        let lost = numbers(&batch)[0];
        let mut again = Vec::new();
        while !again.contains(&lost) {
            assert!(again.len() < 60, "{kind:?}: {lost:?} does not come again: {again:?}");
            again.extend(numbers(&next(&mut first).await));
        }
        assert_eq!(first.assignment().len(), 2, "{kind:?}");
    }
}

/// Whether or not somebody else has the partitions by then.
#[tokio::test(start_paused = true)]
async fn who_commits_what_was_lost_meanwhile_is_told_so() {
    for (kind, is_alone) in KINDS.into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
        let world = World::new(1, 30).await;
        let mut first = member(&world.client, kind).poll_interval_max(60 * S).start().unwrap();
        next(&mut first).await;
        first.commit().await.expect("it is its own");
        let batch = next(&mut first).await;
        let mut second = (!is_alone).then(|| member(&world.client, kind).start().unwrap());
        sleep(90 * S).await;
        assert!(first.assignment().is_empty(), "{kind:?}");
        if let Some(second) = &mut second {
            next(second).await;
        }
        let failed = first.commit().await.expect_err("it was lost");
        assert_eq!(failed.kind(), ErrorKind::Membership, "{kind:?}, {is_alone}: {failed}");
        first.commit().await.expect("that is told once");
        // As it says itself, and from elsewhere.
        first.mark(&batch);
        first.control().commit().await.expect("what was told is not told again");
    }
}

#[tokio::test(start_paused = true)]
async fn who_marks_what_was_lost_meanwhile_hears_so_when_it_commits() {
    for kind in KINDS {
        let world = World::new(1, 30).await;
        let start = member(&world.client, kind).poll_interval_max(60 * S).auto_mark(false);
        let mut first = start.start().unwrap();
        let batch = next(&mut first).await;
        sleep(90 * S).await;
        assert!(first.assignment().is_empty(), "{kind:?}");
        first.mark(&batch);
        let failed = first.control().commit().await.expect_err("it was lost");
        assert_eq!(failed.kind(), ErrorKind::Membership, "{kind:?}: {failed}");
        // What is given after it can be committed.
        let again = next(&mut first).await;
        first.mark(&again);
        first.commit().await.expect("it is its own");
    }
}

/// Waiting for records is no work, be it for hours.
#[tokio::test(start_paused = true)]
async fn who_waits_for_records_keeps_its_partitions() {
    for kind in KINDS {
        let world = World::new(1, 1).await;
        let mut consumer = member(&world.client, kind).start().unwrap();
        next(&mut consumer).await;
        assert!(timeout(Duration::from_secs(7200), consumer.next()).await.is_err());
        assert_eq!(consumer.assignment().len(), 1, "{kind:?}");
    }
}

/// Reads and takes events for a while; why partitions were lost.
async fn losses(consumer: &mut Consumer, events: &mut GroupEvents, time: Duration) -> Vec<Loss> {
    let (end, mut losses) = (Instant::now() + time, Vec::new());
    loop {
        tokio::select! {
            biased;
            () = sleep_until(end) => return losses,
            Some(event) = events.next() => if let GroupEvent::Lost { why, .. } = event {
                losses.push(why);
            },
            // Of a topic that is gone there may be an error.
            _ = consumer.next() => sleep(S / 100).await,
        }
    }
}

/// What was done of a topic that is deleted nobody can commit: that is not tried for as long as
/// a division may take.
#[tokio::test(start_paused = true)]
async fn a_topic_that_is_deleted_behind_a_mark_holds_up_neither_a_division_nor_an_end() {
    for kind in KINDS {
        for ends in [false, true] {
            let what = format!("{kind:?}, ends: {ends}");
            let builder = TestCluster::builder().brokers(3).topic("t", 2).topic("u", 1);
            let world = World::of(builder).await;
            world.write(2, 0..30).await;
            let producer = world.client.producer().build().await.unwrap();
            producer.send(Record::to("u").value("7")).await.unwrap();
            // Nothing is committed by the clock.
            let builder = || member(&world.client, kind).auto_commit(Some(3600 * S));
            let mut first = builder().subscribe(["t", "u"]).start().unwrap();
            let mut events = first.events().unwrap();
            while next(&mut first).await.topic() != "u" {}
            losses(&mut first, &mut events, 20 * S).await;
            world.cluster.delete_topic("u");
            if !ends {
                let client = world.other(2).await;
                let mut second = member(&client, kind).start().unwrap();
                let mut theirs = second.events().unwrap();
                let mine = losses(&mut first, &mut events, 60 * S);
                let lost = tokio::join!(mine, losses(&mut second, &mut theirs, 60 * S));
                assert_eq!(lost, (vec![], vec![]), "{what}");
                for consumer in [&first, &second] {
                    let held = consumer.assignment();
                    let of_t = held.iter().filter(|(topic, _)| &**topic == "t").count();
                    assert_eq!(of_t, 1, "{what}: {held:?}");
                }
            }
            // Nobody takes what they tell of the end.
            drop(events);
            let start = Instant::now();
            first.close(60 * S).await;
            assert!(start.elapsed() < 2 * S, "{what}: {:?}", start.elapsed());
        }
    }
}
