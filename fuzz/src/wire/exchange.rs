//! One frame there, and what comes back.

use std::io::{self, ErrorKind, Read, Write};

use bytes::Bytes;
use kurier_protocol::api;
use kurier_protocol::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::{self, Value};
use kurier_protocol::{ApiKey, ErrorCode, decode, frame};

use super::report::{Outcome, Report};
use crate::half::{Direction, Half};
use crate::mutate::Mutation;

/// A connection to a broker.
#[derive(Debug)]
pub(super) struct Exchange<C>(C);

/// Why no frame came.
enum NoFrame {
    Closed,
    Silent,
    Length(String),
}

impl<C: Read + Write> Exchange<C> {
    pub(super) const fn new(stream: C) -> Self {
        Self(stream)
    }

    /// The requests that the broker says it takes, and that we know.
    pub(super) fn halves(&mut self) -> Result<Vec<Half>, String> {
        let request = frame::request(&ApiVersionsRequest::default(), 0, CORRELATION_ID, None);
        let request = request.map_err(|error| error.to_string())?.to_bytes();
        self.0.write_all(&request).map_err(|error| error.to_string())?;
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

    /// Sends a frame and waits for what comes.
    pub(super) fn send(&mut self, report: &Report) -> Outcome {
        let written = self.0.write_all(&report.bytes).and_then(|()| self.0.flush());
        // The broker waits for the rest; there is nothing to wait for here.
        if report.mutation == Some(Mutation::FrameLonger) {
            return Outcome::Silent;
        }
        // A broker may close before it has read everything, and may have said something first.
        match (self.frame(), written) {
            (Ok(answer), _) => judged(report, &answer),
            (Err(NoFrame::Closed), _) | (Err(_), Err(_)) => Outcome::Closed,
            (Err(NoFrame::Silent), _) => Outcome::Silent,
            (Err(NoFrame::Length(why)), _) => Outcome::Error(why),
        }
    }

    /// The next frame, without its length.
    fn frame(&mut self) -> Result<Bytes, NoFrame> {
        let mut prefix = [0; 4];
        self.0.read_exact(&mut prefix).map_err(|error| why(&error))?;
        let length = frame::length(prefix, ANSWER_BYTES_MAX);
        let length = length.map_err(|error| NoFrame::Length(error.to_string()))?;
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).map_err(|error| why(&error))?;
        Ok(bytes.into())
    }
}

/// The requests of an API in a range of versions, as far as they are known.
fn requests(key: ApiKey, min: i16, max: i16) -> impl Iterator<Item = Half> {
    (min.max(0)..=max.min(VERSION_MAX)).filter_map(move |v| Half::of(key, Direction::Request, v))
}

fn why(error: &io::Error) -> NoFrame {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => NoFrame::Silent,
        _ => NoFrame::Closed,
    }
}

/// Whether an answer is one to the request.
fn judged(report: &Report, answer: &Bytes) -> Outcome {
    let (key, version) = (report.half.key(), report.half.version());
    let Some(api) = api::info(key) else { return Outcome::Answered };
    // Whoever sent a broken header cannot say what the answer should be.
    if matches!(
        report.mutation,
        Some(Mutation::UnknownApi | Mutation::UnknownVersion | Mutation::FrameShorter)
    ) {
        return Outcome::Answered;
    }
    let decoded = frame::open_response(key, version, answer).and_then(|(correlation_id, body)| {
        Ok((correlation_id, value::decode(&api.response, &body, version)?))
    });
    match decoded {
        Err(error) => Outcome::Error(error.to_string()),
        Ok((id, _)) if id != report.correlation_id => {
            Outcome::Error(format!("correlation id {id} instead of {}", report.correlation_id))
        }
        Ok((_, value)) if is_unknown(api.response.fields, &value) => {
            Outcome::Error(ErrorCode::UNKNOWN_SERVER_ERROR.to_string())
        }
        Ok(_) => Outcome::Answered,
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
/// No API has so many versions.
const VERSION_MAX: i16 = 100;
