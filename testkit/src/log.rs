//! Core: the log of one partition, made of real record batches.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use kurier_protocol::record::{
    Compression, Magic, RecordBatch, RecordBatches, RecordError, Stamp, stamp,
};

use crate::codecs::Codecs;
use crate::epochs::Epochs;

/// The records of a partition, as its leader has them. Other replicas have the beginning of it, and
/// how much of it is readable is not known here.
#[derive(Debug)]
pub(crate) struct Log {
    start: i64,
    end: i64,
    batches: VecDeque<Stored>,
    epochs: Epochs,
    /// When records were appended last, in milliseconds since 1970.
    appended_at: i64,
}

/// A batch in the log.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) batch: RecordBatch,
    pub(crate) base_offset: i64,
    /// The batch's place in the file that the log would be on a real broker's disk.
    position: usize,
}

/// What was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    /// The time that all records got, where the topic's times are the broker's.
    pub(crate) append_time: Option<i64>,
}

/// A stretch of the log: where it begins and how many bytes it takes, the last batch perhaps cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    first: usize,
    pub(crate) bytes: usize,
}

/// A record that a lookup found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
}

/// The offset is below the log's start or beyond its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfRange;

impl Log {
    /// An empty log whose first leader has this epoch.
    pub(crate) fn new(epoch: i32) -> Self {
        let mut epochs = Epochs::default();
        epochs.begin(epoch, 0);
        Self { start: 0, end: 0, batches: VecDeque::new(), epochs, appended_at: 0 }
    }

    /// Offset of the first record that can be read. Kafka: log start offset.
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// Offset that the next record will get. Kafka: log end offset.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// Which leader epochs the records have.
    pub(crate) fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// When records were appended last, in milliseconds since 1970.
    pub(crate) fn appended_at(&self) -> i64 {
        self.appended_at
    }

