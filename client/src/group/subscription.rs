//! What members of a classic group write to each other: what they read and hold, and what they are
//! given. *core*

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use kurier_protocol::data::consumer_protocol_assignment::{
    ConsumerProtocolAssignment, TopicPartition as Assigned,
};
use kurier_protocol::data::consumer_protocol_subscription::{
    ConsumerProtocolSubscription, TopicPartition as Owned,
};
use kurier_protocol::data::{decode_versioned, encode_versioned};
use kurier_protocol::{DecodeError, Str};

use super::members::GroupMember;
use crate::transactions::TopicPartition;

/// What a member says of itself. Whoever knows only older versions reads what it knows.
pub(crate) fn write_subscription(member: &GroupMember) -> Bytes {
    let owned = by_topic(&member.owned).into_iter();
    let subscription = ConsumerProtocolSubscription {
        topics: member.topics.iter().map(|topic| (&**topic).into()).collect(),
        user_data: member.user_data.clone(),
        owned_partitions: owned.map(|(topic, partitions)| Owned { topic, partitions }).collect(),
        generation_id: member.generation,
        rack_id: member.known_rack().map(|rack| (&**rack).into()),
    };
    encode_versioned(&subscription, SUBSCRIPTION_VERSION).unwrap_or_default()
}

/// What a member says of itself.
///
/// # Errors
///
/// It says nothing that can be read.
pub(crate) fn read_subscription(
    (id, instance): (&str, Option<&str>),
    bytes: &Bytes,
    names: &mut Names,
) -> Result<GroupMember, DecodeError> {
    let said: ConsumerProtocolSubscription = decode_versioned(bytes)?;
    let topics: BTreeSet<Arc<str>> = said.topics.iter().map(|topic| names.name(topic)).collect();
    let owned = said.owned_partitions.iter().map(|of| (&of.topic, of.partitions.as_slice()));
    Ok(GroupMember {
        id: id.into(),
        instance: instance.map(Into::into),
        topics: topics.into_iter().collect(),
        owned: partitions(owned, names),
        generation: said.generation_id,
        rack: said.rack_id.as_deref().map(Into::into),
        user_data: said.user_data,
    })
}

/// What a member is given.
pub(crate) fn write_assignment(given: &[TopicPartition]) -> Bytes {
    let given = by_topic(given).into_iter();
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: given
            .map(|(topic, partitions)| Assigned { topic, partitions })
            .collect(),
        user_data: None,
    };
    encode_versioned(&assignment, ASSIGNMENT_VERSION).unwrap_or_default()
}

/// What a member is given, in order, each once.
///
/// # Errors
///
/// The leader of the group has written nothing that can be read.
pub(crate) fn read_assignment(bytes: &Bytes) -> Result<Vec<TopicPartition>, DecodeError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let given: ConsumerProtocolAssignment = decode_versioned(bytes)?;
    let given = given.assigned_partitions.iter().map(|of| (&of.topic, of.partitions.as_slice()));
    Ok(partitions(given, &mut Names::default()))
}

/// Names that many members say, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeSet<Arc<str>>);

impl Names {
    fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let name: Arc<str> = text.into();
        self.0.insert(Arc::clone(&name));
        name
    }
}

fn partitions<'a>(
    topics: impl Iterator<Item = (&'a Str, &'a [i32])>,
    names: &mut Names,
) -> Vec<TopicPartition> {
    let mut found = Vec::new();
    for (topic, numbers) in topics {
        let name = names.name(topic);
        let real = numbers.iter().filter(|number| **number >= 0);
        found.extend(real.map(|number| (Arc::clone(&name), *number)));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn by_topic(partitions: &[TopicPartition]) -> Vec<(Str, Vec<i32>)> {
    let mut topics: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    topics.into_iter().map(|(topic, numbers)| ((&**topic).into(), numbers)).collect()
}

/// The version that subscriptions are written in: with generation and rack.
const SUBSCRIPTION_VERSION: i16 = 3;
/// The version that assignments are written in.
const ASSIGNMENT_VERSION: i16 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> GroupMember {
        GroupMember {
            instance: Some("i".into()),
            owned: vec![("a".into(), 0), ("a".into(), 3), ("b".into(), 1)],
            generation: 7,
            rack: Some("r".into()),
            user_data: Some(Bytes::from_static(b"x")),
            ..GroupMember::new("m", ["b", "a"])
        }
    }

    #[test]
    fn members_read_what_members_write() {
        let bytes = write_subscription(&member());
        let mut names = Names::default();
        assert_eq!(read_subscription(("m", Some("i")), &bytes, &mut names), Ok(member()));
        let given = member().owned;
        assert_eq!(read_assignment(&write_assignment(&given)), Ok(given));
    }

    #[test]
    fn a_member_of_an_old_client_says_less() {
        // As Kafka 0.10 writes it: version 0, two topics, no user data.
        let bytes = [&[0, 0, 0, 0, 0, 2, 0, 1][..], b"b", &[0, 1], b"a", &[0xff; 4]].concat();
        let read = read_subscription(("m", None), &bytes.into(), &mut Names::default()).unwrap();
        assert_eq!(read, GroupMember::new("m", ["a", "b"]));
    }

    #[test]
    fn nothing_at_all_is_an_assignment_and_garbage_is_none() {
        assert_eq!(read_assignment(&Bytes::new()), Ok(Vec::new()));
        for garbage in [&b"\0"[..], b"\0\x03\xff", b"\xff\xff\0\0\0\0", b"\0\0\x7f\xff\xff\xff"] {
            let bytes = Bytes::copy_from_slice(garbage);
            assert!(read_assignment(&bytes).is_err(), "{garbage:?}");
            let read = read_subscription(("m", None), &bytes, &mut Names::default());
            assert!(read.is_err(), "{garbage:?}");
        }
    }

    #[test]
    fn what_is_said_twice_or_cannot_be_counts_once_or_not() {
        let twice = |partitions| Assigned { topic: "t".into(), partitions };
        let assigned_partitions = vec![twice(vec![2, 0, 2, -1]), twice(vec![0])];
        let data = ConsumerProtocolAssignment { assigned_partitions, user_data: None };
        let bytes = encode_versioned(&data, 0).unwrap();
        assert_eq!(read_assignment(&bytes), Ok(vec![("t".into(), 0), ("t".into(), 2)]));
    }
}
