//! `Consumer`: what the user holds; it unpacks what the task has fetched.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use kurier_env::Env;
use kurier_protocol::record::{
    Compression, DecompressLimits, Decompressor, OpenBatch, RecordError,
};

use super::batch::{FetchedBatch, broken};
use super::buffer::{Fetched, Taken, Turn};
use super::config::Start;
use super::shared::Shared;
use crate::error::Error;
use crate::metrics::{Catch, ReadMeter};

/// Reads record batches of the partitions that it was given.
///
/// Dropping it ends its task; nothing is committed.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    env: Env,
    decompressor: Option<Decompressor>,
    limits: DecompressLimits,
    opening: Option<Opening>,
    meter: ReadMeter,
}

/// A batch that is being unpacked elsewhere. It waits here if `next` is dropped meanwhile.
struct Opening {
    parcel: Parcel,
    opened: BoxFuture<'static, Opened>,
}

type Opened = (Result<OpenBatch, RecordError>, Decompressor);

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
        meter: ReadMeter,
    ) -> Self {
        Self { shared, env, decompressor: None, limits, opening: None, meter }
    }

    /// The next record batch of any partition. Within a partition batches come in order, and
    /// nothing is left out or given twice.
    ///
    /// None when nothing more will come: every partition has reached
    /// [`Stop::End`](super::Stop::End) or has failed.
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
        // A loop over what is buffered must not starve the tasks of its thread.
        tokio::task::coop::consume_budget().await;
        self.meter.asked(now());
        loop {
            if let Some(opening) = &mut self.opening {
                let (opened, decompressor) = (&mut opening.opened).await;
                self.decompressor = Some(decompressor);
                if let Some(Opening { parcel, .. }) = self.opening.take() {
                    return Some(self.give(parcel, opened));
                }
            }
            match self.shared.take() {
                Taken::Batch { turn, topic, partition, fetched } => {
                    let parcel = Parcel { turn, topic, partition, fetched };
                    let decompressor = self.take_decompressor();
                    if is_large(&parcel.fetched) {
                        self.opening = Some(self.open_elsewhere(parcel, decompressor));
                        continue;
                    }
                    let opened = self.open(&parcel, decompressor);
                    return Some(self.give(parcel, opened));
                }
                Taken::Error(error) => return Some(Err(error)),
                Taken::Ended => return None,
                Taken::Nothing => {
                    self.meter.waits();
                    self.shared.wait_for_driver().await;
                }
            }
        }
    }

    /// The offset of the next record that [`next`](Self::next) gives of a partition; none if the
    /// partition is not assigned or its offset is not looked up yet.
    #[must_use]
    pub fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        self.shared.with(|buffer| buffer.position(buffer.slot_of(topic, partition)?))
    }

    /// The partitions that are read, as far as their topics are known.
    #[must_use]
    pub fn assignment(&self) -> Vec<(Arc<str>, i32)> {
        let owned = |(topic, partition): (&Arc<str>, i32)| (Arc::clone(topic), partition);
        self.shared.with(|buffer| buffer.partitions().map(owned).collect())
    }

    /// Reads a partition from elsewhere. Nothing from before the seek is given any more.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned, or the offset is negative.
    pub fn seek(&mut self, topic: &str, partition: i32, start: Start) -> Result<(), Error> {
        check_start(start)?;
        let slot = self.slot_of(topic, partition)?;
        if self.opening.as_ref().is_some_and(|opening| opening.parcel.turn.slot == slot) {
            self.opening = None;
        }
        self.shared.order(|buffer| buffer.seek(slot, start));
        self.meter.sought(slot);
        Ok(())
    }

    /// Gives nothing of a partition until [`resume`](Self::resume). What was fetched is kept.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned.
    pub fn pause(&mut self, topic: &str, partition: i32) -> Result<(), Error> {
        let slot = self.slot_of(topic, partition)?;
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
        let slot = self.slot_of(topic, partition)?;
        self.shared.order(|buffer| buffer.resume(slot));
        Ok(())
    }

    fn slot_of(&self, topic: &str, partition: i32) -> Result<usize, Error> {
        let slot = self.shared.with(|buffer| buffer.slot_of(topic, partition));
        slot.ok_or_else(|| {
            let problem = format!("partition {partition} of topic {topic} is not assigned");
            Error::invalid("partition", problem)
        })
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
        Opening { parcel, opened: Box::pin(opened) }
    }

    /// Hands a batch to the user: now the position moves.
    fn give(
        &mut self,
        parcel: Parcel,
        opened: Result<OpenBatch, RecordError>,
    ) -> Result<FetchedBatch, Error> {
        let Parcel { turn, topic, partition, fetched } = parcel;
        match opened {
            Ok(open) => {
                let Fetched { span, high_watermark, next_offset, .. } = fetched;
                self.shared.with(|buffer| buffer.give(turn, next_offset));
                let batch =
                    FetchedBatch { topic, partition, open, span, high_watermark, next_offset };
                self.meter.given(now(), (turn.slot, partition), next_offset, &catch(&batch));
                Ok(batch)
            }
            Err(error) => {
                self.shared.order(|buffer| buffer.fail(turn));
                Err(broken(&topic, partition, fetched.span.start, error))
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

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Whether a batch probably unpacks to more than 1 MiB, which then happens on another thread.
fn is_large(fetched: &Fetched) -> bool {
    let batch = &fetched.batch;
    batch.compression() != Compression::None && batch.bytes().len() >= PACKED_BYTES_LARGE
}

/// Typical records pack to a quarter; nobody knows before.
const PACKED_BYTES_LARGE: usize = 256 << 10;

pub(super) fn check_start(start: Start) -> Result<(), Error> {
    match start {
        Start::Offset(offset @ ..0) => {
            Err(Error::invalid("offset", format!("{offset} is negative; offsets count from 0")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::super::buffer::tests::batch;
    use super::super::buffer::{Entry, Item};
    use super::*;
    use crate::config::ClientConfig;
    use crate::metrics::Metrics;

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_was_being_unpacked_at_a_pause_comes_after_it() {
        let shared = Arc::new(Shared::new(1 << 20));
        let turn = shared.with(|buffer| buffer.assign(&"t".into(), 0, Start::Offset(0)));
        shared.hand_over(vec![Entry { turn, item: batch(1) }]);
        let Item::Batch(fetched) = batch(0) else { panic!() };
        let parcel = Parcel { turn, topic: "t".into(), partition: 0, fetched };
        let metrics = Metrics::new(&Env::real(), &ClientConfig::default());
        let (_, meter) = metrics.consumer();
        let mut consumer = Consumer::new(shared, Env::real(), DecompressLimits::default(), meter);
        consumer.opening = Some(Opening { parcel, opened: Box::pin(pending()) });
        consumer.pause("t", 0).unwrap();
        timeout(Duration::from_secs(1), consumer.next()).await.unwrap_err();
        assert_eq!(consumer.position("t", 0), Some(0));
        consumer.resume("t", 0).unwrap();
        for offset in [0, 1] {
            assert_eq!(consumer.next().await.unwrap().unwrap().first_offset(), offset);
        }
    }
}
