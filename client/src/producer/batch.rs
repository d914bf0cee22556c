//! Core: the open batch of a partition and its completion, between callers and the driver.
//!
//! A record is encoded straight into the open batch of its partition, by its caller, under the
//! lock of that partition: for each record one lock, one encoding, one reference count. What costs
//! more happens once a batch: space and a buffer, a completion, a look at the clock, and one or
//! two events for the driver.
//!
//! The driver takes a batch with its [`Part`], by which it tells what became of the records. All
//! deliveries of a batch share one [`Completion`]; its lock is for a delivery that is polled before
//! the outcome is there, and for whoever brings it.
//!
//! Locks come from `sync`, so that `ci/full loom` tries every order of callers and driver.

use std::collections::VecDeque;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use kurier_protocol::record::{BatchWriter, Magic, RecordError, RecordParts};

use super::fate::{Fate, Outcome, Range};
use super::means::{Budget, Means, Outside, Queue, Refused, Room};
use crate::error::Error;
use crate::sync::{Counted, Mutex, MutexGuard, OnceLock};

/// One partition as its callers and the driver see it.
#[derive(Debug)]
pub(crate) struct Partition<S> {
    pub(crate) topic: Arc<str>,
    pub(crate) index: i32,
    /// Its number among all partitions of this producer.
    pub(crate) slot: usize,
    magic: Magic,
    batches: Mutex<Batches<S>>,
}

#[derive(Debug)]
struct Batches<S> {
    open: Option<Open<S>>,
    full: VecDeque<Closed<S>>,
    /// What the last batch needed: the next one starts with that much.
    last_bytes: usize,
    /// How many batches were opened; the number of the newest.
    opened: u64,
    is_abandoned: bool,
}

/// A batch that takes records. Outside the lock it has one at least, and the driver knows of it.
#[derive(Debug)]
struct Open<S> {
    writer: BatchWriter,
    room: Room<S>,
    completion: Counted<Completion>,
    number: u64,
    opened_at: i64,
    /// Bytes of its largest record.
    record_bytes_max: usize,
    /// The driver could not take it in time: records get their own timestamps from now on.
    is_late: bool,
}

/// A batch on its way to the driver.
#[derive(Debug)]
pub(crate) struct Closed<S> {
    pub(crate) writer: BatchWriter,
    pub(crate) part: Part,
    pub(crate) number: u64,
    pub(crate) record_bytes_max: usize,
    pub(crate) space: S,
    /// When it was opened, in milliseconds since 1970.
    opened_at: i64,
}

/// Callers.
impl<S> Partition<S> {
    pub(crate) fn new(topic: Arc<str>, index: i32, slot: usize, magic: Magic) -> Self {
        let batches = Batches {
            open: None,
            full: VecDeque::new(),
            last_bytes: 0,
            opened: 0,
            is_abandoned: false,
        };
        Self { topic, index, slot, magic, batches: Mutex::new(batches) }
    }

    pub(crate) fn magic(&self) -> Magic {
        self.magic
    }

    /// Appends a record to the open batch, if there is one with room for it, and nothing to ask.
    #[inline(always)]
    pub(crate) fn append_now(
        &self,
        parts: &RecordParts<'_>,
        timestamp: Option<i64>,
    ) -> Option<Delivery> {
        let mut batches = self.batches();
        let open = batches.open.as_mut().filter(|open| !open.is_late)?;
        let fits = open.writer.fits(parts, open.room.end);
        let timestamp = timestamp.unwrap_or(open.opened_at);
        if fits { open.append_at(timestamp, parts).ok() } else { None }
    }

