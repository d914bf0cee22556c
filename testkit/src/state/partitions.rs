//! Core: the partitions of a cluster, as whoever asks may see and change them.

use kurier_protocol::ErrorCode;

use super::partition::{Partition, Role};
use super::whole::State;
use crate::codecs::Codecs;
use crate::log::OutOfRange;
use crate::topic_config::TopicConfig;

impl State {
    /// A partition, whoever leads it.
    pub(crate) fn partition(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.topic(topic)?.partition(partition)
    }

    /// A partition, whoever leads it, to be changed.
    pub(crate) fn partition_mut(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        let index = usize::try_from(partition).ok()?;
        let found = self.topics.get_mut(topic)?.partitions.get_mut(index)?;
        self.changes += 1;
        Some(found)
    }

    /// A partition that the broker leads, and whose leader epoch the client knows (-1: it does not
    /// say).
    ///
    /// # Errors
    ///
    /// There is no such partition, another broker leads it, or the client's epoch is another one.
    pub(crate) fn led(
        &self,
        broker: i32,
        topic: &str,
        partition: i32,
        epoch: i32,
    ) -> Result<&Partition, ErrorCode> {
        self.held(broker, (topic, partition), epoch, Role::Leader)
    }

    /// A partition that the broker holds in this role, as [`led`](Self::led).
    ///
    /// # Errors
    ///
    /// The same.
    pub(crate) fn held(
        &self,
        broker: i32,
        (topic, partition): (&str, i32),
        epoch: i32,
        role: Role,
    ) -> Result<&Partition, ErrorCode> {
        let found =
            self.partition(topic, partition).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        found.check_role(broker, epoch, role)?;
        Ok(found)
    }

    /// A partition together with its topic's settings and the codecs, to be written to. Whoever has
    /// written says so with [`push_change`](Self::push_change): a refused request changes nothing.
    pub(crate) fn parts_mut(
        &mut self,
        topic: &str,
        partition: i32,
    ) -> Option<(&TopicConfig, &mut Partition, &mut Codecs)> {
        let topic = self.topics.get_mut(topic)?;
        let partition = topic.partitions.get_mut(usize::try_from(partition).ok()?)?;
        Some((&topic.config, partition, &mut self.codecs))
    }

    /// A partition together with its topic's settings and the codecs, to be searched.
    pub(crate) fn parts(
        &mut self,
        topic: &str,
        partition: i32,
    ) -> Option<(&TopicConfig, &Partition, &mut Codecs)> {
        let topic = self.topics.get(topic)?;
        Some((&topic.config, topic.partition(partition)?, &mut self.codecs))
    }

    /// Deletes the records before an offset.
    ///
    /// # Errors
    ///
    /// There is no such partition, or the offset is beyond its high watermark.
    pub(crate) fn set_log_start(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<(), ErrorCode> {
        let (config, found, _) =
            self.parts_mut(topic, partition).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        found.raise_start(offset, config).map_err(|OutOfRange| ErrorCode::OFFSET_OUT_OF_RANGE)?;
        self.push_change();
        Ok(())
    }
}
