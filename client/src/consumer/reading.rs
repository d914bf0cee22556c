//! Core: one partition's part of an answer, batch by batch.

use kurier_protocol::Bytes;
use kurier_protocol::api::fetch::PartitionData;
use kurier_protocol::record::RecordBatches;

use super::aborted::Aborted;
use super::batch::{Span, broken};
use super::entry::{Entry, Fetched, Item};
use super::position::{End, Place, Track};
use crate::error::Error;

/// One partition's records, batch by batch.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    track: &'a mut Track,
    aborted: Aborted,
    high_watermark: i64,
    /// Where the position goes although the user gets nothing.
    skipped: Option<i64>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(track: &'a mut Track, aborted: Aborted, high_watermark: i64) -> Self {
        Self { track, aborted, high_watermark, skipped: None }
    }

    /// Moves the partition forward over whole batches; an error if one cannot be told apart.
    pub(crate) fn read(
        &mut self,
        from: i64,
        records: Bytes,
        entries: &mut Vec<Entry>,
    ) -> Option<Error> {
        let turn = self.track.turn;
        let mut offset = from;
        let mut problem = None;
        for batch in RecordBatches::new(records) {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    let (topic, partition) = (&self.track.topic, self.track.partition);
                    problem = Some(broken(topic, partition, offset, error));
                    break;
                }
            };
            let next_offset = batch.last_offset().saturating_add(1);
            // A broker begins with the batch that holds the position, or with one before it.
            if next_offset <= offset {
                continue;
            }
            let batch_epoch = batch.partition_leader_epoch();
            let end = self.track.end_offset();
            // What lies behind the end is not given, and so it is not passed over either.
            let next_given = next_offset.min(end);
            let is_hidden = self.aborted.covers(&batch)
                || batch.is_control()
                || batch.record_count() == Some(0)
                || batch.base_offset() >= end;
            if is_hidden {
                self.skipped = Some(next_given);
            } else {
                self.skipped = None;
                let span = Span { start: offset, end };
                let high_watermark = self.high_watermark;
                let fetched = Fetched { batch, span, high_watermark, next_offset: next_given };
                entries.push(Entry { turn, item: Item::Batch(fetched) });
            }
            offset = next_offset;
            self.track.epoch = batch_epoch;
            if offset >= end {
                break;
            }
        }
        if let Some(next_offset) = self.skipped {
            entries.push(Entry { turn, item: Item::Skip { next_offset } });
        }
        self.track.place = Place::At(offset);
        entries.extend(end_if_reached(self.track));
        problem
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
