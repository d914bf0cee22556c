//! Brokers by id and class: the table of connections, and calls into it.

use std::collections::BTreeMap;
use std::future::ready;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::Either;
use kurier_env::{Env, watch};
use kurier_protocol::Request;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::address::Address;
use super::class::Class;
use super::connection::{Connection, Ends, State};
use super::dial::Dial;
use super::exchange::{Command, Limit};
use super::handshake::Identity;
use super::outage::Outage;
use super::pool::Pool;
use super::ranges::Ranges;
#[cfg(test)]
use super::standing::Phase;
use super::standing::{Seen, Standing};
use super::typed::{Answer, Typed};
use crate::config::ClientConfig;
use crate::error::{Error, Waiting};
use crate::metrics::{Metrics, Node};
#[cfg(feature = "tls")]
use crate::security::tls::Connector;

/// Whom a connection leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Peer {
    /// The nth of the bootstrap servers.
    Bootstrap(usize),
    /// The broker with this id.
    Broker(i32),
}

impl Peer {
    fn node(self) -> Node {
        match self {
            Self::Bootstrap(nth) => Node::Bootstrap(nth),
            Self::Broker(id) => Node::Broker(id),
        }
    }
}

/// Which connection a request takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route<'a> {
    pub(crate) peer: Peer,
    pub(crate) class: Class,
    /// Where the peer is said to be now.
    pub(crate) address: &'a Address,
    /// The cluster that it is said to belong to.
    pub(crate) cluster_id: Option<&'a str>,
    /// How long the answer may take.
    pub(crate) timeout: Duration,
    /// When what has not been sent is not to be sent any more, if that is earlier.
    pub(crate) end: Option<Instant>,
}

/// All connections of a client. Cloning shares them.
#[derive(Clone, Debug)]
pub(crate) struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    env: Env,
    config: Arc<ClientConfig>,
    #[cfg(feature = "tls")]
    tls: Option<Connector>,
    pool: Pool,
    metrics: Metrics,
    runtime: Handle,
    misrouted: Arc<Notify>,
    /// Held for a lookup or an insertion, so that a call can queue its request before it is first
    /// awaited, in the order of calls.
    table: Mutex<BTreeMap<(Class, Peer), BrokerHandle>>,
}

/// The end of a connection that others hold.
#[derive(Debug)]
struct BrokerHandle {
    address: Address,
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<State>,
    load: Arc<AtomicUsize>,
    cut: oneshot::Sender<()>,
}

impl BrokerHandle {
    /// How the connection looks, which is of one class, to a request of another.
    fn seen(&self, of: Class, wanted: Class) -> Seen {
        let queued = self.commands.max_capacity() - self.commands.capacity();
        let load = queued + self.load.load(Ordering::Relaxed);
        Seen { is_own: of == wanted, phase: self.state.borrow().phase, load }
    }
}

impl Connections {
    /// None yet; each is opened at first use, on the runtime that this is called in.
    pub(crate) fn new(env: Env, config: Arc<ClientConfig>) -> Self {
        Self(Arc::new(Inner {
            #[cfg(feature = "tls")]
            tls: config.tls.clone().map(|tls| Connector::new(tls, env.clone())),
            metrics: Metrics::new(&env, &config),
            env,
            config,
            pool: Pool::new(POOL_BYTES_MAX),
            runtime: Handle::current(),
            misrouted: Arc::default(),
            table: Mutex::default(),
        }))
    }

