//! rskafka 0.6: copied records in a `Vec`. It speaks Fetch v4 and Metadata up to v4.

use std::hint::black_box;
use std::io::Cursor;

use rskafka::protocol::api_version::ApiVersion;
use rskafka::protocol::messages::{FetchResponse, MetadataResponse, ReadVersionedType};
use rskafka::protocol::primitives::Int16;
use rskafka::protocol::record::{
    ControlBatchOrRecords, Record, RecordBatch, RecordBatchCompression, RecordBatchTimestampType,
    RecordHeader,
};
use rskafka::protocol::traits::{ReadType, WriteType};

use super::{SHAPES, parts, peer};
use crate::cell::{Cell, ITEMS, Task};
use crate::inputs::{self, BASE_TIMESTAMP, Contents, RECORDS, Shape};
use crate::ours::{count, sum};

const WHO: &str = "rskafka 0.6";

pub(super) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (shape, decode, encode) in SHAPES {
        let bytes = Contents::new(shape).batch();
        let wire = i64::try_from(bytes.len()).unwrap();
        cells.push(Cell::new(decode, peer(WHO), ITEMS.into(), move || {
            let batch = RecordBatch::read(&mut Cursor::new(black_box(&bytes))).unwrap();
            match batch.records {
                ControlBatchOrRecords::Records(records) => count(records),
                ControlBatchOrRecords::ControlBatch(_) => -1,
            }
        }));
        let batch = batch(shape);
        cells.push(Cell::new(encode, peer(WHO), wire, move || {
            let mut buffer = Vec::new();
            black_box(&batch).write(&mut buffer).unwrap();
            i64::try_from(black_box(buffer).len()).unwrap()
        }));
    }
    let version = ApiVersion(Int16(4));
    let bytes = inputs::fetch_bytes(4);
    cells.push(Cell::new(Task::Fetch(4), peer(WHO), ITEMS.into(), move || {
        let mut from = Cursor::new(black_box(&bytes));
        let response = FetchResponse::read_versioned(&mut from, version).unwrap();
        sum(black_box(response).responses.iter().map(|topic| topic.partitions.len()))
    }));
    let bytes = inputs::metadata_bytes(4);
    cells.push(Cell::new(Task::Metadata(4), peer(WHO), ITEMS.into(), move || {
        let mut from = Cursor::new(black_box(&bytes));
        let response = MetadataResponse::read_versioned(&mut from, version).unwrap();
        sum(black_box(response).topics.iter().map(|topic| topic.partitions.len()))
    }));
    cells
}

fn batch(shape: Shape) -> RecordBatch {
    let vec = |bytes: bytes::Bytes| bytes.to_vec();
    let each = |part: super::Parts| Record {
        timestamp_delta: part.timestamp_delta,
        offset_delta: part.offset,
        key: part.key.map(vec),
        value: part.value.map(vec),
        headers: part
            .headers
            .into_iter()
            .map(|(key, value)| RecordHeader {
                key: String::from_utf8(key.to_vec()).unwrap(),
                value: value.map(vec).unwrap_or_default(),
            })
            .collect(),
    };
    RecordBatch {
        base_offset: 0,
        partition_leader_epoch: -1,
        last_offset_delta: i32::try_from(RECORDS).unwrap() - 1,
        first_timestamp: BASE_TIMESTAMP,
        max_timestamp: BASE_TIMESTAMP + i64::try_from(RECORDS).unwrap() - 1,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        records: ControlBatchOrRecords::Records(parts(shape).into_iter().map(each).collect()),
        compression: RecordBatchCompression::NoCompression,
        is_transactional: false,
        timestamp_type: RecordBatchTimestampType::CreateTime,
    }
}
