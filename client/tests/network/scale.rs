//! What a client costs: connections follow use, tasks follow connections, and rest is rest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kurier_client::consumer::Start;
use kurier_client::producer::Record;
use kurier_client::{Client, Target};
use kurier_protocol::ApiKey;
use kurier_protocol::api::describe_groups::DescribeGroupsRequest;
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::TestCluster;
use kurier_testkit::net::What;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// 300 brokers, of which those that lead the two partitions of `t` are in use.
fn three_hundred() -> (TestCluster, BTreeSet<i32>) {
    let cluster = TestCluster::builder().brokers(300).topic("t", 2).build();
    cluster.network().record();
    let leaders = [0, 1].map(|partition| cluster.leader("t", partition).unwrap()).into();
    (cluster, leaders)
}

async fn client(cluster: &TestCluster) -> Client {
    let servers = cluster.bootstrap().into_iter().take(3);
    Client::builder(servers).env(cluster.env(7)).connect().await.unwrap()
}

/// How many connections are open, by broker.
fn open(cluster: &TestCluster) -> BTreeMap<i32, usize> {
    let mut connections = BTreeMap::new();
    for event in cluster.network().events() {
        match event.what {
            What::Connected => drop(connections.insert(event.connection, event.broker)),
            What::Ended { .. } | What::Reset => drop(connections.remove(&event.connection)),
            _ => {}
        }
    }
    connections.into_values().fold(BTreeMap::new(), |mut count, broker| {
        *count.entry(broker).or_default() += 1;
        count
    })
}

#[tokio::test(start_paused = true)]
async fn of_three_hundred_brokers_those_in_use_have_a_connection_for_each_class() {
    let (cluster, leaders) = three_hundred();
    assert_eq!(leaders.len(), 2);
    let client = client(&cluster).await;
    assert_eq!(client.picture().brokers().count(), 300);
    let producer = client.producer().build().await.unwrap();
    let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
    let mut seen = Vec::new();
    for round in 0..8 {
        for partition in 0..2 {
            let record = Record::to("t").partition(partition).value("v");
            producer.send(record).await.unwrap();
            consumer.next().await.unwrap().unwrap();
        }
        let asks = (0..100).map(|_| client.request(Target::Any, MetadataRequest::default()));
        for answer in futures_util::future::join_all(asks).await {
            assert_eq!(answer.unwrap().brokers.len(), 300, "round {round}");
        }
        // Long enough for what is not used any more to be closed.
        assert!(timeout(300 * SECOND, consumer.next()).await.is_err());
        seen.push((open(&cluster), Handle::current().metrics().num_alive_tasks()));
    }
    let (connections, tasks) = seen.last().unwrap();
    assert_eq!(connections.keys().copied().collect::<BTreeSet<_>>(), leaders, "{seen:?}");
    assert!(connections.values().all(|count| (2..=3).contains(count)), "{connections:?}");
    // Of the client one for metadata, one a producer, one a consumer, one a connection; and one of
    // the test kit at the other end of each.
    let count: usize = connections.values().sum();
    assert_eq!(*tasks, 3 + 2 * count, "{seen:?}");
    assert!(seen[3..].iter().all(|later| later == &seen[3]), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_at_rest_wakes_up_less_than_twice_a_minute() {
    // A thousandth of a processor is 60 ms a minute; a wake-up takes some tens of microseconds.
    let (cluster, _) = three_hundred();
    let client = client(&cluster).await;
    let producer = client.producer().build().await.unwrap();
    for partition in 0..2 {
        producer.send(Record::to("t").partition(partition).value("v")).await.unwrap();
    }
    // Until what is not used any more is closed.
    sleep(1200 * SECOND).await;
    let parked = || Handle::current().metrics().worker_park_count(0);
    let (before, asked) = (parked(), cluster.requests().len());
    let minutes = 60_u32;
    sleep(60 * minutes * SECOND).await;
    let woken = parked() - before;
    assert!(
        woken < 2 * u64::from(minutes),
        "{woken} times in {minutes} minutes, the cluster included"
    );
    let asked = cluster.requests().len() - asked;
    assert!(asked <= 14, "{asked} requests: metadata each five minutes");
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_delays_nothing_else_of_the_same_client() {
    let cluster = TestCluster::builder().topic("t", 1).topic("quiet", 1).build();
    let client = client(&cluster).await;
    let producer = client.producer().build().await.unwrap();
    let mut consumer = client.consumer().topics(["quiet"], Start::Latest).start().unwrap();
    producer.send(Record::to("t").value("first")).await.unwrap();
    cluster.network().latency(2 * SECOND / 1000);
    let work = async {
        for _ in 0..20 {
            // Anywhere in a poll of half a second.
            sleep(Duration::from_millis(137)).await;
            let start = Instant::now();
            producer.send(Record::to("t").value("v")).await.unwrap();
            assert!(start.elapsed() < Duration::from_millis(20), "{:?}", start.elapsed());
            let start = Instant::now();
            client.request(Target::Broker(1), MetadataRequest::default()).await.unwrap();
            assert!(start.elapsed() < Duration::from_millis(20), "{:?}", start.elapsed());
        }
    };
    tokio::select! {
        biased;
        _ = consumer.next() => panic!("nothing was written"),
        () = work => {}
    }
    let polls = cluster.requests().iter().filter(|r| r.api == ApiKey::FETCH).count();
    assert!((5..10).contains(&polls), "{polls} long polls went on");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_waits_for_others_delays_nothing_else_of_the_same_client() {
    let cluster = TestCluster::builder().group_initial_rebalance_delay(3 * SECOND).build();
    let client = client(&cluster).await;
    let join = |member_id: &str| {
        let protocol = JoinGroupRequestProtocol { name: "range".into(), ..Default::default() };
        let request = JoinGroupRequest {
            group_id: "g".into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 10_000,
            member_id: member_id.into(),
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            ..Default::default()
        };
        client.request(Target::Group("g".to_owned()), request)
    };
    // The first answer only gives a member its id.
    let member = join("").await.unwrap().member_id;
    let start = Instant::now();
    let asking = async {
        sleep(SECOND / 2).await;
        let request = DescribeGroupsRequest { groups: vec!["g".into()], ..Default::default() };
        client.request(Target::Group("g".to_owned()), request).await.unwrap();
        start.elapsed()
    };
    let (joined, asked) = tokio::join!(join(&member), asking);
    assert_eq!(joined.unwrap().generation_id, 1);
    assert!(asked < SECOND && start.elapsed() >= 3 * SECOND, "{asked:?}");
}
