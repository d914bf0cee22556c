//! The coordinator of a transaction is killed and moves, and its answers are lost.

use std::time::Duration;

use kurier_client::producer::Record;
use kurier_client::transactional::TransactionalProducer;
use kurier_client::{Client, Error};
use tokio::runtime::{self, Runtime};
use tokio::task::JoinHandle;

use super::cluster::{Cluster, Kept, Way, cluster};
use super::reading::wait_for_committed;
use super::shared::{config, producer_config};
use super::trial::fresh_topic;
use crate::proxy::{Flow, Lane, Weather};
use crate::real_brokers::each_since;

// Rows 28 and 37 of the fault matrix at a real cluster.

/// Transactions under one id, the records in a topic of this name.
struct Stage {
    runtime: Runtime,
    client: Client,
    producer: TransactionalProducer,
    topic: String,
}

impl Stage {
    fn new(cluster: &Cluster, way: Way) -> Self {
        let topic = fresh_topic();
        cluster.create_topic(&topic, 1, Kept::WELL);
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let (client, producer) = runtime.block_on(async {
            let connecting = Client::builder(cluster.servers(way)).config(config()).connect();
            let client = connecting.await.unwrap();
            let builder = client.transactional_producer(&topic).config(producer_config());
            let producer = builder.build().await.unwrap();
            (client, producer)
        });
        Self { runtime, client, producer, topic }
    }

    /// Writes two records with something between them, and begins to commit them.
    fn commit(&self, values: [&str; 2], between: impl FnOnce()) -> JoinHandle<Result<(), Error>> {
        let record = |value| Record::to(&self.topic).value(value);
        let mut transaction = self.runtime.block_on(self.producer.begin()).unwrap();
        self.runtime.block_on(transaction.send(record(values[0]))).unwrap();
        between();
        self.runtime.block_on(transaction.send(record(values[1]))).unwrap();
        self.runtime.spawn(async move { transaction.commit().await })
    }

    fn wait_for_committed(&self, wanted: &[&str]) {
        self.runtime.block_on(wait_for_committed(&self.client, &self.topic, wanted));
    }
}

#[test]
fn a_coordinator_that_is_killed_in_mid_transaction_is_followed() {
    each_since("4.4", "the coordinator killed in mid-transaction", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let stage = Stage::new(cluster, Way::Plain);
        let coordinator = cluster.transaction_coordinator(&stage.topic);
        let ending = stage.commit(["1", "2"], || cluster.kill(&[coordinator]));
        stage.runtime.block_on(ending).unwrap().unwrap();
        assert_ne!(cluster.transaction_coordinator(&stage.topic), coordinator);
        cluster.heal();
        cluster.wait_for_replicas(&stage.topic);
        // As the end is asked for, too.
        let coordinator = cluster.transaction_coordinator(&stage.topic);
        let ending = stage.commit(["3", "4"], || ());
        cluster.kill(&[coordinator]);
        stage.runtime.block_on(ending).unwrap().unwrap();
        let ending = stage.commit(["5", "6"], || ());
        stage.runtime.block_on(ending).unwrap().unwrap();
        stage.wait_for_committed(&["1", "2", "3", "4", "5", "6"]);
    });
}

#[test]
fn a_commit_whose_answer_is_lost_with_its_coordinator_has_happened_once() {
    each_since("4.4", "the answer to a commit lost, its coordinator gone", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let stage = Stage::new(cluster, Way::Proxied);
        let coordinator = cluster.transaction_coordinator(&stage.topic);
        let lost = Lane { flow: Flow::Lost, ..Lane::default() };
        let ending = stage.commit(["1", "2"], || ());
        stage.runtime.block_on(ending).unwrap().unwrap();
        let mut transaction = stage.runtime.block_on(stage.producer.begin()).unwrap();
        let record = Record::to(&stage.topic).value("3");
        stage.runtime.block_on(transaction.send(record)).unwrap();
        cluster.proxy(coordinator).set(Weather::answers(lost));
        let ending = stage.runtime.spawn(async move { transaction.commit().await });
        std::thread::sleep(Duration::from_secs(1));
        cluster.kill(&[coordinator]);
        cluster.proxy(coordinator).set(Weather::default());
        stage.runtime.block_on(ending).unwrap().unwrap();
        let ending = stage.commit(["4", "5"], || ());
        stage.runtime.block_on(ending).unwrap().unwrap();
        stage.wait_for_committed(&["1", "2", "3", "4", "5"]);
    });
}
