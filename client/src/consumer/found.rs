//! Core: the fetcher's third part: what lookups have found.

use super::config::Start;
use super::entry::{Entry, Item};
use super::fetcher::{Action, Fetcher, Moment};
use super::lookup::{Aim, Lookup};
use super::position::{End, Gap, Place, Track};
use super::reading::end_if_reached;
use super::turn::{Mark, Turn};
use crate::error::Error;
use crate::offsets::{self, Position};

/// What was found.
impl Fetcher {
    /// Offsets were looked up, in the order in which they were wanted. What is not known of some is
    /// looked up on.
    pub(crate) fn handle_offsets(
        &mut self,
        moment: Moment,
        lookup: Lookup,
        outcomes: Vec<offsets::Outcome>,
    ) {
        self.is_stirred = true;
        let Lookup { aim, until, .. } = lookup;
        let mut left = Lookup { aim, until, turns: Vec::new(), wanted: Vec::new() };
        let rows = lookup.turns.into_iter().zip(lookup.wanted);
        for ((turn, wanted), outcome) in rows.zip(outcomes) {
            match (outcome, &wanted) {
                (None, _) if self.awaits(turn, aim) => {
                    left.turns.push(turn);
                    left.wanted.push(wanted);
                }
                (None, _) => {}
                (Some(Ok(None)), (topic, partition, Position::Earliest | Position::Latest)) => {
                    let error = offsets::missing(topic, *partition, self.config.outage_max);
                    self.handle_lookup_failed(moment, turn, aim, &error);
                }
                (Some(Ok(offset)), _) => self.handle_offset(turn, aim, offset),
                (Some(Err(error)), _) => self.handle_lookup_failed(moment, turn, aim, &error),
            }
        }
        if !left.turns.is_empty() {
            self.actions.push_back(Action::Lookup(left));
        }
    }

    /// Whether what is looked up for a turn is still wanted.
    fn awaits(&self, turn: Turn, aim: Aim) -> bool {
        let track = self.tracks.get(turn.slot).and_then(Option::as_ref);
        track.is_some_and(|track| !track.is_gone && (aim == Aim::End || track.turn == turn))
    }

    fn handle_offset(&mut self, turn: Turn, aim: Aim, offset: Option<i64>) {
        self.dirty.insert(turn.slot);
        let Some(track) = self.tracks.get_mut(turn.slot).and_then(Option::as_mut) else { return };
        match (aim, offset) {
            // An end counts for every turn of its partition.
            (Aim::End, offset) => track.end = End::At(offset.unwrap_or(0)),
            (Aim::Gap, local) => return self.handle_local_start(turn, local),
            (Aim::Start, _) if track.turn != turn => return,
            (Aim::Start, found) => {
                let is_log_start =
                    track.floor.is_none() && track.place == Place::Lookup(Start::Earliest);
                let Some(offset) = start_of(track, found) else { return };
                let reached = (!is_log_start).then_some(Mark { offset, leader_epoch: -1 });
                track.place = Place::At(offset);
                track.log_start = is_log_start.then_some(offset);
                (track.floor, track.ceiling) = (None, None);
                track.epoch = -1;
                track.told.finds += 1;
                self.entries.push(Entry { turn, item: Item::At { offset, reached } });
            }
        }
        if aim == Aim::End {
            track.heard();
        }
        self.entries.extend(end_if_reached(track));
    }

    /// The leader has said where the part of the log begins that it holds itself.
    fn handle_local_start(&mut self, turn: Turn, local: Option<i64>) {
        self.dirty.insert(turn.slot);
        let Some(track) = self.tracks.get_mut(turn.slot).and_then(Option::as_mut) else { return };
        let (Place::At(offset), Gap::Lookup { until }) = (track.place, track.gap) else { return };
        if track.turn != turn {
            return;
        }
        track.gap = Gap::Refuted;
        if local.is_some_and(|local| local <= offset) {
            track.gap = Gap::None;
            track.place = Place::At(until);
            let behind = Mark { offset: until, leader_epoch: -1 };
            self.entries.push(Entry { turn, item: Item::Skip(behind) });
            self.entries.extend(end_if_reached(track));
        }
    }

    fn handle_lookup_failed(&mut self, moment: Moment, turn: Turn, aim: Aim, error: &Error) {
        let Some(track) = self.track(turn.slot).filter(|track| !track.is_gone) else { return };
        match aim {
            Aim::End => track.end = End::Unknown,
            // A broker that does not know the question holds its logs itself.
            Aim::Gap if matches!(error, Error::Unsupported { .. }) => {
                return self.handle_local_start(turn, Some(0));
            }
            Aim::Gap => track.gap = Gap::None,
            Aim::Start if track.turn != turn => return,
            Aim::Start => {
                if let Place::Lookup(start) = track.place {
                    track.place = Place::Unknown(start);
                }
            }
        }
        let turn = track.turn;
        if error.is_retriable() {
            // The lookup has tried until its own deadline.
            self.entries.push(Entry { turn, item: Item::News(error.clone()) });
            self.retry(moment, turn, error);
        } else {
            self.fail(turn, error.clone());
        }
    }
}

/// Where a partition starts, as far as is known by now: an answer may lead to another question.
fn start_of(track: &mut Track, found: Option<i64>) -> Option<i64> {
    match (track.place, found) {
        (Place::Lookup(Start::Last(count)), Some(end)) => {
            // Where the log begins may be behind that.
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            track.floor = Some(end.saturating_sub(count));
            track.place = Place::Unknown(Start::Earliest);
            None
        }
        (Place::Lookup(start @ (Start::Timestamp(_) | Start::Ago(_))), Some(end))
            if track.ceiling.is_none() =>
        {
            track.ceiling = Some(end);
            track.place = Place::Unknown(start);
            None
        }
        (_, Some(offset)) => Some(offset.max(track.floor.unwrap_or(offset))),
        // No record before that is so young: all that come are.
        (_, None) => track.ceiling,
    }
}
