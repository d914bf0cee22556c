//! `FetchedBatch`: a record batch as the user gets it.

use std::sync::Arc;

use kurier_protocol::record::{
    Compression, OpenBatch, Record, RecordError, RecordRef, Records, TimestampType,
};

use super::turn::{Mark, Turn};
use crate::error::Error;

/// A record batch of one partition, unpacked and checked. It keeps the answer that it came in
/// alive, as records borrow from it.
#[derive(Clone, Debug)]
pub struct FetchedBatch {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) turn: Turn,
    pub(crate) open: OpenBatch,
    pub(crate) span: Span,
    pub(crate) broker: i32,
    pub(crate) high_watermark: i64,
    pub(crate) next_offset: i64,
}

/// Which records of a batch are given: a broker sends whole batches, which may begin before the
/// position and reach beyond the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl FetchedBatch {
    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The records, borrowed from the batch.
    ///
    /// An item is an error if the bytes of a record contradict themselves although the checksum of
    /// the batch is right, which a broker that checks what it stores never sends; then no more
    /// follow. It concerns this iterator alone: the consumer reads on behind the batch, and
    /// [marks](super::Consumer::mark) all of it. Whoever must not go on without those records stops
    /// or seeks ([`Consumer::poll_records`](super::Consumer::poll_records) stands still by itself).
    #[must_use]
    pub fn records(&self) -> FetchedRecords<'_> {
        FetchedRecords { records: self.open.records(), batch: self }
    }

    /// A record that owns what it holds, without copying: it counts a reference to the batch.
    #[must_use]
    pub fn to_owned(&self, record: &RecordRef<'_>) -> Record {
        self.open.to_owned(record)
    }

    /// The first offset that a record of this batch may have. There may be none with it, after
    /// compaction.
    #[must_use]
    pub fn first_offset(&self) -> i64 {
        self.open.base_offset().max(self.span.start)
    }

    /// The offset behind this batch: the next record to read.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The broker that has sent it: the partition's leader, or a replica that is nearer (KIP-392).
    #[must_use]
    pub fn broker(&self) -> i32 {
        self.broker
    }

    /// The epoch of the leader that has appended it; none where brokers do not tell (before 0.11).
    #[must_use]
    pub fn leader_epoch(&self) -> Option<i32> {
        Some(self.open.batch().partition_leader_epoch()).filter(|epoch| *epoch >= 0)
    }

    /// What is processed once this batch is.
    pub(crate) fn mark(&self) -> Mark {
        Mark { offset: self.next_offset, leader_epoch: self.open.batch().partition_leader_epoch() }
    }

    /// How many records are given, at most: compaction may have taken some of those that are cut
    /// off at either end.
    pub(crate) fn record_count_max(&self) -> u32 {
        let next = self.open.batch().last_offset().saturating_add(1).min(self.span.end);
        let count = next.saturating_sub(self.first_offset());
        u32::try_from(count).unwrap_or(u32::MAX).min(self.open.record_count())
    }

    /// How many bytes it has in memory, packed and unpacked.
    pub(crate) fn bytes(&self) -> usize {
        let batch = self.open.batch();
        let is_packed = batch.compression() != Compression::None;
        let unpacked = if is_packed { self.open.payload().len() } else { 0 };
        batch.bytes().len() + unpacked
    }

    /// The partition's high watermark when the batch was fetched: the offset behind its last
    /// replicated record.
    #[must_use]
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Who gave the records their timestamps; none if they have none (magic 0).
    #[must_use]
    pub fn timestamp_type(&self) -> Option<TimestampType> {
        self.open.batch().timestamp_type()
    }

    #[cold]
    fn broken(&self, error: RecordError) -> Error {
        broken(&self.topic, self.partition, self.first_offset(), error)
    }
}

/// A batch that cannot be read.
pub(crate) fn broken(topic: &str, partition: i32, offset: i64, error: RecordError) -> Error {
    Error::CorruptBatch { topic: topic.into(), partition, offset, fault: error }
}

/// Tells of a batch that was passed over as it cannot be read.
pub(crate) fn skipped(topic: &str, partition: i32, (from, until): (i64, i64), error: &Error) {
    tracing::warn!(%topic, partition, from, until, %error, "corrupt batch skipped");
}

/// The records of a [`FetchedBatch`].
#[derive(Clone, Debug)]
pub struct FetchedRecords<'a> {
    records: Records<'a>,
    batch: &'a FetchedBatch,
}

impl<'a> Iterator for FetchedRecords<'a> {
    type Item = Result<RecordRef<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let span = self.batch.span;
        loop {
            match self.records.next()? {
                Ok(record) if record.offset < span.start => {}
                Ok(record) if record.offset >= span.end => return None,
                Ok(record) => return Some(Ok(record)),
                Err(error) => return Some(Err(self.batch.broken(error))),
            }
        }
    }
}

impl<'a> IntoIterator for &'a FetchedBatch {
    type Item = Result<RecordRef<'a>, Error>;
    type IntoIter = FetchedRecords<'a>;

    fn into_iter(self) -> FetchedRecords<'a> {
        self.records()
    }
}
