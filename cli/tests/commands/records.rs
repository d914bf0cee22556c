//! `produce` and `consume`: what goes in comes out.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use crate::brokers::{Broker, scratch};
use crate::process::{Started, kurier, run};

fn numbers(count: u32) -> String {
    (1..=count).map(|number| format!("{number}\n")).collect()
}

#[test]
fn the_lines_that_go_in_come_out_with_every_codec() {
    let broker = Broker::start(&[]);
    let lines = numbers(200_000);
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        broker.run(&["produce", codec, "-z", codec], lines.clone()).done();
        let out = broker.run(&["consume", codec, "-o", "beginning", "-e"], "").text();
        assert!(out == lines, "{codec}: {} bytes", out.len());
    }
}

#[test]
fn an_old_release_gives_back_the_same_lines() {
    let lines = numbers(20_000);
    for release in ["0.10.0", "0.10.2", "0.11.0", "1.1", "2.8"] {
        let broker = Broker::start(&["--as", release]);
        for codec in ["none", "gzip", "snappy", "lz4"] {
            broker.run(&["produce", codec, "-z", codec], lines.clone()).done();
            let out = broker.run(&["consume", codec, "-e"], "").text();
            assert!(out == lines, "{release} {codec}: {} bytes", out.len());
        }
    }
}

#[test]
fn through_six_partitions_each_key_keeps_its_order_and_its_partition() {
    let broker = Broker::start(&["--brokers", "3", "--topics", "t:6"]);
    let lines: String = (0..60_000).map(|n| format!("key-{}:{n}\n", n % 997)).collect();
    broker.run(&["produce", "t", "-K", ":", "-z", "lz4"], lines).done();
    let out = broker.run(&["consume", "t", "-e", "-f", r"%k %s %p\n"], "").text();
    let (mut last, mut home, mut count) = (BTreeMap::new(), BTreeMap::new(), 0);
    for line in out.lines() {
        let [key, number, partition]: [&str; 3] =
            line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let number: u32 = number.parse().unwrap();
        assert!(last.insert(key, number).is_none_or(|before| before < number), "{line}");
        assert_eq!(*home.entry(key).or_insert(partition), partition, "{line}");
        count += 1;
    }
    assert_eq!((count, home.len()), (60_000, 997));
    let partitions: std::collections::BTreeSet<_> = home.into_values().collect();
    assert_eq!(partitions.len(), 6);
}

#[test]
fn empty_lines_and_a_last_line_without_end_are_records() {
    let broker = Broker::start(&[]);
    broker.run(&["produce", "t"], "a\n\n\nb").done();
    assert_eq!(broker.run(&["consume", "t", "-e"], "").text(), "a\n\n\nb\n");
}

#[test]
fn keys_headers_nulls_and_times_come_out_as_they_went_in() {
    let broker = Broker::start(&[]);
    let options =
        ["-K", ":", "-Z", "-H", "a=1", "-H", "a", "-H", "b=", "--timestamp", "1700000000000"];
    broker.run(&[&["produce", "t"][..], &options].concat(), "k:v\n:v\nk:\nv\n:\n").done();
    let format = r"%k(%K) %s(%S) %h %T\n";
    let out = broker.run(&["consume", "t", "-e", "-Z", "-f", format], "").text();
    let expected =
        ["k(1) v(1)", "NULL(-1) v(1)", "k(1) NULL(-1)", "NULL(-1) v(1)", "NULL(-1) NULL(-1)"];
    let expected = expected.map(|start| format!("{start} a=1,a=NULL,b= 1700000000000\n"));
    assert_eq!(out, expected.concat());
}

#[test]
fn json_carries_any_bytes_from_topic_to_topic() {
    let broker = Broker::start(&[]);
    let value: Vec<u8> = (0..=255).collect();
    let options = ["--whole-files", "-k", "k", "-H", "n", "--timestamp", "1700000000000"];
    broker.run(&[&["produce", "a"][..], &options].concat(), value.clone()).done();
    let json = broker.run(&["consume", "a", "-e", "-J"], "").text();
    broker.run(&["produce", "b", "-J"], json.clone()).done();
    let copied = broker.run(&["consume", "b", "-e", "-J"], "").text();
    assert_eq!(copied, json.replace(r#""topic":"a""#, r#""topic":"b""#));
    assert_eq!(broker.run(&["consume", "b", "-e", "-f", "%s"], "").done(), value);
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&object["ts"], &object["key"]), (&1_700_000_000_000_i64.into(), &"k".into()));
    assert_eq!(object["headers"], serde_json::json!(["n", null]));
    assert_eq!(object["tstype"], "create");
}

#[test]
fn delimiters_and_files_cut_the_input() {
    let broker = Broker::start(&[]);
    let (one, two) = (scratch("one"), scratch("two"));
    std::fs::write(&one, "a--b").unwrap();
    std::fs::write(&two, "c--").unwrap();
    let files = [one.to_str().unwrap(), "-", two.to_str().unwrap()];
    broker.run(&[&["produce", "t", "-D", "--"][..], &files].concat(), "x--y\n").done();
    let out = broker.run(&["consume", "t", "-e", "-D", r"\0"], "").text();
    assert_eq!(out, "a\0b\0x\0y\n\0c\0");
    broker.run(&[&["produce", "w", "--whole-files"][..], &files[..1]].concat(), "").done();
    assert_eq!(broker.run(&["consume", "w", "-e"], "").text(), "a--b\n");
}

