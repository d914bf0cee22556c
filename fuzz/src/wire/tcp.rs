//! Connections to this machine, and to no other.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Why an address is not used.
#[derive(Debug, thiserror::Error)]
pub enum NotLoopback {
    /// It is not one of this machine's own. Frames that may crash a broker are for nobody else's.
    #[error("{0} is not a loopback address, and only those are fuzzed")]
    Elsewhere(SocketAddr),
    /// There is no address of this name.
    #[error("{name} has no address")]
    Unknown {
        /// The name.
        name: String,
        /// Why there is none, if that is known.
        source: Option<io::Error>,
    },
}

/// The loopback address of `HOST:PORT`.
///
/// # Errors
///
/// [`NotLoopback`] if any address of the name is another machine's, or there is none.
pub fn loopback(to: &str) -> Result<SocketAddr, NotLoopback> {
    let unknown = |source| NotLoopback::Unknown { name: to.to_owned(), source };
    let all: Vec<_> = to.to_socket_addrs().map_err(|error| unknown(Some(error)))?.collect();
    match all.iter().find(|address| !address.ip().is_loopback()) {
        Some(elsewhere) => Err(NotLoopback::Elsewhere(*elsewhere)),
        // A name with both kinds of addresses has the broker at the older one more often.
        None => all
            .iter()
            .find(|address| address.is_ipv4())
            .or_else(|| all.first())
            .copied()
            .ok_or_else(|| unknown(None)),
    }
}

/// Connects to a loopback address; a read that takes longer than `patience` fails.
///
/// # Errors
///
/// [`NotLoopback::Elsewhere`] if it is another machine's.
pub fn connector(
    to: SocketAddr,
    patience: Duration,
) -> Result<impl FnMut() -> io::Result<TcpStream>, NotLoopback> {
    if !to.ip().is_loopback() {
        return Err(NotLoopback::Elsewhere(to));
    }
    Ok(move || {
        let stream = TcpStream::connect_timeout(&to, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(stream)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_fuzzed() {
        assert_eq!(loopback("127.0.0.1:9092").unwrap(), "127.0.0.1:9092".parse().unwrap());
        assert_eq!(loopback("[::1]:9092").unwrap(), "[::1]:9092".parse().unwrap());
        let error = loopback("192.0.2.1:9092").unwrap_err().to_string();
        assert_eq!(error, "192.0.2.1:9092 is not a loopback address, and only those are fuzzed");
        assert!(connector("192.0.2.1:9092".parse().unwrap(), Duration::from_secs(1)).is_err());
        assert!(matches!(loopback("no port"), Err(NotLoopback::Unknown { .. })));
    }
}
