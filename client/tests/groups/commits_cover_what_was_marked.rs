//! What is committed by itself is what was marked: all of it, and no more.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::join_all;
use kurier_client::Record;
use kurier_client::consumer::{
    Consumer, FetchedRecord, OffsetReset, PartitionReader, Split, Start,
};
use kurier_client::error::ErrorKind;
use kurier_client::offsets::Isolation;
use kurier_client::transactions::GroupOffset;
use tokio::time::{sleep, timeout};

use crate::polls::cut;
use crate::world::{KINDS, Kind, S, World, committed_by, member, next, numbers};

const MS: Duration = Duration::from_millis(1);

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

/// Partitions, and numbers in each of them.
const PARTITIONS: i32 = 2;
const NUMBERS: i64 = 2;

/// How far each partition is processed.
type Done = Mutex<BTreeMap<i32, i64>>;

/// Works on some numbers, for a while that may be cut short.
async fn work(done: &Done, numbers: Vec<(i32, i64)>) {
    sleep(2 * MS).await;
    let mut done = done.lock().unwrap();
    done.extend(numbers.into_iter().map(|(partition, number)| (partition, number + 1)));
}

/// Whether all is processed, and committed by whoever does that by itself.
async fn is_over(done: &Done) -> bool {
    let is_done = done.lock().unwrap().values().sum::<i64>() == i64::from(PARTITIONS) * NUMBERS;
    if is_done {
        sleep(10 * MS).await;
    }
    is_done
}

async fn read_all(reader: &mut PartitionReader, done: &Done) {
    loop {
        let batch = reader.next().await.unwrap().unwrap();
        work(done, numbers(&batch)).await;
    }
}

fn number_of(one: &FetchedRecord) -> (i32, i64) {
    let value = std::str::from_utf8(one.record.value().unwrap()).unwrap();
    (one.partition, value.parse().unwrap())
}

/// How a program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Next,
    /// Records by number.
    Records,
    /// A reader for each partition.
    Split,
    /// Batches; it commits itself after each of them.
    Commit,
    /// The same, and marks itself as well.
    Mark,
}

/// A program that has been given its partitions.
struct Program {
    way: Way,
    consumer: Option<Consumer>,
    split: Option<(Split, Vec<PartitionReader>)>,
}

impl Program {
    async fn start(world: &World, kind: Kind, way: Way, done: &Done) -> Self {
        let interval = (way != Way::Commit).then_some(3 * MS);
        // A batch an answer, so that each is waited for.
        let builder = member(&world.client, kind).auto_commit(interval).fetch_bytes_max(1);
        let mut consumer = builder.auto_mark(way != Way::Mark).start().unwrap();
        let first = next(&mut consumer).await;
        work(done, numbers(&first)).await;
        consumer.mark(&first);
        if way != Way::Split {
            return Self { way, consumer: Some(consumer), split: None };
        }
        let (mut split, mut readers) = (consumer.split(), Vec::new());
        for _ in 0..PARTITIONS {
            readers.push(split.next().await.unwrap().unwrap());
        }
        Self { way, consumer: None, split: Some((split, readers)) }
    }

    async fn run(&mut self, done: &Done) {
        if let Some((_, readers)) = &mut self.split {
            let over = async {
                while !is_over(done).await {
                    sleep(MS).await;
                }
            };
            let reading = join_all(readers.iter_mut().map(|reader| read_all(reader, done)));
            tokio::select! { _ = reading => {}, () = over => {} }
            return;
        }
        let Some(consumer) = &mut self.consumer else { return };
        while !is_over(done).await {
            if self.way == Way::Records {
                let records = consumer.poll_records(3, 60 * S).await.unwrap();
                work(done, records.iter().map(number_of).collect()).await;
                continue;
            }
            let batch = consumer.next().await.unwrap().unwrap();
            work(done, numbers(&batch)).await;
            match self.way {
                Way::Commit => consumer.commit().await.unwrap(),
                Way::Mark => consumer.mark(&batch),
                _ => {}
            }
        }
    }
}

