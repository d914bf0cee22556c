//! CreatePartitions: more partitions for topics that exist (KIP-195).

use kurier_protocol::ErrorCode;
use kurier_protocol::api::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};

use super::api::{Api, Context, Outcome};
use super::once::once;
use super::words::words;
use crate::limits::PARTITIONS_CREATED_MAX;
use crate::state::{NewTopic, State};

impl Api for CreatePartitionsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if !state.settings.is_kraft() && state.controller() != Some(context.broker) {
            return Outcome::Answer(self.refuse(ErrorCode::NOT_CONTROLLER));
        }
        if additional(self, state) > PARTITIONS_CREATED_MAX {
            return Outcome::Answer(refuse(self, ErrorCode::POLICY_VIOLATION, Some(EXCESSIVE)));
        }
        let results = once(&self.topics, |topic| &topic.name).map(|(topic, times)| {
            let placed = match times {
                1 => place(topic, state),
                _ => Err((ErrorCode::INVALID_REQUEST, Some("Duplicate topic name.".to_owned()))),
            };
            match placed {
                Err((code, message)) => result(topic, code, message),
                Ok(replicas) => {
                    if !self.validate_only {
                        state.add_partitions(&topic.name, replicas);
                    }
                    result(topic, ErrorCode::NONE, None)
                }
            }
        });
        let results = results.collect();
        Outcome::Answer(CreatePartitionsResponse { results, ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> CreatePartitionsResponse {
        refuse(self, code, None)
    }
}

fn refuse(
    request: &CreatePartitionsRequest,
    code: ErrorCode,
    why: Option<&str>,
) -> CreatePartitionsResponse {
    let results = request.topics.iter();
    let results = results.map(|topic| result(topic, code, why.map(str::to_owned))).collect();
    CreatePartitionsResponse { results, ..Default::default() }
}

/// How many partitions a request adds to topics that there are.
fn additional(request: &CreatePartitionsRequest, state: &State) -> usize {
    let counts = request.topics.iter().filter_map(|wanted| {
        let present = state.topic(&wanted.name)?.partitions.len();
        Some(usize::try_from(wanted.count).unwrap_or(0).saturating_sub(present))
    });
    counts.fold(0, usize::saturating_add)
}

/// The replicas of each new partition.
fn place(
    wanted: &CreatePartitionsTopic,
    state: &State,
) -> Result<Vec<Vec<i32>>, (ErrorCode, Option<String>)> {
    let Some(topic) = state.topic(&wanted.name) else {
        return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None));
    };
    let present = topic.partitions.len();
    let more = usize::try_from(wanted.count).unwrap_or(0).saturating_sub(present);
    if more == 0 {
        let message = if usize::try_from(wanted.count) == Ok(present) {
            format!("Topic already has {present} partition(s).")
        } else {
            format!(
                "The topic {} currently has {present} partition(s); {} would not be an increase.",
                wanted.name, wanted.count
            )
        };
        return Err((ErrorCode::INVALID_PARTITIONS, Some(message)));
    }
    let assignments: Option<Vec<_>> = wanted
        .assignments
        .as_ref()
        .map(|all| all.iter().map(|assignment| assignment.broker_ids.clone()).collect());
    if let Some(other) = assignments.as_ref().map(Vec::len).filter(|count| *count != more) {
        let message = format!(
            "Attempted to add {more} additional partition(s), but only {other} assignment(s) were \
             specified."
        );
        return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, Some(message)));
    }
    let new = NewTopic {
        name: &wanted.name,
        partitions: i32::try_from(more).unwrap_or(i32::MAX),
        replication: topic.replication(),
        assignments: assignments.as_deref(),
        configs: &[],
    };
    state.place_more(&new, present).map_err(|(code, message)| (code, Some(message)))
}

fn result(
    topic: &CreatePartitionsTopic,
    error_code: ErrorCode,
    message: Option<String>,
) -> CreatePartitionsTopicResult {
    let error_message = message.map(|message| words(&message));
    CreatePartitionsTopicResult { name: topic.name.clone(), error_code, error_message }
}

const EXCESSIVE: &str = "Excessively large number of additional partitions per request.";
