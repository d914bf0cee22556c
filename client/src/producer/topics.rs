//! Core: the topics that a producer has used, and their partitions.

use std::cmp::Ordering;
use std::sync::Arc;

use kurier_protocol::record::Magic;

use super::accumulator::Partition;
use super::partitioner::Sticky;

/// An immutable table of topics, in the order of their names. Callers read it once a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topics {
    topics: Vec<Arc<Topic>>,
    /// How many slots were given to partitions.
    slots: usize,
}

/// A topic that a producer has used.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    /// The format that its leaders took when it was first used.
    pub(crate) magic: Magic,
    pub(crate) partitions: Vec<Arc<Partition>>,
    pub(crate) sticky: Sticky,
}

impl Topics {
    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Topic>> {
        let at = self.topics.binary_search_by(|topic| compare(&topic.name, name)).ok()?;
        self.topics.get(at)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.iter()
    }

    /// Adds a topic that is not there yet.
    pub(crate) fn add(&mut self, name: &Arc<str>, count: usize, magic: Magic, chance: u64) {
        let Err(at) = self.topics.binary_search_by(|topic| compare(&topic.name, name)) else {
            return;
        };
        let sticky = Sticky::new(0);
        sticky.turn(count, chance, |_| true);
        let partitions = self.partitions(name, 0..count, magic);
        let topic = Topic { name: Arc::clone(name), magic, partitions, sticky };
        self.topics.insert(at, Arc::new(topic));
    }

    /// Gives a topic the partitions that it has gained; false if it has gained none.
    pub(crate) fn grow(&mut self, name: &str, count: usize) -> bool {
        let Ok(at) = self.topics.binary_search_by(|topic| compare(&topic.name, name)) else {
            return false;
        };
        let Some(topic) = self.topics.get(at).cloned() else { return false };
        if topic.partitions.len() >= count {
            return false;
        }
        let mut partitions = topic.partitions.clone();
        partitions.extend(self.partitions(&topic.name, partitions.len()..count, topic.magic));
        let sticky = Sticky::new(topic.sticky.current());
        let (name, magic) = (topic.name.clone(), topic.magic);
        if let Some(entry) = self.topics.get_mut(at) {
            *entry = Arc::new(Topic { name, magic, partitions, sticky });
        }
        true
    }

    fn partitions(
        &mut self,
        name: &Arc<str>,
        indexes: std::ops::Range<usize>,
        magic: Magic,
    ) -> Vec<Arc<Partition>> {
        let first = self.slots;
        self.slots += indexes.len();
        let of = |(slot, index): (usize, usize)| {
            let index = i32::try_from(index).unwrap_or(i32::MAX);
            Arc::new(Partition::new(Arc::clone(name), index, slot, magic))
        };
        (first..).zip(indexes).map(of).collect()
    }
}

/// By length first: most names differ in it, and then nothing else is looked at.
#[inline]
fn compare(one: &str, other: &str) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(topics: &Topics, name: &str) -> Vec<usize> {
        topics.find(name).unwrap().partitions.iter().map(|p| p.slot).collect()
    }

    #[test]
    fn every_partition_has_a_slot_of_its_own_and_keeps_it() {
        let mut topics = Topics::default();
        topics.add(&"orders".into(), 2, Magic::V2, 0);
        topics.add(&"a".into(), 1, Magic::V2, 0);
        topics.add(&"orders".into(), 7, Magic::V2, 0);
        assert!(topics.grow("orders", 3));
        assert!(!topics.grow("orders", 3) && !topics.grow("none", 3));
        assert_eq!((slots(&topics, "orders"), slots(&topics, "a")), (vec![0, 1, 3], vec![2]));
        assert!(topics.find("b").is_none());
    }
}
