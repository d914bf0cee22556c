//! Offsets of groups, and looking at groups.

use kurier_protocol::api::delete_groups::DeleteGroupsRequest;
use kurier_protocol::api::describe_groups::DescribeGroupsRequest;
use kurier_protocol::api::list_groups::ListGroupsRequest;
use kurier_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kurier_protocol::api::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kurier_protocol::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Uuid};

use super::bench::Bench;
use super::groups::{COORDINATOR, join};

pub(super) fn commit(member: &str, generation: i32, offset: i64) -> OffsetCommitRequest {
    let partitions = vec![OffsetCommitRequestPartition {
        partition_index: 1,
        committed_offset: offset,
        committed_leader_epoch: 0,
        committed_metadata: Some("why".into()),
        ..Default::default()
    }];
    let topics =
        vec![OffsetCommitRequestTopic { name: "t".into(), partitions, ..Default::default() }];
    OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: generation,
        member_id: member.into(),
        topics,
        ..Default::default()
    }
}

impl Bench {
    pub(super) fn commits(&mut self, request: &OffsetCommitRequest) -> ErrorCode {
        let answer = self.call(COORDINATOR, 9, request).answer();
        answer.topics[0].partitions[0].error_code
    }

    /// The offset of partition 1 of `t` as a reader of version 7 sees it.
    pub(super) fn committed(&mut self) -> Result<i64, ErrorCode> {
        let topic = OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![1] };
        let request = OffsetFetchRequest {
            group_id: "g".into(),
            topics: Some(vec![topic]),
            require_stable: true,
            ..Default::default()
        };
        let answer = self.call(COORDINATOR, 7, &request).answer();
        let found = &answer.topics[0].partitions[0];
        match found.error_code {
            ErrorCode::NONE => Ok(found.committed_offset),
            code => Err(code),
        }
    }
}

