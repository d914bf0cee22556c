//! What either zstd backend must keep.

use super::super::error::RecordError;
use super::codec::{Decode, Encode};
use super::zstd::{Decoder, Encoder};

fn packed(from: &[u8], level: Option<i32>) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new().compress(from, level, &mut out).unwrap();
    out
}

fn unpacked(from: &[u8], bytes_max: usize) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::new();
    Decoder::new().decompress(from, bytes_max, &mut out)?;
    Ok(out)
}

fn is_over(outcome: Result<Vec<u8>, RecordError>) -> bool {
    matches!(outcome, Err(RecordError::LimitExceeded { .. }))
}

#[test]
fn every_level_of_kafkas_scale_is_taken() {
    let text = b"a level of Kafka's scale ".repeat(100);
    for level in [None, Some(i32::MIN), Some(-7), Some(-1), Some(0), Some(3), Some(22)] {
        let frame = packed(&text, level);
        if level != Some(i32::MIN) {
            assert!(frame.len() < text.len() / 2, "level {level:?}");
        }
        assert_eq!(unpacked(&frame, text.len()).unwrap(), text, "level {level:?}");
    }
}

#[test]
fn frames_carry_their_content_size_and_no_checksum() {
    for len in [0, 1, 255, 256, 65_791, 65_792, 300_000] {
        let frame = packed(&vec![b'k'; len], None);
        let flags = frame[4];
        let single_segment = flags & 0x20 != 0;
        assert_eq!(flags & 0x04, 0, "checksum at {len}");
        let at = if single_segment { 5 } else { 6 };
        let size = match flags >> 6 {
            0 if single_segment => usize::from(frame[at]),
            1 => usize::from(u16::from_le_bytes([frame[at], frame[at + 1]])) + 256,
            2 => u32::from_le_bytes(frame[at..at + 4].try_into().unwrap()) as usize,
            other => panic!("no content size at {len}: {other}"),
        };
        assert_eq!(size, len);
    }
}

#[test]
fn one_context_reads_and_writes_many_batches() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    for round in 0..20_u8 {
        let text = vec![round; usize::from(round) * 1000];
        let (mut frame, mut out) = (Vec::new(), Vec::new());
        encoder.compress(&text, Some(i32::from(round) - 5), &mut frame).unwrap();
        decoder.decompress(&frame, 1 << 27, &mut out).unwrap();
        assert_eq!(out, text);
        let cut = &frame[..frame.len() - 1];
        out.clear();
        assert!(decoder.decompress(cut, 1 << 27, &mut out).is_err());
    }
}

#[test]
fn concatenated_frames_are_read() {
    let two = [packed(b"one, ", None), packed(b"two", None)].concat();
    assert_eq!(unpacked(&two, 8).unwrap(), b"one, two");
    assert!(is_over(unpacked(&two, 7)));
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let bomb = packed(&vec![0; 8 << 20], None);
    for bytes_max in [0, 1000, 1 << 20, (8 << 20) - 1] {
        assert!(is_over(unpacked(&bomb, bytes_max)), "limit {bytes_max}");
    }
}

#[test]
fn frames_without_content_size_obey_the_limit() {
    // Magic, no content size, window of 1 MiB; RLE blocks of 128 KiB, the last one last.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50];
    for block in 0..20_u32 {
        let header = (128 << 10) << 3 | 1 << 1 | u32::from(block == 19);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(b'z');
    }
    assert_eq!(unpacked(&frame, 20 * (128 << 10)).unwrap().len(), 20 * (128 << 10));
    assert!(is_over(unpacked(&frame, 20 * (128 << 10) - 1)));
    assert!(is_over(unpacked(&frame, 5)));
}

#[test]
fn a_claimed_content_size_is_not_allocated() {
    // A single segment that claims 100 MiB and holds one empty last block.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    frame.extend_from_slice(&(100_u32 << 20).to_le_bytes());
    frame.extend_from_slice(&[1, 0, 0]);
    let mut out = Vec::new();
    let outcome = Decoder::new().decompress(&frame, 1 << 27, &mut out);
    // The C library does not compare the sizes when the last block is empty.
    assert!(outcome.is_err() || cfg!(feature = "zstd-c"));
    assert!(out.capacity() < 1 << 20, "{}", out.capacity());
}
