//! `Split`: a consumer with a reader for each partition, which may run beside each other.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use tokio::time::{Instant, timeout};

use super::batch::FetchedBatch;
use super::buffer::Buffer;
use super::control::Control;
use super::handle::Consumer;
use super::intake::Intake;
use super::member::Waiting;
use super::pace::ALL;
use super::readers::{Reserved, Vacancy};
use super::shared::Shared;
use crate::error::Error;
use crate::group::{Farewell, GroupEvents};

/// A consumer whose partitions have a reader each: made by [`Consumer::split`].
///
/// Dropping it ends the consumer: its readers are given nothing more.
///
/// ```
/// # use kurier_client::{Client, Record, Start, Stop};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), kurier_client::Error> {
/// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 2).build();
/// # let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
/// # let producer = client.producer().build().await?;
/// # producer.send(Record::to("orders").partition(0).value("a")).await?;
/// # producer.send(Record::to("orders").partition(1).value("b")).await?;
/// let orders = client.consumer().topics(["orders"], Start::Earliest).stop(Stop::End);
/// let mut split = orders.start()?.split();
/// let mut tasks = tokio::task::JoinSet::new();
/// while let Some(mut reader) = split.next().await.transpose()? {
///     tasks.spawn(async move {
///         while let Some(batch) = reader.next().await.transpose()? {
///             println!("{} {}", batch.partition(), batch.first_offset());
///         }
///         Ok::<_, kurier_client::Error>(())
///     });
/// }
/// # assert_eq!(tasks.len(), 2);
/// while let Some(ended) = tasks.join_next().await {
///     ended.expect("no reader panics")?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Split {
    consumer: Consumer,
}

/// Reads one partition of a [`Split`] consumer.
///
/// It ends when its partition is not assigned any more: then [`next`](Self::next) gives nothing,
/// and whoever takes the partition away, a [`Control::unassign`] or the group, waits until what is
/// in hand is marked, or this is dropped.
///
/// Dropping it gives its partition back: as long as that is assigned, [`Split::next`] gives another
/// reader of it, which begins with the first record that is not marked.
#[derive(Debug)]
pub struct PartitionReader {
    shared: Arc<Shared>,
    reserved: Reserved,
    intake: Intake,
    marks_given: bool,
    is_member: bool,
}

impl Consumer {
    /// Gives each partition a reader of its own, which may run in a task of its own: none waits for
    /// another. What was given before is processed by this, as by the next call of
    /// [`next`](Self::next): unless [`auto_mark`](super::ConsumerConfig::auto_mark) is off.
    ///
    /// Each partition that is read has an equal part of
    /// [`buffer_bytes_max`](super::ConsumerConfig::buffer_bytes_max), half of it for what is on its
    /// way; and 32 KiB at least, whatever the buffer may have: 31 MiB of a thousand partitions, if
    /// all of them have much to read. One that nobody reads keeps what fits in its part and is not
    /// fetched any further, for as long as that lasts; it takes nothing from the others, and
    /// nothing of it is lost. Beyond its part there is at most one batch of it that is larger. So
    /// with very many partitions, or few busy ones far away, the buffer should be larger than that
    /// of a consumer that is not split.
    ///
    /// In a group a reader ends when its partition is given up. With the default
    /// [assignors](crate::group::GroupConfig::assignors) that is all of them at each rebalance, and
    /// those that come back have new readers: with
    /// [cooperative ones](crate::group::Assignor::CooperativeSticky), or where the
    /// [coordinator](crate::group::GroupProtocol::Consumer) divides, only of what moves.
    ///
    /// Whoever keeps something of a partition in its reader's task sets
    /// [`auto_mark`](super::ConsumerConfig::auto_mark) to false. When the reader ends it saves that
    /// first, and [marks](PartitionReader::mark) the last batch then: the partition is held until
    /// it is marked, or the reader is dropped.
    ///
    /// In a group each reader that asks for nothing for longer than
    /// [`poll_interval_max`](crate::group::GroupConfig::poll_interval_max) costs the member its
    /// partitions, also if it has never asked: others are to have them. So does a partition that
    /// lacks a reader for as long, as nobody asks [`Split::next`] for one.
    #[must_use]
    pub fn split(mut self) -> Split {
        self.prepare_split();
        Split { consumer: self }
    }
}