#[test]
fn only_a_member_of_the_generation_commits() {
    let mut bench = Bench::new(Release::NEWEST);
    let id = bench.alone();
    assert_eq!(bench.committed(), Ok(-1));
    assert_eq!(bench.commits(&commit(&id, 1, 5)), ErrorCode::NONE);
    assert_eq!(bench.committed(), Ok(5));
    assert_eq!(bench.commits(&commit(&id, 0, 6)), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(bench.commits(&commit("who", 1, 6)), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.commits(&commit("", -1, 6)), ErrorCode::UNKNOWN_MEMBER_ID);
    bench.call(COORDINATOR, 9, &join(&id)).answer();
    assert_eq!(bench.commits(&commit(&id, 2, 6)), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(bench.committed(), Ok(5));
}

#[test]
fn who_manages_partitions_alone_commits_without_a_generation() {
    let mut bench = Bench::new(Release::NEWEST);
    assert_eq!(bench.commits(&commit("", 1, 5)), ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(bench.commits(&commit("", -1, 5)), ErrorCode::NONE);
    assert_eq!(bench.committed(), Ok(5));
    let mut request = commit("", -1, 6);
    request.topics[0].partitions[0].committed_metadata = Some("x".repeat(4097).into());
    assert_eq!(bench.commits(&request), ErrorCode::OFFSET_METADATA_TOO_LARGE);
    let mut request = commit("", -1, 6);
    request.topics[0].name = "nowhere".into();
    assert_eq!(bench.commits(&request), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(bench.committed(), Ok(5));
}

#[test]
fn offsets_of_many_groups_are_fetched_by_topic_id() {
    let mut bench = Bench::new(Release::NEWEST);
    let id = bench.state.topic("t").unwrap().id;
    let mut request = commit("", -1, 5);
    request.topics[0].topic_id = id;
    let answer = bench.call(COORDINATOR, 10, &request).answer();
    assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::NONE);
    let topics = |topic_id| OffsetFetchRequestTopics {
        topic_id,
        partition_indexes: vec![0, 1],
        ..Default::default()
    };
    let group = |group_id: &str, topics| OffsetFetchRequestGroup {
        group_id: group_id.into(),
        topics,
        ..Default::default()
    };
    let wrong = Uuid([9; 16]);
    let groups = vec![
        group("g", Some(vec![topics(id), topics(wrong)])),
        group("j", None),
        group("g", None),
        group("h", None),
    ];
    let request = OffsetFetchRequest { groups, ..Default::default() };
    let answer = bench.call(COORDINATOR, 10, &request).answer();
    let found = &answer.groups[0].topics[0].partitions;
    assert_eq!((found[0].committed_offset, found[1].committed_offset), (-1, 5));
    assert_eq!(found[1].metadata.as_deref(), Some("why"));
    let unknown = &answer.groups[0].topics[1].partitions[0];
    assert_eq!(unknown.error_code, ErrorCode::UNKNOWN_TOPIC_ID);
    assert_eq!((answer.groups[1].error_code, answer.groups[1].topics.len()), (ErrorCode::NONE, 0));
    assert_eq!(answer.groups[2].topics[0].partitions.len(), 1);
    assert_eq!(answer.groups[3].error_code, ErrorCode::NOT_COORDINATOR);
}

#[test]
fn groups_are_listed_described_and_deleted() {
    let mut bench = Bench::new(Release::NEWEST);
    let id = bench.alone();
    let listed = bench.call(COORDINATOR, 5, &ListGroupsRequest::default()).answer().groups;
    assert_eq!((&*listed[0].group_id, &*listed[0].group_state), ("g", "Stable"));
    let filter = ListGroupsRequest { states_filter: vec!["empty".into()], ..Default::default() };
    assert!(bench.call(COORDINATOR, 5, &filter).answer().groups.is_empty());

    let groups = vec!["g".into(), "j".into()];
    let request = DescribeGroupsRequest { groups, ..Default::default() };
    let described = bench.call(COORDINATOR, 6, &request).answer().groups;
    assert_eq!(&*described[0].protocol_data, "range");
    assert_eq!(described[0].members[0].member_id, id);
    assert_eq!(&described[0].members[0].member_assignment[..], b"all");
    assert_eq!(described[1].error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(&*described[1].group_state, "Dead");
    let described = bench.call(COORDINATOR, 5, &request).answer().groups;
    assert_eq!(described[1].error_code, ErrorCode::NONE);
    let request = DescribeGroupsRequest { include_authorized_operations: true, ..request };
    let described = bench.call(COORDINATOR, 6, &request).answer().groups;
    assert_eq!(described[0].authorized_operations, 3400, "all that there are for groups");
    assert_eq!(described[1].authorized_operations, i32::MIN);

    let request = DeleteGroupsRequest { groups_names: vec!["g".into(), "j".into()] };
    let deleted = bench.call(COORDINATOR, 2, &request).answer().results;
    assert_eq!(deleted[0].error_code, ErrorCode::NON_EMPTY_GROUP);
    assert_eq!(deleted[1].error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    bench.pass(11 * super::groups::SECOND);
    let deleted = bench.call(COORDINATOR, 2, &request).answer().results;
    assert_eq!(deleted[0].error_code, ErrorCode::NONE);
    assert!(bench.state.groups.get("g").is_none());
}

#[test]
fn offsets_are_deleted_but_not_of_topics_that_are_read() {
    let mut bench = Bench::new(Release::NEWEST);
    let partitions = vec![OffsetDeleteRequestPartition { partition_index: 1 }];
    let topics = vec![OffsetDeleteRequestTopic { name: "t".into(), partitions }];
    let request = OffsetDeleteRequest { group_id: "g".into(), topics };
    let answer = bench.call(COORDINATOR, 0, &request).answer();
    assert_eq!(answer.error_code, ErrorCode::GROUP_ID_NOT_FOUND);
    bench.commits(&commit("", -1, 5));
    let answer = bench.call(COORDINATOR, 0, &request).answer();
    assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::NONE);
    assert_eq!(bench.committed(), Ok(-1));
}
