//! What producers do.

use std::str::FromStr;

use kurier_protocol::record::Compression;

use super::super::parse::{
    Parsed, bytes_within, fine_millis, kibibytes_within, level, level_of, millis, millis_from,
    millis_or_never, number, one_of, switch,
};
use super::super::settings::Properties;
use super::row::{Setting, ms, none, word};
use crate::producer::{
    Acks, BUFFER_BYTES_LEAST, BYTES_MOST, Idempotence, NAMES, Partitioner, REQUEST_BYTES_LEAST,
    Sticky,
};

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
    "compression.lz4.level": "How hard lz4 tries in Java: 1 to 17, and all the same here",
        |_| "9".to_owned() => |p, v| p.levels.push((Some(LZ4), level_of(LZ4, v)?));
    "compression.zstd.level": "How hard zstd tries: -131072 to 22",
        |_| "3".to_owned()
        => |p, v| p.levels.push((Some(ZSTD), level_of(ZSTD, v)?));
    "linger.ms" "queue.buffering.max.ms": "How long a record may wait for company",
        |p| ms(p.producer.linger) => |p, v| p.producer.linger = fine_millis(v)?;
    "batch.size":
        "How many bytes a batch of several records may have before compression; 0 for one record",
        |p| p.producer.batch_bytes_max.to_string()
        => |p, v| p.producer.batch_bytes_max = bytes_within(v, 0..=BYTES_MOST)?.max(1);
    "buffer.memory": "How many bytes may wait or be in flight",
        |p| p.producer.buffer_bytes_max.to_string()
        => |p, v| p.producer.buffer_bytes_max = bytes_within(v, BUFFER_BYTES_LEAST..=BYTES_MOST)?;
    "queue.buffering.max.kbytes": "The same as buffer.memory, in units of 1024 bytes",
        |p| (p.producer.buffer_bytes_max >> 10).to_string()
        => |p, v| {
        p.producer.buffer_bytes_max = kibibytes_within(v, BUFFER_BYTES_LEAST..=BYTES_MOST)?;
    };
    "max.request.size" "message.max.bytes":
        "How many bytes the batches of one request, and one record before compression, may have",
        |p| p.producer.request_bytes_max.to_string()
        => |p, v| {
        p.producer.request_bytes_max = bytes_within(v, REQUEST_BYTES_LEAST..=BYTES_MOST)?;
    };
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
    "partitioner":
        "Where records go: murmur2_random as in Java, consistent_random as in librdkafka, \
         fnv1a_random as in Sarama, murmur2, consistent, fnv1a, fnv1a_reference, random, sticky, \
         round_robin",
        |p| p.producer.partitioner.to_string() => |p, v| use_partitioner(p, one_of(v, NAMES)?);
    "partitioner.class":
        "The same by the name of Java's class, RoundRobinPartitioner and those of Kafka 3",
        none => |p, v| use_partitioner(p, class(v)?);
    "partitioner.ignore.keys": "Whether records with a key are spread like those without",
        |p| matches!(p.producer.partitioner, Partitioner::Sticky(_)).to_string()
        => |p, v| match switch(v)? {
            true => ignore_keys(p),
            false => heed_keys(p),
        };
    "partitioner.adaptive.partitioning.enable":
        "Whether partitions whose batches wait get fewer of the records that are spread",
        |p| p.producer.partitioner.sticky().adaptive.to_string() => |p, v| {
        let adaptive = switch(v)?;
        if let Some(sticky) = p.producer.partitioner.sticky_mut() {
            sticky.adaptive = adaptive;
        }
    };
    "partitioner.availability.timeout.ms":
        "How long batches may wait for a broker until records are spread elsewhere; 0: any time",
        |p| ms(p.producer.partitioner.sticky().availability_timeout) => |p, v| {
        let timeout = millis(v)?;
        if let Some(sticky) = p.producer.partitioner.sticky_mut() {
            sticky.availability_timeout = timeout;
        }
    };
    "partitioner.rack.aware":
        "Whether records are spread to brokers of the client.rack before others",
        |p| p.rack.1.to_string() => |p, v| {
        p.rack.1 = switch(v)?;
        prefer_rack(p);
    };
    "client.rack": "Where the client is: a replica there is read from, if leaders say so",
        |p| p.rack.0.to_string() => |p, v| {
        p.rack.0 = v.into();
        p.consumer.rack = Some(v).filter(|rack| !rack.is_empty()).map(Into::into);
        prefer_rack(p);
    };
    "enable.idempotence": "Whether none is written twice; on unless other settings rule it out",
        |p| (p.producer.idempotence != Idempotence::Off).to_string() => |p, v| {
        p.producer.idempotence = match switch(v)? {
            true => Idempotence::Required,
            false => Idempotence::Off,
        };
    };
    "enable.gapless.guarantee": "Only false: a batch that fails ends no producer",
        |_| "false".to_owned() => |_p, v| one_of(v, &[("false", ())])?;
    "transactional.id": "The name of a producer of transactions, which shuts an earlier one out",
        none => |p, v| p.transactions.id = (!v.is_empty()).then(|| v.to_owned());
    "transaction.timeout.ms":
        "How long a transaction may be open before its coordinator aborts it",
        |p| ms(p.transactions.timeout) => |p, v| p.transactions.timeout = millis_from(1, v)?;
    "transaction.two.phase.commit.enable": "Only false: it is not stable in any release (KIP-939)",
        |_| "false".to_owned() => |_p, v| one_of(v, &[("false", ())])?;
    "allow.auto.create.topics": "Whether brokers may create a topic that does not exist",
        |p| p.producer.topics.creation.to_string() => |p, v| {
        p.producer.topics.creation = switch(v)?;
    };
    "metadata.max.idle.ms":
        "How long a topic may not be used before its metadata is asked for no more",
        |p| ms(p.producer.topics.idle_max)
        => |p, v| p.producer.topics.idle_max = millis_from(5000, v)?;
}

