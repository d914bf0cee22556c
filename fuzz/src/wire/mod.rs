//! Sends frames to a broker and tells what became of them.
//!
//! Every request of every version that the broker says it takes has its turn, half of the frames as
//! they should be and half with one thing of their framing broken. A frame follows from the seed
//! and its number, so that a run can be repeated; whoever reports a finding has its bytes too.

mod report;
mod exchange;
mod tcp;

use std::io::{self, Read, Write};
use std::ops::ControlFlow;

use arbitrary::Unstructured;
use bytes::Bytes;
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::message::decode_prefix;
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::Value;
use kurier_protocol::{ApiKey, frame};

use self::exchange::{Asked, Exchange};
pub use self::report::{Outcome, Report, Summary, Tally};
pub use self::tcp::{NotLoopback, connector, loopback};
use crate::frame::of_half;
use crate::half::Half;
use crate::mutate::{Mutation, mutate};
use crate::random::Random;

/// What to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How many frames.
    pub count: u64,
    /// What they follow from.
    pub seed: u64,
    /// The number of the first one; 0 unless a run is to go on where another ended.
    pub first: u64,
    /// APIs whose turn is passed over, such as those that are known to end the broker.
    pub skip: Vec<ApiKey>,
}

/// Why a run did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There was no connection.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// The peer did not say which requests it takes.
    #[error("the peer does not answer ApiVersions: {0}")]
    ApiVersions(String),
    /// The listener speaks TLS.
    #[error("the listener speaks TLS")]
    Tls,
    /// The listener wants a login before anything else, by one of these mechanisms.
    #[error("the listener wants a login by SASL ({})", .0.join(", "))]
    Login(Vec<String>),
}

/// Sends frames on connections of `connect`, one at a time, and hands each one's fate to `report`,
/// which may end the run. It ends early, too, when the broker does not come back.
///
/// A read on a connection must fail with [`io::ErrorKind::WouldBlock`] or
/// [`io::ErrorKind::TimedOut`] after as long as a broker may be silent; [`connector`] makes such
/// ones.
///
/// # Errors
///
/// [`RunError`] if the peer is no broker to begin with.
pub fn run<C: Read + Write>(
    mut connect: impl FnMut() -> io::Result<C>,
    options: Options,
    mut report: impl FnMut(&Report) -> ControlFlow<()>,
) -> Result<Summary, RunError> {
    let (exchange, halves) = open(&mut connect)?;
    let mut connection = Some(exchange);
    let mut summary = Summary::default();
    for number in options.first..options.first.saturating_add(options.count) {
        let Some(mut sent) = sent(&halves, options.seed, number) else { continue };
        if options.skip.contains(&sent.half.key()) {
            continue;
        }
        let mut exchange = match connection.take() {
            Some(exchange) => exchange,
            None => match alive(&mut connect) {
                Some(exchange) => exchange,
                None => break,
            },
        };
        sent.outcome = exchange.send(&sent);
        if sent.outcome.keeps_connection() && sent.keeps_framing() {
            connection = Some(exchange);
        } else {
            // A broker is dead only if it stays away: it may close whatever it dislikes.
            drop(exchange);
            connection = alive(&mut connect);
            if connection.is_none() {
                sent.outcome = Outcome::Crashed;
            }
        }
        summary.note(&sent);
        if report(&sent).is_break() {
            break;
        }
    }
    // Who answered the last frame may have ended over it.
    summary.survived = alive(&mut connect).is_some();
    Ok(summary)
}

/// Sends one frame as it is, its length included: one of a [`Report`], to see its fate again.
///
/// # Errors
///
/// [`RunError`] if the peer is no broker to begin with.
pub fn resend<C: Read + Write>(
    mut connect: impl FnMut() -> io::Result<C>,
    bytes: &[u8],
) -> Result<Outcome, RunError> {
    let (mut exchange, _) = open(&mut connect)?;
    let outcome = exchange.send_bytes(bytes, Asked::of(bytes));
    drop(exchange);
    Ok(if alive(&mut connect).is_some() { outcome } else { Outcome::Crashed })
}