    /// Appends a record whatever it takes: opens a batch if there is none or it is full. Cold: a
    /// few times a batch.
    #[cold]
    pub(crate) fn append<B: Budget<Space = S>, O: Outside>(
        &self,
        parts: &RecordParts<'_>,
        timestamp: Option<i64>,
        means: &mut Means<'_, B, O>,
    ) -> Result<Delivery, Refused> {
        let mut batches = self.batches();
        let need = parts.wire_bytes_max(self.magic);
        if let Some(open) = &mut batches.open {
            // It stays where it is: what the outside does may panic, and others wait for its end.
            if open.writer.fits(parts, open.room.end) || open.grow(need, means) {
                return open.append(parts, timestamp, means.outside);
            }
        }
        let full = batches.full.len();
        let result = self.begin(&mut batches, need, (parts, timestamp), means);
        let is_full = batches.full.len() > full;
        drop(batches);
        if is_full {
            means.outside.tell_full();
        }
        result
    }

    /// Begins another batch with a record. Without one, or if nobody would send it, the batch is
    /// forgotten.
    fn begin<B: Budget<Space = S>, O: Outside>(
        &self,
        batches: &mut Batches<S>,
        need: usize,
        (parts, timestamp): (&RecordParts<'_>, Option<i64>),
        means: &mut Means<'_, B, O>,
    ) -> Result<Delivery, Refused> {
        if batches.is_abandoned {
            return Err(Refused::Abandoned);
        }
        batches.close();
        let (buffer, room) =
            means.budget.open(need, batches.last_bytes, means.space).map_err(Refused::NoSpace)?;
        let opened_at = means.outside.wall_millis();
        batches.opened += 1;
        let mut open = Open {
            writer: BatchWriter::new(buffer, self.magic, timestamp.unwrap_or(opened_at)),
            room,
            completion: Completion::new(self.topic.clone(), self.index),
            number: batches.opened,
            opened_at,
            record_bytes_max: 0,
            is_late: false,
        };
        let delivery = open.append(parts, timestamp, means.outside)?;
        if !means.outside.tell_first(open.number) {
            return Err(Refused::Abandoned);
        }
        batches.open = Some(open);
        Ok(delivery)
    }
}

/// The driver, and who looks at what waits.
impl<S> Partition<S> {
    /// Takes the oldest full batch, or the open one if its number is at most `due`.
    pub(crate) fn take(&self, due: u64) -> Option<Closed<S>> {
        let mut batches = self.batches();
        let full = batches.full.pop_front();
        full.or_else(|| {
            let open = batches.open.take_if(|open| open.number <= due)?;
            Some(batches.closed(open))
        })
    }

    /// Whether [`take`](Self::take) would give a batch.
    pub(crate) fn has_batch(&self, due: u64) -> bool {
        let batches = self.batches();
        !batches.full.is_empty() || batches.open.as_ref().is_some_and(|open| open.number <= due)
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
        // Whoever is woken by it may come here.
        drop(batches);
        drop(full);
    }

    fn batches(&self) -> MutexGuard<'_, Batches<S>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Batches<S> {
    /// Takes no more records into the open batch, if there is one.
    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            let closed = self.closed(open);
            self.full.push_back(closed);
        }
    }

    fn closed(&mut self, open: Open<S>) -> Closed<S> {
        let Open { writer, room, completion, number, record_bytes_max, opened_at, .. } = open;
        self.last_bytes = writer.len().next_power_of_two();
        let part = Part::whole(completion, writer.record_count());
        Closed { writer, part, number, record_bytes_max, space: room.space, opened_at }
    }
}

impl<S> Open<S> {
    /// Makes room for a record of at most so many bytes, if a batch may be that large.
    fn grow<B: Budget<Space = S>, O>(&mut self, need: usize, means: &mut Means<'_, B, O>) -> bool {
        let bytes = self.writer.len() + need;
        means.budget.grow(&mut self.room, bytes, means.space)
    }

    fn append(
        &mut self,
        parts: &RecordParts<'_>,
        timestamp: Option<i64>,
        outside: &impl Outside,
    ) -> Result<Delivery, Refused> {
        let timestamp = match timestamp {
            Some(given) => given,
            None if self.is_late => outside.wall_millis(),
            None => self.opened_at,
        };
        self.append_at(timestamp, parts).map_err(|error| Refused::Record(Box::new(error)))
    }

