//! Batches on the way out: records are appended to the final buffer, then sealed once.

use bytes::{Bytes, BytesMut};

use super::compression::{Codec, Compressor};
use super::encode::{Deltas, Entry, narrow, put_legacy, put_v2};
use super::error::RecordError;
use super::kind::{Compression, Magic, TimestampType};
use super::layout::{
    Attributes, LENGTH_AT, LOG_OVERHEAD, MAGIC_AT, V2_ATTRIBUTES_AT, V2_BASE_TIMESTAMP_AT,
    V2_COUNT_AT, V2_CRC_AT, V2_EPOCH_AT, V2_HEADER, V2_LAST_DELTA_AT, V2_MAX_TIMESTAMP_AT,
    V2_PRODUCER_EPOCH_AT, V2_PRODUCER_ID_AT, V2_SEQUENCE_AT, array_at, put_at,
};
use super::parts::RecordParts;

/// An open batch: takes records until it is sealed.
///
/// Each record is encoded straight into the buffer that goes on the wire. Sealing takes the
/// writer away, so nothing can be appended afterwards.
#[derive(Debug)]
pub struct BatchWriter {
    /// Of magic 2: the header's bytes, then records. Of magic 0 and 1: entries whose offsets
    /// count from the base offset. A `Vec`, since that appends small slices faster.
    buffer: Vec<u8>,
    magic: Magic,
    base_timestamp: i64,
    max_timestamp: i64,
    append_time: Option<i64>,
    has_delete_horizon: bool,
    record_count: u32,
    /// -1 as long as the batch is empty.
    last_offset_delta: i32,
}

/// What becomes known only when a batch is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// How to compress. Default: not at all.
    pub compression: Compression,
    /// How hard, in the codec's own scale: gzip 1 to 9, zstd -7 to 22, of which the default
    /// build tells apart -7 to 4. Ignored by the others. Default: Kafka's (gzip 6, zstd 3).
    pub level: Option<i32>,
    /// The offset of delta 0. Default: 0, brokers assign their own.
    pub base_offset: i64,
    /// The idempotent producer. Default: -1, none.
    pub producer_id: i64,
    /// Its epoch. Default: -1, none.
    pub producer_epoch: i16,
    /// The sequence number of the first record. Default: -1, none.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction. Default: no.
    pub is_transactional: bool,
    /// Whether its records are markers, not data. Default: no.
    pub is_control: bool,
    /// The epoch of the leader. Default: -1, brokers assign it.
    pub partition_leader_epoch: i32,
}

impl Default for Seal {
    fn default() -> Self {
        Self {
            compression: Compression::None,
            level: None,
            base_offset: 0,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            is_transactional: false,
            is_control: false,
            partition_leader_epoch: -1,
        }
    }
}

impl BatchWriter {
    /// Opens a batch in `buffer`, which is emptied and whose capacity is used.
    ///
    /// Timestamps of magic 2 are written as distances to `base_timestamp` (milliseconds since
    /// 1970, -1 for none), usually the first record's.
    #[must_use]
    pub fn new(mut buffer: BytesMut, magic: Magic, base_timestamp: i64) -> Self {
        buffer.clear();
        let mut buffer = Vec::from(buffer);
        if magic == Magic::V2 {
            buffer.resize(V2_HEADER, 0);
        }
        Self {
            buffer,
            magic,
            base_timestamp,
            max_timestamp: -1,
            append_time: None,
            has_delete_horizon: false,
            record_count: 0,
            last_offset_delta: -1,
        }
    }

    /// Gives all records the time (milliseconds since 1970) at which a broker appended them.
    /// Call it before the first record.
    #[must_use]
    pub const fn with_append_time(mut self, append_time: i64) -> Self {
        self.append_time = Some(append_time);
        self
    }

