//! Core: which batches of an answer belong to aborted transactions (KIP-98).

use std::collections::BTreeSet;

use kurier_protocol::api::fetch::AbortedTransaction;
use kurier_protocol::record::control::ControlType;
use kurier_protocol::record::{DecompressLimits, RecordBatch};

/// Goes through the batches of one partition of one answer, in order.
#[derive(Debug, Default)]
pub(crate) struct Aborted {
    /// Transactions that begin further on; the next one last.
    ahead: Vec<AbortedTransaction>,
    /// Producers in the midst of one.
    producers: BTreeSet<i64>,
}

impl Aborted {
    pub(crate) fn new(mut transactions: Vec<AbortedTransaction>) -> Self {
        transactions.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self { ahead: transactions, producers: BTreeSet::new() }
    }

    /// Whether the next batch is part of an aborted transaction.
    pub(crate) fn covers(&mut self, batch: &RecordBatch) -> bool {
        while let Some(begun) = self.ahead.pop_if(|t| t.first_offset <= batch.last_offset()) {
            self.producers.insert(begun.producer_id);
        }
        if !batch.is_transactional() || !self.producers.contains(&batch.producer_id()) {
            return false;
        }
        if batch.is_control() && is_abort(batch) {
            self.producers.remove(&batch.producer_id());
        }
        true
    }
}

/// Whether the batch is the marker that ends an aborted transaction.
fn is_abort(batch: &RecordBatch) -> bool {
    // A marker that cannot be read ends nothing; its batch is never given to anyone.
    let Ok(open) = batch.open(&DecompressLimits::default()) else { return false };
    let kind = open.records().next().and_then(|record| ControlType::of(&record.ok()?).ok());
    kind == Some(ControlType::Abort)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kurier_protocol::record::control::EndTransaction;
    use kurier_protocol::record::{BatchWriter, Magic, RecordBatches, RecordParts, Seal};

    use super::*;

    fn only(bytes: bytes::Bytes) -> RecordBatch {
        RecordBatches::new(bytes).next().unwrap().unwrap()
    }

    fn data(offset: i64, producer_id: i64) -> RecordBatch {
        let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
        writer.append(&RecordParts::default()).unwrap();
        only(
            writer
                .seal(&Seal {
                    base_offset: offset,
                    producer_id,
                    is_transactional: producer_id >= 0,
                    ..Seal::default()
                })
                .unwrap(),
        )
    }

    fn marker(offset: i64, producer_id: i64, marker: EndTransaction) -> RecordBatch {
        let seal = Seal { base_offset: offset, producer_id, ..Seal::default() };
        only(marker.to_batch(0, &seal).unwrap())
    }

    #[test]
    fn covers_a_transaction_from_its_first_offset_to_its_marker() {
        let abort = EndTransaction { is_committed: false, coordinator_epoch: 0 };
        let commit = EndTransaction { is_committed: true, ..abort };
        let of = |producer_id, first_offset| AbortedTransaction { producer_id, first_offset };
        let mut aborted = Aborted::new(vec![of(7, 12), of(5, 10)]);
        let rows = [
            (data(9, 5), false),
            (data(10, 5), true),
            (data(11, 7), false),
            (data(12, 7), true),
            (data(13, -1), false),
            (marker(14, 5, abort), true),
            (data(15, 5), false),
            (data(16, 7), true),
            (marker(17, 7, abort), true),
            (marker(18, 5, commit), false),
        ];
        for (batch, covered) in rows {
            assert_eq!(aborted.covers(&batch), covered, "{}", batch.base_offset());
        }
    }
}
