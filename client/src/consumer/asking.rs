//! Core: the fetcher's second part: what follows from positions and leaders: lookups, and fetches
//! by broker.
//!
//! A partition is in the session of one broker at a time, its *home*, and moves only while no
//! answer of that broker is awaited. Where it moves to a broker that waits for records of others,
//! it is fetched beside them (`Lane`) until that wait is over. What a round costs depends on what
//! has changed since the last one, and on the number of brokers. All partitions are looked at only
//! where something concerns them all: at a new picture of the cluster, at the begin of a session
//! (with brokers that have none, each time), and when a fetch fails or stays without an answer for
//! long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{iter, mem};

use kurier_protocol::Uuid;

use super::fetcher::{Action, Fetcher};
use super::lane::Lane;
use super::lookup;
use super::plan::{Asked, Plan, standing_still};
use super::position::{Place, Track};
use super::question::Check;
use super::seat::{Flight, Seat};
use crate::error::{Error, Standstill, Waiting};
use crate::metadata::{Leader, Picture};

/// What is to be done.
impl Fetcher {
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
        while let Some(&(at, slot)) = self.expiries.first()
            && at <= now
        {
            self.come_home(slot);
            self.is_stirred = true;
        }
        self.tell_silence(now);
        for seat in self.seats.values_mut() {
            self.is_stirred |= seat.hold_until.take_if(|until| *until <= now).is_some();
            self.is_stirred |= seat.expects_until.take_if(|until| *until <= now).is_some();
        }
        if self.actions.is_empty() && mem::take(&mut self.is_stirred) {
            self.settle(now, picture);
            if mem::take(&mut self.is_stirred) {
                // What was decided on the way has its own consequences.
                self.settle(now, picture);
            }
            // Each reader has room of its own, whatever waits for others.
            self.is_held = self.portion.is_none() && buffered >= self.room();
            if !self.is_held {
                self.launch(now);
            }
            if self.is_anyone_left {
                self.leave(picture);
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

    /// Below so many bytes that wait to be taken, every broker may be asked for more: what may be
    /// on its way of all brokers is kept free for it.
    pub(crate) fn room(&self) -> usize {
        let budget = self.config.buffer_bytes_max;
        let under_way = self.seated().saturating_mul(self.share());
        budget.saturating_sub(under_way).max(budget / 2).max(1)
    }

    /// Bytes that an answer of one broker may have. Each has its share of half the budget, whether
    /// others answer or not: so none waits for another.
    fn share(&self) -> usize {
        let share = self.config.buffer_bytes_max / 2 / self.seated();
        self.config.fetch_bytes_max.min(share.max(SHARE_LEAST))
    }

    /// How many brokers are read from; 1 if there is none.
    fn seated(&self) -> usize {
        self.seats.values().filter(|seat| !seat.session.is_empty()).count().max(1)
    }

    /// When [`poll_action`](Self::poll_action) must be called again, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let alarms = self.flights.values().map(|flight| flight.alarm_at);
        let until = |seat: &Seat| [seat.hold_until, seat.expects_until];
        let holds = self.seats.values().flat_map(until).flatten();
        let retry = self.retries.first().map(|(at, _)| *at);
        let expiry = self.expiries.first().map(|(at, _)| *at);
        retry.into_iter().chain(expiry).chain(alarms).chain(holds).min()
    }

    /// The requests that end all sessions, each with its broker: nothing is read any more.
    pub(crate) fn close(&mut self) -> Vec<(i32, Plan)> {
        let config = &self.config;
        let close =
            |(lane, seat): (&Lane, &mut Seat)| Some((lane.broker, seat.session.close(config)?));
        self.seats.iter_mut().filter_map(close).collect()
    }
}

/// From positions to fetches.
impl Fetcher {
    /// Plans the lookups that are due, and gives each partition that has changed to the broker that
    /// serves it.
    fn settle(&mut self, now: Instant, picture: &Picture) {
        let dirty = mem::take(&mut self.dirty);
        let mut changed = Vec::new();
        let mut tracks = self.tracks.iter_mut();
        let mut at = 0;
        for slot in &dirty {
            changed.extend(tracks.nth(slot - at).and_then(Option::as_mut));
            at = slot + 1;
        }
        let lookups = lookup::plan(changed.into_iter(), picture);
        self.actions.extend(lookups.map(Action::Lookup));
        let mut checks: BTreeMap<i32, Vec<Check>> = BTreeMap::new();
        for slot in dirty {
            if let Some(check) = self.seat(slot, now, picture) {
                checks.entry(check.leader.broker).or_default().push(check);
            }
        }
        for (broker, checks) in checks {
            let lane = self.lane_for(broker, &checks, now);
            self.actions.push_back(Action::Check { broker, lane, checks });
        }
    }

