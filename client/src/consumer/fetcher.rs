//! Core: what is to be read, how far it is, and what has gone wrong with it. What follows from that
//! stands in `asking.rs`; what becomes of answers in `found.rs`, `checking.rs` and `answer.rs`.
//!
//! One fetch is in flight on each lane, of which a broker has two at most, and the next one goes as
//! soon as the positions of its answer are known, before anything of it is handed out; so a quiet
//! broker never delays a busy one. What was fetched is never fetched again: an answer counts unless
//! its partition has been turned elsewhere since.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::buffer::{Claim, Order};
use super::config::{ConsumerConfig, Stop};
use super::entry::{Entry, Item};
use super::lane::Lane;
use super::lookup::Lookup;
use super::plan::Plan;
use super::position::{End, Place, Track};
use super::question::Check;
use super::replica::Replica;
use super::seat::{Flight, Seat};
use super::turn::{Mark, Turn};
use crate::backoff::Backoff;
use crate::error::Error;
use crate::metadata::Hint;
use crate::metrics::{Catch, Extent};

/// What is to be read, and how far it is.
#[derive(Debug)]
pub(crate) struct Fetcher {
    pub(super) config: ConsumerConfig,
    pub(super) backoff: Backoff,
    /// By slot.
    pub(super) tracks: Vec<Option<Track>>,
    /// The slots whose tracks may have changed since it was last seen what follows from them.
    pub(super) dirty: BTreeSet<usize>,
    pub(super) seats: BTreeMap<Lane, Seat>,
    /// The ranks of who comes last, and of who comes first.
    pub(super) ranks: (i64, i64),
    pub(super) flights: BTreeMap<u64, Flight>,
    pub(super) launched: u64,
    pub(super) retries: BTreeSet<(Instant, usize)>,
    /// Those that try again when there is news of the cluster.
    heeding: BTreeSet<usize>,
    /// All those of which nothing was heard since some time, and perhaps others.
    pub(super) silent: BTreeSet<usize>,
    pub(super) actions: VecDeque<Action>,
    /// What the user is to get, until the driver takes it.
    pub(super) entries: Vec<Entry>,
    /// What answers have told of logs, for whoever counts.
    pub(super) extents: Vec<Extent>,
    pub(super) wants_refresh: bool,
    /// Whether something happened that may allow a fetch or a lookup.
    pub(super) is_stirred: bool,
    /// Whether what is buffered left no room for a fetch.
    pub(super) is_held: bool,
    /// Bytes that an answer may have of one partition, where each has a reader of its own.
    pub(super) portion: Option<usize>,
    /// Whether a broker may have nothing any more that is wanted.
    pub(super) is_anyone_left: bool,
    /// Until when each follower may be read from, by slot.
    pub(super) expiries: BTreeSet<(Instant, usize)>,
    /// Until when nothing is fetched of a broker beside the usual, as its second connection was of
    /// no use.
    pub(super) alone: BTreeMap<i32, Instant>,
    /// How long a follower is read from before the leader is asked again.
    pub(super) replica_age: Duration,
    /// What the brokers take this client for, if that is known.
    principal: Option<Arc<str>>,
}

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Ask a broker for records.
    Fetch { id: u64, lane: Lane, plan: Plan },
    /// Tell a broker that nothing more is wanted of it. Nobody waits for the answer.
    Leave { broker: i32, plan: Plan },
    /// Look up offsets.
    Lookup(Lookup),
    /// Ask a broker whether its logs have what was read, on a lane that waits for nothing now;
    /// where there is none, beside them.
    Check { broker: i32, lane: Option<Lane>, checks: Vec<Check> },
    /// Ask for metadata soon.
    Refresh,
    /// Tell the cluster of a leader that a broker named (KIP-951).
    Heard(Hint),
}

/// What an answer's handling needs to know of the world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    pub(crate) chance: u64,
}

