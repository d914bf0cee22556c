//! Which batches a reader of committed records passes over (KIP-98).
//!
//! A log holds the records of open and aborted transactions among all others. A Fetch answer with
//! `isolation_level` 1 ends where the first open transaction begins, and lists the aborted ones
//! that have records in it; passing over those is the reader's part. Records are not marked one by
//! one: from the listed offset on, all transactional batches of the producer are aborted, until
//! the marker that ends the transaction.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::batch::{RecordBatch, RecordBatches};
use super::compression::DecompressLimits;
use super::control::ControlType;
use super::error::RecordError;
use crate::api::fetch::AbortedTransaction;

/// What a reader of committed records does with a batch. Its position moves over each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Reads it: it is committed, or was never part of a transaction.
    Committed,
    /// Passes over it: its transaction was aborted.
    Aborted,
    /// Passes over it: it holds no data but markers.
    Control,
}

/// Tells committed batches from others, in one partition of one Fetch answer.
#[derive(Debug, Clone, Default)]
pub struct AbortedTransactions {
    /// First offset and producer of those that begin further on; the next one last.
    ahead: Vec<(i64, i64)>,
    /// Producers in the midst of one.
    producers: BTreeSet<i64>,
    /// What a marker may unpack to.
    limits: DecompressLimits,
}

impl AbortedTransactions {
    /// Takes the list of a Fetch answer, in any order. It may be empty, name transactions that
    /// ended or begin elsewhere, and name one twice.
    #[must_use]
    pub fn new(listed: &[AbortedTransaction]) -> Self {
        let begins = |listed: &AbortedTransaction| (listed.first_offset, listed.producer_id);
        let mut ahead: Vec<_> = listed.iter().map(begins).collect();
        ahead.sort_unstable_by(|a, b| b.cmp(a));
        Self { ahead, ..Self::default() }
    }

    /// Opens batches of markers within these limits. Default: those of [`DecompressLimits`].
    #[must_use]
    pub const fn with_limits(mut self, limits: DecompressLimits) -> Self {
        self.limits = limits;
        self
    }

    /// What to do with the next batch. Batches must come in their order, each of them once.
    ///
    /// # Errors
    /// A marker cannot be read: whether the records behind it are committed is not known. It may be
    /// damaged, or unpack to more than the limits allow.
    pub fn fate(&mut self, batch: &RecordBatch) -> Result<Fate, RecordError> {
        while let Some((_, producer)) = self.ahead.pop_if(|next| next.0 <= batch.last_offset()) {
            self.producers.insert(producer);
        }
        if batch.is_control() {
            if self.producers.contains(&batch.producer_id())
                && ends_transaction(batch, &self.limits)?
            {
                self.producers.remove(&batch.producer_id());
            }
            return Ok(Fate::Control);
        }
        let is_aborted = batch.is_transactional() && self.producers.contains(&batch.producer_id());
        Ok(if is_aborted { Fate::Aborted } else { Fate::Committed })
    }

    /// The batches in a `records` field that a reader of committed records gets; those that it
    /// passes over are hidden, as [`committed`] says.
    pub fn committed(
        mut self,
        records: Bytes,
    ) -> impl Iterator<Item = Result<RecordBatch, RecordError>> + use<> {
        let mut batches = RecordBatches::new(records);
        let mut is_broken = false;
        std::iter::from_fn(move || {
            while !is_broken {
                let batch = batches.next()?;
                let judged = batch.and_then(|batch| Ok((self.fate(&batch)?, batch)));
                match judged {
                    Ok((Fate::Committed, batch)) => return Some(Ok(batch)),
                    Ok(_) => {}
                    Err(error) => {
                        is_broken = true;
                        return Some(Err(error));
                    }
                }
            }
            None
        })
    }
}

