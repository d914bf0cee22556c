//! Core: the offsets that a group has committed, and those that a transaction will commit.

use std::collections::{BTreeMap, BTreeSet};

use kurier_protocol::Str;

/// A partition by name.
pub(crate) type TopicPartition = (Str, i32);

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    /// -1 if the client did not say it.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: Str,
}

/// The offsets of a group.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    committed: BTreeMap<TopicPartition, Committed>,
    /// By producer id: what its transaction will commit.
    open: BTreeMap<i64, BTreeMap<TopicPartition, Committed>>,
}

impl Offsets {
    pub(crate) fn commit(&mut self, of: TopicPartition, offset: Committed) {
        self.committed.insert(of, offset);
    }

    /// Holds an offset back until the transaction of the producer ends.
    pub(crate) fn stage(&mut self, producer_id: i64, of: TopicPartition, offset: Committed) {
        self.open.entry(producer_id).or_default().insert(of, offset);
    }

    /// The transaction of a producer has ended.
    pub(crate) fn end_transaction(&mut self, producer_id: i64, end: TransactionEnd) {
        let staged = self.open.remove(&producer_id).unwrap_or_default();
        if end == TransactionEnd::Commit {
            self.committed.extend(staged);
        }
    }

    pub(crate) fn get(&self, of: &TopicPartition) -> Option<&Committed> {
        self.committed.get(of)
    }

    /// Whether an open transaction may change the offset of a partition.
    pub(crate) fn is_unstable(&self, of: &TopicPartition) -> bool {
        self.open.values().any(|staged| staged.contains_key(of))
    }

    /// The partitions for which there is or may be an offset, in order.
    pub(crate) fn partitions(&self) -> BTreeSet<TopicPartition> {
        let open = self.open.values().flat_map(BTreeMap::keys);
        self.committed.keys().chain(open).cloned().collect()
    }

    pub(crate) fn delete(&mut self, of: &TopicPartition) {
        self.committed.remove(of);
        for staged in self.open.values_mut() {
            staged.remove(of);
        }
    }

    /// Forgets all offsets of a topic that is gone.
    pub(crate) fn delete_topic(&mut self, topic: &str) {
        self.committed.retain(|(name, _), _| name != topic);
        for staged in self.open.values_mut() {
            staged.retain(|(name, _), _| name != topic);
        }
    }
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransactionEnd {
    Commit,
    Abort,
}