    /// Says until when (milliseconds since 1970) tombstones and markers in the batch stay, as
    /// compaction does in magic 2 (KIP-534): timestamps are written as distances to it. Call it
    /// before the first record.
    #[must_use]
    pub const fn with_delete_horizon(mut self, delete_horizon_ms: i64) -> Self {
        self.base_timestamp = delete_horizon_ms;
        self.has_delete_horizon = true;
        self
    }

    /// Appends a record behind the last one; returns its index in the batch.
    ///
    /// # Errors
    /// The record does not fit the format: the batch would exceed 2 GiB, or has no headers in
    /// its magic. The batch is as before.
    #[inline]
    pub fn append(&mut self, parts: &RecordParts<'_>) -> Result<u32, RecordError> {
        // Saturation shows as a delta that is not above the last one.
        self.append_at(self.last_offset_delta.saturating_add(1), parts)
    }

    /// Appends a record at an offset that is `offset_delta` above the base offset; returns its
    /// index in the batch.
    ///
    /// # Errors
    /// As [`append`](Self::append), and when the delta is not above the one before.
    #[inline]
    pub fn append_at(
        &mut self,
        offset_delta: i32,
        parts: &RecordParts<'_>,
    ) -> Result<u32, RecordError> {
        if offset_delta <= self.last_offset_delta {
            return Err(RecordError::malformed("offset delta"));
        }
        match self.magic {
            Magic::V2 => {
                let timestamp = parts.timestamp.wrapping_sub(self.base_timestamp);
                let deltas = Deltas { offset: offset_delta, timestamp };
                put_v2(&mut self.buffer, deltas, parts, BATCH_BYTES_MAX).map_err(too_large)?;
            }
            Magic::V0 | Magic::V1 => self.append_legacy(offset_delta, parts)?,
        }
        let index = self.record_count;
        self.record_count += 1;
        self.last_offset_delta = offset_delta;
        self.max_timestamp = self.max_timestamp.max(parts.timestamp);
        Ok(index)
    }

    #[inline(never)]
    fn append_legacy(&mut self, delta: i32, parts: &RecordParts<'_>) -> Result<(), RecordError> {
        let most = self.buffer.len().saturating_add(parts.wire_bytes_max(self.magic));
        if most > BATCH_BYTES_MAX {
            return Err(too_large(most));
        }
        if !parts.headers.is_empty() {
            return Err(RecordError::NotInMagic { what: "headers", magic: self.magic });
        }
        let entry = Entry {
            magic: self.magic,
            offset: i64::from(delta),
            attributes: self.legacy_attributes(),
            timestamp: self.append_time.unwrap_or(parts.timestamp),
        };
        put_legacy(&mut self.buffer, entry, parts.key, parts.value);
        Ok(())
    }

    /// Lets the batch reach to an offset and a timestamp that none of its records has, as
    /// compaction leaves batches of magic 2.
    ///
    /// # Errors
    /// [`RecordError::NotInMagic`] in magic 0 and 1, whose batches end with their last record.
    pub fn extend_to(
        &mut self,
        last_offset_delta: i32,
        max_timestamp: i64,
    ) -> Result<(), RecordError> {
        if self.magic != Magic::V2 {
            return Err(RecordError::NotInMagic { what: "a last offset", magic: self.magic });
        }
        self.last_offset_delta = self.last_offset_delta.max(last_offset_delta);
        self.max_timestamp = self.max_timestamp.max(max_timestamp);
        Ok(())
    }

    /// Whether the batch has at most `bytes_max` bytes after this record, uncompressed. It may
    /// have fewer: the record counts with the most that it can take.
    #[inline]
    #[must_use]
    pub fn fits(&self, parts: &RecordParts<'_>, bytes_max: usize) -> bool {
        self.buffer.len().saturating_add(parts.wire_bytes_max(self.magic)) <= bytes_max
    }

    /// The bytes of the batch if it were sealed now without compression.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether it has no record.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// How many records it has.
    #[must_use]
    pub const fn record_count(&self) -> u32 {
        self.record_count
    }

    /// The version of its format.
    #[must_use]
    pub const fn magic(&self) -> Magic {
        self.magic
    }

