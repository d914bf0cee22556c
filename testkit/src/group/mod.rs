//! Core: groups: members, generations, offsets. Requests come in, answers go out, time is passed.

mod settings;
mod offsets;
mod calls;
mod claim;
mod member;
mod classic;
mod assignor;
mod consumer;

pub(crate) use assignor::{Assignment, Assignor};
pub(crate) use claim::{Claim, CommitKind};
pub(crate) use classic::Classic;
pub(crate) use consumer::{Consumer, ConsumerMember, Topics};
pub(crate) use member::Caller;
pub(crate) use offsets::{Committed, Offsets, TopicPartition, TransactionEnd};
pub(crate) use settings::GroupSettings;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use kurier_protocol::Str;
use kurier_protocol::data::consumer_protocol_subscription::ConsumerProtocolSubscription;
use kurier_protocol::data::decode_versioned;

/// All groups, by id.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) settings: GroupSettings,
    groups: BTreeMap<Str, Group>,
}

/// One group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) kind: Kind,
    pub(crate) offsets: Offsets,
}

/// The protocol that a group's members speak.
#[derive(Debug)]
pub(crate) enum Kind {
    Classic(Classic),
    /// KIP-848.
    Consumer(Consumer),
}

impl Group {
    fn new() -> Self {
        Self { kind: Kind::Classic(Classic::new()), offsets: Offsets::default() }
    }

    /// Whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Classic(classic) => classic.is_empty(),
            Kind::Consumer(consumer) => consumer.is_empty(),
        }
    }

    /// What its members speak: `consumer`, `connect`; empty if it never had members.
    pub(crate) fn protocol_type(&self) -> Str {
        match &self.kind {
            Kind::Classic(classic) => classic.protocol_type().cloned().unwrap_or_default(),
            Kind::Consumer(_) => Str::from_static("consumer"),
        }
    }

    /// Its type, in Kafka's words.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Classic(_) => "classic",
            Kind::Consumer(_) => "consumer",
        }
    }

    /// Of which topics offsets may be deleted.
    pub(crate) fn deletable(&self) -> Deletable {
        match &self.kind {
            Kind::Classic(classic) if classic.is_empty() => Deletable::AllBut(BTreeSet::new()),
            Kind::Classic(classic) => {
                if classic.protocol_type().is_none_or(|spoken| spoken != "consumer") {
                    return Deletable::Nothing;
                }
                let read = classic.subscriptions().map(|bytes| {
                    decode_versioned::<ConsumerProtocolSubscription>(&bytes).map(|said| said.topics)
                });
                // What cannot be read may be anything.
                match read.collect::<Result<Vec<_>, _>>() {
                    Ok(read) => Deletable::AllBut(read.into_iter().flatten().collect()),
                    Err(_) => Deletable::NotKnown,
                }
            }
            Kind::Consumer(consumer) => Deletable::AllBut(consumer.read().cloned().collect()),
        }
    }

    /// Its state, in Kafka's words.
    pub(crate) fn state_name(&self) -> &'static str {
        match &self.kind {
            Kind::Classic(classic) => classic.phase().name(),
            Kind::Consumer(consumer) => consumer.state_name(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.kind {
            Kind::Classic(classic) => classic.deadline(),
            Kind::Consumer(consumer) => consumer.deadline(),
        }
    }

    fn handle_deadline(&mut self, now: Instant, settings: &GroupSettings) {
        match &mut self.kind {
            Kind::Classic(classic) => classic.handle_deadline(now, settings),
            Kind::Consumer(consumer) => consumer.handle_deadline(now),
        }
    }

    /// Another broker takes over.
    pub(crate) fn reload(&mut self, now: Instant, settings: &GroupSettings) {
        match &mut self.kind {
            Kind::Classic(classic) => classic.reload(now),
            Kind::Consumer(consumer) => consumer.reload(now, settings),
        }
    }
}

/// Of which topics a group's offsets may be deleted.
#[derive(Debug)]
pub(crate) enum Deletable {
    /// It has members, of which nobody knows what they read.
    Nothing,
    /// None for now, as it is not known which topics members read.
    NotKnown,
    /// Of all but those that members read.
    AllBut(BTreeSet<Str>),
}

impl Deletable {
    pub(crate) fn is_in_use(&self, topic: &str) -> bool {
        match self {
            Self::Nothing | Self::NotKnown => true,
            Self::AllBut(read) => read.contains(topic),
        }
    }
}

impl Groups {
    pub(crate) fn new(settings: GroupSettings) -> Self {
        Self { settings, groups: BTreeMap::new() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Str, &Group)> {
        self.groups.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&Str, &mut Group)> {
        self.groups.iter_mut()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Group> {
        self.groups.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.groups.get_mut(id)
    }

    /// The group, which is made if there is none, and what groups are set to.
    pub(crate) fn obtain(&mut self, id: &Str) -> (&mut Group, &GroupSettings) {
        let group = self.groups.entry(id.clone()).or_insert_with(Group::new);
        (group, &self.settings)
    }

    /// The group, if there is one, and what groups are set to.
    pub(crate) fn find(&mut self, id: &str) -> Option<(&mut Group, &GroupSettings)> {
        Some((self.groups.get_mut(id)?, &self.settings))
    }

    /// A group without members takes up the protocol of whoever comes; its offsets stay.
    pub(crate) fn make_classic_if_empty(&mut self, id: &str) {
        if let Some(group) = self.groups.get_mut(id)
            && matches!(&group.kind, Kind::Consumer(consumer) if consumer.is_empty())
        {
            group.kind = Kind::Classic(Classic::new());
        }
    }

    /// The consumer group, which is made if there is none; `None` if its members speak the classic
    /// protocol.
    pub(crate) fn obtain_consumer(&mut self, id: &Str) -> Option<(&mut Consumer, &GroupSettings)> {
        let group = self.groups.entry(id.clone()).or_insert_with(Group::new);
        if matches!(&group.kind, Kind::Classic(classic) if classic.is_empty()) {
            group.kind = Kind::Consumer(Consumer::new(self.settings.consumer_epoch));
        }
        match &mut group.kind {
            Kind::Consumer(consumer) => Some((consumer, &self.settings)),
            Kind::Classic(_) => None,
        }
    }

    /// Forgets a group that was made for a member who was then refused.
    pub(crate) fn forget_if_unused(&mut self, id: &str) {
        let is_unused = |group: &Group| {
            matches!(&group.kind, Kind::Consumer(consumer) if !consumer.was_used())
                && group.offsets.partitions().is_empty()
        };
        if self.groups.get(id).is_some_and(is_unused) {
            self.groups.remove(id);
        }
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.groups.remove(id);
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.groups.values().filter_map(Group::deadline).min()
    }

    /// Does what is due.
    pub(crate) fn handle_deadline(&mut self, now: Instant) {
        let settings = self.settings;
        for group in self.groups.values_mut() {
            if group.deadline().is_some_and(|due| due <= now) {
                group.handle_deadline(now, &settings);
            }
        }
    }
}
