//! Groups with a member of ours, one of Java's and two of librdkafka's, as Debian has it and the
//! newest: each record is read by one of them, and each goes on where another one stopped.

use std::process::Command;

use crate::library::{Library, Name};
use crate::real_broker::RealBroker;
use crate::real_brokers::each;
use crate::run::{Running, wait_until};

const PARTITIONS: u32 = 4;

/// A way to divide partitions: its name, Java's class, since which release of Java's client it is
/// there, and which librdkafka has it.
const ASSIGNORS: [(&str, &str, &str, Librdkafka); 4] = [
    ("range", "RangeAssignor", "0.10", Librdkafka::Each),
    ("roundrobin", "RoundRobinAssignor", "0.10", Librdkafka::Each),
    ("sticky", "StickyAssignor", "0.11", Librdkafka::None),
    // That of kcat, 2.0.2, now and then commits nothing of what it gives up in a group with Java's.
    ("cooperative-sticky", "CooperativeStickyAssignor", "2.4", Librdkafka::Newest),
];

/// Which librdkafka knows how the group divides its partitions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Librdkafka {
    None,
    /// Python's wheel has it.
    Newest,
    /// That of kcat too.
    Each,
}

#[test]
fn members_of_ours_and_of_others_share_a_group_by_every_assignor_and_by_the_coordinator() {
    each("groups", |release| {
        let broker = &RealBroker::start(release);
        for (name, class, since, librdkafka) in ASSIGNORS {
            if release.at_least(since) {
                let ours = format!("partition.assignment.strategy={name}");
                let class = format!("org.apache.kafka.clients.consumer.{class}");
                let javas = format!("partition.assignment.strategy={class}");
                share(broker, name, [&ours, &javas], librdkafka);
            }
        }
        if release.at_least("4.0") {
            let protocol = ["group.protocol=consumer"; 2];
            share(broker, "coordinator", protocol, Librdkafka::Newest);
        }
    });
}

/// Who divides is ours first, then one of the others, also for ours.
fn share(broker: &RealBroker, topic: &str, [ours, javas]: [&str; 2], librdkafka: Librdkafka) {
    let mut group = Group::new(broker, topic);
    let us = || Running::heard(&mut group_member(broker, topic, ours));
    group.write();
    group.join("ours", us());
    group.all_read();
    let config = broker.file(&format!("{topic}.properties"));
    let settings = format!("group.id={topic}\nauto.offset.reset=earliest\n{javas}\n");
    std::fs::write(&config, settings).unwrap();
    group.join("Java's", Running::heard(&mut broker.java().group_member(&config, topic)));
    if librdkafka == Librdkafka::Each {
        let args = ["-u", "-q", "-f", "%s\n", "-X", ours];
        group.join("kcat", Running::heard(&mut broker.kcat().member(topic, topic, &args)));
    }
    if librdkafka != Librdkafka::None {
        let newest = Library { name: Name::Confluent, bootstrap: &broker.bootstrap };
        let is_classic = !ours.starts_with("group.protocol");
        let mut settings = vec![ours];
        settings.extend(is_classic.then_some("heartbeat.interval.ms=500"));
        group.join("librdkafka's", Running::heard(&mut newest.member(topic, topic, &settings)));
    }
    group.each_reads();
    group.leave(|us| us.signal("TERM"));
    group.each_reads();
    group.join("ours", us());
    group.each_reads();
    group.leave(|java| java.signal_child("TERM"));
    group.each_reads();
    for _ in 0..group.members.len() - 1 {
        group.leave(|librdkafkas| librdkafkas.signal("TERM"));
        group.each_reads();
    }
    group.leave(|us| us.signal("TERM"));
    group.each_was_read_once();
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
    members: Vec<(&'static str, Running)>,
    /// What was read by those that have left, and by whom.
    read: Vec<(usize, &'static str)>,
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

    fn join(&mut self, whose: &'static str, member: Running) {
        self.members.push((whose, member));
    }

    /// Waits until all that was written is read.
    fn all_read(&mut self) {
        wait_until(&format!("all is read of {}", self.topic), || {
            let now = self.members.iter().map(count).sum::<usize>();
            for (_, one) in &mut self.members {
                let said = one.stderr();
                assert!(!one.has_ended() && !said.contains("not a recognized"), "{said}");
            }
            self.read.len() + now >= self.written
        });
    }

    /// Writes until each member has read of it.
    fn each_reads(&mut self) {
        let before: Vec<usize> = self.members.iter().map(count).collect();
        let whose: Vec<_> = self.members.iter().map(|(whose, _)| *whose).collect();
        let topic = self.topic;
        wait_until(&format!("each of {whose:?} reads {topic}, beyond {before:?}"), || {
            self.write();
            self.all_read();
            self.members.iter().zip(&before).all(|(member, before)| count(member) > *before)
        });
    }

    /// Asks the first one to leave, in its own way.
    fn leave(&mut self, ask: impl FnOnce(&Running)) {
        let (whose, member) = self.members.remove(0);
        ask(&member);
        let (_, printed) = member.end();
        self.read.extend(printed.lines().map(|line| (line.parse().unwrap(), whose)));
    }

    fn each_was_read_once(mut self) {
        self.read.sort_unstable();
        let twice: Vec<_> = self.read.windows(2).filter(|of| of[0].0 == of[1].0).collect();
        let (count, topic) = (twice.len(), self.topic);
        let some = twice.iter().take(20).collect::<Vec<_>>();
        assert!(twice.is_empty(), "{topic}: of {} read twice {count}: {some:?}", self.written);
        assert!(self.read.iter().map(|(n, _)| *n).eq(0..self.written), "{topic}: {:?}", self.read);
    }
}

fn count((_, member): &(&str, Running)) -> usize {
    member.stdout().lines().count()
}
