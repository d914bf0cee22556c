//! Dropping a future of the producer or consumer loses no record and repeats none.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::StreamExt;
use kurier_client::Compression;
use kurier_client::consumer::{FetchedBatch, Start};
use kurier_client::producer::{ProducerConfig, Record};

use crate::seeds::seeds;
use crate::world::{World, number};

const S: Duration = Duration::from_secs(1);

/// Polls a future once more than so many times, each time that it is woken, and drops it if it is
/// not done then, or in twenty milliseconds.
async fn cut<T>(future: impl Future<Output = T>, again: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = again;
    let polled = poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    });
    tokio::time::timeout(Duration::from_millis(20), polled).await.ok().flatten()
}

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

/// What readers have got so far: the next offset of each partition.
type Next = BTreeMap<i32, i64>;

fn take(next: &mut Next, batch: &FetchedBatch) {
    batch.records().for_each(|record| follow(next, batch.partition(), record.unwrap().offset));
}

/// Records of a partition come in order, and none is left out.
fn follow(next: &mut Next, partition: i32, offset: i64) {
    let wanted = next.entry(partition).or_insert(0);
    assert_eq!(offset, *wanted, "partition {partition}");
    *wanted += 1;
}

/// PURE-14: calls of all kinds in turn, each dropped wherever it waits.
async fn read_by_chance(world: &World, count: i64, seed: u64) {
    let mut chance = seed;
    let mut roll = move |sides: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
        usize::try_from((chance >> 33) % sides).unwrap()
    };
    let builder = world.client.consumer().topics(["t"], Start::Earliest);
    let mut consumer = builder.fetch_bytes_max(2_000).start().unwrap();
    let mut next = Next::new();
    let is_short = |next: &Next, part: i64| next.values().sum::<i64>() < count / part;
    while is_short(&next, 2) {
        match roll(3) {
            0 => {
                let given = cut(consumer.next(), roll(4)).await;
                given.into_iter().for_each(|batch| take(&mut next, &batch.unwrap().unwrap()));
            }
            1 => {
                let call = consumer.poll_records(1 + roll(200), S);
                let records = cut(call, roll(4)).await;
                for one in records.into_iter().flat_map(Result::unwrap) {
                    follow(&mut next, one.partition, one.record.offset);
                }
            }
            _ => {
                let mut stream = pin!(consumer.stream());
                let given = cut(stream.next(), roll(4)).await;
                given.into_iter().for_each(|batch| take(&mut next, &batch.unwrap().unwrap()));
            }
        }
        let moment = u64::try_from(roll(3)).unwrap();
        tokio::time::sleep(Duration::from_millis(moment)).await;
    }
    let mut split = consumer.split();
    let mut readers = Vec::new();
    while is_short(&next, 1) {
        if let Some(reader) = cut(split.next(), roll(3)).await {
            readers.push(reader.unwrap().unwrap());
        }
        let Some(last) = readers.len().checked_sub(1) else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let reader = readers.get_mut(roll(1 + last as u64)).unwrap();
        match cut(reader.next(), roll(4)).await {
            Some(batch) => take(&mut next, &batch.unwrap().unwrap()),
            None => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_every_call_that_reads_for_every_seed() {
    let codecs = [Compression::None, Compression::Gzip, Compression::Lz4, Compression::Zstd];
    let seeds = seeds(20);
    for compression in codecs {
        let world = World::new(3).await;
        let builder = world.client.producer().compression(compression);
        let producer = builder.batch_bytes_max(2 << 10).build().await.unwrap();
        // In each partition there is a batch that is unpacked elsewhere: it is large, and packed.
        let mut chance = 1_u32;
        let mut letter = |_| {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'0' + (chance.to_be_bytes()[0] >> 2))
        };
        let large: String = (0..500_000).map(&mut letter).collect();
        for n in 0..900 {
            let value = n.to_string();
            let value = if (300..303).contains(&n) { &large } else { &value };
            drop(producer.enqueue(Record::to("t").partition(n % 3).value(value)).await.unwrap());
        }
        producer.close().await.unwrap();
        world.cluster.network().latency(Duration::ZERO..=Duration::from_millis(3));
        for seed in seeds.clone() {
            println!("{compression}, seed {seed}");
            tokio::time::timeout(600 * S, read_by_chance(&world, 900, seed)).await.unwrap();
        }
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
