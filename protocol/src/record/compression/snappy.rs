//! Snappy: written in the block framing of Java's library (xerial), read with or without it.
//!
//! ```text
//! 82 'SNAPPY' 00 | version 1 | compatible version 1 | { length | raw snappy block }*
//! ```

use snap::raw;

use super::super::error::RecordError;
use super::super::kind::Compression;
use super::codec::{Decode, Encode};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
/// Java's block size.
const BLOCK_BYTES: usize = 32 << 10;
/// No snappy element gives more: a copy of 64 bytes takes three.
const RATIO_MAX: usize = 22;

/// Writes framed blocks of 32 KiB.
pub(crate) struct Encoder(raw::Encoder);

impl Encoder {
    pub(crate) fn new() -> Self {
        Self(raw::Encoder::new())
    }
}

impl Encode for Encoder {
    fn compress(
        &mut self,
        from: &[u8],
        _level: Option<i32>,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        into.extend_from_slice(&HEADER);
        for block in from.chunks(BLOCK_BYTES) {
            let at = into.len();
            into.resize(at + 4 + raw::max_compress_len(block.len()), 0);
            let (length, room) = into
                .get_mut(at..)
                .and_then(|room| room.split_first_chunk_mut::<4>())
                .ok_or(damaged("no room"))?;
            let len = self.0.compress(block, room).map_err(|_| damaged("no room"))?;
            *length = u32::try_from(len).map_err(|_| damaged("no room"))?.to_be_bytes();
            into.truncate(at + 4 + len);
        }
        Ok(())
    }
}

/// Reads framed, raw, and several framed streams after one another.
pub(crate) struct Decoder(raw::Decoder);

impl Decoder {
    pub(crate) fn new() -> Self {
        Self(raw::Decoder::new())
    }

    fn block(
        &mut self,
        block: &[u8],
        bytes_max: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let claimed = raw::decompress_len(block).map_err(|_| damaged("invalid length"))?;
        if claimed > block.len().saturating_mul(RATIO_MAX) {
            return Err(damaged("a block claims more than it can hold"));
        }
        if claimed > bytes_max.saturating_sub(into.len()) {
            return Err(RecordError::LimitExceeded { codec: Compression::Snappy, bytes_max });
        }
        let at = into.len();
        into.resize(at + claimed, 0);
        let room = into.get_mut(at..).unwrap_or_default();
        self.0.decompress(block, room).map_err(|_| damaged("invalid block"))?;
        Ok(())
    }
}

impl Decode for Decoder {
    fn decompress(
        &mut self,
        from: &[u8],
        bytes_max: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        if !from.starts_with(&MAGIC) {
            return self.block(from, bytes_max, into);
        }
        let mut rest = from;
        while !rest.is_empty() {
            if rest.starts_with(&MAGIC) {
                rest = rest.get(HEADER.len()..).ok_or(damaged("cut off"))?;
                continue;
            }
            let (length, after) = rest.split_first_chunk::<4>().ok_or(damaged("cut off"))?;
            let len = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let (block, next) = after.split_at_checked(len).ok_or(damaged("cut off"))?;
            self.block(block, bytes_max, into)?;
            rest = next;
        }
        Ok(())
    }
}

const fn damaged(cause: &'static str) -> RecordError {
    RecordError::Decompress { codec: Compression::Snappy, cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(from: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::new().compress(from, None, &mut out).unwrap();
        out
    }

    fn unpacked(from: &[u8], bytes_max: usize) -> Result<Vec<u8>, RecordError> {
        let mut out = Vec::new();
        Decoder::new().decompress(from, bytes_max, &mut out)?;
        Ok(out)
    }

    #[test]
    fn framed_raw_and_concatenated_streams_are_read() {
        let text = b"0123456789".repeat(10_000);
        assert_eq!(framed(&text)[..16], HEADER);
        assert_eq!(unpacked(&framed(&text), text.len()).unwrap(), text);
        let raw = raw::Encoder::new().compress_vec(&text).unwrap();
        assert_eq!(unpacked(&raw, text.len()).unwrap(), text);
        let twice = [framed(&text), framed(b"end")].concat();
        assert_eq!(unpacked(&twice, text.len() + 3).unwrap(), [&text[..], b"end"].concat());
        assert!(matches!(unpacked(&twice, text.len() + 2), Err(RecordError::LimitExceeded { .. })));
    }

    #[test]
    fn a_claimed_length_is_not_allocated() {
        let raw = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        let framed = [&HEADER[..], &[0, 0, 0, 6], &raw].concat();
        for claim in [&raw[..], &framed] {
            let mut out = Vec::new();
            let bytes_max = usize::MAX;
            assert!(Decoder::new().decompress(claim, bytes_max, &mut out).is_err());
            assert_eq!(out.capacity(), 0);
        }
    }

    #[test]
    fn the_ratio_of_real_data_is_within_the_bound() {
        let zeros = vec![0; 1 << 20];
        let raw = raw::Encoder::new().compress_vec(&zeros).unwrap();
        assert_eq!(unpacked(&raw, 1 << 20).unwrap(), zeros);
    }

    #[test]
    fn cut_streams_are_refused() {
        let whole = framed(&b"some text ".repeat(20));
        for cut in 17..whole.len() {
            assert!(unpacked(&whole[..cut], 1000).is_err(), "cut at {cut}");
        }
    }
}
