//! Callers, a driver and those who wait, in every order that threads can come in: `ci/full loom`.
//!
//! What a record goes through is the code of the producer; buffer and driver are played. A model
//! fails as well when a thread waits for what never comes, or a completion is never freed.

use std::sync::Arc;

use bytes::BytesMut;
use kurier_protocol::record::{DecompressLimits, RecordBatches, Seal};
use loom::future::block_on;
use loom::sync::Condvar;
use loom::thread::{JoinHandle, spawn};

use super::super::super::means::{HEADER_BYTES_MAX, NoSpace};
use super::super::super::waiters::Waiters;
use super::*;
use crate::sync::modelled::{ALL, PREEMPTIONS, check};

/// A buffer of a few places, each for one record.
#[derive(Debug)]
struct Places {
    state: Mutex<State>,
    /// How many a batch may have.
    batch_max: usize,
    waiters: Waiters,
}

#[derive(Debug, Default)]
struct State {
    free: u32,
    /// Those who wait, in turn: by whom, how to wake them, and whether a place is theirs.
    queue: VecDeque<(u32, Waker, bool)>,
    came: u32,
}

/// Places that somebody holds.
#[derive(Debug, Default)]
struct Held {
    of: Option<Arc<Places>>,
    count: u32,
}

impl Places {
    fn new(free: u32, batch_max: usize) -> Arc<Self> {
        let state = Mutex::new(State { free, ..State::default() });
        Arc::new(Self { state, batch_max, waiters: Waiters::new() })
    }

    fn free(&self) -> u32 {
        self.state.lock().unwrap().free
    }

    fn take(self: &Arc<Self>) -> Option<Held> {
        let mut state = self.state.lock().unwrap();
        state.free = state.free.checked_sub(1)?;
        Some(self.held())
    }

    fn held(self: &Arc<Self>) -> Held {
        Held { of: Some(Arc::clone(self)), count: 1 }
    }

    fn wait(self: &Arc<Self>) -> Wait {
        Wait { places: Arc::clone(self), id: None }
    }

    fn give_back(&self) {
        let mut state = self.state.lock().unwrap();
        let next = state.queue.iter_mut().find(|(_, _, is_theirs)| !is_theirs);
        let Some((_, waker, is_theirs)) = next else {
            state.free += 1;
            return;
        };
        *is_theirs = true;
        let waker = waker.clone();
        drop(state);
        waker.wake();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(places) = self.of.take() {
            (0..self.count).for_each(|_| places.give_back());
        }
    }
}

/// Waits for a place.
struct Wait {
    places: Arc<Places>,
    id: Option<u32>,
}

impl Future for Wait {
    type Output = Held;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Held> {
        let places = Arc::clone(&self.places);
        let mut state = places.state.lock().unwrap();
        if let Some(id) = self.id {
            let at = state.queue.iter().position(|(other, ..)| *other == id).unwrap();
            if state.queue[at].2 {
                state.queue.remove(at);
                self.id = None;
                return Poll::Ready(places.held());
            }
            state.queue[at].1.clone_from(cx.waker());
        } else if state.free > 0 {
            state.free -= 1;
            return Poll::Ready(places.held());
        } else {
            state.came += 1;
            let id = state.came;
            state.queue.push_back((id, cx.waker().clone(), false));
            self.id = Some(id);
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut state = self.places.state.lock().unwrap();
        let at = state.queue.iter().position(|(other, ..)| *other == id).unwrap();
        let (_, _, was_mine) = state.queue.remove(at).unwrap();
        drop(state);
        if was_mine {
            self.places.give_back();
        }
    }
}

impl Budget for Arc<Places> {
    type Space = Held;

    fn open(
        &self,
        need: usize,
        _last_bytes: usize,
        credit: &mut Held,
    ) -> Result<(BytesMut, Room<Held>), NoSpace> {
        let space = match credit.of {
            Some(_) => mem::take(credit),
            None => self.take().ok_or(NoSpace { kib: 1 })?,
        };
        Ok((BytesMut::new(), Room { end: HEADER_BYTES_MAX + need, space }))
    }

