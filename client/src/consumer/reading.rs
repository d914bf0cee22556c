//! Core: one partition's part of an answer, batch by batch.

use kurier_protocol::Bytes;
use kurier_protocol::api::fetch::PartitionData;
use kurier_protocol::record::{RecordBatch, RecordBatches, RecordError};

use super::aborted::Aborted;
use super::batch::{Span, broken, skipped};
use super::config::Corrupt;
use super::entry::{Entry, Fetched, Item};
use super::position::{End, Place, Track};
use super::turn::Mark;
use crate::error::{Error, ErrorKind};

/// One partition's records, batch by batch.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    track: &'a mut Track,
    aborted: Aborted,
    high_watermark: i64,
    broker: i32,
    /// Where the position goes although the user gets nothing.
    skipped: Option<Mark>,
    corrupt: Corrupt,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(track: &'a mut Track, aborted: Aborted, high_watermark: i64) -> Self {
        let (broker, skipped) = (-1, None);
        Self { track, aborted, high_watermark, broker, skipped, corrupt: Corrupt::Stop }
    }

    /// The same, where batches that cannot be read are passed over, or are not.
    pub(crate) fn with(self, corrupt: Corrupt) -> Self {
        Self { corrupt, ..self }
    }

    /// The same, of this broker's answer.
    pub(crate) fn of(self, broker: i32) -> Self {
        Self { broker, ..self }
    }

    /// Moves the partition forward over whole batches; an error if one cannot be told apart.
    pub(crate) fn read(
        &mut self,
        from: i64,
        records: Bytes,
        entries: &mut Vec<Entry>,
    ) -> Option<Error> {
        let mut offset = from;
        let mut problem = None;
        let mut batches = RecordBatches::new(records).peekable();
        while let Some(batch) = batches.next() {
            let batch = batch.map_err(|error| (error, None));
            let (batch, is_hidden) = match batch.and_then(|batch| self.look(offset, batch)) {
                Ok(looked) => looked,
                Err((error, claim)) => {
                    let error = broken(&self.track.topic, self.track.partition, offset, error);
                    if self.corrupt == Corrupt::Stop || error.kind() != ErrorKind::Corrupt {
                        problem = Some(error);
                        break;
                    }
                    let next = batches.peek().and_then(|next| next.as_ref().ok());
                    let behind = self.behind(next, claim);
                    offset = self.pass(offset, behind, &error, entries);
                    continue;
                }
            };
            let next_offset = batch.last_offset().saturating_add(1);
            // A broker begins with the batch that holds the position, or with one before it.
            if next_offset <= offset {
                continue;
            }
            self.take(offset, (batch, is_hidden), entries);
            offset = next_offset;
            if offset >= self.track.end_offset() {
                break;
            }
        }
        if let Some(behind) = self.skipped {
            entries.push(Entry { turn: self.track.turn, item: Item::Skip(behind) });
        }
        self.track.place = Place::At(offset);
        entries.extend(end_if_reached(self.track));
        problem
    }

    /// One batch, for the user or not.
    fn take(
        &mut self,
        offset: i64,
        (batch, is_hidden): (RecordBatch, bool),
        entries: &mut Vec<Entry>,
    ) {
        let (turn, end) = (self.track.turn, self.track.end_offset());
        self.track.epoch = batch.partition_leader_epoch();
        // What lies behind the end is not given, and so it is not passed over either.
        let next_given = batch.last_offset().saturating_add(1).min(end);
        if is_hidden || batch.base_offset() >= end {
            let leader_epoch = batch.partition_leader_epoch();
            self.skipped = Some(Mark { offset: next_given, leader_epoch });
            return;
        }
        self.skipped = None;
        let (span, high_watermark) = (Span { start: offset, end }, self.high_watermark);
        let fetched =
            Fetched { batch, span, broker: self.broker, high_watermark, next_offset: next_given };
        entries.push(Entry { turn, item: Item::Batch(fetched) });
    }

    /// A batch, and whether it has nothing for the user. Before what its header says of that is
    /// believed, its checksum is compared; that of others is when they are opened, unless what
    /// cannot be read is passed over: then an offset of the header would be believed. With an error
    /// goes the offset that it claims to end before, if the log has that.
    fn look(
        &mut self,
        offset: i64,
        batch: RecordBatch,
    ) -> Result<(RecordBatch, bool), (RecordError, Option<i64>)> {
        let compare = |batch: &RecordBatch, high_watermark: i64| {
            let claim = batch.last_offset().saturating_add(1);
            batch.check_crc().map_err(|e| (e, Some(claim).filter(|claim| *claim <= high_watermark)))
        };
        if self.corrupt == Corrupt::Skip {
            compare(&batch, self.high_watermark)?;
        }
        let is_hidden = batch.last_offset() < offset
            || self.aborted.covers(&batch)
            || batch.is_control()
            || batch.record_count() == Some(0);
        if is_hidden && self.corrupt == Corrupt::Stop {
            compare(&batch, self.high_watermark)?;
        }
        Ok((batch, is_hidden))
    }

    /// Where reading goes on behind a batch that cannot be read, if that is known. Where the next
    /// batch begins is believed if its own checksum is right and the log reaches so far, or if both
    /// say the same.
    fn behind(&self, next: Option<&RecordBatch>, claim: Option<i64>) -> Option<i64> {
        let Some(next) = next else { return claim };
        let begin = next.base_offset();
        let is_whole = begin <= self.high_watermark && next.check_crc().is_ok();
        Some(begin).filter(|begin| is_whole || claim == Some(*begin))
    }

    /// Passes over a batch that cannot be read, up to where the next one begins if that is known.
    fn pass(
        &mut self,
        offset: i64,
        behind: Option<i64>,
        error: &Error,
        entries: &mut Vec<Entry>,
    ) -> i64 {
        let until = behind.unwrap_or_default().max(offset.saturating_add(1));
        let next_offset = until.min(self.track.end_offset());
        skipped(&self.track.topic, self.track.partition, (offset, until), error);
        self.skipped = None;
        entries.push(Entry {
            turn: self.track.turn,
            item: Item::Corrupt { from: offset, next_offset },
        });
        until
    }
}

/// Ends a partition that has come to its end.
pub(crate) fn end_if_reached(track: &mut Track) -> Option<Entry> {
    match (track.place, track.end) {
        // A broker must say first whether its log holds it.
        (Place::At(offset), End::At(end)) if offset > end && track.is_unchecked => None,
        (Place::At(offset), End::At(end)) if offset >= end => {
            track.place = Place::Done;
            Some(Entry { turn: track.turn, item: Item::End })
        }
        _ => None,
    }
}

/// Whether an answer has nothing of a partition.
pub(crate) fn is_empty(data: &PartitionData) -> bool {
    data.records.as_ref().is_none_or(|records| records.0.is_empty())
}
