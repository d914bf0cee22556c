//! Any bytes as a compressed payload: no panic, and no more output than the limit.

use bytes::Bytes;
use kurier_protocol::record::{Compression, DecompressLimits, RecordBatches};

use super::record_batches::repair_checksum;
use crate::arbitrary;
use crate::random::Random;

/// The first byte is the codec; what follows is the payload of a batch whose header is right.
///
/// # Panics
///
/// When decompressing panics, or gives more than the limit.
pub fn decompress(data: &[u8]) {
    let Some(([codec], payload)) = data.split_first_chunk() else { return };
    let mut batch = HEADER.to_vec();
    batch.extend_from_slice(payload);
    let len = u32::try_from(batch.len() - 12).unwrap_or(u32::MAX);
    let codec = codec % 5;
    let fields = [(8, &len.to_be_bytes()[..]), (22, &[codec][..])];
    for (at, value) in fields {
        let places = batch.iter_mut().skip(at);
        places.zip(value).for_each(|(place, byte)| *place = *byte);
    }
    repair_checksum(&mut batch);
    let batch = RecordBatches::new(Bytes::from(batch)).next();
    let Some(Ok(batch)) = batch else { panic!("the header is right") };
    assert_eq!(batch.check_crc(), Ok(()));
    let Ok(open) = batch.open(&DecompressLimits { bytes_max: BYTES_MAX }) else { return };
    let compressed = batch.compression() != Compression::None;
    assert!(!compressed || open.payload().len() <= BYTES_MAX, "{} bytes", open.payload().len());
    open.records().for_each(drop);
}

/// A payload as a codec has written it, often damaged.
pub fn make(random: &mut Random) -> Vec<u8> {
    let (batch, _, compression, _) = arbitrary::batch(random);
    let payload = batch.get(HEADER.len()..).unwrap_or_default();
    let payload = if random.one_in(4) { payload.to_vec() } else { random.damage(payload) };
    [vec![compression.id()], payload].concat()
}

/// The header of a batch of magic 2 with one record.
const HEADER: [u8; 61] = {
    let mut header = [0; 61];
    (header[16], header[60]) = (2, 1);
    header
};

const BYTES_MAX: usize = 1 << 20;
