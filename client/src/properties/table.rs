//! The settings and their names.

use std::str::FromStr;

use kurier_protocol::record::Compression;

use super::jaas::Jaas;
use super::parse::{Parsed, bytes, fraction, kibibytes, level, millis, number, one_of, switch};
use super::security::{Protocol, SaslMechanism};
use super::settings::Properties;
use super::ssl;
use crate::consumer::OffsetReset;
use crate::offsets::Isolation;
use crate::producer::{Acks, Partitioner};
use crate::security::Secret;

/// One setting.
pub(super) struct Setting {
    /// Java's name, then librdkafka's.
    pub(super) names: &'static [&'static str],
    pub(super) set: fn(&mut Properties, &str) -> Parsed<()>,
}

/// Rows of `names => what the value does`.
macro_rules! settings {
    ($($($name:literal)+ => |$properties:ident, $value:ident| $does:expr;)*) => {
        pub(super) static SETTINGS: &[Setting] = &[$(
            Setting {
                names: &[$($name),+],
                set: |$properties, $value| {
                    $does;
                    Ok(())
                },
            },
        )*];
    };
}

settings! {
    "bootstrap.servers" "metadata.broker.list" => |p, v| p.servers = list(v)?;
    "client.id" => |p, v| p.client.client_id = v.to_owned();
    "request.timeout.ms" "socket.timeout.ms" => |p, v| {
        p.client.request_timeout = millis(v)?;
        p.producer.request_timeout = p.client.request_timeout;
        p.consumer.request_timeout = p.client.request_timeout;
    };
    "socket.connection.setup.timeout.ms" => |p, v| p.client.connection_setup_timeout = millis(v)?;
    "connections.max.idle.ms" => |p, v| p.client.connection_idle_max = millis(v)?;
    "reconnect.backoff.ms" => |p, v| p.client.reconnect_backoff = millis(v)?;
    "reconnect.backoff.max.ms" => |p, v| p.client.reconnect_backoff_max = millis(v)?;
    "retry.backoff.ms" => |p, v| p.client.retry_backoff = millis(v)?;
    "retry.backoff.max.ms" => |p, v| p.client.retry_backoff_max = millis(v)?;
    "metadata.max.age.ms" "topic.metadata.refresh.interval.ms" => |p, v| {
        p.client.metadata_age_max = millis(v)?;
    };
    "topic.metadata.propagation.max.ms" => |p, v| p.client.topic_wait = millis(v)?;
    "receive.message.max.bytes" => |p, v| p.client.frame_bytes_max = bytes(v)?;
    "security.protocol" => |p, v| p.security.protocol = Some(Protocol::read(v)?);
    "sasl.mechanism" "sasl.mechanisms" => |p, v| {
        p.security.mechanism = Some(SaslMechanism::read(v)?);
    };
    "sasl.username" => |p, v| p.security.user = Some(v.to_owned());
    "sasl.password" => |p, v| p.security.password = Some(Secret::new(v));
    "sasl.kerberos.service.name" => |p, v| p.security.kerberos.service_name = Some(v.to_owned());
    "sasl.kerberos.principal" => |p, v| p.security.kerberos.principal = Some(v.to_owned());
    "sasl.kerberos.keytab" => |p, v| p.security.kerberos.keytab = Some(v.to_owned());
    "sasl.kerberos.min.time.before.relogin" => |p, v| {
        p.security.kerberos.relogin_gap = Some(millis(v)?);
    };
    "sasl.kerberos.ticket.renew.window.factor" => |p, v| {
        p.security.kerberos.renew_factor = Some(fraction(v)?);
    };
    "sasl.kerberos.ticket.renew.jitter" => |p, v| {
        p.security.kerberos.renew_jitter = Some(fraction(v)?);
    };
    "sasl.jaas.config" => |p, v| p.security.jaas = Some(Jaas::read(v)?);
    "ssl.truststore.location" => |p, v| p.security.ssl.keep("ssl.truststore.location", v);
    "ssl.truststore.password" => |p, v| p.security.ssl.keep("ssl.truststore.password", v);
    "ssl.truststore.certificates" => |p, v| p.security.ssl.keep("ssl.truststore.certificates", v);
    "ssl.ca.location" => |p, v| p.security.ssl.keep("ssl.ca.location", v);
    "ssl.ca.pem" => |p, v| p.security.ssl.keep("ssl.ca.pem", v);
    "ssl.keystore.location" => |p, v| p.security.ssl.keep("ssl.keystore.location", v);
    "ssl.keystore.password" => |p, v| p.security.ssl.keep("ssl.keystore.password", v);
    "ssl.keystore.certificate.chain" => |p, v| {
        p.security.ssl.keep("ssl.keystore.certificate.chain", v);
    };
    "ssl.keystore.key" => |p, v| p.security.ssl.keep("ssl.keystore.key", v);
    "ssl.key.password" => |p, v| p.security.ssl.keep("ssl.key.password", v);
    "ssl.certificate.location" => |p, v| p.security.ssl.keep("ssl.certificate.location", v);
    "ssl.certificate.pem" => |p, v| p.security.ssl.keep("ssl.certificate.pem", v);
    "ssl.key.location" => |p, v| p.security.ssl.keep("ssl.key.location", v);
    "ssl.key.pem" => |p, v| p.security.ssl.keep("ssl.key.pem", v);
    "ssl.cipher.suites" => |p, v| p.security.ssl.keep("ssl.cipher.suites", v);
    "ssl.truststore.type" => |p, v| {
        ssl::check_type(v)?;
        p.security.ssl.keep("ssl.truststore.type", v);
    };
    "ssl.keystore.type" => |p, v| {
        ssl::check_type(v)?;
        p.security.ssl.keep("ssl.keystore.type", v);
    };
    "ssl.enabled.protocols" => |p, v| {
        ssl::enabled(v)?;
        p.security.ssl.keep("ssl.enabled.protocols", v);
    };
    "ssl.protocol" => |_p, v| ssl::check_protocol(v)?;
    "ssl.endpoint.identification.algorithm" => |p, v| p.security.ssl.keep_endpoint(v)?;
    "enable.ssl.certificate.verification" => |_p, v| ssl::check_verification(v)?;
    "ssl.keymanager.algorithm" => |_p, v| ssl::check_java(v, &["SunX509", "PKIX", "NewSunX509"])?;
    "ssl.trustmanager.algorithm" => |_p, v| ssl::check_java(v, &["PKIX", "SunX509"])?;
    "ssl.provider" => |_p, v| ssl::check_java(v, &[])?;
    "ssl.secure.random.implementation" => |_p, v| ssl::check_java(v, &[])?;
    "ssl.engine.factory.class" => |_p, v| ssl::check_java(v, &[])?;

    "acks" "request.required.acks" => |p, v| p.producer.acks = one_of(v, ACKS)?;
    "compression.type" "compression.codec" => |p, v| p.producer.compression = codec(v)?;
    "compression.level" => |p, v| p.levels.push((None, level(v)?));
    "compression.gzip.level" => |p, v| p.levels.push((Some(Compression::Gzip), level(v)?));
    "compression.lz4.level" => |p, v| p.levels.push((Some(Compression::Lz4), level(v)?));
    "compression.zstd.level" => |p, v| p.levels.push((Some(Compression::Zstd), level(v)?));
    "linger.ms" "queue.buffering.max.ms" => |p, v| p.producer.linger = millis(v)?;
    "batch.size" => |p, v| p.producer.batch_bytes_max = bytes(v)?;
    "buffer.memory" => |p, v| p.producer.buffer_bytes_max = bytes(v)?;
    "queue.buffering.max.kbytes" => |p, v| p.producer.buffer_bytes_max = kibibytes(v)?;
    "max.request.size" "message.max.bytes" => |p, v| p.producer.request_bytes_max = bytes(v)?;
    "max.in.flight.requests.per.connection" "max.in.flight" => |p, v| {
        let count = number(v, 1, 1_000_000)?;
        p.producer.in_flight_max = usize::try_from(count).unwrap_or(usize::MAX);
    };
    "delivery.timeout.ms" "message.timeout.ms" => |p, v| p.producer.delivery_timeout = millis(v)?;
    "retries" "message.send.max.retries" => |p, v| {
        let count = number(v, 0, i32::MAX as u64)?;
        p.producer.retry_count_max = u32::try_from(count).unwrap_or(u32::MAX);
    };
    "max.block.ms" => |p, v| p.producer.block_max = millis(v)?;
    "partitioner.ignore.keys" => |p, v| {
        p.producer.partitioner = match switch(v)? {
            true => Partitioner::Sticky,
            false => Partitioner::ByKey,
        };
    };
    "partitioner" => |p, v| {
        // The others of librdkafka hash in a way of its own.
        p.producer.partitioner = one_of(v, &[("murmur2_random", Partitioner::ByKey)])?;
    };
    "enable.idempotence" => |_p, v| one_of(v, &[("false", ())])?;

    "fetch.min.bytes" => |p, v| p.consumer.fetch_bytes_min = bytes(v)?;
    "fetch.max.bytes" => |p, v| p.consumer.fetch_bytes_max = bytes(v)?;
    "max.partition.fetch.bytes" "fetch.message.max.bytes" => |p, v| {
        p.consumer.partition_bytes_max = bytes(v)?;
    };
    "fetch.max.wait.ms" "fetch.wait.max.ms" => |p, v| p.consumer.fetch_wait_max = millis(v)?;
    "queued.max.messages.kbytes" => |p, v| p.consumer.buffer_bytes_max = kibibytes(v)?;
    "check.crcs" => |_p, v| one_of(v, &[("true", ())])?;
    "isolation.level" => |p, v| p.consumer.isolation = one_of(v, ISOLATION)?;
    "auto.offset.reset" => |p, v| p.consumer.offset_reset = one_of(v, RESET)?;
    "default.api.timeout.ms" => |p, v| p.consumer.outage_max = millis(v)?;
    "allow.auto.create.topics" => |p, v| p.producer.topic_creation = switch(v)?;
}

