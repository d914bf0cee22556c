//! A network of hostile brokers, in front of a cluster that is honest.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kurier_env::{BoxFuture, Datagram, Io, Net, Wall};
use kurier_protocol::frame;
use kurier_protocol::header::RequestHeader;
use kurier_testkit::bare::{BareCluster, BareConnection, Reply};
use kurier_testkit::{Builder, TestCluster};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep};

use super::answer::answer;
use super::script::{Act, Script};

/// The brokers. They are where any name leads.
#[derive(Clone, Debug)]
pub(crate) struct Hostile(Arc<Mutex<World>>);

#[derive(Debug)]
struct World {
    cluster: BareCluster,
    script: Script,
    requests: usize,
    now: Instant,
}

/// A wall clock that stands still.
#[derive(Debug)]
pub(crate) struct Noon;

impl Wall for Noon {
    fn millis(&self) -> i64 {
        1_000_000
    }
}

impl Hostile {
    /// Two brokers with the topic `t`.
    pub(super) fn new(script: Script) -> Self {
        Self::of(TestCluster::builder(), script)
    }

    /// The same, of a cluster that is set up in another way.
    pub(crate) fn of(builder: Builder, script: Script) -> Self {
        let now = Instant::now();
        let builder = builder.brokers(2).topic("t", 3);
        let cluster = builder.try_build_bare(now.into_std()).expect("settings that there are");
        Self(Arc::new(Mutex::new(World { cluster, script, requests: 0, now })))
    }

    /// Brokers that are honest from the beginning.
    pub(crate) fn honest() -> Self {
        Self::new(Script::new(&[]))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.world().script.is_over()
    }

    /// From now on they are.
    pub(crate) fn be_honest(&self) {
        self.world().script.end();
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> usize {
        self.world().requests
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a connection to its end.
    async fn serve(self, mut stream: DuplexStream, mut connection: BareConnection) {
        while let Ok(frame) = read_frame(&mut stream).await {
            let (act, honest) = self.world().take(&mut connection, &frame);
            // The tokens of logins at old brokers are in no requests.
            let asked = frame::open_request(&frame).map_or(NO_REQUEST, |(asked, _)| asked);
            if !say(&mut stream, &act, &asked, &honest).await {
                return;
            }
        }
    }

    /// Serves a stream of frames that are no broker's to its end. The script says what becomes of
    /// the honest answers.
    pub(crate) async fn serve_frames(
        self,
        mut stream: DuplexStream,
        mut honest: impl FnMut(&[u8]) -> Vec<u8>,
    ) {
        while let Ok(frame) = read_frame(&mut stream).await {
            let act = {
                let mut world = self.world();
                world.requests += 1;
                world.script.act()
            };
            if !say(&mut stream, &act, &NO_REQUEST, &honest(&frame)).await {
                return;
            }
        }
    }
}

impl World {
    /// What is done with a frame, and what the honest answer is.
    fn take(&mut self, connection: &mut BareConnection, frame: &Bytes) -> (Act, Bytes) {
        let now = Instant::now();
        self.cluster.pass(now - self.now);
        (self.now, self.requests) = (now, self.requests + 1);
        match self.cluster.handle(connection, frame) {
            Reply::Answer(honest) | Reply::Last(honest, _) => (self.script.act(), honest),
            Reply::Silence => (Act::Silence, Bytes::new()),
            // Nothing that is asked here has to wait.
            Reply::Waits(_) | Reply::Closed(_) => (Act::Close, Bytes::new()),
        }
    }
}

impl Net for Hostile {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let found = match host {
            "" => Err(io::ErrorKind::NotFound.into()),
            "broker-2" => Ok(vec![SocketAddr::from(([10, 0, 0, 2], port))]),
            _ => Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))]),
        };
        Box::pin(std::future::ready(found))
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        let broker = if to.ip().to_string().ends_with('2') { 2 } else { 1 };
        let mut world = self.world();
        let connection = world.cluster.connect(broker);
        let opened = match connection.filter(|_| !world.script.refuses()) {
            None => Err(io::ErrorKind::ConnectionRefused.into()),
            Some(connection) => {
                let (near, far) = tokio::io::duplex(PIPE_BYTES);
                tokio::spawn(self.clone().serve(far, connection));
                Ok(Box::new(near) as Box<dyn Io>)
            }
        };
        Box::pin(std::future::ready(opened))
    }

    fn datagram(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }
}

async fn read_frame(stream: &mut DuplexStream) -> io::Result<Bytes> {
    let length = stream.read_u32().await?;
    let mut frame = vec![0; usize::try_from(length).unwrap_or(0).min(FRAME_BYTES_MAX)];
    stream.read_exact(&mut frame).await?;
    Ok(frame.into())
}

/// Says what the act makes of the honest answer. Returns whether the stream goes on.
async fn say(stream: &mut DuplexStream, act: &Act, asked: &RequestHeader, honest: &[u8]) -> bool {
    if let Act::Late(tenths) = act {
        sleep(Duration::from_millis(100) * (*tenths).into()).await;
    }
    let sent = answer(act, asked, honest);
    stream.write_all(&sent.bytes).await.is_ok() && !sent.is_last
}

/// What stands for the header of what has none.
const NO_REQUEST: RequestHeader = RequestHeader {
    request_api_key: -1,
    request_api_version: 0,
    correlation_id: 0,
    client_id: None,
};
/// More than a client sends here.
const FRAME_BYTES_MAX: usize = 1 << 20;
const PIPE_BYTES: usize = 4096;
