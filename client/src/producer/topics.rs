//! Core: the topics that a producer has used, and their partitions.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use kurier_protocol::Uuid;
use kurier_protocol::record::Magic;

use super::accumulator::Partition;
use super::turns::Turns;
use crate::metadata::Picture;

/// What a picture says of a topic; none while that is no use.
pub(crate) fn seen<'a>(picture: &'a Picture, name: &str) -> Option<Seen<'a>> {
    let topic = picture.topic(name).filter(|topic| topic.error.is_ok())?;
    Some(Seen { name: &topic.name, id: topic.id, count: topic.partitions.len() })
}

/// An immutable table of topics, in the order of their names. Callers read it once a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topics {
    topics: Vec<Arc<Topic>>,
    /// Those that were not used for long. Their metadata is not kept fresh, so that callers do not
    /// see them until they are asked for again.
    asleep: BTreeMap<Arc<str>, Arc<Topic>>,
    /// How many slots were given to partitions.
    slots: usize,
}

/// A topic that a producer has used.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    id: Uuid,
    /// The format that its leaders took when it was first used.
    pub(crate) magic: Magic,
    /// All that it ever had. One that goes and comes back is the same, so that its records keep
    /// their order.
    known: Vec<Arc<Partition>>,
    /// How many of them it has now.
    count: usize,
    pub(crate) turns: Turns,
}

impl Topic {
    /// Its partitions, by index.
    #[inline]
    pub(crate) fn partitions(&self) -> &[Arc<Partition>] {
        self.known.get(..self.count).unwrap_or(&self.known)
    }

    /// The slots of all partitions that it ever had.
    pub(crate) fn slots(&self) -> impl Iterator<Item = usize> {
        self.known.iter().map(|partition| partition.slot)
    }

    /// Fails what waits in its partitions: the driver has ended.
    pub(crate) fn abandon(&self) {
        self.known.iter().for_each(|partition| partition.abandon());
    }

    /// How many partitions it has by a newer picture. A topic that is still the same never has
    /// fewer than before; one that was created anew may. Without ids nobody can tell.
    fn count_by(&self, seen: &Seen<'_>) -> usize {
        if seen.id == self.id && seen.id != Uuid::ZERO {
            return self.count.max(seen.count);
        }
        seen.count
    }
}

/// A topic as the cluster's picture has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) name: &'a Arc<str>,
    pub(crate) id: Uuid,
    pub(crate) count: usize,
}

impl Topics {
    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Topic>> {
        let at = self.topics.binary_search_by(|topic| compare(&topic.name, name)).ok()?;
        self.topics.get(at)
    }

