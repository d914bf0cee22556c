//! `Producer`: what users and transactions hold of one.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::coop::consume_budget;
use tracing::Instrument;

use super::accumulator::{Accumulator, Space};
use super::batch::{Delivery, RecordMetadata};
use super::clearing::LastWrite;
use super::config::ProducerConfig;
use super::driver::{Driver, Event};
use super::enqueue::{Enqueue, Obstacle, Shared};
use super::record::Record;
use super::sender::{Sender, Unsettled};
use super::tally::{SendAllError, Tally};
use super::topics::Topics;
use super::transaction::{Numbers, Report};
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::error::{Error, Waiting};
use crate::metadata::Idle;
use crate::metrics::Wait;
use crate::net::Class;
use crate::transactions::BegunTransaction;

/// Sends records. Cloning shares it: all clones have one buffer and one task.
///
/// A record can be taken back as long as [`enqueue`](Self::enqueue) has not returned: by dropping
/// that future. Once it is buffered it is sent, whoever loses interest in it; and after the answer
/// there is nothing to take back. No other record notices either way.
///
/// When the last clone is dropped the task goes on sending what is buffered, as long as the
/// runtime lives and no longer than the delivery timeout; only [`close`](Self::close) promises.
#[derive(Clone, Debug)]
pub struct Producer {
    shared: Arc<Shared>,
}

/// Why [`Producer::try_enqueue`] did not take a record. Of what can be waited for, it has the
/// record.
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

