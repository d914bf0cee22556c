//! `Session::run`: rounds one after the other, each through the same work.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::sleep;

use super::ended::{Ended, Reason};
use super::handle::Session;
use super::round::Round;
use crate::backoff::Backoff;
use crate::error::{Error, ErrorKind};

impl Session {
    /// Begins rounds, lets the work be done in each, and ends them, until nothing more will come.
    /// What a round has read that the group took away, or whose member the group does not know any
    /// more, comes again: here or elsewhere.
    ///
    /// What the work gives back may borrow from the round and from nothing else: it holds what it
    /// needs besides, in an [`Arc`](std::sync::Arc) of which each round has a clone. Who would
    /// rather borrow writes the loop with [`begin`](Self::begin) and [`Round::end`], as the
    /// [module](crate::session) shows.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use kurier_client::{Client, Error, Record};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Error> {
    /// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 2).topic("bills", 2);
    /// # let cluster = cluster.build();
    /// # let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
    /// let orders = client.consumer().group("billing").subscribe(["orders"]);
    /// # let reset = kurier_client::consumer::OffsetReset::Earliest;
    /// # let orders = orders.offset_reset(reset);
    /// let mut session = client.session("billing-1", orders).start().await?;
    /// let seen = Arc::new(AtomicUsize::new(0));
    /// let running = session.run::<Error>(|round| {
    ///     let seen = Arc::clone(&seen);
    ///     Box::pin(async move {
    ///         for record in round.batches().iter().flatten() {
    ///             let bill = record?.value.unwrap_or_default();
    ///             drop(round.enqueue(Record::to("bills").value(bill)).await?);
    ///             seen.fetch_add(1, Ordering::Relaxed);
    ///         }
    ///         Ok(())
    ///     })
    /// });
    /// tokio::select! {
    ///     ended = running => ended?,
    ///     () = tokio::time::sleep(Duration::from_secs(60)) => {}
    /// }
    /// session.close(Duration::from_secs(5)).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// That of the work, whose round is aborted with the next one or when the session is closed;
    /// those of [`begin`](Self::begin) and [`Round::end`]; and why a record or the offsets of a
    /// round were refused. After one that is not fatal, call it again: nothing is lost, and what
    /// was not committed comes again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the round that is open is aborted with the next one or
    /// when the session is closed, unless its commit was asked for.
    pub async fn run<E: From<Error>>(
        &mut self,
        mut work: impl for<'a> FnMut(&'a mut Round<'_>) -> Work<'a, E>,
    ) -> Result<(), E> {
        let mut backoff = Backoff::new(AGAIN, AGAIN_MAX);
        while let Some(mut round) = self.begin().await? {
            work(&mut round).await?;
            match round.end().await? {
                Ended::Committed => backoff.reset(),
                Ended::NotCommitted(Reason::Refused(error)) => {
                    if error.kind() != ErrorKind::Membership {
                        return Err(error.into());
                    }
                    sleep(backoff.next(Backoff::NO_JITTER)).await;
                }
                Ended::NotCommitted(Reason::Taken(_) | Reason::Asked) => {}
            }
        }
        Ok(())
    }
}

/// What is done in one round. It is boxed, so that the loop can be spawned whatever it does.
pub type Work<'a, E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send + 'a>>;

/// How long a member that was refused for its generation waits first, and at most, before it reads
/// again.
const AGAIN: Duration = Duration::from_millis(20);
const AGAIN_MAX: Duration = Duration::from_secs(1);
