//! What producers do.

use std::str::FromStr;

use kurier_protocol::record::Compression;

use super::super::notes::Reason;
use super::super::parse::{
    Parsed, bytes, fine_millis, kibibytes, level, level_of, millis, millis_from, millis_or_never,
    number, one_of, switch,
};
use super::row::{Setting, ms, none, word};
use crate::producer::{Acks, Partitioner};

settings! {
    "acks" "request.required.acks":
        "How many replicas must have a record before it counts as delivered: all, 1, 0",
        |p| word(ACKS, p.producer.acks) => |p, v| p.producer.acks = one_of(v, ACKS)?;
    "compression.type" "compression.codec":
        "How batches are compressed: none, gzip, snappy, lz4, zstd",
        |p| p.producer.compression.to_string() => |p, v| p.producer.compression = codec(v)?;
    "compression.level": "How hard the codec tries, whichever it is; -1 for its default",
        none => |p, v| p.levels.push((None, level(v)?));
    "compression.gzip.level": "How hard gzip tries: -1 for its default, or 1 to 9",
        |_| "-1".to_owned()
        => |p, v| p.levels.push((Some(GZIP), level_of(GZIP, v)?));
    "compression.lz4.level": "How hard lz4 tries: 1 to 17",
        |_| "9".to_owned() => |p, v| p.levels.push((Some(LZ4), level_of(LZ4, v)?));
    "compression.zstd.level": "How hard zstd tries: -131072 to 22",
        |_| "3".to_owned()
        => |p, v| p.levels.push((Some(ZSTD), level_of(ZSTD, v)?));
    "linger.ms" "queue.buffering.max.ms": "How long a record may wait for company",
        |p| ms(p.producer.linger) => |p, v| p.producer.linger = fine_millis(v)?;
    "batch.size":
        "How many bytes a batch of several records may have before compression; 0 for one record",
        |p| p.producer.batch_bytes_max.to_string()
        => |p, v| p.producer.batch_bytes_max = bytes(v)?.max(1);
    "buffer.memory": "How many bytes may wait or be in flight",
        |p| p.producer.buffer_bytes_max.to_string()
        => |p, v| p.producer.buffer_bytes_max = bytes(v)?;
    "queue.buffering.max.kbytes": "The same as buffer.memory, in units of 1024 bytes",
        |p| (p.producer.buffer_bytes_max >> 10).to_string()
        => |p, v| p.producer.buffer_bytes_max = kibibytes(v)?;
    "max.request.size" "message.max.bytes":
        "How many bytes the batches of one request, and one record before compression, may have",
        |p| p.producer.request_bytes_max.to_string()
        => |p, v| p.producer.request_bytes_max = bytes(v)?;
    "max.in.flight.requests.per.connection" "max.in.flight":
        "How many requests to one broker may be unanswered",
        |p| p.producer.in_flight_max.to_string() => |p, v| {
        let count = number(v, 1, 1_000_000)?;
        p.producer.in_flight_max = usize::try_from(count).unwrap_or(usize::MAX);
    };
    "delivery.timeout.ms" "message.timeout.ms":
        "How long a record may take until it is delivered or has failed; 0 for any time",
        |p| ms(p.producer.delivery_timeout) => |p, v| {
        p.producer.delivery_timeout = millis_or_never(v, &["0"])?;
    };
    "retries" "message.send.max.retries": "How often a batch may be sent again",
        |p| p.producer.retry_count_max.to_string() => |p, v| {
        let count = number(v, 0, i32::MAX as u64)?;
        p.producer.retry_count_max = u32::try_from(count).unwrap_or(u32::MAX);
    };
    "max.block.ms": "How long sending may wait for buffer space and for a new topic",
        |p| ms(p.producer.block_max) => |p, v| p.producer.block_max = millis(v)?;
    "partitioner.ignore.keys": "Whether records with a key are spread like those without",
        |p| (p.producer.partitioner == Partitioner::Sticky).to_string() => |p, v| {
        p.producer.partitioner = match switch(v)? {
            true => Partitioner::Sticky,
            false => Partitioner::ByKey,
        };
    };
    "partitioner": "Only murmur2_random, which is where Java puts a record",
        |_| "murmur2_random".to_owned() => |p, v| {
        p.producer.partitioner = partitioner(v)?;
    };
    "enable.idempotence": "Only false so far; true is taken with a warning",
        |_| "false".to_owned() => |p, v| {
        match switch(v)? {
            true => p.note("enable.idempotence", Reason::Idempotence),
            false => p.forget("enable.idempotence"),
        }
    };
    "allow.auto.create.topics": "Whether brokers may create a topic that does not exist",
        |p| p.producer.topic_creation.to_string() => |p, v| p.producer.topic_creation = switch(v)?;
    "metadata.max.idle.ms":
        "How long a topic may not be used before its metadata is asked for no more",
        |p| ms(p.producer.topic_idle_max)
        => |p, v| p.producer.topic_idle_max = millis_from(5000, v)?;
}

fn codec(text: &str) -> Parsed<Compression> {
    Compression::from_str(&text.to_ascii_lowercase())
        .map_err(|_| "is none of none, gzip, snappy, lz4, zstd".to_owned())
}

/// One of librdkafka's: only the one that does as Java.
fn partitioner(text: &str) -> Parsed<Partitioner> {
    one_of(text, &[("murmur2_random", Partitioner::ByKey)]).map_err(|problem| {
        format!(
            "{problem}: it places a key where Java's clients place it, and the others of \
             librdkafka, its default consistent_random too, place keys elsewhere or those without"
        )
    })
}

const GZIP: Compression = Compression::Gzip;
const LZ4: Compression = Compression::Lz4;
const ZSTD: Compression = Compression::Zstd;
const ACKS: &[(&str, Acks)] =
    &[("all", Acks::All), ("-1", Acks::All), ("0", Acks::None), ("1", Acks::Leader)];
