//! Core: what settings belong to, and whether it is there.

use kurier_protocol::{ErrorCode, Str};

use crate::state::{GroupConfig, State, Topic, check_topic_name};
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

/// What is to become of settings.
pub(super) trait Change {
    /// The settings after it.
    ///
    /// # Errors
    ///
    /// Why they cannot be so.
    fn apply<C: Configured>(&self, config: &C) -> Result<C, Refused>;
}

/// Changes the settings of a topic or group, or looks whether that would be possible.
///
/// # Errors
///
/// Why not, as the answer says it.
pub(super) fn alter(
    state: &mut State,
    broker: i32,
    (kind, name): (i8, &Str),
    intent: Intent,
    change: &impl Change,
) -> Result<(), Refused> {
    match kind {
        TOPIC => {
            let config = change.apply(&check_topic(state, name)?.config)?;
            if let (Intent::Do, Some(topic)) = (intent, state.topic_mut(name)) {
                topic.config = config;
                topic.apply_config();
            }
            Ok(())
        }
        GROUP if state.settings.has_consumer_groups() => {
            if name.is_empty() {
                let message = "Default group resources are not allowed.".to_owned();
                return Err((ErrorCode::INVALID_REQUEST, message));
            }
            let config = change.apply(&state.group_config(name))?;
            let checked = config.check(&state.settings);
            checked.map_err(|reason| (ErrorCode::INVALID_CONFIG, reason))?;
            if intent == Intent::Do {
                state.set_group_config(name, config);
            }
            Ok(())
        }
        BROKER => {
            if !name.is_empty() {
                check_broker(broker, name, "")?;
            }
            let message = "Cannot update these configs dynamically";
            Err((ErrorCode::INVALID_REQUEST, message.to_owned()))
        }
        other => {
            let message = format!("Unsupported resource type: {other}");
            Err((ErrorCode::INVALID_REQUEST, message))
        }
    }
}

/// Settings that single changes are made to.
pub(super) trait Configured: Clone {
    /// The same kind of settings, all at their defaults.
    fn cleared(&self) -> Self;

    /// Changes one setting, or gives it its default again.
    ///
    /// # Errors
    ///
    /// There is none of this name, or it does not take the value.
    fn change(&mut self, name: &str, value: Option<&str>) -> Result<(), String>;

    /// What a setting is now, to be added to.
    fn present(&self, name: &str) -> Option<String>;
}

impl Configured for TopicConfig {
    fn cleared(&self) -> Self {
        Self::new(self.release())
    }

    fn change(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        match value {
            Some(value) => self.set(name, value),
            None => self.unset(name),
        }
    }

    fn present(&self, name: &str) -> Option<String> {
        let (_, value, default) = self.all().find(|(setting, ..)| setting.name == name)?;
        Some(value.unwrap_or(default).to_owned())
    }
}

impl Configured for GroupConfig {
    fn cleared(&self) -> Self {
        Self::default()
    }

    fn change(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        self.set(name, value)
    }

    fn present(&self, _: &str) -> Option<String> {
        // None of them is a list.
        None
    }
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
pub(super) const GROUP: i8 = 32;
