//! What consumers measure, all of them together, for each topic and for each partition.

use super::super::consumer::{Consumed, Consuming, Reading};
use super::super::row::{Level, Section, Unit, row};

/// How consumers are polled.
pub(crate) static CONSUMER: Section<Consuming> = Section {
    group: "consumer-metrics",
    level: Level::Client,
    rows: &[
        row("last-poll-seconds-ago", Unit::Seconds, "Since the last call of `next`", |c, at| {
            c.last_poll(at)
        }),
        row("time-between-poll-avg", Unit::Milliseconds, BETWEEN, |c, at| {
            c.between_polls_ms.avg(at)
        }),
        row("time-between-poll-max", Unit::Milliseconds, BETWEEN, |c, at| {
            c.between_polls_ms.max(at)
        }),
        row("poll-idle-ratio-avg", Unit::Ratio, IDLE, |c, at| c.poll_share.avg(at)),
    ],
};

/// What all consumers fetch.
pub(crate) static FETCH: Section<Consuming> = Section {
    group: GROUP,
    level: Level::Client,
    rows: &[
        row("bytes-consumed-rate", Unit::BytesPerSecond, BYTES, |c, at| c.consumed.rate(at)),
        row("bytes-consumed-total", Unit::Bytes, BYTES, |c, _| c.consumed.total()),
        row("records-consumed-rate", Unit::PerSecond, RECORDS, |c, at| c.consumed.count_rate(at)),
        row("records-consumed-total", Unit::Count, RECORDS, |c, _| c.consumed.count()),
        row("fetch-latency-avg", Unit::Milliseconds, LATENCY, |c, at| c.latency_ms.avg(at)),
        row("fetch-latency-max", Unit::Milliseconds, LATENCY, |c, at| c.latency_ms.max(at)),
        row("fetch-rate", Unit::PerSecond, "Fetches that were answered", |c, at| {
            c.latency_ms.count_rate(at)
        }),
        row("fetch-total", Unit::Count, "Fetches that were answered", |c, _| c.latency_ms.count()),
        row("fetch-size-avg", Unit::Bytes, SIZE, |c, at| c.fetched.bytes.avg(at)),
        row("fetch-size-max", Unit::Bytes, SIZE, |c, at| c.fetched.bytes.max(at)),
        row("fetch-throttle-time-avg", Unit::Milliseconds, THROTTLE, |c, at| c.throttle_ms.avg(at)),
        row("fetch-throttle-time-max", Unit::Milliseconds, THROTTLE, |c, at| c.throttle_ms.max(at)),
        row("records-per-request-avg", Unit::Count, PER_ANSWER, |c, at| c.fetched.records.avg(at)),
        row("records-lag-max", Unit::Count, "The greatest lag of any partition", |c, at| {
            c.lag.max(at)
        }),
        row("records-lead-min", Unit::Count, "The smallest lead of any partition", |c, at| {
            c.lead.min(at)
        }),
    ],
};

/// What all consumers pass over.
pub(crate) static SKIP: Section<Consuming> = Section {
    group: SKIP_GROUP,
    level: Level::Client,
    rows: &[
        row("batches-skipped-rate", Unit::PerSecond, SKIPPED, |c, at| c.skipped.count_rate(at)),
        row("batches-skipped-total", Unit::Count, SKIPPED, |c, _| c.skipped.count()),
        row("records-skipped-rate", Unit::PerSecond, OFFSETS, |c, at| c.skipped.rate(at)),
        row("records-skipped-total", Unit::Count, OFFSETS, |c, _| c.skipped.total()),
    ],
};

/// What all consumers pass over of a topic.
pub(crate) static SKIP_TOPIC: Section<Consumed> = Section {
    group: SKIP_GROUP,
    level: Level::Topic,
    rows: &[
        row("batches-skipped-rate", Unit::PerSecond, SKIPPED, |t, at| t.skipped.count_rate(at)),
        row("batches-skipped-total", Unit::Count, SKIPPED, |t, _| t.skipped.count()),
        row("records-skipped-rate", Unit::PerSecond, OFFSETS, |t, at| t.skipped.rate(at)),
        row("records-skipped-total", Unit::Count, OFFSETS, |t, _| t.skipped.total()),
    ],
};

/// What all consumers fetch of a topic.
pub(crate) static FETCH_TOPIC: Section<Consumed> = Section {
    group: GROUP,
    level: Level::Topic,
    rows: &[
        row("bytes-consumed-rate", Unit::BytesPerSecond, BYTES, |t, at| t.consumed.rate(at)),
        row("bytes-consumed-total", Unit::Bytes, BYTES, |t, _| t.consumed.total()),
        row("records-consumed-rate", Unit::PerSecond, RECORDS, |t, at| t.consumed.count_rate(at)),
        row("records-consumed-total", Unit::Count, RECORDS, |t, _| t.consumed.count()),
        row("fetch-size-avg", Unit::Bytes, SIZE, |t, at| t.fetched.bytes.avg(at)),
        row("fetch-size-max", Unit::Bytes, SIZE, |t, at| t.fetched.bytes.max(at)),
        row("records-per-request-avg", Unit::Count, PER_ANSWER, |t, at| t.fetched.records.avg(at)),
    ],
};

/// Where all consumers stand in a partition.
pub(crate) static FETCH_PARTITION: Section<Reading> = Section {
    group: GROUP,
    level: Level::Partition,
    rows: &[
        row("records-lag", Unit::Count, LAG, |p, _| p.lag().unwrap_or(f64::NAN)),
        row("records-lag-avg", Unit::Count, LAG, |p, at| p.lags.avg(at)),
        row("records-lag-max", Unit::Count, LAG, |p, at| p.lags.max(at)),
        row("records-lead", Unit::Count, LEAD, |p, _| p.lead().unwrap_or(f64::NAN)),
        row("records-lead-avg", Unit::Count, LEAD, |p, at| p.leads.avg(at)),
        row("records-lead-min", Unit::Count, LEAD, |p, at| p.leads.min(at)),
        row("preferred-read-replica", Unit::Count, REPLICA, |p, _| {
            p.replica.map_or(-1.0, f64::from)
        }),
    ],
};

const GROUP: &str = "consumer-fetch-manager-metrics";

const SKIP_GROUP: &str = "kurier-consumer-skip-metrics";

const SKIPPED: &str = "Batches that were passed over, as they cannot be read (`Corrupt::Skip`)";
const OFFSETS: &str = "Records that were passed over with them: their offsets, as far as is known";
const BETWEEN: &str = "Between two calls of `next`";
const IDLE: &str = "Which part of its time a user waits for records in `next`; the rest is its own \
    work";
const BYTES: &str = "Bytes of records that users were given, after decompression";
const RECORDS: &str = "Records that users were given";
const LATENCY: &str = "How long the answer to a fetch took, its wait for a connection included";
const SIZE: &str = "Bytes of batches in an answer that has some, as they were sent";
const PER_ANSWER: &str = "Records in an answer that has some";
const THROTTLE: &str = "How long a broker asked a consumer to be left alone, which mostly is 0";
const REPLICA: &str = "The follower that is read from (KIP-392); -1 if it is the leader";
const LAG: &str = "Records that can be read and that the user was not given yet";
const LEAD: &str = "Records between the beginning of the log and the user's next one";
