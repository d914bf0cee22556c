//! Core: a partition: its replicas, its leader and its log.

use kurier_protocol::ErrorCode;
use kurier_protocol::record::RecordError;

use super::lag::{Lag, Why};
use crate::clock::Now;
use crate::codecs::Codecs;
use crate::compaction::Compaction;
use crate::isolation::Isolation;
use crate::log::{Appended, Log, OutOfRange, Retention};
use crate::produced::{Checked, Refusal};
use crate::producer_state::{ProducerStates, Stranger, Verdict};
use crate::topic_config::TopicConfig;
use crate::transaction::Marker;

/// One partition of a topic. All replicas have the beginning of one log: the leader all of it,
/// those that follow it too, and those that stopped as far as they came.
#[derive(Debug)]
pub(crate) struct Partition {
    /// The brokers that hold it, the preferred leader first.
    pub(crate) replicas: Vec<i32>,
    /// Those of them that count as up to date. Kafka: ISR.
    pub(crate) in_sync: Vec<i32>,
    /// The broker that serves it, if one can.
    pub(crate) leader: Option<i32>,
    pub(crate) leader_epoch: i32,
    pub(crate) log: Log,
    pub(crate) producers: ProducerStates,
    high_watermark: i64,
    lag: Lag,
}

/// As what a broker is asked for a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It must lead.
    Leader,
    /// It may follow, too (KIP-392).
    Replica,
}

impl Partition {
    /// An empty partition on these brokers, some of which are alive.
    pub(crate) fn new(replicas: Vec<i32>, alive: &[i32]) -> Self {
        let in_sync: Vec<i32> = replicas.iter().copied().filter(|id| alive.contains(id)).collect();
        let mut lag = Lag::default();
        for &id in replicas.iter().filter(|id| !alive.contains(id)) {
            lag.stop(id, Why::Down, 0);
        }
        Self {
            leader: in_sync.first().copied(),
            // A partition whose brokers are all down keeps them as the last ones in sync.
            in_sync: if in_sync.is_empty() { replicas.clone() } else { in_sync },
            replicas,
            leader_epoch: 0,
            log: Log::new(0),
            producers: ProducerStates::default(),
            high_watermark: 0,
            lag,
        }
    }

