//! Any bytes as record batches: no panic, no more output than the limit, no offset out of order.

use bytes::Bytes;
use kurier_protocol::record::{
    Compressor, DecompressLimits, Decompressor, Magic, RecordBatches, Stamp, convert, stamp,
};

use crate::arbitrary;
use crate::random::Random;

/// The bytes are what a Fetch answer's `records` holds.
///
/// # Panics
///
/// When reading, converting or stamping panics, or when a batch opens to more than the limit.
pub fn record_batches(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let limits = DecompressLimits { bytes_max: BYTES_MAX };
    let mut decompressor = Decompressor::new(limits);
    let mut batches = RecordBatches::new(bytes.clone());
    let mut taken = 0;
    for batch in batches.by_ref().map_while(Result::ok) {
        taken += batch.bytes().len();
        let Ok(open) = batch.open_with(&mut decompressor) else { continue };
        // An uncompressed batch is as long as it is; the limit is for what was compressed.
        let bytes_max = BYTES_MAX.max(data.len());
        assert!(open.payload().len() <= bytes_max, "{} bytes", open.payload().len());
        for record in open.records().map_while(Result::ok) {
            assert!(record.body_bytes() <= bytes_max);
            assert!(record.headers().map(|header| header.key.len()).sum::<usize>() <= bytes_max);
            assert_eq!(open.to_owned(&record).key(), record.key);
        }
        decompressor.reclaim(open);
    }
    assert!(taken + batches.remaining() <= data.len(), "batches overlap");
    let mut compressor = Compressor::new();
    // Whether these succeed does not matter here; that they return does.
    for magic in [Magic::V0, Magic::V1, Magic::V2] {
        let _ = convert(&bytes, magic, &mut decompressor, &mut compressor);
    }
    let append_time = data.first().filter(|byte| **byte > 0x7f).map(|_| 1_700_000_000_000);
    let to = Stamp { base_offset: 1000, partition_leader_epoch: 3, append_time };
    let _ = stamp(&bytes, &to, &mut decompressor, &mut compressor);
}

/// A few batches, often damaged, the checksum of the first one often made right again.
pub fn make(random: &mut Random) -> Vec<u8> {
    let batches: Vec<_> = (0..=random.below(3)).map(|_| arbitrary::batch(random).0).collect();
    let bytes = batches.concat();
    if random.one_in(4) {
        return bytes;
    }
    let mut bytes = random.damage(&bytes);
    if random.one_in(2) {
        repair_checksum(&mut bytes);
    }
    bytes
}

/// Makes the checksum of a batch of magic 2 right, if it is whole.
pub fn repair_checksum(bytes: &mut [u8]) {
    let len = bytes.get(8..12).and_then(|len| len.try_into().ok()).map_or(0, i32::from_be_bytes);
    let end = usize::try_from(len).unwrap_or(0).saturating_add(12).min(bytes.len());
    let Some(checksum) = bytes.get(21..end).map(crc32c::crc32c) else { return };
    if let Some(place) = bytes.get_mut(17..21) {
        place.copy_from_slice(&checksum.to_be_bytes());
    }
}

const BYTES_MAX: usize = 1 << 20;
