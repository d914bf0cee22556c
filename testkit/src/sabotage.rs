//! Core: brokers that break a promise, so that those who look for broken promises can be tested.

use bytes::{Bytes, BytesMut};
use kurier_protocol::ErrorCode;
use kurier_protocol::record::{
    BatchWriter, Compression, Magic, RecordBatch, RecordBatches, RecordParts, Seal,
};

use crate::codecs::Codecs;
use crate::group::{Committed, TopicPartition};
use crate::log::{Appended, Log};
use crate::seal::seal_of;

/// A way in which brokers do wrong while they say that all is well. It is for tests of checkers
/// only: a checker that stays silent while a cluster does this is of no use. Faults that a client
/// has to live with are [`Fault`](crate::Fault)s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sabotage {
    /// Records that are produced are acknowledged before they are stored, and then not stored: the
    /// next ones get the same offsets.
    AcknowledgeEarly,
    /// Records that are produced are acknowledged, get their offsets, and are gone.
    LoseRecords,
    /// Records that are produced are stored twice.
    StoreTwice,
    /// Of two batches of one record each the second is stored first, if the first one came to an
    /// even offset; both producers are told the offsets where the records are in the end.
    SwapRecords,
    /// Records that are produced are refused with INVALID_RECORD, and stored.
    StoreRefused,
    /// Fetches give other values than those that were stored.
    AlterRecords,
    /// Fetches leave out the batch that is due.
    SkipRecords,
    /// Fetches begin with the batch before the one that is due.
    RepeatRecords,
    /// Fetches find nothing new.
    HideRecords,
    /// Fetches of committed records do not tell which transactions were aborted.
    ShowAborted,
    /// Fetches of committed records give those of open transactions too.
    ShowOpen,
    /// Transactions get no marker in the last of their partitions.
    LoseMarker,
    /// Offsets that a group commits are kept as [`COMMITTED_AHEAD`](Self::COMMITTED_AHEAD) more.
    CommitAhead,
    /// Offsets that a group commits are not kept.
    ForgetOffsets,
}

impl Sabotage {
    /// How far offsets are kept too far by [`CommitAhead`](Self::CommitAhead).
    pub const COMMITTED_AHEAD: i64 = 2;
}

/// What brokers do, if anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Saboteur(pub(crate) Option<Sabotage>);

impl Saboteur {
    fn does(self, what: Sabotage) -> bool {
        self.0 == Some(what)
    }

    /// Does wrong to records that were appended, and gives what the producer is told of them.
    pub(crate) fn stored(
        self,
        log: &mut Log,
        (appended, millis): (Appended, i64),
        codecs: &mut Codecs,
    ) -> Appended {
        let start = appended.base_offset;
        // What came twice was appended before.
        if self.0.is_none() || appended.last_offset + 1 != log.end() {
            return appended;
        }
        let (mut records, mut before) = (BytesMut::new(), None);
        for stored in log.batches() {
            if stored.batch.base_offset() < start {
                before = Some(stored.batch.clone());
            } else {
                records.extend_from_slice(stored.batch.bytes());
            }
        }
        let records = records.freeze();
        // Invariant: what is in the log can be appended.
        let mut append = |log: &mut Log, records: &Bytes| {
            let again = log.append(records, appended.append_time, millis, codecs);
            again.expect("what was stored was checked before")
        };
        match (self.0, before) {
            (Some(Sabotage::AcknowledgeEarly), _) => log.truncate(start),
            (Some(Sabotage::LoseRecords), _) => log.lose(start),
            (Some(Sabotage::StoreTwice), _) => {
                append(log, &records);
            }
            (Some(Sabotage::SwapRecords), _) if start % 2 == 0 => {
                return Appended { base_offset: start + 1, ..appended };
            }
            (Some(Sabotage::SwapRecords), Some(before)) => {
                log.truncate(before.base_offset());
                let moved = append(log, &records);
                append(log, before.bytes());
                return Appended { base_offset: moved.base_offset, ..appended };
            }
            _ => {}
        }
        appended
    }

    /// How a producer is refused whose records are stored.
    ///
    /// # Errors
    ///
    /// It is refused.
    pub(crate) fn answer(self) -> Result<(), ErrorCode> {
        if self.does(Sabotage::StoreRefused) { Err(ErrorCode::INVALID_RECORD) } else { Ok(()) }
    }

    /// Where a reader begins who asked for this offset.
    pub(crate) fn fetch_from(self, log: &Log, offset: i64) -> i64 {
        let mut batches = log.batches().map(|stored| &stored.batch);
        let moved = match self.0 {
            Some(Sabotage::SkipRecords) => batches
                .find(|batch| batch.last_offset() >= offset)
                .map(|batch| batch.last_offset() + 1),
            Some(Sabotage::RepeatRecords) => batches
                .take_while(|batch| batch.last_offset() < offset)
                .last()
                .map(RecordBatch::base_offset),
            _ => None,
        };
        moved.unwrap_or(offset)
    }

    /// Where a reader stops who may read up to this offset.
    pub(crate) fn fetch_until(self, log: &Log, limit: i64) -> i64 {
        match self.0 {
            Some(Sabotage::HideRecords) => log.start(),
            Some(Sabotage::ShowOpen) => log.end(),
            _ => limit,
        }
    }

    /// Whether readers are told of aborted transactions.
    pub(crate) fn tells_aborted(self) -> bool {
        !self.does(Sabotage::ShowAborted)
    }

    /// What a reader gets of these records.
    pub(crate) fn fetched(self, records: Bytes) -> Bytes {
        if !self.does(Sabotage::AlterRecords) {
            return records;
        }
        let mut all = BytesMut::new();
        for batch in RecordBatches::new(records.clone()).flatten() {
            all.extend_from_slice(&altered(&batch).unwrap_or_else(|| batch.bytes().clone()));
        }
        all.freeze()
    }

    /// The partition of a transaction that gets no marker.
    pub(crate) fn unmarked<'a>(
        self,
        mut partitions: impl DoubleEndedIterator<Item = &'a TopicPartition>,
    ) -> Option<TopicPartition> {
        partitions.next_back().filter(|_| self.does(Sabotage::LoseMarker)).cloned()
    }

    /// What is kept of an offset that a group commits.
    pub(crate) fn committed(self, offset: Committed) -> Option<Committed> {
        match self.0 {
            Some(Sabotage::ForgetOffsets) => None,
            Some(Sabotage::CommitAhead) => {
                Some(Committed { offset: offset.offset + Sabotage::COMMITTED_AHEAD, ..offset })
            }
            _ => Some(offset),
        }
    }
}

/// The same batch with a zero behind each value; `None` for what holds no values.
fn altered(batch: &RecordBatch) -> Option<Bytes> {
    if batch.is_control() || batch.magic() != Magic::V2 {
        return None;
    }
    let opened = batch.open(&Default::default()).ok()?;
    let mut writer: Option<BatchWriter> = None;
    for record in opened.records() {
        let record = record.ok()?;
        let new = || BatchWriter::new(BytesMut::new(), Magic::V2, record.timestamp);
        let value = [record.value.unwrap_or_default(), b"0"].concat();
        let (timestamp, key) = (record.timestamp, record.key);
        let parts = RecordParts { timestamp, key, value: Some(&value), headers: &[] };
        let at = i32::try_from(record.offset - batch.base_offset()).ok()?;
        writer.get_or_insert_with(new).append_at(at, &parts).ok()?;
    }
    let seal = Seal { compression: Compression::None, ..seal_of(batch) };
    writer?.seal(&seal).ok()
}
