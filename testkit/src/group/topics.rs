//! Core: what groups know of the topics of the cluster.

use std::collections::BTreeMap;

use kurier_protocol::{Str, Uuid};

/// Topics: id and number of partitions, by name.
pub(crate) type Known = BTreeMap<Str, (Uuid, i32)>;

/// The topics of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: Known,
    names: BTreeMap<Uuid, Str>,
    made: u64,
}

impl Topics {
    /// A topic is there, or has more partitions than before.
    pub(crate) fn set(&mut self, name: &str, id: Uuid, partitions: usize) {
        let count = i32::try_from(partitions).unwrap_or(i32::MAX);
        if self.by_name.insert(name.into(), (id, count)).is_none() {
            self.made += 1;
        }
        self.names.insert(id, name.into());
    }

    /// A topic is gone.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Some((id, _)) = self.by_name.remove(name) {
            self.names.remove(&id);
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&(Uuid, i32)> {
        self.by_name.get(name)
    }

    pub(super) fn name(&self, id: Uuid) -> Option<&Str> {
        self.names.get(&id)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Str> {
        self.by_name.keys()
    }

    /// A number that grows with every new topic.
    pub(super) fn made(&self) -> u64 {
        self.made
    }
}
