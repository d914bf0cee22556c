//! LZ4 frames: an own frame layer over the block functions, because message sets of magic 0
//! carry a header checksum that the standard calls wrong (KAFKA-3160).
//!
//! ```text
//! 04 22 4d 18 | FLG | BD | content size? | header checksum | { length | block | checksum? }* |
//! 00 00 00 00 | content checksum?
//! ```

use lz4_flex::block::{self, CompressTable, DecompressError};
use twox_hash::XxHash32;

use super::super::error::RecordError;
use super::super::kind::Compression;
use super::codec::{Decode, Encode};

const FRAME_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const VERSION: u8 = 0x40;
const FLAG_INDEPENDENT: u8 = 0x20;
const FLAG_BLOCK_CHECKSUM: u8 = 0x10;
const FLAG_CONTENT_SIZE: u8 = 0x08;
const FLAG_CONTENT_CHECKSUM: u8 = 0x04;
const FLAG_DICTIONARY: u8 = 0x01;
const BLOCK_64_KIB: u8 = 0x40;
/// Set in a block's length when the block is stored as it is.
const STORED: u32 = 1 << 31;
/// What Kafka's Java client writes, and the window that linked blocks look back on.
const BLOCK_BYTES: usize = 64 << 10;
/// No LZ4 sequence gives more: a length byte adds 255 bytes at most.
const RATIO_MAX: usize = 255;

/// Which bytes the checksum of a frame header covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderChecksum {
    /// The descriptor, as the standard says.
    Standard,
    /// Frame magic and descriptor, as Kafka's Java classes had it in magic 0.
    Historic,
}

/// Writes independent blocks of 64 KiB without checksums of their own.
pub(crate) struct Encoder {
    table: CompressTable,
    checksum: HeaderChecksum,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self { table: CompressTable::large(), checksum: HeaderChecksum::Standard }
    }

    pub(crate) const fn set_header_checksum(&mut self, checksum: HeaderChecksum) {
        self.checksum = checksum;
    }
}

impl Encode for Encoder {
    fn compress(
        &mut self,
        from: &[u8],
        _level: Option<i32>,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let descriptor = [VERSION | FLAG_INDEPENDENT, BLOCK_64_KIB];
        into.extend_from_slice(&FRAME_MAGIC);
        into.extend_from_slice(&descriptor);
        into.push(match self.checksum {
            HeaderChecksum::Standard => header_checksum(&descriptor),
            HeaderChecksum::Historic => {
                let [a, b, c, d] = FRAME_MAGIC;
                let [e, f] = descriptor;
                header_checksum(&[a, b, c, d, e, f])
            }
        });
        for plain in from.chunks(BLOCK_BYTES) {
            self.block(plain, into)?;
        }
        into.extend_from_slice(&[0; 4]);
        Ok(())
    }
}

impl Encoder {
    fn block(&mut self, plain: &[u8], into: &mut Vec<u8>) -> Result<(), RecordError> {
        let at = into.len();
        into.resize(at + 4 + block::get_maximum_output_size(plain.len()), 0);
        let (length, room) = into
            .get_mut(at..)
            .and_then(|room| room.split_first_chunk_mut::<4>())
            .ok_or(damaged("no room"))?;
        let len = block::compress_into_with_table(plain, room, &mut self.table)
            .map_err(|_| damaged("no room"))?;
        let (len, flag) = if len < plain.len() { (len, 0) } else { (plain.len(), STORED) };
        *length = (u32::try_from(len).map_err(|_| damaged("no room"))? | flag).to_le_bytes();
        if flag == STORED {
            into.truncate(at + 4);
            into.extend_from_slice(plain);
        } else {
            into.truncate(at + 4 + len);
        }
        Ok(())
    }
}

/// Reads frames of any block size, linked or not, and several after one another.
pub(crate) struct Decoder;

impl Decode for Decoder {
    fn decompress(
        &mut self,
        from: &[u8],
        bytes_max: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let mut rest = from;
        while !rest.is_empty() {
            let frame;
            (frame, rest) = Frame::open(rest)?;
            rest = frame.blocks(rest, bytes_max, into)?;
        }
        Ok(())
    }
}

/// What a frame header says.
struct Frame {
    flags: u8,
    block_bytes_max: usize,
}

