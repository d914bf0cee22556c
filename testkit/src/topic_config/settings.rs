//! Core: each setting of topics that Kafka has, in a row.

use kurier_protocol::nearest::question;
use kurier_protocol::record::{Compression, TimestampType};
use kurier_protocol::release::Release;

use super::values::{Cleanup, Values};
use crate::config_kind::ConfigKind::{self, Boolean, Double, Int, List, Long, Text};

/// A setting of topics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TopicSetting {
    pub(crate) name: &'static str,
    pub(crate) kind: ConfigKind,
    /// That of the newest release.
    default: &'static str,
    /// The default of releases before this one.
    former: Option<(Release, &'static str)>,
    /// What the setting of brokers is called that it follows where it has no value of its own.
    pub(crate) broker_name: Option<&'static str>,
    /// The least number that it takes.
    pub(super) least: Option<i64>,
    /// The words that it takes, if it takes no others.
    pub(super) words: Option<&'static str>,
    since: Release,
    until: Option<Release>,
    /// Lets a value take effect; `None` if it is none.
    pub(super) set: fn(&mut Values, &str) -> Option<()>,
}

impl TopicSetting {
    /// One that no client sees the effect of.
    const fn new(name: &'static str, kind: ConfigKind, default: &'static str) -> Self {
        Self {
            name,
            kind,
            default,
            former: None,
            broker_name: None,
            least: None,
            words: None,
            since: Release::OLDEST,
            until: None,
            set: |_, _| Some(()),
        }
    }

    const fn before(self, release: Release, default: &'static str) -> Self {
        Self { former: Some((release, default)), ..self }
    }

    const fn follows(self, broker_name: &'static str) -> Self {
        Self { broker_name: Some(broker_name), ..self }
    }

    const fn at_least(self, least: i64) -> Self {
        Self { least: Some(least), ..self }
    }

    const fn one_of(self, words: &'static str) -> Self {
        Self { words: Some(words), ..self }
    }

    const fn since(self, release: Release) -> Self {
        Self { since: release, ..self }
    }

    const fn until(self, release: Release) -> Self {
        Self { until: Some(release), ..self }
    }

    const fn sets(self, set: fn(&mut Values, &str) -> Option<()>) -> Self {
        Self { set, ..self }
    }

    /// The setting of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// All of them, in the order of their names, those of past releases too.
    pub(crate) fn all() -> impl DoubleEndedIterator<Item = &'static Self> {
        SETTINGS.iter()
    }

    /// What is wrong with a name, as the end of a sentence; `None` if it is that of a setting.
    pub(crate) fn unknown(name: &str) -> Option<String> {
        if Self::named(name).is_some() {
            return None;
        }
        let question = question(name, Self::all().map(|setting| setting.name));
        let question = question.map(|question| format!("; {question}"));
        Some(format!("is no setting of topics{}", question.unwrap_or_default()))
    }

    /// Whether a release shows it.
    pub(super) fn is_shown(&self, release: Release) -> bool {
        release >= self.since && self.until.is_none_or(|until| release < until)
    }

    /// Its default in a release.
    pub(super) fn default(&self, release: Release) -> &'static str {
        let former = self.former.filter(|(until, _)| release < *until);
        former.map_or(self.default, |(_, default)| default)
    }
}

