//! What a cluster is asked and told about its topics, release by release.

use std::time::Duration;

use kurier_client::metadata::Partition;
use kurier_client::{Client, Error, NewTopic, Target};
use kurier_protocol::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use kurier_protocol::api::elect_leaders::{ElectLeadersRequest, TopicPartitions};
use kurier_protocol::api::find_coordinator::FindCoordinatorRequest;
use kurier_protocol::{ErrorCode, Str};

use super::cluster::{Cluster, Kept, Way};
use crate::run::{text, wait_until};
use crate::tools::kafka_broker;

/// How long an answer may take when all is well, and in the midst of trouble.
const PATIENCE: Duration = Duration::from_secs(15);
const IMPATIENCE: Duration = Duration::from_secs(3);

impl Cluster {
    /// Makes a topic, and waits until all replicas are in sync.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, kept: Kept) {
        if self.release.has_create_topics() {
            self.create_by_request(name, partitions, kept);
        } else {
            let in_sync = format!("min.insync.replicas={}", kept.in_sync_min);
            let (partitions, replicas) = (partitions.to_string(), kept.replicas.to_string());
            let counts = ["--partitions", &partitions, "--replication-factor", &replicas];
            let named = ["--create", "--topic", name, "--config", &in_sync];
            self.zookeeper_tool("TopicCommand", &[&named[..], &counts].concat());
        }
        self.wait_for_replicas(name);
    }

    fn create_by_request(&self, name: &str, partitions: i32, kept: Kept) {
        let topic = NewTopic::new(name).partitions(partitions).replication_factor(kept.replicas);
        let topic = topic.config("min.insync.replicas", kept.in_sync_min.to_string());
        let made = || {
            self.ask(PATIENCE, async |client: Client| {
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
    }

    /// A tool of old releases, which speaks to ZooKeeper.
    fn zookeeper_tool(&self, name: &str, args: &[&str]) {
        let zookeeper = format!("127.0.0.1:{}", self.state("PORT_ZK"));
        let class = format!("kafka.admin.{name}");
        let mut tool = kafka_broker(&["tool", &self.release.to_string(), &class]);
        text(tool.args(["--zookeeper", &zookeeper]).args(args), "");
    }

    /// Waits until all replicas of a topic are in sync.
    pub(crate) fn wait_for_replicas(&self, topic: &str) {
        wait_until("all replicas are in sync", || {
            let is_full =
                |partition: &Partition| partition.in_sync.len() == partition.replicas.len();
            self.partitions(topic).is_some_and(|all| !all.is_empty() && all.iter().all(is_full))
        });
    }

    /// The leader of each partition.
    pub(crate) fn leaders(&self, topic: &str) -> Vec<i32> {
        let partitions = self.partitions(topic).unwrap();
        partitions.iter().map(|partition| partition.leader.unwrap().broker).collect()
    }

    /// The brokers that have a partition.
    pub(crate) fn replicas(&self, topic: &str, partition: i32) -> Vec<i32> {
        self.described(topic, partition, |found| found.replicas.clone())
    }

    /// Those that have all of it.
    pub(crate) fn in_sync(&self, topic: &str, partition: i32) -> Vec<i32> {
        self.described(topic, partition, |found| found.in_sync.clone())
    }

    fn described(
        &self,
        topic: &str,
        partition: i32,
        get: impl Fn(&Partition) -> Vec<i32>,
    ) -> Vec<i32> {
        let mut partitions = self.partitions(topic).unwrap_or_default().into_iter();
        partitions
            .find(|found| found.index == partition)
            .map(|found| get(&found))
            .unwrap_or_default()
    }

    /// Gives a partition whose leader is gone one that has not all of its records.
    pub(crate) fn elect_uncleanly(&self, topic: &str, partition: i32, to: i32) {
        let partitions = vec![TopicPartitions { topic: topic.into(), partitions: vec![partition] }];
        let topic_partitions = Some(partitions);
        let request =
            ElectLeadersRequest { election_type: 1, topic_partitions, timeout_ms: 10_000 };
        let leads = |found: &Partition| {
            found.index == partition && found.leader.is_some_and(|leader| leader.broker == to)
        };
        wait_until("an unclean election", || {
            // It is refused as long as the old leader is not known to be gone.
            let _ = self.ask(PATIENCE, async |client: Client| {
                client.request(Target::Controller, request.clone()).await
            });
            self.partitions(topic).is_some_and(|all| all.iter().any(leads))
        });
    }

    /// Makes the first replica of each partition its leader again.
    pub(crate) fn elect_preferred(&self, topic: &str) {
        wait_until("the first replicas lead", || {
            let leads = |partition: &Partition| {
                partition.leader.map(|leader| leader.broker) == partition.replicas.first().copied()
            };
            self.elect(PATIENCE) && self.partitions(topic).is_some_and(|all| all.iter().all(leads))
        });
    }

    /// Gives each partition back to the leader that it had at first. Old releases do not tell the
    /// order of the replicas, and elect by a tool.
    pub(crate) fn give_back(&self, topic: &str, leaders: &[i32]) {
        if self.release.at_least("2.4") {
            self.elect_preferred(topic);
        } else {
            self.zookeeper_tool("PreferredReplicaLeaderElectionCommand", &[]);
        }
        wait_until("the first leaders lead", || self.leaders(topic) == leaders);
    }

    /// Whether elections of all first replicas took place.
    fn elect(&self, patience: Duration) -> bool {
        // None is all; an empty list would be none.
        let request = ElectLeadersRequest { topic_partitions: None, ..Default::default() };
        let elected = self.ask(patience, async |client: Client| {
            client.request(Target::Controller, request).await
        });
        elected.is_ok_and(|elected| elected.error_code.is_ok())
    }

    /// Makes another replica the leader of a partition, if that can be done now. Whether it could.
    pub(crate) fn try_move_leader(&self, topic: &str, partition: i32, to: i32) -> bool {
        let moved = self.ask(IMPATIENCE, async |client: Client| {
            let described = client.admin().describe_topics([topic]).await?;
            let known = described.into_iter().next().unwrap()?;
            let mut replicas = known.partition(partition).unwrap().replicas.clone();
            replicas.sort_by_key(|id| *id != to);
            let partition_index = partition;
            let partition = ReassignablePartition { partition_index, replicas: Some(replicas) };
            let topic = ReassignableTopic { name: topic.into(), partitions: vec![partition] };
            let request =
                AlterPartitionReassignmentsRequest { topics: vec![topic], ..Default::default() };
            client.request(Target::Controller, request).await
        });
        moved.is_ok_and(|moved| moved.error_code.is_ok()) && self.elect(IMPATIENCE)
    }

    /// The broker that looks after a transactional id.
    pub(crate) fn transaction_coordinator(&self, id: &str) -> i32 {
        let mut found = None;
        wait_until("the coordinator is found", || {
            let answer = self.ask(PATIENCE, async |client: Client| {
                let key_type = 1;
                let coordinator_keys = vec![Str::from(id)];
                let request =
                    FindCoordinatorRequest { key_type, coordinator_keys, ..Default::default() };
                client.request(Target::Any, request).await
            });
            found = answer.ok().and_then(|answer| {
                let coordinator = answer.coordinators.into_iter().next()?;
                coordinator.error_code.is_ok().then_some(coordinator.node_id)
            });
            found.is_some()
        });
        found.unwrap()
    }

    /// The partitions of a topic, if somebody tells.
    fn partitions(&self, topic: &str) -> Option<Vec<Partition>> {
        let described = self
            .ask(PATIENCE, async |client: Client| client.admin().describe_topics([topic]).await);
        Some(described.ok()?.into_iter().next()?.ok()?.partitions.clone())
    }

    /// Asks by a client that was made for it.
    fn ask<T>(
        &self,
        patience: Duration,
        ask: impl AsyncFnOnce(Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.runtime.block_on(async {
            let client = Client::builder(self.servers(Way::Plain));
            let client = client.request_timeout(patience).bootstrap_timeout(patience);
            ask(client.connect().await?).await
        })
    }
}
