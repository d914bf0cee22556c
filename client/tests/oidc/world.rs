//! A token endpoint in memory, beside the brokers of a cluster in memory.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kurier_env::{BoxFuture, Datagram, Env, Io, Net};
use kurier_testkit::TestCluster;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

/// What the endpoint answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// This, as it is.
    Text(String),
    /// This, a byte each so often.
    Drip(String, Duration),
    /// Nothing; the connection stays.
    Silence,
    /// The connection is refused.
    Refusal,
}

impl Reply {
    pub(crate) fn of(status: u16, body: &str) -> Self {
        let length = body.len();
        Self::Text(format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}"))
    }

    pub(crate) fn token(token: &str, seconds: u64) -> Self {
        let body = format!(r#"{{"access_token":"{token}","expires_in":{seconds}}}"#);
        Self::of(200, &body)
    }
}

/// The endpoint, at each of its addresses but those that are silent.
#[derive(Debug)]
pub(crate) struct World {
    brokers: Env,
    /// What the host of the endpoint stands for.
    addresses: Vec<IpAddr>,
    silent: Option<IpAddr>,
    /// What comes next; the last one comes again and again.
    replies: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<String>>,
    begun: Instant,
}

/// Where the endpoint listens; 8443 is for TLS.
const PORTS: [u16; 2] = [8080, 8443];

impl World {
    pub(crate) fn new(
        cluster: &TestCluster,
        replies: impl IntoIterator<Item = Reply>,
    ) -> Arc<Self> {
        Self::at(cluster, &["127.0.0.1"], None, replies)
    }

    pub(crate) fn at(
        cluster: &TestCluster,
        addresses: &[&str],
        silent: Option<&str>,
        replies: impl IntoIterator<Item = Reply>,
    ) -> Arc<Self> {
        Arc::new(Self {
            brokers: cluster.env(1),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            silent: silent.map(|address| address.parse().unwrap()),
            replies: Mutex::new(replies.into_iter().collect()),
            requests: Mutex::default(),
            begun: Instant::now(),
        })
    }

    pub(crate) fn env(self: &Arc<Self>) -> Env {
        self.brokers.clone().with_net(Arc::new(Shared(Arc::clone(self))))
    }

    pub(crate) fn then(&self, replies: impl IntoIterator<Item = Reply>) {
        *self.replies.lock().unwrap() = replies.into_iter().collect();
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(crate) fn brokers(&self) -> &Env {
        &self.brokers
    }

    fn reply(&self) -> Reply {
        let mut replies = self.replies.lock().unwrap();
        match replies.len() {
            0 => Reply::Refusal,
            1 => replies[0].clone(),
            _ => replies.pop_front().unwrap(),
        }
    }
}

#[derive(Debug)]
struct Shared(Arc<World>);

impl Net for Shared {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        if !PORTS.contains(&port) {
            return self.0.brokers.net().resolve(host, port);
        }
        let found = self.0.addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        if !PORTS.contains(&to.port()) {
            return self.0.brokers.net().connect(to);
        }
        Box::pin(async move {
            if self.0.silent == Some(to.ip()) {
                return std::future::pending().await;
            }
            let reply = self.0.reply();
            if matches!(reply, Reply::Refusal) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (near, far) = tokio::io::duplex(1 << 16);
            let world = Arc::clone(&self.0);
            tokio::spawn(async move {
                let far: Box<dyn Io> = match to.port() {
                    8443 => crate::encrypted(Box::new(far)).await?,
                    _ => Box::new(far),
                };
                serve(&world, far, reply).await
            });
            Ok(Box::new(near) as Box<dyn Io>)
        })
    }

    fn datagram(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        self.0.brokers.net().datagram(to)
    }
}

async fn serve(world: &World, mut stream: Box<dyn Io>, reply: Reply) -> io::Result<()> {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).await?;
        request.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        if body.len() == length.unwrap().parse::<usize>().unwrap() {
            break;
        }
    }
    world.requests.lock().unwrap().push(String::from_utf8(request).unwrap());
    match reply {
        Reply::Text(text) => stream.write_all(text.as_bytes()).await?,
        Reply::Drip(text, pause) => {
            for byte in text.bytes() {
                stream.write_all(&[byte]).await?;
                sleep(pause).await;
            }
        }
        Reply::Silence | Reply::Refusal => std::future::pending().await,
    }
    stream.shutdown().await
}