fn codec(text: &str) -> Parsed<Compression> {
    Compression::from_str(&text.to_ascii_lowercase())
        .map_err(|_| "is none of none, gzip, snappy, lz4, zstd".to_owned())
}

/// Takes another partitioner, which spreads as the last one did.
fn use_partitioner(properties: &mut Properties, named: fn(Sticky) -> Partitioner) {
    let partitioner = &mut properties.producer.partitioner;
    *partitioner = named(partitioner.sticky().clone());
    prefer_rack(properties);
}

/// Spreads records to brokers of the rack, if it has a name and that was asked for.
fn prefer_rack(properties: &mut Properties) {
    let (rack, is_heeded) = &properties.rack;
    if let Some(sticky) = properties.producer.partitioner.sticky_mut() {
        sticky.rack = Some(rack.clone()).filter(|rack| *is_heeded && !rack.is_empty());
    }
}

/// Keys are spread; a partitioner that does not hash them stays what it is.
fn ignore_keys(properties: &mut Properties) {
    let partitioner = &properties.producer.partitioner;
    if !matches!(partitioner, Partitioner::Random | Partitioner::RoundRobin) {
        use_partitioner(properties, Partitioner::Sticky);
    }
}

/// Keys are hashed, if they were ignored.
fn heed_keys(properties: &mut Properties) {
    if matches!(properties.producer.partitioner, Partitioner::Sticky(_)) {
        use_partitioner(properties, Partitioner::Murmur2Random);
    }
}

/// A partitioner by the name of its class in Java.
fn class(name: &str) -> Parsed<fn(Sticky) -> Partitioner> {
    match name.strip_prefix("org.apache.kafka.clients.producer.") {
        Some("RoundRobinPartitioner") => Ok(|_| Partitioner::RoundRobin),
        Some("UniformStickyPartitioner") => Ok(Partitioner::Sticky),
        Some("internals.DefaultPartitioner") => Ok(Partitioner::Murmur2Random),
        _ if name.is_empty() => Ok(Partitioner::Murmur2Random),
        _ => Err("is no class of Kafka's clients: there is no Java here to load it; leave it out \
                  for Java's default, name one of librdkafka's with partitioner, or give the \
                  library a function with Partitioner::custom"
            .to_owned()),
    }
}

const GZIP: Compression = Compression::Gzip;
const LZ4: Compression = Compression::Lz4;
const ZSTD: Compression = Compression::Zstd;
const ACKS: &[(&str, Acks)] =
    &[("all", Acks::All), ("-1", Acks::All), ("0", Acks::None), ("1", Acks::Leader)];
