//! What the user and the driver of a consumer share: the buffer under its lock, and two bells.

use std::sync::{Arc, PoisonError};

use super::buffer::{Buffer, Taken};
use super::entry::Entry;
use super::pace::Who;
use super::readers::Reserved;
use super::turn::{Mark, Turn};
use crate::sync::{AtomicBool, Mutex, Notify, Ordering};

/// The buffer between the two. The lock is held for a few lines, never across an `.await`.
#[derive(Debug)]
pub(crate) struct Shared {
    buffer: Mutex<Buffer>,
    for_user: Notify,
    for_driver: Notify,
    /// Rings when something in hand is marked or nobody's, for who takes partitions away.
    marked: Notify,
    /// Rings when the user asks for more, for who waits for that.
    rested: Notify,
    is_dropped: AtomicBool,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            buffer: Mutex::default(),
            for_user: Notify::new(),
            for_driver: Notify::new(),
            marked: Notify::new(),
            rested: Notify::new(),
            is_dropped: AtomicBool::new(false),
        }
    }

    /// Works on the buffer.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Buffer) -> T) -> T {
        work(&mut self.buffer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next thing for the user. Tells the driver when that makes the room it waits for.
    pub(crate) fn take(&self) -> Taken {
        let (taken, makes_room) = self.with(|buffer| {
            let taken = buffer.take();
            (taken, buffer.has_room_again())
        });
        if makes_room {
            self.for_driver.notify_one();
        }
        taken
    }

    /// The next thing for the reader of a partition.
    pub(crate) fn take_for(&self, reader: &Reserved) -> Taken {
        let (taken, has_orders, is_over) =
            self.with(|buffer| (buffer.take_for(reader), buffer.has_orders(), buffer.is_over()));
        if has_orders {
            self.for_driver.notify_one();
        }
        if is_over {
            // Whoever makes readers waits in vain for more.
            self.for_user.notify_one();
        }
        taken
    }

    /// The reader of a partition is gone, and gives way to another one.
    pub(crate) fn vacate(&self, reader: &Reserved) {
        self.order(|buffer| buffer.vacate(reader));
        self.rest(reader.who);
    }

    /// The user has processed what the reader of a partition was given.
    pub(crate) fn mark_given_to(&self, reader: &Reserved) {
        if self.with(|buffer| buffer.mark_given_to(reader)) {
            self.wake_takers();
        }
    }

    /// Counts what the user has unpacked, for a partition's own reader or for all, as long as what
    /// is returned is kept.
    pub(crate) fn lease(self: &Arc<Self>, bytes: usize, slot: Option<usize>) -> Lease {
        self.order_if_any(|buffer| buffer.lease(bytes, slot));
        Lease { shared: Arc::clone(self), bytes, slot }
    }

    /// The user has processed a batch, and all before it.
    pub(crate) fn mark(&self, turn: Turn, mark: Mark) {
        self.with(|buffer| buffer.mark(turn, mark));
        self.wake_takers();
    }

    /// The user has processed what is before an offset of a partition, in this generation if it is
    /// known. False if it was not given.
    pub(crate) fn mark_before(
        &self,
        (topic, partition): (&str, i32),
        generation: Option<u64>,
        offset: i64,
    ) -> bool {
        let is_marked = self.with(|buffer| {
            let slot = buffer.place_of(topic, partition);
            slot.is_some_and(|slot| buffer.mark_before(slot, generation, offset))
        });
        self.wake_takers();
        is_marked
    }

    /// The user has processed all that it was given.
    pub(crate) fn mark_given(&self) {
        if self.with(Buffer::mark_given) {
            self.wake_takers();
        }
    }

    /// What the user has of these turns is done with otherwise than by a mark.
    pub(crate) fn let_go_of(&self, turns: impl Iterator<Item = Turn>) {
        self.with(|buffer| turns.for_each(|turn| buffer.let_go_of(turn)));
        self.wake_takers();
    }

    /// What the user was given of these turns and has not marked is given anew.
    pub(crate) fn take_back(&self, turns: impl Iterator<Item = Turn>) {
        self.order(|buffer| turns.for_each(|turn| buffer.take_back(turn)));
    }

    /// The user asks for more, or one of its readers.
    pub(crate) fn rest(&self, who: Who) {
        if self.with(|buffer| buffer.pace.rest(who)) {
            self.rested.notify_one();
        }
    }

    /// Waits until the user asks for more, or has since the last call.
    pub(crate) async fn wait_for_rest(&self) {
        if !self.with(|buffer| buffer.pace.await_rest()) {
            self.rested.notified().await;
        }
    }

    /// Waits until the user has none of these in hand any more: they are marked, or let go of, or
    /// their partitions were sought or assigned anew.
    pub(crate) async fn wait_for_marks(&self, hands: &[Turn]) {
        loop {
            // Before the look, so that no mark between it and the wait is missed.
            let mut marked = std::pin::pin!(self.marked.notified());
            marked.as_mut().enable();
            if !self.with(|buffer| hands.iter().any(|turn| buffer.has_in_hand(*turn))) {
                return;
            }
            marked.await;
        }
    }

    /// Gives the user what the driver has.
    pub(crate) fn hand_over(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        self.with(|buffer| entries.into_iter().for_each(|entry| buffer.push(entry)));
        self.for_user.notify_one();
        // What was in hand of a log that is gone is nobody's to mark.
        self.wake_takers();
    }

    /// For a driver that has handed over what it has and found no room for more: whether it must
    /// wait, as the user may have made room meanwhile. If so, it is rung for when there is some:
    /// fewer bytes than this.
    pub(crate) fn must_wait_for_room(&self, room: usize) -> bool {
        self.with(|buffer| {
            buffer.await_room(room);
            !buffer.has_room_again()
        })
    }

    /// Works on the buffer for the user, and lets the driver look at what is ordered.
    pub(crate) fn order<T>(&self, work: impl FnOnce(&mut Buffer) -> T) -> T {
        let (result, is_split) = self.with(|buffer| (work(buffer), buffer.is_split()));
        self.for_driver.notify_one();
        self.wake_takers();
        if is_split {
            // Perhaps a partition lacks a reader now.
            self.for_user.notify_one();
        }
        result
    }

    /// Works on the buffer, and rings for the driver if that makes room or orders something.
    fn order_if_any(&self, work: impl FnOnce(&mut Buffer)) {
        let is_awaited = self.with(|buffer| {
            work(buffer);
            buffer.has_room_again() || buffer.has_orders()
        });
        if is_awaited {
            self.for_driver.notify_one();
        }
    }

    pub(crate) fn wake_user(&self) {
        self.for_user.notify_one();
    }

    /// What was in hand may be nobody's any more: for who takes partitions away.
    pub(crate) fn wake_takers(&self) {
        self.marked.notify_waiters();
    }

    /// Waits until the driver has something.
    pub(crate) async fn wait_for_driver(&self) {
        self.for_user.notified().await;
    }

    /// Waits until the user has taken or ordered something.
    pub(crate) async fn wait_for_user(&self) {
        self.for_driver.notified().await;
    }

    /// Readers of partitions are given nothing more; waits until nothing is in hand.
    pub(crate) async fn end_split(&self) {
        let hands = self.with(|buffer| {
            buffer.end_split();
            let slots: Vec<usize> = (0..buffer.slot_count()).collect();
            buffer.hands(&slots)
        });
        self.wait_for_marks(&hands).await;
    }

    /// The user is gone.
    pub(crate) fn drop_user(&self) {
        self.with(Buffer::let_go);
        self.wake_takers();
        self.is_dropped.store(true, Ordering::Release);
        self.for_driver.notify_one();
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.is_dropped.load(Ordering::Acquire)
    }
}