impl Frame {
    fn open(from: &[u8]) -> Result<(Self, &[u8]), RecordError> {
        let Some(([flags, block_size], _)) =
            from.strip_prefix(&FRAME_MAGIC).and_then(<[u8]>::split_first_chunk::<2>)
        else {
            return Err(damaged("not an LZ4 frame"));
        };
        let flags = *flags;
        if flags & 0xc0 != VERSION || flags & FLAG_DICTIONARY != 0 {
            return Err(damaged("unknown frame version or dictionary"));
        }
        let block_bytes_max = match (block_size >> 4) & 7 {
            4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => 4 << 20,
            _ => return Err(damaged("unknown block size")),
        };
        let end = if flags & FLAG_CONTENT_SIZE == 0 { 6 } else { 14 };
        let (header, rest) = from.split_at_checked(end).ok_or(damaged("cut off"))?;
        let (&claimed, rest) = rest.split_first().ok_or(damaged("cut off"))?;
        let standard = header.get(FRAME_MAGIC.len()..).unwrap_or_default();
        if claimed != header_checksum(standard) && claimed != header_checksum(header) {
            return Err(damaged("header checksum differs"));
        }
        Ok((Self { flags, block_bytes_max }, rest))
    }

    /// Unpacks all blocks and checks what can be checked; returns what follows the frame.
    fn blocks<'a>(
        &self,
        mut rest: &'a [u8],
        bytes_max: usize,
        into: &mut Vec<u8>,
    ) -> Result<&'a [u8], RecordError> {
        let start = into.len();
        loop {
            let length = take_u32(&mut rest)?;
            if length == 0 {
                break;
            }
            let len = usize::try_from(length & !STORED).unwrap_or(usize::MAX);
            if len > self.block_bytes_max {
                return Err(damaged("a block is longer than the frame allows"));
            }
            let (packed, after) = rest.split_at_checked(len).ok_or(damaged("cut off"))?;
            rest = after;
            if self.flags & FLAG_BLOCK_CHECKSUM != 0 {
                check(take_u32(&mut rest)?, packed)?;
            }
            if length & STORED == 0 {
                self.unpack(packed, start, bytes_max, into)?;
            } else if packed.len() > bytes_max.saturating_sub(into.len()) {
                return Err(too_long(bytes_max));
            } else {
                into.extend_from_slice(packed);
            }
        }
        if self.flags & FLAG_CONTENT_CHECKSUM != 0 {
            check(take_u32(&mut rest)?, into.get(start..).unwrap_or_default())?;
        }
        Ok(rest)
    }

    /// Unpacks one block into room for what it can give, cut to what the limit leaves.
    fn unpack(
        &self,
        packed: &[u8],
        start: usize,
        bytes_max: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let at = into.len();
        let left = bytes_max.saturating_sub(at);
        let most = self.block_bytes_max.min(packed.len().saturating_mul(RATIO_MAX));
        into.resize(at + most.min(left), 0);
        let (before, room) = into.split_at_mut(at);
        let outcome = if self.flags & FLAG_INDEPENDENT != 0 {
            block::decompress_into(packed, room)
        } else {
            let window = before.get(start.max(at.saturating_sub(BLOCK_BYTES))..);
            block::decompress_into_with_dict(packed, room, window.unwrap_or_default())
        };
        match outcome {
            Ok(len) => into.truncate(at + len),
            Err(DecompressError::OutputTooSmall { .. }) if left < most => {
                return Err(too_long(bytes_max));
            }
            Err(_) => return Err(damaged("invalid block")),
        }
        Ok(())
    }
}

fn take_u32(from: &mut &[u8]) -> Result<u32, RecordError> {
    let (bytes, rest) = from.split_first_chunk::<4>().ok_or(damaged("cut off"))?;
    *from = rest;
    Ok(u32::from_le_bytes(*bytes))
}

fn check(claimed: u32, bytes: &[u8]) -> Result<(), RecordError> {
    if claimed == XxHash32::oneshot(0, bytes) {
        return Ok(());
    }
    Err(damaged("checksum differs"))
}

fn header_checksum(covered: &[u8]) -> u8 {
    let [_, _, byte, _] = XxHash32::oneshot(0, covered).to_be_bytes();
    byte
}

const fn damaged(cause: &'static str) -> RecordError {
    RecordError::Decompress { codec: Compression::Lz4, cause }
}

