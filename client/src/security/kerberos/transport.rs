//! Asks the KDCs of a realm, and the addresses of each: one after the other, and the next beside a
//! silent one.

use std::io;
use std::net::SocketAddr;

use kurier_auth::kerberos::{Error as KerberosError, Kdc, Transport, is_too_big, unusable_reply};
use kurier_env::{Env, Io};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::super::first_answer::{ADDRESSES_MAX, HEDGE_AFTER, first_answer};
use super::failure::attempt;
use crate::error::Attempt;

/// One way to reach a KDC.
#[derive(Clone, Debug)]
pub(super) struct Way {
    host: Box<str>,
    port: u16,
    by: By,
    /// Which of its addresses has answered before: it is asked first.
    address: Option<SocketAddr>,
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
            some.map(move |kdc| Self { host: kdc.host.clone(), port: kdc.port, by, address: None })
        };
        match first {
            By::Tcp => by(By::Tcp, Transport::Udp).chain(by(By::Udp, Transport::Tcp)).collect(),
            By::Udp => by(By::Udp, Transport::Tcp).chain(by(By::Tcp, Transport::Udp)).collect(),
        }
    }

    /// Whether both lead to the same KDC by the same transport.
    pub(super) fn is(&self, other: &Self) -> bool {
        (&self.host, self.port, self.by) == (&other.host, other.port, other.by)
    }

    /// Asks the addresses of the name. Returns the one that answered.
    async fn ask(&self, env: &Env, request: &[u8]) -> io::Result<(Vec<u8>, SocketAddr)> {
        let mut addresses = env.net().resolve(&self.host, self.port).await?;
        addresses.sort_by_key(|address| Some(*address) != self.address);
        addresses.truncate(ADDRESSES_MAX);
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        let ask = |address: &SocketAddr| ask_address(env, self.by, *address, request);
        match first_answer(&addresses, ask, |_, error| last = error).await {
            Some((address, answer)) => Ok((answer, *address)),
            None => Err(last),
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = if self.by == By::Tcp { "tcp" } else { "udp" };
        write!(f, "{by}/{}:{}", self.host, self.port)
    }
}

/// Asks by one way after the other until there is an answer. Returns the way that led to it.
pub(super) async fn ask(
    env: &Env,
    ways: &[Way],
    request: &[u8],
    deadline: Instant,
) -> Result<(Vec<u8>, Way), Box<[Attempt]>> {
    let mut tried = Vec::new();
    let note = |way: &Way, error| tried.push(attempt(&way.to_string(), error));
    let answer = first_answer(ways, |way| way.ask(env, request), note);
    match timeout_at(deadline, answer).await {
        Ok(Some((way, (answer, address)))) => {
            Ok((answer, Way { address: Some(address), ..way.clone() }))
        }
        Ok(None) => Err(tried.into()),
        Err(_) => {
            let late = ways
                .iter()
                .map(Way::to_string)
                .filter(|way| !tried.iter().any(|t: &Attempt| t.address.ends_with(way.as_str())));
            let silent = || io::Error::new(io::ErrorKind::TimedOut, "no answer");
            let late: Vec<_> = late.map(|way| attempt(&way, silent())).collect();
            tried.extend(late);
            Err(tried.into())
        }
    }
}

async fn ask_address(
    env: &Env,
    by: By,
    address: SocketAddr,
    request: &[u8],
) -> io::Result<Vec<u8>> {
    let answer = match by {
        By::Tcp => by_stream(env, address, request).await?,
        By::Udp => match by_datagram(env, address, request).await? {
            answer if is_too_big(&answer) => by_stream(env, address, request).await?,
            answer => answer,
        },
    };
    match unusable_reply(&answer) {
        None => Ok(answer),
        Some(problem) => Err(io::Error::other(problem)),
    }
}

async fn by_stream(env: &Env, address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
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

async fn by_datagram(env: &Env, address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let socket = env.net().datagram(address).await?;
    for _ in 0..DATAGRAMS_MAX {
        socket.send(request).await?;
        let answer = async {
            loop {
                let answer = socket.receive(DATAGRAM_BYTES_MAX).await?;
                // Whatever strays here is no answer.
                if !matches!(unusable_reply(&answer), Some(KerberosError::Malformed { .. })) {
                    return Ok(answer);
                }
            }
        };
        if let Ok(answer) = timeout(HEDGE_AFTER, answer).await {
            return answer;
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"))
}

/// The longest answer.
const REPLY_BYTES_MAX: u32 = 1 << 20;
/// The longest datagram.
const DATAGRAM_BYTES_MAX: usize = 1 << 16;
/// How often a datagram is sent before it is given up.
const DATAGRAMS_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::world;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_claims_more_than_a_megabyte_is_refused_at_its_length() {
        let address = SocketAddr::from(([10, 0, 0, 3], 88));
        for claimed in [REPLY_BYTES_MAX + 1, 1 << 31, u32::MAX] {
            let (env, mut brokers) = world(1 << 10);
            let asked = tokio::spawn(async move { by_stream(&env, address, b"who?").await });
            let mut far = brokers.accept().await;
            far.stream.write_u32(claimed).await.unwrap();
            let error = asked.await.unwrap().unwrap_err();
            assert!(error.to_string().contains(&format!("claims {claimed} bytes")), "{error}");
        }
    }
}
