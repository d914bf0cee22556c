//! Core: the whole cluster as one struct with one owner. It learns the time from its caller.

mod spoken;
mod settings;
mod broker_config;
mod broker;
mod lag;
mod partition;
mod topic;
mod name;
mod acks;

pub(crate) use acks::{Owed, Unacknowledged};
pub(crate) use broker::{Address, ListenerId};
pub(crate) use broker_config::broker_config_names;
pub(crate) use name::check_topic_name;
pub(crate) use partition::{Partition, Role};
pub(crate) use settings::{CLUSTER_IDS, Settings, numbered_id};
pub(crate) use spoken::Spoken;
pub(crate) use topic::{NewTopic, Topic};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Str, Uuid};

use crate::clock::Now;
use crate::codecs::Codecs;
use crate::fault::Refusals;
use crate::group::{Groups, TopicPartition, Topics};
use crate::limits::FETCH_BYTES_MAX;
use crate::log::OutOfRange;
use crate::sabotage::Saboteur;
use crate::sessions::Sessions;
use crate::topic_config::TopicConfig;
use crate::transaction::{Ending, Transactions};
use acks::Acks;
use broker::Broker;
use name::metric_name;

/// Brokers, topics, partitions, and what they hold.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) codecs: Codecs,
    brokers: BTreeMap<i32, Broker>,
    topics: BTreeMap<Str, Topic>,
    /// The topics by what their names are in metrics.
    metric_names: BTreeMap<String, Str>,
    topics_made: u64,
    sessions: BTreeMap<i32, Sessions>,
    next_producer_id: i64,
    listeners: u32,
    pub(crate) groups: Groups,
    /// What groups know of the topics.
    pub(crate) group_topics: Topics,
    pub(crate) transactions: Transactions,
    pub(crate) acks: Acks,
    pub(crate) saboteur: Saboteur,
    calls: u64,
    members_named: u64,
    /// Bytes that an answer to a fetch may have now, its first batch apart.
    pub(crate) fetch_bytes_max: usize,
    /// What the script refuses of the request that is being handled.
    pub(crate) refusals: Refusals,
    /// Who coordinates groups and transactional ids that do not stay where they belong.
    coordinators: BTreeMap<Str, i32>,
    /// Grows with every change that a waiting request may wait for.
    changes: u64,
}

impl State {
    /// A cluster of brokers 1 to `broker_count`, without topics.
    pub(crate) fn new(settings: Settings, broker_count: i32) -> Self {
        let brokers =
            (1..=broker_count).map(|id| (id, Broker::new(id, settings.spoken.clone()))).collect();
        Self {
            groups: Groups::new(settings.groups),
            group_topics: Topics::default(),
            transactions: Transactions::new(settings.transactions, settings.transaction_rules()),
            acks: Acks::default(),
            saboteur: Saboteur::default(),
            calls: 0,
            members_named: 0,
            settings,
            codecs: Codecs::new(),
            brokers,
            topics: BTreeMap::new(),
            metric_names: BTreeMap::new(),
            topics_made: 0,
            sessions: BTreeMap::new(),
            next_producer_id: 0,
            listeners: 1,
            fetch_bytes_max: FETCH_BYTES_MAX,
            refusals: Refusals::default(),
            coordinators: BTreeMap::new(),
            changes: 0,
        }
    }

    // ---- brokers

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

