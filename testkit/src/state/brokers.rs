//! Core: the brokers of a cluster: who runs, where they listen, what they speak.

use std::collections::BTreeMap;
use std::time::Instant;

use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::release::Release;
use kurier_protocol::{Str, Uuid};

use super::broker::{Address, ListenerId};
use super::spoken::Spoken;
use super::topic::Topic;
use super::whole::State;
use crate::sessions::Sessions;

impl State {
    /// The versions that a broker speaks.
    pub(crate) fn spoken(&self, broker: i32) -> &Spoken {
        self.brokers.get(&broker).map_or(&self.settings.spoken, |found| &found.spoken)
    }

    /// Changes the versions that a broker speaks. Says whether there is such a broker.
    pub(crate) fn set_spoken(&mut self, broker: i32, change: impl FnOnce(&mut Spoken)) -> bool {
        let found = self.brokers.get_mut(&broker);
        found.is_some_and(|found| {
            change(&mut found.spoken);
            true
        })
    }

    /// Lets the cluster as a whole be another release: it has the features, the log format and the
    /// defaults of that one. Topics that have no id get one, if it has ids.
    pub(crate) fn finalize_release(&mut self, release: Release) {
        self.settings.release = release;
        self.groups.settings.consumer_epoch = i32::from(release >= Release::V4_4);
        self.settings.groups.consumer_epoch = self.groups.settings.consumer_epoch;
        for (group, config) in &self.group_configs {
            self.groups.set_own(group, Some(config.applied(&self.settings)));
        }
        self.transactions.set_rules(self.settings.transaction_rules());
        for (name, topic) in &mut self.topics {
            topic.config = topic.config.in_release(release);
            topic.apply_config();
            if topic.id.is_zero() {
                topic.id = self.settings.topic_id(self.topics_made);
                self.topics_made += 1;
                self.group_topics.set(name, topic.id, topic.partitions.len());
            }
        }
        self.changes += 1;
    }

    /// The brokers that run, with where they listen.
    pub(crate) fn brokers_at(&self, listener: ListenerId) -> impl Iterator<Item = (i32, &Address)> {
        let alive = self.brokers.iter().filter(|(_, broker)| broker.is_alive);
        alive.filter_map(move |(id, broker)| Some((*id, broker.addresses.get(&listener)?)))
    }

    /// Where a broker listens, alive or not.
    pub(crate) fn address(&self, broker: i32, listener: ListenerId) -> Option<&Address> {
        self.brokers.get(&broker)?.addresses.get(&listener)
    }

    /// Where a broker stands, if that was said.
    pub(crate) fn rack(&self, broker: i32) -> Option<Str> {
        self.brokers.get(&broker)?.rack.clone()
    }

    /// Says where a broker stands. Says whether there is such a broker.
    pub(crate) fn set_rack(&mut self, broker: i32, rack: Str) -> bool {
        let found = self.brokers.get_mut(&broker);
        found.map(|broker| broker.rack = Some(rack)).is_some()
    }

    /// The fetch sessions of a broker.
    pub(crate) fn sessions(&mut self, broker: i32) -> &mut Sessions {
        let slots = self.settings.fetch_sessions_max;
        self.sessions.entry(broker).or_insert_with(|| Sessions::new(slots).of_broker(broker))
    }

    /// The topics, by name and id, and partitions that a fetch is about; none if its session is
    /// not known.
    pub(crate) fn wanted(
        &self,
        broker: i32,
        request: &FetchRequest,
        version: i16,
    ) -> Vec<(Str, Uuid, i32)> {
        let none = Sessions::new(0);
        self.sessions.get(&broker).unwrap_or(&none).wanted(request, version)
    }

    /// Ids of all brokers.
    pub(crate) fn broker_ids(&self) -> impl Iterator<Item = i32> {
        self.brokers.keys().copied()
    }

    /// Whether there is such a broker and it runs.
    pub(crate) fn is_alive(&self, broker: i32) -> bool {
        self.brokers.get(&broker).is_some_and(|broker| broker.is_alive)
    }

    /// The broker that decides: the one alive with the lowest id.
    pub(crate) fn controller(&self) -> Option<i32> {
        self.broker_ids().find(|&id| self.is_alive(id))
    }

    /// Adds a way to reach the brokers.
    pub(crate) fn add_listener(&mut self, addresses: BTreeMap<i32, Address>) -> ListenerId {
        let listener = ListenerId(self.listeners);
        self.listeners += 1;
        for (id, address) in addresses {
            if let Some(broker) = self.brokers.get_mut(&id) {
                broker.addresses.insert(listener, address);
            }
        }
        listener
    }

    /// Stops a broker; leaders and coordinators move away from it. Says whether there is such a
    /// broker.
    pub(crate) fn stop(&mut self, id: i32, now: Instant) -> bool {
        let is_there = self.set_alive(id, false, now);
        self.silent.remove(&id);
        self.sessions(id).clear();
        is_there
    }

    /// Starts a broker again; partitions without a leader take it if they may. Says whether there
    /// is such a broker.
    pub(crate) fn start(&mut self, id: i32, now: Instant) -> bool {
        self.end_silence(id);
        self.set_alive(id, true, now)
    }

    #[expect(clippy::fn_params_excessive_bools, reason = "sets a field")]
    pub(super) fn set_alive(&mut self, id: i32, is_alive: bool, now: Instant) -> bool {
        let ids = || self.groups.iter().map(|(key, _)| key.clone());
        let before: Vec<_> = ids().map(|key| (self.coordinator(&key), key)).collect();
        let Some(broker) = self.brokers.get_mut(&id) else { return false };
        broker.is_alive = is_alive;
        for (before, key) in before {
            if self.coordinator(&key) != before
                && let Some(mut group) = self.groups.find(&key)
            {
                let settings = group.settings;
                group.reload(now, settings);
            }
        }
        self.elect();
        self.transactions.handle_election(now);
        true
    }

    fn elect(&mut self) {
        let alive = self.alive();
        for Topic { config, partitions, .. } in self.topics.values_mut() {
            for partition in partitions {
                partition.elect(&alive, config);
            }
        }
        self.changes += 1;
    }

    /// Ids of the brokers that run.
    pub(crate) fn alive(&self) -> Vec<i32> {
        self.broker_ids().filter(|&id| self.is_alive(id)).collect()
    }
}
