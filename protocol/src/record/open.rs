//! Open batches: checksum compared, decompressed if need be, ready to give their records.

use bytes::Bytes;

use super::batch::RecordBatch;
use super::compression::{DecompressLimits, Decompressor};
use super::error::RecordError;
use super::kind::{Compression, Magic, TimestampType};
use super::layout::V2_HEADER;
use super::legacy::{MessageSet, wrapped};
use super::owned::Record;
use super::records::{RecordRef, Records};

/// A batch whose checksum was compared and whose records lie plain in memory: in the batch
/// itself, or decompressed.
#[derive(Debug, Clone)]
pub struct OpenBatch {
    batch: RecordBatch,
    /// What the records lie in: records of magic 2, or whole entries of magic 0 and 1.
    payload: Bytes,
    record_count: u32,
    /// Of magic 2 the base offset; else what is added to the offsets of the entries.
    offset_shift: i64,
    base_offset: i64,
    inner_is_numbered: bool,
}

impl RecordBatch {
    /// Compares the checksum and decompresses.
    ///
    /// # Errors
    /// The batch is damaged, unpacks to more than the limit, or its codec is not in this build.
    pub fn open(&self, limits: &DecompressLimits) -> Result<OpenBatch, RecordError> {
        if self.compression() == Compression::None {
            return self.open_plain();
        }
        self.open_with(&mut Decompressor::new(*limits))
    }

    /// Does what [`open`](Self::open) does with codec tables that are kept between batches.
    ///
    /// # Errors
    /// The same.
    pub fn open_with(&self, decompressor: &mut Decompressor) -> Result<OpenBatch, RecordError> {
        match (self.compression(), self.magic()) {
            (Compression::None, _) => self.open_plain(),
            (codec, Magic::V2) => {
                self.check_crc()?;
                let packed = self.bytes().get(V2_HEADER..).unwrap_or_default();
                // A batch that compaction emptied may have lost its codec's frame as well.
                let payload = match packed {
                    [] => Bytes::new(),
                    packed => decompressor.decompress(packed, codec)?.into(),
                };
                self.open_v2(payload)
            }
            (Compression::Zstd, magic) => {
                Err(RecordError::NotInMagic { what: "zstd compression", magic })
            }
            (codec, magic) => {
                self.check_crc()?;
                let packed = wrapped(self.bytes(), magic)?;
                self.open_wrapper(decompressor.decompress(packed, codec)?.into())
            }
        }
    }

    fn open_plain(&self) -> Result<OpenBatch, RecordError> {
        self.check_crc()?;
        if self.magic() == Magic::V2 {
            return self.open_v2(self.bytes().slice(V2_HEADER..));
        }
        Ok(OpenBatch {
            batch: self.clone(),
            payload: self.bytes().clone(),
            record_count: 1,
            offset_shift: 0,
            base_offset: self.base_offset(),
            inner_is_numbered: false,
        })
    }

    fn open_v2(&self, payload: Bytes) -> Result<OpenBatch, RecordError> {
        let record_count = self.record_count().ok_or(RecordError::malformed("record count"))?;
        if record_count == 0 && !payload.is_empty() {
            return Err(RecordError::malformed("record count"));
        }
        Ok(OpenBatch {
            batch: self.clone(),
            payload,
            record_count,
            offset_shift: self.base_offset(),
            base_offset: self.base_offset(),
            inner_is_numbered: false,
        })
    }

    fn open_wrapper(&self, mut payload: Bytes) -> Result<OpenBatch, RecordError> {
        let set = MessageSet::scan(&payload)?;
        payload.truncate(set.bytes);
        let offset_shift = set.shift(self.magic(), self.last_offset())?;
        Ok(OpenBatch {
            batch: self.clone(),
            payload,
            record_count: set.count,
            offset_shift,
            base_offset: set.first_offset.wrapping_add(offset_shift),
            inner_is_numbered: set.is_numbered,
        })
    }
}

impl OpenBatch {
    /// The batch that was opened.
    #[must_use]
    pub const fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// The offset of its first record, or what that had been before compaction.
    #[must_use]
    pub const fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// How many records it has. In magic 2 this is a claim, which [`records`](Self::records)
    /// holds against the bytes.
    #[must_use]
    pub const fn record_count(&self) -> u32 {
        self.record_count
    }

    /// Its records as they lie plain in memory: the records of magic 2, or the whole messages
    /// of magic 0 and 1.
    #[must_use]
    pub const fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Its records in order; iteration ends at the first one that is damaged.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        let batch = &self.batch;
        let append_time = match batch.timestamp_type() {
            Some(TimestampType::LogAppendTime) => Some(batch.max_timestamp()),
            _ => None,
        };
        let count = self.record_count;
        match batch.magic() {
            Magic::V2 => {
                Records::of_batch(&self.payload, count, self.offset_shift, batch.base_timestamp())
            }
            Magic::V0 | Magic::V1 => {
                Records::of_message_set(&self.payload, count, self.offset_shift)
            }
        }
        .with_append_time(append_time)
    }

    /// Makes a record own its bytes by one reference count on the batch.
    ///
    /// # Panics
    /// When the record is not one of this batch. If its key or value was exchanged for a slice that
    /// lies elsewhere, it panics here, or when that field is read.
    #[inline]
    #[must_use]
    pub fn to_owned(&self, record: &RecordRef<'_>) -> Record {
        Record::new(self.payload.slice_ref(record.body), record)
    }

    /// Whether the inner offsets of a wrapper are 0, 1, 2, and so on.
    pub(crate) const fn inner_is_numbered(&self) -> bool {
        self.inner_is_numbered
    }
}

impl Decompressor {
    /// Takes the buffer of a decompressed batch back for the next one, if no record holds it.
    pub fn reclaim(&mut self, batch: OpenBatch) {
        if batch.batch.compression() == Compression::None {
            return;
        }
        if let Ok(buffer) = batch.payload.try_into_mut() {
            self.keep(Vec::from(buffer));
        }
    }
}