    /// The batches that hold readable records.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Stored> {
        self.batches.iter()
    }

    /// Says that a leader with this epoch appends from now on.
    pub(crate) fn begin_epoch(&mut self, epoch: i32) {
        self.epochs.begin(epoch, self.end);
    }

    /// Appends whole, checked batches: gives them offsets, the leader's epoch, and the time if the
    /// topic wants the broker's.
    ///
    /// # Errors
    ///
    /// A batch is damaged; nothing is appended then.
    pub(crate) fn append(
        &mut self,
        records: &Bytes,
        append_time: Option<i64>,
        millis: i64,
        codecs: &mut Codecs,
    ) -> Result<Appended, RecordError> {
        let partition_leader_epoch = self.epochs.at(self.end).unwrap_or(0);
        let orders = Stamp { base_offset: self.end, partition_leader_epoch, append_time };
        let Codecs { compressor, decompressor, .. } = codecs;
        let stamped = stamp(records, &orders, decompressor, compressor)?;
        let batches = RecordBatches::new(stamped.bytes).collect::<Result<Vec<_>, _>>()?;
        for batch in batches {
            self.push(batch);
        }
        self.appended_at = millis;
        let (base_offset, last_offset) = (stamped.base_offset, stamped.last_offset);
        Ok(Appended { base_offset, last_offset, append_time })
    }

    fn push(&mut self, batch: RecordBatch) {
        let base_offset = self.end;
        let position = self.end_position();
        self.end = batch.last_offset() + 1;
        self.batches.push_back(Stored { batch, base_offset, position });
    }

    /// What a reader at this offset gets with at most `bytes_max` bytes of the batches that begin
    /// before `until`, the last batch perhaps cut as a read from a file would cut it.
    ///
    /// # Errors
    ///
    /// The offset is out of range.
    pub(crate) fn extent(
        &self,
        offset: i64,
        (bytes_max, until): (usize, i64),
        first_batch: FirstBatch,
    ) -> Result<Extent, OutOfRange> {
        if offset < self.start || offset > self.end {
            return Err(OutOfRange);
        }
        let first = self.batches.partition_point(|stored| stored.batch.last_offset() < offset);
        let Some(stored) = self.batches.get(first).filter(|stored| stored.base_offset < until)
        else {
            return Ok(Extent { first, bytes: 0 });
        };
        let length = stored.batch.bytes().len();
        let allowed = match first_batch {
            FirstBatch::Whole => bytes_max.max(length),
            FirstBatch::Omitted if bytes_max < length => 0,
            FirstBatch::Omitted | FirstBatch::Cut => bytes_max,
        };
        Ok(Extent { first, bytes: allowed.min(self.position_of(until) - stored.position) })
    }

    /// Where the first batch lies that begins at this offset or later.
    fn position_of(&self, offset: i64) -> usize {
        let index = self.batches.partition_point(|stored| stored.base_offset < offset);
        self.batches.get(index).map_or_else(|| self.end_position(), |stored| stored.position)
    }

    /// The batches that lie in a stretch, the last one perhaps only in part.
    pub(crate) fn batches_of(&self, extent: Extent) -> impl Iterator<Item = &Stored> {
        let from = self.batches.get(extent.first).map_or(0, |stored| stored.position);
        self.batches
            .iter()
            .skip(extent.first)
            .take_while(move |stored| stored.position - from < extent.bytes)
    }

    /// The bytes of a stretch. One batch is shared, several are copied together.
    pub(crate) fn bytes_of(&self, extent: Extent) -> Bytes {
        let mut batches = self.batches_of(extent).map(|stored| stored.batch.bytes());
        let Some(first) = batches.next() else {
            return Bytes::new();
        };
        if first.len() >= extent.bytes {
            return first.slice(..extent.bytes);
        }
        let mut all = BytesMut::with_capacity(extent.bytes);
        all.extend_from_slice(first);
        for bytes in batches {
            let left = extent.bytes - all.len();
            all.extend_from_slice(bytes.get(..left).unwrap_or(bytes));
        }
        all.freeze()
    }

    /// The first record whose timestamp is at least this one.
    ///
    /// # Errors
    ///
    /// A stored batch cannot be opened.
    pub(crate) fn find_time(
        &self,
        timestamp: i64,
        codecs: &mut Codecs,
    ) -> Result<Option<Found>, RecordError> {
        for stored in &self.batches {
            let late = stored.batch.max_timestamp() >= timestamp;
            if let Some(found) =
                late.then(|| self.find_in(stored, timestamp, codecs)).transpose()?
                && found.is_some()
            {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first record with the latest timestamp of all.
    ///
    /// # Errors
    ///
    /// A stored batch cannot be opened.
    pub(crate) fn find_latest_time(
        &self,
        codecs: &mut Codecs,
    ) -> Result<Option<Found>, RecordError> {
        match self.batches.iter().map(|stored| stored.batch.max_timestamp()).max() {
            Some(latest) if latest >= 0 => self.find_time(latest, codecs),
            _ => Ok(None),
        }
    }

    fn find_in(
        &self,
        stored: &Stored,
        timestamp: i64,
        codecs: &mut Codecs,
    ) -> Result<Option<Found>, RecordError> {
        let opened = codecs.open(&stored.batch)?;
        for record in opened.records() {
            let record = record?;
            if record.timestamp >= timestamp && record.offset >= self.start {
                return Ok(Some(Found { offset: record.offset, timestamp: record.timestamp }));
            }
        }
        Ok(None)
    }

    /// Forgets what lies before an offset, batch by batch.
    ///
    /// # Errors
    ///
    /// The offset is beyond the end.
    pub(crate) fn raise_start(&mut self, offset: i64) -> Result<(), OutOfRange> {
        if offset > self.end {
            return Err(OutOfRange);
        }
        self.start = self.start.max(offset);
        while self.batches.front().is_some_and(|stored| stored.batch.last_offset() < offset) {
            self.batches.pop_front();
        }
        Ok(())
    }

    /// How far records may be deleted that are too old or too many, batch by batch: a batch is
    /// what a segment is on a real broker. Kafka: retention.ms, retention.bytes.
    pub(crate) fn expired(&self, retention: Retention, high_watermark: i64) -> i64 {
        let mut start = self.start;
        let mut bytes = self.end_position();
        bytes -= self.batches.front().map_or(bytes, |first| first.position);
        let bytes_max = usize::try_from(retention.bytes).unwrap_or(usize::MAX);
        for Stored { batch, .. } in &self.batches {
            let age = retention.millis.saturating_sub(batch.max_timestamp());
            let is_old = retention.ms >= 0 && age > retention.ms;
            let left = bytes - batch.bytes().len();
            if batch.last_offset() >= high_watermark || !(is_old || left >= bytes_max) {
                break;
            }
            bytes = left;
            start = batch.last_offset() + 1;
        }
        start
    }

    /// Puts what compaction left in the place of all batches. The log ends where it did.
    pub(crate) fn replace(&mut self, batches: Vec<RecordBatch>) {
        let mut position = 0;
        self.batches.clear();
        for batch in batches {
            let (base_offset, length) = (batch.base_offset(), batch.bytes().len());
            self.batches.push_back(Stored { batch, base_offset, position });
            position += length;
        }
    }

    /// Forgets whole batches at the end until no record is left from this offset on.
    pub(crate) fn truncate(&mut self, offset: i64) {
        while let Some(last) = self.batches.back().filter(|last| last.batch.last_offset() >= offset)
        {
            self.end = last.base_offset;
            self.batches.pop_back();
        }
        self.end = self.end.max(self.start);
    }

    /// Forgets the batches that begin at this offset or later, and keeps their offsets.
    pub(crate) fn lose(&mut self, offset: i64) {
        while self.batches.back().is_some_and(|last| last.base_offset >= offset) {
            self.batches.pop_back();
        }
    }

    fn end_position(&self) -> usize {
        self.batches.back().map_or(0, |last| last.position + last.batch.bytes().len())
    }
}

/// What may stay in a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    /// The wall clock.
    pub(crate) millis: i64,
    /// How old records may be, in ms; negative for no limit.
    pub(crate) ms: i64,
    /// How many bytes there may be; negative for no limit.
    pub(crate) bytes: i64,
}

/// What happens to a first batch that is larger than a reader allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstBatch {
    /// It comes whole, so that the reader gets on (KIP-74).
    Whole,
    /// It is left out, as the reader has something else.
    Omitted,
    /// It is cut off, as before KIP-74.
    Cut,
}

impl Stored {
    pub(crate) fn compression(&self) -> Compression {
        self.batch.compression()
    }

    pub(crate) fn magic(&self) -> Magic {
        self.batch.magic()
    }
}
