//! When a broker that cannot be reached is worth a word.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// The tries to connect to a broker since it was last connected to.
#[derive(Debug)]
pub(super) struct Outage {
    /// Whose absence is worth a word: not that of a bootstrap server, whose turn may not come.
    broker: Option<i32>,
    since: Option<Instant>,
    last: Option<Error>,
    is_told: bool,
}

impl Outage {
    pub(super) fn new(broker: Option<i32>) -> Self {
        Self { broker, since: None, last: None, is_told: false }
    }

    /// Somebody waits for it from now on, if not before.
    pub(super) fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// When the try that begins now is to be told of, if it lasts.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.broker.is_some() && !self.is_told).then(|| Instant::now() + PATIENCE)
    }

    /// A try has failed.
    pub(super) fn handle_failure(&mut self, error: &Error) {
        let is_long = self.since.is_some_and(|since| since.elapsed() >= PATIENCE);
        self.last = Some(error.clone());
        if is_long {
            self.tell(error);
        }
    }

    /// A try goes on and on: for this reason, unless an earlier one had a better.
    pub(super) fn handle_delay(&mut self, reason: impl FnOnce(Duration) -> Error) {
        let waited = self.since.map_or(PATIENCE, |since| since.elapsed());
        let error = self.last.clone().unwrap_or_else(|| reason(waited));
        self.tell(&error);
    }

    /// It is there.
    pub(super) fn end(&mut self) {
        *self = Self::new(self.broker);
    }

    /// Once is enough.
    fn tell(&mut self, error: &Error) {
        let Some(broker) = self.broker.filter(|_| !self.is_told) else { return };
        self.is_told = true;
        tracing::warn!(broker, %error, "waiting for a broker that cannot be reached");
    }
}

/// How long a broker may be out of reach before that is told.
const PATIENCE: Duration = Duration::from_secs(3);
