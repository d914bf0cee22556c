//! Core: what groups know of the topics of the cluster.

use std::collections::BTreeMap;

use kurier_protocol::{Str, Uuid};

/// Topics: id and number of partitions, by name.
pub(crate) type Known = BTreeMap<Str, (Uuid, i32)>;

/// The topics of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: Known,
    /// The topics by their ids, as far as the release has them.
    names: BTreeMap<Uuid, Str>,
    made: u64,
    partitions: usize,
    name_bytes: usize,
}

impl Topics {
    /// A topic is there, has more partitions than before, or an id.
    pub(crate) fn set(&mut self, name: &str, id: Uuid, partitions: usize) {
        if !self.by_name.contains_key(name) {
            self.made += 1;
        }
        self.remove(name);
        let count = i32::try_from(partitions).unwrap_or(i32::MAX);
        self.partitions += partitions;
        self.name_bytes += name.len();
        self.by_name.insert(name.into(), (id, count));
        if !id.is_zero() {
            self.names.insert(id, name.into());
        }
    }

    /// A topic is gone.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Some((id, count)) = self.by_name.remove(name) {
            self.partitions -= usize::try_from(count).unwrap_or(0);
            self.name_bytes -= name.len();
            self.names.remove(&id);
        }
    }

    /// How many partitions all topics have together.
    pub(crate) fn partitions(&self) -> usize {
        self.partitions
    }

    pub(super) fn get(&self, name: &str) -> Option<&(Uuid, i32)> {
        self.by_name.get(name)
    }

    /// The topic that has an id.
    pub(crate) fn name(&self, id: Uuid) -> Option<&Str> {
        self.names.get(&id)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Str> {
        self.by_name.keys()
    }

    /// How long all names are together.
    pub(super) fn name_bytes(&self) -> usize {
        self.name_bytes
    }

    /// A number that grows with every new topic.
    pub(super) fn made(&self) -> u64 {
        self.made
    }
}
