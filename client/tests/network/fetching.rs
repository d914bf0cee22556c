//! How fast records come and how often: nobody waits for others, and nothing is fetched twice.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kurier_client::Client;
use kurier_client::config::ClientConfig;
use kurier_client::consumer::{Consumer, ConsumerConfig, Start};
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Builder, Fault, Requests, TestCluster};
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
fn cluster(builder: Builder, partitions: i32) -> TestCluster {
    let count = partitions.unsigned_abs();
    let cluster = builder.brokers(count).topic("t", partitions).build();
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
        let cluster = cluster(TestCluster::builder(), 5);
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
    let cluster = cluster(TestCluster::builder(), 4);
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
        let cluster = cluster(TestCluster::builder(), 1);
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
        let cluster = cluster(TestCluster::builder(), 5);
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

fn fetches(cluster: &TestCluster) -> usize {
    cluster.requests().iter().filter(|request| request.api == ApiKey::FETCH).count()
}

/// How long the first record takes that the new leader has, where it is written so long after the
/// move; the longest of some moves.
async fn time_of_moves(release: &str, partitions: &[i32], later: Duration) -> Duration {
    let cluster = cluster(TestCluster::builder().release(release), 3);
    let client = client(&cluster).await;
    let read = partitions.iter().map(|partition| ("t", *partition, Start::Earliest));
    let mut consumer = client.consumer().assign(read).start().unwrap();
    let mut longest = Duration::ZERO;
    for next in [2, 3, 1, 3] {
        fill(&cluster, 0, 1, 10);
        consumer.next().await.unwrap().unwrap();
        // Into the middle of a long poll.
        sleep(137 * MS).await;
        cluster.move_leader("t", 0, next);
        sleep(later).await;
        let start = Instant::now();
        fill(&cluster, 0, 1, 10);
        let batch = consumer.next().await.unwrap().unwrap();
        assert_eq!(batch.partition(), 0);
        longest = longest.max(start.elapsed());
        // The fetch beside the usual one ends with it: each broker is asked twice a second again.
        sleep(S).await;
        let before = fetches(&cluster);
        sleep(5 * S).await;
        let asked = fetches(&cluster) - before;
        assert!(asked <= 33, "{asked} fetches in five seconds");
    }
    longest
}

#[tokio::test(start_paused = true)]
async fn the_first_record_after_a_leader_moved_comes_within_a_round_trip_and_the_back_off() {
    let round_trip = 20 * MS;
    let bound = round_trip + ClientConfig::default().retry_backoff;
    // A leader that names its successor, and one that does not: metadata is asked for then. That
    // release is asked twice too what it speaks, where a connection is new.
    for (release, more) in [("4.4", Duration::ZERO), ("3.6", 2 * round_trip)] {
        // The new leader has nothing else that is read, or waits for records of that.
        for partitions in [&[0][..], &[0, 1, 2]] {
            for later in [0, 10, 20, 60, 150, 400] {
                let took = time_of_moves(release, partitions, later * MS).await;
                let case = format!("{release}, {partitions:?}, {later} ms later");
                assert!(took <= bound + more, "{took:?} in {case}");
            }
        }
    }
}

/// A partition moves to a broker that waits for records of others, and every further connection to
/// that broker is of no use.
#[tokio::test(start_paused = true)]
async fn a_partition_that_cannot_be_read_beside_others_is_read_with_them() {
    let request_timeout = ConsumerConfig::default().request_timeout;
    let connects = || Fault::on_connect().broker(2).always();
    for (what, fault) in [
        ("a fetch hangs", Fault::on(ApiKey::FETCH).broker(2).partition(0).execute_then_hang()),
        ("connections hang", connects().hang()),
        ("connections are refused", connects().refuse()),
        ("connections end", connects().close()),
    ] {
        let cluster = cluster(TestCluster::builder(), 2);
        let client = client(&cluster).await;
        let read = [("t", 0, Start::Earliest), ("t", 1, Start::Earliest)];
        let mut consumer = client.consumer().assign(read).start().unwrap();
        for partition in [0, 1] {
            fill(&cluster, partition, 1, 10);
            consumer.next().await.unwrap().unwrap();
        }
        sleep(137 * MS).await;
        let planted = cluster.fault(fault);
        cluster.move_leader("t", 0, 2);
        fill(&cluster, 0, 1, 10);
        let (start, mut took) = (Instant::now(), None);
        // As long as the broker waits for records of the other one.
        assert!(timeout(200 * MS, consumer.next()).await.is_err(), "{what}");
        while took.is_none() && start.elapsed() < 4 * request_timeout {
            fill(&cluster, 1, 1, 10);
            let asked = Instant::now();
            while consumer.next().await.unwrap().unwrap().partition() == 0 {
                took = Some(start.elapsed());
            }
            assert!(asked.elapsed() < 1_200 * MS, "{what}: others wait {:?}", asked.elapsed());
            sleep(10 * MS).await;
        }
        let took = took.unwrap_or_else(|| panic!("{what}: it is never read"));
        assert!(took < request_timeout + 2 * S, "{what}: {took:?}");
        assert!(planted.hits() > 0, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_a_session_never_names_is_told_and_comes_back() {
    let outage_max = ConsumerConfig::default().outage_max;
    let cluster = cluster(TestCluster::builder(), 1);
    fill(&cluster, 0, 1, 10);
    let client = client(&cluster).await;
    let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
    consumer.next().await.unwrap().unwrap();
    sleep(S).await;
    // From the middle of a session on, whose answers name only what has news.
    cluster.fault(Fault::on(ApiKey::FETCH).always().hide());
    sleep(S).await;
    fill(&cluster, 0, 1, 10);
    let told = timeout(outage_max * 3 / 2 + 5 * S, consumer.next()).await.expect("silence");
    let error = told.unwrap().unwrap_err();
    assert!(error.to_string().contains("leave the partition out"), "{error}");
    cluster.clear_faults();
    timeout(5 * S, consumer.next()).await.expect("a record").unwrap().unwrap();
}

/// The fault that only those meet who have read something.
const QUESTION: &str = "nobody says what a leader has";

/// Faults that keep a reader of a partition from its records for good.
fn for_ever() -> Vec<(&'static str, Vec<Fault>)> {
    let on = |api| Fault::on(api).always();
    let fetch = || on(ApiKey::FETCH);
    vec![
        ("fetches hang", vec![fetch().execute_then_hang()]),
        ("connections end", vec![fetch().close()]),
        ("nobody listens", vec![Fault::on_connect().always().refuse(), fetch().close()]),
        ("connections hang", vec![Fault::on_connect().always().hang(), fetch().close()]),
        ("answers are cut", vec![fetch().cut(20)]),
        ("another leader", vec![fetch().answer(ErrorCode::NOT_LEADER_OR_FOLLOWER)]),
        ("a fenced epoch", vec![fetch().answer(ErrorCode::FENCED_LEADER_EPOCH)]),
        ("an unknown epoch", vec![fetch().answer(ErrorCode::UNKNOWN_LEADER_EPOCH)]),
        ("no storage", vec![fetch().answer(ErrorCode::KAFKA_STORAGE_ERROR)]),
        ("no session", vec![fetch().answer_at_top(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)]),
        ("an unknown id", vec![fetch().answer(ErrorCode::UNKNOWN_TOPIC_ID)]),
        ("nothing is told of it", vec![fetch().hide()]),
        ("garbage", vec![fetch().execute_then_garble([0; 9])]),
        ("no offsets", vec![fetch().answer(ErrorCode::OFFSET_OUT_OF_RANGE)]),
        ("an unheard-of code", vec![fetch().answer(ErrorCode(9999))]),
        (
            "no metadata either",
            vec![
                on(ApiKey::METADATA).execute_then_hang(),
                fetch().answer(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            ],
        ),
        (
            QUESTION,
            vec![
                on(ApiKey::OFFSET_FOR_LEADER_EPOCH).execute_then_hang(),
                Fault::on(ApiKey::FETCH).answer(ErrorCode::NOT_LEADER_OR_FOLLOWER),
            ],
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn no_partition_stands_still_in_silence_for_longer_than_the_outage_that_is_allowed() {
    let outage_max = ConsumerConfig::default().outage_max;
    // One more request may be on its way by then.
    let silence_max = outage_max + ConsumerConfig::default().request_timeout + 5 * S;
    for (what, faults) in for_ever() {
        for begins_well in [true, false] {
            let cluster = cluster(TestCluster::builder(), 2);
            let client = client(&cluster).await;
            let read = [("t", 0, Start::Earliest), ("t", 1, Start::Earliest)];
            let mut consumer = client.consumer().assign(read).start().unwrap();
            if begins_well {
                fill(&cluster, 0, 1, 10);
                consumer.next().await.unwrap().unwrap();
            }
            faults.iter().for_each(|fault| drop(cluster.fault(fault.clone())));
            cluster.drop_connections(1);
            cluster.move_leader("t", 0, 2);
            fill(&cluster, 0, 1, 10);
            // Each silence ends with a word of it, and not only the first.
            for _ in 0..3 {
                let next = timeout(silence_max, consumer.next()).await;
                let next = next.unwrap_or_else(|_| panic!("silence: {what}, {begins_well}"));
                let error = match next {
                    Some(Err(error)) => error,
                    // Who begins then has nothing to ask about.
                    Some(Ok(_)) if what == QUESTION && !begins_well => break,
                    next => panic!("{what}: {next:?}"),
                };
                if !error.is_retriable() {
                    break;
                }
            }
            cluster.assert_at_most(40, &Requests::any(), S);
            cluster.clear_faults();
            let _ = consumer.seek("t", 0, Start::Earliest);
            let got = async { while !matches!(consumer.next().await, Some(Ok(_))) {} };
            let late = |_| panic!("no record after {what}, {begins_well}");
            timeout(silence_max, got).await.unwrap_or_else(late);
        }
    }
}
