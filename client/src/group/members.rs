//! What an assignor is told: the members of a group, and the topics that they read.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::metadata::{Partition, Picture};
use crate::transactions::TopicPartition;

/// A member of a group, as it describes itself to whoever divides the partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMember {
    /// The id that the coordinator gave it.
    pub id: Arc<str>,
    /// Its `group.instance.id`, if it is a static member (KIP-345).
    pub instance: Option<Arc<str>>,
    /// The topics that it reads, in order, each once.
    pub topics: Vec<Arc<str>>,
    /// The partitions that it holds while the group divides them anew. Empty with protocols in
    /// which members give up everything before.
    pub owned: Vec<TopicPartition>,
    /// The generation in which it was given what it holds; -1 if it was in none, or does not say.
    pub generation: i32,
    /// Rack or zone that it runs in (KIP-881).
    pub rack: Option<Arc<str>>,
    /// What its assignor tells that of the leader besides.
    pub user_data: Option<Bytes>,
}

/// What each member is given, in the order of the members.
pub type Plan = Vec<Vec<TopicPartition>>;

/// The topics that a group reads: how many partitions each has, and where their replicas are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupTopics {
    topics: BTreeMap<Arc<str>, Vec<Vec<Arc<str>>>>,
}

impl GroupMember {
    /// A member that reads these topics and holds nothing.
    pub fn new<T: Into<Arc<str>>>(
        id: impl Into<Arc<str>>,
        topics: impl IntoIterator<Item = T>,
    ) -> Self {
        let mut topics: Vec<Arc<str>> = topics.into_iter().map(Into::into).collect();
        topics.sort_unstable();
        topics.dedup();
        Self { id: id.into(), topics, generation: -1, ..Self::default() }
    }

    /// Whether it reads a topic.
    #[must_use]
    pub fn reads(&self, topic: &str) -> bool {
        self.topics.binary_search_by(|own| (**own).cmp(topic)).is_ok()
    }

    /// The order in which members are served, the same in every client: static members by their
    /// instance ids, then the others by their member ids.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        match (&self.instance, &other.instance) {
            (Some(own), Some(others)) => own.cmp(others),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
        .then_with(|| self.id.cmp(&other.id))
    }

    /// The rack that it runs in, if it says so.
    pub(crate) fn known_rack(&self) -> Option<&Arc<str>> {
        self.rack.as_ref().filter(|rack| !rack.is_empty())
    }
}

impl GroupTopics {
    /// Adds a topic with so many partitions, of whose replicas nothing is known.
    #[must_use]
    pub fn with(self, topic: impl Into<Arc<str>>, partition_count: usize) -> Self {
        self.with_racks(topic, vec![Vec::new(); partition_count])
    }

    /// Adds a topic, with the racks of the replicas of each of its partitions.
    #[must_use]
    pub fn with_racks(mut self, topic: impl Into<Arc<str>>, racks: Vec<Vec<Arc<str>>>) -> Self {
        self.topics.insert(topic.into(), racks);
        self
    }

    /// What is known of these topics. Those without partitions are left out.
    #[must_use]
    pub fn of<'a>(picture: &Picture, names: impl IntoIterator<Item = &'a str>) -> Self {
        let rack_of = |broker: &i32| Some(picture.broker(*broker)?.rack.as_deref()?.into());
        let racks = |partition: &Partition| partition.replicas.iter().filter_map(rack_of).collect();
        let topic = |name: &str| {
            picture.partition_count(name).filter(|count| *count > 0)?;
            let topic = picture.topic(name)?;
            Some((Arc::clone(&topic.name), topic.partitions.iter().map(racks).collect()))
        };
        Self { topics: names.into_iter().filter_map(topic).collect() }
    }

    /// How many partitions a topic has; 0 if it is not known.
    #[must_use]
    pub fn partition_count(&self, topic: &str) -> usize {
        self.topics.get(topic).map_or(0, Vec::len)
    }

    /// The racks of each partition of a topic; none if it is not known.
    #[must_use]
    pub fn partitions(&self, topic: &str) -> &[Vec<Arc<str>>] {
        self.topics.get(topic).map_or(&[], Vec::as_slice)
    }

    /// The racks in which a partition has replicas.
    #[must_use]
    pub fn racks(&self, topic: &str, partition: i32) -> &[Arc<str>] {
        let partitions = self.topics.get(topic);
        let at = usize::try_from(partition).ok();
        partitions.zip(at).and_then(|(all, at)| all.get(at)).map_or(&[], Vec::as_slice)
    }

    /// The topics by name, with the racks of each of their partitions.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &[Vec<Arc<str>>])> {
        self.topics.iter().map(|(name, racks)| (name, racks.as_slice()))
    }
}

/// Partitions numbered from 0, as a topic has them.
pub(crate) fn numbered(topic: &Arc<str>, count: usize) -> impl Iterator<Item = TopicPartition> {
    (0..i32::try_from(count).unwrap_or(i32::MAX)).map(|number| (Arc::clone(topic), number))
}
