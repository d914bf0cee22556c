//! User, driver and whoever takes a partition away, in every order that threads can come in:
//! `ci/full loom`. What they share is the code of the consumer; the three are played.

use std::sync::Arc;
use std::task::Poll;

use loom::future::block_on;
use loom::thread::spawn;

use super::super::super::buffer::Order;
use super::super::super::entry::Item;
use super::*;
use crate::sync::modelled::{ALL, PREEMPTIONS, check};

/// Polls once and leaves, as an arm of a `select!` does when another one is first.
fn is_there(waits: impl Future<Output = ()>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    matches!(pin!(waits).poll(&mut context), Poll::Ready(()))
}

/// The driver hands these over, one at a time, when there is room; then the end.
fn hand_over(shared: &Shared, turn: Turn, offsets: std::ops::Range<i64>) {
    for offset in offsets {
        while shared.with(|buffer| buffer.bytes()) >= room() {
            if shared.must_wait_for_room(room()) && !is_there(shared.wait_for_user()) {
                block_on(shared.wait_for_user());
            }
        }
        shared.hand_over(vec![Entry { turn, item: batch(offset) }]);
    }
    shared.hand_over(vec![Entry { turn, item: Item::End }]);
}

#[test]
fn every_batch_comes_in_order_however_small_the_buffer() {
    check("a user and a driver with room for a batch", PREEMPTIONS, || {
        let (shared, turn) = shared();
        let shared = Arc::new(shared);
        let theirs = Arc::clone(&shared);
        let driver = spawn(move || hand_over(&theirs, turn, 0..3));
        let mut next = 0;
        loop {
            match shared.take() {
                Taken::Batch { fetched, .. } => {
                    assert_eq!(fetched.span.start, next);
                    next += 1;
                }
                Taken::Nothing if is_there(shared.wait_for_driver()) => {}
                Taken::Nothing => block_on(shared.wait_for_driver()),
                Taken::Ended => break,
                Taken::Error(error) => panic!("{error}"),
            }
        }
        driver.join().unwrap();
        assert_eq!(next, 3);
    });
}

/// A user has a batch in hand while its partition is taken away, and then does this.
fn take_away(then: impl FnOnce(&Shared) + Send + 'static) {
    let (shared, turn) = shared();
    shared.hand_over(vec![entry(turn)]);
    let shared = Arc::new(shared);
    let theirs = Arc::clone(&shared);
    // It is given before that, or not at all.
    let user = spawn(move || {
        if let Taken::Batch { turn, fetched, .. } = theirs.take() {
            theirs.with(|buffer| buffer.give(turn, fetched));
        }
        then(&theirs);
    });
    let hands = shared.with(|buffer| {
        buffer.unassign(turn.slot);
        buffer.hands(&[turn.slot])
    });
    block_on(shared.wait_for_marks(&hands));
    user.join().unwrap();
}

#[test]
fn whoever_takes_a_partition_away_hears_that_it_is_processed() {
    check("a partition that is taken away beside a mark", ALL, || {
        take_away(Shared::mark_given);
    });
}

#[test]
fn whoever_takes_a_partition_away_hears_that_its_user_is_gone() {
    check("a partition that is taken away beside the end of its user", ALL, || {
        take_away(Shared::drop_user);
    });
}

#[test]
fn a_driver_hears_of_every_order_and_of_the_end() {
    check("a user that orders and leaves", PREEMPTIONS, || {
        let (shared, turn) = shared();
        let shared = Arc::new(shared);
        let theirs = Arc::clone(&shared);
        let user = spawn(move || {
            theirs.order(|buffer| buffer.pause(turn.slot));
            theirs.order(|buffer| buffer.resume(turn.slot));
            theirs.drop_user();
        });
        let mut orders = Vec::new();
        loop {
            let is_dropped = shared.is_dropped();
            orders.extend(std::iter::from_fn(|| shared.with(|buffer| buffer.pop_order())));
            if is_dropped {
                break;
            }
            if !is_there(shared.wait_for_user()) {
                block_on(shared.wait_for_user());
            }
        }
        user.join().unwrap();
        let expected = [Order::Pause(turn.slot), Order::Resume(turn.slot)];
        assert_eq!(orders.iter().filter(|order| expected.contains(order)).count(), 2);
    });
}
