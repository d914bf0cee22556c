//! Core: one partition as the user sees it: where it is, and how far it is processed.
//!
//! A partition has one slot for good. Its *generation* grows with each seek, and whenever it is
//! assigned anew or unassigned: what was fetched for an older one is of no use.
//!
//! Where a leader leads back, or to another log, what was given beyond is not there any more. To
//! whoever marks and commits that is as a seek: a new generation. What is under way is still for
//! the one before it.
//!
//! A batch is *in hand* from the moment that it is given until it is *marked*: processed, with all
//! before it. A partition that is taken away may still have one in hand; whoever takes it waits for
//! the mark, so that what is committed covers what was processed.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use super::config::Start;
use super::cuts::Cuts;
use super::entry::Entry;
use super::turn::{Mark, Told, Turn};
use crate::error::Error;
use crate::sync::Notify;

/// One partition as the user sees it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) generation: u64,
    /// The generation that was asked for last: what is fetched is for it. It is beyond `generation`
    /// where what was given stays good and what was not is fetched again.
    pub(crate) fetching: u64,
    /// The first generation of the log that is read: at most its end was cut since.
    since: u64,
    /// Of the log that is read, since a place was asked for.
    told: Told,
    /// Where it was cut since then, by the generations that began with that.
    cuts: Cuts,
    /// Where reading started in this generation.
    pub(crate) start: Start,
    /// The next record that the user gets; none until it was looked up.
    pub(crate) position: Option<i64>,
    /// The offset behind the last record that can be read, as far as was told.
    pub(crate) readable: Option<i64>,
    /// What waits for `resume`, if it is paused.
    pub(crate) parked: Option<VecDeque<Entry>>,
    /// What waits for its own reader, where each partition has one.
    pub(crate) queue: Queue,
    /// The newest trouble that the user has not been told of, if an entry for that waits.
    pub(crate) news: Option<Error>,
    /// Rings for its own reader, if it has one.
    pub(crate) bell: Option<Arc<Notify>>,
    pub(crate) state: State,
    /// The newest batch that the user has and that is not marked.
    hand: Option<Hand>,
    /// The last generation before the partition was taken away the last time.
    left: Option<u64>,
    /// What the user had of it when it came back: nobody can commit that any more.
    overtaken: Option<Hand>,
    /// Whether the user has marked something since it was taken away that it was given before.
    is_late: bool,
    /// What the next batch that is given begins behind, if the leader epoch of that is known.
    behind: Option<Mark>,
    marked: Option<Mark>,
    /// Up to where there is nothing to process besides: markers behind all that is marked, or what
    /// lies before a start that was looked up.
    reached: Option<Mark>,
    /// Where reading begins in this generation, once that is known.
    begun: Option<i64>,
    /// What was passed over behind all that was given.
    passed: Option<Passed>,
    /// Whether it is among those that the buffer marks when all that was given is.
    pub(crate) is_listed: bool,
    /// Where it starts is not known yet, and nobody has sought.
    pub(crate) is_held: bool,
}

/// Whether anything comes of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is assigned, and more may come.
    Open,
    /// It is assigned, and nothing comes any more: it is read to its end, or has failed.
    Done,
    /// It is not assigned any more.
    Gone,
}

/// What waits for a partition's own reader.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) entries: VecDeque<Entry>,
    /// Of `entries`.
    pub(crate) bytes: usize,
    /// What the batch in the reader's hands is unpacked to.
    pub(crate) unpacked: usize,
    /// Whether nothing more of it is fetched until there is less.
    pub(crate) is_full: bool,
}

/// A batch that the user has.
#[derive(Clone, Copy, Debug)]
struct Hand {
    generation: u64,
    /// Where what the user has begins, if nothing of it is marked.
    from: Mark,
    mark: Mark,
}

/// Where a log has nothing for the user.
#[derive(Clone, Copy, Debug)]
struct Passed {
    from: i64,
    behind: Mark,
}

impl Slot {
    pub(crate) fn new(topic: Arc<str>, partition: i32, start: Start) -> Self {
        let mut new = Self {
            topic,
            partition,
            generation: 0,
            fetching: 0,
            since: 0,
            told: Told::default(),
            cuts: Cuts::default(),
            start,
            position: None,
            readable: None,
            parked: None,
            queue: Queue::default(),
            news: None,
            bell: None,
            state: State::Open,
            hand: None,
            left: None,
            overtaken: None,
            is_late: false,
            behind: None,
            marked: None,
            reached: None,
            begun: None,
            passed: None,
            is_listed: false,
            is_held: false,
        };
        new.begin_at(start);
        new
    }

