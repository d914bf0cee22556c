//! Groups with members of both protocols, and groups that change theirs (KIP-848).

use std::time::Duration;

use bytes::Bytes;
use kurier_protocol::api::heartbeat::HeartbeatRequest;
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupResponse};
use kurier_protocol::api::leave_group::{LeaveGroupRequest, MemberIdentity};
use kurier_protocol::api::list_groups::ListGroupsRequest;
use kurier_protocol::data::consumer_protocol_assignment::{
    ConsumerProtocolAssignment, TopicPartition,
};
use kurier_protocol::data::{decode_versioned, encode_versioned};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Str};

use super::bench::{Bench, Fate};
use super::consumer_groups::{beats, given, joins};
use super::group_time::reads;
use super::groups::{COORDINATOR, SECOND, sync};
use crate::group::MigrationPolicy;

fn assignment(partitions: &[i32]) -> Bytes {
    let given = vec![TopicPartition { topic: "t".into(), partitions: partitions.to_vec() }];
    let data = ConsumerProtocolAssignment { assigned_partitions: given, user_data: None };
    encode_versioned(&data, 1).unwrap()
}

impl Bench {
    fn join_as(&mut self, request: &JoinGroupRequest) -> JoinGroupResponse {
        self.call(COORDINATOR, 9, request).answer()
    }

    /// The partitions of `t` that SyncGroup gives to a member.
    fn sync_as(&mut self, member: &str, generation: i32) -> Result<Vec<i32>, ErrorCode> {
        let answer = self.call(COORDINATOR, 5, &sync(member, generation, &[])).answer();
        if !answer.error_code.is_ok() {
            return Err(answer.error_code);
        }
        let read = decode_versioned::<ConsumerProtocolAssignment>(&answer.assignment).unwrap();
        Ok(read.assigned_partitions.into_iter().flat_map(|topic| topic.partitions).collect())
    }

    /// A stable classic group of one member that has all partitions of `t`, in generation 1.
    fn classic(&mut self) -> Str {
        let id = self.name_member();
        assert_eq!(self.join_as(&reads(&id, &["t"])).generation_id, 1);
        let mut request = sync(&id, 1, &[(&id, "")]);
        request.assignments[0].assignment = assignment(&[0, 1, 2]);
        let synced = self.call(COORDINATOR, 5, &request).answer();
        assert_eq!(synced.error_code, ErrorCode::NONE);
        id
    }

    fn group_type(&mut self) -> (Str, Str) {
        let listed = self.call(COORDINATOR, 5, &ListGroupsRequest::default()).answer().groups;
        (listed[0].group_type.clone(), listed[0].group_state.clone())
    }
}