/// A connection on which a broker takes requests, and which ones.
fn open<C: Read + Write>(
    connect: &mut impl FnMut() -> io::Result<C>,
) -> Result<(Exchange<C>, Vec<Half>), RunError> {
    let mut exchange = Exchange::new(connect().map_err(RunError::Connect)?);
    let halves = match exchange.halves() {
        Ok(halves) => halves,
        Err(_) if exchange.speaks_tls() => return Err(RunError::Tls),
        Err(why) => return Err(RunError::ApiVersions(why)),
    };
    let mut asking = Exchange::new(connect().map_err(RunError::Connect)?);
    match asking.mechanisms() {
        Some(mechanisms) => Err(RunError::Login(mechanisms)),
        None => Ok((exchange, halves)),
    }
}

/// A connection on which the broker answers ApiVersions; `None` if there is none to be had.
fn alive<C: Read + Write>(connect: &mut impl FnMut() -> io::Result<C>) -> Option<Exchange<C>> {
    for _ in 0..ATTEMPTS_MAX {
        let Ok(stream) = connect() else { continue };
        let mut exchange = Exchange::new(stream);
        if exchange.halves().is_ok() {
            return Some(exchange);
        }
    }
    None
}

/// The frame of a number, not sent yet.
fn sent(halves: &[Half], seed: u64, number: u64) -> Option<Report> {
    let turn = usize::try_from(number).ok()?.checked_rem(halves.len())?;
    let half = *halves.get(turn)?;
    let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number));
    let data = random.bytes(2000);
    let mut u = Unstructured::new(&data);
    let mut made = of_half(half, &mut u).ok()?;
    tame(half.info().fields, &mut made.value);
    let candidates = match random.below(4) {
        0 => &[][..],
        1 => Mutation::ALL.split_at(KEEPING).0,
        _ => Mutation::ALL.split_at(KEEPING).1,
    };
    let mutation = candidates.get(random.below(candidates.len())).copied();
    let mutated = mutation.and_then(|mutation| mutate(&made, mutation, &mut u).ok()?);
    let mutation = mutation.filter(|_| mutated.is_some());
    let bytes = mutated.unwrap_or_else(|| made.to_bytes());
    // A length that is wrong may, by chance, be right for another message.
    let wants_answer = !is_unanswered(half, &bytes);
    Some(Report {
        number,
        half,
        mutation,
        bytes,
        wants_answer,
        correlation_id: made.header.correlation_id,
        outcome: Outcome::Silent,
    })
}

/// Makes a request not ask the broker to wait for long.
fn tame(fields: &[Field], value: &mut Value) {
    let Value::Struct(values) = value else { return };
    for (field, value) in fields.iter().zip(values) {
        let is_wait = field.name.contains("timeout") || field.name.contains("wait");
        match (field.kind, &mut *value) {
            (_, Value::Int(number)) if is_wait => *number = (*number).clamp(0, WAIT_MS_MAX),
            (Kind::Struct(fields), value) => tame(fields, value),
            (Kind::Array(Kind::Struct(fields)), Value::Array(values)) => {
                values.iter_mut().for_each(|value| tame(fields, value));
            }
            _ => {}
        }
    }
}

/// Whether nothing answers a frame: a Produce request may ask for that.
fn is_unanswered(half: Half, bytes: &[u8]) -> bool {
    let Some((_, frame)) = bytes.split_first_chunk::<4>() else { return false };
    if half.key() != ApiKey::PRODUCE {
        return false;
    }
    let request = frame::open_request(&Bytes::copy_from_slice(frame))
        .and_then(|(_, body)| decode_prefix::<ProduceRequest>(&body, half.version()));
    request.is_ok_and(|(request, _)| request.acks == 0)
}

/// How many mutations keep the framing: they come first.
const KEEPING: usize = 8;
/// Milliseconds that a request may ask a broker to wait.
const WAIT_MS_MAX: i64 = 20;
/// Connections that are tried before a broker counts as dead.
const ATTEMPTS_MAX: usize = 3;

#[cfg(test)]
mod tests;
