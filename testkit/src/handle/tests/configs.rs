//! Settings of topics and brokers, the cluster, and the deletion of records.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use kurier_protocol::api::describe_cluster::DescribeClusterRequest;
use kurier_protocol::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
};
use kurier_protocol::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use kurier_protocol::record::{Compression, Magic};
use kurier_protocol::release::Release;

use super::bench::{Bench, batch};
use crate::state::broker_config_names;

impl Bench {
    pub(super) fn setting(
        &mut self,
        resource_type: i8,
        of: &str,
        name: &str,
    ) -> DescribeConfigsResourceResult {
        let resources = vec![DescribeConfigsResource {
            resource_type,
            resource_name: of.into(),
            configuration_keys: Some(vec![name.into()]),
        }];
        let request =
            DescribeConfigsRequest { resources, include_synonyms: true, ..Default::default() };
        let mut answer = self.call(1, 4, &request).answer();
        assert_eq!(answer.results[0].error_code, ErrorCode::NONE);
        answer.results.remove(0).configs.remove(0)
    }

    fn alter(&mut self, topic: &str, changes: &[(&str, i8, Option<&str>)]) -> ErrorCode {
        let configs = changes.iter().map(|(name, config_operation, value)| AlterableConfig {
            name: (*name).into(),
            config_operation: *config_operation,
            value: value.map(Into::into),
        });
        let resources = vec![AlterConfigsResource {
            resource_type: 2,
            resource_name: topic.into(),
            configs: configs.collect(),
        }];
        let request = IncrementalAlterConfigsRequest { resources, ..Default::default() };
        self.call(1, 1, &request).answer().responses[0].error_code
    }

    fn delete_until(&mut self, offset: i64) -> Result<i64, ErrorCode> {
        let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset }];
        let topics = vec![DeleteRecordsTopic { name: "t".into(), partitions }];
        let request = DeleteRecordsRequest { topics, timeout_ms: 1000 };
        let answer = self.call(1, 2, &request).answer();
        let result = &answer.topics[0].partitions[0];
        if result.error_code.is_ok() { Ok(result.low_watermark) } else { Err(result.error_code) }
    }
}

