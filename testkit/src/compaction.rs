//! Core: compaction: a partition keeps the latest record of each key, and no aborted records.

use std::collections::{BTreeSet, HashMap};

use bytes::BytesMut;
use kurier_protocol::record::{
    BatchWriter, Magic, OpenBatch, RecordBatch, RecordBatches, RecordError, RecordParts, RecordRef,
    Seal, TimestampType,
};

use crate::codecs::Codecs;
use crate::producer_state::ProducerStates;
use crate::seal::seal_of;

/// How the batches of a log are compacted.
#[derive(Debug)]
pub(crate) struct Compaction<'a> {
    pub(crate) producers: &'a ProducerStates,
    /// The offset up to which batches are looked at: of later ones it is not known yet whether
    /// they stay.
    pub(crate) until: i64,
    /// The wall clock.
    pub(crate) millis: i64,
    /// How long records without a value stay, and markers of transactions without records.
    pub(crate) delete_retention_ms: i64,
    /// Whether batches say until when (KIP-534).
    pub(crate) marks_horizon: bool,
}

/// What is known of the log while it is gone through.
#[derive(Debug, Default)]
struct Seen {
    /// The latest offset of each key.
    latest: HashMap<Vec<u8>, i64>,
    /// The producers with records of a transaction whose marker has not come yet.
    open: BTreeSet<i64>,
}

impl Seen {
    /// Whether no later record has the key of this one.
    fn is_latest(&self, record: &RecordRef<'_>) -> bool {
        record.key.and_then(|key| self.latest.get(key)) == Some(&record.offset)
    }
}

impl Compaction<'_> {
    /// What is left of the batches. The last one that is looked at stays, if only as a header, so
    /// that readers come to its end.
    ///
    /// # Errors
    ///
    /// A batch cannot be opened.
    pub(crate) fn run(
        &self,
        batches: &[RecordBatch],
        codecs: &mut Codecs,
    ) -> Result<Vec<RecordBatch>, RecordError> {
        let count = batches.partition_point(|batch| batch.last_offset() < self.until);
        let (old, new) = batches.split_at(count);
        let mut seen = Seen { latest: self.latest(old, codecs)?, ..Seen::default() };
        let mut kept = Vec::new();
        for (index, batch) in old.iter().enumerate() {
            let place = if index + 1 == count { Place::Last } else { Place::Before };
            kept.extend(self.clean(batch, place, &mut seen, codecs)?);
        }
        kept.extend_from_slice(new);
        Ok(kept)
    }

    fn latest(
        &self,
        batches: &[RecordBatch],
        codecs: &mut Codecs,
    ) -> Result<HashMap<Vec<u8>, i64>, RecordError> {
        let mut latest = HashMap::new();
        for batch in batches.iter().filter(|batch| !batch.is_control() && !self.is_aborted(batch)) {
            let opened = batch.open_with(&mut codecs.decompressor)?;
            for record in opened.records() {
                let record = record?;
                if let Some(key) = record.key {
                    latest.insert(key.to_vec(), record.offset);
                }
            }
        }
        Ok(latest)
    }

    fn is_aborted(&self, batch: &RecordBatch) -> bool {
        batch.is_transactional()
            && self.producers.is_aborted(batch.producer_id(), batch.base_offset())
    }

    /// What is left of one batch: the batch itself, another one, or nothing.
    fn clean(
        &self,
        batch: &RecordBatch,
        place: Place,
        seen: &mut Seen,
        codecs: &mut Codecs,
    ) -> Result<Vec<RecordBatch>, RecordError> {
        let is_over = self.horizon(batch).is_some_and(|horizon| horizon <= self.millis);
        // The marker of a transaction stays as long as there are records of it.
        let ends_nothing = batch.is_control() && !seen.open.remove(&batch.producer_id());
        if batch.is_transactional() && !batch.is_control() {
            seen.open.insert(batch.producer_id());
        }
        let discards =
            if batch.is_control() { ends_nothing && is_over } else { self.is_aborted(batch) };
        let opened = batch.open_with(&mut codecs.decompressor)?;
        let mut records = Vec::new();
        let mut count = 0;
        for record in opened.records() {
            let record = record?;
            count += 1;
            if !discards
                && (batch.is_control()
                    || seen.is_latest(&record) && (record.value.is_some() || !is_over))
            {
                records.push(record);
            }
        }
        let has_tombstone = !batch.is_control() && records.iter().any(|r| r.value.is_none());
        let begins = self.marks_horizon
            && batch.magic() == Magic::V2
            && batch.delete_horizon_ms().is_none()
            && !records.is_empty()
            && (ends_nothing || has_tombstone);
        if records.len() == count && !begins && count > 0 {
            return Ok(vec![batch.clone()]);
        }
        let is_needed = place == Place::Last || self.producers.is_last(batch);
        if records.is_empty() && !(is_needed && batch.magic() == Magic::V2) {
            return Ok(Vec::new());
        }
        let begun = begins.then(|| self.millis.saturating_add(self.delete_retention_ms));
        let horizon = batch.delete_horizon_ms().or(begun);
        write(&opened, &records, horizon, codecs)
    }

    /// When records without a value may go that a batch has.
    fn horizon(&self, batch: &RecordBatch) -> Option<i64> {
        if self.marks_horizon && batch.magic() == Magic::V2 {
            return batch.delete_horizon_ms();
        }
        Some(batch.max_timestamp().saturating_add(self.delete_retention_ms))
    }
}

/// Where a batch lies among those that are compacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Last,
    Before,
}

/// A batch of some records of another one, at their offsets.
fn write(
    opened: &OpenBatch,
    records: &[RecordRef<'_>],
    horizon: Option<i64>,
    codecs: &mut Codecs,
) -> Result<Vec<RecordBatch>, RecordError> {
    let batch = opened.batch();
    let base_offset = match (batch.magic(), records.first()) {
        (Magic::V2, _) | (_, None) => batch.base_offset(),
        (_, Some(first)) => first.offset,
    };
    let delta = |offset: i64| i32::try_from(offset - base_offset).unwrap_or(i32::MAX);
    let mut writer = BatchWriter::new(BytesMut::new(), batch.magic(), batch.base_timestamp());
    if batch.timestamp_type() == Some(TimestampType::LogAppendTime) {
        writer = writer.with_append_time(batch.max_timestamp());
    }
    if let Some(horizon) = horizon {
        writer = writer.with_delete_horizon(horizon);
    }
    for record in records {
        let headers: Vec<_> = record.headers().collect();
        let (timestamp, key, value) = (record.timestamp, record.key, record.value);
        let parts = RecordParts { timestamp, key, value, headers: &headers };
        writer.append_at(delta(record.offset), &parts)?;
    }
    if batch.magic() == Magic::V2 {
        let latest = if records.is_empty() { batch.max_timestamp() } else { -1 };
        writer.extend_to(delta(batch.last_offset()), latest)?;
    }
    let seal = Seal { base_offset, ..seal_of(batch) };
    let bytes = writer.seal_with(&seal, &mut codecs.compressor)?;
    RecordBatches::new(bytes).collect()
}
