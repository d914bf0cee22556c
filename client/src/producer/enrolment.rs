//! Core: the transaction that all batches of a producer belong to: which partitions are in it, and
//! which wait to be added.

use std::collections::BTreeSet;
use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use kurier_protocol::Str;

use super::transaction::{Numbers, Trace};
use crate::backoff::Backoff;
use crate::error::{Error, TransactionFate, means_not_tried};
use crate::transactions::{BegunTransaction, PartitionOutcome, TopicPartition, TransactionVersion};

/// What a sender knows of the transaction that it sends in.
#[derive(Debug)]
pub(crate) struct Enrolment {
    transaction: BegunTransaction,
    /// The numbers of the first records, where they are not 0.
    numbers: Numbers,
    /// Partitions that are in the transaction, by slot.
    added: BTreeSet<usize>,
    /// Those that shall be, and wait.
    wanted: Vec<(usize, TopicPartition)>,
    /// Those that the coordinator was asked to add.
    asked: Vec<(usize, TopicPartition)>,
    backoff: Backoff,
    /// Nothing is asked for before this.
    retry_at: Option<Instant>,
    pub(crate) trace: Trace,
    /// Whether an answer was lost.
    pub(crate) is_suspect: bool,
    /// Why a record was not delivered: no more are sent.
    failure: Option<Error>,
    /// Whether what is there is still to fail because of it.
    is_news: bool,
}

/// What follows from an answer to AddPartitionsToTxn.
#[derive(Debug)]
pub(crate) enum Enrolled {
    /// These partitions go on; those wait because of the error, if there is one.
    Go(Vec<usize>, Option<(Vec<usize>, Error)>),
    /// The transaction can only be aborted.
    Failed(Error),
}

impl Enrolment {
    pub(crate) fn new(transaction: BegunTransaction, numbers: Numbers, backoff: Backoff) -> Self {
        Self {
            transaction,
            numbers,
            added: BTreeSet::new(),
            wanted: Vec::new(),
            asked: Vec::new(),
            backoff,
            retry_at: None,
            trace: Trace::Nothing,
            is_suspect: false,
            failure: None,
            is_news: false,
        }
    }

    /// The name that its requests carry.
    pub(crate) fn id(&self) -> Str {
        self.transaction.transactional_id.as_str().into()
    }

    pub(crate) fn transaction(&self) -> &BegunTransaction {
        &self.transaction
    }

    /// The number of a partition's first record.
    pub(crate) fn first_number(&self, partition: &TopicPartition) -> i32 {
        self.numbers.get(partition).copied().unwrap_or(0)
    }

    /// Whether a partition's batches may go. If not, it waits.
    pub(crate) fn admit(&mut self, slot: usize, topic: &Arc<str>, index: i32) -> bool {
        if self.transaction.version == TransactionVersion::V2 {
            // The leader adds it, and from then on nobody knows whether it has.
            self.trace = self.trace.max(Trace::Perhaps);
            return true;
        }
        let is_added = self.added.contains(&slot);
        let is_known = |list: &[(usize, _)]| list.iter().any(|(known, _)| *known == slot);
        if !is_added && !is_known(&self.wanted) && !is_known(&self.asked) {
            self.wanted.push((slot, (Arc::clone(topic), index)));
        }
        is_added
    }

