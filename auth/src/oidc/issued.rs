//! `IssuedToken`: the token of an answer, and how long it is good. *Core.*

use std::time::Duration;

use super::answer::HttpAnswer;
use super::fault::TokenFault;
use super::grant::ClientCredentials;
use crate::json::{Field, fields};
use crate::oauthbearer::{claims_of, is_token};
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
        let names = ["access_token", "id_token", "expires_in", "error", "error_description"];
        let found = fields(&answer.body, names);
        if answer.status != 200 {
            let said = found.and_then(|[.., error, described]| said(&[error, described]));
            let said = said.map(|said| asked_by.hide(&said));
            let said = said.map(|said| said.chars().take(SHOWN_MAX).collect());
            return Err(TokenFault::Status { status: answer.status, said });
        }
        let found = found.ok_or(TokenFault::Malformed("it is not a JSON object"))?;
        let [access, id, expires, ..] = &found;
        let token = [access, id].into_iter().flatten().find_map(Field::text);
        let token = token.ok_or(TokenFault::Malformed("it has no access_token"))?;
        if !is_token(token) {
            let problem = "its access_token is empty, or has characters that tokens do not have";
            return Err(TokenFault::Malformed(problem));
        }
        let told = expires.as_ref().and_then(seconds);
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
fn said(fields: &[Option<Field>]) -> Option<String> {
    let parts: Vec<&str> = fields.iter().flatten().filter_map(Field::text).collect();
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
    let [end] = fields(&claims_of(claims)?, ["exp"])?;
    end.as_ref().and_then(seconds)
}

/// Seconds as a number, or as the text that some endpoints make of it.
fn seconds(value: &Field) -> Option<Duration> {
    let number = match value {
        Field::Text(text) => text.parse().ok(),
        Field::Number(number) => Some(*number),
        Field::Other => None,
    };
    Duration::try_from_secs_f64(number?).ok()
}

/// Characters of what an endpoint says that are shown.
const SHOWN_MAX: usize = 256;
