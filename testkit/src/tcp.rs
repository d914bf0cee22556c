//! TCP in front of the brokers, for clients in any language.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::entrance::Entrance;
use crate::error::ListenError;
use crate::fault::ConnectionFate;
use crate::server::{serve, turn_away};
use crate::shared::{Power, Shared};
use crate::state::{Address, Advertised};

/// TCP ports that lead to the brokers of a cluster. Dropping it closes the ports and all
/// connections that came through them; the cluster itself lives on.
#[derive(Debug)]
pub struct TcpCluster {
    listening: Vec<Address>,
    advertised: Vec<Address>,
    tasks: JoinSet<()>,
}

impl TcpCluster {
    /// Where clients are told to find the brokers, as `host:port`, by broker id: what a client
    /// calls `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap(&self) -> Vec<String> {
        self.advertised.iter().map(Address::to_string).collect()
    }

    /// Where the brokers listen, as `host:port`, by broker id: the same, unless something else is
    /// [advertised](crate::Builder::advertised_host).
    #[must_use]
    pub fn listening(&self) -> Vec<String> {
        self.listening.iter().map(Address::to_string).collect()
    }

    /// Closes the ports and all connections, and waits until that is done.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes everything as well, and does not wait.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Opens a port for each broker: free ones if `port` is 0, else `port` and those after it.
///
/// # Errors
///
/// A port cannot be opened, or none can be told to clients.
pub(crate) async fn listen(
    shared: &Arc<Shared>,
    host: &str,
    port: u16,
) -> Result<TcpCluster, ListenError> {
    let failed = |port: u32, source| ListenError { address: at(host, port), source };
    let (brokers, told) = shared.with(|core, _| {
        let brokers: Vec<i32> = core.state.broker_ids().collect();
        (brokers, core.state.settings.advertised.clone())
    });
    let mut listeners = Vec::new();
    let (mut listening, mut advertised) = (Vec::new(), BTreeMap::new());
    for (&broker, step) in brokers.iter().zip(0u16..) {
        let wanted = if port == 0 { 0 } else { u32::from(port) + u32::from(step) };
        let failed = |source| failed(wanted, source);
        let bound = u16::try_from(wanted).map_err(|_| io::ErrorKind::InvalidInput.into());
        let listener = TcpListener::bind((host, bound.map_err(failed)?)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let here = Address { host: reachable(host), port };
        advertised.insert(broker, instead(&here, &told, step)?);
        listening.push(here);
        listeners.push((broker, listener, port));
    }
    #[cfg(feature = "tls")]
    let tls = match &shared.security.tls {
        Some(tls) => {
            let door = tls.door(&hosts(host, &told)).map_err(io::Error::other);
            Some(door.map_err(|source| failed(port.into(), source))?)
        }
        None => None,
    };
    let entrance = Entrance {
        listener: shared.with(|core, _| core.state.add_listener(advertised.clone())),
        #[cfg(feature = "tls")]
        tls,
    };
    let mut tasks = JoinSet::new();
    for (broker, listener, port) in listeners {
        let entrance = entrance.clone();
        let door =
            Door { shared: Arc::clone(shared), broker, entrance, host: host.to_owned(), port };
        tasks.spawn(door.run(listener));
    }
    Ok(TcpCluster { listening, advertised: advertised.into_values().collect(), tasks })
}

/// What clients are told of the broker that listens here, `step` places after the first one.
fn instead(here: &Address, told: &Advertised, step: u16) -> Result<Address, ListenError> {
    let host = told.host.as_deref().unwrap_or(&here.host);
    let wanted = match told.port {
        Some(first) => u32::from(first) + u32::from(step),
        None => u32::from(here.port),
    };
    let port = u16::try_from(wanted).map_err(|_| ListenError {
        address: at(host, wanted),
        source: io::ErrorKind::InvalidInput.into(),
    })?;
    Ok(Address { host: host.to_owned(), port })
}

/// A place to listen, as `host:port`.
fn at(host: &str, port: u32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The port of one broker.
struct Door {
    shared: Arc<Shared>,
    broker: i32,
    entrance: Entrance,
    host: String,
    port: u16,
}

impl Door {
    /// Takes connections while the broker is up; while it is down the port is closed.
    async fn run(self, listener: TcpListener) {
        let Some(mut life) = self.shared.life(self.broker) else { return };
        let mut listener = Some(listener);
        let mut connections = JoinSet::new();
        loop {
            if life.borrow_and_update().power == Power::Off {
                listener = None;
            } else if listener.is_none() {
                listener = self.reopen().await;
            }
            tokio::select! {
                biased;
                changed = life.changed() => if changed.is_err() { return },
                stream = accept(listener.as_ref()) => {
                    let shared = Arc::clone(&self.shared);
                    let entrance = self.entrance.clone();
                    match shared.connection_fate(self.broker) {
                        None => connections.spawn(serve(shared, self.broker, entrance, stream)),
                        Some(fate) => {
                            if fate == ConnectionFate::Refuse {
                                reset(&stream);
                            }
                            connections.spawn(turn_away(shared, self.broker, fate, stream))
                        }
                    };
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }

    /// Opens the port again, as soon as nobody else has it.
    async fn reopen(&self) -> Option<TcpListener> {
        loop {
            match TcpListener::bind((self.host.as_str(), self.port)).await {
                Ok(listener) => return Some(listener),
                Err(error) => {
                    let (broker, port) = (self.broker, self.port);
                    tracing::warn!(broker, port, "cannot listen again yet: {error}");
                    sleep(RETRY_AFTER).await;
                }
            }
        }
    }
}

/// The next connection; never, without a listener.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it an answer may wait 40 ms for the acknowledgement of the one before.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!("no TCP_NODELAY: {error}");
                }
                return stream;
            }
            // The process is out of file descriptors, or the client has gone already.
            Err(error) => {
                tracing::warn!("cannot accept: {error}");
                sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Lets the connection end with a reset, as one that nobody takes does.
fn reset(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!("no reset: {error}");
    }
}

/// What clients are told for an address that stands for all of the machine's.
fn reachable(host: &str) -> String {
    let is_any = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    if is_any { "localhost".to_owned() } else { host.to_owned() }
}

/// What the brokers' certificate is for: every name of this machine, and those that were given.
#[cfg(feature = "tls")]
fn hosts(host: &str, told: &Advertised) -> Vec<String> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
    for host in [Some(host), told.host.as_deref()].into_iter().flatten() {
        if !hosts.iter().any(|known| known == host) {
            hosts.push(host.to_owned());
        }
    }
    hosts
}

/// How long to wait after the system refused something.
const RETRY_AFTER: Duration = Duration::from_millis(100);
