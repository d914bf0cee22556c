//! `Exchange`: a request and whoever waits for its answer, without their types.

use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::frame::Segments;
use kurier_protocol::{ApiKey, Bytes};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::ranges::Ranges;
use crate::error::Error;

/// What a connection is asked to do.
pub(super) enum Command {
    /// Send a request and hand over its answer.
    Exchange {
        exchange: Box<dyn Exchange>,
        /// Until when it must be sent.
        turn: Limit,
        /// Until when it must be answered.
        answer: Limit,
    },
    /// Connect, and tell what the broker speaks.
    Open { reply: oneshot::Sender<Result<Arc<Ranges>, Error>>, turn: Limit },
}

/// When something has waited too long, and how long that is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) at: Instant,
    pub(super) after: Duration,
}

/// A request and whoever waits for its answer.
pub(super) trait Exchange: Send {
    /// The API of the request.
    fn api(&self) -> ApiKey;

    /// Whether nobody waits any more.
    fn is_abandoned(&self) -> bool;

    /// Chooses the version and makes the frame.
    fn encode(
        &mut self,
        ranges: &Ranges,
        correlation_id: i32,
        client_id: &str,
    ) -> Result<Encoded, Error>;

    /// Hands over the answer, or the fault that it cannot be read. Says how long the broker asks
    /// to be left alone.
    fn complete(self: Box<Self>, version: i16, body: &Bytes) -> Result<Duration, Error>;

    /// Says that the request was sent, where no answer comes.
    fn complete_sent(self: Box<Self>, version: i16);

    /// Hands over an error.
    fn fail(self: Box<Self>, error: Error);
}

/// A request as a frame.
pub(super) struct Encoded {
    pub(super) version: i16,
    pub(super) segments: Segments,
    pub(super) expect: Expect,
}

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// Nothing (acks = 0).
    Nothing,
    /// An answer, which may take this much memory without proof.
    Answer { reserve_bytes: usize },
}

impl Limit {
    pub(super) fn new(now: Instant, after: Duration) -> Self {
        Self { at: now + after, after }
    }

    /// The same, or what is left until an earlier end.
    pub(super) fn before(self, now: Instant, end: Option<Instant>) -> Self {
        match end.filter(|end| *end < self.at) {
            Some(at) => Self { at, after: at.saturating_duration_since(now) },
            None => self,
        }
    }
}

impl Command {
    /// Until when it may wait for a connection, and its turn on it.
    pub(super) fn turn(&self) -> Limit {
        match self {
            Self::Exchange { turn, .. } | Self::Open { turn, .. } => *turn,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.turn().at
    }

    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            Self::Exchange { exchange, .. } => exchange.is_abandoned(),
            Self::Open { reply, .. } => reply.is_closed(),
        }
    }

    pub(super) fn api(&self) -> Option<ApiKey> {
        match self {
            Self::Exchange { exchange, .. } => Some(exchange.api()),
            Self::Open { .. } => None,
        }
    }

    pub(super) fn fail(self, error: Error) {
        match self {
            Self::Exchange { exchange, .. } => exchange.fail(error),
            // Nobody to tell is no fault: the caller has gone away.
            Self::Open { reply, .. } => drop(reply.send(Err(error))),
        }
    }
}
