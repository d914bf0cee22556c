//! AddPartitionsToTxn and AddOffsetsToTxn: what a transaction below version 2 will write to.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::api::add_offsets_to_txn::AddOffsetsToTxnRequest;
use kurier_protocol::api::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AddPartitionsToTxnTopic,
};

use super::attempt::decide;
use super::handle::Transactions;
use super::identity::BegunTransaction;
use super::outcome::{PartitionOutcome, TopicPartition};
use super::rounds::{self, Question, Said, Whom, by_topic, part_of};
use crate::error::Error;
use crate::metadata::KeyType;

impl Transactions {
    /// Adds partitions to a transaction, before the first records go to them; says for each whether
    /// that succeeded. The first ones begin it: from then on its timeout runs. Brokers add them by
    /// themselves to transactions of version 2, which have no need of this.
    ///
    /// What was added before stays added if one fails. Those that are asked for together are added
    /// together or not at all: beside a partition that is refused, the others are answered
    /// OPERATION_NOT_ATTEMPTED.
    ///
    /// # Errors
    ///
    /// In each outcome: fatal ones if another producer has taken over, others ask for an abort
    /// ([`Error::requires_abort`]). After [`Error::maybe_written`] ask again, and take the id
    /// over ([`init_producer_id`](Self::init_producer_id)) before its next transaction.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the partitions may be added or not: abort the transaction.
    pub async fn add_partitions<T: Into<Arc<str>>>(
        &self,
        to: &BegunTransaction,
        partitions: impl IntoIterator<Item = (T, i32)>,
    ) -> Vec<PartitionOutcome> {
        let whom = Whom::Coordinator(KeyType::Transaction, &to.transactional_id);
        rounds::run(&self.cluster, whom, &Addition(to.clone()), partitions).await
    }

    /// Announces to a transaction that offsets of a group will be committed in it. Brokers do it
    /// by themselves for transactions of version 2.
    ///
    /// # Errors
    ///
    /// As [`add_partitions`](Self::add_partitions).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the group may be added or not: abort the transaction.
    pub async fn add_offsets(&self, to: &BegunTransaction, group_id: &str) -> Result<(), Error> {
        let request = AddOffsetsToTxnRequest {
            transactional_id: to.transactional_id.as_str().into(),
            producer_id: to.producer.id,
            producer_epoch: to.producer.epoch,
            group_id: group_id.into(),
        };
        let make = move |_| request.clone();
        let id = &to.transactional_id;
        decide(&self.cluster, id, 0..=i16::MAX, make, |r| r.error_code).await?;
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Addition(BegunTransaction);

impl Question for Addition {
    type Request = AddPartitionsToTxnRequest;
    type Found = ();

    /// Later versions are for brokers.
    fn versions(&self) -> RangeInclusive<i16> {
        0..=3
    }

    /// The last transaction is about to end. So soon asks Java, too.
    fn first_wait(&self) -> Option<Duration> {
        Some(Duration::from_millis(20))
    }

    fn request(&self, partitions: &[TopicPartition], _: i16) -> AddPartitionsToTxnRequest {
        let topic = |name, partitions| AddPartitionsToTxnTopic { name, partitions };
        AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.0.transactional_id.as_str().into(),
            v3_and_below_producer_id: self.0.producer.id,
            v3_and_below_producer_epoch: self.0.producer.epoch,
            v3_and_below_topics: by_topic(partitions, topic),
            ..Default::default()
        }
    }

    fn read(
        &self,
        of: &TopicPartition,
        _: i16,
        response: &AddPartitionsToTxnResponse,
    ) -> Option<Said<()>> {
        let topics = &response.results_by_topic_v3_and_below;
        let topics = topics.iter().map(|topic| (&topic.name, &topic.results_by_partition));
        let found = part_of(of, topics, |found| found.partition_index)?;
        Some(Said::code(found.partition_error_code))
    }
}
