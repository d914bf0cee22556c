//! The network in memory: the names of the brokers, and streams to them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use kurier_env::{BoxFuture, Datagram, Io, Net};

use crate::entrance::Entrance;
use crate::limits::STREAM_BYTES_MAX;
use crate::server::serve;
use crate::shared::Shared;
use crate::state::ListenerId;

/// Reaches the brokers of one cluster, and nothing else.
#[derive(Debug)]
pub(crate) struct MemoryNet {
    shared: Arc<Shared>,
}

impl MemoryNet {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The broker that has this address.
    fn broker_at(&self, to: SocketAddr) -> Option<i32> {
        self.shared.with(|core, _| {
            let state = &core.state;
            state.broker_ids().find(|&id| {
                let port = state.address(id, ListenerId::MEMORY).map(|address| address.port);
                ip(id) == to.ip() && port == Some(to.port())
            })
        })
    }

    fn open(&self, to: SocketAddr) -> io::Result<Box<dyn Io>> {
        let broker = self.broker_at(to).ok_or(io::ErrorKind::HostUnreachable)?;
        if !self.shared.with(|core, _| core.state.is_alive(broker)) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (client, server) = tokio::io::duplex(STREAM_BYTES_MAX);
        let entrance = Entrance {
            listener: ListenerId::MEMORY,
            #[cfg(feature = "tls")]
            tls: self.shared.security.memory.clone(),
        };
        tokio::spawn(serve(Arc::clone(&self.shared), broker, entrance, server));
        Ok(Box::new(client))
    }
}

impl Net for MemoryNet {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let found = self.shared.with(|core, _| {
            let state = &core.state;
            state.broker_ids().find(|&id| {
                state.address(id, ListenerId::MEMORY).is_some_and(|address| address.host == host)
            })
        });
        let found = found.map(|id| vec![SocketAddr::new(ip(id), port)]).ok_or_else(|| {
            let what = format!("no broker in memory is called {host}");
            io::Error::new(io::ErrorKind::NotFound, what)
        });
        Box::pin(std::future::ready(found))
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        Box::pin(async move { self.open(to) })
    }

    fn datagram(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        let none = Err(io::ErrorKind::Unsupported.into());
        Box::pin(std::future::ready(none))
    }
}

/// The address of a broker: 10.0.0.1 for broker 1.
fn ip(broker: i32) -> IpAddr {
    let [_, high, middle, low] = broker.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, high, middle, low))
}
