//! What producers record.

use std::fmt::Debug;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::meter::{Book, Meter};
use super::window::{Moment, Sensor, millis, nanos};

/// All producers of a client.
#[derive(Debug, Default)]
pub(crate) struct Producing {
    pub(super) buffers: Vec<Weak<dyn Buffer>>,
    /// Whether there was a producer.
    pub(super) is_used: bool,
    pub(super) in_flight: i64,
    /// Callers that wait for buffer space.
    pub(super) waiting: i64,
    /// The values are records.
    pub(super) requests: Sensor,
    pub(super) latency_ms: Sensor,
    pub(super) throttle_ms: Sensor,
    /// The values are bytes.
    pub(super) batches: Sensor,
    pub(super) queue_ms: Sensor,
    pub(super) ratio: Sensor,
    /// Bytes of records, each counted.
    pub(super) records: Sensor,
    /// The values are records.
    pub(super) retried: Sensor,
    pub(super) failed: Sensor,
    pub(super) splits: Sensor,
    pub(super) exhausted: Sensor,
    pub(super) waited_ns: Sensor,
    pub(super) flushed_ns: Sensor,
    pub(super) metadata_ns: Sensor,
    pub(super) transactions: Transacting,
}

/// How long callers spent in calls about transactions.
#[derive(Debug, Default)]
pub(crate) struct Transacting {
    pub(super) init_ns: Sensor,
    pub(super) begin_ns: Sensor,
    pub(super) offsets_ns: Sensor,
    pub(super) commit_ns: Sensor,
    pub(super) abort_ns: Sensor,
}

/// One topic of all producers.
#[derive(Debug, Default)]
pub(crate) struct Produced {
    /// Bytes of batches; each record counts.
    pub(super) records: Sensor,
    pub(super) ratio: Sensor,
    /// The values are records.
    pub(super) retried: Sensor,
    pub(super) failed: Sensor,
}

/// The buffer of a producer.
pub(crate) trait Buffer: Debug + Send + Sync {
    /// How many bytes it may have.
    fn bytes_max(&self) -> usize;

    /// How many of them are free.
    fn bytes_free(&self) -> usize;
}

/// Something that a producer did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Produce {
    /// A batch went into a request.
    Batch { topic: Arc<str>, records: u32, sizes: BatchSizes, queued: Duration },
    /// A request with so many records went to its connection.
    Request { records: u32 },
    /// So many records go a second time.
    Retry { topic: Arc<str>, records: u32 },
    /// So many records were not delivered.
    Failure { topic: Arc<str>, records: u32 },
    /// A batch was too large, and goes as two.
    Split,
}

/// How large a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchSizes {
    /// As it lies on the wire.
    pub(crate) bytes: usize,
    /// As it was before compression.
    pub(crate) plain_bytes: usize,
    /// Its records alone, before compression.
    pub(crate) record_bytes: usize,
    /// The largest of them.
    pub(crate) record_bytes_max: usize,
}

/// What one producer records into.
#[derive(Clone, Debug)]
pub(crate) struct ProducerMeter {
    pub(super) all: Arc<Meter<Producing>>,
    pub(super) topics: Arc<Book<Arc<str>, Produced>>,
}

/// What a caller of a producer waits for, and how long it does is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Space,
    Flush,
    Metadata,
    /// A transactional id that is taken over.
    Init,
    Begin,
    Offsets,
    Commit,
    Abort,
}

/// A caller that waits until this is dropped.
#[derive(Debug)]
pub(crate) struct Waiter {
    meter: Arc<Meter<Producing>>,
    what: Wait,
    since: Instant,
}

/// A Produce request that waits for its answer until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    meter: Arc<Meter<Producing>>,
    since: Instant,
}

impl ProducerMeter {
    /// There is another producer, with this buffer.
    pub(crate) fn begin(&self, buffer: Weak<dyn Buffer>) {
        self.all.set(|all| {
            all.is_used = true;
            all.buffers.retain(|buffer| buffer.strong_count() > 0);
            all.buffers.push(buffer);
        });
    }

