//! OffsetFetch: how far groups have read. What is named many times is answered once.

use std::collections::BTreeSet;

use kurier_protocol::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kurier_protocol::{ErrorCode, Str, Uuid};

use super::api::{Api, Context, Outcome};
use crate::group::{Group, Kind};
use crate::state::State;

impl Api for OffsetFetchRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let stability = Stability(self.require_stable);
        let mut seen = Seen::new();
        if context.version >= 8 {
            let mut whole = BTreeSet::new();
            let named = self.groups.iter();
            let named =
                named.filter(|wanted| wanted.topics.is_some() || whole.insert(&wanted.group_id));
            let groups = named.map(|wanted| {
                let found = state
                    .check_coordinator(context.broker, &wanted.group_id)
                    .and_then(|()| check_member(state, wanted))
                    .map(|()| find((state, context.version), wanted, stability, &mut seen));
                found.unwrap_or_else(|code| failed(wanted, code))
            });
            let groups = groups.collect();
            return Outcome::Answer(OffsetFetchResponse { groups, ..Default::default() });
        }
        if let Err(code) = state.check_coordinator(context.broker, &self.group_id) {
            return Outcome::Answer(self.refuse(code));
        }
        let group = self.only_group();
        let found = find((state, context.version), &group, stability, &mut seen);
        let topics = found.topics.into_iter().map(old_topic).collect();
        Outcome::Answer(OffsetFetchResponse { topics, ..Default::default() })
    }

    fn refuse(&self, error_code: ErrorCode) -> OffsetFetchResponse {
        let groups = self.groups.iter().map(|wanted| failed(wanted, error_code)).collect();
        // Versions 0 and 1 have room for an error at each partition only; later ones name them in
        // the answer's head and are not disturbed.
        let topics = self.only_group().topics.unwrap_or_default();
        let topics = topics.iter().map(|topic| {
            let partitions = topic.partition_indexes.iter().copied();
            old_topic(topic_of(topic, partitions, |_| Found::Failed(error_code)))
        });
        let topics = topics.collect();
        OffsetFetchResponse { error_code, groups, topics, ..Default::default() }
    }
}

/// The partitions that were answered: group, topic by its name or id, partition.
type Seen<'a> = BTreeSet<(&'a Str, &'a Str, Uuid, i32)>;

/// Whether offsets that an open transaction may change are held back (KIP-447).
#[derive(Clone, Copy, Debug)]
struct Stability(bool);

/// What there is to say of a partition.
enum Found {
    None,
    Failed(ErrorCode),
    Offset(i64, i32, Str),
}

trait OldVersions {
    /// The group of versions below 8 in the form of the later ones.
    fn only_group(&self) -> OffsetFetchRequestGroup;
}

impl OldVersions for OffsetFetchRequest {
    fn only_group(&self) -> OffsetFetchRequestGroup {
        let topics = self.topics.as_ref().map(|topics| {
            let topics = topics.iter().map(|topic| OffsetFetchRequestTopics {
                name: topic.name.clone(),
                partition_indexes: topic.partition_indexes.clone(),
                ..Default::default()
            });
            topics.collect()
        });
        OffsetFetchRequestGroup { group_id: self.group_id.clone(), topics, ..Default::default() }
    }
}

/// From version 9 on a member of a consumer group says its epoch.
fn check_member(state: &State, wanted: &OffsetFetchRequestGroup) -> Result<(), ErrorCode> {
    match state.groups.get(&wanted.group_id).map(|group| &group.kind) {
        Some(Kind::Consumer(consumer)) => {
            consumer.check_fetch(wanted.member_id.as_deref(), wanted.member_epoch)
        }
        _ => Ok(()),
    }
}

