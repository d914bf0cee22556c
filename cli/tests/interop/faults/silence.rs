//! When nothing works, whoever waits is told so in time, and what happened; and when all is well
//! again, the same objects work again.

use std::time::{Duration, Instant};

use kurier_client::consumer::{Consumer, ConsumerConfig, Start};
use kurier_client::producer::{Producer, ProducerConfig, Record};
use kurier_client::{Client, Error};
use tokio::runtime::{self, Runtime};
use tokio::time::timeout;

use super::cluster::{ALL, Cluster, Kept, Way, cluster};
use super::shared::{PROGRESS_MAX, config, producer_config};
use super::trial::fresh_topic;
use crate::proxy::Weather;
use crate::real_brokers::{each_since, say};

/// How long records may take, readers may wait, and the first contact may take.
const LIMIT: Duration = Duration::from_secs(8);
/// What timers, and a call that has just begun when the time is over, take more.
const SLACK: Duration = Duration::from_secs(4);

/// A client whose every call must end.
struct Caller {
    runtime: Runtime,
    client: Client,
    producer: Producer,
    consumer: Consumer,
    servers: Vec<String>,
    topic: String,
}

/// What each call came to.
struct Told {
    sending: String,
    reading: String,
    asking: String,
    connecting: String,
}

impl Caller {
    fn start(servers: Vec<String>, topic: &str) -> Self {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let (client, producer, consumer) = runtime.block_on(async {
            let client = Client::builder(&servers).config(config()).connect().await.unwrap();
            let sends = ProducerConfig { delivery_timeout: LIMIT, ..producer_config() };
            let producer = client.producer().config(sends).build().await.unwrap();
            let reads = ConsumerConfig {
                request_timeout: config().request_timeout,
                outage_max: LIMIT,
                ..ConsumerConfig::default()
            };
            let assigned = client.consumer().config(reads).assign([(topic, 0, Start::Earliest)]);
            (client, producer, assigned.start().unwrap())
        });
        let topic = topic.to_owned();
        let mut caller = Self { runtime, client, producer, consumer, servers, topic };
        caller.works();
        caller
    }

    /// A record goes in and comes out.
    fn works(&mut self) {
        let start = Instant::now();
        let record = || Record::to(&self.topic).partition(0).value("works");
        self.runtime.block_on(async {
            let last = loop {
                match self.producer.send(record()).await {
                    Ok(sent) => break sent.offset,
                    Err(error) => assert!(start.elapsed() < PROGRESS_MAX, "{error}"),
                }
            };
            while self.consumer.position(&self.topic, 0) <= Some(last) {
                let next = timeout(PROGRESS_MAX, self.consumer.next()).await;
                if let Some(Err(error)) = next.expect("the record comes") {
                    assert!(error.is_retriable() && start.elapsed() < PROGRESS_MAX, "{error}");
                }
            }
        });
    }

    /// All calls, while nothing works.
    fn fails(&mut self) -> Told {
        let record = Record::to(&self.topic).partition(0).value("fails");
        let connecting =
            Client::builder(&self.servers).config(config()).bootstrap_timeout(LIMIT).connect();
        let admin = self.client.admin();
        self.runtime.block_on(async {
            let (sending, reading, asking, connecting) = tokio::join!(
                in_time("sending", LIMIT, self.producer.send(record)),
                in_time("reading", LIMIT, async { self.consumer.next().await.unwrap() }),
                in_time("asking", config().request_timeout, admin.list_topics()),
                in_time("connecting", LIMIT, connecting),
            );
            Told { sending, reading, asking, connecting }
        })
    }
}

/// What a call says in its time.
async fn in_time<T>(
    what: &str,
    limit: Duration,
    call: impl Future<Output = Result<T, Error>>,
) -> String {
    match timeout(limit + SLACK, call).await {
        Err(_) => format!("{what} has said nothing in {:?}", limit + SLACK),
        Ok(Ok(_)) => format!("{what} has succeeded"),
        Ok(Err(error)) => error.to_string(),
    }
}

