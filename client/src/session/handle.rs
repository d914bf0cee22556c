//! `Session`: it reads, and ends what was begun, so that nothing is doubled or lost.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use kurier_protocol::Str;
use tokio::task::coop::{consume_budget, unconstrained};
use tokio::time::{Instant, timeout_at};

use super::beginning::Beginning;
use super::ended::{Ended, Reason};
use super::reads::Reads;
use crate::consumer::{Consumer, FetchedBatch, Start, Turn};
use crate::error::{Error, TransactionFate, means_left_behind};
use crate::group::{GroupEvents, Member, Pledge};
use crate::retries::deadline;
use crate::transactional::{Transaction, TransactionalProducer};
use crate::transactions::ConsumerGroupMetadata;

/// Reads records, and commits how far it has read in one transaction with what was made of them,
/// one [round](super::Round) after the other.
///
/// Dropping it aborts the round that is open, unless its commit was asked for, and leaves the
/// group, in the background.
#[derive(Debug)]
pub struct Session {
    pub(super) producer: TransactionalProducer,
    consumer: Consumer,
    records_max: usize,
    pub(super) beginning: Beginning,
    reads: Reads,
    pub(super) open: Option<Open>,
    /// How the last round ended, if nobody was told.
    pub(super) previous: Option<Ended>,
}

/// A round that has begun and not come to its end.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) transaction: Transaction,
    pub(super) stage: Stage,
}

/// How far a round is.
///
/// ```text
/// Working ---- all is still held, its offsets are sent ----> Committing ----> committed
///    |                                                           |
///    | dropped, asked for, taken, refused                        | refused
///    v                                                           |
/// Aborting <-----------------------------------------------------'
///    |
///    '--> not committed: what was read is given anew
/// ```
#[derive(Debug)]
pub(super) enum Stage {
    Working,
    /// The commit may have been asked for.
    Committing,
    Aborting(Reason),
}

impl Session {
    pub(super) fn new(
        producer: TransactionalProducer,
        consumer: Consumer,
        records_max: usize,
    ) -> Self {
        Self {
            producer,
            consumer,
            records_max,
            beginning: Beginning::default(),
            reads: Reads::default(),
            open: None,
            previous: None,
        }
    }

    /// The partitions that are read now.
    #[must_use]
    pub fn assignment(&self) -> Vec<(Arc<str>, i32)> {
        self.consumer.assignment()
    }

    /// See [`Control::position`](crate::consumer::Control::position). What a round has read counts
    /// as given until it is known that the round is not committed.
    #[must_use]
    pub fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        self.consumer.position(topic, partition)
    }

    /// Reads a partition from elsewhere, with the rounds that begin after this: also one that an
    /// error has stopped, and at its [position](Self::position) too. What is committed next of it
    /// is what was read from there. A round that is still to be ended, as it was dropped or its end
    /// was not waited for, keeps what it has read.
    ///
    /// ```
    /// # use kurier_client::{Client, Record, Start};
    /// # use kurier_client::consumer::OffsetReset;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), kurier_client::Error> {
    /// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 1).build();
    /// # let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
    /// # let producer = client.producer().build().await?;
    /// # for value in ["a", "b", "c"] {
    /// #     producer.send(Record::to("orders").value(value)).await?;
    /// # }
    /// # let orders = client.consumer().group("billing").subscribe(["orders"]);
    /// # let orders = orders.offset_reset(OffsetReset::Earliest);
    /// let mut session = client.session("billing-1", orders).start().await?;
    /// let round = session.begin().await?.expect("a member has no end");
    /// # let _ = round.end().await?;
    /// session.seek("orders", 0, Start::Offset(1))?;
    /// let round = session.begin().await?.expect("a member has no end");
    /// assert_eq!(round.batches()[0].first_offset(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned, or the offset is negative.
    pub fn seek(&mut self, topic: &str, partition: i32, start: Start) -> Result<(), Error> {
        self.lay_down();
        self.consumer.seek(topic, partition, start)
    }

    /// Gives nothing of a partition to the rounds that begin after this, until
    /// [`resume`](Self::resume), or until the group has taken it away.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned.
    pub fn pause(&mut self, topic: &str, partition: i32) -> Result<(), Error> {
        self.lay_down();
        self.consumer.pause(topic, partition)
    }

    /// Ends a pause.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned.
    pub fn resume(&mut self, topic: &str, partition: i32) -> Result<(), Error> {
        self.consumer.resume(topic, partition)
    }

    /// What happens to the partitions: see [`Consumer::events`]. A round needs none of it.
    pub fn events(&mut self) -> Option<GroupEvents> {
        self.consumer.events()
    }

    /// Ends the round that is open, as [`begin`](Self::begin) would, leaves the group, and closes
    /// the producer; within this time, or gives up.
    ///
    /// # Errors
    ///
    /// It is not known how the round has ended, or not in time: the coordinator of the transaction
    /// aborts what is open when its time is over.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the wait. What is open is aborted, unless its commit was asked for.
    pub async fn close(mut self, within: Duration) -> Result<(), Error> {
        let until = deadline(within);
        // What is still unknown then is what closing the producer tells.
        let ended = match self.open {
            Some(_) => timeout_at(until, self.finish()).await.ok(),
            None => None,
        };
        let Self { producer, consumer, open, .. } = self;
        drop(open);
        consumer.close(until - Instant::now()).await;
        let closed = producer.close_within(until - Instant::now()).await;
        match ended {
            Some(Err(error)) => Err(error),
            _ => closed,
        }
    }

    /// Gives back what was read for a round that has not begun.
    fn lay_down(&mut self) {
        if self.open.is_none() && !self.beginning.is_empty() {
            self.give_back();
        }
    }

    /// Waits for a batch, and takes those that lie ready with it. False if none will come.
    pub(super) async fn read(&mut self) -> Result<bool, Error> {
        match self.consumer.next().await.transpose()? {
            Some(batch) => self.take(batch),
            None => return Ok(false),
        }
        while self.beginning.has_room(self.records_max, &self.consumer) {
            // The other tasks of this thread have their turn here, and only here: where a call of
            // `next` lets them go first, that says nothing of what lies ready.
            consume_budget().await;
            match unconstrained(self.consumer.next()).now_or_never().flatten() {
                Some(Ok(batch)) => self.take(batch),
                Some(Err(error)) => {
                    self.consumer.keep_error(error);
                    break;
                }
                None => break,
            }
        }
        Ok(true)
    }

    /// Keeps a batch for the round.
    fn take(&mut self, batch: FetchedBatch) {
        self.reads.push(&batch);
        self.beginning.push(batch, &mut self.consumer);
    }

    /// One more batch, for the round that is open; none once there may be no more for it.
    pub(super) async fn read_on(&mut self) -> Option<Result<FetchedBatch, Error>> {
        let turns: Vec<Turn> = self.reads.turns().collect();
        let next = self.consumer.next_beside(&turns).await;
        if let Some(Ok(batch)) = &next {
            self.reads.push(batch);
        }
        next
    }

    /// Whether nothing of what was read is taken away, or is about to be.
    pub(super) fn is_whole(&self) -> bool {
        self.consumer.reads_on(self.reads.turns())
    }
}

