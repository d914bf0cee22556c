//! Partitions come and go while a consumer reads: a change touches its own partitions alone, and
//! who takes one away knows what was processed of it.

use std::time::Duration;

use kurier_client::consumer::{Consumer, FetchedBatch, Start};
use kurier_client::producer::Record;
use kurier_protocol::ApiKey;
use kurier_protocol::api::fetch::FetchRequest;
use kurier_testkit::{Requests, TestCluster};
use tokio::time::timeout;

use crate::world::{World, number};

const S: Duration = Duration::from_secs(1);

/// Four partitions with these numbers each, a record a batch.
async fn world(numbers: std::ops::Range<u32>) -> World {
    let world = World::of(TestCluster::builder().brokers(2).topic("t", 4)).await;
    write(&world, numbers).await;
    world
}

async fn write(world: &World, numbers: std::ops::Range<u32>) {
    let producer = world.client.producer().linger(Duration::ZERO).build().await.unwrap();
    for n in numbers {
        for partition in 0..4 {
            let value = n.to_string();
            producer.send(Record::to("t").partition(partition).value(&value)).await.unwrap();
        }
    }
}

async fn next(consumer: &mut Consumer) -> FetchedBatch {
    timeout(60 * S, consumer.next()).await.unwrap().unwrap().unwrap()
}

/// (partition, number) of the next batches' records.
async fn numbers(consumer: &mut Consumer, batches: usize) -> Vec<(i32, u32)> {
    let mut found = Vec::new();
    for _ in 0..batches {
        let batch = next(consumer).await;
        let of = |record: Result<kurier_protocol::record::RecordRef<'_>, _>| {
            (
                batch.partition(),
                number(record.map_err(|_: kurier_client::Error| ()).unwrap().value.unwrap()),
            )
        };
        found.extend(batch.records().map(of));
    }
    found
}

/// The offsets at which a partition was asked for, in order, each once.
fn asked(world: &World, partition: i32) -> Vec<i64> {
    let fetches = world.cluster.requests_of(&Requests::of(ApiKey::FETCH));
    let fetches = fetches.iter().map(|fetch| fetch.decode::<FetchRequest>());
    let partitions = fetches.flat_map(|fetch| fetch.topics).flat_map(|topic| topic.partitions);
    let mut offsets: Vec<i64> =
        partitions.filter(|p| p.partition == partition).map(|p| p.fetch_offset).collect();
    offsets.dedup();
    offsets
}

