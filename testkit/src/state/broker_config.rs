//! Core: the settings of brokers that are known, by Kafka's names.

use std::time::Duration;

use kurier_protocol::nearest::question;

use super::foreign_config::Foreign;
use super::settings::Settings;
use crate::config_kind::ConfigKind;
use crate::group::MigrationPolicy;
use crate::limits::PARTITIONS_MAX;
use crate::topic_config::TopicSetting;

/// A setting that all brokers have alike.
struct BrokerConfig {
    name: &'static str,
    /// Kafka's, from which the cluster's own may differ.
    default: &'static str,
    /// The least number that it takes; as in Kafka, and nothing negative where Kafka has no limit.
    least: i64,
    value: fn(&Settings) -> String,
    set: fn(&mut Settings, &str) -> Option<()>,
}

impl Settings {
    /// What a broker is set to, as far as the testkit knows the setting, and Kafka's default.
    pub(crate) fn broker_configs(
        &self,
        broker: i32,
    ) -> Vec<(&'static str, String, Option<&'static str>)> {
        let own = ("broker.id", broker.to_string(), None);
        let alike = BROKER_CONFIGS.iter();
        let alike = alike.map(|config| (config.name, (config.value)(self), Some(config.default)));
        let mut all: Vec<_> = alike.chain([own]).collect();
        all.sort_unstable_by_key(|(name, ..)| *name);
        all
    }

    /// Changes a setting of all brokers. One of which no client could see the effect changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// There is none of this name, or it does not take the value: what is wrong, as the end of a
    /// sentence.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let Some(config) = BROKER_CONFIGS.iter().find(|config| config.name == name) else {
            return match (of_topics(name), Foreign::named(name)) {
                (Some(problem), _) => Err(problem),
                (None, Some(foreign)) => foreign.objection(value).map_or(Ok(()), Err),
                (None, None) => Err(unknown(name)),
            };
        };
        if let Some(reason) = config.objection(value) {
            return Err(format!("cannot be {value:?}: {reason}"));
        }
        (config.set)(self, value).ok_or_else(|| format!("cannot be {value:?}"))
    }
}

impl BrokerConfig {
    /// Why a value is none that it takes, in Kafka's words.
    fn objection(&self, value: &str) -> Option<String> {
        let is_small = value.parse().is_ok_and(|value: i64| value < self.least);
        match broker_config_kind(self.name).objection(value) {
            None if is_small => Some(format!("Value must be at least {}", self.least)),
            None if self.name == "num.partitions" && is_beyond(value) => {
                Some(format!("a cluster in memory has at most {PARTITIONS_MAX} partitions"))
            }
            objection => objection.map(str::to_owned),
        }
    }
}

/// Why a setting of brokers does not take a value, in Kafka's words.
pub(super) fn objection(name: &str, value: &str) -> Option<String> {
    BROKER_CONFIGS.iter().find(|config| config.name == name)?.objection(value)
}

/// The names of the settings that all brokers have alike, in their order.
pub(crate) fn broker_config_names() -> impl Iterator<Item = &'static str> {
    BROKER_CONFIGS.iter().map(|config| config.name)
}

/// What values a setting of brokers takes.
pub(crate) fn broker_config_kind(name: &str) -> ConfigKind {
    if let Some(topic) = TopicSetting::named(name) {
        topic.kind
    } else if name.ends_with(".enable") {
        ConfigKind::Boolean
    } else if name.ends_with(".policy") || name.ends_with(".class") {
        ConfigKind::Text
    } else if name == "connections.max.idle.ms" || name.ends_with(".check.interval.ms") {
        ConfigKind::Long
    } else {
        ConfigKind::Int
    }
}

/// Whether a setting is one that is taken, and of which no client could see the effect.
pub(crate) fn is_unseen(name: &str) -> bool {
    of_topics(name).is_none() && Foreign::named(name) == Some(Foreign::Unseen)
}

/// What is wrong with the name of a setting that topics have, each its own.
fn of_topics(name: &str) -> Option<String> {
    let plain = name.strip_prefix("log.").unwrap_or(name);
    let plain = UNLIKE.iter().find(|(broker, _)| *broker == name).map_or(plain, |(_, topic)| topic);
    let is_meant = |topic: &&TopicSetting| topic.broker_name == Some(name) || topic.name == plain;
    let topic = TopicSetting::all().find(is_meant)?.name;
    Some(match topic == name {
        true => "is set for each topic".to_owned(),
        false => format!("is set for each topic, as {topic}"),
    })
}

/// Settings whose names do not tell which one of topics follows them, unless it has its own.
const UNLIKE: &[(&str, &str)] = &[
    ("log.flush.interval.ms", "flush.ms"),
    ("log.retention.hours", "retention.ms"),
    ("log.retention.minutes", "retention.ms"),
    ("log.roll.hours", "segment.ms"),
    ("log.roll.jitter.hours", "segment.jitter.ms"),
    ("log.roll.jitter.ms", "segment.jitter.ms"),
    ("log.roll.ms", "segment.ms"),
];

