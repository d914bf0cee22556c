//! Serves one connection: frames in, answers out in their order, waits in between.

use std::cell::OnceCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kurier_env::Io;
use kurier_protocol::ErrorCode;
use kurier_protocol::release::Release;
use kurier_protocol::wire::Segments;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, sleep_until, timeout};

use crate::doctored::{self, Scene};
use crate::entrance::Entrance;
use crate::fault::{ConnectionFate, Fate, Filter, Names, Plan, Refusals, Seen};
use crate::frames::FrameReader;
use crate::handle::{self, Context, Opened, Step};
use crate::limits::FETCH_BYTES_MAX;
use crate::login::Login;
use crate::recorder::RecordedRequest;
use crate::shared::{Core, Power, Shared, Unread};
use crate::state::{ListenerId, State};

/// Serves a connection to a broker until the client closes it, breaks the protocol, or the broker's
/// life ends.
pub(crate) async fn serve(shared: Arc<Shared>, broker: i32, entrance: Entrance, io: impl Io) {
    let Some(mut life) = shared.life(broker) else { return };
    if life.borrow_and_update().power == Power::Off {
        return;
    }
    let number = shared.with(|core, _| core.recorder.push_connection());
    let why = tokio::select! {
        biased;
        _ = life.changed() => "the broker's life ended".to_owned(),
        ended = unless_paused(&shared, broker, enter(&shared, broker, number, &entrance, io)) => {
            match ended {
                Ok(()) => return,
                Err(End::Io(error)) => error.to_string(),
                Err(End::Cut) => "a fault of the script".to_owned(),
                Err(End::Closed(reason)) => reason,
                Err(End::Refused(reason)) => {
                    if shared.with(|core, _| core.is_news(&reason)) {
                        tracing::warn!("broker {broker} refused a login: {reason}");
                    }
                    reason
                }
            }
        }
    };
    tracing::debug!(broker, connection = number, "connection closed: {why}");
}

/// Takes a connection that a fault of the script is for: it is held and never read, or gone.
pub(crate) async fn turn_away(
    shared: Arc<Shared>,
    broker: i32,
    fate: ConnectionFate,
    mut io: impl Io,
) {
    let Some(mut life) = shared.life(broker) else { return };
    // A task that waits for the cluster's end must not put it off.
    drop(shared);
    if fate == ConnectionFate::Hang && life.borrow_and_update().power == Power::On {
        let _ = life.changed().await;
        return;
    }
    if fate == ConnectionFate::Close {
        let _ = io.shutdown().await;
    }
}

/// Does nothing while the broker is paused, however much is due.
async fn unless_paused<T>(shared: &Shared, broker: i32, act: impl Future<Output = T>) -> T {
    let mut act = std::pin::pin!(act);
    let Some(mut pause) = shared.pause(broker) else { return act.await };
    loop {
        // Nobody drops the sender before the cluster itself.
        let _ = pause.wait_for(|is_paused| !is_paused).await;
        tokio::select! {
            biased;
            _ = pause.wait_for(|is_paused| *is_paused) => {}
            value = &mut act => return value,
        }
    }
}

/// Lets the client through TLS, where there is any, and serves it.
async fn enter(
    shared: &Arc<Shared>,
    broker: i32,
    number: u64,
    entrance: &Entrance,
    io: impl Io,
) -> Result<(), End> {
    #[cfg(feature = "tls")]
    if let Some(tls) = &entrance.tls {
        let io = tls.accept(io).await?;
        return Connection::new(shared, broker, number, entrance.listener, io).run().await;
    }
    Connection::new(shared, broker, number, entrance.listener, io).run().await
}

/// One connection. The broker handles its requests one after the other, as Kafka does: a request
/// that waits holds up those behind it.
struct Connection<'a, S> {
    shared: &'a Arc<Shared>,
    broker: i32,
    listener: ListenerId,
    number: u64,
    io: S,
    reader: FrameReader,
    /// How long nothing may come.
    idle_max: Duration,
    login: Login,
}

