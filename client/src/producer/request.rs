//! Core: the batches of one Produce request, and the versions in which it can be sent.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use kurier_protocol::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kurier_protocol::record::{Compression, Magic};
use kurier_protocol::{Records, Uuid};

use super::config::Acks;
use super::sealed::Sealed;

/// A batch and where it goes.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The partition's number among all partitions of this producer.
    pub(crate) slot: usize,
    pub(crate) topic: Arc<str>,
    pub(crate) topic_id: Uuid,
    pub(crate) index: i32,
    pub(crate) sealed: Sealed,
}

/// A request in the making: at most one batch of each partition.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    bytes: usize,
    batches: Vec<Loaded>,
}

impl Assembly {
    /// Whether a batch of these bytes still goes in. The first one always does.
    pub(crate) fn fits(&self, bytes: usize, request_bytes_max: usize) -> bool {
        self.batches.is_empty() || self.bytes + bytes <= request_bytes_max
    }

    pub(crate) fn push(&mut self, loaded: Loaded) {
        self.bytes += loaded.sealed.bytes.len();
        self.batches.push(loaded);
    }

    /// Whether the id of every topic is known.
    pub(crate) fn has_topic_ids(&self) -> bool {
        self.batches.iter().all(|loaded| loaded.topic_id != Uuid::ZERO)
    }

    /// The request, and its batches in the same order.
    pub(crate) fn finish(mut self, acks: Acks, timeout: Duration) -> (ProduceRequest, Vec<Loaded>) {
        self.batches.sort_by(|a, b| a.topic.cmp(&b.topic));
        let mut topic_data: Vec<TopicProduceData> = Vec::new();
        for loaded in &mut self.batches {
            loaded.sealed.note_sent();
            let records = Some(Records(loaded.sealed.bytes.clone()));
            let data = PartitionProduceData { index: loaded.index, records };
            match topic_data.last_mut() {
                Some(topic) if *topic.name == *loaded.topic => topic.partition_data.push(data),
                _ => topic_data.push(TopicProduceData {
                    name: (&*loaded.topic).into(),
                    topic_id: loaded.topic_id,
                    partition_data: vec![data],
                }),
            }
        }
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let acks = acks.number();
        let request = ProduceRequest { transactional_id: None, acks, timeout_ms, topic_data };
        (request, self.batches)
    }
}

/// Whether each batch of a request was written, or taken back before that. Sender and connection
/// agree on it without a lock: who comes first decides, and the other one obeys.
#[derive(Debug)]
pub(crate) struct Gates(Box<[AtomicU8]>);

impl Gates {
    pub(crate) fn new(batches: usize) -> Arc<Self> {
        Arc::new(Self((0..batches).map(|_| AtomicU8::new(WAITS)).collect()))
    }

    /// Takes back the batch at this place; false if it may be written already.
    pub(crate) fn withdraw(&self, index: usize) -> bool {
        self.0.get(index).is_some_and(|gate| decide(gate, WITHDRAWN))
    }

    /// The request as it is written: without what was taken back.
    pub(crate) fn pass(&self, mut request: ProduceRequest) -> ProduceRequest {
        let mut gates = self.0.iter();
        for topic in &mut request.topic_data {
            topic.partition_data.retain(|_| gates.next().is_none_or(|gate| decide(gate, WRITTEN)));
        }
        request.topic_data.retain(|topic| !topic.partition_data.is_empty());
        request
    }
}

fn decide(gate: &AtomicU8, to: u8) -> bool {
    gate.compare_exchange(WAITS, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
}

const WAITS: u8 = 0;
const WRITTEN: u8 = 1;
const WITHDRAWN: u8 = 2;

/// The format that goes with a version of Produce.
pub(crate) fn magic_of(produce_version: i16) -> Magic {
    match produce_version {
        ..=1 => Magic::V0,
        2 => Magic::V1,
        _ => Magic::V2,
    }
}

/// The versions in which batches of this format and codec can be sent.
pub(crate) fn versions(
    magic: Magic,
    compression: Compression,
    assembly: &Assembly,
) -> RangeInclusive<i16> {
    match magic {
        Magic::V0 => 0..=1,
        Magic::V1 => 2..=2,
        Magic::V2 => {
            let low = if compression == Compression::Zstd { ZSTD_SINCE } else { 3 };
            // From version 13 on topics go by id.
            low..=if assembly.has_topic_ids() { 13 } else { 12 }
        }
    }
}

/// The version of Produce since which batches may be compressed with zstd (KIP-110).
pub(crate) const ZSTD_SINCE: i16 = 7;
