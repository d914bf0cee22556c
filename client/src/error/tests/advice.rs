//! Every code that people can meet says what to do about it.

use std::fmt::Write;

use kurier_protocol::{ApiKey, ErrorCode};

use super::super::acl::MissingAcl;
use super::super::advice::on_code;
use super::super::*;

/// Codes without advice that only brokers and controllers say to each other.
const BETWEEN_BROKERS: &[ErrorCode] = &[
    ErrorCode::STALE_CONTROLLER_EPOCH,
    ErrorCode::TRANSACTION_COORDINATOR_FENCED,
    ErrorCode::STALE_BROKER_EPOCH,
    ErrorCode::INCONSISTENT_VOTER_SET,
    ErrorCode::PRINCIPAL_DESERIALIZATION_FAILURE,
    ErrorCode::SNAPSHOT_NOT_FOUND,
    ErrorCode::POSITION_OUT_OF_RANGE,
    ErrorCode::DUPLICATE_BROKER_REGISTRATION,
    ErrorCode::INCONSISTENT_CLUSTER_ID,
    ErrorCode::INELIGIBLE_REPLICA,
    ErrorCode::NEW_LEADER_ELECTED,
    ErrorCode::OFFSET_MOVED_TO_TIERED_STORAGE,
    ErrorCode::UNKNOWN_CONTROLLER_ID,
    ErrorCode::INVALID_REGISTRATION,
    ErrorCode::FENCED_STATE_EPOCH,
];

/// Codes without advice after which the client goes on by itself.
const CLIENT_GOES_ON: &[ErrorCode] = &[
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::REPLICA_NOT_AVAILABLE,
    ErrorCode::NETWORK_EXCEPTION,
    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode::NOT_COORDINATOR,
    ErrorCode::REBALANCE_IN_PROGRESS,
    ErrorCode::NOT_CONTROLLER,
    ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
    ErrorCode::DUPLICATE_SEQUENCE_NUMBER,
    ErrorCode::CONCURRENT_TRANSACTIONS,
    ErrorCode::UNKNOWN_PRODUCER_ID,
    ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
    ErrorCode::INVALID_FETCH_SESSION_EPOCH,
    ErrorCode::FENCED_LEADER_EPOCH,
    ErrorCode::UNKNOWN_LEADER_EPOCH,
    ErrorCode::OFFSET_NOT_AVAILABLE,
    ErrorCode::MEMBER_ID_REQUIRED,
    ErrorCode::UNSTABLE_OFFSET_COMMIT,
    ErrorCode::INCONSISTENT_TOPIC_ID,
    ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
    ErrorCode::UNKNOWN_SUBSCRIPTION_ID,
    ErrorCode::TELEMETRY_TOO_LARGE,
    ErrorCode::SHARE_SESSION_NOT_FOUND,
    ErrorCode::INVALID_SHARE_SESSION_EPOCH,
];

/// Codes without advice that tell of a state in which nothing is to be done.
const NOTHING_TO_DO: &[ErrorCode] = &[
    ErrorCode::NONE,
    ErrorCode::ELECTION_NOT_NEEDED,
    ErrorCode::NO_REASSIGNMENT_IN_PROGRESS,
    ErrorCode::DUPLICATE_VOTER,
];

/// Codes without advice that only Kafka Streams meets, which this client does not run.
const OF_STREAMS: &[ErrorCode] = &[
    ErrorCode::STREAMS_INVALID_TOPOLOGY,
    ErrorCode::STREAMS_INVALID_TOPOLOGY_EPOCH,
    ErrorCode::STREAMS_TOPOLOGY_FENCED,
    ErrorCode::STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED,
];

#[test]
fn every_code_that_people_can_meet_says_what_to_do() {
    for code in ErrorCode::ALL.iter().copied() {
        let is_in = |list: &&[ErrorCode]| list.contains(&code);
        let lists = [BETWEEN_BROKERS, CLIENT_GOES_ON, NOTHING_TO_DO, OF_STREAMS];
        let reasons = lists.iter().filter(|list| is_in(list)).count();
        let has_advice = on_code(ApiKey::METADATA, code).is_some() || MissingAcl::is_meant_by(code);
        assert_eq!(reasons, usize::from(!has_advice), "{code}");
        let text = Error::broker(ApiKey::METADATA, code, About::Nothing).to_string();
        match on_code(ApiKey::METADATA, code) {
            Some(advice) => {
                assert!(text.ends_with(&format!("; {advice}")), "{text}");
                let is_short = advice.len() <= 160 && !advice.ends_with('.');
                assert!(is_short && !advice.contains("  "), "{advice}");
            }
            None if has_advice => assert!(text.contains("kafka-acls.sh"), "{text}"),
            None => assert!(text.ends_with(code.explain()), "{text}"),
        }
    }
}

