//! A small request makes no answer without measure, and no answer that cannot be sent.

use std::time::Duration;

use kurier_protocol::ErrorCode;
use kurier_protocol::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kurier_protocol::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use kurier_protocol::api::describe_groups::DescribeGroupsRequest;
use kurier_protocol::api::describe_transactions::DescribeTransactionsRequest;
use kurier_protocol::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use kurier_protocol::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kurier_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic};
use kurier_protocol::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
    OffsetFetchResponseTopics,
};
use kurier_protocol::release::Release;

use super::bench::{Bench, Fate};
use super::group_offsets::commit;
use super::groups::COORDINATOR;

fn describe_t() -> DescribeConfigsResource {
    let resource_name = "t".into();
    DescribeConfigsResource { resource_type: 2, resource_name, configuration_keys: None }
}

#[test]
fn what_is_named_many_times_is_answered_once() {
    let mut bench = Bench::new(Release::NEWEST);
    let t = || MetadataRequestTopic { name: Some("t".into()), ..Default::default() };
    let topics = Some(vec![t(), t(), t()]);
    let request = MetadataRequest { topics, ..Default::default() };
    assert_eq!(bench.call(1, 7, &request).answer().topics.len(), 1);

    let resources = vec![describe_t(), describe_t()];
    let request = DescribeConfigsRequest { resources, ..Default::default() };
    assert_eq!(bench.call(1, 4, &request).answer().results.len(), 1);

    let groups = vec!["g".into(), "h".into(), "g".into()];
    let request = DescribeGroupsRequest { groups, ..Default::default() };
    let group = bench.state.coordinator("g").unwrap();
    assert_eq!(bench.call(group, 5, &request).answer().groups.len(), 2);

    let transactional_ids = vec!["x".into(), "y".into(), "x".into()];
    let request = DescribeTransactionsRequest { transactional_ids };
    assert_eq!(bench.call(1, 0, &request).answer().transaction_states.len(), 2);
}

#[test]
fn an_offset_is_fetched_once_however_often_it_is_named() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.commits(&commit("", -1, 5));
    let topic = |partition_indexes: &[i32]| OffsetFetchRequestTopics {
        name: "t".into(),
        partition_indexes: partition_indexes.into(),
        ..Default::default()
    };
    let group = |topics| {
        let group_id = "g".into();
        OffsetFetchRequestGroup { group_id, topics, ..Default::default() }
    };
    let groups = vec![
        group(Some(vec![topic(&[1, 1]), topic(&[1, 0, 1])])),
        group(None),
        group(Some(vec![topic(&[1])])),
        group(None),
    ];
    let request = OffsetFetchRequest { groups, ..Default::default() };
    let answer = bench.call(COORDINATOR, 8, &request).answer();
    let partitions = answer.groups.iter().map(|group| {
        let of = |topic: &OffsetFetchResponseTopics| {
            topic.partitions.iter().map(|found| found.partition_index).collect()
        };
        group.topics.iter().map(of).collect::<Vec<Vec<_>>>()
    });
    let partitions = partitions.collect::<Vec<_>>();
    assert_eq!(partitions, [vec![vec![1], vec![0]], vec![vec![1]], vec![vec![]]]);
}

#[test]
fn a_name_that_leaves_no_room_for_a_member_id_is_refused() {
    for (length, code) in [(32_700, ErrorCode::NONE), (32_767, ErrorCode::INVALID_REQUEST)] {
        let mut bench = Bench::new(Release::NEWEST);
        let protocols = vec![JoinGroupRequestProtocol { name: "p".into(), ..Default::default() }];
        let request = JoinGroupRequest {
            group_id: "g".into(),
            session_timeout_ms: 10_000,
            protocol_type: "consumer".into(),
            group_instance_id: Some("a".repeat(length).into()),
            protocols,
            ..Default::default()
        };
        let call = bench.new_call();
        let mut fate = bench.poll(COORDINATOR, 6, (&request, call), Duration::ZERO);
        if let Fate::Waits(_) = fate {
            bench.pass(Duration::from_secs(4));
            fate = bench.poll(COORDINATOR, 6, (&request, call), Duration::ZERO);
        }
        assert_eq!(fate.answer().error_code, code);
    }
}

#[test]
fn a_partition_is_asked_for_its_offsets_once_wherever_its_topic_stands() {
    let mut bench = Bench::new(Release::NEWEST);
    let topic = |name: &str, partitions: &[i32]| {
        let partitions = partitions.iter().map(|&partition_index| ListOffsetsPartition {
            partition_index,
            timestamp: -2,
            ..Default::default()
        });
        ListOffsetsTopic { name: name.into(), partitions: partitions.collect() }
    };
    let topics = vec![topic("t", &[0]), topic("u", &[0]), topic("t", &[0, 9])];
    let request = ListOffsetsRequest { topics, ..Default::default() };
    let answer = bench.call(1, 7, &request).answer();
    let found = answer.topics.iter().map(|topic| {
        let codes = topic.partitions.iter().map(|p| (p.partition_index, p.error_code));
        (&*topic.name, codes.collect::<Vec<_>>())
    });
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let t = vec![(0, ErrorCode::INVALID_REQUEST), (9, unknown)];
    assert_eq!(found.collect::<Vec<_>>(), [("t", t), ("u", vec![(0, unknown)])]);
}

#[test]
fn a_name_of_any_length_is_refused_with_an_answer() {
    let mut bench = Bench::new(Release::NEWEST);
    let topic = CreatableTopic { name: "a".repeat(32_767).into(), ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let answer = bench.call(1, 2, &request).answer();
    assert_eq!(answer.topics[0].error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[test]
fn no_setting_becomes_too_long_to_be_shown() {
    let mut bench = Bench::new(Release::NEWEST);
    let mut codes = Vec::new();
    for first in [10_000, 20_000] {
        let entries = (first..first + 4000).map(|n| format!("{n}:1")).collect::<Vec<_>>();
        let config = AlterableConfig {
            name: "leader.replication.throttled.replicas".into(),
            config_operation: 2,
            value: Some(entries.join(",").into()),
        };
        let (resource_type, resource_name) = (2, "t".into());
        let resource = AlterConfigsResource { resource_type, resource_name, configs: vec![config] };
        let resources = vec![resource];
        let request = IncrementalAlterConfigsRequest { resources, ..Default::default() };
        codes.push(bench.call(1, 1, &request).answer().responses[0].error_code);
        let resources = vec![describe_t()];
        let request = DescribeConfigsRequest { resources, ..Default::default() };
        assert_eq!(bench.call(1, 1, &request).answer().results[0].error_code, ErrorCode::NONE);
    }
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::INVALID_CONFIG]);
}
