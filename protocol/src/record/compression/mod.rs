//! The four codecs behind two small traits, and the state that is kept between batches.

mod codec;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(all(feature = "zstd", not(feature = "zstd-c")))]
mod zstd;
#[cfg(feature = "zstd-c")]
#[path = "zstd_c.rs"]
mod zstd;
#[cfg(test)]
#[cfg(any(feature = "zstd", feature = "zstd-c"))]
mod zstd_tests;

use std::fmt;

pub use self::codec::DecompressLimits;

use self::codec::{Decode, Encode};
use super::error::RecordError;
use super::kind::{Compression, Magic};
use crate::limits::{COMPRESS_BUFFER_BYTES_MAX, DECOMPRESS_BUFFER_BYTES_MAX};

/// Packs batches with any codec and keeps the codecs' tables from one batch to the next.
#[derive(Default)]
pub struct Compressor {
    #[cfg(feature = "gzip")]
    gzip: Option<gzip::Encoder>,
    #[cfg(feature = "snappy")]
    snappy: Option<snappy::Encoder>,
    #[cfg(feature = "lz4")]
    lz4: Option<lz4::Encoder>,
    #[cfg(any(feature = "zstd", feature = "zstd-c"))]
    zstd: Option<zstd::Encoder>,
    spare: Vec<u8>,
}

impl Compressor {
    /// Makes one that has no tables yet; a codec's are made when it is first used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Packs `from` into a buffer of its own, the spare one if there is one.
    pub(crate) fn compress(&mut self, from: &[u8], codec: Codec) -> Result<Vec<u8>, RecordError> {
        let mut packed = std::mem::take(&mut self.spare);
        packed.clear();
        let outcome = match self.encoder(codec) {
            Some(encoder) => encoder.compress(from, codec.level, &mut packed),
            None => Err(RecordError::CodecNotBuilt { codec: codec.compression }),
        };
        match outcome {
            Ok(()) => Ok(packed),
            Err(error) => {
                self.keep(packed);
                Err(error)
            }
        }
    }

    /// Takes a buffer that the next batch may be packed into. A very long one is let go.
    pub(crate) fn keep(&mut self, spare: Vec<u8>) {
        if spare.capacity() <= COMPRESS_BUFFER_BYTES_MAX {
            self.spare = spare;
        }
    }

