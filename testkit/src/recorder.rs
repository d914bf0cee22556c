//! Core: the requests that the brokers got, so that tests can count and assert.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kurier_protocol::{ApiKey, Request, decode};

use crate::kept::Kept;
use crate::limits::{READ_BYTES_MIN, REQUEST_BYTES_KEPT_MAX};

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

impl RecordedRequest {
    /// Bytes of memory that it takes.
    fn weight(&self) -> usize {
        let client_id = self.client_id.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.body.len() + client_id
    }
}

#[cfg(feature = "json")]
impl RecordedRequest {
    /// The request in Kafka's JSON form; `None` if it is malformed. Tokens of a login are in it.
    #[must_use]
    pub fn json(&self) -> Option<kurier_protocol::json::Json> {
        let info = &kurier_protocol::api::info(self.api)?.request;
        kurier_protocol::json::decode(info, &self.body, self.version).ok()
    }
}

impl fmt::Display for RecordedRequest {
    /// One line: when, what, from whom, to whom.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, broker, connection, api, version, client_id, .. } = self;
        let client = client_id.as_deref().unwrap_or_default();
        write!(f, "at {at:?}: {api} v{version} from {client:?}")?;
        write!(f, " to broker {broker} (connection {connection})")
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

/// How much there has been since the cluster was built. Unlike the requests themselves nothing of
/// it is forgotten.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Connections that brokers have taken.
    pub connections: u64,
    /// Requests, by broker and API.
    pub requests: BTreeMap<(i32, ApiKey), u64>,
    /// Bytes of requests, without their headers.
    pub request_bytes: u64,
    /// Bytes of answers that were to be sent.
    pub answer_bytes: u64,
}

impl Counters {
    /// How many requests of an API all brokers together have got.
    #[must_use]
    pub fn of(&self, api: ApiKey) -> u64 {
        self.requests.iter().filter(|((_, of), _)| *of == api).map(|(_, count)| count).sum()
    }
}

/// The latest requests, oldest first.
#[derive(Debug)]
pub(crate) struct Recorder {
    kept_max: usize,
    requests: VecDeque<RecordedRequest>,
    bytes: usize,
    counters: Counters,
}

impl Recorder {
    /// One that remembers no more requests than this.
    pub(crate) fn new(kept_max: usize) -> Self {
        Self { kept_max, requests: VecDeque::new(), bytes: 0, counters: Counters::default() }
    }

    /// Remembers a request, and forgets the oldest ones if there are too many.
    pub(crate) fn push(&mut self, mut request: RecordedRequest) {
        *self.counters.requests.entry((request.broker, request.api)).or_default() += 1;
        self.counters.request_bytes += request.body.len() as u64;
        if self.kept_max == 0 {
            return;
        }
        if request.body.len() <= COPIED_BYTES_MAX {
            request.body = request.body.kept();
        }
        self.bytes += request.weight();
        self.requests.push_back(request);
        while self.requests.len() > self.kept_max || self.bytes > REQUEST_BYTES_KEPT_MAX {
            match self.requests.pop_front() {
                Some(oldest) => self.bytes -= oldest.weight(),
                None => break,
            }
        }
    }

    /// Counts a connection, and gives its number.
    pub(crate) fn push_connection(&mut self) -> u64 {
        self.counters.connections += 1;
        self.counters.connections
    }

    /// Counts an answer.
    pub(crate) fn push_answer(&mut self, bytes: usize) {
        self.counters.answer_bytes += bytes as u64;
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many requests are remembered at most.
    pub(crate) fn kept_max(&self) -> usize {
        self.kept_max
    }

    /// Everything that is remembered.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &RecordedRequest> {
        self.requests.iter()
    }
}

/// The most requests that came in any stretch of this length.
pub(crate) fn busiest(requests: &[RecordedRequest], within: Duration) -> &[RecordedRequest] {
    let stretches = (0..requests.len()).map(|first| {
        let rest = requests.get(first..).unwrap_or_default();
        let began = rest.first().map_or(Duration::ZERO, |request| request.at);
        let count = rest.partition_point(|request| request.at.saturating_sub(began) < within);
        rest.get(..count).unwrap_or_default()
    });
    // The first of several that are equal.
    stretches.rev().max_by_key(|stretch| stretch.len()).unwrap_or_default()
}

/// A line for each request, of very many for the first ones.
pub(crate) fn listed(requests: &[RecordedRequest]) -> String {
    let mut text = String::new();
    for request in requests.iter().take(LISTED_MAX) {
        text.push_str(&format!("\n  {request}"));
    }
    match requests.len().saturating_sub(LISTED_MAX) {
        0 => text,
        more => format!("{text}\n  and {more} more"),
    }
}

/// Bodies up to this size are copied: they hold a buffer that may be as large as this.
const COPIED_BYTES_MAX: usize = READ_BYTES_MIN;

/// Requests that a message lists.
const LISTED_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: &[u64]) -> Vec<RecordedRequest> {
        let request = |seconds: &u64| RecordedRequest {
            at: Duration::from_secs(*seconds),
            broker: 1,
            connection: 2,
            api: ApiKey::METADATA,
            version: 9,
            client_id: Some("c".into()),
            user: None,
            body: Bytes::new(),
        };
        seconds.iter().map(request).collect()
    }

    #[test]
    fn no_more_requests_are_remembered_than_were_asked_for_and_all_are_counted() {
        for kept in [0, 2] {
            let mut recorder = Recorder::new(kept);
            at(&[1, 2, 3, 4, 5]).into_iter().for_each(|request| recorder.push(request));
            let latest: Vec<_> = recorder.requests().map(|request| request.at.as_secs()).collect();
            assert_eq!(latest, [4, 5][2 - kept..]);
            assert_eq!(recorder.counters().of(ApiKey::METADATA), 5);
        }
    }

    #[test]
    fn small_requests_are_counted_with_all_that_they_take() {
        let mut recorder = Recorder::new(usize::MAX);
        let mut small = at(&[1]).remove(0);
        small.client_id = Some("c".repeat(1 << 15));
        for _ in 0..10_000 {
            recorder.push(small.clone());
        }
        let kept = recorder.requests().count();
        assert_eq!(kept, REQUEST_BYTES_KEPT_MAX / small.weight());
        assert!(kept * (1 << 15) <= REQUEST_BYTES_KEPT_MAX);
    }

    #[test]
    fn the_busiest_stretch_is_found_wherever_it_begins() {
        let requests = at(&[0, 5, 9, 10, 14, 15, 30, 31, 32]);
        let busy = busiest(&requests, Duration::from_secs(10));
        assert_eq!(busy.iter().map(|one| one.at.as_secs()).collect::<Vec<_>>(), [5, 9, 10, 14]);
        assert_eq!(busiest(&requests, Duration::from_secs(1)).len(), 1);
        assert!(busiest(&[], Duration::from_secs(1)).is_empty());
    }

    #[test]
    fn a_list_names_each_request_and_has_an_end() {
        let text = listed(&at(&[3]));
        assert_eq!(text, "\n  at 3s: Metadata v9 from \"c\" to broker 1 (connection 2)");
        let text = listed(&at(&[0; 60]));
        assert_eq!((text.lines().count(), text.ends_with("and 10 more")), (52, true));
    }
}
