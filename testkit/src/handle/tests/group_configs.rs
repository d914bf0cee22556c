//! Settings of single groups: who may change what, and whom it concerns.

use std::time::Duration;

use kurier_protocol::ErrorCode;
use kurier_protocol::api::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterableConfig as Replaced,
};
use kurier_protocol::api::incremental_alter_configs::{
    AlterConfigsResource as Changes, AlterableConfig, IncrementalAlterConfigsRequest,
};
use kurier_protocol::release::Release;

use super::bench::Bench;
use super::consumer_groups::{beats, joins};

const GROUP: i8 = 32;
const SESSION: &str = "consumer.session.timeout.ms";
const HEARTBEAT: &str = "consumer.heartbeat.interval.ms";
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

/// What a change of a group is answered.
fn change(
    bench: &mut Bench,
    group: &str,
    changes: &[(&str, i8, Option<&str>)],
) -> (ErrorCode, String) {
    let configs = changes.iter().map(|(name, config_operation, value)| AlterableConfig {
        name: (*name).into(),
        config_operation: *config_operation,
        value: value.map(Into::into),
    });
    let resources = vec![Changes {
        resource_type: GROUP,
        resource_name: group.into(),
        configs: configs.collect(),
    }];
    let request = IncrementalAlterConfigsRequest { resources, ..Default::default() };
    let answer = bench.call(1, 1, &request).answer().responses.remove(0);
    (answer.error_code, answer.error_message.map(String::from).unwrap_or_default())
}

#[test]
fn a_setting_of_a_group_prevails_over_that_of_the_brokers() {
    let mut bench = Bench::new(Release::NEWEST);
    let shown = |bench: &mut Bench| {
        let setting = bench.setting(GROUP, "g", SESSION);
        let value = setting.value.as_deref().unwrap().to_owned();
        let synonyms = setting.synonyms.iter();
        (value, synonyms.map(|one| (one.name.to_string(), one.source)).collect::<Vec<_>>())
    };
    let of_broker = ("group.consumer.session.timeout.ms".to_owned(), 5);
    assert_eq!(shown(&mut bench), ("45000".into(), vec![of_broker.clone()]));
    let set = change(&mut bench, "g", &[(SESSION, SET, Some("50000"))]);
    assert_eq!(set, (ErrorCode::NONE, String::new()));
    let own = (SESSION.to_owned(), 8);
    assert_eq!(shown(&mut bench), ("50000".into(), vec![own, of_broker]));
    assert_eq!(bench.setting(GROUP, "other", SESSION).config_source, 5);
    let request = AlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type: GROUP,
            resource_name: "g".into(),
            configs: vec![Replaced { name: HEARTBEAT.into(), value: Some("7000".into()) }],
        }],
        ..Default::default()
    };
    assert!(bench.call(1, 2, &request).answer().responses[0].error_code.is_ok());
    assert_eq!(bench.setting(GROUP, "g", HEARTBEAT).config_source, 8);
    assert_eq!(bench.setting(GROUP, "g", SESSION).config_source, 5, "it was not named again");
    change(&mut bench, "g", &[(HEARTBEAT, DELETE, None)]);
    assert_eq!(bench.setting(GROUP, "g", HEARTBEAT).config_source, 5);
}

#[test]
fn members_of_a_group_follow_its_own_settings() {
    let mut bench = Bench::new(Release::NEWEST);
    change(&mut bench, "g", &[(SESSION, SET, Some("60000")), (HEARTBEAT, SET, Some("15000"))]);
    assert_eq!(bench.beat(&joins("m")).heartbeat_interval_ms, 15_000);
    bench.pass(Duration::from_secs(59));
    assert_eq!(bench.beat(&beats("m", 1)).error_code, ErrorCode::NONE);
    // What is taken back counts from the next heartbeat on, and an upgrade leaves it so.
    change(&mut bench, "g", &[(HEARTBEAT, DELETE, None)]);
    bench.state.finalize_release(Release::NEWEST);
    assert_eq!(bench.beat(&beats("m", 1)).heartbeat_interval_ms, 5000);
    bench.pass(Duration::from_secs(59));
    assert_eq!(bench.beat(&beats("m", 1)).error_code, ErrorCode::NONE);
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.beat(&beats("m", 1)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn what_a_group_cannot_be_set_to_is_refused_in_kafkas_words() {
    let mut bench = Bench::new(Release::NEWEST);
    let (config, request) = (ErrorCode::INVALID_CONFIG, ErrorCode::INVALID_REQUEST);
    let range = "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive.";
    let number = "Invalid value x for configuration consumer.session.timeout.ms: \
                  Not a number of type INT";
    let small = "Invalid value -1 for configuration consumer.session.timeout.ms: \
                 Value must be at least 1";
    let list = "Can't APPEND to key consumer.session.timeout.ms because its type is not LIST.";
    let null = "Null value not supported for : consumer.session.timeout.ms";
    for (group, change_of, code, message) in [
        ("g", (SESSION, SET, Some("1")), config, range),
        ("g", (SESSION, SET, Some("60001")), config, range),
        ("g", (SESSION, SET, Some("x")), config, number),
        ("g", (SESSION, SET, Some("-1")), config, small),
        ("g", (SESSION, APPEND, Some("1")), config, list),
        ("g", (SESSION, SET, None), request, null),
        ("g", ("nosuch", SET, Some("1")), config, "Unknown group config name: nosuch"),
        ("g", ("nosuch", DELETE, None), ErrorCode::NONE, ""),
        ("", (SESSION, SET, Some("50000")), request, "Default group resources are not allowed."),
    ] {
        let answer = change(&mut bench, group, &[change_of]);
        assert_eq!(answer, (code, message.to_owned()), "{change_of:?}");
    }
    bench.state.settings.set("group.consumer.min.session.timeout.ms", "1000").unwrap();
    let (code, message) = change(&mut bench, "g", &[(SESSION, SET, Some("5000"))]);
    let heartbeat =
        "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms";
    assert_eq!((code, &*message), (config, heartbeat));
    let mut old = Bench::new(Release::V3_9);
    let (code, _) = change(&mut old, "g", &[(SESSION, SET, Some("50000"))]);
    assert_eq!(code, request, "before 4.0 there are no such groups");
}
