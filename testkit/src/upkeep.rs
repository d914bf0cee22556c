//! What brokers do to logs in the background, here at a test's command.

use std::time::Duration;

use kurier_protocol::Str;

use crate::cluster::TestCluster;
use crate::state::Topic;

/// Upkeep of logs.
impl TestCluster {
    /// How often brokers see to their logs. `kurier broker` calls [`apply_upkeep`] at this
    /// interval; in tests nothing happens before they say so. Kafka:
    /// `log.retention.check.interval.ms`, which [`config`] sets. Default: 5 minutes.
    ///
    /// [`apply_upkeep`]: Self::apply_upkeep
    /// [`config`]: crate::Builder::config
    #[must_use]
    pub fn upkeep_interval(&self) -> Duration {
        self.look(|state| state.settings.upkeep_interval)
    }

    /// Does with every topic what its `cleanup.policy` says: [`apply_retention`], [`compact`], or
    /// both. A batch that cannot be opened, as a fault of a test may leave one, stops the
    /// compaction of its partition alone.
    ///
    /// [`apply_retention`]: Self::apply_retention
    /// [`compact`]: Self::compact
    pub fn apply_upkeep(&self) {
        let counted = |(name, topic): (&Str, &Topic)| (name.clone(), topic.numbered().count());
        let topics: Vec<_> = self.look(|state| state.topics().map(counted).collect());
        for (name, count) in topics {
            // Requests come in between.
            for partition in (0i32..).take(count) {
                self.change(|state, now| {
                    // It may be gone by now.
                    let parts = state.parts_mut(&name, partition);
                    let Some((config, found, codecs)) = parts else { return };
                    found.apply_retention(now.millis, config);
                    if config.cleanup.compacts
                        && let Err(error) = found.compact(now.millis, (config, codecs))
                    {
                        tracing::warn!("{name}-{partition} cannot be compacted: {error}");
                    }
                });
            }
        }
    }

    /// Deletes what is older or more than a topic keeps (`retention.ms`, `retention.bytes`), as
    /// brokers do every few minutes. Real ones delete whole segments and keep what was written
    /// last; here each batch counts as a segment. Nothing happens if the topic's `cleanup.policy`
    /// does not contain `delete`.
    ///
    /// # Panics
    ///
    /// There is no such topic.
    pub fn apply_retention(&self, topic: &str) {
        self.each_partition(topic, |found, (config, _), millis| {
            found.apply_retention(millis, config);
        });
    }

    /// Keeps the latest record of each key in a topic, as the cleaner of brokers does. Records
    /// without a value, and markers of transactions that have no records left, stay for another
    /// `delete.retention.ms` after this. What is not committed yet is not looked at. Real brokers
    /// leave what was written last alone; here the last batch stays, if only as a header.
    ///
    /// # Panics
    ///
    /// There is no such topic, or its `cleanup.policy` does not contain `compact`.
    pub fn compact(&self, topic: &str) {
        self.each_partition(topic, |found, (config, codecs), millis| {
            assert!(config.cleanup.compacts, "topic {topic} is not compacted");
            let done = found.compact(millis, (config, codecs));
            done.unwrap_or_else(|error| panic!("a batch of {topic} cannot be opened: {error}"));
        });
    }
}
