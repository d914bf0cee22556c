//! A completion between deliveries and the driver's end.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

/// A clock, and what the driver would hear.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) wall: i64,
    pub(crate) first: Cell<Option<u64>>,
    pub(crate) is_full: Cell<bool>,
}

impl Heard {
    pub(crate) fn at(wall: i64) -> Self {
        Self { wall, first: Cell::new(None), is_full: Cell::new(false) }
    }
}

impl Outside for Heard {
    fn wall_millis(&self) -> i64 {
        self.wall
    }

    fn tell_first(&self, number: u64) -> bool {
        self.first.set(Some(number));
        true
    }

    fn tell_full(&self) {
        self.is_full.set(true);
    }
}

impl<S> Partition<S> {
    pub(crate) fn is_locked(&self) -> bool {
        self.batches.try_lock().is_err()
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn batch() -> Counted<Completion> {
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
    let mut deliveries = [0, 1, 2].map(|i| Completion::delivery(&batch, i, 17));
    let part = Part::whole(batch, 3);
    assert!(now(&mut deliveries[0]).is_pending());
    part.complete(stored(40));
    assert_eq!((deliveries[2].topic(), deliveries[2].partition()), ("t", 3));
    let [first, second, third] = &mut deliveries;
    assert_eq!([offset(first), offset(second)], [40, 41]);
    let Poll::Ready(Ok(metadata)) = now(third) else { panic!() };
    assert_eq!(metadata, RecordMetadata::new("t", 3, 42, 17));
    assert_ne!(metadata, RecordMetadata::new("u", 3, 42, 17));
    assert!(third.is_complete() && third.topic().is_empty());
}

#[test]
#[should_panic(expected = "a Delivery was polled after it had told its outcome")]
fn an_outcome_is_told_once_and_whoever_asks_again_is_told_so() {
    let batch = batch();
    let mut delivery = Completion::delivery(&batch, 0, 17);
    Part::whole(batch, 1).complete(stored(40));
    assert_eq!(offset(&mut delivery), 40);
    drop(now(&mut delivery));
}

#[test]
fn an_offset_that_no_log_has_does_not_panic() {
    let batch = batch();
    let mut deliveries = [0, 1].map(|i| Completion::delivery(&batch, i, 17));
    Part::whole(batch, 2).complete(stored(i64::MAX));
    assert_eq!(deliveries.each_mut().map(offset), [i64::MAX; 2]);
}

#[test]
fn the_brokers_append_time_wins() {
    let batch = batch();
    let mut delivery = Completion::delivery(&batch, 0, 17);
    Part::whole(batch, 1).complete(Fate::Stored { base_offset: 0, append_time: 99 });
    let Poll::Ready(Ok(metadata)) = now(&mut delivery) else { panic!() };
    assert_eq!(metadata.timestamp, 99);
}

#[test]
fn only_the_last_waker_is_woken() {
    let (old, new) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
    let batch = batch();
    let mut delivery = Completion::delivery(&batch, 0, 0);
    for waker in [&old, &old, &new] {
        let waker = Arc::clone(waker).into();
        assert!(Pin::new(&mut delivery).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    Part::whole(batch, 1).complete(stored(0));
    assert_eq!(old.0.load(Ordering::Relaxed), 0);
    assert_eq!(new.0.load(Ordering::Relaxed), 1);
}

/// Notes when it is dropped whether the lock of a completion is held.
struct Dropped {
    batch: Counted<Completion>,
    was_locked: Arc<Mutex<Option<bool>>>,
}

impl Wake for Dropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let is_locked = self.batch.waiting.try_lock().is_err();
        *self.was_locked.lock().unwrap() = Some(is_locked);
    }
}

#[test]
fn a_waker_that_is_replaced_may_look_at_its_batch() {
    let (batch, was_locked) = (batch(), Arc::new(Mutex::new(None)));
    let mut delivery = Completion::delivery(&batch, 0, 0);
    let old = Dropped { batch: Counted::clone(&batch), was_locked: Arc::clone(&was_locked) };
    let old = Arc::new(old).into();
    assert!(Pin::new(&mut delivery).poll(&mut Context::from_waker(&old)).is_pending());
    drop(old);
    assert_eq!(*was_locked.lock().unwrap(), None);
    assert!(now(&mut delivery).is_pending());
    assert_eq!(*was_locked.lock().unwrap(), Some(false));
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker of this test");
    }
}

#[test]
fn a_waker_that_panics_keeps_no_other_one_asleep() {
    let (batch, wakes) = (batch(), Arc::new(Wakes::default()));
    let mut deliveries = [0, 1, 2, 3].map(|i| Completion::delivery(&batch, i, 0));
    let well = || Waker::from(Arc::clone(&wakes));
    let wakers = [Arc::new(Panics).into(), well(), Arc::new(Panics).into(), well()];
    for (delivery, waker) in deliveries.iter_mut().zip(&wakers) {
        assert!(Pin::new(delivery).poll(&mut Context::from_waker(waker)).is_pending());
    }
    Part::whole(batch, 4).complete(stored(0));
    assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
    assert_eq!(deliveries.each_mut().map(offset), [0, 1, 2, 3]);
}

/// Panics again when what it panicked with is dropped.
struct PanicsTwice;

struct Thrown;

impl Wake for PanicsTwice {
    fn wake(self: Arc<Self>) {
        panic::panic_any(Thrown);
    }
}

impl Drop for Thrown {
    fn drop(&mut self) {
        panic!("what a waker of this test panicked with");
    }
}

#[test]
fn a_waker_that_panics_with_what_panics_ends_nobody() {
    let (batch, wakes) = (batch(), Arc::new(Wakes::default()));
    let mut deliveries = [0, 1].map(|i| Completion::delivery(&batch, i, 0));
    let wakers = [Arc::new(PanicsTwice).into(), Waker::from(Arc::clone(&wakes))];
    for (delivery, waker) in deliveries.iter_mut().zip(&wakers) {
        assert!(Pin::new(delivery).poll(&mut Context::from_waker(waker)).is_pending());
    }
    Part::whole(batch, 2).complete(stored(0));
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_split_batch_is_complete_when_both_halves_are() {
    let batch = batch();
    let mut deliveries = [0, 1, 2, 3, 4].map(|i| Completion::delivery(&batch, i, 0));
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
    let mut deliveries = [0, 1, 2].map(|i| Completion::delivery(&batch, i, 0));
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
        let mut delivery = Completion::delivery(&batch, 0, 0);
        let mut part = Part::whole(batch, 1);
        part.was_sent = was_sent;
        drop(part);
        let Poll::Ready(Err(error)) = now(&mut delivery) else { panic!() };
        assert_eq!(error.maybe_written(), was_sent);
    }
}

#[cfg(kurier_loom)]
mod models;
