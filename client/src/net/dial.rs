//! Makes a connection: name to addresses, address to stream, stream to a broker's ranges.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kurier_env::{Env, Io};
use kurier_protocol::{ErrorCode, Request, decode, frame};
use tokio::time::{Instant, timeout};

use super::address::Address;
use super::authenticator::{Authenticator, Wire};
use super::frames::{FrameLimits, Frames};
use super::handshake::{Handshake, Identity, Step};
use super::login::carrier;
use super::pool::Pool;
use super::ranges::Ranges;
use super::track::{Milestone, Track};
use crate::config::ClientConfig;
use crate::error::{Attempt, Cause, Error, Fault, LoginFault, TlsFault};
use crate::metrics::{ConnectionMeter, OpenConnection};
use crate::security::Sasl;
#[cfg(feature = "tls")]
use crate::security::tls::{Connector, Secured};

/// What it takes to connect to one broker.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub(super) env: Env,
    pub(super) config: Arc<ClientConfig>,
    pub(super) pool: Pool,
    pub(super) address: Address,
    /// Who shall be there, if that can be told.
    pub(super) identity: Option<Identity>,
    pub(super) meter: ConnectionMeter,
    pub(super) track: Arc<Track>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Connector>,
}

/// A connection that can be used.
pub(super) struct Opened {
    pub(super) frames: Frames<Box<dyn Io>>,
    pub(super) open: OpenConnection,
    pub(super) ranges: Ranges,
    /// How long the broker asked to be left alone.
    pub(super) wait: Duration,
    /// How long the login lasts, if not for ever.
    pub(super) lifetime: Option<Duration>,
}

