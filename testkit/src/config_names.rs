//! Core: the names of settings, their types and defaults.

use kurier_protocol::nearest::question;
use kurier_protocol::release::Release;

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigKind {
    Boolean,
    Text,
    Int,
    Long,
    Double,
    List,
}

impl ConfigKind {
    /// Why a value is none of this kind; `None` if it is one.
    pub(crate) fn objection(self, value: &str) -> Option<&'static str> {
        let fits = match self {
            Self::Boolean => matches!(value.to_ascii_lowercase().as_str(), "true" | "false"),
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Double => value.parse::<f64>().is_ok(),
            Self::Text | Self::List => true,
        };
        (!fits).then_some(match self {
            Self::Boolean => "Expected value to be either true or false",
            Self::Int => "Not a number of type INT",
            Self::Long => "Not a number of type LONG",
            Self::Double => "Not a number of type DOUBLE",
            Self::Text | Self::List => "",
        })
    }

    /// Its number in DescribeConfigs.
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::Text => 2,
            Self::Int => 3,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
        }
    }
}

use ConfigKind::{Boolean, Double, Int, List, Long, Text};

/// The settings of a topic: name, type, default of the newest release. Those of past releases are
/// taken too.
pub(crate) const TOPIC_CONFIGS: &[(&str, ConfigKind, &str)] = &[
    ("cleanup.policy", List, "delete"),
    ("compression.gzip.level", Int, "-1"),
    ("compression.lz4.level", Int, "9"),
    ("compression.type", Text, "producer"),
    ("compression.zstd.level", Int, "3"),
    ("delete.retention.ms", Long, "86400000"),
    ("errors.deadletterqueue.group.enable", Boolean, "false"),
    ("file.delete.delay.ms", Long, "60000"),
    ("flush.messages", Long, "9223372036854775807"),
    ("flush.ms", Long, "9223372036854775807"),
    ("follower.replication.throttled.replicas", List, ""),
    ("index.interval.bytes", Int, "4096"),
    ("leader.replication.throttled.replicas", List, ""),
    ("local.retention.bytes", Long, "-2"),
    ("local.retention.ms", Long, "-2"),
    ("max.compaction.lag.ms", Long, "9223372036854775807"),
    ("max.decompressed.message.bytes", Int, "2147483639"),
    ("max.message.bytes", Int, "1048588"),
    ("message.downconversion.enable", Boolean, "true"),
    ("message.format.version", Text, "3.0-IV1"),
    ("message.timestamp.after.max.ms", Long, "3600000"),
    ("message.timestamp.before.max.ms", Long, "9223372036854775807"),
    ("message.timestamp.difference.max.ms", Long, "9223372036854775807"),
    ("message.timestamp.type", Text, "CreateTime"),
    ("min.cleanable.dirty.ratio", Double, "0.5"),
    ("min.compaction.lag.ms", Long, "0"),
    ("min.insync.replicas", Int, "1"),
    ("preallocate", Boolean, "false"),
    ("remote.copy.lag.bytes", Long, "-1"),
    ("remote.copy.lag.ms", Long, "0"),
    ("remote.log.copy.disable", Boolean, "false"),
    ("remote.log.delete.on.disable", Boolean, "false"),
    ("remote.storage.enable", Boolean, "false"),
    ("retention.bytes", Long, "-1"),
    ("retention.ms", Long, "604800000"),
    ("segment.bytes", Int, "1073741824"),
    ("segment.index.bytes", Int, "10485760"),
    ("segment.jitter.ms", Long, "0"),
    ("segment.ms", Long, "604800000"),
    ("unclean.leader.election.enable", Boolean, "false"),
];

/// What is wrong with the name of a topic's setting, as the end of a sentence; `None` if it is one.
pub(crate) fn unknown_of_topics(name: &str) -> Option<String> {
    let names = TOPIC_CONFIGS.iter().map(|(name, ..)| *name);
    if names.clone().any(|known| known == name) {
        return None;
    }
    let question = question(name, names).map(|question| format!("; {question}"));
    Some(format!("is no setting of topics{}", question.unwrap_or_default()))
}

