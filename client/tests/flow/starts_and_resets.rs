//! Where reading starts, and where it goes on when its position is not in the log.

use std::time::Duration;

use kurier_client::consumer::{Consumer, FetchedBatch, OffsetReset, Start};
use kurier_client::error::ErrorKind;
use kurier_client::offsets::{Isolation, Position};
use kurier_client::producer::Record;
use kurier_client::{Client, Error};
use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, Requests, TestCluster};
use tokio::time::{sleep, timeout};

use crate::world::{World, number};

const S: Duration = Duration::from_secs(1);

/// Numbers 0 to 10, a minute apart; the log begins at 3.
async fn world() -> World {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
    let producer = world.client.producer().linger(Duration::ZERO).build().await.unwrap();
    for n in 0..10 {
        producer.send(Record::to("t").value(&n.to_string())).await.unwrap();
        sleep(60 * S).await;
    }
    world.cluster.set_log_start("t", 0, 3);
    world
}

async fn next(consumer: &mut Consumer) -> Result<FetchedBatch, Error> {
    timeout(60 * S, consumer.next()).await.unwrap().unwrap()
}

/// The first number from a start; none if there is none now.
async fn first(world: &World, start: Start) -> Option<u32> {
    let mut consumer = world.client.consumer().assign([("t", 0, start)]).start().unwrap();
    let batch = timeout(20 * S, consumer.next()).await.ok()?.unwrap().unwrap();
    let first = batch.records().next().unwrap().unwrap();
    Some(number(first.value.unwrap()))
}

#[tokio::test(start_paused = true)]
async fn a_start_may_be_an_age_or_a_number_of_offsets() {
    let rows = [
        (Start::Last(4), Some(6)),
        (Start::Last(7), Some(3)),
        (Start::Last(8), Some(3)),
        (Start::Last(u64::MAX), Some(3)),
        (Start::Last(0), None),
        (Start::Ago(130 * S), Some(8)),
        (Start::Ago(10_000 * S), Some(3)),
        (Start::Ago(Duration::MAX), Some(3)),
        (Start::Ago(S), None),
        (Start::InEpoch { offset: 5, leader_epoch: -1 }, Some(5)),
        (Start::InEpoch { offset: 5, leader_epoch: 0 }, Some(5)),
    ];
    for (start, wanted) in rows {
        // Of its own: a row that finds nothing takes time, and records age.
        let world = world().await;
        assert_eq!(first(&world, start).await, wanted, "{start:?}");
    }
}

/// A record that is young enough may come while it is looked for.
#[tokio::test(start_paused = true)]
async fn a_start_by_time_skips_nothing_that_is_written_while_it_is_looked_up() {
    for skipped in 0..3 {
        for is_age in [false, true] {
            let world = world().await;
            let now = world.cluster.env(0).wall_millis();
            let start = if is_age { Start::Ago(10 * S) } else { Start::Timestamp(now) };
            let late = Fault::on(ApiKey::LIST_OFFSETS).skip(skipped).delay(5 * S);
            world.cluster.fault(late);
            let mut consumer = world.client.consumer().assign([("t", 0, start)]).start().unwrap();
            sleep(S).await;
            let producer = world.producer().await;
            producer.send(Record::to("t").value("10")).await.unwrap();
            let batch = next(&mut consumer).await.unwrap();
            let first = batch.records().next().unwrap().unwrap();
            assert_eq!(number(first.value.unwrap()), 10, "{skipped}, {start:?}");
        }
    }
}

