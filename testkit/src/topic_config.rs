//! Core: the settings of a topic, by Kafka's names.

use std::collections::BTreeMap;

use kurier_protocol::record::{Compression, TimestampType};
use kurier_protocol::release::Release;

use crate::config_names::{TOPIC_CONFIGS, choice, is_shown, kind, least};

/// The settings of a topic. All of Kafka's names are taken and kept; those that decide what a
/// client can see have a field here.
#[derive(Clone, Debug)]
pub(crate) struct TopicConfig {
    release: Release,
    texts: BTreeMap<String, String>,
    /// Bytes of the largest batch. Kafka: max.message.bytes.
    pub(crate) message_bytes_max: usize,
    /// Bytes of the largest set of records, however many batches it has. Kafka: segment.bytes.
    pub(crate) segment_bytes: usize,
    /// Who gives records their time. Kafka: message.timestamp.type.
    pub(crate) timestamp_type: TimestampType,
    /// How old a record may be, in ms. Kafka: message.timestamp.before.max.ms.
    pub(crate) timestamp_before_max_ms: i64,
    /// How far in the future a record's time may be, in ms. Kafka: message.timestamp.after.max.ms.
    pub(crate) timestamp_after_max_ms: i64,
    /// Replicas that acks=all takes. Kafka: min.insync.replicas.
    pub(crate) in_sync_min: usize,
    /// The codec that batches are stored with; `None` keeps the producer's. Kafka:
    /// compression.type.
    pub(crate) compression: Option<Compression>,
    /// Whether every record needs a key. Kafka: cleanup.policy contains compact.
    pub(crate) is_compacted: bool,
    /// Whether a replica that is not in sync may lead if no other can. Kafka:
    /// unclean.leader.election.enable.
    pub(crate) elects_unclean: bool,
    /// How old records may become, in ms; -1 for no limit. Kafka: retention.ms.
    pub(crate) retention_ms: i64,
    /// How many bytes a partition may have; -1 for no limit. Kafka: retention.bytes.
    pub(crate) retention_bytes: i64,
    /// How long compaction keeps a record without a value, in ms. Kafka: delete.retention.ms.
    pub(crate) delete_retention_ms: i64,
    /// Whether old clients get records in their format. Kafka: message.downconversion.enable.
    pub(crate) converts_down: bool,
}

impl TopicConfig {
    /// The defaults of a release.
    pub(crate) fn new(release: Release) -> Self {
        // KAFKA-4203 (2.5) made both sides' limits equal; KIP-1030 (4.0) bounded future times.
        let message_bytes_max = if release >= Release::V2_5 { 1_048_588 } else { 1_000_012 };
        let after_max = if release >= Release::V4_0 { 3_600_000 } else { i64::MAX };
        Self {
            release,
            texts: BTreeMap::new(),
            message_bytes_max,
            segment_bytes: 1 << 30,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: after_max,
            in_sync_min: 1,
            compression: None,
            is_compacted: false,
            elects_unclean: false,
            retention_ms: 604_800_000,
            retention_bytes: -1,
            delete_retention_ms: 86_400_000,
            converts_down: true,
        }
    }

