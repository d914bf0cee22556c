//! Messages of a thousand partitions in and out. Divide a time by a thousand for one partition.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails ends")]

mod inputs;

use bytes::Bytes;
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use kurier_protocol::api::fetch::FetchResponse;
use kurier_protocol::api::metadata::MetadataResponse;
use kurier_protocol::{Message, decode, encode};

use self::inputs::{PARTITIONS, fetch_bytes, fetch_response, metadata_bytes, metadata_response};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Before compact lengths, the last with topic names, the newest.
const FETCH: [i16; 3] = [4, 12, 18];
const METADATA: [i16; 3] = [4, 8, 13];

#[divan::bench(args = FETCH)]
fn fetch_decode(bencher: Bencher<'_, '_>, version: i16) {
    check_decode::<FetchResponse>(bencher, &fetch_bytes(version), version);
}

#[divan::bench(args = FETCH)]
fn fetch_encode(bencher: Bencher<'_, '_>, version: i16) {
    check_encode(bencher, &fetch_response(version), version);
}

#[divan::bench(args = METADATA)]
fn metadata_decode(bencher: Bencher<'_, '_>, version: i16) {
    check_decode::<MetadataResponse>(bencher, &metadata_bytes(version), version);
}

#[divan::bench(args = METADATA)]
fn metadata_encode(bencher: Bencher<'_, '_>, version: i16) {
    check_encode(bencher, &metadata_response(version), version);
}

fn check_decode<M: Message>(bencher: Bencher<'_, '_>, bytes: &Bytes, version: i16) {
    bencher
        .counter(ItemsCount::new(PARTITIONS))
        .bench(|| drop(black_box(decode::<M>(black_box(bytes), version).unwrap())));
}

fn check_encode<M: Message>(bencher: Bencher<'_, '_>, message: &M, version: i16) {
    bencher
        .counter(ItemsCount::new(PARTITIONS))
        .bench(|| drop(black_box(encode(black_box(message), version).unwrap())));
}
