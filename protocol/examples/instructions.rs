//! Does one piece of work, for `ci/instructions` to count what the processor executes.
//!
//! Without an argument it prints the names of the pieces; with a name it does that piece twice, the
//! second time inside of [`measured`], which is all that is counted.
#![expect(clippy::unwrap_used, reason = "work that fails ends the run")]

#[path = "../benches/inputs/mod.rs"]
mod inputs;

use std::hint::black_box;

use kurier_protocol::api::fetch::FetchResponse;
use kurier_protocol::api::metadata::MetadataResponse;
use kurier_protocol::{Message, decode, encode};

use self::inputs::{
    Contents, Shape, decode_borrowed, decode_owned, encode_batch, fetch_bytes, fetch_response,
    metadata_bytes, metadata_response,
};

/// A name and its work. Each is for a thousand records or partitions.
type Piece = (&'static str, fn() -> Box<dyn Fn()>);

const PIECES: [Piece; 12] = [
    ("append-and-seal", || writes(Shape::Value)),
    ("append-and-seal-keyed", || writes(Shape::Keyed)),
    ("borrowed", || borrows(Shape::Value)),
    ("borrowed-keyed", || borrows(Shape::Keyed)),
    ("owned", || owns(Shape::Value)),
    ("owned-keyed", || owns(Shape::Keyed)),
    ("fetch-4-decode", || decodes::<FetchResponse>(fetch_bytes(4), 4)),
    ("fetch-12-decode", || decodes::<FetchResponse>(fetch_bytes(12), 12)),
    ("fetch-18-decode", || decodes::<FetchResponse>(fetch_bytes(18), 18)),
    ("fetch-18-encode", || encodes(fetch_response(18), 18)),
    ("metadata-13-decode", || decodes::<MetadataResponse>(metadata_bytes(13), 13)),
    ("metadata-13-encode", || encodes(metadata_response(13), 13)),
];

fn main() {
    let Some(name) = std::env::args().nth(1) else {
        PIECES.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let (_, make) = PIECES.iter().find(|(known, _)| *known == name).unwrap();
    let work = make();
    work(); // what is done only once, such as asking what the processor can do
    measured(&*work);
}

#[inline(never)]
fn measured(work: &dyn Fn()) {
    black_box(work)();
}

fn writes(shape: Shape) -> Box<dyn Fn()> {
    let contents = Contents::new(shape);
    Box::new(move || drop(black_box(encode_batch(black_box(&contents)))))
}

fn borrows(shape: Shape) -> Box<dyn Fn()> {
    let batch = Contents::new(shape).batch();
    Box::new(move || {
        black_box(decode_borrowed(black_box(&batch)));
    })
}

fn owns(shape: Shape) -> Box<dyn Fn()> {
    let batch = Contents::new(shape).batch();
    Box::new(move || drop(black_box(decode_owned(black_box(&batch)))))
}

fn decodes<M: Message>(bytes: kurier_protocol::Bytes, version: i16) -> Box<dyn Fn()> {
    Box::new(move || drop(black_box(decode::<M>(black_box(&bytes), version).unwrap())))
}

fn encodes<M: Message>(message: M, version: i16) -> Box<dyn Fn()> {
    Box::new(move || drop(black_box(encode(black_box(&message), version).unwrap())))
}
