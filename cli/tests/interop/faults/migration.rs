//! A group of our members and Java's goes from the classic protocol to that of KIP-848 and back,
//! and from one assignor to another, member by member, while it reads and commits.

use super::cluster::Cluster;
use super::crew::{Crew, at_work, group_trial};
use super::members::{Kind, Protocol, Whose};
use crate::real_brokers::each_of;
use crate::release::Release;

const RANGE: &str = "org.apache.kafka.clients.consumer.RangeAssignor";
const COOPERATIVE: &str = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";

#[test]
fn a_group_of_ours_and_javas_changes_its_protocol_member_by_member_and_loses_nothing() {
    group_trial("a mixed group changes its protocol", |crew| {
        let release = &crew.cluster.release.clone();
        let ours = Kind::ours;
        let javas = |protocol| Kind { whose: Whose::Javas(release), ..ours(protocol) };
        let (old, new) = (Protocol::Classic, Protocol::Consumer);
        crew.join(&[ours(old), javas(old), ours(old)], "all are classic");
        // Ours is the first to be of the new kind, and Java's the first to be of the old one again.
        for kind in [ours(new), javas(new), ours(new), ours(old), javas(old), ours(old)] {
            crew.members.remove(0).leave();
            crew.join(&[kind], &format!("{kind:?} has come"));
        }
    });
}

#[test]
fn a_group_of_ours_and_javas_changes_its_assignor_member_by_member_and_loses_nothing() {
    group_trial("a mixed group changes its assignor", change_assignors);
}

#[test]
fn a_group_of_old_brokers_changes_its_assignor_member_by_member_and_loses_nothing() {
    let what = "a mixed group of old brokers changes its assignor";
    // KIP-429 came with 2.4.
    let is_old = |release: &Release| release.at_least("2.4") && !release.at_least("3.3");
    each_of(is_old, what, |release| {
        at_work(&mut Cluster::of(release, 3, &[]), what, change_assignors);
    });
}

/// By the way of KIP-429: first each member knows both, and then each knows the new one alone, so
/// that at any time there is one that all know. And back.
fn change_assignors(crew: &mut Crew<'_>) {
    let release = &crew.cluster.release.clone();
    let kinds = |assignors| {
        let ours = Kind { assignors: Some(assignors), ..Kind::ours(Protocol::Classic) };
        // Ours is the first to change, and the last.
        [ours, Kind { whose: Whose::Javas(release), ..ours }, ours]
    };
    crew.join(&kinds(RANGE), "all divide by range");
    assert_eq!(
        disturbed(crew, kinds(RANGE)[0]),
        6,
        "each gives up all as one comes, and as it goes"
    );
    let both = format!("{COOPERATIVE},{RANGE}");
    for assignors in [&both, COOPERATIVE, &both, RANGE] {
        for kind in kinds(assignors) {
            crew.members.remove(0).leave();
            crew.join(&[kind], &format!("{kind:?} has come"));
        }
        // Of three members with two partitions each, one gives up one.
        let expected = if assignors == COOPERATIVE { 1 } else { 6 };
        assert_eq!(disturbed(crew, kinds(assignors)[0]), expected, "all are {assignors}");
    }
}

/// How often one who comes and goes makes the others give something up: it is as they are.
fn disturbed(crew: &mut Crew<'_>, kind: Kind<'_>) -> u32 {
    let before = crew.revoked();
    crew.join(&[kind], "one more has come");
    crew.members.pop().unwrap().leave();
    crew.flows("it has gone");
    crew.revoked() - before
}