const fn too_long(bytes_max: usize) -> RecordError {
    RecordError::LimitExceeded { codec: Compression::Lz4, bytes_max }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(from: &[u8], checksum: HeaderChecksum) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(), Vec::new());
        encoder.set_header_checksum(checksum);
        encoder.compress(from, None, &mut out).unwrap();
        out
    }

    fn unpacked(from: &[u8], bytes_max: usize) -> Result<Vec<u8>, RecordError> {
        let mut out = Vec::new();
        Decoder.decompress(from, bytes_max, &mut out)?;
        Ok(out)
    }

    /// Repeats over 200,000 bytes, with noise between, so that blocks are packed and stored.
    fn text() -> Vec<u8> {
        let mut seed = 1_u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        };
        let random: Vec<u8> = (0..70_000).map(|_| noise()).collect();
        [&b"kurier ".repeat(10_000)[..], &random, &random].concat()
    }

    #[test]
    fn both_header_checksums_are_written_as_java_does_and_read() {
        // From Kafka's classes: golden rows v1/lz4 and v0/lz4.
        assert_eq!(packed(b"x", HeaderChecksum::Standard)[..7], [4, 34, 77, 24, 96, 64, 0x82]);
        assert_eq!(packed(b"x", HeaderChecksum::Historic)[..7], [4, 34, 77, 24, 96, 64, 0x1a]);
        for checksum in [HeaderChecksum::Standard, HeaderChecksum::Historic] {
            let frame = packed(&text(), checksum);
            assert_eq!(unpacked(&frame, 300_000).unwrap(), text());
        }
        let mut wrong = packed(b"x", HeaderChecksum::Standard);
        wrong[6] ^= 1;
        assert_eq!(unpacked(&wrong, 10), Err(damaged("header checksum differs")));
    }

    #[test]
    fn frames_of_another_make_are_read() {
        use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
        use std::io::Write;
        let all = [BlockMode::Independent, BlockMode::Linked];
        for mode in all {
            for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB] {
                let info = FrameInfo::new()
                    .block_mode(mode)
                    .block_size(size)
                    .block_checksums(true)
                    .content_checksum(true)
                    .content_size(Some(text().len() as u64));
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(&text()).unwrap();
                let mut frame = encoder.finish().unwrap();
                assert_eq!(unpacked(&frame, 300_000).unwrap(), text());
                let last = frame.len() - 1;
                frame[last] ^= 1;
                assert_eq!(unpacked(&frame, 300_000), Err(damaged("checksum differs")));
            }
        }
    }

    #[test]
    fn what_is_written_is_read_by_another_make() {
        use std::io::Read;
        let frame = packed(&text(), HeaderChecksum::Standard);
        let mut out = Vec::new();
        lz4_flex::frame::FrameDecoder::new(&frame[..]).read_to_end(&mut out).unwrap();
        assert_eq!(out, text());
    }

    #[test]
    fn limits_hold_to_the_byte_for_packed_and_stored_blocks() {
        let frame = packed(&text(), HeaderChecksum::Standard);
        let len = text().len();
        assert!(unpacked(&frame, len).is_ok());
        for bytes_max in [0, 1, 65_535, 65_536, len - 1] {
            let mut out = Vec::new();
            assert_eq!(Decoder.decompress(&frame, bytes_max, &mut out), Err(too_long(bytes_max)));
            assert!(out.len() <= bytes_max);
        }
    }

    #[test]
    fn concatenated_frames_are_read_and_cut_ones_refused() {
        let one = packed(b"one one one one one one one", HeaderChecksum::Standard);
        assert_eq!(unpacked(&[&one[..], &one].concat(), 100).unwrap().len(), 54);
        for cut in 1..one.len() {
            assert!(unpacked(&one[..cut], 100).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_tiny_block_of_a_large_block_size_allocates_little() {
        let mut frame = vec![4, 34, 77, 24, 0x60, 0x70, 0];
        frame[6] = header_checksum(&frame[4..6]);
        frame.extend_from_slice(&[2, 0, 0, 0, 0x10, b'a', 0, 0, 0, 0]);
        let mut out = Vec::new();
        Decoder.decompress(&frame, 1 << 27, &mut out).unwrap();
        assert_eq!(out, b"a");
        assert!(out.capacity() <= 2 * RATIO_MAX);
    }
}
