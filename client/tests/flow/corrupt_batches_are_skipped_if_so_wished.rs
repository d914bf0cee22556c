//! A batch that cannot be read stops its partition, with an error that names its place; or it is
//! passed over, counted and told, and nothing else with it.

use std::time::Duration;

use bytes::BytesMut;
use kurier_client::Error;
use kurier_client::consumer::{Consumer, Corrupt, Start};
use kurier_client::error::ErrorKind;
use kurier_client::producer::Record;
use kurier_protocol::api::fetch::{
    FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_protocol::{ApiKey, Records};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::timeout;

use crate::world::{World, number};

const S: Duration = Duration::from_secs(1);

/// Ten batches of three numbers each.
async fn world() -> World {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
    let producer = world.client.producer().linger(10 * S / 1000).build().await.unwrap();
    for first in (0..30).step_by(3) {
        let values = [first, first + 1, first + 2].map(|n| n.to_string());
        let records = values.iter().map(|value| Record::to("t").value(value));
        producer.send_all(records).await.unwrap();
    }
    assert_eq!(world.cluster.batches("t", 0).len(), 10);
    world
}

/// The numbers until nothing comes for a while.
async fn read(consumer: &mut Consumer) -> (Vec<u32>, Vec<Error>) {
    let (mut numbers, mut errors) = (Vec::new(), Vec::new());
    while let Ok(Some(next)) = timeout(20 * S, consumer.next()).await {
        match next {
            Ok(batch) => {
                numbers.extend(batch.records().map(|r| number(r.unwrap().value.unwrap())));
            }
            Err(error) => errors.push(error),
        }
    }
    (numbers, errors)
}

fn reader(world: &World, corrupt: Corrupt) -> Consumer {
    world.client.consumer().topics(["t"], Start::Earliest).corrupt(corrupt).start().unwrap()
}

/// Where the nth batch begins in an answer that has them all.
fn at(world: &World, nth: usize) -> usize {
    world.cluster.batches("t", 0).iter().take(nth).map(|batch| batch.bytes().len()).sum()
}

/// Behind the length come leader epoch and magic, which must be whole for a batch to be one.
const CRC_AT: usize = 17;

#[tokio::test(start_paused = true)]
async fn reading_stops_with_its_place() {
    let world = world().await;
    let byte = at(&world, 4) + CRC_AT + 50;
    world.cluster.fault(Fault::on(ApiKey::FETCH).corrupt(byte));
    let mut consumer = reader(&world, Corrupt::Stop);
    let (numbers, errors) = read(&mut consumer).await;
    assert_eq!(numbers, (0..12).collect::<Vec<u32>>());
    let [Error::CorruptBatch { topic, partition, offset, .. }] = &errors[..] else {
        panic!("{errors:?}")
    };
    assert_eq!((&**topic, *partition, *offset), ("t", 0, 12));
    assert_eq!(errors[0].kind(), ErrorKind::Corrupt);
    assert_eq!((consumer.position("t", 0), consumer.skipped()), (Some(12), 0));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_passed_over_takes_nothing_else_with_it() {
    let bytes = {
        let world = world().await;
        world.cluster.batches("t", 0)[0].bytes().len()
    };
    // Every byte of the batch that its checksum covers, that of its last offset among them; the
    // last batch of an answer has none behind it.
    for nth in [0, 4, 9] {
        for byte in CRC_AT..bytes {
            let world = world().await;
            world.cluster.fault(Fault::on(ApiKey::FETCH).corrupt(at(&world, nth) + byte));
            let mut consumer = reader(&world, Corrupt::Skip);
            let (numbers, errors) = read(&mut consumer).await;
            assert!(errors.is_empty(), "{nth}, {byte}: {errors:?}");
            let gone = u32::try_from(nth * 3).unwrap();
            let left = (0..30).filter(|n| !(gone..gone + 3).contains(n));
            let given: Vec<u32> =
                numbers.iter().copied().filter(|n| !(gone..gone + 3).contains(n)).collect();
            assert_eq!(given, left.collect::<Vec<u32>>(), "{nth}, {byte}");
            assert_eq!((consumer.skipped(), consumer.position("t", 0)), (1, Some(30)));
            let snapshot = world.client.metrics().snapshot();
            for tags in [&[][..], &[("topic", "t")]] {
                let told = |name| snapshot.get("kurier-consumer-skip-metrics", name, tags);
                let told = |name| told(name).unwrap().number();
                assert_eq!(told("batches-skipped-total"), 1.0);
                // As many as it says, where that can be; or else up to the next batch.
                assert!((1.0..=3.0).contains(&told("records-skipped-total")), "{nth}, {byte}");
            }
        }
    }
}

/// A batch of three numbers from one on, which has this offset.
fn three(first: i64, base_offset: i64) -> Vec<u8> {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    for n in 0..3 {
        let value = (first + n).to_string();
        let record = RecordParts { value: Some(value.as_bytes()), ..RecordParts::default() };
        writer.append(&record).unwrap();
    }
    writer.seal(&Seal { base_offset, ..Seal::default() }).unwrap().to_vec()
}

/// The same, whose last record claims to be longer than the batch, under a checksum that is right.
fn contradicting(first: i64) -> Vec<u8> {
    let mut bytes = three(first, first);
    let record_at = bytes.len() - RECORD_BYTES;
    bytes.splice(record_at..=record_at, [0x7e]);
    let crc = crc32c(bytes.get(CRC_AT + 4..).unwrap()).to_be_bytes();
    bytes.splice(CRC_AT..CRC_AT + 4, crc);
    bytes
}

/// One with a value of one byte and nothing else.
const RECORD_BYTES: usize = 8;

fn crc32c(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}

/// Three batches of three numbers, the second of which contradicts itself in the first answer.
async fn world_of_three() -> World {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
    for first in [0, 3, 6] {
        world.cluster.append("t", 0, three(first, 0));
    }
    let records = [three(0, 0), contradicting(3), three(6, 6)].concat();
    let data = PartitionData {
        high_watermark: 9,
        last_stable_offset: 9,
        records: Some(Records(records.into())),
        ..PartitionData::default()
    };
    let topic_id = world.cluster.topic_id("t").unwrap();
    let responses =
        vec![FetchableTopicResponse { topic_id, partitions: vec![data], ..<_>::default() }];
    let answer = FetchResponse { responses, ..FetchResponse::default() };
    world.cluster.fault(Fault::on(ApiKey::FETCH).reply::<FetchRequest>(answer));
    world
}

/// The numbers of every call, until nothing comes for a while.
async fn poll(consumer: &mut Consumer, max: usize) -> (Vec<u32>, Vec<Error>) {
    let (mut numbers, mut errors) = (Vec::new(), Vec::new());
    loop {
        match consumer.poll_records(max, 20 * S).await {
            Ok(records) if records.is_empty() => return (numbers, errors),
            Ok(records) => {
                numbers.extend(records.iter().map(|one| number(one.record.value().unwrap())));
            }
            Err(error) => errors.push(error),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn records_by_number_stop_at_one_that_cannot_be_read_and_nothing_behind_it_is_done() {
    for max in [1, 2, 4, 5, 100] {
        let world = world_of_three().await;
        let mut consumer = reader(&world, Corrupt::Stop);
        let (numbers, errors) = poll(&mut consumer, max).await;
        assert_eq!(numbers, (0..5).collect::<Vec<u32>>(), "{max}");
        let [Error::CorruptBatch { partition: 0, offset: 5, .. }] = &errors[..] else {
            panic!("{max}: {errors:?}")
        };
        assert_eq!((consumer.position("t", 0), consumer.marked("t", 0)), (Some(5), Some(5)));
        // It was damaged on its way alone.
        consumer.seek("t", 0, Start::Offset(5)).unwrap();
        assert_eq!(poll(&mut consumer, max).await.0, [5, 6, 7, 8], "{max}");
    }
}

#[tokio::test(start_paused = true)]
async fn records_by_number_pass_over_the_rest_of_a_batch_if_so_wished() {
    for max in [1, 2, 4, 5, 100] {
        let world = world_of_three().await;
        let mut consumer = reader(&world, Corrupt::Skip);
        let (numbers, errors) = poll(&mut consumer, max).await;
        assert!(errors.is_empty(), "{max}: {errors:?}");
        assert_eq!(numbers, [0, 1, 2, 3, 4, 6, 7, 8], "{max}");
        assert_eq!((consumer.skipped(), consumer.position("t", 0)), (1, Some(9)), "{max}");
        let snapshot = world.client.metrics().snapshot();
        let told = |name| snapshot.get("kurier-consumer-skip-metrics", name, &[]).unwrap().number();
        assert_eq!((told("batches-skipped-total"), told("records-skipped-total")), (1.0, 1.0));
    }
}
