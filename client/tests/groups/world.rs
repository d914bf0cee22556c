//! A cluster in memory with a topic of numbers, and members of the group `g` that read it.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::consumer::{Consumer, ConsumerBuilder, FetchedBatch, OffsetReset};
use kurier_client::group::{Assignor, GroupProtocol};
use kurier_client::producer::Record;
use kurier_client::transactions::{GroupOffset, PartitionOutcome};
use kurier_client::{Client, Error};
use kurier_testkit::{Builder, TestCluster};
use tokio::time::timeout;

pub(crate) const S: Duration = Duration::from_secs(1);

/// How a group divides its partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Eager,
    Cooperative,
    Coordinator,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Eager, Kind::Cooperative, Kind::Coordinator];

pub(crate) struct World {
    pub(crate) cluster: TestCluster,
    pub(crate) client: Client,
}

impl World {
    /// Topic `t` with so many partitions on three brokers of the newest release, and the numbers
    /// below so many in each of them, a record a batch.
    pub(crate) async fn new(partitions: i32, numbers: i64) -> Self {
        let world = Self::of(TestCluster::builder().brokers(3).topic("t", partitions)).await;
        world.write(partitions, 0..numbers).await;
        world
    }

    pub(crate) async fn of(builder: Builder) -> Self {
        let cluster = builder.build();
        let client = connect(&cluster, 1).await;
        Self { cluster, client }
    }

    /// A client of its own.
    pub(crate) async fn other(&self, seed: u64) -> Client {
        connect(&self.cluster, seed).await
    }

    pub(crate) async fn write(&self, partitions: i32, numbers: std::ops::Range<i64>) {
        let producer = self.client.producer().linger(Duration::ZERO).build().await.unwrap();
        for n in numbers {
            for partition in 0..partitions {
                let value = n.to_string();
                let record = Record::to("t").partition(partition).value(&value);
                producer.send(record).await.unwrap();
            }
        }
    }

    /// What `g` has committed of `t`, by partition.
    pub(crate) async fn committed(&self, partitions: i32) -> BTreeMap<i32, i64> {
        committed_by(&self.client, partitions).await
    }
}

/// The same, as this client is told.
pub(crate) async fn committed_by(client: &Client, partitions: i32) -> BTreeMap<i32, i64> {
    let asked = (0..partitions).map(|partition| ("t", partition));
    let isolation = kurier_client::offsets::Isolation::ReadUncommitted;
    let found = client.transactions().committed_offsets("g", isolation, asked).await;
    let of = |one: PartitionOutcome<Option<GroupOffset>>| {
        Some((one.partition, one.outcome.unwrap()?.offset))
    };
    found.into_iter().filter_map(of).collect()
}

async fn connect(cluster: &TestCluster, seed: u64) -> Client {
    let env = cluster.env_for(&format!("member-{seed}"), seed);
    Client::builder(cluster.bootstrap()).env(env).connect().await.unwrap()
}

/// A member of `g` that reads `t` from its beginning.
pub(crate) fn member(client: &Client, kind: Kind) -> ConsumerBuilder {
    let builder = client.consumer().group("g").subscribe(["t"]);
    let builder = builder.offset_reset(OffsetReset::Earliest);
    match kind {
        Kind::Eager => builder.assignors([Assignor::Range]),
        Kind::Cooperative => builder.assignors([Assignor::CooperativeSticky]),
        Kind::Coordinator => builder.group_protocol(GroupProtocol::Consumer),
    }
}

/// The next batch.
pub(crate) async fn next(consumer: &mut Consumer) -> FetchedBatch {
    timeout(120 * S, consumer.next()).await.unwrap().unwrap().unwrap()
}

/// (partition, number) of the records of a batch.
pub(crate) fn numbers(batch: &FetchedBatch) -> Vec<(i32, i64)> {
    let number = |value: &[u8]| std::str::from_utf8(value).unwrap().parse().unwrap();
    let read = |record: Result<kurier_protocol::record::RecordRef<'_>, Error>| {
        (batch.partition(), number(record.unwrap().value.unwrap()))
    };
    batch.records().map(read).collect()
}

/// Numbers that look random, the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}
