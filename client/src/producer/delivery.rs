//! `Delivery`: the future of one record's offset, and the object behind all deliveries of a batch.

use std::fmt;
use std::mem;
use std::ops;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::error::{self, Error};

/// What became of a record: a future of its [`RecordMetadata`], or of why it was not delivered.
///
/// An error says by [`Error::maybe_written`] whether the record may be in the log nevertheless.
/// Dropping a delivery loses the news, not the record. It always resolves: at the latest when the
/// delivery timeout has passed or the producer's task has ended.
///
/// # Cancel safety
///
/// It may be polled, put aside and polled again; only the last waker is woken.
#[must_use = "the record is sent anyway, but whether it arrived is known only here"]
pub struct Delivery {
    batch: Arc<Completion>,
    index: u32,
    /// Where its waker stands, so that a second poll replaces and does not add.
    slot: u32,
    timestamp: i64,
}

/// Where a record lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset; -1 if the broker did not say, as with [`Acks::None`](super::config::Acks).
    pub offset: i64,
    /// Milliseconds since 1970: the broker's append time if the topic has LogAppendTime, else the
    /// record's own.
    pub timestamp: i64,
}

impl Delivery {
    /// Whether the outcome is known, so that awaiting it takes no time.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.batch.outcome.get().is_some()
    }

    /// The topic of the record.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.batch.topic
    }

    /// The partition of the record.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.batch.partition
    }

    /// Its number in the batch.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// Where its batch lies: the same for deliveries of one batch, as long as one of them lives.
    pub(crate) fn batch_address(&self) -> usize {
        Arc::as_ptr(&self.batch).addr()
    }

    /// Which records of its batch were not delivered, and why; none as long as that is not known.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (ops::Range<u32>, &Error)> {
        let outcome = self.batch.outcome.get().into_iter();
        let ranges = outcome.flat_map(|outcome| outcome.rest.iter().chain([&outcome.last]));
        ranges.filter_map(|range| match &range.fate {
            Fate::Failed(error) => Some((range.start..range.end, error)),
            Fate::Stored { .. } => None,
        })
    }

    #[cold]
    fn register(&mut self, cx: &Context<'_>) -> Poll<<Self as Future>::Output> {
        let mut waiting = self.batch.waiting();
        // The outcome may have come between the first look and the lock.
        if let Some(outcome) = self.batch.outcome.get() {
            return Poll::Ready(outcome.of(self));
        }
        let mine = usize::try_from(self.slot).ok().and_then(|at| waiting.wakers.get_mut(at));
        if let Some(mine) = mine {
            mine.clone_from(cx.waker());
        } else {
            self.slot = u32::try_from(waiting.wakers.len()).unwrap_or(NO_SLOT);
            waiting.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.batch.outcome.get() {
            Some(outcome) => Poll::Ready(outcome.of(&self)),
            None => self.register(cx),
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("index", &self.index)
            .field("is_complete", &self.is_complete())
            .finish()
    }
}

/// How the records of one batch learn what became of them: one allocation for all of them.
#[derive(Debug)]
pub(crate) struct Completion {
    topic: Arc<str>,
    partition: i32,
    outcome: OnceLock<Outcome>,
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
    pub(crate) fn new(topic: Arc<str>, partition: i32) -> Arc<Self> {
        Arc::new(Self { topic, partition, outcome: OnceLock::new(), waiting: Mutex::default() })
    }

    /// The user's end for the record with this index.
    #[inline]
    pub(crate) fn delivery(self: &Arc<Self>, index: u32, timestamp: i64) -> Delivery {
        Delivery { batch: Arc::clone(self), index, slot: NO_SLOT, timestamp }
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
        wakers.into_iter().for_each(Waker::wake);
    }
}

const NO_SLOT: u32 = u32::MAX;

/// What became of the records of a batch: nearly always one range, more after a split or when
/// the broker refused single records.
#[derive(Debug)]
struct Outcome {
    last: Range,
    rest: Vec<Range>,
}

impl Outcome {
    #[inline]
    fn of(&self, delivery: &Delivery) -> Result<RecordMetadata, Error> {
        let index = delivery.index;
        let is_in = |range: &&Range| (range.start..range.end).contains(&index);
        let range = self.rest.iter().find(is_in).unwrap_or(&self.last);
        match &range.fate {
            Fate::Stored { base_offset, append_time } => Ok(RecordMetadata {
                topic: delivery.batch.topic.clone(),
                partition: delivery.batch.partition,
                offset: match *base_offset {
                    ..0 => -1,
                    base => base.saturating_add(index.saturating_sub(range.start).into()),
                },
                timestamp: if *append_time < 0 { delivery.timestamp } else { *append_time },
            }),
            Fate::Failed(error) => Err(error.clone()),
        }
    }
}

#[derive(Debug)]
struct Range {
    start: u32,
    end: u32,
    fate: Fate,
}

/// What became of records that share it.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// They lie in the log, the first one at `base_offset`. Both are -1 if not known.
    Stored { base_offset: i64, append_time: i64 },
    /// They were not delivered, or nobody knows.
    Failed(Error),
}

