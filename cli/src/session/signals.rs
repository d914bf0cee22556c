//! SIGINT and SIGTERM: the first asks the command to end, the second ends the process.

use std::time::Duration;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Whether the command was asked to end.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    asked: watch::Receiver<bool>,
}

impl Stop {
    /// Listens for signals from now on. A command that has not ended `grace` after the first one
    /// is ended, as it is by a second one.
    pub(crate) fn listen(grace: Option<Duration>) -> Self {
        let (ask, asked) = watch::channel(false);
        // Here and not in the task, which may start late: a signal would end the process.
        let mut signals = Signals::listen();
        tokio::spawn(async move {
            signals.next().await;
            // The command may have ended, and its process is about to.
            let _ = ask.send(true);
            match grace {
                Some(grace) => {
                    let _ = tokio::time::timeout(grace, signals.next()).await;
                }
                None => signals.next().await,
            }
            std::process::exit(STATUS_KILLED);
        });
        Self { asked }
    }

    /// Waits until the command is asked to end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn asked(&mut self) {
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            // The listener is gone with the runtime: nobody will ask.
            std::future::pending().await
        }
    }
}

/// The signals that ask a process to end.
#[cfg(unix)]
struct Signals(Option<(Signal, Signal)>);

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        let listen = |kind| signal(kind).ok();
        Self(listen(SignalKind::interrupt()).zip(listen(SignalKind::terminate())))
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some((int, term)) => {
                tokio::select! { biased; _ = int.recv() => {}, _ = term.recv() => {} }
            }
            // Without a handler the signal does what it does by default: it ends the process.
            None => std::future::pending().await,
        }
    }
}

/// The signal that asks a process to end.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

/// How long a command that has nothing left to save may take to end.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// What shells report of a process that SIGINT has ended.
const STATUS_KILLED: i32 = 130;
