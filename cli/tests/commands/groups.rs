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
fn what_a_group_cannot_do_is_wrong_usage() {
    let broker = Broker::start(&["--topics", "t"]);
    for more in [&["-p", "0"][..], &["-e"], &["-o", "5"], &["--until", "@5"]] {
        let ended = broker.run(&[&["consume", "t", "-G", "g"], more].concat(), "");
        assert_eq!(ended.status, Some(2), "{more:?}: {ended:?}");
    }
}