    /// The partitions that the coordinator is to be asked to add now.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Vec<TopicPartition>> {
        let is_due = self.retry_at.is_none_or(|at| at <= now) && self.failure.is_none();
        if !is_due || !self.asked.is_empty() || self.wanted.is_empty() {
            return None;
        }
        self.retry_at = None;
        self.asked = mem::take(&mut self.wanted);
        Some(self.asked.iter().map(|(_, partition)| partition.clone()).collect())
    }

    /// Whether the coordinator was asked and has not answered.
    pub(crate) fn is_asking(&self) -> bool {
        !self.asked.is_empty()
    }

    /// When [`poll`](Self::poll) is to be called again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.retry_at.filter(|_| !self.wanted.is_empty() && self.failure.is_none())
    }

    /// The coordinator has answered, or will not.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        outcomes: Vec<PartitionOutcome>,
        chance: u64,
    ) -> Enrolled {
        let mut asked = mem::take(&mut self.asked);
        let (mut go, mut later, mut passing, mut failure) = (Vec::new(), Vec::new(), None, None);
        for PartitionOutcome { topic, partition, outcome } in outcomes {
            let is_it = |(_, asked): &(usize, TopicPartition)| *asked == (topic.clone(), partition);
            let Some(at) = asked.iter().position(is_it) else { continue };
            let (slot, partition) = asked.swap_remove(at);
            match outcome {
                Ok(()) => {
                    self.trace = Trace::Begun;
                    self.added.insert(slot);
                    go.push(slot);
                }
                Err(error) => {
                    if error.maybe_written() {
                        self.trace = self.trace.max(Trace::Perhaps);
                        self.is_suspect = true;
                    }
                    if error.is_retriable() {
                        later.push(slot);
                        self.wanted.push((slot, partition));
                        passing = Some(error);
                    } else if failure.is_none() || !was_attempted(failure.as_ref()) {
                        failure = Some(error);
                    }
                }
            }
        }
        // What an answer leaves out is asked for again.
        self.wanted.append(&mut asked);
        if let Some(error) = failure {
            return Enrolled::Failed(error);
        }
        match passing.is_some() || !self.wanted.is_empty() {
            true => self.retry_at = Some(now + self.backoff.next(chance)),
            false => self.backoff.reset(),
        }
        Enrolled::Go(go, passing.map(|error| (later, error)))
    }

    /// A record is in the transaction.
    pub(crate) fn handle_stored(&mut self) {
        self.trace = Trace::Begun;
    }

    /// A record was not delivered, or none shall be sent any more.
    pub(crate) fn handle_failure(&mut self, error: &Error) {
        if self.failure.is_none() {
            (self.failure, self.is_news) = (Some(error.clone()), true);
        }
    }

    /// Why a record was not delivered.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Whether what is there is to fail now.
    pub(crate) fn take_news(&mut self) -> bool {
        mem::take(&mut self.is_news)
    }

    /// What records are told that are not sent, since one has failed or all shall.
    pub(crate) fn refusal(&self) -> Option<Error> {
        let failure = self.failure.as_ref()?;
        if matches!(failure, Error::Transaction { .. }) {
            return Some(failure.clone());
        }
        Some(Error::Transaction {
            transactional_id: self.transaction.transactional_id.as_str().into(),
            fate: TransactionFate::MustAbort,
            cause: Some(Arc::new(failure.clone())),
        })
    }

    /// The versions of Produce, of these, that go with the transaction.
    pub(crate) fn versions(&self, versions: RangeInclusive<i16>) -> RangeInclusive<i16> {
        let (low, high) = (*versions.start(), *versions.end());
        match self.transaction.version {
            TransactionVersion::V1 => low..=high.min(V2_SINCE - 1),
            TransactionVersion::V2 => low.max(V2_SINCE)..=high,
        }
    }
}

/// Whether an error is a partition's own: others are only told that it had one.
fn was_attempted(error: Option<&Error>) -> bool {
    !error.and_then(Error::code).is_some_and(means_not_tried)
}

