//! Core: the sender's way out: batches that are ready become requests to their leaders.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurier_protocol::Uuid;
use kurier_protocol::record::{Magic, ProducerStamp};

use super::fate::Fate;
use super::identity::unsupported;
use super::request::{Assembly, Gates, Loaded, versions};
use super::sealed::{Sealed, Sealer};
use super::sender::{Action, Call, Flight, Sender};
use super::sequence::Written;
use crate::error::Error;
use crate::metadata::Picture;
use crate::metrics::Produce;

/// Out.
impl Sender {
    /// Makes requests of what is ready, as far as brokers may have more.
    pub(super) fn drain(&mut self, now: Instant, picture: &Picture) {
        let mut assemblies: BTreeMap<(i32, Magic), Assembly> = BTreeMap::new();
        for _ in 0..self.lanes.ready_count() {
            let Some(slot) = self.lanes.pop_ready() else { break };
            self.load(now, slot, picture, &mut assemblies);
        }
        for ((broker, magic), assembly) in assemblies {
            self.launch(broker, magic, assembly);
        }
    }

    /// Adds the next batch of a partition to the request for its leader.
    fn load(
        &mut self,
        now: Instant,
        slot: usize,
        picture: &Picture,
        assemblies: &mut BTreeMap<(i32, Magic), Assembly>,
    ) {
        let lane_in_flight_max = self.lane_in_flight_max;
        let Some(lane) = self.lanes.get_mut(slot) else { return };
        if lane.in_flight >= lane_in_flight_max || lane.retry_at.is_some() || !lane.has_batch() {
            return;
        }
        let (topic, index) = (lane.partition.topic.clone(), lane.partition.index);
        if let Some(error) = self.refusal() {
            return self.fail_due(now, slot, &error);
        }
        let Some(lane) = self.lanes.get_mut(slot) else { return };
        let Some(leader) = picture.leader_of(&topic, index) else {
            self.wants_refresh = true;
            lane.last_error = Some(picture.no_leader(&topic, index));
            self.lanes.back_off(slot, now + LEADERLESS_RETRY);
            return self.lanes.heed_news(slot);
        };
        let magic = lane.partition.magic();
        let broker = self.brokers.entry(leader.broker).or_default();
        let magic = broker.magic.unwrap_or(magic);
        if self.claim.is_on() && !self.may_go(now, slot, (leader.broker, magic), picture) {
            return;
        }
        let broker = self.brokers.entry(leader.broker).or_default();
        let key = (leader.broker, magic);
        if !assemblies.contains_key(&key) && broker.in_flight >= self.config.in_flight_max {
            return self.block(slot, leader.broker);
        }
        let Some(sealed) = self.next_sealed(now, slot, magic) else { return };
        let request_bytes_max = self.config.request_bytes_max;
        let is_full = |a: &Assembly| !a.fits(sealed.bytes.len(), request_bytes_max);
        if assemblies.get(&key).is_some_and(is_full)
            && let Some(assembly) = assemblies.remove(&key)
        {
            self.launch(leader.broker, magic, assembly);
            let broker = self.brokers.entry(leader.broker).or_default();
            if broker.in_flight >= self.config.in_flight_max {
                if let Some(lane) = self.lanes.get_mut(slot) {
                    lane.put_back(sealed);
                }
                return self.block(slot, leader.broker);
            }
        }
        self.note_loaded(now, slot, &sealed);
        let topic_id = picture.topic(&topic).map_or(Uuid::ZERO, |t| t.id);
        let assembly = assemblies.entry(key).or_insert_with(|| {
            self.brokers.entry(leader.broker).or_default().in_flight += 1;
            Assembly::default()
        });
        assembly.push(Loaded { slot, topic, topic_id, index, sealed });
        if let Some(lane) = self.lanes.get_mut(slot) {
            lane.in_flight += 1;
            lane.leader_epoch = leader.epoch;
            if lane.in_flight < lane_in_flight_max {
                self.lanes.queue(slot);
            }
        }
    }