    /// The lane of a broker whose connection a question about positions opens for the fetch that
    /// follows, and which is answered at once: so none on which records are waited for, unless
    /// there is no other.
    fn lane_for(&self, broker: i32, checks: &[Check], now: Instant) -> Option<Lane> {
        let track = |check: &Check| self.tracks.get(check.turn.slot)?.as_ref();
        let has_moved = checks.iter().filter_map(track).any(|track| track.has_moved);
        if has_moved && is_alone(&self.alone, broker, now) {
            return Some(Lane::main(broker));
        }
        let aside = has_moved.then(|| Lane::aside(broker));
        let is_free = |lane: &Lane| self.seats.get(lane).is_none_or(Seat::is_idle);
        iter::once(Lane::main(broker)).chain(aside).find(is_free)
    }

    fn seat(&mut self, slot: usize, now: Instant, picture: &Picture) -> Option<Check> {
        let portion = self.portion.map(|bytes| bytes.min(self.config.partition_bytes_max));
        let track = self.tracks.get_mut(slot)?.as_mut()?;
        let mut home = track.home.and_then(|home| self.seats.get_mut(&home));
        if let Some(home) = home.as_mut().filter(|_| track.is_full) {
            home.full_since = Some(now);
        }
        if let Some(home) = home.filter(|home| home.flight.is_some()) {
            // What becomes of it depends on the answer.
            home.pending.insert(slot);
            return None;
        }
        let demand = Demand::of(track, picture);
        if let Some(leader) = demand.leader() {
            track.has_moved |= track.checked.is_some_and(|known| known.broker != leader.broker);
        }
        let to = match &demand {
            Demand::Fetch(_, to, _) => {
                let main = Lane::main(*to);
                let is_busy = self.seats.get(&main).is_some_and(|seat| seat.flight.is_some());
                let is_alone = is_alone(&self.alone, *to, now);
                let goes_aside = is_busy && track.has_moved && !is_alone;
                Some(if goes_aside { Lane::aside(*to) } else { main })
            }
            _ => None,
        };
        if let Some(left) = track.home.take_if(|home| Some(*home) != to)
            && let Some(seat) = self.seats.get_mut(&left)
        {
            seat.session.forget(slot);
            seat.lacking.remove(&slot);
        }
        match demand {
            Demand::Nothing => {}
            Demand::Leader => self.miss_leader(slot, now, picture),
            Demand::Decision(topic_id) => self.handle_recreated(slot, topic_id),
            Demand::Check(check) => {
                track.checking = Some(check.leader);
                return Some(check);
            }
            Demand::Return => {
                // Not at once: the leader may name it again.
                self.wants_refresh = true;
                self.flee(slot, now);
                self.wait(slot, now, LEADERLESS_RETRY);
            }
            Demand::Fetch(leader, broker, asked) => {
                let lane = to.unwrap_or_else(|| Lane::main(broker));
                if let Some(main) = self.seats.get_mut(&Lane::main(broker))
                    && main.flight.is_some()
                {
                    main.pending.insert(slot);
                }
                let seat = self.seats.entry(lane).or_insert_with(|| Seat::on(lane));
                if seat.flight.is_some() {
                    seat.pending.insert(slot);
                    return None;
                }
                if broker == leader.broker {
                    seat.is_near_until = seat.is_near_until.max(track.shuns_until);
                }
                track.has_moved &= lane.is_aside;
                track.home = Some(lane);
                track.checked = Some(leader);
                track.topic_id = asked.topic_id;
                seat.session.want(asked.within(portion));
            }
        }
        None
    }

