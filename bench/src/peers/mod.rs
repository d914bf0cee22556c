//! What the peers do with the same bytes. Each encodes records that it was given in its own form
//! beforehand, which is not timed.
#![expect(clippy::unwrap_used, reason = "a peer that fails ends the run")]

mod kacrab;
mod kafka_protocol;
mod krafka;
mod rskafka;

use bytes::Bytes;

use crate::cell::{Cell, Keeps, Kind, Task};
use crate::inputs::{BASE_TIMESTAMP, Contents, Shape};

/// The batches that are read and written.
const SHAPES: [(Shape, Task, Task); 2] = [
    (Shape::Value, Task::DecodeValue, Task::EncodeValue),
    (Shape::Keyed, Task::DecodeKeyed, Task::EncodeKeyed),
];

pub(crate) fn cells() -> Vec<Cell> {
    [krafka::cells(), kafka_protocol::cells(), kacrab::cells(), rskafka::cells()]
        .into_iter()
        .flatten()
        .collect()
}

const fn peer(who: &'static str) -> (&'static str, Kind, Keeps) {
    (who, Kind::Peer, Keeps::Owned)
}

/// What a record is made of, owned.
struct Parts {
    offset: i32,
    timestamp_delta: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<(Bytes, Option<Bytes>)>,
}

fn parts(shape: Shape) -> Vec<Parts> {
    let contents = Contents::new(shape);
    let own = Bytes::copy_from_slice;
    let each = |index: usize| {
        let parts = contents.parts(index);
        Parts {
            offset: i32::try_from(index).unwrap(),
            timestamp_delta: parts.timestamp - BASE_TIMESTAMP,
            key: parts.key.map(own),
            value: parts.value.map(own),
            headers: parts.headers.iter().map(|h| (own(h.key), h.value.map(own))).collect(),
        }
    };
    (0..crate::inputs::RECORDS).map(each).collect()
}
