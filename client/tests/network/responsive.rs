//! No call holds the thread: whatever else runs on it goes on.

use std::pin::pin;
use std::time::Duration;

use kurier_client::admin::NewTopic;
use kurier_client::consumer::Start;
use kurier_client::offsets::Position;
use kurier_client::producer::Record;
use kurier_client::{Client, Target};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::TestCluster;
use tokio::time::sleep;

/// Tries of a call: this machine may do something else meanwhile, though not in all of them.
const TRIES: u32 = 20;
/// How long a thread may be held. Without optimisation everything takes several times as long.
const HELD_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 6 } else { 1 });

#[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// How long this thread has been ready to run while others had the CPUs: not the call's doing.
/// Nothing where the kernel does not count it.
fn waited_for_a_cpu() -> Duration {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let waited = counts.split(' ').nth(1).and_then(|nanoseconds| nanoseconds.parse().ok());
    Duration::from_nanos(waited.unwrap_or(0))
}

/// Runs a call beside a heartbeat on the same thread, which beats each millisecond of virtual time,
/// and gives the longest time that the thread ran or slept in truth between two beats.
async fn held<T>(call: impl Future<Output = T>) -> Duration {
    let mut call = pin!(call);
    let (mut last, mut waited, mut worst) = (now(), waited_for_a_cpu(), Duration::ZERO);
    loop {
        let is_done = tokio::select! {
            biased;
            () = sleep(Duration::from_millis(1)) => false,
            _ = &mut call => true,
        };
        let elapsed = last.elapsed();
        let others = waited_for_a_cpu().saturating_sub(waited);
        worst = worst.max(elapsed.saturating_sub(others));
        (last, waited) = (now(), waited_for_a_cpu());
        if is_done {
            return worst;
        }
    }
}

async fn check<T>(name: &str, call: impl AsyncFn(u32) -> T) {
    let mut best = Duration::MAX;
    for n in 0..TRIES {
        best = best.min(held(call(n)).await);
        if best < HELD_MAX {
            return;
        }
    }
    panic!("{name} holds the thread for {best:?}");
}

#[tokio::test(start_paused = true)]
async fn no_call_holds_the_thread_for_more_than_a_moment() {
    let cluster = TestCluster::builder().brokers(3).topic("t", 3).build();
    let builder = || Client::builder(cluster.bootstrap()).env(cluster.env(7));
    check("connect", async |_| builder().connect().await.unwrap()).await;
    let client = builder().connect().await.unwrap();
    let (admin, offsets) = (client.admin(), client.offsets());
    check("topic", async |_| client.topic("t").await.unwrap()).await;
    check("a topic that is not there", async |_| client.topic("none").await.unwrap_err()).await;
    let ask = || client.request(Target::Any, MetadataRequest::default());
    check("request", async |_| ask().await.unwrap()).await;
    check("list_topics", async |_| admin.list_topics().await.unwrap()).await;
    check("describe_topics", async |_| admin.describe_topics(["t"]).await.unwrap()).await;
    check("create_topics", async |n| {
        let outcomes = admin.create_topics([NewTopic::new(format!("new-{n}"))]).await.unwrap();
        assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()));
    })
    .await;
    check("delete_topics", async |n| admin.delete_topics([format!("new-{n}")]).await.unwrap())
        .await;
    check("offsets", async |_| offsets.at(Position::Latest, [("t", 0)]).await.unwrap()).await;
    check("build", async |_| client.producer().build().await.unwrap()).await;
    let producer = client.producer().build().await.unwrap();
    let record = || Record::to("t").key("k").value("v");
    check("send", async |_| producer.send(record()).await.unwrap()).await;
    check("enqueue", async |_| producer.enqueue(record()).await.unwrap()).await;
    check("flush", async |_| producer.flush().await.unwrap()).await;
    check("close", async |_| {
        let producer = client.producer().build().await.unwrap();
        producer.send(record()).await.unwrap();
        producer.close().await.unwrap();
    })
    .await;
    check("next", async |_| {
        let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
        consumer.next().await.unwrap().unwrap()
    })
    .await;
}
