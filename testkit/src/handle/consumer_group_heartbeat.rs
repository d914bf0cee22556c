//! ConsumerGroupHeartbeat: a member of a consumer group joins, stays, follows and leaves (KIP-848).

use kurier_protocol::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::membership::caller;
use crate::group::{Assignor, Kind, Topics};
use crate::state::State;

impl Api for ConsumerGroupHeartbeatRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if !state.settings.has_consumer_groups() {
            return Outcome::Answer(self.refuse(ErrorCode::UNSUPPORTED_VERSION));
        }
        if let Err((code, message)) = check(self, context.version) {
            let error_message = Some(message.into());
            let refused = self.refuse(code);
            return Outcome::Answer(ConsumerGroupHeartbeatResponse { error_message, ..refused });
        }
        if let Err(code) = state.check_coordinator(context.broker, &self.group_id) {
            return Outcome::Answer(self.refuse(code));
        }
        let answer = heartbeat(self, state, context).unwrap_or_else(|code| {
            let error_message = explain(self, state, code).map(Str::from);
            ConsumerGroupHeartbeatResponse { error_message, ..self.refuse(code) }
        });
        state.groups.forget_if_unused(&self.group_id);
        Outcome::Answer(answer)
    }

    fn refuse(&self, error_code: ErrorCode) -> ConsumerGroupHeartbeatResponse {
        ConsumerGroupHeartbeatResponse { error_code, ..Default::default() }
    }
}

fn heartbeat(
    request: &ConsumerGroupHeartbeatRequest,
    state: &mut State,
    context: &Context,
) -> Result<ConsumerGroupHeartbeatResponse, ErrorCode> {
    let assignor = request.server_assignor.as_ref().map(|name| Assignor::named(name));
    if assignor == Some(None) {
        return Err(ErrorCode::UNSUPPORTED_ASSIGNOR);
    }
    let caller = caller(state, context);
    let topics: Topics = state
        .topics()
        .map(|(name, topic)| {
            let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
            (name.clone(), (topic.id, count))
        })
        .collect();
    let is_there = matches!(
        state.groups.get(&request.group_id).map(|group| &group.kind),
        Some(Kind::Consumer(_))
    );
    if request.member_epoch != 0 && !is_there {
        return Err(ErrorCode::GROUP_ID_NOT_FOUND);
    }
    let found = state.groups.obtain_consumer(&request.group_id);
    let (consumer, settings) = found.ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
    consumer.heartbeat(&caller, request, &topics, settings)
}

fn check(
    request: &ConsumerGroupHeartbeatRequest,
    version: i16,
) -> Result<(), (ErrorCode, &'static str)> {
    let invalid = |message| Err((ErrorCode::INVALID_REQUEST, message));
    let is_empty = |text: &Option<Str>| text.as_deref() == Some("");
    let is_named = version == 0 && request.member_epoch == 0 || !request.member_id.is_empty();
    if request.group_id.is_empty() {
        return invalid("GroupId can't be empty.");
    }
    if !is_named {
        return invalid("MemberId can't be empty.");
    }
    if is_empty(&request.instance_id) {
        return invalid("InstanceId can't be empty.");
    }
    if is_empty(&request.rack_id) {
        return invalid("RackId can't be empty.");
    }
    match request.member_epoch {
        0 => {
            if request.rebalance_timeout_ms == -1 {
                return invalid("RebalanceTimeoutMs must be provided in first request.");
            }
            if !request.topic_partitions.as_ref().is_some_and(Vec::is_empty) {
                return invalid("TopicPartitions must be empty when (re-)joining.");
            }
            let names = request.subscribed_topic_names.as_ref();
            if names.is_none() && request.subscribed_topic_regex.is_none() {
                return invalid(
                    "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when \
                     (re-)joining.",
                );
            }
        }
        -2 if request.instance_id.is_none() => return invalid("InstanceId can't be null."),
        ..-2 => return invalid("MemberEpoch is invalid."),
        _ => {}
    }
    Ok(())
}

/// What Kafka says besides the code.
fn explain(
    request: &ConsumerGroupHeartbeatRequest,
    state: &State,
    code: ErrorCode,
) -> Option<String> {
    let (group, member, said) = (&request.group_id, &request.member_id, request.member_epoch);
    Some(match code {
        ErrorCode::UNSUPPORTED_ASSIGNOR => {
            let name = request.server_assignor.as_deref().unwrap_or_default();
            format!("ServerAssignor {name} is not supported. Supported assignors: uniform, range.")
        }
        ErrorCode::INVALID_REGULAR_EXPRESSION => {
            let pattern = request.subscribed_topic_regex.as_deref().unwrap_or_default();
            format!("SubscribedTopicRegex `{pattern}` is not a valid regular expression.")
        }
        ErrorCode::GROUP_ID_NOT_FOUND => match state.groups.get(group) {
            Some(_) => format!("Group {group} is not a consumer group."),
            None if said < 0 => format!("Group {group} not found."),
            None => format!("Consumer group {group} not found."),
        },
        ErrorCode::UNKNOWN_MEMBER_ID => {
            format!("Member {member} is not a member of group {group}.")
        }
        ErrorCode::FENCED_MEMBER_EPOCH => {
            let Some(Kind::Consumer(consumer)) = state.groups.get(group).map(|g| &g.kind) else {
                return None;
            };
            let known = consumer.members().find(|(id, ..)| *id == member);
            let known = known.map_or(0, |(_, found, _)| found.epoch);
            let than = if said > known { "greater" } else { "smaller" };
            format!(
                "The consumer group member has a {than} member epoch ({said}) than the one known \
                 by the group coordinator ({known}). The member must abandon all its partitions \
                 and rejoin."
            )
        }
        _ => return None,
    })
}