    #[inline(always)]
    fn append_at(
        &mut self,
        timestamp: i64,
        parts: &RecordParts<'_>,
    ) -> Result<Delivery, RecordError> {
        let before = self.writer.len();
        let index = self.writer.append(&RecordParts { timestamp, ..*parts })?;
        self.record_bytes_max = self.record_bytes_max.max(self.writer.len() - before);
        Ok(Completion::delivery(&self.completion, index, timestamp))
    }
}

/// How the records of one batch learn what became of them: one allocation for all of them.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) outcome: OnceLock<Outcome>,
    /// Locked by a delivery that is polled too early, and by the driver's end: when the batch is
    /// closed, and when records have their fate.
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    wakers: Vec<Waker>,
    /// What is known while parts of the batch are on their way.
    ranges: Vec<Range>,
    /// Records whose fate is unknown.
    records: u32,
}

impl Completion {
    pub(crate) fn new(topic: Arc<str>, partition: i32) -> Counted<Self> {
        let waiting = Mutex::new(Waiting::default());
        Counted::new(Self { topic, partition, outcome: OnceLock::new(), waiting })
    }

    /// The user's end for the record with this index.
    #[inline]
    pub(crate) fn delivery(this: &Counted<Self>, index: u32, timestamp: i64) -> Delivery {
        Delivery { batch: Some(Counted::clone(this)), index, slot: NO_SLOT, timestamp }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the fate of some records; publishes when that of all is known.
    fn settle(&self, range: Range) {
        let wakers = {
            let mut waiting = self.waiting();
            waiting.records = waiting.records.saturating_sub(range.end - range.start);
            if waiting.records > 0 {
                waiting.ranges.push(range);
                return;
            }
            let rest = mem::take(&mut waiting.ranges);
            // A completion is settled once: the records of a part are counted down only here.
            let _ = self.outcome.set(Outcome { last: range, rest });
            mem::take(&mut waiting.wakers)
        };
        wake(wakers);
    }
}

/// Wakes all, though one of them panics: its panic is told by its hook, and is no concern of the
/// others nor of whoever brought the outcome. What it panicked with is never dropped: that could
/// panic again.
fn wake(wakers: Vec<Waker>) {
    let mut wakers = wakers.into_iter();
    let mut rest = || wakers.by_ref().for_each(Waker::wake);
    while let Err(thrown) = panic::catch_unwind(AssertUnwindSafe(&mut rest)) {
        mem::forget(thrown);
    }
}

/// The driver's end of a completion, for neighbouring records of a batch. When it is dropped its
/// records fail, so that no delivery hangs.
#[derive(Debug)]
pub(crate) struct Part {
    batch: Counted<Completion>,
    start: u32,
    end: u32,
    /// Whether bytes may have reached a broker.
    pub(crate) was_sent: bool,
}

impl Part {
    /// The part that is the whole batch, now that its number of records is known.
    pub(crate) fn whole(batch: Counted<Completion>, records: u32) -> Self {
        batch.waiting().records = records;
        Self { batch, start: 0, end: records, was_sent: false }
    }

    /// How many records it speaks for.
    pub(crate) fn len(&self) -> u32 {
        self.end - self.start
    }

    /// Tells all its deliveries the same.
    pub(crate) fn complete(mut self, fate: Fate) {
        self.settle(self.end, fate);
    }

    /// Tells the fate of each record by its index in this part.
    pub(crate) fn complete_each(mut self, fate: impl Fn(u32) -> Fate) {
        let start = self.start;
        for index in start..self.end {
            self.settle(index + 1, fate(index - start));
        }
    }

    /// Divides it: the first `records` records, and the others.
    pub(crate) fn split(mut self, records: u32) -> (Self, Self) {
        let middle = self.start.saturating_add(records).min(self.end);
        let first = Self { batch: self.batch.clone(), end: middle, ..self };
        let second = Self { batch: self.batch.clone(), start: middle, ..self };
        self.start = self.end;
        (first, second)
    }

