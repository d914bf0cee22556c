//! `Metrics`: what a client measures, and where its parts record it.

use std::sync::Arc;
use std::time::Instant;

use kurier_env::Env;

use super::client::Facts;
use super::connection::{ConnectionMeter, Network, Node, Role, Traffic};
use super::consumer::{Consumed, Consuming, FetchMeter, ReadMeter, Reading, Slots};
use super::group::{Coordinating, GroupMeter};
use super::meter::{Book, Meter};
use super::producer::{Produced, ProducerMeter, Producing};
use super::row::{Section, Unit};
use super::snapshot::{Metric, Snapshot, Tags, Value};
use super::table;
use super::window::{Moment, Timeline};
use crate::config::ClientConfig;

/// What one client measures. Cloning shares it.
///
/// Its names are those of Java's clients, each of which is a producer, a consumer or an admin
/// client; here one client is all three, and what its producers do is in the groups of a producer,
/// all of them together. A group is there from its first use on. `docs/metrics.md` lists all names.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use kurier_client::Client;
/// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 1).build();
/// # let (bootstrap, env) = (cluster.bootstrap(), cluster.env(1));
/// let client = Client::builder(bootstrap).client_id("app").env(env).connect().await?;
/// let snapshot = client.metrics().snapshot();
/// let sent = snapshot.get("admin-client-metrics", "request-total", &[]);
/// assert!(sent.is_some_and(|metric| metric.number() > 0.0));
/// let text = snapshot.prometheus();
/// assert!(text.contains("kafka_admin_client_request_total{client_id=\"app\"} "));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Registry>);

#[derive(Debug)]
struct Registry {
    client_id: Arc<str>,
    timeline: Timeline,
    facts: Meter<Facts>,
    /// By role.
    networks: [Arc<Meter<Network>>; 3],
    nodes: Book<(Role, Node), Traffic>,
    producing: Arc<Meter<Producing>>,
    produced: Arc<Book<Arc<str>, Produced>>,
    consuming: Arc<Meter<Consuming>>,
    coordinating: Arc<Meter<Coordinating>>,
    consumed: Arc<Book<Arc<str>, Consumed>>,
    reading: Arc<Book<(Arc<str>, i32), Reading>>,
}

impl Metrics {
    /// Nothing was measured yet.
    pub(crate) fn new(env: &Env, config: &ClientConfig) -> Self {
        let now = tokio::time::Instant::now().into_std();
        let timeline =
            Timeline::new(now, config.metrics.sample_window, config.metrics.sample_count);
        let facts = Meter::new(timeline);
        facts.set(|facts: &mut Facts| facts.started_ms = env.wall_millis());
        Self(Arc::new(Registry {
            client_id: config.client_id.as_str().into(),
            timeline,
            facts,
            networks: [(); 3].map(|()| Arc::new(Meter::new(timeline))),
            nodes: Book::new(timeline),
            producing: Arc::new(Meter::new(timeline)),
            produced: Arc::new(Book::new(timeline)),
            consuming: Arc::new(Meter::new(timeline)),
            coordinating: Arc::new(Meter::new(timeline)),
            consumed: Arc::new(Book::new(timeline)),
            reading: Arc::new(Book::new(timeline)),
        }))
    }

    /// What was measured until now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_at(tokio::time::Instant::now().into_std())
    }

    /// What a connection records into.
    pub(crate) fn connection(&self, role: Role, node: Node) -> ConnectionMeter {
        let all = Arc::clone(self.0.network(role));
        all.set(|all| all.is_used = true);
        ConnectionMeter { all, node: self.0.nodes.meter(&(role, node)) }
    }

    /// What a producer records into.
    pub(crate) fn producer(&self) -> ProducerMeter {
        let (all, topics) = (Arc::clone(&self.0.producing), Arc::clone(&self.0.produced));
        ProducerMeter { all, topics }
    }

    /// What a consumer records into: its task, and its user's side.
    pub(crate) fn consumer(&self) -> (FetchMeter, ReadMeter) {
        let slots = Slots {
            topics: Arc::clone(&self.0.consumed),
            partitions: Arc::clone(&self.0.reading),
            meters: Vec::new(),
        };
        let all = || Arc::clone(&self.0.consuming);
        (FetchMeter::new(all(), slots.clone()), ReadMeter::new(all(), slots))
    }

    /// What the member of a group records into.
    pub(crate) fn member(&self) -> GroupMeter {
        GroupMeter::new(Arc::clone(&self.0.coordinating))
    }

    /// Metadata has come.
    pub(crate) fn metadata_came(&self, now: Instant) {
        self.0.facts.set(|facts| facts.metadata_at = Some(now));
    }

    fn snapshot_at(&self, now: Instant) -> Snapshot {
        let mut reader =
            Reader { registry: &self.0, at: self.0.timeline.at(now), found: Vec::new() };
        let of_client = reader.tags([]);
        reader.read_connections(&of_client);
        reader.read_producers(&of_client);
        reader.read_consumers(&of_client);
        reader.read_members(&of_client);
        let facts: usize = table::CLIENT.iter().map(|section| section.rows.len()).sum();
        let metrics = reader.found.len() + facts;
        self.0.facts.set(|facts| facts.metrics = metrics);
        table::CLIENT.iter().for_each(|section| {
            reader.read(section, &self.0.facts, &of_client);
        });
        Snapshot { metrics: reader.found }
    }
}

