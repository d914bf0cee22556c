//! What the user's side takes out of the buffer, of all partitions or of one, and unpacks.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use kurier_env::Env;
use kurier_protocol::record::{
    Compression, DecompressLimits, Decompressor, OpenBatch, RecordError,
};
use tokio::time::Instant;

use super::batch::{FetchedBatch, Span, broken, skipped};
use super::buffer::{Buffer, Taken};
use super::config::Corrupt;
use super::entry::Fetched;
use super::readers::Reserved;
use super::shared::{Lease, Shared};
use super::turn::{Mark, Turn};
use crate::error::{Error, ErrorKind};
use crate::metrics::{Catch, ReadMeter};

/// Takes batches out of the buffer and unpacks them.
#[derive(Debug)]
pub(super) struct Intake {
    shared: Arc<Shared>,
    /// The partition that it is for; none if it is for all.
    reserved: Option<Reserved>,
    corrupt: Corrupt,
    env: Env,
    decompressor: Option<Decompressor>,
    limits: DecompressLimits,
    opening: Option<Opening>,
    /// The batch that was unpacked last, of which a part may come again.
    opened: Option<Opened>,
    /// What the batch that was given last is unpacked to.
    lease: Option<Lease>,
    meter: ReadMeter,
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
    /// Of its slot.
    generation: u64,
    open: OpenBatch,
    /// Counts it in the budget until it is given.
    _lease: Option<Lease>,
}

/// A batch on its way to the user.
#[derive(Debug)]
struct Parcel {
    turn: Turn,
    /// Of its slot, when it was taken.
    generation: u64,
    topic: Arc<str>,
    partition: i32,
    fetched: Fetched,
}

impl Parcel {
    fn is_awaited(&self, buffer: &Buffer) -> bool {
        buffer.is_awaited(self.turn, self.generation)
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("parcel", &self.parcel).finish_non_exhaustive()
    }
}

impl Intake {
    pub(super) fn new(
        shared: Arc<Shared>,
        env: Env,
        limits: DecompressLimits,
        meter: ReadMeter,
    ) -> Self {
        Self {
            shared,
            reserved: None,
            corrupt: Corrupt::Stop,
            env,
            decompressor: None,
            limits,
            opening: None,
            opened: None,
            lease: None,
            meter,
        }
    }

    /// What happens to batches that cannot be read.
    pub(super) fn set_corrupt(&mut self, corrupt: Corrupt) {
        self.corrupt = corrupt;
    }

    /// Another one, for a single partition.
    pub(super) fn reserved(&self, reserved: Reserved) -> Self {
        let (shared, env) = (Arc::clone(&self.shared), self.env.clone());
        let another = Self::new(shared, env, self.limits, self.meter.another());
        Self { reserved: Some(reserved), corrupt: self.corrupt, ..another }
    }

    /// The user asks for something, and is done with what it was given.
    pub(super) async fn begin_turn(&mut self) {
        // A loop over what is buffered must not starve the tasks of its thread.
        tokio::task::coop::consume_budget().await;
        self.meter.asked(now());
        self.lease = None;
    }

    /// The next batch, or what is wrong; none if nothing more will come. Dropping the future loses
    /// nothing.
    pub(super) async fn next(&mut self) -> Option<Result<FetchedBatch, Error>> {
        self.next_beside(&[]).await
    }

    /// The same, and none as well once one of these is not the turn of its partition any more.
    pub(super) async fn next_beside(
        &mut self,
        turns: &[Turn],
    ) -> Option<Result<FetchedBatch, Error>> {
        let are_current = |buffer: &mut Buffer| turns.iter().all(|turn| buffer.is_current(*turn));
        loop {
            if !turns.is_empty() && !self.shared.with(are_current) {
                return None;
            }
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
            match self.take() {
                Taken::Batch { turn, generation, topic, partition, fetched } => {
                    let parcel = Parcel { turn, generation, topic, partition, fetched };
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
                    self.meter.waits();
                    self.wait().await;
                }
            }
        }
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
        let turn = self.shared.with(|buffer| buffer.return_rest(batch.turn, fetched));
        let (open, lease) = (batch.open.clone(), self.lease.take());
        let generation = batch.turn.generation;
        self.opened = turn.map(|turn| Opened { turn, generation, open, _lease: lease });
    }

    /// From this offset on a batch that was given cannot be read. An error if that is to be told.
    pub(super) fn break_off(
        &mut self,
        batch: &FetchedBatch,
        offset: i64,
        mut error: Error,
    ) -> Option<Error> {
        if let Error::CorruptBatch { offset: broken_at, .. } = &mut error {
            *broken_at = offset;
        }
        let mark = Mark { offset, ..batch.mark() };
        let (turn, until) = (batch.turn, batch.next_offset);
        if self.corrupt == Corrupt::Stop || error.kind() != ErrorKind::Corrupt {
            let is_news = self
                .shared
                .order(|buffer| buffer.give_less(turn, mark).is_some_and(|turn| buffer.fail(turn)));
            return is_news.then_some(error);
        }
        let is_news = self.shared.with(|buffer| {
            buffer.give_less(turn, mark).is_some_and(|turn| buffer.skip(turn, until))
        });
        if is_news {
            self.tell_skipped(&batch.topic, batch.partition, (offset, until), &error);
        }
        None
    }

