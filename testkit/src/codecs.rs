//! Core: the working memory of the codecs, shared by everything that opens or writes batches.

use std::fmt;

use kurier_protocol::record::{
    Compression, Compressor, DecompressLimits, Decompressor, OpenBatch, RecordBatch, RecordError,
};

use crate::limits::{DECOMPRESSED_BYTES_MAX, REQUEST_DECOMPRESSED_BYTES_MAX};

/// A compressor and a decompressor with their contexts.
pub(crate) struct Codecs {
    pub(crate) compressor: Compressor,
    pub(crate) decompressor: Decompressor,
    /// Bytes that may still be unpacked for the request that is being handled.
    left: usize,
}

impl Codecs {
    pub(crate) fn new() -> Self {
        let limits =
            DecompressLimits { bytes_max: DECOMPRESSED_BYTES_MAX, ..DecompressLimits::default() };
        Self {
            compressor: Compressor::new(),
            decompressor: Decompressor::new(limits),
            left: REQUEST_DECOMPRESSED_BYTES_MAX,
        }
    }

    /// Another request is handled from now on.
    pub(crate) fn begin(&mut self) {
        self.left = REQUEST_DECOMPRESSED_BYTES_MAX;
    }

    /// Opens a batch, as long as those that were opened for this request have not been too many.
    ///
    /// # Errors
    ///
    /// The batch cannot be opened, or unpacks to too much.
    pub(crate) fn open(&mut self, batch: &RecordBatch) -> Result<OpenBatch, RecordError> {
        let codec = batch.compression();
        if self.left == 0 && codec != Compression::None {
            let bytes_max = REQUEST_DECOMPRESSED_BYTES_MAX;
            return Err(RecordError::LimitExceeded { codec, bytes_max });
        }
        let opened = batch.open_with(&mut self.decompressor)?;
        if codec != Compression::None {
            self.left = self.left.saturating_sub(opened.payload().len());
        }
        Ok(opened)
    }
}

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codecs").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kurier_protocol::record::{BatchWriter, Magic, RecordBatches, RecordParts, Seal};

    use super::*;

    #[test]
    fn a_request_unpacks_no_more_than_its_share() {
        let mut codecs = Codecs::new();
        for (compression, goes_on) in [(Compression::Gzip, false), (Compression::None, true)] {
            let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
            let value = [0; 1000];
            writer.append(&RecordParts { value: Some(&value), ..Default::default() }).unwrap();
            let bytes = writer.seal(&Seal { compression, ..Seal::default() }).unwrap();
            let batch = RecordBatches::new(bytes).next().unwrap().unwrap();
            codecs.begin();
            codecs.left = 1500;
            assert!(codecs.open(&batch).is_ok());
            assert!(codecs.open(&batch).is_ok(), "the one that goes beyond it is let through");
            assert_eq!(codecs.open(&batch).is_ok(), goes_on, "{compression}");
            codecs.begin();
            assert!(codecs.open(&batch).is_ok());
        }
    }
}
