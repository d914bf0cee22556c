//! A cluster, and records that are written into transactions by hand.

use std::time::Duration;

use bytes::BytesMut;
use kurier_client::transactions::{
    BegunTransaction, PartitionOutcome, ProducerIdAndEpoch, TransactionVersion, Transactions,
};
use kurier_client::{Client, Error, Target};
use kurier_protocol::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_protocol::{ErrorCode, Records};
use kurier_testkit::{Builder, Isolation, TestCluster};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A release of each kind of transaction.
pub(crate) const RELEASES: [(&str, TransactionVersion); 4] = [
    ("0.11.0", TransactionVersion::V1),
    ("2.8", TransactionVersion::V1),
    ("3.9", TransactionVersion::V1),
    ("4.4", TransactionVersion::V2),
];

pub(crate) struct World {
    pub(crate) cluster: TestCluster,
    pub(crate) client: Client,
    pub(crate) steps: Transactions,
}

impl World {
    pub(crate) async fn new(release: &str) -> Self {
        Self::of(TestCluster::builder().release(release)).await
    }

    /// Brokers of today in a cluster whose features were never raised.
    pub(crate) async fn upgraded() -> Self {
        let world = Self::new("3.9").await;
        (1..=3).for_each(|broker| world.cluster.set_broker_release(broker, "4.4"));
        world
    }

    pub(crate) async fn of(builder: Builder) -> Self {
        let cluster = builder.brokers(3).topic("t", 2).build();
        let connect = Client::builder(cluster.bootstrap()).env(cluster.env(7)).connect();
        let client = connect.await.unwrap();
        let steps = client.transactions();
        Self { cluster, client, steps }
    }

    /// Takes an id over.
    pub(crate) async fn init(&self, id: &str, version: TransactionVersion) -> BegunTransaction {
        let producer = self.steps.init_producer_id(id, MINUTE, None).await.unwrap();
        BegunTransaction { transactional_id: id.into(), producer, version }
    }

    /// Writes a record to a partition in a transaction, as its first one there.
    pub(crate) async fn write(&self, to: &BegunTransaction, partition: i32, value: &str) {
        if to.version == TransactionVersion::V1 {
            all(self.steps.add_partitions(to, [("t", partition)]).await).unwrap();
        }
        let code = self.produce(to, partition, value).await;
        assert_eq!(code, ErrorCode::NONE);
    }

    pub(crate) async fn produce(
        &self,
        to: &BegunTransaction,
        partition: i32,
        value: &str,
    ) -> ErrorCode {
        let records = Some(Records(batch(to.producer, value)));
        let request = ProduceRequest {
            transactional_id: Some(to.transactional_id.as_str().into()),
            acks: -1,
            timeout_ms: 1000,
            topic_data: vec![TopicProduceData {
                name: "t".into(),
                topic_id: self.cluster.topic_id("t").unwrap(),
                partition_data: vec![PartitionProduceData { index: partition, records }],
            }],
        };
        let target = Target::Leader { topic: "t".into(), partition };
        let answer = self.client.request(target, request).await.unwrap();
        answer.responses[0].partition_responses[0].error_code
    }

    /// What a reader of committed records gets.
    pub(crate) fn committed(&self, partition: i32) -> Vec<String> {
        let records = self.cluster.read("t", partition, Isolation::Committed);
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        records.iter().filter_map(|record| record.value().map(text)).collect()
    }
}

fn batch(producer: ProducerIdAndEpoch, value: &str) -> bytes::Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    writer.append(&RecordParts { value: Some(value.as_bytes()), ..Default::default() }).unwrap();
    let seal = Seal {
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        base_sequence: 0,
        is_transactional: true,
        ..Seal::default()
    };
    writer.seal(&seal).unwrap()
}

/// The first error, if any partition failed.
pub(crate) fn all(outcomes: Vec<PartitionOutcome>) -> Result<(), Error> {
    outcomes.into_iter().try_for_each(|partition| partition.outcome)
}
