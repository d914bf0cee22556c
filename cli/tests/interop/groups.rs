//! Groups with a member of ours and one of Java's: each record is read by one of them, and each
//! goes on where the last one stopped.

use std::path::Path;
use std::process::Command;

use crate::real_broker::RealBroker;
use crate::real_brokers::each;
use crate::run::{Running, text, wait_until};

const PARTITIONS: u32 = 4;

#[test]
fn a_member_of_ours_and_one_of_javas_share_a_group() {
    each("groups", |release| {
        let broker = &RealBroker::start(release);
        share(broker, "classic", (&[], &[]));
        if broker.release.at_least("4.0") {
            let java = [broker.java().property_option(), "group.protocol=consumer"];
            share(broker, "coordinator", (&["-X", "group.protocol=consumer"], &java));
        }
    });
}

fn share(broker: &RealBroker, topic: &str, (ours, javas): (&[&str], &[&str])) {
    broker.create_topic(topic, PARTITIONS);
    let group = format!("group-{topic}");
    let member = || {
        let mut command = broker.kurier().command(&["consume", topic, "-G", &group, "-q"]);
        command.args(["-f", "%s\n"]).args(ours);
        command
    };
    let mut all = Written::default();
    all.more(broker, topic);
    let first = Running::heard(&mut member());
    wait_until("we have all", || count(&first) == all.count);
    let config = broker.file("group.properties");
    std::fs::write(&config, format!("group.id={group}\nauto.offset.reset=earliest\n")).unwrap();
    let second = Running::heard(&mut broker.java().group_member(&config, topic, javas));
    // Both have some of what comes once Java's has joined.
    wait_until("both have some", || {
        all.more(broker, topic);
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert!(!second.stderr().contains("not a recognized option"), "{}", second.stderr());
        count(&second) > 0
    });
    wait_until("all is read", || count(&first) + count(&second) == all.count);
    all.more(broker, topic);
    wait_until("all is read", || count(&first) + count(&second) >= all.count);
    // Ours leaves, and Java's has all that comes.
    let before = (count(&first), count(&second));
    first.signal("TERM");
    let (status, printed) = first.end();
    assert!(status.success(), "{status}");
    assert_eq!(printed.lines().count(), before.0);
    all.more(broker, topic);
    wait_until("java's has the rest", || before.0 + count(&second) >= all.count);
    let theirs = second.stdout();
    // Java's leaves, and ours goes on behind it.
    second.signal_child("INT");
    second.end();
    all.more(broker, topic);
    let mut last = member();
    let rest = text(last.args(["-c", &Written::EACH.to_string()]), "");
    let mut seen: Vec<&str> = printed.lines().chain(theirs.lines()).chain(rest.lines()).collect();
    seen.sort_unstable();
    let mut expected: Vec<String> = (0..all.count).map(|n| format!("{n:06}")).collect();
    expected.sort_unstable();
    assert_eq!(seen, expected, "each record once: {topic}");
}

fn count(member: &Running) -> usize {
    member.stdout().lines().count()
}

/// Numbers that were written.
#[derive(Default)]
struct Written {
    count: usize,
}

impl Written {
    /// A multiple of the partitions.
    const EACH: usize = 20;

    fn more(&mut self, broker: &RealBroker, topic: &str) {
        let end = self.count + Self::EACH;
        for partition in 0..PARTITIONS {
            let of = usize::try_from(partition).unwrap();
            let numbers = (self.count..end).filter(|n| n % 4 == of).map(|n| format!("{n:06}\n"));
            let lines: String = numbers.collect();
            broker.kurier().produce(topic, &["-p", &partition.to_string()], lines);
        }
        self.count = end;
    }
}

impl crate::tools::Java<'_> {
    /// What the console tools call the option that has a setting.
    fn property_option(&self) -> &'static str {
        if self.release.at_least("4.2") { "--command-property" } else { "--consumer-property" }
    }

    /// `kafka-console-consumer` in a group, until it is told to end.
    fn group_member(&self, config: &Path, topic: &str, args: &[&str]) -> Command {
        let mut command = self.console_consumer();
        let file =
            if self.release.at_least("4.2") { "--command-config" } else { "--consumer.config" };
        command.args(["--bootstrap-server", self.bootstrap, "--topic", topic]).args(args);
        command.arg(file).arg(config);
        if !self.release.at_least("0.10.1") {
            command.arg("--new-consumer");
        }
        command
    }
}
