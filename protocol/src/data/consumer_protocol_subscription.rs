//! What a member of a classic consumer group tells its leader: the metadata of each of its
//! assignors in JoinGroup.
//!
//! The bytes in JoinGroup begin with the version as two bytes:
//! [`encode_versioned`](super::encode_versioned) and [`decode_versioned`](super::decode_versioned)
//! write and read both. A member that reads a version above those it knows reads it as the highest
//! one that it knows, since versions only ever add fields at the end.

use bytes::Bytes;

use crate::wire::Str;

message! { ConsumerProtocolSubscription, versions 0..=3, flexible never.. }

wire_structs! {
    /// What a member wants to read, and what it holds already.
    struct ConsumerProtocolSubscription {
        /// Names of the topics that it subscribes to.
        0..     topics: Vec<Str>,
        /// What its assignor wants to know besides; null if nothing. The sticky assignors put the
        /// last assignment here: [`sticky_assignor`](super::sticky_assignor).
        0..     user_data: Option<Bytes> [null 0..],
        /// The partitions that it holds; cooperative assignors take none of them away before it
        /// has given it up (KIP-429).
        1..     owned_partitions: Vec<TopicPartition> [ignorable],
        /// The generation in which it was given `owned_partitions`; -1 if it has been in none. Of
        /// two members that claim a partition, the one of the later generation is believed
        /// (KIP-792).
        2..     generation_id: i32 [ignorable] = -1,
        /// Rack or zone that it runs in, so that it is given partitions with a replica there
        /// (KIP-881); null if it does not say.
        3..     rack_id: Option<Str> [null 3.., ignorable],
    }

    /// The partitions of one topic that a member holds.
    struct TopicPartition {
        /// Name of the topic.
        1..     topic: Str,
        /// Numbers of the partitions.
        1..     partitions: Vec<i32>,
    }
}
