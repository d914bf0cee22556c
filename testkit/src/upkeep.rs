//! What brokers do to logs in the background, here at a test's command.

use crate::cluster::TestCluster;

/// Upkeep of logs.
impl TestCluster {
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
