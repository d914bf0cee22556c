//! Core: a partition: its replicas, its leader and its log.

use kurier_protocol::ErrorCode;

use crate::codecs::Codecs;
use crate::log::Log;
use crate::producer_state::ProducerStates;
use crate::transaction::Marker;

/// One partition of a topic.
#[derive(Debug)]
pub(crate) struct Partition {
    /// The brokers that hold it, the preferred leader first.
    pub(crate) replicas: Vec<i32>,
    /// Those of them that are up to date. Kafka: ISR.
    pub(crate) in_sync: Vec<i32>,
    /// The broker that serves it, if one can.
    pub(crate) leader: Option<i32>,
    pub(crate) leader_epoch: i32,
    pub(crate) log: Log,
    pub(crate) producers: ProducerStates,
}

impl Partition {
    /// An empty partition on these brokers, some of which are alive.
    pub(crate) fn new(replicas: Vec<i32>, alive: &[i32]) -> Self {
        let in_sync: Vec<i32> = replicas.iter().copied().filter(|id| alive.contains(id)).collect();
        Self {
            leader: in_sync.first().copied(),
            // A partition whose brokers are all down keeps them as the last ones in sync.
            in_sync: if in_sync.is_empty() { replicas.clone() } else { in_sync },
            replicas,
            leader_epoch: 0,
            log: Log::new(0),
            producers: ProducerStates::default(),
        }
    }

    /// Whether this broker leads at this epoch (-1: whatever it is).
    ///
    /// # Errors
    ///
    /// The epoch is older or newer than the partition's, or another broker leads.
    pub(crate) fn check_leader(&self, broker: i32, epoch: i32) -> Result<(), ErrorCode> {
        if epoch >= 0 && epoch < self.leader_epoch {
            return Err(ErrorCode::FENCED_LEADER_EPOCH);
        }
        if epoch > self.leader_epoch {
            return Err(ErrorCode::UNKNOWN_LEADER_EPOCH);
        }
        if self.leader == Some(broker) { Ok(()) } else { Err(ErrorCode::NOT_LEADER_OR_FOLLOWER) }
    }

    /// Makes the replicas that run the ones in sync, and one of them the leader.
    pub(crate) fn elect(&mut self, alive: &[i32]) {
        let is_alive = |id: &i32| alive.contains(id);
        // Who was in sync and runs stays. Whoever comes back has caught up at once, as there is
        // one log; but with no leader only the last ones in sync may lead.
        let leader = match self.leader {
            Some(leader) if is_alive(&leader) => Some(leader),
            _ => {
                let mut candidates = self.replicas.iter().filter(|id| self.in_sync.contains(id));
                candidates.find(|id| is_alive(id)).copied()
            }
        };
        if leader.is_some() {
            self.in_sync = self.replicas.iter().copied().filter(is_alive).collect();
        }
        self.set_leader(leader);
    }

    /// Gives the partition another leader, or none, and the next epoch.
    pub(crate) fn set_leader(&mut self, leader: Option<i32>) {
        if self.leader != leader {
            self.leader = leader;
            self.next_epoch();
        }
    }

    /// Where readers of committed records stop. Kafka: last stable offset.
    pub(crate) fn last_stable(&self) -> i64 {
        self.producers.last_stable(self.log.end())
    }

    /// Ends a transaction: appends the marker.
    ///
    /// # Errors
    ///
    /// A producer of a later epoch has written.
    pub(crate) fn end_transaction(
        &mut self,
        marker: Marker,
        millis: i64,
        codecs: &mut Codecs,
    ) -> Result<(), ErrorCode> {
        self.producers.check_marker(marker)?;
        let appended = self.log.append(&marker.batch(millis), None, millis, codecs);
        let appended = appended.map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?;
        self.producers.push_marker(marker, appended.base_offset);
        Ok(())
    }

    /// Loses the records from an offset on, whole batches, as an unclean election does.
    pub(crate) fn truncate(&mut self, offset: i64) {
        self.log.truncate(offset);
        self.producers.rebuild(self.log.batches().map(|stored| &stored.batch));
        self.next_epoch();
    }

    fn next_epoch(&mut self) {
        self.leader_epoch += 1;
        self.log.begin_epoch(self.leader_epoch);
    }
}
