//! What threads meet at, of code that is modelled: std's and tokio's, and loom's in the tests of a
//! build with `--cfg kurier_loom`, where every order of threads is tried.

#[cfg(all(test, kurier_loom))]
pub(crate) mod modelled;

#[cfg(all(test, kurier_loom))]
pub(crate) use self::modelled::{Notify, OnceLock};
#[cfg(all(test, kurier_loom))]
pub(crate) use loom::sync::{
    Arc as Counted, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
#[cfg(not(all(test, kurier_loom)))]
pub(crate) use std::sync::{
    Arc as Counted, Mutex, MutexGuard, OnceLock,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
#[cfg(not(all(test, kurier_loom)))]
pub(crate) use tokio::sync::Notify;
