//! Core: when open batches are due, and when those that could not go are marked.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The timers of open batches: in order, as all linger equally long.
#[derive(Debug)]
pub(crate) struct Linger {
    linger: Duration,
    due: VecDeque<Timer>,
    late: VecDeque<Timer>,
}

/// Something happens to a batch, unless it was taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timer {
    at: Instant,
    pub(crate) slot: usize,
    pub(crate) number: u64,
}

impl Linger {
    pub(crate) fn new(linger: Duration) -> Self {
        Self { linger, due: VecDeque::new(), late: VecDeque::new() }
    }

    /// A batch was opened. True if it need not linger.
    pub(crate) fn start(&mut self, now: Instant, slot: usize, number: u64) -> bool {
        if self.linger.is_zero() {
            self.late.push_back(Timer { at: now + LATE, slot, number });
            return true;
        }
        self.due.push_back(Timer { at: now + self.linger, slot, number });
        false
    }

    /// No batch lingers any more.
    pub(crate) fn end(&mut self) {
        self.linger = Duration::ZERO;
    }

    /// A batch that has lingered long enough.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let timer = pop_if(&mut self.due, |timer| timer.at <= now)?;
        self.late.push_back(Timer { at: timer.at + LATE, ..timer });
        Some(timer)
    }

    /// A batch that should have gone by now.
    pub(crate) fn pop_late(&mut self, now: Instant) -> Option<Timer> {
        pop_if(&mut self.late, |timer| timer.at <= now)
    }

    /// When to look again; timers of batches that were taken do not count.
    pub(crate) fn deadline(&mut self, is_taken: impl Fn(&Timer) -> bool) -> Option<Instant> {
        for timers in [&mut self.due, &mut self.late] {
            while pop_if(timers, &is_taken).is_some() {}
        }
        [self.due.front(), self.late.front()].into_iter().flatten().map(|timer| timer.at).min()
    }
}

/// After linger, a batch waits this long for its turn until records get their own timestamps.
const LATE: Duration = Duration::from_millis(10);

fn pop_if(timers: &mut VecDeque<Timer>, is_it: impl Fn(&Timer) -> bool) -> Option<Timer> {
    if is_it(timers.front()?) { timers.pop_front() } else { None }
}