/// The batches in a `records` field that a reader of committed records gets, given the aborted
/// transactions that came with it.
///
/// ```
/// use bytes::BytesMut;
/// use kurier_protocol::api::fetch::AbortedTransaction;
/// use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal, committed};
///
/// let batch = |producer_id, base_offset| {
///     let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
///     writer.append(&RecordParts { timestamp: 0, ..RecordParts::default() })?;
///     let (producer_epoch, base_sequence) = (0, 0);
///     let is_transactional = true;
///     writer.seal(&Seal {
///         base_offset, producer_id, producer_epoch, base_sequence, is_transactional,
///         ..Seal::default()
///     })
/// };
/// let records = [batch(7, 10)?, batch(8, 11)?, batch(7, 12)?].concat();
/// let aborted = [AbortedTransaction { producer_id: 7, first_offset: 10 }];
/// let offsets: Result<Vec<_>, _> =
///     committed(records.into(), &aborted).map(|batch| Ok(batch?.base_offset())).collect();
/// assert_eq!(offsets?, [11]);
/// # Ok::<(), kurier_protocol::record::RecordError>(())
/// ```
///
/// An iteration ends at the first error, as that of [`RecordBatches`] does.
///
/// # Where to go on
///
/// Aborted batches and those of markers are hidden, and an answer may end with them or hold nothing
/// else. A reader that asks next for the offset behind the last batch it got here would then read
/// the hidden ones again, or stand still for ever. Its position has to move behind the last whole
/// batch of the answer, hidden or not: either take that offset from [`RecordBatches`] over the same
/// bytes (a clone is cheap), or walk them with [`AbortedTransactions::fate`] in place of this, and
/// move over each batch.
///
/// Batches of markers are opened within the default limits;
/// [`AbortedTransactions::with_limits`] sets others.
pub fn committed(
    records: Bytes,
    aborted: &[AbortedTransaction],
) -> impl Iterator<Item = Result<RecordBatch, RecordError>> + use<> {
    AbortedTransactions::new(aborted).committed(records)
}

