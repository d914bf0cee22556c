//! The client half of OAUTHBEARER.

use super::text::{NAME, SEPARATOR, is_extension_name, is_extension_value, is_token, malformed};
use crate::error::Error;
use crate::json::{Field, fields};
use crate::mechanism::{Mechanism, Step};
use crate::secret::Secret;

/// The client half of OAUTHBEARER.
#[derive(Debug)]
pub struct OauthBearerClient {
    token: Secret,
    extensions: Vec<(String, String)>,
    state: State,
}

impl OauthBearerClient {
    /// A client that shows this token, and these names and values beside it (KIP-342).
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`]: a token that is empty or has characters that tokens do not have; an
    /// extension whose name is not of letters alone or is `auth`, or whose value is empty or not
    /// ASCII.
    pub fn new(token: Secret, extensions: Vec<(String, String)>) -> Result<Self, Error> {
        let unusable = |part, problem| Err(Error::Unusable { mechanism: NAME, part, problem });
        if !is_token(token.reveal()) {
            return unusable("token", "it is empty, or has characters that tokens do not have");
        }
        if !extensions.iter().all(|(name, _)| is_extension_name(name)) {
            return unusable("extension", "its name is auth, or not of letters alone");
        }
        if !extensions.iter().all(|(_, value)| is_extension_value(value)) {
            return unusable("extension", "its value is empty or not printable ASCII");
        }
        Ok(Self { token, extensions, state: State::Start })
    }

    fn first(&self) -> String {
        let mut text = format!("n,,{SEPARATOR}auth=Bearer {}{SEPARATOR}", self.token.reveal());
        for (name, value) in &self.extensions {
            text.extend([name.as_str(), "=", value]);
            text.push(SEPARATOR);
        }
        text.push(SEPARATOR);
        text
    }
}

impl Mechanism for OauthBearerClient {
    fn name(&self) -> &'static str {
        NAME
    }

    fn step(&mut self, received: &[u8]) -> Result<Step, Error> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start if received.is_empty() => {
                self.state = State::Shown;
                Ok(Step::Continue(self.first().into_bytes()))
            }
            State::Start => Err(malformed("the server spoke first")),
            State::Shown if received.is_empty() => Ok(Step::Done(Vec::new())),
            State::Shown => {
                self.state = State::Refused { said: said(received) };
                Ok(Step::Continue(vec![1]))
            }
            State::Refused { said } => Err(Error::server(NAME, &said)),
            State::Over => Err(Error::Over { mechanism: NAME }),
        }
    }
}

#[derive(Debug)]
enum State {
    Start,
    Shown,
    Refused { said: String },
    Over,
}

/// The status in a server's refusal, and the scope that it wants.
fn said(refusal: &[u8]) -> String {
    let Some([status, scope]) = fields(refusal, ["status", "scope"]) else {
        return "without a status that can be read".to_owned();
    };
    let text = |field: &'_ Option<Field>| {
        let text = field.as_ref().and_then(Field::text).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    let status = text(&status).unwrap_or_else(|| "without a status".to_owned());
    match text(&scope) {
        Some(scope) => format!("{status}, it wants scope {scope}"),
        None => status,
    }
}
