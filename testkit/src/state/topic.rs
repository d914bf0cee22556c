//! Core: a topic, and where a new one's partitions lie.

use std::collections::BTreeMap;

use kurier_protocol::{ErrorCode, Uuid};

use super::broker::Broker;
use super::partition::Partition;
use super::settings::Settings;
use crate::limits::PARTITIONS_MAX;
use crate::topic_config::TopicConfig;

/// One topic.
#[derive(Debug)]
pub(crate) struct Topic {
    /// Zero where the release has no topic ids.
    pub(crate) id: Uuid,
    pub(crate) config: TopicConfig,
    pub(crate) partitions: Vec<Partition>,
}

impl Topic {
    /// One of its partitions.
    pub(crate) fn partition(&self, partition: i32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(partition).ok()?)
    }

    /// Its partitions with their numbers.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (i32, &Partition)> {
        (0i32..).zip(&self.partitions)
    }

    /// Changes one setting.
    ///
    /// # Errors
    ///
    /// As [`TopicConfig::set`].
    pub(crate) fn set_config(&mut self, name: &str, value: &str) -> Result<(), String> {
        self.config.set(name, value)?;
        self.apply_config();
        Ok(())
    }

    /// Lets changed settings take effect: fewer replicas may be enough now.
    pub(crate) fn apply_config(&mut self) {
        for partition in &mut self.partitions {
            partition.advance(&self.config);
        }
    }

    /// How many brokers hold a partition.
    pub(crate) fn replication(&self) -> i16 {
        let count = self.partitions.first().map_or(0, |partition| partition.replicas.len());
        i16::try_from(count).unwrap_or(i16::MAX)
    }
}

/// A topic that is to be created.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NewTopic<'a> {
    pub(crate) name: &'a str,
    /// -1 for the default.
    pub(crate) partitions: i32,
    /// -1 for the default.
    pub(crate) replication: i16,
    /// The replicas of each partition, if the client has chosen them.
    pub(crate) assignments: Option<&'a [Vec<i32>]>,
    pub(crate) configs: &'a [(String, String)],
}

type Place = Result<Vec<Vec<i32>>, (ErrorCode, String)>;

impl NewTopic<'_> {
    /// The replicas of each partition. Leaders go round the brokers, beginning at `turn`; no more
    /// than `left` partitions are placed.
    pub(super) fn place(
        &self,
        brokers: &BTreeMap<i32, Broker>,
        settings: &Settings,
        (turn, left): (u64, usize),
    ) -> Place {
        if let Some(assignments) = self.assignments {
            check_room(assignments.len(), left)?;
            return check_assignments(assignments, brokers);
        }
        let count = match self.partitions {
            -1 => settings.partitions_default,
            count => count,
        };
        if count < 1 {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return Err((ErrorCode::INVALID_PARTITIONS, message.to_owned()));
        }
        check_room(usize::try_from(count).unwrap_or(usize::MAX), left)?;
        let replication = match self.replication {
            -1 => settings.replication_default,
            replication => replication,
        };
        let alive: Vec<i32> =
            brokers.iter().filter(|(_, broker)| broker.is_alive).map(|(id, _)| *id).collect();
        let width = usize::try_from(replication).unwrap_or(0);
        if width == 0 {
            let message =
                "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err((ErrorCode::INVALID_REPLICATION_FACTOR, message.to_owned()));
        }
        if width > alive.len() {
            let message = format!(
                "Unable to replicate the partition {replication} time(s): The target replication \
                 factor of {replication} cannot be reached because only {} broker(s) are \
                 registered or some brokers have all their log directories cordoned.",
                alive.len()
            );
            return Err((ErrorCode::INVALID_REPLICATION_FACTOR, message));
        }
        let turn = usize::try_from(turn).unwrap_or(0);
        let ring = |from: usize| alive.iter().cycle().skip(from % alive.len()).take(width);
        Ok((0usize..).zip(0..count).map(|(p, _)| ring(turn + p).copied().collect()).collect())
    }
}

fn check_room(partitions: usize, left: usize) -> Result<(), (ErrorCode, String)> {
    if partitions <= left {
        return Ok(());
    }
    let message = format!(
        "A cluster in memory has at most {PARTITIONS_MAX} partitions: there is room for {left} \
         more, not for {partitions}."
    );
    Err((ErrorCode::POLICY_VIOLATION, message))
}

fn check_assignments(assignments: &[Vec<i32>], brokers: &BTreeMap<i32, Broker>) -> Place {
    let width = assignments.first().map_or(0, Vec::len);
    for replicas in assignments {
        let mut sorted = replicas.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let missing = replicas.iter().find(|id| !brokers.contains_key(id));
        let reason = if replicas.is_empty() || sorted.len() != replicas.len() {
            "The manual partition assignment is empty or names a broker twice.".to_owned()
        } else if replicas.len() != width {
            "The manual partition assignment has partitions of different replication factors."
                .to_owned()
        } else if let Some(missing) = missing {
            format!(
                "The manual partition assignment includes broker {missing}, but no such broker is \
                 registered."
            )
        } else {
            continue;
        };
        return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, reason));
    }
    Ok(assignments.to_vec())
}
