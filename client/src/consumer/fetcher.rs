//! Core: positions to fetches by leader; answers to batches, lookups, retries or failures.
//!
//! One fetch is in flight to each broker, and the next one goes as soon as the positions of its
//! answer are known, before anything of it is handed out; so a quiet broker never delays a busy
//! one. What was fetched is never fetched again: an answer counts unless its partition has been
//! turned elsewhere since.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurier_protocol::api::fetch::{FetchResponse, NodeEndpoint, PartitionData};
use kurier_protocol::{ApiKey, ErrorCode, Uuid};

use super::aborted::Aborted;
use super::buffer::{Entry, Item, Order, Turn};
use super::config::{ConsumerConfig, OffsetReset, Start, Stop};
use super::lookup::{self, Aim, Lookup};
use super::plan::{Asked, Plan, WHOLE_BATCH_SINCE};
use super::position::{End, Place, Track};
use super::reading::{Reading, end_if_reached, is_empty};
use crate::backoff::Backoff;
use crate::error::{About, Error, Remedy, Waiting, remedy};
use crate::metadata::{Leader, Picture};
use crate::offsets::Isolation;

/// What is to be read, and how far it is.
#[derive(Debug)]
pub(crate) struct Fetcher {
    config: ConsumerConfig,
    backoff: Backoff,
    /// By slot.
    tracks: Vec<Option<Track>>,
    /// The slots in the order in which they are asked for; who got something goes to the back.
    order: VecDeque<usize>,
    flights: BTreeMap<u64, Flight>,
    busy: BTreeSet<i32>,
    launched: u64,
    retries: BTreeSet<(Instant, usize)>,
    actions: VecDeque<Action>,
    /// What the user is to get, until the driver takes it.
    entries: Vec<Entry>,
    wants_refresh: bool,
    /// Whether something happened that may allow a fetch or a lookup.
    is_stirred: bool,
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
    Heard { topic: Arc<str>, partition: i32, leader: Leader, endpoint: Option<(String, u16)> },
}

/// A fetch without an answer yet.
#[derive(Debug)]
struct Flight {
    broker: i32,
    plan: Plan,
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
            actions: VecDeque::new(),
            entries: Vec::new(),
            wants_refresh: false,
            is_stirred: false,
        }
    }

    /// A partition is to be read. One that is read already stays as it is.
    pub(crate) fn handle_assigned(
        &mut self,
        topic: &Arc<str>,
        partition: i32,
        turn: Turn,
        start: Start,
    ) {
        let slot = turn.slot;
        if self.tracks.len() <= slot {
            self.tracks.resize_with(slot + 1, || None);
        }
        let Some(place) = self.tracks.get_mut(slot).filter(|place| place.is_none()) else { return };
        let backoff = self.backoff.clone();
        let mut track = Track::new(Arc::clone(topic), partition, turn, start, backoff);
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
                    track.gaps = 0;
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
                }
            }
            Order::Stop(turn) => {
                if let Some(track) = self.current(turn) {
                    track.place = Place::Done;
                }
            }
        }
    }

    /// The cluster has changed, and with it perhaps the leaders; or there is room for more.
    pub(crate) fn handle_change(&mut self) {
        self.is_stirred = true;
    }

    /// Offsets were looked up, in the order in which they were wanted.
    pub(crate) fn handle_offsets(
        &mut self,
        moment: Moment,
        lookup: Lookup,
        found: Result<Vec<Option<i64>>, Error>,
    ) {
        self.is_stirred = true;
        match found {
            Ok(found) => {
                for (turn, offset) in lookup.turns.into_iter().zip(found) {
                    self.handle_offset(turn, lookup.aim, offset);
                }
            }
            Err(error) => {
                for turn in lookup.turns {
                    self.handle_lookup_failed(moment, turn, lookup.aim, &error);
                }
            }
        }
    }

    /// A fetch has its answer, or will have none.
    pub(crate) fn handle_answer(
        &mut self,
        moment: Moment,
        id: u64,
        answer: Result<(i16, FetchResponse), Error>,
    ) {
        let Some(Flight { broker, plan }) = self.flights.remove(&id) else { return };
        self.busy.remove(&broker);
        self.is_stirred = true;
        for asked in plan.asked().iter() {
            if let Some(track) = self.current(asked.turn) {
                track.is_asked = false;
            }
        }
        match answer {
            Ok((version, response)) if response.error_code.is_ok() => {
                self.handle_response(moment, (version, &plan), response);
            }
            Ok((_, response)) => {
                let error = Error::broker(ApiKey::FETCH, response.error_code, About::Nothing);
                self.handle_failed(moment, &plan, &error);
            }
            Err(error) => self.handle_failed(moment, &plan, &error),
        }
    }

    /// What the user is to get, in order.
    pub(crate) fn take_entries(&mut self) -> Vec<Entry> {
        mem::take(&mut self.entries)
    }

    /// The next thing to do, if there is one now. `room` is how many bytes may still be buffered.
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
        if self.actions.is_empty() && mem::take(&mut self.is_stirred) {
            let lookups = lookup::plan(self.tracks.iter_mut().flatten(), picture);
            self.actions.extend(lookups.map(Action::Lookup));
            if buffered < self.config.buffer_bytes_max {
                self.fetch(now, picture);
            }
            if mem::take(&mut self.wants_refresh) {
                self.actions.push_back(Action::Refresh);
            }
        }
        self.actions.pop_front()
    }

    /// When [`poll_action`](Self::poll_action) must be called again, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.retries.first().map(|(at, _)| *at)
    }
}

