//! Core: the authentication of one connection, as Kafka's brokers go about it.
//!
//! ```text
//! start --ApiVersions--> versions --handshake--> tokens --the last one--> open
//!      \------------------------handshake---------^          handshake: again (KIP-368)
//! ```
//!
//! Whatever else comes closes the connection. After a handshake of version 0 the tokens are bare
//! frames, after version 1 they come in SaslAuthenticate requests.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kurier_auth::Step as Token;
use kurier_env::Chance;
use kurier_protocol::api::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use kurier_protocol::api::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use kurier_protocol::header::RequestHeader;
use kurier_protocol::release::Release;
use kurier_protocol::wire::{Segments, Version, Writer};
use kurier_protocol::{ApiKey, ErrorCode, Request, decode, frame};

use crate::clock::Now;
use crate::handle::Step;
use crate::limits::{REAUTHENTICATION_PAUSE, REQUEST_BYTES_MAX, SASL_REQUEST_BYTES_MAX};
use crate::sasl::{Fresh, Sasl, SaslMechanism, Server};
use crate::state::Spoken;

/// What a connection has to do before its requests are handled, and how far it is.
#[derive(Debug)]
pub(crate) struct Login {
    sasl: Option<Arc<Sasl>>,
    spoken: Spoken,
    state: State,
    session: Option<Session>,
    /// When the latest re-authentication began.
    repeated: Option<Instant>,
}

#[derive(Debug)]
enum State {
    Start,
    /// ApiVersions has been answered: a handshake must follow.
    Versions,
    Tokens(Box<Exchange>),
    Open,
    /// The handshake asked for what cannot be, and was answered all the same.
    Doomed(String),
}

#[derive(Debug)]
struct Exchange {
    server: Server,
    mechanism: SaslMechanism,
    is_bare: bool,
}

/// A login that succeeded.
#[derive(Debug)]
struct Session {
    user: Arc<str>,
    mechanism: SaslMechanism,
    ends: Option<Instant>,
}

impl Login {
    /// For a connection to a broker that speaks this; without `sasl` it is open at once.
    pub(crate) fn new(sasl: Option<Arc<Sasl>>, spoken: Spoken) -> Self {
        let state = if sasl.is_some() { State::Start } else { State::Open };
        Self { sasl, spoken, state, session: None, repeated: None }
    }

    /// Who has logged in; `None` where nobody has to, or not yet.
    pub(crate) fn user(&self) -> Option<&Arc<str>> {
        self.session.as_ref().map(|session| &session.user)
    }

    /// Bytes of the next frame, at most.
    pub(crate) fn frame_bytes_max(&self) -> usize {
        if self.session.is_some() || self.sasl.is_none() {
            REQUEST_BYTES_MAX
        } else {
            SASL_REQUEST_BYTES_MAX
        }
    }

    /// Whether the next frame is a bare token.
    pub(crate) fn expects_token(&self) -> bool {
        matches!(&self.state, State::Tokens(exchange) if exchange.is_bare)
    }

    /// Takes a bare token.
    pub(crate) fn handle_token(&mut self, token: &[u8], now: Now) -> Step {
        match self.step(token, now) {
            // Java's GSSAPI says nothing to the last token, and its other mechanisms an empty one.
            Ok(Stepped { is_unanswered: true, .. }) => Step::Silence,
            Ok(Stepped { bytes, .. }) => Step::Answer(bare(&bytes)),
            // Before SaslAuthenticate there were no words for a refusal.
            Err(refusal) => Step::Close(refusal.reason),
        }
    }

    /// Takes a request that the release has. Says what is done with it; `None`: it is handled like
    /// any other.
    pub(crate) fn handle_request(
        &mut self,
        header: &RequestHeader,
        body: &Bytes,
        now: Now,
        chance: &dyn Chance,
    ) -> Option<Step> {
        let sasl = self.sasl.clone()?;
        let (key, version) = (ApiKey(header.request_api_key), header.request_api_version);
        let step = match (&self.state, key) {
            (State::Open, ApiKey::SASL_HANDSHAKE) if self.may_repeat(now) => {
                self.repeated = Some(now.instant);
                self.handshake(header, body, &sasl, Fresh::new(chance, now.millis))
            }
            (State::Open, _) => {
                let ends = self.session.as_ref().and_then(|session| session.ends);
                ends.filter(|end| *end <= now.instant)?;
                Step::Close("the session expired".to_owned())
            }
            (State::Start, ApiKey::API_VERSIONS) => {
                // One of a version that the broker lacks may be followed by another one.
                if self.spoken.accepts(key, version) {
                    self.state = State::Versions;
                }
                return None;
            }
            (State::Start | State::Versions, ApiKey::SASL_HANDSHAKE) => {
                self.handshake(header, body, &sasl, Fresh::new(chance, now.millis))
            }
            (State::Tokens(_), ApiKey::SASL_AUTHENTICATE) => self.authenticate(header, body, now),
            (State::Doomed(reason), _) => Step::Close(reason.clone()),
            (State::Tokens(_), _) => {
                Step::Close(format!("unexpected {key} during SASL authentication"))
            }
            _ => Step::Close(format!("unexpected {key} during SASL handshake")),
        };
        Some(step)
    }

