//! Core: the sender's way out: batches that are ready become requests to their leaders.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurier_protocol::Uuid;
use kurier_protocol::record::Magic;

use super::delivery::Fate;
use super::request::{Assembly, Gates, Loaded, versions};
use super::sealed::Sealed;
use super::sender::{Action, Call, Flight, Sender};
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
        let Some(leader) = picture.leader_of(&topic, index) else {
            self.wants_refresh = true;
            lane.last_error = Some(picture.no_leader(&topic, index));
            self.lanes.back_off(slot, now + LEADERLESS_RETRY);
            return self.lanes.heed_news(slot);
        };
        let magic = lane.partition.magic();
        let broker = self.brokers.entry(leader.broker).or_default();
        let magic = broker.magic.unwrap_or(magic);
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
                    self.lanes.update_expiry(slot);
                    match self.sealer.seal(closed) {
                        Ok(sealed) => sealed,
                        Err(error) => {
                            self.note_failed(slot, records);
                            self.settle(slot, number, Some(&error));
                            self.report_flushes();
                            continue;
                        }
                    }
                }
            };
            if sealed.magic == magic {
                return Some(sealed);
            }
            match self.sealer.convert(&mut sealed, magic) {
                Ok(()) => return Some(sealed),
                Err(error) => {
                    let error = sealed.reported(error);
                    self.drop_sealed(slot, sealed, Fate::Failed(error));
                    self.report_flushes();
                }
            }
        }
    }

    fn launch(&mut self, broker: i32, magic: Magic, assembly: Assembly) {
        let versions = versions(magic, self.sealer.compression(), &assembly);
        let (request, batches) = assembly.finish(self.config.acks, self.config.request_timeout);
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

/// Without a leader and without news, look again after this.
const LEADERLESS_RETRY: Duration = Duration::from_millis(250);
