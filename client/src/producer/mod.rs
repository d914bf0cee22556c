//! Records out: partitioner, accumulator, sender, and the task that runs them.
//!
//! [`Producer::enqueue`] encodes a record straight into the open batch of its partition and hands
//! back a [`Delivery`]; a task of its own seals batches, groups them by leader into requests, and
//! completes the deliveries of each batch at once.

mod config;
mod record;
mod partitioner;
mod pool;
mod delivery;
mod accumulator;
mod sealed;
mod lane;
mod lanes;
mod linger;
mod flushes;
mod request;
mod response;
mod sender;
mod topics;
mod discovery;
mod driver;

pub use self::config::{Acks, Partitioner, ProducerConfig};
pub use self::delivery::{Delivery, RecordMetadata};
pub use self::record::Record;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kurier_env::Purpose;
use kurier_protocol::record::{Compression, Magic, RecordParts};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use self::accumulator::{Accumulator, Appended, Means, Partition, Refused, Space};
use self::discovery::{newest_version, zstd_unsupported};
use self::driver::{Driver, Event};
use self::partitioner::partition_of_key;
use self::request::{ZSTD_SINCE, magic_of};
use self::sealed::{headers_unsupported, not_encodable};
use self::sender::Sender;
use self::topics::{Topic, Topics};
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::error::{Error, Waiting};
use crate::metadata::Creation;
use crate::net::Class;

/// Sends records. Cloning shares it: all clones have one buffer and one task.
///
/// When the last clone is dropped the task goes on sending what is buffered, as long as the
/// runtime lives and no longer than the delivery timeout; only [`close`](Self::close) promises.
#[derive(Clone, Debug)]
pub struct Producer {
    shared: Arc<Shared>,
    topics: watch::Receiver<Arc<Topics>>,
}

#[derive(Debug)]
struct Shared {
    cluster: Cluster,
    class: Class,
    config: ProducerConfig,
    record_bytes_max: usize,
    accumulator: Arc<Accumulator>,
    topics: Arc<watch::Sender<Arc<Topics>>>,
    events: mpsc::UnboundedSender<Event>,
}

