//! Fetch sessions (KIP-227): a broker is told what has changed, and whatever becomes of a session,
//! no record is lost with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kurier_client::Client;
use kurier_client::consumer::{Consumer, Start};
use kurier_client::producer::{Producer, Record};
use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Builder, Fault, Requests, TestCluster};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

async fn client(cluster: &TestCluster) -> Client {
    Client::builder(cluster.bootstrap()).env(cluster.env(7)).connect().await.unwrap()
}

async fn producer(client: &Client) -> Producer {
    client.producer().linger(Duration::ZERO).build().await.unwrap()
}

/// The fetches so far, oldest first.
fn fetches(cluster: &TestCluster) -> Vec<FetchRequest> {
    let found = cluster.requests_of(&Requests::of(ApiKey::FETCH));
    found.iter().map(|request| request.decode::<FetchRequest>()).collect()
}

fn named(request: &FetchRequest) -> usize {
    request.topics.iter().map(|topic| topic.partitions.len()).sum()
}

fn forgotten(request: &FetchRequest) -> usize {
    request.forgotten_topics_data.iter().map(|topic| topic.partitions.len()).sum()
}

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_partitions_a_fetch_names_those_that_have_changed() {
    let cluster = TestCluster::builder().topic("t", 10_000).build();
    let client = client(&cluster).await;
    let producer = producer(&client).await;
    let mut consumer = client.consumer().topics(["t"], Start::Latest).start().unwrap();
    assert!(timeout(3 * SECOND, consumer.next()).await.is_err());
    let first = fetches(&cluster);
    assert_eq!(first.iter().map(named).collect::<Vec<_>>()[..3], [10_000, 0, 0]);
    for partition in [7, 4_000, 9_999] {
        producer.send(Record::to("t").partition(partition).value("v")).await.unwrap();
        let batch = consumer.next().await.unwrap().unwrap();
        assert_eq!((batch.partition(), batch.next_offset()), (partition, 1));
        assert!(timeout(3 * SECOND, consumer.next()).await.is_err());
    }
    consumer.pause("t", 5).unwrap();
    consumer.seek("t", 6, Start::Offset(0)).unwrap();
    assert!(timeout(3 * SECOND, consumer.next()).await.is_err());
    let later = fetches(&cluster).split_off(first.len());
    let changes: Vec<_> = later.iter().map(|f| (named(f), forgotten(f))).collect();
    let (named, forgotten) = changes.iter().fold((0, 0), |sum, f| (sum.0 + f.0, sum.1 + f.1));
    // Where the consumer goes on after each record; that the seek leads to where it was, a broker
    // need not know.
    assert_eq!((named, forgotten), (3, 1), "{changes:?}");
    assert!(changes.iter().all(|change| change.0 <= 1), "{changes:?}");
}

/// Writes some numbers to each partition of `t`, and reads them at the same time; gives how many
/// fetches there were. They come in order, each once.
async fn check(builder: Builder, prepare: impl FnOnce(&TestCluster)) -> usize {
    let cluster = builder.topic("t", 6).build();
    let client = client(&cluster).await;
    let producer = producer(&client).await;
    let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
    prepare(&cluster);
    let write = async {
        for n in 0..40 {
            for partition in 0..6 {
                let value = n.to_string();
                let record = Record::to("t").partition(partition).value(&value);
                producer.send(record).await.unwrap();
            }
            sleep(SECOND / 10).await;
        }
    };
    let read = read(&mut consumer, 240);
    let (seen, ()) = tokio::join!(read, write);
    for partition in 0..6 {
        let all = (0..40).collect::<Vec<u32>>();
        assert_eq!(seen.get(&partition), Some(&all), "partition {partition}");
    }
    // At rest it goes on slowly.
    let (before, start) = (fetches(&cluster).len(), Instant::now());
    assert!(timeout(10 * SECOND, consumer.next()).await.is_err());
    let at_rest = fetches(&cluster).len() - before;
    assert!(at_rest <= 150, "{at_rest} fetches within {:?}", start.elapsed());
    before
}

