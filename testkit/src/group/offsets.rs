//! Core: the offsets that a group has committed, and those that a transaction will commit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kurier_protocol::{ErrorCode, Str};

use crate::clock::later;

/// A partition by name.
pub(crate) type TopicPartition = (Str, i32);

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    /// -1 if the client did not say it.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: Str,
    pub(crate) at: Instant,
    /// When it is forgotten, if the client has said that: up to version 4 of OffsetCommit.
    pub(crate) expires: Option<Instant>,
}

/// The offsets of a group.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    committed: BTreeMap<TopicPartition, Written>,
    /// By producer id: what its transaction will commit.
    open: BTreeMap<i64, BTreeMap<TopicPartition, Written>>,
    /// By producer id: its highest epoch that was written here.
    epochs: BTreeMap<i64, i16>,
    written: u64,
}

/// An offset, and the how many-th that was written to the group.
#[derive(Clone, Debug)]
struct Written {
    turn: u64,
    offset: Committed,
}

/// From when on an offset that nobody reads is kept for the retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeptFrom {
    /// Its commit.
    Commit,
    /// This moment.
    At(Instant),
}

impl Offsets {
    pub(crate) fn commit(&mut self, of: TopicPartition, offset: Committed) {
        let written = self.write(offset);
        self.committed.insert(of, written);
    }

    /// Holds an offset back until the transaction of the producer ends.
    ///
    /// # Errors
    ///
    /// A later epoch of the producer has written here.
    pub(crate) fn stage(
        &mut self,
        (producer_id, epoch): (i64, i16),
        of: TopicPartition,
        offset: Committed,
    ) -> Result<(), ErrorCode> {
        let known = self.epochs.entry(producer_id).or_insert(epoch);
        if epoch < *known {
            return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        *known = epoch;
        let written = self.write(offset);
        self.open.entry(producer_id).or_default().insert(of, written);
        Ok(())
    }

    /// Forgets what the open transaction of a producer would commit for a partition.
    pub(crate) fn unstage(&mut self, producer_id: i64, of: &TopicPartition) {
        if let Some(staged) = self.open.get_mut(&producer_id) {
            staged.remove(of);
        }
    }

    fn write(&mut self, offset: Committed) -> Written {
        self.written += 1;
        Written { turn: self.written, offset }
    }

    /// The transaction of a producer has ended. What was committed without it meanwhile stays.
    pub(crate) fn end_transaction(
        &mut self,
        (producer_id, epoch): (i64, i16),
        end: TransactionEnd,
    ) {
        let known = self.epochs.entry(producer_id).or_insert(epoch);
        *known = epoch.max(*known);
        let staged = self.open.remove(&producer_id).unwrap_or_default();
        for (of, staged) in staged.into_iter().filter(|_| end == TransactionEnd::Commit) {
            let is_later = |known: &Written| known.turn > staged.turn;
            if !self.committed.get(&of).is_some_and(is_later) {
                self.committed.insert(of, staged);
            }
        }
    }

    pub(crate) fn get(&self, of: &TopicPartition) -> Option<&Committed> {
        self.committed.get(of).map(|written| &written.offset)
    }

    /// Whether an open transaction may change the offset of a partition.
    pub(crate) fn is_unstable(&self, of: &TopicPartition) -> bool {
        self.open.values().any(|staged| staged.contains_key(of))
    }

    /// The partitions for which an offset is committed, in order.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.committed.keys()
    }

    /// Whether nothing is committed, and nothing will be by an open transaction.
    pub(crate) fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.open.values().all(BTreeMap::is_empty)
    }

    pub(crate) fn delete(&mut self, of: &TopicPartition) {
        self.retain(|known| known != of);
    }

    /// Forgets all offsets of a topic that is gone.
    pub(crate) fn delete_topic(&mut self, topic: &str) {
        self.retain(|(name, _)| name != topic);
    }

    fn retain(&mut self, stays: impl Fn(&TopicPartition) -> bool) {
        self.committed.retain(|of, _| stays(of));
        for staged in self.open.values_mut() {
            staged.retain(|of, _| stays(of));
        }
    }

    /// Forgets what was kept for long enough and is not in use. Kafka: offsets.retention.minutes
    /// (KIP-211).
    pub(super) fn expire(
        &mut self,
        now: Instant,
        (from, retention): (KeptFrom, Duration),
        is_in_use: impl Fn(&str) -> bool,
    ) {
        let Self { committed, open, .. } = self;
        committed.retain(|of, written| {
            let from = match from {
                KeptFrom::Commit => written.offset.at,
                KeptFrom::At(from) => from,
            };
            let until = written.offset.expires.unwrap_or_else(|| later(from, retention));
            now < until || is_in_use(&of.0) || open.values().any(|staged| staged.contains_key(of))
        });
    }
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransactionEnd {
    Commit,
    Abort,
}
