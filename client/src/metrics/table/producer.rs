//! What producers measure, all of them together and for each topic.

use super::super::client::Facts;
use super::super::producer::{Produced, Producing};
use super::super::row::{Level, Section, Unit, row};

/// For all producers.
pub(crate) static PRODUCER: Section<Producing> = Section {
    group: "producer-metrics",
    level: Level::Client,
    rows: &[
        row("record-send-rate", Unit::PerSecond, SENT, |p, at| p.records.count_rate(at)),
        row("record-send-total", Unit::Count, SENT, |p, _| p.records.count()),
        row("record-size-avg", Unit::Bytes, "Size of a record in its batch", |p, at| {
            p.records.avg(at)
        }),
        row("record-size-max", Unit::Bytes, "Size of the largest record in its batch", |p, at| {
            p.records.max(at)
        }),
        row("record-retry-rate", Unit::PerSecond, RETRIED, |p, at| p.retried.rate(at)),
        row("record-retry-total", Unit::Count, RETRIED, |p, _| p.retried.total()),
        row("record-error-rate", Unit::PerSecond, FAILED, |p, at| p.failed.rate(at)),
        row("record-error-total", Unit::Count, FAILED, |p, _| p.failed.total()),
        row("record-queue-time-avg", Unit::Milliseconds, QUEUE, |p, at| p.queue_ms.avg(at)),
        row("record-queue-time-max", Unit::Milliseconds, QUEUE, |p, at| p.queue_ms.max(at)),
        row("records-per-request-avg", Unit::Count, "Records in a Produce request", |p, at| {
            p.requests.avg(at)
        }),
        row("batch-size-avg", Unit::Bytes, BATCH, |p, at| p.batches.avg(at)),
        row("batch-size-max", Unit::Bytes, BATCH, |p, at| p.batches.max(at)),
        row("batch-split-rate", Unit::PerSecond, SPLIT, |p, at| p.splits.count_rate(at)),
        row("batch-split-total", Unit::Count, SPLIT, |p, _| p.splits.count()),
        row("compression-rate-avg", Unit::Ratio, RATIO, |p, at| p.ratio.avg(at)),
        row("request-latency-avg", Unit::Milliseconds, LATENCY, |p, at| p.latency_ms.avg(at)),
        row("request-latency-max", Unit::Milliseconds, LATENCY, |p, at| p.latency_ms.max(at)),
        row("requests-in-flight", Unit::Count, "Produce requests without an answer", |p, _| {
            p.in_flight as f64
        }),
        row("produce-throttle-time-avg", Unit::Milliseconds, THROTTLE, |p, at| {
            p.throttle_ms.avg(at)
        }),
        row("produce-throttle-time-max", Unit::Milliseconds, THROTTLE, |p, at| {
            p.throttle_ms.max(at)
        }),
        row("buffer-total-bytes", Unit::Bytes, "Buffer space", |p, _| {
            p.buffer_bytes(|buffer| buffer.bytes_max())
        }),
        row("buffer-available-bytes", Unit::Bytes, "Buffer space that is free", |p, _| {
            p.buffer_bytes(|buffer| buffer.bytes_free())
        }),
        row("buffer-exhausted-rate", Unit::PerSecond, EXHAUSTED, |p, at| {
            p.exhausted.count_rate(at)
        }),
        row("buffer-exhausted-total", Unit::Count, EXHAUSTED, |p, _| p.exhausted.count()),
        row(
            "bufferpool-wait-ratio",
            Unit::Ratio,
            "Part of the time that a caller waits",
            |p, at| p.waited_ns.rate(at) / 1e9,
        ),
        row("bufferpool-wait-time-ns-total", Unit::Nanoseconds, WAITED, |p, _| p.waited_ns.total()),
        row("waiting-threads", Unit::Count, "Callers that wait for buffer space", |p, _| {
            p.waiting as f64
        }),
        row(
            "flush-time-ns-total",
            Unit::Nanoseconds,
            "Time that callers spent in flush",
            |p, _| p.flushed_ns.total(),
        ),
        row("metadata-wait-time-ns-total", Unit::Nanoseconds, METADATA, |p, _| {
            p.metadata_ns.total()
        }),
        row("txn-init-time-ns-total", Unit::Nanoseconds, INIT, |p, _| {
            p.transactions.init_ns.total()
        }),
        row("txn-begin-time-ns-total", Unit::Nanoseconds, BEGIN, |p, _| {
            p.transactions.begin_ns.total()
        }),
        row("txn-send-offsets-time-ns-total", Unit::Nanoseconds, OFFSETS, |p, _| {
            p.transactions.offsets_ns.total()
        }),
        row("txn-commit-time-ns-total", Unit::Nanoseconds, COMMIT, |p, _| {
            p.transactions.commit_ns.total()
        }),
        row("txn-abort-time-ns-total", Unit::Nanoseconds, ABORT, |p, _| {
            p.transactions.abort_ns.total()
        }),
    ],
};

/// What a producer knows by its client.
pub(crate) static PRODUCER_FACTS: Section<Facts> = Section {
    group: "producer-metrics",
    level: Level::Client,
    rows: &[row("metadata-age", Unit::Seconds, "Age of the newest metadata", |f, at| {
        f.metadata_age(at)
    })],
};

/// For each topic of all producers.
pub(crate) static PRODUCER_TOPIC: Section<Produced> = Section {
    group: "producer-topic-metrics",
    level: Level::Topic,
    rows: &[
        row("record-send-rate", Unit::PerSecond, SENT, |t, at| t.records.count_rate(at)),
        row("record-send-total", Unit::Count, SENT, |t, _| t.records.count()),
        row("byte-rate", Unit::BytesPerSecond, BYTES, |t, at| t.records.rate(at)),
        row("byte-total", Unit::Bytes, BYTES, |t, _| t.records.total()),
        row("compression-rate", Unit::Ratio, RATIO, |t, at| t.ratio.avg(at)),
        row("record-retry-rate", Unit::PerSecond, RETRIED, |t, at| t.retried.rate(at)),
        row("record-retry-total", Unit::Count, RETRIED, |t, _| t.retried.total()),
        row("record-error-rate", Unit::PerSecond, FAILED, |t, at| t.failed.rate(at)),
        row("record-error-total", Unit::Count, FAILED, |t, _| t.failed.total()),
    ],
};

const SENT: &str = "Records sent; one that is sent again counts again";
const RETRIED: &str = "Records that were sent again";
const FAILED: &str = "Records that were not delivered";
const QUEUE: &str = "How long a batch waited, from its first record until it went into a request";
const BATCH: &str = "Size of a batch as it is sent";
const BYTES: &str = "Bytes of batches as they are sent";
const SPLIT: &str = "Batches that a broker found too large, and that were sent as two";
const RATIO: &str = "Size of a batch after compression, by its size before";
const LATENCY: &str = "How long the answer to a Produce request took, its wait for a connection \
    included";
const THROTTLE: &str = "How long a broker asked a producer to be left alone, which mostly is 0";
const EXHAUSTED: &str = "Records that were not taken, as there was no buffer space for too long";
const WAITED: &str = "Time that callers waited for buffer space";
const METADATA: &str = "Time that callers waited for a topic's metadata";
const INIT: &str = "Time that callers waited for a transactional id to be taken over";
const BEGIN: &str = "Time that callers waited for a transaction to begin";
const OFFSETS: &str = "Time that callers waited until offsets were in a transaction";
const COMMIT: &str = "Time that callers waited for commits, the delivery of records included";
const ABORT: &str = "Time that callers waited for aborts";
