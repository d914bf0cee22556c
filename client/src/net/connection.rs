//! The task that owns a socket: connects when there is something to send, writes requests in the
//! order in which they came, hands over the answers.
//!
//! ```text
//! Unused --command--> Opening --ranges--> Serving --idle--> Unused, and after a while the end
//!                        |                   |
//!                        +----- failure -----+--> every command is told, back off, Unused
//! ```

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::OptionFuture;
use kurier_env::{Purpose, watch};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use super::dial::{Dial, Opened};
use super::exchange::Command;
use super::in_flight::InFlight;
use super::last_look::LastLook;
use super::outage::Outage;
use super::queue::Queue;
use super::ranges::Ranges;
use super::serving::Serving;
use super::session::Session;
use super::standing::Phase;
use super::track::Milestone;
use crate::backoff::Backoff;
use crate::error::{Cause, Error, Holdup, Waiting};

/// What others may know of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// What the broker said when it was last connected to.
    pub(super) ranges: Option<Arc<Ranges>>,
}

/// The task's ends of what it shares with others.
pub(super) struct Ends {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) state: watch::Sender<State>,
    /// How many requests wait or are not answered, but for those among the commands.
    pub(super) load: Arc<AtomicUsize>,
    /// Tells that the connection shall end at once, whatever is open on it.
    pub(super) cut: oneshot::Receiver<()>,
    /// Is told that the broker is not the one that it should be.
    pub(super) misrouted: Arc<Notify>,
    pub(super) outage: Outage,
}

/// The task's own state.
pub(super) struct Connection {
    dial: Dial,
    address: Box<str>,
    commands: mpsc::Receiver<Command>,
    waiting: Queue,
    state: watch::Sender<State>,
    load: Arc<AtomicUsize>,
    cut: Option<oneshot::Receiver<()>>,
    misrouted: Arc<Notify>,
    outage: Outage,
    backoff: Backoff,
    /// How long the next try may take (KIP-601).
    setup: Backoff,
    not_before: Instant,
    /// Why there was no connection the last time, if there has been none since.
    failure: Option<Error>,
}

impl Connection {
    pub(super) fn new(dial: Dial, ends: Ends) -> Self {
        let (first, max) = (dial.config.dial.backoff, dial.config.dial.backoff_max);
        let setup = dial.config.dial.setup_timeout;
        let setup = Backoff::new(setup, dial.config.dial.setup_timeout_max);
        Self {
            address: dial.address.to_string().into(),
            dial,
            commands: ends.commands,
            waiting: Queue::default(),
            state: ends.state,
            load: ends.load,
            cut: Some(ends.cut),
            misrouted: ends.misrouted,
            outage: ends.outage,
            backoff: Backoff::new(first, max),
            setup,
            not_before: Instant::now(),
            failure: None,
        }
    }

    /// Runs until nobody can send commands any more, or nobody has for a long time.
    pub(super) async fn run(mut self) {
        while self.is_wanted().await {
            self.pass_to(|phase| match phase {
                // Until it is open again, what is known is that it failed.
                Phase::Failed(at) => Phase::Failed(at),
                _ => Phase::Opening,
            });
            match self.open().await {
                Ok(opened) => self.serve(opened).await,
                Err(error) => {
                    tracing::debug!(address = %self.address, %error, "no connection");
                    self.outage.handle_failure(&error);
                    self.back_off();
                    self.pass_to(|_| Phase::Failed(Instant::now()));
                    if error.is_misrouted() {
                        self.misrouted.notify_one();
                    }
                    self.waiting.drain().for_each(|command| command.fail(error.clone()));
                    self.failure = Some(error);
                }
            }
        }
    }

    fn pass_to(&self, next: impl FnOnce(Phase) -> Phase) {
        self.load.store(self.waiting.len(), Ordering::Relaxed);
        self.state.send_modify(|state| state.phase = next(state.phase));
    }

    /// Waits for a command. False if there will be none.
    async fn is_wanted(&mut self) -> bool {
        while self.waiting.is_empty() {
            match timeout(self.dial.config.connection_idle_max, self.commands.recv()).await {
                Ok(Some(command)) => self.waiting.push(command),
                Ok(None) => return false,
                // Commands that are already in the channel are still served.
                Err(_) => self.commands.close(),
            }
        }
        true
    }