    /// A batch, or the rest of one, was passed over.
    fn tell_skipped(
        &mut self,
        topic: &Arc<str>,
        partition: i32,
        (from, until): (i64, i64),
        error: &Error,
    ) {
        let offsets = u64::try_from(until.saturating_sub(from)).unwrap_or(0);
        self.meter.skipped(now(), topic, offsets);
        skipped(topic, partition, (from, until), error);
    }

    /// What the batch that was given last is unpacked to counts elsewhere.
    pub(super) fn end_lease(&mut self) {
        self.lease = None;
    }

    /// Nothing more is taken by this one.
    pub(super) fn end(&mut self) {
        self.lease = None;
        self.opened = None;
    }

    /// What is being unpacked is not waited for, if it is not to be given any more.
    pub(super) fn abandon_stale(&mut self) {
        let shared = &self.shared;
        let is_stale =
            |opening: &mut Opening| !shared.with(|buffer| opening.parcel.is_awaited(buffer));
        self.opening.take_if(is_stale);
    }

    /// Puts back what is being unpacked, of this slot or of any.
    pub(super) fn put_back(&mut self, slot: Option<usize>, buffer: &mut Buffer) {
        let is_it = |opening: &mut Opening| slot.is_none_or(|s| opening.parcel.turn.slot == s);
        if let Some(Opening { parcel, .. }) = self.opening.take_if(is_it)
            && parcel.is_awaited(buffer)
        {
            buffer.put_back(parcel.turn, parcel.fetched);
        }
    }

    fn take(&mut self) -> Taken {
        if let Some(reserved) = &self.reserved {
            return self.shared.take_for(reserved);
        }
        let taken = self.shared.take();
        if matches!(taken, Taken::Nothing) {
            let left = self.shared.with(Buffer::take_left);
            left.into_iter().for_each(|slot| self.meter.left(slot));
        }
        taken
    }

    async fn wait(&mut self) {
        match &self.reserved {
            Some(reserved) => reserved.bell.notified().await,
            None => self.shared.wait_for_driver().await,
        }
    }