impl Split {
    /// The next partition that has no reader, with one: of each that is assigned, now or later, and
    /// of each whose reader was dropped. None when nothing more will come of any partition.
    ///
    /// # Errors
    ///
    /// What concerns no single partition: a topic that does not exist or is not found, why the
    /// member of a group has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<PartitionReader, Error>> {
        self.consumer.shared.rest(ALL);
        loop {
            match self.consumer.shared.with(Buffer::take_vacancy) {
                Vacancy::Reserved(reserved) => return Some(Ok(self.reader(reserved))),
                Vacancy::Error(error) => return Some(Err(error)),
                Vacancy::Ended => return None,
                Vacancy::Nothing => self.consumer.shared.wait_for_driver().await,
            }
        }
    }

    /// What can be asked and ordered, from elsewhere too: a seek, a pause, a commit of what is
    /// marked.
    #[must_use]
    pub fn control(&self) -> Control {
        self.consumer.control()
    }

    /// See [`Consumer::events`].
    pub fn events(&mut self) -> Option<GroupEvents> {
        self.consumer.events()
    }

    /// Gives its readers nothing more, waits until what they have in hand is marked or they are
    /// dropped, for half of this time at most, and then ends as [`Consumer::close`] does.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the wait; the consumer ends nevertheless.
    pub async fn close(self, within: Duration) {
        self.close_as(Farewell::AsUsual, within).await;
    }

    /// The same, where the member of a group leaves in this way.
    ///
    /// # Cancel safety
    ///
    /// As that of [`close`](Self::close).
    pub async fn close_as(self, farewell: Farewell, within: Duration) {
        let start = Instant::now();
        // Whoever works for longer has not finished: that is not marked.
        let _ = timeout(within / 2, self.consumer.shared.end_split()).await;
        self.consumer.close_as(farewell, within.saturating_sub(start.elapsed())).await;
    }

    fn reader(&self, reserved: Reserved) -> PartitionReader {
        let Consumer { shared, control, marks_given, intake, .. } = &self.consumer;
        let is_member = control.group.as_ref().is_some_and(|group| group.is_member);
        if is_member {
            // One that never asks is at work, too.
            let now = Instant::now().into_std();
            shared.with(|buffer| buffer.pace.work(reserved.who, now));
        }
        PartitionReader {
            shared: Arc::clone(shared),
            intake: intake.reserved(reserved.clone()),
            reserved,
            marks_given: *marks_given,
            is_member,
        }
    }
}

impl PartitionReader {
    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.reserved.topic
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.reserved.partition
    }

    /// The next record batch. Batches come in order, and nothing is left out or given twice.
    ///
    /// None when the partition is not assigned any more, when it is read to
    /// [`Stop::End`](super::Stop::End), after an error that has stopped it until it is
    /// [sought](Control::seek), and when the consumer has ended.
    ///
    /// # Errors
    ///
    /// Those of [`Consumer::next`] that concern this partition.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what was not given comes with the next call.
    pub async fn next(&mut self) -> Option<Result<FetchedBatch, Error>> {
        self.intake.begin_turn().await;
        if self.marks_given {
            self.shared.mark_given_to(&self.reserved);
        }
        let turn = self.is_member.then(|| Waiting::new(&self.shared, self.reserved.who));
        let next = self.intake.next().await;
        if next.is_none() {
            // Nothing is left to work on.
            drop(turn);
            self.shared.rest(self.reserved.who);
        }
        next
    }

    /// The batches of [`next`](Self::next) as a stream, which keeps the reader. It ends where that
    /// gives none. It has to be pinned, and the methods of streams come from the crate
    /// futures-util, or tokio-stream.
    ///
    /// ```
    /// # use kurier_client::{Client, Record, Start, Stop};
    /// use std::pin::pin;
    ///
    /// use futures_util::TryStreamExt;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), kurier_client::Error> {
    /// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 1).build();
    /// # let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
    /// # client.producer().build().await?.send(Record::to("orders").value("v")).await?;
    /// let orders = client.consumer().topics(["orders"], Start::Earliest).stop(Stop::End);
    /// let mut split = orders.start()?.split();
    /// while let Some(reader) = split.next().await.transpose()? {
    ///     let mut batches = pin!(reader.into_stream());
    ///     while let Some(batch) = batches.try_next().await? {
    ///         println!("{} records", batch.records().count());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Items are errors where [`next`](Self::next) gives one; the stream goes on behind them.
    ///
    /// # Cancel safety
    ///
    /// Dropping what waits for an item loses nothing: it comes to whoever waits next. Dropping the
    /// stream drops the reader: another one begins with what is not marked.
    pub fn into_stream(self) -> impl Stream<Item = Result<FetchedBatch, Error>> + Send + 'static {
        stream::unfold(self, async |mut reader| {
            let next = reader.next().await?;
            Some((next, reader))
        })
    }

    /// Says that the records of a batch are processed, and all records of its partition before it.
    ///
    /// With [`auto_mark`](super::ConsumerConfig::auto_mark) asking for the next batch does so too.
    pub fn mark(&self, batch: &FetchedBatch) {
        self.shared.mark(batch.turn, batch.mark());
    }
}

impl Drop for PartitionReader {
    fn drop(&mut self) {
        let intake = &mut self.intake;
        self.shared.with(|buffer| intake.put_back(None, buffer));
        self.shared.vacate(&self.reserved);
    }
}
