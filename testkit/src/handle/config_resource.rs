//! Core: what settings belong to, and whether it is there.

use kurier_protocol::{ErrorCode, Str};

use crate::state::{State, Topic, check_topic_name};
use crate::topic_config::TopicConfig;

/// A refusal: code and sentence.
pub(super) type Refused = (ErrorCode, String);

/// Finds a topic.
///
/// # Errors
///
/// There is none, or none can have such a name.
pub(super) fn check_topic<'a>(state: &'a State, name: &str) -> Result<&'a Topic, Refused> {
    check_topic_name(name).map_err(|reason| (ErrorCode::INVALID_TOPIC_EXCEPTION, reason))?;
    let missing = || {
        let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        (code, format!("The topic '{name}' does not exist."))
    };
    state.topic(name).ok_or_else(missing)
}

/// Checks that a broker's name is that of the one that was asked. A refusal says what else it might
/// have been.
///
/// # Errors
///
/// It is not.
pub(super) fn check_broker(broker: i32, name: &str, or_else: &str) -> Result<(), Refused> {
    let message = match name.parse::<i32>() {
        Ok(id) if id == broker => return Ok(()),
        Ok(id) => format!("Unexpected broker id, expected {broker}{or_else}, but received {id}"),
        Err(_) => format!("Broker id must be an integer, but it is: {name}"),
    };
    Err((ErrorCode::INVALID_REQUEST, message))
}

/// Changes the settings of a topic, or looks whether that would be possible.
///
/// # Errors
///
/// Why not, as the answer says it.
pub(super) fn alter(
    state: &mut State,
    broker: i32,
    (kind, name): (i8, &Str),
    intent: Intent,
    change: impl FnOnce(&TopicConfig) -> Result<TopicConfig, Refused>,
) -> Result<(), Refused> {
    match kind {
        TOPIC => {}
        BROKER => {
            if !name.is_empty() {
                check_broker(broker, name, "")?;
            }
            let message = "Cannot update these configs dynamically";
            return Err((ErrorCode::INVALID_REQUEST, message.to_owned()));
        }
        other => {
            let message = format!("Unsupported resource type: {other}");
            return Err((ErrorCode::INVALID_REQUEST, message));
        }
    }
    let config = change(&check_topic(state, name)?.config)?;
    if let (Intent::Do, Some(topic)) = (intent, state.topic_mut(name)) {
        topic.config = config;
        topic.apply_config();
    }
    Ok(())
}

/// The value of a setting that must have one.
///
/// # Errors
///
/// It has none.
pub(super) fn given<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, Refused> {
    value.ok_or_else(|| {
        (ErrorCode::INVALID_REQUEST, format!("Null value not supported for : {name}"))
    })
}

/// Whether something is to be done or only checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Do,
    Check,
}

pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;
