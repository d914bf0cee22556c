//! Core: what the coordinator of groups is set to, by Kafka's names.

use std::time::Duration;

/// The limits and defaults of groups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupSettings {
    /// How long a new group waits for further members before its first generation. Kafka:
    /// group.initial.rebalance.delay.ms, there 3 s; here 0.
    pub(crate) initial_delay: Duration,
    /// Kafka: group.min.session.timeout.ms, in ms.
    pub(crate) session_min_ms: i32,
    /// Kafka: group.max.session.timeout.ms, in ms.
    pub(crate) session_max_ms: i32,
    /// Members of a group. Kafka: group.max.size.
    pub(crate) members_max: usize,
    /// Bytes of the text that goes with an offset. Kafka: offset.metadata.max.bytes.
    pub(crate) metadata_bytes_max: usize,
    /// How long offsets of which nobody reads the topic are kept. Kafka:
    /// offsets.retention.minutes.
    pub(crate) offsets_retention: Duration,
    /// How often it is looked for such offsets, and for groups without any. Kafka:
    /// offsets.retention.check.interval.ms.
    pub(crate) offsets_check: Duration,
    /// How long a member of a consumer group may be silent. Kafka:
    /// group.consumer.session.timeout.ms.
    pub(crate) consumer_session: Duration,
    /// What a single group may set instead, in ms. Kafka: group.consumer.min.session.timeout.ms,
    /// group.consumer.max.session.timeout.ms.
    pub(crate) consumer_session_range: (i32, i32),
    /// How often such a member shall send a heartbeat. Kafka:
    /// group.consumer.heartbeat.interval.ms.
    pub(crate) consumer_heartbeat_ms: i32,
    /// What a single group may set instead, in ms. Kafka: group.consumer.min.heartbeat.interval.ms,
    /// group.consumer.max.heartbeat.interval.ms.
    pub(crate) consumer_heartbeat_range: (i32, i32),
    /// Members of a consumer group. Kafka: group.consumer.max.size.
    pub(crate) consumer_members_max: usize,
    /// How long it takes at least from one assignment of a consumer group to the next. Kafka, since
    /// 4.4: group.consumer.assignment.interval.ms, there 1 s; here 0.
    pub(crate) consumer_assignment_interval: Duration,
    /// What a single group may set instead, in ms. Kafka:
    /// group.consumer.min.assignment.interval.ms, group.consumer.max.assignment.interval.ms.
    pub(crate) consumer_assignment_range: (i32, i32),
    /// How often patterns are looked up although no topic is new. Kafka:
    /// group.consumer.regex.refresh.interval.ms.
    pub(crate) consumer_regex_refresh: Duration,
    /// Whether groups with members change their protocol.
    pub(crate) migration: MigrationPolicy,
    /// The epoch of a consumer group before anyone joins: the release decides.
    pub(crate) consumer_epoch: i32,
}

impl GroupSettings {
    /// Kafka's defaults, but for the delay.
    pub(crate) const DEFAULT: Self = Self {
        initial_delay: Duration::ZERO,
        session_min_ms: 6000,
        session_max_ms: 1_800_000,
        members_max: i32::MAX as usize,
        metadata_bytes_max: 4096,
        offsets_retention: Duration::from_secs(7 * 24 * 3600),
        offsets_check: Duration::from_secs(600),
        consumer_session: Duration::from_secs(45),
        consumer_session_range: (45_000, 60_000),
        consumer_heartbeat_ms: 5000,
        consumer_heartbeat_range: (5000, 15_000),
        consumer_members_max: i32::MAX as usize,
        consumer_assignment_interval: Duration::ZERO,
        consumer_assignment_range: (0, 15_000),
        consumer_regex_refresh: Duration::from_secs(600),
        migration: MigrationPolicy::Bidirectional,
        consumer_epoch: 0,
    };
}

/// Whether a group with members changes its protocol when a member of the other one comes, or the
/// last one of the other one has gone (KIP-848). Kafka: `group.consumer.migration.policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MigrationPolicy {
    /// From the classic protocol to that of consumer groups, and back: Kafka's default.
    #[default]
    Bidirectional,
    /// From the classic protocol to that of consumer groups only.
    Upgrade,
    /// From the protocol of consumer groups to the classic one only.
    Downgrade,
    /// Never, and members of both do not share a group.
    Disabled,
}

impl MigrationPolicy {
    /// Whether a classic group may become a consumer group.
    pub(crate) fn upgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Upgrade)
    }

    /// Whether a consumer group may become a classic group.
    pub(crate) fn downgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Downgrade)
    }

    /// The one of a name, in capital or small letters.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Bidirectional, Self::Upgrade, Self::Downgrade, Self::Disabled];
        all.into_iter().find(|policy| policy.name().eq_ignore_ascii_case(name))
    }

    /// Its name in Kafka's settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bidirectional => "bidirectional",
            Self::Upgrade => "upgrade",
            Self::Downgrade => "downgrade",
            Self::Disabled => "disabled",
        }
    }
}
