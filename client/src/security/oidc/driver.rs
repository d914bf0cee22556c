//! The task that holds the token: fetches it when somebody asks, and the next one before it ends.
//!
//! ```text
//! nobody asked -> fetching -> held --four fifths of the token's life--> fetching, held
//!                  | failed: all who wait hear it; the next who asks begins again
//! ```

use std::sync::Arc;
use std::time::Duration;

use kurier_auth::Secret;
use kurier_auth::oidc::IssuedToken;
use kurier_env::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::super::bearer::BearerToken;
use super::super::renewal::{fraction, retry_after};
use super::failure::Failure;
use super::fetch::Source;
use super::schedule::refresh_after;
use crate::error::Error;

/// What is asked of the task.
#[derive(Debug)]
pub(super) enum Command {
    /// A token.
    Token(Answer),
    /// A broker has refused this one. The answer is whether the next one may be another.
    Forget(Secret, oneshot::Sender<bool>),
}

/// Who waits for a token.
pub(super) type Answer = oneshot::Sender<Result<BearerToken, Failure>>;

/// The task.
pub(super) struct Driver {
    source: Arc<Source>,
    commands: mpsc::Receiver<Command>,
    held: Option<Held>,
    /// The token that a broker refused last.
    forgotten: Option<Secret>,
    waiting: Vec<Answer>,
    fetching: Option<BoxFuture<'static, Result<IssuedToken, Failure>>>,
    /// When to fetch the next one.
    due: Option<Instant>,
    failures: u32,
}

/// A token that is good for a while.
struct Held {
    token: BearerToken,
    since: Instant,
    /// When it is handed out no more. The system's monotonic clock may stand still while the
    /// machine sleeps, and the other one may be set back: whichever comes first.
    until: (Instant, i64),
}

impl Driver {
    pub(super) fn new(source: Source, commands: mpsc::Receiver<Command>) -> Self {
        Self {
            source: Arc::new(source),
            commands,
            held: None,
            forgotten: None,
            waiting: Vec::new(),
            fetching: None,
            due: None,
            failures: 0,
        }
    }

    /// Runs until nobody can ask any more.
    pub(super) async fn run(mut self) {
        loop {
            let due = self.due.filter(|_| self.fetching.is_none());
            tokio::select! {
                command = self.commands.recv() => match command {
                    None => return,
                    Some(Command::Token(answer)) => self.handle_wish(answer),
                    Some(Command::Forget(token, answer)) => {
                        let _ = answer.send(self.forget(token));
                    }
                },
                fetched = done(&mut self.fetching) => self.handle_fetched(fetched),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.start();
                }
            }
        }
    }

    fn handle_wish(&mut self, answer: Answer) {
        match self.held() {
            Some(held) => drop(answer.send(Ok(held.token.clone()))),
            None => {
                self.waiting.push(answer);
                self.start();
            }
        }
    }

    /// The token, if it is still good.
    fn held(&self) -> Option<&Held> {
        let (now, millis) = (Instant::now(), self.source.env.wall_millis());
        self.held.as_ref().filter(|held| now < held.until.0 && millis < held.until.1)
    }

    /// Forgets a token that a broker has refused, unless it is so new that the next one would be
    /// refused as well. Whether the next one will be another.
    fn forget(&mut self, token: Secret) -> bool {
        match &self.held {
            Some(held) if held.token.token != token => true,
            Some(held) if held.since.elapsed() < NEW_FOR => false,
            Some(_) => {
                (self.held, self.due) = (None, None);
                self.forgotten = Some(token);
                true
            }
            None => self.forgotten.as_ref() == Some(&token),
        }
    }

    fn start(&mut self) {
        if self.fetching.is_none() {
            self.fetching = Some(Box::pin(Arc::clone(&self.source).fetch()));
        }
    }

    fn handle_fetched(&mut self, fetched: Result<IssuedToken, Failure>) {
        match fetched {
            Ok(IssuedToken { token, lifetime }) => {
                tracing::debug!(lifetime = ?lifetime, "fetched a token");
                let extensions = self.source.config.extensions.clone();
                let token = BearerToken { token, extensions };
                for answer in self.waiting.drain(..) {
                    let _ = answer.send(Ok(token.clone()));
                }
                self.failures = 0;
                // One that does not say how long it is good is for those who waited.
                let now = Instant::now();
                let after = lifetime.map(|life| self.refresh_after(life));
                self.due = after.and_then(|after| now.checked_add(after));
                let until = lifetime.and_then(|life| self.until(now, life));
                self.held = until.map(|until| Held { token, since: now, until });
            }
            Err(failure) => self.handle_failure(&failure),
        }
    }

    fn handle_failure(&mut self, failure: &Failure) {
        for answer in self.waiting.drain(..) {
            let _ = answer.send(Err(failure.clone()));
        }
        self.due = None;
        // The old token is used to its end, and the next one is tried for meanwhile.
        if self.held().is_some() {
            self.due = Some(Instant::now() + retry_after(self.failures));
            self.failures = self.failures.saturating_add(1);
            let error = Error::from(failure.clone());
            tracing::warn!(%error, "no new token; the old one is used to its end");
        }
    }

    /// Until when a token is handed out that is good for so long from now on.
    fn until(&self, now: Instant, lifetime: Duration) -> Option<(Instant, i64)> {
        let lifetime = lifetime.saturating_sub(REST_MAX.min(lifetime / 10));
        let millis = i64::try_from(lifetime.as_millis()).ok()?;
        Some((now.checked_add(lifetime)?, self.source.env.wall_millis().saturating_add(millis)))
    }

    fn refresh_after(&self, lifetime: Duration) -> Duration {
        refresh_after(lifetime, &self.source.config, fraction(&self.source.env))
    }
}

/// Waits for the end of what is being fetched; for ever, if nothing is.
async fn done(
    fetching: &mut Option<BoxFuture<'static, Result<IssuedToken, Failure>>>,
) -> Result<IssuedToken, Failure> {
    match fetching {
        Some(running) => {
            let fetched = running.await;
            *fetching = None;
            fetched
        }
        None => std::future::pending().await,
    }
}

/// How long before its end a token is handed out no more; a tenth of its life, if that is less.
const REST_MAX: Duration = Duration::from_secs(30);
/// For how long a token is new.
const NEW_FOR: Duration = Duration::from_secs(10);
