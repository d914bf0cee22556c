//! The sender against a cluster that the test plays.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kurier_protocol::api::metadata::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};
use kurier_protocol::api::produce::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use kurier_protocol::record::{Compression, DecompressLimits, Header, RecordBatches, RecordParts};
use kurier_protocol::{ApiKey, ErrorCode, Uuid};

use super::super::accumulator::{Means, Space};
use super::super::batch::tests::Heard;
use super::super::batch::{Delivery, RecordMetadata};
use super::super::config::Idempotence;
use super::*;
use crate::error::Cause;

mod numbers;

const MS: Duration = Duration::from_millis(1);
const NOW: Duration = Duration::ZERO;

/// A sender, its callers, and a cluster that the test plays.
struct Fixture {
    sender: Sender,
    accumulator: Arc<Accumulator>,
    partitions: Vec<Arc<Partition>>,
    picture: Picture,
    now: Instant,
    wall: i64,
    ids: Box<dyn Iterator<Item = ProducerIdAndEpoch>>,
}

impl Fixture {
    /// One partition of topic `t` for each leader named.
    fn new(leaders: &[i32]) -> Self {
        Self::with(leaders, ProducerConfig::default())
    }

    fn with(leaders: &[i32], config: ProducerConfig) -> Self {
        let accumulator =
            Arc::new(Accumulator::new(config.batch_bytes_max, config.buffer_bytes_max));
        let of = |(slot, index)| Arc::new(Partition::new("t".into(), index, slot, Magic::V2));
        let partitions = (0..leaders.len()).zip(0..).map(of).collect();
        let backoff = Backoff::new(100 * MS, 1000 * MS);
        let sender = Sender::new(config, Arc::clone(&accumulator), backoff);
        let now = tokio::time::Instant::now().into_std();
        let picture = Picture::default();
        let ids = Box::new((7..).map(|id| ProducerIdAndEpoch { id, epoch: 0 }));
        let mut fixture = Self { sender, accumulator, partitions, picture, now, wall: 1_000, ids };
        fixture.lead(&leaders.iter().map(|l| Some(*l)).collect::<Vec<_>>());
        fixture
    }

    /// Moves the partitions to these leaders.
    fn lead(&mut self, leaders: &[Option<i32>]) {
        self.picture = picture("t", leaders);
        self.sender.handle_picture();
    }

    fn append(&mut self, partition: usize, value: &[u8]) -> Delivery {
        self.try_append(partition, value).unwrap()
    }

    fn append_with_header(&mut self, partition: usize, value: &[u8]) -> Delivery {
        let headers = [Header::new("h", None)];
        let parts = RecordParts { value: Some(value), headers: &headers, ..Default::default() };
        self.append_parts(partition, &parts).unwrap()
    }

    fn try_append(&mut self, partition: usize, value: &[u8]) -> Option<Delivery> {
        self.append_parts(partition, &RecordParts { value: Some(value), ..Default::default() })
    }

    fn append_parts(&mut self, partition: usize, parts: &RecordParts<'_>) -> Option<Delivery> {
        let partition = Arc::clone(&self.partitions[partition]);
        let (mut space, heard) = (Space::default(), Heard::at(self.wall));
        let mut means = Means { budget: &*self.accumulator, space: &mut space, outside: &heard };
        let result = partition.append(parts, None, &mut means);
        if let Some(number) = heard.first.get() {
            self.sender.handle_first(self.now, &partition, number);
        }
        if heard.is_full.get() {
            self.sender.handle_full(&partition);
        }
        result.ok()
    }

    /// What is to be done, but for asking for a producer id, which is answered at once.
    fn actions(&mut self) -> Vec<Action> {
        let mut all = Vec::new();
        while let Some(action) = self.sender.poll_action(self.now, &self.picture) {
            match action {
                Action::Identify => {
                    let identity = self.ids.next().unwrap();
                    self.sender.handle_identity(self.now, Ok((identity, 13)), 200);
                }
                action => all.push(action),
            }
        }
        all
    }

    fn calls(&mut self) -> Vec<Call> {
        let call = |action| match action {
            Action::Call(call) => Some(call),
            _ => None,
        };
        self.actions().into_iter().filter_map(call).collect()
    }

