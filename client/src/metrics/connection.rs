//! What connections record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::meter::Meter;
use super::window::{Moment, Sensor, millis};

/// On whose behalf a connection is there. Java has a client of its own for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Admin,
    Consumer,
    Producer,
}

/// Whom a connection leads to, as Java has it in the tag `node-id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    /// The nth of the bootstrap servers.
    Bootstrap(usize),
    /// The broker with this id.
    Broker(i32),
}

impl Node {
    /// The value of the tag.
    pub(super) fn tag(self) -> String {
        match self {
            // Java numbers them -1, -2, ..
            Self::Bootstrap(nth) => format!("node--{}", nth.saturating_add(1)),
            Self::Broker(id) => format!("node-{id}"),
        }
    }
}

/// All connections of one role.
#[derive(Debug, Default)]
pub(crate) struct Network {
    /// Whether there was a connection, or should have been one.
    pub(super) is_used: bool,
    pub(super) traffic: Traffic,
    pub(super) open: i64,
    pub(super) created: Sensor,
    pub(super) closed: Sensor,
    pub(super) logins: Sensor,
    pub(super) failed_logins: Sensor,
    /// Its values are how long each took, in ms.
    pub(super) renewals: Sensor,
    pub(super) failed_renewals: Sensor,
}

/// What went over connections; the values are bytes.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(super) sent: Sensor,
    pub(super) received: Sensor,
    /// From when a request was queued for its socket until its answer was there, in ms.
    pub(super) latency: Sensor,
}

/// What one connection records into.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionMeter {
    pub(super) all: Arc<Meter<Network>>,
    pub(super) node: Option<Arc<Meter<Traffic>>>,
}

/// A connection that is open until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(ConnectionMeter);

impl ConnectionMeter {
    /// The other side has accepted.
    pub(crate) fn opened(&self) -> OpenConnection {
        self.all.record(now(), |all, at| {
            all.open += 1;
            all.created.record(at, 1.0);
        });
        OpenConnection(self.clone())
    }

    /// A request of so many bytes was queued for the socket.
    pub(crate) fn sent(&self, now: Instant, bytes: usize) {
        self.note(now, |traffic, at| traffic.sent.record(at, bytes as f64));
    }

    /// An answer of so many bytes has come, so long after its request was queued.
    pub(crate) fn received(&self, now: Instant, bytes: usize, latency: Option<Duration>) {
        self.note(now, |traffic, at| {
            traffic.received.record(at, bytes as f64);
            if let Some(latency) = latency {
                traffic.latency.record(at, millis(latency));
            }
        });
    }

    /// TLS handshake and login, as far as there are any, went well.
    pub(crate) fn logged_in(&self) {
        self.all.record(now(), |all, at| all.logins.record(at, 1.0));
    }

    /// TLS handshake or login failed.
    pub(crate) fn login_failed(&self) {
        self.all.record(now(), |all, at| all.failed_logins.record(at, 1.0));
    }

    /// A login was renewed in this time.
    pub(crate) fn renewed(&self, took: Duration) {
        self.all.record(now(), |all, at| all.renewals.record(at, millis(took)));
    }

    /// A login could not be renewed.
    pub(crate) fn renewal_failed(&self) {
        self.all.record(now(), |all, at| all.failed_renewals.record(at, 1.0));
    }

    fn note(&self, now: Instant, note: impl Fn(&mut Traffic, Moment)) {
        self.all.record(now, |all, at| note(&mut all.traffic, at));
        if let Some(node) = &self.node {
            node.record(now, |traffic, at| note(traffic, at));
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.all.record(now(), |all, at| {
            all.open -= 1;
            all.closed.record(at, 1.0);
        });
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
