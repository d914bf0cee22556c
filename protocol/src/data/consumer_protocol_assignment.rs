//! What the leader of a classic consumer group gives to each member, in SyncGroup.
//!
//! The bytes in SyncGroup begin with the version as two bytes, as those of a
//! [subscription](super::consumer_protocol_subscription) do. All versions have the same fields. No
//! bytes at all stand for a member that was given nothing.

use bytes::Bytes;

use crate::wire::Str;

message! { ConsumerProtocolAssignment, versions 0..=3, flexible never.. }

wire_structs! {
    /// What a member is to read.
    struct ConsumerProtocolAssignment {
        /// The partitions, by topic.
        0..     assigned_partitions: Vec<TopicPartition>,
        /// What the assignor of the leader tells that of the member; null if nothing.
        0..     user_data: Option<Bytes> [null 0..],
    }

    /// Partitions of one topic.
    struct TopicPartition {
        /// Name of the topic.
        0..     topic: Str,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }
}