    /// Moves the time and gives the calls that are due then.
    fn calls_after(&mut self, wait: Duration) -> Vec<Call> {
        self.now += wait;
        self.calls()
    }

    fn call_after(&mut self, wait: Duration) -> Call {
        let mut calls = self.calls_after(wait);
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    fn answer(&mut self, call: &Call, code: ErrorCode, base_offset: i64) {
        self.answer_with(
            call,
            &PartitionProduceResponse {
                error_code: code,
                base_offset,
                ..PartitionProduceResponse::default()
            },
        );
    }

    fn stored(&mut self, call: &Call, base_offset: i64) {
        self.answer(call, ErrorCode::NONE, base_offset);
    }

    fn answer_with(&mut self, call: &Call, like: &PartitionProduceResponse) {
        let responses = call.request.topic_data.iter().map(|topic| TopicProduceResponse {
            name: topic.name.clone(),
            partition_responses: topic
                .partition_data
                .iter()
                .map(|p| PartitionProduceResponse { index: p.index, ..like.clone() })
                .collect(),
            ..TopicProduceResponse::default()
        });
        let response =
            ProduceResponse { responses: responses.collect(), ..ProduceResponse::default() };
        self.sender.handle_answer(self.now, call.id, Ok(response), 200);
    }

    /// The connection ends when the broker may have written the request.
    fn lose(&mut self, call: &Call) {
        self.sender.handle_answer(self.now, call.id, Err(lost(Some(ApiKey::PRODUCE))), 200);
    }

    /// The connection ends before the request was sent.
    fn lose_unsent(&mut self, call: &Call) {
        self.sender.handle_answer(self.now, call.id, Err(lost(None)), 200);
    }
}

/// Without idempotence.
fn off() -> ProducerConfig {
    ProducerConfig { idempotence: Idempotence::Off, ..ProducerConfig::default() }
}

fn lost(sent: Option<ApiKey>) -> Error {
    Error::Disconnected {
        address: "broker-1:9092".into(),
        api: sent,
        maybe_written: sent.is_some(),
        cause: Cause::Closed,
    }
}

fn picture(topic: &str, leaders: &[Option<i32>]) -> Picture {
    picture_with(topic, Uuid::ZERO, leaders)
}

fn picture_with(topic: &str, topic_id: Uuid, leaders: &[Option<i32>]) -> Picture {
    let partition = |(leader, index): (&Option<i32>, i32)| MetadataResponsePartition {
        partition_index: index,
        leader_id: leader.unwrap_or(-1),
        leader_epoch: 1,
        ..MetadataResponsePartition::default()
    };
    Picture::of(&MetadataResponse {
        topics: vec![MetadataResponseTopic {
            name: Some(topic.into()),
            topic_id,
            partitions: leaders.iter().zip(0..).map(partition).collect(),
            ..MetadataResponseTopic::default()
        }],
        ..MetadataResponse::default()
    })
}

fn outcome(delivery: &mut Delivery) -> Result<RecordMetadata, Error> {
    match Pin::new(&mut *delivery).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("{delivery:?} is pending"),
    }
}

fn offset(delivery: &mut Delivery) -> i64 {
    outcome(delivery).unwrap().offset
}

/// (partition, values) of everything in a request.
fn content(call: &Call) -> Vec<(i32, Vec<String>)> {
    let partitions = call.request.topic_data.iter().flat_map(|t| &t.partition_data);
    let values = |bytes: &bytes::Bytes| {
        let mut all = Vec::new();
        for batch in RecordBatches::new(bytes.clone()) {
            let open = batch.unwrap().open(&DecompressLimits::default()).unwrap();
            let text = |v: Option<&[u8]>| String::from_utf8(v.unwrap().to_vec()).unwrap();
            all.extend(open.records().map(|r| text(r.unwrap().value)));
        }
        all
    };
    partitions.map(|p| (p.index, values(&p.records.as_ref().unwrap().0))).collect()
}

fn one(partition: i32, values: &[&str]) -> Vec<(i32, Vec<String>)> {
    vec![(partition, values.iter().map(|v| (*v).to_owned()).collect())]
}

