//! SIGINT, SIGTERM and SIGHUP: the first asks the command to end, the second asks it to end at
//! once; what has not ended soon after is ended, and says so. The end of stdin may count as a
//! signal.

use std::future::pending;
use std::io;
use std::pin::pin;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use kurier_env::watch;
use tokio::runtime::Builder;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::failure::{Failure, Outcome};
use crate::session::progress::say;

/// Whether the command was asked to end.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    signals: watch::Receiver<u32>,
    /// How many signals the command has acted on.
    obeyed: u32,
}

impl Stop {
    /// Listens for signals from now on. A command that has not ended soon after the signal that
    /// gives it `last` is ended.
    pub(crate) fn listen(last: Last) -> Self {
        Self::listen_for(last, Grace::SHORT)
    }

    /// The same, with such a grace.
    pub(crate) fn listen_for(last: Last, grace: Grace) -> Self {
        Self::listen_then((last, grace), pending(), kill)
    }

    /// As [`listen`](Self::listen), and the end of stdin is a signal too: `said` hears of it. What
    /// stdin says until then is thrown away.
    pub(crate) fn listen_and_read(last: Last, said: impl FnOnce() + Send + 'static) -> Self {
        let ends = async {
            // A runtime has threads for reads that cannot be given up. One that fails has ended.
            let read = || io::copy(&mut io::stdin().lock(), &mut io::sink()).is_ok();
            let _ = tokio::task::spawn_blocking(read).await;
            said();
        };
        Self::listen_then((last, Grace::SHORT), ends, kill)
    }

    /// As [`listen`](Self::listen); `other` is a signal as well, and `end` ends the process with a
    /// line that says why.
    fn listen_then(
        (last, grace): (Last, Grace),
        other: impl Future<Output = ()> + Send + 'static,
        end: impl FnOnce(String) + Send + 'static,
    ) -> Self {
        let (ask, asked) = watch::channel(0);
        let (listening, listens) = mpsc::channel::<()>();
        // A thread of its own hears them, whatever keeps the others busy.
        let spawned = thread::Builder::new().name("signals".into()).spawn(move || {
            let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
            let why = runtime.block_on(async {
                let mut signals = Signals::listen();
                drop(listening);
                let mut other = pin!(other.fuse());
                for number in 1..=if last == Last::Second { 2 } else { 1 } {
                    tokio::select! { biased; () = signals.next() => {}, () = &mut other => {} }
                    ask.send_replace(number);
                }
                // Another signal ends it sooner.
                match timeout(grace.within, signals.next()).await {
                    Ok(()) => Cut::Hurried,
                    Err(_) => Cut::Late,
                }
            });
            end(grace.told(why));
        });
        // Without that thread a signal does what it does by default: it ends the process.
        if spawned.is_ok() {
            // A signal that comes while it starts would end the process.
            let _ = listens.recv();
        }
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
            pending().await
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
struct Signals {
    int_and_term: Option<(Signal, Signal)>,
    hangup: Option<Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        let listen = |kind| signal(kind).ok();
        Self {
            int_and_term: listen(SignalKind::interrupt()).zip(listen(SignalKind::terminate())),
            // The handler must not be there where it is not heard.
            hangup: hears_hangup().then(|| listen(SignalKind::hangup())).flatten(),
        }
    }

    async fn next(&mut self) {
        let Some((int, term)) = &mut self.int_and_term else {
            // Without a handler the signal does what it does by default: it ends the process.
            return pending().await;
        };
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! { biased; _ = int.recv() => {}, _ = term.recv() => {}, _ = hangup => {} }
    }
}

/// Whether SIGHUP means something to this process: `nohup` lets it be ignored, which is for the
/// processes that it starts to obey. Only Linux tells; elsewhere it does what it does by default.
#[cfg(unix)]
fn hears_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 0)
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
            pending().await
        }
    }
}

/// What a command may still do when it was told to end for the last time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grace {
    /// How long it may take.
    pub(crate) within: Duration,
    /// What is left undone if that is not enough.
    pub(crate) undone: &'static str,
}

impl Grace {
    /// Of a command that has nothing left to save.
    pub(crate) const SHORT: Self =
        Self { within: Duration::from_secs(2), undone: "what it was about is left undone" };

    fn told(&self, why: Cut) -> String {
        let Self { within, undone } = self;
        match why {
            Cut::Hurried => {
                format!("kurier: ended by another signal before it was done: {undone}")
            }
            Cut::Late => {
                format!("kurier: ended, as it was not done {within:?} after a signal: {undone}")
            }
        }
    }
}

/// Why a command is not let finish.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Another signal has come.
    Hurried,
    /// Its grace is over.
    Late,
}

/// Ends the process. Whoever reads stderr may have stopped to: nobody waits for that.
fn kill(line: String) {
    let (said, is_said) = mpsc::channel();
    let told = thread::Builder::new().spawn(move || {
        say(&line);
        said.send(())
    });
    if told.is_ok() {
        let _ = is_said.recv_timeout(TELLING_MAX);
    }
    std::process::exit(STATUS_KILLED)
}

const TELLING_MAX: Duration = Duration::from_millis(200);

/// What shells report of a process that SIGINT has ended.
const STATUS_KILLED: i32 = 130;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_heard_while_every_worker_is_busy() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (end, ended) = mpsc::channel();
        let (work, is_done) = mpsc::channel::<()>();
        runtime.block_on(async {
            let last = (Last::First, Grace::SHORT);
            let mut stop = Stop::listen_then(last, pending(), move |line| end.send(line).unwrap());
            let (begin, begun) = mpsc::channel();
            tokio::spawn(async move { begin.send(()).map(|()| is_done.recv().is_ok()) });
            begun.recv().unwrap();
            // Under nohup the one is not for this process.
            for signal in [if hears_hangup() { "-HUP" } else { "-INT" }, "-TERM"] {
                let pid = std::process::id().to_string();
                let sent = std::process::Command::new("kill").args([signal, &pid]).status();
                assert!(sent.unwrap().success());
                stop.asked().await;
            }
            let line = ended.recv().unwrap();
            assert_eq!(line, Grace::SHORT.told(Cut::Hurried));
        });
        drop(work);
    }
}