    /// Reads on from elsewhere, in a new generation.
    pub(crate) fn turn(&mut self, start: Start) {
        self.begin_generation();
        self.state = State::Open;
        self.begin_at(start);
        self.forget_log();
        self.is_held = false;
    }

    /// Reads on from where it is not marked, in a new generation. What is marked stays so.
    pub(crate) fn turn_back(&mut self, start: Start) {
        let (marked, reached) = (self.marked, self.reached);
        self.turn(start);
        (self.marked, self.reached) = (marked, reached);
    }

    /// It is read no more. What the user has of it may still be marked.
    pub(crate) fn leave(&mut self) {
        self.left = Some(self.generation);
        self.begin_generation();
        self.state = State::Gone;
        self.parked = None;
        self.position = None;
        self.ring();
    }

    /// One that nothing was ever asked for.
    fn begin_generation(&mut self) {
        self.generation = self.generation.max(self.fetching) + 1;
        self.fetching = self.generation;
    }

    /// What was not given yet is fetched once more, and all else stays as it is. From where, and
    /// what was told of the log by then; none if nothing is fetched.
    pub(crate) fn fetch_again(&mut self) -> Option<(Start, Told)> {
        let offset = self.position.filter(|_| self.state == State::Open)?;
        let behind = [self.behind, self.passed.map(|passed| passed.behind)];
        let behind = behind.into_iter().flatten().find(|behind| behind.offset == offset);
        self.start = match behind.map(|behind| behind.leader_epoch) {
            Some(leader_epoch @ 0..) => Start::InEpoch { offset, leader_epoch },
            _ => Start::Offset(offset),
        };
        self.fetching = self.generation.max(self.fetching) + 1;
        Some((self.start, mem::take(&mut self.told)))
    }

    /// It is read again, from there.
    pub(crate) fn come_back(&mut self, start: Start) {
        self.overtaken = self.hand.or(self.overtaken);
        self.turn(start);
        self.readable = None;
        self.bell = None;
    }

    /// There may be something for its reader.
    pub(crate) fn ring(&self) {
        if let Some(bell) = &self.bell {
            bell.notify_one();
        }
    }

    /// Whether its reader is the one that this bell rings for.
    pub(crate) fn rings(&self, bell: &Arc<Notify>) -> bool {
        self.bell.as_ref().is_some_and(|own| Arc::ptr_eq(own, bell))
    }

    fn begin_at(&mut self, start: Start) {
        self.start = start;
        self.told = Told::default();
        self.position = start.offset();
        self.begun = self.position;
        self.behind = match start {
            Start::InEpoch { offset, leader_epoch } => Some(Mark { offset, leader_epoch }),
            _ => None,
        };
    }

    /// What was given says nothing of what is read from now on.
    fn forget_log(&mut self) {
        self.since = self.generation;
        (self.hand, self.marked, self.cuts) = (None, None, Cuts::default());
        (self.reached, self.passed) = (None, None);
    }

    /// Where to read was looked up. If it had been known, that was of another log, or out of range.
    ///
    /// Whoever looks the begin of a log up once more finds all that is there. Any other place is
    /// looked up once: what lies before it is nobody's to process any more.
    pub(crate) fn find(&mut self, offset: i64, reached: Option<Mark>) {
        self.told.finds += 1;
        if self.position.replace(offset).is_some() {
            self.generation += 1;
            self.behind = None;
            self.forget_log();
        }
        self.begun = Some(offset);
        self.reached = reached;
    }

    /// The log has nothing for the user from the position up to there.
    /// Only a cut and a look-up lead back.
    pub(crate) fn pass(&mut self, behind: Mark) {
        if self.position.is_some_and(|at| behind.offset <= at) {
            return;
        }
        let Some(from) = self.position.replace(behind.offset) else { return };
        let before = self.passed.filter(|passed| passed.behind.offset == from);
        self.passed = Some(Passed { from: before.map_or(from, |passed| passed.from), behind });
        self.reach();
    }

    /// What was passed over is done with, if all before it is.
    fn reach(&mut self) {
        let Some(Passed { from, behind }) = self.passed else { return };
        let is_done = self.reached().is_some_and(|done| from <= done.offset);
        if is_done || self.begun == Some(from) {
            self.reached = self.reached.filter(|done| done.offset > behind.offset).or(Some(behind));
        }
    }

