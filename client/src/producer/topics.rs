//! The topics that a producer has used, and their partitions. Callers look at them once a record,
//! without a lock; who adds a topic or changes one takes it.

use std::iter;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use kurier_protocol::Uuid;
use kurier_protocol::record::Magic;

use super::accumulator::Partition;
use super::names::Names;
use super::turns::Turns;
use crate::metadata::Picture;

/// What a picture says of a topic; none while that is no use.
fn seen<'a>(picture: &'a Picture, name: &str) -> Option<Seen<'a>> {
    let topic = picture.topic(name).filter(|topic| topic.error.is_ok())?;
    Some(Seen { name: &topic.name, id: topic.id, count: topic.partitions.len() })
}

/// A topic as the cluster's picture has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) name: &'a Arc<str>,
    pub(crate) id: Uuid,
    pub(crate) count: usize,
}

/// The topics that a producer has used. None ever goes.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    names: Names<Arc<Topic>>,
    book: Mutex<Book>,
}

/// What only those know who change something.
#[derive(Debug, Default)]
struct Book {
    entries: Vec<Entry>,
    /// How many slots were given to partitions.
    slots: usize,
}

#[derive(Debug)]
struct Entry {
    topic: Arc<Topic>,
    id: Uuid,
}

/// A topic that a producer has used.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    /// The format that its leaders took when it was first used.
    pub(crate) magic: Magic,
    /// All that it ever had. One that goes and comes back is the same, so that its records keep
    /// their order.
    known: Segment,
    /// How many of them it has now.
    count: AtomicUsize,
    /// Whether it was not used for long. Its metadata is not kept fresh, so that callers do not
    /// see it until they ask for it again.
    is_asleep: AtomicBool,
    pub(crate) turns: Turns,
}

/// Some partitions, and those that came after them.
#[derive(Debug)]
struct Segment {
    partitions: Box<[Arc<Partition>]>,
    more: OnceLock<Box<Self>>,
}

/// The partitions that a topic has at one moment, by index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partitions<'a> {
    known: &'a Segment,
    count: usize,
}

impl Topics {
    /// A topic that was used before, and not too long ago.
    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Topic>> {
        let is_awake = |topic: &&Arc<Topic>| !topic.is_asleep.load(Ordering::Relaxed);
        self.names.get(name).filter(is_awake)
    }

    /// Adds a topic, or wakes it up, as it was waited for; or as a newer picture has it. That one
    /// is taken while nobody changes the table: so what the driver has shown before is in it.
    pub(crate) fn add(
        &self,
        waited_for: Seen<'_>,
        magic: Magic,
        picture: impl FnOnce() -> Arc<Picture>,
    ) {
        let mut book = self.book();
        let picture = picture();
        let seen = seen(&picture, waited_for.name).unwrap_or(waited_for);
        let Book { entries, slots } = &mut *book;
        if let Some(topic) = self.names.get(seen.name) {
            let known = entries.iter_mut().find(|entry| Arc::ptr_eq(&entry.topic, topic));
            known.into_iter().for_each(|entry| entry.update(seen, slots));
            return topic.is_asleep.store(false, Ordering::Relaxed);
        }
        let name = Arc::clone(seen.name);
        let topic = Arc::new(Topic {
            known: Segment::new(&name, 0..seen.count, magic, slots),
            count: AtomicUsize::new(seen.count),
            name,
            magic,
            is_asleep: AtomicBool::new(false),
            turns: Turns::default(),
        });
        entries.push(Entry { topic: Arc::clone(&topic), id: seen.id });
        self.names.insert(Arc::clone(&topic.name), topic);
    }

    /// Gives topics the ids and the partitions that they have now.
    pub(crate) fn handle_picture(&self, picture: &Picture) {
        let Book { entries, slots } = &mut *self.book();
        for entry in entries {
            let topic = Arc::clone(&entry.topic);
            if let Some(seen) = seen(picture, &topic.name) {
                entry.update(seen, slots);
            }
        }
    }

    /// A topic was not used for long.
    pub(crate) fn sleep(&self, name: &str) {
        if let Some(topic) = self.names.get(name) {
            topic.is_asleep.store(true, Ordering::Relaxed);
        }
    }

    /// A topic is used again, if it was not for long: it has the partitions that it had.
    pub(crate) fn wake(&self, name: &str) -> bool {
        let asleep = |topic: &Arc<Topic>| topic.is_asleep.swap(false, Ordering::Relaxed);
        self.names.get(name).is_some_and(asleep)
    }

