//! Record batches that Apache Kafka's classes made: each is read as they say it reads, and
//! written again.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may panic")]

use bytes::{Bytes, BytesMut};
use kurier_protocol::record::{
    BatchWriter, Compression, DecompressLimits, Header, Magic, OpenBatch, RecordBatch,
    RecordBatches, RecordParts, RecordRef, Seal, TimestampType,
};
use serde_json::{Value, json};

const ROWS: &str = include_str!("golden/record-batches.jsonl");

// Case WIRE-05: batches of magic 0, 1 and 2. Case PURE-11: Java's snappy among them.
#[test]
fn every_batch_reads_as_kafka_says() {
    let mut count = 0;
    for (id, row) in rows() {
        let batches: Vec<Value> =
            batches(&row).map(|batch| described(&batch, &open(&batch))).collect();
        assert_eq!(Value::from(batches), row["batches"], "{id}");
        count += 1;
    }
    if Compression::ALL.into_iter().all(Compression::is_built) {
        assert_eq!(count, 36);
    }
}

#[test]
fn every_batch_is_written_again_to_the_byte_unless_compressed() {
    let (mut plain, mut packed) = (0, 0);
    for (id, row) in rows() {
        for batch in batches(&row) {
            let again = written(&batch, &open(&batch));
            let again = RecordBatches::new(again).next().unwrap().unwrap();
            if batch.compression() == Compression::None {
                assert_eq!(again.bytes(), batch.bytes(), "{id}");
                plain += 1;
            } else {
                let (ours, theirs) = (open(&again), open(&batch));
                assert_eq!(ours.payload(), theirs.payload(), "{id}");
                let without_size = |mut value: Value| {
                    value.as_object_mut().unwrap().remove("size");
                    value
                };
                let (ours, theirs) = (described(&again, &ours), described(&batch, &theirs));
                assert_eq!(without_size(ours), without_size(theirs), "{id}");
                packed += 1;
            }
        }
    }
    assert!(plain > 10, "{plain} plain batches");
    if Compression::ALL.into_iter().all(Compression::is_built) {
        assert!(packed > 10, "{packed} compressed batches");
    }
}

#[test]
fn a_flipped_bit_anywhere_under_the_checksum_is_noticed() {
    for (id, row) in rows() {
        for batch in batches(&row) {
            let from = if batch.magic() == Magic::V2 { 21 } else { 17 };
            for at in (from..batch.bytes().len()).step_by(11) {
                let mut bad = batch.bytes().to_vec();
                bad[at] ^= 1;
                let read = RecordBatches::new(bad.into()).next().unwrap();
                let read = read.and_then(|batch| batch.open(&DecompressLimits::default()));
                assert!(read.is_err(), "{id} at byte {at}");
            }
        }
    }
}

/// The rows whose codecs this build has.
fn rows() -> impl Iterator<Item = (String, Value)> {
    let is_built = |batch: &Value| {
        let codec: Compression = batch["compression"].as_str().unwrap().parse().unwrap();
        codec.is_built()
    };
    ROWS.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(move |row| row["batches"].as_array().unwrap().iter().all(is_built))
        .map(|row| (row["id"].as_str().unwrap().to_owned(), row))
}

fn batches(row: &Value) -> impl Iterator<Item = RecordBatch> {
    let hex = row["hex"].as_str().unwrap();
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let mut batches = RecordBatches::new(bytes.into());
    let all: Vec<_> = batches.by_ref().map(Result::unwrap).collect();
    assert!(!batches.is_partial());
    all.into_iter()
}

fn open(batch: &RecordBatch) -> OpenBatch {
    batch.open(&DecompressLimits::default()).unwrap()
}

/// The batch in the form of the rows.
fn described(batch: &RecordBatch, open: &OpenBatch) -> Value {
    let records: Vec<Value> =
        open.records().map(|record| described_record(batch, &record.unwrap())).collect();
    assert_eq!(records.len(), usize::try_from(open.record_count()).unwrap());
    let mut value = json!({
        "magic": batch.magic().number(),
        "baseOffset": open.base_offset(),
        "lastOffset": batch.last_offset(),
        "compression": batch.compression().name(),
        "timestampType": batch.timestamp_type().map_or("NoTimestampType", TimestampType::name),
        "maxTimestamp": batch.max_timestamp(),
        "producerId": batch.producer_id(),
        "producerEpoch": batch.producer_epoch(),
        "baseSequence": batch.base_sequence(),
        "transactional": batch.is_transactional(),
        "control": batch.is_control(),
        "partitionLeaderEpoch": batch.partition_leader_epoch(),
        "size": batch.bytes().len(),
        "records": records,
    });
    if batch.magic() == Magic::V2 {
        value["count"] = batch.record_count().into();
    }
    value
}

fn described_record(batch: &RecordBatch, record: &RecordRef<'_>) -> Value {
    let headers: Vec<Value> =
        record.headers().map(|h| json!([h.key_str(), h.value.map(hex)])).collect();
    json!({
        "offset": record.offset,
        "timestamp": record.timestamp,
        "sequence": batch.sequence_of(record.offset),
        "key": record.key.map(hex),
        "value": record.value.map(hex),
        "headers": headers,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The batch as our writer writes it.
fn written(batch: &RecordBatch, open: &OpenBatch) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), batch.magic(), batch.base_timestamp());
    if batch.timestamp_type() == Some(TimestampType::LogAppendTime) {
        writer = writer.with_append_time(batch.max_timestamp());
    }
    for record in open.records() {
        let record = record.unwrap();
        let headers: Vec<Header<'_>> = record.headers().collect();
        let delta = i32::try_from(record.offset - open.base_offset()).unwrap();
        let parts = RecordParts {
            timestamp: created_at(batch, open, &record),
            key: record.key,
            value: record.value,
            headers: &headers,
        };
        writer.append_at(delta, &parts).unwrap();
    }
    if batch.magic() == Magic::V2 {
        let last = i32::try_from(batch.last_offset() - batch.base_offset()).unwrap();
        writer.extend_to(last, batch.max_timestamp()).unwrap();
    }
    let seal = Seal {
        compression: batch.compression(),
        base_offset: open.base_offset(),
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        is_transactional: batch.is_transactional(),
        is_control: batch.is_control(),
        partition_leader_epoch: batch.partition_leader_epoch(),
        ..Seal::default()
    };
    writer.seal(&seal).unwrap()
}

/// A batch with append time hides its producer's timestamps; Kafka's classes made those of the
/// rows the same in both kinds of batches.
fn created_at(batch: &RecordBatch, open: &OpenBatch, record: &RecordRef<'_>) -> i64 {
    let hidden =
        batch.magic() == Magic::V2 && batch.timestamp_type() == Some(TimestampType::LogAppendTime);
    match record.offset - open.base_offset() {
        _ if !hidden => record.timestamp,
        0 => batch.base_timestamp(),
        1 => batch.base_timestamp() - 3,
        2 => batch.base_timestamp() + 100_000,
        _ => batch.base_timestamp() + 1,
    }
}
