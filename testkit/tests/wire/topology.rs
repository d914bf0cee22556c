//! Brokers pause, coordinators move, releases change, and markers wait.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use kurier_env::Seeded;
use kurier_protocol::api::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
};
use kurier_protocol::api::api_versions::ApiVersionsRequest;
use kurier_protocol::api::end_txn::EndTxnRequest;
use kurier_protocol::api::heartbeat::HeartbeatRequest;
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_protocol::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_protocol::{ErrorCode, Records, Str, Uuid};
use kurier_testkit::{Builder, Isolation, Peer, TestCluster};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(100);

#[tokio::test(start_paused = true)]
async fn a_paused_broker_keeps_its_connections_and_can_be_killed() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let mut old = cluster.connect(1).await.unwrap();
    assert_eq!(old.produce("t", 0, "a").await.unwrap(), Ok(0));
    cluster.pause_broker(1);
    let mut new = cluster.connect(1).await.unwrap();
    for peer in [&mut old, &mut new] {
        peer.send(0, &ApiVersionsRequest::default()).await.unwrap();
        assert!(timeout(PATIENCE, peer.frame()).await.is_err(), "nothing is answered");
    }
    assert_eq!(cluster.requests().len(), 1, "nothing is read");
    cluster.resume_broker(1);
    assert!(old.frame().await.is_ok() && new.frame().await.is_ok());

    cluster.pause_broker(1);
    cluster.kill_broker(1);
    assert!(old.frame().await.is_err());
    cluster.restart_broker(1);
    assert_eq!(cluster.connect(1).await.unwrap().produce("t", 0, "b").await.unwrap(), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_moved_coordinator_is_the_only_one() {
    let cluster = TestCluster::builder().brokers(3).build();
    let heartbeat = HeartbeatRequest { group_id: "g".into(), ..Default::default() };
    for to in 1..=3 {
        cluster.move_coordinator("g", to);
        for broker in 1..=3 {
            let answer = cluster.connect(broker).await.unwrap().call(3, &heartbeat).await.unwrap();
            let is_right = answer.error_code != ErrorCode::NOT_COORDINATOR;
            assert_eq!(is_right, broker == to);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_brings_versions_first_and_features_when_it_is_finalized() {
    let cluster = TestCluster::builder().brokers(2).release("2.7").topic("t", 1).build();
    assert!(cluster.topic_id("t").unwrap().is_zero());
    let mut peer = cluster.connect(1).await.unwrap();
    assert!(peer.produce("t", 0, "x").await.is_ok());
    cluster.set_broker_release(1, "4.4");
    assert!(peer.produce("t", 0, "x").await.is_err(), "a broker is started anew");
    let features = async || {
        let mut peer = cluster.connect(1).await.unwrap();
        peer.call(
            4,
            &ApiVersionsRequest {
                client_software_name: "test".into(),
                client_software_version: "1".into(),
                ..Default::default()
            },
        )
        .await
        .unwrap()
        .finalized_features
        .len()
    };
    assert_eq!(features().await, 0);
    cluster.set_release("4.4");
    assert_eq!(features().await, 2);
    assert!(!cluster.topic_id("t").unwrap().is_zero());
    assert_eq!(cluster.connect(1).await.unwrap().produce("t", 0, "y").await.unwrap(), Ok(1));
}

/// A transaction of the id `x`, which broker 1 coordinates, by the rules of KIP-98.
struct Transaction {
    peer: Peer,
    producer_id: i64,
    producer_epoch: i16,
    written: i32,
}

impl Transaction {
    async fn new(cluster: &TestCluster) -> Self {
        let mut peer = cluster.connect(1).await.unwrap();
        let request = InitProducerIdRequest {
            transactional_id: Some("x".into()),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let answer = peer.call(4, &request).await.unwrap();
        assert!(answer.error_code.is_ok());
        let (producer_id, producer_epoch) = (answer.producer_id, answer.producer_epoch);
        Self { peer, producer_id, producer_epoch, written: 0 }
    }

    /// Adds the partitions 0 and 1, and writes a record to each.
    async fn write(&mut self) -> ErrorCode {
        let topics = vec![AddPartitionsToTxnTopic { name: "t".into(), partitions: vec![0, 1] }];
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: "x".into(),
            v3_and_below_producer_id: self.producer_id,
            v3_and_below_producer_epoch: self.producer_epoch,
            v3_and_below_topics: topics,
            ..Default::default()
        };
        let added = self.peer.call(3, &request).await.unwrap();
        let code = added.results_by_topic_v3_and_below[0].results_by_partition[0].clone();
        if !code.partition_error_code.is_ok() {
            return code.partition_error_code;
        }
        let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
        let value = Some(&b"x"[..]);
        writer.append(&RecordParts { timestamp: 0, value, ..RecordParts::default() }).unwrap();
        let seal = Seal {
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.written,
            is_transactional: true,
            ..Seal::default()
        };
        self.written += 1;
        let records = Some(Records(writer.seal(&seal).unwrap()));
        let partitions =
            [0, 1].map(|index| PartitionProduceData { index, records: records.clone() });
        let partition_data = partitions.into();
        let topic = TopicProduceData { name: "t".into(), partition_data, ..Default::default() };
        let request = ProduceRequest {
            transactional_id: Some("x".into()),
            acks: -1,
            topic_data: vec![topic],
            ..Default::default()
        };
        let answer = self.peer.call(9, &request).await.unwrap();
        answer.responses[0].partition_responses[0].error_code
    }

    async fn commit(&mut self) -> ErrorCode {
        let request = EndTxnRequest {
            transactional_id: "x".into(),
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            committed: true,
        };
        self.peer.call(3, &request).await.unwrap().error_code
    }
}

fn committed(cluster: &TestCluster) -> [usize; 2] {
    [0, 1].map(|partition| cluster.read("t", partition, Isolation::Committed).len())
}

#[tokio::test(start_paused = true)]
async fn markers_wait_until_they_are_released() {
    let cluster = TestCluster::builder().topic("t", 2).build();
    let mut transaction = Transaction::new(&cluster).await;
    cluster.hold_markers();
    assert_eq!(transaction.write().await, ErrorCode::NONE);
    assert_eq!(transaction.commit().await, ErrorCode::NONE);
    tokio::time::sleep(PATIENCE).await;
    assert_eq!(transaction.write().await, ErrorCode::CONCURRENT_TRANSACTIONS);
    assert_eq!(committed(&cluster), [0, 0]);
    assert_eq!(cluster.read("t", 0, Isolation::Uncommitted).len(), 1);
    cluster.release_markers();
    assert_eq!(committed(&cluster), [1, 1]);
    assert_eq!(transaction.write().await, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn markers_of_one_partition_wait_alone() {
    let cluster = TestCluster::builder().topic("t", 2).build();
    let mut transaction = Transaction::new(&cluster).await;
    cluster.hold_markers_of("t", 1);
    assert_eq!(transaction.write().await, ErrorCode::NONE);
    assert_eq!(transaction.commit().await, ErrorCode::NONE);
    assert_eq!(committed(&cluster), [1, 0]);
    assert_eq!(transaction.write().await, ErrorCode::CONCURRENT_TRANSACTIONS);
    cluster.release_markers();
    assert_eq!(committed(&cluster), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_marker_waits_for_a_leader_that_is_paused_until_that_goes_on_or_another_one_leads() {
    for is_fenced in [false, true] {
        let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
        cluster.move_coordinator("x", 1);
        let mut transaction = Transaction::new(&cluster).await;
        assert_eq!(transaction.write().await, ErrorCode::NONE);
        assert_eq!((cluster.leader("t", 0), cluster.leader("t", 1)), (Some(1), Some(2)));
        cluster.pause_broker(2);
        assert_eq!(transaction.commit().await, ErrorCode::NONE);
        assert_eq!((cluster.log_end("t", 0), cluster.log_end("t", 1)), (2, 0));
        match is_fenced {
            true => tokio::time::sleep(10 * PATIENCE).await,
            false => cluster.resume_broker(2),
        }
        tokio::time::sleep(PATIENCE).await;
        let leader = if is_fenced { 1 } else { 2 };
        assert_eq!((cluster.leader("t", 1), cluster.log_end("t", 1)), (Some(leader), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn clusters_of_another_chance_have_other_ids_and_those_of_none_the_same() {
    async fn ids(builder: Builder) -> (Option<Str>, Option<Uuid>) {
        let cluster = builder.topic("t", 1).build();
        let mut peer = cluster.connect(1).await.unwrap();
        let answer = peer.call(4, &MetadataRequest::default()).await.unwrap();
        (answer.cluster_id, cluster.topic_id("t"))
    }
    let seeded = |seed| TestCluster::builder().chance(Arc::new(Seeded::new(seed)));
    let (one, again, two) = (ids(seeded(1)).await, ids(seeded(1)).await, ids(seeded(2)).await);
    assert_eq!(one, again);
    assert!(one.0 != two.0 && one.1 != two.1, "{one:?} {two:?}");
    assert_eq!(ids(TestCluster::builder()).await, ids(TestCluster::builder()).await);
}