/// The version of Produce since which leaders add partitions to transactions (KIP-890).
const V2_SINCE: i16 = 12;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kurier_protocol::{ApiKey, ErrorCode};

    use super::*;
    use crate::error::About;
    use crate::transactions::ProducerIdAndEpoch;

    const MS: Duration = Duration::from_millis(1);

    fn enrolment(version: TransactionVersion) -> (Enrolment, Instant) {
        let producer = ProducerIdAndEpoch { id: 7, epoch: 0 };
        let transaction = BegunTransaction { transactional_id: "a".into(), producer, version };
        let numbers = Numbers::from([(("t".into(), 1), 40)]);
        let backoff = Backoff::new(20 * MS, 100 * MS);
        let now = tokio::time::Instant::now().into_std();
        (Enrolment::new(transaction, numbers, backoff), now)
    }

    fn outcome(partition: i32, code: ErrorCode) -> PartitionOutcome {
        let about = About::partition("t", partition);
        let error = Error::broker(ApiKey::ADD_PARTITIONS_TO_TXN, code, about);
        let outcome = if code.is_ok() { Ok(()) } else { Err(error) };
        PartitionOutcome { topic: "t".into(), partition, outcome }
    }

    #[test]
    fn partitions_wait_until_they_are_added_and_go_together() {
        let (mut enrolment, now) = enrolment(TransactionVersion::V1);
        let topic = Arc::from("t");
        assert!(!enrolment.admit(0, &topic, 0) && !enrolment.admit(1, &topic, 1));
        assert!(!enrolment.admit(0, &topic, 0));
        assert_eq!(enrolment.poll(now), Some(vec![("t".into(), 0), ("t".into(), 1)]));
        assert!(!enrolment.admit(2, &topic, 2));
        assert_eq!(enrolment.poll(now), None, "one request at a time");
        let outcomes = vec![outcome(0, ErrorCode::NONE), outcome(1, ErrorCode::NONE)];
        let Enrolled::Go(go, None) = enrolment.handle(now, outcomes, 200) else { panic!() };
        assert_eq!(go, [0, 1]);
        assert!(enrolment.admit(0, &topic, 0) && enrolment.trace == Trace::Begun);
        assert_eq!(enrolment.poll(now + 100 * MS), Some(vec![("t".into(), 2)]));
        assert_eq!(enrolment.first_number(&("t".into(), 1)), 40);
    }

    #[test]
    fn what_passes_is_asked_for_again_and_a_lost_answer_is_remembered() {
        let (mut enrolment, now) = enrolment(TransactionVersion::V1);
        assert!(!enrolment.admit(0, &Arc::from("t"), 0));
        enrolment.poll(now);
        let passing = outcome(0, ErrorCode::CONCURRENT_TRANSACTIONS);
        let Enrolled::Go(go, Some((later, _))) = enrolment.handle(now, vec![passing], 200) else {
            panic!()
        };
        assert_eq!((go.len(), later), (0, vec![0]));
        assert!(!enrolment.is_suspect && enrolment.trace == Trace::Nothing);
        assert_eq!((enrolment.poll(now), enrolment.deadline()), (None, Some(now + 20 * MS)));
        assert!(enrolment.poll(now + 20 * MS).is_some());
        let lost = outcome(0, ErrorCode::REQUEST_TIMED_OUT);
        enrolment.handle(now, vec![lost], 200);
        assert!(enrolment.is_suspect && enrolment.trace == Trace::Perhaps);
    }

    #[test]
    fn the_partition_that_is_refused_is_the_one_that_is_told() {
        let (mut enrolment, now) = enrolment(TransactionVersion::V1);
        for index in 0..3 {
            assert!(!enrolment.admit(usize::try_from(index).unwrap(), &Arc::from("t"), index));
        }
        enrolment.poll(now);
        let beside = ErrorCode::OPERATION_NOT_ATTEMPTED;
        let refused = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
        let outcomes = vec![outcome(0, beside), outcome(1, refused), outcome(2, beside)];
        let Enrolled::Failed(error) = enrolment.handle(now, outcomes, 200) else { panic!() };
        assert_eq!(error.code(), Some(refused), "{error}");
    }

    #[test]
    fn by_version_2_leaders_add_and_versions_of_produce_tell_the_two_apart() {
        let (mut second, _) = enrolment(TransactionVersion::V2);
        assert!(second.admit(0, &Arc::from("t"), 0) && second.trace == Trace::Perhaps);
        assert_eq!(second.versions(3..=13), 12..=13);
        let (first, _) = enrolment(TransactionVersion::V1);
        assert_eq!(first.versions(7..=13), 7..=11);
    }
}
