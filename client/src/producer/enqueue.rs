//! A record's way into the buffer, and what stands in it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::{BoxFuture, FutureExt};
use kurier_protocol::record::{Compression, Magic, RecordParts};
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::Instant;

use super::accumulator::{Accumulator, Means, Partition, Space};
use super::batch::Delivery;
use super::config::ProducerConfig;
use super::discovery::{newest_version, zstd_unsupported};
use super::driver::Event;
use super::means::{HEADER_BYTES_MAX, NoSpace, Outside, Refused};
use super::partitioner::Place;
use super::record::Record;
use super::request::{ZSTD_SINCE, magic_of};
use super::sealed::{headers_unsupported, not_encodable};
use super::topics::{Seen, Topic, Topics};
use crate::cluster::Cluster;
use crate::error::{Error, Oversized, Waiting};
use crate::metadata::Creation;
use crate::metrics::{ProducerMeter, Wait};
use crate::net::Class;

/// What all clones of a producer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cluster: Cluster,
    pub(crate) class: Class,
    pub(crate) meter: ProducerMeter,
    pub(crate) config: ProducerConfig,
    pub(crate) record_bytes_max: usize,
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) topics: Arc<Topics>,
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

/// What stands between a record and the buffer.
#[derive(Debug)]
pub(crate) enum Obstacle {
    NoSpace {
        kib: u32,
    },
    NewTopic,
    /// Boxed, since room for it is moved with every delivery.
    Failed(Box<Error>),
}

impl Obstacle {
    #[cold]
    pub(crate) fn failed(error: Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl Shared {
    /// Puts a record into the open batch of its partition, which nearly always has room for it.
    /// What is not that simple is left to [`append`](Self::append), which knows why, and is told
    /// the place of the record, if that was asked for.
    #[inline(always)]
    pub(crate) fn append_now(&self, record: &Record<'_>) -> Result<Delivery, Option<Place>> {
        if self.accumulator.is_closed() {
            return Err(None);
        }
        let topic = self.topics.find(record.topic).ok_or(None)?;
        let (key, value, headers) = (record.key, record.value, record.all_headers());
        let parts = RecordParts { timestamp: -1, key, value, headers };
        let bytes = parts.wire_bytes_max(topic.magic);
        let is_odd = record.timestamp.is_some_and(|timestamp| timestamp < NO_TIMESTAMP);
        if is_odd || HEADER_BYTES_MAX + bytes > self.record_bytes_max {
            return Err(None);
        }
        let place = self.place(topic, record);
        let partition = self.at(topic, place, bytes).ok_or(Some(place))?;
        let delivery = partition.append_now(&parts, record.timestamp).ok_or(Some(place))?;
        note(topic, partition, place, bytes);
        Ok(delivery)
    }

    /// Puts a record into the buffer, unless something stands in the way. Asks for its place if
    /// nobody has.
    #[cold]
    pub(crate) fn append(
        &self,
        record: &Record<'_>,
        place: &mut Option<Place>,
        space: &mut Space,
    ) -> Result<Delivery, Obstacle> {
        if self.accumulator.is_closed() {
            return Err(Obstacle::failed(Error::Closed { what: "producer" }));
        }
        let topic = self.topics.find(record.topic).ok_or(Obstacle::NewTopic)?;
        let parts = RecordParts {
            timestamp: -1,
            key: record.key,
            value: record.value,
            headers: record.all_headers(),
        };
        let bytes = parts.wire_bytes_max(topic.magic);
        if HEADER_BYTES_MAX + bytes > self.record_bytes_max {
            return Err(Obstacle::failed(self.too_large(bytes)));
        }
        if record.timestamp.is_some_and(|timestamp| timestamp < NO_TIMESTAMP) {
            return Err(Obstacle::failed(before_1970(record.timestamp)));
        }
        if topic.magic < Magic::V2 && !record.all_headers().is_empty() {
            return Err(Obstacle::failed(headers_unsupported()));
        }
        let place = *place.get_or_insert_with(|| self.place(topic, record));
        let partition = self.partition(topic, place, bytes)?;
        let outside = Line { shared: self, partition };
        let mut means = Means { budget: &*self.accumulator, space, outside: &outside };
        let result = partition.append(&parts, record.timestamp, &mut means);
        if result.is_ok() {
            note(topic, partition, place, bytes);
        }
        result.map_err(|refused| match refused {
            Refused::NoSpace(NoSpace { kib }) => Obstacle::NoSpace { kib },
            Refused::Abandoned => Obstacle::failed(Error::Closed { what: "producer" }),
            Refused::Record(error) => Obstacle::failed(not_encodable(*error)),
        })
    }

    /// Removes what stands in the way, until the record is in the buffer or time is up. If nothing
    /// does, lets others run first.
    async fn enqueue_slowly(
        &self,
        record: Record<'_>,
        mut place: Option<Place>,
        mut obstacle: Option<Obstacle>,
    ) -> Result<Delivery, Error> {
        let deadline = Instant::now() + self.config.block_max;
        loop {
            let mut space = Space::default();
            match obstacle {
                None => yield_now().await,
                Some(Obstacle::NoSpace { kib }) => space = self.space(kib, deadline).await?,
                Some(Obstacle::NewTopic) => self.discover(record.topic, deadline).await?,
                Some(Obstacle::Failed(error)) => return Err(*error),
            }
            match self.append(&record, &mut place, &mut space) {
                Ok(delivery) => return Ok(delivery),
                Err(next) => obstacle = Some(next),
            }
        }
    }
}

/// A record on its way into the buffer. Written by hand: an `async fn` would move the record and
/// its delivery about, which takes as long as encoding.
pub(crate) struct Enqueue<'a> {
    /// None once the record has gone in, or was refused.
    shared: Option<&'a Shared>,
    record: Record<'a>,
    slowly: Option<BoxFuture<'a, Result<Delivery, Error>>>,
}

impl<'a> Enqueue<'a> {
    #[inline]
    pub(crate) fn new(shared: &'a Shared, record: Record<'a>) -> Self {
        Self { shared: Some(shared), record, slowly: None }
    }