fn find<'a>(
    (state, version): (&State, i16),
    wanted: &'a OffsetFetchRequestGroup,
    stability: Stability,
    seen: &mut Seen<'a>,
) -> OffsetFetchResponseGroup {
    let group = state.groups.get(&wanted.group_id);
    let look = |topic: &Str, partition: i32| look(group, topic, partition, stability);
    let topics = match &wanted.topics {
        Some(topics) => topics
            .iter()
            .map(|topic| {
                let partitions = topic.partition_indexes.iter().copied().filter(|partition| {
                    seen.insert((&wanted.group_id, &topic.name, topic.topic_id, *partition))
                });
                match name(state, version, topic) {
                    Some(name) => topic_of(topic, partitions, |partition| look(&name, partition)),
                    None => {
                        let unknown = ErrorCode::UNKNOWN_TOPIC_ID;
                        topic_of(topic, partitions, |_| Found::Failed(unknown))
                    }
                }
            })
            .collect(),
        None => all(state, version, group)
            .iter()
            .map(|topic| {
                let partitions = topic.partition_indexes.iter().copied();
                topic_of(topic, partitions, |partition| look(&topic.name, partition))
            })
            .collect(),
    };
    let group_id = wanted.group_id.clone();
    OffsetFetchResponseGroup { group_id, topics, ..Default::default() }
}

fn name(state: &State, version: i16, topic: &OffsetFetchRequestTopics) -> Option<Str> {
    if version >= 10 {
        return state.topic_name(topic.topic_id).cloned();
    }
    Some(topic.name.clone())
}

/// All partitions of which a group has an offset; from version 10 on of topics that exist.
fn all(state: &State, version: i16, group: Option<&Group>) -> Vec<OffsetFetchRequestTopics> {
    let mut topics: Vec<OffsetFetchRequestTopics> = Vec::new();
    for (name, partition) in group.into_iter().flat_map(|group| group.offsets.partitions()) {
        let (name, partition) = (name.clone(), *partition);
        let topic_id = state.topic(&name).map(|topic| topic.id);
        if version >= 10 && topic_id.is_none() {
            continue;
        }
        match topics.last_mut().filter(|last| last.name == name) {
            Some(last) => last.partition_indexes.push(partition),
            None => topics.push(OffsetFetchRequestTopics {
                name,
                topic_id: topic_id.unwrap_or_default(),
                partition_indexes: vec![partition],
            }),
        }
    }
    topics
}

fn look(group: Option<&Group>, topic: &Str, partition: i32, stability: Stability) -> Found {
    let Some(group) = group else { return Found::None };
    let of = (topic.clone(), partition);
    if stability.0 && group.offsets.is_unstable(&of) {
        return Found::Failed(ErrorCode::UNSTABLE_OFFSET_COMMIT);
    }
    match group.offsets.get(&of) {
        None => Found::None,
        Some(found) => Found::Offset(found.offset, found.leader_epoch, found.metadata.clone()),
    }
}

fn topic_of(
    topic: &OffsetFetchRequestTopics,
    partitions: impl Iterator<Item = i32>,
    look: impl Fn(i32) -> Found,
) -> OffsetFetchResponseTopics {
    let partitions = partitions.map(|partition_index| {
        let (error_code, committed_offset, committed_leader_epoch, metadata) =
            match look(partition_index) {
                Found::None => (ErrorCode::NONE, -1, -1, Str::default()),
                Found::Failed(code) => (code, -1, -1, Str::default()),
                Found::Offset(offset, epoch, metadata) => {
                    (ErrorCode::NONE, offset, epoch, metadata)
                }
            };
        OffsetFetchResponsePartitions {
            partition_index,
            committed_offset,
            committed_leader_epoch,
            metadata: Some(metadata),
            error_code,
        }
    });
    let (name, topic_id) = (topic.name.clone(), topic.topic_id);
    OffsetFetchResponseTopics { name, topic_id, partitions: partitions.collect() }
}

/// A topic in the form of versions below 8.
fn old_topic(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partitions = topic.partitions.into_iter().map(|p| OffsetFetchResponsePartition {
        partition_index: p.partition_index,
        committed_offset: p.committed_offset,
        committed_leader_epoch: p.committed_leader_epoch,
        metadata: p.metadata,
        error_code: p.error_code,
    });
    OffsetFetchResponseTopic { name: topic.name, partitions: partitions.collect() }
}

fn failed(wanted: &OffsetFetchRequestGroup, error_code: ErrorCode) -> OffsetFetchResponseGroup {
    let group_id = wanted.group_id.clone();
    OffsetFetchResponseGroup { group_id, error_code, ..Default::default() }
}
