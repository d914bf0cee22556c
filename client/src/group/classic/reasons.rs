//! Why a member joins or leaves, for the coordinator's log (KIP-800).

pub(super) const FIRST: &str = "it starts";
pub(super) const RESUBSCRIBED: &str = "it reads other topics than before";
pub(super) const TOPICS_CHANGED: &str = "topics of the group have changed";
pub(super) const REBALANCE: &str = "the group divides its partitions anew";
pub(super) const MOVED: &str = "it has given up what went to others";
pub(super) const FORGOTTEN: &str = "the coordinator did not know it any more";
pub(super) const LEFT_BEHIND: &str = "the group had gone on without it";
pub(super) const FAILED: &str = "a request failed";
pub(super) const UNSUBSCRIBED: &str = "it reads no topics any more";
pub(super) const OVERDUE: &str = "its program was at work for longer than max.poll.interval.ms";
pub(super) const CLOSED: &str = "it is closed";
