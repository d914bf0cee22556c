//! Callers against one partition.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

use kurier_protocol::record::{Magic, RecordBatches, RecordParts, Seal};

use super::super::batch::Delivery;
use super::super::means::{Outside, Refused};
use super::*;

const BATCH: usize = 32 << 10;

struct Fixture {
    accumulator: Accumulator,
    partition: Partition,
    clock: i64,
    /// Whether the driver has ended.
    has_ended: bool,
}

/// What came of an append, and what the driver heard of it.
struct Told {
    result: Result<Delivery, Refused>,
    first: Option<u64>,
    is_full: bool,
}

impl Fixture {
    fn new(buffer_bytes_max: usize) -> Self {
        Self {
            accumulator: Accumulator::new(BATCH, buffer_bytes_max),
            partition: Partition::new("t".into(), 0, 0, Magic::V2),
            clock: 1_000,
            has_ended: false,
        }
    }

    fn append(&self, bytes: usize) -> Told {
        self.append_with(bytes, None, &mut Space::default())
    }

    fn append_with(&self, bytes: usize, timestamp: Option<i64>, space: &mut Space) -> Told {
        let value = vec![7; bytes];
        let parts = RecordParts { value: Some(&value), ..RecordParts::default() };
        let ear = Ear { fixture: self, first: Cell::new(None), is_full: Cell::new(false) };
        let mut means = Means { budget: &self.accumulator, space, outside: &ear };
        let result = self.partition.append(&parts, timestamp, &mut means);
        Told { result, first: ear.first.get(), is_full: ear.is_full.get() }
    }

    fn free_kib(&self) -> usize {
        self.accumulator.space.available_permits()
    }
}

/// The driver's.
struct Ear<'a> {
    fixture: &'a Fixture,
    first: Cell<Option<u64>>,
    is_full: Cell<bool>,
}

impl Outside for Ear<'_> {
    fn wall_millis(&self) -> i64 {
        assert!(self.fixture.clock >= 0, "a clock of this test");
        self.fixture.clock
    }

    fn tell_first(&self, number: u64) -> bool {
        let is_locked = self.fixture.partition.is_locked();
        assert!(is_locked, "another caller could add to the batch, and flush");
        self.first.set(Some(number));
        !self.fixture.has_ended
    }

    fn tell_full(&self) {
        assert!(!self.fixture.partition.is_locked());
        self.is_full.set(true);
    }
}

fn timestamps(closed: Closed) -> Vec<i64> {
    let bytes = closed.writer.seal(&Seal::default()).unwrap();
    let batch = RecordBatches::new(bytes).next().unwrap().unwrap();
    let open = batch.open(&Default::default()).unwrap();
    open.records().map(|r| r.unwrap().timestamp).collect()
}

#[test]
fn tells_the_first_record_of_a_batch_and_a_full_batch_and_nothing_else() {
    let f = Fixture::new(1 << 20);
    let told: Vec<_> = (0..5)
        .map(|_| f.append(10 << 10))
        .map(|a| (a.result.is_ok(), a.first, a.is_full))
        .collect();
    let quiet = (true, None, false);
    assert_eq!(told, [(true, Some(1), false), quiet, quiet, (true, Some(2), true), quiet]);
}

#[test]
fn an_open_batch_is_taken_only_when_due() {
    let f = Fixture::new(1 << 20);
    drop(f.append(10).result.unwrap());
    assert!(f.partition.take(0).is_none());
    assert!(f.partition.has_batch(1));
    assert_eq!(f.partition.take(1).unwrap().number, 1);
    assert!(!f.partition.has_batch(u64::MAX));
}

#[test]
fn a_full_batch_is_taken_before_the_open_one() {
    let f = Fixture::new(1 << 20);
    (0..4).for_each(|_| f.append(10 << 10).result.map(drop).unwrap());
    assert_eq!(f.partition.take(2).unwrap().number, 1);
    assert_eq!(f.partition.take(1).map(|c| c.number), None);
    assert_eq!(f.partition.take(2).unwrap().number, 2);
}

#[test]
fn a_record_over_the_batch_limit_gets_a_batch_of_its_own() {
    let f = Fixture::new(1 << 20);
    drop(f.append(10).result.unwrap());
    let large = f.append(BATCH * 2);
    assert!(large.is_full && large.first == Some(2));
    let next = f.append(10);
    assert!(next.is_full && next.first == Some(3));
}

