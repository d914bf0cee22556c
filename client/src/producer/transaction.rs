//! Core: the life of a transactional producer: as whom it writes, what comes next, and what an
//! answer means for the transaction and for those after it.
//!
//! Below version 2 all transactions of an epoch look alike to a coordinator, so that a request of
//! one that comes late acts on the next (KAFKA-17754). So after any attempt whose answer was lost,
//! even if its retry succeeded, the epoch is raised before the next transaction; and as a late
//! TxnOffsetCommit may even then take offsets away, those of the next commit are read back. For
//! the same reason such a transaction is not aborted by EndTxn, after which partitions would take a
//! late Produce, but by the raising of its epoch, which they then hear of.
//!
//! A cluster may go back to older rules in mid-transaction. Brokers refuse requests of version 2
//! then: the transaction is aborted, and the rules are asked for before the next one.
//!
//! A commit is done when its partitions have heard of it, and what was aborted is made sure of
//! before the next transaction begins (`clearing.rs`).

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use kurier_protocol::{ApiKey, ErrorCode};

use super::clearing::{Clear, Clearing, LastWrite};
use crate::error::{
    Error, TransactionFate, means_nothing_open, means_old_rules, means_still_ending,
    means_wrong_epoch,
};
use crate::transactions::{
    BegunTransaction, ProducerIdAndEpoch, TopicPartition, TransactionEnd, TransactionVersion,
};

/// A transactional producer.
///
/// ```text
///         begin            a request that may begin it
/// Idle ----------> Open, nothing sent ----> Open, perhaps or surely begun
///  ^                |    |                      |             | commit, abort
///  |  commit, abort |    '--> Doomed <----------'             |
///  |  (no request)  |       a record or a step failed         |
///  |                |            | abort                      v
///  '----------------'            '----------------------> Ending, until EndTxn is answered
///  ^                                                          |            | a commit
///  |                               all have heard of it       | an abort   v
///  '----------------------------------------------------------'<------ Committed
///
/// Over: another producer has taken over, or nobody knows what may be done; from every state
/// ```
#[derive(Debug)]
pub(crate) struct Life {
    id: Arc<str>,
    producer: Option<ProducerIdAndEpoch>,
    /// The rules of the transaction, or of the last one.
    version: TransactionVersion,
    phase: Phase,
    /// What may be known of the transaction to brokers.
    trace: Trace,
    /// Whether the epoch must be raised before the next transaction.
    is_suspect: bool,
    next_epoch: NextEpoch,
    /// Whether the rules may be others now.
    doubts_rules: bool,
    /// The number of the next record of each partition in this epoch.
    numbers: Numbers,
    late_offsets: LateOffsets,
    /// Who may not have heard of an abort.
    clearing: Clearing,
}

/// The numbers of the next records, by partition.
pub(crate) type Numbers = BTreeMap<TopicPartition, i32>;

#[derive(Debug)]
enum Phase {
    Idle,
    Open,
    Doomed(Error),
    Ending {
        end: TransactionEnd,
        /// Whether an answer was lost.
        is_lost: bool,
    },
    /// The coordinator has committed it.
    Committed,
    Over(Error),
}

/// What brokers may know of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trace {
    /// Nothing: it was not begun, and is not ended.
    #[default]
    Nothing,
    /// It may be begun.
    Perhaps,
    Begun,
}

/// Whether a TxnOffsetCommit may come late, and take offsets of a later transaction away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LateOffsets {
    No,
    /// One of this transaction may.
    Sent,
    /// One of a transaction before this one may.
    Due,
}

/// What comes before a transaction can begin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// The last one must be ended so.
    End(TransactionEnd),
    /// The id is to be taken over.
    TakeOver,
    /// The epoch is to be raised.
    Renew(ProducerIdAndEpoch),
    /// Partitions are to hear of an abort, by a transaction of this producer.
    Clear(ProducerIdAndEpoch, Clear),
    Ready,
}

/// Whose the epoch after this producer's is, once this one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NextEpoch {
    /// Another producer has taken over.
    Foreign,
    /// Perhaps it was raised for this producer, and perhaps for another one.
    Unknown,
    /// This producer's: something was open, and whoever takes the id over then gets the epoch
    /// after the next one.
    Own,
}

