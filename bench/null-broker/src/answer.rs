//! What is answered: enough for a client that produces, or reads partitions that it was given.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use kurier_protocol::api::api_versions::{ApiVersion, ApiVersionsResponse};
use kurier_protocol::api::fetch::{
    FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use kurier_protocol::api::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use kurier_protocol::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use kurier_protocol::api::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use kurier_protocol::api::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use kurier_protocol::api::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use kurier_protocol::frame::{self, Segments};
use kurier_protocol::header::RequestHeader;
use kurier_protocol::record::{RecordBatch, RecordBatches};
use kurier_protocol::{ApiKey, Bytes, ErrorCode, Records, Request, Str, decode};

use crate::topic::{Limit, Topic};

/// Names of topics, not ids, in all of them.
const APIS: [(ApiKey, RangeInclusive<i16>); 7] = [
    (ApiKey::PRODUCE, 3..=11),
    (ApiKey::FETCH, 4..=12),
    (ApiKey::LIST_OFFSETS, 1..=7),
    (ApiKey::METADATA, 0..=9),
    (ApiKey::FIND_COORDINATOR, 0..=4),
    (ApiKey::API_VERSIONS, 0..=3),
    (ApiKey::INIT_PRODUCER_ID, 0..=4),
];

/// The broker.
pub struct Broker {
    port: u16,
    /// How much later a Fetch is answered.
    delay: Duration,
    topics: Mutex<HashMap<Str, Option<Arc<Topic>>>>,
    producers: AtomicI64,
    /// How often something was appended to a log.
    appended: (Mutex<u64>, Condvar),
    /// The next sequence of each producer in each partition, if batches are looked at.
    sequences: Option<Mutex<HashMap<(i64, Str, i32), i32>>>,
}

impl Broker {
    pub fn new(port: u16, validates: bool, delay: Duration) -> Self {
        Self {
            port,
            delay,
            topics: Mutex::default(),
            producers: AtomicI64::new(1000),
            appended: Default::default(),
            sequences: validates.then(Mutex::default),
        }
    }

    /// The answer to a request; none if it wants none.
    ///
    /// # Errors
    ///
    /// The request cannot be answered, and the connection ends.
    pub fn answer(&self, request: &Bytes) -> Result<Option<Segments>, String> {
        let (header, body) = frame::open_request(request).map_err(|error| error.to_string())?;
        let key = ApiKey(header.request_api_key);
        let known = APIS.iter().find(|(known, _)| *known == key);
        let speaks = known.is_some_and(|(_, range)| range.contains(&header.request_api_version));
        match key {
            ApiKey::API_VERSIONS => versions(&header, speaks).map(Some),
            _ if !speaks => Err(format!("{key} version {}", header.request_api_version)),
            ApiKey::PRODUCE => respond(&header, &body, |r: &ProduceRequest| self.produce(r)),
            ApiKey::FETCH => respond(&header, &body, |r: &FetchRequest| Some(self.fetch(r))),
            ApiKey::LIST_OFFSETS => {
                respond(&header, &body, |r: &ListOffsetsRequest| Some(self.offsets(r)))
            }
            ApiKey::METADATA => {
                respond(&header, &body, |r: &MetadataRequest| Some(self.metadata(r)))
            }
            ApiKey::FIND_COORDINATOR => respond(&header, &body, |r| Some(self.coordinator(r))),
            _ => respond(&header, &body, |_: &InitProducerIdRequest| {
                let producer_id = self.producers.fetch_add(1, Ordering::Relaxed);
                Some(InitProducerIdResponse { producer_id, ..Default::default() })
            }),
        }
    }

    fn produce(&self, request: &ProduceRequest) -> Option<ProduceResponse> {
        let responses = request.topic_data.iter().map(|data| {
            let topic = self.topic(&data.name);
            let partitions = data.partition_data.iter().map(|part| {
                let records = part.records.clone().unwrap_or_default();
                let appended = self.append(topic.as_deref(), &data.name, part.index, records);
                let (error_code, base_offset) = match appended {
                    Ok(offset) => (ErrorCode::NONE, offset),
                    Err(code) => (code, -1),
                };
                let index = part.index;
                PartitionProduceResponse { index, error_code, base_offset, ..Default::default() }
            });
            let partition_responses = partitions.collect();
            let name = data.name.clone();
            TopicProduceResponse { name, partition_responses, ..Default::default() }
        });
        let responses = responses.collect();
        (request.acks != 0).then(|| ProduceResponse { responses, ..Default::default() })
    }

    fn append(
        &self,
        topic: Option<&Topic>,
        name: &Str,
        index: i32,
        Records(records): Records,
    ) -> Result<i64, ErrorCode> {
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let topic = topic.ok_or(unknown)?;
        let slot = usize::try_from(index).map_err(|_| unknown)?;
        let partition = topic.partitions.get(slot).ok_or(unknown)?;
        let mut first = None;
        for batch in RecordBatches::new(records) {
            let batch = batch.map_err(|_| ErrorCode::CORRUPT_MESSAGE)?;
            self.check(&batch, name, index).map_err(|(code, why)| {
                eprintln!("null-broker: {name} {index}: {why}");
                code
            })?;
            let offset = topic.append(partition, &batch);
            first.get_or_insert(offset);
        }
        if topic.is_log {
            *self.appended.0.lock().expect("nobody panics with it in hand") += 1;
            self.appended.1.notify_all();
        }
        first.ok_or(ErrorCode::INVALID_RECORD)
    }

    fn check(
        &self,
        batch: &RecordBatch,
        name: &Str,
        index: i32,
    ) -> Result<(), (ErrorCode, String)> {
        let Some(sequences) = &self.sequences else { return Ok(()) };
        batch.check_crc().map_err(|error| (ErrorCode::CORRUPT_MESSAGE, error.to_string()))?;
        let count = batch.record_count().unwrap_or(0);
        let offsets = batch.last_offset() - batch.base_offset() + 1;
        if i64::from(count) != offsets {
            let why = format!("{count} records and {offsets} offsets");
            return Err((ErrorCode::INVALID_RECORD, why));
        }
        if batch.producer_id() >= 0 {
            let found = batch.base_sequence();
            let key = (batch.producer_id(), name.clone(), index);
            let mut sequences = sequences.lock().expect("nobody panics with it in hand");
            let next = sequences.entry(key).or_insert(0);
            if *next != found {
                let why = format!("sequence {found} in place of {next}");
                return Err((ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, why));
            }
            *next = batch.last_sequence().wrapping_add(1) & i32::MAX;
        }
        Ok(())
    }

    /// Waits for records as long as the request lets it.
    fn fetch(&self, request: &FetchRequest) -> FetchResponse {
        let until = Instant::now() + millis(request.max_wait_ms);
        thread::sleep(self.delay);
        loop {
            let seen = *self.appended.0.lock().expect("nobody panics with it in hand");
            let response = self.fetch_now(request);
            let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
            let mut bytes = partitions.map(|part| part.records.as_ref().map_or(0, |r| r.0.len()));
            let left = until.saturating_duration_since(Instant::now());
            if bytes.any(|bytes| bytes > 0) || left.is_zero() {
                return response;
            }
            let now = self.appended.0.lock().expect("nobody panics with it in hand");
            // Which partition it was does not matter: the loop looks again.
            let _ = self.appended.1.wait_timeout_while(now, left, |now| *now == seen);
        }
    }

    fn fetch_now(&self, request: &FetchRequest) -> FetchResponse {
        let mut left = usize::try_from(request.max_bytes).unwrap_or(0);
        let mut is_first = true;
        let responses = request.topics.iter().map(|asked| {
            let topic = self.topic(&asked.topic);
            let partitions = asked.partitions.iter().map(|part| {
                let index = part.partition;
                let place = usize::try_from(index).ok();
                let found = topic.as_ref().and_then(|t| Some((t, t.partitions.get(place?)?)));
                let Some((topic, partition)) = found else {
                    return failed(index, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
                };
                let bytes = usize::try_from(part.partition_max_bytes).unwrap_or(0).min(left);
                let limit = Limit { bytes, is_first };
                let read = topic.read(partition, part.fetch_offset, limit);
                let Some(records) = read.records else {
                    return failed(index, ErrorCode::OFFSET_OUT_OF_RANGE);
                };
                left = left.saturating_sub(records.len());
                is_first &= records.is_empty();
                PartitionData {
                    partition_index: index,
                    high_watermark: read.end,
                    last_stable_offset: read.end,
                    log_start_offset: read.start,
                    records: Some(Records(records)),
                    ..Default::default()
                }
            });
            let partitions = partitions.collect();
            FetchableTopicResponse { topic: asked.topic.clone(), partitions, ..Default::default() }
        });
        FetchResponse { responses: responses.collect(), ..Default::default() }
    }

    fn offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let topics = request.topics.iter().map(|asked| {
            let topic = self.topic(&asked.name);
            let partitions = asked.partitions.iter().map(|part| {
                let index = part.partition_index;
                let place = usize::try_from(index).ok();
                let found = topic.as_ref().and_then(|t| Some((t, t.partitions.get(place?)?)));
                let read = found.map(|(topic, partition)| topic.read(partition, 0, NOTHING));
                let at = |read: crate::topic::Read| match part.timestamp {
                    EARLIEST => read.start,
                    _ => read.end,
                };
                ListOffsetsPartitionResponse {
                    partition_index: index,
                    offset: read.map_or(-1, at),
                    ..Default::default()
                }
            });
            let partitions = partitions.collect();
            ListOffsetsTopicResponse { name: asked.name.clone(), partitions }
        });
        ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let names = request.topics.iter().flatten().filter_map(|topic| topic.name.clone());
        let topics = names.map(|name| {
            let found = self.topic(&name);
            let count = found.as_ref().map_or(0, |topic| topic.partitions.len());
            let partitions = (0..).take(count).map(|partition_index| MetadataResponsePartition {
                partition_index,
                leader_id: BROKER,
                leader_epoch: 0,
                replica_nodes: vec![BROKER],
                isr_nodes: vec![BROKER],
                ..Default::default()
            });
            let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            let error_code = if found.is_some() { ErrorCode::NONE } else { unknown };
            let partitions = partitions.collect();
            MetadataResponseTopic { error_code, name: Some(name), partitions, ..Default::default() }
        });
        let broker = MetadataResponseBroker {
            node_id: BROKER,
            host: HOST.into(),
            port: self.port.into(),
            ..Default::default()
        };
        MetadataResponse {
            brokers: vec![broker],
            cluster_id: Some("null-broker".into()),
            controller_id: BROKER,
            topics: topics.collect(),
            ..Default::default()
        }
    }

    /// Of any group, which none of the clients joins.
    fn coordinator(&self, request: &FindCoordinatorRequest) -> FindCoordinatorResponse {
        let (node_id, host, port) = (BROKER, Str::from(HOST), self.port.into());
        if request.coordinator_keys.is_empty() {
            return FindCoordinatorResponse { node_id, host, port, ..Default::default() };
        }
        let each = request.coordinator_keys.iter().map(|key| {
            let (key, host) = (key.clone(), host.clone());
            Coordinator { key, node_id, host, port, ..Default::default() }
        });
        FindCoordinatorResponse { coordinators: each.collect(), ..Default::default() }
    }

    fn topic(&self, name: &Str) -> Option<Arc<Topic>> {
        let mut topics = self.topics.lock().expect("nobody panics with it in hand");
        if let Some(known) = topics.get(name) {
            return known.clone();
        }
        let topic = Topic::new(name).map(Arc::new);
        // The key must not hold the buffer of a whole request.
        topics.insert(name.as_str().into(), topic.clone());
        topic
    }
}

fn respond<R: Request>(
    header: &RequestHeader,
    body: &Bytes,
    answer: impl FnOnce(&R) -> Option<R::Response>,
) -> Result<Option<Segments>, String> {
    let version = header.request_api_version;
    let request = decode(body, version).map_err(|error| error.to_string())?;
    let Some(response) = answer(&request) else { return Ok(None) };
    let framed = frame::response(R::KEY, &response, version, header.correlation_id);
    framed.map(Some).map_err(|error| error.to_string())
}

/// A version that is not spoken is answered in the first one (KIP-511).
fn versions(header: &RequestHeader, speaks: bool) -> Result<Segments, String> {
    let api_keys = APIS.iter().map(|(key, range)| ApiVersion {
        api_key: *key,
        min_version: *range.start(),
        max_version: *range.end(),
    });
    let (version, error_code) = match speaks {
        true => (header.request_api_version, ErrorCode::NONE),
        false => (0, ErrorCode::UNSUPPORTED_VERSION),
    };
    let response =
        ApiVersionsResponse { error_code, api_keys: api_keys.collect(), ..Default::default() };
    let framed = frame::response(ApiKey::API_VERSIONS, &response, version, header.correlation_id);
    framed.map_err(|error| error.to_string())
}

fn failed(partition_index: i32, error_code: ErrorCode) -> PartitionData {
    PartitionData { partition_index, error_code, high_watermark: -1, ..Default::default() }
}

fn millis(count: i32) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}

const NOTHING: Limit = Limit { bytes: 0, is_first: false };
const BROKER: i32 = 1;
const HOST: &str = "127.0.0.1";
/// As the timestamp of ListOffsets.
const EARLIEST: i64 = -2;
