//! The latest value of something, for many to follow.
//!
//! Like `tokio::sync::watch`, except that all who wait are woken in the order in which they began
//! to. tokio wakes them in an order that differs between two runs, which would make each
//! simulation another one.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::Notify;

/// A value, and one who follows it.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// Who changes the value. When it is dropped, whoever waits is told.
pub struct Sender<T>(Arc<Shared<T>>);

/// Who follows the value. A clone has seen what the original has.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

/// There is no sender any more, and nothing that was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

struct Shared<T> {
    value: RwLock<T>,
    /// How often the value was changed.
    version: AtomicU64,
    is_closed: AtomicBool,
    changed: Notify,
}

impl<T> Shared<T> {
    fn read(&self) -> RwLockReadGuard<'_, T> {
        // Whoever panicked while changing the value left it as it is.
        self.value.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<T> {
    /// A value that nobody follows yet.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(Shared {
            value: RwLock::new(value),
            version: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            changed: Notify::new(),
        }))
    }

    /// Somebody who follows from now on, and has seen the present value.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = self.0.version.load(Ordering::Acquire);
        Receiver { shared: Arc::clone(&self.0), seen }
    }

    /// The value. Nobody can change it until the guard is dropped.
    pub fn borrow(&self) -> RwLockReadGuard<'_, T> {
        self.0.read()
    }

    /// Sets the value and gives the one before.
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|present| std::mem::swap(present, &mut value));
        value
    }

    /// Changes the value.
    pub fn send_modify(&self, change: impl FnOnce(&mut T)) {
        self.send_if_modified(|value| {
            change(value);
            true
        });
    }

    /// Changes the value; nobody is told unless `change` says that it did. Says so too.
    pub fn send_if_modified(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        let mut value = self.0.value.write().unwrap_or_else(PoisonError::into_inner);
        let has_changed = change(&mut value);
        if has_changed {
            self.0.version.fetch_add(1, Ordering::Release);
        }
        drop(value);
        if has_changed {
            self.0.changed.notify_waiters();
        }
        has_changed
    }
}

impl<T> Receiver<T> {
    /// The value. Nobody can change it until the guard is dropped.
    pub fn borrow(&self) -> RwLockReadGuard<'_, T> {
        self.shared.read()
    }

    /// The value, which counts as seen.
    pub fn borrow_and_update(&mut self) -> RwLockReadGuard<'_, T> {
        let value = self.shared.read();
        self.seen = self.shared.version.load(Ordering::Acquire);
        value
    }

    /// The present value counts as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version.load(Ordering::Acquire);
    }

    /// Waits until the value is as wanted, be it now; it then counts as seen.
    ///
    /// # Errors
    ///
    /// [`Closed`] if it will not be, as the sender is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_for(&mut self, is_wanted: impl Fn(&T) -> bool) -> Result<(), Closed> {
        while !is_wanted(&self.borrow_and_update()) {
            self.changed().await?;
        }
        Ok(())
    }

    /// Waits until there is a value that was not seen, which then counts as seen.
    ///
    /// # Errors
    ///
    /// [`Closed`] if there will be none, as the sender is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        loop {
            // Registered before the look, so that no change between it and the wait is missed.
            let mut changed = pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            // Looked at before the version: what the sender did before it went is still seen.
            let is_closed = self.shared.is_closed.load(Ordering::Acquire);
            let version = self.shared.version.load(Ordering::Acquire);
            if version != self.seen {
                self.seen = version;
                return Ok(());
            }
            if is_closed {
                return Err(Closed);
            }
            changed.await;
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.is_closed.store(true, Ordering::Release);
        self.0.changed.notify_waiters();
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), seen: self.seen }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&*self.borrow()).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&*self.borrow()).finish()
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody changes the value any more")
    }
}

impl std::error::Error for Closed {}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn all_who_wait_are_woken_in_the_order_of_waiting() {
        let sender = Sender::new(0);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..20 {
            let (mut receiver, order) = (sender.subscribe(), Arc::clone(&order));
            tasks.spawn(async move {
                receiver.changed().await.unwrap();
                order.lock().unwrap().push(n);
            });
        }
        tokio::task::yield_now().await;
        sender.send_replace(1);
        tasks.join_all().await;
        assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_change_is_seen_once_by_each_and_never_missed() {
        let (sender, mut one) = channel(0);
        assert_eq!(sender.send_replace(1), 0);
        let mut two = one.clone();
        assert_eq!((one.changed().await, *one.borrow()), (Ok(()), 1));
        assert_eq!(*two.borrow_and_update(), 1);
        assert!(!sender.send_if_modified(|value| {
            *value += 1;
            false
        }));
        for receiver in [&mut one, &mut two] {
            let mut changed = pin!(receiver.changed());
            assert!(poll_once(changed.as_mut()).is_none());
        }
        sender.send_modify(|value| *value += 1);
        sender.send_modify(|value| *value += 1);
        assert_eq!((one.changed().await, *one.borrow()), (Ok(()), 4));
        two.mark_unchanged();
        drop(sender);
        assert_eq!(two.changed().await, Err(Closed));
    }

    #[tokio::test]
    async fn what_was_sent_before_the_end_is_seen_before_the_end() {
        let (sender, mut receiver) = channel(0);
        let waiting = tokio::spawn(async move {
            let first = receiver.changed().await;
            let value = *receiver.borrow();
            (first, value, receiver.changed().await)
        });
        tokio::task::yield_now().await;
        sender.send_replace(1);
        drop(sender);
        assert_eq!(waiting.await.unwrap(), (Ok(()), 1, Err(Closed)));
    }

    /// The value of a future that is ready.
    fn poll_once<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match future.poll(&mut cx) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }
}
