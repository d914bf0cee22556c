//! `Consumer`: what the user holds; it unpacks what the task has fetched.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use kurier_env::Env;
use kurier_protocol::record::{
    Compression, DecompressLimits, Decompressor, OpenBatch, RecordError,
};
use tokio::time::{Instant, timeout_at};

use super::batch::{FetchedBatch, Span, broken, skipped};
use super::buffer::{Buffer, Taken};
use super::config::{Corrupt, Start};
use super::control::Control;
use super::entry::Fetched;
use super::member::{Seat, Waiting};
use super::shared::{Lease, Shared};
use super::turn::Turn;
use crate::error::{Error, ErrorKind};
use crate::group::{Closing, Farewell};
use crate::metrics::{Catch, ReadMeter};
use crate::offsets::Offsets;

/// Reads record batches of the partitions that it was given.
///
/// Dropping it ends its task. As the member of a [group](super::ConsumerBuilder::group) it commits
/// what is marked, if it does so by itself, and leaves; for ten seconds at most, in the background.
#[derive(Debug)]
pub struct Consumer {
    pub(super) shared: Arc<Shared>,
    pub(super) control: Control,
    pub(super) seat: Option<Seat>,
    /// Whether asking for a batch marks what was given before.
    pub(super) marks_given: bool,
    corrupt: Corrupt,
    env: Env,
    decompressor: Option<Decompressor>,
    limits: DecompressLimits,
    opening: Option<Opening>,
    /// The batch that was unpacked last, of which a part may come again.
    opened: Option<Opened>,
    /// What the batch that was given last is unpacked to.
    lease: Option<Lease>,
    kept_error: Option<Error>,
    meter: ReadMeter,
    offsets: Offsets,
}

/// A batch that is being unpacked elsewhere. It waits here if `next` is dropped meanwhile.
struct Opening {
    parcel: Parcel,
    /// Never locked, only polled by the owner: so others may share what a consumer can be asked.
    opened: Mutex<BoxFuture<'static, (Result<OpenBatch, RecordError>, Decompressor)>>,
}

/// A batch that is unpacked, of which a part is not given yet.
#[derive(Debug)]
struct Opened {
    turn: Turn,
    open: OpenBatch,
    /// Counts it in the budget until it is given.
    _lease: Option<Lease>,
}

