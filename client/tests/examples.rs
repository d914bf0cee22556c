//! Each example does what it says, as a program of its own against brokers on this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use kurier_testkit::{Builder, Isolation, TestCluster};

/// Those that are run below, or elsewhere: by the interoperability checks of Kerberos.
const KNOWN: [&str; 12] = [
    "assigned",
    "checked",
    "consume",
    "exactly_once",
    "group",
    "kerberos_check",
    "operate",
    "produce",
    "secure",
    "split",
    "state",
    "transaction",
];

/// Where cargo puts it: beside the folder of this test. `cargo test` builds all of them, unless it
/// is told which tests to build.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let program = folder.join(format!("examples/{name}{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--offline", "--package", "kurier-client", "--example", name]);
        build.args(folder.ends_with("release").then_some("--release"));
        assert!(build.status().unwrap().success(), "{name} is not built");
    }
    program
}

async fn run(mut command: Command) -> (String, String) {
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let Output { status, stdout, stderr } = ended;
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(status.success(), "{status}: {stderr}");
    (stdout, stderr)
}

/// Runs one with the address of a cluster and what stands behind it.
async fn example(name: &str, builder: Builder, words: &[&str]) -> (String, String, TestCluster) {
    let cluster = builder.build();
    let served = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let mut command = Command::new(program(name));
    command.arg(served.bootstrap().first().unwrap()).args(words);
    let (stdout, stderr) = run(command).await;
    served.shutdown().await;
    (stdout, stderr, cluster)
}

#[test]
fn no_example_is_left_out() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let names = files.map(|file| file.file_stem().unwrap().to_string_lossy().into_owned());
    assert_eq!(names.collect::<BTreeSet<_>>(), KNOWN.map(String::from).into());
}

