//! gzip (RFC 1952): own member headers around raw deflate, whose state survives a reset.

use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress, Status};

use super::super::error::RecordError;
use super::super::kind::Compression;
use super::codec::{Decode, Encode};

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const TRAILER_BYTES: usize = 8;
/// Java's default, and Kafka's -1.
const LEVEL_DEFAULT: u32 = 6;
/// Output room to start with, and to add at least.
const STEP_BYTES: usize = 4096;

const FLAG_CRC: u8 = 0x02;
const FLAG_EXTRA: u8 = 0x04;
const FLAG_NAME: u8 = 0x08;
const FLAG_COMMENT: u8 = 0x10;
const FLAGS_RESERVED: u8 = 0xe0;

/// Writes one member a batch.
pub(crate) struct Encoder {
    state: Compress,
    level: u32,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self { state: Compress::new(Level::new(LEVEL_DEFAULT), false), level: LEVEL_DEFAULT }
    }

    fn prepare(&mut self, level: u32) {
        if level == self.level {
            self.state.reset();
        } else {
            *self = Self { state: Compress::new(Level::new(level), false), level };
        }
    }
}

impl Encode for Encoder {
    fn compress(
        &mut self,
        from: &[u8],
        level: Option<i32>,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let level = level.and_then(|l| u32::try_from(l).ok()).unwrap_or(LEVEL_DEFAULT).min(9);
        self.prepare(level);
        into.extend_from_slice(&HEADER);
        into.reserve(from.len() / 2 + STEP_BYTES);
        let mut rest = from;
        loop {
            let before = self.state.total_in();
            let status = self
                .state
                .compress_vec(rest, into, FlushCompress::Finish)
                .map_err(|_| damaged("deflate refused its input"))?;
            rest = advance(rest, self.state.total_in() - before);
            if status == Status::StreamEnd {
                break;
            }
            into.reserve(rest.len() / 2 + STEP_BYTES);
        }
        into.extend_from_slice(&crc32fast::hash(from).to_le_bytes());
        into.extend_from_slice(&length_modulo(from.len()).to_le_bytes());
        Ok(())
    }
}

/// Reads any number of members.
pub(crate) struct Decoder {
    state: Decompress,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self { state: Decompress::new(false) }
    }

    /// Unpacks the member whose deflate stream begins `rest`; returns what follows that stream.
    fn inflate<'a>(
        &mut self,
        mut rest: &'a [u8],
        bytes_max: usize,
        into: &mut Vec<u8>,
    ) -> Result<&'a [u8], RecordError> {
        self.state.reset(false);
        loop {
            grow(into, rest.len(), bytes_max)?;
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let status = self
                .state
                .decompress_vec(rest, into, FlushDecompress::None)
                .map_err(|_| damaged("invalid deflate stream"))?;
            rest = advance(rest, self.state.total_in() - before_in);
            if into.len() > bytes_max {
                return Err(too_long(bytes_max));
            }
            if status == Status::StreamEnd {
                return Ok(rest);
            }
            let stuck = self.state.total_in() == before_in && self.state.total_out() == before_out;
            if stuck && into.len() < into.capacity() {
                return Err(damaged("cut off"));
            }
        }
    }
}

impl Decode for Decoder {
    fn decompress(
        &mut self,
        from: &[u8],
        bytes_max: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let mut rest = from;
        while !rest.is_empty() {
            let start = into.len();
            let body = after_header(rest).ok_or(damaged("not a gzip header"))?;
            let tail = self.inflate(body, bytes_max, into)?;
            let (trailer, next) =
                tail.split_first_chunk::<TRAILER_BYTES>().ok_or(damaged("cut off"))?;
            let member = into.get(start..).unwrap_or_default();
            let sums = [crc32fast::hash(member), length_modulo(member.len())];
            if *trailer.as_slice() != sums.map(u32::to_le_bytes).concat() {
                return Err(damaged("checksum or length of a gzip member differs"));
            }
            rest = next;
        }
        Ok(())
    }
}

