//! Core: whether the user is at work on what it was given, and since when.

use std::time::Instant;

/// Whether the user is at work. It is from the end of a call of `next` to the begin of the next
/// one.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    at_work_since: Option<Instant>,
    /// Whether somebody waits for the next call.
    is_awaited: bool,
}

impl Pace {
    /// The user asks for more. Says whether somebody waits for that.
    pub(crate) fn rest(&mut self) -> bool {
        self.at_work_since = None;
        std::mem::take(&mut self.is_awaited)
    }

    /// The user does not wait any more.
    pub(crate) fn work(&mut self, now: Instant) {
        self.at_work_since = Some(now);
    }

    /// Somebody waits for the user to ask for more. Says whether it does so already.
    pub(crate) fn await_rest(&mut self) -> bool {
        self.is_awaited = self.at_work_since.is_some();
        !self.is_awaited
    }

    /// Since when the user has been at work, if it is.
    pub(crate) fn at_work_since(&self) -> Option<Instant> {
        self.at_work_since
    }
}