/// Whether a control batch holds the marker that ends a transaction of its producer. Committed or
/// aborted makes no difference: whatever was open is not any more. One that compaction has emptied
/// says nothing.
fn ends_transaction(batch: &RecordBatch, limits: &DecompressLimits) -> Result<bool, RecordError> {
    let open = batch.open(limits)?;
    let Some(marker) = open.records().next() else { return Ok(false) };
    Ok(match ControlType::of(&marker?)? {
        ControlType::Abort | ControlType::Commit => true,
        ControlType::Other(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::record::{BatchWriter, Magic, RecordParts, Seal};

    /// One batch of a log, by its producer.
    #[derive(Clone, Copy)]
    enum Batch {
        /// One record of a transaction.
        Data(i64),
        /// Five records of a transaction.
        Five(i64),
        /// One record of an idempotent producer, outside of transactions.
        Plain(i64),
        Commit(i64),
        Abort(i64),
        /// A marker that compaction has emptied.
        Emptied(i64),
        /// A control record that ends no transaction.
        Other(i64),
        /// A record of magic 1.
        Old,
    }
    use Batch::*;

    fn bytes(batch: Batch, base_offset: i64) -> Bytes {
        let seal = |producer_id| Seal {
            base_offset,
            producer_id,
            producer_epoch: 0,
            is_transactional: true,
            ..Seal::default()
        };
        let data = |magic, count, seal: &Seal| {
            let mut writer = BatchWriter::new(BytesMut::new(), magic, 0);
            for _ in 0..count {
                writer.append(&RecordParts { timestamp: 0, ..RecordParts::default() }).unwrap();
            }
            writer.seal(seal).unwrap()
        };
        let control = |producer, key: &[u8]| {
            let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
            let (key, value) = (Some(key), Some(&[0; 6][..]));
            let record = RecordParts { timestamp: 0, key, value, headers: &[] };
            writer.append(&record).unwrap();
            writer.seal(&Seal { is_control: true, ..seal(producer) }).unwrap()
        };
        match batch {
            Data(producer) => data(Magic::V2, 1, &seal(producer)),
            Five(producer) => data(Magic::V2, 5, &seal(producer)),
            Plain(producer) => {
                data(Magic::V2, 1, &Seal { is_transactional: false, ..seal(producer) })
            }
            Old => data(Magic::V1, 1, &Seal { base_offset, ..Seal::default() }),
            Commit(producer) => control(producer, &[0, 0, 0, 1]),
            Abort(producer) => control(producer, &[0, 0, 0, 0]),
            Other(producer) => control(producer, &[0, 0, 0, 2]),
            Emptied(producer) => data(Magic::V2, 0, &Seal { is_control: true, ..seal(producer) }),
        }
    }

    fn log(batches: &[Batch]) -> Bytes {
        let mut offset = 10;
        let mut log = Vec::new();
        for &batch in batches {
            log.extend_from_slice(&bytes(batch, offset));
            offset += if matches!(batch, Five(_)) { 5 } else { 1 };
        }
        log.into()
    }

    /// Batches from offset 10 on, aborted transactions as (producer, first offset), and the base
    /// offsets that are committed.
    #[track_caller]
    fn check(batches: &[Batch], aborted: &[(i64, i64)], expected: &[i64]) {
        let listed = |&(producer_id, first_offset): &(i64, i64)| AbortedTransaction {
            producer_id,
            first_offset,
        };
        let aborted: Vec<_> = aborted.iter().map(listed).collect();
        let offsets: Vec<_> =
            committed(log(batches), &aborted).map(|b| b.unwrap().base_offset()).collect();
        assert_eq!(offsets, expected);
    }

    #[test]
    fn without_a_list_everything_but_control_batches_is_committed() {
        check(&[Data(1), Plain(2), Commit(1), Old, Abort(3), Other(-1)], &[], &[10, 11, 13]);
        check(&[], &[], &[]);
    }

    #[test]
    fn a_transaction_is_passed_over_from_its_first_offset_to_its_marker() {
        check(&[Data(1), Data(1), Abort(1), Data(1), Commit(1)], &[(1, 10)], &[13]);
        check(&[Data(1), Commit(1), Data(1), Abort(1), Data(1)], &[(1, 12)], &[10, 14]);
    }

    #[test]
    fn only_transactional_batches_of_that_producer_are_passed_over() {
        check(&[Data(1), Data(2), Plain(1), Old, Data(1)], &[(1, 10)], &[11, 12, 13]);
    }

    #[test]
    fn the_order_of_the_list_does_not_matter() {
        let batches =
            [Data(1), Data(2), Data(3), Abort(2), Data(2), Abort(1), Commit(3), Data(1), Abort(2)];
        let mut list = [(2, 14), (1, 10), (2, 11)];
        for _ in 0..list.len() {
            list.rotate_left(1);
            check(&batches, &list, &[12, 17]);
        }
        list.reverse();
        check(&batches, &list, &[12, 17]);
    }

    #[test]
    fn transactions_of_one_producer_are_told_apart() {
        let batches = [Data(1), Abort(1), Data(1), Commit(1), Data(1), Abort(1), Data(1)];
        check(&batches, &[(1, 10), (1, 14)], &[12, 16]);
    }

    #[test]
    fn a_transaction_that_began_before_the_answer_is_passed_over() {
        check(&[Data(1), Abort(1), Data(1)], &[(1, 3)], &[12]);
    }

    #[test]
    fn a_first_offset_inside_of_a_batch_covers_the_batch() {
        check(&[Five(1), Data(1), Abort(1), Data(1)], &[(1, 12)], &[17]);
    }

    #[test]
    fn without_its_marker_a_transaction_is_passed_over_to_the_end() {
        check(&[Data(1), Data(2), Data(1)], &[(1, 10)], &[11]);
    }

    #[test]
    fn a_second_marker_for_one_abort_changes_nothing() {
        check(&[Data(1), Abort(1), Abort(1), Data(1)], &[(1, 10)], &[13]);
        check(&[Abort(1), Data(1), Abort(1), Data(1)], &[(1, 11)], &[13]);
    }

    #[test]
    fn a_transaction_listed_twice_ends_with_its_one_marker() {
        check(&[Data(1), Data(1), Abort(1), Data(1)], &[(1, 10), (1, 10), (1, 11)], &[13]);
    }

    #[test]
    fn a_marker_whose_records_were_compacted_away_ends_the_transaction() {
        check(&[Data(2), Abort(1), Data(1)], &[(1, 5)], &[10, 12]);
    }

    #[test]
    fn any_end_of_a_transaction_ends_it_though_the_list_says_otherwise() {
        check(&[Data(1), Commit(1), Data(1)], &[(1, 10)], &[12]);
    }

    #[test]
    fn other_control_records_and_emptied_ones_end_nothing() {
        check(&[Data(1), Emptied(1), Other(1), Data(1)], &[(1, 10)], &[]);
    }

    #[test]
    fn transactions_that_lie_elsewhere_change_nothing() {
        check(&[Data(1), Plain(2)], &[(7, 10), (1, 99), (-1, 10), (1, i64::MAX)], &[10, 11]);
    }

    #[test]
    fn a_control_batch_at_the_end_is_not_given_out() {
        check(&[Data(1), Commit(1)], &[], &[10]);
        check(&[Data(1), Abort(1)], &[(1, 10)], &[]);
    }

    #[test]
    fn fates_are_told_for_every_batch() {
        let listed = [AbortedTransaction { producer_id: 1, first_offset: 10 }];
        let mut aborted = AbortedTransactions::new(&listed);
        let batches = RecordBatches::new(log(&[Data(1), Data(2), Abort(1)]));
        let fates: Vec<_> = batches.map(|b| aborted.fate(&b.unwrap()).unwrap()).collect();
        assert_eq!(fates, [Fate::Aborted, Fate::Committed, Fate::Control]);
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn a_marker_unpacks_within_the_readers_limits() {
        let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
        let (key, value) = (Some(&[0; 4][..]), Some(&[0; 5000][..]));
        writer.append(&RecordParts { timestamp: 0, key, value, headers: &[] }).unwrap();
        let compression = crate::record::Compression::Gzip;
        let seal = Seal {
            base_offset: 11,
            compression,
            producer_id: 1,
            producer_epoch: 0,
            is_transactional: true,
            is_control: true,
            ..Seal::default()
        };
        let marker = writer.seal(&seal).unwrap();
        let records = Bytes::from([bytes(Data(1), 10), marker, bytes(Data(1), 12)].concat());
        let listed = [AbortedTransaction { producer_id: 1, first_offset: 10 }];
        let read = |bytes_max| {
            let limits = DecompressLimits { bytes_max, ..DecompressLimits::default() };
            let aborted = AbortedTransactions::new(&listed).with_limits(limits);
            aborted.committed(records.clone()).map(|batch| Ok(batch?.base_offset())).collect()
        };
        let offsets: Result<Vec<_>, RecordError> = read(6000);
        assert_eq!(offsets.unwrap(), [12]);
        let refused = RecordError::LimitExceeded { codec: compression, bytes_max: 4000 };
        assert_eq!(read(4000), Err(refused));
    }

    #[test]
    fn a_marker_that_cannot_be_read_is_an_error_and_the_end() {
        let mut bytes = log(&[Data(1), Data(2), Abort(1), Data(1)]).to_vec();
        let marker = bytes.len() - 2 * 61;
        bytes[marker] ^= 1;
        let listed = [AbortedTransaction { producer_id: 1, first_offset: 10 }];
        let mut rest = committed(bytes.into(), &listed);
        assert_eq!(rest.next().unwrap().unwrap().base_offset(), 11);
        assert!(matches!(rest.next(), Some(Err(RecordError::CrcMismatch { .. }))));
        assert!(rest.next().is_none());
    }
}
