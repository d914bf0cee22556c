//! Offsets that a group has committed, or shall commit.

use std::sync::Arc;

/// An offset of a group: the next record that it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset of the next record to read: one more than that of the last one processed.
    pub offset: i64,
    /// The leader epoch of the last record processed; -1 if it is not known (KIP-320).
    pub leader_epoch: i32,
    /// Any text, given back with the offset. Brokers take 4,096 bytes unless they are set up
    /// otherwise (`offset.metadata.max.bytes`).
    pub metadata: String,
}

impl GroupOffset {
    /// An offset without leader epoch and text.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32, offset: i64) -> Self {
        let (leader_epoch, metadata) = (-1, String::new());
        Self { topic: topic.into(), partition, offset, leader_epoch, metadata }
    }

    /// The same with a text.
    #[must_use]
    pub fn metadata(self, text: impl Into<String>) -> Self {
        Self { metadata: text.into(), ..self }
    }
}

/// A group, and the member of it that has read the records, by which brokers refuse what a member
/// of an older generation sends (KIP-447).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroupMetadata {
    /// The group. Kafka: `group.id`.
    pub group_id: String,
    /// The generation, or the member epoch, that the member knows; -1 is not checked.
    pub generation_id: i32,
    /// The member; empty is not checked. Kafka before 2.5 checks no members.
    pub member_id: String,
    /// Its `group.instance.id`, if it is a static member.
    pub group_instance_id: Option<String>,
}

impl ConsumerGroupMetadata {
    /// A group without a member: whoever sends is not checked, and must see to it that nobody
    /// else sends offsets of the same partitions.
    pub fn new(group_id: impl Into<String>) -> Self {
        Self {
            group_id: group_id.into(),
            generation_id: -1,
            member_id: String::new(),
            group_instance_id: None,
        }
    }
}
