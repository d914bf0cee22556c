//! SIGINT and SIGTERM: the first asks the command to end, the second ends the process.

use std::time::Duration;

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
        tokio::spawn(async move {
            signal().await;
            // The command may have ended, and its process is about to.
            let _ = ask.send(true);
            match grace {
                Some(grace) => {
                    let _ = tokio::time::timeout(grace, signal()).await;
                }
                None => signal().await,
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

/// Waits for one signal that asks a process to end.
#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).ok();
    let (int, term) = (listen(SignalKind::interrupt()), listen(SignalKind::terminate()));
    match (int, term) {
        (Some(mut int), Some(mut term)) => {
            tokio::select! { biased; _ = int.recv() => {}, _ = term.recv() => {} }
        }
        // Without a handler the signal does what it does by default: it ends the process.
        _ => std::future::pending().await,
    }
}

/// Waits for one signal that asks a process to end.
#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// How long a command that has nothing left to save may take to end.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// What shells report of a process that SIGINT has ended.
const STATUS_KILLED: i32 = 130;
