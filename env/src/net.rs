//! The network: names to addresses, addresses to streams and datagrams.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, UdpSocket, lookup_host};

use crate::future::BoxFuture;

/// A byte stream both ways, such as a TCP connection.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// How to reach other machines.
pub trait Net: Send + Sync + Debug {
    /// The addresses of a host, in the order in which they should be tried.
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;

    /// Opens a stream to an address. Bounding the time is the caller's task.
    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>>;

    /// Opens a stream as [`connect`](Self::connect) does, with options of its socket. A network
    /// without sockets has none of them.
    fn connect_with(
        &self,
        to: SocketAddr,
        _: SocketOptions,
    ) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        self.connect(to)
    }

    /// Opens a datagram socket to one peer, as Kerberos needs it.
    fn datagram(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>>;
}

/// A datagram socket that talks to one peer.
pub trait Datagram: Send + Sync {
    /// Sends one datagram.
    fn send<'a>(&'a self, datagram: &'a [u8]) -> BoxFuture<'a, io::Result<()>>;

    /// Receives one datagram of at most `bytes_max` bytes; a longer one is cut.
    fn receive(&self, bytes_max: usize) -> BoxFuture<'_, io::Result<Vec<u8>>>;
}

/// Options of a stream's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Whether the system asks a peer that is silent for hours whether it is still there
    /// (`SO_KEEPALIVE`). Default: false.
    pub keepalive: bool,
    /// Whether small pieces are sent at once (`TCP_NODELAY`). Default: true.
    pub no_delay: bool,
    /// Bytes of the system's buffer for what is sent; none leaves it to the system. Default: none.
    pub send_bytes: Option<u32>,
    /// Bytes of the system's buffer for what was received; none leaves it to the system. Default:
    /// none.
    pub receive_bytes: Option<u32>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { keepalive: false, no_delay: true, send_bytes: None, receive_bytes: None }
    }
}

/// The system's resolver and sockets. Streams send without delay (`TCP_NODELAY`) unless told
/// otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealNet;

impl Net for RealNet {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let found: Vec<_> = lookup_host((host, port)).await?.collect();
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
            }
            Ok(found)
        })
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        self.connect_with(to, SocketOptions::default())
    }

    fn connect_with(
        &self,
        to: SocketAddr,
        options: SocketOptions,
    ) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_keepalive(options.keepalive)?;
            socket.set_nodelay(options.no_delay)?;
            // Before connecting, as the window that is offered then cannot be scaled later.
            if let Some(bytes) = options.send_bytes {
                socket.set_send_buffer_size(bytes)?;
            }
            if let Some(bytes) = options.receive_bytes {
                socket.set_recv_buffer_size(bytes)?;
            }
            let stream = socket.connect(to).await?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }

    fn datagram(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        Box::pin(async move {
            let any: SocketAddr =
                if to.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(to).await?;
            Ok(Box::new(socket) as Box<dyn Datagram>)
        })
    }
}

impl Datagram for UdpSocket {
    fn send<'a>(&'a self, datagram: &'a [u8]) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move { self.send(datagram).await.map(drop) })
    }

    fn receive(&self, bytes_max: usize) -> BoxFuture<'_, io::Result<Vec<u8>>> {
        Box::pin(async move {
            let mut buffer = vec![0; bytes_max];
            let length = self.recv(&mut buffer).await?;
            buffer.truncate(length);
            Ok(buffer)
        })
    }
}
