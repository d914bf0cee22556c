//! `kurier consume --group`: what was printed is committed, and the next one goes on behind it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use kurier_client::Client;
use kurier_client::consumer::Start;
use kurier_client::transactions::GroupOffset;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TcpCluster, TestCluster};
use tokio::runtime::Runtime;

use crate::brokers::{Broker, scratch};
use crate::process::{Ended, kurier, run};

/// A broker whose groups begin at once.
fn quick(topics: &str) -> Broker {
    Broker::start(&["--topics", topics, "--config", "group.initial.rebalance.delay.ms=0"])
}

/// A cluster that a test can break, and a runtime that serves it.
struct Breakable {
    cluster: TestCluster,
    bootstrap: String,
    runtime: Runtime,
    _served: TcpCluster,
}

impl Breakable {
    fn start() -> Self {
        let quick = ("group.initial.rebalance.delay.ms", "0");
        let cluster = TestCluster::builder().topic("t", 1).config(quick.0, quick.1).build();
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let served = runtime.block_on(cluster.serve_tcp("127.0.0.1", 0)).unwrap();
        let bootstrap = served.bootstrap().join(",");
        Self { cluster, bootstrap, runtime, _served: served }
    }

    fn run(&self, args: &[&str], input: &str) -> Ended {
        run(kurier(&["-b", &self.bootstrap]).args(args), input)
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

/// The next line of stderr that begins so.
fn line_of(stderr: &mut impl std::io::BufRead, beginning: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "no line {beginning:?}");
        if line.starts_with(beginning) {
            return line;
        }
    }
}

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

#[cfg(target_os = "linux")]
#[test]
fn what_stdout_did_not_take_is_not_committed() {
    let broker = quick("t");
    broker.run(&["produce", "t"], "a\n").done();
    let member = ["consume", "t", "-G", "g", "-e"];
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    // It waits for another one, and before that it flushes.
    let mut waits = broker.command(&["consume", "t", "-G", "g", "-c", "2"]);
    let child = waits.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{line}");
    assert!(line.contains("cannot write to stdout"), "{line}");
    assert_eq!(broker.run(&member, "").text(), "a\n");
    assert_eq!(broker.run(&member, "").text(), "", "now it is");
}

#[test]
fn an_offset_beyond_the_end_is_no_end_to_have_read_to() {
    let kit = Breakable::start();
    kit.run(&["produce", "t"], "a\nb\n").done();
    kit.runtime.block_on(async {
        let client = Client::builder([kit.bootstrap.clone()]).connect().await.unwrap();
        let consumer = client.consumer().group("g").assign([("t", 0, Start::Earliest)]);
        let consumer = consumer.start().unwrap();
        consumer.commit_offsets([GroupOffset::new("t", 0, 1000)]).await.unwrap();
    });
    let member = ["consume", "t", "-G", "g", "-e"];
    let ended = kit.run(&member, "");
    assert_eq!((ended.status, &*ended.stdout), (Some(0), &b"a\nb\n"[..]), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("kurier: note: offset out of range: reset"), "{ended:?}");
    let again = kit.run(&member, "");
    assert_eq!((&*again.stdout, &*again.stderr), (&b""[..], ""), "it was committed");
}

#[test]
fn a_commit_that_fails_at_the_end_is_an_error() {
    let kit = Breakable::start();
    kit.run(&["produce", "t"], "a\n").done();
    let soon = ["-X", "default.api.timeout.ms=1500", "-X", "request.timeout.ms=1000"];
    let member = [&["consume", "t", "-G", "g", "-q"][..], &soon].concat();
    let refused =
        Fault::on(ApiKey::OFFSET_COMMIT).always().answer(ErrorCode::GROUP_AUTHORIZATION_FAILED);
    let silent = Fault::on(ApiKey::OFFSET_COMMIT).always().close();
    for (fault, part) in [(refused, "GROUP_AUTHORIZATION_FAILED"), (silent, "OffsetCommit")] {
        kit.cluster.fault(fault);
        for end in [&["-e"][..], &["-c", "1"]] {
            let ended = kit.run(&[&member, end].concat(), "");
            assert_eq!((ended.status, &*ended.stdout), (Some(1), &b"a\n"[..]), "{ended:?}");
            let line = ended.stderr.lines().last().unwrap();
            let beginning = "kurier: cannot commit in group g what was printed last: ";
            assert!(line.starts_with(beginning) && line.contains(part), "{line}");
        }
        kit.cluster.clear_faults();
    }
}

