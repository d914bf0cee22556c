//! DeleteTopics, by name or by id.

use kurier_protocol::api::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use crate::state::State;

impl Api for DeleteTopicsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if !state.settings.is_kraft() && state.controller() != Some(context.broker) {
            return Outcome::Answer(self.refuse(ErrorCode::NOT_CONTROLLER));
        }
        let results = wanted(self).map(|topic| match delete(&topic, state) {
            Ok(name) => {
                let topic = DeleteTopicState { name: Some(name), ..topic };
                result(topic, ErrorCode::NONE)
            }
            Err(code) => result(topic, code),
        });
        Outcome::Answer(DeleteTopicsResponse { responses: results.collect(), ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> DeleteTopicsResponse {
        let responses = wanted(self).map(|topic| result(topic, code)).collect();
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

fn delete(topic: &DeleteTopicState, state: &mut State) -> Result<Str, ErrorCode> {
    let name = match (&topic.name, topic.topic_id.is_zero()) {
        (Some(name), true) => name.clone(),
        (None, false) => {
            state.topic_name(topic.topic_id).cloned().ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?
        }
        _ => return Err(ErrorCode::INVALID_REQUEST),
    };
    if state.remove_topic(&name) { Ok(name) } else { Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) }
}

fn result(topic: DeleteTopicState, error_code: ErrorCode) -> DeletableTopicResult {
    DeletableTopicResult {
        name: topic.name,
        topic_id: topic.topic_id,
        error_code,
        error_message: (!error_code.is_ok())
            .then(|| error_code.name().map(Str::from_static))
            .flatten(),
    }
}
