//! Core: records that wait, in batches by partition.
//!
//! A record is encoded straight into the open batch of its partition, by its caller, under the
//! lock of that partition: for each record one lock, one encoding, one reference count. What costs
//! more happens once a batch: a buffer from the pool, a completion, a look at the clock, and one
//! or two events for the driver. Space is reserved by buffer, in KiB, never by record.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kurier_protocol::record::{BatchWriter, Magic, RecordError, RecordParts};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::delivery::{Completion, Delivery, Part};
use super::pool::Pool;
use crate::metrics::Buffer;

/// What the batches of all partitions share: limits, space and spare buffers.
#[derive(Debug)]
pub(crate) struct Accumulator {
    pub(crate) pool: Pool,
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

    /// Whether a caller has taken so much that the driver should run before it takes more: on one
    /// thread it runs at no other time.
    #[inline]
    pub(crate) fn owes_turn(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= BYTES_PER_TURN
            && self.taken.swap(0, Ordering::Relaxed) >= BYTES_PER_TURN
    }

    fn try_space(&self, kib: u32) -> Option<Space> {
        let permit = Arc::clone(&self.space).try_acquire_many_owned(kib).ok()?;
        Some(Space(Some(permit)))
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

/// What a batch has before its first record, at most.
const HEADER_BYTES_MAX: usize = 61;

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

/// One partition as its callers and the driver see it.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) topic: Arc<str>,
    pub(crate) index: i32,
    /// Its number among all partitions of this producer.
    pub(crate) slot: usize,
    magic: Magic,
    batches: Mutex<Batches>,
}

#[derive(Debug, Default)]
struct Batches {
    open: Option<Open>,
    full: VecDeque<Closed>,
    /// What the last batch needed: the next one starts with that much.
    last_bytes: usize,
    /// How many batches were opened; the number of the newest.
    opened: u64,
    is_abandoned: bool,
}

#[derive(Debug)]
struct Open {
    writer: BatchWriter,
    /// Records end here: at what is reserved, or at what a batch may have.
    end: usize,
    completion: Arc<Completion>,
    number: u64,
    opened_at: i64,
    /// Bytes of its largest record.
    record_bytes_max: usize,
    /// Whether the driver was told of it.
    is_told: bool,
    /// The driver could not take it in time: records get their own timestamps from now on.
    is_late: bool,
    space: Space,
}

/// A batch on its way to the driver.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) writer: BatchWriter,
    pub(crate) part: Part,
    pub(crate) number: u64,
    pub(crate) record_bytes_max: usize,
    pub(crate) space: Space,
    /// When it was opened, in milliseconds since 1970.
    opened_at: i64,
}

/// What waits in a partition to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    /// How many batches, an open one included.
    pub(crate) batches: u32,
    /// When the oldest was opened, in milliseconds since 1970.
    pub(crate) oldest: Option<i64>,
}

/// What came of an attempt to append, and what the driver shall hear of it.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) result: Result<Delivery, Refused>,
    /// Whether a batch became full.
    pub(crate) is_full: bool,
}

/// Why a record was not appended.
#[derive(Debug)]
pub(crate) enum Refused {
    /// This much space is needed and not free.
    NoSpace { kib: u32 },
    /// The driver has ended.
    Abandoned,
    /// The format cannot hold the record. Boxed, so that what is refused takes no more room than
    /// the delivery that stands there nearly always: it is moved once a record.
    Record(Box<RecordError>),
}

/// What a caller brings along: space that it waited for, a clock, and a way to the driver.
pub(crate) struct Means<'a> {
    pub(crate) accumulator: &'a Accumulator,
    pub(crate) space: &'a mut Space,
    /// Milliseconds since 1970; read once a batch.
    pub(crate) wall_millis: &'a dyn Fn() -> i64,
    /// Tells the driver of a batch that has its first record, by its number; false if the driver
    /// has ended. Called under the partition's lock: whoever adds to the batch comes after it, and
    /// so does a flush of what was added.
    pub(crate) tell_first: &'a dyn Fn(u64) -> bool,
}

