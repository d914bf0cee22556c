//! Three real brokers whose nodes are stopped and started one by one, each behind a proxy.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kurier_client::metadata::Partition;
use kurier_client::{Client, Error, NewTopic, Target};
use kurier_protocol::ErrorCode;
use kurier_protocol::api::elect_leaders::ElectLeadersRequest;
use tokio::runtime::{self, Runtime};

use crate::proxy::{Proxy, Weather};
use crate::release::Release;
use crate::run::{text, wait_until};
use crate::tools::kafka_broker;

/// Three brokers, each its own controller too, and a proxy in front of each.
pub(crate) struct Cluster {
    folder: PathBuf,
    /// Between clients and the listeners that the brokers advertise at them.
    proxies: Vec<Proxy>,
    /// Servers to begin with, from where clients are told the brokers' own addresses.
    doors: Vec<Proxy>,
    nodes: [Node; 3],
    is_mixed_up: bool,
    runtime: Runtime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Runs,
    StandsStill,
    Stopped,
}

/// Which addresses a client is given, and so which ones it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The brokers' own.
    Plain,
    /// Those of the proxies.
    Proxied,
    /// Addresses to begin with that lead to all brokers wherever they are; clients are told the
    /// brokers' own.
    Door,
}

/// How well a topic is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) replicas: i16,
    /// How many replicas must have a record that is acknowledged.
    pub(crate) in_sync_min: i16,
}

impl Kept {
    /// By all brokers, and one may be missing.
    pub(crate) const WELL: Self = Self { replicas: 3, in_sync_min: 2 };
}

/// All nodes.
pub(crate) const ALL: [i32; 3] = [1, 2, 3];

/// The cluster of all tests, started when the first one wants it, and healed.
pub(crate) fn cluster(release: &Release) -> MutexGuard<'static, Option<Cluster>> {
    static CLUSTER: Mutex<Option<Cluster>> = Mutex::new(None);
    let mut kept = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    kept.get_or_insert_with(|| Cluster::start(release)).heal();
    kept
}

impl Cluster {
    fn start(release: &Release) -> Self {
        // The folder is where `ci/full` looks for brokers that a test has left behind.
        let name = format!("faults-{}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("brokers").join(name);
        fs::create_dir_all(&folder).unwrap();
        let pid = std::process::id().to_string();
        let mut start = kafka_broker(&["start", &release.to_string(), "--nodes", "3"]);
        start.args(["--proxied", "--while", &pid]).arg(&folder);
        text(&mut start, "");
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let nodes = [Node::Runs; 3];
        let (proxies, doors, runtime) = (Vec::new(), Vec::new(), runtime.unwrap());
        let mut cluster = Self { folder, proxies, doors, nodes, is_mixed_up: false, runtime };
        for id in ALL {
            let (at, seed) = (cluster.at("PROXY", id), u64::from(id.unsigned_abs()));
            cluster.proxies.push(Proxy::start(at, cluster.behind(id), seed));
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            cluster.doors.push(Proxy::start(any, cluster.plain(id), seed));
        }
        cluster
    }

    /// Everything runs again, and the weather is fine.
    pub(crate) fn heal(&mut self) {
        for id in ALL {
            self.proxy(id).set(Weather::default());
        }
        if std::mem::take(&mut self.is_mixed_up) {
            self.lead_proxies(ALL);
        }
        self.resume(&self.those(Node::StandsStill));
        self.restart(&self.those(Node::Stopped));
    }

    /// Each proxy leads to the broker of another one.
    pub(crate) fn mix_up(&mut self) {
        self.is_mixed_up = true;
        self.lead_proxies([2, 3, 1]);
    }

    /// The proxies lead to these nodes, and what led elsewhere is cut.
    fn lead_proxies(&self, to: [i32; 3]) {
        for (id, to) in ALL.into_iter().zip(to) {
            self.proxy(id).lead_to(self.behind(to));
            self.proxy(id).cut();
        }
    }

    /// The doors lead to where the brokers are.
    fn lead_doors(&self) {
        for (id, door) in ALL.into_iter().zip(&self.doors) {
            door.lead_to(self.plain(id));
        }
    }

    fn those(&self, state: Node) -> Vec<i32> {
        ALL.into_iter().filter(|id| self.nodes[index(*id)] == state).collect()
    }

    /// Shuts nodes down cleanly.
    pub(crate) fn halt(&mut self, nodes: &[i32]) {
        self.act("halt", nodes, Node::Stopped);
    }

    /// Ends nodes by `kill -9`.
    pub(crate) fn kill(&mut self, nodes: &[i32]) {
        self.act("kill", nodes, Node::Stopped);
    }

    /// Lets nodes stand still; their connections stay open.
    pub(crate) fn pause(&mut self, nodes: &[i32]) {
        self.act("pause", nodes, Node::StandsStill);
    }

    /// Lets them go on.
    pub(crate) fn resume(&mut self, nodes: &[i32]) {
        self.act("resume", nodes, Node::Runs);
    }

    /// Starts nodes again, and waits until they answer.
    pub(crate) fn restart(&mut self, nodes: &[i32]) {
        self.act("restart", nodes, Node::Runs);
        self.lead_doors();
    }

    fn act(&mut self, verb: &str, nodes: &[i32], state: Node) {
        if nodes.is_empty() {
            return;
        }
        let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
        text(kafka_broker(&[verb]).arg(&self.folder).args(&names), "");
        nodes.iter().for_each(|id| self.nodes[index(*id)] = state);
    }

    /// Gives a node that does not run another port, or this one.
    pub(crate) fn relocate(&self, node: i32, port: Option<u16>) {
        let mut moving = kafka_broker(&["move"]);
        moving.arg(&self.folder).arg(node.to_string());
        text(moving.args(port.map(|port| port.to_string())), "");
    }

    /// The proxy in front of a node.
    pub(crate) fn proxy(&self, node: i32) -> &Proxy {
        &self.proxies[index(node)]
    }

    /// Where a node listens for its proxy.
    fn behind(&self, node: i32) -> SocketAddr {
        self.at("BEHIND", node)
    }

    /// Where a node is.
    pub(crate) fn plain(&self, node: i32) -> SocketAddr {
        let port = &self.state(&format!("PORT_{node}"));
        format!("127.0.0.1:{port}").parse().unwrap()
    }

    fn at(&self, name: &str, node: i32) -> SocketAddr {
        let port = self.state(&format!("PORT_{name}_{node}"));
        format!("127.0.0.1:{port}").parse().unwrap()
    }

    /// What the script keeps of the cluster under a name.
    fn state(&self, name: &str) -> String {
        let lines = fs::read_to_string(self.folder.join("state")).unwrap();
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix('=').map(String::from);
        lines.lines().find_map(value).unwrap()
    }

    /// The addresses that a client begins with.
    pub(crate) fn servers(&self, way: Way) -> Vec<String> {
        let address = |id: i32| match way {
            Way::Plain => self.plain(id),
            Way::Proxied => self.proxy(id).at(),
            Way::Door => self.doors[index(id)].at(),
        };
        ALL.map(|id| address(id).to_string()).to_vec()
    }

    /// Makes a topic, and waits until all replicas are in sync.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, kept: Kept) {
        let made = || {
            let topic =
                NewTopic::new(name).partitions(partitions).replication_factor(kept.replicas);
            let topic = topic.config("min.insync.replicas", kept.in_sync_min.to_string());
            self.ask(async |client: Client| {
                let outcomes = client.admin().create_topics([topic.clone()]).await?;
                outcomes.into_iter().try_for_each(|(_, outcome)| outcome.map(drop))
            })
        };
        wait_until("the topic is made", || match made() {
            Ok(()) => true,
            Err(Error::Broker { code: ErrorCode::TOPIC_ALREADY_EXISTS, .. }) => true,
            Err(error) if error.is_retriable() => false,
            Err(Error::Broker { code: ErrorCode::INVALID_REPLICATION_FACTOR, .. }) => false,
            Err(error) => panic!("{error}"),
        });
        self.wait_for_replicas(name);
    }

