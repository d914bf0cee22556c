//! ConsumerGroupDescribe: the members of consumer groups, what they have and what they shall have.

use kurier_protocol::api::consumer_group_describe::{
    Assignment as WireAssignment, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse,
    DescribedGroup, Member, TopicPartitions,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::once::once;
use super::operations::{Asked, ON_GROUP, told};
use crate::group::{Assignment, Consumer, ConsumerMember, Kind};
use crate::state::State;

impl Api for ConsumerGroupDescribeRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if !state.settings.has_consumer_groups() {
            return Outcome::Answer(self.refuse(ErrorCode::UNSUPPORTED_VERSION));
        }
        let operations = told(ON_GROUP, Asked(self.include_authorized_operations));
        let groups = once(&self.group_ids, |id| id).map(|(id, _)| {
            if id.is_empty() {
                return failed(id, ErrorCode::INVALID_GROUP_ID);
            }
            if let Err(code) = state.check_coordinator(context.broker, id) {
                return failed(id, code);
            }
            let message = match state.groups.get(id).map(|group| &group.kind) {
                Some(Kind::Consumer(consumer)) => return describe(state, id, consumer),
                Some(Kind::Classic(_)) => format!("Group {id} is not a consumer group."),
                None => format!("Group {id} not found."),
            };
            let error_message = Some(message.into());
            DescribedGroup { error_message, ..failed(id, ErrorCode::GROUP_ID_NOT_FOUND) }
        });
        let groups = groups.map(|group| match group.error_code {
            ErrorCode::NONE => DescribedGroup { authorized_operations: operations, ..group },
            _ => group,
        });
        let groups = groups.collect();
        Outcome::Answer(ConsumerGroupDescribeResponse { groups, ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> ConsumerGroupDescribeResponse {
        let groups = self.group_ids.iter().map(|id| failed(id, code)).collect();
        ConsumerGroupDescribeResponse { groups, ..Default::default() }
    }
}

fn describe(state: &State, id: &Str, consumer: &Consumer) -> DescribedGroup {
    let members = consumer.members().map(|(id, found, target)| member(state, id, found, &target));
    DescribedGroup {
        group_id: id.clone(),
        group_state: Str::from_static(consumer.state_name()),
        group_epoch: consumer.epoch,
        assignment_epoch: consumer.assignment_epoch,
        assignor_name: Str::from_static(consumer.assignor().name()),
        members: members.collect(),
        ..Default::default()
    }
}

fn member(state: &State, id: &Str, found: &ConsumerMember, target: &Assignment) -> Member {
    Member {
        member_id: id.clone(),
        instance_id: found.instance.clone(),
        rack_id: found.rack.clone(),
        member_epoch: found.place.epoch,
        client_id: found.client_id.clone(),
        client_host: Str::from_static("/127.0.0.1"),
        subscribed_topic_names: found.names.iter().cloned().collect(),
        subscribed_topic_regex: Some(found.regex.clone().unwrap_or_default()),
        assignment: named(state, &found.held()),
        target_assignment: named(state, target),
        member_type: if found.classic.is_some() { CLASSIC } else { CONSUMER },
    }
}

fn named(state: &State, assignment: &Assignment) -> WireAssignment {
    let topics = assignment.iter().filter_map(|(&topic_id, partitions)| {
        let topic_name = state.topic_name(topic_id)?.clone();
        let partitions = partitions.iter().copied().collect();
        Some(TopicPartitions { topic_id, topic_name, partitions })
    });
    WireAssignment { topic_partitions: topics.collect() }
}

fn failed(id: &Str, error_code: ErrorCode) -> DescribedGroup {
    DescribedGroup { group_id: id.clone(), error_code, ..Default::default() }
}

/// A member that speaks the classic protocol.
const CLASSIC: i8 = 0;
/// A member that speaks the protocol of consumer groups.
const CONSUMER: i8 = 1;