impl Partition {
    pub(crate) fn new(topic: Arc<str>, index: i32, slot: usize, magic: Magic) -> Self {
        Self { topic, index, slot, magic, batches: Mutex::default() }
    }

    pub(crate) fn magic(&self) -> Magic {
        self.magic
    }

    /// Appends a record to the open batch; opens one if there is none or it is full.
    #[inline]
    pub(crate) fn append(
        &self,
        parts: &RecordParts<'_>,
        timestamp: Option<i64>,
        means: &mut Means<'_>,
    ) -> Appended {
        let mut batches = self.batches();
        let mut appended = Appended { result: Err(Refused::Abandoned), is_full: false };
        let fits = |open: &Open| open.writer.fits(parts, open.end);
        if !batches.open.as_ref().is_some_and(fits)
            && let Err(refused) =
                self.make_room(&mut batches, (parts, timestamp), means, &mut appended)
        {
            appended.result = Err(refused);
            return appended;
        }
        if let Some(open) = &mut batches.open {
            appended.result = open.append(parts, timestamp, means.wall_millis);
            if !open.is_told {
                batches.tell_first(means, &mut appended);
            }
        }
        appended
    }

    /// Makes the buffer larger, or opens a batch. Cold: a few times a batch.
    #[cold]
    #[inline(never)]
    fn make_room(
        &self,
        batches: &mut Batches,
        (parts, timestamp): (&RecordParts<'_>, Option<i64>),
        means: &mut Means<'_>,
        appended: &mut Appended,
    ) -> Result<(), Refused> {
        if batches.is_abandoned {
            return Err(Refused::Abandoned);
        }
        let accumulator = means.accumulator;
        let need = parts.wire_bytes_max(self.magic);
        if let Some(open) = &mut batches.open {
            if accumulator.grow(open, need, means.space) {
                return Ok(());
            }
            batches.close();
            appended.is_full = true;
        }
        let most = accumulator.batch_bytes_max.max(HEADER_BYTES_MAX + need);
        let least = BUFFER_BYTES_MIN.max(HEADER_BYTES_MAX + need);
        let space_bytes = usize::try_from(accumulator.space_kib).unwrap_or_default() << 10;
        let capacity = batches.last_bytes.min(most).min(space_bytes).max(least);
        let kib = kib(capacity);
        let space = match means.space.split(kib) {
            Some(space) => space,
            None => accumulator.try_space(kib).ok_or(Refused::NoSpace { kib })?,
        };
        accumulator.taken.fetch_add(capacity, Ordering::Relaxed);
        let opened_at = (means.wall_millis)();
        let buffer = accumulator.pool.take(capacity);
        batches.opened += 1;
        batches.open = Some(Open {
            writer: BatchWriter::new(buffer, self.magic, timestamp.unwrap_or(opened_at)),
            end: capacity.min(most),
            completion: Completion::new(self.topic.clone(), self.index),
            number: batches.opened,
            opened_at,
            record_bytes_max: 0,
            is_told: false,
            is_late: false,
            space,
        });
        Ok(())
    }

    /// Takes the oldest full batch, or the open one if its number is at most `due`.
    pub(crate) fn take(&self, due: u64) -> Option<Closed> {
        let mut batches = self.batches();
        match batches.full.pop_front() {
            None if batches.is_due(due) => batches.take_open(),
            full => full,
        }
    }

    /// Whether [`take`](Self::take) would give a batch.
    pub(crate) fn has_batch(&self, due: u64) -> bool {
        let batches = self.batches();
        !batches.full.is_empty() || batches.is_due(due)
    }

    /// What waits here to be taken.
    pub(crate) fn queue(&self) -> Queue {
        let batches = self.batches();
        let full = u32::try_from(batches.full.len()).unwrap_or(u32::MAX);
        let open = batches.open.as_ref().map(|open| open.opened_at);
        let oldest = batches.full.front().map(|closed| closed.opened_at).or(open);
        Queue { batches: full.saturating_add(open.is_some().into()), oldest }
    }

    /// Whether the open batch, if there is one, takes so many more bytes.
    pub(crate) fn has_room(&self, need: usize, batch_bytes_max: usize) -> bool {
        let open = &self.batches().open;
        open.as_ref().is_some_and(|open| open.writer.len() + need <= batch_bytes_max)
    }

    /// Lets records of a batch that could not be taken in time have their own timestamps.
    pub(crate) fn mark_late(&self, number: u64) {
        if let Some(open) = &mut self.batches().open
            && open.number <= number
        {
            open.is_late = true;
        }
    }

    /// Fails what waits here and takes no more: the driver has ended.
    pub(crate) fn abandon(&self) {
        let mut batches = self.batches();
        batches.is_abandoned = true;
        batches.close();
        let full = mem::take(&mut batches.full);
        drop(batches);
        drop(full);
    }

    fn batches(&self) -> MutexGuard<'_, Batches> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accumulator {
    /// Doubles the buffer of an open batch so that it takes `need` more bytes; false if the batch
    /// is full or space is short.
    fn grow(&self, open: &mut Open, need: usize, credit: &mut Space) -> bool {
        let wanted = open.writer.len() + need;
        if wanted > self.batch_bytes_max {
            return false;
        }
        let end = (open.end * 2).max(wanted).min(self.batch_bytes_max);
        let more = kib(end).saturating_sub(open.space.kib());
        let Some(space) = credit.split(more).or_else(|| self.try_space(more)) else { return false };
        self.taken.fetch_add(end - open.end, Ordering::Relaxed);
        open.space.add(space);
        open.end = end;
        true
    }
}

impl Batches {
    /// Tells the driver of the open batch, unless that has no record or nobody would send it.
    #[cold]
    fn tell_first(&mut self, means: &Means<'_>, appended: &mut Appended) {
        let Some(open) = &mut self.open else { return };
        open.is_told = !open.writer.is_empty() && (means.tell_first)(open.number);
        if !open.is_told {
            if appended.result.is_ok() {
                appended.result = Err(Refused::Abandoned);
            }
            self.open = None;
        }
    }

