//! Closing or dropping while something is under way, whatever it is: all that waits is told in
//! time, and no task is left.

use std::sync::Arc;
use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::consumer::Start;
use kurier_client::offsets::Position;
use kurier_client::producer::{Producer, ProducerConfig, Record};
use kurier_client::{Client, Target};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::net::Connects;
use kurier_testkit::{Fault, TestCluster};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// What is under way when the end comes.
#[derive(Clone, Copy, Debug)]
enum UnderWay {
    Connecting,
    ShakingHands,
    Producing,
    WaitingToResend,
    LongPolling,
    Refreshing,
    Throttled,
}

const ALL: [UnderWay; 7] = [
    UnderWay::Connecting,
    UnderWay::ShakingHands,
    UnderWay::Producing,
    UnderWay::WaitingToResend,
    UnderWay::LongPolling,
    UnderWay::Refreshing,
    UnderWay::Throttled,
];

/// How it ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    CloseWithin,
    Drop,
}

fn bring_about(cluster: &TestCluster, what: UnderWay) {
    let on = |api| Fault::on(api).always();
    let lose_connections = || (1..=2).for_each(|broker| cluster.drop_connections(broker));
    match what {
        UnderWay::Connecting => {
            cluster.network().connects(Connects::Ignored);
            lose_connections();
        }
        UnderWay::ShakingHands => {
            cluster.fault(on(ApiKey::API_VERSIONS).delay_answer(300 * SECOND));
            lose_connections();
        }
        UnderWay::Producing => {
            cluster.fault(on(ApiKey::PRODUCE).delay_answer(300 * SECOND));
        }
        UnderWay::WaitingToResend => {
            cluster.fault(on(ApiKey::PRODUCE).answer(ErrorCode::NOT_ENOUGH_REPLICAS));
        }
        UnderWay::LongPolling => {}
        UnderWay::Refreshing => {
            cluster.fault(on(ApiKey::METADATA).delay_answer(300 * SECOND));
        }
        UnderWay::Throttled => {
            for api in [ApiKey::PRODUCE, ApiKey::FETCH, ApiKey::METADATA] {
                cluster.fault(on(api).throttle(60 * SECOND));
            }
        }
    }
}

async fn world() -> (TestCluster, Client, Arc<Producer>) {
    let cluster = TestCluster::builder().brokers(2).topic("t", 2).build();
    let config = ClientConfig { request_timeout: REQUEST_TIMEOUT, ..ClientConfig::default() };
    let builder = Client::builder(cluster.bootstrap()).config(config).env(cluster.env(7));
    let client = builder.connect().await.unwrap();
    let config = ProducerConfig {
        request_timeout: REQUEST_TIMEOUT,
        delivery_timeout: DELIVERY_TIMEOUT,
        block_max: DELIVERY_TIMEOUT,
        ..ProducerConfig::default()
    };
    let producer = client.producer().config(config).build().await.unwrap();
    (cluster, client, Arc::new(producer))
}

async fn send(producer: Arc<Producer>, topic: &'static str, partition: i32) {
    drop(producer.send(Record::to(topic).partition(partition).value("v")).await);
}

/// Everything that waits, each in a task of its own; none of it waits for ever.
fn begin(client: &Client, producer: &Arc<Producer>) -> JoinSet<()> {
    let mut waiting = JoinSet::new();
    for partition in 0..2 {
        waiting.spawn(send(Arc::clone(producer), "t", partition));
    }
    // Its metadata is asked for.
    waiting.spawn(send(Arc::clone(producer), "new", 0));
    let flushing = Arc::clone(producer);
    waiting.spawn(async move { drop(flushing.flush().await) });
    let asking = client.clone();
    waiting.spawn(async move {
        drop(asking.request(Target::Broker(1), MetadataRequest::default()).await);
    });
    let looking = client.offsets();
    waiting.spawn(async move { drop(looking.at(Position::Latest, [("t", 0), ("t", 1)]).await) });
    let describing = client.admin();
    waiting.spawn(async move { drop(describing.describe_topics(["t"]).await) });
    waiting
}

async fn check(what: UnderWay, end: End) {
    let (cluster, client, producer) = world().await;
    for partition in 0..2 {
        let record = Record::to("t").partition(partition).value("first");
        producer.send(record).await.unwrap();
    }
    let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
    for _ in 0..2 {
        consumer.next().await.unwrap().unwrap();
    }
    bring_about(&cluster, what);
    let mut waiting = begin(&client, &producer);
    drop(timeout(2 * SECOND, consumer.next()).await);

    let start = Instant::now();
    let limit = match end {
        End::Close => {
            drop(timeout(2 * DELIVERY_TIMEOUT, producer.close()).await.expect("it ends"));
            DELIVERY_TIMEOUT
        }
        End::CloseWithin => {
            drop(producer.close_within(3 * SECOND).await);
            3 * SECOND
        }
        End::Drop => Duration::ZERO,
    };
    assert!(start.elapsed() <= limit + SECOND, "{what:?} {end:?}: {:?}", start.elapsed());
    let start = Instant::now();
    drop((producer, consumer, client));
    assert!(start.elapsed().is_zero(), "{what:?} {end:?}");
    // What is left waits for its own timeout, which began before.
    let all = async { while waiting.join_next().await.transpose().unwrap().is_some() {} };
    let longest = DELIVERY_TIMEOUT + REQUEST_TIMEOUT;
    timeout(longest, all).await.unwrap_or_else(|_| panic!("{what:?} {end:?}: something hangs"));
    sleep(DELIVERY_TIMEOUT + REQUEST_TIMEOUT).await;
    cluster.network().calm();
    cluster.clear_faults();
    cluster.network().reset();
    sleep(300 * SECOND).await;
    let left = Handle::current().metrics().num_alive_tasks();
    assert_eq!(left, 0, "{what:?} {end:?}: tasks are left");
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_records_as_long_as_they_may_take() {
    for what in ALL {
        check(what, End::Close).await;
    }
}

#[tokio::test(start_paused = true)]
async fn closing_within_a_time_takes_no_longer() {
    for what in ALL {
        check(what, End::CloseWithin).await;
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_takes_no_time() {
    for what in ALL {
        check(what, End::Drop).await;
    }
}
