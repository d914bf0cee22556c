//! Records in: positions, fetches, the buffer between task and user, and the task itself.
//!
//! A task asks each broker for the partitions that it leads, one fetch at a time; what comes lies
//! in a buffer until [`Consumer::next`] takes it, batch by batch, and unpacks it there.

mod config;
mod batch;
mod buffer;
mod position;
mod aborted;
mod reading;
mod plan;
mod lookup;
mod fetcher;
mod shared;
mod driver;

pub use self::batch::{FetchedBatch, FetchedRecords};
pub use self::config::{ConsumerConfig, OffsetReset, Start, Stop};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use kurier_env::Env;
use kurier_protocol::record::{
    Compression, DecompressLimits, Decompressor, OpenBatch, RecordError,
};

use self::batch::broken;
use self::buffer::{Fetched, Taken, Turn};
use self::driver::{Driver, Wanted};
use self::fetcher::Fetcher;
use self::shared::Shared;
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::net::Class;
use crate::offsets::Isolation;

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
    /// The next record batch of any partition. Within a partition batches come in order, and
    /// nothing is left out or given twice.
    ///
    /// None when nothing more will come: every partition has reached [`Stop::End`] or has failed.
    ///
    /// # Errors
    ///
    /// An error that stops a partition comes once, and the others go on: a position out of range
    /// ([`OffsetReset::Error`]), a topic or partition that does not exist, a batch that is broken,
    /// a missing permission. A [`seek`](Self::seek) sets the partition going again. An error that
    /// [`Error::is_retriable`] tells of a broker or leader that has been out of reach for
    /// [`ConsumerConfig::outage_max`]; trying goes on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what was not given comes with the next call.
    pub async fn next(&mut self) -> Option<Result<FetchedBatch, Error>> {
        // A loop over what is buffered must not starve the tasks of its thread.
        tokio::task::coop::consume_budget().await;
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
                Taken::Nothing => self.shared.wait_for_driver().await,
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
        Ok(())
    }

    /// Gives nothing of a partition until [`resume`](Self::resume). What was fetched is kept.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the partition is not assigned.
    pub fn pause(&mut self, topic: &str, partition: i32) -> Result<(), Error> {
        let slot = self.slot_of(topic, partition)?;
        self.shared.order(|buffer| buffer.pause(slot));
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
        &self,
        parcel: Parcel,
        opened: Result<OpenBatch, RecordError>,
    ) -> Result<FetchedBatch, Error> {
        let Parcel { turn, topic, partition, fetched } = parcel;
        match opened {
            Ok(open) => {
                let Fetched { span, high_watermark, next_offset, .. } = fetched;
                self.shared.with(|buffer| buffer.give(turn, next_offset));
                Ok(FetchedBatch { topic, partition, open, span, high_watermark, next_offset })
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

/// Whether a batch probably unpacks to more than 1 MiB, which then happens on another thread.
fn is_large(fetched: &Fetched) -> bool {
    let batch = &fetched.batch;
    batch.compression() != Compression::None && batch.bytes().len() >= PACKED_BYTES_LARGE
}

/// Typical records pack to a quarter; nobody knows before.
const PACKED_BYTES_LARGE: usize = 256 << 10;

fn check_start(start: Start) -> Result<(), Error> {
    match start {
        Start::Offset(offset @ ..0) => {
            Err(Error::invalid("offset", format!("{offset} is negative; offsets count from 0")))
        }
        _ => Ok(()),
    }
}

/// Makes a [`Consumer`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `start`"]
pub struct ConsumerBuilder {
    cluster: Cluster,
    config: ConsumerConfig,
    topics: Vec<(Arc<str>, Start)>,
    partitions: Vec<(Arc<str>, i32, Start)>,
}

impl ConsumerBuilder {
    pub(crate) fn new(cluster: Cluster, config: ConsumerConfig) -> Self {
        Self { cluster, config, topics: Vec::new(), partitions: Vec::new() }
    }

    /// With all these settings.
    pub fn config(self, config: ConsumerConfig) -> Self {
        Self { config, ..self }
    }

    /// Reads these partitions, each from its own start.
    pub fn assign<T: Into<Arc<str>>>(
        mut self,
        partitions: impl IntoIterator<Item = (T, i32, Start)>,
    ) -> Self {
        let owned = |(topic, partition, start): (T, i32, Start)| (topic.into(), partition, start);
        self.partitions.extend(partitions.into_iter().map(owned));
        self
    }

    /// Reads all partitions of these topics. Partitions that are added later are read from their
    /// beginning.
    pub fn topics<T: Into<Arc<str>>>(
        mut self,
        topics: impl IntoIterator<Item = T>,
        start: Start,
    ) -> Self {
        self.topics.extend(topics.into_iter().map(|topic| (topic.into(), start)));
        self
    }

    /// See [`ConsumerConfig::stop`].
    pub fn stop(mut self, stop: Stop) -> Self {
        self.config.stop = stop;
        self
    }

    /// See [`ConsumerConfig::isolation`].
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.config.isolation = isolation;
        self
    }

    /// See [`ConsumerConfig::offset_reset`].
    pub fn offset_reset(mut self, reset: OffsetReset) -> Self {
        self.config.offset_reset = reset;
        self
    }

    /// See [`ConsumerConfig::fetch_bytes_max`].
    pub fn fetch_bytes_max(mut self, bytes: usize) -> Self {
        self.config.fetch_bytes_max = bytes;
        self
    }

    /// See [`ConsumerConfig::partition_bytes_max`].
    pub fn partition_bytes_max(mut self, bytes: usize) -> Self {
        self.config.partition_bytes_max = bytes;
        self
    }

    /// See [`ConsumerConfig::buffer_bytes_max`].
    pub fn buffer_bytes_max(mut self, bytes: usize) -> Self {
        self.config.buffer_bytes_max = bytes;
        self
    }

    /// Starts the consumer's task on the current runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that contradict each other, for an assignment that is empty
    /// or names a partition twice, and for a negative offset.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(self) -> Result<Consumer, Error> {
        self.config.validate()?;
        self.check_assignment()?;
        let Self { cluster, config, topics, partitions } = self;
        let cluster = cluster.with_request_timeout(config.request_timeout);
        let shared = Arc::new(Shared::new(config.buffer_bytes_max));
        let wanted = wanted(&shared, topics, partitions);
        let limits = DecompressLimits { bytes_max: config.batch_bytes_max };
        let env = cluster.env().clone();
        let backoff =
            Backoff::new(cluster.config().retry_backoff, cluster.config().retry_backoff_max);
        let driver = Driver {
            class: Class::Fetch(cluster.new_owner()),
            fetcher: Fetcher::new(config.clone(), backoff),
            cluster,
            config,
            shared: Arc::clone(&shared),
            whole: BTreeMap::new(),
        };
        tokio::spawn(driver.run(wanted));
        Ok(Consumer { shared, env, decompressor: None, limits, opening: None })
    }

    fn check_assignment(&self) -> Result<(), Error> {
        if self.topics.is_empty() && self.partitions.is_empty() {
            return Err(Error::invalid("assignment", "is empty; call `topics` or `assign`"));
        }
        let mut named = std::collections::BTreeSet::new();
        for (topic, partition, start) in &self.partitions {
            check_start(*start)?;
            if *partition < 0 {
                return Err(Error::invalid("partition", format!("{partition} is negative")));
            }
            let is_whole = self.topics.iter().any(|(whole, _)| whole == topic);
            if is_whole || !named.insert((topic, partition)) {
                let problem = format!("partition {partition} of topic {topic} is named twice");
                return Err(Error::invalid("assignment", problem));
            }
        }
        self.topics.iter().try_for_each(|(_, start)| match start {
            Start::Offset(_) => check_start(*start),
            _ => Ok(()),
        })
    }
}

/// What is to be read, by topic. Partitions that are named get their slots at once.
fn wanted(
    shared: &Shared,
    topics: Vec<(Arc<str>, Start)>,
    partitions: Vec<(Arc<str>, i32, Start)>,
) -> Vec<(Arc<str>, Wanted)> {
    let mut some: BTreeMap<Arc<str>, Vec<_>> = BTreeMap::new();
    shared.with(|buffer| {
        for (topic, partition, start) in partitions {
            let turn = buffer.assign(&topic, partition, start);
            some.entry(topic).or_default().push((partition, turn, start));
        }
    });
    let all: BTreeMap<Arc<str>, Start> = topics.into_iter().collect();
    let all = all.into_iter().map(|(topic, start)| (topic, Wanted::All(start)));
    let some = some.into_iter().map(|(topic, of)| (topic, Wanted::Some(of)));
    let wanted: Vec<_> = all.chain(some).collect();
    shared.with(|buffer| buffer.add_pending(wanted.len()));
    wanted
}
