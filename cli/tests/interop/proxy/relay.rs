//! Moves bytes between clients and a broker, as the weather lets them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::course::{Course, Step};
use super::weather::{End, Lane, Weather};

/// A proxy with an address of its own. It and its connections end when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    at: SocketAddr,
    setting: watch::Sender<Setting>,
    /// Has the address also while nobody listens: else another program could be given it.
    _holder: TcpSocket,
    /// Whether it listens.
    listens: watch::Receiver<bool>,
    accepted: Arc<AtomicU64>,
    runtime: Option<Runtime>,
}

/// What a test has set.
#[derive(Clone, Debug)]
struct Setting {
    weather: Weather,
    to: SocketAddr,
    /// Grows with each cut of all connections there are.
    cuts: u64,
    /// What connections below this number carry to the broker stays on its way.
    held: u64,
}

impl Proxy {
    /// Listens at an address of this machine, port 0 for any, for a broker at another one.
    pub(crate) fn start(at: SocketAddr, to: SocketAddr, seed: u64) -> Self {
        assert!(at.ip().is_loopback() && to.ip().is_loopback(), "{at} to {to}");
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let (setting, seen) =
            watch::channel(Setting { weather: Weather::default(), to, cuts: 0, held: 0 });
        let (listening, listens) = watch::channel(false);
        let accepted = Arc::new(AtomicU64::new(0));
        let holder = bound(at).unwrap();
        let at = holder.local_addr().unwrap();
        runtime.spawn(serve(at, (seen, listening), seed, Arc::clone(&accepted)));
        let proxy =
            Self { at, setting, _holder: holder, listens, accepted, runtime: Some(runtime) };
        proxy.set(Weather::default());
        proxy
    }

    /// Where it listens.
    pub(crate) fn at(&self) -> SocketAddr {
        self.at
    }

    /// Changes the weather, for the connections that there are too. Whoever connects from now on
    /// is refused or not as it says.
    pub(crate) fn set(&self, weather: Weather) {
        let is_open = !weather.is_closed;
        self.setting.send_modify(|setting| setting.weather = weather);
        let Some(runtime) = &self.runtime else { return };
        let mut listens = self.listens.clone();
        // Until then the system makes connections for a listener that is about to go.
        runtime.block_on(listens.wait_for(|listens| *listens == is_open)).unwrap();
    }

    /// From now on connections lead to another broker.
    pub(crate) fn lead_to(&self, to: SocketAddr) {
        self.setting.send_modify(|setting| setting.to = to);
    }

    /// Resets all connections that there are.
    pub(crate) fn cut(&self) {
        self.setting.send_modify(|setting| setting.cuts += 1);
    }

    /// What the connections that there are carry to the broker from now on stays on its way, even
    /// if the client gives them up meanwhile; those that are made later are free.
    pub(crate) fn hold(&self) {
        let held = self.accepted();
        self.setting.send_modify(|setting| setting.held = held);
    }

    /// What was held arrives, late.
    pub(crate) fn release(&self) {
        self.setting.send_modify(|setting| setting.held = 0);
    }