async fn read(consumer: &mut Consumer, count: usize) -> BTreeMap<i32, Vec<u32>> {
    let mut seen: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
    while seen.values().map(Vec::len).sum::<usize>() < count {
        let batch = timeout(60 * SECOND, consumer.next()).await.unwrap().unwrap().unwrap();
        for record in &batch {
            let value = record.unwrap().value.unwrap().to_vec();
            let number = String::from_utf8(value).unwrap().parse().unwrap();
            seen.entry(batch.partition()).or_default().push(number);
        }
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_refused_begins_anew_and_nothing_is_lost() {
    let codes = [
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        ErrorCode::INVALID_FETCH_SESSION_EPOCH,
        ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
    ];
    for release in ["2.0", "3.0", "4.1"] {
        for code in codes {
            let builder = TestCluster::builder().brokers(2).release(release);
            check(builder, |cluster| {
                for skip in [3, 6, 9, 40, 41] {
                    cluster.fault(Fault::on(ApiKey::FETCH).skip(skip).answer_at_top(code));
                }
            })
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_never_has_room_for_a_session_is_read_all_the_same() {
    let slots = "max.incremental.fetch.session.cache.slots";
    let none = TestCluster::builder().brokers(2).config(slots, "0");
    check(none, |_| {}).await;
    let before_sessions = TestCluster::builder().brokers(2).release("1.0");
    check(before_sessions, |_| {}).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_refused_for_ever_is_begun_anew_without_a_spin() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let client = client(&cluster).await;
    let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
    let code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
    cluster.fault(Fault::on(ApiKey::FETCH).always().answer_at_top(code));
    assert!(timeout(30 * SECOND, consumer.next()).await.is_err());
    cluster.assert_at_most(20, &Requests::of(ApiKey::FETCH), SECOND);
    cluster.clear_faults();
    producer(&client).await.send(Record::to("t").value("v")).await.unwrap();
    assert!(timeout(5 * SECOND, consumer.next()).await.unwrap().unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_lost_and_brokers_that_start_anew_cost_a_full_fetch() {
    let builder = TestCluster::builder().brokers(2);
    let prepare = |cluster: &TestCluster| {
        for skip in [5, 20, 33] {
            cluster.fault(Fault::on(ApiKey::FETCH).skip(skip).execute_then_close());
        }
    };
    check(builder, prepare).await;
}

/// The brokers whose sessions were ended, by their last requests.
fn closed(cluster: &TestCluster) -> BTreeSet<i32> {
    let fetches = cluster.requests_of(&Requests::of(ApiKey::FETCH));
    let last = fetches.iter().filter(|request| {
        let fetch = request.decode::<FetchRequest>();
        fetch.session_epoch == -1 && fetch.session_id != 0
    });
    last.map(|request| request.broker).collect()
}

#[tokio::test(start_paused = true)]
async fn sessions_end_with_the_consumer_and_where_nothing_is_read_any_more() {
    let cluster = TestCluster::builder().brokers(3).topic("t", 3).build();
    for partition in 0..3 {
        cluster.move_leader("t", partition, partition + 1);
    }
    let client = client(&cluster).await;
    let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
    assert!(timeout(3 * SECOND, consumer.next()).await.is_err());
    assert_eq!(closed(&cluster), BTreeSet::new());
    cluster.move_leader("t", 2, 1);
    assert!(timeout(3 * SECOND, consumer.next()).await.is_err());
    assert_eq!(closed(&cluster), [3].into());
    drop(consumer);
    sleep(3 * SECOND).await;
    assert_eq!(closed(&cluster), [1, 2, 3].into());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_hear_of_the_end_keeps_nobody_waiting() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let client = client(&cluster).await;
    let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
    assert!(timeout(3 * SECOND, consumer.next()).await.is_err());
    cluster.pause_broker(1);
    let start = Instant::now();
    drop(consumer);
    assert_eq!(start.elapsed(), Duration::ZERO);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    sleep(40 * SECOND).await;
    assert!(tasks() < before, "its task and connection are gone");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_closed_waits_for_the_brokers_no_longer_than_it_may() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let client = client(&cluster).await;
    for is_silent in [false, true] {
        let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
        assert!(timeout(3 * SECOND, consumer.next()).await.is_err());
        if is_silent {
            cluster.pause_broker(1);
        }
        let start = Instant::now();
        consumer.close(2 * SECOND).await;
        let took = start.elapsed();
        assert_eq!(took >= SECOND, is_silent, "{took:?}");
        assert!(took <= 2 * SECOND, "{took:?}");
    }
    assert_eq!(closed(&cluster), [1].into());
}
