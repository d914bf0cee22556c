//! `IssuedToken`: the token of an answer, and how long it is good. *Core.*

use std::time::Duration;

use serde_json::{Map, Value};

use super::answer::HttpAnswer;
use super::fault::TokenFault;
use super::grant::ClientCredentials;
use crate::oauthbearer::{is_token, json_object};
use crate::secret::Secret;

/// A token that an endpoint has given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token.
    pub token: Secret,
    /// How long it is good from now on; none if neither it nor the answer says so.
    pub lifetime: Option<Duration>,
}

impl IssuedToken {
    /// Reads the answer to a request of these credentials, at that time since 1970.
    ///
    /// # Errors
    ///
    /// [`TokenFault`]: the endpoint refused, or its answer holds no token that is good now.
    pub fn read(
        answer: &HttpAnswer,
        asked_by: &ClientCredentials,
        now: Duration,
    ) -> Result<Self, TokenFault> {
        let found = match serde_json::from_slice(&answer.body) {
            Ok(Value::Object(fields)) => Some(fields),
            _ => None,
        };
        if answer.status != 200 {
            let said = found.and_then(|fields| said(&fields)).map(|said| asked_by.hide(&said));
            let said = said.map(|said| said.chars().take(SHOWN_MAX).collect());
            return Err(TokenFault::Status { status: answer.status, said });
        }
        let fields = found.ok_or(TokenFault::Malformed("it is not a JSON object"))?;
        let token =
            ["access_token", "id_token"].iter().find_map(|name| fields.get(*name)?.as_str());
        let token = token.ok_or(TokenFault::Malformed("it has no access_token"))?;
        if !is_token(token) {
            let problem = "its access_token is empty, or has characters that tokens do not have";
            return Err(TokenFault::Malformed(problem));
        }
        let told = fields.get("expires_in").and_then(seconds);
        let claimed = claimed_end(token).map(|end| end.saturating_sub(now));
        let lifetime = told.into_iter().chain(claimed).min();
        if lifetime == Some(Duration::ZERO) {
            let problem = "its token has ended already; compare the clocks";
            return Err(TokenFault::Malformed(problem));
        }
        Ok(Self { token: Secret::new(token), lifetime })
    }
}

/// What the endpoint says of its error, fit to be shown.
fn said(fields: &Map<String, Value>) -> Option<String> {
    let names = ["error", "error_description"];
    let parts: Vec<&str> = names.iter().filter_map(|name| fields.get(*name)?.as_str()).collect();
    let text: String = parts.join(": ").chars().filter(|c| !c.is_control()).collect();
    (!text.is_empty()).then_some(text)
}

/// When a token ends, since 1970, if it is one that says so (RFC 7519).
fn claimed_end(token: &str) -> Option<Duration> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    json_object(claims)?.get("exp").and_then(seconds)
}

/// Seconds as a number, or as the text that some endpoints make of it.
fn seconds(value: &Value) -> Option<Duration> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    Duration::try_from_secs_f64(number?).ok()
}

/// Characters of what an endpoint says that are shown.
const SHOWN_MAX: usize = 256;