#[test]
fn waits_for_linger_before_sending() {
    let mut f = Fixture::new(&[1]);
    let mut first = f.append(0, b"a");
    assert!(f.calls().is_empty());
    f.now += 4 * MS;
    let mut second = f.append(0, b"b");
    assert!(f.calls().is_empty());
    assert_eq!(f.sender.deadline(), Some(f.now + MS));
    let call = f.call_after(MS);
    assert_eq!((call.broker, content(&call)), (1, one(0, &["a", "b"])));
    f.stored(&call, 40);
    assert_eq!((offset(&mut first), offset(&mut second)), (40, 41));
    assert!(f.sender.is_idle());
}

#[test]
fn without_linger_the_first_record_goes_at_once() {
    let config = ProducerConfig { linger: Duration::ZERO, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1], config);
    drop(f.append(0, b"a"));
    assert_eq!(f.calls().len(), 1);
}

#[test]
fn a_full_batch_does_not_linger() {
    let config = ProducerConfig { batch_bytes_max: 1 << 10, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1], config);
    drop(f.append(0, &[b'a'; 600]));
    assert!(f.calls().is_empty());
    drop(f.append(0, &[b'b'; 600]));
    assert_eq!(content(&f.call_after(NOW))[0].1[0][..1], *"a");
}

#[test]
fn a_request_takes_one_batch_of_each_partition_of_its_broker() {
    let mut f = Fixture::new(&[1, 2, 1]);
    for partition in 0..3 {
        drop(f.append(partition, b"v"));
    }
    let calls = f.calls_after(5 * MS);
    let brokers: Vec<_> = calls.iter().map(|c| (c.broker, content(c).len())).collect();
    assert_eq!(brokers, [(1, 2), (2, 1)]);
}

#[test]
fn a_request_stays_within_its_limit() {
    let config = ProducerConfig { request_bytes_max: 2 << 10, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1, 1, 1], config);
    for partition in 0..3 {
        drop(f.append(partition, &[b'v'; 900]));
    }
    let sizes: Vec<_> = f.calls_after(5 * MS).iter().map(|c| content(c).len()).collect();
    assert_eq!(sizes, [2, 1]);
}

#[test]
fn a_broker_has_no_more_requests_than_the_limit() {
    let config = ProducerConfig { request_bytes_max: 1 << 10, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1; 7], config);
    for partition in 0..7 {
        drop(f.append(partition, &[b'v'; 900]));
    }
    let calls = f.calls_after(5 * MS);
    assert_eq!(calls.len(), 5);
    f.stored(&calls[0], 0);
    assert_eq!(f.calls().len(), 1);
    f.stored(&calls[1], 0);
    f.stored(&calls[2], 0);
    assert_eq!(f.calls().len(), 1);
}

#[test]
fn without_numbers_a_partition_has_one_batch_in_flight() {
    let mut f = Fixture::with(&[1], off());
    let mut first = f.append(0, b"a");
    let call = f.call_after(5 * MS);
    let mut second = f.append(0, b"b");
    assert!(f.calls_after(50 * MS).is_empty());
    f.stored(&call, 0);
    let call = f.call_after(NOW);
    assert_eq!(content(&call), one(0, &["b"]));
    f.stored(&call, 1);
    assert_eq!((offset(&mut first), offset(&mut second)), (0, 1));
}

#[test]
fn without_acks_several_batches_are_in_flight_and_offsets_are_unknown() {
    let config = ProducerConfig { acks: Acks::None, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1], config);
    let mut deliveries = Vec::new();
    let mut calls = Vec::new();
    for value in [b"a", b"b"] {
        deliveries.push(f.append(0, value));
        calls.push(f.call_after(5 * MS));
    }
    for call in &calls {
        assert_eq!(call.request.acks, 0);
        f.sender.handle_answer(f.now, call.id, Ok(ProduceResponse::default()), 0);
    }
    assert_eq!(deliveries.iter_mut().map(offset).collect::<Vec<_>>(), [-1, -1]);
}

