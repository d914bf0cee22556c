//! Groups over the wire: who waits is answered when it is due, and faults hit group requests too.

use std::time::Duration;

use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::api::heartbeat::HeartbeatRequest;
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_protocol::{ApiKey, ErrorCode, Records};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::{Instant, sleep};

use crate::peer::{FETCH, Peer, fetch, fetched, produce};

const JOIN: i16 = 3;

fn join(member: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member.into(),
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol { name: "range".into(), ..Default::default() }],
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_is_answered_when_the_silent_member_is_given_up() {
    let cluster = TestCluster::builder().build();
    let env = cluster.env(1);
    let (mut first, mut second) =
        (Peer::connect(&env, 1).await.unwrap(), Peer::connect(&env, 1).await.unwrap());
    assert_eq!(first.call(JOIN, &join("")).await.unwrap().generation_id, 1);
    sleep(Duration::from_secs(4)).await;
    let start = Instant::now();
    let joined = second.call(JOIN, &join("")).await.unwrap();
    assert_eq!((joined.error_code, joined.generation_id), (ErrorCode::NONE, 2));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(start.elapsed(), Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn a_reader_is_woken_when_a_transaction_times_out() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let env = cluster.env(1);
    let (mut writer, mut reader) =
        (Peer::connect(&env, 1).await.unwrap(), Peer::connect(&env, 1).await.unwrap());
    let transactional_id = Some("x".into());
    let request = InitProducerIdRequest {
        transactional_id: transactional_id.clone(),
        transaction_timeout_ms: 5000,
        ..Default::default()
    };
    let producer = writer.call(4, &request).await.unwrap();
    let mut batch = BatchWriter::new(Default::default(), Magic::V2, 0);
    batch.append(&RecordParts { value: Some(b"x"), ..RecordParts::default() }).unwrap();
    let seal = Seal {
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        base_sequence: 0,
        is_transactional: true,
        ..Seal::default()
    };
    let mut request = ProduceRequest { transactional_id, ..produce("") };
    request.topic_data[0].partition_data[0].records = Some(Records(batch.seal(&seal).unwrap()));
    let start = Instant::now();
    reader.send(FETCH, &FetchRequest { isolation_level: 1, ..fetch(0, 60_000) }).await;
    let stored = writer.call(12, &request).await.unwrap();
    assert_eq!(stored.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
    let (_, answer) = reader.receive::<FetchRequest>(FETCH).await.unwrap();
    assert!(fetched(&answer).unwrap() > 0);
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn faults_hit_group_requests_and_the_recorder_keeps_them() {
    let cluster = TestCluster::builder().build();
    let mut peer = Peer::connect(&cluster.env(1), 1).await.unwrap();
    cluster.fault(Fault::on(ApiKey::HEARTBEAT).answer(ErrorCode::NOT_COORDINATOR));
    let request = HeartbeatRequest { group_id: "g".into(), ..Default::default() };
    let refused = peer.call(3, &request).await.unwrap();
    assert_eq!(refused.error_code, ErrorCode::NOT_COORDINATOR);
    let unknown = peer.call(3, &request).await.unwrap();
    assert_eq!(unknown.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(cluster.requests()[0].decode::<HeartbeatRequest>(), request);
}
