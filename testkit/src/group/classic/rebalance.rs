//! Core: how a classic group comes to its next generation.

use std::time::{Duration, Instant};

use kurier_protocol::{ErrorCode, Str};

use super::group::Classic;
use super::phase::{Barrier, Phase};
use crate::clock::later;
use crate::group::member::{Awaits, Member};
use crate::group::settings::GroupSettings;

impl Classic {
    /// Something about the members has changed: everyone shall join again.
    pub(crate) fn rebalance(&mut self, now: Instant, settings: &GroupSettings) {
        match self.phase {
            Phase::PreparingRebalance => return self.complete_if_all_joined(now),
            Phase::Empty if self.members.is_empty() => return,
            Phase::Empty => {
                self.phase = Phase::PreparingRebalance;
                let (until, left) = (later(now, settings.initial_delay), self.patience());
                let left = left.saturating_sub(settings.initial_delay);
                self.barrier = Barrier::First { until, left, has_new: false };
                if until <= now {
                    self.complete_join(now);
                }
                return;
            }
            Phase::CompletingRebalance => {
                let ids: Vec<Str> = self.members.keys().cloned().collect();
                for id in ids {
                    let Some(member) = self.members.get_mut(&id) else { continue };
                    if matches!(member.awaits, Awaits::Sync(_)) {
                        let awaits = std::mem::replace(&mut member.awaits, Awaits::Nothing);
                        member.touch(now);
                        self.release(awaits, ErrorCode::REBALANCE_IN_PROGRESS, &id);
                    }
                }
            }
            Phase::Stable => {}
        }
        self.phase = Phase::PreparingRebalance;
        self.barrier = Barrier::Joins(now + self.patience());
        self.complete_if_all_joined(now);
    }

    /// How long the slowest member may take.
    pub(super) fn patience(&self) -> Duration {
        let longest = self.members.values().map(|member| member.rebalance).max();
        longest.unwrap_or_default().max(Duration::from_millis(1))
    }

    pub(super) fn complete_if_all_joined(&mut self, now: Instant) {
        let is_open = matches!(self.barrier, Barrier::Joins(_));
        let all = self.members.values().all(Member::awaits_join) && self.promised.is_empty();
        if self.phase == Phase::PreparingRebalance && is_open && all {
            self.complete_join(now);
        }
    }

    /// Begins the next generation with those who have joined. A static member may be late.
    pub(super) fn complete_join(&mut self, now: Instant) {
        let is_late = |member: &Member| !member.awaits_join() && member.instance.is_none();
        let late = self.members.iter().filter(|(_, member)| is_late(member));
        let late: Vec<Str> = late.map(|(id, _)| id.clone()).collect();
        for id in late {
            self.remove(&id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        let joins = |id: &Str| self.members.get(id).is_some_and(Member::awaits_join);
        if !self.leader.as_ref().is_some_and(joins) {
            let first = self.members.iter().find(|(_, member)| member.awaits_join());
            match first.map(|(id, _)| id.clone()) {
                Some(id) => self.leader = Some(id),
                None if self.members.is_empty() => self.leader = None,
                None => {
                    // Only static members are left, and none of them is here: wait once more.
                    self.barrier = Barrier::Joins(now + self.patience());
                    return;
                }
            }
        }
        self.generation += 1;
        if self.members.is_empty() {
            self.protocol = None;
            self.phase = Phase::Empty;
            self.empty_since = Some(now);
            self.barrier = Barrier::None;
            self.save();
            return;
        }
        self.protocol = self.elect_protocol();
        self.phase = Phase::CompletingRebalance;
        self.barrier = Barrier::Syncs(now + self.patience());
        let ids: Vec<Str> = self.members.keys().cloned().collect();
        for id in ids {
            let answer = self.joined(&id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.touch(now);
            member.is_new = false;
            member.owes_sync = true;
            if let Awaits::Join(slot) = std::mem::replace(&mut member.awaits, Awaits::Nothing) {
                self.answer(slot, answer);
            }
        }
    }
}
