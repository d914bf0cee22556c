//! Dropping a future of the producer or consumer loses no record and repeats none.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kurier_client::Compression;
use kurier_client::producer::{ProducerConfig, Record};

use crate::world::{World, number};

/// Polls a future once and drops it.
fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn of_next() {
    for compression in [Compression::None, Compression::Gzip] {
        let world = World::new(3).await;
        let builder = world.client.producer().compression(compression);
        let producer = builder.batch_bytes_max(2 << 10).build().await.unwrap();
        for n in 0..3000 {
            let value = n.to_string();
            drop(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
        }
        producer.close().await.unwrap();
        let mut consumer = world.reader();
        let mut all = Vec::new();
        let mut dropped = 0;
        loop {
            match poll_once(consumer.next()) {
                Poll::Ready(None) => break,
                Poll::Ready(Some(batch)) => {
                    let batch = batch.unwrap();
                    all.extend(batch.records().map(|r| number(r.unwrap().value.unwrap())));
                }
                Poll::Pending => {
                    dropped += 1;
                    tokio::task::yield_now().await;
                    tokio::time::sleep(Duration::from_micros(100)).await;
                }
            }
        }
        all.sort_unstable();
        assert_eq!(all, (0..3000).collect::<Vec<_>>());
        assert!(dropped > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn of_enqueue_and_send() {
    let world = World::new(1).await;
    let config = ProducerConfig { buffer_bytes_max: 64 << 10, ..ProducerConfig::default() };
    let producer = world.client.producer().config(config).build().await.unwrap();
    producer.send(Record::to("t").value("0")).await.unwrap();
    // A record whose `enqueue` was dropped was not taken: it is sent again here.
    let filler = "0".repeat(5000);
    let (mut n, mut dropped) = (1, 0);
    while n < 200 {
        let value = format!("{filler}{n}");
        match poll_once(producer.enqueue(Record::to("t").value(&value))) {
            Poll::Ready(delivery) => {
                drop(delivery.unwrap());
                n += 1;
            }
            Poll::Pending => {
                dropped += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    assert!(dropped > 0);
    // A record whose `send` was dropped after it was taken is sent.
    assert!(poll_once(producer.send(Record::to("t").value("200"))).is_pending());
    producer.close().await.unwrap();
    assert_eq!(world.log(0), (0..=200).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn of_flush_and_close() {
    let world = World::new(1).await;
    let producer = world.producer().await;
    for n in 0..10 {
        let value = n.to_string();
        drop(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
        assert!(poll_once(producer.flush()).is_pending());
    }
    assert!(poll_once(producer.close()).is_pending());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.log(0), (0..10).collect::<Vec<_>>());
}
