//! Core: positions to fetches by leader; what becomes of their answers stands in `answer.rs`.
//!
//! One fetch is in flight to each broker, and the next one goes as soon as the positions of its
//! answer are known, before anything of it is handed out; so a quiet broker never delays a busy
//! one. What was fetched is never fetched again: an answer counts unless its partition has been
//! turned elsewhere since.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurier_protocol::Uuid;

use super::buffer::{Claim, Entry, Item, Order, Turn};
use super::config::{ConsumerConfig, Start, Stop};
use super::lookup::{self, Lookup};
use super::plan::{Asked, Plan, standing_still};
use super::position::{End, Gap, Place, Track};
use crate::backoff::Backoff;
use crate::error::{Error, Standstill, Waiting};
use crate::metadata::{Hint, Picture};
use crate::metrics::{Catch, Extent};

/// What is to be read, and how far it is.
#[derive(Debug)]
pub(crate) struct Fetcher {
    pub(super) config: ConsumerConfig,
    backoff: Backoff,
    /// By slot.
    pub(super) tracks: Vec<Option<Track>>,
    /// The slots in the order in which they are asked for; who got something goes to the back.
    pub(super) order: VecDeque<usize>,
    pub(super) flights: BTreeMap<u64, Flight>,
    pub(super) busy: BTreeSet<i32>,
    launched: u64,
    retries: BTreeSet<(Instant, usize)>,
    /// Those that try again when there is news of the cluster.
    heeding: BTreeSet<usize>,
    pub(super) actions: VecDeque<Action>,
    /// What the user is to get, until the driver takes it.
    pub(super) entries: Vec<Entry>,
    /// What answers have told of logs, for whoever counts.
    pub(super) extents: Vec<Extent>,
    pub(super) wants_refresh: bool,
    /// Whether something happened that may allow a fetch or a lookup.
    pub(super) is_stirred: bool,
    /// Whether what is buffered left no room for a fetch.
    is_held: bool,
    /// What the brokers take this client for, if that is known.
    principal: Option<Arc<str>>,
}

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Ask a broker for records.
    Fetch { id: u64, broker: i32, plan: Plan },
    /// Look up offsets.
    Lookup(Lookup),
    /// Ask for metadata soon.
    Refresh,
    /// Tell the cluster of a leader that a broker named (KIP-951).
    Heard(Hint),
}