    fn grow(&self, room: &mut Room<Held>, bytes: usize, _credit: &mut Held) -> bool {
        if bytes > HEADER_BYTES_MAX + self.batch_max * RECORD_BYTES {
            return false;
        }
        let Some(mut more) = self.take() else { return false };
        room.space.count += mem::take(&mut more.count);
        room.end = bytes;
        true
    }
}

/// More than any record of a model has, and less than twice as much.
const RECORD_BYTES: usize = 150;

/// What callers tell the driver, and of which partition.
#[derive(Debug)]
enum Event {
    First(usize, u64),
    Full(usize),
    Short,
    /// Send everything; then this record of a partition has its outcome.
    Flush(usize, u8, Delivery),
    /// A caller is done.
    Done,
}

/// The way to the driver.
#[derive(Debug)]
struct Ear {
    heard: Mutex<(VecDeque<Event>, bool)>,
    news: Condvar,
}

impl Ear {
    fn new() -> Arc<Self> {
        Arc::new(Self { heard: Mutex::default(), news: Condvar::new() })
    }

    /// False if the driver has ended.
    fn tell(&self, event: Event) -> bool {
        let mut heard = self.heard.lock().unwrap();
        if heard.1 {
            return false;
        }
        heard.0.push_back(event);
        self.news.notify_one();
        true
    }

    fn next(&self) -> Event {
        let mut heard = self.heard.lock().unwrap();
        loop {
            match heard.0.pop_front() {
                Some(event) => return event,
                None => heard = self.news.wait(heard).unwrap(),
            }
        }
    }

    /// Hears nothing more; what was told and not heard.
    fn end(&self) -> VecDeque<Event> {
        let mut heard = self.heard.lock().unwrap();
        heard.1 = true;
        mem::take(&mut heard.0)
    }
}

/// Who appends to a partition.
#[derive(Clone, Debug)]
struct Caller {
    partition: Arc<Partition<Held>>,
    places: Arc<Places>,
    ear: Arc<Ear>,
}

impl Outside for Caller {
    fn wall_millis(&self) -> i64 {
        1_000
    }

    fn tell_first(&self, number: u64) -> bool {
        self.ear.tell(Event::First(self.partition.slot, number))
    }

    fn tell_full(&self) {
        self.ear.tell(Event::Full(self.partition.slot));
    }
}

impl Caller {
    /// Those of a partition each.
    fn new<const N: usize>(places: &Arc<Places>) -> [Self; N] {
        let ear = Ear::new();
        std::array::from_fn(|slot| {
            let partition = Arc::new(Partition::new("t".into(), 0, slot, Magic::V2));
            Self { partition, places: Arc::clone(places), ear: Arc::clone(&ear) }
        })
    }

    fn append(&self, value: u8) -> Result<Delivery, Refused> {
        self.append_with(value, &mut Held::default())
    }

    fn append_with(&self, value: u8, space: &mut Held) -> Result<Delivery, Refused> {
        let value = [value; 100];
        let parts = RecordParts { value: Some(&value), ..RecordParts::default() };
        let mut means = Means { budget: &self.places, space, outside: self };
        // As callers do it: the way that needs nobody first.
        let now = self.partition.append_now(&parts, None);
        now.map_or_else(|| self.partition.append(&parts, None, &mut means), Ok)
    }

    /// Appends, and waits for space as often as there is none.
    fn append_waiting(&self, value: u8) -> Delivery {
        let mut space = Held::default();
        loop {
            match self.append_with(value, &mut space) {
                Ok(delivery) => return delivery,
                Err(Refused::NoSpace(_)) => {
                    let _counted = self.places.waiters.join();
                    self.ear.tell(Event::Short);
                    space = block_on(self.places.wait());
                }
                Err(refused) => panic!("{refused:?}"),
            }
        }
    }

    /// Appends if there is space; otherwise waits a little, and leaves, whether it has come or not.
    fn append_or_leave(&self, value: u8) -> Option<Delivery> {
        match self.append(value) {
            Ok(delivery) => Some(delivery),
            Err(refused) => {
                assert!(matches!(refused, Refused::NoSpace(_)));
                let _counted = self.places.waiters.join();
                self.ear.tell(Event::Short);
                let mut wait = self.places.wait();
                let _ = Pin::new(&mut wait).poll(&mut Context::from_waker(Waker::noop()));
                None
            }
        }
    }

