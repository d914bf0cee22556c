//! Transactions of both versions: what is committed, aborted, fenced, timed out, and seen.

use std::time::Duration;

use bytes::Bytes;
use kurier_protocol::api::add_offsets_to_txn::AddOffsetsToTxnRequest;
use kurier_protocol::api::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
};
use kurier_protocol::api::describe_producers::{DescribeProducersRequest, TopicRequest};
use kurier_protocol::api::describe_transactions::DescribeTransactionsRequest;
use kurier_protocol::api::end_txn::{EndTxnRequest, EndTxnResponse};
use kurier_protocol::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use kurier_protocol::api::list_transactions::ListTransactionsRequest;
use kurier_protocol::api::produce::PartitionProduceResponse;
use kurier_protocol::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kurier_protocol::record::{Magic, Seal};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Request};

use super::bench::{Bench, Fate, only, sealed};
use super::groups::COORDINATOR;

type Producer = (i64, i16);

const INIT: i16 = 4;
const NONE: ErrorCode = ErrorCode::NONE;

/// `x` is coordinated by broker 1 ('x' is 120).
const TXN: i32 = 1;

fn txn_batch((producer_id, producer_epoch): Producer, base_sequence: i32) -> Bytes {
    let seal = Seal {
        producer_id,
        producer_epoch,
        base_sequence,
        is_transactional: true,
        ..Seal::default()
    };
    sealed(Magic::V2, &seal, &["v"])
}

impl Bench {
    fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.call(TXN, version, request).answer()
    }

    fn init_as(&mut self, expected: Producer) -> InitProducerIdResponse {
        let request = InitProducerIdRequest {
            transactional_id: Some("x".into()),
            transaction_timeout_ms: 60_000,
            producer_id: expected.0,
            producer_epoch: expected.1,
            ..Default::default()
        };
        self.ask(INIT, &request)
    }

    fn init(&mut self) -> Producer {
        let answer = self.init_as((-1, -1));
        assert_eq!(answer.error_code, NONE);
        (answer.producer_id, answer.producer_epoch)
    }

    fn add(&mut self, producer: Producer) -> ErrorCode {
        let topics = vec![AddPartitionsToTxnTopic { name: "t".into(), partitions: vec![0, 1] }];
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: "x".into(),
            v3_and_below_producer_id: producer.0,
            v3_and_below_producer_epoch: producer.1,
            v3_and_below_topics: topics,
            ..Default::default()
        };
        let answer = self.ask(3, &request);
        answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
    }

    fn write(&mut self, version: i16, producer: Producer, first: i32) -> PartitionProduceResponse {
        let mut request = self.produce_request(version, "t", 0, txn_batch(producer, first));
        request.transactional_id = Some("x".into());
        let mut answer = self.call(1, version, &request).answer();
        answer.responses.remove(0).partition_responses.remove(0)
    }

    fn end(&mut self, version: i16, producer: Producer, how: &str) -> EndTxnResponse {
        let request = EndTxnRequest {
            transactional_id: "x".into(),
            producer_id: producer.0,
            producer_epoch: producer.1,
            committed: how == "commit",
        };
        self.ask(version, &request)
    }

    /// What a reader of committed records gets of partition 0: bytes, aborted, last stable.
    fn read_committed(&mut self) -> (usize, usize, i64) {
        let mut request = self.fetch_request(12, &[(0, 0)]);
        request.isolation_level = 1;
        request.max_wait_ms = 0;
        let data = only(self.call(1, 12, &request).answer());
        let batches = kurier_protocol::record::RecordBatches::new(data.records.unwrap().0).count();
        (batches, data.aborted_transactions.unwrap().len(), data.last_stable_offset)
    }
}