fn unknown(name: &str) -> String {
    let of_topics = TopicSetting::all().flat_map(|topic| {
        let followed = topic.broker_name.filter(|followed| *followed != topic.name);
        [Some(topic.name), followed].into_iter().flatten()
    });
    let unlike = UNLIKE.iter().map(|(name, _)| *name);
    let names = broker_config_names().chain(Foreign::names()).chain(of_topics).chain(unlike);
    match question(name, names) {
        Some(question) => format!("is no setting of brokers; {question}"),
        None => "is no setting of brokers that is known here".to_owned(),
    }
}

/// In the order of their names.
const BROKER_CONFIGS: &[BrokerConfig] = &[
    BrokerConfig {
        name: "auto.create.topics.enable",
        default: "true",
        least: 0,
        value: |of| of.auto_create.to_string(),
        set: |of, value| put(&mut of.auto_create, value.to_ascii_lowercase().parse().ok()),
    },
    BrokerConfig {
        name: "broker.session.timeout.ms",
        default: "9000",
        least: 0,
        value: |of| ms(of.broker_session),
        set: |of, value| put(&mut of.broker_session, from_ms(value)),
    },
    BrokerConfig {
        name: "connections.max.idle.ms",
        default: "600000",
        least: 0,
        value: |of| ms(of.connection_idle_max),
        set: |of, value| put(&mut of.connection_idle_max, from_ms(value)),
    },
    BrokerConfig {
        name: "default.replication.factor",
        default: "1",
        least: 1,
        value: |of| of.replication_default.to_string(),
        set: |of, value| put(&mut of.replication_default, value.parse().ok()),
    },
    BrokerConfig {
        name: "group.consumer.assignment.interval.ms",
        default: "1000",
        least: 0,
        value: |of| ms(of.groups.consumer_assignment_interval),
        set: |of, value| put(&mut of.groups.consumer_assignment_interval, from_ms(value)),
    },
    BrokerConfig {
        name: "group.consumer.heartbeat.interval.ms",
        default: "5000",
        least: 1,
        value: |of| of.groups.consumer_heartbeat_ms.to_string(),
        set: |of, value| put(&mut of.groups.consumer_heartbeat_ms, value.parse().ok()),
    },
    BrokerConfig {
        name: "group.consumer.max.assignment.interval.ms",
        default: "15000",
        least: 0,
        value: |of| of.groups.consumer_assignment_range.1.to_string(),
        set: |of, value| put(&mut of.groups.consumer_assignment_range.1, value.parse().ok()),
    },
    BrokerConfig {
        name: "group.consumer.max.heartbeat.interval.ms",
        default: "15000",
        least: 1,
        value: |of| of.groups.consumer_heartbeat_range.1.to_string(),
        set: |of, value| put(&mut of.groups.consumer_heartbeat_range.1, value.parse().ok()),
    },
    BrokerConfig {
        name: "group.consumer.max.session.timeout.ms",
        default: "60000",
        least: 1,
        value: |of| of.groups.consumer_session_range.1.to_string(),
        set: |of, value| put(&mut of.groups.consumer_session_range.1, value.parse().ok()),
    },
    BrokerConfig {
        name: "group.consumer.max.size",
        default: "2147483647",
        least: 1,
        value: |of| of.groups.consumer_members_max.to_string(),
        set: |of, value| put(&mut of.groups.consumer_members_max, value.parse().ok()),
    },
    BrokerConfig {
        name: "group.consumer.migration.policy",
        default: "bidirectional",
        least: 0,
        value: |of| of.groups.migration.name().to_owned(),
        set: |of, value| put(&mut of.groups.migration, MigrationPolicy::named(value)),
    },
    BrokerConfig {
        name: "group.consumer.min.assignment.interval.ms",
        default: "0",
        least: 0,
        value: |of| of.groups.consumer_assignment_range.0.to_string(),
        set: |of, value| put(&mut of.groups.consumer_assignment_range.0, value.parse().ok()),
    },
    BrokerConfig {
        name: "group.consumer.min.heartbeat.interval.ms",
        default: "5000",
        least: 1,
        value: |of| of.groups.consumer_heartbeat_range.0.to_string(),
        set: |of, value| put(&mut of.groups.consumer_heartbeat_range.0, value.parse().ok()),
    },
    BrokerConfig {
        name: "group.consumer.min.session.timeout.ms",
        default: "45000",
        least: 1,
        value: |of| of.groups.consumer_session_range.0.to_string(),
        set: |of, value| put(&mut of.groups.consumer_session_range.0, value.parse().ok()),
    },
    BrokerConfig {
        name: "group.consumer.regex.refresh.interval.ms",
        default: "600000",
        least: 10_000,
        value: |of| ms(of.groups.consumer_regex_refresh),
        set: |of, value| put(&mut of.groups.consumer_regex_refresh, from_ms(value)),
    },
    BrokerConfig {
        name: "group.consumer.session.timeout.ms",
        default: "45000",
        least: 1,
        value: |of| ms(of.groups.consumer_session),
        set: |of, value| put(&mut of.groups.consumer_session, from_ms(value)),
    },
    BrokerConfig {
        name: "group.initial.rebalance.delay.ms",
        default: "3000",
        least: 0,
        value: |of| ms(of.groups.initial_delay),
        set: |of, value| put(&mut of.groups.initial_delay, from_ms(value)),
    },
    BrokerConfig {
        name: "group.max.session.timeout.ms",
        default: "1800000",
        least: 0,
        value: |of| of.groups.session_max_ms.to_string(),
        set: |of, value| put(&mut of.groups.session_max_ms, value.parse().ok()),
    },
    BrokerConfig {
        name: "group.max.size",
        default: "2147483647",
        least: 1,
        value: |of| of.groups.members_max.to_string(),
        set: |of, value| put(&mut of.groups.members_max, value.parse().ok()),
    },
    BrokerConfig {
        name: "group.min.session.timeout.ms",
        default: "6000",
        least: 0,
        value: |of| of.groups.session_min_ms.to_string(),
        set: |of, value| put(&mut of.groups.session_min_ms, value.parse().ok()),
    },
    BrokerConfig {
        name: "log.retention.check.interval.ms",
        default: "300000",
        least: 1,
        value: |of| ms(of.upkeep_interval),
        set: |of, value| put(&mut of.upkeep_interval, from_ms(value)),
    },
    BrokerConfig {
        name: "max.incremental.fetch.session.cache.slots",
        default: "1000",
        least: 0,
        value: |of| of.fetch_sessions_max.to_string(),
        set: |of, value| put(&mut of.fetch_sessions_max, value.parse().ok()),
    },
    BrokerConfig {
        name: "num.partitions",
        default: "1",
        least: 1,
        value: |of| of.partitions_default.to_string(),
        set: |of, value| put(&mut of.partitions_default, value.parse().ok()),
    },
    BrokerConfig {
        name: "offset.metadata.max.bytes",
        default: "4096",
        least: 0,
        value: |of| of.groups.metadata_bytes_max.to_string(),
        set: |of, value| put(&mut of.groups.metadata_bytes_max, value.parse().ok()),
    },
    BrokerConfig {
        name: "offsets.retention.check.interval.ms",
        default: "600000",
        least: 1,
        value: |of| ms(of.groups.offsets_check),
        set: |of, value| put(&mut of.groups.offsets_check, from_ms(value)),
    },
    BrokerConfig {
        name: "offsets.retention.minutes",
        default: "10080",
        least: 1,
        value: |of| (of.groups.offsets_retention.as_secs() / 60).to_string(),
        set: |of, value| {
            let minutes: Option<u64> = value.parse().ok();
            put(&mut of.groups.offsets_retention, minutes.map(|n| Duration::from_secs(n * 60)))
        },
    },
    BrokerConfig {
        name: "producer.id.expiration.ms",
        default: "86400000",
        least: 1,
        value: |of| ms(of.transactions.producer_expiration),
        set: |of, value| put(&mut of.transactions.producer_expiration, from_ms(value)),
    },
    BrokerConfig {
        name: "replica.selector.class",
        default: "",
        least: 0,
        value: |of| if of.has_rack_selector { RACK_SELECTOR.to_owned() } else { String::new() },
        set: |of, value| match value {
            RACK_SELECTOR | "" => put(&mut of.has_rack_selector, Some(!value.is_empty())),
            _ => None,
        },
    },
    BrokerConfig {
        name: "transaction.max.timeout.ms",
        default: "900000",
        least: 1,
        value: |of| of.transactions.timeout_max_ms.to_string(),
        set: |of, value| put(&mut of.transactions.timeout_max_ms, value.parse().ok()),
    },
    BrokerConfig {
        name: "transactional.id.expiration.ms",
        default: "604800000",
        least: 1,
        value: |of| ms(of.transactions.id_expiration),
        set: |of, value| put(&mut of.transactions.id_expiration, from_ms(value)),
    },
];

/// The selector of replicas that Kafka comes with (KIP-392).
const RACK_SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

fn is_beyond(partitions: &str) -> bool {
    let count: Option<u64> = partitions.parse().ok();
    count.is_some_and(|count| u64::try_from(PARTITIONS_MAX).is_ok_and(|most| count > most))
}

fn put<T>(field: &mut T, value: Option<T>) -> Option<()> {
    *field = value?;
    Some(())
}

fn ms(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn from_ms(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}
