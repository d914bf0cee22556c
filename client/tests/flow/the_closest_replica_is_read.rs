//! A leader may send a reader to a replica that is nearer (KIP-392): it is read from as long as it
//! serves, and after any trouble the leader is.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::consumer::{Consumer, OffsetReset, Start};
use kurier_client::producer::Record;
use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, Requests, TestCluster};
use tokio::time::timeout;

use crate::world::{World, number};

const S: Duration = Duration::from_secs(1);

/// Three brokers in three racks; broker 1 leads all partitions.
async fn world(partitions: i32) -> World {
    let builder = TestCluster::builder().brokers(3).topic("t", partitions);
    let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    let builder = builder.config("replica.selector.class", selector);
    let world = World::of(builder.rack(1, "a").rack(2, "b").rack(3, "c")).await;
    for partition in 0..partitions {
        world.cluster.move_leader("t", partition, 1);
    }
    world
}

fn reader(world: &World, rack: &str) -> Consumer {
    let reader = world.client.consumer().topics(["t"], Start::Earliest).rack(rack);
    reader.offset_reset(OffsetReset::Latest).start().unwrap()
}

async fn write(world: &World, numbers: std::ops::Range<u32>) {
    let producer = world.client.producer().linger(Duration::ZERO).build().await.unwrap();
    for n in numbers {
        producer.send(Record::to("t").partition(0).value(&n.to_string())).await.unwrap();
    }
}

/// The numbers of partition 0, until nothing comes for a while.
async fn read(consumer: &mut Consumer) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let Ok(Some(next)) = timeout(20 * S, consumer.next()).await {
        match next {
            Ok(batch) => {
                numbers.extend(batch.records().map(|r| number(r.unwrap().value.unwrap())));
            }
            Err(error) => assert!(error.is_retriable(), "{error}"),
        }
    }
    numbers
}

/// How many fetches each broker has got so far, those that end a session apart.
fn fetches(world: &World) -> BTreeMap<i32, usize> {
    let mut count = BTreeMap::new();
    for request in world.cluster.requests_of(&Requests::of(ApiKey::FETCH)) {
        if request.decode::<FetchRequest>().session_epoch >= 0 {
            *count.entry(request.broker).or_default() += 1;
        }
    }
    count
}

