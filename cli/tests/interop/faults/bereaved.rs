//! Members of a group are ended by `kill -9` while others go on.

use std::time::{Duration, Instant};

use super::cluster::SESSION;
use super::crew::group_trial;
use super::members::{Kind, Protocol};
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
    group_trial(&format!("members killed, {protocol:?}"), |crew| {
        let kind = Kind::ours(protocol);
        let by_the_clock = Kind { by_the_clock: true, ..kind };
        crew.join(&[kind, by_the_clock, kind], "before anything happens");
        let mut longest = Duration::ZERO;
        // One of each kind; then a new one comes, so that two are left.
        for _ in 0..2 {
            let dead = crew.members.remove(0);
            let left = dead.held();
            let killed = Instant::now();
            dead.kill();
            let is_read =
                |of: &i32| crew.members.iter().any(|member| member.read_last(*of) > Some(killed));
            wait_until("the others read what it has read", || left.iter().all(is_read));
            assert!(killed.elapsed() < TAKEN_OVER_WITHIN, "that took {:?}", killed.elapsed());
            longest = longest.max(killed.elapsed());
            crew.may_repeat.extend(left);
            crew.join(&[kind], "one was killed, and another one has come");
        }
        crew.note = format!("; taken over within {:.1} s", longest.as_secs_f32());
    });
}