/// Out.
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
        }
        for (broker, asked) in by_broker {
            self.launched += 1;
            let id = self.launched;
            let plan = Plan::new(&self.config, asked);
            self.busy.insert(broker);
            self.flights.insert(id, Flight { broker, plan: plan.clone() });
            self.actions.push_back(Action::Fetch { id, broker, plan });
        }
    }

    fn wait(&mut self, slot: usize, now: Instant, wait: Duration) {
        if let Some(track) = self.track(slot)
            && track.retry_at.is_none()
        {
            track.retry_at = Some(now + wait);
            track.silent_since.get_or_insert(now);
            self.retries.insert((now + wait, slot));
        }
    }

    fn end_wait(&mut self, slot: usize) {
        if let Some(at) = self.track(slot).and_then(|track| track.retry_at.take()) {
            self.retries.remove(&(at, slot));
        }
    }
}

/// Without a leader and without news, look again after this.
const LEADERLESS_RETRY: Duration = Duration::from_millis(250);

/// Back.
impl Fetcher {
    fn handle_offset(&mut self, turn: Turn, aim: Aim, offset: Option<i64>) {
        let Some(track) = self.tracks.get_mut(turn.slot).and_then(Option::as_mut) else { return };
        match (aim, offset) {
            // An end counts for every turn of its partition.
            (Aim::End, offset) => track.end = End::At(offset.unwrap_or(0)),
            (Aim::Start, _) if track.turn != turn => return,
            (Aim::Start, Some(offset)) => {
                track.place = Place::At(offset);
                self.entries.push(Entry { turn, item: Item::At { offset } });
            }
            // No record is that young: all that come are.
            (Aim::Start, None) => track.place = Place::Unknown(Start::Latest),
        }
        track.heard();
        self.entries.extend(end_if_reached(track));
    }