    /// Changes one setting.
    ///
    /// # Errors
    ///
    /// Kafka has no setting of this name, or the value is not one that it takes: a sentence for
    /// the answer.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        if !is_known(name) {
            return Err(format!("Unknown topic config name: {name}"));
        }
        let objection = kind(name).objection(value).map(str::to_owned);
        if let Some(reason) = objection.or_else(|| too_small(name, value)) {
            return Err(format!("Invalid value {value} for configuration {name}: {reason}"));
        }
        self.apply(name, value).ok_or_else(|| {
            let choice = choice(name).map(|choice| format!(": String must be one of: {choice}"));
            let choice = choice.unwrap_or_default();
            format!("Invalid value {value} for configuration {name}{choice}")
        })?;
        self.texts.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Gives a setting its default again.
    ///
    /// # Errors
    ///
    /// Kafka has no setting of this name.
    pub(crate) fn unset(&mut self, name: &str) -> Result<(), String> {
        if !is_known(name) {
            return Err(format!("Unknown topic config name: {name}"));
        }
        let mut rest = Self::new(self.release);
        for (kept, value) in self.texts.iter().filter(|(kept, _)| *kept != name) {
            rest.set(kept, value)?;
        }
        *self = rest;
        Ok(())
    }

    /// All settings that the release shows: name, what was set, default.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, Option<&str>, String)> {
        let defaults = Self::new(self.release);
        let shown = TOPIC_CONFIGS.iter().filter(|(name, ..)| is_shown(self.release, name));
        shown.map(move |(name, _, default)| {
            let default = match *name {
                "max.message.bytes" => defaults.message_bytes_max.to_string(),
                "message.timestamp.after.max.ms" => defaults.timestamp_after_max_ms.to_string(),
                _ => (*default).to_owned(),
            };
            (*name, self.texts.get(*name).map(String::as_str), default)
        })
    }

    /// Whether old records may be deleted. Kafka: cleanup.policy contains delete.
    pub(crate) fn deletes(&self) -> bool {
        let policy = self.texts.get("cleanup.policy").map_or("delete", String::as_str);
        policy.split(',').any(|policy| policy.trim() == "delete")
    }

    fn apply(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "max.message.bytes" => self.message_bytes_max = value.parse().ok()?,
            "segment.bytes" => self.segment_bytes = value.parse().ok()?,
            "min.insync.replicas" => {
                self.in_sync_min = value.parse().ok().filter(|&count| count >= 1)?;
            }
            "message.timestamp.type" => {
                self.timestamp_type = match value {
                    "CreateTime" => TimestampType::CreateTime,
                    "LogAppendTime" => TimestampType::LogAppendTime,
                    _ => return None,
                }
            }
            "message.timestamp.before.max.ms" => self.timestamp_before_max_ms = millis(value)?,
            "message.timestamp.after.max.ms" => self.timestamp_after_max_ms = millis(value)?,
            "message.timestamp.difference.max.ms" => {
                self.timestamp_before_max_ms = millis(value)?;
                self.timestamp_after_max_ms = millis(value)?;
            }
            "compression.type" => {
                self.compression = match value {
                    "producer" => None,
                    "uncompressed" => Some(Compression::None),
                    "none" => return None,
                    codec => Some(codec.parse().ok()?),
                }
            }
            "cleanup.policy" => {
                let mut policies = value.split(',').map(str::trim);
                policies.clone().all(|p| p == "delete" || p == "compact").then_some(())?;
                self.is_compacted = policies.any(|policy| policy == "compact");
            }
            "unclean.leader.election.enable" => self.elects_unclean = is_true(value),
            "message.downconversion.enable" => self.converts_down = is_true(value),
            "retention.ms" => self.retention_ms = limit(value)?,
            "retention.bytes" => self.retention_bytes = limit(value)?,
            "delete.retention.ms" => self.delete_retention_ms = millis(value)?,
            _ => {}
        }
        Some(())
    }

    /// The time that records get which are appended now, where it is the broker's.
    pub(crate) fn append_time(&self, millis: i64) -> Option<i64> {
        (self.timestamp_type == TimestampType::LogAppendTime).then_some(millis)
    }

    /// Whether what is written while too few replicas are in sync is not committed before enough
    /// are (KIP-966).
    pub(crate) fn commits_strictly(&self) -> bool {
        self.release >= Release::V3_7
    }

    /// Whether compacted batches say until when their records without a value stay (KIP-534).
    pub(crate) fn marks_horizon(&self) -> bool {
        self.release >= Release::V3_1
    }

    /// Whether a partition knows producers no longer than it has records of them (until
    /// KAFKA-7190).
    pub(crate) fn forgets_producers(&self) -> bool {
        self.release < Release::V2_4
    }

    /// The release whose defaults these are.
    pub(crate) fn release(&self) -> Release {
        self.release
    }
}

/// Why a number is below what the setting takes; `None` if it is not.
fn too_small(name: &str, value: &str) -> Option<String> {
    let least = least(name).filter(|&least| value.parse().is_ok_and(|value: i64| value < least));
    least.map(|least| format!("Value must be at least {least}"))
}

fn is_known(name: &str) -> bool {
    TOPIC_CONFIGS.iter().any(|(known, ..)| *known == name)
}

fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// A number of which -1 means none.
fn limit(text: &str) -> Option<i64> {
    text.parse().ok().filter(|&limit| limit >= -1)
}

fn millis(text: &str) -> Option<i64> {
    text.parse().ok().filter(|&millis| millis >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_that_kafka_refuses_are_refused() {
        let mut config = TopicConfig::new(Release::NEWEST);
        for (name, value) in [
            ("max.message.byte", "1"),
            ("max.message.bytes", "-1"),
            ("min.insync.replicas", "0"),
            ("message.timestamp.type", "createtime"),
            ("compression.type", "brotli"),
            ("cleanup.policy", "keep"),
        ] {
            assert!(config.set(name, value).is_err(), "{name}={value}");
        }
        assert_eq!(config.texts.len(), 0);
    }

    #[test]
    fn settings_are_kept_and_obeyed() {
        let mut config = TopicConfig::new(Release::NEWEST);
        config.set("retention.ms", "1000").unwrap();
        config.set("compression.type", "gzip").unwrap();
        config.set("cleanup.policy", "compact, delete").unwrap();
        assert_eq!(config.compression, Some(Compression::Gzip));
        assert!(config.is_compacted);
        assert_eq!(config.texts.len(), 3);
    }
}