    /// Whether this broker can answer for the partition at this epoch (-1: whatever it is).
    ///
    /// # Errors
    ///
    /// The epoch is older or newer than the partition's, or another broker must be asked.
    pub(crate) fn check_role(&self, broker: i32, epoch: i32, role: Role) -> Result<(), ErrorCode> {
        // A broker that does not hold the partition knows no epoch of it.
        let is_leader = self.leader == Some(broker);
        if !is_leader && !self.replicas.contains(&broker) {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        if epoch >= 0 && epoch < self.leader_epoch {
            return Err(ErrorCode::FENCED_LEADER_EPOCH);
        }
        if epoch > self.leader_epoch {
            return Err(ErrorCode::UNKNOWN_LEADER_EPOCH);
        }
        let may = is_leader || role == Role::Replica;
        if may { Ok(()) } else { Err(ErrorCode::NOT_LEADER_OR_FOLLOWER) }
    }

    // ---- replicas

    /// Whoever does not run falls behind, whoever runs again catches up, and if the leader is
    /// gone one of those in sync takes its place.
    pub(crate) fn elect(&mut self, alive: &[i32], config: &TopicConfig) {
        let is_alive = |id: &i32| alive.contains(id);
        for &id in self.replicas.iter().filter(|id| !is_alive(id)) {
            self.lag.stop(id, Why::Down, self.log.end());
        }
        let leader = self.leader.filter(is_alive).or_else(|| self.candidate(alive, config));
        self.set_leader(leader);
        if leader.is_some() {
            self.lag.follow_if(alive, Why::Down);
            let is_in = |id: &i32| is_alive(id) && !self.lag.is(*id, Why::Out);
            self.in_sync = self.replicas.iter().copied().filter(is_in).collect();
        }
        self.advance(config);
    }

    /// The first replica that may lead: one in sync, or any if the topic rather loses records than
    /// waits.
    fn candidate(&self, alive: &[i32], config: &TopicConfig) -> Option<i32> {
        let running = || self.replicas.iter().copied().filter(|id| alive.contains(id));
        let clean = running().find(|id| self.in_sync.contains(id));
        clean.or_else(|| running().next().filter(|_| config.elects_unclean))
    }

    /// Gives the partition another leader, or none, and the next epoch. What the new leader did
    /// not have is lost.
    pub(crate) fn set_leader(&mut self, leader: Option<i32>) {
        if self.leader == leader {
            return;
        }
        if let Some(new) = leader {
            let end = self.lag.end_of(new, self.log.end());
            self.lag.follow(new);
            if end < self.log.end() {
                self.lose_from(end);
            }
            if !self.in_sync.contains(&new) {
                self.in_sync = vec![new];
            }
        }
        self.leader = leader;
        self.next_epoch();
    }

    /// Makes these the replicas in sync: they catch up, and all others stop where they are.
    pub(crate) fn set_in_sync(&mut self, in_sync: &[i32], config: &TopicConfig) {
        for &id in &self.replicas {
            if in_sync.contains(&id) {
                self.lag.follow(id);
            } else {
                self.lag.stop(id, Why::Out, self.log.end());
            }
        }
        self.in_sync = self.replicas.iter().copied().filter(|id| in_sync.contains(id)).collect();
        self.advance(config);
    }

    /// Lets a follower stop where it is, although it is in sync: the high watermark waits for it.
    pub(crate) fn hold_follower(&mut self, broker: i32) {
        self.lag.stop(broker, Why::Held, self.log.end());
    }

    /// A broker is paused: it fetches nothing, wherever it follows or would have to.
    pub(crate) fn silence(&mut self, broker: i32) {
        if self.replicas.contains(&broker) {
            self.lag.silence(broker, self.log.end());
        }
    }

    /// A broker that was paused goes on.
    pub(crate) fn unsilence(&mut self, broker: i32, config: &TopicConfig) {
        self.lag.follow_if(&[broker], Why::Silent);
        self.advance(config);
    }

    /// Lets those catch up that were held.
    pub(crate) fn release_followers(&mut self, config: &TopicConfig) {
        self.lag.follow_all(Why::Held);
        self.advance(config);
    }

    /// The end of a replica's log. Kafka: log end offset.
    pub(crate) fn end_at(&self, broker: i32) -> i64 {
        let end = self.log.end();
        if self.leader == Some(broker) { end } else { self.lag.end_of(broker, end) }
    }

    // ---- offsets

    /// The offset up to which all replicas in sync have the log, and consumers may read it.
    pub(crate) fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Lets the high watermark go as far as all replicas in sync have come. It never goes back.
    pub(crate) fn advance(&mut self, config: &TopicConfig) {
        let is_few = self.in_sync.len() < self.in_sync_min(config);
        if self.leader.is_none() || (is_few && config.commits_strictly()) {
            return;
        }
        let ends = self.in_sync.iter().map(|&id| self.end_at(id));
        let least = ends.min().unwrap_or_else(|| self.log.end());
        self.high_watermark = self.high_watermark.max(least);
    }

    /// How many replicas must be in sync for acks=all.
    pub(crate) fn in_sync_min(&self, config: &TopicConfig) -> usize {
        // KIP-966 (3.7): more than there are need not be.
        let count = if config.commits_strictly() { self.replicas.len() } else { usize::MAX };
        config.in_sync_min.min(count)
    }

    /// Where readers of committed records stop: never before the log's start, even if records of an
    /// open transaction were deleted. Kafka: last stable offset.
    pub(crate) fn last_stable(&self) -> i64 {
        self.producers.last_stable(self.high_watermark).max(self.log.start())
    }

    /// Where such readers stop.
    pub(crate) fn readable(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::Uncommitted => self.high_watermark,
            Isolation::Committed => self.last_stable(),
        }
    }

    // ---- the log

