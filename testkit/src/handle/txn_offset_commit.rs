//! TxnOffsetCommit: offsets that a group has read if a transaction commits (KIP-447).

use std::time::Instant;

use kurier_protocol::ErrorCode;
use kurier_protocol::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};

use super::api::{Api, Context, Outcome};
use super::commitment::{Named, keep, known_partition, known_topic};
use super::membership::{check, check_commit};
use crate::group::{Claim, CommitKind, Committed};
use crate::kept::Kept;
use crate::state::State;
use crate::transaction::{Member, Writer};

impl Api for TxnOffsetCommitRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let claim = Claim {
            member: &self.member_id,
            instance: self.group_instance_id.as_deref(),
            generation: self.generation_id_or_member_epoch,
        };
        let kind = (&self.group_id, CommitKind::Transactional);
        let partitions = self.topics.iter().flat_map(|topic| {
            let wanted = topic.partitions.iter().map(|partition| partition.partition_index);
            wanted.filter_map(|partition| {
                known_partition(state, named(topic, context.version), partition)
            })
        });
        let partitions: Vec<_> = partitions.collect();
        let checked = check(state, context, &self.group_id)
            .and_then(|()| enter(self, state, context))
            .and_then(|()| check_commit(state, context, kind, claim, &partitions));
        if let Err(code) = checked {
            if code == ErrorCode::INVALID_PRODUCER_EPOCH {
                lose(self, state, context.version);
            }
            return Outcome::Answer(self.refuse(code));
        }
        let producer = (self.producer_id, self.producer_epoch);
        let topics = self.topics.iter().map(|topic| {
            let name = known_topic(state, named(topic, context.version));
            answer(topic, |partition| match &name {
                Ok(name) => {
                    let of = (name.clone(), partition.partition_index);
                    let offset = committed(partition, context.now.instant);
                    keep(state, &self.group_id, of, offset, |offsets, of, offset| {
                        offsets.stage(producer, of, offset)
                    })
                }
                Err(code) => *code,
            })
        });
        let topics: Vec<TxnOffsetCommitResponseTopic> = topics.collect();
        let codes = topics.iter().flat_map(|topic| &topic.partitions).map(|one| one.error_code);
        if { codes }.any(|code| code == ErrorCode::INVALID_PRODUCER_EPOCH) {
            lose(self, state, context.version);
        }
        Outcome::Answer(TxnOffsetCommitResponse { topics, ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> TxnOffsetCommitResponse {
        let topics = self.topics.iter().map(|topic| answer(topic, |_| code));
        TxnOffsetCommitResponse { topics: topics.collect(), ..Default::default() }
    }
}

/// Makes sure that the group is in the transaction: from version 5 on a producer leaves it to the
/// coordinator of the group to add it (KIP-890).
fn enter(
    request: &TxnOffsetCommitRequest,
    state: &mut State,
    context: &Context,
) -> Result<(), ErrorCode> {
    let writer = Writer {
        id: &request.transactional_id,
        producer: (request.producer_id, request.producer_epoch),
        fenced: ErrorCode::INVALID_PRODUCER_EPOCH,
    };
    let group = &request.group_id;
    match context.version {
        5.. => state.transactions.add(context.now, writer, [], Some(group)),
        _ if !state.settings.verifies_transactions() => Ok(()),
        4 => {
            let absent = ErrorCode::TRANSACTION_ABORTABLE;
            state.transactions.verify(writer, Member::Group(group), absent)
        }
        _ => {
            let absent = ErrorCode::INVALID_TXN_STATE;
            state.transactions.verify(writer, Member::Group(group), absent)
        }
    }
}

/// A commit of a producer's earlier epoch was refused: up to 3.9 it takes those of its open
/// transaction away, of the same partitions.
fn lose(request: &TxnOffsetCommitRequest, state: &mut State, version: i16) {
    if !state.settings.loses_offsets_to_late_ones() {
        return;
    }
    for topic in &request.topics {
        let Ok(name) = known_topic(state, named(topic, version)) else { continue };
        let Some(mut group) = state.groups.find(&request.group_id) else { continue };
        for partition in &topic.partitions {
            let of = (name.clone(), partition.partition_index);
            group.offsets.unstage(request.producer_id, &of);
        }
    }
}

fn named(topic: &TxnOffsetCommitRequestTopic, version: i16) -> Named<'_> {
    if version >= 6 { Named::Id(topic.topic_id) } else { Named::By(&topic.name) }
}

/// What is to be kept for a partition.
fn committed(partition: &TxnOffsetCommitRequestPartition, now: Instant) -> Committed {
    Committed {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.kept().unwrap_or_default(),
        at: now,
        expires: None,
    }
}

fn answer(
    topic: &TxnOffsetCommitRequestTopic,
    mut of: impl FnMut(&TxnOffsetCommitRequestPartition) -> ErrorCode,
) -> TxnOffsetCommitResponseTopic {
    let partitions = topic.partitions.iter().map(|partition| TxnOffsetCommitResponsePartition {
        partition_index: partition.partition_index,
        error_code: of(partition),
    });
    let (name, topic_id) = (topic.name.clone(), topic.topic_id);
    TxnOffsetCommitResponseTopic { name, topic_id, partitions: partitions.collect() }
}