    fn is_due(&self, due: u64) -> bool {
        self.open.as_ref().is_some_and(|open| open.number <= due)
    }

    fn close(&mut self) {
        let closed = self.take_open();
        self.full.extend(closed);
    }

    /// The open batch, unless it has no record.
    fn take_open(&mut self) -> Option<Closed> {
        let open = self.open.take().filter(|open| !open.writer.is_empty())?;
        let Open { writer, completion, number, record_bytes_max, space, opened_at, .. } = open;
        self.last_bytes = writer.len().next_power_of_two();
        let part = Part::whole(completion, writer.record_count());
        Some(Closed { writer, part, number, record_bytes_max, space, opened_at })
    }
}

impl Open {
    #[inline]
    fn append(
        &mut self,
        parts: &RecordParts<'_>,
        timestamp: Option<i64>,
        wall_millis: &dyn Fn() -> i64,
    ) -> Result<Delivery, Refused> {
        let timestamp = match timestamp {
            Some(given) => given,
            None if self.is_late => wall_millis(),
            None => self.opened_at,
        };
        let parts = RecordParts { timestamp, ..*parts };
        let before = self.writer.len();
        let index = self.writer.append(&parts).map_err(refused)?;
        self.record_bytes_max = self.record_bytes_max.max(self.writer.len() - before);
        Ok(self.completion.delivery(index, timestamp))
    }
}

#[cold]
fn refused(error: RecordError) -> Refused {
    Refused::Record(Box::new(error))
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
