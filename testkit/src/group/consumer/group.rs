//! Core: what a consumer group knows: its epochs, its members, who shall have what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use kurier_protocol::{Str, Uuid};

use super::member::{ConsumerMember, Owned};
use super::members::Members;
use super::pattern::Patterns;
use crate::clock::later;
use crate::group::assignor::{Assignment, Assignor, Reader};
use crate::group::settings::GroupSettings;
use crate::group::topics::{Known, Topics};

/// A consumer group.
#[derive(Debug)]
pub(crate) struct Consumer {
    /// Grows with every change of members, subscriptions or topics.
    pub(crate) epoch: i32,
    /// The epoch for which the target was computed.
    pub(crate) assignment_epoch: i32,
    /// When the target was computed; `None` if the next one need not wait.
    pub(super) assigned_at: Option<Instant>,
    pub(super) members: Members,
    pub(super) target: BTreeMap<Str, Assignment>,
    /// What was known of the topics that members read when the epoch last grew.
    pub(super) topics: Known,
    pub(super) patterns: Patterns,
    /// Whether nobody has ever joined.
    pub(super) is_new: bool,
}

impl Consumer {
    /// A group without members; its first generation has the epoch after this one.
    pub(crate) fn new(epoch: i32) -> Self {
        Self {
            epoch,
            assignment_epoch: epoch,
            assigned_at: None,
            members: Members::default(),
            target: BTreeMap::new(),
            topics: Known::new(),
            patterns: Patterns::default(),
            is_new: true,
        }
    }

    /// A group of these members, each with what it has.
    pub(crate) fn of_members(
        epoch: i32,
        members: BTreeMap<Str, ConsumerMember>,
        topics: &Topics,
    ) -> Self {
        let target = members.iter().map(|(id, member)| (id.clone(), member.held()));
        let target = target.collect();
        let members = members.into_iter().collect();
        let mut group = Self { target, is_new: false, members, ..Self::new(epoch) };
        group.topics = group.known(topics);
        group
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether anyone has ever joined.
    pub(crate) fn was_used(&self) -> bool {
        !self.is_new
    }

    /// Its state, in Kafka's words.
    pub(crate) fn state_name(&self) -> &'static str {
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.assignment_epoch {
            "Assigning"
        } else if self.members.values().all(|m| m.place.is_stable(self.assignment_epoch)) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// The members, with what they shall have.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&Str, &ConsumerMember, Assignment)> {
        self.members.iter().map(|(id, member)| (id, member, self.target(id)))
    }

    /// The assignor that most members prefer.
    pub(crate) fn assignor(&self) -> Assignor {
        let votes = |assignor| {
            self.members.values().filter(|member| member.assignor == Some(assignor)).count()
        };
        match votes(Assignor::Range) > votes(Assignor::Uniform) {
            true => Assignor::Range,
            false => Assignor::Uniform,
        }
    }

    /// The names of the topics that members read.
    pub(crate) fn read(&self) -> BTreeSet<Str> {
        self.members.values().flat_map(|member| self.reads(member)).cloned().collect()
    }

    pub(super) fn reads<'a>(&'a self, member: &'a ConsumerMember) -> impl Iterator<Item = &'a Str> {
        let found = member.regex.as_ref().and_then(|pattern| self.patterns.found(pattern));
        member.names.iter().chain(found.into_iter().flatten())
    }

    pub(super) fn target(&self, id: &str) -> Assignment {
        self.target.get(id).cloned().unwrap_or_default()
    }

    pub(super) fn holder(&self, instance: &str) -> Option<Str> {
        let mut members = self.members.iter();
        let found = members.find(|(_, member)| member.instance.as_deref() == Some(instance));
        found.map(|(id, _)| id.clone())
    }

    /// How many members use a pattern.
    pub(super) fn users(&self, pattern: &Str) -> usize {
        self.members.values().filter(|member| member.regex.as_ref() == Some(pattern)).count()
    }

