//! Core: brokers that are paused: what they follow stands still, and in time they are fenced.

use std::time::Instant;

use super::topic::Topic;
use super::whole::State;
use crate::clock::later;

impl State {
    /// Nobody hears of a broker from now on. Says whether there is such a broker.
    pub(crate) fn pause(&mut self, id: i32, now: Instant) -> bool {
        if self.is_alive(id) {
            self.silent.entry(id).or_insert(now);
            self.silence_all();
        }
        self.brokers.contains_key(&id)
    }

    /// A broker goes on that was paused: if it was fenced, it registers again. Says whether there
    /// is such a broker.
    pub(crate) fn resume(&mut self, id: i32, now: Instant) -> bool {
        let is_fenced = self.silent.contains_key(&id) && !self.is_alive(id);
        if is_fenced {
            return self.start(id, now);
        }
        self.end_silence(id);
        self.transactions.handle_election(now);
        self.brokers.contains_key(&id)
    }

    /// A broker goes on, or starts anew: what it follows does as well.
    pub(super) fn end_silence(&mut self, id: i32) {
        if self.silent.remove(&id).is_none() {
            return;
        }
        for Topic { config, partitions, .. } in self.topics.values_mut() {
            partitions.iter_mut().for_each(|partition| partition.unsilence(id, config));
        }
        self.push_change();
    }

    /// What paused brokers follow stands still, in topics that are new as well.
    pub(super) fn silence_all(&mut self) {
        for &id in self.silent.keys() {
            let partitions = self.topics.values_mut().flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| partition.silence(id));
        }
    }

    /// When the controller has waited for long enough for a broker that is silent.
    pub(super) fn fencing(&self) -> Option<Instant> {
        let waited_for = self.silent.iter().filter(|(id, _)| self.is_alive(**id));
        waited_for.map(|(_, since)| later(*since, self.settings.broker_session)).min()
    }

    /// Fences the brokers that were silent for too long: what they lead and coordinate moves.
    pub(super) fn fence(&mut self, now: Instant) {
        let session = self.settings.broker_session;
        let over = self.silent.iter().filter(|(_, since)| later(**since, session) <= now);
        let over: Vec<i32> = over.map(|(id, _)| *id).filter(|id| self.is_alive(*id)).collect();
        for id in over {
            self.set_alive(id, false, now);
        }
    }
}
