//! Core: what a classic group does when time has passed, or its coordinator was lost.

use std::time::Instant;

use kurier_protocol::ErrorCode;

use super::group::Classic;
use super::phase::{Barrier, Phase};
use crate::deadlines::Deadlines;
use crate::group::member::Awaits;
use crate::group::settings::GroupSettings;

impl Classic {
    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let barrier = match self.barrier {
            Barrier::None => None,
            Barrier::First { until, .. } | Barrier::Joins(until) | Barrier::Syncs(until) => {
                Some(until)
            }
        };
        let members = self.members.values().filter_map(|member| member.deadline);
        members.chain(self.promised.next()).chain(barrier).min()
    }

    /// Does what is due.
    pub(crate) fn handle_deadline(&mut self, now: Instant, settings: &GroupSettings) {
        self.promised.take(now);
        let mut lost = Vec::new();
        for (id, member) in &mut self.members {
            if member.deadline.is_none_or(|deadline| deadline > now) {
            } else if !member.awaits_nothing() && !member.is_new {
                member.deadline = None;
            } else {
                lost.push(id.clone());
            }
        }
        match self.barrier {
            Barrier::First { until, left, has_new } if until <= now => {
                let delay = settings.initial_delay.min(left);
                if has_new && !delay.is_zero() {
                    let left = left - delay;
                    self.barrier = Barrier::First { until: now + delay, left, has_new: false };
                } else {
                    self.complete_join(now);
                }
            }
            Barrier::Joins(until) if until <= now => self.complete_join(now),
            Barrier::Syncs(until) if until <= now => {
                self.barrier = Barrier::None;
                let owes = self.members.iter().filter(|(_, member)| member.owes_sync);
                lost.extend(owes.map(|(id, _)| id.clone()));
            }
            _ => {}
        }
        for id in &lost {
            self.remove(id, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if lost.is_empty() {
            self.complete_if_all_joined(now);
        } else {
            self.rebalance(now, settings);
        }
    }

    /// Another broker takes over: it knows the latest generation that was completed, and gives
    /// its members a new session. Requests that wait are lost with their connections.
    pub(crate) fn reload(&mut self, now: Instant) {
        self.promised = Deadlines::default();
        self.barrier = Barrier::None;
        let saved = self.saved.as_deref().cloned();
        self.generation = saved.as_ref().map_or(0, |saved| saved.generation);
        self.protocol = saved.as_ref().and_then(|saved| saved.protocol.clone());
        self.leader = saved.as_ref().and_then(|saved| saved.leader.clone());
        self.members = saved.map(|saved| saved.members).unwrap_or_default();
        let is_empty = self.members.is_empty();
        self.phase = if is_empty { Phase::Empty } else { Phase::Stable };
        for member in self.members.values_mut() {
            member.awaits = Awaits::Nothing;
            member.owes_sync = false;
            member.touch(now);
        }
    }
}
