//! Core: how a batch is sealed that stands for another one: by the same producer, at its place.

use kurier_protocol::record::{RecordBatch, Seal};

/// The seal of a batch, but for what its records decide.
pub(crate) fn seal_of(batch: &RecordBatch) -> Seal {
    Seal {
        compression: batch.compression(),
        base_offset: batch.base_offset(),
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        is_transactional: batch.is_transactional(),
        is_control: batch.is_control(),
        partition_leader_epoch: batch.partition_leader_epoch(),
        ..Seal::default()
    }
}
