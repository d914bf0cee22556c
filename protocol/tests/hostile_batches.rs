//! Compressed batches that lie about what they hold, or hold far too much, cost next to nothing;
//! and those that others frame in their own way are read.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::io::Write;

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use flate2::write::GzEncoder;
use kurier_protocol::limits::MESSAGE_SET_NESTING_MAX;
use kurier_protocol::record::{
    BatchWriter, Compression, DecompressLimits, Magic, RecordBatches, RecordError, RecordParts,
    Seal,
};

/// What opening a batch of a lie may have in use: tables of a codec, and a first buffer.
const LIE_BYTES_MAX: u64 = 1 << 20;
/// What a bomb may unpack to here, and what opening it may have in use.
const BOMB_LIMITS: DecompressLimits = DecompressLimits { bytes_max: 1 << 20, ratio_max: 1 << 12 };
const BOMB_BYTES_MAX: u64 = 6 << 20;

fn formats() -> impl Iterator<Item = (Magic, Compression)> {
    let every = |magic| Compression::ALL.into_iter().map(move |compression| (magic, compression));
    let all = [Magic::V0, Magic::V1, Magic::V2].into_iter().flat_map(every);
    all.filter(|&(magic, codec)| {
        codec != Compression::None && codec.is_built() && is_in(codec, magic)
    })
}

/// Zstandard came after magic 0 and 1.
fn is_in(codec: Compression, magic: Magic) -> bool {
    magic == Magic::V2 || codec != Compression::Zstd
}

// Case WIRE-02.
#[test]
fn snappy_is_read_raw_framed_and_in_frames_behind_each_other() {
    let records = record_of_magic_2();
    let (front, back) = records.split_at(5);
    let framed = |pieces: &[&[u8]]| {
        let blocks = pieces.iter().flat_map(|piece| {
            let raw = snappy(piece);
            [length(raw.len()).to_vec(), raw].concat()
        });
        [XERIAL.to_vec(), blocks.collect()].concat()
    };
    let forms = [
        ("raw", snappy(&records)),
        ("one block", framed(&[&records])),
        ("two blocks", framed(&[front, back])),
        ("an empty block between", framed(&[front, &[], back])),
        ("two streams", [framed(&[front]), framed(&[back])].concat()),
        ("three streams", [framed(&[front]), framed(&[]), framed(&[back])].concat()),
    ];
    for (form, payload) in forms {
        let batch = around(Magic::V2, Compression::Snappy, &payload);
        let open = opened(&batch, &DecompressLimits::default());
        let open = open.unwrap_or_else(|error| panic!("{form}: {error}"));
        let record = open.records().next().unwrap().unwrap();
        assert_eq!(record.value, Some(&b"value"[..]), "{form}");
    }
}

// Case WIRE-08.
#[test]
fn a_length_that_a_codec_claims_makes_no_room() {
    let tail = [0; 60];
    let huge = 0x7fff_ffff_usize;
    let lies: [(Compression, &str, Vec<u8>); 8] = [
        (Compression::Snappy, "raw", [&[0xff, 0xff, 0xff, 0xff, 0x0f], &tail[..]].concat()),
        (Compression::Snappy, "block", [XERIAL, &length(huge), &tail].concat()),
        (
            Compression::Snappy,
            "raw in block",
            [XERIAL, &length(65), &[0xff, 0xff, 0xff, 0xff, 0x0f], &tail].concat(),
        ),
        (Compression::Lz4, "content", lz4(1 << 62)),
        (Compression::Lz4, "block", [&lz4(1 << 40)[..], &0x7fff_ffff_u32.to_le_bytes()].concat()),
        (Compression::Gzip, "size", [&gzip(b"")[..16], &[0xff; 4]].concat()),
        // One segment, and a content size of eight bytes: 2^40.
        (
            Compression::Zstd,
            "content",
            [ZSTD, &[0xe0, 0, 0, 0, 0, 0, 1, 0, 0], &tail[..20]].concat(),
        ),
        // The largest window that a frame can name.
        (Compression::Zstd, "window", [ZSTD, &[0x00, 0xff, 0x03, 0x00, 0x00], &tail].concat()),
    ];
    for (codec, what, payload) in lies {
        for magic in [Magic::V0, Magic::V1, Magic::V2].into_iter().filter(|m| is_in(codec, *m)) {
            let batch = around(magic, codec, &payload);
            let found = measure(|| {
                let limits = DecompressLimits::default();
                assert!(opened(&batch, &limits).is_err(), "{magic} {codec} {what}");
            });
            assert!(
                found.bytes_max < LIE_BYTES_MAX,
                "{magic} {codec} {what}: {} bytes of {}",
                found.bytes_max,
                batch.len(),
            );
        }
    }
}

