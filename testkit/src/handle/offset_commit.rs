//! OffsetCommit: how far a group has read.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use super::api::{Api, Context, Outcome};
use super::commitment::{Named, keep, known_topic};
use super::membership::check_commit;
use crate::group::{Claim, CommitKind, Committed, Offsets};
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
            let id = Named::Id(topic.topic_id);
            let named = if context.version >= 10 { id } else { Named::By(&topic.name) };
            let name = known_topic(state, named);
            answer(topic, |partition| match &name {
                Ok(name) => {
                    let of = (name.clone(), partition.partition_index);
                    keep(state, &self.group_id, of, committed(partition), Offsets::commit)
                }
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

/// What is to be kept for a partition.
fn committed(partition: &OffsetCommitRequestPartition) -> Committed {
    Committed {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.clone().unwrap_or_default(),
    }
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
