//! What each codec does: one small trait each way, and the limits that bind the way in.

use super::super::error::RecordError;

/// How much a compressed batch may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecompressLimits {
    /// The longest output of one batch, in bytes. Default: 128 MiB.
    pub bytes_max: usize,
}

impl DecompressLimits {
    /// The default of `bytes_max`: 128 MiB.
    pub const BYTES_MAX_DEFAULT: usize = 128 << 20;
}

impl Default for DecompressLimits {
    fn default() -> Self {
        Self { bytes_max: Self::BYTES_MAX_DEFAULT }
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
    /// Fills the empty `into` with what `from` unpacks to; `into` grows as output comes, not by
    /// what `from` claims, and never holds more than the limit.
    fn decompress(
        &mut self,
        from: &[u8],
        limits: DecompressLimits,
        into: &mut Vec<u8>,
    ) -> Result<(), RecordError>;
}
