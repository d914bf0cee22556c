//! After an election of a replica that was not in sync the log is another one (KIP-320): a reader
//! is told up to where both agree, or goes back there, and never takes new records for old ones.

use std::time::Duration;

use kurier_client::consumer::{Consumer, ConsumerBuilder, OffsetReset, Start};
use kurier_client::error::ErrorKind;
use kurier_client::producer::{Acks, Record};
use kurier_client::{Client, Error};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::net::{Answer, Connects};
use kurier_testkit::{Fault, Requests, TestCluster};
use tokio::time::{sleep, timeout};

use crate::world::{World, number};

const S: Duration = Duration::from_secs(1);

/// Three replicas, led by broker 1.
async fn world(release: &str) -> World {
    let builder = TestCluster::builder().brokers(3).release(release).topic("t", 1);
    let world = World::of(builder).await;
    world.cluster.move_leader("t", 0, 1);
    world
}

async fn write(world: &World, numbers: std::ops::Range<u32>) {
    let producer = world.client.producer().acks(Acks::Leader);
    let producer = producer.linger(Duration::ZERO).build().await.unwrap();
    for n in numbers {
        producer.send(Record::to("t").value(&n.to_string())).await.unwrap();
    }
}

fn reader(world: &World) -> ConsumerBuilder {
    world.client.consumer().topics(["t"], Start::Earliest)
}

/// The numbers until nothing comes for a while, or an error does.
async fn read(consumer: &mut Consumer) -> (Vec<u32>, Option<Error>) {
    let mut numbers = Vec::new();
    while let Ok(Some(next)) = timeout(10 * S, consumer.next()).await {
        match next {
            Ok(batch) => {
                numbers.extend(batch.records().map(|r| number(r.unwrap().value.unwrap())));
            }
            Err(error) => return (numbers, Some(error)),
        }
    }
    (numbers, None)
}

/// Numbers 0 to 10 are read, 5 to 10 are lost, and others come in their place.
async fn truncated(release: &str, reset: OffsetReset, new: u32) -> (World, Consumer, i32) {
    truncated_in(world(release).await, reset, new).await
}

async fn truncated_in(world: World, reset: OffsetReset, new: u32) -> (World, Consumer, i32) {
    let mut consumer = reader(&world).offset_reset(reset).start().unwrap();
    write(&world, 0..5).await;
    let epoch = world.cluster.leader_epoch("t", 0);
    world.cluster.set_in_sync("t", 0, &[1]);
    write(&world, 5..10).await;
    assert_eq!(read(&mut consumer).await.0, (0..10).collect::<Vec<u32>>());
    world.cluster.elect_uncleanly("t", 0, 2);
    assert_eq!(world.cluster.log_end("t", 0), 5);
    write(&world, 100..100 + new).await;
    (world, consumer, epoch)
}

