//! The buffer is bounded; callers wait for room in turn, and none waits for a linger.

use std::time::Duration;

use kurier_client::Error;
use kurier_client::producer::{ProducerConfig, Record, TryEnqueueError};
use kurier_testkit::TestCluster;

use crate::world::World;

fn small() -> ProducerConfig {
    ProducerConfig {
        buffer_bytes_max: 64 << 10,
        batch_bytes_max: 16 << 10,
        ..ProducerConfig::default()
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_fits_goes_through() {
    let world = World::new(6).await;
    let producer = world.client.producer().config(small()).build().await.unwrap();
    let callers = (0..10).map(|caller| {
        let producer = producer.clone();
        async move {
            for n in 0..100 {
                let value = format!("{:0>2000}", caller * 100 + n);
                drop(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
            }
        }
    });
    futures_util::future::join_all(callers).await;
    producer.close().await.unwrap();
    let mut all: Vec<_> = (0..6).flat_map(|partition| world.log(partition)).collect();
    all.sort_unstable();
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_does_not_wait_for_the_linger() {
    let world = World::new(6).await;
    let config = ProducerConfig {
        linger: Duration::from_secs(100),
        delivery_timeout: Duration::from_secs(1000),
        ..small()
    };
    let producer = world.client.producer().config(config).build().await.unwrap();
    let start = tokio::time::Instant::now();
    for n in 0..60 {
        let record = Record::to("t").partition(n % 6).value("1");
        drop(producer.enqueue(record).await.unwrap());
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_is_appended_by_one_that_waited_does_not_linger_while_others_wait() {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 12)).await;
    let config = ProducerConfig {
        linger: Duration::from_secs(600),
        delivery_timeout: Duration::from_secs(1000),
        ..small()
    };
    let producer = world.client.producer().config(config).build().await.unwrap();
    // Four batches fit: eight callers wait, four of them for the batches of others that waited.
    let callers = (0..12).map(|partition| {
        let record = Record::to("t").partition(partition).value("1");
        async { producer.enqueue(record).await.map(drop) }
    });
    let start = tokio::time::Instant::now();
    futures_util::future::try_join_all(callers).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_no_longer_than_told_and_may_refuse_to_wait() {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
    let config = ProducerConfig { block_max: Duration::from_secs(3), ..small() };
    let producer = world.client.producer().config(config).build().await.unwrap();
    let value = vec![b'v'; 1000];
    let record = || Record::to("t").value(&value);
    assert!(matches!(producer.try_enqueue(record()), Err(TryEnqueueError::NewTopic(_))));
    producer.send(record()).await.unwrap();
    world.cluster.kill_broker(1);
    let refused = loop {
        match producer.try_enqueue(record()) {
            Ok(delivery) => drop(delivery),
            Err(refused) => break refused,
        }
    };
    let TryEnqueueError::Full(record) = refused else { panic!("{refused:?}") };
    let start = tokio::time::Instant::now();
    let error = producer.enqueue(record).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }) && !error.maybe_written(), "{error}");
    let text = error.to_string();
    let begin = "no room in the producer's buffer (the last try: ";
    assert!(text.starts_with(begin) && text.contains("broker-1:"), "{text}");
    let advice = "send more slowly, or raise buffer_bytes_max (buffer.memory) or block_max \
                  (max.block.ms)";
    assert!(text.ends_with(advice), "{text}");
    assert_eq!(start.elapsed().as_secs(), 3);
}
