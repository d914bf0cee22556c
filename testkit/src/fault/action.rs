//! Core: what a fault does, as data.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kurier_protocol::wire::Segments;
use kurier_protocol::{ApiKey, EncodeError, ErrorCode, Request, Str, frame};

/// What happens to a request or its answer.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// One of these happens to a request, of several faults that of the first one.
    Fate(Fate),
    /// All that are wanted happen.
    Twist(Twist),
    /// A byte of the first batch in an answer to a fetch is inverted.
    Corrupt(usize),
    /// What happens to a connection that is being made.
    Connection(ConnectionFate),
}

/// What becomes of a request; these exclude each other.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    Close,
    CloseThenExecute(Duration),
    Answer(ErrorCode),
    /// A code for each request in turn; no error lets it through.
    AnswerInTurn(Arc<[ErrorCode]>),
    AnswerAtTop(ErrorCode),
    Reply(ApiKey, Arc<dyn Reply>),
    ExecuteThenAnswer(ErrorCode),
    ExecuteThenClose,
    ExecuteThenHang,
    Cut(usize),
    Garble(Bytes),
    AnswerTwice,
}

/// What is done to a request or its answer besides; these add up.
#[derive(Clone, Debug)]
pub(crate) enum Twist {
    Delay(Duration),
    DelayAnswer(Duration),
    Throttle(Duration),
    ExecuteAgain(Duration),
    ClaimLeader(i32),
    ClaimLeaderEpoch(i32),
    ClaimCoordinator(i32),
    ClaimController(i32),
    /// The broker is reached there.
    ClaimAddress(i32, Str, u16),
    ClaimCorrelationId(i32),
    ClaimLength(i32),
    HideBroker(i32),
    /// The aborted transactions of an answer to a fetch stand in another order, twice, and among
    /// some that there are not.
    DisorderAborted,
    Hide,
}

/// What happens to a connection that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionFate {
    Refuse,
    Close,
    Hang,
}

/// An answer that was chosen beforehand.
pub(crate) trait Reply: Debug + Send + Sync {
    /// The answer's frame.
    fn frame(&self, version: i16, correlation_id: i32) -> Result<Segments, EncodeError>;
}

/// The answer to requests of one API.
pub(crate) struct ReplyTo<R: Request>(pub(crate) R::Response);

impl<R: Request> Reply for ReplyTo<R> {
    fn frame(&self, version: i16, correlation_id: i32) -> Result<Segments, EncodeError> {
        frame::response(R::KEY, &self.0, version, correlation_id)
    }
}

impl<R: Request> Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ReplyTo").field(&R::KEY).finish()
    }
}

/// Bytes with one of them inverted: the one at `at`, or the last one if there are fewer.
pub(crate) fn corrupted(bytes: &Bytes, at: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    let at = at.min(bytes.len().saturating_sub(1));
    if let Some(byte) = bytes.get_mut(at) {
        *byte = !*byte;
    }
    bytes.into()
}
