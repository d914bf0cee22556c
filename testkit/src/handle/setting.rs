//! Core: settings of topics, groups and brokers as answers show them: value, source, what would be
//! else.

use kurier_protocol::release::Release;

use crate::config_kind::ConfigKind;
use crate::state::{GroupConfig, Settings, Topic, broker_config_kind};

/// A setting, and what it would be otherwise.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) source: i8,
    pub(super) kind: ConfigKind,
    pub(super) is_read_only: bool,
    /// What gives the setting a value, the strongest first: name, value, source.
    pub(super) synonyms: Vec<(&'static str, String, i8)>,
}

/// The settings of a topic.
pub(super) fn topic_settings(topic: &Topic) -> impl Iterator<Item = Setting> {
    topic.config.all().map(|(setting, value, default)| {
        let (name, default) = (setting.name, default.to_owned());
        let set = value.map(|value| (name, value.to_owned(), TOPIC_SOURCE));
        let of_cluster = of_cluster(topic.config.release()).filter(|(set, ..)| *set == name);
        let of_broker = setting.broker_name;
        let of_broker = of_broker.map(|broker| (broker, default.clone(), DEFAULT_SOURCE));
        let synonyms: Vec<_> = set.into_iter().chain(of_cluster).chain(of_broker).collect();
        let strongest = synonyms.first().map(|(_, value, source)| (value.clone(), *source));
        let (value, source) = strongest.unwrap_or((default, DEFAULT_SOURCE));
        Setting { name, value, source, kind: setting.kind, is_read_only: false, synonyms }
    })
}

/// The settings that the controllers have made for all brokers.
pub(super) fn cluster_settings(release: Release) -> impl Iterator<Item = Setting> {
    of_cluster(release).into_iter().map(|(name, value, source)| Setting {
        name,
        value: value.clone(),
        source,
        kind: ConfigKind::Int,
        is_read_only: false,
        synonyms: vec![(name, value, source)],
    })
}

/// Since they keep track of eligible leaders (KIP-966), how many replicas acks=all takes.
fn of_cluster(release: Release) -> Option<(&'static str, String, i8)> {
    (release >= Release::V4_1).then(|| ("min.insync.replicas", "1".to_owned(), CLUSTER_SOURCE))
}

/// The settings of a broker.
pub(super) fn broker_settings(settings: &Settings, broker: i32) -> impl Iterator<Item = Setting> {
    let all = settings.broker_configs(broker).into_iter();
    // What is not set, and has no default, is nothing.
    let shown = all.filter(|(_, value, _)| !value.is_empty());
    shown.map(|(name, value, default)| {
        let of_default = default.filter(|default| !default.is_empty());
        let of_default = of_default.map(|default| (name, default.to_owned(), DEFAULT_SOURCE));
        let is_default = default == Some(value.as_str());
        let set = (!is_default).then(|| (name, value.clone(), STATIC_SOURCE));
        let source = if is_default { DEFAULT_SOURCE } else { STATIC_SOURCE };
        let synonyms = set.into_iter().chain(of_default).collect();
        Setting {
            name,
            value,
            source,
            kind: broker_config_kind(name),
            is_read_only: true,
            synonyms,
        }
    })
}

/// The settings of a group.
pub(super) fn group_settings(
    settings: &Settings,
    broker: i32,
    config: &GroupConfig,
) -> Vec<Setting> {
    let brokers: Vec<Setting> = broker_settings(settings, broker).collect();
    let shown = config.all(settings.release).filter_map(|(name, set, broker_name)| {
        let of_broker = brokers.iter().find(|setting| setting.name == broker_name)?;
        let set = set.map(|value| (name, value.clone(), GROUP_SOURCE));
        let synonyms = set.into_iter().chain(of_broker.synonyms.iter().cloned());
        let synonyms: Vec<_> = synonyms.collect();
        let (_, value, source) = synonyms.first()?.clone();
        let kind = of_broker.kind;
        Some(Setting { name, value, source, kind, is_read_only: false, synonyms })
    });
    shown.collect()
}

/// Kafka: `ConfigSource.DYNAMIC_TOPIC_CONFIG`.
const TOPIC_SOURCE: i8 = 1;
/// Kafka: `ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG`.
const CLUSTER_SOURCE: i8 = 3;
/// Kafka: `ConfigSource.STATIC_BROKER_CONFIG`.
const STATIC_SOURCE: i8 = 4;
/// Kafka: `ConfigSource.DYNAMIC_GROUP_CONFIG`.
const GROUP_SOURCE: i8 = 8;
/// Kafka: `ConfigSource.DEFAULT_CONFIG`.
pub(super) const DEFAULT_SOURCE: i8 = 5;