    /// Appends what was checked.
    ///
    /// # Errors
    ///
    /// It is not the next batch of its producer, or it cannot be brought into the log.
    pub(crate) fn append(
        &mut self,
        checked: &Checked,
        (now, stranger): (Now, Stranger),
        (config, codecs): (&TopicConfig, &mut Codecs),
    ) -> Result<Appended, Refusal> {
        if let Some(sequenced) = checked.sequenced {
            match self.producers.check(sequenced, stranger) {
                Ok(Verdict::Append) => {}
                Ok(Verdict::Duplicate(known)) => {
                    return Ok(Appended {
                        base_offset: known.base_offset,
                        last_offset: known.last_offset,
                        append_time: Some(known.timestamp),
                    });
                }
                Err(code) => return Err(Refusal::new(code, "")),
            }
        }
        let append_time = config.append_time(now.millis);
        let appended = self
            .log
            .append(&checked.records, append_time, now.millis, codecs)
            .map_err(|error| Refusal::new(ErrorCode::CORRUPT_MESSAGE, error.to_string()))?;
        if let Some(sequenced) = checked.sequenced {
            let timestamp = append_time.unwrap_or(sequenced.timestamp);
            let offsets = (appended.base_offset, appended.last_offset);
            self.producers.push(sequenced, timestamp, offsets);
        }
        self.advance(config);
        Ok(appended)
    }

    /// Ends a transaction: appends the marker.
    ///
    /// # Errors
    ///
    /// A producer of a later epoch has written, or a coordinator of a later one.
    pub(crate) fn end_transaction(
        &mut self,
        marker: Marker,
        millis: i64,
        (config, codecs): (&TopicConfig, &mut Codecs),
    ) -> Result<(), ErrorCode> {
        self.producers.check_marker(marker)?;
        let appended = self.log.append(&marker.batch(millis), None, millis, codecs);
        let appended = appended.map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?;
        self.producers.push_marker(marker, (appended.base_offset, millis), self.high_watermark);
        self.advance(config);
        Ok(())
    }

    /// Forgets the records before an offset.
    ///
    /// # Errors
    ///
    /// Consumers cannot read up to there.
    pub(crate) fn raise_start(
        &mut self,
        offset: i64,
        config: &TopicConfig,
    ) -> Result<(), OutOfRange> {
        if offset > self.high_watermark {
            return Err(OutOfRange);
        }
        self.log.raise_start(offset)?;
        self.producers.forget_aborted_before(self.log.start());
        if config.forgets_producers() {
            self.producers.forget_before(self.log.start());
        }
        Ok(())
    }

    /// Forgets the records that are older or more than the topic keeps.
    pub(crate) fn apply_retention(&mut self, millis: i64, config: &TopicConfig) {
        if !config.cleanup.deletes {
            return;
        }
        let (ms, bytes) = (config.retention_ms, config.retention_bytes);
        let start = self.log.expired(Retention { millis, ms, bytes }, self.high_watermark);
        // Invariant: nothing expires beyond the high watermark.
        self.raise_start(start, config).expect("what has expired was readable");
    }

    /// Keeps the latest record of each key, as far as it is known which records stay.
    ///
    /// # Errors
    ///
    /// A batch cannot be opened.
    pub(crate) fn compact(
        &mut self,
        millis: i64,
        (config, codecs): (&TopicConfig, &mut Codecs),
    ) -> Result<(), RecordError> {
        let compaction = Compaction {
            producers: &self.producers,
            until: self.last_stable(),
            millis,
            delete_retention_ms: config.delete_retention_ms,
            marks_horizon: config.marks_horizon(),
        };
        let batches: Vec<_> = self.log.batches().map(|stored| stored.batch.clone()).collect();
        let kept = compaction.run(&batches, codecs)?;
        self.log.replace(kept);
        Ok(())
    }

    /// Loses the records from an offset on, whole batches, and begins the next epoch.
    pub(crate) fn truncate(&mut self, offset: i64) {
        self.lose_from(offset);
        self.next_epoch();
    }

    fn lose_from(&mut self, offset: i64) {
        self.log.truncate(offset);
        self.lag.truncate(self.log.end());
        self.high_watermark = self.high_watermark.min(self.log.end());
        let batches = self.log.batches().map(|stored| &stored.batch);
        self.producers.rebuild(batches, self.high_watermark);
    }

    fn next_epoch(&mut self) {
        self.leader_epoch += 1;
        self.log.begin_epoch(self.leader_epoch);
    }
}
