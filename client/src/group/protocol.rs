//! `GroupProtocol`: who divides the partitions of a group.

/// Who divides the partitions of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// One of the members, by an [`Assignor`](super::Assignor) that all of them have. Any broker
    /// can do it.
    #[default]
    Classic,
    /// The coordinator (KIP-848). Needs Kafka 4.0, with the feature
    /// `group.version` on, which is its default.
    Consumer,
    /// The coordinator, where the cluster has `group.version` on and none of the settings is
    /// changed that only members of classic groups have: assignors, session timeout and heartbeat
    /// interval. Else one of the members; so it is, too, where the coordinator takes no member of
    /// the other kind, as `group.coordinator.rebalance.protocols` there says.
    Auto,
}