impl Dial {
    /// Tries every address of the host in turn (KIP-302). The look-up of the name may take so long,
    /// and for each address so may all before the login, and the login.
    pub(super) async fn open(&self, limit: Duration) -> Result<Opened, Error> {
        let addresses = self.resolve(limit).await.map_err(|cause| self.unreachable(cause))?;
        let mut tried = Vec::new();
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            let late = |_| Err(self.late(limit));
            let opened = match timeout(limit, self.open_at(address)).await.unwrap_or_else(late) {
                Ok(opened) => self.log_in(opened, limit).await,
                Err(cause) => Err(cause),
            };
            self.note_login(&opened);
            match opened {
                Ok(opened) => return Ok(opened),
                Err(cause) if cause.is_refused_login() => return Err(self.unreachable(cause)),
                Err(cause) => tried.push((address, cause)),
            }
        }
        Err(self.all_failed(tried))
    }

    /// The addresses of the host that may be used.
    pub(super) async fn resolve(&self, limit: Duration) -> Result<Vec<SocketAddr>, Cause> {
        self.track.reach(Milestone::Addresses);
        let found = self.env.net().resolve(&self.address.host, self.address.port);
        let found = timeout(limit, found).await.map_err(|_| self.late(limit))?;
        let mut addresses = found.map_err(|error| Cause::Resolve(Arc::new(error)))?;
        addresses.retain(|address| self.config.dial.address_family.contains(address.ip()));
        if addresses.is_empty() {
            let problem = "its name has no address of the family that broker.address.family names";
            let error = io::Error::new(io::ErrorKind::NotFound, problem);
            return Err(Cause::Resolve(Arc::new(error)));
        }
        Ok(addresses)
    }

    async fn open_at(&self, address: SocketAddr) -> Result<Opened, Cause> {
        let stream = self.connect(address).await?;
        let open = self.meter.opened();
        let (stream, _) = self.secure(stream).await?;
        self.greet(stream, open).await
    }

    pub(super) async fn connect(&self, address: SocketAddr) -> Result<Box<dyn Io>, Cause> {
        self.track.reach(Milestone::Stream);
        let connecting = self.env.net().connect_with(address, self.config.dial.socket);
        connecting.await.map_err(Cause::io)
    }

    /// Asks what the broker speaks.
    pub(super) async fn greet(
        &self,
        stream: Box<dyn Io>,
        open: OpenConnection,
    ) -> Result<Opened, Cause> {
        self.track.reach(Milestone::Versions);
        let mut frames = Frames::new(stream, self.pool.clone());
        let mut handshake = Handshake::new(self.identity.clone());
        let mut correlation_id = 0;
        loop {
            let (request, version) = handshake.poll_request();
            let bytes_max = HANDSHAKE_BYTES_MAX;
            let mut line = Line { dial: self, frames: &mut frames, correlation_id, bytes_max };
            let answer = line.ask(&request, version).await;
            correlation_id = line.correlation_id;
            match handshake.handle_response(&answer.map_err(while_new)?)? {
                Step::Done(ranges, wait) => {
                    return Ok(Opened { frames, open, ranges, wait, lifetime: None });
                }
                Step::Ask => {}
            }
        }
    }

    /// Encrypts the stream, if that is wanted. When the broker's certificate ends, if it has one,
    /// in seconds since 1970.
    #[cfg(feature = "tls")]
    pub(super) async fn secure(
        &self,
        stream: Box<dyn Io>,
    ) -> Result<(Box<dyn Io>, Option<u64>), Cause> {
        let Some(tls) = &self.tls else { return Ok((stream, None)) };
        self.track.reach(Milestone::Encryption);
        let Secured { stream, certificate_end } = tls.secure(&self.address.host, stream).await?;
        Ok((stream, certificate_end))
    }

    #[cfg(not(feature = "tls"))]
    pub(super) async fn secure(
        &self,
        stream: Box<dyn Io>,
    ) -> Result<(Box<dyn Io>, Option<u64>), Cause> {
        Ok((stream, None))
    }

    #[cfg(not(feature = "tls"))]
    pub(super) fn encrypts(&self) -> bool {
        false
    }

    /// Whether connections are encrypted.
    #[cfg(feature = "tls")]
    pub(super) fn encrypts(&self) -> bool {
        self.tls.is_some()
    }

    /// Logs in, if that is wanted, within a time of its own: a ticket may have to be fetched.
    pub(super) async fn log_in(
        &self,
        mut opened: Opened,
        limit: Duration,
    ) -> Result<Opened, Cause> {
        let Some(sasl) = &self.config.sasl else { return Ok(opened) };
        let authenticator = self.authenticator(sasl, &self.track);
        let carrier =
            carrier(&opened.ranges).ok_or_else(|| authenticator.failed(LoginFault::NotWanted))?;
        let frames = &mut opened.frames;
        let mut line = LoginLine {
            line: Line {
                dial: self,
                frames,
                correlation_id: LOGIN_CORRELATION_ID,
                bytes_max: HANDSHAKE_BYTES_MAX,
            },
            ranges: &opened.ranges,
        };
        let login = timeout(limit, authenticator.log_in(&mut line, carrier)).await;
        opened.lifetime = login.map_err(|_| authenticator.late(limit))??;
        let (address, mechanism, user) = (&self.address, sasl.name(), sasl.user());
        tracing::debug!(%address, mechanism, user, lifetime = ?opened.lifetime, "logged in");
        Ok(opened)
    }

    pub(super) fn authenticator<'a>(
        &'a self,
        sasl: &'a Sasl,
        track: &'a Track,
    ) -> Authenticator<'a> {
        Authenticator { env: &self.env, sasl, host: &self.address.host, track }
    }

    /// Why there is no connection yet, for whoever has waited for it so long.
    pub(super) fn late(&self, after: Duration) -> Cause {
        match (self.track.at(), &self.config.sasl) {
            (Milestone::Addresses, _) => Cause::unresolved(after),
            (Milestone::Encryption, _) => TlsFault::TimedOut(after).into(),
            (Milestone::Credentials | Milestone::Login, Some(sasl)) => {
                self.authenticator(sasl, &self.track).late(after)
            }
            (Milestone::Versions, _) => Cause::Mute(after),
            _ => Cause::SetupTimedOut(after),
        }
    }

    /// Counts logins and handshakes of TLS, where there is any.
    fn note_login(&self, opened: &Result<Opened, Cause>) {
        match opened {
            Ok(_) if self.config.is_guarded() => self.meter.logged_in(),
            Err(Cause::Login(_) | Cause::Tls(_)) => self.meter.login_failed(),
            Ok(_) | Err(_) => {}
        }
    }

    fn unreachable(&self, cause: Cause) -> Error {
        Error::unreachable(self.address.to_string(), cause)
    }

    /// One error for all addresses of the host.
    fn all_failed(&self, tried: Vec<(SocketAddr, Cause)>) -> Error {
        let login = tried.iter().find(|(_, cause)| matches!(cause, Cause::Login(_)));
        if let Some((_, cause)) = login {
            return self.unreachable(cause.clone());
        }
        let fault = tried.iter().find_map(|(_, cause)| match cause {
            Cause::Fault(fault) => Some(fault.clone()),
            _ => None,
        });
        if let Some(fault) = fault {
            return Error::NotKafka { from: self.address.to_string().into(), fault };
        }
        let mut causes = tried.iter().map(|(_, cause)| cause.to_string());
        let first = causes.next().unwrap_or_default();
        if causes.all(|cause| cause == first) {
            let cause = tried.into_iter().next().map(|(_, cause)| cause);
            return self.unreachable(cause.unwrap_or(Cause::NoSuchBroker));
        }
        let attempt = |(address, cause): (SocketAddr, Cause)| Attempt {
            address: format!("{} ({})", self.address, address.ip()).into(),
            cause,
        };
        let tried = tried.into_iter().map(attempt).collect();
        Error::Unreachable { tried, advertised: None }
    }
}

