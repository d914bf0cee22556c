//! ConsumerGroupHeartbeat: a member of a consumer group joins, stays, follows and leaves (KIP-848).

use std::collections::BTreeSet;

use kurier_protocol::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::membership::caller;
use crate::group::{Kind, Refusal, check_assignor};
use crate::state::State;

impl Api for ConsumerGroupHeartbeatRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if !state.settings.has_consumer_groups() {
            return Outcome::Answer(self.refuse(ErrorCode::UNSUPPORTED_VERSION));
        }
        let checked = check(self, context.version)
            .and_then(|()| check_assignor(self.server_assignor.as_deref()))
            .and_then(|()| Ok(state.check_coordinator(context.broker, &self.group_id)?))
            .and_then(|()| heartbeat(self, state, context));
        state.groups.forget_if_unused(&self.group_id);
        Outcome::Answer(checked.unwrap_or_else(|refused| {
            let error_message = refused.message.map(Str::from);
            ConsumerGroupHeartbeatResponse { error_message, ..self.refuse(refused.code) }
        }))
    }

    fn refuse(&self, error_code: ErrorCode) -> ConsumerGroupHeartbeatResponse {
        ConsumerGroupHeartbeatResponse { error_code, ..Default::default() }
    }
}

fn heartbeat(
    request: &ConsumerGroupHeartbeatRequest,
    state: &mut State,
    context: &Context,
) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
    let caller = caller(state, context);
    let topics = &state.group_topics;
    let place = (caller.now, topics);
    if request.member_epoch != 0 {
        check_group(state, request)?;
    }
    let mut group = state.groups.obtain_consumer(&request.group_id, place)?;
    let settings = group.settings;
    let Kind::Consumer(consumer) = &mut group.kind else {
        return Err(ErrorCode::GROUP_ID_NOT_FOUND.into());
    };
    if request.member_epoch >= 0 {
        return consumer.heartbeat(&caller, request, topics, settings);
    }
    let gone: BTreeSet<Str> = consumer.leave(request)?.into_iter().collect();
    group.fence(place, &gone, settings);
    Ok(ConsumerGroupHeartbeatResponse {
        member_id: Some(request.member_id.clone()),
        member_epoch: request.member_epoch,
        ..Default::default()
    })
}

/// Checks that there is such a consumer group; only who joins founds one.
fn check_group(state: &State, request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refusal> {
    let id = &request.group_id;
    let message = match state.groups.get(id).map(|group| &group.kind) {
        Some(Kind::Consumer(_)) => return Ok(()),
        Some(Kind::Classic(_)) => format!("Group {id} is not a consumer group."),
        None if request.member_epoch < 0 => format!("Group {id} not found."),
        None => format!("Consumer group {id} not found."),
    };
    Err(Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, message))
}

fn check(request: &ConsumerGroupHeartbeatRequest, version: i16) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
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
