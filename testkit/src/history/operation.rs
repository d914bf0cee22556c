//! Core: what was done and seen in a run, operation by operation.

use std::fmt;
use std::time::Duration;

use kurier_protocol::Str;

use crate::isolation::Isolation;

/// All operations of a run. Their order matters only between operations of one process that were
/// invoked at the same time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The operations, as a rule in the order in which they were invoked.
    pub operations: Vec<Operation>,
}

/// Something that a process did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who did it: a producer, a consumer, or both in one. Its polls come one after the other; its
    /// sends may overlap.
    pub process: u32,
    /// When it began, since the start of the run.
    pub invoked: Duration,
    /// When its outcome was known; `None` if it still was not at the end of the run.
    ///
    /// A poll is complete when the program has dealt with its records.
    pub completed: Option<Duration>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was done.
    pub action: Action,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It did not happen, and never will.
    Failed,
    /// It may have happened, or may still happen.
    Unknown,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sent a record outside of a transaction.
    Send(Sent),
    /// Polled outside of a transaction.
    Poll(Polled),
    /// Everything from the begin of a transaction to its end. Failed: it was aborted.
    Txn(Txn),
    /// Reads these partitions from now on, and no others. A consumer that has subscribed notes each
    /// assignment that its group gives it in this way too, and one that seeks where it begins anew.
    Assign(Vec<(TopicPartition, Start)>),
    /// Joined a group to read topics. Until an assignment is noted nothing is known of what the
    /// process reads, and from where.
    Subscribe {
        /// The group.
        group: Str,
        /// The topics.
        topics: Vec<Str>,
    },
    /// Lost all its state: what it does afterwards, it does with new clients.
    Crash,
    /// Committed offsets outside of a transaction, or found that they are committed. What clients
    /// commit on their own is noted in this way, as soon as it is seen.
    CommitOffsets(Offsets),
    /// Waited for all sends.
    Flush,
    /// Closed its clients.
    Close,
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Str,
    /// Index of the partition.
    pub partition: i32,
}

/// A record that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The partition.
    pub to: TopicPartition,
    /// What identifies the record: no other in the history has the same value.
    pub value: u64,
    /// The offset that the broker gave it, if it said so.
    pub offset: Option<i64>,
}

/// What a poll gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    /// Which records the consumer wanted to see.
    pub isolation: Isolation,
    /// The records; none if there were none.
    pub stretches: Vec<Stretch>,
}

/// Records of a partition in the order in which they were handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The partition.
    pub of: TopicPartition,
    /// Offset and value of each record.
    pub records: Vec<(i64, u64)>,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Txn {
    /// What was asked for in the end.
    pub end: End,
    /// When it was asked for, if that was noted: nobody could see the sends before.
    pub ended: Option<Duration>,
    /// What was done in it, in order.
    pub steps: Vec<Step>,
}

/// How a transaction was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// With a commit.
    Commit,
    /// With an abort; the operation is [`Outcome::Ok`] if that was done.
    Abort,
}

/// Something that was done in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Sent a record.
    Send(Sent),
    /// Polled.
    Poll(Polled),
    /// Committed offsets of a group in the transaction.
    CommitOffsets(Offsets),
}

/// Offsets of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The group.
    pub group: Str,
    /// For each partition the offset of the first record that is still to be processed.
    pub offsets: Vec<(TopicPartition, i64)>,
}

/// Where a consumer begins with a partition that it was assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// Where it was, if it had the partition already; else nobody knows.
    Kept,
    /// At the first record that there ever was. Where records are deleted, the offset must be told
    /// with [`At`](Self::At) instead.
    Earliest,
    /// At an offset.
    At(i64),
}

/// What became of the sends of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    Aborted,
    Unknown,
}

impl History {
    /// A history of these operations only, by their places, in order.
    #[must_use]
    pub fn only(&self, places: &[usize]) -> Self {
        let mut places = places.to_vec();
        places.sort_unstable();
        places.dedup();
        let kept = places.iter().filter_map(|&place| self.operations.get(place)).cloned();
        Self { operations: kept.collect() }
    }
}

impl Operation {
    pub(super) fn fate(&self) -> Fate {
        match (&self.action, self.outcome) {
            (_, Outcome::Failed) => Fate::Aborted,
            (_, Outcome::Unknown) => Fate::Unknown,
            (Action::Txn(Txn { end: End::Abort, .. }), Outcome::Ok) => Fate::Aborted,
            (_, Outcome::Ok) => Fate::Committed,
        }
    }

    pub(super) fn is_txn(&self) -> bool {
        matches!(self.action, Action::Txn(_))
    }

    /// What it sent, in order.
    pub(super) fn sends(&self) -> impl Iterator<Item = &Sent> {
        let (alone, steps) = match &self.action {
            Action::Send(sent) => (Some(sent), &[][..]),
            Action::Txn(txn) => (None, &txn.steps[..]),
            _ => (None, &[][..]),
        };
        alone.into_iter().chain(steps.iter().filter_map(|step| match step {
            Step::Send(sent) => Some(sent),
            _ => None,
        }))
    }

    /// What its polls gave, in order.
    pub(super) fn polls(&self) -> impl Iterator<Item = &Polled> {
        let (alone, steps) = match &self.action {
            Action::Poll(polled) => (Some(polled), &[][..]),
            Action::Txn(txn) => (None, &txn.steps[..]),
            _ => (None, &[][..]),
        };
        alone.into_iter().chain(steps.iter().filter_map(|step| match step {
            Step::Poll(polled) => Some(polled),
            _ => None,
        }))
    }

    /// The offsets that it committed, in order.
    pub(super) fn commits(&self) -> impl Iterator<Item = &Offsets> {
        let (alone, steps) = match &self.action {
            Action::CommitOffsets(offsets) => (Some(offsets), &[][..]),
            Action::Txn(txn) => (None, &txn.steps[..]),
            _ => (None, &[][..]),
        };
        alone.into_iter().chain(steps.iter().filter_map(|step| match step {
            Step::CommitOffsets(offsets) => Some(offsets),
            _ => None,
        }))
    }
}

impl TopicPartition {
    /// A partition by its topic and index.
    #[must_use]
    pub fn new(topic: impl Into<Str>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
