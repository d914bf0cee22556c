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
    /// How long a member of a consumer group may be silent. Kafka:
    /// group.consumer.session.timeout.ms.
    pub(crate) consumer_session: Duration,
    /// How often such a member shall send a heartbeat. Kafka:
    /// group.consumer.heartbeat.interval.ms.
    pub(crate) consumer_heartbeat_ms: i32,
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
        consumer_session: Duration::from_secs(45),
        consumer_heartbeat_ms: 5000,
        consumer_epoch: 0,
    };
}
