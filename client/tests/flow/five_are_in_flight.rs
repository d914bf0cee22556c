//! Batches of one partition do not wait for each other's answers: five are in flight, in order.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::producer::{Idempotence, ProducerConfig, Record};
use kurier_protocol::ApiKey;
use kurier_testkit::TestCluster;
use tokio::time::Instant;

use crate::world::World;

const MS: Duration = Duration::from_millis(1);
/// A round trip.
const TRIP: Duration = Duration::from_millis(2);
const BATCHES: u32 = 400;
/// In a batch of 16 KiB.
const RECORDS: u32 = 16;

/// How long records take to one partition, and how many requests were in flight at most.
async fn sent(release: &str, config: ProducerConfig) -> (Duration, usize) {
    let builder = TestCluster::builder().brokers(1).release(release).topic("t", 1);
    let world = World::of(builder).await;
    world.cluster.network().latency(TRIP / 2);
    let config = ProducerConfig { batch_bytes_max: 16 << 10, linger: MS, ..config };
    let producer = world.client.producer().config(config).build().await.unwrap();
    producer.send(Record::to("t").value("0")).await.unwrap();
    let before = world.cluster.requests().len();
    let start = Instant::now();
    let mut deliveries = Vec::new();
    for n in 1..=BATCHES * RECORDS {
        let value = format!("{n:0>970}");
        deliveries.push(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    let took = start.elapsed();
    assert!(world.log(0).into_iter().eq(0..=BATCHES * RECORDS), "{release}: out of order");
    let batches = world.cluster.batches("t", 0);
    let largest = batches.iter().map(|batch| batch.bytes().len()).max().unwrap();
    assert!((15 << 10..=17 << 10).contains(&largest), "{largest} bytes");
    // An answer is there a trip after its request left.
    let requests = world.cluster.requests().split_off(before);
    let produced = requests.iter().filter(|request| request.api == ApiKey::PRODUCE);
    let mut times: BTreeMap<Duration, usize> = BTreeMap::new();
    produced.for_each(|request| *times.entry(request.at).or_default() += 1);
    let within = |from: Duration| times.range(from..from + TRIP).map(|(_, count)| count).sum();
    (took, times.keys().map(|from| within(*from)).max().unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn at_five_times_the_rate_of_one() {
    for release in ["1.0", "2.8", "4.4"] {
        let of = |in_flight_max| ProducerConfig {
            in_flight_max,
            idempotence: Idempotence::Required,
            ..ProducerConfig::default()
        };
        let (one, most) = sent(release, of(1)).await;
        assert_eq!(most, 1, "{release}");
        assert!(one >= TRIP * BATCHES, "{release}: {one:?}");
        let (five, most) = sent(release, of(5)).await;
        assert_eq!(most, 5, "{release}");
        assert!(five * 4 <= one, "{release}: {five:?} against {one:?}");
    }
}

/// Brokers that tell no batches apart might write them in another order.
#[tokio::test(start_paused = true)]
async fn but_one_without_numbers() {
    let config = ProducerConfig { idempotence: Idempotence::Off, ..ProducerConfig::default() };
    let (_, most) = sent("4.4", config).await;
    assert_eq!(most, 1);
}
