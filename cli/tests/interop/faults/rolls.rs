//! Brokers are restarted one after the other while a group reads and commits.

use super::cluster::{ALL, Cluster};
use super::crew::{Crew, at_work, group_trial};
use super::members::{Kind, Protocol};
use crate::real_brokers::each_of;
use crate::release::Release;

#[test]
fn a_classic_group_loses_nothing_while_brokers_are_restarted_one_by_one() {
    group_trial("rolling restart, Classic", |crew| roll(crew, Protocol::Classic));
}

#[test]
fn a_group_that_its_coordinator_divides_loses_nothing_while_brokers_are_restarted_one_by_one() {
    group_trial("rolling restart, Consumer", |crew| roll(crew, Protocol::Consumer));
}

#[test]
fn a_group_of_old_brokers_loses_nothing_while_they_are_restarted_one_by_one() {
    let (what, is_old) = ("old brokers restarted", |release: &Release| !release.at_least("3.3"));
    each_of(is_old, what, |release| {
        let mut cluster = Cluster::of(release, 3, &[]);
        at_work(&mut cluster, what, |crew| roll(crew, Protocol::Classic));
    });
}

fn roll(crew: &mut Crew<'_>, protocol: Protocol) {
    let kind = Kind::ours(protocol);
    let by_the_clock = Kind { by_the_clock: true, ..kind };
    crew.join(&[kind, kind, by_the_clock], "before anything happens");
    let before = crew.revoked();
    for node in ALL {
        crew.cluster.halt(&[node]);
        crew.flows(&format!("node {node} is away"));
        crew.cluster.restart(&[node]);
        ["__consumer_offsets", crew.topic()]
            .iter()
            .for_each(|topic| crew.cluster.wait_for_replicas(topic));
        crew.flows(&format!("node {node} is back"));
    }
    assert_eq!(crew.revoked() - before, 0, "partitions were taken away");
}