    /// Lets the cluster as a whole be another release: it has the features and the log format of
    /// that one. Topics that have no id get one, if it has ids.
    pub(crate) fn finalize_release(&mut self, release: Release) {
        self.settings.release = release;
        self.groups.settings.consumer_epoch = i32::from(release >= Release::V4_4);
        self.transactions.set_rules(self.settings.transaction_rules());
        for topic in self.topics.values_mut().filter(|topic| topic.id.is_zero()) {
            topic.id = self.settings.topic_id(self.topics_made);
            self.topics_made += 1;
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
        self.sessions.entry(broker).or_insert_with(|| Sessions::new(slots))
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
        let sessions = self.sessions.get(&broker).unwrap_or(&none);
        let wanted = sessions.fetch(request, version).map(|fetch| fetch.wanted);
        let wanted = wanted.unwrap_or_default().into_iter();
        wanted.map(|one| (one.topic, one.topic_id, one.partition.partition)).collect()
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
        self.sessions(id).clear();
        is_there
    }

    /// Starts a broker again; partitions without a leader take it if they may. Says whether there
    /// is such a broker.
    pub(crate) fn start(&mut self, id: i32, now: Instant) -> bool {
        self.set_alive(id, true, now)
    }

    #[expect(clippy::fn_params_excessive_bools, reason = "sets a field")]
    fn set_alive(&mut self, id: i32, is_alive: bool, now: Instant) -> bool {
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

    /// The broker that coordinates the group or transactional id: every key has one that it
    /// belongs to, and the next one that runs stands in for it.
    pub(crate) fn coordinator(&self, key: &str) -> Option<i32> {
        if let Some(&moved) = self.coordinators.get(key).filter(|id| self.is_alive(**id)) {
            return Some(moved);
        }
        let sum: usize = key.bytes().map(usize::from).sum();
        let ids: Vec<i32> = self.broker_ids().collect();
        let turn = ids.iter().cycle().skip(sum % ids.len().max(1)).take(ids.len());
        turn.copied().find(|&id| self.is_alive(id))
    }

    /// Lets a broker coordinate a group or transactional id while it runs. Says whether it runs.
    pub(crate) fn move_coordinator(&mut self, key: &str, to: i32, now: Instant) -> bool {
        let is_moved = self.coordinator(key) != Some(to);
        self.coordinators.insert(key.into(), to);
        if is_moved && let Some(mut group) = self.groups.find(key) {
            let settings = group.settings;
            group.reload(now, settings);
        }
        self.changes += 1;
        self.is_alive(to)
    }

    /// Checks that a broker coordinates a group or transactional id.
    ///
    /// # Errors
    ///
    /// Another one does.
    pub(crate) fn check_coordinator(&self, broker: i32, key: &str) -> Result<(), ErrorCode> {
        let is_right = self.coordinator(key) == Some(broker);
        if is_right { Ok(()) } else { Err(ErrorCode::NOT_COORDINATOR) }
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

    // ---- topics

    /// All topics, by name.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&Str, &Topic)> {
        self.topics.iter()
    }

    /// A topic by its name.
    pub(crate) fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// A topic by its name, to be changed.
    pub(crate) fn topic_mut(&mut self, name: &str) -> Option<&mut Topic> {
        let found = self.topics.get_mut(name)?;
        self.changes += 1;
        Some(found)
    }

    /// The name of the topic with this id.
    pub(crate) fn topic_name(&self, id: Uuid) -> Option<&Str> {
        let found = self.topics.iter().find(|(_, topic)| topic.id == id && !id.is_zero());
        found.map(|(name, _)| name)
    }

    /// The topic that a request means by an id or, in versions without ids, by a name.
    ///
    /// # Errors
    ///
    /// No topic has the id. A name is not looked up.
    pub(crate) fn resolve(&self, id: Uuid, name: &Str) -> Result<Str, ErrorCode> {
        if id.is_zero() && !name.is_empty() {
            return Ok(name.clone());
        }
        self.topic_name(id).cloned().ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
    }

    /// Checks whether a topic could be created, and gives it a place on the brokers.
    ///
    /// # Errors
    ///
    /// Why it cannot be created, as CreateTopics answers it.
    pub(crate) fn plan_topic(&self, new: &NewTopic<'_>) -> Result<Topic, (ErrorCode, String)> {
        check_topic_name(new.name)
            .map_err(|reason| (ErrorCode::INVALID_TOPIC_EXCEPTION, reason))?;
        if self.topics.contains_key(new.name) {
            let message = format!("Topic '{}' already exists.", new.name);
            return Err((ErrorCode::TOPIC_ALREADY_EXISTS, message));
        }
        if let Some(other) = self.metric_names.get(&metric_name(new.name)) {
            let message = format!("Topic '{}' collides with existing topic: {other}", new.name);
            return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, message));
        }
        let mut config = TopicConfig::new(self.settings.release);
        for (name, value) in new.configs {
            config.set(name, value).map_err(|reason| (ErrorCode::INVALID_CONFIG, reason))?;
        }
        let replicas = new.place(&self.brokers, &self.settings, self.topics_made)?;
        let alive = self.alive();
        let partitions = replicas.into_iter().map(|r| Partition::new(r, &alive)).collect();
        Ok(Topic { id: self.settings.topic_id(self.topics_made), config, partitions })
    }