    pub(super) fn patterns_used(&self) -> BTreeSet<Str> {
        self.members.values().filter_map(|member| member.regex.clone()).collect()
    }

    /// What other members than this one have or shall give up.
    pub(super) fn taken_by_others(&self, id: &str) -> Assignment {
        let mut taken = Assignment::new();
        for (_, other) in self.members.iter().filter(|(other, _)| **other != *id) {
            for (topic, partitions) in other.held() {
                taken.entry(topic).or_default().extend(partitions);
            }
        }
        taken
    }

    /// The epoch grows if something that counts has changed, or what is known of the topics.
    pub(super) fn refresh(&mut self, topics: &Topics, change: Change) {
        let known = self.known(topics);
        if change == Change::Counts || known != self.topics {
            self.topics = known;
            self.epoch += 1;
        }
    }

    /// What is known of the topics that members read.
    fn known(&self, topics: &Topics) -> Known {
        let known = self.read().into_iter().filter_map(|name| {
            let found = *topics.get(&name)?;
            Some((name, found))
        });
        known.collect()
    }

    /// Who shall have what, if that is not known for this epoch and the last time was long enough
    /// ago.
    pub(super) fn compute_target(
        &mut self,
        now: Instant,
        topics: &Topics,
        settings: &GroupSettings,
    ) {
        let next = self.assigned_at.map(|at| later(at, settings.consumer_assignment_interval));
        if self.assignment_epoch >= self.epoch || next.is_some_and(|next| now < next) {
            return;
        }
        let mut counts = BTreeMap::new();
        let readers = self.members.iter().map(|(id, member)| {
            let read = self.reads(member).filter_map(|name| topics.get(name));
            let read: BTreeMap<Uuid, i32> = read.copied().collect();
            let reader = Reader {
                id: id.clone(),
                instance: member.instance.clone(),
                topics: read.keys().copied().collect(),
                had: self.target(id),
            };
            counts.extend(read);
            reader
        });
        let readers: Vec<Reader> = readers.collect();
        self.target = self.assignor().assign(&readers, &counts);
        self.assignment_epoch = self.epoch;
        self.assigned_at = Some(now);
    }

    /// Members are gone.
    pub(crate) fn remove(&mut self, gone: &BTreeSet<Str>) {
        for id in gone {
            self.target.remove(id);
            let member = self.members.remove(id);
            if let Some(pattern) = member.and_then(|member| member.regex)
                && self.users(&pattern) == 0
            {
                self.patterns.remove(&pattern);
            }
        }
        let read = self.read();
        self.topics.retain(|name, _| read.contains(name));
        self.epoch += 1;
        if self.members.is_empty() {
            self.assignment_epoch = self.epoch;
            self.assigned_at = None;
        }
    }

    // ---- time

    /// When a member is given up for lost.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.members.deadline()
    }

    /// The members that were silent, or did not do in time what they should.
    pub(crate) fn lost(&self, now: Instant) -> BTreeSet<Str> {
        self.members.lost(now)
    }

    /// Another broker takes over, and gives the members a new session.
    pub(crate) fn reload(&mut self, now: Instant, settings: &GroupSettings) {
        self.members.change_all(|member| {
            let session = member.classic.as_ref().map(|classic| classic.session);
            let is_revoking = !member.place.revoking.is_empty() && member.classic.is_none();
            let session = session.unwrap_or(settings.consumer_session);
            member.timers.session = Some(later(now, session));
            member.timers.revoke = is_revoking.then_some(now + member.rebalance);
            (member.timers.join, member.timers.sync) = (None, None);
        });
    }
}

/// Whether something has changed that makes the epoch grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Counts,
}

impl Change {
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Counts { self } else { other }
    }
}

/// Adds partitions that a member is given in an epoch.
pub(super) fn give(owned: &mut Owned, topic: Uuid, partition: i32, epoch: i32) {
    owned.entry(topic).or_default().insert(partition, epoch);
}
