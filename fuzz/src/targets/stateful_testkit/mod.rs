//! A cluster under any order of requests, with time, dying brokers and lost clients in between.

mod batches;
mod known;
mod client;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use kurier_protocol::ApiKey;
use kurier_protocol::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use kurier_protocol::release::Release;
use kurier_protocol::{decode, frame};
use kurier_testkit::bare::{BareCluster, BareConnection, Reply, Waiting};
use kurier_testkit::{SaslMechanism, TestCluster};

use self::client::{Client, Expected, error_code};
use self::known::TOPICS;
use crate::random::Random;

/// The bytes are a script: which cluster there is, then what happens to it, step by step.
///
/// # Panics
///
/// When the cluster does, when an answer cannot be read, when a request would wait without end or
/// without sleep, or when the cluster has come into a state that no cluster is in.
pub fn stateful_testkit(data: &[u8]) {
    play(data);
}

/// What came of a script.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Requests that were handed to a broker.
    pub requests: usize,
    /// Answers without an error, by API.
    pub successes: BTreeMap<ApiKey, usize>,
    /// Answers to requests that had to wait.
    pub late: usize,
}

impl Tally {
    /// Adds what came of another script.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.late += other.late;
        for (key, count) in &other.successes {
            *self.successes.entry(*key).or_default() += count;
        }
    }
}

/// As [`stateful_testkit()`]; says what came of it.
///
/// # Panics
///
/// As there.
pub fn play(data: &[u8]) -> Tally {
    let mut u = Unstructured::new(data);
    let Ok(mut world) = World::new(&mut u) else { return Tally::default() };
    for _ in 0..STEPS_MAX {
        if u.is_empty() || world.step(&mut u).is_err() {
            break;
        }
        world.poll();
        world.cluster.check();
    }
    world.drain();
    world.tally
}

/// A cluster and who talks to it.
struct World {
    cluster: BareCluster,
    brokers: i32,
    has_logins: bool,
    stopped: Vec<i32>,
    client: Client,
    connections: Vec<Connection>,
    tally: Tally,
}

struct Connection {
    bare: BareConnection,
    waits: Option<(Waiting, Option<Expected>)>,
}

