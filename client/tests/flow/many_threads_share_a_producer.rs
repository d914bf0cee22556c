//! On several threads, in real time and over TCP: no wake-up is lost, and each caller's records
//! stay in order.

use std::sync::Arc;
use std::time::Duration;

use kurier_client::Client;
use kurier_client::consumer::{Start, Stop};
use kurier_client::producer::{Delivery, ProducerConfig, Record};
use kurier_env::RealWall;
use kurier_testkit::TestCluster;

use crate::world::{number, read_all};

const CALLERS: u32 = 8;
const RECORDS: u32 = 5_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_record_of_every_thread_arrives() {
    let builder = TestCluster::builder().brokers(3).topic("t", 6).wall(Arc::new(RealWall));
    let cluster = builder.build();
    let tcp = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let client = Client::builder(tcp.bootstrap()).connect().await.unwrap();
    let config = ProducerConfig {
        batch_bytes_max: 2 << 10,
        buffer_bytes_max: 256 << 10,
        linger: Duration::from_millis(1),
        ..ProducerConfig::default()
    };
    let producer = client.producer().config(config).build().await.unwrap();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let producer = producer.clone();
            tokio::spawn(async move {
                let key = caller.to_string();
                let mut unflushed: Vec<Delivery> = Vec::new();
                for n in 0..RECORDS {
                    let value = (caller * RECORDS + n).to_string();
                    let record = Record::to("t").key(&key).value(&value);
                    let delivery = producer.enqueue(record).await.unwrap();
                    // One in a hundred is waited for, the others are flushed.
                    if n % 100 == 0 {
                        delivery.await.unwrap();
                        continue;
                    }
                    unflushed.push(delivery);
                    if n % 50 == 49 || n % 100 == 3 {
                        producer.flush().await.unwrap();
                        let left = unflushed.drain(..).filter(|d| !d.is_complete()).count();
                        assert_eq!(left, 0, "caller {caller}: flushed, and not delivered");
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    producer.close().await.unwrap();

    let builder = client.consumer().topics(["t"], Start::Earliest).stop(Stop::End);
    let read = read_all(&mut builder.start().unwrap()).await.unwrap();
    for caller in 0..CALLERS {
        let mine: Vec<_> = read
            .iter()
            .map(|(.., value)| number(value))
            .filter(|n| n / RECORDS == caller)
            .collect();
        let wanted: Vec<_> = (caller * RECORDS..(caller + 1) * RECORDS).collect();
        assert!(mine == wanted, "caller {caller}: {} records", mine.len());
    }
    tcp.shutdown().await;
}
