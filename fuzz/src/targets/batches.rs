//! Any bytes as record batches: no panic, no more output than the limit, no overlap.

use arbitrary::Unstructured;
use bytes::Bytes;
use kurier_protocol::record::control::{ControlType, EndTransaction};
use kurier_protocol::record::{
    Compressor, DecompressLimits, Decompressor, Magic, ProducerStamp, RecordBatches, Stamp,
    convert, stamp, stamp_producer,
};

use crate::batch::{self, Fault, repair_checksum};
use crate::random::Random;

/// The bytes are what a Fetch answer's `records` holds. The format of each batch is made 2 and its
/// checksum right, if the first byte of the bytes is odd.
///
/// # Panics
///
/// When reading, converting or stamping panics, or when a batch opens to more than the limit.
pub fn batch_v2(data: &[u8]) {
    records(data, |odd, bytes| {
        if odd {
            force(bytes, 2);
        }
    });
}

/// As [`batch_v2`], with formats 0 and 1.
///
/// # Panics
///
/// As [`batch_v2`].
pub fn batch_v0_v1(data: &[u8]) {
    records(data, |odd, bytes| {
        let magic = bytes.get(16).map_or(0, |magic| magic & 1);
        if odd {
            force(bytes, magic);
        }
    });
}

/// Makes the format and the checksum of the first batch right.
fn force(bytes: &mut [u8], magic: u8) {
    bytes.iter_mut().skip(16).take(1).for_each(|byte| *byte = magic);
    repair_checksum(bytes);
}

fn records(data: &[u8], prepare: fn(bool, &mut [u8])) {
    let Some(([first], rest)) = data.split_first_chunk() else { return };
    let mut bytes = rest.to_vec();
    prepare(first & 1 == 1, &mut bytes);
    let bytes = Bytes::from(bytes);
    read(&bytes);
    // Whether these succeed does not matter here; that they return does.
    let mut decompressor = Decompressor::new(LIMITS);
    let mut compressor = Compressor::new();
    for magic in [Magic::V0, Magic::V1, Magic::V2] {
        if let Ok(converted) = convert(&bytes, magic, &mut decompressor, &mut compressor) {
            read(&converted);
        }
    }
    let append_time = (first & 2 == 2).then_some(1_700_000_000_000);
    let to = Stamp { base_offset: 1000, partition_leader_epoch: 3, append_time };
    let _ = stamp(&bytes, &to, &mut decompressor, &mut compressor);
    let producer = ProducerStamp { producer_id: 7, producer_epoch: 1, base_sequence: 5 };
    if let Some(Ok(batch)) = RecordBatches::new(bytes).next()
        && let Ok(stamped) = stamp_producer(batch.bytes(), &producer)
    {
        assert_eq!(stamped.len(), batch.bytes().len());
    }
}

fn read(bytes: &Bytes) {
    let mut decompressor = Decompressor::new(LIMITS);
    let mut batches = RecordBatches::new(bytes.clone());
    let mut taken = 0;
    for batch in batches.by_ref().map_while(Result::ok) {
        taken += batch.bytes().len();
        let _ = (batch.last_sequence(), batch.delete_horizon_ms(), batch.sequence_of(7));
        let Ok(open) = batch.open_with(&mut decompressor) else { continue };
        // An uncompressed batch is as long as it is; the limit is for what was compressed.
        let bytes_max = LIMITS.bytes_max.max(bytes.len());
        assert!(open.payload().len() <= bytes_max, "{} bytes", open.payload().len());
        let mut body_bytes = 0;
        for record in open.records().map_while(Result::ok) {
            body_bytes += record.body_bytes();
            let _ = (ControlType::of(&record), EndTransaction::of(&record));
            let owned = open.to_owned(&record);
            assert_eq!((owned.key(), owned.value()), (record.key, record.value));
            assert!(owned.headers().eq(record.headers()));
        }
        assert!(body_bytes <= open.payload().len(), "records overlap");
        decompressor.reclaim(open);
    }
    assert!(taken + batches.remaining() <= bytes.len(), "batches overlap");
}

/// A few batches of magic 2, often damaged.
pub(super) fn make_v2(random: &mut Random) -> Vec<u8> {
    make(random, &[Magic::V2])
}

/// A few batches of magic 0 and 1, often damaged.
pub(super) fn make_v0_v1(random: &mut Random) -> Vec<u8> {
    make(random, &[Magic::V0, Magic::V1])
}

fn make(random: &mut Random, magics: &[Magic]) -> Vec<u8> {
    let mut bytes = random.some(1);
    for _ in 0..=random.below(2) {
        let at = random.below(magics.len());
        let magic = magics.get(at).copied().unwrap_or(Magic::V2);
        let data = random.bytes(2000);
        let made = batch::batch_of(magic, &mut Unstructured::new(&data)).expect("no error");
        let fault = Fault::ALL.get(random.below(Fault::ALL.len()));
        match fault.filter(|_| magic == Magic::V2 && random.one_in(4)) {
            Some(fault) => bytes.extend(fault.of(&made.bytes)),
            None => bytes.extend_from_slice(&made.bytes),
        }
    }
    if random.one_in(4) { bytes } else { random.damage(&bytes) }
}

const LIMITS: DecompressLimits = DecompressLimits { bytes_max: 1 << 18, ratio_max: 1 << 12 };