impl Fetcher {
    pub(crate) fn new(config: ConsumerConfig, backoff: Backoff) -> Self {
        Self {
            config,
            backoff,
            tracks: Vec::new(),
            dirty: BTreeSet::new(),
            seats: BTreeMap::new(),
            ranks: (0, 0),
            flights: BTreeMap::new(),
            launched: 0,
            retries: BTreeSet::new(),
            heeding: BTreeSet::new(),
            silent: BTreeSet::new(),
            actions: VecDeque::new(),
            entries: Vec::new(),
            extents: Vec::new(),
            wants_refresh: false,
            is_stirred: false,
            is_held: false,
            portion: None,
            is_anyone_left: false,
            expiries: BTreeSet::new(),
            alone: BTreeMap::new(),
            replica_age: REPLICA_AGE,
            principal: None,
        }
    }

    /// The same, with what the brokers take this client for.
    pub(crate) fn known_as(self, principal: Option<Arc<str>>) -> Self {
        Self { principal, ..self }
    }

    /// The same, where followers are read from for so long.
    pub(crate) fn with_replica_age(self, replica_age: Duration) -> Self {
        Self { replica_age, ..self }
    }

    /// A partition is to be read. One that is read already stays as it is.
    pub(crate) fn handle_assigned(&mut self, claim: Claim) {
        let slot = claim.turn.slot;
        if self.tracks.len() <= slot {
            self.tracks.resize_with(slot + 1, || None);
        }
        if self.tracks.get(slot).and_then(Option::as_ref).is_some_and(|track| !track.is_gone) {
            return;
        }
        // What is due of the track that was here would be due for ever.
        self.end_wait(slot);
        self.come_home(slot);
        let rank = self.last_rank();
        let Some(place) = self.tracks.get_mut(slot) else { return };
        let mut track = Track::new(claim, self.backoff.clone());
        track.rank = rank;
        track.home = place.as_ref().and_then(|before| before.home);
        if self.config.stop == Stop::End {
            track.end = End::Unknown;
        }
        *place = Some(track);
        self.dirty.insert(slot);
        self.is_stirred = true;
    }

    /// The user wants something.
    pub(crate) fn handle_order(&mut self, order: Order) {
        self.is_stirred = true;
        match order {
            Order::Seek(turn, start) => {
                self.end_wait(turn.slot);
                self.detach(turn.slot);
                // One that has come back begins with what its claim says, once its topic is known.
                if let Some(track) = self.track(turn.slot).filter(|track| !track.is_gone) {
                    track.seek(turn, start);
                }
            }
            Order::Return(turn, start, told) => {
                self.end_wait(turn.slot);
                self.detach(turn.slot);
                let reset = self.config.offset_reset.start();
                let track = self.track(turn.slot).filter(|track| !track.is_gone);
                let cut = track.and_then(|track| track.turn_back(turn, (start, told), reset));
                if let Some(Mark { offset, leader_epoch }) = cut {
                    let divergence = (offset >= 0).then_some((offset, leader_epoch));
                    self.handle_divergence(turn, divergence);
                }
            }
            Order::Pause(slot) => {
                if let Some(track) = self.track(slot) {
                    track.is_paused = true;
                }
            }
            Order::Resume(slot) => self.want_again(slot, |track| track.is_paused = false),
            Order::Full(slot) => {
                if let Some(track) = self.track(slot) {
                    track.is_full = true;
                }
            }
            Order::Roomy(slot) => self.want_again(slot, |track| track.is_full = false),
            Order::Unassign(turn) => {
                self.end_wait(turn.slot);
                self.detach(turn.slot);
                if let Some(track) = self.track(turn.slot) {
                    track.leave(turn);
                }
                self.is_anyone_left = true;
            }
            // Once its topic is known.
            Order::Assign(_) | Order::Hold(_) => {}
            Order::Stop(turn) => {
                if let Some(track) = self.current(turn) {
                    track.place = Place::Done;
                }
            }
        }
    }

    fn want_again(&mut self, slot: usize, change: impl FnOnce(&mut Track)) {
        if let Some(track) = self.track(slot) {
            change(track);
            // It was not wanted meanwhile.
            track.silent_since = None;
            track.trouble = None;
        }
    }