#[test]
fn records_are_read_as_committed_when_the_marker_is_written() {
    let mut bench = Bench::new(Release::V3_9);
    let producer = bench.init();
    assert_eq!(bench.write(9, producer, 0).error_code, ErrorCode::INVALID_TXN_STATE);
    assert_eq!(bench.add(producer), NONE);
    assert_eq!(bench.write(9, producer, 0).error_code, NONE);
    assert_eq!(bench.read_committed(), (0, 0, 0));
    assert_eq!(bench.end(3, producer, "commit").error_code, NONE);
    assert_eq!(bench.read_committed(), (2, 0, 2));
    // A repeated end is answered as the first, another one is not.
    assert_eq!(bench.end(3, producer, "commit").error_code, NONE);
    assert_eq!(bench.end(3, producer, "abort").error_code, ErrorCode::INVALID_TXN_STATE);
    // The next transaction goes on with the sequence.
    assert_eq!(bench.add(producer), NONE);
    assert_eq!(bench.write(9, producer, 1).error_code, NONE);
    assert_eq!(bench.read_committed(), (2, 0, 2));
    assert_eq!(bench.end(3, producer, "abort").error_code, NONE);
    assert_eq!(bench.read_committed(), (4, 1, 4));
}

#[test]
fn a_transaction_of_version_2_needs_no_adding_and_ends_with_a_new_epoch() {
    let mut bench = Bench::new(Release::NEWEST);
    let producer = bench.init();
    assert_eq!(bench.write(12, producer, 0).error_code, NONE);
    let ended = bench.end(5, producer, "abort");
    assert_eq!((ended.error_code, ended.producer_epoch), (NONE, producer.1 + 1));
    assert_eq!(bench.read_committed(), (2, 1, 2));
    let again = bench.end(5, producer, "abort");
    assert_eq!((again.error_code, again.producer_epoch), (NONE, producer.1 + 1));
    assert_eq!(bench.end(5, producer, "commit").error_code, ErrorCode::INVALID_TXN_STATE);
    // What the old epoch sends late is refused, and the new one begins with 0.
    assert_eq!(bench.write(12, producer, 1).error_code, ErrorCode::INVALID_PRODUCER_EPOCH);
    let next = (ended.producer_id, ended.producer_epoch);
    assert_eq!(bench.write(12, next, 0).error_code, NONE);
    assert_eq!(bench.end(5, next, "commit").error_code, NONE);
}

