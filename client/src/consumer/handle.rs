//! `Consumer`: what the user holds; it unpacks what the task has fetched.

use std::sync::Arc;
use std::time::Duration;

use kurier_env::Env;
use kurier_protocol::record::DecompressLimits;
use tokio::time::timeout_at;

use super::batch::FetchedBatch;
use super::config::{ConsumerConfig, Start};
use super::control::Control;
use super::intake::Intake;
use super::member::{Membership, Waiting};
use super::pace::ALL;
use super::shared::Shared;
use crate::error::Error;
use crate::group::{Closing, Farewell};
use crate::metrics::ReadMeter;
use crate::offsets::Offsets;
use crate::retries::deadline;

/// Reads record batches of the partitions that it was given.
///
/// Dropping it ends its task. As the member of a [group](super::ConsumerBuilder::group) it commits
/// what is marked, if it does so by itself, and leaves; for ten seconds at most, in the background.
#[derive(Debug)]
pub struct Consumer {
    pub(super) shared: Arc<Shared>,
    pub(super) control: Control,
    pub(super) membership: Option<Membership>,
    /// Whether asking for a batch marks what was given before.
    pub(super) marks_given: bool,
    pub(super) intake: Intake,
    kept_error: Option<Error>,
    offsets: Offsets,
    /// What the buffer may hold.
    pub(super) buffer_bytes_max: usize,
}

impl Consumer {
    pub(super) fn new(
        shared: Arc<Shared>,
        env: Env,
        limits: DecompressLimits,
        (meter, offsets): (ReadMeter, Offsets),
    ) -> Self {
        let control = Control::new(Arc::clone(&shared));
        Self {
            intake: Intake::new(Arc::clone(&shared), env, limits, meter),
            shared,
            control,
            membership: None,
            marks_given: true,
            kept_error: None,
            offsets,
            buffer_bytes_max: ConsumerConfig::default().buffer_bytes_max,
        }
    }

    /// The same, as this says.
    pub(super) fn with_config(mut self, config: &ConsumerConfig) -> Self {
        self.intake.set_corrupt(config.corrupt);
        self.marks_given = config.auto_mark;
        self.buffer_bytes_max = config.buffer_bytes_max;
        self
    }

    /// The next record batch of any partition. Within a partition batches come in order, and
    /// nothing is left out or given twice.
    ///
    /// With [`auto_mark`](ConsumerConfig::auto_mark), the default, this marks what was given
    /// before. Whoever keeps batches beyond the next call sets it to false and calls
    /// [`mark`](Self::mark). A member of a group that does not call this for
    /// [`poll_interval_max`](crate::group::GroupConfig::poll_interval_max) loses its partitions.
    ///
    /// None when nothing more will come: every partition has reached
    /// [`Stop::End`](super::Stop::End) or has failed; of a group, when the member has ended, after
    /// the error that says why.
    ///
    /// # Errors
    ///
    /// An error that stops a partition comes once, and the others go on: a position out of range
    /// ([`OffsetReset::Error`](super::OffsetReset::Error)), a topic or partition that does not
    /// exist, a batch that is broken, a missing permission, a partition of which its group has
    /// committed nothing where [`offset_reset`](ConsumerConfig::offset_reset) is its default,
    /// `Error`. A [`seek`](Self::seek) sets the
    /// partition going again, and looks again for a topic that was not there. An error that
    /// [`Error::is_retriable`] tells of a broker, leader or coordinator that has been out of reach
    /// for [`outage_max`](super::ConsumerConfig::outage_max), or has refused for as long what a
    /// member of a group waits for; trying goes on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what was not given comes with the next call. What was
    /// given before is marked all the same, from the first poll on.
    pub async fn next(&mut self) -> Option<Result<FetchedBatch, Error>> {
        let _turn = self.begin_turn().await;
        match self.take_error() {
            Some(error) => Some(Err(error)),
            None => self.intake.next().await,
        }
    }

    /// The user asks for something; until what this gives is dropped.
    pub(super) async fn begin_turn(&mut self) -> Option<Waiting> {
        self.intake.begin_turn().await;
        if self.marks_given {
            self.shared.mark_given();
        }
        self.membership.is_some().then(|| Waiting::new(&self.shared, ALL))
    }

    /// Everything is read by readers of one partition each from now on.
    pub(super) fn prepare_split(&mut self) {
        if self.marks_given {
            self.shared.mark_given();
        }
        let (intake, kept_error) = (&mut self.intake, self.kept_error.take());
        self.shared.order(|buffer| {
            intake.put_back(None, buffer);
            buffer.split(self.buffer_bytes_max);
            kept_error.into_iter().for_each(|error| buffer.tell(error));
        });
        self.intake.end();
        self.shared.rest(ALL);
    }

    /// An error that was met behind records that were given.
    pub(super) fn take_error(&mut self) -> Option<Error> {
        self.kept_error.take()
    }

