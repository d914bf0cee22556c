//! Whatever happens to brokers, a consumer gives every offset once, in order.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kurier_client::Compression;
use kurier_client::consumer::{Consumer, ConsumerConfig, Start, Stop};
use kurier_client::producer::Record;
use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::timeout;

use crate::world::{World, read_all};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// 3000 records in partition 0, in many batches.
async fn filled(release: &str) -> World {
    let builder = TestCluster::builder().brokers(3).release(release).topic("t", 1);
    let world = World::of(builder).await;
    let producer = world.client.producer().batch_bytes_max(1 << 10).build().await.unwrap();
    for n in 0..3000 {
        let value = n.to_string();
        drop(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
    }
    producer.close().await.unwrap();
    world
}

/// A reader that needs many fetches.
fn slow_reader(world: &World) -> Consumer {
    let config = ConsumerConfig {
        fetch_bytes_max: 3000,
        partition_bytes_max: 2000,
        buffer_bytes_max: 4000,
        stop: Stop::End,
        ..ConsumerConfig::default()
    };
    let builder = world.client.consumer().config(config).topics(["t"], Start::Earliest);
    builder.start().unwrap()
}

async fn check(release: &str, disturb: impl AsyncFn(&World)) {
    let world = filled(release).await;
    let mut consumer = slow_reader(&world);
    let read = async {
        let mut wanted = 0;
        while let Some(batch) = consumer.next().await.transpose().unwrap() {
            for record in batch.records() {
                let record = record.unwrap();
                assert_eq!(record.offset, wanted);
                assert_eq!(record.value.unwrap(), wanted.to_string().as_bytes());
                wanted += 1;
            }
            tokio::time::sleep(MS).await;
        }
        wanted
    };
    let (read, ()) = tokio::join!(read, disturb(&world));
    assert_eq!(read, 3000);
}

#[tokio::test(start_paused = true)]
async fn when_the_leader_moves() {
    check("4.4", async |world: &World| {
        for leader in [2, 3, 1] {
            tokio::time::sleep(10 * MS).await;
            world.cluster.move_leader("t", 0, leader);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn when_brokers_die_and_come_back() {
    check("2.8", async |world: &World| {
        for broker in [1, 2, 3] {
            tokio::time::sleep(10 * MS).await;
            world.cluster.kill_broker(broker);
            tokio::time::sleep(50 * MS).await;
            world.cluster.restart_broker(broker);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn when_answers_are_cut_late_or_refused() {
    check("4.4", async |world: &World| {
        let fetch = || Fault::on(ApiKey::FETCH);
        world.cluster.fault(fetch().skip(3).cut(100));
        world.cluster.fault(fetch().skip(6).execute_then_close());
        world.cluster.fault(fetch().skip(9).delay_answer(300 * MS));
        world.cluster.fault(fetch().skip(12).answer(ErrorCode::NOT_LEADER_OR_FOLLOWER));
        world.cluster.fault(fetch().skip(15).answer(ErrorCode::UNKNOWN_SERVER_ERROR));
        world.cluster.fault(fetch().skip(18).answer(ErrorCode::UNKNOWN_LEADER_EPOCH));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn in_every_version_of_fetch() {
    for release in ["0.10.0", "0.10.1", "0.11.0", "1.1", "2.0", "2.3", "2.7", "3.1", "4.4"] {
        check(release, async |_: &World| {}).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_over_every_limit_comes_whole() {
    for release in ["0.10.0", "0.10.1", "4.4"] {
        let world = World::of(TestCluster::builder().release(release).topic("t", 1)).await;
        let producer = world.producer().await;
        let value = vec![b'7'; 100_000];
        producer.send(Record::to("t").value(&value)).await.unwrap();
        producer.send(Record::to("t").value("7")).await.unwrap();
        let all = read_all(&mut slow_reader(&world)).await.unwrap();
        assert_eq!(all.iter().map(|(_, _, v)| v.len()).collect::<Vec<_>>(), [100_000, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_fetched_is_fetched_again() {
    let world = filled("4.4").await;
    let mut consumer = slow_reader(&world);
    assert_eq!(read_all(&mut consumer).await.unwrap().len(), 3000);
    let requests = world.cluster.requests();
    let fetches = requests.iter().filter(|r| r.api == ApiKey::FETCH);
    let offsets: Vec<_> =
        fetches.map(|r| r.decode::<FetchRequest>().topics[0].partitions[0].fetch_offset).collect();
    assert!(offsets.len() > 10 && offsets.is_sorted(), "{offsets:?}");
    let mut distinct = offsets.clone();
    distinct.dedup();
    assert_eq!(distinct, offsets);
}

/// Batches of records with these keys; the value of each is its offset.
fn keyed(magic: Magic, compression: Compression, keys: &[&str]) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), magic, 0);
    for key in keys {
        let record = RecordParts { key: Some(key.as_bytes()), ..RecordParts::default() };
        writer.append(&RecordParts { value: Some(b"v"), ..record }).unwrap();
    }
    writer.seal(&Seal { compression, ..Seal::default() }).unwrap()
}

/// CONS-17: a compacted log begins with a gap, has gaps in its batches and between them, and ends
/// with a batch that has lost all that it had.
#[tokio::test(start_paused = true)]
async fn over_the_gaps_of_compaction_in_every_format_of_records() {
    for (release, magic) in [
        ("0.10.0", Magic::V0),
        ("0.10.0", Magic::V1),
        ("2.8", Magic::V1),
        ("0.11.0", Magic::V2),
        ("4.4", Magic::V2),
    ] {
        for compression in [Compression::None, Compression::Gzip] {
            let what = format!("{release} {magic:?} {compression}");
            let builder = TestCluster::builder().brokers(3).release(release);
            let world = World::of(builder.topic("t", 1)).await;
            world.cluster.set_topic_config("t", "cleanup.policy", "compact");
            let batches: [&[&str]; 5] =
                [&["a"], &["a", "b", "a", "c"], &["d", "b"], &["c", "e", "d"], &["a", "c", "e"]];
            for keys in batches {
                world.cluster.append("t", 0, keyed(magic, compression, keys));
            }
            let end = world.cluster.log_end("t", 0);
            world.cluster.compact("t");
            let kept: Vec<i64> =
                world.cluster.stored_records("t", 0).iter().map(|one| one.offset).collect();
            assert!(kept.len() < 13 && kept.first() != Some(&0), "{what}: {kept:?}");
            for stop in [Stop::End, Stop::Never] {
                for start in 0..end {
                    let before = world.cluster.counters().of(ApiKey::FETCH);
                    let start_at = [("t", 0, Start::Offset(start))];
                    let consumer = world.client.consumer().assign(start_at).stop(stop);
                    let mut consumer = consumer.start().unwrap();
                    let mut given = Vec::new();
                    while let Ok(Some(batch)) = timeout(20 * S, consumer.next()).await {
                        let batch = batch.unwrap();
                        given.extend(batch.records().map(|record| record.unwrap().offset));
                    }
                    let wanted: Vec<i64> =
                        kept.iter().copied().filter(|offset| *offset >= start).collect();
                    assert_eq!(given, wanted, "{what} {stop:?} from {start}");
                    assert_eq!(consumer.position("t", 0), Some(end), "{what} {stop:?}");
                    // Two a second of who waits at the end for twenty.
                    let fetches = world.cluster.counters().of(ApiKey::FETCH) - before;
                    assert!(fetches <= 60, "{what} {stop:?} from {start}: {fetches} fetches");
                }
            }
        }
    }
}