    /// What its timestamps count from, in milliseconds since 1970.
    #[must_use]
    pub const fn base_timestamp(&self) -> i64 {
        self.base_timestamp
    }

    /// The latest timestamp that a reader will find in its records, in milliseconds since 1970:
    /// the append time, if it has one. -1 for none, and in magic 0, which has no times.
    #[must_use]
    pub const fn max_timestamp(&self) -> i64 {
        match (self.magic, self.append_time) {
            (Magic::V0, _) => -1,
            (_, Some(append_time)) if self.record_count > 0 => append_time,
            _ => self.max_timestamp,
        }
    }

    /// Gives the batch up and its buffer back.
    #[must_use]
    pub fn into_buffer(self) -> BytesMut {
        // Nobody shares it, so that it comes back as it is.
        Bytes::from(self.buffer).try_into_mut().unwrap_or_default()
    }

    /// Finishes the batch: compresses it, writes its header and checksum.
    ///
    /// A batch of magic 0 or 1 without records becomes no bytes at all.
    ///
    /// # Errors
    /// The codec is not in this build, or the magic lacks what the seal asks for.
    pub fn seal(self, seal: &Seal) -> Result<Bytes, RecordError> {
        self.seal_with(seal, &mut Compressor::new())
    }

    /// Does what [`seal`](Self::seal) does with codec tables that are kept between batches.
    ///
    /// The result lies in the buffer that the writer was opened with.
    ///
    /// # Errors
    /// The same.
    pub fn seal_with(
        mut self,
        seal: &Seal,
        compressor: &mut Compressor,
    ) -> Result<Bytes, RecordError> {
        let last_delta = i64::from(self.last_offset_delta.max(0));
        let last_offset = seal
            .base_offset
            .checked_add(last_delta)
            .ok_or(RecordError::malformed("base offset"))?;
        match self.magic {
            Magic::V2 => self.seal_v2(seal, compressor)?,
            Magic::V0 | Magic::V1 => {
                self.check_legacy(seal)?;
                self.seal_legacy(seal, last_offset, compressor)?;
            }
        }
        Ok(self.buffer.into())
    }

    fn seal_v2(&mut self, seal: &Seal, compressor: &mut Compressor) -> Result<(), RecordError> {
        if seal.compression != Compression::None && self.record_count > 0 {
            let plain = self.buffer.get(V2_HEADER..).unwrap_or_default();
            let packed = compressor.compress(plain, self.codec(seal))?;
            self.buffer.truncate(V2_HEADER);
            self.buffer.extend_from_slice(&packed);
            compressor.keep(packed);
        }
        if self.buffer.len() > BATCH_BYTES_MAX {
            return Err(too_large(self.buffer.len()));
        }
        let attributes = self.v2_attributes(seal);
        let count = self.record_count;
        let last_delta = self.last_offset_delta.max(0);
        let max_timestamp = self.append_time.unwrap_or(self.max_timestamp);
        let head = &mut self.buffer[..];
        put_at(head, 0, seal.base_offset.to_be_bytes());
        put_at(head, LENGTH_AT, narrow(head.len() - LOG_OVERHEAD).to_be_bytes());
        put_at(head, V2_EPOCH_AT, seal.partition_leader_epoch.to_be_bytes());
        put_at(head, MAGIC_AT, Magic::V2.number().to_be_bytes());
        put_at(head, V2_ATTRIBUTES_AT, attributes.0.to_be_bytes());
        put_at(head, V2_LAST_DELTA_AT, last_delta.to_be_bytes());
        put_at(head, V2_BASE_TIMESTAMP_AT, self.base_timestamp.to_be_bytes());
        put_at(head, V2_MAX_TIMESTAMP_AT, max_timestamp.to_be_bytes());
        put_at(head, V2_PRODUCER_ID_AT, seal.producer_id.to_be_bytes());
        put_at(head, V2_PRODUCER_EPOCH_AT, seal.producer_epoch.to_be_bytes());
        put_at(head, V2_SEQUENCE_AT, seal.base_sequence.to_be_bytes());
        put_at(head, V2_COUNT_AT, count.to_be_bytes());
        put_v2_crc(head);
        Ok(())
    }

