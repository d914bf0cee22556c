//! A cluster in memory and a client that knows it.

use std::time::Duration;

use kurier_client::consumer::{Consumer, Start, Stop};
use kurier_client::producer::{Producer, Record};
use kurier_client::{Client, Error};
use kurier_testkit::{Builder, TestCluster};

/// What most tests need.
pub(crate) struct World {
    pub(crate) cluster: TestCluster,
    pub(crate) client: Client,
}

impl World {
    /// One topic `t` with that many partitions on three brokers of the newest release.
    pub(crate) async fn new(partitions: i32) -> Self {
        Self::of(TestCluster::builder().brokers(3).topic("t", partitions)).await
    }

    pub(crate) async fn of(builder: Builder) -> Self {
        let cluster = builder.build();
        let client = Client::builder(cluster.bootstrap()).env(cluster.env(7)).connect().await;
        Self { cluster, client: client.expect("the cluster is up") }
    }

    pub(crate) async fn producer(&self) -> Producer {
        self.client.producer().build().await.expect("the defaults are valid")
    }

    /// All of topic `t`, from its beginning to its end.
    pub(crate) fn reader(&self) -> Consumer {
        let builder = self.client.consumer().topics(["t"], Start::Earliest).stop(Stop::End);
        builder.start().expect("the defaults are valid")
    }

    /// The values of a partition's log, as numbers.
    pub(crate) fn log(&self, partition: i32) -> Vec<u32> {
        let records = self.cluster.stored_records("t", partition);
        records.iter().map(|record| number(record.value().unwrap())).collect()
    }
}

pub(crate) fn number(value: &[u8]) -> u32 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

/// Sends numbers to partition 0 of `t`, some milliseconds apart; fails if one of them fails.
pub(crate) async fn send_numbers(
    producer: &Producer,
    numbers: std::ops::Range<u32>,
    apart: Duration,
) -> Result<Vec<i64>, Error> {
    let mut deliveries = Vec::new();
    for n in numbers {
        let value = n.to_string();
        deliveries.push(producer.enqueue(Record::to("t").partition(0).value(&value)).await?);
        tokio::time::sleep(apart).await;
    }
    let mut offsets = Vec::new();
    for delivery in deliveries {
        offsets.push(delivery.await?.offset);
    }
    Ok(offsets)
}

/// Reads to the end: (partition, offset, value) of every record.
pub(crate) async fn read_all(consumer: &mut Consumer) -> Result<Vec<(i32, i64, Vec<u8>)>, Error> {
    let mut all = Vec::new();
    while let Some(batch) = consumer.next().await.transpose()? {
        for record in batch.records() {
            let record = record?;
            all.push((batch.partition(), record.offset, record.value.unwrap_or_default().to_vec()));
        }
    }
    Ok(all)
}
