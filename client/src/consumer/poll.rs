//! Records by number: some of a batch now, the rest of it with a later call.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{self, Stream};
use kurier_protocol::record::Record;
use tokio::time::timeout_at;

use super::batch::FetchedBatch;
use super::handle::Consumer;
use super::turn::Turn;
use crate::error::Error;
use crate::retries::deadline;

/// A record, and where it is from. It keeps the answer that it came in alive.
#[derive(Clone, Debug)]
pub struct FetchedRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The record.
    pub record: Record,
    /// As which its partition was read.
    pub(super) turn: Turn,
}

impl Consumer {
    /// So many records at most, of any partitions: those that are there, or else those that come
    /// first within this time. None if there are none by then. [`position`](Self::position) is
    /// behind the last one of each partition.
    ///
    /// Who has only part of a batch gets the rest of it with the next call, and then others their
    /// turn. With [`auto_mark`](super::ConsumerConfig::auto_mark) a call marks what those before it
    /// have given, as [`next`](Self::next) does.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next), and one for a record that cannot be read although the
    /// checksum of its batch is right: what is before it is given, and then its partition stands
    /// still at it as at any batch that is broken, or the rest of the batch is passed over
    /// ([`Corrupt`](super::Corrupt)). An error that comes behind records is given by the next call.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what was not given comes with the next call.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use kurier_client::{Client, Record, Start};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), kurier_client::Error> {
    /// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 2).build();
    /// # let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
    /// # let producer = client.producer().build().await?;
    /// # producer.send(Record::to("orders").key("k").value("v")).await?;
    /// let mut consumer = client.consumer().topics(["orders"], Start::Earliest).start()?;
    /// for one in consumer.poll_records(500, Duration::from_secs(1)).await? {
    ///     println!("{} {}: {:?}", one.topic, one.record.offset, one.record.value());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn poll_records(
        &mut self,
        records_max: usize,
        wait: Duration,
    ) -> Result<Vec<FetchedRecord>, Error> {
        let deadline = deadline(wait);
        let _turn = self.begin_turn().await;
        let mut records = Vec::new();
        while records.len() < records_max {
            let next = match self.take_error() {
                Some(error) => Some(Some(Err(error))),
                None if records.is_empty() => timeout_at(deadline, self.intake.next()).await.ok(),
                // Nothing is waited for once there is something: whoever drops a call that waits
                // must not lose what it has by then.
                None => self.intake.next().now_or_never(),
            };
            let Some(next) = next else { break };
            match next {
                Some(Ok(batch)) => {
                    let problem = self.take_some(&batch, records_max, &mut records);
                    if let Some(error) = problem {
                        self.keep_error(error);
                    }
                }
                Some(Err(error)) if records.is_empty() => return Err(error),
                Some(Err(error)) => {
                    self.keep_error(error);
                    break;
                }
                None => break,
            }
        }
        Ok(records)
    }

    /// The batches of [`next`](Self::next) as a stream. It ends where that gives none. It has to be
    /// pinned, and the methods of streams come from the crate futures-util, or tokio-stream.
    ///
    /// With [`auto_mark`](super::ConsumerConfig::auto_mark) a batch is marked when the stream is
    /// asked for the next one; the last one by [`commit`](Self::commit), once the stream is gone.
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
    /// let mut consumer = orders.start()?;
    /// let mut batches = pin!(consumer.stream());
    /// while let Some(batch) = batches.try_next().await? {
    ///     println!("{} records", batch.records().count());
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
    /// Dropping the stream loses nothing: what it has not given comes with the next call.
    pub fn stream(&mut self) -> impl Stream<Item = Result<FetchedBatch, Error>> + Send + '_ {
        stream::unfold(self, async |consumer| {
            let next = consumer.next().await?;
            Some((next, consumer))
        })
    }

    /// As many records of a batch as there is room for; what is left comes again. An error if one
    /// cannot be read: those behind it cannot be told apart any more.
    fn take_some(
        &mut self,
        batch: &FetchedBatch,
        records_max: usize,
        records: &mut Vec<FetchedRecord>,
    ) -> Option<Error> {
        let mut behind = batch.first_offset();
        for record in batch.records() {
            let record = match record {
                Ok(record) => record,
                Err(error) => return self.intake.break_off(batch, behind, error),
            };
            if records.len() >= records_max {
                self.intake.return_from(batch, record.offset);
                return None;
            }
            behind = record.offset.saturating_add(1);
            records.push(FetchedRecord {
                topic: Arc::clone(&batch.topic),
                partition: batch.partition,
                record: batch.to_owned(&record),
                turn: batch.turn,
            });
        }
        None
    }
}