/// A fetch without an answer yet.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) broker: i32,
    pub(super) plan: Plan,
    pub(super) launched_at: Instant,
    /// When the silence of one of its partitions has lasted for long.
    alarm_at: Instant,
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
            order: VecDeque::new(),
            flights: BTreeMap::new(),
            busy: BTreeSet::new(),
            launched: 0,
            retries: BTreeSet::new(),
            heeding: BTreeSet::new(),
            actions: VecDeque::new(),
            entries: Vec::new(),
            extents: Vec::new(),
            wants_refresh: false,
            is_stirred: false,
            is_held: false,
            principal: None,
        }
    }

    /// The same, with what the brokers take this client for.
    pub(crate) fn known_as(self, principal: Option<Arc<str>>) -> Self {
        Self { principal, ..self }
    }

    /// A partition is to be read. One that is read already stays as it is.
    pub(crate) fn handle_assigned(&mut self, claim: Claim) {
        let slot = claim.turn.slot;
        if self.tracks.len() <= slot {
            self.tracks.resize_with(slot + 1, || None);
        }
        let Some(place) = self.tracks.get_mut(slot).filter(|place| place.is_none()) else { return };
        let mut track = Track::new(claim, self.backoff.clone());
        if self.config.stop == Stop::End {
            track.end = End::Unknown;
        }
        *place = Some(track);
        self.order.push_back(slot);
        self.is_stirred = true;
    }

    /// The user wants something.
    pub(crate) fn handle_order(&mut self, order: Order) {
        self.is_stirred = true;
        match order {
            Order::Seek(turn, start) => {
                self.end_wait(turn.slot);
                if let Some(track) = self.track(turn.slot) {
                    track.turn = turn;
                    track.place = start.into();
                    track.is_unchecked = matches!(start, Start::Offset(_));
                    track.gap = Gap::None;
                    // Its answer is for another turn now.
                    track.is_asked = false;
                    track.heard();
                }
            }
            Order::Pause(slot) => {
                if let Some(track) = self.track(slot) {
                    track.is_paused = true;
                }
            }
            Order::Resume(slot) => {
                if let Some(track) = self.track(slot) {
                    track.is_paused = false;
                    // It was not wanted meanwhile.
                    track.silent_since = None;
                    track.trouble = None;
                }
            }
            Order::Stop(turn) => {
                if let Some(track) = self.current(turn) {
                    track.place = Place::Done;
                }
            }
        }
    }

    /// The cluster has changed, and with it perhaps the leaders.
    pub(crate) fn handle_picture(&mut self) {
        for slot in mem::take(&mut self.heeding) {
            self.end_wait(slot);
        }
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
                    last.records += records;
                    last.bytes += bytes;
                }
                None => catches.push(Catch { topic: Arc::clone(&track.topic), records, bytes }),
            }
        }
        catches
    }

    /// What answers have told of logs since the last call.
    pub(crate) fn drain_extents(&mut self) -> impl Iterator<Item = Extent> {
        self.extents.drain(..)
    }

    /// The next thing to do, if there is one now. `buffered` is how many bytes wait to be taken.
    pub(crate) fn poll_action(
        &mut self,
        now: Instant,
        picture: &Picture,
        buffered: usize,
    ) -> Option<Action> {
        while let Some(&(at, slot)) = self.retries.first()
            && at <= now
        {
            self.end_wait(slot);
            self.is_stirred = true;
        }
        self.tell_silence(now);
        if self.actions.is_empty() && mem::take(&mut self.is_stirred) {
            let lookups = lookup::plan(self.tracks.iter_mut().flatten(), picture);
            self.actions.extend(lookups.map(Action::Lookup));
            self.is_held = buffered >= self.config.buffer_bytes_max;
            if !self.is_held {
                self.fetch(now, picture);
            }
            if mem::take(&mut self.wants_refresh) {
                self.actions.push_back(Action::Refresh);
            }
        }
        self.actions.pop_front()
    }

    /// Whether it fetches nothing until less is buffered.
    pub(crate) fn is_held(&self) -> bool {
        self.is_held
    }

    /// When [`poll_action`](Self::poll_action) must be called again, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let alarms = self.flights.values().map(|flight| flight.alarm_at);
        self.retries.first().map(|(at, _)| *at).into_iter().chain(alarms).min()
    }
}

/// Fetches and waits.
impl Fetcher {
    /// Asks every broker that is free for the partitions that it leads.
    fn fetch(&mut self, now: Instant, picture: &Picture) {
        let mut by_broker: BTreeMap<i32, Vec<Asked>> = BTreeMap::new();
        let mut leaderless = Vec::new();
        for &slot in &self.order {
            let Some(track) = self.tracks.get_mut(slot).and_then(Option::as_mut) else { continue };
            let Some(offset) = track.wants() else { continue };
            let Some(leader) = picture.leader_of(&track.topic, track.partition) else {
                leaderless.push(slot);
                continue;
            };
            if self.busy.contains(&leader.broker) {
                continue;
            }
            track.is_asked = true;
            track.silent_since.get_or_insert(now);
            let topic_id = picture.topic(&track.topic).map_or(Uuid::ZERO, |t| t.id);
            by_broker.entry(leader.broker).or_default().push(Asked {
                turn: track.turn,
                topic: Arc::clone(&track.topic),
                topic_id,
                partition: track.partition,
                offset,
                leader_epoch: leader.epoch,
                bytes_max: track.bytes_max,
            });
        }
        let outage_max = self.config.outage_max;
        for slot in leaderless {
            self.wants_refresh = true;
            self.tell_outage(slot, now, |track| no_leader(picture, track, outage_max));
            self.wait(slot, now, LEADERLESS_RETRY);
            self.heed_news(slot);
        }
        for (broker, asked) in by_broker {
            self.launched += 1;
            let id = self.launched;
            let plan = Plan::new(&self.config, asked);
            self.busy.insert(broker);
            let alarm_at = self.alarm_at(&plan, now);
            let flight = Flight { broker, plan: plan.clone(), launched_at: now, alarm_at };
            self.flights.insert(id, flight);
            self.actions.push_back(Action::Fetch { id, broker, plan });
        }
    }

