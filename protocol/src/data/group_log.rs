//! Records of `__consumer_offsets`, the log in which brokers keep classic groups and committed
//! offsets.
//!
//! The two bytes before a key say what the record is: 0 or 1 a committed offset, 2 a group. (Kafka
//! up to 3.9 calls them the key's version, later releases the record's type; [`GroupLogKey`] reads
//! them.) The two bytes before a value are its version. A record without a value says that what its
//! key names is gone. Types from 3 on belong to the newer groups of KIP-848, KIP-932 and KIP-1071.

use bytes::Bytes;

use super::versioned::encode_versioned;
use crate::error::{DecodeError, EncodeError};
use crate::message::decode;
use crate::wire::{Reader, Str, Uuid, Version};

message! { OffsetCommitKey, versions 0..=1, flexible never.. }
message! { OffsetCommitValue, versions 0..=4, flexible 4.. }
message! { GroupMetadataKey, versions 2..=2, flexible never.. }
message! { GroupMetadataValue, versions 0..=4, flexible 4.. }

wire_structs! {
    /// What an offset is committed for. Version 1 has the same fields as version 0, which only
    /// brokers before 0.9 wrote.
    struct OffsetCommitKey {
        /// Id of the group.
        0..     group: Str,
        /// Name of the topic.
        0..     topic: Str,
        /// Number of the partition.
        0..     partition: i32,
    }

    /// A committed offset.
    struct OffsetCommitValue {
        /// Offset of the next record to read.
        0..     offset: i64,
        /// Epoch of the leader that the last record was read from; -1 if it is not known (KIP-320).
        3..     leader_epoch: i32 [ignorable] = -1,
        /// What the committer wanted to be kept with it; empty if nothing.
        0..     metadata: Str,
        /// When it was committed, in milliseconds since 1970.
        0..     commit_timestamp: i64,
        /// When it is to be forgotten, in milliseconds since 1970; -1 if the broker's
        /// `offsets.retention.minutes` decides.
        1..=1   expire_timestamp: i64 [ignorable] = -1,
        /// Id of the topic (written since 4.1); zero if it is not known.
        4..     topic_id: Uuid [tag 0, ignorable],
    }

    /// Which group a record is about.
    struct GroupMetadataKey {
        /// Id of the group.
        2..     group: Str,
    }

    /// A classic group after a rebalance.
    struct GroupMetadataValue {
        /// What its members are: `consumer`, `connect`; empty if there has been none.
        0..     protocol_type: Str,
        /// Generation of the group.
        0..     generation: i32,
        /// The assignor that all members have in common; null if there are no members.
        0..     protocol: Option<Str> [null 0.., empty],
        /// Id of the member that assigns; null if there are none.
        0..     leader: Option<Str> [null 0.., empty],
        /// When the group came into its state, in milliseconds since 1970; -1 if it is not known.
        2..     current_state_timestamp: i64 [ignorable] = -1,
        /// Its members.
        0..     members: Vec<MemberMetadata>,
    }

    /// One member of a classic group.
    struct MemberMetadata {
        /// Id that the coordinator gave it.
        0..     member_id: Str,
        /// Id that it has by configuration (KIP-345); null if it is not a static member.
        3..     group_instance_id: Option<Str> [null 3.., ignorable],
        /// Its client id.
        0..     client_id: Str,
        /// Address that it came from, such as `/10.0.0.1`.
        0..     client_host: Str,
        /// Time that a rebalance waits for it to join again, in milliseconds; -1 if it is that of
        /// the session.
        1..     rebalance_timeout: i32 [ignorable] = -1,
        /// Time without a heartbeat after which it is thought dead, in milliseconds.
        0..     session_timeout: i32,
        /// What it told the assignor: of consumers, a
        /// [subscription](super::consumer_protocol_subscription).
        0..     subscription: Bytes,
        /// What it was given: of consumers, an [assignment](super::consumer_protocol_assignment).
        0..     assignment: Bytes,
    }
}

/// The key of a record of `__consumer_offsets`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum GroupLogKey {
    /// The value is an [`OffsetCommitValue`].
    Offset(OffsetCommitKey),
    /// The value is a [`GroupMetadataValue`].
    Group(GroupMetadataKey),
    /// A type that is not known here. Its record is to be passed over.
    Other(i16),
}

impl GroupLogKey {
    /// Reads the key of a record.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if there is no type, or the bytes are not such a key.
    pub fn decode(key: &Bytes) -> Result<Self, DecodeError> {
        let mut r = Reader::new(key, Version::of(0, i16::MAX));
        let number = i16::from_be_bytes(r.array()?);
        let rest = key.slice(2..);
        Ok(match number {
            0 | 1 => Self::Offset(decode(&rest, number)?),
            2 => Self::Group(decode(&rest, number)?),
            other => Self::Other(other),
        })
    }

    /// Writes the key as brokers do now; of a key that is not known, only its type.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if a string is too long.
    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        match self {
            Self::Offset(key) => encode_versioned(key, 1),
            Self::Group(key) => encode_versioned(key, 2),
            Self::Other(number) => Ok(Bytes::copy_from_slice(&number.to_be_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: GroupLogKey, bytes: &[u8]) {
        assert_eq!(key.encode().unwrap(), bytes);
        assert_eq!(GroupLogKey::decode(&Bytes::copy_from_slice(bytes)), Ok(key));
    }

    #[test]
    fn the_first_two_bytes_say_what_a_key_is() {
        let offset = OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 3 };
        check(GroupLogKey::Offset(offset.clone()), b"\0\x01\0\x01g\0\x01t\0\0\0\x03");
        check(GroupLogKey::Group(GroupMetadataKey { group: "g".into() }), b"\0\x02\0\x01g");
        check(GroupLogKey::Other(3), b"\0\x03");
        let oldest = Bytes::from_static(b"\0\0\0\x01g\0\x01t\0\0\0\x03");
        assert_eq!(GroupLogKey::decode(&oldest), Ok(GroupLogKey::Offset(offset)));
        let newer = Bytes::from_static(b"\0\x09\0\x01g");
        assert_eq!(GroupLogKey::decode(&newer), Ok(GroupLogKey::Other(9)));
    }

    #[test]
    fn a_key_that_is_cut_off_is_refused() {
        for bytes in [&b""[..], b"\0", b"\0\x01\0\x01g", b"\0\x02\0\x01gx"] {
            assert!(GroupLogKey::decode(&Bytes::copy_from_slice(bytes)).is_err(), "{bytes:?}");
        }
    }
}