/// A connection on which one request at a time is sent.
pub(super) struct Line<'a> {
    pub(super) dial: &'a Dial,
    pub(super) frames: &'a mut Frames<Box<dyn Io>>,
    /// What the next request carries.
    pub(super) correlation_id: i32,
    /// The longest answer that is accepted.
    pub(super) bytes_max: usize,
}

impl Line<'_> {
    /// Sends a request, and gives the body of its answer.
    pub(super) async fn ask<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<Bytes, Cause> {
        let correlation_id = self.correlation_id;
        self.correlation_id += 1;
        let client_id = Some(self.dial.config.client_id.as_str());
        let segments = frame::request(request, version, correlation_id, client_id)
            .map_err(|error| Cause::Io(Arc::new(io::Error::other(error))))?;
        self.dial.meter.sent(now(), segments.len());
        self.frames.queue(segments);
        poll_fn(|cx| self.frames.poll_flush(cx)).await?;
        let answer = self.frame().await?;
        let (found, body) = frame::open_response(R::KEY, version, &answer)
            .map_err(|error| Cause::Fault(Fault::Decode(error)))?;
        match found == correlation_id {
            true => Ok(body),
            false => Err(Cause::Fault(Fault::Correlation { wanted: Some(correlation_id), found })),
        }
    }

    async fn frame(&mut self) -> Result<Bytes, Cause> {
        let limits = FrameLimits { bytes_max: self.bytes_max, reserve_max: 0 };
        let asked_at = now();
        let frame = poll_fn(|cx| self.frames.poll_frame(cx, limits)).await?;
        let took = now().duration_since(asked_at);
        self.dial.meter.received(now(), 4 + frame.len(), Some(took));
        Ok(frame)
    }
}

/// A connection that is being logged in.
struct LoginLine<'a> {
    line: Line<'a>,
    ranges: &'a Ranges,
}

impl Wire for LoginLine<'_> {
    async fn call<R: Request>(
        &mut self,
        version_max: i16,
        request: R,
    ) -> Result<R::Response, Cause> {
        let version = self.ranges.pick::<R>(&(0..=version_max));
        let version = version.ok_or(Cause::Rejected(ErrorCode::UNSUPPORTED_VERSION))?;
        let body = self.line.ask(&request, version).await?;
        decode(&body, version).map_err(|error| Cause::Fault(Fault::Decode(error)))
    }

    async fn send(&mut self, token: Bytes) -> Result<(), Cause> {
        let length = u32::try_from(token.len()).unwrap_or(u32::MAX);
        self.line.dial.meter.sent(now(), 4 + token.len());
        self.line.frames.queue([Bytes::copy_from_slice(&length.to_be_bytes()), token]);
        poll_fn(|cx| self.line.frames.poll_flush(cx)).await
    }

    async fn receive(&mut self) -> Result<Bytes, Cause> {
        self.line.frame().await
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A broker that hangs up before it has said anything does not want to be spoken to like this.
fn while_new(cause: Cause) -> Cause {
    if cause.is_hangup() { Cause::Refused } else { cause }
}

/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 16;
/// The longest answer before a connection is in use: a stranger may be at the other end.
const HANDSHAKE_BYTES_MAX: usize = 512 << 10;
/// Those of ApiVersions are lower.
const LOGIN_CORRELATION_ID: i32 = 8;
