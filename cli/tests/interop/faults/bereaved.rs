//! Members of a group are ended by `kill -9` while others go on.

use std::time::{Duration, Instant};

use super::cluster::SESSION;
use super::crew::{Crew, group_trial};
use super::members::{Kind, Protocol, Whose};
use crate::run::wait_until;

/// How long those who are left may take to have what a member had that is gone. Java's hear of it
/// with their next heartbeat, after three seconds at the latest.
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
    group_trial(&format!("members killed, {protocol:?}"), |crew| {
        let kind = Kind::ours(protocol);
        let by_the_clock = Kind { by_the_clock: true, ..kind };
        crew.join(&[kind, by_the_clock, kind], "before anything happens");
        let mut longest = Duration::ZERO;
        // One of each kind; then a new one comes, so that two are left.
        for _ in 0..2 {
            longest = longest.max(kill_first(crew));
            crew.join(&[kind], "one was killed, and another one has come");
        }
        crew.note = format!("; taken over within {:.1} s", longest.as_secs_f32());
    });
}

#[test]
fn ours_and_javas_take_over_from_each_other_in_a_classic_group() {
    bereave_each_other(Protocol::Classic);
}

#[test]
fn ours_and_javas_take_over_from_each_other_in_a_group_that_its_coordinator_divides() {
    bereave_each_other(Protocol::Consumer);
}

fn bereave_each_other(protocol: Protocol) {
    group_trial(&format!("ours and Java's killed, {protocol:?}"), |crew| {
        let release = &crew.cluster.release.clone();
        let ours = Kind::ours(protocol);
        let javas = Kind { whose: Whose::Javas(release), ..ours };
        crew.join(&[javas, ours], "before anything happens");
        let by_ours = kill_first(crew);
        crew.join(&[javas], "Java's was killed, and another one has come");
        let by_javas = kill_first(crew);
        crew.join(&[ours], "ours was killed, and another one has come");
        let [by_ours, by_javas] = [by_ours, by_javas].map(|took| took.as_secs_f32());
        crew.note = format!("; taken over by ours in {by_ours:.1} s, by Java's in {by_javas:.1} s");
    });
}

/// Kills the first member, of which records may be processed again then: how long it takes until
/// the others have read of all that it had.
fn kill_first(crew: &mut Crew<'_>) -> Duration {
    let dead = crew.members.remove(0);
    let left = dead.held();
    assert!(!left.is_empty(), "there is something to take over");
    let killed = Instant::now();
    dead.kill();
    let is_read = |of: &i32| crew.members.iter().any(|member| member.read_last(*of) > Some(killed));
    wait_until("the others read what it has read", || left.iter().all(is_read));
    let took = killed.elapsed();
    assert!(took < TAKEN_OVER_WITHIN, "that took {took:?}");
    crew.may_repeat.extend(left);
    took
}
