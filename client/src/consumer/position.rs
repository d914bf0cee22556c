//! Core: one partition as the fetcher sees it: what it asks for next, and whether it may.

use std::sync::Arc;
use std::time::Instant;

use kurier_protocol::Uuid;

use super::buffer::Claim;
use super::config::Start;
use super::cuts::Cuts;
use super::lane::Lane;
use super::replica::Replica;
use super::turn::{Mark, Told, Turn};
use crate::backoff::Backoff;
use crate::error::Error;
use crate::metadata::Leader;

/// What is to be fetched of one partition.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) turn: Turn,
    pub(crate) place: Place,
    pub(crate) end: End,
    pub(crate) is_paused: bool,
    /// Whether enough of it waits for its reader.
    pub(crate) is_full: bool,
    /// Whether it is read no more.
    pub(crate) is_gone: bool,
    /// The lane whose session has it.
    pub(crate) home: Option<Lane>,
    /// Whether another broker has become its leader, whose session does not have it yet.
    pub(crate) has_moved: bool,
    /// The follower that is read from instead of the leader.
    pub(crate) nearer: Option<Replica>,
    /// Until when the leader itself is read from, as a follower was of no use.
    pub(crate) shuns_until: Option<Instant>,
    /// Who has waited longest is the least.
    pub(crate) rank: i64,
    /// The offset behind the last record that can be read, as far as was told.
    pub(crate) readable: i64,
    /// No try before this.
    pub(crate) retry_at: Option<Instant>,
    pub(crate) backoff: Backoff,
    /// Since when nothing was heard of it, though it was wanted.
    pub(crate) silent_since: Option<Instant>,
    /// Why the last try of this silence has failed, if it has.
    pub(crate) trouble: Option<Error>,
    /// What one answer may have of it where a batch did not fit the usual limit.
    pub(crate) bytes_max: Option<i32>,
    pub(crate) gap: Gap,
    /// The leader epoch of the record before the position; -1 if it is not known.
    pub(crate) epoch: i32,
    /// The leader whose log is known to have that record.
    pub(crate) checked: Option<Leader>,
    /// The leader that is being asked whether it has.
    pub(crate) checking: Option<Leader>,
    /// The id of the topic that the position is of; zero if it is not known.
    pub(crate) topic_id: Uuid,
    /// What there was to tell of the log in this turn.
    pub(crate) told: Told,
    /// Up to where the log still has what was read in this turn, by how often it had not all of it.
    pub(crate) cuts: Cuts,
    /// Where it starts, unless the log begins later: so many offsets before its end.
    pub(crate) floor: Option<i64>,
    /// Where it starts if no record is as young as its start wants: where the log ended before that
    /// was asked. All that come later are.
    pub(crate) ceiling: Option<i64>,
    /// Whether the position is one that the user has named and no broker has confirmed.
    pub(crate) is_unchecked: bool,
    /// Where the log was found to begin, if it is read from there.
    pub(crate) log_start: Option<i64>,
}

/// Where a partition stands.
///
/// ```text
/// Unknown(start) -> Lookup(start) -> At(offset) -> Done
///   ^    ^               |              |
///   |    +- end is known +              |      of a start by time, which comes after it
///   +------- out of range, reset -------+      a seek leads back to Unknown or At from anywhere
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Its offset must be looked up.
    Unknown(Start),
    /// Its offset is being looked up.
    Lookup(Start),
    /// The next offset to fetch.
    At(i64),
    /// Nothing more is fetched: the end is reached, or it has failed.
    Done,
}

/// Where reading a partition ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nowhere.
    Never,
    /// Where the log ends, which must be looked up.
    Unknown,
    /// Where the log ends, which is being looked up.
    Lookup,
    /// Before this offset.
    At(i64),
}

/// Whether the log has nothing between the position and the end, which compaction may leave so.
///
/// ```text
/// None -> Suspected -> Unknown -> Lookup -> None: skipped, as the leader holds this part itself
///   ^         |           |         |
///   |         |           |         +-----> Refuted: records must come
///   +---------+-----------+---------+---------+        records came after all, a seek
/// ```
///
/// An answer is empty too where a broker did not get the records from a tiered store in time
/// (KIP-405). So it counts only once the leader's own part of the log is known to begin before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing says so.
    None,
    /// One answer had nothing, although there should be records.
    Suspected,
    /// Two had nothing: where the leader's own part begins must be looked up.
    Unknown { until: i64 },
    /// It is being looked up.
    Lookup { until: i64 },
    /// It is none: the leader does not hold this part itself.
    Refuted,
}

impl Gap {
    /// An answer had nothing before this offset. Whether that leads anywhere.
    pub(crate) fn handle_empty(&mut self, until: i64) -> bool {
        let next = match *self {
            Self::None => Self::Suspected,
            Self::Suspected => Self::Unknown { until },
            known => known,
        };
        std::mem::replace(self, next) != next
    }
}