    /// Reads what connections need, so that what is wrong with it is known before the first one.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.0.tls {
            tls.load().await?;
        }
        Ok(())
    }

    /// What the client measures.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Sends a request. It is queued before this returns, unless very many wait there already.
    pub(crate) fn call<R, F>(
        &self,
        route: Route<'_>,
        versions: RangeInclusive<i16>,
        request: F,
    ) -> impl Future<Output = Answer<R>> + Send + use<R, F>
    where
        R: Request,
        F: FnOnce(i16) -> R + Send + 'static,
    {
        let address = route.address.to_string().into();
        let (exchange, answer) = Typed::new(address, versions, request);
        let now = Instant::now();
        let limit = Limit::new(now, route.timeout);
        let turn = limit.before(now, route.end);
        self.queue(route, Command::Exchange { exchange, turn, answer: limit }, answer)
    }

    /// Connects if need be, and tells what the broker speaks.
    pub(crate) fn versions(
        &self,
        route: Route<'_>,
    ) -> impl Future<Output = Result<Arc<Ranges>, Error>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let now = Instant::now();
        let turn = Limit::new(now, route.timeout).before(now, route.end);
        self.queue(route, Command::Open { reply, turn }, answer)
    }

    /// What the broker said when it was last connected to.
    pub(crate) fn ranges(&self, peer: Peer, class: Class) -> Option<Arc<Ranges>> {
        self.table().get(&(class, peer))?.state.borrow().ranges.clone()
    }

    /// Whether there is a connection.
    #[cfg(test)]
    pub(crate) fn is_open(&self, peer: Peer, class: Class) -> bool {
        let table = self.table();
        table.get(&(class, peer)).is_some_and(|h| h.state.borrow().phase == Phase::Open)
    }

    /// How those stand of whom anything is known, for a request of this class.
    pub(crate) fn standings(&self, class: Class) -> BTreeMap<Peer, Standing> {
        let mut seen = BTreeMap::<Peer, Vec<Seen>>::new();
        for ((of, peer), handle) in self.table().iter() {
            seen.entry(*peer).or_default().push(handle.seen(*of, class));
        }
        seen.into_iter().map(|(peer, seen)| (peer, Standing::of(seen))).collect()
    }

    /// Completes when a broker has said that it is not the one that a connection wanted, since the
    /// last time.
    pub(crate) async fn misrouted(&self) {
        self.0.misrouted.notified().await;
    }

    /// Ends all connections at once, and what is open on them.
    pub(crate) fn cut_all(&self) {
        let table = std::mem::take(&mut *self.table());
        for handle in table.into_values() {
            // Whoever has ended before does not hear it.
            let _ = handle.cut.send(());
        }
    }

    /// Closes the connections of a class, once what was sent on them is answered.
    pub(crate) fn release(&self, class: Class) {
        self.table().retain(|(c, _), _| *c != class);
    }

    /// Closes the connections to the bootstrap servers, whose ids are known by now.
    pub(crate) fn release_bootstrap(&self) {
        self.table().retain(|(_, peer), _| !matches!(peer, Peer::Bootstrap(_)));
    }

    fn queue<T: Send + 'static>(
        &self,
        route: Route<'_>,
        command: Command,
        answer: oneshot::Receiver<Result<T, Error>>,
    ) -> impl Future<Output = Result<T, Error>> + Send + use<T> {
        let address = route.address.to_string();
        let full = self.try_queue(route, command);
        let sent = match full {
            None => Either::Left(ready(())),
            Some((commands, command)) => Either::Right(async move {
                match timeout_at(command.deadline(), commands.reserve()).await {
                    Ok(Ok(room)) => room.send(command),
                    // The task has ended meanwhile; the answer's sender goes with the command.
                    Ok(Err(_)) => {}
                    Err(_) => {
                        let after = command.turn().after;
                        let what = Waiting::Connection { address: address.into() };
                        command.fail(Error::timed_out(what, after));
                    }
                }
            }),
        };
        async move {
            sent.await;
            answer.await.unwrap_or(Err(Error::Closed { what: "connection" }))
        }
    }

    /// Gives the command back if too many wait.
    fn try_queue(
        &self,
        route: Route<'_>,
        command: Command,
    ) -> Option<(mpsc::Sender<Command>, Command)> {
        let mut table = self.table();
        let key = (route.class, route.peer);
        let mut command = command;
        if let Some(handle) = table.get(&key).filter(|handle| handle.address == *route.address) {
            match handle.commands.try_send(command) {
                Ok(()) => return None,
                Err(TrySendError::Full(command)) => {
                    return Some((handle.commands.clone(), command));
                }
                Err(TrySendError::Closed(back)) => command = back,
            }
        }
        table.retain(|_, handle| !handle.commands.is_closed());
        let handle = self.connection(route);
        // Invariant: the channel is new and has room.
        let full = handle.commands.try_send(command).err();
        let commands = handle.commands.clone();
        table.insert(key, handle);
        full.map(|error| (commands, error.into_inner()))
    }

    fn connection(&self, route: Route<'_>) -> BrokerHandle {
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (publish, state) = watch::channel(State::default());
        let (cut, cutting) = oneshot::channel();
        let load = Arc::new(AtomicUsize::new(0));
        let ends = Ends {
            commands: inbox,
            state: publish,
            load: Arc::clone(&load),
            cut: cutting,
            misrouted: Arc::clone(&self.0.misrouted),
            outage: Outage::new(match route.peer {
                Peer::Broker(id) => Some(id),
                Peer::Bootstrap(_) => None,
            }),
        };
        let dial = Dial {
            env: self.0.env.clone(),
            config: Arc::clone(&self.0.config),
            pool: self.0.pool.clone(),
            address: route.address.clone(),
            identity: self.identity(route),
            meter: self.0.metrics.connection(route.class.role(), route.peer.node()),
            track: Arc::default(),
            #[cfg(feature = "tls")]
            tls: self.0.tls.clone(),
        };
        let connection = {
            let _in_runtime = self.0.runtime.enter();
            Connection::new(dial, ends)
        };
        let span =
            tracing::debug_span!("connection", address = %route.address, class = ?route.class);
        self.0.runtime.spawn(connection.run().instrument(span));
        BrokerHandle { address: route.address.clone(), commands, state, load, cut }
    }

    /// Who shall be at the other end, if the client knows and cares.
    fn identity(&self, route: Route<'_>) -> Option<Identity> {
        let Peer::Broker(broker) = route.peer else { return None };
        let cluster_id = route.cluster_id.filter(|_| self.0.config.recovery.cluster_check)?;
        Some(Identity { cluster_id: cluster_id.into(), broker })
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<(Class, Peer), BrokerHandle>> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commands in the channel of one connection.
const COMMANDS_MAX: usize = 1024;
/// Spare buffers for large answers, all connections together.
const POOL_BYTES_MAX: usize = 8 << 20;
