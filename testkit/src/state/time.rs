//! Core: what is due in a cluster although nobody asks for it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::whole::State;
use crate::clock::Now;
use crate::group::TopicPartition;
use crate::transaction::Ending;

impl State {
    /// When something is due that no request asks for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let all = [self.groups.deadline(), self.transactions.deadline(), self.fencing()];
        all.into_iter().flatten().min()
    }

    /// Does what was due until now, each thing at its time.
    pub(crate) fn advance(&mut self, now: Now) {
        self.groups.handle_time(now.instant);
        while let Some(due) = self.deadline().filter(|due| *due <= now.instant) {
            self.fence(due);
            self.groups.handle_deadline(due, &self.group_topics);
            let since = i64::try_from((now.instant - due).as_millis()).unwrap_or(0);
            let at = Now { instant: due, millis: now.millis - since };
            let next = &mut self.next_producer_id;
            let fresh = || {
                *next += 1;
                *next - 1
            };
            for ending in self.transactions.handle_deadline(at, fresh) {
                self.write_markers(ending, at);
            }
            self.changes += 1;
        }
        self.expire_producers(now);
    }

    /// Lets partitions forget producers that were silent for too long at the last moment at which
    /// brokers look for them. Nobody waits for that, so it happens when next anything does.
    fn expire_producers(&mut self, now: Now) {
        let seen = *self.producers_seen.get_or_insert(now.instant);
        let since = now.instant.saturating_duration_since(seen);
        let turns = since.as_secs() / PRODUCERS_SEEN_EVERY.as_secs();
        if turns == 0 {
            return;
        }
        let latest = seen + PRODUCERS_SEEN_EVERY * u32::try_from(turns).unwrap_or(u32::MAX);
        self.producers_seen = Some(latest);
        let late = now.instant.saturating_duration_since(latest);
        let kept = i64::try_from((self.settings.producer_expiration() + late).as_millis());
        let until = now.millis.saturating_sub(kept.unwrap_or(i64::MAX));
        for topic in self.topics.values_mut() {
            topic.partitions.iter_mut().for_each(|found| found.producers.expire(until));
        }
    }

    /// Ends a transaction in all its partitions whose leader runs, and in its groups.
    fn write_markers(&mut self, ending: Ending, now: Now) {
        let Ending { id, marker, mut partitions, groups } = ending;
        if let Some(unmarked) = self.saboteur.unmarked(partitions.iter()) {
            partitions.remove(&unmarked);
        }
        let is_held = |one: &&TopicPartition| self.transactions.is_held(one);
        let held: BTreeSet<TopicPartition> = partitions.iter().filter(is_held).cloned().collect();
        let are_skipped = self.settings.skips_partitions_without_leader();
        let silent: BTreeSet<i32> = self.silent.keys().copied().collect();
        partitions.retain(|(topic, partition)| {
            if held.contains(&(topic.clone(), *partition)) {
                return true;
            }
            let parts = self.parts_mut(topic, *partition);
            let Some((config, found, codecs)) = parts else { return false };
            if found.leader.is_none() {
                return !are_skipped;
            }
            // A leader that is paused writes nothing.
            if found.leader.is_some_and(|leader| silent.contains(&leader)) {
                return true;
            }
            // A producer of a later epoch has been here: then this transaction has ended.
            let _fenced = found.end_transaction(marker, now.millis, (config, codecs));
            false
        });
        for id in &groups {
            if let Some(mut group) = self.groups.find(id) {
                group.offsets.end_transaction((marker.producer_id, marker.epoch), marker.end);
            }
        }
        self.transactions.handle_markers(now.instant, &id, partitions);
    }
}

/// How often brokers look for silent producers. Kafka: producer.id.expiration.check.interval.ms.
const PRODUCERS_SEEN_EVERY: Duration = Duration::from_secs(600);