/// Why a connection ends before the client closes it.
enum End {
    Io(io::Error),
    /// The broker closes it, for this reason.
    Closed(String),
    /// The broker does not let the client in, for this reason.
    Refused(String),
    /// A fault of the script: it ends without a word.
    Cut,
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<'a, S: Io> Connection<'a, S> {
    fn new(shared: &'a Arc<Shared>, broker: i32, number: u64, listener: ListenerId, io: S) -> Self {
        let (spoken, idle_max) = shared.with(|core, _| {
            (core.state.spoken(broker).clone(), core.state.settings.connection_idle_max)
        });
        let login = Login::new(shared.security.sasl.clone(), spoken);
        let reader = FrameReader::new(&shared.unfinished);
        Self { shared, broker, listener, number, io, reader, idle_max, login }
    }

    async fn run(mut self) -> Result<(), End> {
        let ended = self.serve().await;
        if let Err(End::Closed(_) | End::Refused(_)) = &ended {
            // With TLS this says that nothing is missing. Whoever has gone does not hear it.
            let _ = self.io.shutdown().await;
        }
        ended
    }

    async fn serve(&mut self) -> Result<(), End> {
        while let Some(frame) = self.next().await? {
            if self.login.expects_token() {
                let step = self.shared.with(|_, now| self.login.handle_token(&frame, now));
                let sent = self.send(step).await;
                sent.map_err(|end| match end {
                    End::Closed(reason) => End::Refused(reason),
                    end => end,
                })?;
                continue;
            }
            // What is spoken may be narrowed while the connection lives.
            let spoken = self.shared.with(|core, _| core.state.spoken(self.broker).clone());
            let mut opened = handle::open(&spoken, &frame).map_err(End::Closed)?;
            let plan = self.record(&opened);
            self.answer(&mut opened, &plan).await?;
        }
        Ok(())
    }

    /// The next frame; none if the client has closed the connection. One over which nothing comes
    /// for too long is closed here.
    async fn next(&mut self) -> Result<Option<Bytes>, End> {
        let bytes_max = self.login.frame_bytes_max();
        loop {
            let before = self.reader.buffered();
            let next = self.reader.next(&mut self.io, bytes_max);
            match timeout(self.idle_max, next).await {
                Ok(frame) => return Ok(frame?),
                Err(_) if self.reader.buffered() > before => {}
                Err(_) => return Err(End::Closed(format!("idle for {:?}", self.idle_max))),
            }
        }
    }

    /// Remembers the request, and looks up what shall go wrong with it.
    fn record(&self, opened: &Opened) -> Plan {
        let (api, version) = opened.api();
        let at = self.shared.started.elapsed();
        let plan = self.shared.with(|core, _| {
            core.recorder.push(RecordedRequest {
                at,
                broker: self.broker,
                connection: self.number,
                api,
                version,
                client_id: opened.header.client_id.clone().map(String::from),
                user: self.login.user().cloned(),
                body: opened.body.clone(),
            });
            let Core { script, state, .. } = core;
            self.seen(opened, state, |seen| script.handle_request(seen))
        });
        self.shared.push_recorded();
        plan
    }

    /// Shows the request as the script looks at it.
    fn seen<T>(&self, opened: &Opened, state: &State, look: impl FnOnce(&Seen<'_>) -> T) -> T {
        let names = OnceCell::<Names>::new();
        let names_of = || doctored::names(state, self.broker, opened.api(), &opened.body);
        look(&Seen {
            api: opened.api().0,
            broker: self.broker,
            connection: self.number,
            client_id: opened.header.client_id.as_deref().unwrap_or_default(),
            names: &|| names.get_or_init(names_of).clone(),
            topics: state,
        })
    }

    async fn answer(&mut self, opened: &mut Opened, plan: &Plan) -> Result<(), End> {
        rest(plan.delay()).await;
        let split = self.shared.with(|core, _| doctored::split(plan, opened, &core.state));
        let mut split = split.map_err(End::Closed)?;
        let (step, _unread) = match &plan.fate {
            Some(fate @ (Fate::Close | Fate::CloseThenExecute(_))) => {
                let later =
                    if let Fate::CloseThenExecute(after) = fate { Some(*after) } else { None };
                for after in plan.again().chain(later) {
                    self.execute_later(opened, after)?;
                }
                return Err(End::Cut);
            }
            Some(Fate::Answer(code)) => (doctored::refusal(opened, *code), None),
            Some(Fate::AnswerAtTop(code)) => (doctored::headed(opened, *code), None),
            Some(Fate::Reply(_, reply)) => {
                let header = &opened.header;
                let frame = reply.frame(header.request_api_version, header.correlation_id);
                (frame.map_or_else(|error| Step::Close(error.to_string()), Step::Answer), None)
            }
            _ if split.is_empty => (doctored::refusal(opened, ErrorCode::NONE), None),
            _ => self.execute(split.left.as_mut().unwrap_or(opened), &plan.refused).await,
        };
        // A client sends something twice because it has no answer. One that was refused has one.
        let mut again = plan.again().peekable();
        if again.peek().is_some() && !doctored::is_refused(&step, opened) {
            for after in again {
                self.execute_later(opened, after)?;
            }
        }
        let step = match &plan.fate {
            Some(Fate::ExecuteThenAnswer(code)) => doctored::refusal(opened, *code),
            _ => step,
        };
        let step = self.shared.with(|core, _| {
            let Core { script, state, .. } = core;
            let (broker, listener) = (self.broker, self.listener);
            let scene = Scene { state, broker, listener };
            let step = doctored::edit(step, opened, (plan, &split), &scene);
            self.seen(opened, state, |seen| doctored::damage(step, opened, seen, script))
        });
        match step {
            Step::Answer(segments) => self.deliver(segments, plan).await,
            Step::Silence | Step::Wait(_) => self.deliver(Segments::default(), plan).await,
            Step::Last(..) | Step::Close(_) => self.send(step).await,
        }
    }

    /// Sends an answer in the way the plan wants it.
    async fn deliver(&mut self, segments: Segments, plan: &Plan) -> Result<(), End> {
        self.shared.with(|core, _| core.recorder.push_answer(segments.len()));
        rest(plan.answer_delay()).await;
        // Since KIP-219 who is throttled hears it at once, and is not listened to for that long.
        let release = self.shared.with(|core, _| core.state.spoken(self.broker).release);
        let (before, after) = match release >= Release::V2_0 {
            true => (Duration::ZERO, plan.throttle()),
            false => (plan.throttle(), Duration::ZERO),
        };
        rest(before).await;
        match &plan.fate {
            Some(Fate::ExecuteThenClose) => return Err(End::Cut),
            // What the client sends from now on is not handled either.
            Some(Fate::ExecuteThenHang) => {
                while self.next().await?.is_some() {}
                return Ok(());
            }
            Some(Fate::AnswerTwice) => write(&mut self.io, segments.clone()).await?,
            Some(Fate::Garble(bytes)) => {
                let garbled = doctored::garbled(&segments, bytes);
                write(&mut self.io, garbled).await?;
                rest(after).await;
                return Ok(());
            }
            Some(Fate::Cut(bytes)) => {
                let frame = segments.to_bytes();
                self.io.write_all(frame.get(..*bytes).unwrap_or(&frame)).await?;
                self.io.flush().await?;
                return Err(End::Cut);
            }
            _ => {}
        }
        write(&mut self.io, segments).await?;
        rest(after).await;
        Ok(())
    }

    /// Executes the request once more after a delay, if the broker lives as long; nobody is told.
    fn execute_later(&self, opened: &Opened, after: Duration) -> Result<(), End> {
        let mut again = handle::reopen(opened, opened.body.clone()).map_err(End::Closed)?;
        let (shared, broker) = (Arc::clone(self.shared), self.broker);
        let mut context = self.context(opened);
        context.is_last_call = true;
        tokio::spawn(async move {
            let Some(mut life) = shared.life(broker) else { return };
            life.mark_unchanged();
            tokio::select! {
                biased;
                _ = life.changed() => return,
                () = unless_paused(&shared, broker, sleep(after)) => {}
            }
            shared.with(|core, now| {
                (context.since, context.now) = (now.instant, now);
                again.pending.poll(&mut core.state, &context);
            });
        });
        Ok(())
    }

    fn context(&self, opened: &Opened) -> Context {
        let now = self.shared.with(|_, now| now);
        Context::new(&opened.header, (self.broker, self.listener), now)
    }

    /// Sends what is to be sent without a fault.
    async fn send(&mut self, step: Step) -> Result<(), End> {
        match step {
            Step::Answer(segments) => write(&mut self.io, segments).await?,
            Step::Last(segments, reason) => {
                write(&mut self.io, segments).await?;
                return Err(End::Refused(reason));
            }
            Step::Silence | Step::Wait(_) => {}
            Step::Close(reason) => return Err(End::Closed(reason)),
        }
        Ok(())
    }

    /// Polls the handler until it has decided. Its answer counts as unread until it is written.
    async fn execute(
        &mut self,
        opened: &mut Opened,
        refused: &[(Filter, ErrorCode)],
    ) -> (Step, Option<Unread<'a>>) {
        let (login, chance) = (&mut self.login, &*self.shared.chance);
        let Opened { header, body, .. } = opened;
        let step = self.shared.with(|_, now| login.handle_request(header, body, now, chance));
        if let Some(step) = step {
            return (step, None);
        }
        let refusals = Refusals(refused.to_vec());
        let mut context = Context { refusals, ..self.context(opened) };
        loop {
            // Registered before the poll, so that no change between it and the wait is missed.
            let mut changed = std::pin::pin!(self.shared.changed());
            changed.as_mut().enable();
            let mut unread = None;
            let (step, deadline) = self.shared.with(|core, now| {
                context.now = now;
                context.fetch_bytes_max = self.shared.answer_room().min(FETCH_BYTES_MAX);
                let step = opened.pending.poll(&mut core.state, &context);
                if let Step::Answer(segments) = &step {
                    // Under the lock, so that the next answer knows of this one.
                    unread = Some(self.shared.count_unread(segments.len()));
                }
                (step, core.state.deadline())
            });
            let Step::Wait(until) = step else { return (step, unread) };
            if context.is_last_call {
                return (step, None);
            }
            // Whoever waits sees to it that what is due in the cluster happens in time.
            let until = deadline.map_or(until, |deadline| until.min(deadline));
            tokio::select! {
                biased;
                () = changed => {}
                () = sleep_until(until.into()) => {}
                goes_on = self.reader.read_ahead(&mut self.io) => context.is_last_call = !goes_on,
            }
        }
    }
}

/// Waits; not at all, if there is nothing to wait for.
async fn rest(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

async fn write(io: &mut (impl AsyncWrite + Unpin), segments: Segments) -> io::Result<()> {
    if segments.len() <= COPY_BYTES_MAX {
        io.write_all(&segments.to_bytes()).await?;
    } else {
        for segment in segments {
            let segment: Bytes = segment;
            io.write_all(&segment).await?;
        }
    }
    io.flush().await
}

/// Answers up to this size leave in one write.
const COPY_BYTES_MAX: usize = 64 << 10;
