//! When a heartbeat is due, and when a session or the program's time is over. *core*

use std::time::{Duration, Instant};

/// The heartbeats of a member.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    session: Duration,
    /// When the next one is due.
    next: Instant,
    /// The one without an answer: its call, and when it went out.
    open: Option<(u64, Instant)>,
    /// Since when none was answered.
    silent_since: Instant,
    is_told: bool,
}

impl Heartbeat {
    pub(super) fn new((interval, session): (Duration, Duration), now: Instant) -> Self {
        let next = now + interval;
        Self { interval, session, next, open: None, silent_since: now, is_told: false }
    }

    /// The coordinator has just heard of the member in another way.
    pub(super) fn begin(&mut self, now: Instant) {
        (self.next, self.open) = (now + self.interval, None);
        self.heard(now);
    }

    /// The coordinator has heard of it then.
    pub(super) fn heard(&mut self, at: Instant) {
        (self.silent_since, self.is_told) = (at.max(self.silent_since), false);
    }

    pub(super) fn silent_since(&self) -> Instant {
        self.silent_since
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.open.is_none() && self.next <= now
    }

    pub(super) fn sent(&mut self, call: u64, now: Instant) {
        (self.open, self.next) = (Some((call, now)), now + self.interval);
    }

    /// One has its outcome: when it went out. None if it is not the one that is waited for.
    pub(super) fn answered(&mut self, call: u64) -> Option<Instant> {
        self.open.take_if(|open| open.0 == call).map(|(_, sent)| sent)
    }

    /// The next one comes after this.
    pub(super) fn put_off(&mut self, until: Instant) {
        self.next = until;
    }

    /// Whether a session has passed in silence, once.
    pub(super) fn take_silence(&mut self, now: Instant) -> Option<Duration> {
        let is_over = now >= self.silent_since + self.session;
        (is_over && !std::mem::replace(&mut self.is_told, is_over)).then_some(self.session)
    }

    /// When something is due by itself. While one is under way whose silence is told, it is its
    /// outcome.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let next = self.open.is_none().then_some(self.next);
        let silence = (!self.is_told).then(|| self.silent_since + self.session);
        next.into_iter().chain(silence).min()
    }

    /// How long one may take, so that there are several in a session.
    pub(super) fn timeout(&self) -> Duration {
        (self.session / 3).max(self.interval)
    }
}