    fn note_loaded(&mut self, now: Instant, slot: usize, sealed: &Sealed) {
        let Some(lane) = self.lanes.get(slot) else { return };
        let opened = lane.opened(sealed.number).unwrap_or(now);
        self.done.push(Produce::Batch {
            topic: Arc::clone(&lane.partition.topic),
            records: sealed.records(),
            sizes: sealed.sizes,
            queued: now.saturating_duration_since(opened),
        });
    }

    /// The next batch of a partition, in the format that its leader takes. Those that cannot be
    /// written in it fail where they stand.
    fn next_sealed(&mut self, now: Instant, slot: usize, magic: Magic) -> Option<Sealed> {
        loop {
            let lane = self.lanes.get_mut(slot)?;
            let mut sealed = match lane.waiting.pop_front() {
                Some(sealed) => sealed,
                None => {
                    let closed = lane.take(now)?;
                    let (number, records) = (closed.number, closed.part.len());
                    let is_numbered = closed.writer.magic().min(magic) == Magic::V2;
                    let stamp = lane.sequence.peek().filter(|_| is_numbered);
                    match self.sealer.seal(closed, stamp) {
                        Ok(sealed) => {
                            if stamp.is_some() {
                                lane.sequence.push(records);
                            }
                            self.lanes.update_expiry(slot);
                            sealed
                        }
                        Err(error) => {
                            self.lanes.update_expiry(slot);
                            self.note_failed(slot, records);
                            self.settle(slot, number, Some(&error));
                            self.report_flushes();
                            continue;
                        }
                    }
                }
            };
            match self.fit(slot, &mut sealed, magic) {
                Ok(()) => return Some(sealed),
                Err(error) => {
                    let error = sealed.reported(error);
                    self.drop_sealed(slot, sealed, Fate::Failed(error));
                    self.report_flushes();
                }
            }
        }
    }

    /// Gives a batch the format that its leader takes, and a number that still counts.
    fn fit(&mut self, slot: usize, sealed: &mut Sealed, magic: Magic) -> Result<(), Error> {
        let Some(lane) = self.lanes.get_mut(slot) else { return Ok(()) };
        if sealed.magic != magic {
            if let Some(stamp) = sealed.stamp.take_if(|_| magic < Magic::V2) {
                // In a format without numbers, what may be there already would be written again.
                lane.sequence.handle_failed(&stamp, sealed.written());
                sealed.indefinite.clone().map_or(Ok(()), Err)?;
            }
            self.sealer.convert(sealed, magic)?;
        }
        let is_numbered = |stamp: &ProducerStamp| lane.sequence.is_current(stamp);
        if magic == Magic::V2
            && sealed.written() == Written::Never
            && !sealed.stamp.as_ref().is_some_and(is_numbered)
            && let Some(stamp) = lane.sequence.peek()
        {
            let old = Sealer::renumber(sealed, stamp)?;
            lane.sequence.push(sealed.records());
            self.accumulator.pool.put_sealed(old);
        }
        Ok(())
    }

    fn launch(&mut self, broker: i32, magic: Magic, assembly: Assembly) {
        let mut versions = versions(magic, self.sealer.compression(), &assembly);
        let (mut request, batches) = assembly.finish(self.config.acks, self.config.request_timeout);
        if let Some(transaction) = &self.transaction {
            versions = transaction.versions(versions);
            request.transactional_id = Some(transaction.id());
        }
        self.launched += 1;
        let id = self.launched;
        let records = batches.iter().map(|loaded| loaded.sealed.records()).sum();
        self.done.push(Produce::Request { records });
        let gates = Gates::new(batches.len());
        self.flights.insert(id, Flight { broker, gates: Arc::clone(&gates), batches });
        self.actions.push_back(Action::Call(Call { id, broker, versions, request, gates }));
    }

    /// Lets a partition wait until its leader has answered something.
    fn block(&mut self, slot: usize, broker: i32) {
        if let Some(lane) = self.lanes.get_mut(slot) {
            lane.is_queued = true;
            self.brokers.entry(broker).or_default().blocked.push(slot);
        }
    }
}

