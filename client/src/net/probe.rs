//! `Probe`: connects to one address at a time, step by step, and tells how each step went.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use kurier_env::{Env, Io};
use kurier_protocol::{ApiKey, Request, decode};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::address::Address;
use super::dial::{Dial, Line};
use super::frames::Frames;
use super::pool::Pool;
use super::ranges::Ranges;
use super::throttle;
use crate::config::ClientConfig;
use crate::error::{Cause, Error, Fault, TlsFault, Waiting};
use crate::metrics::{ConnectionMeter, Metrics, Node, Role};
#[cfg(feature = "tls")]
use crate::security::tls::Connector;

/// Connects as a client with these settings does, but to one address, once, and in the open: for
/// programs that tell what is wrong with a connection. Nothing is tried again.
#[derive(Clone, Debug)]
pub struct Probe {
    env: Env,
    config: Arc<ClientConfig>,
    /// Nobody reads it.
    meter: ConnectionMeter,
    #[cfg(feature = "tls")]
    tls: Option<Connector>,
}

/// A stage of making a connection, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// TCP.
    Connect,
    /// TLS, if it is set.
    Encrypt,
    /// ApiVersions: is it a broker, and what does it speak?
    Versions,
    /// SASL, if it is set.
    Login,
}

/// How one stage went.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which stage.
    pub stage: Stage,
    /// How long it took.
    pub took: Duration,
    /// Whether it succeeded, or why not.
    pub outcome: Result<(), Cause>,
}

/// The way to one address.
#[derive(Debug, Default)]
pub struct Walk {
    /// The stages in their order, up to the first that failed.
    pub steps: Vec<Step>,
    /// The connection, if none failed.
    pub contact: Option<Contact>,
    /// When the first of the certificates ends that the broker has shown: seconds since 1970. None
    /// without TLS.
    pub certificate_end: Option<u64>,
}

/// A connection on which one request at a time is sent. A new one takes its place for the next
/// request, if one was not answered to the end.
pub struct Contact {
    dial: Dial,
    at: SocketAddr,
    frames: Frames<Box<dyn Io>>,
    ranges: Ranges,
    correlation_id: i32,
    muted_until: Instant,
    /// A request was not answered to the end.
    is_broken: bool,
}

impl Probe {
    /// Takes the settings, and reads the files that they name.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings, or files that they name, that cannot be used.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn new(env: Env, config: ClientConfig) -> Result<Self, Error> {
        config.check()?;
        #[cfg(feature = "tls")]
        let tls = config.tls.clone().map(|tls| Connector::new(tls, env.clone()));
        #[cfg(feature = "tls")]
        if let Some(tls) = &tls {
            tls.load().await?;
        }
        Ok(Self {
            meter: Metrics::new(&env, &config).connection(Role::Admin, Node::Bootstrap(0)),
            env,
            config: Arc::new(config),
            #[cfg(feature = "tls")]
            tls,
        })
    }

    /// The addresses of a host that the settings allow, in the resolver's order.
    ///
    /// # Errors
    ///
    /// [`Cause::Resolve`] if there are none, or the resolver does not answer within
    /// [`DialConfig::setup_timeout`](crate::config::DialConfig::setup_timeout).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn resolve(&self, to: &Address) -> Result<Vec<SocketAddr>, Cause> {
        self.dial(to).resolve(self.config.dial.setup_timeout).await
    }

    /// Connects to one address of a host. All stages before the login together, and the login,
    /// have [`DialConfig::setup_timeout`](crate::config::DialConfig::setup_timeout).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what it has opened.
    pub async fn connect(&self, to: &Address, at: SocketAddr) -> Walk {
        let dial = self.dial(to);
        let mut walk = Walk::default();
        walk.contact = walk.go(dial, at).await;
        walk
    }

    fn dial(&self, to: &Address) -> Dial {
        Dial {
            env: self.env.clone(),
            config: Arc::clone(&self.config),
            pool: Pool::new(0),
            address: to.clone(),
            // Whoever is there shall say so, and not refuse because it is another one.
            identity: None,
            meter: self.meter.clone(),
            track: Arc::default(),
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
        }
    }
}

impl Walk {
    async fn go(&mut self, dial: Dial, at: SocketAddr) -> Option<Contact> {
        let limit = dial.config.dial.setup_timeout;
        let deadline = Instant::now() + limit;
        let within = |stage| (stage, deadline, limit);
        let mut stream = self.step(within(Stage::Connect), dial.connect(at)).await?;
        if dial.encrypts() {
            let securing = dial.secure(stream);
            (stream, self.certificate_end) = self.step(within(Stage::Encrypt), securing).await?;
        }
        let greeting = dial.greet(stream, dial.meter.opened());
        let mut opened = self.step(within(Stage::Versions), greeting).await?;
        if dial.config.sasl.is_some() {
            // It has a limit of its own, which says more.
            let later = (Stage::Login, Instant::now() + limit * 2, limit * 2);
            opened = self.step(later, dial.log_in(opened, limit)).await?;
        }
        let (frames, ranges) = (opened.frames, opened.ranges);
        let (correlation_id, muted_until) = (FIRST_CORRELATION_ID, Instant::now() + opened.wait);
        let is_broken = false;
        Some(Contact { dial, at, frames, ranges, correlation_id, muted_until, is_broken })
    }

