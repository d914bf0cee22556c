//! Makes a connection: name to addresses, address to stream, stream to a broker's ranges.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use kurier_env::{Env, Io};
use kurier_protocol::{ApiKey, frame};
use tokio::time::timeout;

use super::address::Address;
use super::frames::{FrameLimits, Frames};
use super::handshake::{Handshake, Step};
use super::pool::Pool;
use super::ranges::Ranges;
use crate::config::ClientConfig;
use crate::error::{Attempt, Cause, Error, Fault};

/// What it takes to connect to one broker.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub(super) env: Env,
    pub(super) config: Arc<ClientConfig>,
    pub(super) pool: Pool,
    pub(super) address: Address,
}

/// A connection that can be used.
pub(super) struct Opened {
    pub(super) frames: Frames<Box<dyn Io>>,
    pub(super) ranges: Ranges,
}

impl Dial {
    /// Tries every address of the host in turn (KIP-302), each for the set-up time.
    pub(super) async fn open(&self) -> Result<Opened, Error> {
        let limit = self.config.connection_setup_timeout;
        let found = self.env.net().resolve(&self.address.host, self.address.port);
        let addresses = match timeout(limit, found).await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(error)) => return Err(self.unreachable(Cause::Resolve(Arc::new(error)))),
            Err(_) => return Err(self.unreachable(Cause::SetupTimedOut(limit))),
        };
        let mut tried = Vec::new();
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            let result = timeout(limit, self.open_at(address)).await;
            match result.unwrap_or(Err(Cause::SetupTimedOut(limit))) {
                Ok(opened) => return Ok(opened),
                Err(cause) => tried.push((address, cause)),
            }
        }
        Err(self.all_failed(tried))
    }

    async fn open_at(&self, address: SocketAddr) -> Result<Opened, Cause> {
        let stream = self.env.net().connect(address).await.map_err(Cause::io)?;
        let mut frames = Frames::new(stream, self.pool.clone());
        let mut handshake = Handshake::new();
        let mut correlation_id = 0;
        loop {
            let answer = self.ask(&mut frames, &handshake, correlation_id).await;
            match handshake.handle_response(&answer.map_err(while_new)?)? {
                Step::Done(ranges) => return Ok(Opened { frames, ranges }),
                Step::Ask => correlation_id += 1,
            }
        }
    }

    async fn ask(
        &self,
        frames: &mut Frames<Box<dyn Io>>,
        handshake: &Handshake,
        correlation_id: i32,
    ) -> Result<Bytes, Cause> {
        let (request, version) = handshake.poll_request();
        let client_id = Some(self.config.client_id.as_str());
        let segments = frame::request(&request, version, correlation_id, client_id)
            .map_err(|error| Cause::Io(Arc::new(io::Error::other(error))))?;
        frames.queue(segments);
        poll_fn(|cx| frames.poll_flush(cx)).await?;
        let limits = FrameLimits { bytes_max: HANDSHAKE_BYTES_MAX, reserve_max: 0 };
        let answer = poll_fn(|cx| frames.poll_frame(cx, limits)).await?;
        let (found, body) = frame::open_response(ApiKey::API_VERSIONS, version, &answer)
            .map_err(|error| Cause::Fault(Fault::Decode(error)))?;
        match found == correlation_id {
            true => Ok(body),
            false => Err(Cause::Fault(Fault::Correlation { wanted: Some(correlation_id), found })),
        }
    }

    fn unreachable(&self, cause: Cause) -> Error {
        Error::unreachable(self.address.to_string(), cause)
    }

    /// One error for all addresses of the host.
    fn all_failed(&self, tried: Vec<(SocketAddr, Cause)>) -> Error {
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
        Error::Unreachable { tried: tried.into_iter().map(attempt).collect() }
    }
}

/// A broker that hangs up before it has said anything does not want to be spoken to like this.
fn while_new(cause: Cause) -> Cause {
    match cause {
        Cause::Closed => Cause::Refused,
        Cause::Io(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            ) =>
        {
            Cause::Refused
        }
        other => other,
    }
}

/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 16;
/// The longest answer before a connection is in use: a stranger may be at the other end.
const HANDSHAKE_BYTES_MAX: usize = 512 << 10;