    fn handle_lookup_failed(&mut self, moment: Moment, turn: Turn, aim: Aim, error: &Error) {
        let Some(track) = self.track(turn.slot) else { return };
        match aim {
            Aim::End => track.end = End::Unknown,
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

    fn handle_response(
        &mut self,
        moment: Moment,
        (version, plan): (i16, &Plan),
        response: FetchResponse,
    ) {
        // An empty answer of a broker that throttles says nothing of what is there.
        let is_telling = response.throttle_time_ms == 0
            && response.responses.iter().flat_map(|t| &t.partitions).all(is_empty);
        let mut served = BTreeSet::new();
        let mut first = None;
        let mut hint = 0;
        let endpoints = response.node_endpoints;
        for topic in response.responses {
            for data in topic.partitions {
                let index = data.partition_index;
                let Some(one) = plan.find(&mut hint, &topic.topic, topic.topic_id, index) else {
                    continue;
                };
                if self.current(one.turn).is_none() {
                    continue;
                }
                self.pass_leader_on(one, &data, &endpoints);
                if !data.error_code.is_ok() {
                    self.handle_code(moment, one, &data);
                    continue;
                }
                match self.handle_records((version, is_telling), one, data) {
                    Yield::Some => {
                        served.insert(one.turn.slot);
                    }
                    Yield::Cut => first = Some(one.turn.slot),
                    Yield::None => {}
                }
            }
        }
        self.turn_order(&served, first);
    }

    fn pass_leader_on(&mut self, one: &Asked, data: &PartitionData, endpoints: &[NodeEndpoint]) {
        let named = &data.current_leader;
        if named.leader_id < 0 {
            return;
        }
        let endpoint = endpoints.iter().find(|endpoint| endpoint.node_id == named.leader_id);
        self.actions.push_back(Action::Heard {
            topic: Arc::clone(&one.topic),
            partition: one.partition,
            leader: Leader { broker: named.leader_id, epoch: named.leader_epoch },
            endpoint: endpoint
                .and_then(|e| Some((e.host.to_string(), u16::try_from(e.port).ok()?))),
        });
    }

    /// Lets who got something stand behind the others, and who needs the whole answer before them.
    fn turn_order(&mut self, served: &BTreeSet<usize>, first: Option<usize>) {
        if !served.is_empty() {
            self.order.retain(|slot| !served.contains(slot));
            self.order.extend(served);
        }
        if let Some(first) = first {
            self.order.retain(|slot| *slot != first);
            self.order.push_front(first);
        }
    }

    /// Takes the batches of one partition in.
    fn handle_records(
        &mut self,
        (version, is_telling): (i16, bool),
        asked: &Asked,
        data: PartitionData,
    ) -> Yield {
        let is_committed = self.config.isolation == Isolation::ReadCommitted;
        let Some(track) = self.tracks.get_mut(asked.turn.slot).and_then(Option::as_mut) else {
            return Yield::None;
        };
        track.heard();
        let readable = if is_committed { data.last_stable_offset } else { data.high_watermark };
        let aborted = if is_committed { data.aborted_transactions } else { None };
        let records = data.records.map(|records| records.0).unwrap_or_default();
        let has_bytes = !records.is_empty();
        let aborted = Aborted::new(aborted.unwrap_or_default());
        let mut reading = Reading::new(track, aborted, data.high_watermark);
        let problem = reading.read(asked.offset, records, &mut self.entries);
        let has_moved = track.place != Place::At(asked.offset);
        if let Some(error) = problem {
            self.fail(asked.turn, error);
            return Yield::None;
        }
        if has_moved {
            track.bytes_max = None;
            track.gaps = 0;
            return Yield::Some;
        }
        if has_bytes {
            return self.handle_cut(version, asked);
        }
        // Compaction may leave nothing between a position and the end: after two answers that
        // were all empty there is nothing to wait for.
        if is_telling && asked.offset < readable.min(track.end_offset()) && track.end != End::Never
        {
            track.gaps += 1;
            if track.gaps >= GAPS_MAX {
                let offset = readable.min(track.end_offset());
                track.place = Place::At(offset);
                self.entries
                    .push(Entry { turn: track.turn, item: Item::Skip { next_offset: offset } });
                self.entries.extend(end_if_reached(track));
            }
        }
        Yield::None
    }

    /// Not even one batch came whole.
    fn handle_cut(&mut self, version: i16, asked: &Asked) -> Yield {
        if version >= WHOLE_BATCH_SINCE {
            return Yield::Cut;
        }
        let limit = asked
            .bytes_max
            .unwrap_or_else(|| i32::try_from(self.config.partition_bytes_max).unwrap_or(i32::MAX));
        let most = i32::try_from(self.config.batch_bytes_max).unwrap_or(i32::MAX);
        if limit >= most {
            let error = Error::TooLarge {
                bytes: usize::try_from(limit).unwrap_or_default() + 1,
                bytes_max: self.config.batch_bytes_max,
                setting: "batch_bytes_max",
            };
            self.fail(asked.turn, error);
            return Yield::None;
        }
        if let Some(track) = self.current(asked.turn) {
            track.bytes_max = Some(limit.saturating_mul(2).min(most));
        }
        Yield::Cut
    }

    /// A broker refuses a partition.
    fn handle_code(&mut self, moment: Moment, asked: &Asked, data: &PartitionData) {
        let code = data.error_code;
        let about = About::partition(&asked.topic, asked.partition);
        let error = Error::broker(ApiKey::FETCH, code, about.clone());
        match remedy(ApiKey::FETCH, code) {
            Remedy::Retry | Remedy::Session => self.retry(moment, asked.turn, &error),
            Remedy::Refresh => {
                self.wants_refresh = true;
                self.retry(moment, asked.turn, &error);
            }
            Remedy::Reset => self.reset(asked),
            _ => self.fail(asked.turn, error),
        }
    }

    /// The position is not within the log.
    fn reset(&mut self, asked: &Asked) {
        let start = match self.config.offset_reset {
            OffsetReset::Earliest => Start::Earliest,
            OffsetReset::Latest => Start::Latest,
            OffsetReset::Error => {
                let error = Error::Broker {
                    api: ApiKey::FETCH,
                    code: ErrorCode::OFFSET_OUT_OF_RANGE,
                    about: About::partition(&asked.topic, asked.partition),
                    message: Some(
                        format!(
                            "offset {} was asked for; seek, or set offset_reset \
                             (auto.offset.reset)",
                            asked.offset
                        )
                        .into(),
                    ),
                };
                return self.fail(asked.turn, error);
            }
        };
        let (topic, partition, offset) = (&asked.topic, asked.partition, asked.offset);
        tracing::warn!(%topic, partition, offset, ?start, "offset out of range: reset");
        if let Some(track) = self.current(asked.turn) {
            track.place = Place::Unknown(start);
        }
    }

    /// The fetch has failed as a whole.
    fn handle_failed(&mut self, moment: Moment, plan: &Plan, error: &Error) {
        let is_passing = match error {
            Error::Broker { api, code, .. } => {
                matches!(remedy(*api, *code), Remedy::Retry | Remedy::Refresh | Remedy::Session)
            }
            other => other.is_retriable(),
        };
        self.wants_refresh = true;
        for asked in plan.asked().iter() {
            if self.current(asked.turn).is_none() {
                continue;
            }
            if is_passing {
                self.retry(moment, asked.turn, error);
            } else {
                self.fail(asked.turn, error.clone());
            }
        }
    }

    /// Tries again after a while; says so when that has not helped for long.
    fn retry(&mut self, moment: Moment, turn: Turn, error: &Error) {
        let Some(track) = self.track(turn.slot) else { return };
        let wait = track.backoff.next(moment.chance);
        self.tell_outage(turn.slot, moment.now, |_| error.clone());
        self.wait(turn.slot, moment.now, wait);
    }

    /// Says that a partition has been out of reach for long, if it has.
    fn tell_outage(&mut self, slot: usize, now: Instant, error: impl Fn(&Track) -> Error) {
        let outage_max = self.config.outage_max;
        let Some(track) = self.tracks.get_mut(slot).and_then(Option::as_mut) else { return };
        let since = *track.silent_since.get_or_insert(now);
        if now.duration_since(since) >= outage_max {
            track.silent_since = Some(now);
            self.entries.push(Entry { turn: track.turn, item: Item::News(error(track)) });
        }
    }

    /// The partition stands still until a seek.
    fn fail(&mut self, turn: Turn, error: Error) {
        if let Some(track) = self.tracks.get_mut(turn.slot).and_then(Option::as_mut) {
            track.place = Place::Done;
            self.entries.push(Entry { turn: track.turn, item: Item::Failed(error) });
        }
    }

    fn track(&mut self, slot: usize) -> Option<&mut Track> {
        self.tracks.get_mut(slot)?.as_mut()
    }

    fn current(&mut self, turn: Turn) -> Option<&mut Track> {
        self.track(turn.slot).filter(|track| track.turn == turn)
    }
}

/// Answers without anything between a position and the end, until the end counts as reached.
const GAPS_MAX: u8 = 2;

/// What an answer had of a partition.
enum Yield {
    /// At least a batch.
    Some,
    /// The beginning of one.
    Cut,
    None,
}

fn no_leader(picture: &Picture, track: &Track, after: Duration) -> Error {
    let topic = Box::from(&*track.topic);
    let is_known = picture.topic(&track.topic).is_some_and(|topic| topic.error.is_ok());
    if is_known {
        Error::TimedOut { what: Waiting::Metadata { topic }, after, maybe_written: false }
    } else {
        Error::UnknownTopic { topic, partition: None }
    }
}

#[cfg(test)]
mod tests;