    /// The next call of `next` gives this error.
    pub(crate) fn keep_error(&mut self, error: Error) {
        self.kept_error = Some(error);
    }

    /// Ends the consumer, and waits so long at most until its task is over and the brokers know.
    /// Dropping it does the same, and waits for nothing.
    ///
    /// The member of a group commits what is marked, unless it commits nothing by itself, and
    /// leaves ([`Farewell::AsUsual`](crate::group::Farewell)). What was given last is not marked by
    /// this: perhaps it was not processed. [`mark`](Self::mark) it before, or call
    /// [`commit`](Self::commit). Java's close commits it.
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
    pub async fn close_as(mut self, farewell: Farewell, within: Duration) {
        let until = deadline(within);
        self.shared.drop_user();
        if let Some(membership) = self.membership.take() {
            membership.tenure.close(Closing { farewell, until }).await;
        }
        let ended = async {
            while !self.shared.with(|buffer| buffer.is_dead()) {
                self.shared.wait_for_driver().await;
            }
        };
        // What brokers do not hear in time they find out by themselves.
        let _ = timeout_at(until, ended).await;
    }

    /// What can be asked and ordered from elsewhere.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Says that the records of a batch are processed, and all records of its partition before it.
    /// Of a batch that was given before a [`seek`](Self::seek) this says nothing.
    ///
    /// With [`auto_mark`](super::ConsumerConfig::auto_mark) asking for the next batch does so too.
    pub fn mark(&self, batch: &FetchedBatch) {
        self.shared.mark(batch.turn, batch.mark());
    }

    /// Looks up where partitions begin and end, and which offset is the first at a time; they need
    /// not be assigned. With [read committed](super::ConsumerConfig::isolation) the end is the last
    /// stable offset, and else the high watermark.
    ///
    /// ```
    /// # use kurier_client::{Client, Record, Start};
    /// # use kurier_client::offsets::Position;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), kurier_client::Error> {
    /// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 1).build();
    /// # let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
    /// # let producer = client.producer().build().await?;
    /// # producer.send(Record::to("orders").value("v")).await?;
    /// let consumer = client.consumer().topics(["orders"], Start::Latest).start()?;
    /// let end = consumer.offsets().at(Position::Latest, [("orders", 0)]).await?;
    /// assert_eq!(end[0].offset, Some(1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// See [`Control::position`].
    #[must_use]
    pub fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        self.control.position(topic, partition)
    }

    /// See [`Control::marked`].
    #[must_use]
    pub fn marked(&self, topic: &str, partition: i32) -> Option<i64> {
        self.control.marked(topic, partition)
    }

    /// See [`Control::lag`].
    #[must_use]
    pub fn lag(&self, topic: &str, partition: i32) -> Option<u64> {
        self.control.lag(topic, partition)
    }

    /// See [`Control::skipped`].
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.control.skipped()
    }

    /// See [`Control::assignment`].
    #[must_use]
    pub fn assignment(&self) -> Vec<(Arc<str>, i32)> {
        self.control.assignment()
    }

    /// Reads a partition from elsewhere. Nothing from before the seek is given any more.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned, or the offset is negative.
    pub fn seek(&mut self, topic: &str, partition: i32, start: Start) -> Result<(), Error> {
        self.control.seek(topic, partition, start)?;
        self.intake.abandon_stale();
        Ok(())
    }

    /// Gives nothing of a partition until [`resume`](Self::resume). What was fetched is kept: of
    /// all paused ones as much as [`buffer_bytes_max`](ConsumerConfig::buffer_bytes_max) says.
    /// What would be more is dropped, and fetched again then.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned.
    pub fn pause(&mut self, topic: &str, partition: i32) -> Result<(), Error> {
        let slot = self.control.slot_of(topic, partition)?;
        let intake = &mut self.intake;
        self.shared.order(|buffer| {
            intake.put_back(Some(slot), buffer);
            buffer.pause(slot);
        });
        Ok(())
    }

    /// Ends a pause.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned.
    pub fn resume(&mut self, topic: &str, partition: i32) -> Result<(), Error> {
        self.control.resume(topic, partition)
    }

    /// See [`Control::assign`].
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if a partition or an offset is negative; then nothing is changed.
    pub fn assign<T: Into<Arc<str>>>(
        &mut self,
        partitions: impl IntoIterator<Item = (T, i32, Start)>,
    ) -> Result<(), Error> {
        self.control.assign(partitions)
    }

    /// Reads these partitions no more, and all others go on. Nothing more of them is given.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if one of them is not assigned; then nothing is changed.
    pub fn unassign<'a>(
        &mut self,
        partitions: impl IntoIterator<Item = (&'a str, i32)>,
    ) -> Result<(), Error> {
        self.control.leave(partitions)?;
        self.intake.abandon_stale();
        Ok(())
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.drop_user();
    }
}
