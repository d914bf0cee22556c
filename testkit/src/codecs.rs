//! Core: the working memory of the codecs, shared by everything that opens or writes batches.

use std::fmt;

use kurier_protocol::record::{Compressor, DecompressLimits, Decompressor};

use crate::limits::DECOMPRESSED_BYTES_MAX;

/// A compressor and a decompressor with their contexts.
pub(crate) struct Codecs {
    pub(crate) compressor: Compressor,
    pub(crate) decompressor: Decompressor,
}

impl Codecs {
    pub(crate) fn new() -> Self {
        let limits =
            DecompressLimits { bytes_max: DECOMPRESSED_BYTES_MAX, ..DecompressLimits::default() };
        Self { compressor: Compressor::new(), decompressor: Decompressor::new(limits) }
    }
}

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codecs").finish_non_exhaustive()
    }
}