    /// Once a batch or less often.
    #[cold]
    fn poll_slowly(
        &mut self,
        mut place: Option<Place>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Delivery, Error>> {
        let Some(shared) = self.shared else {
            panic!("the future of an enqueue was polled after it was ready")
        };
        let slowly = match &mut self.slowly {
            Some(slowly) => slowly,
            None => {
                let obstacle = match shared.accumulator.owes_turn() {
                    true => None,
                    false => match shared.append(&self.record, &mut place, &mut Space::default()) {
                        Err(obstacle) => Some(obstacle),
                        Ok(delivery) => {
                            self.shared = None;
                            return Poll::Ready(Ok(delivery));
                        }
                    },
                };
                let slowly = shared.enqueue_slowly(self.record.clone(), place, obstacle);
                self.slowly.insert(slowly.boxed())
            }
        };
        let result = ready!(slowly.as_mut().poll(cx));
        self.shared = None;
        Poll::Ready(result)
    }
}

impl Future for Enqueue<'_> {
    type Output = Result<Delivery, Error>;

    /// Not inlined: in a caller's future, the delivery would go through memory three times more.
    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut place = None;
        if let (Some(shared), None) = (self.shared, &self.slowly)
            && !shared.accumulator.is_turn_due()
        {
            match shared.append_now(&self.record) {
                Ok(delivery) => {
                    self.shared = None;
                    return Poll::Ready(Ok(delivery));
                }
                Err(asked) => place = asked,
            }
        }
        self.poll_slowly(place, cx)
    }
}

/// From the callers of a partition to the driver.
struct Line<'a> {
    shared: &'a Shared,
    partition: &'a Arc<Partition>,
}

impl Outside for Line<'_> {
    fn wall_millis(&self) -> i64 {
        self.shared.cluster.env().wall_millis()
    }

    fn tell_first(&self, number: u64) -> bool {
        self.shared.events.send(Event::First(Arc::clone(self.partition), number)).is_ok()
    }

    fn tell_full(&self) {
        // An error says that the driver has ended, and with it the batch.
        let _ = self.shared.events.send(Event::Full(Arc::clone(self.partition)));
    }
}

impl Shared {
    #[cold]
    fn too_large(&self, bytes: usize) -> Error {
        let setting = if self.config.request_bytes_max <= self.config.buffer_bytes_max {
            "request_bytes_max (max.request.size)"
        } else {
            "buffer_bytes_max (buffer.memory)"
        };
        Error::TooLarge {
            what: Oversized::Record,
            bytes: bytes + HEADER_BYTES_MAX,
            bytes_max: self.record_bytes_max,
            setting,
        }
    }
}

/// What it waits for.
impl Shared {
    /// Waits for buffer space, in turn with the other callers.
    async fn space(&self, kib: u32, deadline: Instant) -> Result<Space, Error> {
        let _counted = self.accumulator.waiters.join();
        // An error is met again by the append that follows.
        let _ = self.events.send(Event::Short);
        let after = self.config.block_max;
        let _waits = self.meter.wait(Wait::Space);
        tokio::select! {
            biased;
            space = self.accumulator.space(kib) => Ok(space),
            () = self.events.closed() => Err(Error::Closed { what: "producer" }),
            () = tokio::time::sleep_until(deadline) => {
                self.meter.exhausted();
                let last = self.obstacle().await;
                Err(Error::timed_out(Waiting::BufferSpace, after).after(last.as_ref()))
            }
        }
    }

    /// What keeps the oldest records in the buffer, which the driver knows.
    async fn obstacle(&self) -> Option<Error> {
        let (tell, told) = oneshot::channel();
        self.events.send(Event::Stuck(tell)).ok()?;
        told.await.ok().flatten()
    }

    /// Learns a topic's partitions, and the format that its leaders take.
    async fn discover(&self, name: &str, deadline: Instant) -> Result<(), Error> {
        let creation =
            if self.config.topics.creation { Creation::Allowed } else { Creation::Never };
        let _waits = self.meter.wait(Wait::Metadata);
        let topic = self.cluster.topic(name, creation, deadline).await?;
        let newest = newest_version(&self.cluster, self.class, &topic, deadline).await?;
        if self.config.compression == Compression::Zstd && newest < ZSTD_SINCE {
            return Err(zstd_unsupported(newest));
        }
        let waited_for = Seen { name: &topic.name, id: topic.id, count: topic.partitions.len() };
        // The driver tells of no picture twice: what it has shown since must not be missed.
        self.topics.add(waited_for, magic_of(newest), || self.cluster.picture());
        if let Some(topic) = self.topics.find(name) {
            self.begin(topic);
        }
        Ok(())
    }
}

/// A partition has got a record of so many bytes, at most.
#[inline(always)]
fn note(topic: &Topic, partition: &Partition, place: Place, bytes: usize) {
    match place {
        Place::Sticky => topic.turns.note_bytes(bytes),
        Place::Next => topic.turns.note_round(partition.index),
        Place::At(_) | Place::Random => {}
    }
}

#[cold]
fn before_1970(timestamp: Option<i64>) -> Error {
    let given = timestamp.unwrap_or_default();
    let problem = format!("{given} lies before 1970; give milliseconds since 1970, or -1 for none");
    Error::invalid("timestamp", problem)
}

/// Kafka's number for the timestamp of a record that has none.
const NO_TIMESTAMP: i64 = -1;
