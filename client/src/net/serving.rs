//! `Serving`: a connection in use: what goes out, and what its answers say.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use kurier_env::Io;
use kurier_protocol::frame;
use tokio::time::Instant;

use super::exchange::{Command, Exchange, Expect, Limit};
use super::frames::{FrameLimits, Frames};
use super::in_flight::{InFlight, Sent};
use super::last_look::LastLook;
use super::ranges::Ranges;
use super::session::{Progress, Session};
use crate::error::{Cause, Error, Fault, Holdup};
use crate::metrics::{ConnectionMeter, OpenConnection};

/// A connection in use.
pub(super) struct Serving {
    pub(super) meter: ConnectionMeter,
    pub(super) _open: OpenConnection,
    pub(super) frames: Frames<Box<dyn Io>>,
    pub(super) ranges: Arc<Ranges>,
    pub(super) in_flight: InFlight<Box<dyn Exchange>>,
    /// What those have to wait for that are not sent.
    pub(super) holdup: Holdup,
    /// The broker asked to be left alone until then (KIP-219).
    pub(super) muted_until: Option<Instant>,
    pub(super) last_use: Instant,
    pub(super) last_look: LastLook,
    /// The login, if it must be renewed some time.
    pub(super) session: Option<Session>,
    /// Whether any request has been answered.
    pub(super) is_answered: bool,
    /// Nobody can send commands any more.
    pub(super) is_closing: bool,
}

impl Serving {
    /// What requests have to wait for, if they have to.
    pub(super) fn held_up(&self, in_flight_max: usize) -> Option<Holdup> {
        let is_renewing = self.session.as_ref().is_some_and(Session::is_renewing);
        match self.muted_until {
            Some(_) => Some(Holdup::Throttle),
            None if is_renewing => Some(Holdup::Renewal),
            None => (self.in_flight.len() >= in_flight_max).then_some(Holdup::InFlight),
        }
    }

    fn limits(&self, bytes_max: usize) -> FrameLimits {
        let reserve_max = self.in_flight.reserve_bytes();
        // Whoever allows an answer more than the limit means it.
        FrameLimits { bytes_max: bytes_max.max(reserve_max), reserve_max }
    }

    /// When an answer is late.
    pub(super) fn answer_due(&self) -> Option<Instant> {
        self.in_flight.deadline().map(Instant::from_std)
    }

    /// Moves the renewal of the login, if there is one.
    pub(super) fn poll_session(
        &mut self,
        cx: &mut Context<'_>,
        client_id: &str,
    ) -> Poll<Result<(), Cause>> {
        let Some(session) = &mut self.session else { return Poll::Pending };
        match ready!(session.poll(cx))? {
            Progress::Renewed | Progress::PutOff => {}
            Progress::Settled => self.session = None,
            Progress::Send(Command::Exchange { exchange, answer, .. }) => {
                self.send(exchange, answer, client_id);
            }
            // A login sends nothing else.
            Progress::Send(Command::Open { .. }) => {}
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn send(&mut self, mut exchange: Box<dyn Exchange>, limit: Limit, client_id: &str) {
        let correlation_id = self.in_flight.take_id();
        let encoded = match exchange.encode(&self.ranges, correlation_id, client_id) {
            Ok(encoded) => encoded,
            Err(error) => return exchange.fail(error),
        };
        let reserve_bytes = match encoded.expect {
            Expect::Nothing => 0,
            Expect::Answer { reserve_bytes } => reserve_bytes,
        };
        self.last_use = Instant::now();
        self.meter.sent(self.last_use.into_std(), encoded.segments.len());
        let sent = Sent {
            correlation_id,
            queued_at: self.last_use.into_std(),
            version: encoded.version,
            end: self.frames.queue(encoded.segments),
            deadline: limit.at.into_std(),
            timeout: limit.after,
            reserve_bytes,
            what: exchange,
        };
        match encoded.expect {
            Expect::Nothing => self.in_flight.push_unanswered(sent),
            Expect::Answer { .. } => self.in_flight.push(sent),
        }
    }

    /// Hands over the next answer.
    pub(super) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        bytes_max: usize,
        address: &str,
    ) -> Poll<Result<(), Cause>> {
        let limits = self.limits(bytes_max);
        let frame = ready!(self.frames.poll_frame(cx, limits))?;
        Poll::Ready(self.handle_answer(&frame, address))
    }

    fn handle_answer(&mut self, answer: &Bytes, address: &str) -> Result<(), Cause> {
        // Every response header begins with the correlation id.
        let Some(id) = answer.first_chunk::<4>() else {
            let bytes = i32::try_from(answer.len()).unwrap_or_default();
            return Err(Cause::Fault(Fault::FrameLength { bytes, bytes_max: 0 }));
        };
        let found = i32::from_be_bytes(*id);
        let sent = self.in_flight.handle_answer(found).map_err(Cause::Fault)?;
        self.last_use = Instant::now();
        self.last_look.heard();
        let now = self.last_use.into_std();
        self.meter.received(now, 4 + answer.len(), Some(now.duration_since(sent.queued_at)));
        self.is_answered = true;
        let body = match frame::open_response(sent.what.api(), sent.version, answer) {
            Ok((_, body)) => body,
            Err(error) => {
                let fault = Fault::Decode(error);
                sent.what.fail(Error::NotKafka { from: address.into(), fault: fault.clone() });
                return Err(Cause::Fault(fault));
            }
        };
        match sent.what.complete(sent.version, &body) {
            Ok(wait) if wait.is_zero() => Ok(()),
            Ok(wait) => {
                tracing::debug!(address, ?wait, "throttled");
                let until = self.last_use + wait;
                self.muted_until = Some(self.muted_until.map_or(until, |m| m.max(until)));
                Ok(())
            }
            Err(Error::NotKafka { fault, .. }) => Err(Cause::Fault(fault)),
            Err(_) => Err(Cause::Closed),
        }
    }
}
