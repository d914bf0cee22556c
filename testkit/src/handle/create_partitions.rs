//! CreatePartitions: more partitions for topics that exist (KIP-195).

use kurier_protocol::ErrorCode;
use kurier_protocol::api::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};

use super::api::{Api, Context, Outcome};
use crate::state::{NewTopic, State};

impl Api for CreatePartitionsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if !state.settings.is_kraft() && state.controller() != Some(context.broker) {
            return Outcome::Answer(self.refuse(ErrorCode::NOT_CONTROLLER));
        }
        let results = self.topics.iter().map(|topic| {
            let twice = self.topics.iter().filter(|other| other.name == topic.name).count() > 1;
            let placed = if twice {
                Err((ErrorCode::INVALID_REQUEST, "Duplicate topic name.".to_owned()))
            } else {
                place(topic, state)
            };
            match placed {
                Err((code, message)) => result(topic, code, Some(message)),
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
        let results = self.topics.iter().map(|topic| result(topic, code, None)).collect();
        CreatePartitionsResponse { results, ..Default::default() }
    }
}

/// The replicas of each new partition.
fn place(
    wanted: &CreatePartitionsTopic,
    state: &State,
) -> Result<Vec<Vec<i32>>, (ErrorCode, String)> {
    let Some(topic) = state.topic(&wanted.name) else {
        let message = "This server does not host this topic-partition.";
        return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message.to_owned()));
    };
    let present = topic.partitions.len();
    let more = usize::try_from(wanted.count).unwrap_or(0).saturating_sub(present);
    if more == 0 {
        let message = format!(
            "The topic {} currently has {present} partition(s); {} would not be an increase.",
            wanted.name, wanted.count
        );
        return Err((ErrorCode::INVALID_PARTITIONS, message));
    }
    let assignments: Option<Vec<_>> = wanted
        .assignments
        .as_ref()
        .map(|all| all.iter().map(|assignment| assignment.broker_ids.clone()).collect());
    if assignments.as_ref().is_some_and(|all| all.len() != more) {
        let message = format!(
            "Attempted to add {more} partition(s) with another number of \
                               assignments."
        );
        return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
    }
    let new = NewTopic {
        name: &wanted.name,
        partitions: i32::try_from(more).unwrap_or(i32::MAX),
        replication: topic.replication(),
        assignments: assignments.as_deref(),
        configs: &[],
    };
    state.place_more(&new, present)
}

fn result(
    topic: &CreatePartitionsTopic,
    error_code: ErrorCode,
    message: Option<String>,
) -> CreatePartitionsTopicResult {
    let error_message = message.map(Into::into);
    CreatePartitionsTopicResult { name: topic.name.clone(), error_code, error_message }
}
