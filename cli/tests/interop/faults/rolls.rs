//! Brokers are restarted one after the other while a group reads and commits.

use super::cluster::{ALL, Cluster, Kept, Way, cluster};
use super::members::{Kind, Member, Protocol, judge_group};
use super::shared::PARTITIONS;
use super::traffic::Traffic;
use super::trial::{account, fresh_topic};
use crate::real_brokers::{each_of, each_since, say};

#[test]
fn a_classic_group_loses_nothing_while_brokers_are_restarted_one_by_one() {
    each_since("4.4", "brokers restarted under a classic group", |release| {
        let mut shared = cluster(release);
        roll(shared.as_mut().unwrap(), Protocol::Classic);
    });
}

#[test]
fn a_group_that_its_coordinator_divides_loses_nothing_while_brokers_are_restarted_one_by_one() {
    each_since("4.4", "brokers restarted under a group of KIP-848", |release| {
        let mut shared = cluster(release);
        roll(shared.as_mut().unwrap(), Protocol::Consumer);
    });
}

#[test]
fn a_group_of_old_brokers_loses_nothing_while_they_are_restarted_one_by_one() {
    let is_old = |release: &crate::release::Release| !release.at_least("3.3");
    each_of(is_old, "old brokers restarted under a group", |release| {
        roll(&mut Cluster::of(release, 3, &[]), Protocol::Classic);
    });
}

fn roll(cluster: &mut Cluster, protocol: Protocol) {
    let topic = fresh_topic();
    cluster.create_topic(&topic, PARTITIONS, Kept::WELL);
    let servers = cluster.servers(Way::Plain);
    let (traffic, group) = Traffic::for_group(&servers, &topic);
    let kind = Kind::ours(protocol);
    let by_the_clock = Kind { by_the_clock: true, ..kind };
    let members = Member::crew(&[kind, kind, by_the_clock], &servers, &group);
    traffic.flows("before anything happens");
    let revoked = || members.iter().map(Member::revoked).sum::<u32>();
    let before = revoked();
    for node in ALL {
        cluster.halt(&[node]);
        traffic.flows(&format!("node {node} is away"));
        cluster.restart(&[node]);
        ["__consumer_offsets", &topic].iter().for_each(|topic| cluster.wait_for_replicas(topic));
        traffic.flows(&format!("node {node} is back"));
    }
    let seen = traffic.finish();
    let again = judge_group(&seen);
    let (moved, again) = (revoked() - before, again.into_values().sum::<usize>());
    assert_eq!((moved, again), (0, 0), "partitions taken away, and records read again");
    say(&format!("rolling restart, {protocol:?}: {}", account(&seen)));
    members.into_iter().for_each(Member::leave);
}