#[cfg(feature = "zstd")]
#[tokio::test(flavor = "multi_thread")]
async fn produce_and_consume() {
    let cluster = TestCluster::builder().topic("numbers", 2).build();
    let served = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let with = |name: &str| {
        let mut command = Command::new(program(name));
        command.arg(&served.bootstrap()[0]).arg("numbers");
        command
    };
    let (written, _) = run(with("produce")).await;
    assert_eq!(written.lines().count(), 1000);
    let ends = [0, 1].map(|partition| cluster.high_watermark("numbers", partition));
    assert_eq!(ends.iter().sum::<i64>(), 1000);
    let (read, _) = run(with("consume")).await;
    let (beside, _) = run(with("split")).await;
    let places = |text: &str| -> BTreeSet<String> {
        text.lines().map(|line| line.split(':').next().unwrap().to_owned()).collect()
    };
    assert_eq!(places(&read), places(&written));
    assert_eq!(places(&beside), places(&written));
    let last = |line: &str| line.ends_with(": 999");
    assert!(read.lines().any(last), "{read}");
    served.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operate() {
    let builder = TestCluster::builder().topic("numbers", 1);
    let (stdout, stderr, cluster) = example("operate", builder, &["numbers"]).await;
    assert_eq!(cluster.high_watermark("numbers", 0), 1);
    assert!(stdout.starts_with("numbers-0 at 0\n"), "{stdout}");
    assert!(stdout.contains("# TYPE ") && stderr.contains("found the cluster"), "{stderr}");
    let builder = TestCluster::builder().auto_create(false);
    let (_, stderr, _) = example("operate", builder, &["numbers"]).await;
    assert!(stderr.contains("create the topic first: topic numbers does not exist"), "{stderr}");
}

#[cfg(feature = "tls")]
#[tokio::test(flavor = "multi_thread")]
async fn secure() {
    let builder = TestCluster::builder().topic("orders", 1).tls();
    let builder =
        builder.sasl([kurier_testkit::SaslMechanism::ScramSha256]).user("alice", "secret");
    let cluster = builder.build();
    let served = cluster.serve_tcp("localhost", 0).await.unwrap();
    let name = format!("examples-{}.pem", std::process::id());
    let ca = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&ca, cluster.ca_pem().unwrap()).unwrap();
    let mut command = Command::new(program("secure"));
    command.arg(&served.bootstrap()[0]).arg(&ca).arg("alice").env("PASSWORD", "secret");
    let (stdout, _) = run(command).await;
    assert_eq!(stdout, "orders\n");
    served.shutdown().await;
    std::fs::remove_file(&ca).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction() {
    let builder = TestCluster::builder().topic("numbers", 1);
    let builder = builder.transaction_marker_delay(std::time::Duration::ZERO);
    let (stdout, _, cluster) = example("transaction", builder, &["numbers"]).await;
    assert!(stdout.starts_with("0: committed\n1: committed\n2: aborted\n"), "{stdout}");
    assert_eq!(stdout.lines().count(), 10);
    let read = cluster.read("numbers", 0, Isolation::Committed);
    assert_eq!(read.len(), 70, "seven of ten transactions are committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_once() {
    let builder = TestCluster::builder().topic("numbers", 1).topic("squares", 1);
    let cluster = builder.transaction_marker_delay(std::time::Duration::ZERO).build();
    let served = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let server = served.bootstrap().first().unwrap().clone();
    let client = kurier_client::Client::builder([server.clone()]).connect().await.unwrap();
    let producer = client.producer().build().await.unwrap();
    for number in ["2", "3", "4"] {
        producer.send(kurier_client::Record::to("numbers").value(number)).await.unwrap();
    }
    let mut command = Command::new(program("exactly_once"));
    command.args([&*server, "numbers", "squares"]);
    let (stdout, _) = run(command).await;
    assert!(
        stdout.lines().count() > 0 && stdout.lines().all(|line| line == "committed"),
        "{stdout}"
    );
    served.shutdown().await;
    let read = cluster.read("squares", 0, Isolation::Committed);
    let squares: Vec<_> = read.iter().filter_map(|record| record.value()).collect();
    assert_eq!(squares, [b"4".as_slice(), b"9", b"16"]);
}

/// A cluster on which two topics match `numbers.*`, with a number in each of their partitions.
async fn numbers() -> (TestCluster, kurier_testkit::TcpCluster, String) {
    let builder = TestCluster::builder().topic("numbers-1", 2).topic("numbers-2", 1);
    let builder = builder.topic("others", 1);
    let cluster = builder.group_initial_rebalance_delay(std::time::Duration::ZERO).build();
    let served = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
    let server = served.bootstrap().first().unwrap().clone();
    let client = kurier_client::Client::builder([server.clone()]).connect().await.unwrap();
    let producer = client.producer().build().await.unwrap();
    for (topic, partition) in [("numbers-1", 0), ("numbers-1", 1), ("numbers-2", 0), ("others", 0)]
    {
        let record = kurier_client::Record::to(topic).partition(partition).value("7");
        producer.send(record).await.unwrap();
    }
    (cluster, served, server)
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// Regular expressions, an assignor of one's own, and a group.
#[tokio::test(flavor = "multi_thread")]
async fn group_by_a_pattern() {
    let (_cluster, served, server) = numbers().await;
    let mut command = Command::new(program("group"));
    command.args([&*server, "numbers.*"]);
    let (stdout, stderr) = run(command).await;
    let wanted = ["numbers-1-0 at 0: 7", "numbers-1-1 at 0: 7", "numbers-2-0 at 0: 7"];
    assert_eq!(sorted(&stdout), wanted);
    assert!(stderr.contains(r#"has [("numbers-1", 0)"#), "{stderr}");
    // All of it is committed.
    let mut command = Command::new(program("group"));
    command.args([&*server, "numbers.*"]);
    assert_eq!(run(command).await.0, "");
    served.shutdown().await;
}

/// Partitions that the program chooses, and offsets of a group.
#[tokio::test(flavor = "multi_thread")]
async fn assigned_partitions() {
    let (_cluster, served, server) = numbers().await;
    let read = async |partitions: &[&str]| {
        let mut command = Command::new(program("assigned"));
        command.args([&*server, "numbers-1"]).args(partitions);
        run(command).await.0
    };
    assert_eq!(read(&["1"]).await, "numbers-1-1 at 0: 7\n");
    // The next run goes on where that one has stopped.
    assert_eq!(read(&["0", "1"]).await, "numbers-1-0 at 0: 7\n");
    assert_eq!(read(&["0", "1"]).await, "");
    served.shutdown().await;
}

/// A member that comes while the first one has unsaved what it has read is given nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn state_of_partitions_is_saved_before_another_member_reads_on() {
    let (_cluster, served, server) = numbers().await;
    let start = move || {
        let mut command = Command::new(program("state"));
        command.args([&*server, "numbers-1"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let run = tokio::task::spawn_blocking(move || {
        let mut first = start();
        let mut told = BufReader::new(first.stderr.take().unwrap());
        let mut has = String::new();
        told.read_line(&mut has).unwrap();
        let second = start();
        let (mut rest, first) = (String::new(), first.wait_with_output().unwrap());
        told.read_to_string(&mut rest).unwrap();
        (format!("{has}{rest}"), [first, second.wait_with_output().unwrap()])
    });
    let (told, ended) = run.await.unwrap();
    assert!(ended.iter().all(|one| one.status.success()), "{ended:?}");
    assert!(told.starts_with("has ") && told.contains("gives up "), "{told}");
    let [first, second] = ended.map(|one| String::from_utf8(one.stdout).unwrap());
    let saved = format!("{first}{second}");
    assert_eq!(sorted(&saved), ["numbers-1-0: 1 more", "numbers-1-1: 1 more"], "{second}");
    served.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checked() {
    let (stdout, _) = run(Command::new(program("checked"))).await;
    assert!(stdout.ends_with(" operations, 0 broken promises\n"), "{stdout}");
}
