//! The network as one client sees it: the names of the brokers, and streams to them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use kurier_env::{BoxFuture, Datagram, Io, Net};

use super::event::What;
use super::fabric::Fabric;
use super::link::Side;
use super::names::Answer;
use super::stream::Stream;
use crate::entrance::Entrance;
use crate::fault::ConnectionFate;
use crate::server::{serve, turn_away};
use crate::shared::Shared;
use crate::state::ListenerId;

/// Reaches the brokers of one cluster, and nothing else.
#[derive(Debug)]
pub(crate) struct MemoryNet {
    shared: Arc<Shared>,
    fabric: Arc<Fabric>,
    client: Arc<str>,
}

impl MemoryNet {
    pub(crate) fn new(shared: Arc<Shared>, fabric: Arc<Fabric>, client: &str) -> Self {
        Self { shared, fabric, client: client.into() }
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

    fn broker_called(&self, host: &str) -> Option<i32> {
        self.shared.with(|core, _| {
            let state = &core.state;
            state.broker_ids().find(|&id| {
                state.address(id, ListenerId::MEMORY).is_some_and(|address| address.host == host)
            })
        })
    }

    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let own =
            || self.broker_called(host).map_or(Answer::Missing, |id| Answer::Brokers(vec![id]));
        match self.fabric.name(&self.client, host).unwrap_or_else(own) {
            Answer::Brokers(ids) => Ok(ids.into_iter().map(ip).collect()),
            Answer::Addresses(addresses) => Ok(addresses),
            Answer::Missing => {
                let what = format!("no broker in memory is called {host}");
                Err(io::Error::new(io::ErrorKind::NotFound, what))
            }
            Answer::Hangs => std::future::pending().await,
        }
    }

    async fn open(&self, to: SocketAddr) -> io::Result<Box<dyn Io>> {
        let broker = self.broker_at(to).ok_or(io::ErrorKind::HostUnreachable)?;
        let connection = self.fabric.begin(&self.client, broker);
        // The client's end is there from the start: whoever gives up closes it.
        let client = Stream::new(&self.fabric, &connection, Side::Client);
        let arrived = self.fabric.travel(&connection, Side::Client).await;
        let is_alive = self.shared.with(|core, _| core.state.is_alive(broker));
        let arrived = arrived.is_ok() && is_alive;
        let fate = arrived.then(|| self.shared.connection_fate(broker)).flatten();
        let accepted = arrived && fate != Some(ConnectionFate::Refuse);
        if let Some(fate) = fate.filter(|_| accepted) {
            let server = Stream::new(&self.fabric, &connection, Side::Broker);
            tokio::spawn(turn_away(Arc::clone(&self.shared), broker, fate, server));
        } else if accepted {
            let entrance = Entrance {
                listener: ListenerId::MEMORY,
                #[cfg(feature = "tls")]
                tls: self.shared.security.memory.clone(),
            };
            let server = Stream::new(&self.fabric, &connection, Side::Broker);
            tokio::spawn(serve(Arc::clone(&self.shared), broker, entrance, server));
        }
        self.fabric.travel(&connection, Side::Broker).await?;
        if !accepted {
            self.fabric.record(&connection, || What::Refused);
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        self.fabric.record(&connection, || What::Connected);
        Ok(Box::new(client))
    }
}

impl Net for MemoryNet {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let found = self.look_up(host).await?;
            Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
        })
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        Box::pin(self.open(to))
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
