//! Serves one connection: frames in, answers out in their order, waits in between.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use kurier_env::Io;
use kurier_protocol::ApiKey;
use kurier_protocol::wire::Segments;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until};

use crate::entrance::Entrance;
use crate::fault::Action;
use crate::frames::FrameReader;
use crate::handle::{self, Context, Opened, Step};
use crate::limits::FETCH_BYTES_MAX;
use crate::login::Login;
use crate::recorder::RecordedRequest;
use crate::shared::{Power, Shared, Unread};
use crate::state::ListenerId;

/// Serves a connection to a broker until the client closes it, breaks the protocol, or the broker's
/// life ends.
pub(crate) async fn serve(shared: Arc<Shared>, broker: i32, entrance: Entrance, io: impl Io) {
    let Some(mut life) = shared.life(broker) else { return };
    if life.borrow_and_update().power == Power::Off {
        return;
    }
    let number = shared.with(|core, _| {
        core.connections += 1;
        core.connections
    });
    let why = tokio::select! {
        biased;
        _ = life.changed() => "the broker's life ended".to_owned(),
        ended = enter(&shared, broker, number, &entrance, io) => match ended {
            Ok(()) => return,
            Err(End::Io(error)) => error.to_string(),
            Err(End::Cut) => "a fault of the script".to_owned(),
            Err(End::Closed(reason)) => reason,
        },
    };
    tracing::debug!(broker, connection = number, "connection closed: {why}");
}

/// Lets the client through TLS, where there is any, and serves it.
async fn enter(
    shared: &Shared,
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
    shared: &'a Shared,
    broker: i32,
    listener: ListenerId,
    number: u64,
    io: S,
    reader: FrameReader,
    login: Login,
}

/// Why a connection ends before the client closes it.
enum End {
    Io(io::Error),
    /// The broker closes it, for this reason.
    Closed(String),
    /// A fault of the script: it ends without a word.
    Cut,
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<'a, S: Io> Connection<'a, S> {
    fn new(shared: &'a Shared, broker: i32, number: u64, listener: ListenerId, io: S) -> Self {
        let spoken = shared.with(|core, _| core.state.settings.spoken.clone());
        let login = Login::new(shared.security.sasl.clone(), spoken);
        Self { shared, broker, listener, number, io, reader: FrameReader::default(), login }
    }

    async fn run(mut self) -> Result<(), End> {
        let ended = self.serve().await;
        if let Err(End::Closed(_)) = &ended {
            // With TLS this says that nothing is missing. Whoever has gone does not hear it.
            let _ = self.io.shutdown().await;
        }
        ended
    }

    async fn serve(&mut self) -> Result<(), End> {
        let spoken = self.shared.with(|core, _| core.state.settings.spoken.clone());
        while let Some(frame) = self.next().await? {
            if self.login.expects_token() {
                let step = self.shared.with(|_, now| self.login.handle_token(&frame, now));
                self.send(step).await?;
                continue;
            }
            let opened = handle::open(&spoken, &frame).map_err(End::Closed)?;
            let action = self.record(&opened);
            self.answer(&opened, action).await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.reader.next(&mut self.io, self.login.frame_bytes_max()).await
    }

    /// Remembers the request, and looks up what shall go wrong with it.
    fn record(&self, opened: &Opened) -> Option<Action> {
        let api = ApiKey(opened.header.request_api_key);
        let at = self.shared.started.elapsed();
        self.shared.with(|core, _| {
            core.recorder.push(RecordedRequest {
                at,
                broker: self.broker,
                connection: self.number,
                api,
                version: opened.header.request_api_version,
                client_id: opened.header.client_id.clone().map(String::from),
                user: self.login.user().cloned(),
                body: opened.body.clone(),
            });
            core.script.handle_request(self.broker, api)
        })
    }

    async fn answer(&mut self, opened: &Opened, action: Option<Action>) -> Result<(), End> {
        match action {
            Some(Action::Close) => return Err(End::Cut),
            Some(Action::Delay(by)) => sleep(by).await,
            _ => {}
        }
        let (step, _unread) = match action {
            Some(Action::Answer(code)) => (opened.pending.refuse(code), None),
            _ => self.execute(opened).await,
        };
        let segments = match step {
            Step::Answer(segments) => segments,
            Step::Silence | Step::Wait(_) => Segments::default(),
            Step::Last(..) | Step::Close(_) => return self.send(step).await,
        };
        match action {
            Some(Action::ExecuteThenClose) => return Err(End::Cut),
            // What the client sends from now on is not handled either.
            Some(Action::ExecuteThenHang) => {
                while self.next().await?.is_some() {}
                return Ok(());
            }
            Some(Action::DelayAnswer(by)) => sleep(by).await,
            Some(Action::AnswerTwice) => write(&mut self.io, segments.clone()).await?,
            Some(Action::Cut(bytes)) => {
                let frame = segments.to_bytes();
                self.io.write_all(frame.get(..bytes).unwrap_or(&frame)).await?;
                self.io.flush().await?;
                return Err(End::Cut);
            }
            _ => {}
        }
        Ok(write(&mut self.io, segments).await?)
    }

    /// Sends what is to be sent without a fault.
    async fn send(&mut self, step: Step) -> Result<(), End> {
        match step {
            Step::Answer(segments) => write(&mut self.io, segments).await?,
            Step::Last(segments, reason) => {
                write(&mut self.io, segments).await?;
                return Err(End::Closed(reason));
            }
            Step::Silence | Step::Wait(_) => {}
            Step::Close(reason) => return Err(End::Closed(reason)),
        }
        Ok(())
    }

    /// Polls the handler until it has decided. Its answer counts as unread until it is written.
    async fn execute(&mut self, opened: &Opened) -> (Step, Option<Unread<'a>>) {
        let (login, chance) = (&mut self.login, &*self.shared.chance);
        let Opened { header, body, .. } = opened;
        let step = self.shared.with(|_, now| login.handle_request(header, body, now, chance));
        if let Some(step) = step {
            return (step, None);
        }
        let since = Instant::now().into_std();
        let call = self.shared.with(|core, _| core.state.new_call());
        let client_id = opened.header.client_id.clone().unwrap_or_default();
        let mut is_last_call = false;
        loop {
            // Registered before the poll, so that no change between it and the wait is missed.
            let mut changed = std::pin::pin!(self.shared.changed());
            changed.as_mut().enable();
            let mut unread = None;
            let (step, deadline) = self.shared.with(|core, now| {
                let context = Context {
                    call,
                    client_id: client_id.clone(),
                    broker: self.broker,
                    listener: self.listener,
                    version: opened.header.request_api_version,
                    since,
                    now,
                    is_last_call,
                };
                core.state.fetch_bytes_max = self.shared.answer_room().min(FETCH_BYTES_MAX);
                let step = opened.pending.poll(&mut core.state, &context);
                if let Step::Answer(segments) = &step {
                    // Under the lock, so that the next answer knows of this one.
                    unread = Some(self.shared.count_unread(segments.len()));
                }
                (step, core.state.deadline())
            });
            let Step::Wait(until) = step else { return (step, unread) };
            if is_last_call {
                return (step, None);
            }
            // Whoever waits sees to it that what is due in the cluster happens in time.
            let until = deadline.map_or(until, |deadline| until.min(deadline));
            tokio::select! {
                biased;
                () = changed => {}
                () = sleep_until(until.into()) => {}
                goes_on = self.reader.read_ahead(&mut self.io) => is_last_call = !goes_on,
            }
        }
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
