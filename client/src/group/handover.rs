//! What happens to the partitions of a member: they are given to it, given up, or lost; and what is
//! done with them is committed.

use futures_util::future::join;
use kurier_protocol::Uuid;
use tokio::time::{Instant, timeout_at};

use super::driver::{Driver, News, Revoked, now};
use super::event::{Event, Revocation};
use super::membership::Membership;
use super::notices::GroupEvent;
use super::offsets::{Done, Origin};
use super::reader::Marked;
use super::silence::{Need, Overdue};
use crate::error::{Error, Waiting};
use crate::metadata::KeyType;
use crate::transactions::TopicPartition;

impl Driver {
    pub(super) fn tell(&mut self, event: Event) {
        match event {
            Event::Assigned { added: partitions, generation } => {
                let group = &self.asker.group;
                tracing::info!(%group, generation, added = partitions.len(), "partitions assigned");
                let since = self.state.divided_since.take().unwrap_or_else(Instant::now);
                self.asker.meter.rebalanced(now(), since.elapsed());
                if !partitions.is_empty() {
                    self.state.given_at.get_or_insert_with(Instant::now);
                }
                self.reader.take(&partitions);
                let unmarked = |of: &TopicPartition| (of.clone(), Marked::default());
                self.state.held.extend(partitions.iter().map(unmarked));
                self.progress.handle_assigned(now(), &partitions);
                self.notices.tell(GroupEvent::Assigned { partitions, generation });
            }
            Event::Revoked { number, partitions, why, until } => {
                self.revoke(number, partitions, (why, Instant::from_std(until)));
            }
            Event::Lost { partitions, why } => {
                tracing::warn!(group = %self.asker.group, ?why, ?partitions, "partitions lost");
                self.asker.meter.lost(now());
                self.state.divided_since = None;
                self.gather_marks();
                self.reader.leave(&partitions);
                let is_lost = |of: &Revoked| of.partitions.iter().any(|of| partitions.contains(of));
                self.state.revoked.retain(|_, of| !is_lost(of));
                self.state.held.retain(|of, _| !partitions.contains(of));
                self.progress.handle_given_up(&partitions);
                self.notices.tell(GroupEvent::Lost { partitions, why });
            }
            Event::Unheard { session } => {
                tracing::warn!(group = %self.asker.group, ?session, "no heartbeat is answered");
                self.notices.tell(GroupEvent::Unheard { session });
            }
            Event::Trouble(error) => self.reader.tell(error),
            Event::Over(error) => {
                self.state.failure = Some(error.clone());
                self.reader.tell(error);
            }
        }
    }

    /// Says what has been waited for for long.
    pub(super) fn break_silence(&mut self) {
        let mut needs = self.membership.needs();
        needs.extend(self.progress.is_starting().then_some((Need::Start, None)));
        if self.state.closing.is_some() {
            // Whoever closes has said how long that may take.
            needs.clear();
        }
        self.silence.handle_needs(now(), &needs);
        while let Some(overdue) = self.silence.poll_overdue(now()) {
            self.tell_wait(overdue);
        }
    }

    fn tell_wait(&mut self, Overdue { need, after, last }: Overdue) {
        let (group, cluster) = (&self.asker.group, &self.asker.cluster);
        let is_found = cluster.known_coordinator(KeyType::Group, group).is_some();
        let is_classic = matches!(self.membership, Membership::Classic(_));
        let waits_for_others = need == Need::Place && is_classic && is_found && last.is_none();
        let what = match need {
            Need::Place if waits_for_others => Waiting::Division { group: (&**group).into() },
            Need::Names => {
                let id = self.membership.nameless().map(Uuid::to_string).unwrap_or_default();
                Waiting::Metadata { topic: format!("{id} of group {group}").into() }
            }
            _ => {
                Waiting::Coordinator { api: self.membership.api_of(need), group: (&**group).into() }
            }
        };
        let error = Error::timed_out(what, after).after(last.as_ref());
        tracing::warn!(%group, %error, "a member of the group waits");
        self.notices.tell(GroupEvent::Waiting { error: error.clone() });
        if !waits_for_others {
            self.reader.tell(error);
        }
    }

