//! What is said on a connection before its first request: which versions are spoken. *core*
//!
//! ```text
//! Ask(highest of ours) --answer--> Done(ranges)
//!    |  35 in a v0 body: the broker lacks that version (KIP-511)
//!    v
//! Ask(the version it names, else 0) --answer--> Done(ranges)
//! ```

use std::time::Duration;

use kurier_protocol::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use kurier_protocol::{ApiKey, Bytes, ErrorCode, Message, Request, decode};

use super::ranges::Ranges;
use super::throttle;
use crate::error::{Cause, Fault};

/// The start of a connection.
#[derive(Debug)]
pub(super) struct Handshake {
    version: i16,
    asked_again: bool,
    wanted: Option<Identity>,
}

/// Whom a connection is meant to lead to (KIP-1242).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) cluster_id: Box<str>,
    pub(super) broker: i32,
}

/// What comes next.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Send what [`Handshake::poll_request`] gives.
    Ask,
    /// The connection can be used, after the broker has been left alone for so long.
    Done(Ranges, Duration),
}

impl Handshake {
    /// Of a connection to this broker, if it matters which one it is.
    pub(super) fn new(wanted: Option<Identity>) -> Self {
        Self { version: ApiVersionsRequest::VERSION_STABLE_MAX, asked_again: false, wanted }
    }

    /// The request to send, and its version.
    pub(super) fn poll_request(&self) -> (ApiVersionsRequest, i16) {
        let mut request = question();
        if let Some(Identity { cluster_id, broker }) = &self.wanted {
            request.cluster_id = Some((&**cluster_id).into());
            request.node_id = *broker;
        }
        (request, self.version)
    }

    /// Takes the answer's body.
    pub(super) fn handle_response(&mut self, body: &Bytes) -> Result<Step, Cause> {
        let unsupported = ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes();
        if self.version > 0 && body.starts_with(&unsupported) {
            return self.fall_back(body);
        }
        let response: ApiVersionsResponse = decode(body, self.version).map_err(broken)?;
        match response.error_code {
            ErrorCode::NONE => {
                let wait = throttle::of::<ApiVersionsRequest>(self.version, body, &response);
                Ok(Step::Done(Ranges::new(&response), wait))
            }
            code => Err(Cause::Rejected(code)),
        }
    }

    fn fall_back(&mut self, body: &Bytes) -> Result<Step, Cause> {
        if self.asked_again {
            return Err(Cause::Rejected(ErrorCode::UNSUPPORTED_VERSION));
        }
        let response: ApiVersionsResponse = decode(body, 0).map_err(broken)?;
        // Brokers before 2.4 name no versions at all.
        let named = Ranges::new(&response).get(ApiKey::API_VERSIONS);
        let highest = named.map_or(0, |range| *range.end());
        self.version = highest.clamp(*ApiVersionsRequest::VERSIONS.start(), self.version - 1);
        self.asked_again = true;
        Ok(Step::Ask)
    }
}

/// What asks a broker that may be any what it speaks.
pub(crate) fn question() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: SOFTWARE_NAME.into(),
        client_software_version: env!("CARGO_PKG_VERSION").into(),
        ..Default::default()
    }
}

fn broken(error: kurier_protocol::DecodeError) -> Cause {
    Cause::Fault(Fault::Decode(error))
}

const SOFTWARE_NAME: &str = "kurier";

#[cfg(test)]
mod tests {
    use kurier_protocol::api::api_versions::ApiVersion;
    use kurier_protocol::encode;

    use super::*;

    fn body(version: i16, error_code: ErrorCode, names: &[(ApiKey, i16, i16)]) -> Bytes {
        let api_keys = names
            .iter()
            .map(|(api_key, min_version, max_version)| ApiVersion {
                api_key: *api_key,
                min_version: *min_version,
                max_version: *max_version,
            })
            .collect();
        let response = ApiVersionsResponse { error_code, api_keys, ..Default::default() };
        encode(&response, version).unwrap()
    }

