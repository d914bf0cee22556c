//! Asks the KDCs of a realm: one after the other, and the next beside a silent one.

use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kurier_auth::kerberos::{Kdc, Transport, is_too_big};
use kurier_env::{Env, Io};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

use super::failure::attempt;
use crate::error::Attempt;

/// One way to reach a KDC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    host: Box<str>,
    port: u16,
    by: By,
}

/// By streams or by datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Tcp,
    Udp,
}

impl Way {
    /// The ways to the KDCs of a realm: all of one kind before all of the other.
    pub(super) fn all(kdcs: &[Kdc], first: By) -> Vec<Self> {
        let by = |by: By, except: Transport| {
            let some = kdcs.iter().filter(move |kdc| kdc.transport != except);
            some.map(move |kdc| Self { host: kdc.host.clone(), port: kdc.port, by })
        };
        match first {
            By::Tcp => by(By::Tcp, Transport::Udp).chain(by(By::Udp, Transport::Tcp)).collect(),
            By::Udp => by(By::Udp, Transport::Tcp).chain(by(By::Tcp, Transport::Udp)).collect(),
        }
    }

    async fn ask(&self, env: &Env, request: &[u8]) -> io::Result<Vec<u8>> {
        let addresses = env.net().resolve(&self.host, self.port).await?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            let answer = match self.by {
                By::Tcp => by_stream(env, address, request).await,
                By::Udp => match by_datagram(env, address, request).await {
                    Ok(answer) if is_too_big(&answer) => by_stream(env, address, request).await,
                    other => other,
                },
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = if self.by == By::Tcp { "tcp" } else { "udp" };
        write!(f, "{by}/{}:{}", self.host, self.port)
    }
}

/// Asks by one way after the other until there is an answer: the next one begins when the one
/// before has failed, or has been silent for a second. Returns the way that led to it.
pub(super) async fn ask(
    env: &Env,
    ways: &[Way],
    request: &[u8],
    deadline: Instant,
) -> Result<(Vec<u8>, Way), Box<[Attempt]>> {
    let mut tried = Vec::new();
    let mut running = FuturesUnordered::new();
    let mut rest = ways.iter();
    let mut next_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some((way, answer)) = running.next(), if !running.is_empty() => {
                match answer {
                    Ok(answer) => return Ok((answer, Way::clone(way))),
                    Err(error) => {
                        tried.push(attempt(&way.to_string(), error));
                        next_at = Instant::now();
                    }
                }
            }
            () = sleep_until(next_at), if rest.len() > 0 => {
                running.extend(rest.next().map(|way| async move {
                    (way, way.ask(env, request).await)
                }));
                next_at = Instant::now() + HEDGE_AFTER;
            }
            () = sleep_until(deadline), if !running.is_empty() => {
                let late = ways.iter().map(Way::to_string).filter(|way| {
                    !tried.iter().any(|t: &Attempt| t.address.ends_with(way.as_str()))
                });
                let silent = || io::Error::new(io::ErrorKind::TimedOut, "no answer");
                let late: Vec<_> = late.map(|way| attempt(&way, silent())).collect();
                tried.extend(late);
                return Err(tried.into());
            }
            else => return Err(tried.into()),
        }
    }
}

async fn by_stream(
    env: &Env,
    address: std::net::SocketAddr,
    request: &[u8],
) -> io::Result<Vec<u8>> {
    let mut stream: Box<dyn Io> = env.net().connect(address).await?;
    let length = u32::try_from(request.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), request].concat()).await?;
    stream.flush().await?;
    let length = stream.read_u32().await?;
    if length > REPLY_BYTES_MAX {
        let what = format!("its answer claims {length} bytes, and {REPLY_BYTES_MAX} is the limit");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    let mut answer = Vec::new();
    let read = stream.take(length.into()).read_to_end(&mut answer).await?;
    match u32::try_from(read) == Ok(length) {
        true => Ok(answer),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

async fn by_datagram(
    env: &Env,
    address: std::net::SocketAddr,
    request: &[u8],
) -> io::Result<Vec<u8>> {
    let socket = env.net().datagram(address).await?;
    for _ in 0..DATAGRAMS_MAX {
        socket.send(request).await?;
        if let Ok(answer) = timeout(HEDGE_AFTER, socket.receive(DATAGRAM_BYTES_MAX)).await {
            return answer;
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"))
}

/// How long one KDC may be silent before the next is asked as well.
const HEDGE_AFTER: Duration = Duration::from_secs(1);
/// The longest answer.
const REPLY_BYTES_MAX: u32 = 1 << 20;
/// The longest datagram.
const DATAGRAM_BYTES_MAX: usize = 1 << 16;
/// How often a datagram is sent before it is given up.
const DATAGRAMS_MAX: usize = 3;
