//! `GroupEvents`: what a program hears of its partitions, and says when it has let go of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::sync::{mpsc, oneshot};

use super::event::{Loss, Revocation};
use crate::error::Error;
use crate::transactions::TopicPartition;

/// Something that has happened to a member of a group.
#[non_exhaustive]
#[derive(Debug)]
pub enum GroupEvent {
    /// It holds these partitions, too. Where they begin is looked up now; a seek of one of them
    /// comes first.
    Assigned {
        /// Those that are new; none, if the group has only come to another generation.
        partitions: Vec<TopicPartition>,
        /// The generation of the group, or the epoch of the member (KIP-848).
        generation: i32,
    },
    /// It is to give these up. Nothing more of them is given. They are its own until what it had of
    /// them is marked and `release` is dropped; then what is marked is committed, and others get
    /// them.
    ///
    /// This is told at once: a batch of them that was given before may still be at work, and no
    /// event says when that ends. So a task that does nothing but hear must not save or throw away
    /// what the reading one keeps of them. In one task, between two batches, nothing is at work:
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # use kurier_client::{Client, FetchedBatch, Record};
    /// # use kurier_client::consumer::OffsetReset;
    /// # use kurier_client::group::GroupEvent;
    /// # use kurier_client::offsets::Isolation;
    /// # use kurier_client::transactions::TopicPartition;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), kurier_client::Error> {
    /// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 1).build();
    /// # let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
    /// # client.producer().build().await?.send(Record::to("orders").value("v")).await?;
    /// let orders = client.consumer().group("billing").subscribe(["orders"]).auto_mark(false);
    /// # let orders = orders.offset_reset(OffsetReset::Earliest);
    /// # let another = orders.clone();
    /// # let mut others = Vec::new();
    /// let mut consumer = orders.start()?;
    /// let mut events = consumer.events().expect("they are given once");
    /// let mut unsaved: HashMap<TopicPartition, FetchedBatch> = HashMap::new();
    /// loop {
    ///     tokio::select! {
    ///         biased;
    ///         Some(event) = events.next() => match event {
    ///             GroupEvent::Revoked { partitions, release, .. } => {
    ///                 for batch in partitions.iter().filter_map(|of| unsaved.remove(of)) {
    ///                     println!("saved up to {}", batch.next_offset());
    ///                     consumer.mark(&batch);
    ///                 }
    ///                 release.done();
    /// #               break;
    ///             }
    ///             GroupEvent::Lost { partitions, .. } => {
    ///                 unsaved.retain(|of, _| !partitions.contains(of));
    ///             }
    ///             _ => {}
    ///         },
    ///         Some(batch) = consumer.next() => {
    ///             let batch = batch?;
    ///             unsaved.insert((batch.topic().into(), batch.partition()), batch);
    /// #           others.push(another.clone().start()?);
    ///         }
    ///         else => break,
    ///     }
    /// }
    /// # tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    /// # let steps = client.transactions();
    /// # let asked = steps.committed_offsets("billing", Isolation::default(), [("orders", 0)]);
    /// # let committed = asked.await.remove(0).outcome?;
    /// # assert_eq!(committed.map(|at| at.offset), Some(1));
    /// # Ok(())
    /// # }
    /// ```
    Revoked {
        /// Those that it gives up.
        partitions: Vec<TopicPartition>,
        /// Why.
        why: Revocation,
        /// When they are lost, if they are not given up by then.
        until: Instant,
        /// Holds them.
        release: Release,
    },
    /// These are, or may be, another member's: what was done with them since the last commit cannot
    /// be committed any more, and is done again.
    Lost {
        /// Those that it has lost.
        partitions: Vec<TopicPartition>,
        /// Why: [`Loss::Overdue`] if the program was at work for longer than
        /// [`poll_interval_max`](super::GroupConfig::poll_interval_max). The member joins again
        /// when it asks for more.
        why: Loss,
    },
    /// The coordinator has answered no heartbeat well for as long as a session lasts. The member
    /// goes on; its partitions may be another's by now.
    Unheard {
        /// How long a session lasts: [`session_timeout`](super::GroupConfig::session_timeout).
        /// Where the coordinator divides (KIP-848) its own setting counts, which it tells nobody.
        session: Duration,
    },
    /// The member has waited for [`outage_max`](crate::consumer::ConsumerConfig::outage_max), and
    /// goes on waiting: for a place in the group, for a good answer to a heartbeat, for the names
    /// of topics, or for the offsets where its partitions begin. It comes again after as long.
    ///
    /// `next` gives the same error, unless all that is missing is that the other members of a
    /// classic group join: they may take until their `poll_interval_max` for that.
    Waiting {
        /// What is waited for, for how long, and what stood in the way the last time: an
        /// [`Error::TimedOut`].
        error: Error,
    },
    /// What was marked could not be committed: by itself, or before partitions were given up.
    CommitFailed {
        /// Why.
        error: Error,
    },
}

