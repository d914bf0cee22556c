//! One frame there, and what comes back.

use std::io::{self, ErrorKind, Read, Write};

use bytes::Bytes;
use kurier_protocol::api;
use kurier_protocol::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use kurier_protocol::api::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::{self, Value};
use kurier_protocol::{ApiKey, ErrorCode, decode, frame};

use super::report::{Outcome, Report};
use crate::half::{Direction, Half};
use crate::mutate::Mutation;

/// A connection to a broker.
#[derive(Debug)]
pub(super) struct Exchange<C> {
    stream: C,
    /// What came where the length of a frame was awaited.
    prefix: [u8; 4],
}

/// Why no frame came.
enum NoFrame {
    Closed,
    Silent,
    Length(String),
}

impl<C: Read + Write> Exchange<C> {
    pub(super) const fn new(stream: C) -> Self {
        Self { stream, prefix: [0; 4] }
    }

    /// Whether what came last began as TLS does: an alert or a handshake, and the version.
    pub(super) const fn speaks_tls(&self) -> bool {
        matches!(self.prefix, [0x15 | 0x16, 0x03, ..])
    }

    /// The SASL mechanisms of the listener, if it wants a login. Asked by a handshake that names
    /// none, which only such a listener answers with its mechanisms.
    pub(super) fn mechanisms(&mut self) -> Option<Vec<String>> {
        let request = SaslHandshakeRequest::default();
        let request = frame::request(&request, 0, CORRELATION_ID, None).ok()?.to_bytes();
        self.stream.write_all(&request).ok()?;
        let answer = self.frame().ok()?;
        let (_, body) = frame::open_response(ApiKey::SASL_HANDSHAKE, 0, &answer).ok()?;
        let answer = decode::<SaslHandshakeResponse>(&body, 0).ok()?;
        let is_refused = answer.error_code == ErrorCode::UNSUPPORTED_SASL_MECHANISM;
        is_refused.then(|| answer.mechanisms.iter().map(ToString::to_string).collect())
    }

    /// The requests that the broker says it takes, and that we know.
    pub(super) fn halves(&mut self) -> Result<Vec<Half>, String> {
        let request = frame::request(&ApiVersionsRequest::default(), 0, CORRELATION_ID, None);
        let request = request.map_err(|error| error.to_string())?.to_bytes();
        self.stream.write_all(&request).map_err(|error| error.to_string())?;
        let answer = self.frame().map_err(|why| match why {
            NoFrame::Closed => "it closed the connection".to_owned(),
            NoFrame::Silent => "it is silent".to_owned(),
            NoFrame::Length(why) => why,
        })?;
        let opened = frame::open_response(ApiKey::API_VERSIONS, 0, &answer);
        let (_, body) = opened.map_err(|error| error.to_string())?;
        let answer = decode::<ApiVersionsResponse>(&body, 0).map_err(|error| error.to_string())?;
        let taken = answer.api_keys.iter();
        Ok(taken.flat_map(|api| requests(api.api_key, api.min_version, api.max_version)).collect())
    }

    /// Sends a frame of a run and waits for what comes.
    pub(super) fn send(&mut self, report: &Report) -> Outcome {
        // The broker waits for the rest; there is nothing to wait for here.
        if report.mutation == Some(Mutation::FrameLonger) {
            let written = self.stream.write_all(&report.bytes).and_then(|()| self.stream.flush());
            return if written.is_ok() { Outcome::Silent } else { Outcome::Closed };
        }
        if !report.wants_answer {
            return self.send_unanswered(&report.bytes);
        }
        // Whoever sent a broken header cannot say what the answer should be.
        let is_known = !matches!(
            report.mutation,
            Some(Mutation::UnknownApi | Mutation::UnknownVersion | Mutation::FrameShorter)
        );
        let asked = Asked { half: report.half, correlation_id: report.correlation_id };
        self.send_bytes(&report.bytes, is_known.then_some(asked))
    }

    /// Sends a frame that asks for no answer, and a question behind it, rather than wait long for
    /// nothing. A broker that cannot do what such a frame wants closes the connection.
    fn send_unanswered(&mut self, bytes: &[u8]) -> Outcome {
        let written = self.stream.write_all(bytes);
        match written.map_err(|error| error.to_string()).and_then(|()| self.halves()) {
            Ok(_) => Outcome::Silent,
            Err(_) => Outcome::Closed,
        }
    }

