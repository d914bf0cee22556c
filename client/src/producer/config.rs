//! `ProducerConfig`: how a producer behaves, with its defaults.

use std::ops::RangeInclusive;
use std::time::Duration;

use kurier_protocol::record::Compression;

use super::partitioner::Partitioner;
use crate::config::{DURATION_MAX, check_durations};
use crate::error::Error;

/// How a producer behaves. What is out of its range, or contradicts something else, is
/// [`Error::Invalid`] where the producer is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerConfig {
    /// How many replicas must have a record before it counts as delivered. Kafka: acks. Default:
    /// all.
    pub acks: Acks,
    /// Whether brokers tell a batch that they have from one that they lack, so that none is written
    /// twice (KIP-98). Kafka: enable.idempotence. Default: if possible, as Kafka's (KIP-679).
    pub idempotence: Idempotence,
    /// How batches are compressed. Kafka: compression.type. Default: none.
    pub compression: Compression,
    /// How hard the codec tries, in the codec's own scale: gzip has 1 to 9, lz4 1 to 17, zstd
    /// -131072 to 22. Here lz4 tries equally hard whatever it is, and zstd from 3 on, unless it is
    /// the C library's (`zstd-c`). Kafka: compression.gzip.level, compression.lz4.level,
    /// compression.zstd.level. Default: none, which is Kafka's level.
    pub compression_level: Option<i32>,
    /// How long a record may wait for company: from 0 to a year. Kafka: linger.ms. Default: 5 ms.
    pub linger: Duration,
    /// How many bytes a batch of several records may have before compression: from 1, so that each
    /// record is a batch of its own, to 1 GiB. Kafka: batch.size. Default: 262144 (256 KiB), for
    /// which Kafka has 16384: larger batches halve the work for each record, and a buffer grows
    /// only as it fills.
    pub batch_bytes_max: usize,
    /// How many bytes may wait or be in flight: from 64 KiB to 1 GiB. Kafka: buffer.memory.
    /// Default: 33554432 (32 MiB).
    pub buffer_bytes_max: usize,
    /// How many bytes the batches of one request, and one record before compression, may have: from
    /// 1 KiB to 1 GiB. Kafka: max.request.size. Default: 1048576 (1 MiB).
    pub request_bytes_max: usize,
    /// How many requests to one broker may be unanswered: at least 1. Of one partition at most five
    /// batches are in flight however many these are, and one if the producer is not idempotent.
    /// Kafka: max.in.flight.requests.per.connection. Default: 5.
    pub in_flight_max: usize,
    /// How long one request may take: more than 0, at most a year. Kafka: request.timeout.ms.
    /// Default: 30 s.
    pub request_timeout: Duration,
    /// How long a record may take from its batch's opening until it is delivered or has failed: at
    /// least `linger` and `request_timeout` together, at most a year. Kafka: delivery.timeout.ms.
    /// Default: 120 s.
    pub delivery_timeout: Duration,
    /// How often a batch may be sent again; 0 for never. Kafka: retries. Default: 2147483647, so
    /// that only the delivery timeout counts.
    pub retry_count_max: u32,
    /// How long `enqueue` may wait for buffer space, and for a topic that was not used before: from
    /// 0 to a year. Kafka: max.block.ms. Default: 60 s.
    pub block_max: Duration,
    /// Which partition a record goes to that names none. Kafka: partitioner.class,
    /// partitioner.ignore.keys and its kin; librdkafka: partitioner. Default: murmur2 random, as
    /// Java's producer.
    pub partitioner: Partitioner,
    /// What happens to topics that do not exist, and to those that are not used for long. Kafka:
    /// metadata.max.idle.ms. Default: `TopicsConfig`, as it is by default.
    pub topics: TopicsConfig,
}

/// What a producer does about topics that do not exist, and about those that it does not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicsConfig {
    /// Whether brokers may create a topic that does not exist, if they are configured to. Kafka's
    /// own producer always lets them. Default: true.
    pub creation: bool,
    /// How long a topic may not be used before its metadata is asked for no more (KIP-526): from 5
    /// s to a year. Kafka: metadata.max.idle.ms. Default: 300 s.
    pub idle_max: Duration,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self { creation: true, idle_max: Duration::from_secs(300) }
    }
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotence: Idempotence::IfPossible,
            compression: Compression::None,
            compression_level: None,
            linger: Duration::from_millis(5),
            batch_bytes_max: 256 << 10,
            buffer_bytes_max: 32 << 20,
            request_bytes_max: 1 << 20,
            in_flight_max: 5,
            request_timeout: Duration::from_secs(30),
            delivery_timeout: Duration::from_secs(120),
            retry_count_max: i32::MAX.unsigned_abs(),
            block_max: Duration::from_secs(60),
            partitioner: Partitioner::default(),
            topics: TopicsConfig::default(),
        }
    }
}

