//! `consume`: what kcat's users know it by.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::brokers::Broker;

/// A broker with `a`, `b`, `c` and `d` at seconds 1 to 4 in partition 0 of `t`.
fn with_times(topic: &str) -> Broker {
    let broker = Broker::start(&["--topics", topic]);
    for (line, time) in [("a", "1000"), ("b", "2000"), ("c", "3000"), ("d", "4000")] {
        broker.run(&["produce", "t", "-p", "0", "--timestamp", time], line).done();
    }
    broker
}

fn read(broker: &Broker, options: &[&str]) -> String {
    let out = broker.run(&[&["consume", "t", "-D", " "][..], options].concat(), "").text();
    out.trim_end().to_owned()
}

#[test]
fn a_range_of_times_is_exact_for_each_record() {
    let broker = with_times("t:2");
    // All four are in one batch too, where no batch begins or ends with the range.
    let json = broker.run(&["consume", "t", "-e", "-J"], "").text();
    broker.run(&["produce", "t", "-J", "-p", "1"], json).done();
    let range =
        |range: &[&str], partition: &str| read(&broker, &[range, &["-p", partition]].concat());
    for partition in ["0", "1"] {
        let check = |options: &[&str], expected: &str| {
            assert_eq!(range(options, partition), expected, "{options:?} of {partition}");
        };
        check(&["-o", "s@2000", "-o", "e@4000"], "b c");
        check(&["-o", "e@4000", "-o", "s@2000"], "b c");
        check(&["-o", "@1001", "--until", "3001"], "b c");
        check(&["-o", "e@1000"], "");
        check(&["-o", "e@9000", "-e"], "a b c d");
        check(&["-o", "s@4001", "-e"], "");
        check(&["-o", "-2", "-o", "e@4000"], "c");
        check(&["-o", "end", "-o", "e@2000"], "");
        check(&["-o", "1", "-o", "e@1970-01-01T00:00:03Z"], "b");
    }
    let both = read(&broker, &["-o", "s@2000", "-o", "e@3000"]);
    assert_eq!(both, "b b", "a partition that ends keeps no other from its end");
    assert_eq!(read(&broker, &["-o", "e@2000", "-e", "-p", "0-1"]), "a a");
}

#[test]
fn a_time_may_be_so_long_ago() {
    let broker = with_times("t:1");
    broker.run(&["produce", "t"], "now\n").done();
    assert_eq!(read(&broker, &["-o", "-1h", "-e"]), "now");
    assert_eq!(read(&broker, &["-o", "s@-1h30m", "-e"]), "now");
    assert_eq!(read(&broker, &["-o", "e@-1h"]), "a b c d");
    assert_eq!(read(&broker, &["--until", "-1h"]), "a b c d");
    assert_eq!(read(&broker, &["-o", "-5", "-e"]), "a b c d now", "a count has no unit");
}

#[test]
fn a_stop_that_lies_before_the_start_is_wrong_usage() {
    let broker = with_times("t:1");
    for range in [["-o", "s@-1h", "-o", "e@-2h"], ["-o", "s@4000", "--until", "3999"]] {
        let ended = broker.run(&[&["consume", "t"][..], &range].concat(), "");
        assert!(ended.failed(2).contains("the stop lies before the start"), "{ended:?}");
    }
    assert_eq!(read(&broker, &["-o", "s@4000", "--until", "4000", "-e"]), "");
}

#[test]
fn whoever_follows_ends_with_the_first_record_that_is_too_late() {
    let broker = with_times("t:2");
    let mut follow = broker.command(&["consume", "t", "-o", "e@5000"]);
    let mut child = follow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
    for (partition, time) in [("0", "4999"), ("0", "5000"), ("0", "3000"), ("1", "6000")] {
        broker.run(&["produce", "t", "-p", partition, "--timestamp", time], time).done();
    }
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*rest), (Some(0), "b\nc\nd\n4999\n"));
}

