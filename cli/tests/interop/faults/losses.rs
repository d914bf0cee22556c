//! What may be lost is lost: a leader that confirmed alone dies.

use std::time::Duration;

use kurier_client::Client;
use kurier_client::consumer::{Start, Stop};
use kurier_client::producer::{Acks, ProducerConfig, Record};
use kurier_testkit::Isolation;
use kurier_testkit::history::{
    Action, Check, History, Invariant, Outcome, Recorder, Start as From, TopicPartition,
};
use tokio::runtime;

use super::cluster::{ALL, Kept, Way, cluster};
use super::shared::{config, producer_config};
use super::trial::fresh_topic;
use crate::real_brokers::{each_since, say};

// Row 26 of the fault matrix at a real cluster.

/// Records before the followers stand still, and meanwhile.
const BEFORE: u64 = 20;
const ALONE: u64 = 30;

#[test]
fn a_leader_that_confirmed_alone_and_dies_loses_records_and_that_shows() {
    each_since("4.4", "acks=1, and the leader dies", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, 1, Kept { in_sync_min: 1, ..Kept::WELL });
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let recorder = Recorder::new();
        let connecting = Client::builder(cluster.servers(Way::Plain)).config(config()).connect();
        let client = runtime.block_on(connecting).unwrap();
        let of = |acks| {
            let config = ProducerConfig { acks, linger: Duration::ZERO, ..producer_config() };
            runtime.block_on(client.producer().config(config).build()).unwrap()
        };
        let (by_all, by_leader) = (of(Acks::All), of(Acks::Leader));
        let send = |producer, value: u64| {
            let pending = recorder.send(1, TopicPartition::new(&*topic, 0), value);
            let value = value.to_string();
            let record = Record::to(&topic).partition(0).value(&value);
            let sent = runtime.block_on(kurier_client::Producer::send(producer, record));
            pending.acknowledged(sent.unwrap().offset);
        };
        // Those have what all replicas confirmed, and with it what came before.
        (0..BEFORE - 1).for_each(|value| send(&by_leader, value));
        send(&by_all, BEFORE - 1);
        let leader = cluster.leaders(&topic)[0];
        let others: Vec<i32> = ALL.into_iter().filter(|id| *id != leader).collect();
        cluster.pause(&others);
        (BEFORE..BEFORE + ALONE).for_each(|value| send(&by_leader, value));
        cluster.kill(&[leader]);
        cluster.resume(&others);
        (BEFORE + ALONE..BEFORE + 2 * ALONE).for_each(|value| send(&by_all, value));
        cluster.heal();
        cluster.wait_for_replicas(&topic);

        let found = runtime.block_on(read(&client, &topic, &recorder));
        let count = |those: std::ops::Range<u64>| {
            found.iter().filter(|value| those.contains(value)).count() as u64
        };
        let lost = ALONE - count(BEFORE..BEFORE + ALONE);
        say(&format!("acks=1: {lost} of {ALONE} records lost that a leader had confirmed alone"));
        assert_eq!(count(0..BEFORE), BEFORE, "what all had is there: {found:?}");
        let after = count(BEFORE + ALONE..BEFORE + 2 * ALONE);
        assert_eq!(after, ALONE, "what all confirmed is there: {found:?}");
        assert!(lost > 0, "records are lost");
        let broken = invariants(&recorder.history());
        assert!(broken.contains(&Invariant::J2), "the loss is found: {broken:?}");
    });
}

/// All there is, noted.
async fn read(client: &Client, topic: &str, recorder: &Recorder) -> Vec<u64> {
    let of = TopicPartition::new(topic, 0);
    recorder.note(2, Action::Assign(vec![(of.clone(), From::Earliest)]));
    let builder = client.consumer().stop(Stop::End).assign([(topic, 0, Start::Earliest)]);
    let mut consumer = builder.start().unwrap();
    let mut found = Vec::new();
    let polling = recorder.poll(2, Isolation::Uncommitted);
    while let Some(batch) = consumer.next().await {
        let batch = batch.unwrap();
        for record in batch.records().map(|record| record.unwrap()) {
            let value = std::str::from_utf8(record.value.unwrap()).unwrap();
            found.push((record.offset, value.parse().unwrap()));
        }
    }
    let values = found.iter().map(|(_, value)| *value).collect();
    polling.polled(of, found);
    polling.end(Outcome::Ok);
    values
}

/// What is broken.
fn invariants(history: &History) -> Vec<Invariant> {
    let mut found: Vec<_> = Check::new().run(history).iter().map(|one| one.invariant).collect();
    found.dedup();
    found
}
