//! Real brokers whose nodes are stopped and started one by one, each behind a proxy if its release
//! can be.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::{self, Runtime};

use crate::proxy::{Proxy, Weather};
use crate::release::Release;
use crate::run::{run, text};
use crate::tools::kafka_broker;

/// Brokers; since KRaft each is its own controller too. They end when it is dropped.
pub(crate) struct Cluster {
    pub(super) release: Release,
    folder: PathBuf,
    /// Between clients and the listeners that the brokers advertise at them.
    proxies: Vec<Proxy>,
    /// Servers to begin with, from where clients are told the brokers' own addresses.
    doors: Vec<Proxy>,
    nodes: Vec<Node>,
    is_mixed_up: bool,
    pub(super) runtime: Runtime,
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

/// How long members of groups may be silent.
pub(crate) const SESSION: Duration = Duration::from_secs(6);

/// All nodes of the cluster of all tests.
pub(crate) const ALL: [i32; 3] = [1, 2, 3];

/// The cluster of all tests, started when the first one wants it, and healed.
pub(crate) fn cluster(release: &Release) -> MutexGuard<'static, Option<Cluster>> {
    static CLUSTER: Mutex<Option<Cluster>> = Mutex::new(None);
    let mut kept = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    kept.get_or_insert_with(|| Cluster::start(release)).heal();
    kept
}

impl Cluster {
    /// Three nodes behind proxies.
    fn start(release: &Release) -> Self {
        let session = format!("group.consumer.session.timeout.ms={}", SESSION.as_millis());
        let mut cluster = Self::of(release, 3, &["--proxied", "--set", &session]);
        for id in ALL {
            let (at, seed) = (cluster.at("PROXY", id), u64::from(id.unsigned_abs()));
            cluster.proxies.push(Proxy::start(at, cluster.behind(id), seed));
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            cluster.doors.push(Proxy::start(any, cluster.plain(id), seed));
        }
        cluster
    }

    /// As many nodes, with these options of the script, and no proxy.
    pub(crate) fn of(release: &Release, nodes: usize, options: &[&str]) -> Self {
        // The folder is where `ci/full` looks for brokers that a test has left behind.
        let pid = std::process::id().to_string();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("faults-{release}-{pid}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("brokers").join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut start = kafka_broker(&["start", &release.to_string()]);
        start.args(["--nodes", &nodes.to_string(), "--while", &pid]).args(options).arg(&folder);
        text(&mut start, "");
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self {
            release: release.clone(),
            folder,
            proxies: Vec::new(),
            doors: Vec::new(),
            nodes: vec![Node::Runs; nodes],
            is_mixed_up: false,
            runtime: runtime.unwrap(),
        }
    }

    /// Everything runs again, and the weather is fine.
    pub(crate) fn heal(&mut self) {
        for proxy in &self.proxies {
            proxy.set(Weather::default());
            proxy.release();
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
        self.ids().filter(|id| self.nodes[index(*id)] == state).collect()
    }

    /// Its nodes.
    fn ids(&self) -> impl Iterator<Item = i32> + use<> {
        1..=i32::try_from(self.nodes.len()).unwrap()
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

    /// Whether a node was paused.
    pub(crate) fn stands_still(&self, node: i32) -> bool {
        self.nodes[index(node)] == Node::StandsStill
    }

    /// Starts nodes again, and waits until they answer.
    pub(crate) fn restart(&mut self, nodes: &[i32]) {
        self.act("restart", nodes, Node::Runs);
        self.lead_doors();
    }

    /// Starts nodes again, and does not wait for them.
    pub(crate) fn wake(&mut self, nodes: &[i32]) {
        self.act("wake", nodes, Node::Runs);
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
    pub(super) fn state(&self, name: &str) -> String {
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
        self.ids().map(|id| address(id).to_string()).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        run(kafka_broker(&["stop"]).arg(&self.folder), "");
    }
}

fn index(node: i32) -> usize {
    usize::try_from(node - 1).unwrap()
}
