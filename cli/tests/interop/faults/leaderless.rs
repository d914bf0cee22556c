//! The only replica of a partition is killed in mid-transaction, and the transaction ends before it
//! is back. Brokers 4.3.1 and 4.4.0 leave such a partition out (KAFKA-20734).

use kurier_client::Client;
use kurier_client::producer::Record;
use kurier_client::transactional::{Transaction, TransactionalProducer};
use tokio::runtime::{self, Runtime};

use super::cluster::{Cluster, Kept, Way, cluster};
use super::reading::wait_for_committed;
use super::shared::{config, producer_config};
use super::trial::fresh_topic;
use crate::real_brokers::each_since;

/// Only one broker has it.
const ALONE: Kept = Kept { replicas: 1, in_sync_min: 1 };

/// An open transaction with a record in the only partition of a topic.
struct Stage {
    runtime: Runtime,
    client: Client,
    producer: TransactionalProducer,
    topic: String,
    id: String,
    leader: i32,
}

impl Stage {
    fn new(cluster: &Cluster) -> Self {
        // Who was killed before leads little: one broker may coordinate all transactions.
        let (topic, leader, id) = (0..20)
            .find_map(|_| {
                let topic = fresh_topic();
                cluster.create_topic(&topic, 1, ALONE);
                let leader = cluster.leaders(&topic)[0];
                let mut ids = (0..20).map(|number| format!("{topic}-{number}"));
                let id = ids.find(|id| cluster.transaction_coordinator(id) != leader)?;
                Some((topic, leader, id))
            })
            .expect("a topic whose leader does not coordinate every transaction");
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let (client, producer) = runtime.block_on(async {
            let connecting = Client::builder(cluster.servers(Way::Plain)).config(config());
            let client = connecting.connect().await.unwrap();
            let producer = build(&client, &id).await;
            (client, producer)
        });
        Self { runtime, client, producer, topic, id, leader }
    }

    /// A transaction in which the leader dies.
    fn bereaved(&self, cluster: &mut Cluster, value: &str) -> Transaction {
        let mut transaction = None;
        self.runtime.block_on(async {
            let open = self.producer.begin().await.unwrap();
            open.send(Record::to(&self.topic).value(value)).await.unwrap();
            transaction = Some(open);
        });
        cluster.kill(&[self.leader]);
        transaction.unwrap()
    }

    /// The leader comes back while the next transaction begins; that is committed.
    fn commit_next(&self, cluster: &mut Cluster, producer: &TransactionalProducer, value: &str) {
        let (producer, topic, value) = (producer.clone(), self.topic.clone(), value.to_owned());
        let next = self.runtime.spawn(async move {
            let mut next = producer.begin().await.unwrap();
            next.send(Record::to(&topic).value(&value)).await.unwrap();
            next.commit().await.unwrap();
        });
        cluster.restart(&[self.leader]);
        self.runtime.block_on(next).unwrap();
    }

    fn wait_for_committed(&self, wanted: &[&str]) {
        self.runtime.block_on(wait_for_committed(&self.client, &self.topic, wanted));
    }
}

async fn build(client: &Client, id: &str) -> TransactionalProducer {
    client.transactional_producer(id).config(producer_config()).build().await.unwrap()
}

#[test]
fn what_is_aborted_without_a_leader_stays_aborted_after_the_next_commit() {
    each_since("4.4", "aborted without a leader", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let stage = Stage::new(cluster);
        for (aborted, committed) in [("1", "2"), ("3", "4")] {
            let mut transaction = stage.bereaved(cluster, aborted);
            stage.runtime.block_on(transaction.abort()).unwrap();
            drop(transaction);
            stage.commit_next(cluster, &stage.producer, committed);
        }
        stage.wait_for_committed(&["2", "4"]);
    });
}

#[test]
fn what_a_takeover_aborts_without_a_leader_stays_aborted_after_the_next_commit() {
    each_since("4.4", "taken over without a leader", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let stage = Stage::new(cluster);
        let open = stage.bereaved(cluster, "1");
        let (client, id) = (stage.client.clone(), stage.id.clone());
        let second = stage.runtime.spawn(async move { build(&client, &id).await });
        cluster.restart(&[stage.leader]);
        let second = stage.runtime.block_on(second).unwrap();
        stage.commit_next(cluster, &second, "2");
        stage.wait_for_committed(&["2"]);
        drop(open);
    });
}

#[test]
fn a_commit_without_a_leader_is_there_when_it_is_called_done() {
    each_since("4.4", "committed without a leader", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let stage = Stage::new(cluster);
        let mut transaction = stage.bereaved(cluster, "1");
        let ending = stage.runtime.spawn(async move { transaction.commit().await });
        cluster.restart(&[stage.leader]);
        stage.runtime.block_on(ending).unwrap().unwrap();
        stage.commit_next(cluster, &stage.producer, "2");
        stage.wait_for_committed(&["1", "2"]);
    });
}