/// Breaks things for a client, looks at what it is told, heals them, and sees it work again. Who
/// breaks things gives the addresses that nobody can reach then.
fn outage(
    what: &str,
    kept: Kept,
    trouble: impl Fn(&mut Cluster, &str) -> Vec<String>,
    look: impl Fn(&Told, &[String]),
) {
    each_since("4.4", what, |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, 1, kept);
        let mut caller = Caller::start(cluster.servers(Way::Proxied), &topic);
        let unreachable = trouble(cluster, &topic);
        let told = caller.fails();
        say(&format!(
            "{what}:\n    sending: {}\n    reading: {}\n    asking: {}\n    connecting: {}",
            told.sending, told.reading, told.asking, told.connecting
        ));
        look(&told, &unreachable);
        cluster.heal();
        caller.works();
    });
}

#[track_caller]
fn assert_says(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} is not said: {text}");
}

#[test]
fn brokers_that_never_answer_are_named_in_time() {
    let trouble = |cluster: &mut Cluster, _: &str| {
        ALL.iter().for_each(|id| cluster.proxy(*id).set(Weather::half_open()));
        cluster.servers(Way::Proxied)
    };
    outage("all wires half open", Kept::WELL, trouble, |told, servers| {
        assert_says(&told.sending, "within");
        assert_says(&told.reading, "within");
        assert_says(&told.asking, "within");
        servers.iter().for_each(|server| assert_says(&told.connecting, server));
    });
}

#[test]
fn brokers_that_are_gone_are_named_in_time() {
    let trouble = |cluster: &mut Cluster, _: &str| {
        for id in ALL {
            cluster.proxy(id).set(Weather::closed());
            cluster.proxy(id).cut();
        }
        cluster.servers(Way::Proxied)
    };
    outage("all brokers gone", Kept::WELL, trouble, |told, servers| {
        for told in [&told.sending, &told.reading, &told.asking, &told.connecting] {
            assert_says(told, "refused");
        }
        servers.iter().for_each(|server| assert_says(&told.connecting, server));
    });
}

#[test]
fn a_leader_that_only_the_client_cannot_reach_is_named_in_time() {
    let trouble = |cluster: &mut Cluster, topic: &str| {
        let leader = cluster.leaders(topic)[0];
        cluster.proxy(leader).set(Weather::closed());
        cluster.proxy(leader).cut();
        vec![cluster.proxy(leader).at().to_string()]
    };
    outage("the leader out of reach", Kept::WELL, trouble, |told, leader| {
        assert_says(&told.sending, &leader[0]);
        assert_says(&told.reading, &leader[0]);
        assert_says(&told.asking, "asking has succeeded");
        assert_says(&told.connecting, "connecting has succeeded");
    });
}

#[test]
fn too_few_replicas_are_told_in_time() {
    let trouble = |cluster: &mut Cluster, topic: &str| {
        let leader = cluster.leaders(topic)[0];
        let other = ALL.into_iter().find(|id| *id != leader).unwrap();
        cluster.halt(&[other]);
        Vec::new()
    };
    let kept = Kept { in_sync_min: 3, ..Kept::WELL };
    outage("fewer replicas than min.insync.replicas", kept, trouble, |told, _| {
        assert_says(&told.sending, "NOT_ENOUGH_REPLICAS");
        // There is nothing to read, and nothing is wrong with that.
        assert_says(&told.reading, "said nothing");
    });
}

/// Kafka 4.4 tells a client that it is at the wrong broker (KIP-1242).
#[test]
fn brokers_behind_the_wrong_address_are_told_in_time() {
    let trouble = |cluster: &mut Cluster, _: &str| {
        cluster.mix_up();
        cluster.servers(Way::Proxied)
    };
    outage("brokers behind each other's address", Kept::WELL, trouble, |told, servers| {
        for told in [&told.sending, &told.reading, &told.asking] {
            assert_says(told, "REBOOTSTRAP_REQUIRED");
            assert!(servers.iter().any(|server| told.contains(server)), "{told}");
        }
        assert_says(&told.connecting, "connecting has succeeded");
    });
}
