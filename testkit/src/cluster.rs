//! The cluster as its owner holds it: reach it, look into it, break it.

use std::sync::Arc;

use bytes::Bytes;
use kurier_env::{Env, Purpose};
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::record::{RecordBatch, RecordBatches};
use kurier_protocol::{ApiKey, Uuid};

use crate::clock::Now;
use crate::codecs::Codecs;
use crate::error::ListenError;
use crate::net::{Fabric, MemoryNet, Network};
use crate::produced::Produced;
use crate::producer_state::Stranger;
use crate::recorder::RecordedRequest;
use crate::sabotage::{Sabotage, Saboteur};
use crate::shared::{Power, Shared};
use crate::state::{ListenerId, NewTopic, Partition, State};
use crate::tcp::{TcpCluster, listen};
#[cfg(feature = "tls")]
use crate::tls::{ClientCertificate, Tls};
use crate::topic_config::TopicConfig;

/// A Kafka cluster in memory. Cloning shares it.
///
/// Methods that are given a topic, partition or broker panic if there is none, unless they say
/// otherwise: that is an error of the test, not something to handle.
#[derive(Clone, Debug)]
pub struct TestCluster {
    pub(crate) shared: Arc<Shared>,
    fabric: Arc<Fabric>,
}

/// Ways to reach the brokers.
impl TestCluster {
    pub(crate) fn new(shared: Shared) -> Self {
        let fabric = Arc::new(Fabric::new(shared.chance.next(Purpose::Fault)));
        Self { shared: Arc::new(shared), fabric }
    }

    /// A world in which the brokers are the whole network: their wall clock, and chance from
    /// `seed`. Connecting needs a tokio runtime, on which the brokers then run.
    #[must_use]
    pub fn env(&self, seed: u64) -> Env {
        self.env_for("client", seed)
    }

    /// The same for a client whose part of the [`network`](Self::network) has a name; that of
    /// [`env`](Self::env) is `client`.
    #[must_use]
    pub fn env_for(&self, client: &str, seed: u64) -> Env {
        let (shared, fabric) = (Arc::clone(&self.shared), Arc::clone(&self.fabric));
        let net = Arc::new(MemoryNet::new(shared, fabric, client));
        Env::simulated(net, Arc::clone(&self.shared.wall), seed)
    }

    /// The network in the world of [`env`](Self::env), to be slowed down, cut and healed.
    #[must_use]
    pub fn network(&self) -> Network {
        Network::new(Arc::clone(&self.fabric))
    }

    /// The addresses of the brokers in the world of [`env`](Self::env), as `host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> Vec<String> {
        self.look(|state| {
            let addresses = state.broker_ids().map(|id| state.address(id, ListenerId::MEMORY));
            addresses.flatten().map(ToString::to_string).collect()
        })
    }

    /// Opens a TCP port for each broker: free ones if `port` is 0, else `port` and those after it.
    /// Clients are told `host` and the ports, unless the cluster's builder was told what else:
    /// [`advertised_host`](crate::Builder::advertised_host), [`advertised_port`].
    ///
    /// [`advertised_port`]: crate::Builder::advertised_port
    ///
    /// # Errors
    ///
    /// A port cannot be opened, or none can be told to clients; the error says which.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the ports again.
    pub async fn serve_tcp(&self, host: &str, port: u16) -> Result<TcpCluster, ListenError> {
        listen(&self.shared, host, port).await
    }
}

/// Who trusts whom.
#[cfg(feature = "tls")]
impl TestCluster {
    /// The certificate that clients must trust to reach the brokers through TLS, in PEM: what
    /// `ssl.truststore.certificates` takes. `None` without TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<String> {
        self.shared.security.tls.as_ref().map(Tls::ca_pem)
    }

    /// A certificate for a client, which the brokers trust.
    ///
    /// # Panics
    ///
    /// The cluster does not speak TLS, or the system has no random numbers.
    #[must_use]
    pub fn client_certificate(&self, name: &str) -> ClientCertificate {
        let tls = self.shared.security.tls.as_ref().expect("the cluster speaks TLS");
        tls.client(name).unwrap_or_else(|error| panic!("no certificate for {name}: {error}"))
    }
}

