//! Core: the members of a consumer group by id, and when each is given up for lost.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use kurier_protocol::Str;

use super::member::ConsumerMember;
use crate::deadlines::Deadlines;

/// The members. Nobody changes one but through here, so that it is known when each is due.
#[derive(Debug, Default)]
pub(crate) struct Members {
    by_id: BTreeMap<Str, ConsumerMember>,
    deadlines: Deadlines,
}

/// A member that may be changed. When it is let go, it is seen when it is due next.
#[derive(Debug)]
pub(super) struct MemberMut<'a> {
    id: Str,
    member: &'a mut ConsumerMember,
    deadlines: &'a mut Deadlines,
}

impl Members {
    pub(super) fn insert(&mut self, id: Str, member: ConsumerMember) {
        self.deadlines.set(&id, member.timers.next());
        self.by_id.insert(id, member);
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<ConsumerMember> {
        self.deadlines.remove(id);
        self.by_id.remove(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<MemberMut<'_>> {
        let member = self.by_id.get_mut(id)?;
        Some(MemberMut { id: id.into(), member, deadlines: &mut self.deadlines })
    }

    /// Changes all members.
    pub(super) fn change_all(&mut self, change: impl Fn(&mut ConsumerMember)) {
        for (id, member) in &mut self.by_id {
            change(member);
            self.deadlines.set(id, member.timers.next());
        }
    }

    /// When the first member is given up for lost.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// The members that are lost.
    pub(super) fn lost(&self, now: Instant) -> BTreeSet<Str> {
        self.deadlines.due(now).cloned().collect()
    }
}

impl FromIterator<(Str, ConsumerMember)> for Members {
    fn from_iter<I: IntoIterator<Item = (Str, ConsumerMember)>>(members: I) -> Self {
        let mut all = Self::default();
        members.into_iter().for_each(|(id, member)| all.insert(id, member));
        all
    }
}

impl Deref for Members {
    type Target = BTreeMap<Str, ConsumerMember>;

    fn deref(&self) -> &Self::Target {
        &self.by_id
    }
}

impl Deref for MemberMut<'_> {
    type Target = ConsumerMember;

    fn deref(&self) -> &ConsumerMember {
        self.member
    }
}

impl DerefMut for MemberMut<'_> {
    fn deref_mut(&mut self) -> &mut ConsumerMember {
        self.member
    }
}

impl Drop for MemberMut<'_> {
    fn drop(&mut self) {
        self.deadlines.set(&self.id, self.member.timers.next());
    }
}
