//! Consumer groups (KIP-848): epochs, reconciliation, fencing, static members, patterns.

use std::time::Duration;

use kurier_protocol::api::consumer_group_describe::{Assignment, ConsumerGroupDescribeRequest};
use kurier_protocol::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicPartitions,
};
use kurier_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Str};

use super::bench::Bench;
use super::groups::{COORDINATOR, SECOND};

pub(super) fn joins(member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        rebalance_timeout_ms: 30_000,
        subscribed_topic_names: Some(vec!["t".into()]),
        topic_partitions: Some(Vec::new()),
        ..beats(member, 0)
    }
}

pub(super) fn beats(member: &str, member_epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: member.into(),
        member_epoch,
        ..Default::default()
    }
}

impl Bench {
    pub(super) fn beat(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> ConsumerGroupHeartbeatResponse {
        self.call(COORDINATOR, 1, request).answer()
    }

    /// A heartbeat of a member that says which partitions of `t` it has.
    pub(super) fn owns(
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

    pub(super) fn group_state(&mut self) -> Str {
        let request =
            ConsumerGroupDescribeRequest { group_ids: vec!["g".into()], ..Default::default() };
        self.call(COORDINATOR, 1, &request).answer().groups[0].group_state.clone()
    }
}

/// The partitions that an answer gives, of whatever topic; `None` if nothing is said.
pub(super) fn given(answer: &ConsumerGroupHeartbeatResponse) -> Option<Vec<i32>> {
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
    let again = bench.beat(&named("m1", 0));
    assert_eq!(again.error_code, ErrorCode::UNRELEASED_INSTANCE_ID, "it is not gone yet");
    let fenced = bench.beat(&named("m2", 1));
    assert_eq!(fenced.error_code, ErrorCode::FENCED_INSTANCE_ID);
    let why = "Static member m2 with instance id i was fenced by member m1.";
    assert_eq!(fenced.error_message.as_deref(), Some(why));
    assert_eq!(bench.beat(&named("m1", -2)).member_epoch, -2);
    let back = bench.beat(&named("m2", 0));
    assert_eq!((back.member_epoch, given(&back)), (1, Some(vec![0, 1, 2])));
    assert_eq!(bench.beat(&named("m1", 1)).error_code, ErrorCode::FENCED_INSTANCE_ID);
}

fn pattern(member: &str, text: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        subscribed_topic_names: None,
        subscribed_topic_regex: Some(text.into()),
        ..joins(member)
    }
}

#[test]
fn a_pattern_is_looked_up_after_the_answer_and_for_new_topics() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.state.groups.settings.consumer_epoch = 1;
    let wrong = bench.beat(&pattern("m1", "t["));
    assert_eq!(wrong.error_code, ErrorCode::INVALID_REGULAR_EXPRESSION);
    let why = "SubscribedTopicRegex `t[` is not a valid regular expression: missing closing ].";
    assert_eq!(wrong.error_message.as_deref(), Some(why));
    let joined = bench.beat(&pattern("m1", "t|x.*"));
    assert_eq!((joined.member_epoch, given(&joined)), (1, Some(vec![])), "it is looked up later");
    assert_eq!(given(&bench.beat(&beats("m1", 1))), Some(vec![0, 1, 2]));
    bench.add_topic("xy", &[]);
    bench.add_topic("tt", &[]);
    assert_eq!(given(&bench.beat(&beats("m1", 2))), None, "it is not looked up all the time");
    bench.pass(11 * SECOND);
    assert_eq!(given(&bench.beat(&beats("m1", 2))), None, "it is looked up after this answer");
    assert_eq!(given(&bench.beat(&beats("m1", 2))).map(|all| all.len()), Some(6));
    // Another member with the same pattern need not wait for a look-up.
    let other = bench.beat(&pattern("m2", "t|x.*"));
    assert_eq!((other.member_epoch, given(&other)), (4, Some(vec![])));
}

#[test]
fn assignments_are_computed_at_intervals() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.state.groups.settings.consumer_assignment_interval = SECOND;
    assert_eq!(given(&bench.beat(&joins("m1"))), Some(vec![0, 1, 2]), "the first need not wait");
    let second = bench.beat(&joins("m2"));
    assert_eq!((second.member_epoch, given(&second)), (1, Some(vec![])));
    assert_eq!(bench.group_state(), "Assigning");
    assert_eq!(given(&bench.beat(&beats("m1", 1))), None);
    bench.pass(SECOND);
    assert_eq!(given(&bench.beat(&beats("m1", 1))), Some(vec![0, 1]));
    assert_eq!(bench.group_state(), "Reconciling");
}