impl World {
    fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let newest = u.ratio(1, 2)?;
        let release = if newest { Release::NEWEST } else { *u.choose(Release::ALL)? };
        let brokers = *u.choose(&[1, 3, 1, 2])?;
        let mut builder = TestCluster::builder().release(release.name()).brokers(brokers);
        for name in TOPICS {
            builder = builder.topic(name, 3);
        }
        if u.ratio(1, 4)? {
            builder = builder
                .group_initial_rebalance_delay(Duration::from_secs(3))
                .group_max_size(2)
                .transaction_marker_delay(Duration::from_millis(5));
        }
        let has_logins = u.ratio(1, 32)?;
        if has_logins {
            builder = builder.sasl([SaslMechanism::Plain]).user("alice", "secret");
            builder = builder.session_lifetime(Duration::from_secs(60));
        }
        let mut cluster = builder.try_build_bare(moment()).expect("settings that there are");
        let apis = served(&mut cluster);
        let client = Client::new(release, apis);
        let brokers = i32::try_from(brokers).unwrap_or(1);
        let (stopped, connections, tally) = (Vec::new(), Vec::new(), Tally::default());
        Ok(Self { cluster, brokers, has_logins, stopped, client, connections, tally })
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.int_in_range(0..=31)? {
            0 => self.cluster.pass(Duration::from_millis(*u.choose(&PAUSES_MS)?)),
            1 => self.stop_or_start(u)?,
            2 => self.hang_up(u)?,
            3 => {
                let (topic, partition) = (*u.choose(&TOPICS)?, u.int_in_range(0..=2)?);
                if u.ratio(1, 2)? {
                    self.cluster.truncate(topic, partition, u.int_in_range(0..=20)?);
                } else {
                    self.cluster.move_leader(topic, partition, u.int_in_range(1..=3)?);
                }
            }
            4 => {
                let Some(frame) = self.client.request(u)? else { return Ok(()) };
                let reply = self.cluster.refuse(&frame, error_code(u)?);
                if let Reply::Answer(answer) = reply {
                    self.read(self.client.expect(&frame), &answer);
                }
            }
            5 => {
                let length = u.int_in_range(0..=40)?.min(u.len());
                let frame = Bytes::copy_from_slice(u.bytes(length)?);
                self.send(&frame, u)?;
            }
            _ => {
                let Some(frame) = self.client.request(u)? else { return Ok(()) };
                self.send(&frame, u)?;
            }
        }
        Ok(())
    }

    /// Stops a broker, or starts the one that was stopped first.
    fn stop_or_start(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if !self.stopped.is_empty() && u.ratio(2, 3)? {
            let broker = self.stopped.remove(0);
            self.cluster.start(broker);
            return Ok(());
        }
        let broker = u.int_in_range(1..=self.brokers)?;
        self.cluster.stop(broker);
        self.connections.retain(|connection| connection.bare.broker() != broker);
        if !self.stopped.contains(&broker) {
            self.stopped.push(broker);
        }
        Ok(())
    }

    /// One client goes away, perhaps while it waits.
    fn hang_up(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let Some(last) = self.connections.len().checked_sub(1) else { return Ok(()) };
        let gone = self.connections.swap_remove(u.int_in_range(0..=last)?);
        if let Some((waiting, _)) = gone.waits {
            self.cluster.hang_up(waiting);
        }
        Ok(())
    }

    /// Sends a frame over a connection that has nothing under way, a new one if there is none.
    fn send(&mut self, frame: &Bytes, u: &mut Unstructured<'_>) -> Result<()> {
        let broker = u.int_in_range(1..=self.brokers)?;
        let is_free = |connection: &Connection| {
            connection.bare.broker() == broker && connection.waits.is_none()
        };
        let found = self.connections.iter().position(is_free);
        let mut connection = match found.map(|at| self.connections.swap_remove(at)) {
            Some(connection) => connection,
            None if self.connections.len() >= CONNECTIONS_MAX => return self.hang_up(u),
            None => match self.cluster.connect(broker) {
                Some(bare) => Connection { bare, waits: None },
                None => return Ok(()),
            },
        };
        let is_token = connection.bare.expects_token();
        let expected = if is_token { None } else { self.client.expect(frame) };
        self.tally.requests += 1;
        let reply = self.cluster.handle(&mut connection.bare, frame);
        if is_token && matches!(reply, Reply::Answer(_)) {
            self.connections.push(connection);
            return Ok(());
        }
        self.go_on(connection, reply, expected);
        Ok(())
    }

    /// Reads what a broker says, and keeps the connection if it goes on.
    fn go_on(&mut self, mut connection: Connection, reply: Reply, expected: Option<Expected>) {
        match reply {
            Reply::Answer(answer) => self.read(expected, &answer),
            Reply::Last(answer, _) => return self.read(expected, &answer),
            Reply::Waits(waiting) => {
                let left = self.cluster.left(&waiting);
                assert!(!left.is_zero(), "a request that waits without sleep: {expected:?}");
                connection.waits = Some((waiting, expected));
            }
            Reply::Silence => {}
            Reply::Closed(reason) => {
                // Who wants no answer is told of a failure so; who must log in, of a wrong turn.
                let may_close = self.has_logins || reason.ends_with("at acks=0");
                let request = expected.as_ref().and_then(|expected| expected.request.as_ref());
                assert!(may_close || request.is_none(), "{reason}: {expected:?}");
                return;
            }
        }
        self.connections.push(connection);
    }

    fn read(&mut self, expected: Option<Expected>, answer: &Bytes) {
        let expected = expected.expect("an answer to what nobody could have read");
        if self.client.read(&expected, answer) {
            *self.tally.successes.entry(expected.key).or_default() += 1;
        }
    }

    /// Polls every request that waits, as a change of the state does.
    fn poll(&mut self) {
        for mut connection in std::mem::take(&mut self.connections) {
            let Some((waiting, expected)) = connection.waits.take() else {
                self.connections.push(connection);
                continue;
            };
            let reply = self.cluster.poll(waiting);
            self.tally.late += usize::from(!matches!(reply, Reply::Waits(_)));
            self.go_on(connection, reply, expected);
        }
    }

    /// Lets time pass until nobody waits any more.
    fn drain(&mut self) {
        for _ in 0..POLLS_MAX {
            self.poll();
            self.cluster.check();
            let waits = self.connections.iter().filter_map(|connection| connection.waits.as_ref());
            let Some(left) = waits.map(|(waiting, _)| self.cluster.left(waiting)).min() else {
                return;
            };
            self.cluster.pass(left);
        }
        panic!("a request waits without end");
    }
}

/// The APIs that a cluster says it serves.
fn served(cluster: &mut BareCluster) -> Vec<ApiKey> {
    let mut connection = cluster.connect(1).expect("a broker that runs");
    let request = frame::request(&ApiVersionsRequest::default(), 0, 1, None);
    let frame = request.expect("a request of the first version").to_bytes().slice(4..);
    let Reply::Answer(answer) = cluster.handle(&mut connection, &frame) else {
        panic!("no answer to ApiVersions");
    };
    let opened = frame::open_response(ApiKey::API_VERSIONS, 0, &answer);
    let (_, body) = opened.expect("an answer with a header");
    let answer: ApiVersionsResponse = decode(&body, 0).expect("an answer of the first version");
    answer.api_keys.iter().map(|range| range.api_key).collect()
}

/// A moment to begin with: no decision follows from which one it is.
#[expect(clippy::disallowed_methods, reason = "no other way to a moment")]
fn moment() -> Instant {
    Instant::now()
}

/// Scripts of some hundred to some thousand bytes.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    let length = 200 + random.below(5000);
    random.some(length)
}

const STEPS_MAX: usize = 300;
const CONNECTIONS_MAX: usize = 8;
/// How often those who wait are polled at the end.
const POLLS_MAX: usize = 2000;
const PAUSES_MS: [u64; 8] = [1, 10, 500, 3000, 11_000, 46_000, 901_000, 90_000_000];