const SETTINGS: &[TopicSetting] = &[
    TopicSetting::new("cleanup.policy", List, "delete")
        .follows("log.cleanup.policy")
        .one_of("compact, delete")
        .sets(|of, value| put(&mut of.cleanup, Cleanup::named(value))),
    TopicSetting::new("compression.gzip.level", Int, "-1")
        .follows("compression.gzip.level")
        .since(Release::V3_8),
    TopicSetting::new("compression.lz4.level", Int, "9")
        .follows("compression.lz4.level")
        .since(Release::V3_8),
    TopicSetting::new("compression.type", Text, "producer")
        .follows("compression.type")
        .one_of("uncompressed, zstd, lz4, snappy, gzip, producer")
        .sets(|of, value| put(&mut of.compression, compression(value))),
    TopicSetting::new("compression.zstd.level", Int, "3")
        .follows("compression.zstd.level")
        .since(Release::V3_8),
    TopicSetting::new("delete.retention.ms", Long, "86400000")
        .follows("log.cleaner.delete.retention.ms")
        .at_least(0)
        .sets(|of, value| put(&mut of.delete_retention_ms, millis(value))),
    TopicSetting::new("errors.deadletterqueue.group.enable", Boolean, "false").since(Release::V4_4),
    TopicSetting::new("file.delete.delay.ms", Long, "60000")
        .follows("log.segment.delete.delay.ms")
        .at_least(0),
    TopicSetting::new("flush.messages", Long, "9223372036854775807")
        .follows("log.flush.interval.messages")
        .at_least(1),
    TopicSetting::new("flush.ms", Long, "9223372036854775807").at_least(0),
    TopicSetting::new("follower.replication.throttled.replicas", List, ""),
    TopicSetting::new("index.interval.bytes", Int, "4096")
        .follows("log.index.interval.bytes")
        .at_least(0),
    TopicSetting::new("leader.replication.throttled.replicas", List, ""),
    TopicSetting::new("local.retention.bytes", Long, "-2")
        .follows("log.local.retention.bytes")
        .at_least(-2)
        .since(Release::V3_6),
    TopicSetting::new("local.retention.ms", Long, "-2")
        .follows("log.local.retention.ms")
        .at_least(-2)
        .since(Release::V3_6),
    TopicSetting::new("max.compaction.lag.ms", Long, "9223372036854775807")
        .follows("log.cleaner.max.compaction.lag.ms")
        .at_least(1)
        .since(Release::V2_3),
    TopicSetting::new("max.decompressed.message.bytes", Int, "2147483639")
        .follows("max.decompressed.message.bytes")
        .since(Release::V4_4),
    TopicSetting::new("max.message.bytes", Int, "1048588")
        // KAFKA-4203 made both sides' limits equal.
        .before(Release::V2_5, "1000012")
        .follows("message.max.bytes")
        .at_least(0)
        .sets(|of, value| put(&mut of.message_bytes_max, value.parse().ok())),
    TopicSetting::new("message.downconversion.enable", Boolean, "true")
        .until(Release::V4_0)
        .sets(|of, value| put(&mut of.converts_down, is_true(value))),
    TopicSetting::new("message.format.version", Text, "3.0-IV1").until(Release::V4_0),
    TopicSetting::new("message.timestamp.after.max.ms", Long, "3600000")
        // KIP-1030 bounded future times.
        .before(Release::V4_0, "9223372036854775807")
        .follows("log.message.timestamp.after.max.ms")
        .at_least(0)
        .since(Release::V3_6)
        .sets(|of, value| put(&mut of.timestamp_after_max_ms, millis(value))),
    TopicSetting::new("message.timestamp.before.max.ms", Long, "9223372036854775807")
        .follows("log.message.timestamp.before.max.ms")
        .at_least(0)
        .since(Release::V3_6)
        .sets(|of, value| put(&mut of.timestamp_before_max_ms, millis(value))),
    TopicSetting::new("message.timestamp.difference.max.ms", Long, "9223372036854775807")
        .until(Release::V4_0)
        .sets(|of, value| {
            put(&mut of.timestamp_before_max_ms, millis(value))?;
            put(&mut of.timestamp_after_max_ms, millis(value))
        }),
    TopicSetting::new("message.timestamp.type", Text, "CreateTime")
        .follows("log.message.timestamp.type")
        .one_of("CreateTime, LogAppendTime")
        .sets(|of, value| put(&mut of.timestamp_type, timestamp_type(value))),
    TopicSetting::new("min.cleanable.dirty.ratio", Double, "0.5")
        .follows("log.cleaner.min.cleanable.ratio"),
    TopicSetting::new("min.compaction.lag.ms", Long, "0")
        .follows("log.cleaner.min.compaction.lag.ms")
        .at_least(0),
    TopicSetting::new("min.insync.replicas", Int, "1")
        .follows("min.insync.replicas")
        .at_least(1)
        .sets(|of, value| put(&mut of.in_sync_min, value.parse().ok())),
    TopicSetting::new("preallocate", Boolean, "false").follows("log.preallocate"),
    TopicSetting::new("remote.copy.lag.bytes", Long, "-1")
        .follows("log.remote.copy.lag.bytes")
        .since(Release::V4_4),
    TopicSetting::new("remote.copy.lag.ms", Long, "0")
        .follows("log.remote.copy.lag.ms")
        .since(Release::V4_4),
    TopicSetting::new("remote.log.copy.disable", Boolean, "false").since(Release::V3_9),
    TopicSetting::new("remote.log.delete.on.disable", Boolean, "false").since(Release::V3_9),
    TopicSetting::new("remote.storage.enable", Boolean, "false").since(Release::V3_6),
    TopicSetting::new("retention.bytes", Long, "-1")
        .follows("log.retention.bytes")
        .sets(|of, value| put(&mut of.retention_bytes, limit(value))),
    TopicSetting::new("retention.ms", Long, "604800000")
        .at_least(-1)
        .sets(|of, value| put(&mut of.retention_ms, limit(value))),
    TopicSetting::new("segment.bytes", Int, "1073741824")
        .follows("log.segment.bytes")
        .sets(|of, value| put(&mut of.segment_bytes, value.parse().ok())),
    TopicSetting::new("segment.index.bytes", Int, "10485760")
        .follows("log.index.size.max.bytes")
        .at_least(4),
    TopicSetting::new("segment.jitter.ms", Long, "0").at_least(0),
    TopicSetting::new("segment.ms", Long, "604800000").at_least(1),
    TopicSetting::new("unclean.leader.election.enable", Boolean, "false")
        .follows("unclean.leader.election.enable")
        .sets(|of, value| put(&mut of.elects_unclean, is_true(value))),
];

fn put<T>(field: &mut T, value: Option<T>) -> Option<()> {
    *field = value?;
    Some(())
}

fn timestamp_type(text: &str) -> Option<TimestampType> {
    let all = [TimestampType::CreateTime, TimestampType::LogAppendTime];
    all.into_iter().find(|kind| kind.name() == text)
}

/// The codec that is stored, which may be the producer's.
fn compression(text: &str) -> Option<Option<Compression>> {
    match text {
        "producer" => Some(None),
        "uncompressed" => Some(Some(Compression::None)),
        "none" => None,
        codec => Some(Some(codec.parse().ok()?)),
    }
}

fn is_true(text: &str) -> Option<bool> {
    Some(text.eq_ignore_ascii_case("true"))
}

/// A number of which -1 means none.
fn limit(text: &str) -> Option<i64> {
    text.parse().ok().filter(|&limit| limit >= -1)
}

fn millis(text: &str) -> Option<i64> {
    text.parse().ok().filter(|&millis| millis >= 0)
}