/// The end of a round.
impl Session {
    /// Commits the round if that may be, and else aborts it.
    pub(super) async fn end(&mut self) -> Result<Ended, Error> {
        let stage = match self.prepare().await {
            Ok(()) => Stage::Committing,
            Err(reason) => Stage::Aborting(reason),
        };
        self.turn_to(stage);
        self.finish().await
    }

    pub(super) async fn abort(&mut self) -> Result<Ended, Error> {
        self.turn_to(Stage::Aborting(Reason::Asked));
        self.finish().await
    }

    fn turn_to(&mut self, stage: Stage) {
        if let Some(open) = &mut self.open {
            open.stage = stage;
        }
    }

    /// Gives the transaction how far was read, as a member that holds what it has read. Whoever
    /// gets a partition after that is of a later generation, by which the coordinator refuses this
    /// one; and reads where to begin only once the transaction has its end.
    async fn prepare(&self) -> Result<(), Reason> {
        let Some(Open { transaction, .. }) = &self.open else { return Ok(()) };
        // First, as it may take long: then little time passes between the pledge and the end.
        transaction.flush().await.map_err(Reason::Refused)?;
        let mut refused: Option<(i32, Error)> = None;
        let mut left = GENERATIONS_MAX;
        loop {
            let before = refused.as_ref().map(|(generation, _)| *generation);
            let member = match self.consumer.pledge(self.reads.lots(), before).await {
                Ok(Pledge::Held(member)) => member,
                Ok(Pledge::Taken(partitions)) => return Err(Reason::Taken(partitions)),
                Err(error) => {
                    return Err(Reason::Refused(refused.map_or(error, |(_, error)| error)));
                }
            };
            let generation = member.generation;
            match transaction.offer_offsets(sender(&member), self.reads.offsets()).await {
                Ok(()) => return Ok(()),
                // A division that leaves the member what was read costs the round nothing.
                Err(error)
                    if left > 0
                        && generation >= 0
                        && error.code().is_some_and(means_left_behind) =>
                {
                    left -= 1;
                    refused = Some((generation, error));
                }
                Err(error) => return Err(Reason::Refused(error)),
            }
        }
    }

    /// Brings the round to its end. If the future is dropped, or fails, the next one goes on.
    pub(super) async fn finish(&mut self) -> Result<Ended, Error> {
        let Some(Open { transaction, stage }) = &mut self.open else {
            return Err(Error::Closed { what: "round" });
        };
        if matches!(stage, Stage::Committing) {
            match transaction.commit().await {
                Ok(()) => {
                    self.keep();
                    return Ok(Ended::Committed);
                }
                Err(error) if error.is_fatal() || error.is_retriable() => return Err(error),
                Err(error) => *stage = Stage::Aborting(Reason::Refused(error)),
            }
        }
        match transaction.abort().await {
            Ok(()) => {}
            Err(Error::Transaction { fate: TransactionFate::Committed, .. }) => {
                self.keep();
                return Ok(Ended::Committed);
            }
            Err(error) => return Err(error),
        }
        let ended = match stage {
            Stage::Aborting(reason) => Ended::NotCommitted(reason.clone()),
            Stage::Working | Stage::Committing => Ended::NotCommitted(Reason::Asked),
        };
        self.give_back();
        Ok(ended)
    }

    /// What was read is committed.
    fn keep(&mut self) {
        self.consumer.let_go_of(self.reads.turns());
        self.reads.commit();
        self.beginning = Beginning::default();
        self.open = None;
    }

    /// What was read comes again.
    pub(super) fn give_back(&mut self) {
        self.consumer.take_back(&self.reads.take_back());
        self.beginning = Beginning::default();
        self.open = None;
    }
}

/// Who sends offsets as a member.
fn sender(member: &Member) -> ConsumerGroupMetadata {
    ConsumerGroupMetadata {
        group_id: member.group.to_string(),
        generation_id: member.generation,
        member_id: member.id.to_string(),
        group_instance_id: member.instance.as_ref().map(Str::to_string),
    }
}

/// In how many later generations the offsets of a round are sent once more.
const GENERATIONS_MAX: u32 = 4;