    /// Sends bytes and waits for what comes: an answer to what was asked, if that is known.
    pub(super) fn send_bytes(&mut self, bytes: &[u8], asked: Option<Asked>) -> Outcome {
        let written = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
        // A broker may close before it has read everything, and may have said something first.
        match (self.frame(), written) {
            (Ok(answer), _) => asked.map_or(Outcome::Answered, |asked| asked.judged(&answer)),
            (Err(NoFrame::Closed), _) | (Err(_), Err(_)) => Outcome::Closed,
            (Err(NoFrame::Silent), _) => Outcome::Silent,
            (Err(NoFrame::Length(why)), _) => Outcome::Error(why),
        }
    }

    /// The next frame, without its length.
    fn frame(&mut self) -> Result<Bytes, NoFrame> {
        self.stream.read_exact(&mut self.prefix).map_err(|error| why(&error))?;
        let length = frame::length(self.prefix, ANSWER_BYTES_MAX);
        let length = length.map_err(|error| NoFrame::Length(error.to_string()))?;
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).map_err(|error| why(&error))?;
        Ok(bytes.into())
    }
}

/// The requests of an API in a range of versions, as far as they are known.
fn requests(key: ApiKey, min: i16, max: i16) -> impl Iterator<Item = Half> {
    // Kafka 4 names versions of Produce that it does not take, for libraries that look for them
    // (KAFKA-18659).
    let is_empty_word = key == ApiKey::PRODUCE && max >= PRODUCE_VERSION_OF_KAFKA_4;
    let min = if is_empty_word { min.max(PRODUCE_VERSION_TAKEN_MIN) } else { min.max(0) };
    (min..=max.min(VERSION_MAX)).filter_map(move |v| Half::of(key, Direction::Request, v))
}

fn why(error: &io::Error) -> NoFrame {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => NoFrame::Silent,
        _ => NoFrame::Closed,
    }
}

/// What a frame asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    half: Half,
    correlation_id: i32,
}

impl Asked {
    /// What a frame asks for, its length included, if its header can be read.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let (_, frame) = bytes.split_first_chunk::<4>()?;
        let (header, _) = frame::open_request(&Bytes::copy_from_slice(frame)).ok()?;
        let key = ApiKey(header.request_api_key);
        let half = Half::of(key, Direction::Request, header.request_api_version)?;
        Some(Self { half, correlation_id: header.correlation_id })
    }

    /// Whether an answer is one to the request.
    fn judged(self, answer: &Bytes) -> Outcome {
        let (key, version) = (self.half.key(), self.half.version());
        let Some(api) = api::info(key) else { return Outcome::Answered };
        let decoded = frame::open_response(key, version, answer)
            .and_then(|(id, body)| Ok((id, value::decode(&api.response, &body, version)?)));
        match decoded {
            Err(error) => Outcome::Error(error.to_string()),
            Ok((id, _)) if id != self.correlation_id => {
                Outcome::Error(format!("correlation id {id} instead of {}", self.correlation_id))
            }
            Ok((_, value)) if is_unknown(api.response.fields, &value) => {
                Outcome::Error(ErrorCode::UNKNOWN_SERVER_ERROR.to_string())
            }
            Ok(_) => Outcome::Answered,
        }
    }
}

/// Whether there is an `UNKNOWN_SERVER_ERROR` anywhere.
fn is_unknown(fields: &[Field], value: &Value) -> bool {
    let Value::Struct(values) = value else { return false };
    let unknown = Value::Int(ErrorCode::UNKNOWN_SERVER_ERROR.0.into());
    fields.iter().zip(values).any(|(field, value)| match (field.kind, value) {
        (Kind::Int16, value) => field.name.ends_with("error_code") && *value == unknown,
        (Kind::Struct(fields), value) => is_unknown(fields, value),
        (Kind::Array(Kind::Struct(fields)), Value::Array(values)) => {
            values.iter().any(|value| is_unknown(fields, value))
        }
        _ => false,
    })
}

/// Bytes of an answer; no broker has more to say to such requests.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// The number of the requests that ask whether a broker is there.
const CORRELATION_ID: i32 = 0x6b75_7269;
/// The highest version of Produce that Kafka 4.0 has.
const PRODUCE_VERSION_OF_KAFKA_4: i16 = 12;
/// The lowest one that it takes.
const PRODUCE_VERSION_TAKEN_MIN: i16 = 3;
/// No API has so many versions.
const VERSION_MAX: i16 = 100;
