//! `kurier consume --group`: what was printed is committed, and the next one goes on behind it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::brokers::Broker;

#[test]
fn a_member_goes_on_behind_what_was_printed() {
    let quick = ["--config", "group.initial.rebalance.delay.ms=0"];
    let broker = Broker::start(&[&["--topics", "t"], &quick[..]].concat());
    broker.run(&["produce", "t"], "a\nb\nc\nd\n").done();
    let member = ["consume", "t", "-G", "g", "-q"];
    for (count, expected) in [("1", "a\n"), ("2", "b\nc\n"), ("1", "d\n")] {
        let read = broker.run(&[&member[..], &["-c", count]].concat(), "");
        assert_eq!(read.text(), expected, "-c {count}");
    }
    let other = broker.run(&["consume", "t", "-G", "h", "-q", "-c", "4"], "");
    assert_eq!(other.text(), "a\nb\nc\nd\n", "another group begins at the beginning");
}

#[test]
fn a_signal_ends_a_member_that_commits_and_leaves_first() {
    let quick = ["--config", "group.initial.rebalance.delay.ms=0"];
    let broker = Broker::start(&[&["--topics", "t"], &quick[..]].concat());
    for (signal, line, rest) in [("-INT", "a\n", "b\n"), ("-TERM", "c\n", "d\n")] {
        let args = ["consume", "t", "-G", "g", "-q", "-u"];
        broker.run(&["produce", "t"], line).done();
        let mut member = broker.command(&args).stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = String::new();
        let mut stdout = BufReader::new(member.stdout.take().unwrap());
        stdout.read_line(&mut printed).unwrap();
        assert_eq!(printed, line, "{signal}");
        let pid = member.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert!(member.wait().unwrap().success(), "{signal}");
        broker.run(&["produce", "t"], rest).done();
        let next = broker.run(&[&args[..], &["-c", "1"]].concat(), "");
        assert_eq!(next.text(), rest, "{signal}");
    }
}

#[test]
fn a_member_that_ends_at_the_end_reads_what_the_group_has_yet_to_read() {
    let quick = ["--config", "group.initial.rebalance.delay.ms=0"];
    let broker = Broker::start(&[&["--topics", "t:3"], &quick[..]].concat());
    for protocol in ["classic", "consumer"] {
        let (group, protocol) = (format!("g-{protocol}"), format!("group.protocol={protocol}"));
        let member = ["consume", "t", "-G", &group, "-e", "-X", &protocol];
        let read = |more: &[&str]| {
            let ended = broker.run(&[&member[..], more].concat(), "");
            let mut lines: Vec<String> = ended.text().lines().map(String::from).collect();
            lines.sort();
            lines.concat()
        };
        let before = read(&[]);
        broker.run(&["produce", "t", "-p", "1"], "x\ny\n").done();
        broker.run(&["produce", "t", "-p", "2"], "z\n").done();
        assert_eq!(read(&["-c", "1"]).len(), 1, "{protocol}: the count ends it before");
        assert_eq!(read(&[]).len(), 2, "{protocol}: what is left, and partition 0 is empty");
        assert_eq!(read(&[]), "", "{protocol}: all is committed");
        assert_eq!(before.len() % 3, 0, "{protocol}: what was there before, or nothing");
    }
}

#[test]
fn a_member_that_ends_at_the_end_ends_also_where_its_group_has_no_partition_for_it() {
    let quick = ["--config", "group.initial.rebalance.delay.ms=0"];
    let broker = Broker::start(&[&["--topics", "t"], &quick[..]].concat());
    broker.run(&["produce", "t"], "a\n").done();
    let groups = ["classic", "consumer"].map(|protocol| {
        let (group, protocol) = (format!("g-{protocol}"), format!("group.protocol={protocol}"));
        let member = ["consume", "t", "-G", &group, "-q", "-u", "-X", &protocol];
        let mut holder = broker.command(&member).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "a\n", "{protocol}");
        // The only partition is taken, by whoever of the two has it after this one has come.
        let other = broker.command(&[&member[..], &["-e"]].concat()).spawn().unwrap();
        (holder, other)
    });
    for (mut holder, mut other) in groups {
        assert!(other.wait().unwrap().success());
        holder.kill().unwrap();
        holder.wait().unwrap();
    }
}

#[test]
fn what_a_group_cannot_do_is_wrong_usage() {
    let broker = Broker::start(&["--topics", "t"]);
    for more in [&["-p", "0"][..], &["-o", "5"], &["--until", "@5"]] {
        let ended = broker.run(&[&["consume", "t", "-G", "g"], more].concat(), "");
        assert_eq!(ended.status, Some(2), "{more:?}: {ended:?}");
    }
}