    fn miss_leader(&mut self, slot: usize, now: Instant, picture: &Picture) {
        self.wants_refresh = true;
        let outage_max = self.config.outage_max;
        self.tell_outage(slot, now, |track| no_leader(picture, track, outage_max));
        self.wait(slot, now, LEADERLESS_RETRY);
        self.heed_news(slot);
    }

    /// Brokers whose usual fetch takes over what is read beside it, once that is answered; and how
    /// long it waits for that.
    fn coming(&self, now: Instant) -> BTreeMap<i32, Instant> {
        let beside = self.seats.iter().filter(|(lane, seat)| lane.is_aside && seat.has_news());
        let until = |(lane, seat): (&Lane, &Seat)| {
            let flight = self.flights.get(&seat.flight?)?;
            Some((lane.broker, flight.launched_at + ASIDE_ANSWER_MAX))
        };
        beside.filter_map(until).filter(|(_, until)| now < *until).collect()
    }

    /// Asks every broker that is free for what it serves.
    fn launch(&mut self, now: Instant) {
        let mut launched = Vec::new();
        let share = self.share();
        let wait_max = self.config.fetch_wait_max;
        let coming = self.coming(now);
        for (lane, seat) in &mut self.seats {
            if seat.is_free() && !seat.session.is_empty() {
                if let Some(until) = coming.get(&lane.broker).filter(|_| !lane.is_aside) {
                    seat.expects_until = Some(*until);
                    continue;
                }
                self.launched += 1;
                seat.flight = Some(self.launched);
                let plan = seat.session.plan(&self.config).limited_to(share);
                let is_near = seat.is_near_until.is_some_and(|until| now < until);
                let plan = if is_near { plan.without_rack() } else { plan };
                let usual = if lane.is_aside { wait_max.min(ASIDE_WAIT) } else { wait_max };
                let plan = plan.waiting(seat.wait(now, usual));
                launched.push((self.launched, *lane, plan));
            }
        }
        for (id, lane, plan) in launched {
            let alarm_at = self.alarm_at(lane, now, now);
            let flight = Flight { lane, plan: plan.clone(), launched_at: now, alarm_at };
            self.flights.insert(id, flight);
            self.actions.push_back(Action::Fetch { id, lane, plan });
        }
    }

    /// Ends the sessions of brokers that serve nothing any more that is read.
    fn leave(&mut self, picture: &Picture) {
        self.is_anyone_left = false;
        let tracks = self.tracks.iter().flatten().filter(|track| track.place != Place::Done);
        let leader = |track: &Track| picture.leader_of(&track.topic, track.partition);
        let mut serving: BTreeSet<i32> = tracks.filter_map(leader).map(|l| l.broker).collect();
        serving.extend(
            self.tracks.iter().flatten().filter_map(|track| track.home).map(|home| home.broker),
        );
        let (config, actions) = (&self.config, &mut self.actions);
        let is_awaited = &mut self.is_anyone_left;
        self.seats.retain(|lane, seat| {
            if serving.contains(&lane.broker) || !seat.session.is_empty() {
                return true;
            }
            if seat.flight.is_some() {
                *is_awaited = true;
                return true;
            }
            let plan = seat.session.close(config);
            actions.extend(plan.map(|plan| Action::Leave { broker: lane.broker, plan }));
            false
        });
    }
}

/// Silence.
impl Fetcher {
    /// When the silence of one of the partitions of a broker will have lasted for long.
    fn alarm_at(&mut self, lane: Lane, launched_at: Instant, now: Instant) -> Instant {
        let tracks = &self.tracks;
        let track = |slot: &usize| tracks.get(*slot).and_then(Option::as_ref);
        let since = |slot: &usize| track(slot).and_then(|track| track.silent_since);
        self.silent.retain(|slot| since(slot).is_some());
        let is_there = |slot: &&usize| track(slot).is_some_and(|t| t.home == Some(lane));
        let since = self.silent.iter().filter(is_there).filter_map(since).min();
        let since = since.unwrap_or(launched_at).min(launched_at);
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
            let Lane { broker, .. } = flight.lane;
            let seat = self.seats.get(&flight.lane).into_iter();
            let wanted: Vec<Asked> = seat.flat_map(|seat| seat.session.wanted()).cloned().collect();
            for asked in wanted {
                let after = self.config.outage_max;
                let silent = || standing_still(&asked, broker, Standstill::Silent, after);
                if self.current(asked.turn).is_some() {
                    self.note_silence(asked.turn.slot, flight.launched_at);
                    // The fetch may wait for a connection: what the last try came to says more.
                    let error = |track: &Track| track.trouble.clone().unwrap_or_else(silent);
                    self.tell_outage(asked.turn.slot, now, error);
                }
            }
            flight.alarm_at = self.alarm_at(flight.lane, now, now);
            self.flights.insert(id, flight);
        }
    }
}

