//! Half a minute of kills by chance: what was acknowledged is there exactly once and in order, what
//! was refused is not there, and what may have been written is there once at most.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::producer::ProducerConfig;
use kurier_protocol::record::Compression;
use kurier_testkit::history::{Action, History};

use super::cluster::{Kept, Way, cluster};
use super::dice::seed;
use super::nemesis::rage;
use super::shared::{PARTITIONS, producer_config};
use super::traffic::Traffic;
use super::transacting::account_of_transactions;
use super::trial::{account, fresh_topic, judge};
use crate::real_brokers::{each_since, say};
use crate::tools::Java;

/// How long nodes are killed.
const RAGE: Duration = Duration::from_secs(30);

/// Those with the defaults, with large batches, and with so little time that records fail.
fn producers() -> [ProducerConfig; 3] {
    let base = producer_config();
    let large = Duration::from_millis(100);
    [
        base.clone(),
        ProducerConfig { linger: large, compression: Compression::Lz4, ..base.clone() },
        ProducerConfig {
            request_timeout: Duration::from_secs(1),
            delivery_timeout: Duration::from_secs(2),
            ..base
        },
    ]
}

/// Producers of transactions.
const WRITERS: u32 = 3;

#[test]
fn random_kills_lose_and_double_nothing() {
    each_since("4.4", "random kills, idempotent producers", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, PARTITIONS, Kept::WELL);
        let traffic = Traffic::of(&producers(), &cluster.servers(Way::Plain), &topic);
        traffic.flows("before anything happens");
        let deeds = rage(cluster, &topic, seed(), RAGE);
        say(&format!("random kills: {deeds}"));
        let seen = traffic.finish();
        judge(&seen);
        say(&format!("random kills, idempotent producers: {}", account(&seen)));
    });
}

#[test]
fn random_kills_tear_no_transaction() {
    each_since("4.4", "random kills, transactions", |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, PARTITIONS, Kept::WELL);
        let seed = seed();
        let servers = cluster.servers(Way::Plain);
        let traffic = Traffic::transactions(WRITERS, &servers, &topic, seed);
        traffic.flows("before anything happens");
        let deeds = rage(cluster, &topic, seed, RAGE);
        say(&format!("random kills: {deeds}"));
        let seen = traffic.finish();
        judge(&seen);
        let ours = committed(&seen.history);
        let java = Java { release, bootstrap: &servers.join(","), realm: None };
        let theirs = committed_by_java(&java, &topic, &ours);
        assert!(ours == theirs, "Java reads what we read: {} of {}", theirs.len(), ours.len());
        say(&format!("random kills, transactions: {}", account_of_transactions(&seen.history)));
    });
}

/// What our reader of committed records was given, partition by partition.
fn committed(history: &History) -> BTreeMap<i32, Vec<u64>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for operation in &history.operations {
        if let Action::Poll(polled) = &operation.action {
            for stretch in &polled.stretches {
                let values = stretch.records.iter().map(|(_, value)| *value);
                all.entry(stretch.of.partition).or_default().extend(values);
            }
        }
    }
    all
}

/// What Java's console gives of committed records, as many as ours were: the last one of each
/// partition is one that is committed, so that one too many shows.
fn committed_by_java(
    java: &Java<'_>,
    topic: &str,
    ours: &BTreeMap<i32, Vec<u64>>,
) -> BTreeMap<i32, Vec<u64>> {
    let args = ["--isolation-level", "read_committed", "--from-beginning"];
    let print = ["--formatter-property", "print.partition=true"];
    let count = ours.values().map(Vec::len).sum();
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for line in java.console_consume(topic, &[&args[..], &print].concat(), count).lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let partition = fields.iter().find_map(|field| field.strip_prefix("Partition:"));
        let value = fields.last().unwrap().parse().unwrap();
        all.entry(partition.unwrap().parse().unwrap()).or_default().push(value);
    }
    all
}
