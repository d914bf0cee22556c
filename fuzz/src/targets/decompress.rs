//! Any bytes as a compressed payload: no panic, and no more output than the limit.

use arbitrary::Unstructured;
use bytes::Bytes;
use kurier_protocol::record::{Compression, DecompressLimits, Magic, RecordBatches};

use crate::batch::{batch_as, repair_checksum};
use crate::random::Random;

/// The bytes are a gzip payload, of a batch of magic 2 whose header is right; and of a message of
/// magic 1 and of magic 0.
///
/// # Panics
///
/// When decompressing panics, or gives more than the limit.
pub fn decompress_gzip(data: &[u8]) {
    decompress(Compression::Gzip, data);
}

/// As [`decompress_gzip`], with snappy: raw, or in the framing that Java puts around it.
///
/// # Panics
///
/// As [`decompress_gzip`].
pub fn decompress_snappy(data: &[u8]) {
    decompress(Compression::Snappy, data);
}

/// As [`decompress_gzip`], with LZ4 frames. In magic 0 their header's checksum is Kafka's own.
///
/// # Panics
///
/// As [`decompress_gzip`].
pub fn decompress_lz4(data: &[u8]) {
    decompress(Compression::Lz4, data);
}

/// As [`decompress_gzip`], with Zstandard.
///
/// # Panics
///
/// As [`decompress_gzip`].
pub fn decompress_zstd(data: &[u8]) {
    decompress(Compression::Zstd, data);
}

fn decompress(codec: Compression, payload: &[u8]) {
    for magic in [Magic::V2, Magic::V1, Magic::V0] {
        let batch = RecordBatches::new(around(magic, codec, payload)).next();
        let Some(Ok(batch)) = batch else { panic!("the header is right: {batch:?}") };
        assert_eq!(batch.check_crc(), Ok(()));
        assert_eq!((batch.magic(), batch.compression()), (magic, codec));
        let Ok(open) = batch.open(&LIMITS) else { continue };
        let length = open.payload().len();
        assert!(length <= LIMITS.bytes_max, "{length} bytes");
        open.records().for_each(drop);
    }
}

/// A batch of one record, or a message, around a payload.
fn around(magic: Magic, codec: Compression, payload: &[u8]) -> Bytes {
    let mut header = match magic {
        Magic::V2 => vec![0; 61],
        Magic::V1 => vec![0; 34],
        Magic::V0 => vec![0; 26],
    };
    let header_len = header.len();
    let number = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    let len = number(header_len + payload.len() - 12);
    let mut put = |at: usize, bytes: &[u8]| {
        header.iter_mut().skip(at).zip(bytes).for_each(|(place, byte)| *place = *byte);
    };
    put(8, &len);
    put(16, &[u8::from_be_bytes(magic.number().to_be_bytes())]);
    if magic == Magic::V2 {
        put(22, &[codec.id()]);
        put(57, &number(1));
    } else {
        put(17, &[codec.id()]);
        // No key, and a value as long as the payload.
        put(header_len - 8, &[0xff; 4]);
        put(header_len - 4, &number(payload.len()));
    }
    let mut batch = [&header, payload].concat();
    repair_checksum(&mut batch);
    batch.into()
}

pub(super) fn make_gzip(random: &mut Random) -> Vec<u8> {
    make(random, Compression::Gzip)
}

pub(super) fn make_snappy(random: &mut Random) -> Vec<u8> {
    make(random, Compression::Snappy)
}

pub(super) fn make_lz4(random: &mut Random) -> Vec<u8> {
    make(random, Compression::Lz4)
}

pub(super) fn make_zstd(random: &mut Random) -> Vec<u8> {
    make(random, Compression::Zstd)
}

/// A payload as the codec has written it, often damaged.
fn make(random: &mut Random, codec: Compression) -> Vec<u8> {
    let old = codec != Compression::Zstd && random.one_in(3);
    let (magic, header) = if old { (Magic::V1, 34) } else { (Magic::V2, 61) };
    let data = random.bytes(3000);
    let made = batch_as(magic, codec, &mut Unstructured::new(&data)).expect("no error");
    let payload = made.bytes.get(header..).unwrap_or_default();
    if random.one_in(4) { payload.to_vec() } else { random.damage(payload) }
}

const LIMITS: DecompressLimits = DecompressLimits { bytes_max: 1 << 20, ratio_max: 1 << 12 };