#[test]
fn space_is_taken_by_buffer_and_comes_back_with_the_batch() {
    let f = Fixture::new(64 << 10);
    drop(f.append(100).result.unwrap());
    drop(f.append(100).result.unwrap());
    assert_eq!(f.free_kib(), 64 - 16);
    drop(f.append(20 << 10).result.unwrap());
    assert_eq!(f.free_kib(), 64 - 32);
    drop(f.partition.take(1));
    assert_eq!(f.free_kib(), 64);
}

#[test]
fn without_space_the_open_batch_is_closed_and_the_record_refused() {
    let f = Fixture::new(16 << 10);
    drop(f.append(10 << 10).result.unwrap());
    let refused = f.append(10 << 10);
    assert!(refused.is_full);
    assert!(matches!(refused.result, Err(Refused::NoSpace(NoSpace { kib: 16 }))));
}

#[tokio::test]
async fn space_that_was_waited_for_is_used() {
    let f = Fixture::new(16 << 10);
    let mut space = f.accumulator.space(16).await;
    assert!(matches!(f.append(10).result, Err(Refused::NoSpace(_))));
    drop(f.append_with(10, None, &mut space).result.unwrap());
    assert_eq!(space.kib(), 0);
}

#[tokio::test]
async fn nobody_overtakes_a_caller_that_waits_for_space() {
    let f = Fixture::new(64 << 10);
    let held = f.accumulator.space(48).await;
    let waiter = f.accumulator.space(32);
    tokio::pin!(waiter);
    tokio::select! { biased; _ = &mut waiter => panic!(), () = async {} => {} }
    assert!(matches!(f.append(10).result, Err(Refused::NoSpace(_))));
    drop(held);
    assert_eq!(waiter.await.kib(), 32);
}

#[test]
fn records_get_the_opening_time_unless_they_have_their_own_or_the_batch_is_late() {
    let mut f = Fixture::new(1 << 20);
    let append = |f: &Fixture, at| f.append_with(1, at, &mut Space::default()).result.unwrap();
    drop(append(&f, None));
    f.clock = 1_500;
    drop(append(&f, None));
    drop(append(&f, Some(3)));
    f.partition.mark_late(1);
    drop(append(&f, None));
    assert_eq!(timestamps(f.partition.take(1).unwrap()), [1_000, 1_000, 3, 1_500]);
}

#[test]
fn a_batch_opened_after_the_mark_is_not_late() {
    let mut f = Fixture::new(1 << 20);
    drop(f.append(1).result.unwrap());
    drop(f.partition.take(1));
    drop(f.append(1).result.unwrap());
    f.partition.mark_late(1);
    f.clock = 2_000;
    drop(f.append(1).result.unwrap());
    assert_eq!(timestamps(f.partition.take(2).unwrap()), [1_000, 1_000]);
}

#[test]
fn an_abandoned_partition_fails_its_records_and_takes_no_more() {
    let f = Fixture::new(1 << 20);
    let delivery = f.append(1).result.unwrap();
    f.partition.abandon();
    assert!(delivery.is_complete());
    assert!(matches!(f.append(1).result, Err(Refused::Abandoned)));
}

#[test]
fn a_clock_that_panics_takes_no_record_from_the_driver() {
    let mut f = Fixture::new(1 << 20);
    let before = f.append(10).result.unwrap();
    f.partition.mark_late(1);
    f.clock = -1;
    // It takes a larger buffer first, and then the time.
    let more = AssertUnwindSafe(|| drop(f.append(BATCH / 4 * 3)));
    panic::catch_unwind(more).unwrap_err();
    let closed = f.partition.take(1).unwrap();
    assert_eq!(closed.part.len(), 1);
    drop(closed);
    assert!(before.is_complete());
}

#[test]
fn a_batch_that_the_driver_cannot_hear_of_is_not_begun() {
    let mut f = Fixture::new(64 << 10);
    f.has_ended = true;
    assert!(matches!(f.append(1).result, Err(Refused::Abandoned)));
    assert!(f.partition.take(u64::MAX).is_none());
    assert_eq!(f.free_kib(), 64);
}
