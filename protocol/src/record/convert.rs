//! Batches of one magic rewritten in another, as brokers do for clients of another age.

use bytes::{BufMut, Bytes, BytesMut};

use super::batch::{RecordBatch, RecordBatches};
use super::compression::{Compressor, Decompressor};
use super::error::RecordError;
use super::kind::{Compression, Magic, TimestampType};
use super::open::OpenBatch;
use super::parts::RecordParts;
use super::writer::{BatchWriter, Seal};

/// Rewrites every batch in the format `to`, with the codec it had. Batches that are in it
/// already are kept as they are; a batch that is cut off at the end is left out.
///
/// Down, for old Fetch versions: offsets stay, headers are dropped, and so are control batches,
/// whose offsets are then missing. Up, for old Produce versions: records are numbered on from the
/// first one's offset, since producers of that time need not number them; consecutive
/// uncompressed ones share a batch.
///
/// # Errors
/// A batch is damaged, or its codec does not exist in `to` (zstd below magic 2).
pub fn convert(
    records: &Bytes,
    to: Magic,
    decompressor: &mut Decompressor,
    compressor: &mut Compressor,
) -> Result<Bytes, RecordError> {
    let mut out = BytesMut::with_capacity(records.len());
    let mut rewrite = Rewrite { to, open: None };
    for batch in RecordBatches::new(records.clone()) {
        let batch = batch?;
        if batch.magic() == to {
            rewrite.finish(&mut out, compressor)?;
            out.put_slice(batch.bytes());
        } else if !batch.is_control() {
            if !rewrite.can_join(&batch) {
                rewrite.finish(&mut out, compressor)?;
            }
            let opened = batch.open_with(decompressor)?;
            rewrite.batch(&opened)?;
            decompressor.reclaim(opened);
        }
    }
    rewrite.finish(&mut out, compressor)?;
    Ok(out.freeze())
}

/// The batch that is being written.
struct Rewrite {
    to: Magic,
    open: Option<Target>,
}

struct Target {
    writer: BatchWriter,
    seal: Seal,
    from: Magic,
    append_time: Option<i64>,
}

impl Rewrite {
    /// Whether a batch is a single old record that may follow the ones written.
    fn can_join(&self, batch: &RecordBatch) -> bool {
        self.open.as_ref().is_some_and(|target| {
            batch.magic() < self.to
                && batch.magic() == target.from
                && target.seal.compression == Compression::None
                && batch.compression() == Compression::None
                && append_time(batch) == target.append_time
        })
    }

    fn batch(&mut self, opened: &OpenBatch) -> Result<(), RecordError> {
        let batch = opened.batch();
        let mut headers = Vec::new();
        for record in opened.records() {
            let record = record?;
            headers.clear();
            if self.to == Magic::V2 {
                headers.extend(record.headers());
            }
            let parts = RecordParts {
                timestamp: record.timestamp,
                key: record.key,
                value: record.value,
                headers: &headers,
            };
            self.record(batch, record.offset, &parts)?;
        }
        Ok(())
    }

    fn record(
        &mut self,
        batch: &RecordBatch,
        offset: i64,
        parts: &RecordParts<'_>,
    ) -> Result<(), RecordError> {
        let to = self.to;
        let target = self.open.get_or_insert_with(|| Target::new(batch, to, offset, parts));
        if batch.magic() < to {
            target.writer.append(parts)?;
            return Ok(());
        }
        let delta = offset.checked_sub(target.seal.base_offset);
        let delta = delta.and_then(|delta| i32::try_from(delta).ok());
        target.writer.append_at(delta.ok_or(RecordError::malformed("offset delta"))?, parts)?;
        Ok(())
    }

    fn finish(
        &mut self,
        out: &mut BytesMut,
        compressor: &mut Compressor,
    ) -> Result<(), RecordError> {
        if let Some(Target { writer, seal, .. }) = self.open.take() {
            out.put_slice(&writer.seal_with(&seal, compressor)?);
        }
        Ok(())
    }
}

impl Target {
    fn new(batch: &RecordBatch, to: Magic, base_offset: i64, parts: &RecordParts<'_>) -> Self {
        let mut writer = BatchWriter::new(BytesMut::new(), to, parts.timestamp);
        let append_time = append_time(batch);
        if let Some(time) = append_time {
            writer = writer.with_append_time(time);
        }
        let seal = Seal { compression: batch.compression(), base_offset, ..Seal::default() };
        Self { writer, seal, from: batch.magic(), append_time }
    }
}

fn append_time(batch: &RecordBatch) -> Option<i64> {
    (batch.timestamp_type() == Some(TimestampType::LogAppendTime)).then(|| batch.max_timestamp())
}
