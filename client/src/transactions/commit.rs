//! TxnOffsetCommit: offsets of a group that become committed with a transaction.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kurier_protocol::Str;
use kurier_protocol::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse,
};

use super::handle::Transactions;
use super::identity::{BegunTransaction, TransactionVersion};
use super::offsets::{ConsumerGroupMetadata, GroupOffset};
use super::outcome::{PartitionOutcome, TopicPartition};
use super::rounds::{self, Question, Said, Whom, by_topic, part_of};
use crate::metadata::KeyType;

impl Transactions {
    /// Gives offsets of a group to a transaction; says for each partition whether that succeeded.
    /// They are committed when it is. Below version 2, [`add_offsets`](Self::add_offsets) comes
    /// first. Of offsets of one partition the last one counts.
    ///
    /// # Errors
    ///
    /// In each outcome: those that ask for an abort ([`Error::requires_abort`](crate::Error)) if
    /// the member is not one of the group any more, fatal ones if another producer has taken over.
    /// [`Error::Unsupported`](crate::Error) if a member is named and the broker is older than 2.5.
    /// After [`Error::maybe_written`](crate::Error) of a transaction begun by version 1, look at
    /// the [committed offsets](Self::committed_offsets) after the next one: the lost request may
    /// have changed them (KAFKA-17754).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the offsets may be in the transaction or not: abort it.
    pub async fn commit_offsets(
        &self,
        transaction: &BegunTransaction,
        group: &ConsumerGroupMetadata,
        offsets: impl IntoIterator<Item = GroupOffset>,
    ) -> Vec<PartitionOutcome> {
        let by_partition = |offset: GroupOffset| ((offset.topic.clone(), offset.partition), offset);
        let offsets: BTreeMap<_, _> = offsets.into_iter().map(by_partition).collect();
        let wanted: Vec<_> = offsets.keys().cloned().collect();
        let commit =
            OffsetCommit { transaction: transaction.clone(), group: group.clone(), offsets };
        let whom = Whom::Coordinator(KeyType::Group, &group.group_id);
        rounds::run(&self.cluster, whom, &commit, wanted).await
    }
}

#[derive(Clone, Debug)]
struct OffsetCommit {
    transaction: BegunTransaction,
    group: ConsumerGroupMetadata,
    offsets: BTreeMap<TopicPartition, GroupOffset>,
}

impl Question for OffsetCommit {
    type Request = TxnOffsetCommitRequest;
    type Found = ();

    /// Version 5 adds the group to the transaction. Later ones name topics by their ids.
    fn versions(&self) -> RangeInclusive<i16> {
        match self.transaction.version {
            TransactionVersion::V1 => 0..=4,
            TransactionVersion::V2 => 5..=5,
        }
    }

    fn request(&self, partitions: &[TopicPartition], _: i16) -> TxnOffsetCommitRequest {
        let partition = |name: &Str, index| {
            let found = self.offsets.get(&((&**name).into(), index))?;
            Some(TxnOffsetCommitRequestPartition {
                partition_index: index,
                committed_offset: found.offset,
                committed_leader_epoch: found.leader_epoch,
                committed_metadata: Some(found.metadata.as_str().into()),
            })
        };
        let topic = |name: Str, numbers: Vec<i32>| TxnOffsetCommitRequestTopic {
            partitions: numbers.into_iter().filter_map(|index| partition(&name, index)).collect(),
            name,
            ..Default::default()
        };
        TxnOffsetCommitRequest {
            transactional_id: self.transaction.transactional_id.as_str().into(),
            group_id: self.group.group_id.as_str().into(),
            producer_id: self.transaction.producer.id,
            producer_epoch: self.transaction.producer.epoch,
            generation_id_or_member_epoch: self.group.generation_id,
            member_id: self.group.member_id.as_str().into(),
            group_instance_id: self.group.group_instance_id.as_deref().map(Into::into),
            topics: by_topic(partitions, topic),
        }
    }

    fn read(
        &self,
        of: &TopicPartition,
        _: i16,
        response: &TxnOffsetCommitResponse,
    ) -> Option<Said<()>> {
        let topics = response.topics.iter().map(|topic| (&topic.name, &topic.partitions));
        let found = part_of(of, topics, |found| found.partition_index)?;
        Some(Said::code(found.error_code))
    }
}
