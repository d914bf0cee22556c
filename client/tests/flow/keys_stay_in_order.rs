//! Records with a key lie where Java's producer puts them, in the order in which they were sent.

use std::collections::BTreeMap;

use kurier_client::producer::{Partitioner, Record, Sticky};

use crate::world::{World, number, read_all};

/// key (hex), murmur2, toPositive(murmur2), as Kafka's own class computes them.
const GOLDEN: &str = include_str!("../data/murmur2.tsv");

#[tokio::test(start_paused = true)]
async fn keys_land_where_java_puts_them() {
    let world = World::new(6).await;
    let producer = world.producer().await;
    for row in GOLDEN.lines() {
        let cells: Vec<_> = row.split('\t').collect();
        let byte = |at| u8::from_str_radix(&cells[0][at..at + 2], 16).unwrap();
        let key: Vec<u8> = (0..cells[0].len()).step_by(2).map(byte).collect();
        let positive: i32 = cells[2].parse().unwrap();
        let delivery = producer.enqueue(Record::to("t").key(&key).value("1")).await.unwrap();
        assert_eq!(delivery.partition(), positive % 6, "{row}");
    }
    producer.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn records_of_a_key_stay_in_order_through_six_partitions() {
    let world = World::new(6).await;
    let producer = world.producer().await;
    for n in 0..20_000 {
        let (key, value) = ((n % 100).to_string(), n.to_string());
        drop(producer.enqueue(Record::to("t").key(&key).value(&value)).await.unwrap());
    }
    producer.close().await.unwrap();
    let all = read_all(&mut world.reader()).await.unwrap();
    assert_eq!(all.len(), 20_000);
    let mut last: BTreeMap<u32, (i32, u32)> = BTreeMap::new();
    for (partition, _, value) in all {
        let n = number(&value);
        if let Some((before, smaller)) = last.insert(n % 100, (partition, n)) {
            assert_eq!(before, partition, "a key has one partition");
            assert_eq!(smaller + 100, n, "a key's records are in order");
        }
    }
    let used: std::collections::BTreeSet<_> = last.values().map(|(p, _)| *p).collect();
    assert_eq!(used.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn records_without_a_key_fill_batches_and_reach_every_partition() {
    let world = World::new(6).await;
    let producer = world.client.producer().batch_bytes_max(8 << 10).build().await.unwrap();
    for n in 0..20_000 {
        let value = n.to_string();
        drop(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
    }
    producer.close().await.unwrap();
    for partition in 0..6 {
        let batches = world.cluster.batches("t", partition);
        assert!(!batches.is_empty(), "partition {partition} was never chosen");
        let full = batches.iter().filter(|b| b.bytes().len() > 4 << 10).count();
        assert!(full * 10 >= batches.len() * 8, "{full} of {} are full", batches.len());
    }
}

#[tokio::test(start_paused = true)]
async fn keys_can_be_ignored() {
    let world = World::new(6).await;
    let builder = world.client.producer().partitioner(Partitioner::Sticky(Sticky::default()));
    let producer = builder.build().await.unwrap();
    let mut partitions = std::collections::BTreeSet::new();
    for n in 0..50 {
        let key = n.to_string();
        partitions.insert(producer.send(Record::to("t").key(&key)).await.unwrap().partition);
    }
    assert_eq!(partitions.len(), 1);
}
