//! Members of a group are ended by `kill -9` while others go on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::cluster::{Kept, SESSION, Way, cluster};
use super::members::{Kind, Member, Protocol, judge_group};
use super::shared::PARTITIONS;
use super::traffic::Traffic;
use super::trial::{account, fresh_topic};
use crate::real_brokers::{each_since, say};
use crate::run::wait_until;

/// How long those who are left may take to have what a member had that is gone.
const TAKEN_OVER_WITHIN: Duration = SESSION.saturating_add(Duration::from_secs(4));

#[test]
fn the_others_take_over_from_members_of_a_classic_group_that_are_killed() {
    bereave(Protocol::Classic);
}

#[test]
fn the_others_take_over_from_killed_members_of_a_group_that_its_coordinator_divides() {
    bereave(Protocol::Consumer);
}

fn bereave(protocol: Protocol) {
    each_since("4.4", &format!("members killed, {protocol:?}"), |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, PARTITIONS, Kept::WELL);
        let servers = cluster.servers(Way::Plain);
        let (traffic, group) = Traffic::for_group(&servers, &topic);
        let kind = Kind::ours(protocol);
        let by_the_clock = Kind { by_the_clock: true, ..kind };
        let mut members = Member::crew(&[kind, by_the_clock, kind], &servers, &group);
        traffic.flows("before anything happens");
        let (mut orphans, mut longest) = (BTreeSet::new(), Duration::ZERO);
        // One of each kind; then a new one comes, so that two are left.
        for _ in 0..2 {
            let dead = members.remove(0);
            let left = dead.held();
            let killed = Instant::now();
            dead.kill();
            let is_read =
                |of: &i32| members.iter().any(|member| member.read_last(*of) > Some(killed));
            wait_until("the others read what it has read", || left.iter().all(is_read));
            assert!(killed.elapsed() < TAKEN_OVER_WITHIN, "that took {:?}", killed.elapsed());
            longest = longest.max(killed.elapsed());
            orphans.extend(left);
            members.extend(Member::crew(&[kind], &servers, &group));
        }
        traffic.flows("two were killed");
        let seen = traffic.finish();
        let again = judge_group(&seen);
        assert!(again.keys().all(|of| orphans.contains(of)), "{again:?} read again: {orphans:?}");
        say(&format!(
            "members killed, {protocol:?}: {}; taken over within {:.1} s, {} read again",
            account(&seen),
            longest.as_secs_f32(),
            again.values().sum::<usize>(),
        ));
        members.into_iter().for_each(Member::leave);
    });
}
