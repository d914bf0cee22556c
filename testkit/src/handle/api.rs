//! Core: what a handler is: it takes a request and answers, waits, keeps silent or hangs up.

use std::fmt::Debug;
use std::time::Instant;

use bytes::Bytes;
use kurier_protocol::header::RequestHeader;
use kurier_protocol::wire::Segments;
use kurier_protocol::{ErrorCode, Request, Str, decode, frame};

use crate::clock::Now;
use crate::fault::Refusals;
use crate::limits::FETCH_BYTES_MAX;
use crate::state::{ListenerId, State};

/// An API that the brokers serve.
pub(super) trait Api: Request {
    /// Does what the request asks for. If it is to wait, it is handled anew later, or goes on from
    /// where it was.
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self>;

    /// An answer with this error code wherever it has room for one.
    fn refuse(&self, code: ErrorCode) -> Self::Response;
}

/// Where and when a request is handled.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Who the client says it is.
    pub(crate) client_id: Str,
    /// The broker that handles it.
    pub(crate) broker: i32,
    /// The listener that it came through: answers name addresses of the same one.
    pub(crate) listener: ListenerId,
    /// The version of the request.
    pub(crate) version: i16,
    /// When it was first handled.
    pub(crate) since: Instant,
    pub(crate) now: Now,
    /// Whether it must not wait, as the client has gone.
    pub(crate) is_last_call: bool,
    /// Bytes that an answer to a fetch may have now, its first batch apart.
    pub(crate) fetch_bytes_max: usize,
    /// What the script refuses of the request.
    pub(crate) refusals: Refusals,
}

impl Context {
    /// That of a request which comes now, through a listener of a broker, and of which the script
    /// refuses nothing.
    pub(crate) fn new(
        header: &RequestHeader,
        (broker, listener): (i32, ListenerId),
        now: Now,
    ) -> Self {
        Self {
            client_id: header.client_id.clone().unwrap_or_default(),
            broker,
            listener,
            version: header.request_api_version,
            since: now.instant,
            now,
            is_last_call: false,
            fetch_bytes_max: FETCH_BYTES_MAX,
            refusals: Refusals::default(),
        }
    }
}

/// What a handler decided.
#[derive(Debug)]
pub(super) enum Outcome<R: Request> {
    /// This is the answer.
    Answer(R::Response),
    /// Ask again when something has changed, and at the latest then.
    Wait(Instant),
    /// The same, but then it goes on from here.
    GoOn(Instant, Box<dyn Progress<R>>),
    /// The client wants no answer.
    Silence,
    /// The connection is closed, for this reason.
    Close(String),
}

/// How far a request has come that waits: what it has done, it does not do again.
pub(super) trait Progress<R: Request>: Debug + Send + Sync {
    /// Looks whether what the request waits for is there.
    fn poll(self: Box<Self>, request: &R, state: &mut State, context: &Context) -> Outcome<R>;
}

/// A request of any API.
pub(crate) trait Pending: Debug + Send + Sync {
    /// Does what the request asks for, or looks whether what it waits for is there.
    fn poll(&mut self, state: &mut State, context: &Context) -> Step;

    /// An answer with this error code.
    fn refuse(&self, code: ErrorCode) -> Step;
}

/// What the server does next with a request.
#[derive(Debug)]
pub(crate) enum Step {
    /// Send this frame.
    Answer(Segments),
    /// Send this frame, then close the connection, for this reason.
    Last(Segments, String),
    /// Poll again when something has changed, and at the latest then.
    Wait(Instant),
    /// Send nothing.
    Silence,
    /// Close the connection, for this reason.
    Close(String),
}

#[derive(Debug)]
struct Decoded<R: Request> {
    request: R,
    progress: Option<Box<dyn Progress<R>>>,
    version: i16,
    correlation_id: i32,
}

/// Decodes a request of which the API is known.
pub(super) fn pending<R: Api>(
    header: &RequestHeader,
    body: &Bytes,
) -> Result<Box<dyn Pending>, String> {
    let version = header.request_api_version;
    let request = decode::<R>(body, version).map_err(|error| error.to_string())?;
    let correlation_id = header.correlation_id;
    Ok(Box::new(Decoded { request, progress: None, version, correlation_id }))
}

impl<R: Api> Pending for Decoded<R> {
    fn poll(&mut self, state: &mut State, context: &Context) -> Step {
        state.codecs.begin();
        let outcome = match self.progress.take() {
            Some(progress) => progress.poll(&self.request, state, context),
            None => self.request.handle(state, context),
        };
        match outcome {
            Outcome::Answer(response) => self.answer(&response),
            Outcome::Wait(until) => Step::Wait(until),
            Outcome::GoOn(until, progress) => {
                self.progress = Some(progress);
                Step::Wait(until)
            }
            Outcome::Silence => Step::Silence,
            Outcome::Close(reason) => Step::Close(reason),
        }
    }

    fn refuse(&self, code: ErrorCode) -> Step {
        self.answer(&self.request.refuse(code))
    }
}

impl<R: Api> Decoded<R> {
    fn answer(&self, response: &R::Response) -> Step {
        match frame::response(R::KEY, response, self.version, self.correlation_id) {
            Ok(segments) => Step::Answer(segments),
            Err(error) => Step::Close(error.to_string()),
        }
    }
}