    fn v2_attributes(&self, seal: &Seal) -> Attributes {
        let mut attributes = Attributes::default().with_timestamp_type(self.timestamp_type());
        if self.record_count > 0 {
            attributes = attributes.with_codec(seal.compression);
        }
        if seal.is_transactional {
            attributes = attributes.transactional();
        }
        if seal.is_control {
            attributes = attributes.control();
        }
        if self.has_delete_horizon {
            attributes = attributes.with_delete_horizon();
        }
        attributes
    }

    fn check_legacy(&self, seal: &Seal) -> Result<(), RecordError> {
        let not = |what| Err(RecordError::NotInMagic { what, magic: self.magic });
        if seal.producer_id != -1 {
            return not("producer id");
        }
        if seal.is_transactional || seal.is_control {
            return not("transactions");
        }
        if seal.compression == Compression::Zstd {
            return not("zstd compression");
        }
        Ok(())
    }

    fn seal_legacy(
        &mut self,
        seal: &Seal,
        last_offset: i64,
        compressor: &mut Compressor,
    ) -> Result<(), RecordError> {
        let is_plain = seal.compression == Compression::None;
        // Inside a wrapper of magic 1 offsets count from its first record.
        if is_plain || self.magic == Magic::V0 {
            shift_offsets(&mut self.buffer, seal.base_offset);
        }
        if is_plain || self.record_count == 0 {
            return Ok(());
        }
        let entry = Entry {
            magic: self.magic,
            offset: last_offset,
            attributes: self.legacy_attributes().with_codec(seal.compression),
            timestamp: self.append_time.unwrap_or(self.max_timestamp),
        };
        let packed = compressor.compress(&self.buffer, self.codec(seal))?;
        if packed.len() > BATCH_BYTES_MAX - 64 {
            return Err(too_large(packed.len()));
        }
        self.buffer.clear();
        put_legacy(&mut self.buffer, entry, None, Some(&packed));
        compressor.keep(packed);
        Ok(())
    }

    const fn codec(&self, seal: &Seal) -> Codec {
        Codec { compression: seal.compression, level: seal.level, magic: self.magic }
    }

    const fn timestamp_type(&self) -> TimestampType {
        match self.append_time {
            Some(_) => TimestampType::LogAppendTime,
            None => TimestampType::CreateTime,
        }
    }

    fn legacy_attributes(&self) -> Attributes {
        match self.magic {
            Magic::V0 => Attributes::default(),
            _ => Attributes::default().with_timestamp_type(self.timestamp_type()),
        }
    }
}

/// Writes the CRC-32C of a whole batch of magic 2.
pub(crate) fn put_v2_crc(batch: &mut [u8]) {
    let crc = crc32c::crc32c(batch.get(V2_ATTRIBUTES_AT..).unwrap_or_default());
    put_at(batch, V2_CRC_AT, crc.to_be_bytes());
}

/// Adds to the offsets of all entries, which no checksum covers.
fn shift_offsets(mut set: &mut [u8], by: i64) {
    if by == 0 {
        return;
    }
    while let (Some(offset), Some(length)) = (array_at(set, 0), array_at(set, LENGTH_AT)) {
        put_at(set, 0, i64::from_be_bytes(offset).wrapping_add(by).to_be_bytes());
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
        set = set.get_mut(LOG_OVERHEAD.saturating_add(length)..).unwrap_or_default();
    }
}

fn too_large(len: usize) -> RecordError {
    RecordError::TooLarge { len: u64::try_from(len).unwrap_or(u64::MAX) }
}

/// Lengths on the wire have 31 bits.
const BATCH_BYTES_MAX: usize = 0x7fff_ffff;
