//! OffsetCommit: how far a group has read.

use kurier_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::membership::check_commit;
use crate::group::{Claim, CommitKind, Committed};
use crate::state::State;

impl Api for OffsetCommitRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let claim = Claim {
            member: &self.member_id,
            instance: self.group_instance_id.as_deref(),
            generation: self.generation_id_or_member_epoch,
        };
        let checked = state.check_coordinator(context.broker, &self.group_id).and_then(|()| {
            check_commit(state, context, (&self.group_id, CommitKind::Plain), claim)
        });
        if let Err(code) = checked {
            return Outcome::Answer(self.refuse(code));
        }
        let topics = self.topics.iter().map(|topic| {
            let name = known_topic(state, topic, context.version);
            answer(topic, |partition| match &name {
                Ok(name) => commit(state, &self.group_id, name, partition),
                Err(code) => *code,
            })
        });
        Outcome::Answer(OffsetCommitResponse { topics: topics.collect(), ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> OffsetCommitResponse {
        let topics = self.topics.iter().map(|topic| answer(topic, |_| code));
        OffsetCommitResponse { topics: topics.collect(), ..Default::default() }
    }
}

fn known_topic(
    state: &State,
    topic: &OffsetCommitRequestTopic,
    version: i16,
) -> Result<Str, ErrorCode> {
    if version >= 10 {
        return state.topic_name(topic.topic_id).cloned().ok_or(ErrorCode::UNKNOWN_TOPIC_ID);
    }
    let known = state.topic(&topic.name).map(|_| topic.name.clone());
    known.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

fn commit(
    state: &mut State,
    group: &Str,
    topic: &Str,
    partition: &OffsetCommitRequestPartition,
) -> ErrorCode {
    if state.partition(topic, partition.partition_index).is_none() {
        return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    }
    let (group, settings) = state.groups.obtain(group);
    let metadata = partition.committed_metadata.clone().unwrap_or_default();
    if metadata.len() > settings.metadata_bytes_max {
        return ErrorCode::OFFSET_METADATA_TOO_LARGE;
    }
    let committed = Committed {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata,
    };
    group.offsets.commit((topic.clone(), partition.partition_index), committed);
    ErrorCode::NONE
}

fn answer(
    topic: &OffsetCommitRequestTopic,
    mut of: impl FnMut(&OffsetCommitRequestPartition) -> ErrorCode,
) -> OffsetCommitResponseTopic {
    let partitions = topic.partitions.iter().map(|partition| OffsetCommitResponsePartition {
        partition_index: partition.partition_index,
        error_code: of(partition),
    });
    let (name, topic_id) = (topic.name.clone(), topic.topic_id);
    OffsetCommitResponseTopic { name, topic_id, partitions: partitions.collect() }
}