    #[test]
    fn asks_in_the_highest_version_and_takes_the_ranges() {
        let mut handshake = Handshake::new(None);
        let (request, version) = handshake.poll_request();
        assert_eq!(version, ApiVersionsRequest::VERSION_STABLE_MAX);
        assert_eq!(request.client_software_name, "kurier");
        let answer = body(version, ErrorCode::NONE, &[(ApiKey::METADATA, 1, 4)]);
        let Step::Done(ranges, wait) = handshake.handle_response(&answer).unwrap() else {
            panic!("not done")
        };
        assert_eq!((ranges.get(ApiKey::METADATA), wait), (Some(1..=4), Duration::ZERO));
    }

    #[test]
    fn says_whom_it_wants_where_that_can_be_said() {
        let wanted = Identity { cluster_id: "c".into(), broker: 3 };
        let (request, version) = Handshake::new(Some(wanted)).poll_request();
        assert_eq!((request.cluster_id.as_deref(), request.node_id), (Some("c"), 3));
        for version in 0..=version {
            encode(&request, version).unwrap();
        }
    }

    #[test]
    fn a_broker_that_wants_to_be_left_alone_says_so_in_its_first_answer() {
        let mut handshake = Handshake::new(None);
        let response = ApiVersionsResponse { throttle_time_ms: 300, ..Default::default() };
        let answer = encode(&response, handshake.poll_request().1).unwrap();
        let step = handshake.handle_response(&answer).unwrap();
        assert!(matches!(step, Step::Done(_, wait) if wait.as_millis() == 300));
    }

    #[test]
    fn falls_back_to_the_version_that_the_broker_names() {
        let mut handshake = Handshake::new(None);
        let refusal = body(0, ErrorCode::UNSUPPORTED_VERSION, &[(ApiKey::API_VERSIONS, 0, 3)]);
        assert_eq!(handshake.handle_response(&refusal).unwrap(), Step::Ask);
        assert_eq!(handshake.poll_request().1, 3);
        let answer = body(3, ErrorCode::NONE, &[(ApiKey::FETCH, 0, 11)]);
        assert!(matches!(handshake.handle_response(&answer), Ok(Step::Done(..))));
    }

    #[test]
    fn falls_back_to_version_0_when_the_broker_names_nothing() {
        let mut handshake = Handshake::new(None);
        let refusal = body(0, ErrorCode::UNSUPPORTED_VERSION, &[]);
        assert_eq!(handshake.handle_response(&refusal).unwrap(), Step::Ask);
        assert_eq!(handshake.poll_request().1, 0);
        let answer = body(0, ErrorCode::NONE, &[(ApiKey::FETCH, 0, 2)]);
        assert!(matches!(handshake.handle_response(&answer), Ok(Step::Done(..))));
    }

    #[test]
    fn never_asks_a_third_time() {
        let mut handshake = Handshake::new(None);
        let refusal = body(0, ErrorCode::UNSUPPORTED_VERSION, &[(ApiKey::API_VERSIONS, 0, 9)]);
        assert_eq!(handshake.handle_response(&refusal).unwrap(), Step::Ask);
        assert!(handshake.poll_request().1 < ApiVersionsRequest::VERSION_STABLE_MAX);
        assert!(matches!(handshake.handle_response(&refusal), Err(Cause::Rejected(_))));
    }

    #[test]
    fn an_answer_that_is_cut_is_a_fault() {
        let mut handshake = Handshake::new(None);
        let version = handshake.poll_request().1;
        let answer = body(version, ErrorCode::NONE, &[(ApiKey::FETCH, 0, 2)]);
        let cut = answer.slice(..answer.len() - 3);
        let result = handshake.handle_response(&cut);
        assert!(matches!(result, Err(Cause::Fault(Fault::Decode(_)))), "{result:?}");
    }
}
