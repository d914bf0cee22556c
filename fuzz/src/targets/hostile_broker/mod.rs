//! The client before a broker that lies: whatever comes, each call ends in its time.

mod panics;
mod script;
mod answer;
mod net;

use std::sync::Arc;
use std::time::Duration;

use kurier_client::config::{ClientConfig, DialConfig};
use kurier_client::metadata::Picture;
use kurier_client::offsets::Position;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::{Client, Target};
use kurier_env::Env;
use kurier_protocol::api::find_coordinator::FindCoordinatorRequest;
use kurier_protocol::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kurier_protocol::api::metadata::MetadataRequest;
use tokio::runtime::{self, Handle};
use tokio::time::{sleep, timeout};

pub(super) use self::net::{Hostile, Noon};
pub(super) use self::script::Script;
use crate::random::Random;

/// The bytes say what brokers in memory do with each request of a real client, in virtual time:
/// they answer it, or with something else, damaged, twice, in pieces, too late or never. When the
/// bytes are at their end, the brokers are honest.
///
/// # Panics
///
/// When a task of the client does, when a call does not end in its time, when the client asks
/// without end or without sleep, when what it knows of the cluster contradicts itself, when it does
/// not come back to work with brokers that are honest again, or when a task is left.
pub fn hostile_broker(data: &[u8]) {
    meet(data);
}

/// What came of a client that met such brokers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// Requests that the brokers got.
    pub requests: usize,
    /// Calls that succeeded while the brokers were hostile.
    pub succeeded: usize,
    /// Calls that failed.
    pub failed: usize,
}

impl Met {
    pub(super) fn count<T, E>(&mut self, outcome: &Result<T, E>) {
        match outcome {
            Ok(_) => self.succeeded += 1,
            Err(_) => self.failed += 1,
        }
    }
}

/// As [`hostile_broker()`]; says what came of it.
///
/// # Panics
///
/// As there.
pub fn meet(data: &[u8]) -> Met {
    in_virtual_time(async {
        let hostile = Hostile::new(Script::new(data));
        let met = play(&hostile).await;
        Met { requests: hostile.requests(), ..met }
    })
}

/// Runs a client to its end. No task of it may panic, and none may be left.
pub(super) fn in_virtual_time<T>(client: impl Future<Output = T>) -> T {
    let before = panics::count();
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let met = runtime.expect("a runtime").block_on(async {
        let met = client.await;
        // Who closes connections waits for the other side a while.
        sleep(LEAVING).await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0, "tasks are left");
        met
    });
    assert_eq!(panics::count(), before, "a task of the client has panicked");
    met
}

async fn play(hostile: &Hostile) -> Met {
    let mut met = Met::default();
    let env = Env::simulated(Arc::new(hostile.clone()), Arc::new(Noon), 1);
    let builder = Client::builder(["broker-1:9092", "broker-2:9092"]).config(config()).env(env);
    let client = loop {
        let is_over = hostile.is_over();
        let connected = within("connecting", hostile, builder.clone().connect()).await;
        met.count(&connected);
        match connected {
            Ok(client) => break client,
            Err(error) if is_over => panic!("honest brokers are not found: {error}"),
            Err(_) => {}
        }
    };
    let producer = client.producer().config(producer_config()).build();
    let producer = within("making a producer", hostile, producer).await.expect("settings fit");
    let mut serial = 0;
    for _ in 0..ROUNDS_MAX {
        if hostile.is_over() {
            break;
        }
        met.count(&within("a topic", hostile, client.topic("t")).await);
        let any = client.request(Target::Any, coordinators());
        met.count(&within("coordinators", hostile, any).await);
        let leader = Target::Leader { topic: "t".to_owned(), partition: 0 };
        met.count(&within("a leader", hostile, client.request(leader, earliest())).await);
        let controller = client.request(Target::Controller, MetadataRequest::default());
        met.count(&within("the controller", hostile, controller).await);
        let at = client.offsets();
        met.count(&within("offsets", hostile, at.at(Position::Latest, [("t", 0)])).await);
        let record = Record::to("t").key("k").value("v");
        met.count(&within("sending", hostile, producer.send(record)).await);
        serial = check(&client.picture(), serial);
    }
    hostile.be_honest();
    let mut wait = Duration::from_secs(5);
    while let Err(error) = client.request(Target::Any, MetadataRequest::default()).await {
        assert!(wait < HEALING_MAX, "brokers are honest again, and: {error}");
        sleep(wait).await;
        wait *= 2;
    }
    let _records_may_wait = within("closing", hostile, producer.close()).await;
    check(&client.picture(), serial);
    met
}

/// Ends, or is a hang.
pub(super) async fn within<T>(what: &str, hostile: &Hostile, call: impl Future<Output = T>) -> T {
    let ended = timeout(CALL_MAX, call).await;
    let asked = hostile.requests();
    assert!(asked < REQUESTS_MAX, "{what}: the client asks without end");
    ended.unwrap_or_else(|_| panic!("{what} has not ended within {CALL_MAX:?}"))
}

/// What a picture says of itself, whoever told it.
fn check(picture: &Picture, serial: u64) -> u64 {
    assert!(picture.serial >= serial, "a picture is older than the one before");
    for topic in picture.topics() {
        let indices = topic.partitions.iter().map(|partition| partition.index);
        assert!(indices.is_sorted_by(|a, b| a < b), "partitions out of order, or twice");
        for partition in &topic.partitions {
            let is_known = |leader| partition.leader_epoch >= leader;
            assert!(partition.leader.is_none_or(|leader| is_known(leader.epoch)), "{partition:?}");
        }
    }
    picture.serial
}

fn coordinators() -> FindCoordinatorRequest {
    FindCoordinatorRequest { coordinator_keys: vec!["g".into()], ..Default::default() }
}

fn earliest() -> ListOffsetsRequest {
    let partition = ListOffsetsPartition { timestamp: -2, ..Default::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
    ListOffsetsRequest { topics: vec![topic], ..Default::default() }
}

pub(super) fn config() -> ClientConfig {
    ClientConfig {
        request_timeout: REQUEST_TIMEOUT,
        bootstrap_timeout: BOOTSTRAP_TIMEOUT,
        dial: DialConfig {
            setup_timeout: Duration::from_secs(2),
            setup_timeout_max: Duration::from_secs(2),
            ..DialConfig::default()
        },
        ..ClientConfig::default()
    }
}

fn producer_config() -> ProducerConfig {
    ProducerConfig {
        request_timeout: REQUEST_TIMEOUT,
        delivery_timeout: BOOTSTRAP_TIMEOUT,
        block_max: BOOTSTRAP_TIMEOUT,
        ..ProducerConfig::default()
    }
}

/// Scripts of some hundred to some thousand bytes.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    let length = 50 + random.below(1500);
    random.some(length)
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
const BOOTSTRAP_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest call waits for a topic, and for what it sends there; timers are a little late.
const CALL_MAX: Duration = Duration::from_secs(20);
/// How long a client may take to come back: brokers may have asked it to be silent for a while.
const HEALING_MAX: Duration = Duration::from_secs(1000);
const LEAVING: Duration = Duration::from_secs(60);
const ROUNDS_MAX: usize = 20;
/// More than all calls of all rounds need at the slowest pace that a client may be asked to keep.
const REQUESTS_MAX: usize = 20_000;
