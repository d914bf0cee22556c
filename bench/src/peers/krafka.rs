//! krafka 0.28: owned records in a `Vec`.

use std::hint::black_box;

use krafka::__private::protocol::{
    FetchResponse, MetadataResponse, Record, RecordBatch, RecordHeader, VersionedDecode,
};

use super::{SHAPES, parts, peer};
use crate::cell::{Cell, ITEMS, Task};
use crate::inputs::{self, BASE_TIMESTAMP, Contents, RECORDS, Shape};
use crate::ours::{FETCH, METADATA, count, length, sum};

const WHO: &str = "krafka 0.28.1";

pub(super) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (shape, decode, encode) in SHAPES {
        let bytes = Contents::new(shape).batch();
        let wire = length(&bytes);
        cells.push(Cell::new(decode, peer(WHO), ITEMS.into(), move || {
            count(RecordBatch::decode(&mut black_box(&bytes).clone()).unwrap().records)
        }));
        let batch = batch(shape);
        cells.push(Cell::new(encode, peer(WHO), wire, move || {
            length(&black_box(&batch).encode().unwrap())
        }));
    }
    for version in FETCH {
        let bytes = inputs::fetch_bytes(version);
        cells.push(Cell::new(Task::Fetch(version), peer(WHO), ITEMS.into(), move || {
            let mut bytes = black_box(&bytes).clone();
            let response = FetchResponse::decode_versioned(version, &mut bytes).unwrap();
            sum(black_box(response).responses.iter().map(|topic| topic.partitions.len()))
        }));
    }
    for version in METADATA {
        let bytes = inputs::metadata_bytes(version);
        cells.push(Cell::new(Task::Metadata(version), peer(WHO), ITEMS.into(), move || {
            let mut bytes = black_box(&bytes).clone();
            let response = MetadataResponse::decode_versioned(version, &mut bytes).unwrap();
            sum(black_box(response).topics.iter().map(|topic| topic.partitions.len()))
        }));
    }
    cells
}

fn batch(shape: Shape) -> RecordBatch {
    let mut batch = RecordBatch::new();
    batch.last_offset_delta = i32::try_from(RECORDS).unwrap() - 1;
    batch.base_timestamp = BASE_TIMESTAMP;
    batch.max_timestamp = BASE_TIMESTAMP + i64::try_from(RECORDS).unwrap() - 1;
    for part in parts(shape) {
        let mut record = Record::new(part.key, part.value)
            .with_offset_delta(part.offset)
            .with_timestamp_delta(part.timestamp_delta);
        let header = |(key, value)| RecordHeader { key, value };
        record.headers = part.headers.into_iter().map(header).collect();
        batch.add_record(record);
    }
    batch
}
