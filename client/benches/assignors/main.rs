//! How long every assignor takes to divide 20,000 partitions among 200 members (case GRP-05).
//!
//! ```text
//! cargo bench -p kurier-client --bench assignors
//! ```
//!
//! Prints a table, and ends with a failure if a bound is not kept. Of several times the least
//! counts, so that what else the machine does counts as little as can be.

#![expect(clippy::unwrap_used, reason = "ends where something is not as expected")]
#![expect(clippy::disallowed_methods, reason = "real time is what is measured")]

#[expect(dead_code, reason = "other benches have other bounds")]
#[path = "../../../testkit/benches/load/table.rs"]
mod table;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use kurier_client::group::{Assignor, GroupMember, GroupTopics, Plan};

use table::{Bound, Table};

const MEMBERS: usize = 200;
const PARTITIONS: usize = 20_000;
/// What a division may take, in milliseconds.
const MILLIS_MAX: f64 = 1000.0;
/// How often each is measured.
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    let mut table = Table::new();
    let all =
        [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];
    for assignor in &all {
        let name = assignor.name();
        for (what, topics) in [("", equal(&[])), (", racks", equal(&["a", "b", "c"]))] {
            let mut members = members(&topics, |_, _| true);
            let plan =
                measure(&mut table, &format!("{name}{what}: fresh"), assignor, (&members, &topics));
            hold(assignor, &mut members, &plan);
            let gone = members.pop();
            let what = format!("{name}{what}: one goes");
            let plan = measure(&mut table, &what, assignor, (&members, &topics));
            hold(assignor, &mut members, &plan);
            members.extend(
                gone.map(|of| GroupMember { rack: of.rack, ..GroupMember::new(of.id, of.topics) }),
            );
            let what = what.replace("goes", "comes");
            measure(&mut table, &what, assignor, (&members, &topics));
        }
        // Two thousand topics, each with readers of its own.
        let topics = (0..2_000).fold(GroupTopics::default(), |all, n| {
            all.with(format!("t{n:04}"), PARTITIONS / 2_000)
        });
        let mut dice = Dice(3);
        let mut members = members(&topics, |_, _| dice.below(2) == 0);
        let what = format!("{name}, each topic read by other halves of the members: fresh");
        let plan = measure(&mut table, &what, assignor, (&members, &topics));
        hold(assignor, &mut members, &plan);
        members.truncate(MEMBERS / 2);
        let what = what.replace("fresh", "half of them go");
        measure(&mut table, &what, assignor, (&members, &topics));
    }
    table.end()
}

/// Twenty topics; with replicas in one of these racks each.
fn equal(racks: &[&'static str]) -> GroupTopics {
    (0..20).fold(GroupTopics::default(), |all, n| {
        let rack = |p: usize| racks.get(p % racks.len().max(1)).map(|rack| Arc::from(*rack));
        let racks = (0..PARTITIONS / 20).map(|p| rack(p).into_iter().collect()).collect();
        all.with_racks(format!("t{n:02}"), racks)
    })
}

fn members(topics: &GroupTopics, mut reads: impl FnMut(usize, &str) -> bool) -> Vec<GroupMember> {
    let member = |number: usize| {
        let read = topics.iter().filter(|(topic, _)| reads(number, topic));
        let read: Vec<Arc<str>> = read.map(|(topic, _)| Arc::clone(topic)).collect();
        let rack = ["a", "b", "c"].get(number % 3).map(|rack| Arc::from(*rack));
        GroupMember { rack, ..GroupMember::new(format!("m{number:03}"), read) }
    };
    (0..MEMBERS).map(member).collect()
}

fn measure(
    table: &mut Table,
    what: &str,
    assignor: &Assignor,
    (members, topics): (&[GroupMember], &GroupTopics),
) -> Plan {
    let mut least = f64::MAX;
    let mut plan = Plan::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        plan = assignor.assign(members, topics).unwrap();
        least = least.min(start.elapsed().as_secs_f64() * 1000.0);
    }
    assert!(plan.iter().map(Vec::len).sum::<usize>() > PARTITIONS / 2, "{what}");
    table.row(&format!("{what}, ms"), least, Bound::AtMost(MILLIS_MAX));
    plan
}

/// The members in the next generation.
fn hold(assignor: &Assignor, members: &mut [GroupMember], plan: &Plan) {
    for (member, given) in members.iter_mut().zip(plan) {
        member.user_data = assignor.user_data(given, 1);
        if assignor.is_cooperative() {
            (member.owned, member.generation) = (given.clone(), 1);
        }
    }
}

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % count
    }
}