/// Where reading has begun is the group's, until a program says that it commits by itself.
#[tokio::test(start_paused = true)]
async fn offsets_of_a_transaction_are_not_set_back_to_where_reading_began() {
    for kind in KINDS {
        let world = World::new(1, 10).await;
        let builder = member(&world.client, kind).auto_commit(Some(5 * S)).auto_mark(false);
        let mut consumer = builder.offset_reset(OffsetReset::Latest).start().unwrap();
        while consumer.assignment().is_empty() {
            assert!(timeout(S, consumer.next()).await.is_err());
        }
        let group = consumer.control().group_metadata().unwrap();
        sleep(S).await;
        world.write(1, 10..11).await;
        next(&mut consumer).await;
        let producer = world.client.transactional_producer("t").build().await.unwrap();
        let mut transaction = producer.begin().await.unwrap();
        transaction.send_offsets(group, [GroupOffset::new("t", 0, 11)]).await.unwrap();
        transaction.commit().await.unwrap();
        sleep(20 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 11)]), "{kind:?}");
        consumer.close(5 * S).await;
        assert_eq!(world.committed(1).await, BTreeMap::from([(0, 11)]), "{kind:?}");
    }
}

/// CONS-11, PURE-14: a member ends, or nobody hears of it any more, wherever it waits between two
/// of its calls: no more is committed than was processed, and the next one skips nothing.
async fn check_ends(kind: Kind, way: Way) {
    for is_heard in [true, false] {
        let mut polls = 0;
        loop {
            let what = format!("{kind:?} {way:?}, heard: {is_heard}, after {polls} polls");
            let (world, done) = (World::new(PARTITIONS, NUMBERS).await, Done::default());
            world.cluster.network().latency(MS..=3 * MS);
            let mut program = Program::start(&world, kind, way, &done).await;
            let running = timeout(60 * S, cut(program.run(&done), polls)).await;
            let is_whole = running.unwrap_or_else(|_| panic!("{what}: it hangs")).is_some();
            let unheard = if is_heard {
                drop(program);
                None
            } else {
                world.cluster.network().client("member-1").partition();
                Some(program)
            };
            sleep(S).await;
            let client = world.other(2).await;
            let committed = committed_by(&client, PARTITIONS).await;
            let done = done.lock().unwrap().clone();
            let mut left = i64::from(PARTITIONS) * NUMBERS - committed.values().sum::<i64>();
            let mut next_of = BTreeMap::new();
            let mut next_one = member(&client, kind).start().unwrap();
            while left > 0 {
                for (partition, number) in numbers(&next(&mut next_one).await) {
                    next_of.entry(partition).or_insert(number);
                    left -= 1;
                }
            }
            drop(unheard);
            for partition in 0..PARTITIONS {
                let of = |map: &BTreeMap<i32, i64>| map.get(&partition).copied().unwrap_or(0);
                let (committed, done) = (of(&committed), of(&done));
                assert!(committed <= done, "{what}: {committed} of {done} are committed");
                let first = next_of.get(&partition).copied().unwrap_or(NUMBERS);
                assert_eq!(first, committed, "{what}: the next one begins elsewhere");
                // Whoever is heard of commits what is marked: all but what is in hand.
                let in_hand = if way == Way::Records { 3 } else { 1 };
                let is_enough = !is_heard || way == Way::Commit || committed + in_hand >= done;
                assert!(is_enough, "{what}: {committed} of {done} are committed");
            }
            if is_whole {
                break;
            }
            polls += 1;
        }
        assert!(polls >= 8, "{kind:?} {way:?}: it waited {polls} times only");
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_a_classic_member_ends_nothing_is_skipped() {
    for way in [Way::Next, Way::Records, Way::Split, Way::Commit, Way::Mark] {
        check_ends(Kind::Cooperative, way).await;
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_a_member_of_the_coordinators_choice_ends_nothing_is_skipped() {
    for way in [Way::Next, Way::Records, Way::Split, Way::Commit, Way::Mark] {
        check_ends(Kind::Coordinator, way).await;
    }
}
