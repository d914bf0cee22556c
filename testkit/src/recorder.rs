//! Core: the requests that the brokers got, so that tests can count and assert.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kurier_protocol::{ApiKey, Request, decode};

use crate::limits::{REQUEST_BYTES_KEPT_MAX, REQUESTS_KEPT_MAX};

/// A request that a broker got.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// When it came, since the cluster was built.
    pub at: Duration,
    /// The broker that got it.
    pub broker: i32,
    /// The connection that it came through: they are numbered from 1.
    pub connection: u64,
    /// Its API.
    pub api: ApiKey,
    /// Its version.
    pub version: i16,
    /// Who the client says it is.
    pub client_id: Option<String>,
    /// Who had logged in by SASL.
    pub user: Option<Arc<str>>,
    /// What stands behind the header.
    pub body: Bytes,
}

impl RecordedRequest {
    /// The request itself.
    ///
    /// # Panics
    ///
    /// It is of another API, or malformed.
    #[must_use]
    pub fn decode<R: Request>(&self) -> R {
        assert_eq!(self.api, R::KEY, "the request is not of the API asked for");
        match decode(&self.body, self.version) {
            Ok(request) => request,
            Err(error) => panic!("the request is malformed: {error}"),
        }
    }
}

impl fmt::Debug for RecordedRequest {
    /// Without the tokens of SaslAuthenticate: they may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = Bytes::from_static(b"hidden");
        let body = if self.api == ApiKey::SASL_AUTHENTICATE { &hidden } else { &self.body };
        f.debug_struct("RecordedRequest")
            .field("at", &self.at)
            .field("broker", &self.broker)
            .field("connection", &self.connection)
            .field("api", &self.api)
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("user", &self.user)
            .field("body", body)
            .finish()
    }
}

/// The latest requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    requests: VecDeque<RecordedRequest>,
    bytes: usize,
}

impl Recorder {
    /// Remembers a request, and forgets the oldest ones if there are too many.
    pub(crate) fn push(&mut self, request: RecordedRequest) {
        self.bytes += request.body.len();
        self.requests.push_back(request);
        while self.requests.len() > REQUESTS_KEPT_MAX || self.bytes > REQUEST_BYTES_KEPT_MAX {
            match self.requests.pop_front() {
                Some(oldest) => self.bytes -= oldest.body.len(),
                None => break,
            }
        }
    }

    /// Everything that is remembered.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &RecordedRequest> {
        self.requests.iter()
    }
}
