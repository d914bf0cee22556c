//! The numbers of one partition, as a leader would see them.

use super::*;

const LEADER: i32 = 1;
const ID: ProducerIdAndEpoch = ProducerIdAndEpoch { id: 7, epoch: 0 };

/// A partition that has numbered batches of so many records.
fn numbered(batches: &[u32]) -> (Sequence, Vec<ProducerStamp>) {
    let mut sequence = Sequence::new();
    assert!(sequence.may_number() && sequence.lacks_identity() == Some(None));
    sequence.begin(ID, 0);
    let stamps = batches.iter().map(|records| number(&mut sequence, *records)).collect();
    (sequence, stamps)
}

fn number(sequence: &mut Sequence, records: u32) -> ProducerStamp {
    assert!(sequence.may_number());
    let stamp = sequence.peek().unwrap();
    sequence.push(records);
    stamp
}

fn of(stamp: &ProducerStamp) -> (i64, i16, i32) {
    (stamp.producer_id, stamp.producer_epoch, stamp.base_sequence)
}

#[test]
fn numbers_go_on_where_the_last_batch_ended() {
    let (_, stamps) = numbered(&[3, 1, 2]);
    assert_eq!(stamps.iter().map(of).collect::<Vec<_>>(), [(7, 0, 0), (7, 0, 3), (7, 0, 4)]);
}

#[test]
fn after_the_highest_number_comes_zero() {
    assert_eq!(after(i32::MAX, 1), 0);
    assert_eq!(after(i32::MAX - 1, 4), 2);
    assert_eq!(after(0, 5), 5);
}

#[test]
fn a_second_batch_waits_until_the_leader_has_taken_the_first() {
    let (mut sequence, stamps) = numbered(&[1, 1]);
    assert_eq!(sequence.in_flight_max(LEADER), 1);
    sequence.handle_stored(&stamps[0], LEADER, Some(40));
    assert_eq!(sequence.in_flight_max(LEADER), LANE_IN_FLIGHT_MAX);
    assert_eq!(sequence.in_flight_max(2), 1, "another leader has not");
    sequence.handle_returned();
    assert_eq!(sequence.in_flight_max(LEADER), 1, "the oldest goes alone");
}

#[test]
fn a_batch_that_came_too_early_keeps_its_number() {
    let (mut sequence, stamps) = numbered(&[1, 1, 1]);
    sequence.handle_returned();
    assert_eq!(sequence.handle_refused(&stamps[1], Written::Never), Refused::Early);
    assert_eq!(sequence.handle_refused(&stamps[2], Written::Maybe), Refused::Early);
    assert!(!sequence.is_torn());
    sequence.handle_stored(&stamps[0], LEADER, None);
    assert!(sequence.is_first(&stamps[1]) && !sequence.is_first(&stamps[2]));
}

#[test]
fn a_gap_that_nothing_explains_begins_the_next_epoch() {
    let (mut sequence, stamps) = numbered(&[4, 1]);
    sequence.handle_stored(&stamps[0], LEADER, Some(9));
    assert_eq!(sequence.handle_refused(&stamps[1], Written::Never), Refused::Renumber);
    assert!(sequence.is_torn() && !sequence.may_number());
    assert_eq!(sequence.in_flight_max(LEADER), 1);
    sequence.restart();
    assert!(!sequence.is_current(&stamps[1]));
    assert_eq!(of(&number(&mut sequence, 1)), (7, 1, 0));
}

#[test]
fn a_batch_that_may_have_been_written_gets_no_other_number() {
    let (mut sequence, stamps) = numbered(&[1, 1]);
    assert_eq!(sequence.handle_refused(&stamps[0], Written::Maybe), Refused::Unknown);
    sequence.handle_failed(&stamps[0], Written::Maybe);
    assert!(!sequence.is_torn(), "if it was written, the next one follows on it");
    assert_eq!(
        sequence.handle_refused(&stamps[1], Written::Never),
        Refused::Renumber,
        "it was not"
    );
}

#[test]
fn a_batch_that_fails_for_certain_leaves_a_hole() {
    let (mut sequence, stamps) = numbered(&[1, 1]);
    sequence.handle_failed(&stamps[0], Written::Never);
    assert!(sequence.is_torn());
    sequence.restart();
    // What is told of an earlier epoch changes nothing.
    sequence.handle_failed(&stamps[1], Written::Never);
    sequence.handle_stored(&stamps[1], LEADER, None);
    assert!(!sequence.is_torn() && sequence.in_flight_max(LEADER) == 1);
}

