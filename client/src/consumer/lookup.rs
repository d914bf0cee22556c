//! Core: which offsets must be looked up before records can be fetched.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::config::Start;
use super::position::{End, Gap, Place, Track};
use super::turn::Turn;
use crate::metadata::Picture;
use crate::offsets::Position;

/// Offsets that are looked for together: partitions of one topic and one leader. None of them waits
/// for another.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub(crate) aim: Aim,
    pub(crate) turns: Vec<Turn>,
    pub(crate) wanted: Vec<(Arc<str>, i32, Position)>,
    /// When it is over, once it has begun.
    pub(crate) until: Option<Instant>,
}

/// What a looked-up offset is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aim {
    /// Where reading starts.
    Start,
    /// Where reading ends.
    End,
    /// Whether a part of the log is empty.
    Gap,
}

/// Plans the lookups that are due, and notes that they are under way.
pub(crate) fn plan<'a>(
    tracks: impl Iterator<Item = &'a mut Track>,
    picture: &Picture,
) -> impl Iterator<Item = Lookup> {
    let mut groups: BTreeMap<(Aim, Arc<str>, Option<i32>), Lookup> = BTreeMap::new();
    for track in tracks.filter(|track| track.retry_at.is_none()) {
        let mut add = |aim, position| {
            let leader = picture.leader_of(&track.topic, track.partition);
            let key = (aim, Arc::clone(&track.topic), leader.map(|leader| leader.broker));
            let new = || Lookup { aim, turns: Vec::new(), wanted: Vec::new(), until: None };
            let lookup = groups.entry(key).or_insert_with(new);
            lookup.turns.push(track.turn);
            lookup.wanted.push((Arc::clone(&track.topic), track.partition, position));
        };
        if track.end == End::Unknown {
            add(Aim::End, Position::Latest);
            track.end = End::Lookup;
        }
        if let Gap::Unknown { until } = track.gap {
            add(Aim::Gap, Position::EarliestLocal);
            track.gap = Gap::Lookup { until };
        }
        if let Place::Unknown(start) = track.place {
            add(Aim::Start, position(start, track.ceiling));
            track.place = Place::Lookup(start);
        }
    }
    groups.into_values()
}

/// What is looked up next for a start. Before a record of an age is, the log's end is: where there
/// is no such record, those that come meanwhile are young enough.
fn position(start: Start, ceiling: Option<i64>) -> Position {
    match start {
        Start::Ago(_) | Start::Timestamp(_) if ceiling.is_none() => Position::Latest,
        // An offset is not looked up.
        Start::Earliest | Start::Offset(_) | Start::InEpoch { .. } => Position::Earliest,
        Start::Latest | Start::Last(_) => Position::Latest,
        Start::Ago(age) => Position::Ago(age),
        Start::Timestamp(millis) => Position::Timestamp(millis),
    }
}
