//! Topics are created, described, widened and deleted.

use kurier_protocol::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use kurier_protocol::api::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use kurier_protocol::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use kurier_protocol::api::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Uuid};

use super::bench::Bench;

fn metadata(bench: &mut Bench, version: i16, names: &[&str]) -> MetadataResponse {
    let topics = names
        .iter()
        .map(|name| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() });
    let request = MetadataRequest { topics: Some(topics.collect()), ..Default::default() };
    bench.call(1, version, &request).answer()
}

fn describe(bench: &mut Bench, name: &str) -> MetadataResponseTopic {
    metadata(bench, 7, &[name]).topics.remove(0)
}

fn topic(name: &str, partitions: i32, replication: i16) -> CreatableTopic {
    CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: replication,
        ..Default::default()
    }
}

fn create(bench: &mut Bench, version: i16, topic: CreatableTopic) -> ErrorCode {
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    bench.call(1, version, &request).answer().topics[0].error_code
}

#[test]
fn leaders_and_replicas_go_round_the_brokers() {
    let topic = describe(&mut Bench::new(Release::V4_4), "t");
    let leaders: Vec<_> = topic.partitions.iter().map(|p| p.leader_id).collect();
    assert_eq!(leaders, [1, 2, 3]);
    assert_eq!(topic.partitions[1].replica_nodes, [2, 3, 1]);
}

#[test]
fn a_dead_broker_leads_nothing_and_is_not_listed() {
    let mut bench = Bench::new(Release::V4_4);
    assert!(bench.state.stop(2, bench.now.instant));
    let answer = metadata(&mut bench, 7, &["t"]);
    let brokers: Vec<_> = answer.brokers.iter().map(|b| b.node_id).collect();
    assert_eq!(brokers, [1, 3]);
    let moved = &answer.topics[0].partitions[1];
    assert_eq!((moved.leader_id, moved.leader_epoch), (3, 1));
    assert_eq!((&moved.isr_nodes[..], &moved.offline_replicas[..]), (&[3, 1][..], &[2][..]));
    assert!(bench.state.start(2, bench.now.instant));
    let back = &metadata(&mut bench, 7, &["t"]).topics[0].partitions[1];
    assert_eq!((back.leader_id, &back.isr_nodes[..]), (3, &[2, 3, 1][..]));
}

#[test]
fn a_partition_without_a_broker_waits_for_the_last_one_in_sync() {
    let mut bench = Bench::new(Release::V4_4);
    for broker in [1, 2, 3] {
        bench.state.stop(broker, bench.now.instant);
    }
    let lost = bench.state.partition("t", 0).unwrap();
    assert_eq!((lost.leader, &lost.in_sync[..]), (None, &[3][..]));
    bench.state.start(1, bench.now.instant);
    assert_eq!(describe(&mut bench, "t").partitions[0].error_code, ErrorCode::LEADER_NOT_AVAILABLE);
    bench.state.start(3, bench.now.instant);
    assert_eq!(describe(&mut bench, "t").partitions[0].leader_id, 3);
}