    /// When the silence of one of the plan's partitions will have lasted for long.
    fn alarm_at(&self, plan: &Plan, now: Instant) -> Instant {
        let since = |asked: &Asked| self.tracks.get(asked.turn.slot)?.as_ref()?.silent_since;
        let since = plan.asked().iter().filter_map(since).min().unwrap_or(now);
        // A broker without records is silent by right for a while.
        let silence_max = self.config.outage_max.max(self.config.fetch_wait_max * 2);
        (since + silence_max).max(now + SILENCE_MIN)
    }

    /// Says which partitions wait in vain for the answer to a fetch.
    fn tell_silence(&mut self, now: Instant) {
        let due = |(id, flight): (&u64, &Flight)| (flight.alarm_at <= now).then_some(*id);
        let due: Vec<_> = self.flights.iter().filter_map(due).collect();
        for id in due {
            let Some(mut flight) = self.flights.remove(&id) else { continue };
            for asked in flight.plan.asked().iter() {
                let after = self.config.outage_max;
                let silent = || standing_still(asked, flight.broker, Standstill::Silent, after);
                if self.current(asked.turn).is_some() {
                    // The fetch may wait for a connection: what the last try came to says more.
                    let error = |track: &Track| track.trouble.clone().unwrap_or_else(silent);
                    self.tell_outage(asked.turn.slot, now, error);
                }
            }
            flight.alarm_at = self.alarm_at(&flight.plan, now);
            self.flights.insert(id, flight);
        }
    }

    pub(super) fn wait(&mut self, slot: usize, now: Instant, wait: Duration) {
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

    fn end_wait(&mut self, slot: usize) {
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
        let since = *track.silent_since.get_or_insert(now);
        if now.duration_since(since) >= outage_max {
            track.silent_since = Some(now);
            self.entries.push(Entry { turn: track.turn, item: Item::News(error(track)) });
        }
    }

    /// The partition stands still until a seek.
    pub(super) fn fail(&mut self, turn: Turn, error: Error) {
        if let Some(track) = self.tracks.get_mut(turn.slot).and_then(Option::as_mut) {
            track.place = Place::Done;
            let error = error.seen_as(self.principal.as_ref());
            self.entries.push(Entry { turn: track.turn, item: Item::Failed(error) });
        }
    }

    pub(super) fn track(&mut self, slot: usize) -> Option<&mut Track> {
        self.tracks.get_mut(slot)?.as_mut()
    }

    pub(super) fn current(&mut self, turn: Turn) -> Option<&mut Track> {
        self.track(turn.slot).filter(|track| track.turn == turn)
    }
}

fn no_leader(picture: &Picture, track: &Track, after: Duration) -> Error {
    let topic = Box::from(&*track.topic);
    let is_known = picture.topic(&track.topic).is_some_and(|topic| topic.error.is_ok());
    if is_known {
        let last = picture.no_leader(&track.topic, track.partition);
        Error::timed_out(Waiting::Metadata { topic }, after).after(Some(&last))
    } else {
        Error::UnknownTopic { topic, partition: None }
    }
}

/// Without a leader and without news, look again after this.
const LEADERLESS_RETRY: Duration = Duration::from_millis(250);

/// Between two complaints about one silence there is at least this.
const SILENCE_MIN: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