    /// Gives nothing more of these, and waits for what is in hand.
    fn revoke(
        &mut self,
        number: u64,
        partitions: Vec<TopicPartition>,
        (why, until): (Revocation, Instant),
    ) {
        tracing::info!(group = %self.asker.group, ?why, count = partitions.len(), "to be given up");
        self.reader.leave(&partitions);
        let idle = self.reader.wait_for_marks(&partitions);
        self.state.divided_since.get_or_insert_with(Instant::now);
        let released = self.notices.revoke(&partitions, why, until.into_std());
        self.state.revoked.insert(number, Revoked { partitions, until, since: Instant::now() });
        // Whoever closes does not wait for the whole of its time.
        let closing = self.state.closing.map(|end| end - (end - Instant::now()) / 2);
        self.later(async move {
            let free = join(idle, released);
            match closing {
                Some(end) => drop(timeout_at(end, free).await),
                None => drop(free.await),
            }
            News::Idle(number)
        });
    }

    /// Commits for the last time what is given up.
    pub(super) fn part(&mut self, number: u64) {
        self.gather_marks();
        let Some(Revoked { partitions, until, .. }) = self.state.revoked.get(&number) else {
            return;
        };
        let until = self.state.closing.map_or(*until, |end| end.min(*until));
        let commit = self.progress.commit_parting(partitions, (now(), until.into_std()));
        self.state.partings.insert(commit, number);
    }

    fn give_up(&mut self, number: u64) {
        let Some(Revoked { partitions, since, .. }) = self.state.revoked.remove(&number) else {
            return;
        };
        self.asker.meter.given_up(now(), since.elapsed());
        self.gather_marks();
        self.state.held.retain(|of, _| !partitions.contains(of));
        self.progress.handle_given_up(&partitions);
        self.membership.handle_given_up(now(), number);
    }

    /// Takes over what the program has marked since the last time. What was marked before may have
    /// been overruled by a commit of the program.
    pub(super) fn gather_marks(&mut self) {
        let is_member = !matches!(self.membership, Membership::Alone(_));
        let held = &mut self.state.held;
        for (of, marked) in self.reader.marks(&mut held.keys()) {
            let Some(last) = held.get_mut(&of) else { continue };
            if marked.is_late && is_member {
                self.progress.forgo(&of);
            }
            if marked.turn.is_some() && last.turn != marked.turn {
                self.progress.handle_seek(&of);
                *last = Marked { turn: marked.turn, ..Marked::default() };
            }
            let done = marked.offset.as_ref().map(|of| of.offset);
            if let Some(offset) = marked.offset.filter(|of| last.offset.as_ref() != Some(of)) {
                last.offset = Some(offset.clone());
                self.progress.mark(offset);
            }
            if let Some(offset) = marked.reached.filter(|of| last.reached.as_ref() != Some(of)) {
                last.reached = Some(offset.clone());
                self.progress.reach(done, offset);
            }
        }
    }

    pub(super) fn committed(&mut self, done: Done) {
        let Done { number, origin, outcomes } = done;
        if matches!(self.membership, Membership::Alone(_)) {
            self.leave_unassigned(&outcomes);
        }
        let failed = outcomes.into_iter().find_map(|(_, outcome)| outcome.err());
        if let Some(reply) = self.state.commits.remove(&number) {
            let _ = reply.send(failed.map_or(Ok(()), Err));
            return;
        }
        if let Some(error) = failed.filter(|_| origin != Origin::Program) {
            tracing::warn!(group = %self.asker.group, %error, "what was marked is not committed");
            self.notices.tell(GroupEvent::CommitFailed { error });
        }
        if let Some(number) = self.state.partings.remove(&number) {
            self.give_up(number);
        }
    }
}
