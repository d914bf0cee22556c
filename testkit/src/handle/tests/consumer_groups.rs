//! Consumer groups (KIP-848): epochs, reconciliation, fencing, static members, patterns.

use std::time::Duration;

use kurier_protocol::api::consumer_group_describe::ConsumerGroupDescribeRequest;
use kurier_protocol::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use kurier_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Str};

use super::bench::Bench;
use super::groups::{COORDINATOR, SECOND, join};

fn joins(member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        rebalance_timeout_ms: 30_000,
        subscribed_topic_names: Some(vec!["t".into()]),
        topic_partitions: Some(Vec::new()),
        ..beats(member, 0)
    }
}

fn beats(member: &str, member_epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: member.into(),
        member_epoch,
        ..Default::default()
    }
}

impl Bench {
    fn beat(&mut self, request: &ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
        self.call(COORDINATOR, 1, request).answer()
    }

    /// A heartbeat of a member that says which partitions of `t` it has.
    fn owns(
        &mut self,
        member: &str,
        epoch: i32,
        partitions: &[i32],
    ) -> ConsumerGroupHeartbeatResponse {
        let topic_id = self.state.topic("t").unwrap().id;
        let owned = TopicPartitions { topic_id, partitions: partitions.to_vec() };
        self.beat(&ConsumerGroupHeartbeatRequest {
            topic_partitions: Some(vec![owned]),
            ..beats(member, epoch)
        })
    }

    fn group_state(&mut self) -> Str {
        let request =
            ConsumerGroupDescribeRequest { group_ids: vec!["g".into()], ..Default::default() };
        self.call(COORDINATOR, 1, &request).answer().groups[0].group_state.clone()
    }
}

/// The partitions that an answer gives, of whatever topic; `None` if nothing is said.
fn given(answer: &ConsumerGroupHeartbeatResponse) -> Option<Vec<i32>> {
    assert_eq!(answer.error_code, ErrorCode::NONE);
    let assignment = answer.assignment.as_ref()?;
    Some(assignment.topic_partitions.iter().flat_map(|topic| topic.partitions.clone()).collect())
}

#[test]
fn a_member_takes_only_what_the_other_has_given_up() {
    let mut bench = Bench::new(Release::NEWEST);
    let first = bench.beat(&joins("m1"));
    assert_eq!((first.member_epoch, given(&first)), (1, Some(vec![0, 1, 2])));
    assert_eq!(bench.group_state(), "Stable");
    assert_eq!(given(&bench.owns("m1", 1, &[0, 1, 2])), None, "nothing has changed");

    let second = bench.beat(&joins("m2"));
    assert_eq!((second.member_epoch, given(&second)), (2, Some(vec![])));
    assert_eq!(bench.group_state(), "Reconciling");
    let revoke = bench.beat(&beats("m1", 1));
    assert_eq!((revoke.member_epoch, given(&revoke)), (1, Some(vec![0, 1])));
    assert_eq!(given(&bench.beat(&beats("m2", 2))), None, "the partition is still the other's");
    let done = bench.owns("m1", 1, &[0, 1]);
    assert_eq!((done.member_epoch, given(&done)), (2, None));
    assert_eq!(given(&bench.beat(&beats("m2", 2))), Some(vec![2]));
    assert_eq!(bench.group_state(), "Stable");

    let left = bench.beat(&beats("m2", -1));
    assert_eq!((left.error_code, left.member_epoch), (ErrorCode::NONE, -1));
    let all = bench.beat(&beats("m1", 2));
    assert_eq!((all.member_epoch, given(&all)), (3, Some(vec![0, 1, 2])));
}

