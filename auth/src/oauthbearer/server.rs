//! The server half of OAUTHBEARER.

use std::fmt;

use serde_json::json;

use super::text::{NAME, SEPARATOR, is_extension_name, is_extension_value, is_token, malformed};
use crate::error::Error;
use crate::mechanism::{Mechanism, Step};

/// What a client has shown.
#[derive(Clone)]
pub struct BearerLogin<'a> {
    /// The token.
    pub token: &'a str,
    /// Names and values beside it (KIP-342).
    pub extensions: Vec<(&'a str, &'a str)>,
}

impl fmt::Debug for BearerLogin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerLogin").field("extensions", &self.extensions).finish_non_exhaustive()
    }
}

/// What the client is told of a token that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerRefusal {
    /// Why: `invalid_token` or `insufficient_scope`.
    pub status: String,
    /// The scope that a token would need.
    pub scope: Option<String>,
}

impl BearerRefusal {
    /// A token that is forged, damaged or too old.
    #[must_use]
    pub fn invalid_token() -> Self {
        Self { status: "invalid_token".to_owned(), scope: None }
    }
}

/// The server half of OAUTHBEARER.
pub struct OauthBearerServer<F> {
    accepts: F,
    user: Option<Box<str>>,
    state: State,
}

impl<F> OauthBearerServer<F>
where
    F: FnMut(&BearerLogin<'_>) -> Result<Box<str>, BearerRefusal>,
{
    /// A server that lets in who shows a token that `accepts` knows the user of.
    #[must_use]
    pub fn new(accepts: F) -> Self {
        Self { accepts, user: None, state: State::Start }
    }

    /// Who has logged in: none before the end of the exchange.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }
}

impl<F> Mechanism for OauthBearerServer<F>
where
    F: FnMut(&BearerLogin<'_>) -> Result<Box<str>, BearerRefusal> + Send,
{
    fn name(&self) -> &'static str {
        NAME
    }

    fn step(&mut self, received: &[u8]) -> Result<Step, Error> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start => {
                let (acting_as, login) = read(received)?;
                let user = match (self.accepts)(&login) {
                    // Kafka has no users who act as others.
                    Ok(user) if acting_as.is_empty() || acting_as == &*user => user,
                    Ok(_) => return Err(Error::Refused { mechanism: NAME }),
                    Err(refusal) => {
                        self.state = State::Refusing;
                        return Ok(Step::Continue(text(&refusal).into_bytes()));
                    }
                };
                self.user = Some(user);
                Ok(Step::Done(Vec::new()))
            }
            State::Refusing if received == [1] => Err(Error::Refused { mechanism: NAME }),
            State::Refusing => Err(malformed("a refusal is answered with one byte 1")),
            State::Over => Err(Error::Over { mechanism: NAME }),
        }
    }
}

impl<F> fmt::Debug for OauthBearerServer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthBearerServer").field("user", &self.user).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    Start,
    Refusing,
    Over,
}

/// Whom to act as, and the login.
fn read(message: &[u8]) -> Result<(&str, BearerLogin<'_>), Error> {
    let text = str::from_utf8(message).map_err(|_| malformed("the message is not UTF-8"))?;
    let body = text.strip_suffix(SEPARATOR).and_then(|text| text.strip_suffix(SEPARATOR));
    let mut parts = body.ok_or_else(|| malformed("the message has no end"))?.split(SEPARATOR);
    let header = parts.next().and_then(|part| part.strip_prefix("n,")?.strip_suffix(','));
    let acting_as = match header {
        Some("") => "",
        Some(rest) => rest.strip_prefix("a=").ok_or_else(|| malformed("no GS2 header"))?,
        None => return Err(malformed("no GS2 header")),
    };
    let (mut token, mut extensions) = (None, Vec::new());
    for part in parts {
        match part.split_once('=') {
            Some(("auth", value)) => token = token.or(Some(value)),
            Some((name, value)) if is_extension_name(name) && is_extension_value(value) => {
                extensions.push((name, value));
            }
            _ => return Err(malformed("an extension is no name=value")),
        }
    }
    let (scheme, token) = token
        .and_then(|value| value.split_once(' '))
        .ok_or_else(|| malformed("the message has no token"))?;
    let token = token.trim_start_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || !is_token(token) {
        return Err(malformed("the message has no bearer token"));
    }
    Ok((acting_as, BearerLogin { token, extensions }))
}

fn text(refusal: &BearerRefusal) -> String {
    match &refusal.scope {
        Some(scope) => json!({ "status": refusal.status, "scope": scope }).to_string(),
        None => json!({ "status": refusal.status }).to_string(),
    }
}
