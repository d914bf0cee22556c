//! Core: from what a member holds to what it shall hold.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use kurier_protocol::Uuid;

use super::super::event::{Event, Revocation};
use super::life::{Action, Modern, Phase};
use crate::transactions::TopicPartition;

impl Modern {
    /// These are the names of topics. What is not among them is not known to the brokers yet.
    pub(crate) fn handle_names(
        &mut self,
        now: Instant,
        names: impl IntoIterator<Item = (Uuid, Arc<str>)>,
    ) {
        for (id, name) in names {
            self.nameless.remove(&id);
            self.names.insert(id, name);
        }
        self.reconcile(now);
    }

    /// Gives up what is not in the target, and takes what is: it is free, or the coordinator would
    /// not have named it.
    pub(super) fn reconcile(&mut self, now: Instant) {
        let (Phase::Active, true, Some(target)) =
            (self.phase, self.open.is_empty(), self.target.clone())
        else {
            return;
        };
        self.ask_names(&target);
        let moved: Vec<(Uuid, i32)> =
            self.held.keys().filter(|of| !target.contains(of)).copied().collect();
        // A topic that was made anew has the name of the one that is given up.
        let taken: BTreeSet<&TopicPartition> = self.held.values().collect();
        let named = |of: &(Uuid, i32)| {
            let partition = (Arc::clone(self.names.get(&of.0)?), of.1);
            (!taken.contains(&partition)).then_some((*of, partition))
        };
        let fresh = target.iter().filter(|of| !self.held.contains_key(*of));
        let added: Vec<((Uuid, i32), TopicPartition)> = fresh.filter_map(named).collect();
        if !moved.is_empty() {
            self.revoke(now, moved, Revocation::Moved);
        }
        let is_first = self.is_new;
        if !added.is_empty() || is_first {
            self.is_new = false;
            self.held.extend(added.iter().cloned());
            let mut added: Vec<TopicPartition> = added.into_iter().map(|(_, of)| of).collect();
            added.sort_unstable();
            self.tell(Event::Assigned { added, generation: self.epoch });
        }
        self.acknowledge(now);
    }

    fn ask_names(&mut self, target: &BTreeSet<(Uuid, i32)>) {
        self.nameless.retain(|id| target.iter().any(|(of, _)| of == id));
        let unknown = target.iter().map(|(id, _)| *id).filter(|id| !self.names.contains_key(id));
        let news: BTreeSet<Uuid> = unknown.filter(|id| self.nameless.insert(*id)).collect();
        if !news.is_empty() {
            self.actions.push_back(Action::Name(news));
        }
    }

    /// The coordinator hears at once that something is given up or taken.
    fn acknowledge(&mut self, now: Instant) {
        let owned = self.told.as_ref().map(|told| &told.owned);
        let is_told = owned.is_some_and(|owned| owned.iter().eq(self.held.keys()));
        if self.open.is_empty() && !is_told {
            self.next_beat = now;
        }
    }

    fn revoke(&mut self, now: Instant, partitions: Vec<(Uuid, i32)>, why: Revocation) {
        self.call_count += 1;
        let number = self.call_count;
        let limit = self.config.poll_interval_max;
        let until = match self.until.filter(|_| !self.open.is_empty()) {
            Some(until) => until,
            None => now + limit.saturating_sub(limit / 10),
        };
        self.until = Some(until);
        let mut told: Vec<TopicPartition> =
            partitions.iter().filter_map(|of| self.held.get(of).cloned()).collect();
        told.sort_unstable();
        self.open.push((number, partitions));
        self.tell(Event::Revoked { number, partitions: told, why, until });
    }

    /// Gives up all that is not being given up already, and then leaves.
    pub(super) fn part(&mut self, now: Instant, why: Revocation, phase: Phase) {
        self.phase = phase;
        let is_open = |of: &(Uuid, i32)| self.open.iter().any(|(_, open)| open.contains(of));
        let rest: Vec<(Uuid, i32)> = self.held.keys().filter(|of| !is_open(of)).copied().collect();
        if !rest.is_empty() {
            self.revoke(now, rest, why);
        }
        if self.open.is_empty() {
            self.go_on(now);
        }
    }

    /// All that was to be given up is.
    pub(super) fn go_on(&mut self, now: Instant) {
        let Phase::Parting { is_final, epoch } = self.phase else { return self.reconcile(now) };
        if let Some(epoch) = epoch {
            self.send(now, epoch);
        }
        (self.epoch, self.told, self.target) = (0, None, None);
        self.held.clear();
        self.phase = if is_final { Phase::Over } else { Phase::Idle };
        if !is_final && self.interest != super::beat::Interest::Topics(Vec::new()) {
            self.join(now);
        }
    }
}
