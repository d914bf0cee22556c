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
        /// When it has waited too long.
        deadline: Instant,
        /// How long that is.
        timeout: Duration,
    },
    /// Connect, and tell what the broker speaks.
    Open { reply: oneshot::Sender<Result<Arc<Ranges>, Error>>, deadline: Instant },
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

impl Command {
    pub(super) fn deadline(&self) -> Instant {
        match self {
            Self::Exchange { deadline, .. } | Self::Open { deadline, .. } => *deadline,
        }
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