fn list(text: &str) -> Parsed<Vec<String>> {
    let servers: Vec<String> =
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Into::into).collect();
    if servers.is_empty() { Err("names no host:port".to_owned()) } else { Ok(servers) }
}

fn codec(text: &str) -> Parsed<Compression> {
    Compression::from_str(&text.to_ascii_lowercase())
        .map_err(|_| "is none of none, gzip, snappy, lz4, zstd".to_owned())
}

const ACKS: &[(&str, Acks)] =
    &[("all", Acks::All), ("-1", Acks::All), ("0", Acks::None), ("1", Acks::Leader)];
const ISOLATION: &[(&str, Isolation)] = &[
    ("read_uncommitted", Isolation::ReadUncommitted),
    ("read_committed", Isolation::ReadCommitted),
];
const RESET: &[(&str, OffsetReset)] = &[
    ("none", OffsetReset::Error),
    ("error", OffsetReset::Error),
    ("earliest", OffsetReset::Earliest),
    ("smallest", OffsetReset::Earliest),
    ("beginning", OffsetReset::Earliest),
    ("latest", OffsetReset::Latest),
    ("largest", OffsetReset::Latest),
    ("end", OffsetReset::Latest),
];

/// How names of settings begin that other clients have and that change neither what is read or
/// written here nor who may see it.
pub(super) const WITHOUT_EFFECT: &[&str] = &[
    "key.serializer",
    "key.deserializer",
    "value.serializer",
    "value.deserializer",
    "group.",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.commit.",
    "partition.assignment.strategy",
    "sasl.kerberos.kinit.cmd",
    "interceptor.classes",
    "metric",
    "client.dns.lookup",
    "client.rack",
    "receive.buffer.bytes",
    "send.buffer.bytes",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "metadata.recovery.",
    "metadata.max.idle.ms",
    "statistics.interval.ms",
    "debug",
    "broker.address.",
    "api.version.",
    "internal.",
    "exclude.internal.topics",
    "enable.metrics.push",
];

/// How names of settings begin that other clients have and nothing here would read.
pub(super) const NOT_BUILT: &[&str] = &[
    "sasl.",
    "ssl.",
    "group.",
    "session.timeout.",
    "heartbeat.interval.",
    "max.poll.",
    "enable.auto.",
    "auto.commit.",
    "transaction",
    "partition.assignment.",
    "interceptor.",
    "metric",
    "key.",
    "value.",
    "config.providers",
    "security.providers",
    "client.dns.",
    "client.rack",
    "receive.buffer.",
    "send.buffer.",
    "partitioner.",
    "share.",
    "metadata.recovery.",
    "metadata.cluster.",
    "metadata.max.idle.",
    "statistics.",
    "debug",
    "broker.address.",
    "api.version.",
    "internal.",
    "exclude.internal.",
    "enable.metrics.",
];
