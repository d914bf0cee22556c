//! Core: how a member comes from what it has to what it shall have: first it gives up, then it
//! takes what others have given up.

use std::collections::BTreeSet;
use std::time::Instant;

use kurier_protocol::{Str, Uuid};

use super::group::{Change, Consumer, give};
use super::member::{MemberState, Owned, Place};
use crate::group::assignor::Assignment;
use crate::group::topics::Topics;

/// What a member says it has; `None` if it says nothing, as nothing has changed.
pub(super) type Claimed<'a> = Option<&'a Assignment>;

impl Consumer {
    /// Brings a member nearer to what it shall have.
    pub(super) fn reconcile(
        &mut self,
        now: Instant,
        id: &Str,
        (claimed, change): (Claimed<'_>, Change),
        topics: &Topics,
    ) {
        let Some(member) = self.members.get(id) else { return };
        let read = self.reads(member).filter_map(|name| topics.get(name));
        let read: BTreeSet<Uuid> = read.map(|(topic, _)| *topic).collect();
        let place = &member.place;
        let is_told = change == Change::Counts;
        let next = match place.state {
            MemberState::Stable if place.epoch == self.assignment_epoch && is_told => {
                place.without_unread(&read, claimed)
            }
            MemberState::Stable if place.epoch == self.assignment_epoch => return,
            MemberState::Unrevoked if owns(claimed, &place.revoking) && is_told => {
                place.without_unread(&read, claimed)
            }
            MemberState::Unrevoked if owns(claimed, &place.revoking) => return,
            _ => {
                let taken = self.taken_by_others(id);
                let mut target = self.target(id);
                target.retain(|topic, _| read.contains(topic));
                place.next((self.assignment_epoch, &target), &taken, claimed)
            }
        };
        let Some(mut member) = self.members.get_mut(id) else { return };
        if next == member.place {
            return;
        }
        member.place = next;
        if member.classic.is_none() {
            let is_revoking = member.place.state == MemberState::Unrevoked;
            member.timers.revoke = is_revoking.then_some(now + member.rebalance);
        }
    }

    /// Whether something that a member shall have is still another member's.
    pub(super) fn waits_for_others(&self, id: &str) -> bool {
        let Some(member) = self.members.get(id) else { return false };
        let taken = self.taken_by_others(id);
        member.place.state == MemberState::Unreleased
            && self.target(id).iter().any(|(topic, partitions)| {
                partitions.iter().any(|&partition| {
                    !holds(&member.place.assigned, topic, partition)
                        && taken.get(topic).is_some_and(|taken| taken.contains(&partition))
                })
            })
    }
}

impl Place {
    /// What comes after this place on the way to a target.
    fn next(
        &self,
        (epoch, target): (i32, &Assignment),
        taken: &Assignment,
        claimed: Claimed<'_>,
    ) -> Self {
        let wants = |topic: &Uuid, partition: i32| {
            target.get(topic).is_some_and(|wanted| wanted.contains(&partition))
        };
        let (mut assigned, revoking) = split(&self.assigned, wants);
        if !revoking.is_empty() && owns(claimed, &revoking) {
            let (state, previous_epoch) = (MemberState::Unrevoked, self.epoch);
            return Self { state, epoch: self.epoch, previous_epoch, assigned, revoking };
        }
        let mut state = MemberState::Stable;
        for (&topic, partitions) in target {
            for &partition in partitions {
                if holds(&assigned, &topic, partition) {
                    continue;
                }
                if taken.get(&topic).is_some_and(|taken| taken.contains(&partition)) {
                    state = MemberState::Unreleased;
                } else {
                    give(&mut assigned, topic, partition, epoch);
                }
            }
        }
        Self { state, epoch, previous_epoch: self.epoch, assigned, revoking: Owned::new() }
    }

    /// This place without partitions of topics that the member reads no longer: they need not wait
    /// for the next target.
    fn without_unread(&self, read: &BTreeSet<Uuid>, claimed: Claimed<'_>) -> Self {
        let (assigned, unread) = split(&self.assigned, |topic, _| read.contains(topic));
        if unread.is_empty() {
            return self.clone();
        }
        let mut revoking = self.revoking.clone();
        for (topic, partitions) in unread {
            revoking.entry(topic).or_default().extend(partitions);
        }
        if !owns(claimed, &revoking) {
            return Self { assigned, previous_epoch: self.epoch, ..self.clone() };
        }
        let (state, previous_epoch) = (MemberState::Unrevoked, self.epoch);
        Self { state, epoch: self.epoch, previous_epoch, assigned, revoking }
    }
}

/// Whether a member may still have some of these partitions.
fn owns(claimed: Claimed<'_>, of: &Owned) -> bool {
    claimed.is_none_or(|claimed| {
        claimed.iter().any(|(topic, partitions)| {
            partitions.iter().any(|&partition| holds(of, topic, partition))
        })
    })
}

fn holds(owned: &Owned, topic: &Uuid, partition: i32) -> bool {
    owned.get(topic).is_some_and(|partitions| partitions.contains_key(&partition))
}

/// Splits what a member has by a condition: what meets it, and the rest.
fn split(owned: &Owned, is_in: impl Fn(&Uuid, i32) -> bool) -> (Owned, Owned) {
    let (mut met, mut rest) = (Owned::new(), Owned::new());
    for (&topic, partitions) in owned {
        for (&partition, &epoch) in partitions {
            let part = if is_in(&topic, partition) { &mut met } else { &mut rest };
            give(part, topic, partition, epoch);
        }
    }
    (met, rest)
}
