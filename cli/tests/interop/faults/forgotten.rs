//! A leader forgets a producer with its last record.

use kurier_client::Client;
use kurier_client::Target;
use kurier_client::offsets::Isolation;
use kurier_client::producer::{Producer, Record};
use kurier_protocol::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use tokio::runtime;

use super::reading::values;
use super::shared::{config, producer_config};
use crate::real_broker::RealBroker;
use crate::real_brokers::{each_of, say};

// Row 22 of the fault matrix at real brokers: KIP-360, in 2.4, made them remember.
#[test]
fn a_producer_that_its_leader_has_forgotten_begins_anew() {
    let forgets =
        |release: &crate::release::Release| release.at_least("0.11") && !release.at_least("2.4");
    each_of(forgets, "a forgotten producer", |release| {
        let broker = RealBroker::start(release);
        broker.create_topic("t", 1);
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.unwrap().block_on(async {
            let connecting = Client::builder([&*broker.bootstrap]).config(config()).connect();
            let client = connecting.await.unwrap();
            let producer = client.producer().config(producer_config()).build().await.unwrap();
            for round in 0..4 {
                send(&producer, round).await;
                assert_eq!(values(&client, "t", Isolation::ReadUncommitted).await, those(round));
                delete_all(&client).await;
            }
            let metrics = client.metrics().snapshot();
            let retries = metrics.get("producer-metrics", "record-retry-total", &[]);
            let retries = retries.unwrap().number();
            say(&format!("Kafka {release}: forgotten, {retries} records sent again"));
            assert!(retries >= 30.0, "it was forgotten three times");
        });
    });
}

fn those(round: u32) -> Vec<String> {
    (0..10).map(|number| format!("{round}-{number}")).collect()
}

/// Ten records, in several batches at a time.
async fn send(producer: &Producer, round: u32) {
    let mut deliveries = Vec::new();
    for value in those(round) {
        deliveries.push(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
        tokio::task::yield_now().await;
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
}

async fn delete_all(client: &Client) {
    let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: -1 }];
    let topics = vec![DeleteRecordsTopic { name: "t".into(), partitions }];
    let request = DeleteRecordsRequest { topics, timeout_ms: 10_000 };
    let leader = Target::Leader { topic: "t".to_owned(), partition: 0 };
    let answer = client.request(leader, request).await.unwrap();
    assert!(answer.topics[0].partitions[0].error_code.is_ok(), "{answer:?}");
}