    /// Adds a planned topic.
    pub(crate) fn add_topic(&mut self, name: &str, topic: Topic) {
        self.metric_names.insert(metric_name(name), name.into());
        self.group_topics.set(name, topic.id, topic.partitions.len());
        self.topics.insert(name.into(), topic);
        self.topics_made += 1;
        self.changes += 1;
    }

    /// Deletes a topic and its records. Says whether there was one.
    pub(crate) fn remove_topic(&mut self, name: &str) -> bool {
        let is_gone = self.topics.remove(name).is_some();
        if is_gone {
            self.metric_names.remove(&metric_name(name));
        }
        self.changes += u64::from(is_gone);
        if is_gone {
            self.group_topics.remove(name);
            self.groups.delete_topic(name);
        }
        is_gone
    }

    /// Where further partitions of a topic would lie.
    ///
    /// # Errors
    ///
    /// As CreatePartitions answers.
    pub(crate) fn place_more(
        &self,
        new: &NewTopic<'_>,
        from: usize,
    ) -> Result<Vec<Vec<i32>>, (ErrorCode, String)> {
        new.place(&self.brokers, &self.settings, from as u64)
    }

    /// Adds partitions to a topic.
    pub(crate) fn add_partitions(&mut self, name: &str, replicas: Vec<Vec<i32>>) {
        let alive = self.alive();
        if let Some(topic) = self.topics.get_mut(name) {
            topic.partitions.extend(replicas.into_iter().map(|r| Partition::new(r, &alive)));
            self.group_topics.set(name, topic.id, topic.partitions.len());
            self.changes += 1;
        }
    }

    // ---- partitions

    /// A partition, whoever leads it.
    pub(crate) fn partition(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.topic(topic)?.partition(partition)
    }

    /// A partition, whoever leads it, to be changed.
    pub(crate) fn partition_mut(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        let index = usize::try_from(partition).ok()?;
        let found = self.topics.get_mut(topic)?.partitions.get_mut(index)?;
        self.changes += 1;
        Some(found)
    }

    /// A partition that the broker leads, and whose leader epoch the client knows (-1: it does not
    /// say).
    ///
    /// # Errors
    ///
    /// There is no such partition, another broker leads it, or the client's epoch is another one.
    pub(crate) fn led(
        &self,
        broker: i32,
        topic: &str,
        partition: i32,
        epoch: i32,
    ) -> Result<&Partition, ErrorCode> {
        self.held(broker, (topic, partition), epoch, Role::Leader)
    }

    /// A partition that the broker holds in this role, as [`led`](Self::led).
    ///
    /// # Errors
    ///
    /// The same.
    pub(crate) fn held(
        &self,
        broker: i32,
        (topic, partition): (&str, i32),
        epoch: i32,
        role: Role,
    ) -> Result<&Partition, ErrorCode> {
        let found =
            self.partition(topic, partition).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        found.check_role(broker, epoch, role)?;
        Ok(found)
    }

