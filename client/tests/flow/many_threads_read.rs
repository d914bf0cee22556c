//! On several threads, in real time and over TCP: a consumer with little room misses no wake-up.

use std::time::Duration;

use kurier_client::Client;
use kurier_client::consumer::{ConsumerConfig, Start, Stop};
use kurier_client::producer::{ProducerConfig, Record};
use kurier_testkit::TestCluster;

use crate::world::read_all;

const READERS: usize = 8;
const RECORDS: u32 = 5_000;
const ROUNDS: usize = 4;

/// One broker, so that nothing else is in flight when the buffer is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_buffer_is_never_the_end() {
    let cluster = TestCluster::builder().brokers(1).topic("t", 2).build();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let client = Client::builder(tcp.bootstrap()).connect().await.unwrap();
    let config = ProducerConfig { batch_bytes_max: 700, ..ProducerConfig::default() };
    let producer = client.producer().config(config).build().await.unwrap();
    for n in 0..RECORDS {
        let value = n.to_string();
        drop(producer.enqueue(Record::to("t").key(&value).value(&value)).await.unwrap());
    }
    producer.close().await.unwrap();

    let config = ConsumerConfig {
        fetch_bytes_max: 1500,
        partition_bytes_max: 800,
        buffer_bytes_max: 1600,
        stop: Stop::End,
        ..ConsumerConfig::default()
    };
    for round in 0..ROUNDS {
        let readers: Vec<_> = (0..READERS)
            .map(|_| client.consumer().config(config.clone()).topics(["t"], Start::Earliest))
            .map(|builder| {
                tokio::spawn(async move { read_all(&mut builder.start().unwrap()).await })
            })
            .collect();
        for reader in readers {
            let read = tokio::time::timeout(Duration::from_secs(60), reader).await;
            let read = read.unwrap_or_else(|_| panic!("round {round}: a reader hangs"));
            assert_eq!(read.unwrap().unwrap().len(), RECORDS as usize);
        }
    }
    tcp.shutdown().await;
}
