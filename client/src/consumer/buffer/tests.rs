//! The buffer, with the test as its driver and its user.

use bytes::BytesMut;
use kurier_protocol::record::{BatchWriter, Magic, RecordBatches, RecordParts, Seal};

use super::super::batch::Span;
use super::super::entry::Then;
use super::*;

/// A batch of one record.
pub(crate) fn batch(offset: i64) -> Item {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    writer.append(&RecordParts { value: Some(b"v"), ..RecordParts::default() }).unwrap();
    let bytes = writer.seal(&Seal { base_offset: offset, ..Seal::default() }).unwrap();
    Item::Batch(Fetched {
        batch: RecordBatches::new(bytes).next().unwrap().unwrap(),
        span: Span { start: offset, end: i64::MAX },
        broker: 1,
        high_watermark: 99,
        next_offset: offset + 1,
    })
}

impl Buffer {
    /// Whether the user has a batch of a partition that is not marked.
    pub(crate) fn is_in_hand(&self, slot: usize) -> bool {
        !self.hands(&[slot]).is_empty()
    }
}

fn buffer(partitions: i32) -> (Buffer, Vec<Turn>) {
    let mut buffer = Buffer::default();
    let topic = "t".into();
    let turns = (0..partitions).map(|p| buffer.assign(&topic, p, Start::Earliest)).collect();
    (buffer, turns)
}

fn push(buffer: &mut Buffer, turn: Turn, item: Item) {
    buffer.push(Entry { turn, item });
}

