//! Each record has one outcome, whatever is cancelled beside it; and what is told is true.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kurier_client::producer::{Producer, ProducerConfig, Record};
use kurier_client::{Compression, Error};
use kurier_env::Purpose;
use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, TestCluster};
use tokio::time::Instant;

use crate::world::World;

const MS: Duration = Duration::from_millis(1);

fn small() -> ProducerConfig {
    ProducerConfig {
        buffer_bytes_max: 64 << 10,
        batch_bytes_max: 16 << 10,
        ..ProducerConfig::default()
    }
}

/// Many callers at the limit of the buffer, with records of any size; some give up in the midst.
async fn crowd(seed: u64) {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 2)).await;
    let producer = world.client.producer().config(small()).build().await.unwrap();
    producer.send(Record::to("t").partition(0).value("0")).await.unwrap();
    let env = world.cluster.env(seed);
    let callers: Vec<_> = (0..12)
        .map(|caller| {
            let (producer, env) = (producer.clone(), env.clone());
            tokio::spawn(async move {
                let mut outcomes = 0;
                for _ in 0..8 {
                    let chance = env.chance(Purpose::Fault);
                    let bytes = usize::try_from(chance % 30_000).unwrap();
                    let value = vec![b'1'; bytes + 1];
                    let record = Record::to("t").partition(caller % 2).value(&value);
                    let patience = Duration::from_micros((chance >> 32) % 3000);
                    let sent = tokio::time::timeout(patience, producer.send(record)).await;
                    outcomes += u32::from(sent.is_ok_and(|sent| sent.is_ok()));
                }
                outcomes
            })
        })
        .collect();
    let mut outcomes = 0;
    for caller in callers {
        outcomes += caller.await.unwrap();
    }
    producer.flush().await.unwrap();
    let snapshot = world.client.metrics().snapshot();
    let of = |name| snapshot.get("producer-metrics", name, &[]).unwrap().number();
    assert!(
        (of("buffer-available-bytes") - of("buffer-total-bytes")).abs() < 0.5,
        "seed {seed}: {} of {} are free",
        of("buffer-available-bytes"),
        of("buffer-total-bytes")
    );
    producer.close().await.unwrap();
    let stored: usize = (0..2).map(|p| world.cluster.stored_records("t", p).len()).sum();
    assert!(stored > outcomes as usize, "seed {seed}: {stored} stored, {outcomes} told");
}

#[tokio::test(start_paused = true)]
async fn no_mix_of_full_buffer_cancellation_and_close_hangs_or_keeps_space() {
    for seed in 0..300 {
        let crowd = tokio::time::timeout(Duration::from_secs(600), crowd(seed));
        crowd.await.unwrap_or_else(|_| panic!("seed {seed} hangs"));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_loses_interest_in_a_record_changes_no_other() {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
    let producer = world.producer().await;
    let send = async |n: u32| {
        let value = n.to_string();
        producer.enqueue(Record::to("t").value(&value)).await
    };
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).always().delay_answer(100 * MS));
    let [first, buffered, second] = [send(0).await, send(1).await, send(2).await];
    drop(buffered.unwrap());
    tokio::time::sleep(20 * MS).await;
    let third = send(3).await.unwrap();
    // It is in flight.
    drop(first.unwrap());
    assert_eq!(second.unwrap().await.unwrap().offset, 2);
    let answered = send(4).await.unwrap();
    assert_eq!(third.await.unwrap().offset, 3);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(answered.is_complete());
    drop(answered);
    assert_eq!(send(5).await.unwrap().await.unwrap().offset, 5);
    assert_eq!(world.log(0), [0, 1, 2, 3, 4, 5]);
}

/// Sends a record whose acknowledgement comes so late, with a delivery timeout of 35 s.
async fn race(late: Duration) -> Result<i64, Error> {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
    let config = ProducerConfig {
        linger: Duration::ZERO,
        request_timeout: Duration::from_secs(35),
        delivery_timeout: Duration::from_secs(35),
        ..ProducerConfig::default()
    };
    let producer = world.client.producer().config(config).build().await.unwrap();
    producer.send(Record::to("t").value("0")).await.unwrap();
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).delay_answer(late));
    let told = producer.send(Record::to("t").value("1")).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let stored = world.log(0);
    assert!(told.is_ok() || stored.len() == 1 || told.as_ref().unwrap_err().maybe_written());
    told.map(|metadata| metadata.offset)
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_races_the_delivery_timeout_is_never_told_as_not_written() {
    let limit = Duration::from_secs(35);
    let (mut in_time, mut late) = (0, 0);
    for micros in (0..80).map(|n| n * 100) {
        match race(limit - 4 * MS + Duration::from_micros(micros)).await {
            Ok(offset) => {
                assert_eq!(offset, 1);
                in_time += 1;
            }
            Err(error) => {
                assert!(error.maybe_written(), "{error}");
                late += 1;
            }
        }
    }
    assert!(in_time > 10 && late > 10, "{in_time} in time, {late} late");
}

fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Fills the buffer of a producer whose broker answers after 100 ms.
async fn filled() -> (World, Producer) {
    let world = World::of(TestCluster::builder().brokers(1).topic("t", 1)).await;
    let producer = world.client.producer().config(small()).build().await.unwrap();
    producer.send(Record::to("t").value("0")).await.unwrap();
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).always().delay_answer(100 * MS));
    while producer.try_enqueue(Record::to("t").value(&[b'1'; 3000])).is_ok() {}
    (world, producer)
}

#[tokio::test(start_paused = true)]
async fn a_flush_ends_although_a_caller_gives_up_that_waits_for_room() {
    let (world, producer) = filled().await;
    {
        let waiting = producer.enqueue(Record::to("t").value(&[b'1'; 3000]));
        assert!(poll_once(waiting).is_pending());
    }
    producer.flush().await.unwrap();
    let snapshot = world.client.metrics().snapshot();
    let free = snapshot.get("producer-metrics", "buffer-available-bytes", &[]).unwrap().number();
    assert!((free - f64::from(64 << 10)).abs() < 0.5, "{free}");
}

#[tokio::test(start_paused = true)]
async fn whoever_hears_of_a_record_may_send_the_next_one_at_once() {
    let (_world, producer) = filled().await;
    let chains: Vec<_> = (0..20)
        .map(|_| {
            let producer = producer.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    let record = Record::to("t").value(&[b'1'; 3000]);
                    producer.enqueue(record).await.unwrap().await.unwrap();
                }
            })
        })
        .collect();
    for chain in chains {
        chain.await.unwrap();
    }
    producer.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn others_run_on_while_a_caller_waits_for_room() {
    let (world, producer) = filled().await;
    world.cluster.kill_broker(1);
    let waiting = tokio::spawn(async move {
        producer.enqueue(Record::to("t").value(&[b'1'; 3000])).await.map(drop)
    });
    // A single thread runs both.
    let start = Instant::now();
    for _ in 0..1000 {
        tokio::time::sleep(MS).await;
    }
    assert!(start.elapsed() < 1500 * MS && !waiting.is_finished());
    let error = waiting.await.unwrap().unwrap_err();
    assert!(error.to_string().starts_with("no room in the producer's buffer"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_wants_much_room_is_not_passed_by_those_that_want_little() {
    let (_world, producer) = filled().await;
    let large = producer.clone();
    let large = tokio::spawn(async move {
        let start = Instant::now();
        drop(large.enqueue(Record::to("t").value(&[b'1'; 50_000])).await.unwrap());
        start.elapsed()
    });
    let crowd: Vec<_> = (0..50)
        .map(|_| {
            let producer = producer.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                    let record = Record::to("t").value(&[b'1'; 3000]);
                    drop(producer.enqueue(record).await.unwrap());
                }
            })
        })
        .collect();
    // The buffer's contents leave in four answers of 100 ms; that is when its turn has come.
    let waited = large.await.unwrap();
    assert!(waited < 1000 * MS, "{waited:?}");
    for caller in crowd {
        caller.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_compresses_well_may_be_larger_than_the_broker_takes() {
    let builder = TestCluster::builder().brokers(1).topic("t", 1);
    let world = World::of(builder.topic_config("t", "max.message.bytes", "100000")).await;
    let config = ProducerConfig {
        compression: Compression::Lz4,
        request_bytes_max: 8 << 20,
        ..ProducerConfig::default()
    };
    let producer = world.client.producer().config(config).build().await.unwrap();
    let large = vec![b'1'; 6 << 20];
    assert_eq!(producer.send(Record::to("t").value(&large)).await.unwrap().offset, 0);
    let stored = world.cluster.batches("t", 0);
    assert!(stored[0].bytes().len() < 100_000, "{}", stored[0].bytes().len());
    let values = world.cluster.stored_records("t", 0);
    assert_eq!(values[0].value().map(<[u8]>::len), Some(6 << 20));
}