/// Numbers.
impl Sender {
    /// Whether the next batch of a partition may go to its leader now, and under which number.
    fn may_go(
        &mut self,
        now: Instant,
        slot: usize,
        (leader, magic): (i32, Magic),
        picture: &Picture,
    ) -> bool {
        if magic < Magic::V2 {
            // The leader is older than numbers.
            if self.claim.is_required() {
                self.fail_due(now, slot, &unsupported());
                return false;
            }
            return self.lanes.get(slot).is_some_and(|lane| lane.in_flight == 0);
        }
        let Some(lane) = self.lanes.get_mut(slot) else { return false };
        if let Some(transaction) = &mut self.transaction {
            // Its numbers begin anew with its epoch alone.
            if !transaction.admit(slot, &lane.partition.topic, lane.partition.index) {
                lane.is_queued = true;
                return false;
            }
        } else {
            let topic = picture.topic(&lane.partition.topic);
            lane.sequence.handle_topic(topic.map_or(Uuid::ZERO, |topic| topic.id));
        }
        // Until it has answered once, there is one in flight anyway.
        let remembers_one = self.brokers.get(&leader).is_some_and(|it| it.remembers_one);
        let in_flight_max = if remembers_one { 1 } else { lane.sequence.in_flight_max(leader) };
        if lane.in_flight >= in_flight_max {
            return false;
        }
        if lane.sequence.is_torn() {
            self.begin_anew(slot);
        }
        let Some(lane) = self.lanes.get_mut(slot) else { return false };
        let next = lane.waiting.front();
        if next.and_then(|next| next.stamp).is_some_and(|it| lane.sequence.is_current(&it)) {
            return true;
        }
        if !lane.has_batch() || !lane.sequence.may_number() {
            return false;
        }
        let Some(worn) = lane.sequence.lacks_identity() else { return true };
        match self.claim.of(slot, worn) {
            Some(identity) => {
                let partition = (Arc::clone(&lane.partition.topic), lane.partition.index);
                let first = self.transaction.as_ref().map(|it| it.first_number(&partition));
                lane.sequence.begin(identity, first.unwrap_or(0));
                true
            }
            None => {
                lane.is_queued = true;
                false
            }
        }
    }

    /// Lets the numbers of a partition begin anew, which has nothing in flight. What may have been
    /// written under its number fails: under another one it would be written twice.
    fn begin_anew(&mut self, slot: usize) {
        let Some(lane) = self.lanes.get_mut(slot) else { return };
        lane.sequence.restart();
        let waiting = mem::take(&mut lane.waiting);
        let may_go = |sealed: &Sealed| sealed.stamp.is_none() || sealed.written() == Written::Never;
        let (waiting, lost): (VecDeque<_>, VecDeque<_>) = waiting.into_iter().partition(may_go);
        lane.waiting = waiting;
        for mut sealed in lost {
            if let Some(error) = sealed.indefinite.take() {
                self.drop_sealed(slot, sealed, Fate::Failed(error));
            }
        }
        self.report_flushes();
    }

    /// Fails what a partition would send now: there is no number for it.
    pub(super) fn fail_due(&mut self, now: Instant, slot: usize, error: &Error) {
        while let Some(lane) = self.lanes.get_mut(slot) {
            lane.is_queued = false;
            if let Some(mut sealed) = lane.waiting.pop_front() {
                let error = sealed.reported(error.clone());
                self.drop_sealed(slot, sealed, Fate::Failed(error));
                continue;
            }
            let Some(closed) = lane.take(now) else { break };
            let (number, records) = (closed.number, closed.part.len());
            closed.part.complete(Fate::Failed(error.clone()));
            self.note_failed(slot, records);
            self.settle(slot, number, Some(error));
        }
        self.report_flushes();
    }
}

/// Without a leader and without news, look again after this.
const LEADERLESS_RETRY: Duration = Duration::from_millis(250);