impl ProducerConfig {
    /// Checks that the settings fit each other.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let in_range = |setting: &str, bytes: usize, least: usize| {
            if (least..=BYTES_MOST).contains(&bytes) {
                return Ok(());
            }
            Err(Error::invalid(setting, format!("{bytes} is not within {least} and {BYTES_MOST}")))
        };
        in_range("batch_bytes_max (batch.size)", self.batch_bytes_max, 1)?;
        in_range(
            "request_bytes_max (max.request.size)",
            self.request_bytes_max,
            REQUEST_BYTES_LEAST,
        )?;
        in_range("buffer_bytes_max (buffer.memory)", self.buffer_bytes_max, BUFFER_BYTES_LEAST)?;
        if !self.compression.is_built() {
            let problem = format!("this build lacks {}", self.compression);
            return Err(Error::invalid("compression (compression.type)", problem));
        }
        self.check_level()?;
        self.check_idempotence()?;
        if self.in_flight_max == 0 {
            let setting = "in_flight_max (max.in.flight.requests.per.connection)";
            return Err(Error::invalid(setting, "must be at least 1"));
        }
        if let Partitioner::Fixed(partition @ ..0) = self.partitioner {
            let problem = format!("partition {partition} cannot be: they are counted from 0");
            return Err(Error::invalid("partitioner", problem));
        }
        self.check_times()
    }

    /// What a delivery takes at least: to linger, and to be answered. A year is as good as never.
    pub(crate) fn delivery_timeout_least(&self) -> Duration {
        self.linger.saturating_add(self.request_timeout).min(DURATION_MAX)
    }

    /// Whether batches are numbered, as far as the settings decide.
    pub(crate) fn is_idempotent(&self) -> bool {
        match self.idempotence {
            Idempotence::Required => true,
            Idempotence::IfPossible => self.acks == Acks::All && self.retry_count_max > 0,
            Idempotence::Off => false,
        }
    }

    /// As Java: who asks for idempotence is told what rules it out.
    fn check_idempotence(&self) -> Result<(), Error> {
        if self.idempotence != Idempotence::Required {
            return Ok(());
        }
        let problem = if self.acks != Acks::All {
            "needs acks to be all, or a leader that dies takes confirmed records with it"
        } else if self.retry_count_max == 0 {
            "needs retries to be more than 0, as it makes sending again safe"
        } else if self.in_flight_max > LANE_IN_FLIGHT_MAX {
            "needs max.in.flight.requests.per.connection to be at most 5, as brokers remember the \
             last five batches of a producer"
        } else {
            return Ok(());
        };
        let problem = format!("{problem}; set one of them, or leave enable.idempotence unset");
        Err(Error::invalid("idempotence (enable.idempotence)", problem))
    }

    fn check_level(&self) -> Result<(), Error> {
        let (Some(level), Some((range, words))) =
            (self.compression_level, level_range(self.compression))
        else {
            return Ok(());
        };
        // To librdkafka, any codec has a level 0 and a default, which is -1.
        if range.contains(&level) || matches!(level, -1 | 0) {
            return Ok(());
        }
        let problem = format!("{level} is no level of {}, which has {words}", self.compression);
        Err(Error::invalid("compression_level (compression.level)", problem))
    }

    fn check_times(&self) -> Result<(), Error> {
        check_durations(&[
            ("request_timeout (request.timeout.ms)", self.request_timeout),
            ("delivery_timeout (delivery.timeout.ms)", self.delivery_timeout),
            ("topics.idle_max (metadata.max.idle.ms)", self.topics.idle_max),
        ])?;
        if self.topics.idle_max < TOPIC_IDLE_LEAST {
            let setting = "topics.idle_max (metadata.max.idle.ms)";
            return Err(Error::invalid(setting, "must be at least 5 s"));
        }
        let may_be_zero = [
            ("linger (linger.ms)", self.linger),
            ("block_max (max.block.ms)", self.block_max),
            (
                "availability_timeout (partitioner.availability.timeout.ms)",
                self.partitioner.sticky().availability_timeout,
            ),
        ];
        for setting in may_be_zero.into_iter().filter(|(_, value)| !value.is_zero()) {
            check_durations(&[setting])?;
        }
        let least = self.delivery_timeout_least();
        if self.delivery_timeout < least {
            let problem = format!(
                "{:?} is less than linger.ms plus request.timeout.ms, which is {least:?}; raise \
                 delivery.timeout.ms, or lower request.timeout.ms",
                self.delivery_timeout
            );
            return Err(Error::invalid("delivery_timeout (delivery.timeout.ms)", problem));
        }
        Ok(())
    }
}