/// Skips the header of a member with all its optional fields.
fn after_header(member: &[u8]) -> Option<&[u8]> {
    let (&[0x1f, 0x8b, 8, flags, ..], mut rest) = member.split_first_chunk::<10>()? else {
        return None;
    };
    if flags & FLAGS_RESERVED != 0 {
        return None;
    }
    if flags & FLAG_EXTRA != 0 {
        let (len, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for text in [FLAG_NAME, FLAG_COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|&b| b == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & FLAG_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

/// Makes room for more output: a few times the input first, then twice what there is, and one
/// byte more than the limit at most, so that a longer output shows.
fn grow(into: &mut Vec<u8>, input: usize, bytes_max: usize) -> Result<(), RecordError> {
    if into.len() < into.capacity() {
        return Ok(());
    }
    let left = bytes_max.saturating_add(1).saturating_sub(into.len());
    if left == 0 {
        return Err(too_long(bytes_max));
    }
    let wanted = into.len().max(input.saturating_mul(3)).max(STEP_BYTES);
    into.reserve_exact(wanted.min(left));
    Ok(())
}

fn advance(rest: &[u8], consumed: u64) -> &[u8] {
    usize::try_from(consumed).ok().and_then(|n| rest.get(n..)).unwrap_or_default()
}

/// The length that a member ends with: modulo 2^32.
#[expect(clippy::cast_possible_truncation, reason = "RFC 1952 wants the low 32 bits")]
const fn length_modulo(len: usize) -> u32 {
    len as u32
}

const fn damaged(cause: &'static str) -> RecordError {
    RecordError::Decompress { codec: Compression::Gzip, cause }
}

const fn too_long(bytes_max: usize) -> RecordError {
    RecordError::LimitExceeded { codec: Compression::Gzip, bytes_max }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn concatenated_members_are_read_as_one() {
        let two = [packed(b"one, ", None), packed(b"two", Some(1))].concat();
        assert_eq!(unpacked(&two, 8).unwrap(), b"one, two");
        assert_eq!(unpacked(&two, 7), Err(too_long(7)));
    }

    #[test]
    fn what_is_written_is_read_by_another_reader() {
        use std::io::Read;
        let text = b"a reader of another make ".repeat(4000);
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(&packed(&text, None)[..]).read_to_end(&mut out).unwrap();
        assert_eq!(out, text);
    }

    #[test]
    fn headers_with_every_optional_field_are_skipped() {
        let plain = packed(b"text", None);
        let mut member = vec![0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3];
        member.extend_from_slice(&[3, 0, 1, 2, 3]);
        member.extend_from_slice(b"name\0comment\0");
        member.extend_from_slice(&[9, 9]);
        member.extend_from_slice(&plain[10..]);
        assert_eq!(unpacked(&member, 4).unwrap(), b"text");
        for cut in 0..member.len() {
            assert_eq!(unpacked(&member[..cut], 4).is_err(), cut > 0, "cut at {cut}");
        }
    }

    #[test]
    fn damaged_members_are_refused() {
        let good = packed(&[7; 1000], None);
        for at in [0, 2, 12, good.len() - 8, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            assert!(unpacked(&bad, 1000).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = packed(&vec![0; 8 << 20], Some(9));
        let mut out = Vec::new();
        let bytes_max = 100_000;
        assert_eq!(Decoder::new().decompress(&bomb, bytes_max, &mut out), Err(too_long(bytes_max)));
        assert!(out.capacity() <= 100_001, "{}", out.capacity());
    }

    #[test]
    fn one_encoder_serves_any_levels_in_turn() {
        let (mut encoder, text) = (Encoder::new(), b"abcabcabcabcabc".repeat(50));
        for level in [None, Some(-1), Some(0), Some(1), Some(9), Some(99), None] {
            let mut out = Vec::new();
            encoder.compress(&text, level, &mut out).unwrap();
            assert_eq!(unpacked(&out, 10_000).unwrap(), text, "level {level:?}");
        }
    }
}
