//! What a test can do to the replicas of a partition.

use crate::cluster::TestCluster;
use crate::state::Partition;
use crate::topic_config::TopicConfig;

/// Replicas, and how far they have come.
impl TestCluster {
    /// The replicas of a partition that count as up to date. Kafka: ISR.
    #[must_use]
    pub fn in_sync(&self, topic: &str, partition: i32) -> Vec<i32> {
        self.at(topic, partition, |found| found.in_sync.clone())
    }

    /// The offset after the last record of a partition, whether consumers can read it yet or not.
    /// Kafka: log end offset of the leader.
    #[must_use]
    pub fn log_end(&self, topic: &str, partition: i32) -> i64 {
        self.at(topic, partition, |found| found.log.end())
    }

    /// The offset up to which consumers read that want committed records only. Kafka: last stable
    /// offset.
    #[must_use]
    pub fn last_stable_offset(&self, topic: &str, partition: i32) -> i64 {
        self.at(topic, partition, Partition::last_stable)
    }

    /// Makes these the replicas in sync. They catch up at once; all others stop where they are,
    /// until they are named again or their broker is restarted. Producers with `acks=all` get
    /// NOT_ENOUGH_REPLICAS if these are fewer than the topic's `min.insync.replicas`.
    ///
    /// # Panics
    ///
    /// There is no such partition, the leader is not among them, or one of them is no replica or
    /// does not run.
    pub fn set_in_sync(&self, topic: &str, partition: i32, brokers: &[i32]) {
        let alive = self.alive();
        self.replicas(topic, partition, |found, config| {
            let fits = |id: &i32| found.replicas.contains(id) && alive.contains(id);
            assert!(
                brokers.iter().all(fits) && found.leader.is_some_and(|id| brokers.contains(&id)),
                "{brokers:?} cannot be in sync: of {topic}-{partition} {:?} are the replicas, and \
                 {:?} leads",
                found.replicas,
                found.leader
            );
            found.set_in_sync(brokers, config);
        });
    }

    /// Lets a follower fetch nothing more, although it stays in sync: the high watermark goes no
    /// further, consumers see nothing new, and producers with `acks=all` wait until
    /// [`release_high_watermark`](Self::release_high_watermark), or until the follower is no
    /// longer in sync. If it becomes the leader, what it did not fetch is lost.
    ///
    /// # Panics
    ///
    /// There is no such partition, or the broker is none of its followers in sync.
    pub fn hold_follower(&self, topic: &str, partition: i32, broker: i32) {
        self.replicas(topic, partition, |found, _| {
            assert!(
                found.in_sync.contains(&broker) && found.leader != Some(broker),
                "broker {broker} is no follower in sync of {topic}-{partition}"
            );
            found.hold_follower(broker);
        });
    }

    /// Does what [`hold_follower`](Self::hold_follower) does with all followers in sync.
    ///
    /// # Panics
    ///
    /// There is no such partition, or it has no follower in sync.
    pub fn hold_high_watermark(&self, topic: &str, partition: i32) {
        self.replicas(topic, partition, |found, _| {
            let (leader, in_sync) = (found.leader, found.in_sync.clone());
            let followers = in_sync.into_iter().filter(|&id| Some(id) != leader);
            let held = followers.map(|id| found.hold_follower(id)).count();
            assert!(held > 0, "{topic}-{partition} has no follower in sync");
        });
    }

    /// Lets the followers that were held fetch again: they catch up at once.
    ///
    /// # Panics
    ///
    /// There is no such partition.
    pub fn release_high_watermark(&self, topic: &str, partition: i32) {
        self.replicas(topic, partition, Partition::release_followers);
    }

    /// Makes a replica the leader of a partition, in sync or not, with the next epoch. What it had
    /// not fetched is lost, as after an unclean election.
    ///
    /// # Panics
    ///
    /// There is no such partition, or the broker is not one of its replicas or does not run.
    pub fn elect_uncleanly(&self, topic: &str, partition: i32, broker: i32) {
        let alive = self.alive();
        self.replicas(topic, partition, |found, config| {
            assert!(
                alive.contains(&broker) && found.replicas.contains(&broker),
                "broker {broker} is no replica of {topic}-{partition} that runs"
            );
            found.set_leader(Some(broker));
            found.elect(&alive, config);
        });
        self.change(|state, now| state.transactions.handle_election(now.instant));
    }

    /// Lets a partition forget its idempotent producers, as brokers do when they were silent for
    /// long (`producer.id.expiration.ms`), and up to release 2.3 when their records were deleted.
    ///
    /// # Panics
    ///
    /// There is no such partition.
    pub fn forget_producers(&self, topic: &str, partition: i32) {
        self.replicas(topic, partition, |found, _| found.producers.forget());
    }

    fn alive(&self) -> Vec<i32> {
        self.change(|state, _| state.alive())
    }

    #[track_caller]
    fn replicas<T>(
        &self,
        topic: &str,
        partition: i32,
        change: impl FnOnce(&mut Partition, &TopicConfig) -> T,
    ) -> T {
        let changed = self.change(|state, _| {
            let (config, found, _) = state.parts_mut(topic, partition)?;
            Some(change(found, config))
        });
        changed.unwrap_or_else(|| panic!("there is no partition {topic}-{partition}"))
    }
}
