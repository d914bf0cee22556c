//! One client that reads all there is, at work while a test breaks things.

use std::sync::Arc;
use std::time::Duration;

use kurier_client::Client;
use kurier_client::consumer::{Consumer, ConsumerConfig, FetchedBatch, Start, Stop};
use kurier_client::offsets::{Isolation, Position};
use kurier_testkit::Isolation as Noted;
use kurier_testkit::history::{Action, Outcome, Start as From, TopicPartition};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::shared::{DELIVERY_TIMEOUT, PARTITIONS, Phase, REQUEST_TIMEOUT, Shared, count};

/// The process that reads; those that send have the numbers after it.
pub(super) const READS: u32 = 0;

/// Reads everything, or what is committed, to the end.
pub(super) async fn read_all(
    client: Client,
    isolation: Isolation,
    shared: Arc<Shared>,
    phase: watch::Receiver<Phase>,
) {
    let consumer_config = ConsumerConfig {
        request_timeout: REQUEST_TIMEOUT,
        outage_max: DELIVERY_TIMEOUT,
        ..ConsumerConfig::default()
    };
    let topic = shared.topic.as_str();
    let assigned = (0..PARTITIONS).map(|index| (topic, index, Start::Earliest));
    let builder = client.consumer().config(consumer_config).isolation(isolation);
    let mut consumer = builder.assign(assigned).start().unwrap();
    let noted = (0..PARTITIONS).map(|index| (TopicPartition::new(topic, index), From::Earliest));
    shared.recorder.note(READS, Action::Assign(noted.collect()));
    while *phase.borrow() < Phase::Drain {
        shared.poll(&mut consumer, isolation).await;
    }
    let all = (0..PARTITIONS).map(|of| (topic, of));
    let ends = client.offsets().at(Position::Latest, all).await.unwrap();
    let is_read = |consumer: &Consumer| {
        ends.iter().all(|end| consumer.position(topic, end.partition) >= end.offset)
    };
    while !is_read(&consumer) {
        shared.poll(&mut consumer, isolation).await;
    }
}

impl Shared {
    /// One look at what has come, which is given up after a while.
    async fn poll(&self, consumer: &mut Consumer, isolation: Isolation) {
        let noted = match isolation {
            Isolation::ReadUncommitted => Noted::Uncommitted,
            Isolation::ReadCommitted => Noted::Committed,
        };
        let polling = self.recorder.poll(READS, noted);
        match timeout(Duration::from_millis(500), consumer.next()).await {
            Ok(Some(Ok(batch))) => {
                let records = records(&batch);
                count(&self.read, batch.partition(), records.len() as u64);
                polling.polled(TopicPartition::new(&*self.topic, batch.partition()), records);
                polling.end(Outcome::Ok);
            }
            Ok(Some(Err(error))) => {
                assert!(error.is_retriable(), "reading: {error}");
                self.note(&error);
                polling.end(Outcome::Failed);
            }
            Ok(None) => panic!("a consumer without an end has ended"),
            Err(_) => polling.end(Outcome::Ok),
        }
    }
}

fn records(batch: &FetchedBatch) -> Vec<(i64, u64)> {
    let records = batch.records().map(|record| record.unwrap());
    let number = |value: &[u8]| std::str::from_utf8(value).unwrap().parse().unwrap();
    records.map(|record| (record.offset, number(record.value.unwrap()))).collect()
}

/// Waits until the committed values of partition 0 are these: markers are written after a commit
/// is told.
pub(crate) async fn wait_for_committed(client: &Client, topic: &str, wanted: &[&str]) {
    let start = Instant::now();
    loop {
        let found = values(client, topic, Isolation::ReadCommitted).await;
        if found == wanted {
            return;
        }
        assert!(start.elapsed() < DELIVERY_TIMEOUT, "{found:?} are committed, not {wanted:?}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// The values of partition 0, to its end.
pub(crate) async fn values(client: &Client, topic: &str, isolation: Isolation) -> Vec<String> {
    let builder = client.consumer().isolation(isolation).stop(Stop::End);
    let mut consumer = builder.assign([(topic, 0, Start::Earliest)]).start().unwrap();
    let mut values = Vec::new();
    while let Some(batch) = consumer.next().await {
        let batch = batch.unwrap();
        let records = batch.records().map(|record| record.unwrap().value.unwrap().to_vec());
        values.extend(records.map(|value| String::from_utf8(value).unwrap()));
    }
    values
}