#[test]
fn commits_that_fail_are_told_once_while_they_do() {
    let kit = Breakable::start();
    kit.run(&["produce", "t"], "a\n").done();
    kit.cluster.fault(
        Fault::on(ApiKey::OFFSET_COMMIT).always().answer(ErrorCode::GROUP_AUTHORIZATION_FAILED),
    );
    let often = ["-u", "-X", "auto.commit.interval.ms=20"];
    let mut command = kurier(&["-b", &kit.bootstrap]);
    command.args(["consume", "t", "-G", "g"]).args(often);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("kurier: warning: what was printed is not committed in"), "{line}");
    assert!(line.contains("GROUP_AUTHORIZATION_FAILED"), "{line}");
    let commits = || {
        let requests = kit.cluster.requests();
        requests.iter().filter(|of| of.api == ApiKey::OFFSET_COMMIT).count()
    };
    let before = commits();
    while commits() < before + 3 {
        kit.run(&["produce", "t"], "b\n").done();
    }
    signal(&child, "-TERM");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("kurier: cannot commit in group g"), "{rest}");
    assert_eq!((rest.lines().count(), child.wait().unwrap().code()), (1, Some(1)), "{rest}");
}

#[test]
fn a_member_that_is_ended_before_stdout_took_all_says_what_is_not_done() {
    let broker = quick("t");
    let lines: String = (0..200_000).map(|number| format!("{number}\n")).collect();
    broker.run(&["produce", "t"], lines).done();
    let mut command = broker.command(&["consume", "t", "-G", "g", "-q"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // More than this nobody takes.
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 2]).unwrap();
    let start = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() && start.elapsed().as_secs() < 30 {
        signal(&child, "-TERM");
        std::thread::park_timeout(std::time::Duration::from_millis(300));
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.starts_with("kurier: ended by another signal"), "{said}");
    assert!(said.contains("not committed") && said.lines().count() == 1, "{said}");
}

#[test]
fn where_a_group_has_not_begun_the_settings_say_where_to_begin() {
    let broker = quick("t");
    broker.run(&["produce", "t"], "a\n").done();
    let file = scratch("reset.properties");
    std::fs::write(&file, "auto.offset.reset=latest\n").unwrap();
    let file = file.to_str().unwrap();
    let read = |group: &str, more: &[&str]| {
        broker.run(&[&["consume", "t", "-e", "-q", "-G", group], more].concat(), "")
    };
    let latest = ["-X", "auto.offset.reset=latest"];
    assert_eq!(read("a", &latest).text(), "");
    assert_eq!(read("b", &["-F", file]).text(), "");
    assert_eq!(read("c", &["-F", file, "-o", "beginning"]).text(), "a\n", "an option wins");
    let refused = read("d", &["-X", "auto.offset.reset=none"]);
    let line = refused.failed(1);
    for part in ["group d has committed no offset of partition 0 of topic t", "-o beginning"] {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
    let stored = ["consume", "t", "-e", "-o", "stored", "-X", "group.id=d"];
    let stored = broker.run(&[&stored[..], &["-X", "auto.offset.reset=none"]].concat(), "");
    assert!(stored.failed(1).contains("auto.offset.reset is none"), "{stored:?}");
    broker.run(&["produce", "t"], "b\n").done();
    assert_eq!(read("a", &[]).text(), "b\n", "it has begun");
}

#[test]
fn a_topic_that_is_not_there_is_named_before_a_member_reads_others() {
    let broker = quick("t");
    broker.run(&["produce", "t"], "a\n").done();
    let ended = broker.run(&["consume", "nope", "t", "-G", "g", "-e"], "");
    assert!(ended.failed(1).contains("topic nope does not exist"), "{ended:?}");
    assert_eq!(broker.run(&["consume", "t", "-G", "g", "-e"], "").text(), "a\n");
}

#[test]
fn a_member_that_breaks_off_is_not_sent_where_members_cannot_go() {
    let broker = quick("t");
    broker.run(&["produce", "t"], "12345678\nabc\n").done();
    let member = ["consume", "t", "-G", "g", "-e", "-s", "c c c c c c c c $"];
    let ended = broker.run(&member, "");
    let line = ended.failed(1);
    assert!(line.contains("offset 1") && line.contains("group g goes on behind"), "{line}");
    assert!(!line.contains("-p 0"), "{line}");
    let next = broker.run(&["consume", "t", "-G", "g", "-e"], "");
    assert_eq!(next.text(), "abc\n", "what was printed before it is committed");
}

#[test]
fn who_wants_progress_hears_what_its_group_gives_and_what_it_does_not() {
    let broker = quick("t");
    let member = ["consume", "t", "-G", "g", "--progress", "-X", "heartbeat.interval.ms=100"];
    // Static members are served in the order of their names.
    let members = ["a", "b"].map(|name| {
        let name = format!("group.instance.id={name}");
        let mut command = broker.command(&[&member[..], &["-X", &name]].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let given = line_of(&mut stderr, "kurier: note: group g gives ");
        (child, stderr, given)
    });
    let [(mut having, _having, given), (mut lacking, mut said, nothing)] = members;
    assert_eq!(given, "kurier: note: group g gives t 0\n");
    assert_eq!(nothing, "kurier: note: group g gives nothing more\n");
    let line = line_of(&mut said, "kurier: note: group g has given this member no partition yet");
    assert!(line.contains("it waits for one"), "{line}");
    for child in [&mut having, &mut lacking] {
        signal(child, "-TERM");
        assert!(child.wait().unwrap().success());
    }
}
