//! A client of the cluster: requests that fit what it knows, and answers that it reads.

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use kurier_protocol::api::{self, MessageInfo};
use kurier_protocol::release::{Release, accepts, versions};
use kurier_protocol::value::{self, Value};
use kurier_protocol::{ApiKey, ErrorCode, frame};

use super::known::Known;
use crate::frame::{Frame, Header};
use crate::half::{Direction, Half};
use crate::message::message_of;
use crate::mutate::{Mutation, mutate};

/// Which answers must come to a frame.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) key: ApiKey,
    version: i16,
    correlation_id: i32,
    /// The request, which a broker must be able to read if this is something.
    pub(super) request: Option<Value>,
}

/// What it makes requests from.
#[derive(Debug)]
pub(super) struct Client {
    release: Release,
    /// The APIs that the cluster advertises and serves.
    apis: Vec<ApiKey>,
    known: Known,
    /// What succeeded last.
    last: Option<ApiKey>,
}

impl Client {
    /// A client that has been told which APIs there are.
    pub(super) fn new(release: Release, apis: Vec<ApiKey>) -> Self {
        Self { release, apis, known: Known::default(), last: None }
    }

    /// A request, whole or with one thing changed, without its length.
    pub(super) fn request(&mut self, u: &mut Unstructured<'_>) -> Result<Option<Bytes>> {
        let key = match (u.int_in_range(0..=5)?, self.last.map(followers)) {
            (0..=2, Some(next)) if !next.is_empty() => *u.choose(next)?,
            (0..=3, _) => *u.choose(&DEEP)?,
            _ => *u.choose(&self.apis)?,
        };
        let range = versions(self.release).find(|(of, _)| *of == key);
        let Some((_, range)) = range.filter(|_| self.apis.contains(&key)) else { return Ok(None) };
        let version = u.int_in_range(range)?;
        let Some(half) = Half::of(key, Direction::Request, version) else { return Ok(None) };
        let known = &mut self.known;
        let value = message_of(half.info(), version, &mut |place, u| known.choose(place, u), u)?;
        let correlation_id = u.arbitrary::<i8>()?.into();
        let header = Header { correlation_id, client_id: Some("fuzz".to_owned()) };
        let frame = Frame::new(half, header, value);
        let mutation = if u.ratio(1, 16)? { Some(*u.choose(&Mutation::ALL)?) } else { None };
        let mutated = mutation.map(|mutation| mutate(&frame, mutation, u)).transpose()?.flatten();
        Ok(mutated.unwrap_or_else(|| frame.to_bytes()).get(4..).map(Bytes::copy_from_slice))
    }

    /// What a frame must be answered with, if it may be one that the cluster answers.
    pub(super) fn expect(&self, frame: &Bytes) -> Option<Expected> {
        let (header, body) = frame::open_request(frame).ok()?;
        let (key, version) = (ApiKey(header.request_api_key), header.request_api_version);
        // A broker answers a version of ApiVersions that it lacks as the first one (KIP-511).
        let is_read = accepts(self.release, key, version);
        let version = if is_read { version } else { 0 };
        let correlation_id = header.correlation_id;
        let half = Half::of(key, Direction::Request, version).filter(|_| is_read);
        let request = half.and_then(|half| value::decode(half.info(), &body, version).ok());
        let expected = Expected { key, version, correlation_id, request };
        (is_read || key == ApiKey::API_VERSIONS).then_some(expected)
    }

    /// Reads an answer, and learns from it. Says whether it tells of no error.
    pub(super) fn read(&mut self, expected: &Expected, answer: &Bytes) -> bool {
        let Expected { key, version, correlation_id, .. } = *expected;
        let opened = frame::open_response(key, version, answer);
        let (found, body) = opened.expect("an answer with a header");
        assert_eq!(found, correlation_id, "an answer to another request");
        let api = api::info(key).expect("an API that there is");
        let value = value::decode(&api.response, &body, version);
        let value = value.unwrap_or_else(|error| panic!("{key} v{version}: {error}"));
        let is_success = is_success(&api.response, &value);
        if let Some(request) = expected.request.as_ref().filter(|_| is_success) {
            self.known.learn(api.request.fields, request);
            self.last = Some(key);
        }
        self.known.learn(api.response.fields, &value);
        is_success
    }
}

/// Whether no error code in an answer, however deep, is an error.
fn is_success(info: &MessageInfo, value: &Value) -> bool {
    use kurier_protocol::schema::{Field, Kind};
    fn all(fields: &[Field], values: &[Value]) -> bool {
        fields.iter().zip(values).all(|(field, value)| match (field.kind, value) {
            (_, Value::Int(code)) if field.name.ends_with("error_code") => *code == 0,
            (Kind::Struct(fields), Value::Struct(values)) => all(fields, values),
            (Kind::Array(Kind::Struct(fields)), Value::Array(elements)) => elements
                .iter()
                .all(|element| matches!(element, Value::Struct(values) if all(fields, values))),
            _ => true,
        })
    }
    matches!(value, Value::Struct(values) if all(info.fields, values))
}

/// Some error code.
pub(super) fn error_code(u: &mut Unstructured<'_>) -> Result<ErrorCode> {
    Ok(ErrorCode(u.int_in_range(-1..=130)?))
}

/// What a client does when this has succeeded.
fn followers(key: ApiKey) -> &'static [ApiKey] {
    match key {
        ApiKey::JOIN_GROUP => &[ApiKey::SYNC_GROUP, ApiKey::SYNC_GROUP, ApiKey::LEAVE_GROUP],
        ApiKey::SYNC_GROUP => &[ApiKey::HEARTBEAT, ApiKey::OFFSET_COMMIT, ApiKey::JOIN_GROUP],
        ApiKey::CONSUMER_GROUP_HEARTBEAT => {
            &[ApiKey::CONSUMER_GROUP_HEARTBEAT, ApiKey::OFFSET_COMMIT]
        }
        ApiKey::INIT_PRODUCER_ID => {
            &[ApiKey::ADD_PARTITIONS_TO_TXN, ApiKey::ADD_OFFSETS_TO_TXN, ApiKey::PRODUCE]
        }
        ApiKey::ADD_PARTITIONS_TO_TXN => &[ApiKey::PRODUCE, ApiKey::END_TXN],
        ApiKey::ADD_OFFSETS_TO_TXN => &[ApiKey::TXN_OFFSET_COMMIT, ApiKey::END_TXN],
        ApiKey::PRODUCE => &[ApiKey::END_TXN, ApiKey::FETCH, ApiKey::PRODUCE],
        ApiKey::FETCH => &[ApiKey::FETCH],
        _ => &[],
    }
}

/// The APIs that change something.
const DEEP: [ApiKey; 17] = [
    ApiKey::PRODUCE,
    ApiKey::PRODUCE,
    ApiKey::FETCH,
    ApiKey::JOIN_GROUP,
    ApiKey::JOIN_GROUP,
    ApiKey::SYNC_GROUP,
    ApiKey::CONSUMER_GROUP_HEARTBEAT,
    ApiKey::CONSUMER_GROUP_HEARTBEAT,
    ApiKey::HEARTBEAT,
    ApiKey::OFFSET_COMMIT,
    ApiKey::INIT_PRODUCER_ID,
    ApiKey::ADD_PARTITIONS_TO_TXN,
    ApiKey::ADD_OFFSETS_TO_TXN,
    ApiKey::TXN_OFFSET_COMMIT,
    ApiKey::END_TXN,
    ApiKey::WRITE_TXN_MARKERS,
    ApiKey::DELETE_RECORDS,
];