#[test]
fn resends_in_order_after_a_leader_moves() {
    let mut f = Fixture::new(&[1]);
    let mut first = f.append(0, b"a");
    let call = f.call_after(5 * MS);
    let mut second = f.append(0, b"b");
    f.answer(&call, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    let refresh = f.actions();
    assert!(matches!(refresh[..], [Action::Refresh]), "{refresh:?}");
    f.lead(&[Some(2)]);
    assert!(f.calls().is_empty(), "backs off first");
    let again = f.call_after(100 * MS);
    assert_eq!((again.broker, content(&again)), (2, one(0, &["a"])));
    assert_eq!(again.request.topic_data, call.request.topic_data, "the same bytes");
    f.stored(&again, 7);
    let next = f.call_after(NOW);
    assert_eq!((next.broker, content(&next)), (2, one(0, &["b"])));
    f.stored(&next, 8);
    assert_eq!((offset(&mut first), offset(&mut second)), (7, 8));
}

#[test]
fn one_partition_that_fails_does_not_hold_up_its_neighbours() {
    let mut f = Fixture::new(&[1, 1]);
    drop(f.append(0, b"a"));
    drop(f.append(1, b"b"));
    let call = f.call_after(5 * MS);
    let mut response = ProduceResponse::default();
    let of = |index, code| PartitionProduceResponse {
        index,
        error_code: code,
        ..PartitionProduceResponse::default()
    };
    response.responses.push(TopicProduceResponse {
        name: "t".into(),
        partition_responses: vec![of(1, ErrorCode::NONE), of(0, ErrorCode::NOT_ENOUGH_REPLICAS)],
        ..TopicProduceResponse::default()
    });
    f.sender.handle_answer(f.now, call.id, Ok(response), 200);
    drop(f.append(1, b"c"));
    assert_eq!(content(&f.call_after(5 * MS)), one(1, &["c"]));
    assert_eq!(content(&f.call_after(95 * MS)), one(0, &["a"]));
}

#[test]
fn a_partition_without_a_leader_waits_for_one() {
    let mut f = Fixture::new(&[1]);
    f.lead(&[None]);
    drop(f.append(0, b"a"));
    f.now += 5 * MS;
    let actions = f.actions();
    assert!(matches!(actions[..], [Action::Refresh]), "{actions:?}");
    f.lead(&[Some(3)]);
    assert_eq!(f.call_after(NOW).broker, 3);
}

#[test]
fn a_batch_that_is_too_large_goes_as_two() {
    let mut f = Fixture::new(&[1]);
    let mut deliveries: Vec<_> = [b"a", b"b", b"c"].map(|v| f.append(0, v)).into();
    let call = f.call_after(5 * MS);
    f.answer(&call, ErrorCode::MESSAGE_TOO_LARGE, -1);
    let first = f.call_after(NOW);
    assert_eq!(content(&first), one(0, &["a"]));
    f.stored(&first, 4);
    let second = f.call_after(NOW);
    assert_eq!(content(&second), one(0, &["b", "c"]));
    f.stored(&second, 5);
    assert_eq!(deliveries.iter_mut().map(offset).collect::<Vec<_>>(), [4, 5, 6]);
    assert!(f.sender.is_idle());
}

#[test]
fn a_record_that_is_too_large_fails_and_names_size_and_settings() {
    let mut f = Fixture::new(&[1]);
    let mut delivery = f.append(0, &[b'v'; 500]);
    let call = f.call_after(5 * MS);
    f.answer(&call, ErrorCode::MESSAGE_TOO_LARGE, -1);
    let text = outcome(&mut delivery).unwrap_err().to_string();
    for part in ["max.message.bytes", "message.max.bytes", "57"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn refused_records_and_their_neighbours_learn_why() {
    let mut f = Fixture::new(&[1]);
    let mut deliveries: Vec<_> = [b"a", b"b"].map(|v| f.append(0, v)).into();
    let call = f.call_after(5 * MS);
    f.answer_with(
        &call,
        &PartitionProduceResponse {
            error_code: ErrorCode::INVALID_RECORD,
            record_errors: vec![BatchIndexAndErrorMessage {
                batch_index: 1,
                batch_index_error_message: Some("no key".into()),
            }],
            ..PartitionProduceResponse::default()
        },
    );
    let texts: Vec<_> =
        deliveries.iter_mut().map(|d| outcome(d).unwrap_err().to_string()).collect();
    assert!(texts[0].contains("another record"), "{texts:?}");
    assert!(texts[1].contains("no key"), "{texts:?}");
    assert!(f.sender.is_idle());
}

#[test]
fn a_partition_that_the_answer_leaves_out_is_sent_again() {
    let mut f = Fixture::new(&[1]);
    drop(f.append(0, b"a"));
    let call = f.call_after(5 * MS);
    f.sender.handle_answer(f.now, call.id, Ok(ProduceResponse::default()), 200);
    assert_eq!(content(&f.call_after(100 * MS)), one(0, &["a"]));
}

#[test]
fn gives_up_after_the_delivery_timeout_wherever_the_batch_is() {
    let timeout = ProducerConfig::default().delivery_timeout;
    let failed = |delivery: &mut Delivery| {
        let error = outcome(delivery).unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
        error.maybe_written()
    };
    // In flight: the broker may have it, and the next batch waits for the answer.
    let mut f = Fixture::new(&[1]);
    let mut first = f.append(0, b"a");
    let call = f.call_after(5 * MS);
    let written = call.gates.pass(call.request.clone());
    assert_eq!(written, call.request);
    f.now += 10 * MS;
    let mut second = f.append(0, b"b");
    assert_eq!(f.calls_after(timeout - 15 * MS).len(), 0);
    assert!(failed(&mut first));
    assert!(!second.is_complete());
    f.lose(&call);
    assert_eq!(content(&f.call_after(NOW)), one(0, &["b"]));
    f.calls_after(15 * MS);
    assert!(!failed(&mut second), "it waits for a connection");

    // Sent before, and waiting to be sent again.
    let mut f = Fixture::new(&[1]);
    let mut first = f.append(0, b"a");
    let call = f.call_after(5 * MS);
    f.lead(&[None]);
    f.lose(&call);
    f.calls_after(timeout);
    assert!(failed(&mut first));

    // Never sent.
    let mut f = Fixture::new(&[1]);
    f.lead(&[None]);
    let mut first = f.append(0, b"a");
    f.calls_after(timeout);
    assert!(!failed(&mut first));
    assert!(f.sender.is_idle());
    assert_eq!(f.sender.deadline(), None);
}

#[test]
fn an_earlier_try_that_may_have_been_written_outweighs_a_refusal() {
    let mut f = Fixture::new(&[1]);
    let mut delivery = f.append(0, b"a");
    let call = f.call_after(5 * MS);
    f.lose(&call);
    let again = f.call_after(100 * MS);
    f.answer(&again, ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1);
    assert!(outcome(&mut delivery).unwrap_err().maybe_written());
}

#[test]
fn a_refusal_is_certain() {
    let mut f = Fixture::new(&[1]);
    let mut delivery = f.append(0, b"a");
    let call = f.call_after(5 * MS);
    f.lose_unsent(&call);
    let again = f.call_after(100 * MS);
    f.answer(&again, ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1);
    let error = outcome(&mut delivery).unwrap_err();
    assert!(!error.maybe_written());
    assert!(error.to_string().contains("TOPIC_AUTHORIZATION_FAILED"), "{error}");
}

#[test]
fn tries_no_more_often_than_told() {
    let config = ProducerConfig { retry_count_max: 1, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1], config);
    let mut delivery = f.append(0, b"a");
    let call = f.call_after(5 * MS);
    f.answer(&call, ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    let call = f.call_after(100 * MS);
    f.answer(&call, ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    assert!(outcome(&mut delivery).is_err());
}

#[test]
fn a_flush_sends_at_once_and_waits_for_what_was_there() {
    let config = ProducerConfig { linger: 1000 * MS, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1, 2], config);
    drop(f.append(0, b"a"));
    drop(f.append(1, b"b"));
    f.sender.handle_flush(9);
    let calls = f.calls();
    assert_eq!(calls.len(), 2);
    drop(f.append(0, b"later"));
    f.stored(&calls[0], 0);
    assert!(f.actions().is_empty());
    f.stored(&calls[1], 0);
    let actions = f.actions();
    assert!(matches!(actions[..], [Action::Flushed(9, None)]), "{actions:?}");
    f.sender.handle_flush(10);
    let call = f.call_after(NOW);
    f.stored(&call, 1);
    f.sender.handle_flush(11);
    let actions = f.actions();
    assert!(
        matches!(actions[..], [Action::Flushed(10, None), Action::Flushed(11, None)]),
        "{actions:?}"
    );
}

#[test]
fn a_flush_tells_that_a_record_failed() {
    let mut f = Fixture::new(&[1, 1]);
    drop(f.append(0, b"a"));
    f.sender.handle_flush(1);
    let call = f.call_after(NOW);
    drop(f.append(1, b"b"));
    f.sender.handle_flush(2);
    let later = f.call_after(NOW);
    f.stored(&call, 0);
    f.answer(&later, ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1);
    let actions = f.actions();
    let [Action::Flushed(1, None), Action::Flushed(2, Some(error))] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert!(error.to_string().contains("TOPIC_AUTHORIZATION_FAILED"), "{error}");
}

#[test]
fn when_space_is_short_nothing_lingers() {
    let config = ProducerConfig {
        linger: 60_000 * MS,
        buffer_bytes_max: 64 << 10,
        ..ProducerConfig::default()
    };
    let mut f = Fixture::with(&[1; 5], config);
    for partition in 0..4 {
        drop(f.append(partition, b"v"));
    }
    assert!(f.try_append(4, b"v").is_none());
    assert!(f.calls().is_empty());
    let accumulator = Arc::clone(&f.accumulator);
    let waits = accumulator.waiters.join();
    let call = f.call_after(NOW);
    f.stored(&call, 0);
    assert!(f.try_append(4, b"v").is_some());
    let call = f.call_after(NOW);
    f.stored(&call, 1);
    drop(waits);
    assert!(f.try_append(0, b"v").is_some());
    assert!(f.calls().is_empty(), "nobody waits any more");
}

#[test]
fn a_batch_that_waits_for_its_turn_gets_true_timestamps() {
    let mut f = Fixture::new(&[1]);
    drop(f.append(0, b"a"));
    let call = f.call_after(5 * MS);
    drop(f.append(0, b"b"));
    f.calls_after(15 * MS);
    f.wall = 1_017;
    let mut late = f.append(0, b"c");
    f.stored(&call, 0);
    let call = f.call_after(NOW);
    f.stored(&call, 1);
    assert_eq!(outcome(&mut late).unwrap().timestamp, 1_017);
}

#[test]
fn an_older_broker_gets_the_format_that_it_takes() {
    let mut f = Fixture::new(&[1]);
    let mut delivery = f.append(0, b"a");
    let call = f.call_after(5 * MS);
    assert_eq!(call.versions, 3..=12);
    let error = Error::Unsupported {
        feature: "Produce".into(),
        needed: "3".into(),
        offered: "2".into(),
        remedy: "none".into(),
    };
    f.sender.handle_versions(1, 2);
    f.sender.handle_answer(f.now, call.id, Err(error), 0);
    let again = f.call_after(NOW);
    assert_eq!((&again.versions, content(&again)), (&(2..=2), one(0, &["a"])));
    f.stored(&again, 3);
    assert_eq!(offset(&mut delivery), 3);
}

#[test]
fn zstd_is_sent_only_in_versions_that_know_it() {
    let config = ProducerConfig { compression: Compression::Zstd, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1], config);
    let mut delivery = f.append(0, b"a");
    let call = f.call_after(5 * MS);
    assert_eq!(call.versions, 7..=12);
    let error = Error::unsupported_api(ApiKey::PRODUCE, (7, 12), None, None);
    f.sender.handle_versions(1, 5);
    f.sender.handle_answer(f.now, call.id, Err(error), 0);
    assert!(matches!(outcome(&mut delivery), Err(Error::Unsupported { .. })));
}

#[test]
fn a_leader_that_a_broker_names_is_passed_on() {
    let mut f = Fixture::new(&[1]);
    drop(f.append(0, b"a"));
    let call = f.call_after(5 * MS);
    let mut like = PartitionProduceResponse {
        error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ..PartitionProduceResponse::default()
    };
    like.current_leader.leader_id = 5;
    like.current_leader.leader_epoch = 8;
    f.answer_with(&call, &like);
    let actions = f.actions();
    let [Action::Heard(heard)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((heard.partition, heard.leader.broker, heard.leader.epoch), (0, 5, 8));
    f.sender.handle_picture();
    let again = f.call_after(NOW);
    f.answer_with(&again, &like);
    assert!(matches!(f.actions()[..], [Action::Heard(_)]));
    f.sender.handle_picture();
    assert!(f.actions().is_empty(), "wrong twice, a broker is not followed at once");
    f.call_after(300 * MS);
}

#[test]
fn when_the_task_ends_every_delivery_completes() {
    let mut f = Fixture::new(&[1, 2, 3, 4, 5]);
    let maybe_written = |delivery: &mut Delivery| outcome(delivery).unwrap_err().maybe_written();
    let mut sent = f.append(0, b"a");
    let call = f.call_after(5 * MS);
    call.gates.pass(call.request.clone());
    let mut launched = f.append(1, b"b");
    let launch = f.call_after(5 * MS);
    let mut unsent = f.append(2, b"c");
    let unsent_call = f.call_after(5 * MS);
    f.lose_unsent(&unsent_call);
    let mut lost = f.append(3, b"d");
    let lost_call = f.call_after(5 * MS);
    f.lose(&lost_call);
    let mut open = f.append(4, b"e");
    f.sender.give_up();
    assert!(maybe_written(&mut sent) && maybe_written(&mut lost));
    // No connection has begun with the second, none could be had for the third.
    assert_eq!([&mut launched, &mut unsent, &mut open].map(maybe_written), [false; 3]);
    assert_eq!(launch.gates.pass(launch.request.clone()).topic_data, []);
}

#[test]
fn the_epoch_of_a_leader_is_that_of_the_last_batch_which_left_for_it() {
    let config = ProducerConfig { in_flight_max: 1, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1, 1], config);
    let epoch = |f: &Fixture| f.sender.lanes.get(1).unwrap().leader_epoch;
    drop(f.append(0, b"a"));
    let call = f.call_after(5 * MS);
    drop(f.append(1, b"b"));
    assert!(f.calls_after(5 * MS).is_empty(), "the broker has one request");
    assert_eq!(epoch(&f), -1);
    f.stored(&call, 0);
    f.call_after(NOW);
    assert_eq!(epoch(&f), 1);
}

#[test]
fn space_and_buffers_come_back() {
    let config = ProducerConfig { buffer_bytes_max: 64 << 10, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1], config);
    for round in 0..100 {
        let mut delivery = f.append(0, &[b'v'; 10 << 10]);
        let call = f.call_after(5 * MS);
        f.answer(&call, ErrorCode::NONE, round);
        assert_eq!(offset(&mut delivery), round);
    }
}

#[test]
fn what_was_told_as_not_written_is_never_written() {
    let timeout = ProducerConfig::default().delivery_timeout;
    let mut f = Fixture::new(&[1, 1]);
    let mut first = f.append(0, b"a");
    f.now += MS;
    let mut second = f.append(1, b"b");
    let call = f.call_after(5 * MS);
    assert_eq!(content(&call).len(), 2);
    // The connection has not come to it yet when the first batch has its timeout.
    f.calls_after(timeout - 6 * MS);
    assert!(!outcome(&mut first).unwrap_err().maybe_written());
    let request = call.gates.pass(call.request.clone());
    let call = Call { request, ..call };
    assert_eq!(content(&call), one(1, &["b"]));
    // Now it has, with the second.
    f.calls_after(MS);
    assert!(outcome(&mut second).unwrap_err().maybe_written());
    f.stored(&call, 7);
    assert!(f.sender.is_idle());
}

#[test]
fn a_request_of_which_all_was_taken_back_is_empty() {
    let mut f = Fixture::new(&[1]);
    drop(f.append(0, b"a"));
    let call = f.call_after(5 * MS);
    f.calls_after(ProducerConfig::default().delivery_timeout);
    assert_eq!(call.gates.pass(call.request.clone()).topic_data, []);
    drop(f.append(0, b"b"));
    f.sender.handle_answer(f.now, call.id, Ok(ProduceResponse::default()), 200);
    assert_eq!(content(&f.call_after(5 * MS)), one(0, &["b"]));
}

#[test]
fn a_batch_that_cannot_be_written_holds_nobody_up() {
    let config = ProducerConfig { batch_bytes_max: 1 << 10, ..ProducerConfig::default() };
    let mut f = Fixture::with(&[1], config);
    f.sender.handle_versions(1, 2);
    let mut bad = f.append_with_header(0, &[b'a'; 600]);
    let mut good = f.append(0, &[b'b'; 600]);
    f.sender.handle_flush(1);
    let call = f.call_after(NOW);
    assert!(matches!(outcome(&mut bad), Err(Error::Unsupported { .. })));
    f.stored(&call, 3);
    assert_eq!(offset(&mut good), 3);
    let actions = f.actions();
    assert!(matches!(actions[..], [Action::Flushed(1, Some(_))]), "{actions:?}");
}

#[test]
fn a_flush_hears_of_a_batch_that_cannot_be_written() {
    let mut f = Fixture::new(&[1]);
    f.sender.handle_versions(1, 2);
    let mut bad = f.append_with_header(0, b"a");
    f.sender.handle_flush(1);
    let actions = f.actions();
    assert!(matches!(actions[..], [Action::Flushed(1, Some(_))]), "{actions:?}");
    outcome(&mut bad).unwrap_err();
    assert!(f.sender.is_idle());
}

#[test]
fn a_batch_that_has_its_outcome_is_not_written_for_an_older_broker() {
    let mut f = Fixture::new(&[1]);
    drop(f.append(0, b"a"));
    let call = f.call_after(5 * MS);
    f.calls_after(ProducerConfig::default().delivery_timeout);
    f.sender.handle_versions(1, 2);
    let error = Error::unsupported_api(ApiKey::PRODUCE, (3, 12), None, None);
    f.sender.handle_answer(f.now, call.id, Err(error), 0);
    assert!(f.actions().is_empty());
    assert!(f.sender.is_idle());
}

#[test]
fn a_failure_is_told_to_no_flush_that_came_after_it() {
    let mut f = Fixture::new(&[1]);
    drop(f.append(0, b"a"));
    let call = f.call_after(5 * MS);
    f.calls_after(ProducerConfig::default().delivery_timeout);
    drop(f.append(0, b"b"));
    f.sender.handle_flush(1);
    f.lose(&call);
    let call = f.call_after(NOW);
    f.stored(&call, 0);
    let actions = f.actions();
    assert!(matches!(actions[..], [Action::Flushed(1, None)]), "{actions:?}");
}

#[test]
fn a_batch_that_cannot_be_split_fails_for_that_reason() {
    let mut f = Fixture::new(&[1]);
    let mut deliveries = [b"a", b"b"].map(|v| f.append(0, v));
    let call = f.call_after(5 * MS);
    let flight = f.sender.flights.get_mut(&call.id).unwrap();
    flight.batches[0].sealed.bytes = bytes::Bytes::from_static(&[0; 99]);
    f.answer(&call, ErrorCode::MESSAGE_TOO_LARGE, -1);
    for delivery in &mut deliveries {
        let error = outcome(delivery).unwrap_err();
        assert!(matches!(error, Error::NotKafka { .. }), "{error}");
    }
    assert!(f.sender.is_idle());
}

#[test]
fn giving_up_tells_every_flush() {
    let mut f = Fixture::new(&[1, 1]);
    drop(f.append(0, b"a"));
    f.sender.handle_flush(1);
    let call = f.call_after(NOW);
    drop(f.append(1, b"b"));
    f.sender.handle_flush(2);
    f.answer(&call, ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1);
    f.sender.give_up();
    let actions = f.actions();
    let [Action::Flushed(1, Some(first)), Action::Flushed(2, Some(second))] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert!(first.to_string().contains("TOPIC_AUTHORIZATION_FAILED"), "{first}");
    assert!(second.to_string().contains("TOPIC_AUTHORIZATION_FAILED"), "{second}");
    assert!(f.sender.is_idle());
}

#[test]
fn a_delivery_that_is_given_up_names_what_went_wrong_last() {
    let mut f = Fixture::new(&[1]);
    let mut first = f.append(0, b"a");
    let call = f.call_after(5 * MS);
    f.answer(&call, ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    f.lead(&[None]);
    f.calls_after(ProducerConfig::default().delivery_timeout);
    let error = outcome(&mut first).unwrap_err().to_string();
    assert!(error.contains("(the last try: broker answered NOT_ENOUGH_REPLICAS"), "{error}");
}