impl Track {
    pub(crate) fn new(claim: Claim, backoff: Backoff) -> Self {
        Self {
            topic: claim.topic,
            partition: claim.partition,
            turn: claim.turn,
            place: Place::from(claim.start),
            end: End::Never,
            is_paused: claim.is_paused,
            is_full: claim.is_full,
            is_gone: false,
            home: None,
            has_moved: false,
            nearer: None,
            shuns_until: None,
            rank: 0,
            readable: 0,
            retry_at: None,
            backoff,
            silent_since: None,
            trouble: None,
            bytes_max: None,
            gap: Gap::None,
            epoch: epoch_of(claim.start),
            checked: None,
            checking: None,
            topic_id: Uuid::ZERO,
            told: Told::default(),
            cuts: Cuts::default(),
            is_unchecked: claim.start.offset().is_some(),
            log_start: None,
            floor: None,
            ceiling: None,
        }
    }

    /// The offset to ask for, if it may be asked for now.
    pub(crate) fn wants(&self) -> Option<i64> {
        let is_wanted = !self.is_paused && !self.is_full;
        let is_free = is_wanted && self.retry_at.is_none() && self.checking.is_none();
        let is_bounded = matches!(self.end, End::Never | End::At(_));
        match self.place {
            Place::At(offset) if is_free && is_bounded => Some(offset),
            _ => None,
        }
    }

    /// Where reading ends, as an offset behind all others if it does not.
    pub(crate) fn end_offset(&self) -> i64 {
        if let End::At(offset) = self.end { offset } else { i64::MAX }
    }

    /// Whether its leader must be asked first whether it has the record before the position.
    pub(crate) fn needs_check(&self, leader: Leader) -> bool {
        self.epoch >= 0 && leader.epoch >= 0 && self.checked != Some(leader)
    }

    /// It goes on elsewhere, by another turn.
    pub(crate) fn seek(&mut self, turn: Turn, start: Start) {
        self.turn = turn;
        self.place = start.into();
        self.is_unchecked = start.offset().is_some();
        self.log_start = None;
        self.gap = Gap::None;
        self.epoch = epoch_of(start);
        (self.floor, self.ceiling) = (None, None);
        self.checked = None;
        self.checking = None;
        self.topic_id = Uuid::ZERO;
        self.told = Told::default();
        self.cuts = Cuts::default();
        self.heard();
    }

    /// It is read once more from there, by another turn: as whoever has been told this of the log
    /// has got it. What that one has not been told yet has led elsewhere, as `reset` says. Returns
    /// up to where the log has what is before there, if that is less: that is to be told again.
    pub(crate) fn turn_back(
        &mut self,
        turn: Turn,
        (start, told): (Start, Told),
        reset: Option<Start>,
    ) -> Option<Mark> {
        let start = match self.place {
            Place::Unknown(elsewhere) | Place::Lookup(elsewhere) => elsewhere,
            Place::At(_) | Place::Done if told.finds == self.told.finds => start,
            Place::At(_) | Place::Done => reset.unwrap_or(start),
        };
        let (topic_id, cut) = (self.topic_id, self.cuts.since(told.cuts));
        self.seek(turn, start);
        self.topic_id = topic_id;
        cut.filter(|cut| start.offset().is_some_and(|offset| cut.offset < offset))
    }

    /// The log is another one than was read: up to there it has the same, if it has any of it.
    pub(crate) fn cut(&mut self, end: Option<Mark>) {
        self.told.cuts += 1;
        self.cuts.push(self.told.cuts, end.unwrap_or(NOTHING));
        self.forget_log();
    }

    /// It is not known any more where to read: that is looked up.
    pub(crate) fn reset(&mut self, start: Start) {
        self.place = Place::Unknown(start);
        (self.floor, self.ceiling) = (None, None);
        self.epoch = -1;
        self.forget_log();
    }

    /// What was found out of the log was of another one: where it ends is looked up again.
    fn forget_log(&mut self) {
        self.checked = None;
        self.gap = Gap::None;
        if matches!(self.end, End::At(_)) {
            self.end = End::Unknown;
        }
    }

    /// Whether records should be there, as far as was told.
    pub(crate) fn lacks_some(&self) -> bool {
        matches!(self.place, Place::At(offset) if offset < self.readable.min(self.end_offset()))
            || self.end != End::Never
    }

    /// It is read no more: whatever is under way is for another turn.
    pub(crate) fn leave(&mut self, turn: Turn) {
        self.turn = turn;
        self.place = Place::Done;
        self.end = End::Never;
        self.gap = Gap::None;
        self.is_gone = true;
        self.heard();
    }

    /// All is well again.
    pub(crate) fn heard(&mut self) {
        self.backoff.reset();
        self.silent_since = None;
        self.trouble = None;
    }
}

/// Before all offsets.
const NOTHING: Mark = Mark { offset: -1, leader_epoch: -1 };

/// The leader epoch of the record before a start, if it is named.
fn epoch_of(start: Start) -> i32 {
    if let Start::InEpoch { leader_epoch, .. } = start { leader_epoch } else { -1 }
}

impl From<Start> for Place {
    fn from(start: Start) -> Self {
        match start.offset() {
            Some(offset) => Self::At(offset),
            None => Self::Unknown(start),
        }
    }
}