    /// Whether a handshake begins another authentication: there is an end of the session to be
    /// moved, and the last time is not just over.
    fn may_repeat(&self, now: Now) -> bool {
        let ends = self.session.as_ref().is_some_and(|session| session.ends.is_some());
        let is_late = self.repeated.is_none_or(|last| {
            now.instant.saturating_duration_since(last) >= REAUTHENTICATION_PAUSE
        });
        ends && is_late
    }

    fn handshake(
        &mut self,
        header: &RequestHeader,
        body: &Bytes,
        sasl: &Arc<Sasl>,
        fresh: io::Result<Fresh>,
    ) -> Step {
        let version = header.request_api_version;
        let request = match decode::<SaslHandshakeRequest>(body, version) {
            Ok(request) => request,
            Err(error) => return Step::Close(error.to_string()),
        };
        let mechanisms = sasl.mechanisms.iter().map(|mechanism| mechanism.name().into()).collect();
        let mut response = SaslHandshakeResponse { mechanisms, ..Default::default() };
        let Some(mechanism) = sasl.enabled(&request.mechanism) else {
            response.error_code = ErrorCode::UNSUPPORTED_SASL_MECHANISM;
            let reason = format!("the client asked for the mechanism {:?}", request.mechanism);
            return last::<SaslHandshakeRequest>(header, &response, reason);
        };
        let before = self.session.as_ref().map(|session| session.mechanism);
        self.state = match before.filter(|before| *before != mechanism) {
            Some(before) => State::Doomed(format!("re-authentication by {mechanism} for {before}")),
            None => {
                let fresh = match fresh {
                    Ok(fresh) => fresh,
                    Err(error) => return Step::Close(error.to_string()),
                };
                let server = sasl.server(mechanism, &fresh);
                let is_bare = version == 0;
                State::Tokens(Box::new(Exchange { server, mechanism, is_bare }))
            }
        };
        answer::<SaslHandshakeRequest>(header, &response)
    }

    fn authenticate(&mut self, header: &RequestHeader, body: &Bytes, now: Now) -> Step {
        let request = match decode::<SaslAuthenticateRequest>(body, header.request_api_version) {
            Ok(request) => request,
            Err(error) => return Step::Close(error.to_string()),
        };
        match self.step(&request.auth_bytes, now) {
            Ok(Stepped { bytes, lifetime, .. }) => {
                let millis = lifetime.map_or(0, |lifetime| lifetime.as_millis());
                let response = SaslAuthenticateResponse {
                    auth_bytes: bytes.into(),
                    session_lifetime_ms: i64::try_from(millis).unwrap_or(i64::MAX),
                    ..Default::default()
                };
                answer::<SaslAuthenticateRequest>(header, &response)
            }
            Err(refusal) => {
                let response = SaslAuthenticateResponse {
                    error_code: ErrorCode::SASL_AUTHENTICATION_FAILED,
                    error_message: Some(refusal.told.into()),
                    ..Default::default()
                };
                last::<SaslAuthenticateRequest>(header, &response, refusal.reason)
            }
        }
    }

