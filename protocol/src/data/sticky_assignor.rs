//! What the sticky assignors keep in the user data of a
//! [subscription](super::consumer_protocol_subscription), so that a new leader of the group knows
//! who held what (KIP-54, KIP-341). No version stands before it.

use bytes::Bytes;

use crate::error::DecodeError;
use crate::message::{decode_prefix, encode};
use crate::wire::Str;

message! { StickyAssignorUserData, versions 0..=1, flexible never.. }
message! { CooperativeStickyAssignorUserData, versions 0..=0, flexible never.. }

wire_structs! {
    /// What the assignor `sticky` keeps.
    struct StickyAssignorUserData {
        /// The partitions that the member was given last, by topic.
        0..     previous_assignment: Vec<TopicAssignment>,
        /// The generation in which it was given them. Of two members that claim a partition, the
        /// one of the later generation is believed. -1 if it is not known, as in version 0.
        1..     generation: i32 [ignorable] = -1,
    }

    /// Partitions of one topic.
    struct TopicAssignment {
        /// Name of the topic.
        0..     topic: Str,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }

    /// What the assignor `cooperative-sticky` keeps. The partitions themselves are in the
    /// subscription's `owned_partitions`; since its version 2 so is the generation.
    struct CooperativeStickyAssignorUserData {
        /// The generation in which the member was given its partitions; -1 if it was in none.
        0..     generation: i32 = -1,
    }
}

impl StickyAssignorUserData {
    /// Writes the newest version.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        encode(self, 1).unwrap_or_default()
    }

    /// Reads either version. Nothing tells them apart but their length: bytes that are too short
    /// for version 1 are read as version 0.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are neither.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, DecodeError> {
        let newest = decode_prefix(bytes, 1).or_else(|_| decode_prefix(bytes, 0));
        newest.map(|(data, _)| data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_data(generation: i32) -> StickyAssignorUserData {
        let assignment = TopicAssignment { topic: "t".into(), partitions: vec![1, 2] };
        StickyAssignorUserData { previous_assignment: vec![assignment], generation }
    }

    #[test]
    fn both_versions_are_told_apart_by_their_length() {
        let bytes = user_data(7).to_bytes();
        let expected = [0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 7];
        assert_eq!(bytes[..], expected);
        assert_eq!(StickyAssignorUserData::from_bytes(&bytes), Ok(user_data(7)));
        let older = bytes.slice(..bytes.len() - 4);
        assert_eq!(StickyAssignorUserData::from_bytes(&older), Ok(user_data(-1)));
        let broken = bytes.slice(..bytes.len() - 5);
        assert!(StickyAssignorUserData::from_bytes(&broken).is_err());
    }
}
