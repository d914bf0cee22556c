//! Topics: sources without an end, logs in memory, and sinks. The name says which.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use kurier_protocol::record::{BatchWriter, Compression, Magic, RecordBatch, RecordParts, Seal};

use crate::values::values;

/// A topic.
pub struct Topic {
    pub partitions: Vec<Partition>,
    pub is_log: bool,
    source: Option<Source>,
}

/// What a partition has.
#[derive(Default)]
pub struct Partition(Mutex<Log>);

#[derive(Default)]
struct Log {
    start: i64,
    next: i64,
    /// The last offset of each, and its bytes.
    batches: VecDeque<(i64, Bytes)>,
    bytes: usize,
}

/// Batches that come again and again.
struct Source {
    batches: Vec<Bytes>,
    records_each: i64,
}

/// What a consumer is given.
pub struct Read {
    pub start: i64,
    pub end: i64,
    /// None if there are no such offsets.
    pub records: Option<Bytes>,
}

/// How much of a partition an answer takes.
#[derive(Clone, Copy)]
pub struct Limit {
    pub bytes: usize,
    /// Nothing is in the answer yet: the first batch comes whole, however large it is (KIP-74).
    pub is_first: bool,
}

impl Limit {
    fn takes(self, there: usize, more: usize) -> bool {
        there + more <= self.bytes || there == 0 && self.is_first
    }
}

impl Topic {
    /// What this name stands for; none if a source is asked for in other words than it has.
    pub fn new(name: &str) -> Option<Self> {
        let count = name.rsplit_once("-p").and_then(|(_, count)| count.parse().ok());
        let partitions = (0..count.unwrap_or(1).clamp(1, 10_000)).map(|_| Partition::default());
        let words: Vec<&str> = name.split('-').collect();
        let source = match words.as_slice() {
            ["src", size, codec, ..] => Some(Source::new(size.parse().ok()?, codec)?),
            _ => None,
        };
        Some(Self { partitions: partitions.collect(), is_log: name.starts_with("log-"), source })
    }

    /// Takes a batch; the offset of its first record.
    pub fn append(&self, partition: &Partition, batch: &RecordBatch) -> i64 {
        let mut log = partition.log();
        let offset = log.next;
        log.next += i64::from(batch.record_count().unwrap_or(0));
        if self.is_log {
            let stored = at_offset(batch.bytes(), offset);
            let last = log.next - 1;
            log.bytes += stored.len();
            log.batches.push_back((last, stored));
            while log.bytes > LOG_BYTES_MAX
                && let Some((last, dropped)) = log.batches.pop_front()
            {
                log.bytes -= dropped.len();
                log.start = last + 1;
            }
        }
        offset
    }

    /// The batches from an offset on, as many as fit.
    pub fn read(&self, partition: &Partition, offset: i64, limit: Limit) -> Read {
        if let Some(source) = &self.source {
            let records = (0..SOURCE_END).contains(&offset);
            let records = records.then(|| source.read(offset, limit));
            return Read { start: 0, end: SOURCE_END, records };
        }
        let log = partition.log();
        let records = (log.start..=log.next).contains(&offset).then(|| {
            let mut out = BytesMut::new();
            let from = log.batches.partition_point(|(last, _)| *last < offset);
            for (_, batch) in log.batches.range(from..) {
                if !limit.takes(out.len(), batch.len()) {
                    break;
                }
                out.extend_from_slice(batch);
            }
            out.freeze()
        });
        Read { start: log.start, end: log.next, records }
    }
}

impl Partition {
    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.0.lock().expect("nobody panics with a log in hand")
    }
}

impl Source {
    fn new(size: usize, codec: &str) -> Option<Self> {
        let codec: Compression = codec.parse().ok()?;
        let records = (BATCH_BYTES / (size + 10)).max(1);
        let batches: Option<_> = (0..BATCHES)
            .map(|number| batch(&values(size, records, 0x9E37_79B9 + number * 77), codec))
            .collect();
        Some(Self { batches: batches?, records_each: i64::try_from(records).ok()? })
    }

    fn read(&self, offset: i64, limit: Limit) -> Bytes {
        let mut number = offset / self.records_each;
        let mut out = BytesMut::with_capacity(limit.bytes);
        loop {
            let place = usize::try_from(number).unwrap_or(0) % self.batches.len();
            let batch = &self.batches[place];
            if !limit.takes(out.len(), batch.len()) {
                return out.freeze();
            }
            let at = out.len();
            out.extend_from_slice(batch);
            out[at..at + 8].copy_from_slice(&(number * self.records_each).to_be_bytes());
            number += 1;
        }
    }
}

fn batch(values: &[Vec<u8>], compression: Compression) -> Option<Bytes> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_millis();
    let now = i64::try_from(now).ok()?;
    let mut writer = BatchWriter::new(BytesMut::with_capacity(BATCH_BYTES), Magic::V2, now);
    for (number, value) in (0..).zip(values) {
        let timestamp = now + number / 64;
        let parts = RecordParts { timestamp, value: Some(value), ..RecordParts::default() };
        writer.append(&parts).ok()?;
    }
    writer.seal(&Seal { compression, ..Seal::default() }).ok()
}

/// The same batch with this offset, which its checksum leaves out.
fn at_offset(batch: &Bytes, offset: i64) -> Bytes {
    [&offset.to_be_bytes(), &batch[8..]].concat().into()
}

const BATCH_BYTES: usize = 64 << 10;
const BATCHES: u64 = 16;
const LOG_BYTES_MAX: usize = 64 << 20;
/// So many records that no client comes to the end.
const SOURCE_END: i64 = 1 << 50;
