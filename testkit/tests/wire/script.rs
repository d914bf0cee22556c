//! Faults hit what they are meant for: a partition, a session, a version, a connection.

use std::sync::Arc;
use std::time::Duration;

use crate::peer::{self, fetch, fetched, produce};
use kurier_env::{Env, RealWall};
use kurier_protocol::api::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
};
use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use kurier_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic};
use kurier_protocol::api::produce::{PartitionProduceData, ProduceRequest};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::Instant;

const OLD: ErrorCode = ErrorCode::NOT_LEADER_OR_FOLLOWER;

fn cluster() -> TestCluster {
    TestCluster::builder().brokers(3).topic("t", 6).build()
}

/// A record for each of the partitions 0 and 3, which broker 1 leads.
fn two_records() -> ProduceRequest {
    let mut request = produce("x");
    let PartitionProduceData { records, .. } = request.topic_data[0].partition_data[0].clone();
    request.topic_data[0].partition_data.push(PartitionProduceData { index: 3, records });
    request
}

#[tokio::test(start_paused = true)]
async fn one_partition_of_a_request_is_refused_and_the_others_are_executed() {
    let cluster = cluster();
    let fault = cluster.fault(Fault::any().topic("t").partition(3).always().answer(OLD));
    let mut peer = cluster.connect(1).await.unwrap();
    let answer = peer.call(9, &two_records()).await.unwrap();
    let mut codes: Vec<_> = answer.responses[0]
        .partition_responses
        .iter()
        .map(|one| (one.index, one.error_code, one.base_offset))
        .collect();
    codes.sort_unstable_by_key(|one| one.0);
    assert_eq!(codes, [(0, ErrorCode::NONE, 0), (3, OLD, -1)]);
    assert_eq!((cluster.high_watermark("t", 0), cluster.high_watermark("t", 3)), (1, 0));
    assert!(peer.produce("t", 0, "y").await.unwrap().is_ok());
    assert_eq!(fault.hits(), 1, "a request without the partition is none");
}