    /// Each partition has a reader of its own, and this is how much an answer may have of it; or
    /// one reads them all.
    pub(crate) fn set_portion(&mut self, portion: Option<usize>) {
        if self.portion != portion {
            self.portion = portion;
            self.dirty.extend(0..self.tracks.len());
            self.is_stirred = true;
        }
    }

    /// The cluster has changed, and with it perhaps the leaders.
    pub(crate) fn handle_picture(&mut self) {
        for slot in mem::take(&mut self.heeding) {
            self.end_wait(slot);
        }
        self.dirty.extend(0..self.tracks.len());
        self.is_anyone_left = true;
        self.is_stirred = true;
    }

    /// There may be room for more.
    pub(crate) fn handle_change(&mut self) {
        self.is_stirred = true;
    }

    /// What the user is to get, in order.
    pub(crate) fn take_entries(&mut self) -> Vec<Entry> {
        mem::take(&mut self.entries)
    }

    /// How many things the user is to get.
    pub(crate) fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// Which records the user is to get behind so many things, by topic.
    pub(crate) fn caught_behind(&self, entry_count: usize) -> Vec<Catch> {
        let mut catches: Vec<Catch> = Vec::new();
        for Entry { turn, item } in self.entries.iter().skip(entry_count) {
            let Item::Batch(fetched) = item else { continue };
            let Some(Some(track)) = self.tracks.get(turn.slot) else { continue };
            let records = fetched.batch.record_count().unwrap_or(1);
            let bytes = fetched.batch.bytes().len();
            match catches.last_mut().filter(|last| last.topic == track.topic) {
                Some(last) => {
                    // As batches claim.
                    last.records = last.records.saturating_add(records);
                    last.bytes += bytes;
                }
                None => catches.push(Catch { topic: Arc::clone(&track.topic), records, bytes }),
            }
        }
        catches
    }

    /// What was passed over behind so many things, as it cannot be read: for each batch its topic
    /// and how many offsets it has, as far as is known.
    pub(crate) fn skipped_behind(&self, entry_count: usize) -> Vec<(Arc<str>, u64)> {
        let behind = self.entries.iter().skip(entry_count);
        let skipped = behind.filter_map(|Entry { turn, item }| {
            let Item::Corrupt { from, next_offset } = item else { return None };
            let track = self.tracks.get(turn.slot)?.as_ref()?;
            let offsets = u64::try_from(next_offset.saturating_sub(*from)).unwrap_or(0);
            Some((Arc::clone(&track.topic), offsets))
        });
        skipped.collect()
    }

    /// What answers have told of logs since the last call.
    pub(crate) fn drain_extents(&mut self) -> impl Iterator<Item = Extent> {
        self.extents.drain(..)
    }
}

/// Waits.
impl Fetcher {
    pub(super) fn wait(&mut self, slot: usize, now: Instant, wait: Duration) {
        self.silent.insert(slot);
        if let Some(track) = self.track(slot)
            && track.retry_at.is_none()
        {
            track.retry_at = Some(now + wait);
            track.silent_since.get_or_insert(now);
            self.retries.insert((now + wait, slot));
        }
    }

    /// Lets news of the cluster end a wait.
    pub(super) fn heed_news(&mut self, slot: usize) {
        if self.track(slot).is_some_and(|track| track.retry_at.is_some()) {
            self.heeding.insert(slot);
        }
    }

    pub(super) fn end_wait(&mut self, slot: usize) {
        self.heeding.remove(&slot);
        if let Some(at) = self.track(slot).and_then(|track| track.retry_at.take()) {
            self.retries.remove(&(at, slot));
        }
    }

    /// Tries again after a while; says so when that has not helped for long.
    pub(super) fn retry(&mut self, moment: Moment, turn: Turn, error: &Error) {
        let Some(track) = self.track(turn.slot) else { return };
        let wait = track.backoff.next(moment.chance);
        track.trouble = Some(error.clone());
        let (topic, partition) = (&track.topic, track.partition);
        tracing::debug!(%topic, partition, ?wait, %error, "fetching again");
        self.tell_outage(turn.slot, moment.now, |_| error.clone());
        self.wait(turn.slot, moment.now, wait);
    }