    /// How many connections were made.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A socket that has this address, as others of this proxy may, and does not listen yet.
fn bound(at: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.bind(at)?;
    Ok(socket)
}

async fn serve(
    at: SocketAddr,
    (mut seen, listening): (watch::Receiver<Setting>, watch::Sender<bool>),
    seed: u64,
    accepted: Arc<AtomicU64>,
) {
    let mut door = None;
    loop {
        let setting = seen.borrow_and_update().clone();
        match (&door, setting.weather.is_closed) {
            (Some(_), true) => door = None,
            (None, false) => door = Some(bound(at).unwrap().listen(BACKLOG).unwrap()),
            _ => {}
        }
        listening.send_replace(door.is_some());
        let came = async {
            match &door {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = seen.changed() => if changed.is_err() { return },
            came = came => {
                let Ok((client, _)) = came else { continue };
                let number = accepted.fetch_add(1, Ordering::Relaxed);
                let seed = seed ^ (number << 32);
                // As it was when it came: a cut that follows is meant for it too.
                tokio::spawn(connection(client, (setting, seen.clone()), number, seed));
            }
        }
    }
}

const BACKLOG: u32 = 1024;

/// One connection, to its end.
async fn connection(
    client: TcpStream,
    (setting, seen): (Setting, watch::Receiver<Setting>),
    number: u64,
    seed: u64,
) {
    let Setting { weather, to, cuts, .. } = setting;
    let _ = client.set_nodelay(true);
    let Ok(broker) = TcpStream::connect(to).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = broker.set_nodelay(true);
    let ((from_client, to_client), (from_broker, to_broker)) =
        (client.into_split(), broker.into_split());
    let mut requests = Way {
        from: from_client,
        to: to_broker,
        course: Course::new(&weather.requests, seed),
        lane: |weather| &weather.requests,
        number: Some(number),
        seen: seen.clone(),
    };
    let mut answers = Way {
        from: from_broker,
        to: to_client,
        course: Course::new(&weather.answers, !seed),
        lane: |weather| &weather.answers,
        number: None,
        seen: seen.clone(),
    };
    let end = tokio::select! {
        end = requests.go() => end,
        end = answers.go() => end,
        () = cut(seen, cuts) => End::Reset,
    };
    finish(requests, answers, end).await;
}

/// Waits until all connections are cut.
async fn cut(mut seen: watch::Receiver<Setting>, cuts: u64) {
    let _ = seen.wait_for(|setting| setting.cuts > cuts).await;
}

/// Tells both ends how the connection has ended.
async fn finish(mut requests: Way, mut answers: Way, end: End) {
    if end == End::Reset {
        for way in [requests, answers] {
            let _ = way.to.as_ref().set_zero_linger();
            // Dropped, it would end its stream in order first.
            way.to.forget();
        }
        return;
    }
    let _ = (answers.to.shutdown().await, requests.to.shutdown().await);
    // Bytes that nobody has read would make a reset of it.
    let mut rest = [0; 1024];
    let drained = async { while matches!(requests.from.read(&mut rest).await, Ok(1..)) {} };
    let _ = timeout(Duration::from_secs(5), drained).await;
}

/// One direction of a connection.
struct Way {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    course: Course,
    lane: fn(&Weather) -> &Lane,
    /// Of the connection, where it can be held.
    number: Option<u64>,
    seen: watch::Receiver<Setting>,
}

impl Way {
    /// Moves bytes until there are no more.
    async fn go(&mut self) -> End {
        let mut buffer = vec![0; 64 << 10];
        loop {
            if let Some(end) = self.course.is_cut() {
                return end;
            }
            if self.course.is_blocked() || self.is_held() {
                self.change().await;
                continue;
            }
            let read = tokio::select! {
                biased;
                Ok(()) = self.seen.changed() => {
                    self.look();
                    continue;
                }
                read = self.from.read(&mut buffer) => read,
            };
            match read {
                Ok(0) => return End::Finished,
                Ok(bytes) if self.pass(&buffer[..bytes]).await.is_ok() => {}
                _ => return End::Reset,
            }
        }
    }

    fn is_held(&self) -> bool {
        self.number.is_some_and(|number| number < self.seen.borrow().held)
    }

    /// Moves these bytes, or those before a cut.
    async fn pass(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() && self.course.is_cut().is_none() {
            match self.course.step(bytes.len()) {
                Step::Pass(piece, after) => {
                    if !after.is_zero() {
                        sleep(after).await;
                    }
                    let (now, later) = bytes.split_at(piece);
                    self.to.write_all(now).await?;
                    bytes = later;
                }
                Step::Lose => return Ok(()),
                Step::Wait => self.change().await,
            }
            if self.seen.has_changed().unwrap_or(false) {
                self.look();
            }
        }
        Ok(())
    }

    async fn change(&mut self) {
        if self.seen.changed().await.is_err() {
            std::future::pending().await
        }
        self.look();
    }

    fn look(&mut self) {
        self.course.change((self.lane)(&self.seen.borrow_and_update().weather));
    }
}
