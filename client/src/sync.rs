//! Locks, atomics and counted references of code that is modelled: std's, and loom's in the tests
//! of a build with `--cfg kurier_loom`, where every order of threads is tried.

#[cfg(not(all(test, kurier_loom)))]
pub(crate) use std::sync::{
    Arc as Counted, Mutex, MutexGuard, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

#[cfg(all(test, kurier_loom))]
pub(crate) use self::modelled::OnceLock;
#[cfg(all(test, kurier_loom))]
pub(crate) use loom::sync::{
    Arc as Counted, Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

/// What loom lacks.
#[cfg(all(test, kurier_loom))]
mod modelled {
    use loom::sync::atomic::{AtomicBool, Ordering};

    /// std's, with a flag that loom knows: a thread sees the value once it may see the flag.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T> {
        is_set: AtomicBool,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self { is_set: AtomicBool::new(false), value: std::sync::OnceLock::new() }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            self.value.set(value)?;
            self.is_set.store(true, Ordering::Release);
            Ok(())
        }
    }
}
