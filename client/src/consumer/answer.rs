//! Core: the fetcher's fourth part: answers to batches, positions, retries or failures.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use kurier_protocol::api::fetch::{EpochEndOffset, FetchResponse, NodeEndpoint, PartitionData};
use kurier_protocol::{ApiKey, ErrorCode};

use super::aborted::Aborted;
use super::config::Start;
use super::fetcher::{Action, Fetcher, Moment};
use super::lane::Lane;
use super::plan::{Asked, WHOLE_BATCH_SINCE, standing_still};
use super::position::{End, Gap, Place, Track};
use super::reading::{Reading, end_if_reached, is_empty};
use super::seat::{Flight, Seat};
use super::turn::Turn;
use crate::error::{About, Error, Oversized, Remedy, Standstill, remedy};
use crate::metadata::{Hint, Leader};
use crate::metrics::Extent;
use crate::net::Address;
use crate::offsets::Isolation;

/// What came.
impl Fetcher {
    /// A fetch has its answer, or will have none.
    pub(crate) fn handle_answer(
        &mut self,
        moment: Moment,
        id: u64,
        answer: Result<(i16, FetchResponse), Error>,
    ) {
        let Some(flight) = self.flights.remove(&id) else { return };
        let Some(mut seat) = self.seats.remove(&flight.lane) else { return };
        self.is_stirred = true;
        seat.flight = None;
        if flight.lane.is_aside
            && let Some(main) = self.seats.get_mut(&Lane::main(flight.lane.broker))
        {
            main.expects_until = None;
        }
        match answer {
            Ok((version, response)) if response.error_code.is_ok() => {
                seat.session.handle_answer(version, response.session_id);
                self.handle_response(moment, (version, &flight), (&mut seat, response));
            }
            Ok((_, response)) => {
                let code = response.error_code;
                let is_over = seat.session.handle_refused(code)
                    && remedy(ApiKey::FETCH, code) == Remedy::Session;
                if is_over {
                    let broker = flight.lane.broker;
                    tracing::debug!(broker, %code, "a fetch session begins anew");
                } else {
                    let error = Error::broker(ApiKey::FETCH, code, About::Nothing);
                    self.handle_failed(moment, (&flight, &seat), &error);
                }
            }
            // The broker is of another release than it was: what it has, a full request tells.
            Err(Error::Unsupported { .. }) if seat.session.handle_lost() => {}
            Err(error) => {
                seat.session.handle_lost();
                self.shun(flight.lane, moment.now);
                self.handle_failed(moment, (&flight, &seat), &error);
            }
        }
        for slot in mem::take(&mut seat.pending) {
            // Whoever was turned elsewhere meanwhile, and asked for there.
            let is_here = |track: &Track| track.home == Some(flight.lane);
            if !self.tracks.get(slot).and_then(Option::as_ref).is_some_and(is_here) {
                seat.session.forget(slot);
                seat.lacking.remove(&slot);
            }
            self.dirty.insert(slot);
        }
        self.seats.insert(flight.lane, seat);
    }
}