/// Why [`Producer::try_enqueue`] did not take a record.
#[derive(Debug)]
pub enum TryEnqueueError<'a> {
    /// The buffer is full; here is the record again.
    Full(Record<'a>),
    /// The topic was not used before, and its metadata must be waited for with
    /// [`Producer::enqueue`]; here is the record again.
    NewTopic(Record<'a>),
    /// The record cannot be sent.
    Failed(Error),
}

impl Producer {
    /// Sends a record and waits until it is delivered.
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue), and what the delivery says. [`Error::maybe_written`] tells
    /// whether the record may be in the log nevertheless.
    ///
    /// # Cancel safety
    ///
    /// Once the record is buffered it is sent, whether this future is dropped or not.
    pub async fn send(&self, record: Record<'_>) -> Result<RecordMetadata, Error> {
        self.enqueue(record).await?.await
    }

    /// Puts a record into the buffer. Waits for buffer space and, when a topic is first used, for
    /// its metadata; never for the broker's answer, which the [`Delivery`] is a future of.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for a record over a limit, [`Error::UnknownTopic`] for a topic or
    /// partition that does not exist, [`Error::Unsupported`] for headers or a codec that the
    /// broker is too old for, [`Error::TimedOut`] after [`ProducerConfig::block_max`],
    /// [`Error::Closed`] after [`close`](Self::close).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the record was not taken.
    #[inline]
    pub async fn enqueue(&self, record: Record<'_>) -> Result<Delivery, Error> {
        if self.shared.accumulator.owes_turn() {
            tokio::task::yield_now().await;
        }
        match self.append(&record, &mut Space::default()) {
            Ok(delivery) => Ok(delivery),
            Err(Obstacle::Failed(error)) => Err(error),
            Err(obstacle) => Box::pin(self.enqueue_slowly(&record, obstacle)).await,
        }
    }

    /// Puts a record into the buffer if that is possible at once.
    ///
    /// # Errors
    ///
    /// Gives the record back if the buffer is full or the topic is new; else as
    /// [`enqueue`](Self::enqueue).
    pub fn try_enqueue<'a>(&self, record: Record<'a>) -> Result<Delivery, TryEnqueueError<'a>> {
        match self.append(&record, &mut Space::default()) {
            Ok(delivery) => Ok(delivery),
            Err(Obstacle::NoSpace { .. }) => Err(TryEnqueueError::Full(record)),
            Err(Obstacle::NewTopic) => Err(TryEnqueueError::NewTopic(record)),
            Err(Obstacle::Failed(error)) => Err(TryEnqueueError::Failed(error)),
        }
    }

    /// Sends what is buffered without lingering and waits until every record that was enqueued
    /// before has its outcome: at most the delivery timeout.
    ///
    /// # Errors
    ///
    /// Why one of these records was not delivered; its own delivery says so too.
    /// [`Error::Closed`] if the producer has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting, not the sending.
    pub async fn flush(&self) -> Result<(), Error> {
        let (done, flushed) = oneshot::channel();
        let closed = || Error::Closed { what: "producer" };
        self.shared.events.send(Event::Flush(done)).map_err(|_| closed())?;
        flushed.await.map_err(|_| closed())?
    }

    /// Takes no more records, sends what is buffered, waits until every record has its outcome,
    /// at most the delivery timeout, and ends the producer's task.
    ///
    /// # Errors
    ///
    /// Why one of these records was not delivered; its own delivery says so too.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting, not the sending.
    pub async fn close(&self) -> Result<(), Error> {
        self.shared.accumulator.close();
        let (done, flushed) = oneshot::channel();
        // Errors say that it has ended before.
        let _ = self.shared.events.send(Event::Flush(done));
        let _ = self.shared.events.send(Event::End);
        let outcome = flushed.await.unwrap_or(Ok(()));
        self.shared.events.closed().await;
        outcome
    }

    /// Does what [`close`](Self::close) does, and when that takes longer than `at_most`, fails the
    /// records that have no outcome yet.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] names a partition of which records were left; else as `close`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting, not the sending.
    pub async fn close_within(&self, at_most: Duration) -> Result<(), Error> {
        if let Ok(outcome) = tokio::time::timeout(at_most, self.close()).await {
            return outcome;
        }
        let (told, left) = oneshot::channel();
        // An error says that it has ended in this moment.
        let _ = self.shared.events.send(Event::Abort(told));
        let left = left.await.ok().flatten();
        self.shared.events.closed().await;
        left.map_or(Ok(()), |partition| {
            let topic = Box::from(&*partition.topic);
            let what = Waiting::Delivery { topic, partition: partition.index };
            Err(Error::TimedOut { what, after: at_most, maybe_written: true })
        })
    }

    /// How this producer behaves.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        &self.shared.config
    }

    fn new(cluster: Cluster, config: ProducerConfig) -> Self {
        let cluster = cluster.with_request_timeout(config.request_timeout);
        let class = Class::Produce(cluster.new_owner());
        let accumulator =
            Arc::new(Accumulator::new(config.batch_bytes_max, config.buffer_bytes_max));
        let (sender, topics) = watch::channel(Arc::new(Topics::default()));
        let table = Arc::new(sender);
        let (events, receiver) = mpsc::unbounded_channel();
        let backoff =
            Backoff::new(cluster.config().retry_backoff, cluster.config().retry_backoff_max);
        let driver = Driver {
            cluster: cluster.clone(),
            class,
            sender: Sender::new(config.clone(), Arc::clone(&accumulator), backoff),
            events: receiver,
            topics: Arc::clone(&table),
            flushes: BTreeMap::new(),
            flush_count: 0,
            is_listening: true,
            is_ending: false,
        };
        tokio::spawn(driver.run());
        let shared = Shared {
            record_bytes_max: config.request_bytes_max.min(config.buffer_bytes_max),
            cluster,
            class,
            config,
            accumulator,
            topics: table,
            events,
        };
        Self { shared: Arc::new(shared), topics }
    }
}

/// What stands between a record and the buffer.
enum Obstacle {
    NoSpace { kib: u32 },
    NewTopic,
    Failed(Error),
}