/// The driver's end of a completion, for neighbouring records of a batch. When it is dropped its
/// records fail, so that no delivery hangs.
#[derive(Debug)]
pub(crate) struct Part {
    batch: Arc<Completion>,
    start: u32,
    end: u32,
    /// Whether bytes may have reached a broker.
    pub(crate) was_sent: bool,
}

impl Part {
    /// The part that is the whole batch, now that its number of records is known.
    pub(crate) fn whole(batch: Arc<Completion>, records: u32) -> Self {
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
        if self.start == self.end {
            return;
        }
        let error = if self.was_sent {
            let topic = Box::from(&*self.batch.topic);
            let partition = self.batch.partition;
            let what = error::Waiting::Delivery { topic, partition };
            Error::TimedOut { what, after: Duration::ZERO, maybe_written: true, last: None }
        } else {
            Error::Closed { what: "producer" }
        };
        self.settle(self.end, Fate::Failed(error));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn batch() -> Arc<Completion> {
        Completion::new("t".into(), 3)
    }

    fn stored(base_offset: i64) -> Fate {
        Fate::Stored { base_offset, append_time: -1 }
    }

    fn now(delivery: &mut Delivery) -> Poll<Result<RecordMetadata, Error>> {
        Pin::new(delivery).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn offset(delivery: &mut Delivery) -> i64 {
        match now(delivery) {
            Poll::Ready(Ok(metadata)) => metadata.offset,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_record_learns_its_own_offset() {
        let batch = batch();
        let mut deliveries = [0, 1, 2].map(|i| batch.delivery(i, 17));
        let part = Part::whole(batch, 3);
        assert!(now(&mut deliveries[0]).is_pending());
        part.complete(stored(40));
        assert_eq!(deliveries.each_mut().map(offset), [40, 41, 42]);
        let Poll::Ready(Ok(metadata)) = now(&mut deliveries[2]) else { panic!() };
        let RecordMetadata { topic, partition, timestamp, .. } = metadata;
        assert_eq!((&*topic, partition, timestamp), ("t", 3, 17));
    }

    #[test]
    fn an_offset_that_no_log_has_does_not_panic() {
        let batch = batch();
        let mut deliveries = [0, 1].map(|i| batch.delivery(i, 17));
        Part::whole(batch, 2).complete(stored(i64::MAX));
        assert_eq!(deliveries.each_mut().map(offset), [i64::MAX; 2]);
    }

    #[test]
    fn the_brokers_append_time_wins() {
        let batch = batch();
        let mut delivery = batch.delivery(0, 17);
        Part::whole(batch, 1).complete(Fate::Stored { base_offset: 0, append_time: 99 });
        let Poll::Ready(Ok(metadata)) = now(&mut delivery) else { panic!() };
        assert_eq!(metadata.timestamp, 99);
    }

    #[test]
    fn only_the_last_waker_is_woken() {
        let (old, new) = (Arc::new(Counted::default()), Arc::new(Counted::default()));
        let batch = batch();
        let mut delivery = batch.delivery(0, 0);
        for waker in [&old, &old, &new] {
            let waker = Arc::clone(waker).into();
            assert!(Pin::new(&mut delivery).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        Part::whole(batch, 1).complete(stored(0));
        assert_eq!(old.0.load(Ordering::Relaxed), 0);
        assert_eq!(new.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_split_batch_is_complete_when_both_halves_are() {
        let batch = batch();
        let mut deliveries = [0, 1, 2, 3, 4].map(|i| batch.delivery(i, 0));
        let (first, second) = Part::whole(batch, 5).split(2);
        assert_eq!((first.len(), second.len()), (2, 3));
        second.complete(stored(70));
        assert!(now(&mut deliveries[2]).is_pending());
        first.complete(stored(10));
        assert_eq!(deliveries.each_mut().map(offset), [10, 11, 70, 71, 72]);
    }

    #[test]
    fn single_records_may_fail() {
        let batch = batch();
        let mut deliveries = [0, 1, 2].map(|i| batch.delivery(i, 0));
        let part = Part::whole(batch, 3);
        let failed = |what| Fate::Failed(Error::Closed { what });
        part.complete_each(|i| failed(if i == 1 { "bad" } else { "other" }));
        let texts = deliveries.each_mut().map(|d| match now(d) {
            Poll::Ready(Err(Error::Closed { what })) => what,
            other => panic!("{other:?}"),
        });
        assert_eq!(texts, ["other", "bad", "other"]);
    }

    #[test]
    fn a_dropped_part_fails_its_records() {
        for was_sent in [false, true] {
            let batch = batch();
            let mut delivery = batch.delivery(0, 0);
            let mut part = Part::whole(batch, 1);
            part.was_sent = was_sent;
            drop(part);
            let Poll::Ready(Err(error)) = now(&mut delivery) else { panic!() };
            assert_eq!(error.maybe_written(), was_sent);
        }
    }
}
