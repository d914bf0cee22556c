//! How fast records come and how often: nobody waits for others, and nothing is fetched twice.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kurier_client::Client;
use kurier_client::consumer::{Consumer, ConsumerConfig, Start};
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_testkit::TestCluster;
use tokio::time::{Instant, sleep, timeout};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

async fn client(cluster: &TestCluster) -> Client {
    Client::builder(cluster.bootstrap()).env(cluster.env(7)).connect().await.unwrap()
}

/// A batch of one record of so many bytes.
fn batch(bytes: usize) -> Bytes {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    let value = vec![b'v'; bytes];
    writer.append(&RecordParts { value: Some(&value), ..RecordParts::default() }).unwrap();
    writer.seal(&Seal::default()).unwrap()
}

fn fill(cluster: &TestCluster, partition: i32, batches: usize, bytes: usize) {
    let batch = batch(bytes);
    for _ in 0..batches {
        cluster.append("t", partition, batch.clone());
    }
}

/// Topic `t`, whose partitions are led by one broker each, ten milliseconds away.
fn cluster(partitions: i32) -> TestCluster {
    let count = partitions.unsigned_abs();
    let cluster = TestCluster::builder().brokers(count).topic("t", partitions).build();
    for partition in 0..partitions {
        cluster.move_leader("t", partition, partition + 1);
    }
    cluster.network().latency(10 * MS);
    cluster
}

/// How long it takes until so many batches are read, the first of which opens connections.
async fn time_of(consumer: &mut Consumer, batches: usize) -> Duration {
    consumer.next().await.unwrap().unwrap();
    let start = Instant::now();
    for _ in 1..batches {
        consumer.next().await.unwrap().unwrap();
    }
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_quiet_broker_changes_the_time_of_a_busy_one_by_a_hundredth_at_most() {
    let mut times = Vec::new();
    for quiet in [0, 1, 4] {
        let cluster = cluster(5);
        fill(&cluster, 0, 2000, 10_000);
        let read = (0..=quiet).map(|partition| ("t", partition, Start::Earliest));
        let config = ConsumerConfig { fetch_bytes_max: 100_000, ..ConsumerConfig::default() };
        let consumer = client(&cluster).await.consumer().config(config).assign(read);
        times.push(time_of(&mut consumer.start().unwrap(), 2000).await);
    }
    // Twenty milliseconds for about 100 KB, 20 MB in all.
    let alone = times.first().copied().unwrap();
    assert!(alone >= 3 * S, "{times:?}");
    for with_quiet in &times {
        assert!(with_quiet.abs_diff(alone) <= alone / 100, "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_others_makes_nothing_be_fetched_again() {
    let cluster = cluster(4);
    let (batches, bytes) = (300, 10_000);
    (0..2).for_each(|partition| fill(&cluster, partition, batches, bytes));
    let kept = (0..2).map(|partition| ("t", partition, Start::Earliest));
    let config = ConsumerConfig {
        // Whole batches: what is cut off of one would be fetched once more.
        fetch_bytes_max: 10 * batch(bytes).len(),
        buffer_bytes_max: 1_000_000,
        fetch_wait_max: 50 * MS,
        ..ConsumerConfig::default()
    };
    let client = client(&cluster).await;
    let mut consumer = client.consumer().config(config).assign(kept).start().unwrap();
    let before = cluster.counters().answer_bytes;
    for nth in 0..2 * batches {
        consumer.next().await.unwrap().unwrap();
        // Partitions 2 and 3 are empty: whatever is fetched is of 0 and 1.
        match nth % 10 {
            0 => consumer.assign([("t", 2, Start::Latest), ("t", 3, Start::Earliest)]).unwrap(),
            2 => consumer.pause("t", 2).unwrap(),
            4 => consumer.seek("t", 3, Start::Offset(0)).unwrap(),
            6 => consumer.resume("t", 2).unwrap(),
            8 => consumer.unassign([("t", 2), ("t", 3)]).unwrap(),
            // A partition that is fetched may be paused and go on.
            9 => {
                consumer.pause("t", 0).unwrap();
                sleep(MS).await;
                consumer.resume("t", 0).unwrap();
            }
            _ => {}
        }
    }
    let came = cluster.counters().answer_bytes - before;
    let stored = u64::try_from(2 * batches * (bytes + 100)).unwrap();
    assert!(came <= stored + stored / 50, "{came} bytes came of {stored}");
}

/// PURE-18: what comes next is under way while a batch is worked on.
#[tokio::test(start_paused = true)]
async fn work_and_fetching_overlap() {
    let (batches, bytes) = (100, 10_000);
    let config = ConsumerConfig {
        // A batch an answer: each costs a round trip of twenty milliseconds.
        fetch_bytes_max: batch(bytes).len(),
        ..ConsumerConfig::default()
    };
    let mut times = Vec::new();
    for work in [0, 5, 20, 40] {
        let cluster = cluster(1);
        fill(&cluster, 0, batches, bytes);
        let read = client(&cluster).await.consumer().config(config.clone());
        let mut consumer = read.assign([("t", 0, Start::Earliest)]).start().unwrap();
        consumer.next().await.unwrap().unwrap();
        let start = Instant::now();
        for _ in 1..batches {
            sleep(work * MS).await;
            consumer.next().await.unwrap().unwrap();
        }
        times.push(start.elapsed());
    }
    // The larger of the two sums, and little more: one after the other they take both.
    let sums = [20, 20, 20, 40].map(|each| 99 * each * MS);
    for (time, sum) in times.iter().zip(sums) {
        assert!(*time <= sum + sum / 20, "{times:?}, against {sums:?}");
    }
}

/// PURE-17: a record of a busy partition comes as soon as it can, whatever another broker has not.
#[tokio::test(start_paused = true)]
async fn a_quiet_broker_delays_no_record_of_a_busy_one() {
    for quiet in [0, 1, 4] {
        let cluster = cluster(5);
        cluster.network().latency(MS);
        let read = (0..=quiet).map(|partition| ("t", partition, Start::Latest));
        let mut consumer = client(&cluster).await.consumer().assign(read).start().unwrap();
        // Where all begin has been looked up, and all brokers wait for records.
        assert!(timeout(S, consumer.next()).await.is_err());
        for nth in 0..300 {
            // At any moment of the waits, which are half a second long, and in bursts.
            sleep(nth * 7 % 40 * MS).await;
            fill(&cluster, 0, 1, 100);
            let start = Instant::now();
            consumer.next().await.unwrap().unwrap();
            assert!(start.elapsed() < 5 * MS, "{quiet} quiet: {:?} of {nth}", start.elapsed());
        }
    }
}