    /// The log has nothing any more of what was read beyond this. What is before it is the same:
    /// who has processed more has processed that. Says whether anything that was given is gone.
    pub(crate) fn cut(&mut self, end: Mark) -> bool {
        self.told.cuts += 1;
        if self.position.is_none_or(|position| position <= end.offset) {
            return false;
        }
        let cut = |mark: Mark| if mark.offset > end.offset { end } else { mark };
        self.generation += 1;
        self.position = Some(end.offset);
        self.behind = self.behind.map(cut);
        self.marked = self.marked.map(cut);
        self.reached = self.reached.map(cut);
        self.begun = self.begun.map(|offset| offset.min(end.offset));
        self.passed = self.passed.filter(|passed| passed.from < end.offset);
        self.passed = self.passed.map(|of| Passed { behind: cut(of.behind), ..of });
        self.cuts.push(self.generation, end);
        let generation = self.generation;
        let left = self.hand.filter(|hand| hand.from.offset < end.offset);
        self.hand = left.map(|hand| Hand { generation, mark: cut(hand.mark), ..hand });
        true
    }

    /// The log has nothing of what was read. Where to read on is for a seek to say.
    pub(crate) fn lose(&mut self) {
        self.told.cuts += 1;
        self.disown();
    }

    /// What was done counts for nothing before a seek has said where to read on: if it did,
    /// whoever comes next would find an offset of a log that nobody has chosen, and no loss.
    pub(crate) fn disown(&mut self) {
        self.generation += 1;
        (self.behind, self.begun) = (None, None);
        self.forget_log();
    }

    /// What was told of the log, since a place in it was asked for.
    pub(crate) fn told(&self) -> Told {
        self.told
    }

    pub(crate) fn is_assigned(&self) -> bool {
        self.state != State::Gone
    }

    /// How many records there are that the user has not got, as far as was told.
    pub(crate) fn lag(&self) -> Option<u64> {
        Some(u64::try_from(self.readable?.saturating_sub(self.position?)).unwrap_or(0))
    }

    /// The user drops what it has: it will not be marked.
    pub(crate) fn let_go(&mut self) {
        (self.hand, self.overtaken) = (None, None);
    }

    /// The user drops what it has of this generation, or has left of it since the log was cut: it
    /// will not be marked.
    pub(crate) fn let_go_of(&mut self, generation: u64) {
        if self.has_in_hand(generation) {
            self.hand = None;
        }
    }

    /// Whether the user has a batch that is not marked, and has had one since this generation of
    /// the log.
    pub(crate) fn has_in_hand(&self, generation: u64) -> bool {
        self.hand.is_some_and(|hand| (self.since..=hand.generation).contains(&generation))
    }

    /// The user has been given a batch.
    pub(crate) fn give(&mut self, mark: Mark) {
        let begin = self.position.replace(mark.offset).unwrap_or(mark.offset);
        let begin = Mark { offset: begin, leader_epoch: -1 };
        let begin = self.behind.replace(mark).unwrap_or(begin);
        let from = self.hand.map_or(begin, |hand| hand.from);
        self.hand = Some(Hand { generation: self.generation, from, mark });
        self.passed = None;
    }

    /// Of the batch that the user was given last, it has only what is before this: also if the
    /// partition was taken away meanwhile.
    pub(crate) fn give_less(&mut self, turn: Turn, mark: Mark) {
        if let Some(hand) = self.hand.as_mut().filter(|hand| hand.generation == turn.generation) {
            hand.mark = mark;
        }
    }

    /// The user has processed what is before this offset, in this generation if it is known. False
    /// if it was not given all of it.
    pub(crate) fn mark_before(&mut self, generation: Option<u64>, offset: i64) -> bool {
        let is_of_log = |generation| self.is_of_log(Turn { slot: 0, generation });
        if !generation.is_none_or(is_of_log) {
            return false;
        }
        if self.marked.is_some_and(|marked| offset <= marked.offset) {
            return true;
        }
        let Some(Hand { generation: newest, mark, .. }) = self.hand else { return false };
        if offset > mark.offset {
            return false;
        }
        let generation = generation.unwrap_or(newest);
        self.mark(Turn { slot: 0, generation }, Mark { offset, ..mark });
        true
    }