    fn encoder(&mut self, codec: Codec) -> Option<&mut dyn Encode> {
        match codec.compression {
            #[cfg(feature = "gzip")]
            Compression::Gzip => Some(self.gzip.get_or_insert_with(gzip::Encoder::new)),
            #[cfg(feature = "snappy")]
            Compression::Snappy => Some(self.snappy.get_or_insert_with(snappy::Encoder::new)),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => {
                let lz4 = self.lz4.get_or_insert_with(lz4::Encoder::new);
                lz4.set_header_checksum(match codec.magic {
                    Magic::V0 => lz4::HeaderChecksum::Historic,
                    Magic::V1 | Magic::V2 => lz4::HeaderChecksum::Standard,
                });
                Some(lz4)
            }
            #[cfg(any(feature = "zstd", feature = "zstd-c"))]
            Compression::Zstd => Some(self.zstd.get_or_insert_with(zstd::Encoder::new)),
            _ => None,
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

/// Which codec packs a batch, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codec {
    pub(crate) compression: Compression,
    /// In the codec's own scale; `None` is Kafka's default.
    pub(crate) level: Option<i32>,
    /// Of the batch: LZ4 differs in magic 0.
    #[cfg_attr(not(feature = "lz4"), expect(dead_code, reason = "the others do not differ"))]
    pub(crate) magic: Magic,
}

/// Unpacks batches of any codec within limits, and keeps the codecs' tables from one batch to
/// the next.
#[derive(Default)]
pub struct Decompressor {
    limits: DecompressLimits,
    #[cfg(feature = "gzip")]
    gzip: Option<gzip::Decoder>,
    #[cfg(feature = "snappy")]
    snappy: Option<snappy::Decoder>,
    #[cfg(feature = "lz4")]
    lz4: Option<lz4::Decoder>,
    #[cfg(any(feature = "zstd", feature = "zstd-c"))]
    zstd: Option<zstd::Decoder>,
    spare: Vec<u8>,
}

impl Decompressor {
    /// Makes one that has no tables yet; a codec's are made when it is first used.
    #[must_use]
    pub fn new(limits: DecompressLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Unpacks `from` into a buffer of its own, the spare one if there is one.
    pub(crate) fn decompress(
        &mut self,
        from: &[u8],
        codec: Compression,
    ) -> Result<Vec<u8>, RecordError> {
        let mut into = std::mem::take(&mut self.spare);
        into.clear();
        let bytes_max = self.limits.output_max(from.len());
        let decoder = self.decoder(codec).ok_or(RecordError::CodecNotBuilt { codec })?;
        match decoder.decompress(from, bytes_max, &mut into) {
            Ok(()) => Ok(into),
            Err(error) => {
                self.keep(into);
                Err(error)
            }
        }
    }

    /// Takes a buffer that the next batch may be unpacked into. A very long one is let go.
    pub(crate) fn keep(&mut self, spare: Vec<u8>) {
        if (self.spare.capacity()..=DECOMPRESS_BUFFER_BYTES_MAX).contains(&spare.capacity()) {
            self.spare = spare;
        }
    }

    fn decoder(&mut self, codec: Compression) -> Option<&mut dyn Decode> {
        match codec {
            #[cfg(feature = "gzip")]
            Compression::Gzip => Some(self.gzip.get_or_insert_with(gzip::Decoder::new)),
            #[cfg(feature = "snappy")]
            Compression::Snappy => Some(self.snappy.get_or_insert_with(snappy::Decoder::new)),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => Some(self.lz4.get_or_insert(lz4::Decoder)),
            #[cfg(any(feature = "zstd", feature = "zstd-c"))]
            Compression::Zstd => Some(self.zstd.get_or_insert_with(zstd::Decoder::new)),
            _ => None,
        }
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "gzip"))]
mod tests {
    use super::*;

    const GZIP: Codec = Codec { compression: Compression::Gzip, level: None, magic: Magic::V2 };

    #[test]
    fn no_long_buffer_is_kept_of_a_batch_that_was_refused() {
        let zeros = vec![0; 2 * DECOMPRESS_BUFFER_BYTES_MAX];
        let bomb = Compressor::new().compress(&zeros, GZIP).unwrap();
        let bytes_max = zeros.len() - 1;
        let limits = DecompressLimits { bytes_max, ..DecompressLimits::default() };
        let mut decompressor = Decompressor::new(limits);
        decompressor.decompress(&bomb, Compression::Gzip).unwrap_err();
        assert!(decompressor.spare.capacity() <= DECOMPRESS_BUFFER_BYTES_MAX);
        let tiny = Compressor::new().compress(b"tiny", GZIP).unwrap();
        let unpacked = decompressor.decompress(&tiny, Compression::Gzip).unwrap();
        assert!(unpacked.capacity() <= DECOMPRESS_BUFFER_BYTES_MAX);
    }

    #[test]
    fn a_compressor_keeps_no_long_buffer() {
        let mut compressor = Compressor::new();
        compressor.keep(Vec::with_capacity(COMPRESS_BUFFER_BYTES_MAX + 1));
        assert_eq!(compressor.spare.capacity(), 0);
        compressor.keep(Vec::with_capacity(5000));
        assert!(compressor.spare.capacity() >= 5000);
    }

    #[test]
    fn a_short_buffer_is_kept_of_a_batch_that_was_refused() {
        let packed = Compressor::new().compress(&[0; 5000], GZIP).unwrap();
        let limits = DecompressLimits { bytes_max: 4999, ..DecompressLimits::default() };
        let mut decompressor = Decompressor::new(limits);
        decompressor.decompress(&packed, Compression::Gzip).unwrap_err();
        assert!(decompressor.spare.capacity() > 0);
    }
}