#[test]
fn a_group_is_described_with_what_members_have_shall_have_and_shall_give_up() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.beat(&joins("m1"));
    bench.beat(&joins("m2"));
    bench.beat(&beats("m1", 1));
    let group_ids = vec!["g".into(), "".into(), "j".into()];
    let request = ConsumerGroupDescribeRequest { group_ids, include_authorized_operations: true };
    let groups = bench.call(COORDINATOR, 1, &request).answer().groups;
    let group = &groups[0];
    assert_eq!((group.group_epoch, group.assignment_epoch), (2, 2));
    assert_eq!((&*group.assignor_name, group.authorized_operations), ("uniform", 3400));
    let has = |assignment: &Assignment| assignment.topic_partitions[0].partitions.clone();
    let first = &group.members[0];
    assert_eq!((first.member_epoch, first.member_type), (1, 1));
    assert_eq!(has(&first.assignment), [0, 1, 2], "it has not given up the last one");
    assert_eq!(has(&first.target_assignment), [0, 1]);
    assert_eq!(groups[1].error_code, ErrorCode::INVALID_GROUP_ID);
    assert_eq!(groups[2].error_code, ErrorCode::GROUP_ID_NOT_FOUND);
}

#[test]
fn a_full_group_takes_only_whom_it_knows() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.state.groups.settings.consumer_members_max = 1;
    bench.beat(&joins("m1"));
    let refused = bench.beat(&joins("m2"));
    assert_eq!(refused.error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(bench.beat(&joins("m1")).error_code, ErrorCode::NONE);
}

#[test]
fn who_leaves_makes_the_epoch_grow_once() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.add_topic("u", &[]);
    bench.beat(&joins("m1"));
    let names = Some(vec!["u".into()]);
    bench.beat(&ConsumerGroupHeartbeatRequest { subscribed_topic_names: names, ..joins("m2") });
    assert_eq!(bench.beat(&beats("m1", 1)).member_epoch, 2);
    bench.beat(&beats("m2", -1));
    assert_eq!(bench.beat(&beats("m1", 2)).member_epoch, 3);
    assert_eq!(bench.beat(&beats("m1", 3)).member_epoch, 3);
}

#[test]
fn topics_that_a_member_reads_no_longer_are_taken_before_the_next_assignment() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.state.groups.settings.consumer_assignment_interval = 60 * SECOND;
    bench.add_topic("u", &[]);
    let reads = |topics: &[&str], epoch| ConsumerGroupHeartbeatRequest {
        subscribed_topic_names: Some(topics.iter().map(|topic| (*topic).into()).collect()),
        ..if epoch == 0 { joins("m1") } else { beats("m1", epoch) }
    };
    assert_eq!(given(&bench.beat(&reads(&["t", "u"], 0))).map(|all| all.len()), Some(6));
    let less = bench.beat(&reads(&["u"], 1));
    assert_eq!((less.member_epoch, given(&less)), (1, Some(vec![0, 1, 2])));
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

impl Bench {
    /// Commits an offset of a partition of `t` as member `m1`.
    fn commits_in(&mut self, version: i16, epoch: i32, partition_index: i32) -> ErrorCode {
        let partitions =
            vec![OffsetCommitRequestPartition { partition_index, ..Default::default() }];
        let name = "t".into();
        let topics = vec![OffsetCommitRequestTopic { name, partitions, ..Default::default() }];
        let request = OffsetCommitRequest {
            group_id: "g".into(),
            member_id: "m1".into(),
            generation_id_or_member_epoch: epoch,
            topics,
            ..Default::default()
        };
        let answer = self.call(COORDINATOR, version, &request).answer();
        answer.topics[0].partitions[0].error_code
    }
}

#[test]
fn a_group_without_members_has_nothing_to_assign() {
    let mut bench = Bench::new(Release::NEWEST);
    bench.beat(&joins("m1"));
    bench.beat(&beats("m1", -1));
    let group_ids = vec!["g".into(), Str::default()];
    let request = ConsumerGroupDescribeRequest { group_ids, include_authorized_operations: true };
    let groups = bench.call(COORDINATOR, 1, &request).answer().groups;
    assert_eq!((groups[0].group_epoch, groups[0].assignment_epoch), (2, 2));
    assert_eq!(groups[0].authorized_operations, 3400);
    assert_eq!(groups[1].error_code, ErrorCode::INVALID_GROUP_ID);
}

#[test]
fn offsets_are_committed_in_the_members_epoch_or_since_the_partition_was_given() {
    let since = [
        (Release::V4_2, ErrorCode::STALE_MEMBER_EPOCH),
        (Release::V4_3, ErrorCode::NONE),
        (Release::NEWEST, ErrorCode::NONE),
    ];
    for (release, earlier) in since {
        let mut bench = Bench::new(release);
        bench.beat(&joins("m1"));
        assert_eq!(bench.commits_in(9, 1, 0), ErrorCode::NONE);
        assert_eq!(bench.commits_in(9, 0, 0), ErrorCode::STALE_MEMBER_EPOCH);
        assert_eq!(bench.commits_in(9, 2, 0), ErrorCode::STALE_MEMBER_EPOCH);
        assert_eq!(bench.commits_in(8, 1, 0), ErrorCode::UNSUPPORTED_VERSION);
        bench.beat(&joins("m2"));
        bench.beat(&beats("m1", 1));
        assert_eq!(bench.owns("m1", 1, &[0, 1]).member_epoch, 2);
        assert_eq!(bench.commits_in(9, 1, 0), earlier, "it has had it since epoch 1: {release}");
        assert_eq!(bench.commits_in(9, 1, 2), ErrorCode::STALE_MEMBER_EPOCH, "it has given it up");
    }
}