    async fn step<T>(
        &mut self,
        (stage, deadline, limit): (Stage, Instant, Duration),
        work: impl Future<Output = Result<T, Cause>>,
    ) -> Option<T> {
        let start = Instant::now();
        let late = |_| {
            Err(match stage {
                Stage::Encrypt => TlsFault::TimedOut(limit).into(),
                Stage::Versions => Cause::Mute(limit),
                _ => Cause::SetupTimedOut(limit),
            })
        };
        let (outcome, done) = match timeout_at(deadline, work).await.unwrap_or_else(late) {
            Ok(done) => (Ok(()), Some(done)),
            Err(cause) => (Err(cause), None),
        };
        self.steps.push(Step { stage, took: start.elapsed(), outcome });
        done
    }
}

impl Contact {
    /// The address to which it was made.
    #[must_use]
    pub fn at(&self) -> SocketAddr {
        self.at
    }

    /// What the broker speaks.
    #[must_use]
    pub fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// Sends a request in the highest version that this client, the broker and the caller allow,
    /// and gives that version and the answer. A broker that asks to be left alone for a while is.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the broker lacks the API, the versions, or a field that is set;
    /// [`Error::TimedOut`] after
    /// [`ClientConfig::request_timeout`](crate::config::ClientConfig::request_timeout),
    /// [`Error::Disconnected`] and [`Error::NotKafka`]: after these three the next request goes
    /// over a new connection to the same address, and may fail as [`Probe::connect`] does
    /// ([`Error::Disconnected`] with the cause).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the request may be executed or not, and the next one goes over a
    /// new connection.
    pub async fn ask<R: Request>(
        &mut self,
        versions: RangeInclusive<i16>,
        make: impl FnOnce(i16) -> R,
    ) -> Result<(i16, R::Response), Error> {
        let version = self.ranges.require::<R>(&versions)?;
        if self.is_broken {
            self.renew(R::KEY).await?;
        }
        sleep_until(self.muted_until).await;
        let request = make(version);
        // What cannot be written leaves the connection as it is.
        kurier_protocol::encode(&request, version).map_err(|error| Error::encode::<R>(&error))?;
        self.is_broken = true;
        let limit = self.dial.config.request_timeout;
        let bytes_max = self.dial.config.frame_bytes_max;
        let (dial, frames) = (&self.dial, &mut self.frames);
        let correlation_id = self.correlation_id;
        self.correlation_id = correlation_id.wrapping_add(1);
        let mut line = Line { dial, frames, correlation_id, bytes_max };
        let body = match timeout(limit, line.ask(&request, version)).await {
            Ok(Ok(body)) => body,
            Ok(Err(cause)) => {
                // A broker that hangs up at the first request may want a login before it.
                let is_first = correlation_id == FIRST_CORRELATION_ID;
                let is_stranger = is_first && self.dial.config.sasl.is_none();
                let cause = match is_stranger && cause.is_hangup() {
                    true => Cause::Unwelcome,
                    false => cause,
                };
                return Err(self.lost::<R>(cause));
            }
            Err(_) => {
                let address = self.dial.address.to_string().into();
                let what = Waiting::Answer { api: R::KEY, address };
                return Err(Error::TimedOut {
                    what,
                    after: limit,
                    maybe_written: true,
                    last: None,
                });
            }
        };
        let response = decode::<R::Response>(&body, version)
            .map_err(|error| self.lost::<R>(Cause::Fault(Fault::Decode(error))))?;
        self.muted_until = Instant::now() + throttle::of::<R>(version, &body, &response);
        self.is_broken = false;
        Ok((version, response))
    }

    /// Makes a new connection to the same address for a request.
    async fn renew(&mut self, api: ApiKey) -> Result<(), Error> {
        let mut walk = Walk::default();
        if let Some(contact) = walk.go(self.dial.clone(), self.at).await {
            *self = Self { correlation_id: self.correlation_id, ..contact };
            return Ok(());
        }
        let cause = walk.steps.pop().and_then(|step| step.outcome.err()).unwrap_or(Cause::Closed);
        let address = self.dial.address.to_string().into();
        Err(Error::Disconnected { address, api: Some(api), maybe_written: false, cause })
    }

    /// What came of a request that was sent, and not answered as it should be.
    fn lost<R: Request>(&self, cause: Cause) -> Error {
        let (address, api) = (self.dial.address.to_string().into(), Some(R::KEY));
        match cause {
            Cause::Fault(fault) => Error::NotKafka { from: address, fault },
            cause => Error::Disconnected { address, api, maybe_written: true, cause },
        }
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact").field("address", &self.dial.address).finish_non_exhaustive()
    }
}

/// Those of the handshake and the login are lower.
const FIRST_CORRELATION_ID: i32 = 1 << 10;
