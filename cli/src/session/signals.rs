//! SIGINT and SIGTERM: the first asks the command to end, the second asks it to end at once; what
//! has not ended soon after is ended.

use std::time::Duration;

use kurier_env::watch;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::failure::{Failure, Outcome};

/// Whether the command was asked to end.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    signals: watch::Receiver<u32>,
    /// How many signals the command has acted on.
    obeyed: u32,
}

impl Stop {
    /// Listens for signals from now on. A command that has not ended [`GRACE`] after the signal
    /// that gives it `last` is ended.
    pub(crate) fn listen(last: Last) -> Self {
        let (ask, asked) = watch::channel(0);
        // Here and not in the task, which may start late: a signal would end the process.
        let mut signals = Signals::listen();
        tokio::spawn(async move {
            for number in 1..=if last == Last::Second { 2 } else { 1 } {
                signals.next().await;
                ask.send_replace(number);
            }
            // Another signal ends it sooner.
            let _ = timeout(GRACE, signals.next()).await;
            std::process::exit(STATUS_KILLED);
        });
        Self { signals: asked, obeyed: 0 }
    }

    /// The command ends, as it was asked to; [`asked`](Self::asked) waits for the next signal.
    pub(crate) fn obey(&mut self) {
        self.obeyed += 1;
    }

    /// Does `work`, unless a signal comes first: `what` names it then, after "while".
    pub(crate) async fn or<T>(
        &mut self,
        what: &str,
        work: impl Future<Output = Outcome<T>>,
    ) -> Outcome<T> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.asked() => Err(Failure::Failed(format!("stopped by a signal while {what}"))),
        }
    }

    /// Waits until the command is asked to end, or once more after it has obeyed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn asked(&mut self) {
        let obeyed = self.obeyed;
        if self.signals.wait_for(|signals| *signals > obeyed).await.is_err() {
            // The listener is gone with the runtime: nobody will ask.
            std::future::pending().await
        }
    }
}

/// The last signal that a command has a say in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// The first: it has nothing to save.
    First,
    /// The second: it saves what it can after the first.
    Second,
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
const GRACE: Duration = Duration::from_secs(2);

/// What shells report of a process that SIGINT has ended.
const STATUS_KILLED: i32 = 130;