/// Of a fetch.
impl Fetcher {
    fn handle_response(
        &mut self,
        moment: Moment,
        (version, flight): (i16, &Flight),
        (seat, response): (&mut Seat, FetchResponse),
    ) {
        let kind = self.kind_of(flight, moment, &response);
        let (mut served, mut seen, mut cut) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        let mut has_strangers = false;
        let endpoints = response.node_endpoints;
        for topic in response.responses {
            for data in topic.partitions {
                let index = data.partition_index;
                let found = seat.session.find(&topic.topic, topic.topic_id, index);
                let Some(one) = found else {
                    has_strangers = true;
                    continue;
                };
                let slot = one.turn.slot;
                // An answer that names a partition twice is believed once.
                if !seen.insert(slot) || self.current(one.turn).is_none() {
                    continue;
                }
                let is_followers =
                    self.tracks.get(slot).and_then(Option::as_ref).is_some_and(|track| {
                        track.nearer.is_some_and(|near| near.broker == flight.lane.broker)
                    });
                if !data.error_code.is_ok() {
                    match is_followers {
                        true => self.leave_follower(moment, one, &refusal(one, &data)),
                        false => self.handle_code(moment, one, (&data, &endpoints)),
                    }
                    continue;
                }
                let sent_to = sent_to(&data, flight.lane.broker);
                if let Some(broker) = sent_to
                    && is_empty(&data)
                {
                    let (from, after) = (flight.lane.broker, self.config.outage_max);
                    let error = standing_still(one, from, Standstill::Elsewhere, after);
                    match is_followers {
                        // It is for the leader to say who is nearest.
                        true => self.leave_follower(moment, one, &error),
                        false => self.send_nearer(moment, one, (broker, &error)),
                    }
                    continue;
                }
                if data.diverging_epoch.epoch >= 0 {
                    let EpochEndOffset { epoch, end_offset } = data.diverging_epoch;
                    // Beyond the position both agree as far as was read.
                    let until = end_offset.min(one.offset);
                    match (epoch, until) < (one.epoch, one.offset) || until < one.offset {
                        _ if is_followers => {
                            self.leave_follower(moment, one, &refusal(one, &data));
                        }
                        true if until < 0 => self.handle_divergence(one.turn, None),
                        true => self.handle_divergence(one.turn, Some((until, epoch))),
                        false => self.stall(moment, flight, one, (Standstill::Absent, kind)),
                    }
                    continue;
                }
                match self.handle_records((version, kind, flight.lane.broker), one, data) {
                    Yield::Some => {
                        served.insert(slot);
                    }
                    Yield::Cut => cut.push(one.clone()),
                    Yield::Nothing => self.stall(moment, flight, one, (Standstill::Empty, kind)),
                    Yield::None => {}
                }
                if let Some(broker) = sent_to.filter(|_| !is_followers) {
                    self.go_nearer(slot, moment.now, broker);
                }
                match self.tracks.get(slot) {
                    Some(Some(track)) if track.lacks_some() => seat.lacking.insert(slot),
                    _ => seat.lacking.remove(&slot),
                };
            }
        }
        self.rank(&served, cut.last().map(|one| one.turn.slot));
        for one in cut {
            // Whoever stands first gets a whole batch (KIP-74), so asking again at once is in vain.
            let is_first = flight.plan.asked().first().is_some_and(|first| first.turn == one.turn);
            if version >= WHOLE_BATCH_SINCE && (is_first || served.is_empty()) {
                self.stall(moment, flight, &one, (Standstill::Cut, kind));
            }
        }
        self.handle_absent((moment, kind), flight, (&mut *seat, &seen));
        if has_strangers && seat.session.handle_lost() {
            // The broker knows other wishes than these, and perhaps lacks some: it is told all.
            tracing::debug!(
                broker = flight.lane.broker,
                "an answer has partitions that nobody wants"
            );
        }
        if kind == Kind::Hasty || has_strangers {
            // As the broker has not waited for records, or does not wait for those wanted.
            seat.hold(moment.now, self.backoff.clone().next(moment.chance));
        }
    }

    /// An answer says nothing of some partitions: in a session, that there is nothing new.
    fn handle_absent(
        &mut self,
        (moment, kind): (Moment, Kind),
        flight: &Flight,
        (seat, seen): (&mut Seat, &BTreeSet<usize>),
    ) {
        if flight.plan.is_full() {
            let silent_since = seat.heed.begin(moment.now, seen);
            for one in flight.plan.asked().iter().filter(|one| !seen.contains(&one.turn.slot)) {
                if let Some(since) = silent_since(one.turn.slot)
                    && self.current(one.turn).is_some()
                {
                    self.note_silence(one.turn.slot, since);
                }
                // An answer that names only news would not tell that it is there again.
                seat.session.handle_lost();
                self.stall(moment, flight, one, (Standstill::Absent, kind));
            }
            return;
        }
        let wanted = seat.session.wanted().map(|one| one.turn.slot);
        let heard = (seen, flight.plan.fresh());
        let age_max = self.config.outage_max / 2;
        if seat.heed.go_on((moment.now, age_max), heard, wanted) {
            // The broker may have forgotten some: it is told all, and has to say something of each.
            tracing::debug!(broker = flight.lane.broker, "partitions are never named");
            seat.session.handle_lost();
            return;
        }
        // To be looked at: who was out of reach before, and who should have got something, where
        // others have not got it all.
        let silent: Vec<usize> = match kind {
            Kind::Full => self.silent.iter().copied().collect(),
            Kind::Empty | Kind::Hasty => self.silent.union(&seat.lacking).copied().collect(),
        };
        for slot in silent.into_iter().filter(|slot| !seen.contains(slot)) {
            let Some(one) = seat.session.of(slot) else { continue };
            if let Yield::Nothing = self.handle_nothing(kind, one) {
                self.stall(moment, flight, one, (Standstill::Empty, kind));
            }
        }
    }

