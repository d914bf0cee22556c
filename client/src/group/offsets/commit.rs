//! OffsetCommit of a member, in every version that names topics. *core*

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use kurier_protocol::ErrorCode;
use kurier_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};

use super::super::classic::Member;
use crate::transactions::{GroupOffset, TopicPartition};

/// Offsets that are to be committed, and by whom.
#[derive(Clone, Debug)]
pub(crate) struct CommitCall {
    pub(crate) number: u64,
    pub(crate) member: Member,
    pub(crate) offsets: Arc<BTreeMap<TopicPartition, GroupOffset>>,
}

impl CommitCall {
    /// Version 1 wants the time; later ones than 9 name topics by their ids.
    pub(crate) const VERSIONS: RangeInclusive<i16> = 2..=9;

    /// The same in each of these versions.
    pub(crate) fn request(&self) -> OffsetCommitRequest {
        let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
        for ((topic, partition_index), offset) in &*self.offsets {
            let partition = OffsetCommitRequestPartition {
                partition_index: *partition_index,
                committed_offset: offset.offset,
                committed_leader_epoch: offset.leader_epoch,
                committed_metadata: Some(offset.metadata.as_str().into()),
                ..Default::default()
            };
            match topics.last_mut().filter(|last| *last.name == **topic) {
                Some(last) => last.partitions.push(partition),
                None => topics.push(OffsetCommitRequestTopic {
                    name: (&**topic).into(),
                    partitions: vec![partition],
                    ..Default::default()
                }),
            }
        }
        OffsetCommitRequest {
            group_id: self.member.group.clone(),
            generation_id_or_member_epoch: self.member.generation,
            member_id: self.member.id.clone(),
            group_instance_id: self.member.instance.clone(),
            topics,
            ..Default::default()
        }
    }
}

/// What an answer says of each partition that it names.
pub(super) fn read(response: &OffsetCommitResponse) -> BTreeMap<TopicPartition, ErrorCode> {
    let mut said = BTreeMap::new();
    for topic in &response.topics {
        let name: Arc<str> = (&*topic.name).into();
        let codes = topic.partitions.iter().map(|of| (of.partition_index, of.error_code));
        said.extend(codes.map(|(partition, code)| ((Arc::clone(&name), partition), code)));
    }
    said
}
