//! A batch that cannot be read stops its partition, with an error that names its place; or it is
//! passed over, counted and told, and nothing else with it.

use std::time::Duration;

use kurier_client::Error;
use kurier_client::consumer::{Consumer, Corrupt, Start};
use kurier_client::error::ErrorKind;
use kurier_client::producer::Record;
use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, TestCluster};
use tokio::time::timeout;

use crate::world::{World, number};

const S: Duration = Duration::from_secs(1);

/// Ten batches of three numbers each.
async fn world() -> World {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
    let producer = world.client.producer().linger(10 * S / 1000).build().await.unwrap();
    for first in (0..30).step_by(3) {
        let values = [first, first + 1, first + 2].map(|n| n.to_string());
        let records = values.iter().map(|value| Record::to("t").value(value));
        producer.send_all(records).await.unwrap();
    }
    assert_eq!(world.cluster.batches("t", 0).len(), 10);
    world
}

/// The numbers until nothing comes for a while.
async fn read(consumer: &mut Consumer) -> (Vec<u32>, Vec<Error>) {
    let (mut numbers, mut errors) = (Vec::new(), Vec::new());
    while let Ok(Some(next)) = timeout(20 * S, consumer.next()).await {
        match next {
            Ok(batch) => {
                numbers.extend(batch.records().map(|r| number(r.unwrap().value.unwrap())));
            }
            Err(error) => errors.push(error),
        }
    }
    (numbers, errors)
}

fn reader(world: &World, corrupt: Corrupt) -> Consumer {
    world.client.consumer().topics(["t"], Start::Earliest).corrupt(corrupt).start().unwrap()
}

/// Where the nth batch begins in an answer that has them all.
fn at(world: &World, nth: usize) -> usize {
    world.cluster.batches("t", 0).iter().take(nth).map(|batch| batch.bytes().len()).sum()
}

/// Behind the length come leader epoch and magic, which must be whole for a batch to be one.
const CRC_AT: usize = 17;

#[tokio::test(start_paused = true)]
async fn reading_stops_with_its_place() {
    let world = world().await;
    let byte = at(&world, 4) + CRC_AT + 50;
    world.cluster.fault(Fault::on(ApiKey::FETCH).corrupt(byte));
    let mut consumer = reader(&world, Corrupt::Stop);
    let (numbers, errors) = read(&mut consumer).await;
    assert_eq!(numbers, (0..12).collect::<Vec<u32>>());
    let [Error::CorruptBatch { topic, partition, offset, .. }] = &errors[..] else {
        panic!("{errors:?}")
    };
    assert_eq!((&**topic, *partition, *offset), ("t", 0, 12));
    assert_eq!(errors[0].kind(), ErrorKind::Corrupt);
    assert_eq!((consumer.position("t", 0), consumer.skipped()), (Some(12), 0));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_passed_over_takes_nothing_else_with_it() {
    let bytes = {
        let world = world().await;
        world.cluster.batches("t", 0)[0].bytes().len()
    };
    // Every byte of the batch that its checksum covers, that of its last offset among them; the
    // last batch of an answer has none behind it.
    for nth in [0, 4, 9] {
        for byte in CRC_AT..bytes {
            let world = world().await;
            world.cluster.fault(Fault::on(ApiKey::FETCH).corrupt(at(&world, nth) + byte));
            let mut consumer = reader(&world, Corrupt::Skip);
            let (numbers, errors) = read(&mut consumer).await;
            assert!(errors.is_empty(), "{nth}, {byte}: {errors:?}");
            let gone = u32::try_from(nth * 3).unwrap();
            let left = (0..30).filter(|n| !(gone..gone + 3).contains(n));
            let given: Vec<u32> =
                numbers.iter().copied().filter(|n| !(gone..gone + 3).contains(n)).collect();
            assert_eq!(given, left.collect::<Vec<u32>>(), "{nth}, {byte}");
            assert_eq!((consumer.skipped(), consumer.position("t", 0)), (1, Some(30)));
            let snapshot = world.client.metrics().snapshot();
            for tags in [&[][..], &[("topic", "t")]] {
                let told = |name| snapshot.get("kurier-consumer-skip-metrics", name, tags);
                let told = |name| told(name).unwrap().number();
                assert_eq!(told("batches-skipped-total"), 1.0);
                // As many as it says, where that can be; or else up to the next batch.
                assert!((1.0..=3.0).contains(&told("records-skipped-total")), "{nth}, {byte}");
            }
        }
    }
}
