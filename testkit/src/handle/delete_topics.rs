//! DeleteTopics, by name or by id.

use kurier_protocol::api::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::once::once;
use crate::state::State;

impl Api for DeleteTopicsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if !state.settings.is_kraft() && state.controller() != Some(context.broker) {
            return Outcome::Answer(self.refuse(ErrorCode::NOT_CONTROLLER));
        }
        let topics: Vec<_> = wanted(self).collect();
        let results = once(&topics, |topic| (&topic.name, topic.topic_id)).map(|(topic, times)| {
            let topic = topic.clone();
            match delete(&topic, state, times) {
                Ok(id) => result(id, ErrorCode::NONE, None),
                Err((code, message)) => result(topic, code, message),
            }
        });
        Outcome::Answer(DeleteTopicsResponse { responses: results.collect(), ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> DeleteTopicsResponse {
        let name = code.name();
        let responses = wanted(self).map(|topic| result(topic, code, name)).collect();
        DeleteTopicsResponse { responses, ..Default::default() }
    }
}

/// The topics that are meant, in whichever field the version has them.
fn wanted(request: &DeleteTopicsRequest) -> impl Iterator<Item = DeleteTopicState> {
    let by_name = request
        .topic_names
        .iter()
        .map(|name| DeleteTopicState { name: Some(name.clone()), ..Default::default() });
    by_name.chain(request.topics.iter().cloned())
}

/// Deletes a topic that a request names so many times, and says what is no more.
fn delete(
    topic: &DeleteTopicState,
    state: &mut State,
    times: usize,
) -> Result<DeleteTopicState, Refused> {
    let name = match (&topic.name, topic.topic_id.is_zero()) {
        (Some(_), true) if times > 1 => return Err(invalid("Duplicate topic name.")),
        (None, false) if times > 1 => return Err(invalid("Duplicate topic id.")),
        (Some(name), true) => name.clone(),
        (None, false) => state.topic_name(topic.topic_id).cloned().ok_or_else(|| {
            let message = "This server does not host this topic ID.";
            (ErrorCode::UNKNOWN_TOPIC_ID, Some(message))
        })?,
        (Some(_), false) => {
            return Err(invalid("You may not specify both topic name and topic id."));
        }
        (None, true) => return Err(invalid("Neither topic name nor id were specified.")),
    };
    if state.remove_topic(&name) {
        return Ok(DeleteTopicState { name: Some(name), ..topic.clone() });
    }
    let message = "This server does not host this topic-partition.";
    Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(message)))
}

/// A code, and perhaps a sentence.
type Refused = (ErrorCode, Option<&'static str>);

fn invalid(message: &'static str) -> Refused {
    (ErrorCode::INVALID_REQUEST, Some(message))
}

fn result(
    topic: DeleteTopicState,
    error_code: ErrorCode,
    message: Option<&'static str>,
) -> DeletableTopicResult {
    DeletableTopicResult {
        name: topic.name,
        topic_id: topic.topic_id,
        error_code,
        error_message: message.map(Str::from_static),
    }
}