    fn settle(&mut self, end: u32, fate: Fate) {
        let start = mem::replace(&mut self.start, end);
        if start < end {
            self.batch.settle(Range { start, end, fate });
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.start < self.end {
            let fate = match self.was_sent {
                true => Fate::lost(&self.batch.topic, self.batch.partition),
                false => Fate::Failed(Error::Closed { what: "producer" }),
            };
            self.settle(self.end, fate);
        }
    }
}

/// What became of a record: a future of its [`RecordMetadata`], or of why it was not delivered.
///
/// Dropping a delivery loses the news, not the record. It always resolves: at the latest when the
/// delivery timeout has passed or the producer's task has ended.
///
/// # Errors
///
/// Why the record was not delivered; [`Error::maybe_written`] tells whether it may be in the log
/// nevertheless. [`Error::TimedOut`] after
/// [`delivery_timeout`](super::ProducerConfig::delivery_timeout), with the failure of the last try
/// if there was one; [`Error::Broker`] for what the leader refused; [`Error::Unsupported`] for
/// what it is too old for; [`Error::Transaction`] for what a transaction takes with it;
/// [`Error::Closed`] if the producer ended before the record was sent.
///
/// # Cancel safety
///
/// It may be polled, put aside and polled again until it is ready; only the last waker is woken.
///
/// # Panics
///
/// As other futures, if it is polled after it was ready: the outcome is told once.
#[must_use = "the record is sent anyway, but whether it arrived is known only here"]
pub struct Delivery {
    /// None once it has told its outcome.
    pub(super) batch: Option<Counted<Completion>>,
    pub(super) index: u32,
    /// Where its waker stands, so that a second poll replaces and does not add.
    slot: u32,
    timestamp: i64,
}

/// Where a record lies.
#[derive(Clone)]
pub struct RecordMetadata {
    /// The partition.
    pub partition: i32,
    /// The offset; -1 if the broker did not say, as with [`Acks::None`](super::config::Acks).
    pub offset: i64,
    /// Milliseconds since 1970: the broker's append time if the topic has LogAppendTime, else the
    /// record's own.
    pub timestamp: i64,
    /// The delivery's own, so that no reference is counted.
    pub(super) batch: Counted<Completion>,
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.is_complete() {
            ready!(self.poll_complete(cx));
        }
        let Some(batch) = self.batch.take() else { told_before() };
        match batch.outcome.get().map(|outcome| outcome.of(self.index)) {
            Some(Ok((offset, append_time))) => {
                let (partition, timestamp) =
                    (batch.partition, append_time.unwrap_or(self.timestamp));
                Poll::Ready(Ok(RecordMetadata { partition, offset, timestamp, batch }))
            }
            Some(Err(error)) => Poll::Ready(Err(error.clone())),
            // Invariant: it is complete, by the look above.
            None => told_before(),
        }
    }
}

impl Delivery {
    /// Waits for the outcome, without taking it.
    #[cold]
    pub(crate) fn poll_complete(&mut self, cx: &Context<'_>) -> Poll<()> {
        let Some(batch) = &self.batch else { return Poll::Ready(()) };
        // Cloned before the lock is taken and dropped behind it: a waker is somebody else's code.
        let mut waker = cx.waker().clone();
        let mut waiting = batch.waiting();
        // It may have come between a first look and the lock.
        if batch.outcome.get().is_some() {
            drop(waiting);
            return Poll::Ready(());
        }
        let mine = usize::try_from(self.slot).ok().and_then(|at| waiting.wakers.get_mut(at));
        if let Some(mine) = mine {
            mem::swap(mine, &mut waker);
            drop(waiting);
        } else {
            self.slot = u32::try_from(waiting.wakers.len()).unwrap_or(NO_SLOT);
            waiting.wakers.push(waker);
        }
        Poll::Pending
    }
}

#[cold]
fn told_before() -> ! {
    panic!("a Delivery was polled after it had told its outcome")
}

const NO_SLOT: u32 = u32::MAX;

#[cfg(test)]
pub(crate) mod tests;
