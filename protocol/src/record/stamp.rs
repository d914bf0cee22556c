//! What happens to sealed batches: a broker gives them offsets, epoch and time; a producer gives
//! them a new producer id, epoch and sequence.

use bytes::{BufMut, Bytes, BytesMut};

use super::batch::{RecordBatch, RecordBatches};
use super::compression::{Compressor, Decompressor};
use super::encode::finish_legacy;
use super::error::RecordError;
use super::kind::{Compression, Magic, TimestampType};
use super::layout::{
    LEGACY_ATTRIBUTES_AT, V1_TIMESTAMP_AT, V2_ATTRIBUTES_AT, V2_EPOCH_AT, V2_MAX_TIMESTAMP_AT,
    V2_PRODUCER_EPOCH_AT, V2_PRODUCER_ID_AT, V2_SEQUENCE_AT, put_at,
};
use super::open::OpenBatch;
use super::parts::RecordParts;
use super::writer::{BatchWriter, Seal, put_v2_crc};

/// What a broker assigns to batches that it appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The offset of the first record.
    pub base_offset: i64,
    /// The epoch of the leader, for magic 2.
    pub partition_leader_epoch: i32,
    /// The time of all records where the topic's `message.timestamp.type` is `LogAppendTime`, in
    /// milliseconds since 1970; `None` keeps the producer's. Magic 0 has no times.
    pub append_time: Option<i64>,
}

/// Batches as a broker stores them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// The batches, copied.
    pub bytes: Bytes,
    /// The offset of the first record.
    pub base_offset: i64,
    /// The offset of the last record; one below `base_offset` when there is none.
    pub last_offset: i64,
    /// How many records there are.
    pub record_count: u32,
    /// The latest timestamp, in milliseconds since 1970; -1 for none.
    pub max_timestamp: i64,
}

/// Copies the batches of a produce request and assigns offsets, leader epoch and append time, as
/// a broker does; checksums are compared before and kept right.
///
/// Compressed batches of magic 2 are not unpacked. Compressed ones of magic 0 are packed anew,
/// since their inner offsets are absolute.
///
/// # Errors
/// A batch is damaged or cut off, or its offsets do not fit its record count.
pub fn stamp(
    records: &Bytes,
    stamp: &Stamp,
    decompressor: &mut Decompressor,
    compressor: &mut Compressor,
) -> Result<Stamped, RecordError> {
    let mut batches = RecordBatches::new(records.clone());
    let mut stamper = Stamper {
        out: BytesMut::with_capacity(records.len()),
        next_offset: stamp.base_offset,
        stamp: *stamp,
        max_timestamp: -1,
    };
    for batch in &mut batches {
        let batch = batch?;
        match (batch.magic(), batch.compression()) {
            (Magic::V2, _) => stamper.batch(&batch)?,
            (_, Compression::None) => stamper.message(&batch)?,
            _ => stamper.wrapper(&batch.open_with(decompressor)?, compressor)?,
        }
    }
    if batches.is_partial() {
        return Err(RecordError::malformed("batch length"));
    }
    let count = stamper.next_offset - stamp.base_offset;
    Ok(Stamped {
        bytes: stamper.out.freeze(),
        base_offset: stamp.base_offset,
        last_offset: stamper.next_offset - 1,
        record_count: u32::try_from(count).map_err(|_| RecordError::malformed("record count"))?,
        max_timestamp: stamper.max_timestamp,
    })
}

struct Stamper {
    out: BytesMut,
    next_offset: i64,
    stamp: Stamp,
    max_timestamp: i64,
}