#[tokio::test(start_paused = true)]
async fn a_change_throws_away_only_its_own_partitions() {
    let world = world(0..40).await;
    let all = (0..3).map(|partition| ("t", partition, Start::Earliest));
    let mut consumer = world.client.consumer().assign(all).start().unwrap();
    let mut seen = numbers(&mut consumer, 10).await;
    for round in 0..8 {
        let gone = [0, 3][round % 2];
        let come = [3, 0][round % 2];
        consumer.assign([("t", come, Start::Offset(7)), ("t", 1, Start::Earliest)]).unwrap();
        consumer.unassign([("t", gone)]).unwrap();
        let new = numbers(&mut consumer, 8).await;
        assert!(new.iter().all(|(partition, _)| *partition != gone), "{round}: {new:?}");
        let first = new.iter().find(|(partition, _)| *partition == come);
        assert!(first.is_none_or(|(_, number)| *number == 7), "{round}: {new:?}");
        seen.extend(new);
    }
    while let Ok(next) = timeout(5 * S, consumer.next()).await {
        let batch = next.unwrap().unwrap();
        seen.extend(
            batch.records().map(|r| (batch.partition(), number(r.unwrap().value.unwrap()))),
        );
    }
    for kept in [1, 2] {
        let of: Vec<u32> = seen.iter().filter(|(p, _)| *p == kept).map(|(_, n)| *n).collect();
        assert_eq!(of, (0..40).collect::<Vec<u32>>(), "partition {kept}");
        let asked = asked(&world, kept);
        assert!(asked.is_sorted() && asked.len() > 1, "fetched again: {asked:?}");
    }
    assert_eq!(consumer.assignment(), [0, 1, 2].map(|partition| ("t".into(), partition)));
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_partition_away_waits_for_the_batch_in_hand() {
    let world = world(0..3).await;
    let start = || [("t", 0, Start::Earliest), ("t", 1, Start::Earliest)];
    let mut consumer = world.client.consumer().assign(start()).start().unwrap();
    let control = consumer.control();
    let batch = loop {
        let batch = next(&mut consumer).await;
        if batch.partition() == 0 {
            break batch;
        }
    };
    let taking = tokio::spawn({
        let control = control.clone();
        async move { control.unassign([("t", 0)]).await }
    });
    tokio::time::sleep(10 * S).await;
    assert!(!taking.is_finished(), "offset {} is in hand", batch.first_offset());
    assert_eq!(control.assignment(), [("t".into(), 1)]);
    // Asking for the next one says that it is processed.
    let other = next(&mut consumer).await;
    assert_eq!(other.partition(), 1);
    taking.await.unwrap().unwrap();

    let mut consumer = world.client.consumer().assign(start()).auto_mark(false).start().unwrap();
    let control = consumer.control();
    let (first, second) = (next(&mut consumer).await, next(&mut consumer).await);
    let of = first.partition();
    assert_eq!((second.partition(), consumer.marked("t", of)), (of, None));
    let taking = tokio::spawn(async move { control.unassign([("t", of)]).await });
    consumer.mark(&first);
    assert_eq!(consumer.marked("t", of), Some(first.next_offset()));
    let third = next(&mut consumer).await;
    tokio::time::sleep(10 * S).await;
    assert!(!taking.is_finished() || third.partition() == of, "the second one is in hand");
    consumer.mark(&second);
    consumer.mark(&third);
    timeout(S, taking).await.unwrap().unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_partition_away_from_a_consumer_that_is_dropped_goes_on() {
    let world = world(0..3).await;
    let mut consumer = world.client.consumer().assign([("t", 0, Start::Earliest)]).start().unwrap();
    let control = consumer.control();
    let batch = next(&mut consumer).await;
    let taking = tokio::spawn(async move { control.unassign([("t", 0)]).await });
    tokio::time::sleep(S).await;
    assert!(!taking.is_finished());
    drop(consumer);
    timeout(S, taking).await.unwrap().unwrap().unwrap();
    drop(batch);
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_partition_away_goes_on_where_it_is_assigned_again_meanwhile() {
    // Whether its next batch is in hand by the time that anybody looks, or none is.
    for is_given in [false, true] {
        let world = world(0..3).await;
        let consumer = world.client.consumer().assign([("t", 0, Start::Earliest)]);
        let mut consumer = consumer.auto_mark(false).start().unwrap();
        let control = consumer.control();
        let batch = next(&mut consumer).await;
        let taking = tokio::spawn({
            let control = control.clone();
            async move { control.unassign([("t", 0)]).await }
        });
        tokio::time::sleep(S).await;
        assert!(!taking.is_finished());
        control.assign([("t", 0, Start::Earliest)]).unwrap();
        if is_given {
            assert_eq!(next(&mut consumer).await.first_offset(), batch.first_offset());
        }
        timeout(S, taking).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn partitions_that_are_kept_resumed_or_named_again_go_on_where_they_are() {
    let world = world(0..10).await;
    let mut consumer = world.client.consumer().assign([("t", 0, Start::Earliest)]).start().unwrap();
    let control = consumer.control();
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.extend(numbers(&mut consumer, 1).await);
        control.resume("t", 0).unwrap();
        control.assign([("t", 0, Start::Earliest)]).unwrap();
        control.pause("t", 0).unwrap();
        control.resume("t", 0).unwrap();
    }
    while seen.len() < 10 {
        seen.extend(numbers(&mut consumer, 1).await);
    }
    assert_eq!(seen, (0..10).map(|n| (0, n)).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn orders_of_other_tasks_act_at_once() {
    let world = world(0..50).await;
    let mut consumer = world.client.consumer().assign([("t", 0, Start::Earliest)]).start().unwrap();
    let control = consumer.control();
    numbers(&mut consumer, 1).await;
    let other = tokio::spawn(async move {
        control.seek("t", 0, Start::Offset(40)).unwrap();
        control
    });
    let control = other.await.unwrap();
    assert_eq!(numbers(&mut consumer, 1).await, [(0, 40)]);
    assert_eq!((control.position("t", 0), control.lag("t", 0)), (Some(41), Some(9)));
    control.pause("t", 0).unwrap();
    assert!(timeout(5 * S, consumer.next()).await.is_err());
    let waiting = tokio::spawn(async move { numbers(&mut consumer, 1).await });
    tokio::time::sleep(S).await;
    control.resume("t", 0).unwrap();
    assert_eq!(timeout(5 * S, waiting).await.unwrap().unwrap(), [(0, 41)]);
}

#[tokio::test(start_paused = true)]
async fn wrong_partitions_change_nothing() {
    let world = world(0..1).await;
    let mut consumer = world.client.consumer().assign([("t", 0, Start::Earliest)]).start().unwrap();
    let error = consumer.unassign([("t", 0), ("t", 9)]).unwrap_err().to_string();
    assert!(error.contains("partition 9 of topic t is not assigned"), "{error}");
    let rows = [("t", -1, Start::Earliest), ("t", 1, Start::Offset(-2))];
    for row in rows {
        assert!(consumer.assign([("t", 2, Start::Earliest), row]).is_err());
    }
    assert_eq!(consumer.assignment(), [("t".into(), 0)]);
    // One that is not there is told, and the other goes on.
    consumer.assign([("none", 0, Start::Earliest)]).unwrap();
    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(timeout(60 * S, consumer.next()).await.unwrap().unwrap());
    }
    assert!(told.iter().any(Result::is_err) && told.iter().any(Result::is_ok), "{told:?}");
}
