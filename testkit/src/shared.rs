//! What the connections and the cluster's owner share: the state under one lock, and signals.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kurier_env::{Chance, Wall, watch};
use tokio::sync::Notify;

use crate::clock::Now;
use crate::fault::{ConnectionFate, Script};
use crate::frames::Unfinished;
use crate::limits::{ANSWER_BYTES_UNREAD_MAX, UNFINISHED_BYTES_MAX};
use crate::recorder::Recorder;
use crate::security::Security;
use crate::state::State;

/// Everything that decides, under one lock.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) state: State,
    pub(crate) script: Script,
    pub(crate) recorder: Recorder,
    /// Why a login was refused that is the latest of which was told.
    refusal: String,
}

impl Core {
    /// Whether a refused login is worth telling: for another reason than the one before. A client
    /// that tries again and again is told of once.
    pub(crate) fn is_news(&mut self, refusal: &str) -> bool {
        let is_news = self.refusal != refusal;
        if is_news {
            refusal.clone_into(&mut self.refusal);
        }
        is_news
    }
}

/// A cluster as its connections see it. The lock is held while one request is handled, and never
/// across an `.await`.
pub(crate) struct Shared {
    core: Mutex<Core>,
    changed: Notify,
    recorded: Notify,
    lives: BTreeMap<i32, watch::Sender<Life>>,
    /// Whether each broker is paused.
    pauses: BTreeMap<i32, watch::Sender<bool>>,
    /// Bytes of answers that clients have not read yet.
    unread_bytes: AtomicUsize,
    /// Bytes of requests that have come in part.
    pub(crate) unfinished: Arc<Unfinished>,
    pub(crate) wall: Arc<dyn Wall>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) security: Security,
    pub(crate) started: tokio::time::Instant,
}

/// Whether a broker runs, and which of its lives this is: connections end with the life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) power: Power,
    number: u64,
}

/// Whether a broker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    On,
    Off,
}

impl Shared {
    pub(crate) fn new(
        state: State,
        wall: Arc<dyn Wall>,
        chance: Arc<dyn Chance>,
        security: Security,
        recorder: Recorder,
    ) -> Self {
        let born = || watch::Sender::new(Life { power: Power::On, number: 0 });
        Self {
            lives: state.broker_ids().map(|id| (id, born())).collect(),
            pauses: state.broker_ids().map(|id| (id, watch::Sender::new(false))).collect(),
            core: Mutex::new(Core {
                state,
                script: Script::default(),
                recorder,
                refusal: String::new(),
            }),
            changed: Notify::new(),
            recorded: Notify::new(),
            unread_bytes: AtomicUsize::new(0),
            unfinished: Unfinished::new(UNFINISHED_BYTES_MAX),
            wall,
            chance,
            security,
            started: tokio::time::Instant::now(),
        }
    }

    /// Lets `act` look at the core or change it, and wakes who waits if it changed the state.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Core, Now) -> T) -> T {
        let now =
            Now { instant: tokio::time::Instant::now().into_std(), millis: self.wall.millis() };
        // A panic in a handler is a bug of the testkit; the state that it left is still the best
        // that there is for the test that looks at it.
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let before = core.state.changes();
        core.state.advance(now);
        let due = core.state.deadline();
        let value = act(&mut core, now);
        // Who waits also sees to what is due in the cluster, and must know if that is earlier now.
        let is_earlier = core.state.deadline().is_some_and(|at| due.is_none_or(|due| at < due));
        let has_changed = core.state.changes() != before || is_earlier;
        drop(core);
        if has_changed {
            self.changed.notify_waiters();
        }
        value
    }

    /// How many bytes of answers may still wait to be read.
    pub(crate) fn answer_room(&self) -> usize {
        ANSWER_BYTES_UNREAD_MAX.saturating_sub(self.unread_bytes.load(Ordering::Relaxed))
    }

    /// Counts the bytes of an answer as unread until the guard is dropped.
    pub(crate) fn count_unread(&self, bytes: usize) -> Unread<'_> {
        self.unread_bytes.fetch_add(bytes, Ordering::Relaxed);
        Unread { of: self, bytes }
    }

    /// Completes at the next change of the state.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Says that a request was recorded.
    pub(crate) fn push_recorded(&self) {
        self.recorded.notify_waiters();
    }

    /// Completes when the next request is recorded.
    pub(crate) fn recorded(&self) -> tokio::sync::futures::Notified<'_> {
        self.recorded.notified()
    }

    /// Follows the lives of a broker; `None` if there is no such broker.
    pub(crate) fn life(&self, broker: i32) -> Option<watch::Receiver<Life>> {
        self.lives.get(&broker).map(watch::Sender::subscribe)
    }

    /// Follows whether a broker is paused; `None` if there is no such broker.
    pub(crate) fn pause(&self, broker: i32) -> Option<watch::Receiver<bool>> {
        self.pauses.get(&broker).map(watch::Sender::subscribe)
    }

    /// Pauses a broker, if there is such a one, or lets it go on.
    #[expect(clippy::fn_params_excessive_bools, reason = "sets a field")]
    pub(crate) fn set_paused(&self, broker: i32, is_paused: bool) {
        if let Some(sender) = self.pauses.get(&broker) {
            sender.send_replace(is_paused);
        }
    }

    /// What happens to a connection that is being made to a broker, by script.
    pub(crate) fn connection_fate(&self, broker: i32) -> Option<ConnectionFate> {
        self.with(|core, _| core.script.handle_connection(broker))
    }

    /// Ends the present life of a broker, and with it its connections. The next one is up, down,
    /// or as this one.
    pub(crate) fn end_life(&self, broker: i32, power: Option<Power>) {
        if let Some(sender) = self.lives.get(&broker) {
            sender.send_modify(|life| {
                life.power = power.unwrap_or(life.power);
                life.number += 1;
            });
        }
    }
}

/// An answer that is not read yet.
pub(crate) struct Unread<'a> {
    of: &'a Shared,
    bytes: usize,
}

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        self.of.unread_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
