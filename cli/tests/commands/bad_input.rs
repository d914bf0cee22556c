//! What goes wrong: one line on stderr that names what was tried and what to do, and an end in
//! time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use crate::brokers::{Broker, impostor};
use crate::process::{Ended, Started, kurier, pause, run};

/// Commands that need a cluster.
const COMMANDS: [&[&str]; 4] =
    [&["produce", "t"], &["consume", "t", "-e"], &["topic", "list"], &["topic", "create", "t"]];

/// Gives up soon, so that a test does not take as long as a user's patience.
const SOON: [&str; 6] =
    ["-X", "request.timeout.ms=1000", "-X", "delivery.timeout.ms=2000", "-X", "linger.ms=1"];

#[track_caller]
fn check(bootstrap: &str, parts: &[&str]) {
    for command in COMMANDS {
        let ended = run(kurier(&["-b", bootstrap]).args(command).args(SOON), "line\n");
        let line = ended.failed(1);
        for part in [bootstrap].iter().chain(parts) {
            assert!(line.contains(part), "{command:?}: no {part:?} in {line}");
        }
    }
}

#[test]
fn a_wrong_host_is_named() {
    check("no-such-host.invalid:9092", &["cannot reach", "check"]);
}

#[cfg(unix)]
#[test]
fn a_file_without_an_end_is_refused() {
    for option in [&["-F", "/dev/zero"][..], &["-X", "ssl.ca.location=/dev/zero"]] {
        let tls = ["-X", "security.protocol=SSL", "topic", "list"];
        let ended = run(kurier(option).args(tls), "");
        let status = ended.status.unwrap();
        let line = ended.failed(status);
        assert!(line.contains("/dev/zero") && line.contains("more than"), "{line}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_of_properties_that_is_none_is_named_soon() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("none-{}.properties", std::process::id()));
    let check = |file: &str, parts: &[&str]| {
        let ended = run(&mut kurier(&["-F", file, "topic", "list"]), "");
        let line = ended.failed(2);
        for part in [file].iter().chain(parts) {
            assert!(line.contains(part) && line.len() < 2000, "{part}: {line}");
        }
    };
    check("/no/such/file", &["no such file", "check -F"]);
    check("/", &["is a directory", "check -F"]);
    let written = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        file.to_str().unwrap()
    };
    check(written(b"acks=1\0\n"), &["line 1: has a NUL byte"]);
    check(written(b"\xff\xfea\0"), &["UTF-16"]);
    check(written(b"# a\racks=2\r"), &["line 2: acks: \"2\""]);
    check(written("nonsense.x=1\n".repeat(100_000).as_bytes()), &["and 980 more, at least"]);
    // A file of 2 GB that takes no room.
    std::fs::File::options().write(true).open(&file).unwrap().set_len(2 << 30).unwrap();
    check(file.to_str().unwrap(), &["more than 16777216 bytes"]);
    std::fs::remove_file(&file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    check(file.to_str().unwrap(), &["nothing came within 10 s", "a pipe"]);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn everything_that_is_wrong_with_settings_is_told_at_once() {
    let wrong = ["-X", "lingr.ms=1", "-X", "acks=2", "topic", "list"];
    let ended = run(&mut kurier(&wrong), "");
    let line = ended.failed(2);
    let all = "-X lingr.ms: is not a setting; did you mean linger.ms?; acks: \"2\" is none of";
    assert!(line.contains(all), "{line}");
}

#[test]
fn a_closed_port_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    check(&address, &["refused", "check"]);
}

#[test]
fn a_port_that_speaks_http_is_recognised() {
    check(&impostor(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), &["HTTP"]);
}

#[test]
fn a_port_that_speaks_tls_is_recognised() {
    check(&impostor(&[0x15, 3, 3, 0, 2, 2, 0x50]), &["TLS"]);
}

#[test]
fn an_address_that_is_none_is_wrong_usage() {
    for bootstrap in ["", "host:port", "host:0", "host:65536", ",", "http://a:1"] {
        let ended = run(&mut kurier(&["-b", bootstrap, "topic", "list"]), "");
        assert!(ended.failed(2).contains("HOST:PORT"), "{bootstrap:?}: {ended:?}");
    }
}

#[test]
fn a_missing_topic_is_named() {
    let broker = Broker::start(&["--no-auto-create"]);
    let soon = ["-X", "topic.metadata.propagation.max.ms=500"];
    for command in [&["produce", "no-such"][..], &["consume", "no-such", "-e"]] {
        let ended = broker.run(&[command, &soon].concat(), "a\nb\n");
        let line = ended.failed(1);
        assert!(line.contains("topic no-such") && line.contains("create"), "{line}");
    }
}

#[test]
fn a_missing_partition_is_named() {
    let broker = Broker::start(&["--topics", "t:3"]);
    for command in [&["produce", "t", "-p", "3"][..], &["consume", "t", "-e", "-p", "3"]] {
        let ended = broker.run(command, "a\nb\n");
        let line = ended.failed(1);
        assert!(line.contains("partition 3") && line.contains("has 3"), "{line}");
    }
}

#[test]
fn a_record_over_the_limit_is_counted_and_those_behind_it_are_not_read() {
    let broker = Broker::start(&["--topics", "t"]);
    let big = "x".repeat(2 << 20);
    let ended = broker.run(&["produce", "t"], format!("a\nb\n{big}\nc\nd\n"));
    let line = ended.failed(1);
    for part in ["stdin", "max.request.size", "1 of 3 records read were not acknowledged"] {
        assert!(line.contains(part), "{line}");
    }
    assert_eq!(broker.run(&["consume", "t", "-e"], "").text(), "a\nb\n");
}

#[test]
fn a_record_over_the_topics_limit_is_refused_by_the_broker_and_named() {
    let broker = Broker::start(&[]);
    broker.run(&["topic", "create", "t", "-c", "max.message.bytes=1000"], "").done();
    let ended = broker.run(&["produce", "t"], format!("{}\n", "x".repeat(5000)));
    let line = ended.failed(1);
    for part in ["MESSAGE_TOO_LARGE", "max.message.bytes", "1 of 1 records"] {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn unreadable_files_are_named_and_no_input_is_no_record() {
    let broker = Broker::start(&["--topics", "t"]);
    let ended = broker.run(&["produce", "t", "/no/such/file"], "");
    let line = ended.failed(1);
    assert!(line.contains("/no/such/file") && line.contains("no such file"), "{line}");
    let ended = broker.run(&["produce", "t", "/"], "");
    assert!(ended.failed(1).contains("is a directory"), "{ended:?}");
    // An empty pipe and /dev/null are no error: there was nothing to write.
    broker.run(&["produce", "t"], "").done();
    let mut produce = broker.command(&["produce", "t"]);
    Started::new(produce.stdin(Stdio::null())).end().done();
    let written = broker.run(&["consume", "t", "-o", "beginning", "-e"], "").text();
    assert_eq!(written, "");
}

/// Runs a command and closes its stdout after the first bytes.
#[track_caller]
fn close_stdout(broker: &Broker, args: &[&str]) -> Ended {
    let mut command = broker.command(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Ended { status: output.status.code(), stdout: Vec::new(), stderr }
}

#[test]
fn a_reader_of_stdout_that_goes_away_ends_the_command_with_a_line() {
    let broker = Broker::start(&["--topics", "t"]);
    let lines: String = (0..200_000).map(|number| format!("{number}\n")).collect();
    broker.run(&["produce", "t"], lines).done();
    for end in [&["-e"][..], &[]] {
        let ended = close_stdout(&broker, &[&["consume", "t"][..], end].concat());
        assert!(ended.failed(1).contains("stdout was closed"), "{ended:?}");
        let ended = close_stdout(&broker, &[&["consume", "t", "-q"][..], end].concat());
        assert_eq!((ended.status, ended.stderr.as_str()), (Some(1), ""));
    }
}

#[test]
fn a_broker_that_dies_leaves_a_count_of_what_is_not_acknowledged() {
    let mut broker = Broker::start(&["--topics", "t"]);
    let mut command = broker.command(&[&["produce", "t", "-T"][..], &SOON].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut producer = command.spawn().unwrap();
    let (mut stdin, mut stdout) = (producer.stdin.take().unwrap(), producer.stdout.take().unwrap());
    stdin.write_all(b"first\n").unwrap();
    // What tee shows was read; then it is written to the end of the pipe.
    stdout.read_exact(&mut [0; 6]).unwrap();
    while broker.run(&["consume", "t", "-e"], "").done() != b"first\n" {
        pause();
    }
    broker.kill();
    stdin.write_all(b"second\nthird\n").unwrap();
    stdout.read_exact(&mut [0; 13]).unwrap();
    let output = producer.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let ended = Ended { status: output.status.code(), stdout: Vec::new(), stderr };
    let line = ended.failed(1);
    assert!(line.contains("2 of 3 records read were not acknowledged"), "{line}");
    assert!(line.contains(&broker.bootstrap) || line.contains("topic t"), "{line}");
    drop(stdin);
}

#[test]
fn a_broker_that_dies_under_a_flood_is_reported_while_input_goes_on() {
    let mut broker = Broker::start(&["--topics", "t"]);
    let mut command = broker.command(&[&["produce", "t"][..], &SOON].concat());
    let mut producer = Started::new(command.stdin(Stdio::piped()));
    let mut stdin = producer.child.stdin.take().unwrap();
    let lines = "a line of a flood\n".repeat(10_000);
    for _ in 0..20 {
        stdin.write_all(lines.as_bytes()).unwrap();
    }
    broker.kill();
    // Until nobody reads any more.
    while stdin.write_all(lines.as_bytes()).is_ok() {}
    let ended = producer.end();
    let line = ended.failed(1);
    let counts = line.split("; ").find(|part| part.contains("not acknowledged")).unwrap();
    let numbers: Vec<u64> = counts.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[0] > 0 && numbers[1] >= 200_000 && numbers[0] <= numbers[1], "{line}");
}

#[test]
fn who_follows_a_topic_is_told_of_a_broker_that_dies_and_waits_for_it() {
    let mut broker = Broker::start(&["--topics", "t"]);
    broker.run(&["produce", "t"], "a\n").done();
    let outage = ["-X", "default.api.timeout.ms=1500"];
    let mut command = broker.command(&[&["consume", "t"][..], &SOON, &outage].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 2]).unwrap();
    broker.kill();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let is_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.contains("kurier: cannot read topic t"), "{line}");
    assert!(line.ends_with("trying goes on\n") && is_running, "{line}");
}

#[test]
fn a_broker_that_dies_ends_a_consumer_that_waits_for_its_end() {
    let mut broker = Broker::start(&["--topics", "t"]);
    broker.run(&["produce", "t"], format!("{:0100}\n", 0).repeat(20_000)).done();
    // Most of it is not fetched before somebody reads stdout.
    let little = ["-X", "queued.max.messages.kbytes=1", "-X", "max.partition.fetch.bytes=1000"];
    let outage = ["-e", "-X", "default.api.timeout.ms=1500"];
    let mut command = broker.command(&[&["consume", "t"][..], &SOON, &little, &outage].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 2]).unwrap();
    broker.kill();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let ended = Ended { status: output.status.code(), stdout: Vec::new(), stderr };
    let line = ended.failed(1);
    assert!(line.contains("topic t") && line.contains("-p 0 -o "), "{line}");
}

#[test]
fn a_signal_ends_a_producer_whose_brokers_are_gone() {
    let mut broker = Broker::start(&["--topics", "t"]);
    let full = ["-X", "buffer.memory=65536", "-X", "batch.size=16384"];
    let mut command = broker.command(&[&["produce", "t"][..], &SOON, &full].concat());
    let mut producer = Started::new(command.stdin(Stdio::piped()));
    let mut stdin = producer.child.stdin.take().unwrap();
    stdin.write_all(b"first\n").unwrap();
    while broker.run(&["consume", "t", "-e"], "").done() != b"first\n" {
        pause();
    }
    broker.kill();
    // More than the producer may hold: it waits for space until the signal comes.
    stdin.write_all("a line too many\n".repeat(20_000).as_bytes()).unwrap();
    producer.signal("-INT");
    let ended = producer.end();
    let line = ended.failed(1);
    // How many were read before the signal is a matter of luck; all but the first were lost.
    let (counts, _) = line.split_once(" records read were not acknowledged").unwrap();
    let words: Vec<&str> = counts.rsplit(' ').take(3).collect();
    let [read, "of", lost] = words[..] else { panic!("{line}") };
    let (read, lost): (u32, u32) = (read.parse().unwrap(), lost.parse().unwrap());
    assert!(1 < read && read == lost + 1, "{line}");
}

#[test]
fn a_signal_in_the_middle_of_a_record_says_what_was_left_out() {
    let broker = Broker::start(&["--topics", "t"]);
    let mut producer = Started::new(broker.command(&["produce", "t"]).stdin(Stdio::piped()));
    let mut stdin = producer.child.stdin.take().unwrap();
    stdin.write_all(b"a\nb\nhalf").unwrap();
    while broker.run(&["consume", "t", "-e"], "").done() != b"a\nb\n" {
        pause();
    }
    producer.signal("-INT");
    let ended = producer.end();
    let line = ended.failed(1);
    assert!(
        line.contains("the last 4 bytes that were read are a record without its end"),
        "{line}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_stdout_is_no_place_to_go_on_from() {
    let broker = Broker::start(&["--topics", "t"]);
    broker.run(&["produce", "t"], "a\nb\n").done();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = broker.command(&["consume", "t", "-e"]).stdout(full).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let ended = Ended { status: output.status.code(), stdout: Vec::new(), stderr };
    let line = ended.failed(1);
    assert!(line.starts_with("cannot write to stdout: ") && !line.contains("-o"), "{line}");
}

#[test]
fn a_topic_that_is_created_on_the_way_with_too_few_partitions_is_told() {
    let broker = Broker::start(&[]);
    let ended = broker.run(&["produce", "new", "-p", "3"], "a\n");
    assert_eq!(ended.status, Some(1));
    let note = "kurier: note: topic new was created by the broker, 1 partition, which is too few: \
                delete it, and make it with kurier topic create new -P 4";
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, note), "{ended:?}");
    assert!(lines[1].contains("topic new has no partition 3"), "{ended:?}");
}

#[test]
fn what_is_no_record_in_json_is_shown_with_what_would_be_one() {
    let broker = Broker::start(&["--topics", "t"]);
    let ended = broker.run(&["produce", "t", "-J"], "abc\n");
    let line = ended.failed(1);
    for part in ["record 1", "`abc`", r#"{"key":"k","payload":"v"}"#] {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
}

#[test]
fn the_time_of_a_record_may_be_so_long_ago() {
    let broker = Broker::start(&["--topics", "t"]);
    broker.run(&["produce", "t", "--timestamp", "-2h"], "a\n").done();
    let read = |start: &str| broker.run(&["consume", "t", "-e", "-o", start], "").text();
    assert_eq!((&*read("-3h"), &*read("-1h")), ("a\n", ""));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_told() {
    for wrong in [["--group-id", ""], ["--group-id=g", "--max-messages=-5"]] {
        let mut command = kurier(&["-b", "127.0.0.1:1", "verifiable", "consumer", "--topic", "t"]);
        let ended = run(command.args(wrong), "");
        assert_eq!((ended.status, &*ended.stdout), (Some(2), &b""[..]), "{ended:?}");
    }
}