#[test]
fn a_topic_that_is_asked_for_is_there_the_next_time() {
    for (release, first) in [
        (Release::V2_8, ErrorCode::LEADER_NOT_AVAILABLE),
        (Release::V4_4, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
    ] {
        let mut bench = Bench::new(release);
        assert_eq!(describe(&mut bench, "new").error_code, first);
        let second = describe(&mut bench, "new");
        assert_eq!((second.error_code, second.partitions.len()), (ErrorCode::NONE, 2));
    }
}

#[test]
fn a_topic_is_not_created_if_client_or_broker_does_not_want_it() {
    let mut bench = Bench::new(Release::V4_4);
    let topics = vec![MetadataRequestTopic { name: Some("new".into()), ..Default::default() }];
    let request = MetadataRequest {
        topics: Some(topics),
        allow_auto_topic_creation: false,
        ..Default::default()
    };
    for _ in 0..2 {
        let answer = bench.call(1, 4, &request).answer();
        assert_eq!(answer.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    bench.state.settings.auto_create = false;
    for _ in 0..2 {
        let code = describe(&mut bench, "new").error_code;
        assert_eq!(code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    assert_eq!(describe(&mut bench, "a b").error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[test]
fn no_list_means_all_topics_and_an_empty_one_means_so_only_in_version_0() {
    let mut bench = Bench::new(Release::V3_9);
    let count = |bench: &mut Bench, version, topics| {
        let request = MetadataRequest { topics, ..Default::default() };
        bench.call(1, version, &request).answer().topics.len()
    };
    assert_eq!(count(&mut bench, 0, Some(vec![])), 1);
    assert_eq!(count(&mut bench, 1, Some(vec![])), 0);
    assert_eq!(count(&mut bench, 1, None), 1);
}

#[test]
fn clients_that_ask_learn_what_they_may_do() {
    let mut bench = Bench::new(Release::V4_4);
    let mut ask = |version, is_asked| {
        let request = MetadataRequest {
            topics: None,
            include_cluster_authorized_operations: is_asked && version <= 10,
            include_topic_authorized_operations: is_asked,
            ..Default::default()
        };
        let answer = bench.call(1, version, &request).answer();
        (answer.cluster_authorized_operations, answer.topics[0].topic_authorized_operations)
    };
    assert_eq!(ask(8, true), (8096, 3576));
    assert_eq!(ask(8, false), (i32::MIN, i32::MIN));
    assert_eq!(ask(13, true), (i32::MIN, 3576));
}

#[test]
fn a_topic_is_found_by_its_id() {
    let mut bench = Bench::new(Release::V4_4);
    let id = describe_id(&mut bench, "t");
    let mut find = |topic_id| {
        let topics = vec![MetadataRequestTopic { topic_id, name: None }];
        let request = MetadataRequest { topics: Some(topics), ..Default::default() };
        bench.call(1, 12, &request).answer().topics.remove(0)
    };
    assert_eq!(find(id).name, Some("t".into()));
    assert_eq!(find(Uuid([9; 16])).error_code, ErrorCode::UNKNOWN_TOPIC_ID);
}

fn describe_id(bench: &mut Bench, name: &str) -> Uuid {
    metadata(bench, 12, &[name]).topics[0].topic_id
}

#[test]
fn a_topic_created_anew_has_another_id() {
    let mut bench = Bench::new(Release::V4_4);
    let first = describe_id(&mut bench, "t");
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: None, topic_id: first }],
        ..Default::default()
    };
    let deleted = bench.call(1, 6, &request).answer().responses.remove(0);
    assert_eq!((deleted.error_code, deleted.name), (ErrorCode::NONE, Some("t".into())));
    let gone = bench.call(1, 6, &request).answer().responses.remove(0);
    assert_eq!(gone.error_code, ErrorCode::UNKNOWN_TOPIC_ID);
    assert_eq!(create(&mut bench, 7, topic("t", 1, 1)), ErrorCode::NONE);
    let second = describe_id(&mut bench, "t");
    assert!(first != second && !second.is_zero());
}

#[test]
fn what_kafka_does_not_create_is_not_created() {
    let config = |name: &str, value: Option<&str>| CreatableTopic {
        configs: vec![CreatableTopicConfig { name: name.into(), value: value.map(Into::into) }],
        ..topic("new", 1, 1)
    };
    let assigned = |brokers: &[(i32, &[i32])]| CreatableTopic {
        assignments: brokers
            .iter()
            .map(|(partition_index, broker_ids)| CreatableReplicaAssignment {
                partition_index: *partition_index,
                broker_ids: broker_ids.to_vec(),
            })
            .collect(),
        ..topic("new", -1, -1)
    };
    let rows = [
        (topic("t", 1, 1), ErrorCode::TOPIC_ALREADY_EXISTS),
        (topic("a/b", 1, 1), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (topic("new", 0, 1), ErrorCode::INVALID_PARTITIONS),
        (topic("new", -2, 1), ErrorCode::INVALID_PARTITIONS),
        (topic("new", i32::MAX, 1), ErrorCode::POLICY_VIOLATION),
        (topic("new", 1, 0), ErrorCode::INVALID_REPLICATION_FACTOR),
        (topic("new", 1, 4), ErrorCode::INVALID_REPLICATION_FACTOR),
        (config("no.such.name", Some("1")), ErrorCode::INVALID_CONFIG),
        (config("max.message.bytes", None), ErrorCode::INVALID_CONFIG),
        (assigned(&[(0, &[1, 1])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (assigned(&[(0, &[4])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (assigned(&[(1, &[1])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (assigned(&[(0, &[1]), (1, &[1, 2])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT),
        (
            CreatableTopic { num_partitions: 1, ..assigned(&[(0, &[1])]) },
            ErrorCode::INVALID_REQUEST,
        ),
    ];
    let mut bench = Bench::new(Release::V4_4);
    for (row, code) in rows {
        assert_eq!(create(&mut bench, 7, row.clone()), code, "{row:?}");
        assert!(bench.state.topic("new").is_none());
    }
    let assigned = assigned(&[(1, &[3, 1]), (0, &[2, 3])]);
    assert_eq!(create(&mut bench, 7, assigned), ErrorCode::NONE);
    assert_eq!(describe(&mut bench, "new").partitions[1].replica_nodes, [3, 1]);
    assert_eq!(create(&mut bench, 7, topic("a.b", -1, -1)), ErrorCode::NONE);
    assert_eq!(create(&mut bench, 7, topic("a_b", 1, 1)), ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[test]
fn defaults_are_for_clients_that_know_them() {
    let mut bench = Bench::new(Release::V4_4);
    assert_eq!(create(&mut bench, 3, topic("new", -1, 1)), ErrorCode::INVALID_PARTITIONS);
    assert_eq!(create(&mut bench, 3, topic("new", 1, -1)), ErrorCode::INVALID_REPLICATION_FACTOR);
    let request = CreateTopicsRequest { topics: vec![topic("new", -1, -1)], ..Default::default() };
    let created = bench.call(1, 5, &request).answer().topics.remove(0);
    assert_eq!((created.num_partitions, created.replication_factor), (2, 3));
}

#[test]
fn a_try_creates_nothing() {
    let mut bench = Bench::new(Release::V4_4);
    let topics = vec![topic("new", 4, 1)];
    let request = CreateTopicsRequest { topics, validate_only: true, ..Default::default() };
    let tried = bench.call(1, 7, &request).answer().topics.remove(0);
    assert_eq!((tried.error_code, tried.num_partitions), (ErrorCode::NONE, 4));
    assert!(!tried.topic_id.is_zero() && bench.state.topic("new").is_none());
}

#[test]
fn a_topic_that_is_named_twice_is_refused_once() {
    let mut bench = Bench::new(Release::V4_4);
    let topics = vec![topic("new", 1, 1), topic("other", 1, 1), topic("new", 1, 1)];
    let request = CreateTopicsRequest { topics, ..Default::default() };
    let results = bench.call(1, 7, &request).answer().topics;
    let codes: Vec<_> = results.iter().map(|result| (&*result.name, result.error_code)).collect();
    assert_eq!(codes, [("new", ErrorCode::INVALID_REQUEST), ("other", ErrorCode::NONE)]);
}

#[test]
fn who_asks_is_told_that_everything_is_allowed() {
    let mut bench = Bench::new(Release::V4_4);
    let ask = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { name: Some("t".into()), ..Default::default() }]),
        ..Default::default()
    };
    let quiet = bench.call(1, 10, &ask).answer();
    assert_eq!(quiet.topics[0].topic_authorized_operations, i32::MIN);
    let ask = MetadataRequest {
        include_topic_authorized_operations: true,
        include_cluster_authorized_operations: true,
        ..ask
    };
    let told = bench.call(1, 10, &ask).answer();
    assert_eq!(told.topics[0].topic_authorized_operations, 3576);
    assert_eq!(told.cluster_authorized_operations, 8096);
}

#[test]
fn before_kraft_only_the_controller_creates_topics() {
    let request = CreateTopicsRequest { topics: vec![topic("new", 1, 1)], ..Default::default() };
    let ask = |release, broker| {
        Bench::new(release).call(broker, 2, &request).answer().topics[0].error_code
    };
    assert_eq!(ask(Release::V2_8, 2), ErrorCode::NOT_CONTROLLER);
    assert_eq!(ask(Release::V2_8, 1), ErrorCode::NONE);
    assert_eq!(ask(Release::V4_4, 2), ErrorCode::NONE);
}

#[test]
fn a_request_creates_no_more_partitions_than_kafka_lets_it() {
    let mut bench = Bench::new(Release::V4_4);
    let many = |validate_only| CreateTopicsRequest {
        topics: (0..101).map(|number| topic(&format!("t{number}"), 100, 1)).collect(),
        validate_only,
        ..Default::default()
    };
    for validate_only in [true, false] {
        let answer = bench.call(1, 7, &many(validate_only)).answer();
        assert_eq!(answer.topics.len(), 101);
        for refused in answer.topics {
            assert_eq!(refused.error_code, ErrorCode::POLICY_VIOLATION);
            let why = "Excessively large number of partitions per request.";
            assert_eq!(refused.error_message.as_deref(), Some(why));
        }
    }
    let topics = [("t", 10_004), ("none", 20_000)].map(|(name, count)| CreatePartitionsTopic {
        name: name.into(),
        count,
        assignments: None,
    });
    let mut request = CreatePartitionsRequest { topics: topics.into(), ..Default::default() };
    let code = |bench: &mut Bench, request: &CreatePartitionsRequest| {
        bench.call(1, 3, request).answer().results.into_iter().next().unwrap().error_code
    };
    assert_eq!(code(&mut bench, &request), ErrorCode::POLICY_VIOLATION);
    request.topics[0].count -= 1;
    assert_eq!(code(&mut bench, &request), ErrorCode::NONE);
    assert_eq!(bench.state.topic("t").unwrap().partitions.len(), 10_003);
}

#[test]
fn all_topics_together_have_no_more_partitions_than_fit() {
    let mut bench = Bench::new(Release::V4_4);
    let codes: Vec<_> = (0..11)
        .map(|number| create(&mut bench, 7, topic(&format!("t{number}"), 10_000, 1)))
        .collect();
    assert_eq!(codes[..9], [ErrorCode::NONE; 9]);
    assert_eq!(codes[9..], [ErrorCode::POLICY_VIOLATION; 2]);
    let by_hand = |partitions: i32| CreatableTopic {
        assignments: (0..partitions)
            .map(|partition_index| CreatableReplicaAssignment {
                partition_index,
                broker_ids: vec![1],
            })
            .collect(),
        ..topic("hand", -1, -1)
    };
    assert_eq!(create(&mut bench, 7, by_hand(9_998)), ErrorCode::POLICY_VIOLATION);
    assert_eq!(create(&mut bench, 7, by_hand(9_997)), ErrorCode::NONE);
    let more = vec![CreatePartitionsTopic { name: "t".into(), count: 4, assignments: None }];
    let request = CreatePartitionsRequest { topics: more, ..Default::default() };
    let refused = bench.call(1, 3, &request).answer().results.remove(0);
    assert_eq!(refused.error_code, ErrorCode::POLICY_VIOLATION);
    let why = "A cluster in memory has at most 100000 partitions: there is room for 0 more, not \
               for 1.";
    assert_eq!(refused.error_message.as_deref(), Some(why));
    assert!(bench.state.remove_topic("t0"));
    assert_eq!(bench.call(1, 3, &request).answer().results.remove(0).error_code, ErrorCode::NONE);
}

#[test]
fn partitions_are_added_and_never_taken_away() {
    let mut bench = Bench::new(Release::V4_4);
    let mut widen = |name: &str, count| {
        let topic = CreatePartitionsTopic { name: name.into(), count, assignments: None };
        let request = CreatePartitionsRequest { topics: vec![topic], ..Default::default() };
        bench.call(1, 3, &request).answer().results[0].error_code
    };
    assert_eq!(widen("t", 3), ErrorCode::INVALID_PARTITIONS);
    assert_eq!(widen("none", 3), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(widen("t", 5), ErrorCode::NONE);
    assert_eq!(describe(&mut bench, "t").partitions.len(), 5);
}