/// The levels that a codec has in Kafka, and in words; none if it has no levels.
pub(crate) fn level_range(codec: Compression) -> Option<(RangeInclusive<i32>, &'static str)> {
    match codec {
        Compression::Gzip => Some((-1..=9, "-1 and 1 to 9")),
        Compression::Lz4 => Some((1..=17, "1 to 17")),
        Compression::Zstd => Some((-131_072..=22, "-131072 to 22")),
        _ => None,
    }
}

/// What is used now and then would be forgotten and asked for again and again.
const TOPIC_IDLE_LEAST: Duration = Duration::from_secs(5);
/// A buffer must hold at least the first buffer of one batch.
pub(crate) const BUFFER_BYTES_LEAST: usize = 64 << 10;
/// A request must hold a record that is worth sending.
pub(crate) const REQUEST_BYTES_LEAST: usize = 1 << 10;
/// No batch, request or buffer is larger.
pub(crate) const BYTES_MOST: usize = 1 << 30;

/// A broker remembers so many batches of a producer in each partition (KAFKA-5494).
pub(crate) const LANE_IN_FLIGHT_MAX: usize = 5;

/// Whether a producer numbers its batches, so that brokers write none twice and none out of order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Idempotence {
    /// It does, unless other settings or the brokers rule it out: acks that are not all, no
    /// retries, brokers before 0.11. Then one batch of a partition is in flight, so that the order
    /// holds, and one that is sent again after a lost answer may be written twice.
    #[default]
    IfPossible,
    /// It does. What rules it out is an error. Kafka: `true`.
    Required,
    /// It does not. Kafka: `false`.
    Off,
}

/// How many replicas must have a record before the broker answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// None: the broker does not answer, and a record that it refused is lost without news.
    None,
    /// The leader alone: a record is lost if the leader dies before it was copied.
    Leader,
    /// All replicas that are in sync.
    #[default]
    All,
}

impl Acks {
    /// The number that stands in the request.
    pub(crate) const fn number(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        ProducerConfig::default().validate().unwrap();
    }

    #[test]
    fn settings_that_contradict_are_named() {
        let check = |config: ProducerConfig, named: &str| {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        };
        let of = ProducerConfig::default;
        check(ProducerConfig { batch_bytes_max: 0, ..of() }, "batch.size");
        check(ProducerConfig { buffer_bytes_max: 1, ..of() }, "buffer.memory");
        check(ProducerConfig { request_bytes_max: 1, ..of() }, "max.request.size");
        check(ProducerConfig { in_flight_max: 0, ..of() }, "max.in.flight");
        let short = Duration::from_secs(1);
        check(ProducerConfig { delivery_timeout: short, ..of() }, "delivery.timeout.ms");
        check(ProducerConfig { request_timeout: Duration::ZERO, ..of() }, "request.timeout.ms");
        let topics = TopicsConfig { idle_max: short, ..TopicsConfig::default() };
        check(ProducerConfig { topics, ..of() }, "metadata.max.idle.ms");
    }

    #[test]
    fn idempotence_gives_way_to_other_settings_unless_it_was_asked_for() {
        let of = ProducerConfig::default;
        let rows = [
            (ProducerConfig { acks: Acks::Leader, ..of() }, "acks to be all", false),
            (ProducerConfig { retry_count_max: 0, ..of() }, "retries", false),
            (
                ProducerConfig { in_flight_max: 6, ..of() },
                "max.in.flight.requests.per.connection",
                // A partition has five at most, whatever a connection may have.
                true,
            ),
            (of(), "", true),
        ];
        for (config, named, is_on) in rows {
            config.validate().unwrap();
            assert_eq!(config.is_idempotent(), is_on, "{named}");
            let off = ProducerConfig { idempotence: Idempotence::Off, ..config.clone() };
            off.validate().unwrap();
            assert!(!off.is_idempotent());
            let required = ProducerConfig { idempotence: Idempotence::Required, ..config };
            match required.validate() {
                Ok(()) => assert!(named.is_empty() && required.is_idempotent()),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains("enable.idempotence") && text.contains(named), "{text}");
                }
            }
        }
    }

    #[test]
    fn no_duration_is_endless_and_linger_and_blocking_may_be_nothing() {
        let check = |config: ProducerConfig, named: &str| {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("a year"), "{error}");
        };
        let of = ProducerConfig::default;
        check(ProducerConfig { linger: Duration::MAX, ..of() }, "linger.ms");
        check(ProducerConfig { request_timeout: Duration::MAX, ..of() }, "request.timeout.ms");
        check(ProducerConfig { delivery_timeout: Duration::MAX, ..of() }, "delivery.timeout.ms");
        check(ProducerConfig { block_max: Duration::MAX, ..of() }, "max.block.ms");
        let none = Duration::ZERO;
        ProducerConfig { linger: none, block_max: none, ..of() }.validate().unwrap();
    }
}