#[tokio::test(start_paused = true)]
async fn of_partitions_added_to_a_transaction_one_refusal_stops_all() {
    let cluster = cluster();
    let coordinator = cluster.coordinator("x").unwrap();
    let mut peer = cluster.connect(coordinator).await.unwrap();
    let init = InitProducerIdRequest {
        transactional_id: Some("x".into()),
        transaction_timeout_ms: 60_000,
        ..Default::default()
    };
    let producer = peer.call(4, &init).await.unwrap();
    let topics = vec![AddPartitionsToTxnTopic { name: "t".into(), partitions: vec![0, 3] }];
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: "x".into(),
        v3_and_below_producer_id: producer.producer_id,
        v3_and_below_producer_epoch: producer.producer_epoch,
        v3_and_below_topics: topics,
        ..Default::default()
    };
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    cluster.fault(Fault::on(ApiKey::ADD_PARTITIONS_TO_TXN).partition(3).answer(code));
    for expected in [[ErrorCode::OPERATION_NOT_ATTEMPTED, code], [ErrorCode::NONE; 2]] {
        let answer = peer.call(3, &request).await.unwrap();
        let results = &answer.results_by_topic_v3_and_below[0].results_by_partition;
        let codes = results.iter().map(|result| result.partition_error_code);
        assert_eq!(codes.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_executed_partition_may_be_called_failed() {
    let cluster = cluster();
    let code = ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    cluster.fault(Fault::on(ApiKey::PRODUCE).partition(3).execute_then_answer(code));
    let answer = cluster.connect(1).await.unwrap().call(9, &two_records()).await.unwrap();
    let codes = answer.responses[0].partition_responses.iter().map(|one| one.error_code);
    assert_eq!(codes.collect::<Vec<_>>(), [ErrorCode::NONE, code]);
    assert_eq!((cluster.high_watermark("t", 0), cluster.high_watermark("t", 3)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_partition_of_a_fetch_session_is_refused_although_nobody_names_it() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let mut peer = cluster.connect(1).await.unwrap();
    let first = FetchRequest { session_epoch: 0, ..fetch(0, 0) };
    let session_id = peer.call(12, &first).await.unwrap().session_id;
    assert_ne!(session_id, 0);
    let fault = cluster.fault(Fault::on(ApiKey::FETCH).topic("t").partition(0).answer(OLD));
    let next =
        FetchRequest { session_id, session_epoch: 1, topics: Vec::new(), ..fetch(0, 60_000) };
    let began = Instant::now();
    let answer = peer.call(12, &next).await.unwrap();
    assert_eq!((fetched(&answer), fault.hits()), (Err(OLD), 1));
    assert!(began.elapsed().is_zero(), "an error is not waited with");
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_known_by_its_id_as_well() {
    let cluster = cluster();
    let fault = cluster.fault(Fault::on(ApiKey::PRODUCE).topic("t").answer(OLD));
    let mut request = produce("x");
    request.topic_data[0].topic_id = cluster.topic_id("t").unwrap();
    request.topic_data[0].name = Default::default();
    let answer = cluster.connect(1).await.unwrap().call(13, &request).await.unwrap();
    assert_eq!(answer.responses[0].topic_id, request.topic_data[0].topic_id);
    assert_eq!(peer::stored(&answer), Err(OLD));
    assert_eq!((fault.hits(), cluster.high_watermark("t", 0)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn metadata_fails_for_a_topic_or_for_a_partition_alone() {
    let cluster = cluster();
    let mut peer = cluster.connect(1).await.unwrap();
    let code = ErrorCode::LEADER_NOT_AVAILABLE;
    let topic = MetadataRequestTopic { name: Some("t".into()), ..Default::default() };
    let named = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    for request in [&named, &MetadataRequest { topics: None, ..Default::default() }] {
        cluster.fault(Fault::on(ApiKey::METADATA).topic("t").partition(2).answer(code));
        let answer = peer.call(12, request).await.unwrap();
        let topic = &answer.topics[0];
        let failed: Vec<_> = topic.partitions.iter().filter(|p| p.error_code == code).collect();
        assert_eq!((topic.error_code, topic.partitions.len()), (ErrorCode::NONE, 6));
        assert_eq!((failed.len(), failed[0].partition_index, failed[0].leader_id), (1, 2, -1));

        cluster.fault(Fault::on(ApiKey::METADATA).topic("t").answer(code));
        let answer = peer.call(12, request).await.unwrap();
        assert_eq!((answer.brokers.len(), answer.topics.len()), (3, 1));
        assert_eq!((answer.topics[0].error_code, answer.topics[0].partitions.len()), (code, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_leader_may_name_a_wrong_one() {
    let cluster = cluster();
    cluster.fault(Fault::on(ApiKey::PRODUCE).times(2).answer(OLD));
    cluster.fault(Fault::on(ApiKey::PRODUCE).always().claim_leader(3));
    let mut peer = cluster.connect(1).await.unwrap();
    let answer = peer.call(10, &produce("x")).await.unwrap();
    let hint = answer.responses[0].partition_responses[0].current_leader.clone();
    assert_eq!((hint.leader_id, hint.leader_epoch), (3, 0));
    assert_eq!(answer.node_endpoints.len(), 1);
    let endpoint = &answer.node_endpoints[0];
    assert_eq!((endpoint.node_id, &*endpoint.host), (3, "broker-3"));

    cluster.fault(Fault::on(ApiKey::PRODUCE).always().claim_leader_epoch(9));
    let answer = peer.call(10, &produce("x")).await.unwrap();
    let hint = answer.responses[0].partition_responses[0].current_leader.clone();
    assert_eq!((hint.leader_id, hint.leader_epoch), (3, 9));
    let answer = peer.call(10, &produce("x")).await.unwrap();
    let hint = answer.responses[0].partition_responses[0].current_leader.clone();
    assert_eq!(hint.leader_id, -1, "who is not refused gets no hint");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_at_acks_0_closes_the_connection() {
    let cluster = cluster();
    for fault in [Fault::on(ApiKey::PRODUCE), Fault::on(ApiKey::PRODUCE).topic("t")] {
        cluster.fault(fault.answer(OLD));
        let mut peer = cluster.connect(1).await.unwrap();
        peer.send(9, &ProduceRequest { acks: 0, ..produce("x") }).await.unwrap();
        assert!(peer.frame().await.is_err());
    }
    assert_eq!(cluster.high_watermark("t", 0), 0);
}

#[tokio::test(start_paused = true)]
async fn delays_add_up_with_what_else_happens() {
    let cluster = cluster();
    let by = Duration::from_secs(1);
    cluster.fault(Fault::any().broker(1).always().delay(by));
    cluster.fault(Fault::any().broker(1).always().delay_answer(by));
    cluster.fault(Fault::on(ApiKey::PRODUCE).answer(OLD));
    let overruled = cluster.fault(Fault::on(ApiKey::PRODUCE).close());
    let mut peer = cluster.connect(1).await.unwrap();
    let began = Instant::now();
    assert_eq!(peer.produce("t", 0, "x").await.unwrap(), Err(OLD));
    assert_eq!((began.elapsed(), overruled.hits()), (2 * by, 0));
}

#[tokio::test(start_paused = true)]
async fn throttling_is_as_old_as_the_release() {
    let by = Duration::from_secs(3);
    for (release, version, waits, bytes) in
        [("1.1", 4, by, true), ("2.0", 8, Duration::ZERO, false)]
    {
        let cluster = TestCluster::builder().release(release).topic("t", 1).build();
        let mut peer = cluster.connect(1).await.unwrap();
        assert_eq!(peer.produce("t", 0, "x").await.unwrap(), Ok(0));
        cluster.fault(Fault::on(ApiKey::FETCH).throttle(by));
        let request = FetchRequest { session_epoch: -1, ..fetch(0, 0) };
        let began = Instant::now();
        let answer = peer.call(version, &request).await.unwrap();
        assert_eq!((answer.throttle_time_ms, began.elapsed()), (3000, waits), "{release}");
        assert_eq!(!answer.responses.is_empty(), bytes, "{release}");
        let answer = peer.call(version, &request).await.unwrap();
        assert_eq!((began.elapsed(), answer.throttle_time_ms), (by, 0), "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_waits_for_an_answer_with_records_to_damage() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let mut peer = cluster.connect(1).await.unwrap();
    let fault = cluster.fault(Fault::on(ApiKey::FETCH).corrupt(usize::MAX));
    assert_eq!(peer.fetch("t", 0, 0).await.unwrap().unwrap().len(), 0);
    assert_eq!((fault.hits(), fault.is_active()), (0, true));
    assert_eq!(peer.produce("t", 0, "x").await.unwrap(), Ok(0));
    assert!(peer.fetch("t", 0, 0).await.is_err());
    assert_eq!((fault.hits(), fault.is_active()), (1, false));
    assert_eq!(cluster.stored_records("t", 0)[0].value(), Some(&b"x"[..]));
}

#[tokio::test(start_paused = true)]
async fn only_the_client_and_the_connection_that_are_meant_are_hit() {
    let cluster = cluster();
    let other = cluster.fault(Fault::any().client_id("other").always().close());
    let second = cluster.fault(Fault::any().client_id("peer").connection(2).always().close());
    let mut one = cluster.connect(1).await.unwrap();
    assert!(one.produce("t", 0, "x").await.is_ok());
    let mut two = cluster.connect(1).await.unwrap();
    assert!(two.produce("t", 0, "x").await.is_err());
    assert_eq!((other.hits(), second.hits()), (0, 1));
}

#[tokio::test]
async fn a_port_refuses_as_well() {
    let cluster = TestCluster::builder().topic("t", 1).wall(Arc::new(RealWall)).build();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let fault = cluster.fault(Fault::on_connect().refuse());
    let address = tcp.bootstrap()[0].parse().unwrap();
    let net = Env::real();
    let mut refused = peer::Peer::over(net.net().connect(address).await.unwrap());
    let kind = refused.frame().await.map_err(|error| error.kind());
    assert_eq!((kind, fault.hits()), (Err(std::io::ErrorKind::ConnectionReset), 1));
    let mut taken = peer::Peer::over(net.net().connect(address).await.unwrap());
    assert!(taken.call(peer::PRODUCE, &produce("x")).await.is_ok());
}
