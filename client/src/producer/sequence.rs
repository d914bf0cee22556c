//! Core: the numbers by which a partition's leader tells a batch that it has from one that it
//! lacks (KIP-98), and when they begin anew (KIP-360).
//!
//! A leader takes the batch whose number follows on the last one, answers a batch that it has as if
//! it had just come, and refuses all others. So a batch keeps its number, and every try sends the
//! same bytes, as long as nobody knows whether it was written. A hole is bridged by a later epoch:
//! it begins at 0, and shuts out what is still under way in the earlier one. Only a batch that was
//! certainly not written gets a number of that epoch; any other would be written twice.
//!
//! Epochs belong to a partition: brokers compare them in each partition alone, so that a hole in
//! one is of no concern to the others. Java raises the epoch of the producer, and its partitions
//! follow as they run empty; to brokers it is the same.

use std::collections::VecDeque;

use kurier_protocol::Uuid;
use kurier_protocol::record::ProducerStamp;

use super::config::LANE_IN_FLIGHT_MAX;
use crate::transactions::ProducerIdAndEpoch;

/// The numbers of one partition.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// None before the first number, and after the last one that it has.
    identity: Option<ProducerIdAndEpoch>,
    /// The producer id that has no epoch left for this partition.
    worn: Option<i64>,
    /// The number of the next record.
    next: i32,
    /// The first numbers of batches that have no outcome, in their order.
    open: VecDeque<i32>,
    /// The leader that took the last batch, unless one has failed since.
    confirmed: Option<i32>,
    restart: Restart,
    /// How often in a row numbers began anew because a leader refused them.
    refusals: u32,
    /// Whether one has ended in this epoch of which nobody knows if it was written.
    is_doubtful: bool,
    /// Whether a leader has one.
    is_written: bool,
    /// The last offset that a leader has named.
    last_offset: i64,
    topic_id: Uuid,
}

/// Whether numbers begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Restart {
    No,
    /// When every batch that has one has its outcome.
    WhenSettled,
    /// When nothing is in flight: there is a hole, and nothing behind it can be written.
    Torn,
}

/// Whether a batch was written that nobody has confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Certainly not.
    Never,
    /// Nobody knows.
    Maybe,
}

/// What to do with a batch whose number a leader has refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// One before it has no outcome yet. It follows that one.
    Early,
    /// It was not written. It gets a number of the next epoch.
    Renumber,
    /// Whether an earlier try was written, nobody knows.
    Unknown,
}

impl Sequence {
    pub(crate) fn new() -> Self {
        Self {
            identity: None,
            worn: None,
            next: 0,
            open: VecDeque::new(),
            confirmed: None,
            restart: Restart::No,
            refusals: 0,
            is_doubtful: false,
            is_written: false,
            last_offset: -1,
            topic_id: Uuid::ZERO,
        }
    }

    /// The partition is one of this topic. In one that was created anew, numbers begin anew.
    pub(crate) fn handle_topic(&mut self, id: Uuid) {
        if id == Uuid::ZERO || id == self.topic_id {
            return;
        }
        if self.topic_id != Uuid::ZERO {
            self.last_offset = -1;
            if self.identity.is_some() {
                self.restart = self.restart.max(Restart::WhenSettled);
            }
        }
        self.topic_id = id;
    }

    /// How many batches may be in flight to a leader. A leader that knows nothing of the producer
    /// takes any number as the first one: until it has taken one, a second would be taken before
    /// the first if that fails. After a failure, the oldest goes alone for the same reason.
    pub(crate) fn in_flight_max(&self, leader: i32) -> usize {
        match self.restart == Restart::No && self.confirmed == Some(leader) {
            true => LANE_IN_FLIGHT_MAX,
            false => 1,
        }
    }

    /// Whether numbers must begin anew as soon as nothing is in flight.
    pub(crate) fn is_torn(&self) -> bool {
        self.restart == Restart::Torn
    }

    /// Begins anew, in the next epoch. Batches that have numbers must not be sent as they are.
    pub(crate) fn restart(&mut self) {
        let Some(ProducerIdAndEpoch { id, epoch }) = self.identity else { return };
        // A leader that refuses two epochs in a row knows somebody else by this id.
        let is_used_up = epoch == i16::MAX || self.refusals >= REFUSALS_MAX;
        if is_used_up {
            (self.identity, self.worn, self.refusals) = (None, Some(id), 0);
        } else {
            self.identity = Some(ProducerIdAndEpoch { id, epoch: epoch + 1 });
        }
        (self.next, self.confirmed, self.restart) = (0, None, Restart::No);
        self.is_doubtful = false;
        self.open.clear();
    }

    /// Whether a batch without a number may get one, once there is an identity. If numbers begin
    /// anew when all have their outcome, they do so now.
    pub(crate) fn may_number(&mut self) -> bool {
        if self.restart == Restart::WhenSettled && self.open.is_empty() {
            self.restart();
        }
        self.restart == Restart::No
    }

    /// Whether it must be told as whom to number, and the producer id that it cannot use.
    pub(crate) fn lacks_identity(&self) -> Option<Option<i64>> {
        self.identity.is_none().then_some(self.worn)
    }