#[test]
fn a_classic_group_becomes_a_consumer_group_when_such_a_member_comes_and_goes_back() {
    let mut bench = Bench::new(Release::NEWEST);
    let old = bench.classic();
    let new = bench.beat(&joins("m1"));
    assert_eq!((new.member_epoch, given(&new)), (2, Some(vec![])));
    assert_eq!(bench.group_type(), ("consumer".into(), "Reconciling".into()));
    // The old member learns by its heartbeat that it is to join again, and gives up what it must.
    assert_eq!(bench.heartbeat(&old, 1), ErrorCode::REBALANCE_IN_PROGRESS);
    let mut request = reads(&old, &["t"]);
    request.protocols[0].metadata = owned(&[0, 1, 2]);
    let again = bench.join_as(&request);
    assert_eq!((again.error_code, again.generation_id), (ErrorCode::NONE, 1));
    assert_eq!(bench.sync_as(&old, 1), Ok(vec![0, 1]));
    assert_eq!(bench.heartbeat(&old, 1), ErrorCode::REBALANCE_IN_PROGRESS);
    request.protocols[0].metadata = owned(&[0, 1]);
    assert_eq!(bench.join_as(&request).generation_id, 2);
    assert_eq!(bench.sync_as(&old, 2), Ok(vec![0, 1]));
    assert_eq!(given(&bench.beat(&beats("m1", 2))), Some(vec![2]));
    assert_eq!(bench.heartbeat(&old, 2), ErrorCode::NONE);
    assert_eq!(bench.heartbeat("m1", 2), ErrorCode::UNKNOWN_MEMBER_ID, "it is no classic member");
    assert_eq!(bench.group_type(), ("consumer".into(), "Stable".into()));

    bench.beat(&beats("m1", -1));
    assert_eq!(bench.group_type(), ("classic".into(), "PreparingRebalance".into()));
    assert_eq!(bench.heartbeat(&old, 2), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(bench.join_as(&reads(&old, &["t"])).generation_id, 3);
}

fn owned(partitions: &[i32]) -> Bytes {
    use kurier_protocol::data::consumer_protocol_subscription::{
        ConsumerProtocolSubscription, TopicPartition,
    };
    let owned = vec![TopicPartition { topic: "t".into(), partitions: partitions.to_vec() }];
    let topics = vec!["t".into()];
    let said =
        ConsumerProtocolSubscription { topics, owned_partitions: owned, ..Default::default() };
    encode_versioned(&said, 1).unwrap()
}

#[test]
fn who_waits_when_a_group_changes_its_protocol_is_told_to_begin_anew() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.classic();
    let second = bench.name_member();
    let request = reads(&second, &["t"]);
    let call = bench.new_call();
    let fate = bench.poll(COORDINATOR, 9, (&request, call), Duration::ZERO);
    assert!(matches!(fate, Fate::Waits(_)));
    assert_eq!(bench.beat(&joins("m1")).error_code, ErrorCode::NONE);
    let told = bench.poll(COORDINATOR, 9, (&request, call), Duration::ZERO).answer();
    assert_eq!(told.error_code, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_member_of_the_classic_protocol_joins_a_consumer_group() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.beat(&joins("m1"));
    let named = bench.join_as(&reads("", &["t"]));
    assert_eq!(named.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    let joined = bench.join_as(&reads(&named.member_id, &["t"]));
    assert_eq!((joined.error_code, joined.generation_id), (ErrorCode::NONE, 2));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert!(joined.members.is_empty() && joined.leader.is_empty(), "the broker assigns");
    assert_eq!(bench.sync_as(&named.member_id, 2), Ok(vec![]));
    assert_eq!(bench.sync_as(&named.member_id, 1), Err(ErrorCode::ILLEGAL_GENERATION));
    assert_eq!(given(&bench.beat(&beats("m1", 1))), Some(vec![0, 1]));
    assert_eq!(bench.owns("m1", 1, &[0, 1]).member_epoch, 2);
    // What it shall have is free now.
    assert_eq!(bench.heartbeat(&named.member_id, 2), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(bench.join_as(&reads(&named.member_id, &["t"])).generation_id, 2);
    assert_eq!(bench.sync_as(&named.member_id, 2), Ok(vec![2]));

    let members = vec![MemberIdentity { member_id: named.member_id.clone(), ..Default::default() }];
    let request = LeaveGroupRequest { group_id: "g".into(), members, ..Default::default() };
    let left = bench.call(COORDINATOR, 5, &request).answer();
    assert_eq!(left.members[0].error_code, ErrorCode::NONE);
    assert_eq!(given(&bench.beat(&beats("m1", 2))), Some(vec![0, 1, 2]));
}

#[test]
fn a_member_of_the_classic_protocol_must_join_again_and_sync_in_time() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.state.groups.settings.consumer_session = Duration::from_secs(3600);
    let mut patient = joins("m1");
    patient.rebalance_timeout_ms = 600_000;
    bench.beat(&patient);
    let id = bench.join_as(&reads("", &["t"])).member_id;
    assert_eq!(bench.join_as(&reads(&id, &["t"])).error_code, ErrorCode::NONE);
    bench.pass(60 * SECOND);
    assert_eq!(bench.heartbeat(&id, 2), ErrorCode::UNKNOWN_MEMBER_ID, "it did not sync");
    let id = bench.join_as(&reads("", &["t"])).member_id;
    let joined = bench.join_as(&reads(&id, &["t"]));
    assert_eq!(bench.sync_as(&id, joined.generation_id), Ok(vec![]));
    let names = Some(vec!["t".into(), "u".into()]);
    let mut request = beats("m1", 1);
    request.subscribed_topic_names = names;
    bench.beat(&request);
    assert_eq!(bench.heartbeat(&id, joined.generation_id), ErrorCode::REBALANCE_IN_PROGRESS);
    bench.pass(60 * SECOND);
    let gone = bench.heartbeat(&id, joined.generation_id);
    assert_eq!(gone, ErrorCode::UNKNOWN_MEMBER_ID, "it did not join again");
}

#[test]
fn groups_keep_their_protocol_where_the_cluster_says_so() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.state.groups.settings.migration = MigrationPolicy::Disabled;
    bench.classic();
    let refused = bench.beat(&joins("m1"));
    assert_eq!(refused.error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert!(refused.error_message.is_some_and(|why| why.contains("upgrade is disabled")));
    bench.pass(1801 * SECOND);
    bench.beat(&joins("m1"));
    let refused = bench.join_as(&reads("", &["t"]));
    assert_eq!(refused.error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);

    bench.state.groups.settings.migration = MigrationPolicy::Upgrade;
    let id = bench.join_as(&reads("", &["t"])).member_id;
    bench.join_as(&reads(&id, &["t"]));
    bench.beat(&beats("m1", -1));
    assert_eq!(&*bench.group_type().0, "consumer", "it does not go back");
}

#[test]
fn an_empty_group_takes_up_the_protocol_of_whoever_comes() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.alone();
    let refused = bench.beat(&joins("m1"));
    assert_eq!(refused.error_code, ErrorCode::GROUP_ID_NOT_FOUND, "its metadata says nothing");
    bench.pass(11 * SECOND);
    assert_eq!(bench.beat(&joins("m1")).error_code, ErrorCode::NONE);
    bench.beat(&beats("m1", -1));
    let named = bench.join_as(&reads("", &["t"]));
    assert_eq!(named.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    assert_eq!(&*bench.group_type().0, "classic");
    let request = HeartbeatRequest { group_id: "g".into(), ..Default::default() };
    let answer = bench.call(COORDINATOR, 4, &request).answer();
    assert_eq!(answer.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}
