//! A client that sends without pause, at work while a test breaks things.

use std::ops::RangeFrom;
use std::sync::Arc;
use std::time::Duration;

use kurier_client::Client;
use kurier_client::producer::{Producer, ProducerConfig, Record};
use kurier_testkit::history::{Action, Outcome, TopicPartition};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::shared::{PARTITIONS, Phase, Shared, count};

/// What one process sends.
pub(super) struct Stream {
    pub(super) shared: Arc<Shared>,
    pub(super) process: u32,
    pub(super) values: RangeFrom<u64>,
    /// Between a record for each partition and the next ones.
    pub(super) pause: Duration,
}

impl Stream {
    pub(super) async fn send_all(
        mut self,
        client: Client,
        config: ProducerConfig,
        phase: watch::Receiver<Phase>,
    ) {
        let producer = client.producer().config(config).build().await.unwrap();
        let mut deliveries = JoinSet::new();
        while *phase.borrow() == Phase::Flow {
            for partition in 0..PARTITIONS {
                self.send(&producer, partition, &mut deliveries).await;
            }
            while deliveries.try_join_next().is_some() {}
            sleep(self.pause).await;
        }
        for partition in 0..PARTITIONS {
            let mut last = JoinSet::new();
            loop {
                self.send(&producer, partition, &mut last).await;
                if last.join_next().await.is_some_and(|outcome| outcome.unwrap() == Outcome::Ok) {
                    break;
                }
            }
        }
        let closing = self.shared.recorder.begin(self.process, Action::Close);
        producer.close().await.unwrap();
        deliveries.join_all().await;
        closing.end(Outcome::Ok);
    }

    async fn send(
        &mut self,
        producer: &Producer,
        partition: i32,
        deliveries: &mut JoinSet<Outcome>,
    ) {
        let shared = Arc::clone(&self.shared);
        let (to, value) = (TopicPartition::new(&*shared.topic, partition), self.values.next());
        let pending = shared.recorder.send(self.process, to, value.unwrap());
        let record = value.unwrap().to_string();
        let record = Record::to(&shared.topic).partition(partition).value(&record);
        let sent = producer.enqueue(record).await;
        let shared = Arc::clone(&shared);
        deliveries.spawn(async move {
            let delivered = match sent {
                Ok(delivery) => delivery.await,
                Err(error) => Err(error),
            };
            match delivered {
                Ok(metadata) => {
                    // A leader may know a record without its offset.
                    pending.acknowledged(Some(metadata.offset).filter(|offset| *offset >= 0));
                    count(&shared.acknowledged, partition, 1);
                    Outcome::Ok
                }
                Err(error) => {
                    let is_open = error.maybe_written();
                    let outcome = if is_open { Outcome::Unknown } else { Outcome::Failed };
                    pending.end(outcome);
                    shared.note(&error);
                    outcome
                }
            }
        });
    }
}