    /// Appends on a thread of its own.
    fn spawn(
        &self,
        append: impl FnOnce(&Self) -> Vec<(u8, Delivery)> + 'static,
    ) -> JoinHandle<Vec<(u8, Delivery)>> {
        let caller = self.clone();
        spawn(move || {
            let deliveries = append(&caller);
            caller.ear.tell(Event::Done);
            deliveries
        })
    }

    fn spawn_appending<const N: usize>(&self, values: [u8; N]) -> JoinHandle<Vec<(u8, Delivery)>> {
        self.spawn(move |caller| values.map(|v| (v, caller.append(v).unwrap())).into())
    }
}

/// The driver, and the logs that it writes.
#[derive(Debug)]
struct Driver {
    ear: Arc<Ear>,
    places: Arc<Places>,
    lanes: Vec<Lane>,
    /// Whether batches wait until they are full or flushed, or somebody waits for space.
    lingers: bool,
    flushed: Vec<(usize, Vec<(u8, Delivery)>)>,
}

#[derive(Debug)]
struct Lane {
    partition: Arc<Partition<Held>>,
    due: u64,
    newest: u64,
    taken: u64,
    log: Vec<u8>,
}

impl Driver {
    fn new(callers: &[Caller]) -> Self {
        let lane = |caller: &Caller| Lane {
            partition: Arc::clone(&caller.partition),
            due: 0,
            newest: 0,
            taken: 0,
            log: Vec::new(),
        };
        let (ear, places) = (Arc::clone(&callers[0].ear), Arc::clone(&callers[0].places));
        let lanes = callers.iter().map(lane).collect();
        Self { ear, places, lanes, lingers: false, flushed: Vec::new() }
    }

    fn lingering(callers: &[Caller]) -> Self {
        Self { lingers: true, ..Self::new(callers) }
    }

