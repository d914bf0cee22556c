//! What the user and the driver of a consumer share: the buffer under its lock, and two bells.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::buffer::{Buffer, Entry, Taken};

/// The buffer between the two. The lock is held for a few lines, never across an `.await`.
#[derive(Debug)]
pub(crate) struct Shared {
    buffer: Mutex<Buffer>,
    /// Below this many bytes the driver may fetch more.
    buffer_bytes_max: usize,
    for_user: Notify,
    for_driver: Notify,
    is_dropped: AtomicBool,
}

impl Shared {
    pub(crate) fn new(buffer_bytes_max: usize) -> Self {
        Self {
            buffer: Mutex::default(),
            buffer_bytes_max,
            for_user: Notify::new(),
            for_driver: Notify::new(),
            is_dropped: AtomicBool::new(false),
        }
    }

    /// Works on the buffer.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Buffer) -> T) -> T {
        work(&mut self.buffer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next thing for the user. Tells the driver when that makes room.
    pub(crate) fn take(&self) -> Taken {
        let (taken, makes_room) = self.with(|buffer| {
            let was_full = buffer.bytes() >= self.buffer_bytes_max;
            let taken = buffer.take();
            (taken, was_full && buffer.bytes() < self.buffer_bytes_max)
        });
        if makes_room {
            self.for_driver.notify_one();
        }
        taken
    }

    /// Gives the user what the driver has.
    pub(crate) fn hand_over(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        self.with(|buffer| entries.into_iter().for_each(|entry| buffer.push(entry)));
        self.for_user.notify_one();
    }

    /// Works on the buffer for the user, and lets the driver look at what is ordered.
    pub(crate) fn order<T>(&self, work: impl FnOnce(&mut Buffer) -> T) -> T {
        let result = self.with(work);
        self.for_driver.notify_one();
        result
    }

    pub(crate) fn wake_user(&self) {
        self.for_user.notify_one();
    }

    /// Waits until the driver has something.
    pub(crate) async fn wait_for_driver(&self) {
        self.for_user.notified().await;
    }

    /// Waits until the user has taken or ordered something.
    pub(crate) async fn wait_for_user(&self) {
        self.for_driver.notified().await;
    }

    /// The user is gone.
    pub(crate) fn drop_user(&self) {
        self.is_dropped.store(true, Ordering::Release);
        self.for_driver.notify_one();
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.is_dropped.load(Ordering::Acquire)
    }
}
