//! The login of one connection: tokens in, tokens out, and how long it lasts. *core*
//!
//! ```text
//! handshake(mechanism) --enabled--> token --answer--> token .. --satisfied--> logged in
//!     | not enabled, or              | refused, endless, too large
//!     v no login wanted              v
//!   fault                          fault
//! ```

use std::time::Duration;

use bytes::Bytes;
use kurier_auth::{Mechanism, Step};
use kurier_protocol::api::sasl_authenticate::SaslAuthenticateResponse;
use kurier_protocol::api::sasl_handshake::SaslHandshakeResponse;
use kurier_protocol::{ApiKey, ErrorCode};

use super::ranges::Ranges;
use crate::error::{LoginFault, WORDS_CHARS_MAX, shown};

/// One login.
#[derive(Debug)]
pub(super) struct Login {
    mechanism: Box<dyn Mechanism>,
    round: u32,
}

/// What comes next.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Send this token, and give the answer to [`Login::handle_token`].
    Send(Bytes),
    /// Send this token: it is the last.
    SendLast(Bytes),
    /// The client is satisfied.
    Done,
}

/// How tokens travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// In SaslAuthenticate.
    Requests,
    /// As bare frames: brokers before 1.0 (KIP-152).
    Frames,
}

impl Login {
    pub(super) fn new(mechanism: Box<dyn Mechanism>) -> Self {
        Self { mechanism, round: 0 }
    }

    /// Takes the broker's token; at first there is none. May compute for long.
    pub(super) fn handle_token(&mut self, received: &[u8]) -> Result<Next, LoginFault> {
        if received.len() > TOKEN_BYTES_MAX {
            let (bytes, bytes_max) = (received.len(), TOKEN_BYTES_MAX);
            return Err(LoginFault::Token { bytes, bytes_max });
        }
        match self.mechanism.step(received).map_err(LoginFault::Exchange)? {
            Step::Continue(_) if self.round == ROUNDS_MAX => {
                Err(LoginFault::Endless { rounds_max: ROUNDS_MAX })
            }
            Step::Continue(token) => {
                self.round += 1;
                Ok(Next::Send(token.into()))
            }
            Step::Done(token) if token.is_empty() => Ok(Next::Done),
            Step::Done(token) => Ok(Next::SendLast(token.into())),
        }
    }
}

/// How tokens travel to a broker that speaks this. None if it knows of no logins.
pub(super) fn carrier(ranges: &Ranges) -> Option<Carrier> {
    let handshake = ranges.get(ApiKey::SASL_HANDSHAKE)?;
    let has_requests = ranges.get(ApiKey::SASL_AUTHENTICATE).is_some();
    Some(if *handshake.end() > 0 && has_requests { Carrier::Requests } else { Carrier::Frames })
}

/// Whether the mechanism may be used.
pub(super) fn check_handshake(answer: &SaslHandshakeResponse) -> Result<(), LoginFault> {
    match answer.error_code {
        ErrorCode::NONE => Ok(()),
        ErrorCode::UNSUPPORTED_SASL_MECHANISM => {
            let offered = answer.mechanisms.iter().take(OFFERED_MAX);
            let offered = offered.map(|name| shown(name, NAME_CHARS_MAX)).collect();
            Err(LoginFault::Mechanism { offered })
        }
        // Also what a listener without SASL says.
        ErrorCode::ILLEGAL_SASL_STATE => Err(LoginFault::NotWanted),
        code => Err(LoginFault::Refused { code, message: None }),
    }
}

/// The broker's token, and how long the login lasts if this was the last one. What it says goes
/// through `hide`: some repeat what they were shown.
pub(super) fn check_answer(
    answer: SaslAuthenticateResponse,
    hide: impl Fn(&str) -> String,
) -> Result<(Bytes, Option<Duration>), LoginFault> {
    if !answer.error_code.is_ok() {
        let words = answer.error_message.as_deref().filter(|words| !words.is_empty());
        let message = words.map(|words| shown(&hide(words), WORDS_CHARS_MAX));
        return Err(LoginFault::Refused { code: answer.error_code, message });
    }
    let lifetime = u64::try_from(answer.session_lifetime_ms).unwrap_or(0);
    Ok((answer.auth_bytes, (lifetime > 0).then(|| Duration::from_millis(lifetime))))
}

/// A fault without what the broker repeats in the mechanism's own words.
pub(super) fn hiding(fault: LoginFault, hide: impl Fn(&str) -> String) -> LoginFault {
    match fault {
        LoginFault::Exchange(kurier_auth::Error::Server { mechanism, text }) => {
            let text = hide(&text).into();
            LoginFault::Exchange(kurier_auth::Error::Server { mechanism, text })
        }
        fault => fault,
    }
}

/// After which part of a login's lifetime to log in again, given a random number: 85 to 95 %, so
/// that the connections of many clients do not do so all at once.
pub(super) fn renewal(lifetime: Duration, chance: u64) -> Duration {
    let permille = 850 + u32::try_from(chance % 101).unwrap_or(0);
    (lifetime / 1000).saturating_mul(permille).max(RENEWAL_GAP)
}

