//! FindCoordinator: which broker looks after a group or a transactional id.

use kurier_protocol::api::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use crate::state::State;

impl Api for FindCoordinatorRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let find = |key: &Str| {
            match self.key_type {
                GROUP | TRANSACTION => find(state, context, key),
                // Kafka has no words for what is no key of a share partition.
                SHARE => Coordinator { error_message: None, ..failed(key, INVALID) },
                _ => failed(key, INVALID),
            }
        };
        Outcome::Answer(answer(self, context.version, find))
    }

    fn refuse(&self, code: ErrorCode) -> FindCoordinatorResponse {
        let version = if self.coordinator_keys.is_empty() { 0 } else { 4 };
        answer(self, version, |key| failed(key, code))
    }
}

fn find(state: &State, context: &Context, key: &Str) -> Coordinator {
    let broker = state.coordinator(key);
    let address = broker.and_then(|id| Some((id, state.address(id, context.listener)?)));
    match address {
        None => failed(key, ErrorCode::COORDINATOR_NOT_AVAILABLE),
        Some((node_id, address)) => Coordinator {
            key: key.clone(),
            node_id,
            host: Str::from(&address.host),
            port: address.port.into(),
            error_message: None,
            ..Default::default()
        },
    }
}

fn answer(
    request: &FindCoordinatorRequest,
    version: i16,
    find: impl Fn(&Str) -> Coordinator,
) -> FindCoordinatorResponse {
    if version >= 4 {
        let coordinators = request.coordinator_keys.iter().map(find).map(|mut found| {
            // From version 4 on there is a word for nothing.
            found.error_message.get_or_insert_default();
            found
        });
        let coordinators = coordinators.collect();
        return FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let found = find(&request.key);
    FindCoordinatorResponse {
        error_code: found.error_code,
        // Up to version 3 success has a word for itself.
        error_message: found.error_message.or(Some(Str::from_static("NONE"))),
        node_id: found.node_id,
        host: found.host,
        port: found.port,
        ..Default::default()
    }
}

fn failed(key: &Str, error_code: ErrorCode) -> Coordinator {
    let words = match error_code {
        ErrorCode::COORDINATOR_NOT_AVAILABLE => Some("The coordinator is not available."),
        INVALID => Some(MALFORMED),
        other => other.name(),
    };
    let error_message = words.map(Str::from_static);
    Coordinator {
        key: key.clone(),
        node_id: -1,
        port: -1,
        error_code,
        error_message,
        ..Default::default()
    }
}

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;
const INVALID: ErrorCode = ErrorCode::INVALID_REQUEST;
const MALFORMED: &str = "This most likely occurs because of a request being malformed by the \
                         client library or the message was sent to an incompatible broker. See \
                         the broker logs for more details.";
