//! DescribeProducers: who writes to partitions, and where transactions are open.

use std::ops::RangeInclusive;
use std::sync::Arc;

use kurier_protocol::api::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, ProducerState, TopicRequest,
};

use super::handle::Transactions;
use super::outcome::{PartitionOutcome, TopicPartition};
use super::rounds::{self, Question, Said, Whom, by_topic, part_of};

/// An idempotent or transactional producer that a partition remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// The producer id.
    pub producer_id: i64,
    /// Its highest epoch there.
    pub producer_epoch: i32,
    /// The sequence number of its last record; -1 if there is none.
    pub last_sequence: i32,
    /// When it wrote last, in milliseconds since 1970; -1 if that is not known.
    pub last_timestamp: i64,
    /// The epoch of the coordinator that wrote its last marker; negative if there is none.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins; none if none is open.
    pub transaction_start: Option<i64>,
}

impl Transactions {
    /// Who writes to these partitions, as their leaders know it (KIP-664, Kafka 2.8). A
    /// transaction that is open here although its coordinator has ended it hangs: nobody reads
    /// past it in committed isolation until [`write_marker`](Self::write_marker) ends it.
    ///
    /// # Errors
    ///
    /// In each outcome: [`Error::UnknownTopic`](crate::Error), TOPIC_AUTHORIZATION_FAILED, and
    /// whatever a broker said last when time ran out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops it; nothing is changed by it.
    pub async fn producers<T: Into<Arc<str>>>(
        &self,
        partitions: impl IntoIterator<Item = (T, i32)>,
    ) -> Vec<PartitionOutcome<Vec<ActiveProducer>>> {
        rounds::run(&self.cluster, Whom::Leaders, &Producers, partitions).await
    }
}

#[derive(Clone, Copy, Debug)]
struct Producers;

impl Question for Producers {
    type Request = DescribeProducersRequest;
    type Found = Vec<ActiveProducer>;

    fn versions(&self) -> RangeInclusive<i16> {
        0..=i16::MAX
    }

    fn request(&self, partitions: &[TopicPartition], _: i16) -> DescribeProducersRequest {
        let topic = |name, partition_indexes| TopicRequest { name, partition_indexes };
        DescribeProducersRequest { topics: by_topic(partitions, topic) }
    }

    fn read(
        &self,
        of: &TopicPartition,
        _: i16,
        response: &DescribeProducersResponse,
    ) -> Option<Said<Vec<ActiveProducer>>> {
        let topics = response.topics.iter().map(|topic| (&topic.name, &topic.partitions));
        let found = part_of(of, topics, |found| found.partition_index)?;
        Some(Said {
            code: found.error_code,
            words: found.error_message.clone(),
            found: found.active_producers.iter().map(active).collect(),
        })
    }
}

fn active(state: &ProducerState) -> ActiveProducer {
    let start = state.current_txn_start_offset;
    ActiveProducer {
        producer_id: state.producer_id,
        producer_epoch: state.producer_epoch,
        last_sequence: state.last_sequence,
        last_timestamp: state.last_timestamp,
        coordinator_epoch: state.coordinator_epoch,
        transaction_start: (start >= 0).then_some(start),
    }
}