    /// The user has processed a batch, and all before it.
    pub(crate) fn mark(&mut self, turn: Turn, mark: Mark) {
        let is_late = self.left.is_some_and(|left| turn.generation <= left);
        // A seek makes an older one meaningless, and so does coming back.
        if !self.is_of_log(turn) || (!self.is_assigned() && self.hand.is_none()) {
            self.is_late |= is_late && self.overtaken.take().is_some();
            return;
        }
        self.is_late |= is_late;
        let cut = self.cuts.since(turn.generation);
        let mark = cut.filter(|cut| cut.offset < mark.offset).unwrap_or(mark);
        self.hand = self.hand.filter(|hand| mark.offset < hand.mark.offset);
        if self.marked.is_none_or(|before| before.offset < mark.offset) {
            self.marked = Some(mark);
            self.reach();
        }
    }

    /// The user has processed all that it was given. Says whether that was something.
    pub(crate) fn mark_given(&mut self) -> bool {
        let Some(Hand { generation, mark, .. }) = self.hand else { return false };
        self.mark(Turn { slot: 0, generation }, mark);
        true
    }

    /// The same where one hand has all: also what it had when the partition came back, too late.
    pub(crate) fn mark_all_given(&mut self) -> bool {
        self.is_late |= self.overtaken.take().is_some();
        self.mark_given()
    }

    /// What the user has of it, and in which generation it was given.
    pub(crate) fn in_hand(&self) -> Option<(u64, Mark)> {
        self.hand.map(|hand| (hand.generation, hand.mark))
    }

    /// The same, or what it had of it when the partition came back.
    pub(crate) fn given(&self) -> Option<(u64, Mark)> {
        self.in_hand().or_else(|| self.overtaken.map(|hand| (hand.generation, hand.mark)))
    }

    /// Whether the user has marked something since the partition was taken away that it was given
    /// before, and this was not asked since.
    pub(crate) fn take_late(&mut self) -> bool {
        mem::take(&mut self.is_late)
    }

    /// Where to go on, if what the user has of it is to be given once more.
    pub(crate) fn unmarked(&self) -> Option<Start> {
        let from = self.hand?.from;
        Some(match self.marked.unwrap_or(from) {
            Mark { offset, leader_epoch: ..0 } => Start::Offset(offset),
            Mark { offset, leader_epoch } => Start::InEpoch { offset, leader_epoch },
        })
    }

    /// Whether what was given of this turn is of the log that is read, up to where that was cut.
    pub(crate) fn is_of_log(&self, turn: Turn) -> bool {
        (self.since..=self.generation).contains(&turn.generation)
    }

    /// How far it is processed, since it was assigned.
    pub(crate) fn marked(&self) -> Option<Mark> {
        self.marked
    }

