//! What each codec does: one small trait each way, and the limits that bind the way in.

use super::super::error::RecordError;
use crate::limits::{
    DECOMPRESSED_BYTES_FREE, DECOMPRESSED_BYTES_MAX_DEFAULT, DECOMPRESSED_RATIO_MAX_DEFAULT,
};

/// How much a compressed batch may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecompressLimits {
    /// The longest output of one batch, in bytes. Default: 128 MiB.
    pub bytes_max: usize,
    /// The longest output for each byte of input, in bytes; the first 16 MiB of a batch are free.
    /// Default: 4096.
    pub ratio_max: usize,
}

impl DecompressLimits {
    /// The default of `bytes_max`: 128 MiB.
    pub const BYTES_MAX_DEFAULT: usize = DECOMPRESSED_BYTES_MAX_DEFAULT;

    /// The longest output of a batch of so many compressed bytes.
    pub(super) fn output_max(&self, input: usize) -> usize {
        let by_ratio = input.saturating_mul(self.ratio_max).max(DECOMPRESSED_BYTES_FREE);
        self.bytes_max.min(by_ratio)
    }
}

impl Default for DecompressLimits {
    fn default() -> Self {
        Self {
            bytes_max: DECOMPRESSED_BYTES_MAX_DEFAULT,
            ratio_max: DECOMPRESSED_RATIO_MAX_DEFAULT,
        }
    }
}

/// Compresses whole batches; keeps its tables from one to the next.
pub(crate) trait Encode {
    /// Appends `from`, compressed, to `into`. `level` is in the codec's own scale; `None` is
    /// Kafka's default.
    fn compress(
        &mut self,
        from: &[u8],
        level: Option<i32>,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError>;
}

/// Decompresses whole batches; keeps its tables from one to the next.
pub(crate) trait Decode {
    /// Fills the empty `into` with what `from` unpacks to, never more than `bytes_max`. `into`
    /// grows as output comes and not by what `from` claims, but for zstd in Rust: that makes room
    /// for what a frame claims, if so much can be in its bytes (128 KiB in each four of them) and
    /// is within `bytes_max`.
    fn decompress(
        &mut self,
        from: &[u8],
        bytes_max: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_binds_beyond_what_is_free_and_the_bytes_always() {
        let limits = DecompressLimits { bytes_max: 100 << 20, ratio_max: 1000 };
        assert_eq!(limits.output_max(0), 16 << 20);
        assert_eq!(limits.output_max(20_000), 20_000_000);
        assert_eq!(limits.output_max(1 << 20), 100 << 20);
        assert_eq!(limits.output_max(usize::MAX), 100 << 20);
        let small = DecompressLimits { bytes_max: 100, ..limits };
        assert_eq!(small.output_max(1), 100);
    }
}