impl Registry {
    fn network(&self, role: Role) -> &Arc<Meter<Network>> {
        let [admin, consumer, producer] = &self.networks;
        match role {
            Role::Admin => admin,
            Role::Consumer => consumer,
            Role::Producer => producer,
        }
    }
}

/// Reads meters by the rows of tables.
struct Reader<'a> {
    registry: &'a Registry,
    at: Moment,
    found: Vec<Metric>,
}

impl Reader<'_> {
    fn read_connections(&mut self, of_client: &Tags) {
        let nodes = self.registry.nodes.all();
        for (of, section) in table::NETWORK {
            let meter = self.registry.network(*of);
            if meter.read(|all| all.is_used) {
                self.read(section, meter, of_client);
            }
        }
        for (of, section) in table::NODE {
            for ((_, node), meter) in nodes.iter().filter(|((role, _), _)| role == of) {
                let tags = self.tags([("node-id", node.tag().into())]);
                self.read(section, meter, &tags);
            }
        }
    }

    fn read_producers(&mut self, of_client: &Tags) {
        let registry = self.registry;
        if !registry.producing.read(|all| all.is_used) {
            return;
        }
        self.read(&table::PRODUCER, &registry.producing, of_client);
        self.read(&table::PRODUCER_FACTS, &registry.facts, of_client);
        for (topic, meter) in registry.produced.all() {
            let tags = self.tags([("topic", topic)]);
            self.read(&table::PRODUCER_TOPIC, &meter, &tags);
        }
    }

    fn read_consumers(&mut self, of_client: &Tags) {
        let registry = self.registry;
        if !registry.consuming.read(|all| all.is_used) {
            return;
        }
        self.read(&table::CONSUMER, &registry.consuming, of_client);
        self.read(&table::FETCH, &registry.consuming, of_client);
        self.read(&table::SKIP, &registry.consuming, of_client);
        for (topic, meter) in registry.consumed.all() {
            let tags = self.tags([("topic", topic)]);
            self.read(&table::FETCH_TOPIC, &meter, &tags);
            self.read(&table::SKIP_TOPIC, &meter, &tags);
        }
        // A partition that nobody reads any more has no lag.
        registry.reading.retain_held();
        for ((topic, partition), meter) in registry.reading.all() {
            let partition = partition.to_string().into();
            let tags = self.tags([("topic", topic), ("partition", partition)]);
            self.read(&table::FETCH_PARTITION, &meter, &tags);
        }
    }

    fn read_members(&mut self, of_client: &Tags) {
        let coordinating = &self.registry.coordinating;
        if coordinating.read(|all| all.is_used) {
            self.read(&table::GROUP_CALLS, coordinating, of_client);
            self.read(&table::GROUP, coordinating, of_client);
        }
    }

    fn read<S: Default>(&mut self, section: &Section<S>, meter: &Meter<S>, tags: &Tags) {
        let at = self.at;
        meter.read(|state| {
            self.found.extend(section.rows.iter().map(|row| Metric {
                group: section.group,
                name: row.name,
                about: row.about,
                unit: row.unit,
                value: match row.unit {
                    Unit::Text => Value::Text(env!("CARGO_PKG_VERSION")),
                    _ => Value::Number((row.read)(state, at)),
                },
                tags: Arc::clone(tags),
                level: section.level,
            }));
        });
    }

    /// The client's tags, and these.
    fn tags<const N: usize>(&self, more: [(&'static str, Arc<str>); N]) -> Tags {
        let client = ("client-id", Arc::clone(&self.registry.client_id));
        std::iter::once(client).chain(more).collect()
    }
}