    /// What an answer says as a whole.
    fn kind_of(&self, flight: &Flight, moment: Moment, response: &FetchResponse) -> Kind {
        let mut partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        let wait_max = flight.plan.wait_max();
        let took = moment.now.duration_since(flight.launched_at);
        // An empty answer of a broker that throttles says nothing of what is there.
        if response.throttle_time_ms != 0 || !partitions.clone().all(is_empty) {
            Kind::Full
        } else if self.config.fetch_bytes_min > 0
            && took < wait_max / 2
            && partitions.all(|data| says_nothing(data, flight.lane.broker))
        {
            Kind::Hasty
        } else {
            Kind::Empty
        }
    }

    /// An answer brings a partition no further, although it should: says so when that has gone on
    /// for long, and asks no faster than a broker should answer.
    fn stall(
        &mut self,
        moment: Moment,
        flight: &Flight,
        asked: &Asked,
        (standstill, kind): (Standstill, Kind),
    ) {
        if self.current(asked.turn).is_none() {
            return;
        }
        let error = standing_still(asked, flight.lane.broker, standstill, self.config.outage_max);
        if standstill == Standstill::Empty && kind != Kind::Hasty {
            return self.tell_outage(asked.turn.slot, moment.now, |_| error.clone());
        }
        self.retry(moment, asked.turn, &error);
    }

    /// Lets who got something stand behind the others, and who needs the whole answer before them.
    fn rank(&mut self, served: &BTreeSet<usize>, first: Option<usize>) {
        for slot in served {
            let rank = self.last_rank();
            if let Some(track) = self.track(*slot) {
                track.rank = rank;
            }
        }
        let rank = first.map(|_| self.first_rank());
        if let (Some(rank), Some(track)) = (rank, first.and_then(|slot| self.track(slot))) {
            track.rank = rank;
        }
    }

    /// Takes the batches of one partition in.
    fn handle_records(
        &mut self,
        (version, kind, broker): (i16, Kind, i32),
        asked: &Asked,
        data: PartitionData,
    ) -> Yield {
        let is_committed = self.config.isolation == Isolation::ReadCommitted;
        let Some(track) = self.tracks.get_mut(asked.turn.slot).and_then(Option::as_mut) else {
            return Yield::None;
        };
        if track.place != Place::At(asked.offset) {
            // Whatever has moved it meanwhile: its next fetch goes on from there.
            return Yield::None;
        }
        let end = track.end_offset();
        if mem::take(&mut track.is_unchecked) && asked.offset > end {
            // The log does hold it: it has grown since its end was looked up.
            track.heard();
            self.entries.extend(end_if_reached(track));
            return Yield::None;
        }
        let readable = if is_committed { data.last_stable_offset } else { data.high_watermark };
        track.readable = readable;
        self.extents.push(Extent {
            slot: asked.turn.slot,
            offset: asked.offset,
            start: data.log_start_offset,
            end: readable,
            replica: track.home.filter(|_| track.nearer.is_some()).map(|home| home.broker),
        });
        let aborted = if is_committed { data.aborted_transactions } else { None };
        let records = data.records.map(|records| records.0).unwrap_or_default();
        let first_bytes = claimed_bytes(&records);
        let aborted = Aborted::new(aborted.unwrap_or_default());
        let reading = Reading::new(track, aborted, data.high_watermark);
        let mut reading = reading.with(self.config.corrupt).of(broker);
        let problem = reading.read(asked.offset, records, &mut self.entries);
        let has_moved = track.place != Place::At(asked.offset);
        if let Some(error) = problem {
            self.fail(asked.turn, error);
            return Yield::None;
        }
        if has_moved {
            track.heard();
            track.bytes_max = None;
            track.gap = Gap::None;
            return Yield::Some;
        }
        if let Some(bytes) = first_bytes {
            return self.handle_cut(version, asked, bytes);
        }
        self.handle_nothing(kind, asked)
    }

