//! Core: groups: members, generations, offsets. Requests come in, answers go out, time is passed.

mod settings;
mod refusal;
mod topics;
mod offsets;
mod slot;
mod claim;
mod member;
mod classic;
mod assignor;
mod consumer;
mod conversion;
mod kind;

pub(crate) use assignor::Assignment;
pub(crate) use claim::{Claim, CommitKind};
pub(crate) use classic::Classic;
#[cfg(test)]
pub(crate) use consumer::MEMBERS_ASKED;
pub(crate) use consumer::{Consumer, ConsumerMember, check_assignor};
#[cfg(test)]
pub(crate) use kind::ASKED;
pub(crate) use kind::{Deletable, Group, Kind};
pub(crate) use member::Caller;
pub(crate) use offsets::{Committed, Offsets, TopicPartition, TransactionEnd};
pub(crate) use refusal::Refusal;
pub(crate) use settings::GroupSettings;
pub(crate) use settings::MigrationPolicy;
pub(crate) use slot::{Look, Reply, Slot};
pub(crate) use topics::Topics;

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use kurier_protocol::Str;

use crate::clock::later;
use crate::deadlines::Deadlines;
use crate::kept::Kept;

/// All groups, by id.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) settings: GroupSettings,
    /// The settings of groups that have some of their own.
    own: BTreeMap<Str, GroupSettings>,
    groups: BTreeMap<Str, Group>,
    deadlines: Deadlines,
    /// When it is looked next for offsets and groups that are to be forgotten.
    check: Option<Instant>,
}

/// A group that may be changed. When it is let go, it is seen when it is due next.
#[derive(Debug)]
pub(crate) struct GroupMut<'a> {
    id: Str,
    group: &'a mut Group,
    pub(crate) settings: &'a GroupSettings,
    deadlines: &'a mut Deadlines,
}

impl Groups {
    pub(crate) fn new(settings: GroupSettings) -> Self {
        let (own, groups, deadlines) = Default::default();
        Self { settings, own, groups, deadlines, check: None }
    }

    /// Gives a group settings of its own, or those that all have.
    pub(crate) fn set_own(&mut self, id: &str, settings: Option<GroupSettings>) {
        match settings {
            Some(settings) => self.own.insert(id.into(), settings),
            None => self.own.remove(id),
        };
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Str, &Group)> {
        self.groups.iter()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Group> {
        self.groups.get(id)
    }

    /// The group, if there is one, to be changed.
    pub(crate) fn find(&mut self, id: &str) -> Option<GroupMut<'_>> {
        let Self { settings, own, groups, deadlines, .. } = self;
        let settings = own.get(id).unwrap_or(settings);
        let group = groups.get_mut(id)?;
        Some(GroupMut { id: id.into(), group, settings, deadlines })
    }

    /// The group, which is made if there is none, to be changed.
    pub(crate) fn obtain(&mut self, id: &Str) -> GroupMut<'_> {
        let Self { settings, own, groups, deadlines, .. } = self;
        let settings = own.get(id).unwrap_or(settings);
        let group = groups.entry(id.kept()).or_insert_with(Group::new);
        GroupMut { id: id.clone(), group, settings, deadlines }
    }

    /// A group without members takes up the protocol of whoever comes; its offsets stay.
    pub(crate) fn make_classic_if_empty(&mut self, id: &str) {
        if let Some(mut group) = self.find(id)
            && matches!(&group.kind, Kind::Consumer(consumer) if consumer.is_empty())
        {
            group.kind = Kind::Classic(Classic::new());
        }
    }

    /// The consumer group, which is made if there is none; a classic group is made one.
    ///
    /// # Errors
    ///
    /// The members of the group speak the classic protocol, and it is to stay so.
    pub(crate) fn obtain_consumer(
        &mut self,
        id: &Str,
        (now, topics): (Instant, &Topics),
    ) -> Result<GroupMut<'_>, Refusal> {
        let mut group = self.obtain(id);
        let settings = group.settings;
        match &group.kind {
            Kind::Classic(classic) if classic.is_empty() => {
                group.kind = Kind::Consumer(Consumer::new(settings.consumer_epoch));
            }
            Kind::Classic(_) => group.upgrade(id, (now, topics), settings)?,
            Kind::Consumer(_) => {}
        }
        Ok(group)
    }

    /// Forgets a group that was made for a member who was then refused.
    pub(crate) fn forget_if_unused(&mut self, id: &str) {
        let is_unused = |group: &Group| {
            matches!(&group.kind, Kind::Consumer(consumer) if !consumer.was_used())
                && group.offsets.is_empty()
        };
        if self.groups.get(id).is_some_and(is_unused) {
            self.remove(id);
        }
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.groups.remove(id);
        self.deadlines.set(id, None);
    }

    /// Forgets all offsets of a topic that is gone.
    pub(crate) fn delete_topic(&mut self, topic: &str) {
        for group in self.groups.values_mut() {
            group.offsets.delete_topic(topic);
        }
    }

    // ---- time

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let check = self.check.filter(|_| !self.groups.is_empty());
        self.deadlines.next().into_iter().chain(check).min()
    }

    /// Does what is due.
    pub(crate) fn handle_deadline(&mut self, now: Instant, topics: &Topics) {
        for id in self.deadlines.take(now) {
            if let Some(mut group) = self.find(&id) {
                let settings = group.settings;
                group.handle_deadline(now, topics, settings);
            }
        }
        if self.check.is_some_and(|at| at <= now) {
            self.check = Some(later(now, self.settings.offsets_check));
            self.expire(now);
        }
    }

    /// Time passes while there is nothing to look for: offsets are looked for at intervals.
    pub(crate) fn handle_time(&mut self, now: Instant) {
        if self.check.is_none_or(|at| at <= now && self.groups.is_empty()) {
            self.check = Some(later(now, self.settings.offsets_check));
        }
    }

    /// Forgets offsets that were kept for long enough, and groups that have neither offsets nor
    /// members.
    fn expire(&mut self, now: Instant) {
        let settings = self.settings;
        let mut unused = Vec::new();
        for (id, group) in &mut self.groups {
            group.expire_offsets(now, &settings);
            if group.offsets.is_empty() && group.is_empty() {
                unused.push(id.clone());
            }
        }
        for id in unused {
            self.remove(&id);
        }
    }
}

impl Deref for GroupMut<'_> {
    type Target = Group;

    fn deref(&self) -> &Group {
        self.group
    }
}

impl DerefMut for GroupMut<'_> {
    fn deref_mut(&mut self) -> &mut Group {
        self.group
    }
}

impl Drop for GroupMut<'_> {
    fn drop(&mut self) {
        self.deadlines.set(&self.id, self.group.deadline());
    }
}