/// A batch on its way to the user.
#[derive(Debug)]
struct Parcel {
    turn: Turn,
    topic: Arc<str>,
    partition: i32,
    fetched: Fetched,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("parcel", &self.parcel).finish_non_exhaustive()
    }
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
            shared,
            control,
            seat: None,
            marks_given: true,
            corrupt: Corrupt::Stop,
            env,
            decompressor: None,
            limits,
            opening: None,
            opened: None,
            lease: None,
            kept_error: None,
            meter,
            offsets,
        }
    }

    /// The same, with what happens to batches that cannot be read.
    pub(super) fn with_corrupt(mut self, corrupt: Corrupt) -> Self {
        self.corrupt = corrupt;
        self
    }

    /// The same, where asking for a batch marks what was given before, or does not.
    #[expect(clippy::fn_params_excessive_bools, reason = "sets a field")]
    pub(super) fn with_marks(mut self, marks_given: bool) -> Self {
        self.marks_given = marks_given;
        self
    }

    /// The next record batch of any partition. Within a partition batches come in order, and
    /// nothing is left out or given twice.
    ///
    /// None when nothing more will come: every partition has reached
    /// [`Stop::End`](super::Stop::End) or has failed; of a group, when the member has ended, after
    /// the error that says why.
    ///
    /// # Errors
    ///
    /// An error that stops a partition comes once, and the others go on: a position out of range
    /// ([`OffsetReset::Error`](super::OffsetReset::Error)), a topic or partition that does not
    /// exist, a batch that is broken, a missing permission. A [`seek`](Self::seek) sets the
    /// partition going again, and looks again for a topic that was not there. An error that
    /// [`Error::is_retriable`] tells of a broker or leader that has been out of reach for
    /// [`outage_max`](super::ConsumerConfig::outage_max); trying goes on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what was not given comes with the next call.
    pub async fn next(&mut self) -> Option<Result<FetchedBatch, Error>> {
        let _turn = self.begin_turn().await;
        match self.take_error() {
            Some(error) => Some(Err(error)),
            None => self.take_next().await,
        }
    }

    /// The user asks for something; until what this gives is dropped.
    pub(super) async fn begin_turn(&mut self) -> Option<Waiting> {
        // A loop over what is buffered must not starve the tasks of its thread.
        tokio::task::coop::consume_budget().await;
        self.meter.asked(now());
        self.lease = None;
        if self.marks_given {
            self.shared.mark_given();
        }
        self.seat.is_some().then(|| Waiting::new(&self.shared))
    }

    /// An error that was met behind records that were given.
    pub(super) fn take_error(&mut self) -> Option<Error> {
        self.kept_error.take()
    }

    pub(super) fn keep_error(&mut self, error: Error) {
        self.kept_error = Some(error);
    }

    /// What is from this offset on of a batch that was given is not given yet.
    pub(super) fn return_from(&mut self, batch: &FetchedBatch, offset: i64) {
        let span = Span { start: offset, ..batch.span };
        let fetched = Fetched {
            batch: batch.open.batch().clone(),
            span,
            broker: batch.broker,
            high_watermark: batch.high_watermark,
            next_offset: batch.next_offset,
        };
        self.shared.with(|buffer| buffer.return_rest(batch.turn, fetched));
        let (turn, open, lease) = (batch.turn, batch.open.clone(), self.lease.take());
        self.opened = Some(Opened { turn, open, _lease: lease });
    }

    pub(super) async fn take_next(&mut self) -> Option<Result<FetchedBatch, Error>> {
        loop {
            if let Some(opening) = &mut self.opening {
                let future = opening.opened.get_mut().unwrap_or_else(PoisonError::into_inner);
                let (opened, decompressor) = future.await;
                self.decompressor = Some(decompressor);
                if let Some(Opening { parcel, .. }) = self.opening.take()
                    && let Some(given) = self.give(parcel, opened)
                {
                    return Some(given);
                }
            }
            match self.shared.take() {
                Taken::Batch { turn, topic, partition, fetched } => {
                    let parcel = Parcel { turn, topic, partition, fetched };
                    if let Some(open) = self.opened_before(&parcel) {
                        if let Some(given) = self.give(parcel, Ok(open)) {
                            return Some(given);
                        }
                        continue;
                    }
                    let decompressor = self.take_decompressor();
                    if is_large(&parcel.fetched) {
                        self.opening = Some(self.open_elsewhere(parcel, decompressor));
                        continue;
                    }
                    let opened = self.open(&parcel, decompressor);
                    if let Some(given) = self.give(parcel, opened) {
                        return Some(given);
                    }
                }
                Taken::Error(error) => return Some(Err(error)),
                Taken::Ended => return None,
                Taken::Nothing => {
                    // Its rest is paused or sought away. Others are to have its room.
                    self.opened = None;
                    let left = self.shared.with(Buffer::take_left);
                    left.into_iter().for_each(|slot| self.meter.left(slot));
                    self.meter.waits();
                    self.shared.wait_for_driver().await;
                }
            }
        }
    }

    /// Ends the consumer, and waits so long at most until its task is over and the brokers know.
    /// Dropping it does the same, and waits for nothing.
    ///
    /// The member of a group commits what is marked, unless it commits nothing by itself, and
    /// leaves ([`Farewell::AsUsual`](crate::group::Farewell)). What was given last is not marked by
    /// this: perhaps it was not processed. [`mark`](Self::mark) it before.
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
        let until = Instant::now() + within;
        self.shared.drop_user();
        if let Some(seat) = self.seat.take() {
            seat.tenure.close(Closing { farewell, until }).await;
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
        self.abandon(&[self.control.slot_of(topic, partition)?]);
        Ok(())
    }

    /// Gives nothing of a partition until [`resume`](Self::resume). What was fetched is kept.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned.
    pub fn pause(&mut self, topic: &str, partition: i32) -> Result<(), Error> {
        let slot = self.control.slot_of(topic, partition)?;
        let opening = self.opening.take_if(|opening| opening.parcel.turn.slot == slot);
        self.shared.order(|buffer| {
            if let Some(Opening { parcel, .. }) = opening {
                buffer.put_back(parcel.turn, parcel.fetched);
            }
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
        let slots = self.control.leave(partitions)?;
        self.abandon(&slots);
        Ok(())
    }

    /// What is being unpacked of these slots is of no use any more.
    pub(super) fn abandon(&mut self, slots: &[usize]) {
        self.opening.take_if(|opening| slots.contains(&opening.parcel.turn.slot));
    }

    /// The batch, if it was unpacked just before, and only a part of it was given.
    fn opened_before(&mut self, parcel: &Parcel) -> Option<OpenBatch> {
        let (turn, offset) = (parcel.turn, parcel.fetched.batch.base_offset());
        let is_it =
            |last: &mut Opened| last.turn == turn && last.open.batch().base_offset() == offset;
        self.opened.take_if(is_it).map(|last| last.open)
    }

    fn take_decompressor(&mut self) -> Decompressor {
        self.decompressor.take().unwrap_or_else(|| Decompressor::new(self.limits))
    }

    fn open(
        &mut self,
        parcel: &Parcel,
        mut decompressor: Decompressor,
    ) -> Result<OpenBatch, RecordError> {
        let opened = parcel.fetched.batch.open_with(&mut decompressor);
        self.decompressor = Some(decompressor);
        opened
    }

    fn open_elsewhere(&self, parcel: Parcel, mut decompressor: Decompressor) -> Opening {
        let (env, batch) = (self.env.clone(), parcel.fetched.batch.clone());
        let opened = async move {
            env.offload(move || {
                let opened = batch.open_with(&mut decompressor);
                (opened, decompressor)
            })
            .await
        };
        Opening { parcel, opened: Mutex::new(Box::pin(opened)) }
    }

    /// Hands a batch to the user: now the position moves. None if it is not to be given any more.
    fn give(
        &mut self,
        parcel: Parcel,
        opened: Result<OpenBatch, RecordError>,
    ) -> Option<Result<FetchedBatch, Error>> {
        let Parcel { turn, topic, partition, fetched } = parcel;
        match opened {
            Ok(open) => {
                let fetched = self.shared.with(|buffer| buffer.give(turn, fetched))?;
                let Fetched { span, broker, high_watermark, next_offset, .. } = fetched;
                let place = (turn.slot, partition);
                let batch = FetchedBatch {
                    topic,
                    partition,
                    turn,
                    open,
                    span,
                    broker,
                    high_watermark,
                    next_offset,
                };
                self.meter.given(now(), place, next_offset, &catch(&batch));
                self.lease = unpacked_bytes(&batch).map(|bytes| self.shared.lease(bytes));
                Some(Ok(batch))
            }
            Err(error) => {
                let (from, until) = (fetched.span.start, fetched.next_offset);
                let error = broken(&topic, partition, from, error);
                if self.corrupt == Corrupt::Skip && error.kind() == ErrorKind::Corrupt {
                    if self.shared.with(|buffer| buffer.skip(turn, until)) {
                        let offsets = u64::try_from(until.saturating_sub(from)).unwrap_or(0);
                        self.meter.skipped(now(), &topic, offsets);
                        skipped(&topic, partition, (from, until), &error);
                    }
                    return None;
                }
                let is_news = self.shared.order(|buffer| buffer.fail(turn));
                is_news.then_some(Err(error))
            }
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.drop_user();
    }
}

/// What a user is given with a batch.
fn catch(batch: &FetchedBatch) -> Catch {
    let (topic, records) = (Arc::clone(&batch.topic), batch.record_count_max());
    Catch { topic, records, bytes: batch.open.payload().len() }
}

/// What a batch takes besides the answer that it came in; none if it was not packed.
fn unpacked_bytes(batch: &FetchedBatch) -> Option<usize> {
    let is_packed = batch.open.batch().compression() != Compression::None;
    is_packed.then(|| batch.open.payload().len())
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Whether a batch probably unpacks to more than 1 MiB, which then happens on another thread.
fn is_large(fetched: &Fetched) -> bool {
    let batch = &fetched.batch;
    batch.compression() != Compression::None && batch.bytes().len() >= PACKED_BYTES_LARGE
}

/// Typical records pack to a quarter; nobody knows before.
const PACKED_BYTES_LARGE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::super::buffer::tests::batch;
    use super::super::entry::{Entry, Item};
    use kurier_testkit::TestCluster;
    use tokio::time::timeout;

    use super::*;
    use crate::cluster::Cluster;
    use crate::config::ClientConfig;

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_was_being_unpacked_at_a_pause_comes_after_it() {
        let shared = Arc::new(Shared::new());
        let turn = shared.with(|buffer| buffer.assign(&"t".into(), 0, Start::Offset(0)));
        shared.hand_over(vec![Entry { turn, item: batch(1) }]);
        let Item::Batch(fetched) = batch(0) else { panic!() };
        let parcel = Parcel { turn, topic: "t".into(), partition: 0, fetched };
        let world = TestCluster::builder().build();
        let servers = world.bootstrap().iter().map(|server| server.parse().unwrap()).collect();
        let cluster = Cluster::connect(world.env(7), ClientConfig::default(), servers).await;
        let cluster = cluster.unwrap();
        let (_, meter) = cluster.metrics().consumer();
        let means = (meter, Offsets::new(cluster));
        let mut consumer = Consumer::new(shared, Env::real(), DecompressLimits::default(), means);
        consumer.opening = Some(Opening { parcel, opened: Mutex::new(Box::pin(pending())) });
        consumer.pause("t", 0).unwrap();
        timeout(Duration::from_secs(1), consumer.next()).await.unwrap_err();
        assert_eq!(consumer.position("t", 0), Some(0));
        consumer.resume("t", 0).unwrap();
        for offset in [0, 1] {
            assert_eq!(consumer.next().await.unwrap().unwrap().first_offset(), offset);
        }
    }
}