/// Looking into the cluster.
impl TestCluster {
    /// The requests that the brokers got, oldest first: the latest 100,000, or as many as
    /// [`requests_kept`](crate::Builder::requests_kept) says, and no more than 256 MiB of them.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.with(|core, _| core.recorder.requests().cloned().collect())
    }

    /// The record batches of a partition as producers sent them, refused ones included, as far as
    /// the requests are remembered. What is no batch is left out. What was sent to a
    /// partition that is not there counts as well.
    #[must_use]
    pub fn received(&self, topic: &str, partition: i32) -> Vec<RecordBatch> {
        let id = self.topic_id(topic).unwrap_or_default();
        let mut found = Vec::new();
        for recorded in self.requests().iter().filter(|r| r.api == ApiKey::PRODUCE) {
            let request = recorded.decode::<ProduceRequest>();
            for sent in request
                .topic_data
                .iter()
                .filter(|sent| sent.name == topic || (sent.topic_id == id && !id.is_zero()))
            {
                let data = sent.partition_data.iter().filter(|data| data.index == partition);
                for records in data.filter_map(|data| data.records.clone()) {
                    found.extend(RecordBatches::new(records.0).flatten());
                }
            }
        }
        found
    }

    /// The record batches of a partition as they are stored.
    #[must_use]
    pub fn batches(&self, topic: &str, partition: i32) -> Vec<RecordBatch> {
        self.at(topic, partition, |p| p.log.batches().map(|stored| stored.batch.clone()).collect())
    }

    /// The offset after the last record that consumers can read: all replicas in sync have the
    /// records before it.
    #[must_use]
    pub fn high_watermark(&self, topic: &str, partition: i32) -> i64 {
        self.at(topic, partition, Partition::high_watermark)
    }

    /// The offset of the first record.
    #[must_use]
    pub fn log_start(&self, topic: &str, partition: i32) -> i64 {
        self.at(topic, partition, |p| p.log.start())
    }

    /// The broker that leads a partition, if one does.
    #[must_use]
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        self.at(topic, partition, |p| p.leader)
    }

    /// The leader epoch of a partition.
    #[must_use]
    pub fn leader_epoch(&self, topic: &str, partition: i32) -> i32 {
        self.at(topic, partition, |p| p.leader_epoch)
    }

    /// The names of the topics, in order.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        self.look(|state| state.topics().map(|(name, _)| name.to_string()).collect())
    }

    /// How many partitions a topic has; `None` if there is no such topic.
    #[must_use]
    pub fn partition_count(&self, topic: &str) -> Option<i32> {
        self.look(|state| {
            state.topic(topic).map(|t| i32::try_from(t.partitions.len()).unwrap_or(i32::MAX))
        })
    }

    /// The id of a topic; `None` if there is no such topic. Zero before release 2.8.
    #[must_use]
    pub fn topic_id(&self, topic: &str) -> Option<Uuid> {
        self.look(|state| state.topic(topic).map(|topic| topic.id))
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.shared.with(|core, _| look(&core.state))
    }

    /// Changes the state, and wakes whoever waits for that.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State, Now) -> T) -> T {
        self.shared.with(|core, now| {
            let changed = change(&mut core.state, now);
            core.state.push_change();
            changed
        })
    }

    /// Changes each partition of a topic, at a time of the wall clock.
    #[track_caller]
    pub(crate) fn each_partition(
        &self,
        topic: &str,
        mut change: impl FnMut(&mut Partition, (&TopicConfig, &mut Codecs), i64),
    ) {
        let count = self.partition_count(topic);
        let count = count.unwrap_or_else(|| panic!("there is no topic {topic}"));
        self.change(|state, now| {
            for partition in 0..count {
                if let Some((config, found, codecs)) = state.parts_mut(topic, partition) {
                    change(found, (config, codecs), now.millis);
                }
            }
        });
    }

    #[track_caller]
    pub(crate) fn at<T>(
        &self,
        topic: &str,
        partition: i32,
        look: impl FnOnce(&Partition) -> T,
    ) -> T {
        let found = self.look(|state| state.partition(topic, partition).map(look));
        found.unwrap_or_else(|| panic!("there is no partition {topic}-{partition}"))
    }
}

/// Changing and breaking things.
impl TestCluster {
    /// Stops a broker: its connections are cut at once and new ones refused. Partitions that it
    /// led go to another replica that runs, at once.
    ///
    /// # Panics
    ///
    /// There is no such broker.
    pub fn kill_broker(&self, broker: i32) {
        let is_there = self.shared.with(|core, now| core.state.stop(broker, now.instant));
        assert!(is_there, "there is no broker {broker}");
        self.shared.end_life(broker, Some(Power::Off));
    }

    /// Starts a broker again, with its records.
    ///
    /// # Panics
    ///
    /// There is no such broker.
    pub fn restart_broker(&self, broker: i32) {
        let is_there = self.shared.with(|core, now| core.state.start(broker, now.instant));
        assert!(is_there, "there is no broker {broker}");
        self.shared.set_paused(broker, false);
        self.shared.end_life(broker, Some(Power::On));
    }

    /// Cuts the connections of a broker, which goes on.
    ///
    /// # Panics
    ///
    /// There is no such broker.
    pub fn drop_connections(&self, broker: i32) {
        let is_there = self.look(|state| state.broker_ids().any(|id| id == broker));
        assert!(is_there, "there is no broker {broker}");
        self.shared.end_life(broker, None);
    }

