//! What time does to groups: offsets and groups are forgotten, and who is idle costs nothing.

use std::time::Duration;

use bytes::Bytes;
use kurier_protocol::ErrorCode;
use kurier_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use kurier_protocol::api::offset_commit::OffsetCommitRequest;
use kurier_protocol::data::consumer_protocol_subscription::ConsumerProtocolSubscription;
use kurier_protocol::data::encode_versioned;
use kurier_protocol::release::Release;

use super::bench::{Bench, Fate};
use super::consumer_groups::{beats, joins};
use super::group_offsets::commit;
use super::groups::{COORDINATOR, SECOND, join, sync};
use crate::group::{ASKED, MEMBERS_ASKED, TransactionEnd};

const DAY: Duration = Duration::from_secs(24 * 3600);
const CHECK: Duration = Duration::from_secs(600);

/// A member that reads topics, and may be silent for half an hour.
pub(super) fn reads(member: &str, topics: &[&str]) -> JoinGroupRequest {
    JoinGroupRequest {
        session_timeout_ms: 1_800_000,
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: subscription(topics),
        }],
        ..join(member)
    }
}

pub(super) fn subscription(topics: &[&str]) -> Bytes {
    let topics = topics.iter().map(|topic| (*topic).into()).collect();
    let said = ConsumerProtocolSubscription { topics, ..Default::default() };
    encode_versioned(&said, 1).unwrap()
}

impl Bench {
    fn commits_to(&mut self, topic: &str, member: &str, generation: i32) {
        let mut request = commit(member, generation, 5);
        request.topics[0].name = topic.into();
        assert_eq!(self.commits(&request), ErrorCode::NONE);
    }

    fn has_offset(&self, topic: &str) -> bool {
        let group = self.state.groups.get("g");
        group.is_some_and(|group| group.offsets.get(&(topic.into(), 1)).is_some())
    }
}

#[test]
fn an_offset_without_a_group_is_forgotten_a_retention_after_its_commit() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.commits_to("t", "", -1);
    bench.pass(6 * DAY);
    bench.add_topic("u", &[]);
    bench.commits_to("u", "", -1);
    bench.pass(DAY - CHECK);
    assert!(bench.has_offset("t"));
    bench.pass(2 * CHECK);
    assert!(!bench.has_offset("t"));
    assert!(bench.has_offset("u"), "it was committed later");
    bench.pass(7 * DAY);
    assert!(bench.state.groups.get("g").is_none(), "the group went with its last offset");
}

#[test]
fn offsets_of_a_group_are_kept_for_a_retention_after_its_last_member_has_left() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.add_topic("u", &[]);
    let id = bench.name_member();
    bench.call(COORDINATOR, 9, &reads(&id, &["t"])).answer();
    bench.call(COORDINATOR, 5, &sync(&id, 1, &[(&id, "all")])).answer();
    bench.commits_to("t", &id, 1);
    bench.commits_to("u", &id, 1);
    for _ in 0..8 * 24 * 3 {
        bench.pass(1200 * SECOND);
        assert_eq!(bench.heartbeat(&id, 1), ErrorCode::NONE);
    }
    assert!(bench.has_offset("t"), "a member reads it");
    assert!(!bench.has_offset("u"), "nobody reads it");
    bench.pass(1800 * SECOND);
    assert_eq!(bench.heartbeat(&id, 1), ErrorCode::UNKNOWN_MEMBER_ID);
    bench.pass(7 * DAY - CHECK);
    assert!(bench.has_offset("t"), "the group is empty for less than the retention");
    bench.pass(2 * CHECK);
    assert!(bench.state.groups.get("g").is_none());
}

#[test]
fn a_client_says_how_long_an_offset_is_kept_up_to_version_4() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.commits_to("t", "", -1);
    bench.add_topic("u", &[]);
    let mut request = OffsetCommitRequest { retention_time_ms: 1000, ..commit("", -1, 5) };
    request.topics[0].name = "u".into();
    request.topics[0].partitions[0].committed_leader_epoch = -1;
    let answer = bench.call(COORDINATOR, 4, &request).answer();
    assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::NONE);
    bench.pass(CHECK);
    assert!(!bench.has_offset("u"));
    assert!(bench.has_offset("t"));
}

#[test]
fn an_offset_that_a_transaction_may_change_is_not_forgotten() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.commits_to("t", "", -1);
    let of = ("t".into(), 1);
    let mut group = bench.state.groups.find("g").unwrap();
    let offset = group.offsets.get(&of).cloned().unwrap();
    group.offsets.stage((7, 0), of, offset).unwrap();
    drop(group);
    bench.pass(8 * DAY);
    assert!(bench.has_offset("t"));
    let mut group = bench.state.groups.find("g").unwrap();
    group.offsets.end_transaction((7, 0), TransactionEnd::Abort);
    drop(group);
    bench.pass(CHECK);
    assert!(bench.state.groups.get("g").is_none());
}

