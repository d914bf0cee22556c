//! Metadata: brokers, topics, partitions and their leaders; creates topics that are asked for.

use kurier_protocol::api::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::once::once;
use super::operations::{Asked, ON_CLUSTER, ON_TOPIC, told};
use crate::state::{NewTopic, Partition, State, Topic, check_topic_name};

impl Api for MetadataRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let wanted = self.topics.as_ref();
        // In version 0 an empty list means all topics, later null does.
        let mut topics: Vec<_> =
            match wanted.filter(|topics| context.version > 0 || !topics.is_empty()) {
                None => state.topics().map(|(name, topic)| describe(state, name, topic)).collect(),
                Some(topics) => {
                    let may_create = MayCreate(self.allow_auto_topic_creation);
                    let named = once(topics, |topic| (&topic.name, topic.topic_id));
                    named.map(|(topic, _)| find(state, context, topic, may_create)).collect()
                }
            };
        let operations = told(ON_TOPIC, Asked(self.include_topic_authorized_operations));
        // Not those of which it is not known what they are.
        for topic in topics.iter_mut().filter(|topic| topic.name.is_some()) {
            topic.topic_authorized_operations = operations;
        }
        let brokers = state.brokers_at(context.listener).map(|(node_id, address)| {
            let host = Str::from(&address.host);
            let (port, rack) = (address.port.into(), state.rack(node_id));
            MetadataResponseBroker { node_id, host, port, rack }
        });
        Outcome::Answer(MetadataResponse {
            brokers: brokers.collect(),
            cluster_id: Some(Str::from(&state.settings.ids.cluster)),
            controller_id: state.controller().unwrap_or(-1),
            topics,
            cluster_authorized_operations: told(
                ON_CLUSTER,
                Asked(self.include_cluster_authorized_operations),
            ),
            ..Default::default()
        })
    }

    fn refuse(&self, code: ErrorCode) -> MetadataResponse {
        let topics = self.topics.iter().flatten().map(|topic| failed(topic, code)).collect();
        MetadataResponse { topics, error_code: code, ..Default::default() }
    }
}

fn find(
    state: &mut State,
    context: &Context,
    wanted: &MetadataRequestTopic,
    may_create: MayCreate,
) -> MetadataResponseTopic {
    let Some(name) = &wanted.name else {
        // By id, for which versions 10 and 11 have room without meaning it.
        if context.version < 12 {
            let name = Some(Str::default());
            return MetadataResponseTopic { name, ..failed(wanted, ErrorCode::INVALID_REQUEST) };
        }
        let name = state.topic_name(wanted.topic_id);
        let found = name.and_then(|name| Some((name, state.topic(name)?)));
        return match found {
            Some((name, topic)) => describe(state, name, topic),
            None => failed(wanted, ErrorCode::UNKNOWN_TOPIC_ID),
        };
    };
    if let Some(topic) = state.topic(name) {
        return describe(state, name, topic);
    }
    if check_topic_name(name).is_err() {
        return failed(wanted, ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    let creates = may_create.0 && state.settings.auto_create;
    failed(wanted, if creates { create(state, name) } else { UNKNOWN })
}

/// Whether the client lets the broker create the topics that it asks for.
#[derive(Clone, Copy, Debug)]
struct MayCreate(bool);

/// Creates a topic with the defaults. The answer still says that it is not there, as that of a
/// broker does: the client asks again.
fn create(state: &mut State, name: &Str) -> ErrorCode {
    let new = NewTopic { name, partitions: -1, replication: -1, ..NewTopic::default() };
    match state.plan_topic(&new) {
        Ok(topic) => state.add_topic(name, topic),
        Err((code, _)) => return code,
    }
    if state.settings.is_kraft() { UNKNOWN } else { ErrorCode::LEADER_NOT_AVAILABLE }
}

fn failed(wanted: &MetadataRequestTopic, code: ErrorCode) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: code,
        name: wanted.name.clone(),
        topic_id: wanted.topic_id,
        ..Default::default()
    }
}

fn describe(state: &State, name: &Str, topic: &Topic) -> MetadataResponseTopic {
    let partitions = topic.numbered().map(|(index, found)| partition(state, index, found));
    MetadataResponseTopic {
        name: Some(name.clone()),
        topic_id: topic.id,
        partitions: partitions.collect(),
        ..Default::default()
    }
}

fn partition(state: &State, index: i32, partition: &Partition) -> MetadataResponsePartition {
    let offline = partition.replicas.iter().copied().filter(|&id| !state.is_alive(id));
    MetadataResponsePartition {
        error_code: match partition.leader {
            Some(_) => ErrorCode::NONE,
            None => ErrorCode::LEADER_NOT_AVAILABLE,
        },
        partition_index: index,
        leader_id: partition.leader.unwrap_or(-1),
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.in_sync.clone(),
        offline_replicas: offline.collect(),
    }
}

const UNKNOWN: ErrorCode = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