    /// Connects, while commands go on queueing and expiring. Ends early when nobody waits for it,
    /// and nobody can any more.
    async fn open(&mut self) -> Result<Opened, Error> {
        let (dial, not_before) = (self.dial.clone(), self.not_before);
        // The first try takes what was set; those after it differ, so that clients do not give up
        // together, and come back together.
        let chance = match self.setup.is_fresh() {
            true => Backoff::NO_JITTER,
            false => self.dial.env.chance(Purpose::Backoff),
        };
        let limit = self.setup.next(chance);
        self.dial.track.reach(Milestone::Turn);
        let mut opening = pin!(async move {
            sleep_until(not_before).await;
            dial.open(limit).await
        });
        self.outage.begin();
        let mut delayed = self.outage.due();
        let mut is_released = false;
        loop {
            if is_released && self.waiting.is_abandoned() {
                return Err(Error::Closed { what: "connection" });
            }
            let due = self.waiting.deadline();
            tokio::select! {
                biased;
                command = self.commands.recv(), if !is_released && !self.waiting.is_full() => {
                    match command {
                        Some(command) => self.waiting.push(command),
                        None => is_released = true,
                    }
                    self.load.store(self.waiting.len(), Ordering::Relaxed);
                }
                told = OptionFuture::from(self.cut.as_mut()), if self.cut.is_some() => {
                    self.cut = None;
                    if let Some(Ok(())) = told {
                        return Err(Error::unreachable(&*self.address, Cause::Rebootstrap));
                    }
                }
                // Before the connection: what is late is not sent on it.
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.expire_unconnected();
                }
                opened = &mut opening => return opened,
                () = sleep_until(delayed.unwrap_or_else(Instant::now)), if delayed.is_some() => {
                    delayed = None;
                    let (dial, address) = (&self.dial, &self.address);
                    let reason = |after| Error::unreachable(&**address, dial.late(after));
                    self.outage.handle_delay(reason);
                }
            }
        }
    }

    async fn serve(&mut self, opened: Opened) {
        self.backoff.reset();
        self.setup.reset();
        self.failure = None;
        self.outage.end();
        tracing::debug!(address = %self.address, release = opened.ranges.release(), "connected");
        let ranges = Arc::new(opened.ranges);
        self.state.send_replace(State { phase: Phase::Open, ranges: Some(Arc::clone(&ranges)) });
        let lasting = |lifetime| Session::new(self.dial.clone(), lifetime);
        let mut serving = Serving {
            meter: self.dial.meter.clone(),
            _open: opened.open,
            session: opened.lifetime.map(lasting),
            is_answered: false,
            frames: opened.frames,
            ranges,
            in_flight: InFlight::new(),
            holdup: Holdup::default(),
            muted_until: (!opened.wait.is_zero()).then(|| Instant::now() + opened.wait),
            last_use: Instant::now(),
            last_look: LastLook::default(),
            is_closing: false,
        };
        let mut timer = pin!(sleep(self.dial.config.connection_idle_max));
        let end = poll_fn(|cx| self.poll_serve(cx, &mut serving, timer.as_mut())).await;
        let is_loss = !serving.in_flight.is_empty() || !self.waiting.is_empty();
        self.pass_to(|_| match end {
            Some(_) if is_loss => Phase::Failed(Instant::now()),
            _ => Phase::Resting,
        });
        let Some(cause) = end.map(|cause| self.explained(cause, &serving)) else {
            let reason = if serving.is_closing { "nobody uses it any more" } else { "it is idle" };
            tracing::debug!(address = %self.address, reason, "closed");
            let leave = poll_fn(|cx| serving.frames.poll_shutdown(cx));
            // Whoever has gone already does not hear it.
            return drop(timeout(SHUTDOWN_MAX, leave).await);
        };
        tracing::debug!(address = %self.address, %cause, "disconnected");
        self.back_off();
        self.fail_all(&mut serving, &cause);
    }

    /// A broker that hangs up at the first request may want a login before it.
    fn explained(&self, cause: Cause, serving: &Serving) -> Cause {
        let is_unheard = !serving.is_answered && !serving.frames.is_amid_frame();
        let is_first = is_unheard && !serving.in_flight.is_empty();
        match is_first && cause.is_hangup() && self.dial.config.sasl.is_none() {
            true => Cause::Unwelcome,
            false => cause,
        }
    }

    /// Moves everything that can move. Ready when the connection has ended, with a cause unless
    /// that was its own idea.
    fn poll_serve(
        &mut self,
        cx: &mut Context<'_>,
        serving: &mut Serving,
        mut timer: Pin<&mut Sleep>,
    ) -> Poll<Option<Cause>> {
        if self.is_cut(cx) {
            return Poll::Ready(Some(Cause::Rebootstrap));
        }
        loop {
            while let Poll::Ready(progress) = self.poll_io(cx, serving) {
                if let Err(cause) = progress {
                    return Poll::Ready(Some(cause));
                }
            }
            if serving.is_closing && serving.in_flight.is_empty() && self.waiting.is_empty() {
                return Poll::Ready(None);
            }
            let load = serving.in_flight.len() + self.waiting.len();
            self.load.store(load, Ordering::Relaxed);
            let due = self.next_due(serving);
            if due < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if let Some(end) = self.handle_time(Instant::now(), serving) {
                return Poll::Ready(end);
            }
        }
    }

    /// Whether the connection shall end at once.
    fn is_cut(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(cut) = &mut self.cut else { return false };
        let Poll::Ready(told) = Pin::new(cut).poll(cx) else { return false };
        self.cut = None;
        told.is_ok()
    }

    /// Pending when nothing more can be done before something happens.
    fn poll_io(&mut self, cx: &mut Context<'_>, serving: &mut Serving) -> Poll<Result<(), Cause>> {
        let mut moved = false;
        while !serving.is_closing && !self.waiting.is_full() {
            match self.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => self.waiting.push(command),
                Poll::Ready(None) => serving.is_closing = true,
                Poll::Pending => break,
            }
            moved = true;
        }
        match serving.poll_session(cx, &self.dial.config.client_id) {
            Poll::Ready(Err(cause)) => return Poll::Ready(Err(cause)),
            Poll::Ready(Ok(())) => moved = true,
            Poll::Pending => {}
        }
        let was_full = self.waiting.is_full();
        // What is late already, as after a pause of the whole process, would only be sent to be
        // missed again, and the connection with it.
        self.expire_unsent(serving);
        moved |= self.start(serving);
        // While the queue was full nobody looked at the channel, so that nothing would wake us.
        moved |= was_full && !self.waiting.is_full();
        let bytes_max = self.dial.config.frame_bytes_max;
        if let Poll::Ready(Err(cause)) = serving.frames.poll_flush(cx) {
            // A broker that has gone may have answered before: what it did is not to be done again.
            while let Poll::Ready(Ok(())) = serving.poll_answer(cx, bytes_max, &self.address) {}
            return Poll::Ready(Err(cause));
        }
        while let Some(sent) = serving.in_flight.poll_sent(serving.frames.flushed_bytes()) {
            sent.what.complete_sent(sent.version);
            moved = true;
        }
        if let Poll::Ready(answered) = serving.poll_answer(cx, bytes_max, &self.address) {
            answered?;
            moved = true;
        }
        if moved { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Queues commands for the socket, as many as may be in flight. True if they have to wait
    /// from now on until the login has been renewed.
    fn start(&mut self, serving: &mut Serving) -> bool {
        while !self.waiting.is_empty() {
            if let Some(holdup) = serving.held_up(self.dial.config.in_flight_max) {
                serving.holdup = holdup;
                return false;
            }
            let session = serving.session.as_mut();
            if session.is_some_and(|session| session.begin_if_due(Instant::now())) {
                return true;
            }
            serving.holdup = Holdup::default();
            match self.waiting.pop() {
                None => return false,
                Some(Command::Open { reply, .. }) => {
                    let _ = reply.send(Ok(Arc::clone(&serving.ranges)));
                }
                Some(Command::Exchange { exchange, answer, .. }) => {
                    serving.send(exchange, answer, &self.dial.config.client_id);
                }
            }
        }
        false
    }

    /// When [`handle_time`](Self::handle_time) has something to do.
    fn next_due(&self, serving: &Serving) -> Instant {
        let idle_max = self.dial.config.connection_idle_max;
        let is_idle = serving.in_flight.is_empty() && self.waiting.is_empty();
        let since = if is_idle { serving.last_use } else { Instant::now() };
        let answer = serving.answer_due().map(|due| serving.last_look.end(due));
        [answer, self.waiting.deadline(), serving.muted_until]
            .into_iter()
            .flatten()
            .fold(since + idle_max, Instant::min)
    }

    /// Does what is due. Some if the connection is to end.
    fn handle_time(&mut self, now: Instant, serving: &mut Serving) -> Option<Option<Cause>> {
        serving.muted_until = serving.muted_until.filter(|until| now < *until);
        self.expire_unsent(serving);
        let late = serving.in_flight.poll_late(now.into_std()).map(|late| late.api());
        if let (Some(api), Some(due)) = (late, serving.answer_due()) {
            let waits = serving.last_look.is_worth_it(now, due);
            return (!waits).then_some(Some(Cause::Silent { api }));
        }
        let is_idle = serving.in_flight.is_empty() && self.waiting.is_empty();
        let idle_since = now.saturating_duration_since(serving.last_use);
        let is_old = idle_since >= self.dial.config.connection_idle_max;
        (is_idle && is_old).then_some(None)
    }

    /// Fails the commands that have waited too long for a connection; it says what it waits for.
    fn expire_unconnected(&mut self) {
        for command in self.waiting.poll_late(Instant::now()) {
            let (address, after) = (self.address.clone(), command.turn().after);
            command.fail(match self.dial.track.at() {
                Milestone::Turn => Error::timed_out(Waiting::Connection { address }, after)
                    .after(self.failure.as_ref()),
                _ => Error::unreachable(address, self.dial.late(after)),
            });
        }
    }

    /// Fails the commands that have waited too long for their turn on an open connection.
    fn expire_unsent(&mut self, serving: &Serving) {
        for command in self.waiting.poll_late(Instant::now()) {
            let after = command.turn().after;
            match command {
                Command::Exchange { exchange, .. } => {
                    let (api, address) = (exchange.api(), self.address.clone());
                    let what = Waiting::Turn { api, address, behind: serving.holdup };
                    exchange.fail(Error::timed_out(what, after));
                }
                // There is nothing more to wait for.
                Command::Open { reply, .. } => drop(reply.send(Ok(Arc::clone(&serving.ranges)))),
            }
        }
    }

    /// Tells every command that the connection has ended, in order, and whether it may have been
    /// executed.
    fn fail_all(&mut self, serving: &mut Serving, cause: &Cause) {
        let now = Instant::now();
        let sent_bytes = serving.frames.sent_bytes();
        let lost = |api, maybe_written: bool| match cause {
            // What was not sent would be refused again.
            Cause::Login(failure) if !maybe_written => {
                let failure = Arc::clone(failure);
                Error::Authentication { address: self.address.clone(), failure }
            }
            cause => Error::Disconnected {
                address: self.address.clone(),
                api,
                maybe_written,
                cause: cause.clone(),
            },
        };
        for sent in serving.in_flight.drain() {
            let maybe_written = sent.maybe_written(sent_bytes);
            let api = sent.what.api();
            let error = if sent.deadline <= now.into_std() {
                let what = Waiting::Answer { api, address: self.address.clone() };
                Error::TimedOut { what, after: sent.timeout, maybe_written, last: None }
            } else {
                lost(Some(api), maybe_written)
            };
            sent.what.fail(error);
        }
        while let Ok(command) = self.commands.try_recv() {
            self.waiting.push(command);
        }
        for command in self.waiting.drain() {
            let error = lost(command.api(), false);
            command.fail(error);
        }
    }

    fn back_off(&mut self) {
        let chance = self.dial.env.chance(Purpose::Backoff);
        self.not_before = Instant::now() + self.backoff.next(chance);
    }
}

/// How long it may take to say goodbye.
const SHUTDOWN_MAX: Duration = Duration::from_secs(1);
