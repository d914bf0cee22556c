//! kafka-protocol 0.18: owned records in a `Vec`, headers in a map.

use std::hint::black_box;

use bytes::BytesMut;
use kafka_protocol::messages::{FetchResponse, MetadataResponse};
use kafka_protocol::protocol::{Decodable, StrBytes};
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use super::{SHAPES, parts, peer};
use crate::cell::{Cell, ITEMS, Task};
use crate::inputs::{self, BASE_TIMESTAMP, Contents, Shape};
use crate::ours::{FETCH, METADATA, count, length, sum};

const WHO: &str = "kafka-protocol 0.18";

pub(super) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (shape, decode, encode) in SHAPES {
        let bytes = Contents::new(shape).batch();
        let wire = length(&bytes);
        cells.push(Cell::new(decode, peer(WHO), ITEMS.into(), move || {
            count(RecordBatchDecoder::decode(&mut black_box(&bytes).clone()).unwrap().records)
        }));
        let records = records(shape);
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        cells.push(Cell::new(encode, peer(WHO), wire, move || {
            let mut buffer = BytesMut::new();
            RecordBatchEncoder::encode(&mut buffer, black_box(&records), &options).unwrap();
            length(&buffer.freeze())
        }));
    }
    for version in FETCH {
        let bytes = inputs::fetch_bytes(version);
        cells.push(Cell::new(Task::Fetch(version), peer(WHO), ITEMS.into(), move || {
            let response = FetchResponse::decode(&mut black_box(&bytes).clone(), version).unwrap();
            sum(black_box(response).responses.iter().map(|topic| topic.partitions.len()))
        }));
    }
    for version in METADATA {
        let bytes = inputs::metadata_bytes(version);
        cells.push(Cell::new(Task::Metadata(version), peer(WHO), ITEMS.into(), move || {
            let mut bytes = black_box(&bytes).clone();
            let response = MetadataResponse::decode(&mut bytes, version).unwrap();
            sum(black_box(response).topics.iter().map(|topic| topic.partitions.len()))
        }));
    }
    cells
}

/// The sequence must advance with the offset, or each record becomes a batch of its own.
fn records(shape: Shape) -> Vec<Record> {
    let each = |part: super::Parts| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: part.offset.into(),
        sequence: part.offset,
        timestamp: BASE_TIMESTAMP + part.timestamp_delta,
        key: part.key,
        value: part.value,
        headers: part
            .headers
            .into_iter()
            .map(|(key, value)| (StrBytes::try_from(key).unwrap(), value))
            .collect(),
    };
    parts(shape).into_iter().map(each).collect()
}
