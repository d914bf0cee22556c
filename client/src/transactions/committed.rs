//! OffsetFetch: what a group has committed, and whether that is certain yet.

use std::ops::RangeInclusive;
use std::sync::Arc;

use kurier_protocol::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::handle::Transactions;
use super::offsets::GroupOffset;
use super::outcome::{PartitionOutcome, TopicPartition};
use super::rounds::{self, Question, Said, Whom, by_topic, part_of};
use crate::metadata::KeyType;
use crate::offsets::Isolation;

impl Transactions {
    /// What a group has committed of these partitions; none where it has committed nothing. It need
    /// not be a group of this program's: what is missing to the [end](crate::offsets::Offsets::at)
    /// of a partition is the group's lag. In order of topics and partitions, each once. With
    /// [`Isolation::ReadCommitted`] it waits for the end of transactions that may still change an
    /// offset (KIP-447).
    ///
    /// # Errors
    ///
    /// In each outcome: UNSTABLE_OFFSET_COMMIT if such a transaction is still open after the
    /// request timeout, [`Error::Unsupported`](crate::Error) for `ReadCommitted` before Kafka 2.5,
    /// and whatever a broker said last when time ran out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops it; nothing is changed by it.
    pub async fn committed_offsets<T: Into<Arc<str>>>(
        &self,
        group_id: &str,
        isolation: Isolation,
        partitions: impl IntoIterator<Item = (T, i32)>,
    ) -> Vec<PartitionOutcome<Option<GroupOffset>>> {
        let is_stable = isolation == Isolation::ReadCommitted;
        let fetch = OffsetQuestion { group: group_id.into(), is_stable };
        rounds::run(&self.cluster, Whom::Coordinator(KeyType::Group, group_id), &fetch, partitions)
            .await
    }
}

/// What is asked of a group's offsets.
#[derive(Clone, Debug)]
pub(crate) struct OffsetQuestion {
    pub(crate) group: Str,
    /// Whether only what no open transaction may still change (KIP-447).
    pub(crate) is_stable: bool,
}

impl Question for OffsetQuestion {
    type Request = OffsetFetchRequest;
    type Found = Option<GroupOffset>;

    fn versions(&self) -> RangeInclusive<i16> {
        Self::VERSIONS
    }

    fn request(&self, partitions: &[TopicPartition], version: i16) -> OffsetFetchRequest {
        self.ask(partitions, version)
    }

    fn read(
        &self,
        of: &TopicPartition,
        version: i16,
        response: &OffsetFetchResponse,
    ) -> Option<Said<Option<GroupOffset>>> {
        let (code, found) = self.found(of, version, response)?;
        Some(Said { code, words: None, found })
    }
}

impl OffsetQuestion {
    /// Version 0 is about `ZooKeeper`; later ones than 9 name topics by their ids.
    pub(crate) const VERSIONS: RangeInclusive<i16> = 1..=9;

    /// The request about these partitions, which are in order.
    pub(crate) fn ask(&self, partitions: &[TopicPartition], version: i16) -> OffsetFetchRequest {
        let require_stable = self.is_stable;
        if version < MANY_GROUPS_SINCE {
            let topic =
                |name, partition_indexes| OffsetFetchRequestTopic { name, partition_indexes };
            return OffsetFetchRequest {
                group_id: self.group.clone(),
                topics: Some(by_topic(partitions, topic)),
                require_stable,
                ..Default::default()
            };
        }
        let topic = |name, partition_indexes| OffsetFetchRequestTopics {
            name,
            partition_indexes,
            ..Default::default()
        };
        let group = OffsetFetchRequestGroup {
            group_id: self.group.clone(),
            topics: Some(by_topic(partitions, topic)),
            ..Default::default()
        };
        OffsetFetchRequest { groups: vec![group], require_stable, ..Default::default() }
    }

    /// What an answer says of a partition, if anything.
    pub(crate) fn found(
        &self,
        of: &TopicPartition,
        version: i16,
        response: &OffsetFetchResponse,
    ) -> Option<(ErrorCode, Option<GroupOffset>)> {
        if version < MANY_GROUPS_SINCE {
            if !response.error_code.is_ok() {
                return Some((response.error_code, None));
            }
            let topics = response.topics.iter().map(|topic| (&topic.name, &topic.partitions));
            let found = part_of(of, topics, |found| found.partition_index)?;
            let (epoch, text) = (found.committed_leader_epoch, found.metadata.as_deref());
            return Some(said(of, found.error_code, found.committed_offset, (epoch, text)));
        }
        let group = response.groups.iter().find(|found| found.group_id == self.group)?;
        if !group.error_code.is_ok() {
            return Some((group.error_code, None));
        }
        let topics = group.topics.iter().map(|topic| (&topic.name, &topic.partitions));
        let found = part_of(of, topics, |found| found.partition_index)?;
        let (epoch, text) = (found.committed_leader_epoch, found.metadata.as_deref());
        Some(said(of, found.error_code, found.committed_offset, (epoch, text)))
    }
}

fn said(
    (topic, partition): &TopicPartition,
    code: ErrorCode,
    offset: i64,
    (leader_epoch, metadata): (i32, Option<&str>),
) -> (ErrorCode, Option<GroupOffset>) {
    let found = GroupOffset {
        topic: Arc::clone(topic),
        partition: *partition,
        offset,
        leader_epoch,
        metadata: metadata.unwrap_or_default().to_owned(),
    };
    (code, (offset >= 0).then_some(found))
}

/// The first version that asks about several groups.
const MANY_GROUPS_SINCE: i16 = 8;