/// (partition, offset) of the next batch.
fn taken(buffer: &mut Buffer) -> Option<(i32, i64)> {
    match buffer.take() {
        Taken::Batch { turn, partition, fetched, .. } => {
            let (_, fetched) = buffer.give(turn, fetched).unwrap();
            Some((partition, fetched.batch.base_offset()))
        }
        Taken::Nothing => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_position_moves_only_when_the_user_was_given_the_batch() {
    let (mut buffer, turns) = buffer(1);
    push(&mut buffer, turns[0], Item::At { offset: 5, reached: None });
    push(&mut buffer, turns[0], batch(5));
    let Taken::Batch { turn, fetched, .. } = buffer.take() else { panic!() };
    assert_eq!(buffer.position(0), Some(5));
    assert!(buffer.give(turn, fetched).is_some());
    assert_eq!(buffer.position(0), Some(6));
    push(&mut buffer, turns[0], Item::Skip(Mark { offset: 9, leader_epoch: -1 }));
    assert_eq!((taken(&mut buffer), buffer.position(0)), (None, Some(9)));
}

#[test]
fn where_reading_begins_is_known_before_anything_is_asked_for() {
    for is_paused in [false, true] {
        let (mut buffer, turns) = buffer(1);
        if is_paused {
            buffer.pause(0);
        }
        push(
            &mut buffer,
            turns[0],
            Item::At { offset: 5, reached: Some(Mark { offset: 5, leader_epoch: -1 }) },
        );
        push(&mut buffer, turns[0], batch(5));
        assert_eq!(buffer.reached(0).map(|mark| mark.offset), Some(5));
        buffer.unassign(0);
        assert_eq!(buffer.reached(0).map(|mark| mark.offset), Some(5), "paused: {is_paused}");
    }
}

#[test]
fn what_is_listed_to_be_marked_is_no_more_than_there_are_partitions() {
    let (mut buffer, turns) = buffer(2);
    for offset in 0..100 {
        for turn in &turns {
            push(&mut buffer, *turn, batch(offset));
            assert!(taken(&mut buffer).is_some());
            buffer.mark(*turn, Mark { offset: offset + 1, leader_epoch: 0 });
        }
    }
    assert_eq!(buffer.handed.len(), 2);
    assert!(buffer.given().is_empty() && !buffer.mark_given(), "nothing is in hand");
    push(&mut buffer, turns[1], batch(100));
    taken(&mut buffer);
    assert_eq!(buffer.given().len(), 1);
    assert!(buffer.mark_given());
    assert_eq!(buffer.reached(1).map(|mark| mark.offset), Some(101));
}

#[test]
fn a_seek_acts_at_once_and_only_on_its_partition() {
    let (mut buffer, turns) = buffer(2);
    for turn in &turns {
        push(&mut buffer, *turn, batch(3));
    }
    let bytes = buffer.bytes();
    buffer.seek(0, Start::Offset(40));
    assert_eq!(buffer.bytes(), bytes / 2);
    // What was in flight at the seek comes too late.
    push(&mut buffer, turns[0], batch(4));
    assert_eq!(taken(&mut buffer), Some((1, 3)));
    assert_eq!((taken(&mut buffer), buffer.position(0)), (None, Some(40)));
    let turn = Turn { slot: 0, generation: 1 };
    assert_eq!(buffer.pop_order(), Some(Order::Seek(turn, Start::Offset(40))));
    push(&mut buffer, turn, batch(40));
    assert_eq!(taken(&mut buffer), Some((0, 40)));
}

#[test]
fn a_paused_partition_keeps_what_is_there() {
    let (mut buffer, turns) = buffer(2);
    push(&mut buffer, turns[0], batch(3));
    push(&mut buffer, turns[1], batch(8));
    buffer.pause(0);
    push(&mut buffer, turns[0], batch(4));
    assert_eq!((taken(&mut buffer), taken(&mut buffer)), (Some((1, 8)), None));
    buffer.resume(0);
    assert_eq!((taken(&mut buffer), taken(&mut buffer)), (Some((0, 3)), Some((0, 4))));
    assert_eq!(buffer.bytes(), 0);
    assert_eq!(buffer.pop_order(), Some(Order::Pause(0)));
    assert_eq!(buffer.pop_order(), Some(Order::Resume(0)));
}

#[test]
fn what_a_paused_partition_keeps_takes_no_room() {
    let (mut buffer, turns) = buffer(2);
    push(&mut buffer, turns[0], batch(3));
    let one = buffer.bytes();
    buffer.pause(0);
    push(&mut buffer, turns[0], batch(4));
    assert_eq!(buffer.bytes(), 0);
    push(&mut buffer, turns[1], batch(8));
    assert_eq!(buffer.bytes(), one);
    buffer.resume(0);
    assert_eq!(buffer.bytes(), 3 * one);
    buffer.pause(0);
    buffer.seek(0, Start::Earliest);
    assert_eq!((buffer.bytes(), taken(&mut buffer)), (one, Some((1, 8))));
}

#[test]
fn a_batch_that_is_put_back_comes_again_and_first() {
    let (mut buffer, turns) = buffer(1);
    push(&mut buffer, turns[0], batch(3));
    push(&mut buffer, turns[0], batch(4));
    let bytes = buffer.bytes();
    let Taken::Batch { turn, fetched, .. } = buffer.take() else { panic!() };
    buffer.put_back(turn, fetched);
    assert_eq!(buffer.bytes(), bytes);
    assert_eq!((taken(&mut buffer), taken(&mut buffer)), (Some((0, 3)), Some((0, 4))));
}

#[test]
fn a_claim_says_what_the_user_wants_by_now() {
    let (mut buffer, turns) = buffer(1);
    let claim = |buffer: &Buffer| {
        let claim = buffer.claim(0).unwrap();
        (claim.turn, claim.start, claim.is_paused)
    };
    assert_eq!(claim(&buffer), (turns[0], Start::Earliest, false));
    buffer.seek(0, Start::Latest);
    buffer.pause(0);
    assert_eq!(claim(&buffer), (Turn { slot: 0, generation: 1 }, Start::Latest, true));
    assert!(buffer.claim(1).is_none());
}

/// What was read is gone from there on, and reading goes on.
fn cut(offset: i64, leader_epoch: i32) -> Item {
    Item::Cut { end: Mark { offset, leader_epoch }, then: Then::GoesOn }
}

#[test]
fn what_a_log_has_lost_is_not_given_any_more() {
    let (mut buffer, turns) = buffer(2);
    for offset in 3..7 {
        push(&mut buffer, turns[0], batch(offset));
        push(&mut buffer, turns[1], batch(offset));
    }
    let bytes = buffer.bytes();
    push(&mut buffer, turns[0], cut(4, 0));
    assert_eq!(buffer.bytes(), bytes * 5 / 8);
    push(&mut buffer, turns[0], batch(4));
    let given: Vec<_> = std::iter::from_fn(|| taken(&mut buffer)).collect();
    assert_eq!(given, [(0, 3), (1, 3), (1, 4), (1, 5), (1, 6), (0, 4)]);
    push(&mut buffer, turns[0], cut(2, 0));
    assert_eq!((taken(&mut buffer), buffer.position(0), buffer.bytes()), (None, Some(2), 0));
    buffer.pause(0);
    push(&mut buffer, turns[0], batch(2));
    push(&mut buffer, turns[0], cut(1, 0));
    buffer.resume(0);
    assert_eq!((taken(&mut buffer), buffer.position(0), buffer.bytes()), (None, Some(1), 0));
}

#[test]
fn what_a_round_has_of_a_log_that_was_cut_is_not_in_hand_once_it_is_taken_back() {
    for is_left in [false, true] {
        let (mut buffer, turns) = buffer(1);
        push(&mut buffer, turns[0], Item::At { offset: 3, reached: None });
        for offset in [3, 4, 5] {
            push(&mut buffer, turns[0], batch(offset));
            taken(&mut buffer);
        }
        push(&mut buffer, turns[0], cut(5, 1));
        assert_eq!((taken(&mut buffer), buffer.is_in_hand(0)), (None, true));
        if is_left {
            buffer.unassign(0);
        }
        buffer.take_back(turns[0]);
        assert!(!buffer.is_in_hand(0), "whoever takes the partition away would wait for ever");
    }
}

#[test]
fn a_cut_before_what_was_passed_over_takes_marks_with_it() {
    let corrupt = Item::Corrupt { from: 5, next_offset: 6 };
    for behind in [Item::Skip(Mark { offset: 6, leader_epoch: 0 }), corrupt] {
        let (mut buffer, turns) = buffer(1);
        push(&mut buffer, turns[0], Item::At { offset: 3, reached: None });
        for offset in [3, 4] {
            push(&mut buffer, turns[0], batch(offset));
            taken(&mut buffer);
        }
        assert!(buffer.mark_given());
        push(&mut buffer, turns[0], behind);
        push(&mut buffer, turns[0], cut(4, 1));
        assert_eq!((taken(&mut buffer), buffer.position(0)), (None, Some(4)));
        assert_eq!(buffer.reached(0).map(|mark| mark.offset), Some(4));
    }
}

#[test]
fn whoever_gives_something_back_says_what_it_was_told_of_the_log() {
    for is_told in [false, true] {
        let (mut buffer, turns) = buffer(1);
        push(&mut buffer, turns[0], Item::At { offset: 3, reached: None });
        push(&mut buffer, turns[0], batch(3));
        taken(&mut buffer);
        push(&mut buffer, turns[0], cut(8, 1));
        if is_told {
            taken(&mut buffer);
        }
        buffer.take_back(turns[0]);
        let Some(Order::Return(_, Start::Offset(3), told)) = buffer.pop_order() else { panic!() };
        assert_eq!(told, Told { finds: 1, cuts: u64::from(is_told) });
    }
}

#[test]
fn nothing_is_done_of_a_log_that_is_gone() {
    let (mut buffer, turns) = buffer(1);
    push(&mut buffer, turns[0], Item::At { offset: 3, reached: None });
    for offset in [3, 4] {
        push(&mut buffer, turns[0], batch(offset));
        taken(&mut buffer);
    }
    buffer.mark(turns[0], Mark { offset: 4, leader_epoch: 0 });
    push(&mut buffer, turns[0], Item::Gone);
    push(&mut buffer, turns[0], Item::Failed(Error::Closed { what: "test" }));
    assert!(matches!(buffer.take(), Taken::Error(_)));
    assert_eq!((buffer.reached(0), buffer.is_in_hand(0)), (None, false));
    buffer.mark(turns[0], Mark { offset: 5, leader_epoch: 0 });
    assert_eq!((buffer.reached(0), buffer.position(0)), (None, Some(5)));
}

#[test]
fn what_was_done_of_a_log_that_was_cut_counts_no_more_where_the_user_is_to_decide() {
    let stands_still_at = |offset| {
        let (mut buffer, turns) = buffer(1);
        push(&mut buffer, turns[0], Item::At { offset: 3, reached: None });
        for offset in [3, 4, 5] {
            push(&mut buffer, turns[0], batch(offset));
            taken(&mut buffer);
        }
        buffer.mark(turns[0], Mark { offset: 5, leader_epoch: 0 });
        let cut = Item::Cut { end: Mark { offset, leader_epoch: 1 }, then: Then::StandsStill };
        push(&mut buffer, turns[0], cut);
        push(&mut buffer, turns[0], Item::Failed(Error::Closed { what: "test" }));
        assert!(matches!(buffer.take(), Taken::Error(_)));
        (buffer, turns)
    };
    let (mut buffer, turns) = stands_still_at(4);
    assert_eq!(
        (buffer.reached(0), buffer.is_in_hand(0), buffer.position(0)),
        (None, false, Some(4))
    );
    // Nor what is marked late, or given back.
    buffer.mark(turns[0], Mark { offset: 6, leader_epoch: 0 });
    buffer.take_back(turns[0]);
    assert_eq!((buffer.reached(0), buffer.pop_order()), (None, None));
    buffer.seek(0, Start::Offset(4));
    let Some(Order::Seek(turn, _)) = buffer.pop_order() else { panic!() };
    push(&mut buffer, turn, batch(4));
    taken(&mut buffer);
    assert!(buffer.mark_given());
    assert_eq!(buffer.reached(0).map(|mark| mark.offset), Some(5));
    // Nothing that was given is lost.
    let (buffer, _) = stands_still_at(6);
    assert_eq!(buffer.reached(0).map(|mark| mark.offset), Some(5));
}

#[test]
fn partitions_come_and_go_and_touch_no_others() {
    let (mut buffer, turns) = buffer(2);
    for turn in &turns {
        push(&mut buffer, *turn, batch(3));
    }
    let bytes = buffer.bytes();
    buffer.unassign(0);
    assert_eq!((buffer.bytes(), buffer.slot_of("t", 0)), (bytes / 2, None));
    let gone = Turn { slot: 0, generation: 1 };
    assert_eq!(buffer.pop_order(), Some(Order::Unassign(gone)));
    assert!(buffer.claim(0).is_none());
    // What was in flight, and orders, come too late.
    push(&mut buffer, turns[0], batch(4));
    buffer.seek(0, Start::Earliest);
    assert_eq!((taken(&mut buffer), taken(&mut buffer)), (Some((1, 3)), None));
    let back = buffer.add(&"t".into(), 0, Start::Offset(9));
    assert_eq!(back, Turn { slot: 0, generation: 2 });
    assert_eq!(buffer.add(&"t".into(), 0, Start::Offset(1)), back);
    assert_eq!((buffer.pop_order(), buffer.pop_order()), (Some(Order::Assign(back)), None));
    push(&mut buffer, gone, batch(4));
    push(&mut buffer, back, batch(9));
    assert_eq!((taken(&mut buffer), taken(&mut buffer)), (Some((0, 9)), None));
    buffer.unassign(0);
    buffer.unassign(1);
    assert!(matches!(buffer.take(), Taken::Ended));
}

#[test]
fn ends_when_every_partition_has_ended_or_failed() {
    let (mut buffer, turns) = buffer(2);
    buffer.add_pending(1);
    push(&mut buffer, turns[0], Item::End);
    push(&mut buffer, turns[1], Item::Failed(Error::Closed { what: "test" }));
    assert!(matches!(buffer.take(), Taken::Error(_)));
    assert!(matches!(buffer.take(), Taken::Nothing));
    buffer.end_pending();
    assert!(matches!(buffer.take(), Taken::Ended));
    buffer.seek(1, Start::Earliest);
    assert!(matches!(buffer.take(), Taken::Nothing));
}

#[test]
fn news_do_not_stop_a_partition() {
    let (mut buffer, turns) = buffer(1);
    push(&mut buffer, turns[0], Item::News(Error::Closed { what: "test" }));
    assert!(matches!(buffer.take(), Taken::Error(_)));
    assert!(matches!(buffer.take(), Taken::Nothing));
}

#[test]
fn a_batch_that_cannot_be_unpacked_stops_its_partition() {
    let (mut buffer, turns) = buffer(2);
    push(&mut buffer, turns[0], batch(0));
    push(&mut buffer, turns[0], batch(1));
    let Taken::Batch { turn, .. } = buffer.take() else { panic!() };
    buffer.fail(turn);
    assert_eq!(taken(&mut buffer), None);
    assert_eq!(buffer.pop_order(), Some(Order::Stop(turn)));
}

#[test]
fn without_a_driver_nobody_waits() {
    let (mut buffer, turns) = buffer(1);
    push(&mut buffer, turns[0], batch(0));
    buffer.die();
    assert_eq!(taken(&mut buffer), Some((0, 0)));
    assert!(matches!(buffer.take(), Taken::Error(Error::Closed { .. })));
    assert!(matches!(buffer.take(), Taken::Ended));
}

#[test]
fn what_concerns_no_partition_waits_for_no_batch_and_the_end_for_all() {
    let (mut buffer, turns) = buffer(1);
    push(&mut buffer, turns[0], batch(0));
    push(&mut buffer, turns[0], batch(1));
    buffer.tell(Error::invalid("test", "first"));
    assert!(matches!(buffer.take(), Taken::Error(Error::Invalid { .. })));
    assert_eq!(taken(&mut buffer), Some((0, 0)));
    buffer.tell(Error::invalid("test", "last"));
    buffer.die();
    assert!(matches!(buffer.take(), Taken::Error(Error::Invalid { .. })));
    assert_eq!(taken(&mut buffer), Some((0, 1)));
    assert!(matches!(buffer.take(), Taken::Error(Error::Closed { .. })));
    assert!(matches!(buffer.take(), Taken::Ended));
}

#[test]
fn what_is_kept_of_paused_partitions_has_a_limit_and_the_rest_is_fetched_again() {
    let (mut buffer, turns) = buffer(3);
    buffer.parked_max = Some(batch(0).bytes() * 5 / 2);
    for turn in &turns {
        push(&mut buffer, *turn, Item::At { offset: 0, reached: None });
        push(&mut buffer, *turn, batch(0));
        push(&mut buffer, *turn, batch(1));
    }
    assert_eq!([taken(&mut buffer), taken(&mut buffer)], [Some((0, 0)), Some((0, 1))]);
    push(&mut buffer, turns[0], batch(2));
    push(&mut buffer, turns[0], batch(3));
    buffer.pause(1);
    assert_eq!(buffer.pop_order(), Some(Order::Pause(1)));
    buffer.pause(0);
    assert_eq!(buffer.pop_order(), Some(Order::Pause(0)));
    let again = Turn { slot: 0, generation: 1 };
    let (start, told) = (Start::Offset(2), Told { finds: 1, cuts: 0 });
    assert_eq!(buffer.pop_order(), Some(Order::Return(again, start, told)));
    // What was under way comes too late, and what was given is still marked and is in hand.
    push(&mut buffer, turns[0], batch(4));
    buffer.mark(turns[0], Mark { offset: 1, leader_epoch: 0 });
    assert_eq!(
        (buffer.progress(0).marked.map(|mark| mark.offset), buffer.hands(&[0])),
        (Some(1), vec![turns[0]])
    );
    assert!(buffer.is_current(turns[0]));
    buffer.resume(0);
    buffer.resume(1);
    for offset in [2, 3] {
        push(&mut buffer, again, batch(offset));
    }
    let rest: Vec<_> = std::iter::from_fn(|| taken(&mut buffer)).collect();
    assert_eq!(rest, [(2, 0), (2, 1), (1, 0), (1, 1), (0, 2), (0, 3)]);
    assert_eq!((buffer.bytes(), buffer.parked), (0, 0));
    // A seek is a turn that nothing was fetched for.
    buffer.seek(0, Start::Offset(7));
    let Some(Order::Seek(turn, _)) = std::iter::from_fn(|| buffer.pop_order()).last() else {
        panic!()
    };
    assert_eq!(turn, Turn { slot: 0, generation: 2 });
    // What is under way at a pause counts, too.
    for number in 0..3 {
        push(&mut buffer, turn, batch(7 + number));
        buffer.pause(0);
    }
    assert!(matches!(buffer.orders.back(), Some(Order::Return(..))) && buffer.parked == 0);
    // Where it goes on elsewhere is not looked up again.
    buffer.resume(0);
    let turn = Turn { slot: 0, generation: 3 };
    push(&mut buffer, turn, Item::At { offset: 50, reached: None });
    for number in 0..3 {
        push(&mut buffer, turn, batch(50 + number));
    }
    buffer.pause(0);
    assert_eq!(buffer.parked, 3 * batch(0).bytes());
    buffer.unassign(0);
    assert_eq!(buffer.parked, 0);
}

#[test]
fn trouble_that_nobody_asks_for_is_kept_once_a_partition_and_the_newest_of_it_is_told() {
    let (mut buffer, turns) = buffer(2);
    let news = |secs| {
        let what = crate::error::Waiting::Metadata { topic: "t".into() };
        Item::News(Error::timed_out(what, std::time::Duration::from_secs(secs)))
    };
    for round in 1..=100 {
        turns.iter().for_each(|turn| push(&mut buffer, *turn, news(round)));
    }
    assert_eq!(buffer.entries.len(), 2);
    let told = |buffer: &mut Buffer| match buffer.take() {
        Taken::Error(Error::TimedOut { after, .. }) => Some(after.as_secs()),
        Taken::Nothing => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        [told(&mut buffer), told(&mut buffer), told(&mut buffer)],
        [Some(100), Some(100), None]
    );
    // What comes once it was told is news, and so is what comes after a seek.
    push(&mut buffer, turns[0], news(101));
    buffer.seek(0, Start::Offset(7));
    push(&mut buffer, Turn { slot: 0, generation: 1 }, news(102));
    assert_eq!([told(&mut buffer), told(&mut buffer)], [Some(102), None]);
}

#[test]
fn nothing_of_a_log_that_is_gone_is_given_or_marked_for_the_one_in_its_place() {
    for is_paused in [false, true] {
        let (mut buffer, turns) = buffer(2);
        push(&mut buffer, turns[0], Item::At { offset: 0, reached: None });
        (0..4).for_each(|offset| push(&mut buffer, turns[0], batch(offset)));
        push(&mut buffer, turns[1], batch(0));
        assert_eq!([taken(&mut buffer), taken(&mut buffer)], [Some((0, 0)), Some((0, 1))]);
        buffer.mark(turns[0], Mark { offset: 1, leader_epoch: 0 });
        if is_paused {
            buffer.pause(0);
        }
        // One that was looked up and not seen is told all the same.
        push(&mut buffer, turns[0], Item::At { offset: 9, reached: None });
        push(&mut buffer, turns[0], Item::Gone);
        assert_eq!(buffer.slots[0].told(), Told { finds: 2, cuts: 1 });
        buffer.mark(turns[0], Mark { offset: 2, leader_epoch: 0 });
        let progress = buffer.progress(0);
        assert_eq!((progress.marked, progress.reached, buffer.hands(&[0])), (None, None, vec![]));
        assert!(!buffer.is_current(turns[0]));
        push(&mut buffer, turns[0], Item::At { offset: 3, reached: None });
        push(&mut buffer, turns[0], batch(3));
        if is_paused {
            buffer.resume(0);
        }
        let rest: Vec<_> = std::iter::from_fn(|| taken(&mut buffer)).collect();
        assert_eq!(rest, [(1, 0), (0, 3)], "paused: {is_paused}");
        assert_eq!((buffer.bytes(), buffer.parked), (0, 0));
    }
}