    /// Up to where there is nothing left to process, since it was assigned.
    pub(crate) fn reached(&self) -> Option<Mark> {
        let marked = self.marked;
        let beyond = self.reached.filter(|of| marked.is_none_or(|m| m.offset < of.offset));
        beyond.or(marked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Slot {
        /// Whether the user has a batch of it that is not marked.
        fn is_in_hand(&self) -> bool {
            self.hand.is_some()
        }
    }

    fn turn(generation: u64) -> Turn {
        Turn { slot: 0, generation }
    }

    /// All before a place that was looked up.
    fn before(offset: i64) -> Option<Mark> {
        Some(Mark { offset, leader_epoch: -1 })
    }

    fn at(offset: i64) -> Mark {
        Mark { offset, leader_epoch: 3 }
    }

    fn slot() -> Slot {
        Slot::new("t".into(), 0, Start::Offset(5))
    }

    #[test]
    fn a_batch_is_in_hand_until_it_is_marked() {
        let mut slot = slot();
        slot.give(at(8));
        slot.give(at(9));
        assert_eq!((slot.position, slot.is_in_hand(), slot.marked()), (Some(9), true, None));
        slot.mark(turn(0), at(8));
        assert_eq!((slot.is_in_hand(), slot.marked()), (true, Some(at(8))));
        slot.mark(turn(0), at(9));
        slot.mark(turn(0), at(7));
        assert_eq!((slot.is_in_hand(), slot.marked()), (false, Some(at(9))));
    }

    #[test]
    fn what_is_taken_away_may_still_be_marked() {
        let mut slot = slot();
        slot.give(at(8));
        slot.leave();
        assert!(slot.is_in_hand() && !slot.is_assigned());
        assert!(slot.mark_given() && !slot.mark_given());
        assert_eq!((slot.is_in_hand(), slot.marked()), (false, Some(at(8))));
    }

    #[test]
    fn what_was_given_before_a_partition_was_taken_away_is_marked_late_after_it() {
        let mut slot = slot();
        slot.give(at(8));
        slot.mark_given();
        assert!(!slot.take_late(), "it is its own");
        slot.give(at(9));
        slot.leave();
        slot.mark_given();
        assert!(slot.take_late() && !slot.take_late());
        slot.come_back(Start::Offset(8));
        slot.mark_given();
        assert!(!slot.take_late(), "nothing was in hand");

        let given = turn(slot.generation);
        slot.give(at(12));
        slot.leave();
        slot.come_back(Start::Offset(8));
        assert!(!slot.is_in_hand());
        assert_eq!(slot.given().map(|(_, mark)| mark), Some(at(12)));
        slot.mark(given, at(12));
        assert_eq!((slot.marked(), slot.given()), (None, None));
        assert!(slot.take_late());
        slot.mark(given, at(12));
        assert!(!slot.take_late(), "that was told");
    }

    #[test]
    fn a_new_reader_has_marked_nothing_of_what_another_one_had_in_hand() {
        let mut slot = slot();
        slot.give(at(8));
        slot.leave();
        slot.come_back(Start::Offset(0));
        slot.mark_given();
        assert!(!slot.take_late());
        slot.mark_all_given();
        assert!(slot.take_late());
    }

    #[test]
    fn what_is_fetched_again_behind_a_marker_is_of_the_epoch_of_that() {
        let mut slot = slot();
        slot.position = Some(0);
        slot.give(at(8));
        slot.pass(Mark { offset: 9, leader_epoch: 3 });
        let again = slot.fetch_again().map(|(start, _)| start);
        assert_eq!(again, Some(Start::InEpoch { offset: 9, leader_epoch: 3 }));
    }

    #[test]
    fn what_comes_back_of_a_batch_is_not_in_hand() {
        let mut slot = slot();
        slot.give(at(8));
        slot.leave();
        slot.give_less(turn(0), at(6));
        slot.give_less(turn(3), at(9));
        assert!(slot.mark_given());
        assert_eq!(slot.marked(), Some(at(6)), "the rest was taken away before it was given");
    }

    #[test]
    fn what_was_not_given_cannot_be_marked() {
        let mut slot = slot();
        assert!(!slot.mark_before(None, 5));
        slot.give(at(8));
        assert!(!slot.mark_before(None, 9));
        assert!(slot.mark_before(None, 7) && slot.mark_before(Some(0), 6));
        assert_eq!((slot.is_in_hand(), slot.marked()), (true, Some(at(7))));
        assert!(slot.mark_before(Some(0), 8) && !slot.is_in_hand());
        // What was given before a seek is not what is given after it.
        slot.turn(Start::Offset(5));
        slot.give(at(8));
        assert!(!slot.mark_before(Some(0), 7) && slot.is_in_hand());
        assert!(slot.mark_before(Some(1), 7));
        // Nor is what a log has lost what comes in its place.
        slot.cut(Mark { offset: 7, leader_epoch: 2 });
        slot.give(at(8));
        assert!(slot.mark_before(Some(1), 8));
        assert_eq!(slot.marked().map(|mark| mark.offset), Some(7));
    }

    #[test]
    fn what_is_given_once_more_begins_behind_the_mark_and_the_mark_stays() {
        let mut slot = slot();
        assert_eq!(slot.unmarked(), None);
        slot.give(at(8));
        slot.give(at(9));
        assert_eq!(slot.unmarked(), Some(Start::Offset(5)));
        slot.mark(turn(0), at(8));
        let start = slot.unmarked().unwrap();
        assert_eq!(start, Start::InEpoch { offset: 8, leader_epoch: 3 });
        slot.turn_back(start);
        assert_eq!((slot.position, slot.is_in_hand()), (Some(8), false));
        assert_eq!((slot.generation, slot.marked()), (1, Some(at(8))));
    }

    #[test]
    fn no_end_that_a_broker_may_tell_is_behind_by_more_than_there_can_be() {
        let mut slot = slot();
        for (readable, lag) in [(i64::MAX, i64::MAX - 5), (i64::MIN, 0), (5, 0), (7, 2)] {
            slot.readable = Some(readable);
            assert_eq!(slot.lag(), u64::try_from(lag).ok());
        }
    }

    #[test]
    fn a_seek_begins_to_count_anew() {
        let mut slot = slot();
        slot.give(at(8));
        slot.mark(turn(0), at(8));
        slot.turn(Start::Offset(2));
        assert_eq!(slot.marked(), None, "what is marked next may be less");
    }

    #[test]
    fn what_is_done_beyond_the_end_of_a_log_that_was_cut_is_done_up_to_there() {
        let end = Mark { offset: 7, leader_epoch: 2 };
        let mut slot = slot();
        slot.give(at(6));
        slot.mark(turn(0), at(6));
        slot.give(at(10));
        slot.mark(turn(0), at(8));
        slot.give(at(12));
        slot.cut(end);
        assert_eq!((slot.position, slot.marked(), slot.is_in_hand()), (Some(7), Some(end), true));
        assert_eq!((slot.generation, slot.fetching), (1, 0), "what is under way is still for it");
        slot.mark(turn(0), at(12));
        assert_eq!((slot.marked(), slot.is_in_hand()), (Some(end), false));
        // What comes in their place is not done by what was there before.
        slot.give(at(12));
        slot.mark(turn(0), at(12));
        assert_eq!((slot.marked(), slot.is_in_hand()), (Some(end), true));
        slot.leave();
        slot.mark(turn(0), at(12));
        assert_eq!(slot.marked(), Some(end));
        slot.mark(turn(1), at(12));
        assert_eq!((slot.marked(), slot.is_in_hand()), (Some(at(12)), false));
    }

    #[test]
    fn what_is_marked_late_is_done_up_to_where_the_log_was_cut_after_it_was_given() {
        let end = |offset| Mark { offset, leader_epoch: 2 };
        let mut slot = slot();
        slot.give(at(9));
        slot.cut(end(6));
        slot.give(at(20));
        slot.cut(end(15));
        slot.mark(turn(0), at(9));
        assert_eq!(slot.marked(), Some(end(6)));
        slot.mark(turn(1), at(12));
        assert_eq!(slot.marked(), Some(at(12)), "the log still has that");
        slot.mark(turn(1), at(20));
        assert_eq!((slot.marked(), slot.is_in_hand()), (Some(end(15)), false));
    }

    #[test]
    fn what_is_let_go_of_is_not_in_hand_whether_or_not_its_log_was_cut() {
        let end = Mark { offset: 7, leader_epoch: 2 };
        let mut slot = slot();
        slot.give(at(10));
        slot.cut(end);
        slot.leave();
        slot.let_go_of(2);
        assert!(slot.is_in_hand(), "that is of no batch that was given");
        slot.let_go_of(0);
        assert!(!slot.is_in_hand());
        slot.come_back(Start::Offset(5));
        slot.give(at(8));
        slot.let_go_of(1);
        assert!(slot.is_in_hand(), "it is given anew");
    }

    #[test]
    fn a_cut_that_takes_nothing_that_was_given_changes_nothing() {
        let mut slot = slot();
        slot.cut(Mark { offset: 3, leader_epoch: 2 });
        slot.turn(Start::Latest);
        slot.cut(Mark { offset: 3, leader_epoch: 2 });
        assert_eq!((slot.position, slot.generation), (None, 2));
        slot.find(5, before(5));
        slot.give(at(7));
        slot.mark(turn(2), at(7));
        slot.cut(at(7));
        assert_eq!((slot.marked(), slot.generation), (Some(at(7)), 2));
    }

    #[test]
    fn what_is_done_of_a_log_says_nothing_of_the_one_after_it() {
        let mut slot = Slot::new("t".into(), 0, Start::Earliest);
        slot.find(0, None);
        slot.give(at(8));
        slot.mark(turn(0), at(6));
        assert_eq!(slot.generation, 0, "where it begins is not another log");
        slot.find(0, None);
        assert_eq!((slot.marked(), slot.is_in_hand(), slot.position), (None, false, Some(0)));
        slot.give(at(9));
        slot.mark(turn(0), at(8));
        assert_eq!(slot.marked(), None);
        slot.mark(turn(1), at(9));
        assert_eq!((slot.generation, slot.fetching, slot.marked()), (1, 0, Some(at(9))));
    }

    #[test]
    fn what_is_given_again_begins_behind_what_was_done_with_before_or_where_the_log_was_cut() {
        let mut slot = slot();
        slot.give(at(7));
        assert_eq!(slot.unmarked(), Some(Start::Offset(5)));
        slot.let_go_of(0);
        // Markers of transactions lie between.
        slot.position = Some(9);
        slot.give(at(12));
        let behind = Start::InEpoch { offset: 7, leader_epoch: 3 };
        assert_eq!(slot.unmarked(), Some(behind));
        slot.cut(Mark { offset: 8, leader_epoch: 2 });
        assert_eq!(slot.unmarked(), Some(behind));
        slot.cut(Mark { offset: 6, leader_epoch: 1 });
        assert_eq!(slot.unmarked(), None, "nothing of it is left");
        slot.give(at(7));
        assert_eq!(slot.unmarked(), Some(Start::InEpoch { offset: 6, leader_epoch: 1 }));
        slot.turn(Start::InEpoch { offset: 4, leader_epoch: 0 });
        slot.give(at(7));
        assert_eq!(slot.unmarked(), Some(Start::InEpoch { offset: 4, leader_epoch: 0 }));
    }

    fn reached(slot: &Slot) -> Option<i64> {
        slot.reached().map(|mark| mark.offset)
    }

    #[test]
    fn where_a_look_up_has_led_is_done_up_to_there_unless_a_log_begins_there() {
        for wanted in [Some(5), None] {
            let mut slot = Slot::new("t".into(), 0, Start::Latest);
            slot.find(5, wanted.and_then(before));
            assert_eq!((reached(&slot), slot.marked()), (wanted, None));
            slot.give(at(8));
            assert_eq!(reached(&slot), wanted, "8 is in hand");
            slot.leave();
            assert_eq!(reached(&slot), wanted);
            slot.come_back(Start::Latest);
            assert_eq!(reached(&slot), None);
        }
        // So is where a reset has led.
        let mut slot = slot();
        slot.give(at(8));
        slot.mark(turn(0), at(8));
        slot.find(3, before(3));
        assert_eq!((reached(&slot), slot.marked()), (Some(3), None));
        slot.cut(at(2));
        assert_eq!(reached(&slot), Some(2));
    }

    #[test]
    fn what_has_nothing_for_the_user_is_done_with_once_all_before_it_is() {
        let mut slot = slot();
        slot.pass(at(6));
        assert_eq!(reached(&slot), Some(6), "nothing comes before it");
        slot.give(at(8));
        slot.pass(at(9));
        slot.pass(at(11));
        assert_eq!(reached(&slot), Some(6), "6 and 7 are in hand");
        slot.mark(turn(0), at(7));
        assert_eq!(reached(&slot), Some(7));
        slot.mark(turn(0), at(8));
        assert_eq!((reached(&slot), slot.marked()), (Some(11), Some(at(8))));
        slot.give(at(12));
        assert_eq!(reached(&slot), Some(11));
        slot.cut(at(10));
        assert_eq!(reached(&slot), Some(10));
        // Also where it is taken away meanwhile.
        slot.give(at(12));
        slot.pass(at(13));
        slot.leave();
        assert_eq!(reached(&slot), Some(10));
        assert!(slot.mark_given());
        assert_eq!(reached(&slot), Some(13));
    }

    #[test]
    fn what_lies_behind_records_that_nobody_has_marked_is_not_done() {
        let mut slot = slot();
        slot.give(at(8));
        slot.let_go_of(0);
        slot.pass(at(9));
        assert_eq!(reached(&slot), None, "they were let go");
        let mut slot = Slot::new("t".into(), 0, Start::Latest);
        slot.find(5, before(5));
        // A batch that cannot be read was passed over, as the program wishes.
        slot.position = Some(7);
        slot.pass(at(9));
        assert_eq!(reached(&slot), Some(5));
    }

    #[test]
    fn a_mark_of_before_a_seek_says_nothing() {
        let mut slot = slot();
        slot.give(at(8));
        slot.turn(Start::Offset(2));
        slot.mark(turn(0), at(8));
        assert_eq!((slot.is_in_hand(), slot.marked()), (false, None));
        slot.give(at(3));
        slot.leave();
        slot.come_back(Start::Offset(3));
        slot.mark(turn(1), at(3));
        assert_eq!((slot.is_in_hand(), slot.marked()), (false, None));
    }
}