    /// Makes another replica the leader of a partition, with the next epoch: one in sync, as an
    /// election by Kafka's controller would. [`truncate`](Self::truncate) does what an unclean one
    /// does.
    ///
    /// # Panics
    ///
    /// There is no such partition, or the broker is not one of its replicas in sync or does not
    /// run.
    pub fn move_leader(&self, topic: &str, partition: i32, broker: i32) {
        self.shared.with(|core, _| {
            let is_alive = core.state.is_alive(broker);
            let found = partition_mut(&mut core.state, topic, partition);
            assert!(
                is_alive && found.in_sync.contains(&broker),
                "broker {broker} is no replica in sync of {topic}-{partition}"
            );
            found.set_leader(Some(broker));
        });
    }

    /// Deletes the records before an offset.
    ///
    /// # Panics
    ///
    /// There is no such partition, or the offset is beyond its high watermark.
    pub fn set_log_start(&self, topic: &str, partition: i32, offset: i64) {
        let done = self.shared.with(|core, _| core.state.set_log_start(topic, partition, offset));
        done.unwrap_or_else(|code| panic!("{topic}-{partition} at {offset}: {code}"));
    }

    /// Loses the records from an offset on, whole batches, as an unclean election does; the leader
    /// epoch grows.
    ///
    /// # Panics
    ///
    /// There is no such partition.
    pub fn truncate(&self, topic: &str, partition: i32, offset: i64) {
        self.shared
            .with(|core, _| partition_mut(&mut core.state, topic, partition).truncate(offset));
    }

    /// Appends record batches as if a producer had sent them with a version of Produce that fits
    /// their magic, and gives the offset of the first record.
    ///
    /// # Panics
    ///
    /// There is no such partition, or the broker would have refused the batches.
    pub fn append(&self, topic: &str, partition: i32, records: impl Into<Bytes>) -> i64 {
        let records: Bytes = records.into();
        let appended = self.shared.with(|core, now| {
            let parts = core.state.parts_mut(topic, partition);
            let (config, found, codecs) =
                parts.unwrap_or_else(|| panic!("there is no partition {topic}-{partition}"));
            let millis = now.millis;
            let magic = records.get(16).copied().unwrap_or(2);
            let version = if magic == 2 { PRODUCE_VERSION } else { i16::from(magic) + 1 };
            let checked =
                Produced { records: &records, version, of: (topic, partition), config, millis }
                    .check(codecs)
                    .map_err(|refusal| format!("{}: {}", refusal.code, refusal.message))?;
            let when = (now, Stranger::Anywhere);
            let appended = found.append(&checked, when, (config, codecs));
            core.state.push_change();
            appended.map_err(|refusal| format!("{}: {}", refusal.code, refusal.message))
        });
        appended.unwrap_or_else(|reason| panic!("not appended: {reason}")).base_offset
    }

    /// Creates a topic.
    ///
    /// # Panics
    ///
    /// It cannot be created.
    pub fn create_topic(&self, name: &str, partitions: i32) {
        let new = NewTopic { name, partitions, replication: -1, ..NewTopic::default() };
        let planned = self.shared.with(|core, _| {
            core.state.plan_topic(&new).map(|planned| core.state.add_topic(name, planned))
        });
        planned.unwrap_or_else(|(code, reason)| panic!("{code}: {reason}"));
    }

    /// Deletes a topic and its records.
    ///
    /// # Panics
    ///
    /// There is no such topic.
    pub fn delete_topic(&self, name: &str) {
        let is_gone = self.shared.with(|core, _| core.state.remove_topic(name));
        assert!(is_gone, "there is no topic {name}");
    }

    /// Changes a setting of a topic, by Kafka's name for it.
    ///
    /// # Panics
    ///
    /// There is no such topic or setting, or it does not take this value.
    pub fn set_topic_config(&self, topic: &str, name: &str, value: &str) {
        let done = self.shared.with(|core, _| {
            let found = core.state.topic_mut(topic);
            let found = found.ok_or_else(|| format!("there is no topic {topic}"))?;
            found.set_config(name, value)
        });
        done.unwrap_or_else(|reason| panic!("{reason}"));
    }

    /// Lets the brokers break a promise from now on, or keep all of them (`None`, as from the
    /// start). Only for tests of those who must notice it.
    pub fn sabotage(&self, what: impl Into<Option<Sabotage>>) {
        self.shared.with(|core, _| core.state.saboteur = Saboteur(what.into()));
    }
}

#[track_caller]
fn partition_mut<'a>(state: &'a mut State, topic: &str, partition: i32) -> &'a mut Partition {
    let found = state.partition_mut(topic, partition);
    found.unwrap_or_else(|| panic!("there is no partition {topic}-{partition}"))
}

/// The version of Produce whose rules [`TestCluster::append`] follows.
const PRODUCE_VERSION: i16 = 7;
