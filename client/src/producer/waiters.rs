//! Core: how many callers wait for buffer space.

use crate::sync::{AtomicUsize, Ordering};

/// As long as there is one, the driver lets no batch linger: what it holds is waited for.
#[derive(Debug)]
pub(crate) struct Waiters(AtomicUsize);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Waits<'a>(&'a Waiters);

impl Waiters {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Counts a caller, which tells the driver then, so that it looks.
    pub(crate) fn join(&self) -> Waits<'_> {
        // What is told to the driver carries it along: no stronger order is needed.
        self.0.fetch_add(1, Ordering::Relaxed);
        Waits(self)
    }

    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
