//! Nothing hangs, and nothing that was lost counts as done.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use crate::brokers::{Broker, impostor, scratch};
use crate::process::{Ended, Started, kurier, pause, run};

/// How a child ended whose stdout was taken away.
#[track_caller]
fn end(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Ended { status: output.status.code(), stdout: output.stdout, stderr }
}

#[test]
fn an_offset_beyond_the_end_is_an_error_in_the_words_of_the_options() {
    let broker = Broker::start(&["--topics", "t"]);
    broker.run(&["produce", "t"], "a\nb\n").done();
    for end in [&["-e"][..], &[]] {
        let ended = broker.run(&[&["consume", "t", "-o", "9"][..], end].concat(), "");
        let line = ended.failed(1);
        for part in ["topic t", "offset 9", "choose another -o", "auto.offset.reset=earliest"] {
            assert!(line.contains(part), "no {part:?} in {line}");
        }
    }
    assert_eq!(broker.run(&["consume", "t", "-o", "2", "-e"], "").text(), "", "that is the end");
    let reset = ["-X", "auto.offset.reset=earliest"];
    let out = broker.run(&[&["consume", "t", "-o", "9", "-e"][..], &reset].concat(), "");
    assert_eq!(out.text(), "a\nb\n");
}

#[test]
fn a_stopped_broker_ends_a_consumer_within_its_timeout() {
    let broker = Broker::start(&["--topics", "t"]);
    broker.run(&["produce", "t"], format!("{:0100}\n", 0).repeat(20_000)).done();
    let options = ["-X", "queued.max.messages.kbytes=1", "-X", "max.partition.fetch.bytes=1000"];
    let limit = ["-e", "-X", "default.api.timeout.ms=1500"];
    let mut command = broker.command(&[&["consume", "t"][..], &options, &limit].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 2]).unwrap();
    broker.signal("-STOP");
    let start = Instant::now();
    let ended = end(child);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let line = ended.failed(1);
    for part in ["no records of partition 0 of topic t at offset ", "within 1.5 s", "records were"]
    {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
}