/// Memory in the user's hands that counts in the consumer's budget until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    shared: Arc<Shared>,
    bytes: usize,
    /// Of a partition's own reader.
    slot: Option<usize>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.order_if_any(|buffer| buffer.release(self.bytes, self.slot));
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::super::buffer::tests::batch;
    use super::super::config::Start;
    use super::*;

    fn entry(turn: Turn) -> Entry {
        Entry { turn, item: batch(0) }
    }

    /// A buffer with a partition.
    fn shared() -> (Shared, Turn) {
        let turn = Turn { slot: 0, generation: 0 };
        let shared = Shared::new();
        shared.with(|buffer| buffer.assign(&"t".into(), 0, Start::Offset(0)));
        (shared, turn)
    }

    /// Room for a batch and a half.
    fn room() -> usize {
        batch(0).bytes() * 3 / 2
    }

    fn is_rung(shared: &Shared) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(shared.wait_for_user()).poll(&mut context).is_ready()
    }

    #[test]
    fn a_driver_that_waits_for_room_is_told_of_it_once() {
        let (shared, turn) = shared();
        shared.hand_over(vec![entry(turn), entry(turn), entry(turn)]);
        assert!(shared.must_wait_for_room(room()));
        for rings in [false, true, false] {
            assert!(matches!(shared.take(), Taken::Batch { .. }));
            assert_eq!(is_rung(&shared), rings);
        }
    }

    #[test]
    fn room_that_the_user_made_before_the_driver_handed_over_counts() {
        let (shared, turn) = shared();
        shared.hand_over(vec![entry(turn)]);
        // The driver sees one batch, has another in hand, and so fetches nothing. Meanwhile:
        assert!(matches!(shared.take(), Taken::Batch { .. }));
        shared.hand_over(vec![entry(turn)]);
        assert!(!shared.must_wait_for_room(room()), "nobody would ring for it");
        // Once more, and the user is as quick after the hand-over.
        shared.hand_over(vec![entry(turn)]);
        assert!(shared.must_wait_for_room(room()));
        assert!(matches!(shared.take(), Taken::Batch { .. }));
        assert!(is_rung(&shared));
    }

    #[test]
    fn what_the_user_has_unpacked_takes_room_until_it_is_done_with_it() {
        let (shared, turn) = shared();
        let shared = Arc::new(shared);
        shared.hand_over(vec![entry(turn)]);
        assert!(matches!(shared.take(), Taken::Batch { .. }));
        let (small, large) = (shared.lease(1, None), shared.lease(room(), None));
        assert!(shared.must_wait_for_room(room()));
        drop(small);
        assert!(!is_rung(&shared));
        drop(large);
        assert!(is_rung(&shared));
        assert_eq!(shared.with(|buffer| buffer.bytes()), 0);
    }

    #[test]
    fn whoever_takes_a_partition_away_waits_for_nothing_of_when_it_is_assigned_again() {
        let (shared, turn) = shared();
        let give = |turn: Turn| {
            shared.hand_over(vec![entry(turn)]);
            let Taken::Batch { turn, fetched, .. } = shared.take() else { panic!() };
            shared.with(|buffer| buffer.give(turn, fetched)).unwrap();
        };
        give(turn);
        let hands = shared.order(|buffer| {
            buffer.unassign(turn.slot);
            buffer.hands(&[turn.slot])
        });
        let mut waits = pin!(shared.wait_for_marks(&hands));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        give(shared.order(|buffer| buffer.add(&"t".into(), 0, Start::Offset(0))));
        assert!(waits.poll(&mut context).is_ready());
    }

    #[cfg(kurier_loom)]
    mod models;
}
