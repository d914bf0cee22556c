//! Nothing is allocated for a record: neither on its way out nor on its way in.
//!
//! This is a file of its own because it counts what the whole process allocates; it has one test
//! so that no other runs beside it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;

use kurier_client::{Client, Compression, Record, Start, Stop};
use kurier_testkit::TestCluster;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn counted(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.allocations + change.reallocations
}

/// Fills less than a batch with records, so that nothing but `enqueue` runs.
async fn enqueue(client: &Client, compression: Compression) {
    let producer = client.producer().compression(compression).build().await.unwrap();
    let (key, value) = ([7; 16], [b'v'; 100]);
    let record = || Record::to("t").key(&key).value(&value);
    for _ in 0..3 {
        for _ in 0..1000 {
            drop(producer.enqueue(record()).await.unwrap());
        }
        producer.flush().await.unwrap();
    }
    let region = Region::new(ALLOCATOR);
    for _ in 0..1000 {
        drop(producer.enqueue(record()).await.unwrap());
    }
    let allocations = counted(&region);
    assert!(allocations <= 8, "{allocations} for 1000 records of one batch");
    producer.close().await.unwrap();
}

/// Sends records of few batches; what it waits for costs an allocation or two a batch.
async fn send_all(client: &Client) {
    let producer = client.producer().build().await.unwrap();
    let (key, value) = ([7; 16], [b'v'; 100]);
    let records = |count| (0..count).map(|_| Record::to("u").key(&key).value(&value));
    for _ in 0..3 {
        producer.send_all(records(4000)).await.unwrap();
    }
    let region = Region::new(ALLOCATOR);
    producer.send_all(records(4000)).await.unwrap();
    // Those of the broker in memory count, too.
    let allocations = counted(&region);
    assert!(allocations < 800, "{allocations} for 4000 records in two batches");
    producer.close().await.unwrap();
}

async fn consume(client: &Client) {
    let builder = client.consumer().topics(["t"], Start::Earliest).stop(Stop::End);
    let mut consumer = builder.start().unwrap();
    let (mut records, mut allocations) = (0, 0);
    while let Some(batch) = consumer.next().await.transpose().unwrap() {
        let region = Region::new(ALLOCATOR);
        for record in batch.records() {
            let record = record.unwrap();
            assert_eq!((record.key.unwrap().len(), record.value.unwrap().len()), (16, 100));
            // Owning a record counts a reference.
            let owned = batch.to_owned(&record);
            assert_eq!(owned.offset, record.offset);
            records += 1;
        }
        allocations += counted(&region);
    }
    assert_eq!((records, allocations), (8000, 0));
}

/// USE-09: at most 0.02 allocations a record, with those of asking for batches.
async fn ask_for_batches(client: &Client) {
    let producer = client.producer().build().await.unwrap();
    let value = [b'v'; 100];
    let count = 100_000;
    producer.send_all((0..count).map(|_| Record::to("v").value(&value))).await.unwrap();
    let builder = client.consumer().topics(["v"], Start::Earliest).stop(Stop::End);
    let mut consumer = builder.start().unwrap();
    let mut records = consumer.next().await.unwrap().unwrap().records().count();
    let first = records;
    let region = Region::new(ALLOCATOR);
    while let Some(batch) = consumer.next().await {
        records += batch.unwrap().records().filter(|record| record.is_ok()).count();
    }
    // Those of the consumer's task and of the broker in memory count, too.
    let allocations = counted(&region);
    assert_eq!(records, count);
    let bound = (count - first) / 50;
    assert!(allocations <= bound, "{allocations} for {} records", count - first);
}

/// Whoever asks for a batch that has come allocates nothing, however small batches are.
async fn ask_for_small_batches(client: &Client) {
    let producer = client.producer().build().await.unwrap();
    let count = 1000;
    for _ in 0..count {
        producer.send(Record::to("w").value(&[b'v'; 100])).await.unwrap();
    }
    let builder = client.consumer().topics(["w"], Start::Earliest).stop(Stop::End);
    let mut consumer = builder.start().unwrap();
    let mut batches = consumer.next().await.into_iter().count();
    let region = Region::new(ALLOCATOR);
    while let Some(batch) = consumer.next().await {
        batches += usize::from(batch.is_ok());
    }
    assert_eq!((batches, counted(&region)), (count, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_allocated_for_a_record() {
    let topics = ["t", "u", "v", "w"];
    let cluster =
        topics.iter().fold(TestCluster::builder(), |of, topic| of.topic(*topic, 1)).build();
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await.unwrap();
    enqueue(&client, Compression::None).await;
    enqueue(&client, Compression::Lz4).await;
    consume(&client).await;
    ask_for_batches(&client).await;
    ask_for_small_batches(&client).await;
    send_all(&client).await;
}
