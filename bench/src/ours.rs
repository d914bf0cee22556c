//! What Kurier does, and the bare loops.

use std::hint::black_box;

use bytes::Bytes;
use kurier_protocol::api::fetch::FetchResponse;
use kurier_protocol::api::metadata::MetadataResponse;
use kurier_protocol::decode;

use crate::cell::{Cell, ITEMS, Keeps, Kind, Task};
use crate::inputs::{self, Contents, Shape, bare};

/// Versions of Fetch: before compact lengths, the last with topic names, the newest.
pub const FETCH: [i16; 3] = [4, 12, 18];
/// Versions of Metadata: before compact lengths, the newest that most peers have.
pub const METADATA: [i16; 2] = [4, 12];

const CRC: (&str, Kind, Keeps) = ("*CRC32C alone*", Kind::Bare, Keeps::Owned);
const BARE: (&str, Kind, Keeps) = ("*bare loop*", Kind::Bare, Keeps::Owned);
const BARE_BORROWED: (&str, Kind, Keeps) = ("*bare loop, borrowed*", Kind::Bare, Keeps::Borrowed);
const BARE_OWNED: (&str, Kind, Keeps) = ("*bare loop, owned*", Kind::Bare, Keeps::Owned);
const OURS: (&str, Kind, Keeps) = ("kurier", Kind::Ours, Keeps::Owned);
const OURS_BORROWED: (&str, Kind, Keeps) = ("kurier, borrowed", Kind::Ours, Keeps::Borrowed);
const OURS_OWNED: (&str, Kind, Keeps) = ("kurier, owned", Kind::Ours, Keeps::Owned);

pub(crate) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (shape, decode, encode) in [
        (Shape::Value, Task::DecodeValue, Task::EncodeValue),
        (Shape::Keyed, Task::DecodeKeyed, Task::EncodeKeyed),
    ] {
        cells.extend(records(shape, decode));
        cells.extend(writing(shape, encode));
    }
    cells.extend(FETCH.iter().flat_map(|version| fetch(*version)));
    cells.extend(METADATA.iter().map(|version| metadata(*version)));
    cells
}

fn records(shape: Shape, task: Task) -> Vec<Cell> {
    let batch = Contents::new(shape).batch();
    let (a, b, c, d, e) =
        (batch.clone(), batch.clone(), batch.clone(), batch.clone(), batch.clone());
    let crc = i64::from(crc32c::crc32c(&batch[21..]));
    let sum = inputs::decode_bare(&batch);
    vec![
        Cell::new(task, CRC, crc, move || crc32c::crc32c(black_box(&a[21..])).into()),
        Cell::new(task, BARE_BORROWED, sum, move || inputs::decode_bare(black_box(&b))),
        Cell::new(task, OURS_BORROWED, sum, move || inputs::decode_borrowed(black_box(&c))),
        Cell::new(task, BARE_OWNED, ITEMS.into(), move || {
            count(bare::owned(black_box(&d)).unwrap_or_default())
        }),
        Cell::new(task, OURS_OWNED, ITEMS.into(), move || {
            count(inputs::decode_owned(black_box(&e)))
        }),
    ]
}

fn writing(shape: Shape, task: Task) -> Vec<Cell> {
    let (contents, same) = (Contents::new(shape), Contents::new(shape));
    let batch = contents.batch();
    assert_eq!(inputs::encode_bare(&contents), batch);
    let length = length(&batch);
    vec![
        Cell::new(task, BARE, length, move || {
            self::length(&inputs::encode_bare(black_box(&contents)))
        }),
        Cell::new(task, OURS, length, move || {
            self::length(&inputs::encode_batch(black_box(&same)))
        }),
    ]
}

fn fetch(version: i16) -> Vec<Cell> {
    let bytes = inputs::fetch_bytes(version);
    let same = bytes.clone();
    let task = Task::Fetch(version);
    let mut cells = Vec::new();
    if version == 12 {
        cells.push(Cell::new(task, BARE, ITEMS.into(), move || {
            let topics = bare::fetch(black_box(&same)).unwrap_or_default();
            sum(black_box(&topics).iter().map(|topic| topic.partitions.len()))
        }));
    }
    cells.push(Cell::new(task, OURS, ITEMS.into(), move || {
        let response = black_box(decode::<FetchResponse>(black_box(&bytes), version));
        sum(response.unwrap_or_default().responses.iter().map(|topic| topic.partitions.len()))
    }));
    cells
}

fn metadata(version: i16) -> Cell {
    let bytes = inputs::metadata_bytes(version);
    Cell::new(Task::Metadata(version), OURS, ITEMS.into(), move || {
        let response = black_box(decode::<MetadataResponse>(black_box(&bytes), version));
        sum(response.unwrap_or_default().topics.iter().map(|topic| topic.partitions.len()))
    })
}

/// How many there are, once the optimiser has to believe that they were made.
pub(crate) fn count<T>(all: Vec<T>) -> i64 {
    i64::try_from(black_box(all).len()).unwrap_or(-1)
}

pub(crate) fn length(bytes: &Bytes) -> i64 {
    i64::try_from(black_box(bytes).len()).unwrap_or(-1)
}

pub(crate) fn sum(counts: impl Iterator<Item = usize>) -> i64 {
    i64::try_from(counts.sum::<usize>()).unwrap_or(-1)
}
