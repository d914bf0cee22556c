//! WriteTxnMarkers: ends a transaction in partitions where it hangs.

use std::ops::RangeInclusive;
use std::sync::Arc;

use kurier_protocol::api::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

use super::handle::Transactions;
use super::identity::{ProducerIdAndEpoch, TransactionEnd, TransactionVersion};
use super::outcome::{PartitionOutcome, TopicPartition};
use super::rounds::{self, Question, Said, Whom, by_topic, part_of};

/// A marker that ends a transaction in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionMarker {
    /// Whose transaction it is. A leader that knows a higher epoch refuses.
    pub producer: ProducerIdAndEpoch,
    /// The rules that it was begun by. Brokers before 4.2 are not told.
    pub version: TransactionVersion,
    /// How it ends.
    pub end: TransactionEnd,
    /// The epoch of the coordinator that ends it, as
    /// [`ActiveProducer::coordinator_epoch`](super::ActiveProducer) has it, or 0 if that is
    /// negative. A leader that knows a higher one refuses.
    pub coordinator_epoch: i32,
}

impl Transactions {
    /// Ends a transaction in these partitions alone, past its coordinator (KIP-664); says for
    /// each whether that succeeded. It is for partitions where a transaction
    /// [is open](Self::producers) although its coordinator knows of no such transaction, or has
    /// ended it: whoever ends an open one so tears it apart. Needs ALTER on the cluster.
    ///
    /// # Errors
    ///
    /// In each outcome: CLUSTER_AUTHORIZATION_FAILED, INVALID_PRODUCER_EPOCH,
    /// TRANSACTION_COORDINATOR_FENCED, and whatever a broker said last when time ran out. After
    /// [`Error::maybe_written`](crate::Error) look at the [producers](Self::producers) again.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the marker may be written or not.
    pub async fn write_marker<T: Into<Arc<str>>>(
        &self,
        marker: &TransactionMarker,
        partitions: impl IntoIterator<Item = (T, i32)>,
    ) -> Vec<PartitionOutcome> {
        rounds::run(&self.cluster, Whom::Leaders, marker, partitions).await
    }
}

impl Question for TransactionMarker {
    type Request = WriteTxnMarkersRequest;
    type Found = ();

    fn versions(&self) -> RangeInclusive<i16> {
        0..=i16::MAX
    }

    fn request(&self, partitions: &[TopicPartition], _: i16) -> WriteTxnMarkersRequest {
        let topic = |name, partition_indexes| WritableTxnMarkerTopic { name, partition_indexes };
        let marker = WritableTxnMarker {
            producer_id: self.producer.id,
            producer_epoch: self.producer.epoch,
            transaction_result: self.end == TransactionEnd::Commit,
            topics: by_topic(partitions, topic),
            coordinator_epoch: self.coordinator_epoch,
            transaction_version: match self.version {
                TransactionVersion::V1 => 1,
                TransactionVersion::V2 => 2,
            },
        };
        WriteTxnMarkersRequest { markers: vec![marker] }
    }

    fn read(
        &self,
        of: &TopicPartition,
        _: i16,
        response: &WriteTxnMarkersResponse,
    ) -> Option<Said<()>> {
        let markers = response.markers.iter();
        let mine = markers.filter(|marker| marker.producer_id == self.producer.id);
        let topics = mine.flat_map(|marker| &marker.topics);
        let topics = topics.map(|topic| (&topic.name, &topic.partitions));
        let found = part_of(of, topics, |found| found.partition_index)?;
        Some(Said::code(found.error_code))
    }
}
