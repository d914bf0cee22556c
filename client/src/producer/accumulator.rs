//! Core: what the batches of all partitions share: limits, space and spare buffers.
//!
//! Space is reserved by buffer, in KiB, never by record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::BytesMut;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::batch;
use super::means::{self, Budget, HEADER_BYTES_MAX, NoSpace, Room};
use super::pool::Pool;
use super::waiters::Waiters;
use crate::metrics::Buffer;

/// A partition whose batches take their space from an [`Accumulator`].
pub(crate) type Partition = batch::Partition<Space>;

/// A batch that holds its space until it is dropped.
pub(crate) type Closed = batch::Closed<Space>;

/// What a caller brings along who has an [`Accumulator`].
pub(crate) type Means<'a, O> = means::Means<'a, Accumulator, O>;

/// What the batches of all partitions share: limits, space and spare buffers.
#[derive(Debug)]
pub(crate) struct Accumulator {
    pub(crate) pool: Pool,
    pub(crate) waiters: Waiters,
    space: Arc<Semaphore>,
    space_kib: u32,
    batch_bytes_max: usize,
    is_closed: AtomicBool,
    /// Bytes of buffers taken since a caller last let others run.
    taken: AtomicUsize,
}

impl Accumulator {
    pub(crate) fn new(batch_bytes_max: usize, buffer_bytes_max: usize) -> Self {
        let space_kib = kib(buffer_bytes_max);
        Self {
            pool: Pool::new(buffer_bytes_max.min(POOL_BYTES_MAX)),
            waiters: Waiters::new(),
            space: Arc::new(Semaphore::new(usize::try_from(space_kib).unwrap_or_default())),
            space_kib,
            batch_bytes_max,
            is_closed: AtomicBool::new(false),
            taken: AtomicUsize::new(0),
        }
    }

    /// Refuses records from now on; whether it did so before.
    pub(crate) fn close(&self) -> bool {
        self.is_closed.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Space for a buffer, once the callers that came before have got theirs.
    pub(crate) async fn space(&self, kib: u32) -> Space {
        // More than there is would wait for ever.
        let kib = kib.min(self.space_kib);
        let permit = Arc::clone(&self.space).acquire_many_owned(kib).await;
        // Nobody closes the semaphore: a closed producer still gives space back.
        Space(permit.ok())
    }

    /// Whether callers have taken so much that the driver should run before they take more: on one
    /// thread it runs at no other time.
    #[inline]
    pub(crate) fn is_turn_due(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= BYTES_PER_TURN
    }

    /// Whether it is this caller that should let it run.
    pub(crate) fn owes_turn(&self) -> bool {
        self.is_turn_due() && self.taken.swap(0, Ordering::Relaxed) >= BYTES_PER_TURN
    }

    fn try_space(&self, kib: u32) -> Option<Space> {
        let permit = Arc::clone(&self.space).try_acquire_many_owned(kib).ok()?;
        Some(Space(Some(permit)))
    }
}

impl Budget for Accumulator {
    type Space = Space;

    fn open(
        &self,
        need: usize,
        last_bytes: usize,
        credit: &mut Space,
    ) -> Result<(BytesMut, Room<Space>), NoSpace> {
        let most = self.batch_bytes_max.max(HEADER_BYTES_MAX + need);
        let least = BUFFER_BYTES_MIN.max(HEADER_BYTES_MAX + need);
        let space_bytes = usize::try_from(self.space_kib).unwrap_or_default() << 10;
        let capacity = last_bytes.min(most).min(space_bytes).max(least);
        let kib = kib(capacity);
        let space = match credit.split(kib) {
            Some(space) => space,
            None => self.try_space(kib).ok_or(NoSpace { kib })?,
        };
        self.taken.fetch_add(capacity, Ordering::Relaxed);
        Ok((self.pool.take(capacity), Room { end: capacity.min(most), space }))
    }

    /// Doubles the buffer, if that is enough.
    fn grow(&self, room: &mut Room<Space>, bytes: usize, credit: &mut Space) -> bool {
        if bytes > self.batch_bytes_max {
            return false;
        }
        let end = (room.end * 2).max(bytes).min(self.batch_bytes_max);
        let more = kib(end).saturating_sub(room.space.kib());
        let Some(space) = credit.split(more).or_else(|| self.try_space(more)) else { return false };
        self.taken.fetch_add(end - room.end, Ordering::Relaxed);
        room.space.add(space);
        room.end = end;
        true
    }
}

impl Buffer for Accumulator {
    fn bytes_max(&self) -> usize {
        usize::try_from(self.space_kib).unwrap_or_default() << 10
    }

    fn bytes_free(&self) -> usize {
        self.space.available_permits() << 10
    }
}

/// Of spare buffers, at most this much is kept.
const POOL_BYTES_MAX: usize = 16 << 20;

/// Yielding more often costs more than it saves.
const BYTES_PER_TURN: usize = 1 << 20;

/// The smallest buffer of a batch.
const BUFFER_BYTES_MIN: usize = 16 << 10;

/// Reserved buffer space; given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Space(Option<OwnedSemaphorePermit>);

impl Space {
    fn kib(&self) -> u32 {
        self.0.as_ref().map_or(0, |p| u32::try_from(p.num_permits()).unwrap_or(u32::MAX))
    }

    fn add(&mut self, more: Self) {
        match (&mut self.0, more.0) {
            (Some(mine), Some(more)) => mine.merge(more),
            (mine @ None, more) => *mine = more,
            (Some(_), None) => {}
        }
    }

    /// Takes a part of it out, if it has as much.
    fn split(&mut self, kib: u32) -> Option<Self> {
        let kib = usize::try_from(kib).ok()?;
        self.0.as_mut()?.split(kib).map(|permit| Self(Some(permit)))
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