#[test]
fn what_is_committed_after_an_offset_in_a_transaction_stays_when_that_commits() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.commits_to("t", "", -1);
    let of = ("t".into(), 1);
    let mut group = bench.state.groups.find("g").unwrap();
    let mut offset = group.offsets.get(&of).cloned().unwrap();
    offset.offset = 9;
    group.offsets.stage((7, 0), of, offset).unwrap();
    drop(group);
    assert_eq!(bench.commits(&commit("", -1, 6)), ErrorCode::NONE);
    bench.state.groups.find("g").unwrap().offsets.end_transaction((7, 0), TransactionEnd::Commit);
    assert_eq!(bench.committed(), Ok(6));
}

#[test]
fn a_group_without_members_and_offsets_is_forgotten() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.alone();
    bench.pass(11 * SECOND);
    assert!(bench.state.groups.get("g").is_some_and(crate::group::Group::is_empty));
    bench.pass(CHECK);
    assert!(bench.state.groups.get("g").is_none());
}

#[test]
fn what_is_never_due_is_never_done_and_overflows_nothing() {
    let mut bench = Bench::new(Release::NEWEST);
    let never = Duration::MAX;
    let groups = &mut bench.state.groups.settings;
    (groups.consumer_session, groups.consumer_regex_refresh) = (never, never);
    (groups.initial_delay, groups.offsets_retention) = (never, never);
    groups.consumer_assignment_interval = never;
    let transactions = &mut bench.state.transactions.settings;
    (transactions.marker_delay, transactions.id_expiration) = (never, never);
    bench.commits_to("t", "", -1);
    let request = OffsetCommitRequest { retention_time_ms: i64::MAX, ..commit("", -1, 5) };
    bench.call(COORDINATOR, 4, &request).answer();
    let pattern = ConsumerGroupHeartbeatRequest {
        group_id: "k".into(),
        subscribed_topic_regex: Some("t.*".into()),
        ..joins("m")
    };
    let broker = bench.state.coordinator("k").unwrap();
    let joined = bench.call(broker, 1, &pattern).answer();
    assert_eq!((joined.error_code, joined.member_epoch), (ErrorCode::NONE, 1));
    let second = ConsumerGroupHeartbeatRequest { member_id: "n".into(), ..pattern.clone() };
    assert_eq!(bench.call(broker, 1, &second).answer().error_code, ErrorCode::NONE);
    let joining = JoinGroupRequest { group_id: "c".into(), ..join("") };
    let joining = JoinGroupRequest { group_instance_id: Some("i".into()), ..joining };
    let of_classic = bench.state.coordinator("c").unwrap();
    assert!(matches!(bench.call(of_classic, 9, &joining), Fate::Waits(_)));
    let init = InitProducerIdRequest {
        transactional_id: Some("x".into()),
        transaction_timeout_ms: 60_000,
        ..Default::default()
    };
    let of_transaction = bench.state.coordinator("x").unwrap();
    bench.call(of_transaction, 4, &init).answer();
    bench.pass(365 * DAY);
    bench.state.groups.settings.offsets_check = never;
    bench.pass(365 * DAY);
    assert!(bench.has_offset("t"));
    let beat = ConsumerGroupHeartbeatRequest { group_id: "k".into(), ..beats("m", 1) };
    assert_eq!(bench.call(broker, 1, &beat).answer().error_code, ErrorCode::NONE);
    let state = &mut bench.state;
    assert!(state.transactions.get("x").is_some(), "its id is known still");
    state.move_coordinator("k", 1 + broker % 3, bench.now.instant);
}

#[test]
fn ten_thousand_idle_groups_cost_a_request_nothing() {
    let mut bench = Bench::new(Release::NEWEST);
    let id = bench.alone();
    for number in 0..10_000 {
        let request = JoinGroupRequest {
            group_id: format!("idle-{number}").into(),
            group_instance_id: Some("i".into()),
            session_timeout_ms: 1_800_000,
            ..join("")
        };
        let broker = bench.state.coordinator(&request.group_id).unwrap();
        bench.call(broker, 9, &request).answer();
    }
    ASKED.set(0);
    for _ in 0..100 {
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.heartbeat(&id, 1), ErrorCode::NONE);
    }
    assert_eq!(ASKED.get(), 100, "only the group that a request is about is looked at");
}

#[test]
fn a_heartbeat_looks_when_its_own_member_is_due_and_no_other() {
    let mut bench = Bench::new(Release::NEWEST);
    for number in 0..100 {
        bench.beat(&joins(&format!("m-{number}")));
    }
    let epoch = bench.beat(&joins("m-7")).member_epoch;
    MEMBERS_ASKED.set(0);
    for _ in 0..100 {
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.beat(&beats("m-7", epoch)).error_code, ErrorCode::NONE);
    }
    assert!(MEMBERS_ASKED.get() <= 300, "{} times", MEMBERS_ASKED.get());
}
