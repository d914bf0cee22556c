//! What all connections of a network share: its rules, names and events, under one lock.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::connection::Connection;
use super::event::{Event, Events, What};
use super::link::{Change, Connects, Link, Links, Rules, Side};
use super::names::{Answer, Names};

/// The network of one cluster. Its lock is taken before that of a connection, never after.
#[derive(Debug)]
pub(crate) struct Fabric {
    inner: Mutex<Inner>,
    changed: Notify,
    is_recording: AtomicBool,
    started: Instant,
    seed: u64,
}

#[derive(Debug, Default)]
struct Inner {
    rules: Rules,
    names: Names,
    events: Events,
    connections: BTreeMap<u64, Weak<Connection>>,
    connection_count: u64,
    /// So many connections in the list make it worth looking for those that are closed.
    sweep_at: usize,
}

impl Fabric {
    /// A calm network, whose chance comes from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            inner: Mutex::default(),
            changed: Notify::new(),
            is_recording: AtomicBool::new(false),
            started: Instant::now(),
            seed,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes links: of the connections that there are, and of those to come.
    pub(super) fn change(&self, links: &Links, change: Change) {
        let mut inner = self.inner();
        inner.rules.push(links.clone(), change);
        let affected = inner.open(links);
        let link =
            |connection: &Connection| inner.rules.link(&connection.client, connection.broker);
        let resets: Vec<_> = affected
            .into_iter()
            .filter(|connection| connection.set_link(link(connection)))
            .collect();
        drop(inner);
        self.changed.notify_waiters();
        resets.iter().for_each(|connection| self.record(connection, || What::Reset));
    }

    /// The open connections of these links, oldest first.
    pub(super) fn open(&self, links: &Links) -> Vec<Arc<Connection>> {
        self.inner().open(links)
    }

    /// Gives a name other answers.
    pub(super) fn set_name(
        &self,
        client: Option<Arc<str>>,
        host: &str,
        answers: impl IntoIterator<Item = Answer>,
    ) {
        self.inner().names.set(client, host, answers);
    }

    /// The answer to a client that asks for a name now, if one was set.
    pub(super) fn name(&self, client: &str, host: &str) -> Option<Answer> {
        self.inner().names.poll(client, host)
    }

    /// A connection that is about to be opened.
    pub(super) fn begin(&self, client: &Arc<str>, broker: i32) -> Arc<Connection> {
        let mut inner = self.inner();
        inner.connection_count += 1;
        let number = inner.connection_count;
        let seed = self.seed ^ number.wrapping_mul(SPREAD);
        let connection = Arc::new(Connection::new(number, Arc::clone(client), broker, seed));
        connection.set_link(inner.rules.link(client, broker));
        inner.sweep();
        inner.connections.insert(number, Arc::downgrade(&connection));
        connection
    }

    /// Completes when the first packet that a side sends has got through, if it does.
    ///
    /// # Errors
    ///
    /// The connection is refused.
    pub(super) async fn travel(&self, connection: &Connection, sender: Side) -> io::Result<()> {
        loop {
            // Registered before the look, so that no change between it and the wait is missed.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let link = self.link(connection);
            if link.blocked(sender).is_some() || link.connects == Connects::Ignored {
                changed.await;
                continue;
            }
            let takes = link.latency.pick(connection.chance());
            if !takes.is_zero() {
                sleep(takes).await;
            }
            return match (sender, link.connects) {
                (Side::Client, Connects::Refused) => Err(io::ErrorKind::ConnectionRefused.into()),
                _ => Ok(()),
            };
        }
    }

    fn link(&self, connection: &Connection) -> Link {
        self.inner().rules.link(&connection.client, connection.broker)
    }

    /// From now on, what happens is remembered.
    pub(super) fn start_recording(&self) {
        self.is_recording.store(true, Ordering::Relaxed);
    }

    /// Remembers an event, if anybody wants to know.
    pub(super) fn record(&self, connection: &Connection, what: impl FnOnce() -> What) {
        if !self.is_recording.load(Ordering::Relaxed) {
            return;
        }
        let event = Event {
            at: self.started.elapsed(),
            connection: connection.number,
            client: Arc::clone(&connection.client),
            broker: connection.broker,
            what: what(),
        };
        self.inner().events.push(event);
    }

    /// The latest events, oldest first.
    pub(super) fn events(&self) -> Vec<Event> {
        self.inner().events.latest().cloned().collect()
    }

    /// A number for all events.
    pub(super) fn hash(&self) -> u64 {
        self.inner().events.hash()
    }
}

impl Inner {
    fn open(&mut self, links: &Links) -> Vec<Arc<Connection>> {
        let mut open = Vec::new();
        self.connections.retain(|_, connection| {
            let Some(connection) = connection.upgrade() else { return false };
            if links.contains(&connection.client, connection.broker) {
                open.push(connection);
            }
            true
        });
        open
    }

    /// Forgets closed connections, when there may be as many as open ones.
    fn sweep(&mut self) {
        if self.connections.len() >= self.sweep_at {
            self.connections.retain(|_, connection| connection.strong_count() > 0);
            self.sweep_at = 2 * self.connections.len() + 16;
        }
    }
}

/// Sets the seeds of connections apart.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
