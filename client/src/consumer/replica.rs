//! Core: a replica that is nearer than the leader, and may be read from for a while (KIP-392).

use std::time::Instant;

use crate::metadata::Partition;

/// A follower to which the leader has sent this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replica {
    pub(crate) broker: i32,
    /// From then on the leader is asked again which one is nearest.
    pub(crate) until: Instant,
}

impl Replica {
    /// Whether it can be read from, as far as the cluster is known.
    pub(crate) fn is_usable(&self, partition: &Partition) -> bool {
        partition.replicas.contains(&self.broker) && !partition.offline.contains(&self.broker)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kurier_protocol::ErrorCode;

    use super::*;

    #[test]
    fn one_that_is_down_or_gone_is_of_no_use() {
        let partition = Partition {
            index: 0,
            error: ErrorCode::NONE,
            leader: None,
            leader_epoch: 0,
            replicas: vec![1, 2, 3],
            in_sync: vec![1, 2],
            offline: vec![3],
        };
        let until = tokio::time::Instant::now().into_std() + Duration::from_secs(1);
        let is_usable = |broker| Replica { broker, until }.is_usable(&partition);
        assert_eq!([1, 2, 3, 4].map(is_usable), [true, true, false, false]);
    }
}