/// What happens to a member of a group, one thing after the other.
///
/// Whoever has asked for them must go on taking them: partitions that are revoked are held until
/// their [`Release`] is dropped, and that lies in the event. One that nobody takes holds up the
/// rebalance for all members, until the partitions are [lost](Loss::TooSlow)
/// ([`poll_interval_max`](super::GroupConfig::poll_interval_max)), and holds up
/// [`close`](crate::Consumer::close) for half of its time. Dropping this ends that. 256 wait at
/// most; more are left out, and none of those is waited for.
#[derive(Debug)]
pub struct GroupEvents {
    events: mpsc::Receiver<GroupEvent>,
}

impl GroupEvents {
    /// The next one; none once the member is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<GroupEvent> {
        self.events.recv().await
    }
}

/// Holds partitions that are revoked, until it is dropped.
#[derive(Debug)]
pub struct Release {
    _held: oneshot::Sender<()>,
}

impl Release {
    /// Lets go of the partitions: the same as dropping it.
    pub fn done(self) {}
}

/// Where events come from.
#[derive(Debug)]
pub(crate) struct Notices {
    events: mpsc::Sender<GroupEvent>,
    is_heard: Arc<AtomicBool>,
}

/// Where they can be had, once.
#[derive(Debug)]
pub(crate) struct Hearing {
    events: Option<GroupEvents>,
    is_heard: Arc<AtomicBool>,
}

/// Events from a member to its program.
pub(crate) fn notices() -> (Notices, Hearing) {
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    let is_heard = Arc::new(AtomicBool::new(false));
    let notices = Notices { events: sender, is_heard: Arc::clone(&is_heard) };
    (notices, Hearing { events: Some(GroupEvents { events }), is_heard })
}

impl Hearing {
    pub(crate) fn take(&mut self) -> Option<GroupEvents> {
        self.is_heard.store(true, Ordering::Release);
        self.events.take()
    }
}

impl Notices {
    /// Tells of something, if anybody wants to know.
    pub(crate) fn tell(&self, event: GroupEvent) {
        if self.is_heard.load(Ordering::Acquire) && self.events.try_send(event).is_err() {
            tracing::warn!("an event of the group is left out, as too many wait to be taken");
        }
    }

    /// Tells of partitions that are revoked, and waits until the program has let go of them.
    pub(crate) fn revoke(
        &self,
        partitions: &[TopicPartition],
        why: Revocation,
        until: Instant,
    ) -> BoxFuture<'static, ()> {
        if !self.is_heard.load(Ordering::Acquire) {
            return ready(()).boxed();
        }
        let (held, released) = oneshot::channel();
        let (partitions, release) = (partitions.to_vec(), Release { _held: held });
        self.tell(GroupEvent::Revoked { partitions, why, until, release });
        released.map(|_| ()).boxed()
    }
}

/// Events that wait to be taken.
const EVENTS_MAX: usize = 256;