/// Appending.
impl Producer {
    #[inline]
    fn append(&self, record: &Record<'_>, space: &mut Space) -> Result<Delivery, Obstacle> {
        let shared = &*self.shared;
        if shared.accumulator.is_closed() {
            return Err(Obstacle::Failed(Error::Closed { what: "producer" }));
        }
        let topics = self.topics.borrow();
        let topic = topics.find(record.topic).ok_or(Obstacle::NewTopic)?;
        let parts = RecordParts {
            timestamp: -1,
            key: record.key,
            value: record.value,
            headers: &record.headers,
        };
        let bytes = parts.wire_bytes_max(topic.magic);
        if BATCH_OVERHEAD + bytes > shared.record_bytes_max {
            return Err(Obstacle::Failed(shared.too_large(bytes)));
        }
        if topic.magic < Magic::V2 && !record.headers.is_empty() {
            return Err(Obstacle::Failed(headers_unsupported()));
        }
        let partition = shared.partition(topic, record, bytes)?;
        let env = shared.cluster.env();
        let wall_millis = || env.wall_millis();
        let mut means =
            Means { accumulator: &shared.accumulator, space, wall_millis: &wall_millis };
        let appended = partition.append(&parts, record.timestamp, &mut means);
        if appended.is_full || appended.first.is_some() {
            shared.tell(partition, &appended);
        }
        appended.result.map_err(|refused| match refused {
            Refused::NoSpace { kib } => Obstacle::NoSpace { kib },
            Refused::Abandoned => Obstacle::Failed(Error::Closed { what: "producer" }),
            Refused::Record(error) => Obstacle::Failed(not_encodable(error)),
        })
    }

    /// Removes what stands in the way, until the record is in the buffer or time is up.
    #[cold]
    async fn enqueue_slowly(
        &self,
        record: &Record<'_>,
        mut obstacle: Obstacle,
    ) -> Result<Delivery, Error> {
        let deadline = Instant::now() + self.shared.config.block_max;
        loop {
            let mut space = Space::default();
            match obstacle {
                Obstacle::NoSpace { kib } => space = self.shared.space(kib, deadline).await?,
                Obstacle::NewTopic => self.shared.discover(record.topic, deadline).await?,
                Obstacle::Failed(error) => return Err(error),
            }
            match self.append(record, &mut space) {
                Ok(delivery) => return Ok(delivery),
                Err(next) => obstacle = next,
            }
        }
    }
}

/// What a record alone in its batch adds to its own bytes, at most.
const BATCH_OVERHEAD: usize = 61;

