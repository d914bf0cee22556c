//! OffsetCommit: how far a group has read.

use std::time::{Duration, Instant};

use kurier_protocol::ErrorCode;
use kurier_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use super::api::{Api, Context, Outcome};
use super::commitment::{Named, keep, known_partition, known_topic};
use super::membership::check_commit;
use crate::clock::later;
use crate::group::{Claim, CommitKind, Committed};
use crate::kept::Kept;
use crate::state::State;

impl Api for OffsetCommitRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let claim = Claim {
            member: &self.member_id,
            instance: self.group_instance_id.as_deref(),
            generation: self.generation_id_or_member_epoch,
        };
        let partitions = self.topics.iter().flat_map(|topic| {
            let wanted = topic.partitions.iter().map(|partition| partition.partition_index);
            wanted.filter_map(|partition| {
                known_partition(state, named(topic, context.version), partition)
            })
        });
        let partitions: Vec<_> = partitions.collect();
        let checked = state.check_coordinator(context.broker, &self.group_id).and_then(|()| {
            check_commit(state, context, (&self.group_id, CommitKind::Plain), claim, &partitions)
        });
        if let Err(code) = checked {
            return Outcome::Answer(self.refuse(code));
        }
        let now = context.now.instant;
        let kept = u64::try_from(self.retention_time_ms).ok().map(Duration::from_millis);
        let expires = kept.map(|kept| later(now, kept));
        let topics = self.topics.iter().map(|topic| {
            let name = known_topic(state, named(topic, context.version));
            answer(topic, |partition| match &name {
                Ok(name) => {
                    let of = (name.clone(), partition.partition_index);
                    keep(
                        state,
                        &self.group_id,
                        of,
                        committed(partition, (now, expires)),
                        |offsets, of, offset| {
                            offsets.commit(of, offset);
                            Ok(())
                        },
                    )
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

fn named(topic: &OffsetCommitRequestTopic, version: i16) -> Named<'_> {
    if version >= 10 { Named::Id(topic.topic_id) } else { Named::By(&topic.name) }
}

/// What is to be kept for a partition.
fn committed(
    partition: &OffsetCommitRequestPartition,
    (at, expires): (Instant, Option<Instant>),
) -> Committed {
    Committed {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.kept().unwrap_or_default(),
        at,
        expires,
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
