//! Members of a group that have names, static ones (KIP-345): they come back, and are there twice.

use std::collections::BTreeSet;

use super::cluster::{Kept, Way, cluster};
use super::members::{Kind, Member, Protocol, judge_group};
use super::shared::PARTITIONS;
use super::traffic::Traffic;
use super::trial::{account, fresh_topic};
use crate::real_brokers::{each_since, say};
use crate::run::wait_until;

#[test]
fn a_static_member_that_is_restarted_within_its_session_disturbs_nobody_in_a_classic_group() {
    come_back(Protocol::Classic);
}

#[test]
fn a_static_member_that_is_restarted_within_its_session_disturbs_nobody_in_one_of_kip_848() {
    come_back(Protocol::Consumer);
}

#[test]
fn of_two_members_of_a_classic_group_with_one_name_the_first_is_fenced_and_says_so() {
    twice(Protocol::Classic);
}

#[test]
fn of_two_members_of_a_group_of_kip_848_with_one_name_the_second_is_refused_and_says_so() {
    twice(Protocol::Consumer);
}

fn come_back(protocol: Protocol) {
    each_since("4.4", &format!("a static member restarted, {protocol:?}"), |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, PARTITIONS, Kept::WELL);
        let servers = cluster.servers(Way::Plain);
        let (traffic, group) = Traffic::for_group(&servers, &topic);
        let named = |name| Kind { name: Some(name), ..Kind::ours(protocol) };
        let mut members = Member::crew(&[named("a"), named("b"), named("c")], &servers, &group);
        traffic.flows("before anything happens");
        let settled = |members: &[Member]| -> Vec<(BTreeSet<i32>, u32)> {
            members.iter().map(|member| (member.held(), member.revoked())).collect()
        };
        for name in ["a", "b", "c"] {
            let member = members.remove(0);
            let (others, held) = (settled(&members), member.held());
            member.leave();
            let again = Member::start(named(name), &servers, &group);
            wait_until("it has its partitions again", || again.held() == held);
            traffic.flows(&format!("{name} is back"));
            assert_eq!(settled(&members), others, "{name} has disturbed nobody");
            members.push(again);
        }
        let seen = traffic.finish();
        let again = judge_group(&seen);
        assert!(again.is_empty(), "{again:?} read again");
        say(&format!("static members restarted, {protocol:?}: {}", account(&seen)));
        members.into_iter().for_each(Member::leave);
    });
}

/// What is told, in whichever protocol, names the member and what to do.
fn twice(protocol: Protocol) {
    each_since("4.4", &format!("a name twice, {protocol:?}"), |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, PARTITIONS, Kept::WELL);
        let servers = cluster.servers(Way::Plain);
        let (traffic, group) = Traffic::for_group(&servers, &topic);
        let twin = Kind { name: Some("twin"), ..Kind::ours(protocol) };
        let mut members = Member::crew(&[twin], &servers, &group);
        traffic.flows("before anything happens");
        members.push(Member::start(twin, &servers, &group));
        let loser = members.remove(if protocol == Protocol::Classic { 0 } else { 1 });
        let (is_well, told) = loser.end();
        let code = match protocol {
            Protocol::Classic => "FENCED_INSTANCE_ID",
            Protocol::Consumer => "UNRELEASED_INSTANCE_ID",
        };
        assert!(!is_well && told.contains(code), "it says that its name is taken: {told}");
        traffic.flows("one is left");
        let seen = traffic.finish();
        judge_group(&seen);
        say(&format!("a name twice, {protocol:?}: {}", told.lines().last().unwrap_or_default()));
        members.into_iter().for_each(Member::leave);
    });
}