impl Stamper {
    /// A batch of magic 2. Its CRC covers neither offset nor epoch.
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), RecordError> {
        batch.check_crc()?;
        let span = batch.last_offset() - batch.base_offset() + 1;
        if batch.record_count().map(i64::from) != Some(span) {
            return Err(RecordError::malformed("record count"));
        }
        let base = self.next_offset;
        self.advance(span)?;
        let epoch = self.stamp.partition_leader_epoch;
        let append_time = self.stamp.append_time;
        let max_timestamp = append_time.unwrap_or_else(|| batch.max_timestamp());
        self.copy(batch.bytes(), max_timestamp, |stored| {
            put_at(stored, 0, base.to_be_bytes());
            put_at(stored, V2_EPOCH_AT, epoch.to_be_bytes());
            if let Some(time) = append_time {
                let kind = TimestampType::LogAppendTime;
                let attributes = batch.attributes().with_timestamp_type(kind);
                put_at(stored, V2_ATTRIBUTES_AT, attributes.0.to_be_bytes());
                put_at(stored, V2_MAX_TIMESTAMP_AT, time.to_be_bytes());
                put_v2_crc(stored);
            }
        });
        Ok(())
    }

    /// An uncompressed record of magic 0 or 1.
    fn message(&mut self, batch: &RecordBatch) -> Result<(), RecordError> {
        batch.check_crc()?;
        self.advance(1)?;
        self.store_legacy(batch, self.stamp.append_time.unwrap_or_else(|| batch.max_timestamp()));
        Ok(())
    }

    /// A compressed batch of magic 0 or 1.
    fn wrapper(
        &mut self,
        open: &OpenBatch,
        compressor: &mut Compressor,
    ) -> Result<(), RecordError> {
        let batch = open.batch();
        if batch.magic() == Magic::V0 || !open.inner_is_numbered() {
            return self.repack(open, compressor);
        }
        let mut latest = -1;
        for record in open.records() {
            latest = record?.timestamp.max(latest);
        }
        self.advance(i64::from(open.record_count()))?;
        self.store_legacy(batch, self.stamp.append_time.unwrap_or(latest));
        Ok(())
    }

    /// Writes a compressed batch anew with the offsets that its records get.
    fn repack(&mut self, open: &OpenBatch, compressor: &mut Compressor) -> Result<(), RecordError> {
        let batch = open.batch();
        let mut writer = BatchWriter::new(BytesMut::new(), batch.magic(), -1);
        if let Some(time) = self.stamp.append_time {
            writer = writer.with_append_time(time);
        }
        for record in open.records() {
            let record = record?;
            let (timestamp, key, value) = (record.timestamp, record.key, record.value);
            writer.append(&RecordParts { timestamp, key, value, headers: &[] })?;
        }
        let base_offset = self.next_offset;
        self.advance(i64::from(writer.record_count()))?;
        self.max_timestamp = self.max_timestamp.max(writer.max_timestamp());
        let compression = batch.compression();
        let seal = Seal { compression, base_offset, ..Seal::default() };
        self.out.put_slice(&writer.seal_with(&seal, compressor)?);
        Ok(())
    }

    /// Stores a whole entry of magic 0 or 1 whose last record is the one before `next_offset`.
    fn store_legacy(&mut self, batch: &RecordBatch, timestamp: i64) {
        let last = self.next_offset - 1;
        let has_append_time = self.stamp.append_time.is_some();
        let is_v1 = batch.magic() == Magic::V1;
        let timestamp = if is_v1 { timestamp } else { -1 };
        self.copy(batch.bytes(), timestamp, |stored| {
            put_at(stored, 0, last.to_be_bytes());
            if !is_v1 || (timestamp == batch.max_timestamp() && !has_append_time) {
                return;
            }
            if has_append_time {
                let kind = TimestampType::LogAppendTime;
                let attributes = batch.attributes().with_timestamp_type(kind).legacy();
                put_at(stored, LEGACY_ATTRIBUTES_AT, [attributes]);
            }
            put_at(stored, V1_TIMESTAMP_AT, timestamp.to_be_bytes());
            finish_legacy(stored);
        });
    }

    fn copy(&mut self, bytes: &[u8], max_timestamp: i64, change: impl FnOnce(&mut [u8])) {
        let at = self.out.len();
        self.out.put_slice(bytes);
        self.max_timestamp = self.max_timestamp.max(max_timestamp);
        change(self.out.get_mut(at..).unwrap_or_default());
    }

    fn advance(&mut self, by: i64) -> Result<(), RecordError> {
        let next = self.next_offset.checked_add(by);
        self.next_offset = next.ok_or(RecordError::malformed("base offset"))?;
        Ok(())
    }
}

/// What a producer writes into a batch anew after its epoch was bumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerStamp {
    /// The producer id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// The sequence number of the first record.
    pub base_sequence: i32,
}

/// Copies one sealed batch of magic 2 and gives it another producer id, epoch and sequence.
///
/// # Errors
/// The bytes are not one whole, undamaged batch of magic 2.
pub fn stamp_producer(batch: &Bytes, stamp: &ProducerStamp) -> Result<Bytes, RecordError> {
    let mut batches = RecordBatches::new(batch.clone());
    let parsed = batches.next().ok_or(RecordError::malformed("batch length"))??;
    if batches.is_partial() {
        return Err(RecordError::malformed("batch length"));
    }
    if parsed.magic() != Magic::V2 {
        return Err(RecordError::NotInMagic { what: "producer id", magic: parsed.magic() });
    }
    parsed.check_crc()?;
    let mut copy = BytesMut::from(&batch[..]);
    put_at(&mut copy, V2_PRODUCER_ID_AT, stamp.producer_id.to_be_bytes());
    put_at(&mut copy, V2_PRODUCER_EPOCH_AT, stamp.producer_epoch.to_be_bytes());
    put_at(&mut copy, V2_SEQUENCE_AT, stamp.base_sequence.to_be_bytes());
    put_v2_crc(&mut copy);
    Ok(copy.freeze())
}
