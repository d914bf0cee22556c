//! What happens to a topic while it is written to and read: producers and consumers follow.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kurier_client::config::ClientConfig;
use kurier_client::consumer::{Consumer, OffsetReset, Start};
use kurier_client::error::ErrorKind;
use kurier_client::producer::{Producer, Record};
use kurier_client::{Client, Error, Target};
use kurier_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_protocol::{ApiKey, Uuid};
use kurier_testkit::{Fault, Requests, TestCluster};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::world::World;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// Several callers that keep the producer's task busy in every moment.
fn keep_busy(producer: &Producer) -> Vec<JoinHandle<()>> {
    let busy = |producer: Producer| async move {
        loop {
            for _ in 0..10 {
                producer.send(Record::to("t").partition(0).value("1")).await.unwrap();
            }
            tokio::time::sleep(MS).await;
        }
    };
    (0..4).map(|_| tokio::spawn(busy(producer.clone()))).collect()
}

#[tokio::test(start_paused = true)]
async fn partitions_that_are_added_are_found_in_the_midst_of_traffic() {
    let world = World::new(1).await;
    let producer =
        world.client.producer().linger(Duration::ZERO).build().await.expect("valid settings");
    let callers = keep_busy(&producer);
    for count in 2..8 {
        let last = count - 1;
        world.client.admin().create_partitions([("t", count)]).await.unwrap();
        let record = || Record::to("t").partition(last).value("2");
        // Unless it is known already, this asks for metadata, once.
        let _ = producer.send(record()).await;
        tokio::time::sleep(2 * S).await;
        producer.send(record()).await.unwrap();
    }
    callers.into_iter().for_each(|caller| caller.abort());
}

#[tokio::test(start_paused = true)]
async fn keys_go_to_the_partitions_that_a_topic_created_anew_has() {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 6)).await;
    let producer = world.producer().await;
    let send = async |key: u32| {
        let key = key.to_string();
        tokio::time::timeout(S, producer.send(Record::to("t").key(&key).value("1"))).await
    };
    for key in 0..20 {
        send(key).await.unwrap().unwrap();
    }
    world.cluster.delete_topic("t");
    world.cluster.create_topic("t", 1);
    // The brokers refuse the old topic's id, and that is how the producer learns of it.
    let _ = send(0).await;
    tokio::time::sleep(S).await;
    for key in 0..20 {
        let written = send(key).await.unwrap().unwrap();
        assert_eq!(written.partition, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_partition_that_is_gone_is_told_so() {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 6)).await;
    let producer = world.client.producer().linger(5 * S).build().await.unwrap();
    let record = || Record::to("t").partition(5).value("1");
    let waits = producer.enqueue(record()).await.unwrap();
    world.cluster.recreate_topic("t", 2);
    let error = waits.await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("topic t has no partition 5: it has 2"), "{text}");
    let error = producer.send(record()).await.unwrap_err();
    assert!(matches!(error, Error::UnknownTopic { partition: Some((5, 2)), .. }), "{error:?}");
}

/// Five old records are read, then the topic is created anew with so many.
async fn created_anew(reset: OffsetReset, count: u32) -> (World, Consumer) {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
    world.cluster.append("t", 0, batch(5, "old"));
    let consumer = world.client.consumer().topics(["t"], Start::Earliest).offset_reset(reset);
    let mut consumer = consumer.start().unwrap();
    while consumer.position("t", 0) != Some(5) {
        consumer.next().await.unwrap().unwrap();
    }
    // In one go: the consumer never sees the topic without its records.
    world.cluster.delete_topic("t");
    world.cluster.create_topic("t", 1);
    world.cluster.append("t", 0, batch(count, "new"));
    (world, consumer)
}