#[tokio::test(start_paused = true)]
async fn a_reader_goes_where_its_leader_sends_it() {
    for (rack, by, leader_fetches) in [("b", 2, 1), ("c", 3, 1), ("a", 1, usize::MAX), ("", 1, 99)]
    {
        let world = world(1).await;
        let mut consumer = reader(&world, rack);
        write(&world, 0..20).await;
        assert_eq!(read(&mut consumer).await, (0..20).collect::<Vec<u32>>());
        let count = fetches(&world);
        assert!(count[&by] > 3 && count[&1] <= leader_fetches, "{rack:?}: {count:?}");
        assert!(count.keys().all(|broker| [1, by].contains(broker)), "{rack:?}: {count:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_leader_is_asked_again_after_the_age_of_metadata() {
    let world = world(1).await;
    let mut consumer = reader(&world, "b");
    write(&world, 0..1).await;
    assert_eq!(read(&mut consumer).await, [0]);
    assert_eq!(fetches(&world)[&1], 1);
    assert!(timeout(300 * S, consumer.next()).await.is_err());
    assert_eq!(fetches(&world)[&1], 2);
    write(&world, 1..3).await;
    assert_eq!(read(&mut consumer).await, [1, 2]);
    assert_eq!(fetches(&world)[&1], 2);
}

/// CONS-09.
#[tokio::test(start_paused = true)]
async fn going_to_the_leader_and_back_loses_and_repeats_nothing_of_what_is_buffered() {
    let world = world(1).await;
    let mut consumer = reader(&world, "b");
    write(&world, 0..200).await;
    let first = consumer.next().await.unwrap().unwrap();
    assert_eq!(number(first.records().next().unwrap().unwrap().value.unwrap()), 0);
    assert_eq!(fetches(&world)[&1], 1);
    // One is read every ten seconds, while more is written: some are buffered all the time.
    let mut numbers = vec![0];
    for n in 200..300 {
        write(&world, n..n + 1).await;
        tokio::time::sleep(10 * S).await;
        let batch = timeout(S, consumer.next()).await.unwrap().unwrap().unwrap();
        numbers.extend(batch.records().map(|r| number(r.unwrap().value.unwrap())));
    }
    assert!((3..=5).contains(&fetches(&world)[&1]), "{:?}", fetches(&world));
    numbers.extend(read(&mut consumer).await);
    assert_eq!(numbers, (0..300).collect::<Vec<u32>>());
}

#[tokio::test(start_paused = true)]
async fn the_leader_is_read_from_when_the_replica_dies() {
    let world = world(2).await;
    let mut consumer = reader(&world, "b");
    write(&world, 0..10).await;
    let mut numbers = read(&mut consumer).await;
    world.cluster.kill_broker(2);
    write(&world, 10..20).await;
    numbers.extend(read(&mut consumer).await);
    // Back at the replica, once it serves again.
    world.cluster.restart_broker(2);
    let before = fetches(&world)[&2];
    let quiet = timeout(400 * S, consumer.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    write(&world, 20..30).await;
    numbers.extend(read(&mut consumer).await);
    assert_eq!(numbers, (0..30).collect::<Vec<u32>>());
    assert!(fetches(&world)[&2] >= before, "{:?}", fetches(&world));
}

#[tokio::test(start_paused = true)]
async fn whatever_a_replica_refuses_the_leader_decides() {
    let codes = [
        ErrorCode::OFFSET_OUT_OF_RANGE,
        ErrorCode::OFFSET_NOT_AVAILABLE,
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        ErrorCode::UNKNOWN_SERVER_ERROR,
    ];
    for code in codes {
        let world = world(1).await;
        // For ever: where no replica is of use, the leader is.
        world.cluster.fault(Fault::on(ApiKey::FETCH).broker(2).always().answer(code));
        let mut consumer = reader(&world, "b");
        write(&world, 0..20).await;
        assert_eq!(read(&mut consumer).await, (0..20).collect::<Vec<u32>>(), "{code}");
        assert!(timeout(60 * S, consumer.next()).await.is_err());
        world.cluster.assert_at_most(20, &Requests::of(ApiKey::FETCH), 2 * S);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_metadata_does_not_name_is_not_waited_for() {
    let world = world(1).await;
    world.cluster.fault(Fault::on(ApiKey::METADATA).always().hide_broker(2));
    let client = kurier_client::Client::builder(["broker-1:9092"]).env(world.cluster.env(9));
    let client = client.connect().await.unwrap();
    let consumer = client.consumer().topics(["t"], Start::Earliest).rack("b");
    let mut consumer = consumer.start().unwrap();
    write(&world, 0..20).await;
    assert_eq!(read(&mut consumer).await, (0..20).collect::<Vec<u32>>());
    world.cluster.assert_at_most(20, &Requests::of(ApiKey::FETCH), 2 * S);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_was_truncated_does_not_reset_its_readers() {
    let world = world(1).await;
    let mut consumer = reader(&world, "b");
    write(&world, 0..10).await;
    let mut numbers = read(&mut consumer).await;
    let truncated = ErrorCode::OFFSET_OUT_OF_RANGE;
    let planted = Fault::on(ApiKey::FETCH).broker(2).times(3).answer(truncated);
    let planted = world.cluster.fault(planted);
    consumer.pause("t", 0).unwrap();
    let before = fetches(&world).values().sum::<usize>();
    assert!(timeout(30 * S, consumer.next()).await.is_err());
    // What is paused is asked for nowhere. The one that was under way may have met the fault.
    assert!(fetches(&world).values().sum::<usize>() <= before + 1, "{:?}", fetches(&world));
    consumer.resume("t", 0).unwrap();
    write(&world, 10..20).await;
    numbers.extend(read(&mut consumer).await);
    assert_eq!(numbers, (0..20).collect::<Vec<u32>>());
    assert!(planted.hits() > 0, "the replica has refused");
    world.cluster.assert_at_most(20, &Requests::of(ApiKey::FETCH), 2 * S);
}