    /// Numbers as this one from now on, beginning with this number.
    pub(crate) fn begin(&mut self, identity: ProducerIdAndEpoch, first: i32) {
        (self.identity, self.next) = (Some(identity), first);
    }

    /// The number of the next record, if it is certain that the leader has all before it.
    pub(crate) fn settled(&self) -> Option<i32> {
        let is_whole = self.restart == Restart::No && !self.is_doubtful && self.open.is_empty();
        is_whole.then_some(self.next)
    }

    /// The last offset that a leader has named; -1 if none has.
    pub(crate) fn last_offset(&self) -> i64 {
        self.last_offset
    }

    /// Whether a leader has a batch, whether it has named an offset or not.
    pub(crate) fn is_written(&self) -> bool {
        self.is_written
    }

    /// Whether a batch has ended of which nobody knows if it was written.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// The number that the next batch gets.
    pub(crate) fn peek(&self) -> Option<ProducerStamp> {
        let ProducerIdAndEpoch { id, epoch } = self.identity?;
        Some(ProducerStamp { producer_id: id, producer_epoch: epoch, base_sequence: self.next })
    }

    /// A batch of so many records has got its number.
    pub(crate) fn push(&mut self, records: u32) {
        self.open.push_back(self.next);
        self.next = after(self.next, records);
    }

    /// Whether a batch has a number of this epoch.
    pub(crate) fn is_current(&self, stamp: &ProducerStamp) -> bool {
        self.identity.is_some_and(|identity| {
            (identity.id, identity.epoch) == (stamp.producer_id, stamp.producer_epoch)
        })
    }

    /// Whether no batch before this one is without an outcome.
    pub(crate) fn is_first(&self, stamp: &ProducerStamp) -> bool {
        !self.is_current(stamp) || self.open.front().is_none_or(|it| *it == stamp.base_sequence)
    }

    /// A batch goes as two, of which the second has this number.
    pub(crate) fn handle_split(&mut self, stamp: &ProducerStamp, second: &ProducerStamp) {
        if let Some(at) = self.place(stamp) {
            self.open.insert(at + 1, second.base_sequence);
        }
    }

    /// A leader has a batch; its last offset, if that is known.
    pub(crate) fn handle_stored(&mut self, stamp: &ProducerStamp, leader: i32, last: Option<i64>) {
        self.is_written = true;
        self.last_offset = self.last_offset.max(last.unwrap_or(-1));
        if self.remove(stamp) {
            self.confirmed = Some(leader);
            self.refusals = 0;
        }
    }

    /// A batch comes back, to be sent again.
    pub(crate) fn handle_returned(&mut self) {
        self.confirmed = None;
    }

    /// A batch ends without being stored. If that is certain there is a hole; else the leader says
    /// so, when it refuses the next one.
    pub(crate) fn handle_failed(&mut self, stamp: &ProducerStamp, written: Written) {
        if self.remove(stamp) {
            self.confirmed = None;
            match written {
                Written::Never => self.restart = Restart::Torn,
                Written::Maybe => self.is_doubtful = true,
            }
        }
    }

    /// A leader has refused the number of a batch, of which an earlier try may have been written or
    /// not.
    pub(crate) fn handle_refused(&mut self, stamp: &ProducerStamp, written: Written) -> Refused {
        if !self.is_current(stamp) || !self.is_first(stamp) {
            return Refused::Early;
        }
        if written == Written::Maybe {
            return Refused::Unknown;
        }
        self.restart = Restart::Torn;
        self.refusals += 1;
        Refused::Renumber
    }

    /// Whether a leader that refuses a number lacks what was confirmed. Else a batch that had no
    /// answer is missing, or retention took what was written last: the log begins behind it.
    pub(crate) fn suspects_loss(&self, log_start: i64) -> bool {
        !self.is_doubtful && self.last_offset >= log_start.max(0)
    }

    fn remove(&mut self, stamp: &ProducerStamp) -> bool {
        let place = self.place(stamp);
        place.is_some_and(|at| self.open.remove(at).is_some())
    }

    fn place(&self, stamp: &ProducerStamp) -> Option<usize> {
        let place = self.open.iter().position(|it| *it == stamp.base_sequence);
        place.filter(|_| self.is_current(stamp))
    }
}

/// The number of what stands behind so many records of a batch.
pub(crate) fn behind(stamp: &ProducerStamp, records: u32) -> ProducerStamp {
    ProducerStamp { base_sequence: after(stamp.base_sequence, records), ..*stamp }
}

/// The number that follows on those of so many records: after 2^31 - 1 comes 0.
fn after(first: i32, records: u32) -> i32 {
    let next = (i64::from(first) + i64::from(records)) % (i64::from(i32::MAX) + 1);
    // Invariant: the remainder is below 2^31.
    i32::try_from(next).unwrap_or(0)
}

/// So many epochs in a row may be refused, before another producer id is asked for.
const REFUSALS_MAX: u32 = 2;

#[cfg(test)]
mod tests;
