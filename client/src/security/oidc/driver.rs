//! The task that holds the token: fetches it when somebody asks, and the next one before it ends.
//!
//! ```text
//! nobody asked -> fetching -> held --four fifths of the token's life--> fetching, held
//!                  | failed: all who wait hear it; the next who asks begins again
//! ```

use std::sync::Arc;
use std::time::Duration;

use kurier_auth::oidc::IssuedToken;
use kurier_env::{BoxFuture, Purpose};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::super::bearer::BearerToken;
use super::failure::Failure;
use super::fetch::Source;
use super::schedule::refresh_after;
use crate::error::Error;

/// Who waits for a token.
pub(super) type Answer = oneshot::Sender<Result<BearerToken, Failure>>;

/// The task.
pub(super) struct Driver {
    source: Arc<Source>,
    wishes: mpsc::Receiver<Answer>,
    held: Option<Held>,
    waiting: Vec<Answer>,
    fetching: Option<BoxFuture<'static, Result<IssuedToken, Failure>>>,
    /// When to fetch the next one.
    due: Option<Instant>,
    failures: u32,
}

/// A token that is good for a while.
struct Held {
    token: BearerToken,
    ends: Instant,
}

impl Driver {
    pub(super) fn new(source: Source, wishes: mpsc::Receiver<Answer>) -> Self {
        Self {
            source: Arc::new(source),
            wishes,
            held: None,
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
                wish = self.wishes.recv() => match wish {
                    None => return,
                    Some(answer) => self.handle_wish(answer),
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
        self.held.as_ref().filter(|held| Instant::now() < held.ends)
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
                let ends = lifetime.and_then(|life| now.checked_add(life));
                self.held = ends.map(|ends| Held { token, ends });
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
            let wait = RETRY_AFTER.saturating_mul(1 << self.failures.min(3));
            self.failures = self.failures.saturating_add(1);
            self.due = Some(Instant::now() + wait);
            let error = Error::from(failure.clone());
            tracing::warn!(%error, "no new token; the old one is used to its end");
        }
    }

    fn refresh_after(&self, lifetime: Duration) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "53 bits of chance are enough")]
        let chance = (self.source.env.chance(Purpose::Backoff) >> 11) as f64 / (1_u64 << 53) as f64;
        refresh_after(lifetime, &self.source.config, chance)
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

/// How long to wait before the first new try of a fetch that failed; it doubles three times.
const RETRY_AFTER: Duration = Duration::from_secs(10);