    /// Takes one token, bare or not.
    fn step(&mut self, token: &[u8], now: Now) -> Result<Stepped, Refusal> {
        let State::Tokens(exchange) = &mut self.state else {
            return Err(Refusal::plain("no authentication is under way".to_owned()));
        };
        let mechanism = exchange.mechanism;
        match exchange.server.step(token) {
            Ok(Token::Continue(bytes)) => {
                Ok(Stepped { bytes, lifetime: None, is_unanswered: false })
            }
            Ok(Token::Done(bytes)) => {
                let user: Arc<str> = exchange.server.user().unwrap_or_default().into();
                let ends = exchange.server.ends();
                if let Some(before) = self.user().filter(|before| **before != user) {
                    return Err(Refusal::plain(format!(
                        "Cannot change principals during re-authentication from User.{before}: \
                         User.{user}"
                    )));
                }
                let lifetime = self.lifetime(ends, now);
                let ends = lifetime.and_then(|lifetime| now.instant.checked_add(lifetime));
                self.session = Some(Session { user, mechanism, ends });
                self.state = State::Open;
                let is_unanswered = mechanism == SaslMechanism::Gssapi;
                Ok(Stepped { bytes, lifetime, is_unanswered })
            }
            Err(error) => {
                let what = match self.session {
                    Some(_) => "re-authentication",
                    None => "authentication",
                };
                let told = told(mechanism, &error, token, what);
                Err(Refusal { told, reason: error.to_string() })
            }
        }
    }

    /// How long a session lasts that begins now, with a credential that ends then (since 1970):
    /// since 2.2 it may have an end (KIP-368).
    fn lifetime(&self, credential: Option<Duration>, now: Now) -> Option<Duration> {
        let since_1970 = Duration::from_millis(u64::try_from(now.millis).unwrap_or(0));
        let rest = credential.map(|end| end.saturating_sub(since_1970));
        let longest = self.sasl.as_ref().and_then(|sasl| sasl.session_max);
        let lifetime = rest.into_iter().chain(longest).min();
        lifetime.filter(|_| self.spoken.release >= Release::V2_2)
    }
}

/// A step that went well.
struct Stepped {
    bytes: Vec<u8>,
    /// How long the session lasts that has begun, if it ends.
    lifetime: Option<Duration>,
    /// Whether a bare token is not answered.
    is_unanswered: bool,
}

/// A step after which the connection ends.
struct Refusal {
    /// What the client is told.
    told: String,
    /// What is logged here.
    reason: String,
}

impl Refusal {
    fn plain(text: String) -> Self {
        Self { told: text.clone(), reason: text }
    }
}

/// What Kafka tells a client that it does not let in: no more than it must. `what` has failed.
fn told(mechanism: SaslMechanism, error: &kurier_auth::Error, token: &[u8], what: &str) -> String {
    match (mechanism, error) {
        (SaslMechanism::Plain, kurier_auth::Error::Malformed { .. }) => {
            let parts: Vec<_> = token.split(|byte| *byte == 0).take(4).collect();
            match parts[..] {
                [_, [], _] => "Authentication failed: username not specified".to_owned(),
                [_, _, []] => "Authentication failed: password not specified".to_owned(),
                _ => {
                    let count = parts.len();
                    format!("Invalid SASL/PLAIN response: expected 3 tokens, got {count}")
                }
            }
        }
        (SaslMechanism::Plain, kurier_auth::Error::Refused { .. }) => {
            "Authentication failed: Invalid username or password".to_owned()
        }
        (SaslMechanism::OauthBearer, kurier_auth::Error::Refused { .. }) => {
            r#"{"status":"invalid_token"}"#.to_owned()
        }
        _ => format!(
            "Authentication failed during {what} due to invalid credentials with SASL mechanism \
             {mechanism}"
        ),
    }
}

fn answer<R: Request>(header: &RequestHeader, response: &R::Response) -> Step {
    match encoded::<R>(header, response) {
        Ok(segments) => Step::Answer(segments),
        Err(reason) => Step::Close(reason),
    }
}

fn last<R: Request>(header: &RequestHeader, response: &R::Response, reason: String) -> Step {
    match encoded::<R>(header, response) {
        Ok(segments) => Step::Last(segments, reason),
        Err(reason) => Step::Close(reason),
    }
}

fn encoded<R: Request>(header: &RequestHeader, response: &R::Response) -> Result<Segments, String> {
    let framed =
        frame::response(R::KEY, response, header.request_api_version, header.correlation_id);
    framed.map_err(|error| error.to_string())
}

/// A token behind its length.
fn bare(token: &[u8]) -> Segments {
    let length = u32::try_from(token.len()).unwrap_or(u32::MAX);
    let mut writer = Writer::new(Version::of(0, i16::MAX));
    writer.put(&length.to_be_bytes());
    writer.put(token);
    writer.finish()
}