#[test]
fn a_new_producer_fences_the_old_one_and_aborts_what_it_left_open() {
    let mut bench = Bench::new(Release::NEWEST);
    let old = bench.init();
    assert_eq!(bench.write(12, old, 0).error_code, NONE);
    let refused = bench.init_as((-1, -1));
    assert_eq!(refused.error_code, ErrorCode::CONCURRENT_TRANSACTIONS);
    let new = bench.init();
    assert_eq!(new.0, old.0);
    assert!(new.1 > old.1);
    assert_eq!(bench.read_committed(), (2, 1, 2));
    assert_eq!(bench.write(12, old, 1).error_code, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(bench.end(5, old, "commit").error_code, ErrorCode::PRODUCER_FENCED);
    assert_eq!(bench.end(1, old, "commit").error_code, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(bench.init_as(old).error_code, ErrorCode::PRODUCER_FENCED);
    assert_eq!(bench.add((99, 0)), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
}

#[test]
fn a_producer_that_knows_itself_gets_the_next_epoch_once() {
    let mut bench = Bench::new(Release::NEWEST);
    let first = bench.init();
    let second = bench.init_as(first);
    assert_eq!((second.error_code, second.producer_epoch), (NONE, first.1 + 1));
    let repeated = bench.init_as(first);
    assert_eq!((repeated.error_code, repeated.producer_epoch), (NONE, first.1 + 1));
}

#[test]
fn half_an_identity_is_none() {
    let mut bench = Bench::new(Release::NEWEST);
    for (producer_id, producer_epoch) in [(5, -1), (-1, 3)] {
        let request = InitProducerIdRequest { producer_id, producer_epoch, ..Default::default() };
        assert_eq!(bench.ask(5, &request).error_code, ErrorCode::INVALID_REQUEST);
    }
}

#[test]
fn the_last_epoch_is_followed_by_a_new_producer_id() {
    let mut bench = Bench::new(Release::NEWEST);
    let mut producer = bench.init();
    while producer.1 < i16::MAX - 1 {
        let next = bench.init_as(producer);
        producer = (next.producer_id, next.producer_epoch);
    }
    assert_eq!(bench.write(12, producer, 0).error_code, NONE);
    let ended = bench.end(5, producer, "commit");
    assert_eq!((ended.error_code, ended.producer_epoch), (NONE, 0));
    assert_ne!(ended.producer_id, producer.0);
    let again = bench.end(5, producer, "commit");
    assert_eq!((again.producer_id, again.producer_epoch), (ended.producer_id, 0));
    assert_eq!(bench.read_committed(), (2, 0, 2));
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted() {
    let mut bench = Bench::new(Release::NEWEST);
    let producer = bench.init();
    assert_eq!(bench.write(12, producer, 0).error_code, NONE);
    bench.pass(Duration::from_secs(59));
    assert_eq!(bench.read_committed().2, 0);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.read_committed(), (2, 1, 2));
    assert_eq!(bench.end(4, producer, "commit").error_code, ErrorCode::PRODUCER_FENCED);
    assert_eq!(bench.end(5, producer, "commit").error_code, ErrorCode::INVALID_TXN_STATE);
    assert_eq!(bench.write(12, producer, 1).error_code, ErrorCode::INVALID_PRODUCER_EPOCH);
}

#[test]
fn a_producer_whose_transaction_took_too_long_may_go_on_with_the_next_epoch() {
    let mut bench = Bench::new(Release::NEWEST);
    let producer = bench.init();
    assert_eq!(bench.write(12, producer, 0).error_code, NONE);
    bench.pass(Duration::from_secs(61));
    let again = bench.init_as(producer);
    assert_eq!((again.error_code, again.producer_epoch), (NONE, producer.1 + 1));
    // By the rules of KIP-98 another one must have taken its place.
    let mut bench = Bench::new(Release::V3_9);
    let producer = bench.init();
    assert_eq!(bench.add(producer), NONE);
    bench.pass(Duration::from_secs(61));
    assert_eq!(bench.init_as(producer).error_code, ErrorCode::PRODUCER_FENCED);
}

#[test]
fn who_asks_for_an_epoch_fences_whoever_has_a_transaction_open() {
    let mut bench = Bench::new(Release::NEWEST);
    let old = bench.init();
    let new = bench.init_as(old);
    let new = (new.producer_id, new.producer_epoch);
    assert_eq!(bench.write(12, new, 0).error_code, NONE);
    // A broker compares ids only as long as a transaction is open.
    assert_eq!(bench.init_as(old).error_code, ErrorCode::CONCURRENT_TRANSACTIONS);
    assert_eq!(bench.write(12, new, 1).error_code, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(bench.init_as(old).error_code, ErrorCode::PRODUCER_FENCED);
    assert_eq!(bench.init_as((99, 0)).error_code, ErrorCode::PRODUCER_FENCED);
}

#[test]
fn a_transaction_that_times_out_in_the_last_epoch_ends_with_a_new_producer_id() {
    let mut bench = Bench::new(Release::NEWEST);
    let mut producer = bench.init();
    while producer.1 < i16::MAX - 1 {
        let next = bench.init_as(producer);
        producer = (next.producer_id, next.producer_epoch);
    }
    assert_eq!(bench.write(12, producer, 0).error_code, NONE);
    bench.state.transactions.settings.marker_delay = Duration::from_secs(1);
    bench.pass(Duration::from_secs(60));
    let request = DescribeTransactionsRequest { transactional_ids: vec!["x".into()] };
    let described = bench.ask(0, &request).transaction_states.remove(0);
    assert_eq!(&*described.transaction_state, "PrepareAbort");
    let seen = (described.producer_id, described.producer_epoch);
    assert_eq!(seen, (producer.0, i16::MAX), "its markers have the epoch that nobody gets");
    bench.pass(Duration::from_secs(1));
    let described = bench.ask(0, &request).transaction_states.remove(0);
    assert_eq!((&*described.transaction_state, described.producer_epoch), ("CompleteAbort", 0));
    assert_ne!(described.producer_id, producer.0);
}

#[test]
fn an_id_without_a_transaction_is_forgotten_in_time() {
    let mut bench = Bench::new(Release::NEWEST);
    let producer = bench.init();
    assert_eq!(bench.write(12, producer, 0).error_code, NONE);
    assert_eq!(bench.end(5, producer, "commit").error_code, NONE);
    bench.pass(Duration::from_secs(7 * 24 * 3600 - 1));
    assert!(bench.state.transactions.get("x").is_some());
    bench.pass(Duration::from_secs(1));
    assert!(bench.state.transactions.get("x").is_none());
    assert_eq!(bench.end(5, producer, "commit").error_code, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
}

#[test]
fn transactions_are_listed_by_how_long_ago_they_began() {
    let mut bench = Bench::new(Release::NEWEST);
    let producer = bench.init();
    let list = |bench: &mut Bench, duration_filter| {
        let request = ListTransactionsRequest { duration_filter, ..Default::default() };
        bench.ask(1, &request).transaction_states.len()
    };
    assert_eq!(list(&mut bench, 1000), 1, "it never began");
    assert_eq!(bench.write(12, producer, 0).error_code, NONE);
    assert_eq!(list(&mut bench, 0), 0);
    bench.pass(Duration::from_secs(1));
    assert_eq!((list(&mut bench, 1000), list(&mut bench, 999)), (0, 1));
    assert_eq!(bench.end(5, producer, "commit").error_code, NONE);
    assert_eq!(list(&mut bench, 999), 1, "it is known when the last one began");
    let request = ListTransactionsRequest {
        transactional_id_pattern: Some("y.*".into()),
        ..Default::default()
    };
    assert!(bench.ask(2, &request).transaction_states.is_empty());
}

#[test]
fn while_markers_are_under_way_the_next_transaction_waits() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.state.transactions.settings.marker_delay = Duration::from_millis(20);
    let producer = bench.init();
    assert_eq!(bench.write(12, producer, 0).error_code, NONE);
    let ended = bench.end(5, producer, "commit");
    let next = (ended.producer_id, ended.producer_epoch);
    assert_eq!(bench.write(12, next, 0).error_code, ErrorCode::CONCURRENT_TRANSACTIONS);
    assert_eq!(bench.read_committed().2, 0);
    bench.pass(Duration::from_millis(20));
    assert_eq!(bench.write(12, next, 0).error_code, NONE);
    assert_eq!(bench.read_committed().2, 2);
}

#[test]
fn a_marker_waits_for_a_leader() {
    let mut bench = Bench::new(Release::V4_2);
    bench.add_topic("lone", &[]);
    let producer = bench.init();
    assert_eq!(bench.add(producer), NONE);
    bench.state.partition_mut("t", 1).unwrap().leader = None;
    assert_eq!(bench.end(4, producer, "commit").error_code, NONE);
    assert_eq!(bench.add(producer), ErrorCode::CONCURRENT_TRANSACTIONS);
    bench.state.start(2, bench.now.instant);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.add(producer), NONE);
}

/// KAFKA-20734.
#[test]
fn from_4_3_on_a_partition_without_a_leader_gets_no_marker_and_nobody_is_told() {
    let mut bench = Bench::new(Release::V4_3);
    let producer = bench.init();
    assert_eq!(bench.write(12, producer, 0).error_code, NONE);
    bench.state.partition_mut("t", 0).unwrap().leader = None;
    let ended = bench.end(5, producer, "commit");
    assert_eq!(ended.error_code, NONE);
    bench.state.partition_mut("t", 0).unwrap().leader = Some(1);
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.read_committed(), (0, 0, 0));
    assert_eq!(bench.end(5, producer, "commit").error_code, NONE, "and so again");
    assert_eq!(bench.read_committed(), (0, 0, 0));
}

/// KAFKA-17754.
#[test]
fn up_to_3_9_offsets_of_an_earlier_epoch_are_refused_and_take_those_of_the_next_away() {
    for (release, kept) in [
        (Release::V2_8, -1),
        (Release::V3_7, -1),
        (Release::V3_9, -1),
        (Release::V4_0, 9),
        (Release::NEWEST, 9),
    ] {
        let mut bench = Bench::new(release);
        let commit = |bench: &mut Bench, producer: Producer, committed_offset| {
            let partition = TxnOffsetCommitRequestPartition {
                partition_index: 1,
                committed_offset,
                ..Default::default()
            };
            let topic = TxnOffsetCommitRequestTopic {
                name: "t".into(),
                partitions: vec![partition],
                ..Default::default()
            };
            let request = TxnOffsetCommitRequest {
                transactional_id: "x".into(),
                group_id: "g".into(),
                producer_id: producer.0,
                producer_epoch: producer.1,
                topics: vec![topic],
                ..Default::default()
            };
            let answer = bench.call(COORDINATOR, 3, &request).answer();
            answer.topics[0].partitions[0].error_code
        };
        let late = bench.init();
        let producer = bench.init();
        let group = AddOffsetsToTxnRequest {
            transactional_id: "x".into(),
            producer_id: producer.0,
            producer_epoch: producer.1,
            group_id: "g".into(),
        };
        assert_eq!(bench.ask(3, &group).error_code, NONE);
        assert_eq!(commit(&mut bench, producer, 9), NONE);
        assert_eq!(commit(&mut bench, late, 5), ErrorCode::INVALID_PRODUCER_EPOCH, "{release}");
        assert_eq!(bench.end(3, producer, "commit").error_code, NONE);
        assert_eq!(bench.committed(), Ok(kept), "{release}");
    }
}

#[test]
fn offsets_in_a_transaction_count_when_it_commits() {
    let mut bench = Bench::new(Release::NEWEST);
    let producer = bench.init();
    let partitions = vec![TxnOffsetCommitRequestPartition {
        partition_index: 1,
        committed_offset: 7,
        ..Default::default()
    }];
    let topics =
        vec![TxnOffsetCommitRequestTopic { name: "t".into(), partitions, ..Default::default() }];
    let mut request = TxnOffsetCommitRequest {
        transactional_id: "x".into(),
        group_id: "g".into(),
        producer_id: producer.0,
        producer_epoch: producer.1,
        topics,
        ..Default::default()
    };
    let commit = |bench: &mut Bench, version, request: &TxnOffsetCommitRequest| {
        let answer = bench.call(COORDINATOR, version, request).answer();
        answer.topics[0].partitions[0].error_code
    };
    assert_eq!(commit(&mut bench, 3, &request), ErrorCode::INVALID_TXN_STATE);
    assert_eq!(commit(&mut bench, 4, &request), ErrorCode::TRANSACTION_ABORTABLE);
    let group = AddOffsetsToTxnRequest {
        transactional_id: "x".into(),
        producer_id: producer.0,
        producer_epoch: producer.1,
        group_id: "g".into(),
    };
    assert_eq!(bench.ask(4, &group).error_code, NONE);
    assert_eq!(commit(&mut bench, 4, &request), NONE);
    assert_eq!(bench.committed(), Err(ErrorCode::UNSTABLE_OFFSET_COMMIT));
    let ended = bench.end(5, producer, "abort");
    assert_eq!(bench.committed(), Ok(-1));

    request.producer_epoch = ended.producer_epoch;
    assert_eq!(commit(&mut bench, 5, &request), NONE);
    bench.end(5, (ended.producer_id, ended.producer_epoch), "commit");
    assert_eq!(bench.committed(), Ok(7));

    request.producer_epoch += 1;
    request.member_id = "who".into();
    request.generation_id_or_member_epoch = 3;
    assert_eq!(commit(&mut bench, 5, &request), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn partitions_are_added_all_or_none() {
    let mut bench = Bench::new(Release::NEWEST);
    let producer = bench.init();
    let topic = |name: &str, partitions: &[i32]| AddPartitionsToTxnTopic {
        name: name.into(),
        partitions: partitions.to_vec(),
    };
    let topics = vec![topic("t", &[0, 9]), topic("missing", &[0])];
    let untried = ErrorCode::OPERATION_NOT_ATTEMPTED;
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let codes = |results: &[AddPartitionsToTxnTopicResult]| -> Vec<ErrorCode> {
        let partitions = results.iter().flat_map(|topic| &topic.results_by_partition);
        partitions.map(|partition| partition.partition_error_code).collect()
    };
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: "x".into(),
        v3_and_below_producer_id: producer.0,
        v3_and_below_producer_epoch: producer.1,
        v3_and_below_topics: topics.clone(),
        ..Default::default()
    };
    for broker in [TXN, TXN + 1] {
        // Whether it is the coordinator is asked later.
        let answer = bench.call(broker, 3, &request).answer();
        assert_eq!(codes(&answer.results_by_topic_v3_and_below), [untried, unknown, unknown]);
    }
    // Of several transactions each is judged by itself, added to or verified.
    let transaction = |topics, verify_only| AddPartitionsToTxnTransaction {
        transactional_id: "x".into(),
        producer_id: producer.0,
        producer_epoch: producer.1,
        verify_only,
        topics,
    };
    for verify_only in [false, true] {
        let good = transaction(vec![topic("t", &[2])], false);
        let transactions = vec![transaction(topics.clone(), verify_only), good];
        let request = AddPartitionsToTxnRequest { transactions, ..Default::default() };
        let answer = bench.ask(5, &request).results_by_transaction;
        assert_eq!(codes(&answer[0].topic_results), [untried, unknown, unknown]);
        assert_eq!(codes(&answer[1].topic_results), [NONE]);
    }
    let request = DescribeTransactionsRequest { transactional_ids: vec!["x".into()] };
    let described = bench.ask(0, &request).transaction_states.remove(0);
    assert_eq!((described.topics.len(), &described.topics[0].partitions[..]), (1, &[2][..]));
}

#[test]
fn brokers_verify_in_batches_and_administrators_look() {
    let mut bench = Bench::new(Release::NEWEST);
    let producer = bench.init();
    assert_eq!(bench.write(12, producer, 0).error_code, NONE);
    let topics = vec![AddPartitionsToTxnTopic { name: "t".into(), partitions: vec![0, 1] }];
    let transactions = vec![AddPartitionsToTxnTransaction {
        transactional_id: "x".into(),
        producer_id: producer.0,
        producer_epoch: producer.1,
        verify_only: true,
        topics,
    }];
    let request = AddPartitionsToTxnRequest { transactions, ..Default::default() };
    let answer = bench.ask(5, &request);
    let found = &answer.results_by_transaction[0].topic_results[0].results_by_partition;
    assert_eq!(found[0].partition_error_code, NONE);
    assert_eq!(found[1].partition_error_code, ErrorCode::TRANSACTION_ABORTABLE);

    let request = DescribeTransactionsRequest { transactional_ids: vec!["x".into(), "u".into()] };
    let described = bench.ask(0, &request).transaction_states;
    assert_eq!(&*described[0].transaction_state, "Ongoing");
    assert_eq!(described[0].topics[0].partitions, [0]);
    assert_eq!(described[1].error_code, ErrorCode::TRANSACTIONAL_ID_NOT_FOUND);
    let request = ListTransactionsRequest {
        state_filters: vec!["Ongoing".into(), "Sleeping".into()],
        ..Default::default()
    };
    let listed = bench.ask(1, &request);
    assert_eq!((listed.transaction_states.len(), listed.unknown_state_filters.len()), (1, 1));
    let topics = vec![TopicRequest { name: "t".into(), partition_indexes: vec![0] }];
    let answer = bench.call(1, 0, &DescribeProducersRequest { topics }).answer();
    let seen = &answer.topics[0].partitions[0].active_producers[0];
    assert_eq!((seen.producer_id, seen.current_txn_start_offset), (producer.0, 0));
}

#[test]
fn a_reader_of_committed_records_waits_for_the_marker() {
    let mut bench = Bench::new(Release::NEWEST);
    let producer = bench.init();
    bench.write(12, producer, 0);
    let mut request = bench.fetch_request(12, &[(0, 0)]);
    (request.isolation_level, request.max_wait_ms) = (1, 500);
    assert!(matches!(bench.call(1, 12, &request), Fate::Waits(_)));
    let before = bench.state.changes();
    bench.end(5, producer, "commit");
    assert!(bench.state.changes() > before, "who waits is woken");
    assert!(matches!(bench.call(1, 12, &request), Fate::Answered(_)));
}
