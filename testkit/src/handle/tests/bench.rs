//! A cluster whose clock the test moves, and records to feed it with.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kurier_protocol::api::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData,
};
use kurier_protocol::api::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use kurier_protocol::record::{
    BatchWriter, Compression, Header, Magic, RecordBatches, RecordParts, Seal,
};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Records, Request, Uuid, decode, frame};

use crate::clock::Now;
use crate::group::GroupSettings;
use crate::handle::{Context, Opened, Step, open};
use crate::limits::{CONNECTION_IDLE_MAX, FETCH_BYTES_MAX};
use crate::state::{
    Advertised, BROKER_SESSION, Ids, ListenerId, NewTopic, Settings, State, UPKEEP_INTERVAL,
};
use crate::transaction::TransactionSettings;

/// A cluster of three brokers with topic `t` of three partitions, led by brokers 1, 2 and 3.
pub(super) struct Bench {
    pub(super) state: State,
    pub(super) now: Now,
    /// Bytes that an answer to a fetch may have, its first batch apart.
    pub(super) fetch_bytes_max: usize,
    calls: u64,
    /// The requests that wait, by number.
    waiting: BTreeMap<u64, Opened>,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Fate<A> {
    Answered(A),
    Waits(Duration),
    Silent,
    Closed,
}

impl<A> Fate<A> {
    #[track_caller]
    pub(super) fn answer(self) -> A {
        match self {
            Self::Answered(answer) => answer,
            Self::Waits(_) => panic!("it waits"),
            Self::Silent => panic!("it is silent"),
            Self::Closed => panic!("the connection was closed"),
        }
    }
}

impl Bench {
    pub(super) fn new(release: Release) -> Self {
        let settings = Settings {
            release,
            spoken: release.into(),
            auto_create: true,
            partitions_default: 2,
            replication_default: 3,
            advertised: Advertised::default(),
            fetch_sessions_max: 1000,
            broker_session: BROKER_SESSION,
            connection_idle_max: CONNECTION_IDLE_MAX,
            has_rack_selector: false,
            upkeep_interval: UPKEEP_INTERVAL,
            ids: Ids::fixed(),
            groups: GroupSettings::DEFAULT,
            transactions: TransactionSettings::DEFAULT,
        };
        let mut bench = Self {
            state: State::new(settings, 3),
            now: Now { instant: instant(), millis: MILLIS },
            fetch_bytes_max: FETCH_BYTES_MAX,
            calls: 0,
            waiting: BTreeMap::new(),
        };
        bench.add_topic("t", &[]);
        bench
    }

    pub(super) fn add_topic(&mut self, name: &str, configs: &[(&str, &str)]) {
        let configs: Vec<_> =
            configs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let new =
            NewTopic { name, partitions: 3, replication: 3, assignments: None, configs: &configs };
        let topic = self.state.plan_topic(&new).unwrap();
        self.state.add_topic(name, topic);
    }

    /// Sends a request that a broker has just got.
    pub(super) fn call<R: Request>(
        &mut self,
        broker: i32,
        version: i16,
        request: &R,
    ) -> Fate<R::Response> {
        self.call_again(broker, version, request, Duration::ZERO)
    }

    /// Sends a request that a broker got a while ago.
    pub(super) fn call_again<R: Request>(
        &mut self,
        broker: i32,
        version: i16,
        request: &R,
        ago: Duration,
    ) -> Fate<R::Response> {
        let call = self.new_call();
        self.poll(broker, version, (request, call), ago)
    }

    /// A number for a request, under which it waits.
    pub(super) fn new_call(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }

    /// Handles a request for the first time, or again if it has waited under this number.
    pub(super) fn poll<R: Request>(
        &mut self,
        broker: i32,
        version: i16,
        (request, call): (&R, u64),
        ago: Duration,
    ) -> Fate<R::Response> {
        self.state.advance(self.now);
        let bytes = frame::request(request, version, 7, Some("test")).unwrap().to_bytes();
        let opened = self.waiting.remove(&call).map(Ok);
        let opened = opened.unwrap_or_else(|| open(self.state.spoken(broker), &bytes.slice(4..)));
        let Ok(mut opened) = opened else { return Fate::Closed };
        let new = Context::new(&opened.header, (broker, ListenerId::MEMORY), self.now);
        let since = self.now.instant - ago;
        let fetch_bytes_max = self.fetch_bytes_max;
        let context = Context { since, fetch_bytes_max, ..new };
        match opened.pending.poll(&mut self.state, &context) {
            Step::Wait(until) => {
                self.waiting.insert(call, opened);
                Fate::Waits(until - self.now.instant)
            }
            Step::Silence => Fate::Silent,
            Step::Close(_) => Fate::Closed,
            Step::Answer(segments) | Step::Last(segments, _) => {
                let answer = segments.to_bytes().slice(4..);
                let (id, body) = frame::open_response(R::KEY, version, &answer).unwrap();
                assert_eq!(id, 7);
                Fate::Answered(decode::<R::Response>(&body, version).unwrap())
            }
        }
    }

