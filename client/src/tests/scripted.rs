//! For tests: a network in memory whose far ends the test plays by hand.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use kurier_env::{BoxFuture, Datagram, Env, Io, Net, Wall};
use kurier_protocol::api::api_versions::{ApiVersion, ApiVersionsResponse};
use kurier_protocol::header::RequestHeader;
use kurier_protocol::{ApiKey, Message, Request, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;

/// Names: `two` has two addresses, `nowhere` has none, `hole` never answers, all else has one.
#[derive(Debug)]
pub(crate) struct ScriptedNet {
    connects: mpsc::UnboundedSender<Far>,
    refused: Mutex<BTreeSet<u16>>,
    pipe_bytes: usize,
}

/// The brokers' side of the network.
pub(crate) struct Brokers {
    connects: mpsc::UnboundedReceiver<Far>,
    pub(crate) net: Arc<ScriptedNet>,
}

/// The broker's end of one connection.
#[derive(Debug)]
pub(crate) struct Far {
    pub(crate) address: SocketAddr,
    pub(crate) stream: DuplexStream,
}

#[derive(Debug)]
struct Noon;

impl Wall for Noon {
    fn millis(&self) -> i64 {
        1_000_000
    }
}

/// A world whose network the test plays. A connection holds this many bytes on their way.
pub(crate) fn world(pipe_bytes: usize) -> (Env, Brokers) {
    let (connects, accepted) = mpsc::unbounded_channel();
    let net = Arc::new(ScriptedNet { connects, refused: Mutex::default(), pipe_bytes });
    let env = Env::simulated(net.clone(), Arc::new(Noon), 7);
    (env, Brokers { connects: accepted, net })
}

impl ScriptedNet {
    /// From now on, nobody listens at this port.
    pub(crate) fn refuse(&self, port: u16) {
        self.refused.lock().unwrap().insert(port);
    }
}

impl Net for ScriptedNet {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let at = |last| SocketAddr::from(([10, 0, 0, last], port));
        let found = match host {
            "two" => Ok(vec![at(1), at(2)]),
            "hole" => Ok(vec![at(99)]),
            "nowhere" => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
            _ => Ok(vec![at(3)]),
        };
        Box::pin(std::future::ready(found))
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        if self.refused.lock().unwrap().contains(&to.port()) || to.ip().to_string() == "10.0.0.1" {
            return Box::pin(std::future::ready(Err(io::ErrorKind::ConnectionRefused.into())));
        }
        if to.ip().to_string() == "10.0.0.99" {
            return Box::pin(std::future::pending());
        }
        let (near, stream) = tokio::io::duplex(self.pipe_bytes);
        let _ = self.connects.send(Far { address: to, stream });
        Box::pin(std::future::ready(Ok(Box::new(near) as Box<dyn Io>)))
    }

    fn datagram(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }
}

impl Brokers {
    /// The next connection that the client makes.
    pub(crate) async fn accept(&mut self) -> Far {
        self.connects.recv().await.expect("the network is there")
    }

    /// Whether the client has made a connection that was not accepted yet.
    pub(crate) fn has_connection(&mut self) -> bool {
        !self.connects.is_empty()
    }

    /// The next connection, ready for requests in these versions.
    pub(crate) async fn accept_ready(&mut self, apis: &[(ApiKey, i16, i16)]) -> Far {
        let mut far = self.accept().await;
        far.shake_hands(apis).await;
        far
    }
}

impl Far {
    pub(crate) async fn read(&mut self) -> (RequestHeader, Bytes) {
        self.try_read().await.expect("a whole request")
    }

    pub(crate) async fn try_read(&mut self) -> io::Result<(RequestHeader, Bytes)> {
        let length = self.stream.read_u32().await?;
        let mut frame = vec![0; length as usize];
        self.stream.read_exact(&mut frame).await?;
        Ok(frame::open_request(&frame.into()).expect("a request"))
    }

    /// Reads a request of a type that is known.
    pub(crate) async fn read_as<R: Request>(&mut self) -> (RequestHeader, R) {
        let (header, body) = self.read().await;
        assert_eq!(header.request_api_key, R::KEY.0);
        let request = kurier_protocol::decode(&body, header.request_api_version).unwrap();
        (header, request)
    }

    pub(crate) async fn answer<M: Message>(&mut self, to: &RequestHeader, response: &M) {
        let key = ApiKey(to.request_api_key);
        let (version, id) = (to.request_api_version, to.correlation_id);
        let segments = frame::response(key, response, version, id).unwrap();
        self.write(&segments.to_bytes()).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn shake_hands(&mut self, apis: &[(ApiKey, i16, i16)]) {
        let (header, _) = self.read().await;
        assert_eq!(header.request_api_key, ApiKey::API_VERSIONS.0);
        self.answer(&header, &api_versions(apis)).await;
    }

    /// Waits until the client has closed the connection; true if nothing came before that.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        rest.is_empty()
    }
}

pub(crate) fn api_versions(apis: &[(ApiKey, i16, i16)]) -> ApiVersionsResponse {
    let api = |(api_key, min_version, max_version): &(ApiKey, i16, i16)| ApiVersion {
        api_key: *api_key,
        min_version: *min_version,
        max_version: *max_version,
    };
    ApiVersionsResponse { api_keys: apis.iter().map(api).collect(), ..Default::default() }
}