#[test]
fn what_to_do_about_a_transaction_is_what_its_error_asks_for() {
    let codes = [
        ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::INVALID_TXN_STATE,
        ErrorCode::PRODUCER_FENCED,
        ErrorCode::INVALID_PRODUCER_ID_MAPPING,
        ErrorCode::TRANSACTION_ABORTABLE,
    ];
    let apis = [
        ApiKey::PRODUCE,
        ApiKey::INIT_PRODUCER_ID,
        ApiKey::ADD_PARTITIONS_TO_TXN,
        ApiKey::TXN_OFFSET_COMMIT,
        ApiKey::END_TXN,
        ApiKey::DESCRIBE_CLUSTER,
    ];
    for (api, code) in apis.iter().flat_map(|api| codes.map(|code| (*api, code))) {
        let error = Error::broker(api, code, About::Nothing);
        let advice = error.advice().unwrap();
        assert_ne!(error.requires_abort(), error.is_fatal(), "{error:?}");
        assert_eq!(error.requires_abort(), advice.starts_with("abort "), "{error:?}");
    }
}

#[track_caller]
fn check(api: ApiKey, code: ErrorCode, about: About, text: &str) {
    let error = Error::broker(api, code, about).seen_as(Some(&"User:alice".into()));
    assert_eq!(error.to_string(), format!("broker answered {code} to {api} {text}"));
    assert_eq!(error.kind(), ErrorKind::Authorization);
}

#[test]
fn an_acl_that_misses_is_named_with_principal_operation_and_resource() {
    check(
        ApiKey::PRODUCE,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        About::partition("orders", 3),
        "for partition 3 of topic orders; no ACL allows User:alice to Write the topic: \
         kafka-acls.sh --add --allow-principal User:alice --operation Write --topic orders",
    );
    check(
        ApiKey::JOIN_GROUP,
        ErrorCode::GROUP_AUTHORIZATION_FAILED,
        About::Group("readers".into()),
        "for group readers; no ACL allows User:alice to Read the group: \
         kafka-acls.sh --add --allow-principal User:alice --operation Read --group readers",
    );
    check(
        ApiKey::INIT_PRODUCER_ID,
        ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        About::TransactionalId("t".into()),
        "for transactional id t; no ACL allows User:alice to Write the transactional id: \
         kafka-acls.sh --add --allow-principal User:alice --operation Write \
         --transactional-id t",
    );
    let unknown =
        Error::broker(ApiKey::CREATE_ACLS, ErrorCode::CLUSTER_AUTHORIZATION_FAILED, About::Nothing);
    assert_eq!(
        unknown.to_string(),
        "broker answered CLUSTER_AUTHORIZATION_FAILED to CreateAcls; no ACL allows this user to \
         Alter the cluster: kafka-acls.sh --add --allow-principal User:.. --operation Alter \
         --cluster"
    );
}

/// The operations that the handlers of Kafka 4.4's brokers and controllers ask their authorizer
/// for, as far as an answer of that code names them.
#[test]
fn the_operation_is_the_one_that_brokers_ask_for() {
    let rows = [
        (ErrorCode::TOPIC_AUTHORIZATION_FAILED, "topic", TOPIC),
        (ErrorCode::GROUP_AUTHORIZATION_FAILED, "group", GROUP),
        (ErrorCode::CLUSTER_AUTHORIZATION_FAILED, "cluster", CLUSTER),
        (ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "transactional-id", TRANSACTIONAL_ID),
    ];
    for (code, option, operations) in rows {
        for (operation, apis) in operations {
            for api in *apis {
                let text = Error::broker(*api, code, About::Nothing).to_string();
                let mut wanted = String::new();
                let _ = write!(wanted, "--operation {operation} --{option}");
                assert!(text.contains(&wanted), "{api}: {text}");
            }
        }
    }
}

type Operations = &'static [(&'static str, &'static [ApiKey])];

const TOPIC: Operations = &[
    ("Write", &[ApiKey::PRODUCE, ApiKey::ADD_PARTITIONS_TO_TXN]),
    ("Read", &[ApiKey::FETCH, ApiKey::OFFSET_COMMIT, ApiKey::TXN_OFFSET_COMMIT]),
    ("Read", &[ApiKey::OFFSET_DELETE, ApiKey::DESCRIBE_PRODUCERS, ApiKey::SHARE_FETCH]),
    ("Describe", &[ApiKey::METADATA, ApiKey::LIST_OFFSETS, ApiKey::OFFSET_FETCH]),
    ("Describe", &[ApiKey::OFFSET_FOR_LEADER_EPOCH, ApiKey::CONSUMER_GROUP_HEARTBEAT]),
    ("Create", &[ApiKey::CREATE_TOPICS]),
    ("Delete", &[ApiKey::DELETE_TOPICS, ApiKey::DELETE_RECORDS]),
    ("Alter", &[ApiKey::CREATE_PARTITIONS]),
    ("AlterConfigs", &[ApiKey::INCREMENTAL_ALTER_CONFIGS]),
];