    /// A Produce request waits for its answer.
    pub(crate) fn request(&self) -> OpenRequest {
        self.all.set(|all| all.in_flight += 1);
        OpenRequest { meter: Arc::clone(&self.all), since: now() }
    }

    /// A caller waits for something.
    pub(crate) fn wait(&self, what: Wait) -> Waiter {
        if what == Wait::Space {
            self.all.set(|all| all.waiting += 1);
        }
        Waiter { meter: Arc::clone(&self.all), what, since: now() }
    }

    /// A record was not taken, as there was no space for too long.
    pub(crate) fn exhausted(&self) {
        self.all.record(now(), |all, at| all.exhausted.record(at, 1.0));
    }

    /// A broker has answered, and asks to be left alone for so long.
    pub(crate) fn throttled(&self, now: Instant, throttle_ms: i32) {
        self.all.record(now, |all, at| all.throttle_ms.record(at, f64::from(throttle_ms)));
    }

    /// Something was done.
    pub(crate) fn note(&self, now: Instant, done: &Produce) {
        self.all.record(now, |all, at| all.note(at, done));
        let (Produce::Batch { topic, .. }
        | Produce::Retry { topic, .. }
        | Produce::Failure { topic, .. }) = done
        else {
            return;
        };
        if let Some(meter) = self.topics.meter(topic) {
            meter.record(now, |topic, at| topic.note(at, done));
        }
    }
}

impl Producing {
    fn note(&mut self, at: Moment, done: &Produce) {
        match done {
            Produce::Batch { records, sizes, queued, .. } => {
                self.batches.record(at, sizes.bytes as f64);
                self.queue_ms.record(at, millis(*queued));
                self.ratio.record(at, sizes.ratio());
                let (sum, max) = (sizes.record_bytes as f64, sizes.record_bytes_max as f64);
                self.records.record_many(at, u64::from(*records), sum, max);
            }
            Produce::Request { records } => self.requests.record(at, f64::from(*records)),
            Produce::Retry { records, .. } => self.retried.record(at, f64::from(*records)),
            Produce::Failure { records, .. } => self.failed.record(at, f64::from(*records)),
            Produce::Split => self.splits.record(at, 1.0),
        }
    }

    /// Bytes of all buffers.
    pub(super) fn buffer_bytes(&self, of: fn(&dyn Buffer) -> usize) -> f64 {
        let buffers = self.buffers.iter().filter_map(Weak::upgrade);
        buffers.map(|buffer| of(&*buffer) as f64).sum()
    }
}

impl Produced {
    fn note(&mut self, at: Moment, done: &Produce) {
        match done {
            Produce::Batch { records, sizes, .. } => {
                let bytes = sizes.bytes as f64;
                self.records.record_many(at, u64::from(*records), bytes, bytes);
                self.ratio.record(at, sizes.ratio());
            }
            Produce::Retry { records, .. } => self.retried.record(at, f64::from(*records)),
            Produce::Failure { records, .. } => self.failed.record(at, f64::from(*records)),
            Produce::Request { .. } | Produce::Split => {}
        }
    }
}

impl BatchSizes {
    fn ratio(self) -> f64 {
        self.bytes as f64 / self.plain_bytes.max(1) as f64
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let now = now();
        self.meter.record(now, |all, at| {
            all.in_flight -= 1;
            all.latency_ms.record(at, millis(now.duration_since(self.since)));
        });
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let now = now();
        let took = nanos(now.duration_since(self.since));
        self.meter.record(now, |all, at| match self.what {
            Wait::Space => {
                all.waiting -= 1;
                all.waited_ns.record(at, took);
            }
            Wait::Flush => all.flushed_ns.record(at, took),
            Wait::Metadata => all.metadata_ns.record(at, took),
            Wait::Init => {
                // Its first transaction may be far away.
                all.is_used = true;
                all.transactions.init_ns.record(at, took);
            }
            Wait::Begin => all.transactions.begin_ns.record(at, took),
            Wait::Offsets => all.transactions.offsets_ns.record(at, took),
            Wait::Commit => all.transactions.commit_ns.record(at, took),
            Wait::Abort => all.transactions.abort_ns.record(at, took),
        });
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