    /// Moves the clocks.
    pub(super) fn pass(&mut self, by: Duration) {
        self.now.instant += by;
        self.now.millis += i64::try_from(by.as_millis()).unwrap();
        self.state.advance(self.now);
    }

    /// Sends records to a partition of a topic at its leader.
    pub(super) fn produce(
        &mut self,
        version: i16,
        topic: &str,
        partition: i32,
        records: Bytes,
    ) -> PartitionProduceResponse {
        let leader = self.state.partition(topic, partition).unwrap().leader.unwrap();
        let request = self.produce_request(version, topic, partition, records);
        let mut response = self.call(leader, version, &request).answer();
        response.responses.remove(0).partition_responses.remove(0)
    }

    pub(super) fn produce_request(
        &self,
        version: i16,
        topic: &str,
        index: i32,
        records: Bytes,
    ) -> ProduceRequest {
        let records = Some(Records(records));
        let partition_data = vec![PartitionProduceData { index, records }];
        let (name, topic_id) = self.naming(topic, version);
        let topic_data = vec![TopicProduceData { name, topic_id, partition_data }];
        ProduceRequest { acks: -1, timeout_ms: 1000, topic_data, ..Default::default() }
    }

    /// A fetch of partitions of `t` from offsets, without a wait.
    pub(super) fn fetch_request(&self, version: i16, from: &[(i32, i64)]) -> FetchRequest {
        let partitions = from.iter().map(|&(partition, fetch_offset)| FetchPartition {
            partition,
            fetch_offset,
            partition_max_bytes: 1 << 20,
            ..Default::default()
        });
        let (topic, topic_id) = self.naming("t", version);
        let topics = vec![FetchTopic { topic, topic_id, partitions: partitions.collect() }];
        FetchRequest { min_bytes: 1, max_bytes: 1 << 20, topics, ..Default::default() }
    }

    /// Fetches one partition of `t` at its leader.
    pub(super) fn fetch(&mut self, version: i16, partition: i32, offset: i64) -> PartitionData {
        let request = self.fetch_request(version, &[(partition, offset)]);
        let leader = self.state.partition("t", partition).unwrap().leader.unwrap();
        only(self.call(leader, version, &request).answer())
    }

    /// How a topic is called in Produce and Fetch: by its id from version 13 on.
    fn naming(&self, topic: &str, version: i16) -> (kurier_protocol::Str, Uuid) {
        match self.state.topic(topic).filter(|_| version >= 13) {
            Some(found) => (Default::default(), found.id),
            None => (topic.into(), Uuid::ZERO),
        }
    }
}

/// The one partition of an answer.
pub(super) fn only(mut response: FetchResponse) -> PartitionData {
    assert_eq!(response.error_code, ErrorCode::NONE);
    response.responses.remove(0).partitions.remove(0)
}

/// A batch of these values, written at [`MILLIS`] and a millisecond later each.
pub(super) fn batch(magic: Magic, compression: Compression, values: &[&str]) -> Bytes {
    let seal = Seal { compression, ..Seal::default() };
    sealed(magic, &seal, values)
}

pub(super) fn sealed(magic: Magic, seal: &Seal, values: &[&str]) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), magic, MILLIS);
    let headers = [Header::new("h", None)];
    for (value, timestamp) in values.iter().zip(MILLIS..) {
        let value = Some(value.as_bytes());
        let headers: &[Header<'_>] = if magic == Magic::V2 { &headers } else { &[] };
        let parts = RecordParts { timestamp, key: Some(b"key"), value, headers };
        writer.append(&parts).unwrap();
    }
    writer.seal(seal).unwrap()
}

/// Offsets and values of the whole batches of a fetch answer.
pub(super) fn values(data: &PartitionData) -> Vec<(i64, String)> {
    let bytes = data.records.clone().unwrap().0;
    let mut found = Vec::new();
    for batch in RecordBatches::new(bytes) {
        let opened = batch.unwrap().open(&Default::default()).unwrap();
        for record in opened.records() {
            let record = record.unwrap();
            let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            found.push((record.offset, value));
        }
    }
    found
}

/// The numbered values that `values` gives for these.
pub(super) fn numbered(from: i64, values: &[&str]) -> Vec<(i64, String)> {
    (from..).zip(values.iter().map(|value| (*value).to_owned())).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test needs some moment to begin with")]
fn instant() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

pub(super) const MILLIS: i64 = 1_800_000_000_000;
