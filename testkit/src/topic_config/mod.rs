//! Core: the settings of a topic, by Kafka's names.

mod values;
mod settings;

pub(crate) use settings::TopicSetting;

use std::collections::BTreeMap;
use std::ops::Deref;

use kurier_protocol::record::TimestampType;
use kurier_protocol::release::Release;

use crate::limits::CONFIG_BYTES_MAX;
use values::Values;

/// The settings of a topic, as they are in force in a release. All of Kafka's names are taken and
/// kept; those that decide what a client can see have a field in [`Values`].
#[derive(Clone, Debug)]
pub(crate) struct TopicConfig {
    release: Release,
    texts: BTreeMap<&'static str, String>,
    values: Values,
}

impl Deref for TopicConfig {
    type Target = Values;

    fn deref(&self) -> &Values {
        &self.values
    }
}

impl TopicConfig {
    /// The defaults of a release.
    pub(crate) fn new(release: Release) -> Self {
        let mut values = Values::NONE;
        // The last first: message.timestamp.difference.max.ms stands for two others, whose own
        // defaults prevail.
        for setting in TopicSetting::all().rev() {
            // Invariant: a default is a value of its setting, as a test sees for all releases.
            (setting.set)(&mut values, setting.default(release)).expect("a default is a value");
        }
        Self { release, texts: BTreeMap::new(), values }
    }

    /// The same settings in another release: where nothing was set, its defaults are in force.
    pub(crate) fn in_release(&self, release: Release) -> Self {
        self.without("", release)
    }

    /// What was set, but for one setting.
    fn without(&self, gone: &str, release: Release) -> Self {
        let mut rest = Self::new(release);
        for (name, value) in self.texts.iter().filter(|(name, _)| **name != gone) {
            // Invariant: whether a value is taken does not depend on the release.
            rest.set(name, value).expect("it was set before");
        }
        rest
    }

    /// Changes one setting.
    ///
    /// # Errors
    ///
    /// Kafka has no setting of this name, or the value is not one that it takes: a sentence for
    /// the answer.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let setting = find(name)?;
        if value.len() > CONFIG_BYTES_MAX {
            return Err(format!("The value of {name} is longer than {CONFIG_BYTES_MAX} bytes"));
        }
        let refused =
            |reason: &str| format!("Invalid value {value} for configuration {name}{reason}");
        if let Some(objection) = setting.kind.objection(value) {
            return Err(refused(&format!(": {objection}")));
        }
        let is_small = |least: &i64| value.parse().is_ok_and(|value: i64| value < *least);
        if let Some(least) = setting.least.filter(is_small) {
            return Err(refused(&format!(": Value must be at least {least}")));
        }
        (setting.set)(&mut self.values, value).ok_or_else(|| {
            let words = setting.words.map(|words| format!(": String must be one of: {words}"));
            refused(&words.unwrap_or_default())
        })?;
        self.texts.insert(setting.name, value.to_owned());
        Ok(())
    }

    /// Gives a setting its default again.
    ///
    /// # Errors
    ///
    /// Kafka has no setting of this name.
    pub(crate) fn unset(&mut self, name: &str) -> Result<(), String> {
        *self = self.without(find(name)?.name, self.release);
        Ok(())
    }

    /// All settings that the release shows: which, what was set, default.
    pub(crate) fn all(
        &self,
    ) -> impl Iterator<Item = (&'static TopicSetting, Option<&str>, &'static str)> {
        let shown = TopicSetting::all().filter(|setting| setting.is_shown(self.release));
        shown.map(|setting| {
            let value = self.texts.get(setting.name).map(String::as_str);
            (setting, value, setting.default(self.release))
        })
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

fn find(name: &str) -> Result<&'static TopicSetting, String> {
    TopicSetting::named(name).ok_or_else(|| format!("Unknown topic config name: {name}"))
}

#[cfg(test)]
mod tests {
    use kurier_protocol::record::Compression;

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
        assert!(config.cleanup.compacts);
        assert_eq!(config.texts.len(), 3);
    }

    #[test]
    fn every_default_is_a_value_and_in_force_where_nothing_is_set() {
        for &release in Release::ALL {
            let config = TopicConfig::new(release);
            let mut set = config.clone();
            for (setting, value, default) in config.all() {
                assert_eq!(value, None, "{}", setting.name);
                set.set(setting.name, default).unwrap();
            }
            assert_eq!(*set, *config, "{release}");
        }
    }

    #[test]
    fn in_another_release_its_defaults_are_in_force_and_what_was_set_stays() {
        let mut config = TopicConfig::new(Release::V2_0);
        config.set("retention.ms", "1000").unwrap();
        let config = config.in_release(Release::V4_4);
        assert_eq!((config.message_bytes_max, config.retention_ms), (1_048_588, 1000));
        assert_eq!(config.timestamp_after_max_ms, 3_600_000);
    }
}