/// What ends a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing: no broker knows of it. It has ended.
    Nothing,
    /// EndTxn.
    Call(BegunTransaction, TransactionEnd),
    /// It is aborted by raising the epoch of this producer.
    Fence(ProducerIdAndEpoch),
    /// It is committed: to be seen is whether all of it is there.
    Check,
}

/// What an answer to EndTxn means.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The transaction has ended so.
    Done(TransactionEnd),
    /// It is committed, and that is to be looked at.
    Check,
    /// Nobody knows, or not yet: the same is to be asked again.
    Again(Error),
    /// It has not, and asking again is of no use.
    Failed(Error),
}

/// What the records of a transaction have come to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) trace: Trace,
    /// Whether an answer to AddPartitionsToTxn was lost.
    pub(crate) is_suspect: bool,
    /// Why one was not delivered.
    pub(crate) failure: Option<Error>,
    /// How numbers go on; none if that is not certain.
    pub(crate) numbers: Option<Numbers>,
}

impl Life {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            producer: None,
            version: TransactionVersion::V1,
            phase: Phase::Idle,
            trace: Trace::Nothing,
            is_suspect: false,
            next_epoch: NextEpoch::Foreign,
            doubts_rules: false,
            numbers: Numbers::new(),
            late_offsets: LateOffsets::No,
            clearing: Clearing::default(),
        }
    }

    /// Whether no transaction can begin any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    /// The rules of the transaction, or of the last one.
    pub(crate) fn version(&self) -> TransactionVersion {
        self.version
    }

    /// Whether the rules are to be asked for anew before the next transaction.
    pub(crate) fn doubts_rules(&self) -> bool {
        self.doubts_rules
    }

    /// They were.
    pub(crate) fn handle_rules(&mut self) {
        self.doubts_rules = false;
    }

    /// What is to be done before a transaction can begin by these rules.
    ///
    /// # Errors
    ///
    /// None can begin any more.
    pub(crate) fn poll_begin(&self, version: TransactionVersion) -> Result<Begin, Error> {
        match &self.phase {
            Phase::Over(error) => return Err(error.clone()),
            Phase::Open | Phase::Doomed(_) => return Ok(Begin::End(TransactionEnd::Abort)),
            Phase::Ending { end, .. } => return Ok(Begin::End(*end)),
            Phase::Committed => return Ok(Begin::End(TransactionEnd::Commit)),
            Phase::Idle => {}
        }
        if let Some((known, clear)) = self.poll_clear() {
            return Ok(Begin::Clear(known, clear));
        }
        Ok(match self.producer {
            None => Begin::TakeOver,
            // The rules change with the epoch (KIP-890).
            Some(known) if self.is_suspect || self.version != version => Begin::Renew(known),
            Some(_) => Begin::Ready,
        })
    }

    /// What partitions have yet to hear of an abort, and from whom.
    pub(crate) fn poll_clear(&self) -> Option<(ProducerIdAndEpoch, Clear)> {
        let is_idle = matches!(self.phase, Phase::Idle);
        self.producer.filter(|_| is_idle).zip(self.clearing.poll())
    }

    /// What this was written in was aborted, or is by the takeover of the id.
    pub(crate) fn handle_aborted(&mut self, written: Vec<LastWrite>) {
        self.clearing.push(written);
    }

    /// These partitions may not have heard that what was in them is aborted.
    pub(crate) fn handle_look(&mut self, doubtful: Vec<LastWrite>) {
        self.clearing.handle_look(doubtful);
    }

    /// These have leaders, and are about to be added to a transaction that is then aborted. Gives
    /// that transaction, unless they all are gone.
    pub(crate) fn handle_led(&mut self, led: Vec<LastWrite>) -> Option<BegunTransaction> {
        let is_gone = led.is_empty();
        self.clearing.handle_led(led);
        let version = TransactionVersion::V1;
        self.transaction().filter(|_| !is_gone).map(|begun| BegunTransaction { version, ..begun })
    }

    /// They were added, or were not.
    ///
    /// # Errors
    ///
    /// They were certainly not added.
    pub(crate) fn handle_added(&mut self, added: Result<(), Error>) -> Result<(), Error> {
        match added {
            Err(error) if error.is_fatal() => Err(self.end_life(error)),
            Err(error) if !error.maybe_written() => {
                self.clearing.handle_refused();
                Err(error)
            }
            Ok(()) => {
                // Whoever takes the id over now gets the epoch after the next one.
                self.next_epoch = NextEpoch::Own;
                Ok(())
            }
            // One of which nobody knows is aborted as well.
            Err(_) => Ok(()),
        }
    }

    /// The epoch was raised to abort that transaction, or was not.
    ///
    /// # Errors
    ///
    /// It was not.
    pub(crate) fn handle_raised(
        &mut self,
        answer: Result<ProducerIdAndEpoch, Error>,
    ) -> Result<(), Error> {
        self.handle_init(self.version, answer)?;
        self.clearing.handle_raised();
        Ok(())
    }

    /// InitProducerId was answered.
    ///
    /// # Errors
    ///
    /// No transaction can begin now.
    pub(crate) fn handle_init(
        &mut self,
        version: TransactionVersion,
        answer: Result<ProducerIdAndEpoch, Error>,
    ) -> Result<(), Error> {
        match answer {
            Ok(producer) => {
                (self.producer, self.version, self.is_suspect) = (Some(producer), version, false);
                self.next_epoch = NextEpoch::Foreign;
                self.numbers.clear();
                Ok(())
            }
            Err(error) if error.is_fatal() => Err(self.end_life(error)),
            Err(error) => {
                // Whoever has something open is told to wait while that is aborted in the next
                // epoch.
                if error.maybe_written() || error.code().is_some_and(means_still_ending) {
                    self.next_epoch = self.next_epoch.max(NextEpoch::Unknown);
                    self.is_suspect = true;
                }
                Err(error)
            }
        }
    }

    /// Whose the next epoch is, if this one is refused.
    pub(crate) fn next_epoch(&self) -> NextEpoch {
        match self.phase {
            Phase::Ending { is_lost: false, .. } if self.trace == Trace::Begun => NextEpoch::Own,
            _ => self.next_epoch,
        }
    }

    /// It was looked at, and is this producer's.
    pub(crate) fn handle_own_epoch(&mut self) {
        self.next_epoch = NextEpoch::Own;
    }

    /// Begins a transaction; none if something must be done before.
    pub(crate) fn begin(&mut self) -> Option<BegunTransaction> {
        if !matches!(self.phase, Phase::Idle) || self.clearing.poll().is_some() {
            return None;
        }
        let begun = self.transaction()?;
        (self.phase, self.trace) = (Phase::Open, Trace::Nothing);
        if self.late_offsets == LateOffsets::Sent {
            self.late_offsets = LateOffsets::Due;
        }
        Some(begun)
    }

    fn transaction(&self) -> Option<BegunTransaction> {
        let (transactional_id, producer) = (self.id.to_string(), self.producer?);
        Some(BegunTransaction { transactional_id, producer, version: self.version })
    }

    /// The numbers that records go on with.
    pub(crate) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Whether steps can be taken in the transaction.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(crate) fn check_open(&self) -> Result<BegunTransaction, Error> {
        match &self.phase {
            Phase::Open => self.transaction().ok_or_else(closed),
            Phase::Doomed(error) => Err(self.must_abort(error)),
            Phase::Over(error) => Err(error.clone()),
            Phase::Idle | Phase::Ending { .. } | Phase::Committed => Err(closed()),
        }
    }

    /// The records of the transaction all have their outcome.
    pub(crate) fn handle_records(&mut self, report: Report) {
        if !matches!(self.phase, Phase::Open | Phase::Doomed(_)) {
            // They were heard of when its end was asked for first.
            return;
        }
        self.trace = self.trace.max(report.trace);
        self.is_suspect |= report.is_suspect && self.version == TransactionVersion::V1;
        match report.numbers {
            Some(numbers) => self.numbers.extend(numbers),
            // By version 2 the end gives another epoch, in which they begin anew.
            None => self.is_suspect |= self.version == TransactionVersion::V1,
        }
        if let Some(error) = report.failure {
            self.doom(error);
        }
    }

    /// AddOffsetsToTxn or TxnOffsetCommit has its outcome.
    pub(crate) fn handle_step(&mut self, api: ApiKey, outcome: &Result<(), Error>) {
        let Err(error) = outcome else {
            self.trace = Trace::Begun;
            return;
        };
        if error.maybe_written() {
            self.handle_lost(api);
        } else if self.version == TransactionVersion::V2 && error.code().is_some() {
            // The group's coordinator puts it into the transaction before it looks at the offsets.
            self.trace = self.trace.max(Trace::Perhaps);
        }
        self.doom(error.clone());
    }

    /// The coordinator of a group took no offsets, as their sender has to send them as a member of
    /// a later generation.
    pub(crate) fn handle_left_behind(&mut self) {
        if self.version == TransactionVersion::V2 {
            self.trace = self.trace.max(Trace::Perhaps);
        }
    }

    /// An attempt of a step may have been executed, and may yet come.
    pub(crate) fn handle_lost(&mut self, api: ApiKey) {
        self.trace = self.trace.max(Trace::Perhaps);
        if self.version == TransactionVersion::V1 {
            self.is_suspect = true;
            if api == ApiKey::TXN_OFFSET_COMMIT {
                self.late_offsets = LateOffsets::Sent;
            }
        }
    }

    fn doom(&mut self, error: Error) {
        let is_of_old_rules =
            self.version == TransactionVersion::V2 && error.code().is_some_and(means_old_rules);
        self.doubts_rules |= is_of_old_rules;
        match &self.phase {
            Phase::Open | Phase::Doomed(_) if is_end_of_producer(&error) && !is_of_old_rules => {
                self.end_life(error);
            }
            Phase::Open => self.phase = Phase::Doomed(error),
            _ => {}
        }
    }

    /// What ends the transaction so.
    ///
    /// # Errors
    ///
    /// It cannot end so.
    pub(crate) fn poll_end(&mut self, wanted: TransactionEnd) -> Result<End, Error> {
        match &self.phase {
            Phase::Over(error) => return Err(error.clone()),
            Phase::Idle => return Err(closed()),
            Phase::Doomed(error) if wanted == TransactionEnd::Commit => {
                return Err(self.must_abort(error));
            }
            // Whatever is wanted now: what was asked for may have happened.
            Phase::Ending { end, .. } => return self.ending(*end),
            Phase::Committed => return Ok(End::Check),
            Phase::Open | Phase::Doomed(_) => {}
        }
        if self.trace == Trace::Nothing {
            self.phase = Phase::Idle;
            return Ok(End::Nothing);
        }
        self.phase = Phase::Ending { end: wanted, is_lost: false };
        self.ending(wanted)
    }

    fn ending(&self, end: TransactionEnd) -> Result<End, Error> {
        let is_fenced = end == TransactionEnd::Abort
            && self.is_suspect
            && self.version == TransactionVersion::V1;
        let begun = self.transaction().ok_or_else(closed)?;
        Ok(if is_fenced { End::Fence(begun.producer) } else { End::Call(begun, end) })
    }

    /// The epoch was raised to abort the transaction, or was not.
    pub(crate) fn handle_fence(&mut self, answer: Result<ProducerIdAndEpoch, Error>) -> Ended {
        let version = self.version;
        match self.handle_init(version, answer) {
            Ok(()) => {
                self.phase = Phase::Idle;
                Ended::Done(TransactionEnd::Abort)
            }
            Err(error) if error.is_retriable() => Ended::Again(error),
            Err(error) => Ended::Failed(error),
        }
    }

    /// EndTxn was answered, or will not be.
    pub(crate) fn handle_end(&mut self, answer: Result<ProducerIdAndEpoch, Error>) -> Ended {
        let Phase::Ending { end, is_lost } = self.phase else { return Ended::Failed(closed()) };
        let error = match answer {
            Ok(next) => return self.ended(end, next),
            Err(error) => error,
        };
        if error.maybe_written() {
            self.phase = Phase::Ending { end, is_lost: true };
            self.is_suspect |= self.version == TransactionVersion::V1;
            return Ended::Again(error);
        }
        // Another broker coordinates soon, or this one in another release, by other rules.
        if error.is_retriable() || matches!(error, Error::Unsupported { .. }) {
            return Ended::Again(error);
        }
        if is_lost {
            // It may be over because the lost attempt has ended it, and another one came after.
            // Whoever asks again is told so as well: the first one may have stopped waiting.
            let unknown = self.fate(TransactionFate::Unknown, Some(error));
            return Ended::Failed(self.end_life(unknown));
        }
        let is_unbegun = self.trace == Trace::Perhaps
            && end == TransactionEnd::Abort
            && error.code().is_some_and(|code| self.means_unbegun(code));
        if is_unbegun && let Some(producer) = self.producer {
            self.is_suspect = true;
            return self.ended(end, producer);
        }
        if end == TransactionEnd::Commit && error.requires_abort() {
            let told = self.must_abort(&error);
            self.phase = Phase::Doomed(error);
            return Ended::Failed(told);
        }
        // There is nothing else that could be asked for.
        let error = match error.requires_abort() {
            true => self.fate(TransactionFate::AbortRefused, Some(error)),
            false => error,
        };
        Ended::Failed(self.end_life(error))
    }

    /// Whether a coordinator may say by this that the transaction was not begun. By version 2 it
    /// says while the one before is still being ended that the epoch is a wrong one. If it is so
    /// because another producer has taken over, raising the epoch is refused as well.
    fn means_unbegun(&self, code: ErrorCode) -> bool {
        means_nothing_open(code)
            || self.version == TransactionVersion::V2 && means_wrong_epoch(code)
    }

    fn ended(&mut self, end: TransactionEnd, next: ProducerIdAndEpoch) -> Ended {
        if self.producer.replace(next) != Some(next) {
            self.numbers.clear();
        }
        match end {
            TransactionEnd::Commit => {
                self.phase = Phase::Committed;
                Ended::Check
            }
            TransactionEnd::Abort => {
                self.phase = Phase::Idle;
                Ended::Done(end)
            }
        }
    }

    /// It was looked at whether all of a commit is there: so it is, or nobody knows yet.
    pub(crate) fn handle_check(&mut self, seen: Result<(), Error>) -> Ended {
        match seen {
            Err(error) if error.is_fatal() => Ended::Failed(self.end_life(error)),
            Err(error) => Ended::Again(error),
            Ok(()) => {
                if self.late_offsets == LateOffsets::Due {
                    self.late_offsets = LateOffsets::No;
                }
                self.phase = Phase::Idle;
                Ended::Done(TransactionEnd::Commit)
            }
        }
    }

    /// How far a coordinator that is asked for a new epoch, without being told the present one,
    /// raises it, if nobody else has done so; it does so twice where it aborts a transaction.
    pub(crate) fn epochs_ahead(&self) -> i16 {
        match self.phase {
            Phase::Ending { .. } if self.trace == Trace::Begun => 2,
            _ => 1,
        }
    }

    /// Whether the offsets of the commit that was just done must be read back.
    pub(crate) fn must_check_offsets(&self) -> bool {
        self.late_offsets == LateOffsets::Due
    }

    /// Nothing can be done any more, because of this.
    pub(crate) fn end_life(&mut self, error: Error) -> Error {
        if let Phase::Over(first) = &self.phase {
            return first.clone();
        }
        tracing::warn!(id = %self.id, %error, "the transactional producer is over");
        drop(mem::replace(&mut self.phase, Phase::Over(error.clone())));
        error
    }

    fn must_abort(&self, cause: &Error) -> Error {
        self.fate(TransactionFate::MustAbort, Some(cause.clone()))
    }

    /// What is told of the transaction.
    pub(crate) fn fate(&self, fate: TransactionFate, cause: Option<Error>) -> Error {
        let (transactional_id, cause) = ((&*self.id).into(), cause.map(Arc::new));
        Error::Transaction { transactional_id, fate, cause }
    }
}

/// Whether a producer is done that met this in a transaction.
fn is_end_of_producer(error: &Error) -> bool {
    matches!(error, Error::Broker { .. } | Error::Authentication { .. }) && error.is_fatal()
}

fn closed() -> Error {
    Error::Closed { what: "transaction" }
}

#[cfg(test)]
mod tests;