// Case WIRE-11.
#[test]
fn a_bomb_is_refused_at_its_limit() {
    let zeros = vec![0; 64 << 20];
    for (magic, compression) in formats() {
        let bomb = sealed(magic, compression, &zeros);
        let found = measure(|| {
            let refused = opened(&bomb, &BOMB_LIMITS).map(drop).unwrap_err();
            let limit = matches!(refused, RecordError::LimitExceeded { .. });
            assert!(limit, "{magic} {compression}: {refused}");
        });
        assert!(
            found.bytes_max < BOMB_BYTES_MAX,
            "{magic} {compression}: {} bytes",
            found.bytes_max
        );
    }
}

// Case WIRE-11.
#[test]
fn a_message_set_in_a_message_set_in_a_message_set_is_refused_unread() {
    assert_eq!(MESSAGE_SET_NESTING_MAX, 1);
    let zeros = vec![0; 16 << 20];
    for magic in [Magic::V0, Magic::V1] {
        let inner = sealed(magic, Compression::Gzip, &zeros);
        let outer = around(magic, Compression::Gzip, &gzip(&inner));
        let found = measure(|| {
            let open = opened(&outer, &BOMB_LIMITS);
            let read = open.and_then(|open| open.records().try_for_each(|record| record.map(drop)));
            assert!(read.is_err(), "{magic}");
        });
        assert!(found.bytes_max < BOMB_BYTES_MAX, "{magic}: {} bytes", found.bytes_max);
    }
}

fn opened(
    records: &Bytes,
    limits: &DecompressLimits,
) -> Result<kurier_protocol::record::OpenBatch, RecordError> {
    RecordBatches::new(records.clone()).next().unwrap()?.open(limits)
}

/// A batch of one record.
fn sealed(magic: Magic, compression: Compression, value: &[u8]) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), magic, 0);
    writer.append(&RecordParts { value: Some(value), ..RecordParts::default() }).unwrap();
    writer.seal(&Seal { compression, ..Seal::default() }).unwrap()
}

/// The only record of a batch of magic 2, without the batch.
fn record_of_magic_2() -> Bytes {
    sealed(Magic::V2, Compression::None, b"value").slice(61..)
}

/// A batch of one record, or a message, around a payload, with its checksum right.
fn around(magic: Magic, codec: Compression, payload: &[u8]) -> Bytes {
    let head = |len: usize| [&[0; 8][..], &length(len + payload.len())].concat();
    if magic == Magic::V2 {
        let mut rest = vec![0; 40];
        *rest.get_mut(1).unwrap() = codec.id();
        *rest.last_mut().unwrap() = 1;
        rest.extend_from_slice(payload);
        let crc = crc32c(&rest);
        return [&head(49)[..], &[0, 0, 0, 0, 2], &crc, &rest].concat().into();
    }
    let time = if magic == Magic::V1 { 8 } else { 0 };
    let number = u8::try_from(magic.number()).unwrap();
    let mut rest = vec![number, codec.id()];
    rest.resize(2 + time, 0);
    rest.extend([0xff; 4]);
    rest.extend(length(payload.len()));
    rest.extend_from_slice(payload);
    let mut crc = flate2::Crc::new();
    crc.update(&rest);
    [&head(14 + time)[..], &crc.sum().to_be_bytes(), &rest].concat().into()
}

/// Raw snappy, all of it literal.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    assert!(length < 60, "longer literals have another tag");
    let literal = if length == 0 { vec![] } else { [&[(length - 1) << 2], bytes].concat() };
    [vec![length], literal].concat()
}

/// An LZ4 frame that claims a content size, with a block of one byte.
fn lz4(content_bytes: u64) -> Vec<u8> {
    use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
    let info = FrameInfo::new().content_size(Some(content_bytes)).block_size(BlockSize::Max4MB);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(b"x").unwrap();
    encoder.flush().unwrap();
    encoder.get_ref().clone()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap().to_be_bytes()
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    (!crc).to_be_bytes()
}

/// What Java puts before snappy: a magic, its version and the lowest that can read it.
const XERIAL: &[u8] = &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
/// The magic of a Zstandard frame.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