    /// An answer has nothing of a partition.
    fn handle_nothing(&mut self, kind: Kind, asked: &Asked) -> Yield {
        let Some(track) = self.current(asked.turn) else { return Yield::None };
        if track.place != Place::At(asked.offset) {
            return Yield::None;
        }
        let until = track.readable.min(track.end_offset());
        if kind == Kind::Full || !track.lacks_some() {
            track.heard();
            return Yield::None;
        }
        let is_new =
            asked.offset < until && track.end != End::Never && track.gap.handle_empty(until);
        if is_new {
            // What is found out about it comes first.
            return Yield::None;
        }
        Yield::Nothing
    }

    /// Not even one batch came whole.
    fn handle_cut(&mut self, version: i16, asked: &Asked, bytes: usize) -> Yield {
        if version >= WHOLE_BATCH_SINCE {
            return Yield::Cut;
        }
        let limit = asked
            .bytes_max
            .unwrap_or_else(|| i32::try_from(self.config.partition_bytes_max).unwrap_or(i32::MAX));
        let most = i32::try_from(self.config.batch_bytes_max).unwrap_or(i32::MAX);
        if limit >= most {
            let topic = (&*asked.topic).into();
            let (partition, offset) = (asked.partition, asked.offset);
            let error = Error::TooLarge {
                what: Oversized::Batch { topic, partition, offset },
                bytes,
                bytes_max: self.config.batch_bytes_max,
                setting: "the consumer's batch_bytes_max",
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
    fn handle_code(
        &mut self,
        moment: Moment,
        asked: &Asked,
        (data, endpoints): (&PartitionData, &[NodeEndpoint]),
    ) {
        let code = data.error_code;
        let about = About::partition(&asked.topic, asked.partition);
        let error = Error::broker(ApiKey::FETCH, code, about.clone());
        match remedy(ApiKey::FETCH, code) {
            Remedy::Retry | Remedy::Session => self.retry(moment, asked.turn, &error),
            Remedy::Refresh => match named(asked, data, endpoints) {
                Some(hint) => self.follow(moment, asked.turn, (hint, &error)),
                None => {
                    self.wants_refresh = true;
                    self.retry_at_news(moment, asked.turn, &error);
                }
            },
            Remedy::Reset => self.reset(moment, asked),
            _ => self.fail(asked.turn, error),
        }
    }

    /// A follower refuses a partition: whatever it says of it, the leader decides.
    fn leave_follower(&mut self, moment: Moment, asked: &Asked, error: &Error) {
        self.flee(asked.turn.slot, moment.now);
        self.wants_refresh = true;
        self.retry(moment, asked.turn, error);
    }

    /// A leader sends to a follower instead of giving records: not at once, if it was not asked for
    /// one because the last one was of no use.
    fn send_nearer(&mut self, moment: Moment, asked: &Asked, (broker, error): (i32, &Error)) {
        let slot = asked.turn.slot;
        let shuns_until = self.track(slot).and_then(|track| track.shuns_until);
        if shuns_until.is_some_and(|until| moment.now < until) {
            self.retry(moment, asked.turn, error);
        }
        self.go_nearer(slot, moment.now, broker);
    }

    /// Asks the leader that a broker has named as soon as it is known.
    fn follow(&mut self, moment: Moment, turn: Turn, (hint, error): (Hint, &Error)) {
        self.actions.push_back(Action::Heard(hint));
        self.retry_at_news(moment, turn, error);
    }

    /// Tries again after a while, or as soon as there is news of the cluster.
    fn retry_at_news(&mut self, moment: Moment, turn: Turn, error: &Error) {
        // A broker that is wrong again and again is not followed at once.
        let is_first = self.track(turn.slot).is_some_and(|track| track.backoff.is_fresh());
        self.retry(moment, turn, error);
        if is_first {
            self.heed_news(turn.slot);
        }
    }

    /// The position is not within the log. Where the log has lost its first records since they were
    /// found, it is read from its begin nevertheless, as it was to be.
    fn reset(&mut self, moment: Moment, asked: &Asked) {
        let log_start = self.track(asked.turn.slot).and_then(|track| track.log_start);
        let is_log_start = log_start == Some(asked.offset);
        let policy = self.config.offset_reset.start();
        let Some(start) = is_log_start.then_some(Start::Earliest).or(policy) else {
            let error = Error::Broker {
                api: ApiKey::FETCH,
                code: ErrorCode::OFFSET_OUT_OF_RANGE,
                about: About::partition(&asked.topic, asked.partition),
                message: Some(format!("offset {} was asked for", asked.offset).into()),
                principal: None,
            };
            return self.fail(asked.turn, error);
        };
        let (topic, partition, offset) = (&asked.topic, asked.partition, asked.offset);
        tracing::warn!(%topic, partition, offset, ?start, "offset out of range: reset");
        if let Some(track) = self.current(asked.turn) {
            track.reset(start);
        }
        // After a pause: the offset that is found may be out of range again.
        let (code, about) = (ErrorCode::OFFSET_OUT_OF_RANGE, About::partition(topic, partition));
        self.retry(moment, asked.turn, &Error::broker(ApiKey::FETCH, code, about));
    }

    /// The fetch has failed as a whole.
    fn handle_failed(&mut self, moment: Moment, (flight, seat): (&Flight, &Seat), error: &Error) {
        let is_passing = match error {
            Error::Broker { api, code, .. } => {
                matches!(remedy(*api, *code), Remedy::Retry | Remedy::Refresh | Remedy::Session)
            }
            other => other.is_retriable(),
        };
        self.wants_refresh = true;
        for asked in seat.session.wanted() {
            if self.current(asked.turn).is_none() {
                continue;
            }
            self.note_silence(asked.turn.slot, flight.launched_at);
            let is_followers = self.flee(asked.turn.slot, moment.now);
            if is_passing || is_followers {
                self.retry(moment, asked.turn, error);
            } else {
                self.fail(asked.turn, error.clone());
            }
        }
    }
}

/// Whether a part of an answer neither refuses nor sends elsewhere, so that the broker could have
/// waited with it.
fn says_nothing(data: &PartitionData, broker: i32) -> bool {
    data.error_code.is_ok() && sent_to(data, broker).is_none() && data.diverging_epoch.epoch < 0
}

/// Who is nearer than the broker that has answered. One that names itself says nothing.
fn sent_to(data: &PartitionData, broker: i32) -> Option<i32> {
    Some(data.preferred_read_replica).filter(|nearer| *nearer >= 0 && *nearer != broker)
}

/// What a part of an answer that has no records says.
fn refusal(asked: &Asked, data: &PartitionData) -> Error {
    let about = About::partition(&asked.topic, asked.partition);
    Error::broker(ApiKey::FETCH, data.error_code, about)
}

/// How large the first batch says that it is; none if there is nothing of it.
fn claimed_bytes(records: &[u8]) -> Option<usize> {
    let length = records.get(8..).and_then(|behind| behind.first_chunk::<4>());
    let claimed = length.map_or(0, |length| i32::from_be_bytes(*length));
    let claimed = usize::try_from(claimed).unwrap_or_default().saturating_add(LENGTH_END);
    (!records.is_empty()).then(|| claimed.max(records.len()))
}

/// Where the length of a batch ends, which counts what is behind it.
const LENGTH_END: usize = 12;

/// The leader that an answer names (KIP-951).
fn named(asked: &Asked, data: &PartitionData, endpoints: &[NodeEndpoint]) -> Option<Hint> {
    let named = &data.current_leader;
    let is_there = |endpoint: &&NodeEndpoint| endpoint.node_id == named.leader_id;
    let address = endpoints.iter().find(is_there).and_then(|endpoint| {
        let port = u16::try_from(endpoint.port).ok()?;
        Some(Address::new(&*endpoint.host, port))
    });
    (named.leader_id >= 0).then(|| Hint {
        topic: Arc::clone(&asked.topic),
        topic_id: asked.topic_id,
        partition: asked.partition,
        leader: Leader { broker: named.leader_id, epoch: named.leader_epoch },
        address,
    })
}

/// What an answer had of a partition.
enum Yield {
    /// At least a batch.
    Some,
    /// The beginning of one.
    Cut,
    /// Nothing, although the log goes on.
    Nothing,
    /// Nothing, and that is all right.
    None,
}

/// What an answer is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It has records, or the broker throttles.
    Full,
    /// It has nothing, after the broker has waited for something.
    Empty,
    /// It has nothing, and the broker has not waited.
    Hasty,
}