impl fmt::Display for TryEnqueueError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str(
                "no room in the producer's buffer; wait for it by enqueue, send more slowly, or \
                 raise buffer_bytes_max (buffer.memory)",
            ),
            Self::NewTopic(record) => {
                let topic = record.topic;
                write!(f, "topic {topic} was not used before; wait for its metadata by enqueue")
            }
            // Its text is whole: there is no source behind it.
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TryEnqueueError<'_> {}

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

    /// Sends records, in their order, and waits until each has its outcome. Returns how many there
    /// were.
    ///
    /// It is [`send`](Self::send) for many: what is waited for are batches, so that a record costs
    /// no more than its encoding. Any iterator will do; it is asked for a record when the buffer
    /// takes it, so that what waits is bounded by
    /// [`buffer_bytes_max`](ProducerConfig::buffer_bytes_max), besides a few bytes for each record
    /// in it. The last batches may linger, as with `send`.
    ///
    /// ```
    /// # use kurier_client::{Client, Record};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 3).build();
    /// # let (bootstrap, env) = (cluster.bootstrap(), cluster.env(1));
    /// # let client = Client::builder(bootstrap).env(env).connect().await?;
    /// # let producer = client.producer().build().await?;
    /// let orders = [("ann", "2 apples"), ("bob", "1 pear"), ("ann", "1 quince")];
    /// let records = orders.iter().map(|(key, value)| Record::to("orders").key(key).value(value));
    /// assert_eq!(producer.send_all(records).await?, 3);
    ///
    /// let far = Record::to("orders").partition(7);
    /// let error = producer.send_all([Record::to("orders"), far]).await.unwrap_err();
    /// for (record, why) in error.failures() {
    ///     assert_eq!((record, why.maybe_written()), (1, false));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendAllError`] names the records that were not delivered, and why. A record that cannot
    /// be sent itself, by its size or its partition, keeps no other one back. At anything else that
    /// [`enqueue`](Self::enqueue) refuses, it takes no more, and waits for those that it took.
    ///
    /// # Cancel safety
    ///
    /// What was buffered is sent, whether this future is dropped or not; the iterator is not asked
    /// for more. How many were buffered is lost with the future.
    pub async fn send_all<'r>(
        &self,
        records: impl IntoIterator<Item = Record<'r>>,
    ) -> Result<usize, SendAllError> {
        let mut tally = Tally::default();
        for record in records {
            match self.enqueue(record).await {
                Ok(delivery) => tally.push(delivery),
                Err(error) => {
                    if tally.push_refused(error).is_break() {
                        break;
                    }
                    // Nothing else of such a record waits for anything.
                    consume_budget().await;
                }
            }
        }
        while let Some(pending) = tally.poll_pending() {
            poll_fn(|cx| pending.poll_complete(cx)).await;
        }
        tally.finish()
    }

    /// Puts a record into the buffer. Waits for buffer space and, when a topic is first used, for
    /// its metadata; never for the broker's answer, which the [`Delivery`] is a future of.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for a record over a limit, [`Error::UnknownTopic`] for a topic or
    /// partition that does not exist, [`Error::Invalid`] for a timestamp before 1970,
    /// [`Error::Unsupported`] for headers or a codec that the broker is too old for,
    /// [`Error::TimedOut`] after [`ProducerConfig::block_max`], [`Error::Closed`] after
    /// [`close`](Self::close).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the record was not taken.
    #[inline]
    pub fn enqueue<'a>(
        &'a self,
        record: Record<'a>,
    ) -> impl Future<Output = Result<Delivery, Error>> + Send + 'a {
        Enqueue::new(&self.shared, record)
    }

    /// Puts a record into the buffer if that is possible at once.
    ///
    /// # Errors
    ///
    /// Gives the record back if the buffer is full or the topic is new; else as
    /// [`enqueue`](Self::enqueue).
    pub fn try_enqueue<'a>(&self, record: Record<'a>) -> Result<Delivery, TryEnqueueError<'a>> {
        let mut place = match self.shared.append_now(&record) {
            Ok(delivery) => return Ok(delivery),
            Err(place) => place,
        };
        match self.shared.append(&record, &mut place, &mut Space::default()) {
            Ok(delivery) => Ok(delivery),
            Err(Obstacle::NoSpace { .. }) => Err(TryEnqueueError::Full(record)),
            Err(Obstacle::NewTopic) => Err(TryEnqueueError::NewTopic(record)),
            Err(Obstacle::Failed(error)) => Err(TryEnqueueError::Failed(*error)),
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
        let _waits = self.shared.meter.wait(Wait::Flush);
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
    /// [`Error::Closed`] if the task was ended otherwise, by its runtime or by
    /// [`close_within`](Self::close_within).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting, not the sending.
    pub async fn close(&self) -> Result<(), Error> {
        let was_closed = self.shared.accumulator.close();
        let (done, flushed) = oneshot::channel();
        let has_ended = self.shared.events.send(Event::Flush(done)).is_err();
        // An error says that it has ended.
        let _ = self.shared.events.send(Event::End);
        let outcome = match flushed.await {
            Ok(outcome) => outcome,
            Err(_) if has_ended && was_closed => Ok(()),
            Err(_) => Err(Error::Closed { what: "producer" }),
        };
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
        let mut closing = pin!(self.close());
        if let Ok(outcome) = tokio::time::timeout(at_most, &mut closing).await {
            return outcome;
        }
        let (told, left) = oneshot::channel();
        // An error says that it has ended in this moment.
        let _ = self.shared.events.send(Event::Abort(told));
        let left = left.await.ok().flatten();
        // What failed before is not forgotten.
        let outcome = closing.await;
        left.map_or(outcome, |Unsettled { partition, last }| {
            let topic = Box::from(&*partition.topic);
            let what = Waiting::Delivery { topic, partition: partition.index };
            let last = last.map(Arc::new);
            Err(Error::TimedOut { what, after: at_most, maybe_written: true, last })
        })
    }

    /// How this producer behaves.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        &self.shared.config
    }

    pub(super) fn new(cluster: Cluster, config: ProducerConfig) -> Self {
        let class = Class::Produce(cluster.new_owner());
        Self::start(cluster, config, class, None)
    }

    /// A producer all of whose records belong to a transaction, and are numbered on from these.
    /// Its connections are of a class that others use after it.
    pub(crate) fn within(
        cluster: Cluster,
        config: ProducerConfig,
        class: Class,
        transaction: (BegunTransaction, Numbers),
    ) -> Self {
        Self::start(cluster, config, class, Some(transaction))
    }

    /// Takes no more records of a transaction, fails what is not in flight if there is a reason,
    /// and waits until nothing is under way. Tells what the records have come to, unless the task
    /// has ended.
    pub(crate) async fn finish(&self, why: Option<Error>) -> Option<(Report, Vec<LastWrite>)> {
        self.shared.accumulator.close();
        if let Some(error) = why {
            self.shared.events.send(Event::Stop(error)).ok()?;
        }
        // The records say themselves why they were not delivered, and the report says it too.
        drop(self.flush().await);
        let (tell, told) = oneshot::channel();
        self.shared.events.send(Event::Report(tell)).ok()?;
        told.await.ok()
    }

    /// Fails at once what has no outcome yet, and takes nothing more.
    pub(crate) fn abandon(&self) {
        self.shared.accumulator.close();
        let (told, _) = oneshot::channel();
        // An error says that it has ended.
        let _ = self.shared.events.send(Event::Abort(told));
    }

    fn start(
        cluster: Cluster,
        config: ProducerConfig,
        class: Class,
        transaction: Option<(BegunTransaction, Numbers)>,
    ) -> Self {
        let cluster = cluster.with_request_timeout(config.request_timeout);
        let accumulator =
            Arc::new(Accumulator::new(config.batch_bytes_max, config.buffer_bytes_max));
        let topics = Arc::new(Topics::default());
        let (events, receiver) = mpsc::unbounded_channel();
        let backoff =
            Backoff::new(cluster.config().retry_backoff, cluster.config().retry_backoff_max);
        let meter = cluster.metrics().producer();
        let buffer: Weak<Accumulator> = Arc::downgrade(&accumulator);
        meter.begin(buffer);
        let driver = Driver {
            meter: meter.clone(),
            cluster: cluster.clone(),
            class,
            owns_class: transaction.is_none(),
            reports: Vec::new(),
            sender: match transaction {
                None => Sender::new(config.clone(), Arc::clone(&accumulator), backoff),
                Some(begun) => {
                    Sender::within(begun, config.clone(), Arc::clone(&accumulator), backoff)
                }
            }
            .known_as(cluster.config().principal()),
            events: receiver,
            topics: Arc::clone(&topics),
            flushes: BTreeMap::new(),
            flush_count: 0,
            idle: Idle::new(config.topics.idle_max),
            is_listening: true,
            is_ending: false,
        };
        let span = tracing::debug_span!("producer", ?class);
        tokio::spawn(driver.run().instrument(span));
        let shared = Shared {
            record_bytes_max: config.request_bytes_max.min(config.buffer_bytes_max),
            cluster,
            class,
            meter,
            config,
            accumulator,
            topics,
            events,
        };
        Self { shared: Arc::new(shared) }
    }
}

#[cfg(test)]
mod tests {
    use kurier_testkit::TestCluster;

    use super::*;
    use crate::config::ClientConfig;

    #[tokio::test(start_paused = true)]
    async fn who_never_waits_stays_on_the_short_way() {
        let world = TestCluster::builder().brokers(1).topic("t", 1).build();
        let servers = world.bootstrap().into_iter().map(|s| s.parse().unwrap()).collect();
        let cluster =
            Cluster::connect(world.env(7), ClientConfig::default(), servers).await.unwrap();
        let producer = Producer::new(cluster, ProducerConfig::default());
        let value = [b'v'; 1000];
        let record = || Record::to("t").value(&value);
        producer.send(record()).await.unwrap();
        for _ in 0..3000 {
            drop(producer.try_enqueue(record()).unwrap());
        }
        // Only where a batch ends there is more to do.
        let short = (0..100).filter(|_| producer.shared.append_now(&record()).is_ok()).count();
        assert!(short > 90, "{short} of 100");
    }
}