#[tokio::test(start_paused = true)]
async fn an_offset_is_not_carried_into_a_topic_created_anew() {
    // Whether the new log has that offset, or not.
    for count in [8, 2] {
        let (_world, mut consumer) = created_anew(OffsetReset::Error, count).await;
        let next = tokio::time::timeout(60 * S, consumer.next()).await.unwrap();
        let error = next.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfRange, "{error}");
        let Error::TopicRecreated { topic, partition, offset } = &error else { panic!("{error}") };
        assert_eq!((&**topic, *partition, *offset), ("t", 0, 5));
        assert_eq!(consumer.marked("t", 0), None, "what was done was done of another log");
        consumer.seek("t", 0, Start::Offset(1)).unwrap();
        let batch = consumer.next().await.unwrap().unwrap();
        let first = batch.records().next().unwrap().unwrap();
        assert_eq!((first.offset, first.value), (1, Some(&b"new"[..])));
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_created_anew_is_read_from_its_beginning_if_so_configured() {
    for count in [8, 2] {
        let (_world, mut consumer) = created_anew(OffsetReset::Earliest, count).await;
        let next = tokio::time::timeout(60 * S, consumer.next()).await.unwrap();
        let batch = next.unwrap().unwrap();
        let first = batch.records().next().unwrap().unwrap();
        assert_eq!((first.offset, first.value), (0, Some(&b"new"[..])));
    }
}

/// CONS-12: a broker that is behind names the topic that was.
#[tokio::test(start_paused = true)]
async fn an_answer_of_before_a_topic_was_created_anew_takes_nobody_back_to_what_was() {
    for reset in [OffsetReset::Error, OffsetReset::Earliest, OffsetReset::Latest] {
        let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
        world.cluster.append("t", 0, batch(5, "old"));
        let old = metadata(&world).await;
        let config = ClientConfig { metadata_age_max: S, ..ClientConfig::default() };
        let client = Client::builder(world.cluster.bootstrap()).env(world.cluster.env(8));
        let client = client.config(config).connect().await.unwrap();
        let consumer = client.consumer().topics(["t"], Start::Earliest).offset_reset(reset);
        let mut consumer = consumer.start().unwrap();
        let mut read = async || {
            let (mut records, mut errors) = (0, 0);
            while let Ok(next) = tokio::time::timeout(10 * S, consumer.next()).await {
                match next.unwrap() {
                    Ok(batch) => records += batch.records().count(),
                    Err(error) => {
                        assert!(matches!(error, Error::TopicRecreated { .. }), "{error}");
                        consumer.seek("t", 0, Start::Offset(0)).unwrap();
                        errors += 1;
                    }
                }
            }
            (records, errors)
        };
        assert_eq!(read().await, (5, 0));
        world.cluster.recreate_topic("t", 1);
        world.cluster.append("t", 0, batch(3, "new"));
        let anew = match reset {
            OffsetReset::Error => (3, 1),
            OffsetReset::Latest => (0, 0),
            _ => (3, 0),
        };
        assert_eq!(read().await, anew, "{reset:?}");
        // Two answers of a broker that is behind, one of another one, and so on.
        for skipped in [0, 1] {
            let behind = Fault::on(ApiKey::METADATA).skip(skipped).times(2);
            world.cluster.fault(behind.reply::<MetadataRequest>(old.clone()));
            world.cluster.append("t", 0, batch(2, "newer"));
            assert_eq!(read().await, (2, 0), "{reset:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_of_a_topic_is_not_read_of_one_that_was_created_anew() {
    // Whether or not the consumer has found out by then.
    let noticed = [false, true].map(|is_noticed| {
        [OffsetReset::Error, OffsetReset::Earliest].map(|reset| (reset, is_noticed))
    });
    for (reset, is_noticed) in noticed.into_iter().flatten() {
        let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
        for _ in 0..5 {
            world.cluster.append("t", 0, batch(1, "old"));
        }
        let consumer = world.client.consumer().topics(["t"], Start::Earliest).offset_reset(reset);
        let mut split = consumer.auto_mark(false).start().unwrap().split();
        let mut reader = split.next().await.unwrap().unwrap();
        for offset in 0..5 {
            let batch = reader.next().await.unwrap().unwrap();
            if offset < 3 {
                reader.mark(&batch);
            }
        }
        world.cluster.delete_topic("t");
        world.cluster.create_topic("t", 1);
        world.cluster.append("t", 0, batch(8, "new"));
        if is_noticed {
            tokio::time::sleep(10 * S).await;
        }
        drop(reader);
        let mut reader = split.next().await.unwrap().unwrap();
        let next = tokio::time::timeout(60 * S, reader.next()).await.unwrap().unwrap();
        match (reset, next) {
            (OffsetReset::Error, Err(Error::TopicRecreated { offset, .. })) => {
                // Once it is noticed nothing of it is in hand, and that is told as it was noticed.
                assert_eq!(offset, if is_noticed { 5 } else { 3 });
            }
            (OffsetReset::Earliest, Ok(batch)) => {
                let first = batch.records().next().unwrap().unwrap();
                assert_eq!((first.offset, first.value), (0, Some(&b"new"[..])));
            }
            (_, other) => panic!("{reset:?}: {other:?}"),
        }
    }
}

/// What a broker answers who is asked about `t`.
async fn metadata(world: &World) -> MetadataResponse {
    let topic = MetadataRequestTopic { name: Some("t".into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    world.client.request(Target::Any, request).await.unwrap()
}

/// CONS-13: one broker says that the topic has no partitions, and nothing of an error.
#[tokio::test(start_paused = true)]
async fn a_topic_without_partitions_is_told_at_once_and_one_that_had_some_keeps_them() {
    for is_reading in [false, true] {
        let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
        let mut without = metadata(&world).await;
        without.topics[0].partitions.clear();
        let env = world.cluster.env(8);
        let client = Client::builder(world.cluster.bootstrap()).env(env).connect().await.unwrap();
        let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
        if is_reading {
            assert!(tokio::time::timeout(S, consumer.next()).await.is_err());
        }
        let fault = Fault::on(ApiKey::METADATA).always().reply::<MetadataRequest>(without);
        let planted = world.cluster.fault(fault);
        // It asks for metadata when it comes back.
        world.cluster.drop_connections(1);
        if !is_reading {
            let next = tokio::time::timeout(10 * S, consumer.next()).await.unwrap();
            let error = next.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
        let quiet = tokio::time::timeout(600 * S, consumer.next()).await;
        assert!(quiet.is_err() || matches!(quiet, Ok(None)), "{quiet:?}");
        assert!(planted.hits() > 0);
        world.cluster.assert_at_most(70, &Requests::of(ApiKey::METADATA), 60 * S);
        world.cluster.assert_at_most(130, &Requests::of(ApiKey::FETCH), 60 * S);
        if is_reading {
            world.cluster.append("t", 0, batch(1, "new"));
            let next = tokio::time::timeout(S, consumer.next()).await.unwrap().unwrap().unwrap();
            assert_eq!(next.first_offset(), 0);
        }
    }
}

/// CONS-15: the second of three brokers knows no ids of topics: it is older, or says that they are
/// zero.
#[tokio::test(start_paused = true)]
async fn a_topic_whose_id_a_broker_lacks_is_read_by_its_name() {
    for is_older in [true, false] {
        let world = World::of(TestCluster::builder().brokers(3).topic("t", 3)).await;
        if is_older {
            world.cluster.set_broker_release(2, "2.7");
        }
        // Whoever knows one broker alone asks that first.
        let env = world.cluster.env_for("reader", 8);
        let client = Client::builder(["broker-2:9092"]).env(env).connect().await.unwrap();
        let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
        let mut seen = [0; 3];
        for round in 0..6_i32 {
            // From one leader to the next, and so from one broker's answers to another's.
            for partition in 0..3 {
                let leader = 1 + (partition + round) % 3;
                world.cluster.move_leader("t", partition, leader);
            }
            if !is_older {
                world.cluster.clear_faults();
                let mut without = metadata(&world).await;
                without.topics[0].topic_id = Uuid::ZERO;
                let of_second = Fault::on(ApiKey::METADATA).broker(2).always();
                world.cluster.fault(of_second.reply::<MetadataRequest>(without));
            }
            if round == 3 {
                world.cluster.drop_connections(2);
            }
            for partition in 0..3 {
                world.cluster.append("t", partition, batch(4, "v"));
            }
            let wanted = 4 * i64::from(round + 1);
            let start = Instant::now();
            while seen != [wanted; 3] {
                let next = tokio::time::timeout(10 * S, consumer.next()).await;
                let batch = next.unwrap_or_else(|_| panic!("{is_older} {round}: {seen:?}"));
                match batch.unwrap() {
                    Ok(batch) => {
                        let of = usize::try_from(batch.partition()).unwrap();
                        assert_eq!(batch.first_offset(), seen[of], "older: {is_older}, {round}");
                        seen[of] = batch.next_offset();
                    }
                    Err(error) => assert!(error.is_retriable(), "{is_older} {round}: {error}"),
                }
            }
            assert!(start.elapsed() < 10 * S, "older: {is_older}, {round}: {:?}", start.elapsed());
        }
        // All of it takes a second or two, with eighteen moves.
        world.cluster.assert_at_most(100, &Requests::of(ApiKey::FETCH), 2 * S);
    }
}

fn batch(count: u32, value: &str) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    for _ in 0..count {
        let record = RecordParts { value: Some(value.as_bytes()), ..RecordParts::default() };
        writer.append(&record).unwrap();
    }
    writer.seal(&Seal::default()).unwrap()
}