    /// Fails what waits in any partition: the driver has ended.
    pub(crate) fn abandon(&self) {
        for entry in &self.book().entries {
            entry.topic.known.iter().for_each(|partition| partition.abandon());
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// A topic that is still the same never has fewer partitions than before; one that was created
    /// anew may. Without ids nobody can tell.
    fn update(&mut self, seen: Seen<'_>, slots: &mut usize) {
        let topic = &self.topic;
        let had = topic.count.load(Ordering::Relaxed);
        let is_same = seen.id == self.id && seen.id != Uuid::ZERO;
        let count = if is_same { had.max(seen.count) } else { seen.count };
        if seen.id == self.id && count == had {
            return;
        }
        self.id = seen.id;
        let known = topic.known.iter().count();
        if known < count {
            topic.known.extend(Segment::new(&topic.name, known..count, topic.magic, slots));
        }
        topic.turns.handle_count(count);
        topic.count.store(count, Ordering::Release);
    }
}

impl Topic {
    /// Its partitions.
    #[inline]
    pub(crate) fn partitions(&self) -> Partitions<'_> {
        Partitions { known: &self.known, count: self.count.load(Ordering::Acquire) }
    }

    /// The slots of all partitions that it ever had.
    pub(crate) fn slots(&self) -> impl Iterator<Item = usize> {
        self.known.iter().map(|partition| partition.slot)
    }
}

impl<'a> Partitions<'a> {
    /// How many there are.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.count
    }

    /// The one with this index.
    #[inline]
    pub(crate) fn get(self, index: usize) -> Option<&'a Arc<Partition>> {
        if index < self.count { self.known.get(index) } else { None }
    }

    /// All of them, by index.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a Arc<Partition>> {
        self.known.iter().take(self.count)
    }
}

impl Segment {
    fn new(name: &Arc<str>, indexes: Range<usize>, magic: Magic, slots: &mut usize) -> Self {
        let first = *slots;
        *slots += indexes.len();
        let of = |(slot, index): (usize, usize)| {
            let index = i32::try_from(index).unwrap_or(i32::MAX);
            Arc::new(Partition::new(Arc::clone(name), index, slot, magic))
        };
        let partitions = (first..).zip(indexes).map(of).collect();
        Self { partitions, more: OnceLock::new() }
    }

    #[inline]
    fn get(&self, index: usize) -> Option<&Arc<Partition>> {
        let (mut segment, mut index) = (self, index);
        loop {
            let Some(behind) = index.checked_sub(segment.partitions.len()) else {
                return segment.partitions.get(index);
            };
            (segment, index) = (segment.more.get()?, behind);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Partition>> {
        let segments = iter::successors(Some(self), |segment| segment.more.get().map(|it| &**it));
        segments.flat_map(|segment| &segment.partitions)
    }

    fn extend(&self, more: Self) {
        let mut last = self;
        while let Some(next) = last.more.get() {
            last = next;
        }
        // The lock of the book lets in one at a time.
        let _ = last.more.set(Box::new(more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(topics: &Topics, name: &str) -> Vec<usize> {
        topics.find(name).unwrap().partitions().iter().map(|p| p.slot).collect()
    }

    fn add(topics: &Topics, name: &str, id: u8, count: usize) {
        let seen = Seen { name: &name.into(), id: Uuid([id; 16]), count };
        topics.add(seen, Magic::V2, Arc::default);
    }

    #[test]
    fn every_partition_has_a_slot_of_its_own_and_keeps_it() {
        let topics = Topics::default();
        add(&topics, "orders", 0, 2);
        add(&topics, "a", 0, 1);
        add(&topics, "orders", 0, 3);
        add(&topics, "orders", 0, 3);
        assert_eq!((slots(&topics, "orders"), slots(&topics, "a")), (vec![0, 1, 3], vec![2]));
        let partitions = topics.find("orders").unwrap().partitions();
        let found = [0, 2, 3].map(|index| partitions.get(index).map(|found| found.index));
        assert_eq!((partitions.len(), found), (3, [Some(0), Some(2), None]));
        assert!(topics.find("b").is_none());
    }

    #[test]
    fn a_topic_that_sleeps_is_hidden_and_wakes_up_with_the_partitions_that_it_had() {
        let topics = Topics::default();
        add(&topics, "a", 0, 2);
        add(&topics, "b", 0, 1);
        topics.sleep("a");
        topics.sleep("none");
        assert!(topics.find("a").is_none() && topics.find("b").is_some());
        assert!(topics.wake("a") && !topics.wake("a") && !topics.wake("b"));
        assert_eq!(slots(&topics, "a"), [0, 1]);
        topics.sleep("a");
        add(&topics, "a", 0, 3);
        assert_eq!(slots(&topics, "a"), [0, 1, 3], "it has grown meanwhile");
    }

    #[test]
    fn a_topic_that_was_created_anew_may_have_fewer_partitions() {
        let topics = Topics::default();
        add(&topics, "t", 0, 3);
        let topic = topics.find("t").unwrap();
        topic.turns.turn_to(2);
        add(&topics, "t", 1, 3);
        assert_eq!((topic.partitions().len(), topic.turns.sticky()), (3, 2), "a new id");
        // An old answer about the same topic takes nothing away.
        add(&topics, "t", 1, 2);
        assert_eq!(topic.partitions().len(), 3);
        let before = topic.partitions();
        add(&topics, "t", 2, 2);
        assert_eq!((topic.partitions().len(), topic.turns.sticky()), (2, 0));
        assert_eq!(before.iter().count(), 3, "who looked at it before sees what was there");
        // A partition that comes back is the one that its late records are in.
        add(&topics, "t", 2, 4);
        assert_eq!(slots(&topics, "t"), [0, 1, 2, 3]);
    }
}
