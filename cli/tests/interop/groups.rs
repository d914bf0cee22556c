//! Groups with a member of ours, one of Java's and one of librdkafka's: each record is read by one
//! of them, and each goes on where another one stopped.

use std::process::Command;

use crate::real_broker::RealBroker;
use crate::real_brokers::each;
use crate::run::{Running, wait_until};

const PARTITIONS: u32 = 4;

/// A way to divide partitions: its name, Java's class, since which release of Java's client it is
/// there, and whether librdkafka has it.
const ASSIGNORS: [(&str, &str, &str, Kcat); 4] = [
    ("range", "RangeAssignor", "0.10", Kcat::Joins),
    ("roundrobin", "RoundRobinAssignor", "0.10", Kcat::Joins),
    ("sticky", "StickyAssignor", "0.11", Kcat::StaysOut),
    ("cooperative-sticky", "CooperativeStickyAssignor", "2.4", Kcat::Joins),
];

/// Whether kcat knows how the group divides its partitions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kcat {
    Joins,
    StaysOut,
}

#[test]
fn members_of_ours_and_of_others_share_a_group_by_every_assignor_and_by_the_coordinator() {
    each("groups", |release| {
        let broker = &RealBroker::start(release);
        for (name, class, since, kcat) in ASSIGNORS {
            if release.at_least(since) {
                let ours = format!("partition.assignment.strategy={name}");
                let class = format!("org.apache.kafka.clients.consumer.{class}");
                let javas = format!("partition.assignment.strategy={class}");
                share(broker, name, [&ours, &javas], kcat);
            }
        }
        if release.at_least("4.0") {
            share(broker, "coordinator", ["group.protocol=consumer"; 2], Kcat::StaysOut);
        }
    });
}

/// Who divides is ours first, then one of the others, also for ours.
fn share(broker: &RealBroker, topic: &str, [ours, javas]: [&str; 2], kcat: Kcat) {
    let mut group = Group::new(broker, topic);
    let us = || Running::heard(&mut group_member(broker, topic, ours));
    group.write();
    group.join(us());
    group.all_read();
    let config = broker.file(&format!("{topic}.properties"));
    let settings = format!("group.id={topic}\nauto.offset.reset=earliest\n{javas}\n");
    std::fs::write(&config, settings).unwrap();
    group.join(Running::heard(&mut broker.java().group_member(&config, topic)));
    if kcat == Kcat::Joins {
        let args = ["-u", "-q", "-f", "%s\n", "-X", ours];
        group.join(Running::heard(&mut broker.kcat().member(topic, topic, &args)));
    }
    group.each_reads();
    group.leave(|us| us.signal("TERM"));
    group.each_reads();
    group.join(us());
    group.each_reads();
    group.leave(|java| java.signal_child("TERM"));
    group.each_reads();
    if kcat == Kcat::Joins {
        group.leave(|kcat| kcat.signal("TERM"));
    }
    group.each_reads();
    group.leave(|us| us.signal("TERM"));
    let expected: Vec<String> = (0..group.written).map(|n| format!("{n:06}")).collect();
    group.read.sort_unstable();
    assert_eq!(group.read, expected, "each record once: {topic}");
}

fn group_member(broker: &RealBroker, topic: &str, setting: &str) -> Command {
    let mut command = broker.kurier().command(&["consume", topic, "-G", topic, "-q"]);
    command.args(["-f", "%s\n", "-X", setting]);
    command
}

/// The numbers that were written to a topic, and the members of the group of its name.
struct Group<'a> {
    broker: &'a RealBroker,
    topic: &'a str,
    written: usize,
    /// The one that came first is the first.
    members: Vec<Running>,
    /// What was read by those that have left.
    read: Vec<String>,
}

impl<'a> Group<'a> {
    /// A multiple of the partitions.
    const EACH: usize = 20;

    fn new(broker: &'a RealBroker, topic: &'a str) -> Self {
        broker.create_topic(topic, PARTITIONS);
        Self { broker, topic, written: 0, members: Vec::new(), read: Vec::new() }
    }

    fn write(&mut self) {
        let end = self.written + Self::EACH;
        for partition in 0..PARTITIONS {
            let of = usize::try_from(partition).unwrap();
            let numbers = (self.written..end).filter(|n| n % 4 == of).map(|n| format!("{n:06}\n"));
            let lines: String = numbers.collect();
            self.broker.kurier().produce(self.topic, &["-p", &partition.to_string()], lines);
        }
        self.written = end;
    }

    fn join(&mut self, member: Running) {
        self.members.push(member);
    }

    /// Waits until all that was written is read.
    fn all_read(&self) {
        wait_until(&format!("all is read of {}", self.topic), || {
            let now = self.members.iter().map(count).sum::<usize>();
            assert!(self.members.iter().all(|one| !one.stderr().contains("not a recognized")));
            self.read.len() + now >= self.written
        });
    }

    /// Writes until each member has read of it.
    fn each_reads(&mut self) {
        let before: Vec<usize> = self.members.iter().map(count).collect();
        let topic = self.topic;
        wait_until(&format!("each member reads {topic}, beyond {before:?}"), || {
            self.write();
            self.all_read();
            self.members.iter().zip(&before).all(|(member, before)| count(member) > *before)
        });
    }

    /// Asks the first one to leave, in its own way.
    fn leave(&mut self, ask: impl FnOnce(&Running)) {
        let member = self.members.remove(0);
        ask(&member);
        let (_, printed) = member.end();
        self.read.extend(printed.lines().map(String::from));
    }
}

fn count(member: &Running) -> usize {
    member.stdout().lines().count()
}
