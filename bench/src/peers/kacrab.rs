//! kacrab-protocol 0.4: owned records in a `Vec`.

use std::hint::black_box;

use bytes::BytesMut;
use kacrab_protocol::generated::{FetchResponseData, MetadataResponseData};
use kacrab_protocol::record::{Record, RecordBatch, RecordHeader};

use super::{SHAPES, parts, peer};
use crate::cell::{Cell, ITEMS, Task};
use crate::inputs::{self, BASE_TIMESTAMP, Contents, RECORDS, Shape};
use crate::ours::{FETCH, METADATA, count, length, sum};

const WHO: &str = "kacrab-protocol 0.4";

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
            let mut buffer = BytesMut::new();
            black_box(&batch).encode(&mut buffer).unwrap();
            length(&buffer.freeze())
        }));
    }
    for version in FETCH {
        let bytes = inputs::fetch_bytes(version);
        cells.push(Cell::new(Task::Fetch(version), peer(WHO), ITEMS.into(), move || {
            let response =
                FetchResponseData::read(&mut black_box(&bytes).clone(), version).unwrap();
            sum(black_box(response).responses.iter().map(|topic| topic.partitions.len()))
        }));
    }
    for version in METADATA {
        let bytes = inputs::metadata_bytes(version);
        cells.push(Cell::new(Task::Metadata(version), peer(WHO), ITEMS.into(), move || {
            let mut bytes = black_box(&bytes).clone();
            let response = MetadataResponseData::read(&mut bytes, version).unwrap();
            sum(black_box(response).topics.iter().map(|topic| topic.partitions.len()))
        }));
    }
    cells
}

fn batch(shape: Shape) -> RecordBatch {
    let each = |part: super::Parts| Record {
        attributes: 0,
        timestamp_delta: part.timestamp_delta,
        offset_delta: part.offset,
        key: part.key,
        value: part.value,
        headers: part.headers.into_iter().map(|(key, value)| RecordHeader { key, value }).collect(),
    };
    RecordBatch {
        base_offset: 0,
        partition_leader_epoch: -1,
        magic: 2,
        attributes: 0,
        last_offset_delta: i32::try_from(RECORDS).unwrap() - 1,
        first_timestamp: BASE_TIMESTAMP,
        max_timestamp: BASE_TIMESTAMP + i64::try_from(RECORDS).unwrap() - 1,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        records: parts(shape).into_iter().map(each).collect(),
    }
}