/// What a broker's setting is called that a topic's follows where it has none of its own. `None` if
/// there is no such setting, or nothing is set there.
pub(crate) fn broker_name(topic_name: &str) -> Option<&'static str> {
    Some(match topic_name {
        "cleanup.policy" => "log.cleanup.policy",
        "compression.gzip.level" => "compression.gzip.level",
        "compression.lz4.level" => "compression.lz4.level",
        "compression.type" => "compression.type",
        "compression.zstd.level" => "compression.zstd.level",
        "delete.retention.ms" => "log.cleaner.delete.retention.ms",
        "file.delete.delay.ms" => "log.segment.delete.delay.ms",
        "flush.messages" => "log.flush.interval.messages",
        "index.interval.bytes" => "log.index.interval.bytes",
        "local.retention.bytes" => "log.local.retention.bytes",
        "local.retention.ms" => "log.local.retention.ms",
        "max.compaction.lag.ms" => "log.cleaner.max.compaction.lag.ms",
        "max.decompressed.message.bytes" => "max.decompressed.message.bytes",
        "max.message.bytes" => "message.max.bytes",
        "message.timestamp.after.max.ms" => "log.message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms" => "log.message.timestamp.before.max.ms",
        "message.timestamp.type" => "log.message.timestamp.type",
        "min.cleanable.dirty.ratio" => "log.cleaner.min.cleanable.ratio",
        "min.compaction.lag.ms" => "log.cleaner.min.compaction.lag.ms",
        "min.insync.replicas" => "min.insync.replicas",
        "preallocate" => "log.preallocate",
        "remote.copy.lag.bytes" => "log.remote.copy.lag.bytes",
        "remote.copy.lag.ms" => "log.remote.copy.lag.ms",
        "retention.bytes" => "log.retention.bytes",
        "segment.bytes" => "log.segment.bytes",
        "segment.index.bytes" => "log.index.size.max.bytes",
        "unclean.leader.election.enable" => "unclean.leader.election.enable",
        _ => return None,
    })
}

/// The least number that a topic's setting takes, if there is one.
pub(crate) fn least(name: &str) -> Option<i64> {
    Some(match name {
        "local.retention.bytes" | "local.retention.ms" => -2,
        "retention.ms" => -1,
        "delete.retention.ms"
        | "file.delete.delay.ms"
        | "flush.ms"
        | "index.interval.bytes"
        | "max.message.bytes"
        | "message.timestamp.after.max.ms"
        | "message.timestamp.before.max.ms"
        | "min.compaction.lag.ms"
        | "segment.jitter.ms" => 0,
        "flush.messages" | "max.compaction.lag.ms" | "min.insync.replicas" | "segment.ms" => 1,
        "segment.index.bytes" => 4,
        _ => return None,
    })
}

/// The words that a topic's setting takes, if it takes no others.
pub(crate) fn choice(name: &str) -> Option<&'static str> {
    Some(match name {
        "cleanup.policy" => "compact, delete",
        "compression.type" => "uncompressed, zstd, lz4, snappy, gzip, producer",
        "message.timestamp.type" => "CreateTime, LogAppendTime",
        _ => return None,
    })
}

/// Whether a release shows the setting of a topic.
pub(crate) fn is_shown(release: Release, name: &str) -> bool {
    use Release as R;
    match name {
        "message.downconversion.enable"
        | "message.format.version"
        | "message.timestamp.difference.max.ms" => release < R::V4_0,
        "message.timestamp.after.max.ms" | "message.timestamp.before.max.ms" => release >= R::V3_6,
        "compression.gzip.level" | "compression.lz4.level" | "compression.zstd.level" => {
            release >= R::V3_8
        }
        "remote.log.copy.disable" | "remote.log.delete.on.disable" => release >= R::V3_9,
        "local.retention.bytes" | "local.retention.ms" | "remote.storage.enable" => {
            release >= R::V3_6
        }
        "errors.deadletterqueue.group.enable"
        | "max.decompressed.message.bytes"
        | "remote.copy.lag.bytes"
        | "remote.copy.lag.ms" => release >= R::V4_4,
        "max.compaction.lag.ms" => release >= R::V2_3,
        _ => true,
    }
}

/// What values a setting of a topic or broker takes.
pub(crate) fn kind(name: &str) -> ConfigKind {
    let topic = TOPIC_CONFIGS.iter().find(|(known, ..)| *known == name);
    match topic {
        Some((_, kind, _)) => *kind,
        None if name.ends_with(".enable") => Boolean,
        None if name.ends_with(".policy") => Text,
        None if name == "offsets.retention.check.interval.ms" => Long,
        None => Int,
    }
}