    /// The batch, if it was unpacked just before, and only a part of it was given.
    fn opened_before(&mut self, parcel: &Parcel) -> Option<OpenBatch> {
        let offset = parcel.fetched.batch.base_offset();
        let is_it = |last: &mut Opened| {
            (last.turn, last.generation) == (parcel.turn, parcel.generation)
                && last.open.batch().base_offset() == offset
        };
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
        let Parcel { turn, generation, topic, partition, fetched } = parcel;
        match opened {
            Ok(open) => {
                let (turn, fetched) = self.shared.with(|buffer| {
                    buffer.is_awaited(turn, generation).then(|| buffer.give(turn, fetched))?
                })?;
                let Fetched { span, broker, high_watermark, next_offset, .. } = fetched;
                let slot = self.reserved.as_ref().map(|reserved| reserved.slot);
                // A reader of one partition has one meter.
                let place = (slot.map_or(turn.slot, |_| 0), partition);
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
                self.lease = unpacked_bytes(&batch).map(|bytes| self.shared.lease(bytes, slot));
                Some(Ok(batch))
            }
            Err(error) => {
                let (from, until) = (fetched.span.start, fetched.next_offset);
                let error = broken(&topic, partition, from, error);
                if !self.shared.with(|buffer| buffer.is_awaited(turn, generation)) {
                    return None;
                }
                if self.corrupt == Corrupt::Skip && error.kind() == ErrorKind::Corrupt {
                    if self.shared.with(|buffer| buffer.skip(turn, until)) {
                        self.tell_skipped(&topic, partition, (from, until), &error);
                    }
                    return None;
                }
                let is_news = self.shared.order(|buffer| buffer.fail(turn));
                is_news.then_some(Err(error))
            }
        }
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
    use std::time::Duration;

    use super::super::buffer::tests::batch;
    use super::super::config::Start;
    use super::super::entry::{Entry, Item, Then};
    use super::super::turn::Mark;
    use kurier_testkit::TestCluster;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::cluster::Cluster;
    use crate::config::ClientConfig;

    /// For all partitions of a buffer with one, which is held since this turn.
    async fn intake() -> (Arc<Shared>, Turn, Intake) {
        let shared = Arc::new(Shared::new());
        let turn = shared.with(|buffer| buffer.assign(&"t".into(), 0, Start::Offset(0)));
        let world = TestCluster::builder().build();
        let servers = world.bootstrap().iter().map(|server| server.parse().unwrap()).collect();
        let cluster = Cluster::connect(world.env(7), ClientConfig::default(), servers).await;
        let (_, meter) = cluster.unwrap().metrics().consumer();
        let (limits, theirs) = (DecompressLimits::default(), Arc::clone(&shared));
        (shared, turn, Intake::new(theirs, Env::real(), limits, meter))
    }

    /// A batch that is being unpacked for so long.
    fn opening(shared: &Shared, turn: Turn, offset: i64, time: Duration) -> Opening {
        let Item::Batch(fetched) = batch(offset) else { panic!() };
        let generation = shared.with(|buffer| buffer.progress(turn.slot).generation).unwrap();
        let parcel = Parcel { turn, generation, topic: "t".into(), partition: 0, fetched };
        let batch = parcel.fetched.batch.clone();
        let opened = async move {
            sleep(time).await;
            let mut decompressor = Decompressor::new(DecompressLimits::default());
            (batch.open_with(&mut decompressor), decompressor)
        };
        Opening { parcel, opened: Mutex::new(Box::pin(opened)) }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_was_being_unpacked_at_a_pause_comes_after_it() {
        let (shared, turn, mut intake) = intake().await;
        shared.hand_over(vec![Entry { turn, item: batch(1) }]);
        intake.opening = Some(opening(&shared, turn, 0, 3600 * SECOND));
        shared.with(|buffer| {
            intake.put_back(Some(turn.slot), buffer);
            buffer.pause(turn.slot);
        });
        timeout(SECOND, intake.next()).await.unwrap_err();
        assert_eq!(shared.with(|buffer| buffer.position(turn.slot)), Some(0));
        shared.order(|buffer| buffer.resume(turn.slot));
        for offset in [0, 1] {
            assert_eq!(intake.next().await.unwrap().unwrap().first_offset(), offset);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_being_unpacked_of_a_log_that_is_gone_is_not_given() {
        let (shared, turn, mut intake) = intake().await;
        for is_asked in [false, true] {
            intake.opening = Some(opening(&shared, turn, 0, 2 * SECOND));
            timeout(SECOND, intake.next()).await.unwrap_err();
            shared.hand_over(vec![Entry { turn, item: Item::Gone }]);
            let at = Item::At { offset: 0, reached: None };
            shared.hand_over(vec![Entry { turn, item: at }, Entry { turn, item: batch(0) }]);
            if !is_asked {
                shared.with(|buffer| intake.put_back(None, buffer));
            }
            assert_eq!(intake.next().await.unwrap().unwrap().first_offset(), 0);
            timeout(SECOND, intake.next()).await.unwrap_err();
        }
        // Nor is the rest of what was unpacked of it taken for a batch of the other one.
        let hand_over = |item| shared.hand_over(vec![Entry { turn, item }]);
        hand_over(batch(1));
        let old = intake.next().await.unwrap().unwrap();
        intake.return_from(&old, 1);
        hand_over(Item::Gone);
        hand_over(Item::At { offset: 1, reached: None });
        hand_over(batch(1));
        let new = intake.next().await.unwrap().unwrap();
        assert_ne!(new.open.payload().as_ptr(), old.open.payload().as_ptr());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_anew_of_an_earlier_turn_costs_nothing_of_a_later_one() {
        let (shared, before, mut intake) = intake().await;
        let now = shared.with(|buffer| {
            buffer.unassign(before.slot);
            buffer.assign(&"t".into(), 0, Start::Offset(5))
        });
        shared.hand_over(vec![Entry { turn: now, item: batch(6) }]);
        intake.opening = Some(opening(&shared, now, 5, 2 * SECOND));
        // Whoever asks stops waiting.
        timeout(SECOND, intake.next()).await.unwrap_err();
        shared.take_back([before].into_iter());
        intake.abandon_stale();
        for offset in [5, 6] {
            assert_eq!(intake.next().await.unwrap().unwrap().first_offset(), offset);
        }
        // Nor where its log was cut since that one was asked for.
        let end = Mark { offset: 6, leader_epoch: 0 };
        let cut = Item::Cut { end, then: Then::GoesOn };
        shared.hand_over(vec![Entry { turn: now, item: cut }]);
        timeout(SECOND, intake.next()).await.unwrap_err();
        intake.opening = Some(opening(&shared, now, 6, 2 * SECOND));
        timeout(SECOND, intake.next()).await.unwrap_err();
        intake.abandon_stale();
        assert_eq!(intake.next().await.unwrap().unwrap().first_offset(), 6);
        // What is given anew itself is not waited for twice.
        intake.opening = Some(opening(&shared, now, 7, 3600 * SECOND));
        shared.take_back([Turn { generation: now.generation + 1, ..now }].into_iter());
        intake.abandon_stale();
        assert!(intake.opening.is_none());
    }
}