/// What a partition needs next.
enum Demand {
    /// Nothing now.
    Nothing,
    /// A leader.
    Leader,
    /// A decision: the topic is another one than was read, with this id.
    Decision(Uuid),
    /// Its leader's word that it has the record before the position.
    Check(Check),
    /// Its leader again, as the follower that it was sent to cannot be read from.
    Return,
    /// Records of its leader, or of this broker instead.
    Fetch(Leader, i32, Asked),
}

impl Demand {
    /// The leader that is to be asked.
    fn leader(&self) -> Option<Leader> {
        match self {
            Self::Check(Check { leader, .. }) | Self::Fetch(leader, ..) => Some(*leader),
            _ => None,
        }
    }

    fn of(track: &Track, picture: &Picture) -> Self {
        let known = picture.topic(&track.topic).map_or(Uuid::ZERO, |topic| topic.id);
        let have_ids = known != Uuid::ZERO && track.topic_id != Uuid::ZERO;
        // Whether or not more is wanted: what has come of the old one is not to be given.
        let is_at_rest = track.checking.is_none() && matches!(track.place, Place::At(_));
        if have_ids && known != track.topic_id && is_at_rest {
            return Self::Decision(known);
        }
        let Some(offset) = track.wants() else { return Self::Nothing };
        let (topic, partition) = (&track.topic, track.partition);
        let Some(leader) = picture.leader_of(topic, partition) else { return Self::Leader };
        let (turn, topic) = (track.turn, Arc::clone(topic));
        if track.needs_check(leader) {
            return Self::Check(Check {
                turn,
                topic,
                partition,
                leader,
                offset,
                epoch: track.epoch,
            });
        }
        let known_as = || picture.topic(&track.topic)?.partition(partition);
        let to = match track.nearer {
            None => leader.broker,
            Some(nearer) if nearer.broker == leader.broker => leader.broker,
            Some(nearer) => {
                let is_there = picture.broker(nearer.broker).is_some();
                if !is_there || !known_as().is_some_and(|known| nearer.is_usable(known)) {
                    return Self::Return;
                }
                nearer.broker
            }
        };
        let (bytes_max, rank) = (track.bytes_max, track.rank);
        // A follower may lag, which says nothing of the log.
        let epoch = if to == leader.broker { track.epoch } else { -1 };
        let asked = Asked {
            turn,
            topic,
            topic_id: known,
            partition,
            offset,
            leader_epoch: leader.epoch,
            epoch,
            bytes_max,
            rank,
        };
        Self::Fetch(leader, to, asked)
    }
}

/// Whether nothing is fetched of a broker beside the usual.
fn is_alone(alone: &BTreeMap<i32, Instant>, broker: i32, now: Instant) -> bool {
    alone.get(&broker).is_some_and(|until| now < *until)
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

/// How long a broker waits for records of partitions that have moved to it, beside its usual fetch:
/// those that move next wait no longer.
const ASIDE_WAIT: Duration = Duration::from_millis(50);
/// The usual fetch waits for its answer no longer than this.
const ASIDE_ANSWER_MAX: Duration = Duration::from_secs(1);

/// Less than this of a broker is not worth asking for.
const SHARE_LEAST: usize = 16 << 10;

/// Between two complaints about one silence there is at least this.
const SILENCE_MIN: Duration = Duration::from_millis(10);
