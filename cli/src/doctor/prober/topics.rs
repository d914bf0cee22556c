//! Questions about topics, and harmless tries where a broker does not tell what a user may do.

use bytes::{Bytes, BytesMut};
use kurier_protocol::api::fetch::{FetchPartition, FetchRequest, FetchTopic};
use kurier_protocol::api::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponsePartition, MetadataResponseTopic,
};
use kurier_protocol::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kurier_protocol::record::{BatchWriter, Magic, RecordError, RecordParts, Seal};
use kurier_protocol::{ErrorCode, Records};

use super::contacts::Contacts;
use crate::doctor::facts::{Known, Operation, Operations, Partition, Topic, Unknown};

/// These topics, or all if none is named. None of them is created by that.
pub(super) async fn topics(contacts: &mut Contacts, names: &[String]) -> Known<Vec<Topic>> {
    let make = |version| {
        let topic =
            |name: &String| MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
        // Before version 4 a question about a topic may create it.
        let topics = match (names.is_empty(), version) {
            (false, 4..) => Some(names.iter().map(topic).collect()),
            (_, 0) => Some(Vec::new()),
            _ => None,
        };
        MetadataRequest {
            topics,
            allow_auto_topic_creation: version < 4,
            include_topic_authorized_operations: version >= 8,
            ..Default::default()
        }
    };
    let (_, answer) = contacts.ask(0..=i16::MAX, make).await?;
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let topics = answer.topics.into_iter().filter_map(read);
    Ok(topics.filter(|topic| wanted(&topic.name)).collect())
}

fn read(topic: MetadataResponseTopic) -> Option<Topic> {
    let operations = match topic.topic_authorized_operations {
        NOT_TOLD => Err(Unknown::of("brokers before 2.3 do not tell")),
        bits => Ok(Operations(bits)),
    };
    let mut partitions: Vec<_> = topic.partitions.into_iter().map(partition).collect();
    partitions.sort_unstable_by_key(|partition| partition.index);
    let (name, error) = (topic.name?.to_string(), topic.error_code);
    // Brokers before 0.10 do not say which topics are Kafka's own, nor does version 0.
    let is_internal = topic.is_internal || name.starts_with("__");
    Some(Topic { name, error, is_internal, partitions, operations })
}

fn partition(partition: MetadataResponsePartition) -> Partition {
    Partition {
        index: partition.partition_index,
        leader: Some(partition.leader_id).filter(|id| *id >= 0),
        replicas: partition.replica_nodes,
        in_sync: partition.isr_nodes,
    }
}

/// What a user may do with a topic, by trying it on a partition that no topic has.
pub(super) async fn try_operations(contacts: &mut Contacts, topic: &str) -> Known<Operations> {
    let make = |version| produce(topic, NO_PARTITION, version, 0);
    let (_, answer) = contacts.ask(0..=12, make).await?;
    let codes = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
    let may_write = is_allowed(codes.map(|partition| partition.error_code))?;
    let (_, answer) = contacts.ask(0..=12, |_| fetch(topic)).await?;
    let codes = answer.responses.iter().flat_map(|topic| &topic.partitions);
    let may_read = is_allowed(codes.map(|partition| partition.error_code))?;
    let bit = |may: bool, operation: Operation| if may { 1 << operation as i32 } else { 0 };
    let described = bit(true, Operation::Describe);
    Ok(Operations(described | bit(may_write, Operation::Write) | bit(may_read, Operation::Read)))
}

/// Brokers look at rights before they look for the partition.
fn is_allowed(mut codes: impl Iterator<Item = ErrorCode>) -> Known<bool> {
    match codes.next() {
        Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED) => Ok(false),
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => Ok(true),
        Some(code) => Err(Unknown::new(format!("the broker answers {code}"))),
        None => Err(Unknown::of("the answer has no result")),
    }
}

/// A request that writes one record, if the partition is there.
pub(super) fn produce(topic: &str, index: i32, version: i16, timestamp: i64) -> ProduceRequest {
    let magic = match version {
        0..=1 => Magic::V0,
        2 => Magic::V1,
        _ => Magic::V2,
    };
    let records = Some(Records(batch(magic, timestamp).unwrap_or_default()));
    let partition_data = vec![PartitionProduceData { index, records }];
    let name = topic.into();
    let topic_data = vec![TopicProduceData { name, partition_data, ..Default::default() }];
    ProduceRequest { acks: 1, timeout_ms: 1000, topic_data, ..Default::default() }
}

fn batch(magic: Magic, timestamp: i64) -> Result<Bytes, RecordError> {
    let mut writer = BatchWriter::new(BytesMut::new(), magic, timestamp);
    let (key, value) = (None, Some(&b"kurier doctor"[..]));
    writer.append(&RecordParts { timestamp, key, value, headers: &[] })?;
    writer.seal(&Seal::default())
}

fn fetch(topic: &str) -> FetchRequest {
    let partition =
        FetchPartition { partition: NO_PARTITION, partition_max_bytes: 1, ..Default::default() };
    let topic =
        FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() };
    FetchRequest { max_bytes: 1, topics: vec![topic], ..Default::default() }
}

/// The highest number there is: no topic has so many.
const NO_PARTITION: i32 = i32::MAX;
const NOT_TOLD: i32 = i32::MIN;