    /// All of them, those that sleep included.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.iter().chain(self.asleep.values())
    }

    /// A topic was not used for long.
    pub(crate) fn sleep(&mut self, name: &str) {
        if let Ok(at) = self.topics.binary_search_by(|topic| compare(&topic.name, name)) {
            let topic = self.topics.remove(at);
            self.asleep.insert(Arc::clone(&topic.name), topic);
        }
    }

    /// Whether a topic was not used for long.
    pub(crate) fn is_asleep(&self, name: &str) -> bool {
        self.asleep.contains_key(name)
    }

    /// A topic is used again: it has the partitions that it had.
    pub(crate) fn wake(&mut self, name: &str) {
        if let Some(topic) = self.asleep.remove(name)
            && let Err(at) = self.topics.binary_search_by(|other| compare(&other.name, name))
        {
            self.topics.insert(at, topic);
        }
    }

    /// Adds a topic that is not there yet.
    pub(crate) fn add(&mut self, seen: Seen<'_>, magic: Magic) {
        self.wake(seen.name);
        self.update_if_news(seen);
        let Seen { name, id, count } = seen;
        let Err(at) = self.topics.binary_search_by(|topic| compare(&topic.name, name)) else {
            return;
        };
        let turns = Turns::default();
        let known = self.partitions(name, 0..count, magic);
        let topic = Topic { name: Arc::clone(name), id, magic, known, count, turns };
        self.topics.insert(at, Arc::new(topic));
    }

    fn update_if_news(&mut self, seen: Seen<'_>) {
        if self.is_news(seen) {
            self.update(seen);
        }
    }

    /// Whether a topic has another id, or more or fewer partitions than before.
    pub(crate) fn is_news(&self, seen: Seen<'_>) -> bool {
        let is_other =
            |topic: &Arc<Topic>| topic.id != seen.id || topic.count != topic.count_by(&seen);
        self.find(seen.name).is_some_and(is_other)
    }

    /// Gives a topic the id and the partitions that it has now.
    pub(crate) fn update(&mut self, seen: Seen<'_>) {
        let Ok(at) = self.topics.binary_search_by(|topic| compare(&topic.name, seen.name)) else {
            return;
        };
        let Some(topic) = self.topics.get(at).cloned() else { return };
        let count = topic.count_by(&seen);
        let mut known = topic.known.clone();
        known.extend(self.partitions(&topic.name, known.len()..count, topic.magic));
        let current = topic.turns.sticky();
        let turns = topic.turns.for_others(if current < count { current } else { 0 });
        let (name, id, magic) = (topic.name.clone(), seen.id, topic.magic);
        if let Some(entry) = self.topics.get_mut(at) {
            *entry = Arc::new(Topic { name, id, magic, known, count, turns });
        }
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
        topics.find(name).unwrap().partitions().iter().map(|p| p.slot).collect()
    }

    fn add(topics: &mut Topics, name: &str, count: usize) {
        topics.add(Seen { name: &name.into(), id: Uuid::ZERO, count }, Magic::V2);
    }

    /// Whether the table took a picture's news.
    fn update(topics: &mut Topics, name: &str, id: u8, count: usize) -> bool {
        let name = name.into();
        let seen = Seen { name: &name, id: Uuid([id; 16]), count };
        let is_news = topics.is_news(seen);
        if is_news {
            topics.update(seen);
        }
        is_news
    }

    #[test]
    fn every_partition_has_a_slot_of_its_own_and_keeps_it() {
        let mut topics = Topics::default();
        add(&mut topics, "orders", 2);
        add(&mut topics, "a", 1);
        add(&mut topics, "orders", 7);
        assert!(update(&mut topics, "orders", 0, 3));
        assert!(!update(&mut topics, "orders", 0, 3) && !update(&mut topics, "none", 0, 3));
        assert_eq!((slots(&topics, "orders"), slots(&topics, "a")), (vec![0, 1, 3], vec![2]));
        assert!(topics.find("b").is_none());
    }

    #[test]
    fn a_topic_that_sleeps_is_hidden_and_wakes_up_with_the_partitions_that_it_had() {
        let mut topics = Topics::default();
        add(&mut topics, "a", 2);
        add(&mut topics, "b", 1);
        topics.sleep("a");
        topics.sleep("none");
        assert!(topics.find("a").is_none() && topics.is_asleep("a") && !topics.is_asleep("b"));
        assert_eq!(topics.iter().count(), 2, "what waits in it is still abandoned at the end");
        topics.wake("a");
        topics.wake("b");
        assert_eq!((slots(&topics, "a"), topics.is_asleep("a")), (vec![0, 1], false));
        topics.sleep("a");
        add(&mut topics, "a", 3);
        assert_eq!(slots(&topics, "a"), [0, 1, 3], "it has grown meanwhile");
    }

    #[test]
    fn a_topic_that_was_created_anew_may_have_fewer_partitions() {
        let mut topics = Topics::default();
        add(&mut topics, "t", 3);
        let topic = topics.find("t").unwrap();
        topic.turns.turn_to(2);
        assert!(update(&mut topics, "t", 1, 3), "a new id");
        // An old answer about the same topic takes nothing away.
        assert!(!update(&mut topics, "t", 1, 2));
        assert!(update(&mut topics, "t", 2, 2));
        let topic = topics.find("t").unwrap();
        assert_eq!((topic.partitions().len(), topic.turns.sticky()), (2, 0));
        // A partition that comes back is the one that its late records are in.
        assert!(update(&mut topics, "t", 2, 4));
        assert_eq!(slots(&topics, "t"), [0, 1, 2, 3]);
    }
}
