//! What a program wants of its member: what to read, commits, and an end.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::time::{Instant, sleep};

use super::classic::{Farewell, Member};
use super::consumer::Interest;
use super::driver::{Driver, News, now};
use super::handle::{Closing, Order, Wanted};
use super::members::GroupTopics;
use super::membership::Membership;
use super::pattern::{Chosen, Pattern, Subscription};
use super::pledge::pledge;
use crate::error::Error;
use crate::metadata::Creation;
use crate::transactions::TopicPartition;

impl Driver {
    pub(super) fn subscribe(&mut self, to: Subscription) {
        self.state.subscriptions += 1;
        (self.state.pattern, self.state.chosen) = (None, Chosen::default());
        match to {
            Subscription::Topics(topics) => {
                topics.iter().for_each(|topic| self.find(Arc::clone(topic), Duration::ZERO));
                self.membership.set_interest(now(), Interest::Topics(topics));
            }
            Subscription::Pattern(pattern) => {
                self.state.pattern = Some(pattern.clone());
                self.look_for(pattern, Duration::ZERO);
            }
            Subscription::Assigned(begin) => {
                self.follow_program();
                self.begin(begin);
            }
        }
    }

    /// Looks after a while which topics there are of a pattern, unless the coordinator does.
    pub(super) fn look_for(&mut self, pattern: Pattern, wait: Duration) {
        let (asker, number) = (self.asker.clone(), self.state.subscriptions);
        let is_modern = matches!(self.membership, Membership::Modern(_));
        self.later(async move {
            sleep(wait).await;
            if is_modern {
                match asker.clone().knows_patterns().await {
                    Ok(true) => return News::Told(number, pattern),
                    // Whoever is found then may read what this client cannot.
                    Err(error) if error.is_retriable() => {
                        return News::Topics(number, pattern, Err(error));
                    }
                    // Whoever joins hears of it.
                    Ok(false) | Err(_) => {}
                }
            }
            let topics = asker.all_topics().await;
            News::Topics(number, pattern, topics)
        });
    }

    /// Takes over what the program has assigned itself. What it has unassigned stays until its
    /// marks are committed.
    fn follow_program(&mut self) {
        let assigned = self.reader.assigned();
        for of in &assigned {
            self.state.held.entry(of.clone()).or_default();
        }
        self.progress.handle_held(assigned);
    }

    /// Lets go of what the program has unassigned, if nothing of it is left to commit after a
    /// commit with these outcomes.
    pub(super) fn leave_unassigned(&mut self, outcomes: &[(TopicPartition, Result<(), Error>)]) {
        self.gather_marks();
        let assigned = self.reader.assigned();
        let (reader, progress) = (&self.reader, &self.progress);
        let is_hopeless = |of: &TopicPartition| {
            outcomes.iter().any(|(other, outcome)| {
                other == of && outcome.as_ref().is_err_and(|error| !error.is_retriable())
            })
        };
        let is_over = |of: &&TopicPartition| {
            let idle = reader.wait_for_marks(std::slice::from_ref(*of)).now_or_never();
            !assigned.contains(of) && idle.is_some() && (!progress.is_due(of) || is_hopeless(of))
        };
        let over: Vec<TopicPartition> = self.state.held.keys().filter(is_over).cloned().collect();
        over.iter().for_each(|of| drop(self.state.held.remove(of)));
        self.progress.handle_unassigned(&over);
    }

    /// These of them begin where the group has stopped.
    fn begin(&mut self, partitions: Vec<TopicPartition>) {
        if !partitions.is_empty() {
            self.progress.handle_assigned(now(), &partitions);
        }
    }

    /// Looks after a while for a topic, to tell if it is not there.
    pub(super) fn find(&mut self, topic: Arc<str>, wait: Duration) {
        let cluster = self.asker.cluster.with_own_interest();
        let number = self.state.subscriptions;
        self.later(async move {
            sleep(wait).await;
            let deadline = Instant::now() + cluster.request_timeout();
            match cluster.topic(&topic, Creation::Never, deadline).await {
                Ok(_) => News::Nothing,
                Err(error) => News::Missing(number, topic, error),
            }
        });
    }

    pub(super) fn obey(&mut self, order: Order) {
        let (what, until, reply) = match order {
            Order::Commit { what, until, reply, .. } => (what, until, reply),
            Order::Begin(partitions) => {
                self.follow_program();
                return self.begin(partitions);
            }
            // Answered at once, unless the group divides its partitions.
            Order::Pledge(plea) => {
                if let Some(generation) = plea.refused {
                    self.membership.handle_left_behind(now(), generation);
                }
                if matches!(self.membership, Membership::Alone(_)) {
                    self.follow_program();
                }
                return self.state.pleas.push(plea);
            }
        };
        if matches!(self.membership, Membership::Alone(_)) {
            self.follow_program();
        }
        if let Wanted::Marked { given } = &what {
            self.reader.mark(given);
        }
        self.gather_marks();
        if !matches!(self.membership, Membership::Alone(_)) {
            self.reader.marked_late().iter().for_each(|of| self.progress.forgo(of));
        }
        let until = until.min(self.state.closing.unwrap_or(until)).into_std();
        let number = match what {
            Wanted::These(offsets) => self.progress.commit(offsets, (now(), until)),
            Wanted::Marked { .. } => self.progress.commit_marked(now(), until),
        };
        self.state.commits.insert(number, reply);
    }

    /// Answers who asks whether what they have read is still the member's own, where that can be
    /// said now.
    pub(super) fn answer_pleas(&mut self, committer: Option<&Member>) {
        let now = Instant::now();
        let confirmed = self.membership.confirmed();
        for plea in mem::take(&mut self.state.pleas) {
            // Who was refused for this generation may ask once more if the coordinator says since
            // that it is the one of now.
            let is_confirmed = confirmed.is_some_and(|(_, asked)| asked >= plea.since.into_std());
            let newer =
                committer.filter(|member| is_confirmed || plea.refused != Some(member.generation));
            match pledge(&plea.lots, &self.state.held, newer.cloned()) {
                // Who asks may have stopped waiting.
                Some(said) => drop(plea.reply.send(said)),
                None if plea.until > now => self.state.pleas.push(plea),
                None => {}
            }
        }
    }

    pub(super) fn close(&mut self, closing: Option<Closing>) {
        let until = Instant::now() + LEAVING_MAX;
        let closing = closing.unwrap_or(Closing { farewell: Farewell::AsUsual, until });
        self.state.closing = Some(closing.until);
        if !self.membership.is_away() {
            // There is no program any more that could be late.
            self.membership.handle_pace(now(), None);
        }
        self.membership.close(now(), closing.farewell);
    }

    /// Looks at the topics that the membership must hear of.
    pub(super) fn look(&mut self) {
        let cluster = &self.asker.cluster;
        let none = BTreeSet::new();
        let watched = self.membership.watched().unwrap_or(&none);
        if *watched != self.state.watched {
            let (new, old) = (watched, &self.state.watched);
            new.difference(old).for_each(|topic| cluster.want_topic(topic, Creation::Never));
            old.difference(new).for_each(|topic| cluster.forget_topic(topic));
            self.state.watched = watched.clone();
        }
        if !self.state.watched.is_empty() {
            let names = self.state.watched.iter().map(|name| &**name);
            let topics = GroupTopics::of(&cluster.picture(), names);
            self.membership.handle_topics(now(), &topics);
        }
    }
}

/// How long a member that is dropped takes to commit and to leave.
const LEAVING_MAX: Duration = Duration::from_secs(10);