    /// Does as it is told until so many callers are done.
    fn run(&mut self, mut callers: usize) {
        while callers > 0 {
            match self.ear.next() {
                Event::First(slot, number) => {
                    let lane = &mut self.lanes[slot];
                    lane.newest = lane.newest.max(number);
                    if !self.lingers {
                        lane.due = lane.newest;
                        lane.take();
                    }
                }
                Event::Full(slot) => self.lanes[slot].take(),
                Event::Short => {}
                Event::Flush(slot, value, delivery) => {
                    self.flush();
                    assert!(delivery.is_complete());
                    self.flushed.push((slot, vec![(value, delivery)]));
                }
                Event::Done => callers -= 1,
            }
            if self.lingers && self.places.waiters.any() {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        for lane in &mut self.lanes {
            lane.due = lane.newest;
            lane.take();
        }
    }

    /// Every record is in its log once, where its delivery says, and in its caller's order.
    fn check(self, callers: impl IntoIterator<Item = (usize, JoinHandle<Vec<(u8, Delivery)>>)>) {
        let mut count = 0;
        let callers = callers.into_iter().map(|(slot, caller)| (slot, caller.join().unwrap()));
        for (slot, deliveries) in callers.chain(self.flushed) {
            let mut last = None;
            for (value, mut delivery) in deliveries {
                let at = usize::try_from(offset(&mut delivery)).unwrap();
                assert_eq!(self.lanes[slot].log[at], value);
                assert!(last < Some(at));
                last = Some(at);
                count += 1;
            }
        }
        assert_eq!(self.lanes.iter().map(|lane| lane.log.len()).sum::<usize>(), count);
    }
}

impl Lane {
    fn take(&mut self) {
        while let Some(closed) = self.partition.take(self.due) {
            self.taken += 1;
            assert_eq!(closed.number, self.taken, "in order, and each once");
            let base_offset = i64::try_from(self.log.len()).unwrap();
            let batch = closed.writer.seal(&Seal::default()).unwrap();
            let batch = RecordBatches::new(batch).next().unwrap().unwrap();
            let open = batch.open(&DecompressLimits::default()).unwrap();
            let values = open.records().map(|record| record.unwrap().value.unwrap()[0]);
            let values: Vec<_> = values.collect();
            assert_eq!(closed.part.len() as usize, values.len());
            self.log.extend(values);
            closed.part.complete(stored(base_offset));
        }
    }
}

/// Waits for the outcome.
fn outcome(delivery: Delivery) -> Result<RecordMetadata, Error> {
    block_on(delivery)
}

#[test]
fn two_callers_lose_double_and_reorder_nothing() {
    check("two callers, and a driver that does not linger", PREEMPTIONS, || {
        let places = Places::new(8, 2);
        let [caller] = Caller::new(&places);
        let (a, b) = (caller.spawn_appending([1, 2]), caller.spawn_appending([3]));
        let mut driver = Driver::new(&[caller]);
        driver.run(2);
        driver.check([(0, a), (0, b)]);
        assert_eq!(places.free(), 8);
    });
}

#[test]
fn a_driver_that_lingers_hears_of_each_full_batch() {
    check("two callers with full batches, and a driver that lingers", PREEMPTIONS, || {
        let places = Places::new(8, 1);
        let [caller] = Caller::new(&places);
        let (a, b) = (caller.spawn_appending([1, 2]), caller.spawn_appending([3]));
        let mut driver = Driver::lingering(std::slice::from_ref(&caller));
        driver.run(2);
        assert_eq!(caller.partition.queue().batches, 1, "the open one");
        driver.flush();
        driver.check([(0, a), (0, b)]);
        assert_eq!(places.free(), 8);
    });
}

#[test]
fn a_flush_waits_for_what_was_appended_before_it() {
    check("a flush beside another caller", PREEMPTIONS, || {
        let places = Places::new(8, 2);
        let [caller] = Caller::new(&places);
        let a = caller.spawn(|caller| {
            let delivery = caller.append(1).unwrap();
            caller.ear.tell(Event::Flush(0, 1, delivery));
            Vec::new()
        });
        let b = caller.spawn_appending([2, 3]);
        let mut driver = Driver::lingering(&[caller]);
        driver.run(2);
        driver.flush();
        driver.check([(0, a), (0, b)]);
        assert_eq!(places.free(), 8);
    });
}

/// Two callers append to a partition while the driver ends.
fn end(is_known: impl Fn(&VecDeque<Event>) -> bool) {
    let places = Places::new(8, 2);
    let [caller] = Caller::new(&places);
    let callers = [1, 2].map(|value| {
        let caller = caller.clone();
        spawn(move || match caller.append(value) {
            Ok(delivery) => assert!(matches!(outcome(delivery), Err(Error::Closed { .. }))),
            Err(refused) => assert!(matches!(refused, Refused::Abandoned)),
        })
    });
    let unheard = caller.ear.end();
    if is_known(&unheard) {
        caller.partition.abandon();
    }
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    assert!(caller.partition.take(u64::MAX).is_none());
    assert_eq!(places.free(), 8);
}

#[test]
fn whoever_appends_while_the_driver_ends_is_refused_or_told() {
    check("two callers, and the end of the driver", PREEMPTIONS, || end(|_| true));
}

#[test]
fn a_partition_that_the_driver_never_heard_of_takes_nothing_after_its_end() {
    let name = "two callers of a new partition, and the end of the driver";
    check(name, PREEMPTIONS, || end(|unheard| !unheard.is_empty()));
}

#[test]
fn whoever_waits_for_space_is_not_left_waiting_by_a_batch_that_lingers() {
    check("two callers with space for one, and a driver that lingers", PREEMPTIONS, || {
        let places = Places::new(1, 1);
        let callers = Caller::new::<2>(&places);
        let a = callers[0].spawn(|caller| vec![(1, caller.append_waiting(1))]);
        let b = callers[1].spawn(|caller| vec![(2, caller.append_waiting(2))]);
        let mut driver = Driver::lingering(&callers);
        driver.run(2);
        driver.flush();
        driver.check([(0, a), (1, b)]);
        assert_eq!(places.free(), 1);
    });
}

#[test]
fn whoever_stops_waiting_for_space_leaves_it_to_the_next() {
    check("two callers without space, of which one leaves", PREEMPTIONS, || {
        let places = Places::new(1, 1);
        let callers = Caller::new::<2>(&places);
        let held = places.take();
        let stays = callers[0].spawn(|caller| vec![(1, caller.append_waiting(1))]);
        let leaves = callers[1].spawn(|caller| {
            caller.append_or_leave(2).map(|delivery| (2, delivery)).into_iter().collect()
        });
        drop(held);
        let mut driver = Driver::lingering(&callers);
        driver.run(2);
        driver.flush();
        driver.check([(0, stays), (1, leaves)]);
        assert_eq!(places.free(), 1);
        assert!(!places.waiters.any());
    });
}

#[test]
fn whoever_waits_for_a_delivery_is_woken_with_its_own_outcome() {
    check("two that wait, one record stored and one dropped", PREEMPTIONS, || {
        let batch = batch();
        let waits = [0, 1].map(|index| {
            let delivery = Completion::delivery(&batch, index, 0);
            spawn(move || outcome(delivery))
        });
        let (first, mut second) = Part::whole(batch, 2).split(1);
        first.complete(stored(40));
        second.was_sent = true;
        drop(second);
        let [first, second] = waits.map(|wait| wait.join().unwrap());
        assert_eq!(first.unwrap().offset, 40);
        assert!(second.unwrap_err().maybe_written());
    });
}

#[test]
fn halves_that_are_settled_at_once_publish_both() {
    check("two that settle halves of a batch, and one that waits", ALL, || {
        let batch = batch();
        let [mut first, second] = [0, 1].map(|index| Completion::delivery(&batch, index, 0));
        let (one, other) = Part::whole(batch, 2).split(1);
        let settle = [(one, 7), (other, 30)]
            .map(|(part, base_offset)| spawn(move || part.complete(stored(base_offset))));
        assert_eq!(outcome(second).unwrap().offset, 30);
        assert_eq!(offset(&mut first), 7);
        settle.into_iter().for_each(|settle| settle.join().unwrap());
    });
}

#[test]
fn the_last_waker_of_a_delivery_is_woken_and_no_other() {
    check("a delivery that is polled twice while it is settled", ALL, || {
        let [early, late] = [(); 2].map(|()| Arc::new(Wakes::default()));
        let batch = batch();
        let mut delivery = Completion::delivery(&batch, 0, 0);
        let part = Part::whole(batch, 1);
        let settle = spawn(move || part.complete(stored(9)));
        let mut poll = |waker: &Arc<Wakes>| {
            let waker = Arc::clone(waker).into();
            Pin::new(&mut delivery).poll(&mut Context::from_waker(&waker))
        };
        let first = poll(&early);
        // Who has been told does not ask again.
        let polled = if first.is_ready() { [first, Poll::Pending] } else { [first, poll(&late)] };
        settle.join().unwrap();
        let woken = [early, late].map(|waker| waker.0.load(Ordering::Relaxed));
        match &polled {
            [Poll::Pending, Poll::Pending] => assert_eq!(woken, [0, 1]),
            [Poll::Pending, Poll::Ready(_)] => assert_eq!(woken, [1, 0]),
            [Poll::Ready(_), _] => assert_eq!(woken, [0, 0]),
        }
        // It is told once: to the poll that came late enough, or now.
        let mut told = polled.into_iter().filter(Poll::is_ready);
        let told = told.next().unwrap_or_else(|| now(&mut delivery));
        assert!(matches!(told, Poll::Ready(Ok(RecordMetadata { offset: 9, .. }))));
    });
}

#[test]
fn a_delivery_that_is_dropped_takes_no_wake_of_another_with_it() {
    check("a delivery that is dropped while another one waits", ALL, || {
        let batch = batch();
        let [mut dropped, waiting] = [0, 1].map(|index| Completion::delivery(&batch, index, 0));
        let part = Part::whole(batch, 2);
        let leaves = spawn(move || {
            let _ = now(&mut dropped);
        });
        let settle = spawn(move || part.complete(stored(20)));
        assert_eq!(outcome(waiting).unwrap().offset, 21);
        leaves.join().unwrap();
        settle.join().unwrap();
    });
}
