//! Members of a group that have names, static ones (KIP-345): they come back, and are there twice.

use std::collections::BTreeSet;

use super::crew::group_trial;
use super::members::{Kind, Member, Protocol};
use super::shared::PARTITIONS;
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
    group_trial(&format!("a static member restarted, {protocol:?}"), |crew| {
        let named = |name| Kind { name: Some(name), ..Kind::ours(protocol) };
        crew.join(&[named("a"), named("b"), named("c")], "before anything happens");
        let settled = |members: &[Member]| -> Vec<(BTreeSet<i32>, u32)> {
            members.iter().map(|member| (member.held(), member.revoked())).collect()
        };
        for name in ["a", "b", "c"] {
            let member = crew.members.remove(0);
            let (others, held) = (settled(&crew.members), member.held());
            member.leave();
            let again = crew.start(named(name));
            wait_until("it has its partitions again", || again.held() == held);
            crew.flows(&format!("{name} is back"));
            assert_eq!(settled(&crew.members), others, "{name} has disturbed nobody");
            crew.members.push(again);
        }
    });
}

/// What is told, in whichever protocol, names the member and what to do.
fn twice(protocol: Protocol) {
    group_trial(&format!("a name twice, {protocol:?}"), |crew| {
        let twin = Kind { name: Some("twin"), ..Kind::ours(protocol) };
        crew.join(&[twin], "before anything happens");
        crew.members.push(crew.start(twin));
        let loser = crew.members.remove(if protocol == Protocol::Classic { 0 } else { 1 });
        let (is_well, told) = loser.end();
        let code = match protocol {
            Protocol::Classic => "FENCED_INSTANCE_ID",
            Protocol::Consumer => "UNRELEASED_INSTANCE_ID",
        };
        assert!(!is_well && told.contains(code), "it says that its name is taken: {told}");
        crew.flows("one is left");
        // The one that is fenced cannot commit what it has processed.
        crew.may_repeat = (0..PARTITIONS).collect();
        crew.note = format!("; {}", told.lines().last().unwrap_or_default());
    });
}
