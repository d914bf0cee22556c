//! Asks the endpoint for a token, and again after what passes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kurier_auth::oidc::{
    AnswerReader, ClientCredentials, HttpAnswer, IssuedToken, TokenEndpoint, TokenFault,
};
use kurier_env::{Env, Io, Purpose, watch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

use super::super::first_answer::{ADDRESSES_MAX, first_answer};
#[cfg(feature = "tls")]
use super::super::tls::Connector;
use super::failure::{Failure, named};
use super::settings::OidcConfig;
use crate::backoff::Backoff;
use crate::error::{Cause, Error};

/// Where tokens are fetched, and what it takes.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) env: Env,
    pub(super) config: Arc<OidcConfig>,
    pub(super) endpoint: TokenEndpoint,
    pub(super) credentials: ClientCredentials,
    /// Whoever gives up can say what stood in the way.
    pub(super) asked: Arc<watch::Sender<Box<str>>>,
    #[cfg(feature = "tls")]
    pub(super) tls: Connector,
}

impl Source {
    /// Fetches a token. What passes is tried again, as long as the settings say.
    pub(super) async fn fetch(self: Arc<Self>) -> Result<IssuedToken, Failure> {
        let OidcConfig { retry_backoff, retry_backoff_max, .. } = *self.config;
        let mut backoff = Backoff::new(retry_backoff, retry_backoff_max);
        let end = Instant::now() + retry_backoff_max;
        loop {
            let failure = match self.fetch_once().await {
                Ok(token) => {
                    self.asked.send_replace(named(&self.endpoint));
                    return Ok(token);
                }
                Err(failure) => failure,
            };
            self.asked.send_replace(failure.obstacle());
            let (now, error) = (Instant::now(), Error::from(failure.clone()));
            if !error.is_retriable() || now >= end {
                return Err(failure);
            }
            tracing::debug!(%error, "no token yet");
            let wait = backoff.next(self.env.chance(Purpose::Backoff));
            sleep_until(end.min(now + wait)).await;
        }
    }

    async fn fetch_once(&self) -> Result<IssuedToken, Failure> {
        let failed = |cause| Failure::unreachable(&self.endpoint, cause);
        let after = self.config.connect_timeout;
        let stream = within(after, "connection", self.connect()).await.map_err(failed)?;
        let request = self.credentials.request(&self.endpoint);
        let exchange = async { exchange(stream, request.reveal()).await.map_err(Cause::io) };
        let answer = within(self.config.read_timeout, "answer", exchange).await.map_err(failed)?;
        let now = Duration::from_millis(u64::try_from(self.env.wall_millis()).unwrap_or(0));
        let token = answer.and_then(|answer| IssuedToken::read(&answer, &self.credentials, now));
        token.map_err(|fault| Failure::of_answer(&self.endpoint, fault))
    }

    async fn connect(&self) -> Result<Box<dyn Io>, Cause> {
        let (host, net) = (self.endpoint.host(), self.env.net());
        let found = net.resolve(host, self.endpoint.port()).await;
        let mut addresses = found.map_err(|error| Cause::Resolve(Arc::new(error)))?;
        if !self.endpoint.is_encrypted() {
            // The secret stays on this machine, whatever a name service says.
            addresses.retain(|address| address.ip().is_loopback());
        }
        addresses.truncate(ADDRESSES_MAX);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let connected =
            first_answer(&addresses, |address| net.connect(*address), |_, error| last = error);
        let Some((_, stream)) = connected.await else { return Err(Cause::io(last)) };
        #[cfg(feature = "tls")]
        if self.endpoint.is_encrypted() {
            let secured = self.tls.secure(host, stream).await;
            return secured.map(|secured| secured.stream).map_err(Cause::from);
        }
        Ok(stream)
    }
}

/// Sends the request, and reads the answer.
async fn exchange(
    mut stream: Box<dyn Io>,
    request: &str,
) -> io::Result<Result<HttpAnswer, TokenFault>> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let (mut reader, mut piece) = (AnswerReader::default(), vec![0; PIECE_BYTES]);
    loop {
        let count = stream.read(&mut piece).await?;
        match reader.push(piece.get(..count).unwrap_or_default()) {
            Ok(false) if count > 0 => {}
            Ok(_) => return Ok(reader.finish()),
            Err(fault) => return Ok(Err(fault)),
        }
    }
}

async fn within<T>(
    after: Duration,
    what: &str,
    work: impl Future<Output = Result<T, Cause>>,
) -> Result<T, Cause> {
    timeout(after, work).await.unwrap_or_else(|_| {
        let text = format!("no {what} within {} ms", after.as_millis());
        Err(Cause::Io(Arc::new(io::Error::new(io::ErrorKind::TimedOut, text))))
    })
}

/// How much is read at once.
const PIECE_BYTES: usize = 8 << 10;