#[test]
fn settings_are_changed_one_by_one_and_seen_with_their_source() {
    let mut bench = Bench::new(Release::NEWEST);
    let before = bench.setting(2, "t", "max.message.bytes");
    assert_eq!((before.value.as_deref(), before.config_source), (Some("1048588"), 5));
    let changes = [("max.message.bytes", 0, Some("10")), ("cleanup.policy", 2, Some("compact"))];
    assert_eq!(bench.alter("t", &changes), ErrorCode::NONE);
    let after = bench.setting(2, "t", "max.message.bytes");
    assert_eq!((after.value.as_deref(), after.config_source), (Some("10"), 1));
    let policy = bench.setting(2, "t", "cleanup.policy");
    assert_eq!((policy.value.as_deref(), policy.config_type), (Some("delete,compact"), 7));
    // What is there already stays where it is.
    for (operation, left) in [(2, "delete,compact"), (3, "compact")] {
        let changes = [("cleanup.policy", operation, Some("delete"))];
        assert_eq!(bench.alter("t", &changes), ErrorCode::NONE);
        let policy = bench.setting(2, "t", "cleanup.policy").value;
        assert_eq!(policy.as_deref(), Some(left));
    }
    let refused = bench.produce(9, "t", 0, batch(Magic::V2, Compression::None, &["x"]));
    assert_eq!(refused.error_code, ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(bench.alter("t", &[("max.message.bytes", 1, None)]), ErrorCode::NONE);
    assert_eq!(bench.setting(2, "t", "max.message.bytes").config_source, 5);
    assert_eq!(bench.setting(4, "1", "num.partitions").value.as_deref(), Some("2"));
}

#[test]
fn every_setting_of_brokers_can_be_set_and_is_shown() {
    let mut bench = Bench::new(Release::NEWEST);
    let settings: Vec<(&str, String)> = broker_config_names()
        .zip(20_000..)
        .map(|(name, number)| match name {
            "auto.create.topics.enable" => (name, "false".to_owned()),
            "group.consumer.migration.policy" => (name, "upgrade".to_owned()),
            "replica.selector.class" => {
                (name, "org.apache.kafka.common.replica.RackAwareReplicaSelector".to_owned())
            }
            name => (name, number.to_string()),
        })
        .collect();
    for (name, value) in &settings {
        bench.state.settings.set(name, value).unwrap();
    }
    for (name, value) in &settings {
        let shown = bench.setting(4, "1", name);
        assert_eq!((shown.value.as_deref(), shown.config_source), (Some(&**value), 4), "{name}");
    }
}

#[test]
fn settings_that_are_none_are_refused() {
    let mut bench = Bench::new(Release::NEWEST);
    let twice = [("retention.ms", 0, Some("1")), ("retention.ms", 0, Some("2"))];
    assert_eq!(bench.alter("t", &twice), ErrorCode::INVALID_REQUEST);
    assert_eq!(bench.alter("t", &[("retention", 0, Some("1"))]), ErrorCode::INVALID_CONFIG);
    assert_eq!(bench.alter("t", &[("retention.ms", 2, Some("1"))]), ErrorCode::INVALID_CONFIG);
    let stumbles = bench.alter("t", &[("retention.ms", 9, Some("1"))]);
    assert_eq!(stumbles, ErrorCode::UNKNOWN_SERVER_ERROR);
    assert_eq!(bench.alter("no", &[]), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn a_setting_says_what_gives_it_its_value_and_what_would_otherwise() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.alter("t", &[("max.message.bytes", 0, Some("7"))]);
    let mut sources = |resource_type, of: &str, name: &str| {
        let setting = bench.setting(resource_type, of, name);
        let synonyms =
            setting.synonyms.iter().map(|synonym| (synonym.name.to_string(), synonym.source));
        (setting.config_source, synonyms.collect::<Vec<_>>())
    };
    let named = |name: &str, source| (name.to_owned(), source);
    let set = vec![named("max.message.bytes", 1), named("message.max.bytes", 5)];
    assert_eq!(sources(2, "t", "max.message.bytes"), (1, set));
    assert_eq!(sources(2, "t", "retention.ms"), (5, Vec::new()));
    let in_sync = vec![named("min.insync.replicas", 3), named("min.insync.replicas", 5)];
    assert_eq!(sources(2, "t", "min.insync.replicas"), (3, in_sync));
    let partitions = vec![named("num.partitions", 4), named("num.partitions", 5)];
    assert_eq!(sources(4, "1", "num.partitions"), (4, partitions));
    assert_eq!(sources(4, "", "min.insync.replicas").0, 3);
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.produce(9, "t", 0, batch(Magic::V2, Compression::None, &["a", "b", "c"]));
    assert_eq!(bench.delete_until(2), Ok(2));
    assert_eq!(bench.delete_until(1), Ok(2));
    assert_eq!(bench.delete_until(4), Err(ErrorCode::OFFSET_OUT_OF_RANGE));
    assert_eq!(bench.delete_until(-1), Ok(3));
    bench.alter("t", &[("cleanup.policy", 0, Some("compact"))]);
    assert_eq!(bench.delete_until(-1), Err(ErrorCode::POLICY_VIOLATION));
}

#[test]
fn brokers_that_are_down_are_shown_to_who_asks_for_them() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.state.stop(3, bench.now.instant);
    let request = DescribeClusterRequest::default();
    let seen = bench.call(1, 2, &request).answer();
    assert_eq!(seen.brokers.len(), 2);
    assert_eq!(*seen.cluster_id, *bench.state.settings.ids.cluster);
    let request = DescribeClusterRequest { include_fenced_brokers: true, ..request };
    let seen = bench.call(1, 2, &request).answer();
    assert!(seen.brokers.iter().any(|broker| broker.broker_id == 3 && broker.is_fenced));
    let request = DescribeClusterRequest { endpoint_type: 2, ..request };
    let refused = bench.call(1, 2, &request).answer();
    assert_eq!(refused.error_code, ErrorCode::MISMATCHED_ENDPOINT_TYPE);
}
