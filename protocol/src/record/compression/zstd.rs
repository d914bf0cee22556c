//! Zstandard through zrip, which is written in Rust.

use zrip::{CompressContext, DecompressContext, DecompressError};

use super::super::error::RecordError;
use super::super::kind::Compression;
use super::codec::{Decode, Encode};

/// Kafka's default. Zrip has no level above 4; its 4 packs as tightly as the C library's 3.
const LEVEL_DEFAULT: i32 = 3;
/// No frame gives more: a block of 128 KiB takes four bytes.
const BLOCK_BYTES_MAX: usize = 128 << 10;
const BLOCK_PACKED_MIN: usize = 4;

/// Writes one frame a batch, with its content size and without a checksum.
pub(crate) struct Encoder {
    context: Option<CompressContext>,
}

impl Encoder {
    pub(crate) const fn new() -> Self {
        Self { context: None }
    }

    fn context(&mut self, level: i32) -> Result<&mut CompressContext, RecordError> {
        let context = match self.context.take() {
            Some(mut context) => context.set_level(level).map(|()| context),
            None => CompressContext::new(level),
        };
        let context = self.context.insert(context.map_err(|_| damaged("no such level"))?);
        // The batch's own CRC covers the frame; Java writes no checksum either.
        context.set_content_checksum(false);
        Ok(context)
    }
}

impl Encode for Encoder {
    fn compress(
        &mut self,
        from: &[u8],
        level: Option<i32>,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let level = match level.unwrap_or(LEVEL_DEFAULT) {
            0 | 3.. => 4,
            level => level.max(-7),
        };
        let frame = self.context(level)?.compress(from).map_err(|_| damaged("not packed"))?;
        into.extend_from_slice(&frame);
        Ok(())
    }
}

/// Reads any number of frames.
pub(crate) struct Decoder(DecompressContext);

impl Decoder {
    pub(crate) fn new() -> Self {
        Self(DecompressContext::new())
    }
}

impl Decode for Decoder {
    fn decompress(
        &mut self,
        from: &[u8],
        bytes_max: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        // A frame's declared size is allocated at once, so it may not be more than it can be.
        let possible = (from.len() / BLOCK_PACKED_MIN).saturating_mul(BLOCK_BYTES_MAX);
        let most = bytes_max.min(possible);
        match self.0.decompress_into_with_limit(from, into, most) {
            Ok(_) => Ok(()),
            Err(cause) if most == bytes_max && is_over(&cause, into.len(), most) => {
                Err(RecordError::LimitExceeded { codec: Compression::Zstd, bytes_max: most })
            }
            Err(cause) => Err(damaged(cause_text(&cause))),
        }
    }
}

/// Whether the limit is the likely cause: zrip may take an output that is too long for damage,
/// at the block that would cross the limit.
fn is_over(cause: &DecompressError, len: usize, bytes_max: usize) -> bool {
    match cause {
        DecompressError::OutputTooSmall => true,
        DecompressError::CorruptSequences => bytes_max.saturating_sub(len) < BLOCK_BYTES_MAX,
        _ => false,
    }
}

fn cause_text(cause: &DecompressError) -> &'static str {
    match cause {
        DecompressError::BadMagic => "not a zstd frame",
        DecompressError::BadFrameHeader => "invalid frame header",
        DecompressError::OutputTooSmall => "a frame claims more than it can hold",
        DecompressError::FrameSizeMismatch => "content size differs",
        DecompressError::WindowTooLarge { .. } => "window too large",
        DecompressError::ChecksumMismatch { .. } => "checksum differs",
        DecompressError::DictRequired | DecompressError::DictMismatch { .. } => {
            "needs a dictionary"
        }
        DecompressError::InputExhausted => "cut off",
        _ => "invalid block",
    }
}

const fn damaged(cause: &'static str) -> RecordError {
    RecordError::Decompress { codec: Compression::Zstd, cause }
}