#[test]
fn who_is_silent_or_does_not_give_up_in_time_is_fenced() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.beat(&joins("m1"));
    bench.beat(&joins("m2"));
    assert_eq!(given(&bench.beat(&beats("m1", 1))), Some(vec![0, 1]));
    for _ in 0..29 {
        bench.pass(SECOND);
        bench.beat(&beats("m2", 2));
        assert_eq!(bench.beat(&beats("m1", 1)).error_code, ErrorCode::NONE);
    }
    bench.pass(SECOND);
    assert_eq!(bench.beat(&beats("m1", 1)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(given(&bench.beat(&beats("m2", 2))), Some(vec![0, 1, 2]));
    bench.pass(Duration::from_secs(45));
    assert_eq!(bench.beat(&beats("m2", 3)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.group_state(), "Empty");
}

#[test]
fn only_the_present_epoch_or_a_lost_answer_counts() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.beat(&joins("m1"));
    assert_eq!(bench.beat(&beats("m1", 7)).error_code, ErrorCode::FENCED_MEMBER_EPOCH);
    assert_eq!(bench.beat(&beats("who", 1)).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    // The topic grows: a new epoch, whose answer is lost.
    bench.state.add_partitions("t", vec![vec![1, 2, 3]]);
    assert_eq!(bench.beat(&beats("m1", 1)).member_epoch, 2);
    assert_eq!(bench.beat(&beats("m1", 1)).error_code, ErrorCode::FENCED_MEMBER_EPOCH);
    let again = bench.owns("m1", 1, &[0, 1, 2]);
    assert_eq!((again.error_code, again.member_epoch), (ErrorCode::NONE, 2));
    // A member may begin anew.
    assert_eq!(given(&bench.beat(&joins("m1"))), Some(vec![0, 1, 2, 3]));
}

#[test]
fn a_static_member_keeps_its_partitions_while_it_is_away() {
    let mut bench = Bench::new(Release::NEWEST);
    let named = |member: &str, epoch| ConsumerGroupHeartbeatRequest {
        instance_id: Some("i".into()),
        ..if epoch == 0 { joins(member) } else { beats(member, epoch) }
    };
    bench.beat(&named("m1", 0));
    let other = bench.beat(&named("m2", 0));
    assert_eq!(other.error_code, ErrorCode::UNRELEASED_INSTANCE_ID);
    assert_eq!(bench.beat(&named("m2", 1)).error_code, ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(bench.beat(&named("m1", -2)).member_epoch, -2);
    let back = bench.beat(&named("m2", 0));
    assert_eq!((back.member_epoch, given(&back)), (1, Some(vec![0, 1, 2])));
    assert_eq!(bench.beat(&named("m1", 1)).error_code, ErrorCode::FENCED_INSTANCE_ID);
}

#[test]
fn a_pattern_is_evaluated_by_the_broker() {
    let mut bench = Bench::new(Release::NEWEST);
    let pattern = |text: &str| ConsumerGroupHeartbeatRequest {
        subscribed_topic_names: None,
        subscribed_topic_regex: Some(text.into()),
        ..joins("m1")
    };
    let wrong = bench.beat(&pattern("t["));
    assert_eq!(wrong.error_code, ErrorCode::INVALID_REGULAR_EXPRESSION);
    assert_eq!(given(&bench.beat(&pattern("t|x.*"))), Some(vec![0, 1, 2]));
    bench.add_topic("xy", &[]);
    bench.add_topic("tt", &[]);
    assert_eq!(given(&bench.beat(&beats("m1", 1))).map(|all| all.len()), Some(6));
}

#[test]
fn requests_that_make_no_sense_are_refused_with_a_reason() {
    let mut bench = Bench::new(Release::NEWEST);
    for request in [
        ConsumerGroupHeartbeatRequest { group_id: "".into(), ..joins("m1") },
        joins(""),
        ConsumerGroupHeartbeatRequest { rebalance_timeout_ms: -1, ..joins("m1") },
        ConsumerGroupHeartbeatRequest { topic_partitions: None, ..joins("m1") },
        ConsumerGroupHeartbeatRequest { subscribed_topic_names: None, ..joins("m1") },
        beats("m1", -2),
    ] {
        let answer = bench.beat(&request);
        assert_eq!(answer.error_code, ErrorCode::INVALID_REQUEST, "{request:?}");
        assert!(answer.error_message.is_some());
    }
    let assignor = Some("magic".into());
    let request = ConsumerGroupHeartbeatRequest { server_assignor: assignor, ..joins("m1") };
    assert_eq!(bench.beat(&request).error_code, ErrorCode::UNSUPPORTED_ASSIGNOR);
    assert_eq!(bench.beat(&beats("m1", 1)).error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    let mut old = Bench::new(Release::V3_9);
    let answer = old.call(COORDINATOR, 0, &joins("m1")).answer();
    assert_eq!(answer.error_code, ErrorCode::UNSUPPORTED_VERSION);
}

#[test]
fn offsets_are_committed_in_the_members_epoch() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.beat(&joins("m1"));
    let mut commit = |version, epoch| {
        let partitions = vec![OffsetCommitRequestPartition::default()];
        let name = "t".into();
        let topics = vec![OffsetCommitRequestTopic { name, partitions, ..Default::default() }];
        let request = OffsetCommitRequest {
            group_id: "g".into(),
            member_id: "m1".into(),
            generation_id_or_member_epoch: epoch,
            topics,
            ..Default::default()
        };
        let answer = bench.call(COORDINATOR, version, &request).answer();
        answer.topics[0].partitions[0].error_code
    };
    assert_eq!(commit(9, 1), ErrorCode::NONE);
    assert_eq!(commit(9, 0), ErrorCode::STALE_MEMBER_EPOCH);
    assert_eq!(commit(8, 0), ErrorCode::UNSUPPORTED_VERSION);
}

#[test]
fn an_empty_group_takes_up_the_protocol_of_whoever_comes() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.alone();
    assert_eq!(bench.beat(&joins("m1")).error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    bench.pass(11 * SECOND);
    assert_eq!(bench.beat(&joins("m1")).error_code, ErrorCode::NONE);
    let refused = bench.call(COORDINATOR, 9, &join("")).answer();
    assert_eq!(refused.error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    bench.beat(&beats("m1", -1));
    let named = bench.call(COORDINATOR, 9, &join("")).answer();
    assert_eq!(named.error_code, ErrorCode::MEMBER_ID_REQUIRED);
}