    /// Says that a partition has been out of reach for long, if it has.
    pub(super) fn tell_outage(
        &mut self,
        slot: usize,
        now: Instant,
        error: impl Fn(&Track) -> Error,
    ) {
        let outage_max = self.config.outage_max;
        let Some(track) = self.tracks.get_mut(slot).and_then(Option::as_mut) else { return };
        self.silent.insert(slot);
        let since = *track.silent_since.get_or_insert(now);
        if now.duration_since(since) >= outage_max {
            track.silent_since = Some(now);
            self.entries.push(Entry { turn: track.turn, item: Item::News(error(track)) });
        }
    }

    /// Nothing was heard of a partition since then, or longer.
    pub(super) fn note_silence(&mut self, slot: usize, since: Instant) {
        let Some(track) = self.tracks.get_mut(slot).and_then(Option::as_mut) else { return };
        self.silent.insert(slot);
        track.silent_since.get_or_insert(since);
    }

    /// The partition stands still until a seek.
    pub(super) fn fail(&mut self, turn: Turn, error: Error) {
        let principal = self.principal.clone();
        if let Some(track) = self.track(turn.slot) {
            track.place = Place::Done;
            let (turn, error) = (track.turn, error.seen_as(principal.as_ref()));
            self.entries.push(Entry { turn, item: Item::Failed(error) });
        }
    }
}

/// Tracks. Who gets hold of one may change it.
impl Fetcher {
    pub(super) fn track(&mut self, slot: usize) -> Option<&mut Track> {
        let track = self.tracks.get_mut(slot)?.as_mut()?;
        self.dirty.insert(slot);
        Some(track)
    }

    pub(super) fn current(&mut self, turn: Turn) -> Option<&mut Track> {
        self.track(turn.slot).filter(|track| track.turn == turn)
    }

    /// The rank of who comes behind all others.
    pub(super) fn last_rank(&mut self) -> i64 {
        self.ranks.0 += 1;
        self.ranks.0
    }

    /// The rank of who comes before all others.
    pub(super) fn first_rank(&mut self) -> i64 {
        self.ranks.1 -= 1;
        self.ranks.1
    }

    /// The leader has named a follower that is nearer.
    pub(super) fn go_nearer(&mut self, slot: usize, now: Instant, broker: i32) {
        self.come_home(slot);
        let until = now + self.replica_age;
        if let Some(track) = self.track(slot) {
            track.nearer = Some(Replica { broker, until });
            self.expiries.insert((until, slot));
        }
    }

    /// A follower was of no use: the leader is read from, and not asked for others for a while.
    /// Says whether there was one.
    pub(super) fn flee(&mut self, slot: usize, now: Instant) -> bool {
        let has_fled = self.come_home(slot);
        if has_fled && let Some(track) = self.track(slot) {
            track.shuns_until = Some(now + SHUNNED);
        }
        has_fled
    }

    /// A request on this lane was not answered.
    pub(super) fn shun(&mut self, lane: Lane, now: Instant) {
        if lane.is_aside {
            self.alone.insert(lane.broker, now + ALONE);
        }
    }

    /// The leader is read from again. Says whether that is a change.
    pub(super) fn come_home(&mut self, slot: usize) -> bool {
        let Some(nearer) = self.track(slot).and_then(|track| track.nearer.take()) else {
            return false;
        };
        self.expiries.remove(&(nearer.until, slot));
        true
    }

    /// What is on its way of a partition is for another turn: it may be asked for elsewhere now.
    fn detach(&mut self, slot: usize) {
        let Some(Some(track)) = self.tracks.get_mut(slot) else { return };
        let Some(seat) = track.home.and_then(|home| self.seats.get_mut(&home)) else { return };
        if seat.flight.is_some() {
            track.home = None;
            seat.pending.insert(slot);
        }
    }
}

/// How long a leader is not asked for followers after one was of no use.
const SHUNNED: Duration = Duration::from_secs(30);

/// How long a broker is fetched from on one connection after a second one was of no use. With it a
/// partition that has moved there waits half a second less, and without for a request timeout more.
const ALONE: Duration = Duration::from_secs(300);

/// How long a follower is read from, unless it is said otherwise.
const REPLICA_AGE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests;
