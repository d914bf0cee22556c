//! Core: a cluster without network, tasks and clock: frames go in, answers come out, and time
//! passes when its owner says so.
//!
//! The fuzz target `stateful_testkit` drives it; nothing else should, and it may change with any
//! release.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kurier_env::{Chance, Seeded};
use kurier_protocol::ErrorCode;

use crate::clock::{EPOCH_MILLIS, Now};
use crate::handle::{self, Context, Opened, Step};
use crate::invariants::Marks;
use crate::login::Login;
use crate::sasl::Sasl;
use crate::state::{ListenerId, State};

/// A cluster that does nothing by itself.
pub struct BareCluster {
    state: State,
    sasl: Option<Arc<Sasl>>,
    chance: Arc<dyn Chance>,
    now: Now,
    marks: Marks,
}

/// A connection to one of its brokers.
#[derive(Debug)]
pub struct BareConnection {
    broker: i32,
    login: Login,
}

/// What a broker does with a frame.
#[derive(Debug)]
pub enum Reply {
    /// It answers with this frame, which is given without its length.
    Answer(Bytes),
    /// It answers, and closes the connection, for this reason.
    Last(Bytes, String),
    /// It will answer later: the request is to be polled again.
    Waits(Waiting),
    /// It says nothing.
    Silence,
    /// It closes the connection, for this reason.
    Closed(String),
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Waiting {
    opened: Opened,
    broker: i32,
    since: Instant,
    until: Instant,
}

impl BareCluster {
    pub(crate) fn new(state: State, sasl: Option<Arc<Sasl>>, now: Instant) -> Self {
        Self {
            state,
            sasl,
            chance: Arc::new(Seeded::new(0)),
            now: Now { instant: now, millis: EPOCH_MILLIS },
            marks: Marks::default(),
        }
    }

    /// Connects to a broker; `None` if it does not run.
    #[must_use]
    pub fn connect(&self, broker: i32) -> Option<BareConnection> {
        let login = Login::new(self.sasl.clone(), self.state.settings.spoken.clone());
        self.state.is_alive(broker).then_some(BareConnection { broker, login })
    }

    /// Hands a frame, without its length, to the broker of a connection. One connection has one
    /// request under way at a time.
    pub fn handle(&mut self, connection: &mut BareConnection, frame: &Bytes) -> Reply {
        self.state.advance(self.now);
        if connection.login.expects_token() {
            return reply(connection.login.handle_token(frame, self.now));
        }
        let opened = match handle::open(&self.state.settings.spoken, frame) {
            Ok(opened) => opened,
            Err(reason) => return Reply::Closed(reason),
        };
        let (header, body) = (&opened.header, &opened.body);
        let step = connection.login.handle_request(header, body, self.now, &*self.chance);
        if let Some(step) = step {
            return reply(step);
        }
        let broker = connection.broker;
        let (since, until) = (self.now.instant, self.now.instant);
        self.poll(Waiting { opened, broker, since, until })
    }

    /// Looks whether a request that waits can be answered now.
    pub fn poll(&mut self, mut waiting: Waiting) -> Reply {
        match self.step(&mut waiting, false) {
            Step::Wait(until) => {
                waiting.until = until;
                Reply::Waits(waiting)
            }
            step => reply(step),
        }
    }

    /// The client of a request that waits has gone.
    pub fn hang_up(&mut self, mut waiting: Waiting) {
        let _nobody_hears = self.step(&mut waiting, true);
    }

    #[expect(clippy::fn_params_excessive_bools, reason = "becomes a field")]
    fn step(&mut self, waiting: &mut Waiting, is_last_call: bool) -> Step {
        self.state.advance(self.now);
        let header = &waiting.opened.header;
        let new = Context::new(header, (waiting.broker, ListenerId::MEMORY), self.now);
        let context = Context { since: waiting.since, is_last_call, ..new };
        waiting.opened.pending.poll(&mut self.state, &context)
    }

    /// How long it is until a request that waits must be polled again: zero would mean that it
    /// never sleeps.
    pub fn left(&mut self, waiting: &Waiting) -> Duration {
        self.state.advance(self.now);
        let until = self.state.deadline().map_or(waiting.until, |due| due.min(waiting.until));
        until.saturating_duration_since(self.now.instant)
    }

    /// An answer to a frame with this error code wherever it has room for one.
    #[must_use]
    pub fn refuse(&self, frame: &Bytes, code: ErrorCode) -> Reply {
        match handle::open(&self.state.settings.spoken, frame) {
            Ok(opened) => reply(opened.pending.refuse(code)),
            Err(reason) => Reply::Closed(reason),
        }
    }

    /// Lets time pass, and what becomes due in it happen.
    pub fn pass(&mut self, by: Duration) {
        self.now.instant += by;
        self.now.millis += i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 2);
        self.state.advance(self.now);
    }

    /// Stops a broker; its connections are to be dropped.
    pub fn stop(&mut self, broker: i32) {
        self.state.stop(broker, self.now.instant);
    }

    /// Starts a broker again.
    pub fn start(&mut self, broker: i32) {
        self.state.start(broker, self.now.instant);
    }

    /// Makes a broker the leader of a partition, if there is one and the broker is in sync.
    pub fn move_leader(&mut self, topic: &str, partition: i32, broker: i32) {
        let is_alive = self.state.is_alive(broker);
        if let Some(found) = self.state.partition_mut(topic, partition)
            && is_alive
            && found.in_sync.contains(&broker)
        {
            found.set_leader(Some(broker));
        }
    }

    /// Loses the records of a partition from an offset on, if there is such a partition.
    pub fn truncate(&mut self, topic: &str, partition: i32, offset: i64) {
        if let Some(found) = self.state.partition_mut(topic, partition) {
            found.truncate(offset);
            self.marks.forget(topic, partition);
        }
    }

    /// Checks what must hold whatever was sent.
    ///
    /// # Panics
    ///
    /// When it does not hold.
    pub fn check(&mut self) {
        self.state.advance(self.now);
        self.marks.check(&self.state, self.now.instant);
    }
}

impl BareConnection {
    /// The broker at its other end.
    #[must_use]
    pub fn broker(&self) -> i32 {
        self.broker
    }

    /// Whether the next frame is a bare token, and so is its answer.
    #[must_use]
    pub fn expects_token(&self) -> bool {
        self.login.expects_token()
    }
}

impl fmt::Debug for BareCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BareCluster").finish_non_exhaustive()
    }
}

fn reply(step: Step) -> Reply {
    match step {
        Step::Answer(segments) => Reply::Answer(segments.to_bytes().slice(4..)),
        Step::Last(segments, reason) => Reply::Last(segments.to_bytes().slice(4..), reason),
        Step::Silence | Step::Wait(_) => Reply::Silence,
        Step::Close(reason) => Reply::Closed(reason),
    }
}