/// Tokens that a client sends in one login. Kerberos needs three.
const ROUNDS_MAX: u32 = 16;
/// The largest token that is looked at.
const TOKEN_BYTES_MAX: usize = 256 << 10;
/// Brokers take a second login within a second for a mistake.
const RENEWAL_GAP: Duration = Duration::from_millis(1100);
/// Mechanisms of a listener that an error names.
const OFFERED_MAX: usize = 16;
const NAME_CHARS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// Says `go on` for so many steps, then is satisfied.
    #[derive(Debug)]
    struct Patient(u32, &'static [u8]);

    impl Mechanism for Patient {
        fn name(&self) -> &'static str {
            "PATIENT"
        }

        fn step(&mut self, _: &[u8]) -> Result<Step, kurier_auth::Error> {
            match self.0.checked_sub(1) {
                Some(left) => {
                    self.0 = left;
                    Ok(Step::Continue(b"go on".to_vec()))
                }
                None => Ok(Step::Done(self.1.to_vec())),
            }
        }
    }

    fn login(steps: u32, last: &'static [u8]) -> Login {
        Login::new(Box::new(Patient(steps, last)))
    }

    #[test]
    fn an_exchange_goes_on_until_the_mechanism_is_satisfied() {
        let mut login = login(2, b"");
        assert_eq!(login.handle_token(b"").unwrap(), Next::Send("go on".into()));
        assert_eq!(login.handle_token(b"x").unwrap(), Next::Send("go on".into()));
        assert_eq!(login.handle_token(b"x").unwrap(), Next::Done);
    }

    #[test]
    fn a_last_token_is_sent_all_the_same() {
        assert_eq!(login(0, b"bye").handle_token(b"").unwrap(), Next::SendLast("bye".into()));
    }

    #[test]
    fn an_endless_exchange_ends() {
        let mut login = login(u32::MAX, b"");
        let sent = (0..100).take_while(|_| login.handle_token(b"more").is_ok()).count();
        assert_eq!(sent, 16);
        let fault = login.handle_token(b"more");
        assert!(matches!(fault, Err(LoginFault::Endless { rounds_max: 16 })), "{fault:?}");
    }

    #[test]
    fn a_giant_token_is_not_looked_at() {
        let fault = login(1, b"").handle_token(&vec![0; TOKEN_BYTES_MAX + 1]);
        assert!(matches!(fault, Err(LoginFault::Token { .. })), "{fault:?}");
    }

    #[test]
    fn brokers_before_1_0_get_bare_frames() {
        let ranges = |apis: &[(ApiKey, i16)]| {
            use kurier_protocol::api::api_versions::{ApiVersion, ApiVersionsResponse};
            let api = |(api_key, max_version): &(ApiKey, i16)| ApiVersion {
                api_key: *api_key,
                min_version: 0,
                max_version: *max_version,
            };
            let api_keys = apis.iter().map(api).collect();
            Ranges::new(&ApiVersionsResponse { api_keys, ..Default::default() })
        };
        let (handshake, authenticate) = (ApiKey::SASL_HANDSHAKE, ApiKey::SASL_AUTHENTICATE);
        assert_eq!(carrier(&ranges(&[])), None);
        assert_eq!(carrier(&ranges(&[(handshake, 0)])), Some(Carrier::Frames));
        let both = ranges(&[(handshake, 1), (authenticate, 0)]);
        assert_eq!(carrier(&both), Some(Carrier::Requests));
    }

    #[test]
    fn a_refused_mechanism_names_what_the_listener_has() {
        let answer = SaslHandshakeResponse {
            error_code: ErrorCode::UNSUPPORTED_SASL_MECHANISM,
            mechanisms: vec!["SCRAM-SHA-512".into(), "GSS\u{1b}API".into()],
        };
        let text = check_handshake(&answer).unwrap_err().to_string();
        assert!(text.contains("has only SCRAM-SHA-512, GSSAPI; set sasl.mechanism"), "{text}");
    }

    #[test]
    fn a_refusal_has_the_brokers_words() {
        let answer = SaslAuthenticateResponse {
            error_code: ErrorCode::SASL_AUTHENTICATION_FAILED,
            error_message: Some("bad \u{7}luck.".into()),
            ..Default::default()
        };
        let text = check_answer(answer, str::to_owned).unwrap_err().to_string();
        assert!(text.contains("SASL_AUTHENTICATION_FAILED: bad luck; check user"), "{text}");
    }

    #[test]
    fn a_login_is_renewed_at_85_to_95_percent_of_its_life() {
        let lifetime = Duration::from_secs(1000);
        let due = [0, 50, 100, 101, u64::MAX].map(|chance| renewal(lifetime, chance).as_secs());
        assert_eq!(due[..4], [850, 900, 950, 850]);
        assert!((850..=950).contains(&due[4]));
        assert_eq!(renewal(Duration::from_millis(900), 0), RENEWAL_GAP);
        for (ms, lasts) in [(-1, None), (0, None), (5, Some(Duration::from_millis(5)))] {
            let answer = SaslAuthenticateResponse { session_lifetime_ms: ms, ..Default::default() };
            assert_eq!(check_answer(answer, str::to_owned).unwrap().1, lasts);
        }
    }
}