const GROUP: Operations = &[
    ("Read", &[ApiKey::JOIN_GROUP, ApiKey::SYNC_GROUP, ApiKey::HEARTBEAT, ApiKey::LEAVE_GROUP]),
    ("Read", &[ApiKey::OFFSET_COMMIT, ApiKey::TXN_OFFSET_COMMIT, ApiKey::ADD_OFFSETS_TO_TXN]),
    ("Read", &[ApiKey::CONSUMER_GROUP_HEARTBEAT, ApiKey::ALTER_SHARE_GROUP_OFFSETS]),
    ("Describe", &[ApiKey::FIND_COORDINATOR, ApiKey::OFFSET_FETCH, ApiKey::DESCRIBE_GROUPS]),
    ("Describe", &[ApiKey::CONSUMER_GROUP_DESCRIBE]),
    ("Delete", &[ApiKey::DELETE_GROUPS, ApiKey::OFFSET_DELETE]),
];

const CLUSTER: Operations = &[
    ("IdempotentWrite", &[ApiKey::INIT_PRODUCER_ID]),
    ("Create", &[ApiKey::CREATE_TOPICS, ApiKey::METADATA]),
    ("Describe", &[ApiKey::DESCRIBE_ACLS, ApiKey::DESCRIBE_LOG_DIRS, ApiKey::DESCRIBE_QUORUM]),
    ("DescribeConfigs", &[ApiKey::DESCRIBE_CONFIGS, ApiKey::DESCRIBE_CLIENT_QUOTAS]),
    ("AlterConfigs", &[ApiKey::ALTER_CLIENT_QUOTAS, ApiKey::INCREMENTAL_ALTER_CONFIGS]),
    ("Alter", &[ApiKey::CREATE_ACLS, ApiKey::DELETE_ACLS, ApiKey::ELECT_LEADERS]),
    ("Alter", &[ApiKey::ALTER_PARTITION_REASSIGNMENTS, ApiKey::ALTER_USER_SCRAM_CREDENTIALS]),
    ("Alter", &[ApiKey::UPDATE_FEATURES, ApiKey::UNREGISTER_BROKER]),
    ("ClusterAction", &[ApiKey::FETCH]),
];

const TRANSACTIONAL_ID: Operations = &[
    ("Write", &[ApiKey::PRODUCE, ApiKey::INIT_PRODUCER_ID, ApiKey::END_TXN]),
    ("Describe", &[ApiKey::FIND_COORDINATOR, ApiKey::DESCRIBE_TRANSACTIONS]),
];

/// A program has set it by the one name or by the other.
#[test]
fn a_setting_of_the_client_is_named_as_the_builder_and_as_kafka_name_it() {
    let pairs = [
        ("request_timeout", "request.timeout.ms"),
        ("delivery_timeout", "delivery.timeout.ms"),
        ("outage_max", "default.api.timeout.ms"),
        ("buffer_bytes_max", "buffer.memory"),
        ("block_max", "max.block.ms"),
        ("offset_reset", "auto.offset.reset"),
        ("partition_bytes_max", "max.partition.fetch.bytes"),
        ("frame_bytes_max", "receive.message.max.bytes"),
        ("recovery.rebootstrap", "metadata.recovery.strategy=rebootstrap"),
    ];
    let mut texts: Vec<String> = ErrorCode::ALL
        .iter()
        .copied()
        .filter_map(|code| on_code(ApiKey::METADATA, code))
        .map(String::from)
        .collect();
    let (api, topic) = (ApiKey::FETCH, || "t".into());
    let turn = |behind| Waiting::Turn { api, address: "b:1".into(), behind };
    let records = |standstill| {
        let (partition, offset, broker) = (0, 7, 1);
        Waiting::Records { topic: topic(), partition, offset, broker, standstill }
    };
    let waits = [
        Waiting::Answer { api, address: "b:1".into() },
        turn(Holdup::InFlight),
        turn(Holdup::Throttle),
        turn(Holdup::Renewal),
        turn(Holdup::Process),
        Waiting::Connection { address: "b:1".into() },
        Waiting::Metadata { topic: topic() },
        Waiting::Delivery { topic: topic(), partition: 0 },
        Waiting::Offset { topic: topic(), partition: 0 },
        records(Standstill::Silent),
        records(Standstill::Cut),
        records(Standstill::Absent),
        records(Standstill::Empty),
        records(Standstill::Elsewhere),
        Waiting::BufferSpace,
        Waiting::Transactions { transactional_id: "a".into() },
        Waiting::Division { group: "g".into() },
        Waiting::Coordinator { api: ApiKey::HEARTBEAT, group: "g".into() },
    ];
    texts.extend(waits.iter().map(|wait| wait.advice().to_owned()));
    texts.push(Fault::of_length([0x08, 0, 0, 0], 100 << 20).to_string());
    for (ours, kafkas) in pairs {
        let both = format!("{ours} ({kafkas})");
        let naming: Vec<_> = texts.iter().filter(|text| text.contains(kafkas)).collect();
        assert!(!naming.is_empty(), "{kafkas}");
        assert!(naming.iter().all(|text| text.contains(&both)), "{both}: {naming:?}");
    }
}