impl Shared {
    /// The partition that a record goes to.
    #[inline]
    fn partition<'t>(
        &self,
        topic: &'t Topic,
        record: &Record<'_>,
        bytes: usize,
    ) -> Result<&'t Arc<Partition>, Obstacle> {
        let count = topic.partitions.len();
        let index = match (record.partition, record.key, self.config.partitioner) {
            (Some(given), ..) => usize::try_from(given).unwrap_or(usize::MAX),
            (None, Some(key), Partitioner::ByKey) => partition_of_key(key, count),
            _ => self.sticky(topic, bytes),
        };
        topic.partitions.get(index).ok_or_else(|| self.no_partition(topic, record.partition))
    }

    #[inline]
    fn sticky(&self, topic: &Topic, bytes: usize) -> usize {
        let index = topic.sticky.current();
        if topic.partitions.len() > 1
            && topic.sticky.is_filled_by(bytes, self.config.batch_bytes_max)
        {
            self.turn(topic);
        }
        index
    }

    #[cold]
    fn turn(&self, topic: &Topic) {
        let chance = self.cluster.env().chance(Purpose::Partition);
        let picture = self.cluster.picture();
        topic.sticky.turn(topic.partitions.len(), chance, |index| {
            let index = i32::try_from(index).unwrap_or(i32::MAX);
            picture.leader_of(&topic.name, index).is_some()
        });
    }

    #[cold]
    fn no_partition(&self, topic: &Topic, given: Option<i32>) -> Obstacle {
        // It may have been added a moment ago.
        self.cluster.refresh();
        let partition = given.map(|given| (given, topic.partitions.len()));
        Obstacle::Failed(Error::UnknownTopic { topic: (&*topic.name).into(), partition })
    }

    #[cold]
    fn too_large(&self, bytes: usize) -> Error {
        let setting = if self.config.request_bytes_max <= self.config.buffer_bytes_max {
            "request_bytes_max (max.request.size)"
        } else {
            "buffer_bytes_max (buffer.memory)"
        };
        Error::TooLarge { bytes: bytes + BATCH_OVERHEAD, bytes_max: self.record_bytes_max, setting }
    }

    /// Tells the driver what happened to a partition's batches.
    #[cold]
    fn tell(&self, partition: &Arc<Partition>, appended: &Appended) {
        let full = appended.is_full.then(|| Event::Full(Arc::clone(partition)));
        let first = appended.first.map(|number| Event::First(Arc::clone(partition), number));
        for event in [full, first].into_iter().flatten() {
            if self.events.send(event).is_err() {
                // The driver ended before it could know of this batch.
                partition.abandon();
            }
        }
    }

    /// Waits for buffer space, in turn with the other callers.
    async fn space(&self, kib: u32, deadline: Instant) -> Result<Space, Error> {
        // An error is met again by the append that follows.
        let _ = self.events.send(Event::Short);
        let after = self.config.block_max;
        tokio::select! {
            biased;
            space = self.accumulator.space(kib) => Ok(space),
            () = self.events.closed() => Err(Error::Closed { what: "producer" }),
            () = tokio::time::sleep_until(deadline) => Err(Error::TimedOut {
                what: Waiting::BufferSpace,
                after,
                maybe_written: false,
            }),
        }
    }

    /// Learns a topic's partitions, and the format that its leaders take.
    async fn discover(&self, name: &str, deadline: Instant) -> Result<(), Error> {
        let creation = if self.config.topic_creation { Creation::Allowed } else { Creation::Never };
        let topic = self.cluster.topic(name, creation, deadline).await?;
        let newest = newest_version(&self.cluster, self.class, &topic, deadline).await?;
        if self.config.compression == Compression::Zstd && newest < ZSTD_SINCE {
            return Err(zstd_unsupported(newest));
        }
        let chance = self.cluster.env().chance(Purpose::Partition);
        self.topics.send_modify(|topics| {
            let topics = Arc::make_mut(topics);
            topics.add(&topic.name, topic.partitions.len(), magic_of(newest), chance);
        });
        Ok(())
    }
}

/// Makes a [`Producer`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `build`"]
pub struct ProducerBuilder {
    cluster: Cluster,
    config: ProducerConfig,
}

impl ProducerBuilder {
    pub(crate) fn new(cluster: Cluster, config: ProducerConfig) -> Self {
        Self { cluster, config }
    }

    /// With all these settings.
    pub fn config(self, config: ProducerConfig) -> Self {
        Self { config, ..self }
    }

    /// See [`ProducerConfig::acks`].
    pub fn acks(mut self, acks: Acks) -> Self {
        self.config.acks = acks;
        self
    }

    /// See [`ProducerConfig::compression`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.config.compression = compression;
        self
    }

    /// See [`ProducerConfig::linger`].
    pub fn linger(mut self, linger: Duration) -> Self {
        self.config.linger = linger;
        self
    }

    /// See [`ProducerConfig::batch_bytes_max`].
    pub fn batch_bytes_max(mut self, bytes: usize) -> Self {
        self.config.batch_bytes_max = bytes;
        self
    }

    /// See [`ProducerConfig::buffer_bytes_max`].
    pub fn buffer_bytes_max(mut self, bytes: usize) -> Self {
        self.config.buffer_bytes_max = bytes;
        self
    }

    /// See [`ProducerConfig::request_timeout`].
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_timeout = timeout;
        self
    }

    /// See [`ProducerConfig::delivery_timeout`].
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.config.delivery_timeout = timeout;
        self
    }

    /// See [`ProducerConfig::partitioner`].
    pub fn partitioner(mut self, partitioner: Partitioner) -> Self {
        self.config.partitioner = partitioner;
        self
    }

    /// Starts the producer's task on the current runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that contradict each other.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Nothing was started if the future is dropped before it is ready.
    pub async fn build(self) -> Result<Producer, Error> {
        self.config.validate()?;
        Ok(Producer::new(self.cluster, self.config))
    }
}