#[test]
fn a_start_a_count_and_an_end_bound_what_is_read() {
    let broker = Broker::start(&["--topics", "t"]);
    for (line, time) in [("a", "1000"), ("b", "2000"), ("c", "3000"), ("d", "4000")] {
        broker.run(&["produce", "t", "--timestamp", time], line).done();
    }
    let read = |options: &[&str]| {
        let out = broker.run(&[&["consume", "t", "-D", " "][..], options].concat(), "").text();
        out.trim_end().to_owned()
    };
    assert_eq!(read(&["-e"]), "a b c d");
    assert_eq!(read(&["-o", "2", "-e"]), "c d");
    assert_eq!(read(&["-o", "-1", "-e"]), "d");
    assert_eq!(read(&["-o", "-100", "-e"]), "a b c d");
    assert_eq!(read(&["-o", "end", "-e"]), "");
    assert_eq!(read(&["-o", "@2000", "-e"]), "b c d");
    assert_eq!(read(&["-o", "@1970-01-01T00:00:02.5Z", "-e"]), "c d");
    assert_eq!(read(&["-o", "@9000", "-e"]), "");
    assert_eq!(read(&["--until", "3000", "-e"]), "a b");
    assert_eq!(read(&["-o", "@2000", "--until", "4000", "-e"]), "b c");
    assert_eq!(read(&["-c", "2"]), "a b");
    assert_eq!(read(&["-c", "0"]), "");
    assert_eq!(read(&["-p", "0", "-e"]), "a b c d");
}

#[test]
fn a_count_bounds_what_is_written_and_tee_shows_it() {
    let broker = Broker::start(&[]);
    let shown = broker.run(&["produce", "t", "-c", "2", "-T"], "a\nb\nc\n").text();
    assert_eq!(shown, "a\nb\n");
    assert_eq!(broker.run(&["consume", "t", "-e"], "").text(), "a\nb\n");
}

#[test]
fn several_topics_are_read_together() {
    let broker = Broker::start(&["--topics", "a:2,b"]);
    broker.run(&["produce", "a"], numbers(10)).done();
    broker.run(&["produce", "b"], numbers(5)).done();
    let out = broker.run(&["consume", "a", "b", "-e", "-f", r"%t\n"], "").text();
    let count = |topic| out.lines().filter(|line| *line == topic).count();
    assert_eq!((count("a"), count("b")), (10, 5));
}

/// Both directions at once, line by line: nothing waits for a buffer to fill.
#[test]
fn a_line_comes_out_while_the_next_one_has_not_gone_in() {
    let broker = Broker::start(&["--topics", "t"]);
    let mut consume = broker.command(&["consume", "t", "-o", "beginning"]);
    let mut consumer = consume.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(consumer.stdout.take().unwrap());
    let mut produce = broker.command(&["produce", "t"]);
    let mut producer = Started::new(produce.stdin(Stdio::piped()));
    let mut stdin = producer.child.stdin.take().unwrap();
    for number in 0..5 {
        writeln!(stdin, "{number}").unwrap();
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{number}\n"));
    }
    drop(stdin);
    producer.end().done();
    // Ctrl-C is how such a consumer ends: without a complaint.
    let pid = consumer.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!((consumer.wait().unwrap().code(), rest.as_str()), (Some(0), ""));
}

#[test]
fn a_signal_stops_the_reading_and_what_was_read_is_written() {
    let broker = Broker::start(&["--topics", "t"]);
    for signal in ["-INT", "-TERM"] {
        let mut produce = broker.command(&["produce", "t", "-T", "-X", "linger.ms=1000"]);
        let mut producer = produce.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut stdin, mut shown) =
            (producer.stdin.take().unwrap(), BufReader::new(producer.stdout.take().unwrap()));
        writeln!(stdin, "{signal}").unwrap();
        // What tee shows has been read; the linger keeps it from being sent at once.
        shown.read_line(&mut String::new()).unwrap();
        let pid = producer.id().to_string();
        let killed = std::process::Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(killed.success());
        assert_eq!(producer.wait().unwrap().code(), Some(0), "stdin is still open");
        drop(stdin);
    }
    assert_eq!(broker.run(&["consume", "t", "-e"], "").text(), "-INT\n-TERM\n");
}

#[test]
fn acks_of_none_and_of_the_leader_write_too() {
    let broker = Broker::start(&["--topics", "t"]);
    for acks in ["0", "1", "all", "-1"] {
        broker.run(&["produce", "t", "--acks", acks], format!("{acks}\n")).done();
    }
    assert_eq!(broker.run(&["consume", "t", "-e"], "").text(), "0\n1\nall\n-1\n");
}

#[test]
fn settings_come_from_a_file_of_java_names() {
    let broker = Broker::start(&["--topics", "t"]);
    let file = scratch("client.properties");
    let servers = broker.bootstrap.replace(':', "\\:");
    let text = format!("# Java's\nbootstrap.servers={servers}\ncompression.type = gzip\n");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    run(&mut kurier(&["-F", file, "produce", "t"]), "a\n").done();
    let out = run(&mut kurier(&["consume", "t", "-e", "-F", file]), "");
    assert_eq!(out.text(), "a\n");
    let environment =
        run(kurier(&["consume", "t", "-e"]).env("KURIER_BOOTSTRAP", &broker.bootstrap), "");
    assert_eq!(environment.text(), "a\n");
}
