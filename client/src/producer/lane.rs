//! One partition as the sender sees it: what waits to be sent, what is unsettled, and until when.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::accumulator::{Closed, Partition};
use super::sealed::Sealed;
use super::sequence::Sequence;
use crate::backoff::Backoff;
use crate::error::Error;

/// A partition's way to its leader. Batches leave it in order; one that comes back stands before
/// all later ones.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) partition: Arc<Partition>,
    /// Whether it stands in a queue of the sender.
    pub(crate) is_queued: bool,
    /// Open batches up to this number may be taken.
    pub(crate) due: u64,
    /// Batches up to this number were taken from the accumulator.
    pub(crate) taken: u64,
    /// Sealed batches that wait to be sent, or sent again; oldest first.
    pub(crate) waiting: VecDeque<Sealed>,
    pub(crate) in_flight: usize,
    /// The numbers that its batches have.
    pub(crate) sequence: Sequence,
    /// The leader epoch that the last one was sent in.
    pub(crate) leader_epoch: i32,
    /// No try before this.
    pub(crate) retry_at: Option<Instant>,
    pub(crate) backoff: Backoff,
    /// Why the last try failed, until one succeeds.
    pub(crate) last_error: Option<Error>,
    /// Batches that have records and no outcome; oldest first.
    unsettled: VecDeque<Unsettled>,
    /// The sender's note of when the oldest batch expires.
    pub(crate) expires: Option<Instant>,
}

#[derive(Debug)]
struct Unsettled {
    number: u64,
    opened: Instant,
    /// How many pieces it was split into, less those that are settled.
    pieces: u32,
}

impl Lane {
    pub(crate) fn new(partition: Arc<Partition>, backoff: Backoff) -> Self {
        Self {
            partition,
            is_queued: false,
            due: 0,
            taken: 0,
            waiting: VecDeque::new(),
            in_flight: 0,
            sequence: Sequence::new(),
            leader_epoch: -1,
            retry_at: None,
            backoff,
            last_error: None,
            unsettled: VecDeque::new(),
            expires: None,
        }
    }

    /// Notes a batch that has its first record; false if it was noted before.
    pub(crate) fn note(&mut self, number: u64, opened: Instant) -> bool {
        // Two callers may tell of two batches in either order.
        let at = self.unsettled.partition_point(|u| u.number < number);
        let is_known = self.unsettled.get(at).is_some_and(|u| u.number == number);
        if number <= self.taken || is_known {
            return false;
        }
        self.unsettled.insert(at, Unsettled { number, opened, pieces: 1 });
        true
    }

    /// The oldest batch that has no outcome, and when it was opened.
    pub(crate) fn oldest(&self) -> Option<(u64, Instant)> {
        self.unsettled.front().map(|u| (u.number, u.opened))
    }

    /// When a batch that has no outcome was opened.
    pub(crate) fn opened(&self, number: u64) -> Option<Instant> {
        self.unsettled.iter().find(|u| u.number == number).map(|u| u.opened)
    }

    /// The newest batch that has no outcome.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.unsettled.back().map(|u| u.number)
    }

    /// Notes that a batch is two pieces now.
    pub(crate) fn note_split(&mut self, number: u64) {
        if let Some(batch) = self.unsettled.iter_mut().find(|u| u.number == number) {
            batch.pieces += 1;
        }
    }

    /// Notes that a piece of a batch has its outcome.
    pub(crate) fn settle(&mut self, number: u64) {
        let Some(at) = self.unsettled.iter().position(|u| u.number == number) else { return };
        if let Some(batch) = self.unsettled.get_mut(at) {
            batch.pieces -= 1;
            if batch.pieces == 0 {
                self.unsettled.remove(at);
            }
        }
    }

    /// Notes that all pieces of a batch have their outcome.
    pub(crate) fn forget(&mut self, number: u64) {
        self.unsettled.retain(|u| u.number != number);
    }

    /// Takes the next batch from the accumulator.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Closed> {
        let closed = self.partition.take(self.due)?;
        // Its first record may be so new that the driver has not heard of it.
        self.note(closed.number, now);
        self.taken = closed.number;
        Some(closed)
    }

    /// Whether there is something to send.
    pub(crate) fn has_batch(&self) -> bool {
        !self.waiting.is_empty() || self.partition.has_batch(self.due)
    }

    /// Puts a batch back to its place.
    pub(crate) fn put_back(&mut self, mut sealed: Sealed) {
        sealed.note_returned();
        let is_later = |other: &Sealed| other.place() >= sealed.place();
        let at = self.waiting.iter().position(is_later).unwrap_or(self.waiting.len());
        self.waiting.insert(at, sealed);
    }
}
