//! No bytes make the handlers of groups, transactions and settings panic.

use kurier_protocol::api::add_offsets_to_txn::AddOffsetsToTxnRequest;
use kurier_protocol::api::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use kurier_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use kurier_protocol::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use kurier_protocol::api::end_txn::EndTxnRequest;
use kurier_protocol::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use kurier_protocol::api::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use kurier_protocol::release::Release;

use super::bench::Bench;
use super::damage::damage;

#[test]
fn damaged_requests_about_groups_and_transactions_are_survived() {
    let mut bench = Bench::new(Release::NEWEST);
    damage(&mut bench, |_, version| JoinGroupRequest {
        group_id: "x".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: if version > 0 { 10_000 } else { -1 },
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol { name: "r".into(), ..Default::default() }],
        ..Default::default()
    });
    damage(&mut bench, |_, _| ConsumerGroupHeartbeatRequest {
        group_id: "u".into(),
        member_id: "m".into(),
        rebalance_timeout_ms: 1000,
        subscribed_topic_names: Some(vec!["t".into()]),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    });
    damage(&mut bench, |_, _| InitProducerIdRequest {
        transactional_id: Some("x".into()),
        transaction_timeout_ms: 1000,
        ..Default::default()
    });
    damage(&mut bench, |_, version| {
        let topics = vec![AddPartitionsToTxnTopic { name: "t".into(), partitions: vec![0] }];
        if version < 4 {
            return AddPartitionsToTxnRequest {
                v3_and_below_transactional_id: "x".into(),
                v3_and_below_topics: topics,
                ..Default::default()
            };
        }
        let transactional_id = "x".into();
        let transactions =
            vec![AddPartitionsToTxnTransaction { transactional_id, topics, ..Default::default() }];
        AddPartitionsToTxnRequest { transactions, ..Default::default() }
    });
    damage(&mut bench, |_, _| AddOffsetsToTxnRequest {
        transactional_id: "x".into(),
        group_id: "x".into(),
        ..Default::default()
    });
    damage(&mut bench, |_, _| EndTxnRequest { transactional_id: "x".into(), ..Default::default() });
    damage(&mut bench, |_, _| {
        let topics = vec![WritableTxnMarkerTopic { name: "t".into(), partition_indexes: vec![0] }];
        let markers = vec![WritableTxnMarker { producer_id: -1, topics, ..Default::default() }];
        WriteTxnMarkersRequest { markers }
    });
    damage(&mut bench, |_, _| {
        let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: 1 }];
        let topics = vec![DeleteRecordsTopic { name: "t".into(), partitions }];
        DeleteRecordsRequest { topics, timeout_ms: 1000 }
    });
    damage(&mut bench, |_, _| {
        let configs = vec![AlterableConfig {
            name: "retention.ms".into(),
            value: Some("1".into()),
            ..Default::default()
        }];
        let resource_name = "t".into();
        let resources = vec![AlterConfigsResource { resource_type: 2, resource_name, configs }];
        IncrementalAlterConfigsRequest { resources, ..Default::default() }
    });
}
