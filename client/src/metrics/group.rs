//! What members of groups record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::meter::Meter;
use super::window::{Moment, Sensor, millis, nanos};

/// All members of a client.
#[derive(Debug, Default)]
pub(crate) struct Coordinating {
    /// Whether there was a member.
    pub(super) is_used: bool,
    /// How many partitions they hold.
    pub(super) assigned: f64,
    pub(super) commits_ms: Sensor,
    pub(super) heartbeats_ms: Sensor,
    pub(super) joins_ms: Sensor,
    pub(super) syncs_ms: Sensor,
    pub(super) rebalances_ms: Sensor,
    pub(super) failures: Sensor,
    pub(super) starts_ms: Sensor,
    pub(super) revoked_ms: Sensor,
    pub(super) heard_at: Option<Instant>,
    pub(super) rebalanced_at: Option<Instant>,
    /// How long programs have waited for commits, and for what is committed.
    pub(super) committing_ns: f64,
    pub(super) asking_ns: f64,
}

/// What a member was asked for, and was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    Commit,
    Heartbeat,
    Join,
    Sync,
}

/// What one member records into.
#[derive(Clone, Debug)]
pub(crate) struct GroupMeter(Arc<Meter<Coordinating>>);

impl GroupMeter {
    /// There is another member.
    pub(super) fn new(all: Arc<Meter<Coordinating>>) -> Self {
        all.set(|all| all.is_used = true);
        Self(all)
    }

    /// The coordinator has answered, after so long.
    pub(crate) fn answered(&self, now: Instant, errand: Errand, latency: Duration) {
        self.0.record(now, |all, at| {
            let sensor = match errand {
                Errand::Commit => &mut all.commits_ms,
                Errand::Heartbeat => {
                    all.heard_at = Some(now);
                    &mut all.heartbeats_ms
                }
                Errand::Join => &mut all.joins_ms,
                Errand::Sync => &mut all.syncs_ms,
            };
            sensor.record(at, millis(latency));
        });
    }

    /// The group has come to another generation, after so long.
    pub(crate) fn rebalanced(&self, now: Instant, latency: Duration) {
        self.0.record(now, |all, at| {
            all.rebalances_ms.record(at, millis(latency));
            all.rebalanced_at = Some(now);
        });
    }

    /// Partitions were lost.
    pub(crate) fn lost(&self, now: Instant) {
        self.0.record(now, |all, at| all.failures.record(at, 1.0));
    }

    /// Where partitions begin is known, after so long.
    pub(crate) fn started(&self, now: Instant, latency: Duration) {
        self.0.record(now, |all, at| all.starts_ms.record(at, millis(latency)));
    }

    /// Partitions were given up, after so long.
    pub(crate) fn given_up(&self, now: Instant, latency: Duration) {
        self.0.record(now, |all, at| all.revoked_ms.record(at, millis(latency)));
    }

    /// A member holds so many partitions, and has held so many before.
    pub(crate) fn holds(&self, now: usize, before: usize) {
        if now != before {
            self.0.set(|all| all.assigned += now as f64 - before as f64);
        }
    }

    /// A program has waited so long for a commit.
    pub(crate) fn committed(&self, wait: Duration) {
        self.0.set(|all| all.committing_ns += nanos(wait));
    }

    /// A program has waited so long to hear what is committed.
    pub(crate) fn asked(&self, wait: Duration) {
        self.0.set(|all| all.asking_ns += nanos(wait));
    }
}

impl Coordinating {
    /// Seconds since something happened.
    pub(super) fn since(moment: Option<Instant>, at: Moment) -> f64 {
        moment.map_or(f64::NAN, |then| at.now.saturating_duration_since(then).as_secs_f64())
    }

    /// So many in an hour.
    pub(super) fn per_hour(sensor: &Sensor, at: Moment) -> f64 {
        sensor.count_rate(at) * 3600.0
    }
}
