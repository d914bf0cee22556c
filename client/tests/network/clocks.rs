//! Wall clocks jump by an hour, and only timestamps show it: nothing is late, early or sent twice.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kurier_client::Client;
use kurier_client::config::ClientConfig;
use kurier_client::consumer::Start;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_env::{BoxFuture, Datagram, Env, Io, Net, Wall};
use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, TestCluster};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const HOUR_MILLIS: i64 = 3_600_000;

/// A clock that goes right but for its jumps.
#[derive(Debug)]
struct Jumping {
    shift_millis: AtomicI64,
    start: Instant,
}

impl Jumping {
    fn new() -> Arc<Self> {
        let shift_millis = AtomicI64::new(1_800_000_000_000);
        Arc::new(Self { shift_millis, start: Instant::now() })
    }

    fn jump(&self, hours: i64) {
        self.shift_millis.fetch_add(hours * HOUR_MILLIS, Ordering::Relaxed);
    }
}

impl Wall for Jumping {
    fn millis(&self) -> i64 {
        let since = i64::try_from(self.start.elapsed().as_millis()).unwrap();
        self.shift_millis.load(Ordering::Relaxed) + since
    }
}

/// The network of another world.
#[derive(Debug)]
struct Through(Env);

impl Net for Through {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.0.net().resolve(host, port)
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        self.0.net().connect(to)
    }

    fn datagram(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Datagram>>> {
        self.0.net().datagram(to)
    }
}

/// Whose clocks jump.
#[derive(Clone, Copy, Debug)]
enum Whose {
    Client,
    Brokers,
    Both,
}

async fn world(whose: Whose, wall: &Arc<Jumping>) -> (TestCluster, Client) {
    let mut builder = TestCluster::builder().topic("t", 1);
    if !matches!(whose, Whose::Client) {
        builder = builder.wall(Arc::clone(wall) as Arc<dyn Wall>);
    }
    let cluster = builder.build();
    let net = Arc::new(Through(cluster.env(7)));
    let own: Arc<dyn Wall> = match whose {
        Whose::Brokers => Jumping::new(),
        Whose::Client | Whose::Both => Arc::clone(wall) as Arc<dyn Wall>,
    };
    let config = ClientConfig { request_timeout: 5 * SECOND, ..ClientConfig::default() };
    let env = Env::simulated(net, own, 7);
    let builder = Client::builder(cluster.bootstrap()).config(config).env(env);
    (cluster, builder.connect().await.unwrap())
}

/// Forward, back to where it was, back before that, and forward again.
const JUMPS: [i64; 4] = [1, -1, -1, 1];

#[tokio::test(start_paused = true)]
async fn records_flow_as_if_nothing_were_when_a_wall_clock_jumps() {
    for whose in [Whose::Client, Whose::Brokers, Whose::Both] {
        let wall = Jumping::new();
        let (cluster, client) = world(whose, &wall).await;
        let producer = client.producer().build().await.unwrap();
        let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
        let mut offset = 0;
        let mut flow = async |count: i64| {
            for _ in 0..count {
                let start = Instant::now();
                let sent = producer.send(Record::to("t").value("v")).await.unwrap();
                assert_eq!(sent.offset, offset, "{whose:?}");
                let batch = consumer.next().await.unwrap().unwrap();
                assert_eq!(batch.first_offset(), offset, "{whose:?}");
                assert!(start.elapsed() < SECOND / 10, "{whose:?}: {:?}", start.elapsed());
                offset += 1;
                sleep(SECOND).await;
            }
        };
        flow(5).await;
        let count = |api| cluster.requests().iter().filter(|r| r.api == api).count();
        let before = [ApiKey::API_VERSIONS, ApiKey::METADATA, ApiKey::LIST_OFFSETS].map(count);
        for hours in JUMPS {
            wall.jump(hours);
            flow(5).await;
        }
        let after = [ApiKey::API_VERSIONS, ApiKey::METADATA, ApiKey::LIST_OFFSETS].map(count);
        assert_eq!(after, before, "{whose:?}: nobody connects, asks or looks up again");
        assert_eq!(count(ApiKey::PRODUCE), 25, "{whose:?}: nothing is sent twice");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_a_wall_clock_jumps_waits_as_long_as_it_should() {
    for hours in [1, -1] {
        let wall = Jumping::new();
        let (cluster, client) = world(Whose::Client, &wall).await;
        let config = ProducerConfig {
            linger: SECOND,
            delivery_timeout: 20 * SECOND,
            request_timeout: 5 * SECOND,
            ..ProducerConfig::default()
        };
        let producer = client.producer().config(config).build().await.unwrap();
        let send = || producer.send(Record::to("t").value("v"));
        let jump = async || {
            sleep(SECOND / 2).await;
            wall.jump(hours);
        };
        let timed = async |limit: Duration| {
            let start = Instant::now();
            let (sent, ()) = tokio::join!(timeout(2 * limit, send()), jump());
            (sent.expect("no hang"), start.elapsed())
        };
        let within = |took: Duration, wanted: Duration| {
            let slack = SECOND / 10;
            assert!(wanted <= took + slack && took <= wanted + slack, "{hours} h: {took:?}");
        };

        let (sent, took) = timed(SECOND).await;
        sent.unwrap();
        within(took, SECOND);
        // An answer that comes in time.
        cluster.fault(Fault::on(ApiKey::PRODUCE).delay_answer(4 * SECOND));
        let (sent, took) = timed(5 * SECOND).await;
        sent.unwrap();
        within(took, 5 * SECOND);
        assert_eq!(cluster.requests().iter().filter(|r| r.api == ApiKey::PRODUCE).count(), 2);
        // One that does not come at all.
        cluster.fault(Fault::on(ApiKey::PRODUCE).always().execute_then_hang());
        let (sent, took) = timed(20 * SECOND).await;
        sent.unwrap_err();
        within(took, 20 * SECOND);
    }
}