/// What an open transaction holds back is behind the end of who reads what is committed.
#[tokio::test(start_paused = true)]
async fn the_last_offsets_are_those_before_the_end_that_a_reader_has() {
    let world = world().await;
    let producer = world.client.transactional_producer("open").build().await.unwrap();
    let transaction = producer.begin().await.unwrap();
    for n in 10..15 {
        transaction.send(Record::to("t").value(&n.to_string())).await.unwrap();
    }
    for (isolation, wanted) in [(Isolation::ReadUncommitted, 13), (Isolation::ReadCommitted, 8)] {
        let consumer = world.client.consumer().assign([("t", 0, Start::Last(2))]);
        let mut consumer = consumer.isolation(isolation).start().unwrap();
        let batch = next(&mut consumer).await.unwrap();
        let first = batch.records().next().unwrap().unwrap();
        assert_eq!(number(first.value.unwrap()), wanted, "{isolation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_age_may_be_looked_up() {
    let world = world().await;
    let found = world.client.offsets().at(Position::Ago(130 * S), [("t", 0)]).await.unwrap();
    assert_eq!(found[0].offset, Some(8));
}

#[tokio::test(start_paused = true)]
async fn a_position_out_of_range_goes_on_where_the_policy_says() {
    let rows = [
        (OffsetReset::Earliest, Some(3)),
        (OffsetReset::Ago(130 * S), Some(8)),
        (OffsetReset::Ago(10_000 * S), Some(3)),
        (OffsetReset::Latest, None),
        (OffsetReset::Ago(S), None),
    ];
    for offset in [0, 99] {
        for (reset, wanted) in rows {
            let world = world().await;
            let consumer = world.client.consumer().assign([("t", 0, Start::Offset(offset))]);
            let mut consumer = consumer.offset_reset(reset).start().unwrap();
            let given = timeout(20 * S, consumer.next()).await.ok().map(|next| {
                let batch = next.unwrap().unwrap();
                number(batch.records().next().unwrap().unwrap().value.unwrap())
            });
            assert_eq!(given, wanted, "{reset:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_record_the_log_has_lost_is_told() {
    let world = world().await;
    world.cluster.move_leader("t", 0, 1);
    // As a commit of before an unclean election has it: the epoch did never reach so far here.
    let start = Start::InEpoch { offset: 8, leader_epoch: 0 };
    assert_eq!(first(&world, start).await, Some(8));
    world.cluster.truncate("t", 0, 6);
    world.cluster.move_leader("t", 0, 1);
    let mut consumer = world.client.consumer().assign([("t", 0, start)]).start().unwrap();
    let error = next(&mut consumer).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_negative_offset_is_no_start() {
    let world = World::new(1).await;
    for start in [Start::Offset(-1), Start::InEpoch { offset: -1, leader_epoch: 0 }] {
        assert!(world.client.consumer().topics(["t"], start).start().is_err());
    }
}

/// Else what is written meanwhile would be skipped, and nobody would hear of it.
#[tokio::test(start_paused = true)]
async fn latest_is_looked_up_once_whatever_comes_before_the_first_record() {
    for (release, what) in ["4.4", "2.1"].into_iter().flat_map(|release| {
        ["a leader that moves", "reset connections", "a pause", "a dead leader"]
            .map(|what| (release, what))
    }) {
        let builder = TestCluster::builder().brokers(3).release(release).topic("t", 1);
        let world = World::of(builder).await;
        let cluster = &world.cluster;
        cluster.move_leader("t", 0, 1);
        let producer = world.client.producer().linger(Duration::ZERO).build().await.unwrap();
        for n in 0..5 {
            producer.send(Record::to("t").value(&n.to_string())).await.unwrap();
        }
        let reader = Client::builder(cluster.bootstrap()).env(cluster.env_for("reader", 9));
        let reader = reader.connect().await.unwrap();
        let consumer = reader.consumer().assign([("t", 0, Start::Latest)]);
        let mut consumer = consumer.start().unwrap();
        assert!(timeout(5 * S, consumer.next()).await.is_err());
        assert_eq!(consumer.position("t", 0), Some(5), "{release} {what}");
        let network = cluster.network().client("reader");
        if what == "a pause" {
            consumer.pause("t", 0).unwrap();
        } else {
            network.partition();
        }
        match what {
            "a leader that moves" => cluster.move_leader("t", 0, 2),
            "reset connections" => network.reset(),
            "a dead leader" => cluster.kill_broker(1),
            _ => {}
        }
        for n in 5..7 {
            producer.send(Record::to("t").value(&n.to_string())).await.unwrap();
        }
        // Longer than a request may take.
        assert!(timeout(40 * S, consumer.next()).await.is_err(), "{release} {what}");
        network.heal();
        consumer.resume("t", 0).unwrap();
        let mut read = Vec::new();
        while read.len() < 2 {
            let batch = next(&mut consumer).await.unwrap();
            read.extend(batch.records().map(|of| number(of.unwrap().value.unwrap())));
        }
        assert_eq!(read, [5, 6], "{release} {what}");
        let asked = cluster.requests_of(&Requests::of(ApiKey::LIST_OFFSETS));
        assert_eq!(asked.len(), 1, "{release} {what}");
    }
}

/// TXN-02: what was asked for before says nothing of where reading goes on since.
#[tokio::test(start_paused = true)]
async fn a_later_seek_wins_over_an_earlier_look_up() {
    let starts = [
        (ApiKey::LIST_OFFSETS, Start::Latest),
        (ApiKey::LIST_OFFSETS, Start::Earliest),
        (ApiKey::OFFSET_FOR_LEADER_EPOCH, Start::InEpoch { offset: 9, leader_epoch: 0 }),
    ];
    for (late, start) in starts {
        let world = world().await;
        let mut consumer =
            world.client.consumer().assign([("t", 0, Start::Offset(3))]).start().unwrap();
        next(&mut consumer).await.unwrap();
        let planted = world.cluster.fault(Fault::on(late).delay_answer(3 * S));
        consumer.seek("t", 0, start).unwrap();
        sleep(S).await;
        assert_eq!(planted.hits(), 1, "{start:?}");
        consumer.seek("t", 0, Start::Offset(5)).unwrap();
        let producer = world.client.producer().build().await.unwrap();
        for wanted in 5..14 {
            // What is written when the answer has come shows where reading has gone on.
            if wanted > 9 {
                producer.send(Record::to("t").value(&wanted.to_string())).await.unwrap();
            }
            let batch = next(&mut consumer).await.unwrap();
            let first = batch.records().next().unwrap().unwrap();
            assert_eq!(number(first.value.unwrap()), wanted, "{start:?}");
            // The answer comes in between.
            sleep(4 * S).await;
        }
    }
}
