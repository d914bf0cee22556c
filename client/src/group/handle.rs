//! `Group`: what can be asked of a member by its program.

use std::sync::Arc;
use std::time::Duration;

use kurier_env::watch;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::classic::{Farewell, Member};
use super::pattern::Subscription;
use super::pledge::{Lot, Pledge};
use super::reader::Marked;
use crate::cluster::Cluster;
use crate::error::{Error, Waiting};
use crate::metrics::GroupMeter;
use crate::transactions::{GroupOffset, TopicPartition};

/// A member, for who asks something of it. It keeps no member alive.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: Arc<str>,
    pub(crate) cluster: Cluster,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) subscription: Arc<watch::Sender<Subscription>>,
    pub(crate) member: watch::Receiver<Option<Member>>,
    /// Whether the group says what is read.
    pub(crate) is_member: bool,
    /// Whether patterns may be the coordinator's to read.
    pub(crate) is_remote: bool,
    /// How long a commit is tried for.
    pub(crate) patience: Duration,
    pub(crate) meter: GroupMeter,
}

/// What a member is asked for.
#[derive(Debug)]
pub(crate) enum Order {
    Commit {
        what: Wanted,
        since: Instant,
        until: Instant,
        reply: oneshot::Sender<Result<(), Error>>,
    },
    /// Begins these, which the program has assigned itself, where the group has stopped.
    Begin(Vec<TopicPartition>),
    /// Says whether these are still the member's own.
    Pledge(Plea),
}

impl Order {
    /// When whoever gave it does not wait any more.
    pub(crate) fn until(&self) -> Option<Instant> {
        match self {
            Self::Commit { until, .. } | Self::Pledge(Plea { until, .. }) => Some(*until),
            Self::Begin(_) => None,
        }
    }
}

/// A question whether what was read is still the member's own.
#[derive(Debug)]
pub(crate) struct Plea {
    pub(crate) lots: Vec<Lot>,
    /// The generation of which the coordinator takes nothing any more, if it said so.
    pub(crate) refused: Option<i32>,
    pub(crate) since: Instant,
    pub(crate) until: Instant,
    pub(crate) reply: oneshot::Sender<Pledge>,
}

/// What is to be committed.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// All that is marked, once these are, which the program has in hand. Whoever marks them before
    /// lets go of partitions that are given up without the commit.
    Marked {
        given: Vec<(TopicPartition, Marked)>,
    },
    These(Vec<GroupOffset>),
}

/// How a member ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    pub(crate) farewell: Farewell,
    /// When it is over, whatever is left to do.
    pub(crate) until: Instant,
}

/// Keeps a member alive. When it is dropped the member leaves by itself.
#[derive(Debug)]
pub(crate) struct Tenure {
    pub(crate) closing: oneshot::Sender<Closing>,
    /// Ends with the member.
    pub(crate) ended: oneshot::Receiver<()>,
}

impl Tenure {
    /// Ends the member, and waits for that.
    pub(crate) async fn close(self, closing: Closing) {
        if self.closing.send(closing).is_ok() {
            let _ = timeout_at(closing.until, self.ended).await;
        }
    }
}

impl Group {
    /// Commits this.
    pub(crate) async fn commit(&self, what: Wanted) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let since = Instant::now();
        let until = since + self.patience;
        let closed = || Error::Closed { what: "member of the group" };
        let order = Order::Commit { what, since, until, reply };
        self.orders.send(order).await.map_err(|_| closed())?;
        let outcome = answer.await.unwrap_or_else(|_| Err(closed()));
        self.meter.committed(since.elapsed());
        outcome
    }

    /// Begins these where the group has stopped.
    pub(crate) async fn begin(&self, partitions: Vec<TopicPartition>) -> Result<(), Error> {
        let order = Order::Begin(partitions);
        self.orders.send(order).await.map_err(|_| Error::Closed { what: "consumer" })
    }

    /// Whether these are still the member's own, and as whom it commits. While the group divides
    /// its partitions anew this waits until it has; and where the coordinator has refused a
    /// generation, until the member is of another one, or has asked the coordinator, which says
    /// that it is not.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if it has not for as long as a commit is tried for, or if that is not
    /// known within five seconds; [`Error::Closed`] if there is no member any more.
    pub(crate) async fn pledge(
        &self,
        lots: Vec<Lot>,
        refused: Option<i32>,
    ) -> Result<Pledge, Error> {
        let (reply, answer) = oneshot::channel();
        let patience = if refused.is_some() { self.patience.min(NEWER_MAX) } else { self.patience };
        let since = Instant::now();
        let until = since + patience;
        let closed = |_| Error::Closed { what: "member of the group" };
        let order = Order::Pledge(Plea { lots, refused, since, until, reply });
        self.orders.send(order).await.map_err(|_| closed(()))?;
        match timeout_at(until, answer).await {
            Ok(said) => said.map_err(|_| closed(())),
            Err(_) => {
                Err(Error::timed_out(Waiting::Division { group: (&*self.id).into() }, patience))
            }
        }
    }

    /// What is to be read from now on.
    pub(crate) fn subscribe(&self, to: Subscription) {
        self.subscription.send_replace(to);
    }
}

/// How long a member takes at most to hear of a generation that its coordinator has come to: the
/// answer to its join, or to a heartbeat.
const NEWER_MAX: Duration = Duration::from_secs(5);