    /// A partition together with its topic's settings and the codecs, to be written to. Whoever has
    /// written says so with [`push_change`](Self::push_change): a refused request changes nothing.
    pub(crate) fn parts_mut(
        &mut self,
        topic: &str,
        partition: i32,
    ) -> Option<(&TopicConfig, &mut Partition, &mut Codecs)> {
        let topic = self.topics.get_mut(topic)?;
        let partition = topic.partitions.get_mut(usize::try_from(partition).ok()?)?;
        Some((&topic.config, partition, &mut self.codecs))
    }

    /// Something was written that a waiting request may wait for.
    pub(crate) fn push_change(&mut self) {
        self.changes += 1;
    }

    /// A partition together with its topic's settings and the codecs, to be searched.
    pub(crate) fn parts(
        &mut self,
        topic: &str,
        partition: i32,
    ) -> Option<(&TopicConfig, &Partition, &mut Codecs)> {
        let topic = self.topics.get(topic)?;
        Some((&topic.config, topic.partition(partition)?, &mut self.codecs))
    }

    /// Deletes the records before an offset.
    ///
    /// # Errors
    ///
    /// There is no such partition, or the offset is beyond its high watermark.
    pub(crate) fn set_log_start(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<(), ErrorCode> {
        let (config, found, _) =
            self.parts_mut(topic, partition).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        found.raise_start(offset, config).map_err(|OutOfRange| ErrorCode::OFFSET_OUT_OF_RANGE)?;
        self.push_change();
        Ok(())
    }

    // ---- time

    /// When something is due that no request asks for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.groups.deadline().into_iter().chain(self.transactions.deadline()).min()
    }

    /// Does what was due until now, each thing at its time.
    pub(crate) fn advance(&mut self, now: Now) {
        self.groups.handle_time(now.instant);
        while let Some(due) = self.deadline().filter(|due| *due <= now.instant) {
            self.groups.handle_deadline(due, &self.group_topics);
            let since = i64::try_from((now.instant - due).as_millis()).unwrap_or(0);
            let at = Now { instant: due, millis: now.millis - since };
            let next = &mut self.next_producer_id;
            let fresh = || {
                *next += 1;
                *next - 1
            };
            for ending in self.transactions.handle_deadline(at, fresh) {
                self.write_markers(ending, at);
            }
            self.changes += 1;
        }
    }

    /// Ends a transaction in all its partitions that have a leader, and in its groups.
    fn write_markers(&mut self, ending: Ending, now: Now) {
        let Ending { id, marker, mut partitions, groups } = ending;
        if let Some(unmarked) = self.saboteur.unmarked(partitions.iter()) {
            partitions.remove(&unmarked);
        }
        let is_held = |one: &&TopicPartition| self.transactions.is_held(one);
        let held: BTreeSet<TopicPartition> = partitions.iter().filter(is_held).cloned().collect();
        partitions.retain(|(topic, partition)| {
            if held.contains(&(topic.clone(), *partition)) {
                return true;
            }
            let parts = self.parts_mut(topic, *partition);
            let Some((config, found, codecs)) = parts else { return false };
            if found.leader.is_none() {
                return true;
            }
            // A producer of a later epoch has been here: then this transaction has ended.
            let _fenced = found.end_transaction(marker, now.millis, (config, codecs));
            false
        });
        for id in &groups {
            if let Some(mut group) = self.groups.find(id) {
                group.offsets.end_transaction(marker.producer_id, marker.end);
            }
        }
        self.transactions.handle_markers(now.instant, &id, partitions);
    }

    // ---- the rest

    /// A number for a request, so that it is known again when it is handled again.
    pub(crate) fn new_call(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }

    /// The part of a member's id that nobody has, in the form of a random UUID.
    pub(crate) fn new_member_name(&mut self) -> Str {
        self.members_named += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.members_named).into()
    }

    /// A producer id that nobody has.
    pub(crate) fn new_producer_id(&mut self) -> i64 {
        let id = self.next_producer_id;
        self.next_producer_id += 1;
        id
    }

    /// A number that grows with every change that a waiting request may wait for.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }
}
