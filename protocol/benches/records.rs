//! Record batches: a thousand records in and out. Divide a time by a thousand for one record.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails ends")]

mod inputs;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};

use self::inputs::{
    Contents, RECORDS, Shape, bare, decode_bare, decode_borrowed, decode_owned, encode_batch,
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const SHAPES: [Shape; 2] = [Shape::Value, Shape::Keyed];

#[divan::bench(args = SHAPES)]
fn crc(bencher: Bencher<'_, '_>, shape: Shape) {
    let batch = Contents::new(shape).batch();
    counted(bencher).bench(|| crc32c::crc32c(black_box(batch.get(21..).unwrap_or_default())));
}

#[divan::bench(args = SHAPES)]
fn borrowed_bare(bencher: Bencher<'_, '_>, shape: Shape) {
    let batch = Contents::new(shape).batch();
    counted(bencher).bench(|| decode_bare(black_box(&batch)));
}

#[divan::bench(args = SHAPES)]
fn borrowed(bencher: Bencher<'_, '_>, shape: Shape) {
    let batch = Contents::new(shape).batch();
    counted(bencher).bench(|| decode_borrowed(black_box(&batch)));
}

#[divan::bench(args = SHAPES)]
fn owned_bare(bencher: Bencher<'_, '_>, shape: Shape) {
    let batch = Contents::new(shape).batch();
    counted(bencher).bench(|| drop(black_box(bare::owned(black_box(&batch)).unwrap())));
}

#[divan::bench(args = SHAPES)]
fn owned(bencher: Bencher<'_, '_>, shape: Shape) {
    let batch = Contents::new(shape).batch();
    counted(bencher).bench(|| drop(black_box(decode_owned(black_box(&batch)))));
}

#[divan::bench(args = SHAPES)]
fn append_and_seal(bencher: Bencher<'_, '_>, shape: Shape) {
    let contents = Contents::new(shape);
    counted(bencher).bench(|| drop(black_box(encode_batch(black_box(&contents)))));
}

fn counted<'a, 'b>(bencher: Bencher<'a, 'b>) -> Bencher<'a, 'b> {
    bencher.counter(ItemsCount::new(RECORDS))
}