#[tokio::test(start_paused = true)]
async fn a_reader_is_told_up_to_where_both_logs_agree() {
    // Whether the new log has come to the position by then, or not.
    for new in [0, 3, 30] {
        let (_world, mut consumer, epoch) = truncated("4.4", OffsetReset::Error, new).await;
        let (given, error) = read(&mut consumer).await;
        assert!(given.is_empty(), "{given:?}, of {new} new records");
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
        match &error {
            Error::LogTruncation { topic, partition, offset, leader_epoch, divergence } => {
                assert_eq!((&**topic, *partition, *offset), ("t", 0, 10));
                assert_eq!((*leader_epoch, *divergence), (epoch, Some((5, epoch))));
            }
            other => panic!("{other}"),
        }
        let text = error.to_string();
        assert!(!text.contains("  "), "{text}");
        for part in ["read up to offset 10", "up to offset 5", "auto.offset.reset"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!((consumer.marked("t", 0), consumer.position("t", 0)), (None, Some(5)));
        // It stands still until somebody has decided.
        assert!(timeout(60 * S, consumer.next()).await.is_ok_and(|next| next.is_none()));
        consumer.seek("t", 0, Start::Offset(5)).unwrap();
        assert_eq!(read(&mut consumer).await.0, (100..100 + new).collect::<Vec<u32>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_resets_goes_back_to_where_both_logs_agree() {
    for reset in [OffsetReset::Earliest, OffsetReset::Latest] {
        for new in [0, 3, 30] {
            let (_world, mut consumer, _) = truncated("4.4", reset, new).await;
            let (given, error) = read(&mut consumer).await;
            assert!(error.is_none(), "{error:?}");
            assert_eq!(given, (100..100 + new).collect::<Vec<u32>>(), "{reset:?}");
            let end = i64::from(5 + new);
            assert_eq!(consumer.position("t", 0), Some(end));
        }
    }
}

/// Brokers whose fetches alone tell what became of their logs (KIP-595).
async fn world_without_questions() -> World {
    let world = world("4.4").await;
    for broker in 1..=3 {
        world.cluster.set_versions(broker, ApiKey::OFFSET_FOR_LEADER_EPOCH, None);
    }
    world
}

#[tokio::test(start_paused = true)]
async fn a_truncation_that_a_fetch_alone_tells_is_told_with_its_offsets() {
    for new in [0, 3, 30] {
        let world = world_without_questions().await;
        let (_world, mut consumer, epoch) = truncated_in(world, OffsetReset::Error, new).await;
        let (given, error) = read(&mut consumer).await;
        assert!(given.is_empty(), "{given:?}, of {new} new records");
        let Some(Error::LogTruncation { offset, leader_epoch, divergence, .. }) = error else {
            panic!("{error:?}, of {new} new records")
        };
        assert_eq!((offset, leader_epoch, divergence), (10, epoch, Some((5, epoch))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_truncation_that_a_fetch_alone_tells_leads_back_to_where_both_logs_agree() {
    for new in [0, 3, 30] {
        let world = world_without_questions().await;
        let (_world, mut consumer, _) = truncated_in(world, OffsetReset::Earliest, new).await;
        let (given, error) = read(&mut consumer).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(given, (100..100 + new).collect::<Vec<u32>>());
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_and_is_gone_is_not_given_after_a_reset() {
    let world = world("4.4").await;
    write(&world, 0..5).await;
    world.cluster.set_in_sync("t", 0, &[1]);
    write(&world, 5..10).await;
    let mut consumer = reader(&world).offset_reset(OffsetReset::Earliest).start().unwrap();
    consumer.next().await.unwrap().unwrap();
    sleep(5 * S).await;
    // All of it is buffered here by now.
    world.cluster.elect_uncleanly("t", 0, 2);
    write(&world, 100..103).await;
    sleep(20 * S).await;
    assert_eq!(read(&mut consumer).await.0, [1, 2, 3, 4, 100, 101, 102]);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_and_is_gone_leads_back_to_where_both_logs_agree() {
    let world = world("4.4").await;
    write(&world, 0..5).await;
    let leader_epoch = world.cluster.leader_epoch("t", 0);
    world.cluster.set_in_sync("t", 0, &[1]);
    write(&world, 5..10).await;
    let start = Start::InEpoch { offset: 8, leader_epoch };
    let consumer = world.client.consumer().assign([("t", 0, start)]);
    let consumer = consumer.offset_reset(OffsetReset::Earliest).auto_mark(false);
    let mut split = consumer.start().unwrap().split();
    let mut reader = split.next().await.unwrap().unwrap();
    assert_eq!(reader.next().await.unwrap().unwrap().first_offset(), 8);
    world.cluster.elect_uncleanly("t", 0, 2);
    write(&world, 100..110).await;
    drop(reader);
    let mut reader = split.next().await.unwrap().unwrap();
    let batch = timeout(60 * S, reader.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(batch.first_offset(), 5);
    let first = batch.records().next().unwrap().unwrap();
    assert_eq!(number(first.value.unwrap()), 100);
}

#[tokio::test(start_paused = true)]
async fn a_clean_election_costs_a_question_and_nothing_else() {
    let world = world("4.4").await;
    let mut consumer = reader(&world).start().unwrap();
    let asked = Requests::of(ApiKey::OFFSET_FOR_LEADER_EPOCH);
    for (round, leader) in (1..).zip([2, 3, 1, 2]) {
        write(&world, 0..5).await;
        assert_eq!(read(&mut consumer).await.0, (0..5).collect::<Vec<u32>>());
        world.cluster.move_leader("t", 0, leader);
        sleep(5 * S).await;
        assert_eq!(world.cluster.requests_of(&asked).len(), round);
    }
}

#[tokio::test(start_paused = true)]
async fn leaders_that_change_all_the_time_are_asked_no_more_often_than_they_change() {
    let world = world("4.4").await;
    let mut consumer = reader(&world).start().unwrap();
    write(&world, 0..1).await;
    let mut given = read(&mut consumer).await.0;
    for n in 1..50_u32 {
        world.cluster.move_leader("t", 0, i32::try_from(1 + n % 3).unwrap());
        sleep(S / 10).await;
        write(&world, n..n + 1).await;
    }
    given.extend(read(&mut consumer).await.0);
    assert_eq!(given, (0..50).collect::<Vec<u32>>());
    let asked = world.cluster.requests_of(&Requests::of(ApiKey::OFFSET_FOR_LEADER_EPOCH)).len();
    assert!((1..=100).contains(&asked), "{asked} questions for 49 leaders");
}

#[tokio::test(start_paused = true)]
async fn only_a_brokers_answer_moves_a_position() {
    let question = || Fault::on(ApiKey::OFFSET_FOR_LEADER_EPOCH);
    let faults = || {
        [
            question().times(3).close(),
            question().execute_then_hang(),
            question().times(3).answer(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            question().times(3).answer(ErrorCode::FENCED_LEADER_EPOCH),
            question().times(3).answer(ErrorCode::UNKNOWN_LEADER_EPOCH),
            question().times(3).answer(ErrorCode::UNKNOWN_SERVER_ERROR),
            question().times(3).hide(),
        ]
    };
    for nth in 0..faults().len() {
        for reset in [OffsetReset::Error, OffsetReset::Earliest, OffsetReset::Latest] {
            let world = world("4.4").await;
            let mut consumer = reader(&world).offset_reset(reset).start().unwrap();
            write(&world, 0..5).await;
            let (mut given, _) = read(&mut consumer).await;
            let planted = faults().into_iter().nth(nth).map(|fault| world.cluster.fault(fault));
            world.cluster.move_leader("t", 0, 2);
            write(&world, 5..10).await;
            for _ in 0..10 {
                let (more, error) = read(&mut consumer).await;
                assert!(error.is_none_or(|error| error.is_retriable()), "{nth} {reset:?}");
                given.extend(more);
            }
            assert_eq!(given, (0..10).collect::<Vec<u32>>(), "{nth} {reset:?}");
            assert!(planted.is_some_and(|planted| planted.hits() > 0), "{nth}");
        }
    }
}

/// CONS-05: a network that fails is no answer.
#[tokio::test(start_paused = true)]
async fn a_broker_that_cannot_be_reached_moves_no_position() {
    for has_name in [true, false] {
        for reset in [OffsetReset::Error, OffsetReset::Earliest, OffsetReset::Latest] {
            let what = format!("{reset:?}, has a name: {has_name}");
            let world = world("4.4").await;
            let env = world.cluster.env_for("reader", 9);
            let client = Client::builder(["broker-3:9092"]).env(env).connect().await.unwrap();
            let builder = client.consumer().topics(["t"], Start::Earliest);
            let mut consumer = builder.offset_reset(reset).start().unwrap();
            write(&world, 0..5).await;
            let (mut given, _) = read(&mut consumer).await;
            let lookups = world.cluster.counters().of(ApiKey::LIST_OFFSETS);
            let of_reader = world.cluster.network().client("reader");
            match has_name {
                true => of_reader.broker(2).connects(Connects::Refused),
                false => of_reader.resolve("broker-2", [Answer::Missing]),
            }
            of_reader.broker(2).reset();
            world.cluster.move_leader("t", 0, 2);
            write(&world, 5..10).await;
            for _ in 0..12 {
                let (more, error) = read(&mut consumer).await;
                assert!(more.is_empty(), "{what}: {more:?} of nobody");
                assert!(error.is_none_or(|error| error.is_retriable()), "{what}");
            }
            assert_eq!(consumer.position("t", 0), Some(5), "{what}");
            assert_eq!(world.cluster.counters().of(ApiKey::LIST_OFFSETS), lookups, "{what}");
            match has_name {
                true => of_reader.broker(2).connects(Connects::Accepted),
                false => of_reader.resolve("broker-2", []),
            }
            given.extend(read(&mut consumer).await.0);
            assert_eq!(given, (0..10).collect::<Vec<u32>>(), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn brokers_that_cannot_be_asked_are_read_as_ever() {
    for release in ["0.11.0", "2.0", "2.2"] {
        let world = world(release).await;
        let mut consumer = reader(&world).start().unwrap();
        write(&world, 0..5).await;
        let (mut given, _) = read(&mut consumer).await;
        world.cluster.move_leader("t", 0, 2);
        write(&world, 5..10).await;
        given.extend(read(&mut consumer).await.0);
        assert_eq!(given, (0..10).collect::<Vec<u32>>(), "{release}");
        let asked = Requests::of(ApiKey::OFFSET_FOR_LEADER_EPOCH);
        assert_eq!(world.cluster.requests_of(&asked).len(), 0, "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_is_followed_also_where_the_epoch_says_nothing_of_it() {
    for epoch in [Some(-1), None] {
        let world = world("4.4").await;
        let mut consumer = reader(&world).start().unwrap();
        write(&world, 0..5).await;
        let (mut given, _) = read(&mut consumer).await;
        let told = epoch.unwrap_or_else(|| world.cluster.leader_epoch("t", 0));
        world.cluster.fault(Fault::on(ApiKey::METADATA).times(3).claim_leader_epoch(told));
        world.cluster.move_leader("t", 0, 2);
        write(&world, 5..10).await;
        given.extend(read(&mut consumer).await.0);
        assert_eq!(given, (0..10).collect::<Vec<u32>>(), "{epoch:?}");
    }
}