#[test]
fn whoever_waits_for_an_address_that_leads_nowhere_is_told_so_soon() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = free.port().to_string();
    let mut command = kurier(&["broker", "-q", "--until-stdin-ends", "--port", &port]);
    command.args(["--host", "127.0.0.1", "--topics", "t", "--advertise", "127.0.0.1:1"]);
    let mut broker = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(broker.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    for args in [&["topic", "list"][..], &["consume", "t"], &["produce", "t"]] {
        let mut child = kurier(&["-b", &free.to_string()]);
        let child =
            child.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // `topic list` does not read it.
        let _ = stdin.write_all(b"a\n");
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(line.starts_with("kurier: note: waiting for a broker"), "{args:?}: {line}");
        assert!(line.contains("broker=1 error=cannot reach 127.0.0.1:1: "), "{args:?}: {line}");
    }
    drop(broker.stdin.take());
    broker.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn output_that_nobody_wants_is_no_failure() {
    let broker = Broker::start(&["--topics", "t"]);
    broker.run(&["produce", "t"], "a\n").done();
    // A shell opens /dev/null for writing, other parents for reading too.
    for opened in [">/dev/null", "1<>/dev/null", ">&-"] {
        let mut shell = Command::new("sh");
        let script = format!("exec \"$0\" \"$@\" {opened}");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_kurier"), "-b", &broker.bootstrap]);
        run(shell.args(["consume", "t", "-e"]), "").done();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_a_failure() {
    for args in [&["--help"][..], &["consume", "--help"], &["--version"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let child = kurier(args).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let ended = end(child);
        assert!(ended.failed(1).starts_with("cannot write to stdout: "), "{ended:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_stderr_does_not_take_changes_nothing() {
    let broker = Broker::start(&["--topics", "t"]);
    broker.run(&["produce", "t"], "a\nb\n").done();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let consume = || broker.command(&["-vvv", "consume", "t", "-e"]);
    assert_eq!(
        end(consume().stdout(Stdio::piped()).stderr(full()).spawn().unwrap()).text(),
        "a\nb\n"
    );
    let gone = UnixStream::pair().unwrap().0;
    let child = consume().stdout(Stdio::piped()).stderr(OwnedFd::from(gone)).spawn().unwrap();
    assert_eq!(end(child).text(), "a\nb\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_broker_whose_addresses_cannot_be_written_ends() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut broker = kurier(&["broker", "--port", "0", "-q"]);
    let ended = end(broker.stdout(full).stderr(Stdio::piped()).spawn().unwrap());
    assert!(ended.failed(1).starts_with("cannot write to stdout: "), "{ended:?}");
}

#[test]
fn a_reader_that_has_gone_ends_a_consumer_that_waits() {
    let broker = Broker::start(&["--topics", "t"]);
    broker.run(&["produce", "t"], "a\n").done();
    let mut command = broker.command(&["consume", "t"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 2]).unwrap();
    // No record follows.
    let ended = end(child);
    assert!(ended.failed(1).contains("stdout was closed by its reader"), "{ended:?}");
}

#[test]
fn nonblocking_stdin_and_stdout_lose_nothing() {
    let broker = Broker::start(&["--topics", "t"]);
    let lines: String = (0..100_000).map(|number| format!("{number}\n")).collect();
    let nonblocking = || {
        let (near, far) = UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        (near, Stdio::from(OwnedFd::from(far)))
    };
    let (mut near, far) = nonblocking();
    let mut produce = broker.command(&["produce", "t"]);
    let child = produce.stdin(far).stderr(Stdio::piped()).spawn().unwrap();
    drop(produce);
    near.write_all(lines.as_bytes()).unwrap();
    drop(near);
    end(child).done();
    let (mut near, far) = nonblocking();
    let mut consume = broker.command(&["consume", "t", "-e"]);
    let child = consume.stdout(far).stderr(Stdio::piped()).spawn().unwrap();
    drop(consume);
    let mut out = String::new();
    near.read_to_string(&mut out).unwrap();
    end(child).done();
    assert!(out == lines, "{} bytes", out.len());
}

#[test]
fn a_second_signal_ends_a_producer_at_once_with_its_count() {
    let broker = Broker::start(&["--topics", "t"]);
    let mut producer = Started::new(broker.command(&["produce", "t"]).stdin(Stdio::piped()));
    let mut stdin = producer.child.stdin.take().unwrap();
    stdin.write_all(b"first\n").unwrap();
    while broker.run(&["consume", "t", "-e"], "").done() != b"first\n" {
        pause();
    }
    broker.signal("-STOP");
    stdin.write_all(b"second\nthird\n").unwrap();
    let start = Instant::now();
    // The first one takes what was read; each later one may come before that is done.
    while producer.child.try_wait().unwrap().is_none() {
        producer.signal("-INT");
        std::thread::park_timeout(Duration::from_millis(300));
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let ended = producer.end();
    let line = ended.failed(1);
    assert!(line.contains("second signal") && line.contains("not acknowledged"), "{line}");
    assert!(line.contains("may have been written"), "{line}");
}

#[test]
fn a_signal_during_the_first_contact_ends_a_command_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for command in [&["produce", "t"][..], &["consume", "t", "-e"]] {
        let mut kurier = kurier(&["-b", &address]);
        let mut started = Started::new(kurier.args(command).stdin(Stdio::piped()));
        let silent = listener.accept().unwrap();
        started.signal("-INT");
        let start = Instant::now();
        let ended = started.end();
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        let line = ended.failed(1);
        assert!(line.contains("signal") && line.contains("no broker had answered"), "{line}");
        drop(silent);
    }
}

#[test]
fn a_port_that_speaks_another_protocol_is_recognised() {
    for (answer, speaker) in [
        (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], "SSH"),
        (b"220 mail.example ESMTP\r\n", "SMTP or FTP"),
        (b"\x4a\0\0\0\x0a8.0.36\0", "4a 00 00 00"),
    ] {
        let address = impostor(answer);
        let ended = run(&mut kurier(&["-b", &address, "topic", "list"]), "");
        let line = ended.failed(1);
        assert!(line.contains(&address) && line.contains(speaker), "{line}");
        assert!(!line.contains("frame_bytes_max"), "{line}");
    }
}

#[test]
fn a_delivery_that_is_never_acknowledged_names_the_brokers_last_words() {
    // Newer releases ask for no more replicas than a partition has.
    let broker = Broker::start(&["--as", "2.8"]);
    let config = ["-c", "min.insync.replicas=2"];
    broker.run(&[&["topic", "create", "t"][..], &config].concat(), "").done();
    let soon = ["-X", "request.timeout.ms=1000", "-X", "delivery.timeout.ms=1500"];
    let ended = broker.run(&[&["produce", "t"][..], &soon].concat(), "a\n");
    let line = ended.failed(1);
    for part in ["partition 0 of topic t", "NOT_ENOUGH_REPLICAS", "within 1.5 s", "1 of 1 records"]
    {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
}

#[test]
fn input_without_a_delimiter_is_refused_before_memory_is_full() {
    let broker = Broker::start(&["--topics", "t"]);
    for options in [&[][..], &["--whole-files"], &["-J"]] {
        let mut command = broker.command(&[&["produce", "t"][..], options].concat());
        let mut producer = Started::new(command.stdin(Stdio::piped()));
        let mut stdin = producer.child.stdin.take().unwrap();
        let (piece, mut written) = (vec![b'x'; 64 << 10], 0);
        // Until nobody reads any more.
        while written < 64 << 20 && stdin.write_all(&piece).is_ok() {
            written += piece.len();
        }
        assert!(written < 16 << 20, "{options:?}: {written} bytes were taken");
        drop(stdin);
        let ended = producer.end();
        let line = ended.failed(1);
        for part in ["max.request.size", "1 of 1 records read were not acknowledged"] {
            assert!(line.contains(part), "{options:?}: no {part:?} in {line}");
        }
    }
}

#[test]
fn a_topic_that_the_broker_creates_on_the_way_is_told() {
    let broker = Broker::start(&[]);
    let created = broker.run(&["produce", "slip"], "a\n");
    let expected = "kurier: note: topic slip was created by the broker, 1 partition\n";
    assert_eq!((created.status, created.stderr.as_str()), (Some(0), expected));
    let known = broker.run(&["produce", "slip"], "a\n");
    assert_eq!((known.status, known.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_file_made_for_javas_clients_is_taken_and_what_waits_for_a_part_is_named() {
    let broker = Broker::start(&["--topics", "t"]);
    let file = scratch("java.properties");
    let serializer = "key.serializer=org.apache.kafka.common.serialization.StringSerializer";
    std::fs::write(&file, format!("{serializer}\nlinger.ms=1\n")).unwrap();
    let file = file.to_str().unwrap();
    broker.run(&["produce", "t", "-F", file], "a\n").done();
    let later = "enable.metrics.push=true";
    let noted = broker.run(&["consume", "t", "-e", "-F", file, "-X", later], "");
    assert_eq!((noted.status, noted.stdout.as_slice()), (Some(0), b"a\n".as_slice()));
    let warning = "kurier: warning: enable.metrics.push changes nothing";
    assert!(noted.stderr.starts_with(warning), "{noted:?}");
    assert_eq!(noted.stderr.lines().count(), 1, "{noted:?}");
    let listed = broker.run(&["topic", "list", "-F", file, "-X", "group.id=g"], "");
    assert_eq!((listed.status, listed.stderr.as_str()), (Some(0), ""), "it joins no group");
    broker.run(&["produce", "t", "-X", serializer], "a\n").done();
    let ended = broker.run(&["produce", "t", "-X", "interceptor.classes=x.Y"], "a\n");
    assert!(ended.failed(2).contains("interceptor.classes"), "{ended:?}");
    let ended = broker.run(&["produce", "t", "-F", "no-such.properties"], "a\n");
    assert!(ended.failed(2).contains("no-such.properties"), "{ended:?}");
    std::fs::write(file, "ssl.truststore.location=/x\nsasl.mechanism=NO-SUCH\n").unwrap();
    let ended = broker.run(&["produce", "t", "-F", file], "a\n");
    assert_ne!(ended.status, Some(0), "what guards the data is never skipped: {ended:?}");
}

#[test]
fn a_topic_that_is_named_twice_is_one() {
    let broker = Broker::start(&["--no-auto-create"]);
    broker.run(&["topic", "create", "a", "b", "a"], "").done();
    let ended = broker.run(&["topic", "create", "a"], "");
    let line = ended.failed(1);
    assert!(line.contains("--if-not-exists"), "{line}");
    assert_eq!(line.matches("xists").count(), 1, "{line}");
    broker.run(&["topic", "delete", "a", "a", "b"], "").done();
}

#[test]
fn an_ipv6_host_may_stand_in_brackets() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: there is no IPv6");
        return;
    }
    let broker = Broker::start(&["--host", "[::1]"]);
    assert!(broker.bootstrap.starts_with("[::1]:"), "{}", broker.bootstrap);
    assert_eq!(broker.run(&["topic", "list"], "").text(), "");
    let ended = run(&mut kurier(&["-b", "::1", "topic", "list"]), "");
    let line = ended.failed(2);
    assert_eq!(line.matches("write ").count(), 1, "{line}");
}

#[test]
fn an_answer_that_never_goes_on_ends_a_consumer() {
    use kurier_protocol::ApiKey;
    use kurier_testkit::{Fault, TestCluster};
    let cluster = TestCluster::builder().topic("t", 1).build();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
    let served = runtime.block_on(cluster.serve_tcp("127.0.0.1", 0)).unwrap();
    let bootstrap = served.bootstrap().join(",");
    run(&mut kurier(&["-b", &bootstrap, "produce", "t"]), "a\n").done();
    cluster.fault(Fault::on(ApiKey::FETCH).always().execute_then_hang());
    let limit = ["-e", "-X", "default.api.timeout.ms=1200"];
    let ended = run(kurier(&["-b", &bootstrap, "consume", "t"]).args(limit), "");
    let line = ended.failed(1);
    for part in ["partition 0 of topic t at offset 0 from broker 1", "within 1.2 s"] {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
}

#[test]
fn a_follower_is_told_once_of_a_silent_broker_and_goes_on() {
    let broker = Broker::start(&["--topics", "t"]);
    broker.run(&["produce", "t"], "a\n").done();
    let limit = ["-X", "default.api.timeout.ms=1000"];
    let mut command = broker.command(&[&["consume", "t"][..], &limit].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 2]).unwrap();
    broker.signal("-STOP");
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("it does not answer") && line.ends_with("trying goes on\n"), "{line}");
    broker.signal("-CONT");
    broker.run(&["produce", "t"], "b\n").done();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 2]).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}
