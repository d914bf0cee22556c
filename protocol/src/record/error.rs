//! What can be wrong with record batches, read or written.

use super::kind::{Compression, Magic};

/// Why record batches could not be read or written.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A length, a count or an offset contradicts the bytes around it.
    #[error("malformed record batch: {part}")]
    Malformed {
        /// The part that is wrong, in Kafka's words.
        part: &'static str,
    },
    /// A batch is not of magic 0, 1 or 2.
    #[error("unknown magic {magic} of a record batch")]
    UnknownMagic {
        /// The byte found.
        magic: i8,
    },
    /// The bytes are not those that the checksum was computed from.
    #[error("record batch is corrupt: CRC {claimed:#010x}, computed {computed:#010x}")]
    CrcMismatch {
        /// The checksum that the batch claims.
        claimed: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// The codec bits name no codec that Kafka has.
    #[error("unknown compression codec {id}")]
    UnknownCodec {
        /// The codec bits.
        id: u8,
    },
    /// This build lacks the codec: its cargo feature is off.
    #[error("this build lacks the {codec} codec: its cargo feature is off")]
    CodecNotBuilt {
        /// The codec.
        codec: Compression,
    },
    /// A codec or a feature of records does not exist in batches of this magic.
    #[error("record batches of magic {magic} have no {what}")]
    NotInMagic {
        /// What was asked for, in Kafka's words.
        what: &'static str,
        /// The magic that lacks it.
        magic: Magic,
    },
    /// Compressed bytes are damaged.
    #[error("damaged {codec} data: {cause}")]
    Decompress {
        /// The codec.
        codec: Compression,
        /// What the codec objects to.
        cause: &'static str,
    },
    /// A batch unpacks to more than the limits allow, in bytes or for its size.
    #[error("{codec} batch unpacks to more than the limit of {bytes_max} bytes")]
    LimitExceeded {
        /// The codec.
        codec: Compression,
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// A record or batch to be written is longer than the format can say.
    #[error("{len} is more than a record batch can hold")]
    TooLarge {
        /// Its length, in bytes or records.
        len: u64,
    },
}

impl RecordError {
    pub(crate) const fn malformed(part: &'static str) -> Self {
        Self::Malformed { part }
    }
}
