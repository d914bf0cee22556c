//! What the benchmarks work on. Every program that measures includes this file, so that all of
//! them, peers included, see the same bytes.

#![allow(dead_code, reason = "no program measures everything")]
#![allow(unreachable_pub, reason = "it is included in programs")]
#![allow(clippy::indexing_slicing, reason = "what is read here was made here")]
#![expect(clippy::unwrap_used, reason = "inputs that cannot be made end the run")]

pub mod bare;

use bytes::{Bytes, BytesMut};
use kurier_protocol::api::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use kurier_protocol::api::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kurier_protocol::record::{
    BatchWriter, DecompressLimits, Header, Magic, Record, RecordBatches, RecordParts, RecordRef,
    Seal,
};
use kurier_protocol::{Str, Uuid, encode};

/// Records in a batch.
pub const RECORDS: usize = 1000;
/// Partitions in a message: topics times partitions each.
pub const PARTITIONS: usize = 1000;
/// When the first record was made; each further one is a millisecond younger.
pub const BASE_TIMESTAMP: i64 = 1_700_000_000_000;

/// What every record of a batch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 100 bytes of value.
    Value,
    /// 100 bytes of value, 16 of key, and a header.
    Keyed,
}

/// The bytes of the records of a batch.
#[derive(Debug)]
pub struct Contents {
    bytes: Vec<u8>,
    shape: Shape,
}

impl Contents {
    /// Makes values and keys that do not compress.
    pub fn new(shape: Shape) -> Self {
        let mut state = 0x2545_f491_u32;
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_be_bytes()[0]
        };
        Self { bytes: (0..RECORDS * EACH).map(|_| byte()).collect(), shape }
    }

    /// What the record at `index` is made of.
    pub fn parts(&self, index: usize) -> RecordParts<'_> {
        let (key, value) = self.bytes[index * EACH..][..EACH].split_at(KEY);
        let keyed = self.shape == Shape::Keyed;
        RecordParts {
            timestamp: BASE_TIMESTAMP + i64::try_from(index).unwrap(),
            key: keyed.then_some(key),
            value: Some(value),
            headers: if keyed { &HEADERS } else { &[] },
        }
    }

    /// All of them in one batch, as a Produce request and a Fetch response have it.
    pub fn batch(&self) -> Bytes {
        encode_batch(self)
    }
}

const KEY: usize = 16;
const EACH: usize = KEY + 100;
const HEADERS: [Header<'static>; 1] = [Header::new("trace", Some(b"0123456789abcdef"))];

/// Appends all records to a new batch and seals it.
pub fn encode_batch(contents: &Contents) -> Bytes {
    let buffer = BytesMut::with_capacity(RECORDS * (EACH + 50));
    let mut writer = BatchWriter::new(buffer, Magic::V2, BASE_TIMESTAMP);
    for index in 0..RECORDS {
        writer.append(&contents.parts(index)).unwrap();
    }
    writer.seal(&Seal::default()).unwrap()
}

/// Does the same in the bare loop.
pub fn encode_bare(contents: &Contents) -> Bytes {
    let buffer = Vec::with_capacity(RECORDS * (EACH + 50));
    bare::encode(buffer, RECORDS, |index| contents.parts(index))
}

/// Shows all records of all batches.
pub fn each_record(records: &Bytes, mut look: impl FnMut(&RecordRef<'_>)) {
    for batch in RecordBatches::new(records.clone()) {
        let batch = batch.unwrap().open(&DecompressLimits::default()).unwrap();
        for record in batch.records() {
            look(&record.unwrap());
        }
    }
}

/// Reads all records of all batches, and adds up what they hold.
pub fn decode_borrowed(records: &Bytes) -> i64 {
    let mut sum = 0;
    each_record(records, |r| {
        sum += weigh(r.offset, r.timestamp, r.key, r.value);
        sum += r.headers().map(|h| weigh(0, 0, Some(h.key), h.value)).sum::<i64>();
    });
    sum
}

/// Does the same in the bare loop.
pub fn decode_bare(batch: &Bytes) -> i64 {
    let mut sum = 0;
    bare::read(batch, |r| {
        sum += weigh(r.offset, r.timestamp, r.key, r.value);
        bare::headers(r.headers, |key, value| sum += weigh(0, 0, Some(key), value)).unwrap();
    })
    .unwrap();
    sum
}

/// Reads all records of all batches into a vector.
pub fn decode_owned(records: &Bytes) -> Vec<Record> {
    let mut owned = Vec::new();
    for batch in RecordBatches::new(records.clone()) {
        let batch = batch.unwrap().open(&DecompressLimits::default()).unwrap();
        owned.reserve(batch.record_count() as usize);
        for record in batch.records() {
            owned.push(batch.to_owned(&record.unwrap()));
        }
    }
    owned
}

/// A number made of all that a record or a header holds, so that all of it is read.
pub fn weigh(offset: i64, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> i64 {
    let len = |field: Option<&[u8]>| field.map_or(-1, |f| i64::try_from(f.len()).unwrap_or(0));
    (offset + timestamp) ^ len(key) ^ len(value)
}

/// Ten topics with a hundred partitions each, and no record in them.
pub fn fetch_response(version: i16) -> FetchResponse {
    let partition = |partition_index| PartitionData {
        partition_index,
        high_watermark: 1000,
        last_stable_offset: 1000,
        log_start_offset: 0,
        records: Some(kurier_protocol::Records::default()),
        ..PartitionData::default()
    };
    let topic = |index: u8| FetchableTopicResponse {
        topic: if version <= 12 { topic_name(index) } else { Str::default() },
        topic_id: if version >= 13 { topic_id(index) } else { Uuid::ZERO },
        partitions: (0..100).map(partition).collect(),
    };
    let responses = (0..10).map(topic).collect();
    FetchResponse { responses, ..FetchResponse::default() }
}

/// A hundred topics with ten partitions each, on three brokers.
pub fn metadata_response(version: i16) -> MetadataResponse {
    let broker = |node_id| MetadataResponseBroker {
        node_id,
        host: format!("broker-{node_id}.example.com").into(),
        port: 9092,
        ..MetadataResponseBroker::default()
    };
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: partition_index % 3,
        leader_epoch: if version >= 7 { 4 } else { -1 },
        replica_nodes: vec![0, 1, 2],
        isr_nodes: vec![0, 1, 2],
        ..MetadataResponsePartition::default()
    };
    let topic = |index: u8| MetadataResponseTopic {
        name: Some(topic_name(index)),
        topic_id: if version >= 10 { topic_id(index) } else { Uuid::ZERO },
        partitions: (0..10).map(partition).collect(),
        ..MetadataResponseTopic::default()
    };
    MetadataResponse {
        brokers: (0..3).map(broker).collect(),
        cluster_id: Some("a-cluster".into()),
        controller_id: 1,
        topics: (0..100).map(topic).collect(),
        ..MetadataResponse::default()
    }
}

/// [`fetch_response`] on the wire.
pub fn fetch_bytes(version: i16) -> Bytes {
    encode(&fetch_response(version), version).unwrap()
}

/// [`metadata_response`] on the wire.
pub fn metadata_bytes(version: i16) -> Bytes {
    encode(&metadata_response(version), version).unwrap()
}

fn topic_name(index: u8) -> Str {
    format!("a-topic-of-the-benchmark-{index}").into()
}

fn topic_id(index: u8) -> Uuid {
    Uuid([index + 1; 16])
}