#[test]
fn what_a_group_has_not_committed_is_read_from_where_the_reset_says() {
    let broker = with_times("t:2");
    let stored = ["consume", "t", "-D", " ", "-o", "stored", "-X", "group.id=g", "-e"];
    let ended = broker.run(&stored, "");
    let said = "kurier: note: group g has committed nothing of 2 partitions: reading begins where \
                auto.offset.reset says, or at the beginning\n";
    assert_eq!(ended.stderr, said);
    assert_eq!(ended.text(), "a b c d ");
    let reset = ["-q", "-X", "auto.offset.reset=latest"];
    let ended = broker.run(&[&stored[..], &reset].concat(), "");
    assert_eq!((&*ended.stderr, ended.status, &*ended.stdout), ("", Some(0), &b""[..]));
    let line = broker.run(&["consume", "t", "-o", "stored"], "");
    assert_eq!(line.failed(2), "-o stored needs a group: -X group.id=GROUP");
}

#[test]
fn fields_of_bytes_are_printed_and_what_does_not_fit_is_named_with_its_place() {
    let broker = Broker::start(&["--topics", "t"]);
    broker
        .run(&["produce", "t", "--whole-files", "-k", "\u{1}x"], b"\0\0\0\x07\xff".to_vec())
        .done();
    broker.run(&["produce", "t", "--whole-files"], b"\0\0\x01\0a".to_vec()).done();
    broker.run(&["produce", "t", "--whole-files"], b"abc".to_vec()).done();
    let format = ["-f", r"%k %s %S\n"];
    let fields = ["-s", "key=Bs", "-s", "value=i"];
    let ended = broker.run(&[&["consume", "t", "-e"][..], &format, &fields].concat(), "");
    let line = ended.failed(1);
    let unfit = "cannot print topic t, partition 0, offset 2: the value does not fit -s: `i` is 4 \
                 long, and 3 bytes are left; 2 records were read before it; next would be t -p 0 \
                 -o 2; of other partitions nothing was read";
    assert_eq!(line, unfit);
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "1x 7 5\n 256 5\n");
    let json = ["consume", "t", "-c", "1", "-J", "-D", ";", "-s", "ib$", "-s", "key=cs"];
    let json = broker.run(&json, "").text();
    assert!(json.ends_with(r#","key":"\u0001x","payload":"7-1"};"#), "{json}");
}

#[test]
fn progress_is_told_where_nobody_looks_if_it_is_asked_for() {
    let broker = with_times("t");
    let ended = broker.run(&["consume", "t", "-e", "--progress"], "");
    assert_eq!((ended.status, &*ended.stdout), (Some(0), &b"a\nb\nc\nd\n"[..]));
    assert!(ended.stderr.starts_with("4 records read, 4 B in "), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    let silent = broker.run(&["consume", "t", "-e"], "");
    assert_eq!(silent.stderr, "");
}

#[test]
fn whoever_waits_where_nothing_comes_is_told_once() {
    let broker = with_times("t");
    let mut wait = broker.command(&["consume", "t", "-o", "end", "--progress"]);
    let mut child = wait.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = Vec::new();
    while said.last().is_none_or(|line: &String| !line.starts_with("kurier: note: ")) {
        let mut line = String::new();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "{said:?}");
        said.push(line);
    }
    let line = said.pop().unwrap();
    assert!(line.starts_with("kurier: note: reading has come to the end, and waits"), "{line}");
    assert!(said.len() >= 2, "a line each second of three: {said:?}");
    assert!(said.iter().all(|line| line.starts_with("0 records so far, ")), "{said:?}");
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(rest.lines().last().is_some_and(|line| line.starts_with("0 records read")), "{rest}");
    assert!(!rest.contains("note"), "{rest}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_broker_that_a_record_came_from_is_in_its_object() {
    let broker = Broker::start(&["--brokers", "3", "--topics", "t:6"]);
    for partition in ["0", "1", "2", "3", "4", "5"] {
        broker.run(&["produce", "t", "-p", partition], "x\n").done();
    }
    let sheet = broker.run(&["topic", "describe", "t", "--format", "json"], "").text();
    let sheet: serde_json::Value = serde_json::from_str(sheet.lines().next().unwrap()).unwrap();
    let leaders: std::collections::BTreeMap<i64, i64> = sheet[0]["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| (of["partition"].as_i64().unwrap(), of["leader"].as_i64().unwrap()))
        .collect();
    let out = broker.run(&["consume", "t", "-e", "-J"], "").text();
    let found: std::collections::BTreeMap<i64, i64> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|of| (of["partition"].as_i64().unwrap(), of["broker"].as_i64().unwrap()))
        .collect();
    assert_eq!((found.len(), &found), (6, &leaders));
}