#[test]
fn the_pieces_of_a_batch_have_its_numbers() {
    let (mut sequence, stamps) = numbered(&[5, 2]);
    let second = behind(&stamps[0], 2);
    sequence.handle_split(&stamps[0], &second);
    assert_eq!(of(&second), (7, 0, 2));
    assert_eq!(sequence.handle_refused(&second, Written::Never), Refused::Early);
    sequence.handle_stored(&stamps[0], LEADER, None);
    assert!(sequence.is_first(&second) && !sequence.is_first(&stamps[1]));
    sequence.handle_stored(&second, LEADER, None);
    assert!(sequence.is_first(&stamps[1]));
}

#[test]
fn the_last_epoch_of_an_id_is_followed_by_another_id() {
    let mut sequence = Sequence::new();
    sequence.begin(ProducerIdAndEpoch { id: 7, epoch: i16::MAX }, 0);
    let last = number(&mut sequence, 1);
    sequence.handle_failed(&last, Written::Never);
    sequence.restart();
    assert_eq!((sequence.peek(), sequence.lacks_identity()), (None, Some(Some(7))));
    sequence.begin(ProducerIdAndEpoch { id: 8, epoch: 0 }, 0);
    assert_eq!(of(&number(&mut sequence, 1)), (8, 0, 0));
}

#[test]
fn a_leader_that_refuses_every_epoch_of_an_id_gets_another_id() {
    let (mut sequence, stamps) = numbered(&[1]);
    assert_eq!(sequence.handle_refused(&stamps[0], Written::Never), Refused::Renumber);
    sequence.restart();
    let again = number(&mut sequence, 1);
    assert_eq!(of(&again), (7, 1, 0));
    assert_eq!(sequence.handle_refused(&again, Written::Never), Refused::Renumber);
    sequence.restart();
    assert_eq!(sequence.lacks_identity(), Some(Some(7)));
}

#[test]
fn records_that_fail_one_after_the_other_use_up_no_id() {
    let (mut sequence, _) = numbered(&[]);
    for epoch in 0..9 {
        let stamp = number(&mut sequence, 1);
        assert_eq!(of(&stamp), (7, epoch, 0));
        sequence.handle_failed(&stamp, Written::Never);
        sequence.restart();
    }
}

#[test]
fn in_a_topic_that_was_created_anew_numbers_begin_anew_when_all_is_settled() {
    let (mut sequence, _) = numbered(&[]);
    sequence.handle_topic(Uuid([1; 16]));
    let first = number(&mut sequence, 1);
    // A picture that misses the topic for a moment has no id for it, and resets nothing.
    sequence.handle_topic(Uuid::ZERO);
    let second = number(&mut sequence, 1);
    assert_eq!(of(&second), (7, 0, 1));
    sequence.handle_topic(Uuid([2; 16]));
    assert!(!sequence.may_number() && sequence.is_current(&first), "they keep their numbers");
    sequence.handle_stored(&first, LEADER, None);
    sequence.handle_stored(&second, LEADER, None);
    assert_eq!(of(&number(&mut sequence, 1)), (7, 1, 0));
    assert_eq!(sequence.in_flight_max(LEADER), 1);
}

#[test]
fn a_loss_is_suspected_only_where_nothing_else_explains_the_gap() {
    let (mut sequence, stamps) = numbered(&[1, 1]);
    assert!(!sequence.suspects_loss(-1), "nothing was confirmed");
    sequence.handle_stored(&stamps[0], LEADER, Some(9));
    assert!(sequence.suspects_loss(9) && sequence.suspects_loss(-1));
    assert!(!sequence.suspects_loss(10), "retention took it");
    let (mut anew, stamps_anew) = numbered(&[1]);
    anew.handle_topic(Uuid([1; 16]));
    anew.handle_stored(&stamps_anew[0], LEADER, Some(9));
    anew.handle_topic(Uuid([2; 16]));
    assert!(!anew.suspects_loss(0), "it was in the topic before");
    sequence.handle_failed(&stamps[1], Written::Maybe);
    assert!(!sequence.suspects_loss(9), "one that had no answer was not written");
}