    /// Waits until all replicas of a topic are in sync.
    pub(crate) fn wait_for_replicas(&self, topic: &str) {
        wait_until("all replicas are in sync", || {
            let is_full =
                |partition: &Partition| partition.in_sync.len() == partition.replicas.len();
            self.partitions(topic).is_some_and(|all| all.iter().all(is_full))
        });
    }

    /// The leader of each partition.
    pub(crate) fn leaders(&self, topic: &str) -> Vec<i32> {
        let partitions = self.partitions(topic).unwrap();
        partitions.iter().map(|partition| partition.leader.unwrap().broker).collect()
    }

    /// Makes the first replica of each partition its leader again.
    pub(crate) fn elect_preferred(&self, topic: &str) {
        wait_until("the first replicas lead", || {
            let elected = self.ask(async |client: Client| {
                // None is all; an empty list would be none.
                let request = ElectLeadersRequest { topic_partitions: None, ..Default::default() };
                client.request(Target::Controller, request).await
            });
            let leads = |partition: &Partition| {
                partition.leader.map(|leader| leader.broker) == partition.replicas.first().copied()
            };
            elected.is_ok_and(|elected| elected.error_code.is_ok())
                && self.partitions(topic).is_some_and(|all| all.iter().all(leads))
        });
    }

    /// The partitions of a topic, if somebody tells.
    fn partitions(&self, topic: &str) -> Option<Vec<Partition>> {
        let described =
            self.ask(async |client: Client| client.admin().describe_topics([topic]).await);
        Some(described.ok()?.into_iter().next()?.ok()?.partitions.clone())
    }

    /// Asks by a client that was made for it.
    fn ask<T>(&self, ask: impl AsyncFnOnce(Client) -> Result<T, Error>) -> Result<T, Error> {
        self.runtime.block_on(async {
            let timeout = Duration::from_secs(15);
            let client = Client::builder(self.servers(Way::Plain)).request_timeout(timeout);
            ask(client.connect().await?).await
        })
    }
}

fn index(node: i32) -> usize {
    usize::try_from(node - 1).unwrap()
}
