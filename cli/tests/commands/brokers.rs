//! `kurier broker`, started for a test and ended with it; and what it promises itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::process::{Ended, Started, kurier, pause, run};

/// A running broker process. It is killed when it is dropped.
pub(crate) struct Broker {
    child: Child,
    pub(crate) bootstrap: String,
}

impl Broker {
    /// Runs `kurier broker` with these options on free ports, and waits until it is ready.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = kurier(&["broker", "--port", "0", "-q"]);
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let brokers = args.iter().skip_while(|arg| **arg != "--brokers").nth(1);
        let count = brokers.map_or(1, |count| count.parse().unwrap());
        let bootstrap = lines.take(count).collect::<Vec<_>>().join(",");
        assert!(!bootstrap.is_empty(), "{command:?} ended");
        Self { child, bootstrap }
    }

    /// `kurier` with this cluster.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = kurier(&["-b", &self.bootstrap]);
        command.args(args);
        command
    }

    /// Runs `kurier` with this cluster.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str], input: impl Into<Vec<u8>>) -> Ended {
        run(&mut self.command(args), input)
    }

    /// Sends the process a signal, such as `-STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Ends the process at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers each connection with these bytes as soon as it has said something, then closes it.
/// Gives its address. The thread ends with the process.
pub(crate) fn impostor(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut heard = [0; 512];
            // Whoever asked may be gone.
            let _ = stream.read(&mut heard).and_then(|_| stream.write_all(answer));
        }
    });
    address
}

/// A file name of this test's own.
pub(crate) fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()))
}

#[test]
fn addresses_go_to_stdout_and_to_the_port_file_and_a_signal_ends_it() {
    for signal in ["-INT", "-TERM"] {
        let file = scratch(&format!("ports{signal}"));
        let mut command = kurier(&["broker", "--port", "0", "--brokers", "3", "--port-file"]);
        let mut broker = Started::new(command.arg(&file));
        let addresses = loop {
            match std::fs::read_to_string(&file) {
                Ok(text) => break text,
                Err(_) => assert!(broker.child.try_wait().unwrap().is_none(), "it ended"),
            }
            pause();
        };
        let addresses: Vec<_> = addresses.lines().collect();
        assert_eq!(addresses.len(), 3);
        for address in &addresses {
            std::net::TcpStream::connect(address).unwrap();
        }
        broker.signal(signal);
        let ended = broker.end();
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_eq!(ended.stdout, (addresses.join("\n") + "\n").as_bytes());
        assert!(ended.stderr.contains("as Kafka 4.4"), "{}", ended.stderr);
        assert!(!file.exists(), "the port file outlives the broker");
    }
}

#[test]
fn a_broker_that_reads_stdin_ends_with_whoever_holds_its_other_end() {
    let file = scratch("stdin-ports");
    let mut command = kurier(&["broker", "--port", "0", "--until-stdin-ends", "--port-file"]);
    let mut broker = Started::new(command.arg(&file).stdin(Stdio::piped()));
    let mut stdin = broker.child.stdin.take().unwrap();
    stdin.write_all(b"what it says does not matter\n").unwrap();
    // It takes hold of the pipe as the program that starts a broker does.
    let mut holder = Command::new("sleep").arg("600").stdout(stdin).spawn().unwrap();
    let address = loop {
        match std::fs::read_to_string(&file) {
            Ok(text) => break text,
            Err(_) => assert!(broker.child.try_wait().unwrap().is_none(), "it ended"),
        }
        pause();
    };
    std::net::TcpStream::connect(address.trim()).unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    let ended = broker.end();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("stdin has ended"), "{}", ended.stderr);
    assert!(!file.exists(), "the port file outlives the broker");

    let mut command = kurier(&["broker", "-q", "--port", "0", "--until-stdin-ends"]);
    let ended = run(&mut command, "");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn clients_are_told_what_is_advertised() {
    let broker = Broker::start(&["--topics", "t", "--advertise", "localhost"]);
    assert!(broker.bootstrap.starts_with("localhost:"), "{}", broker.bootstrap);
    broker.run(&["produce", "t"], "a\n").done();
    assert_eq!(broker.run(&["consume", "t", "-o", "beginning", "-e"], "").text(), "a\n");

    let options = ["--brokers", "3", "--advertise", "kafka.test:19092"];
    let broker = Broker::start(&options);
    assert_eq!(broker.bootstrap, "kafka.test:19092,kafka.test:19093,kafka.test:19094");
}

#[test]
fn why_a_login_is_refused_is_told_once_and_without_the_password() {
    let file = scratch("login-ports");
    let mut command = kurier(&["broker", "--port", "0", "--sasl", "PLAIN", "--user", "alice:a"]);
    let mut broker = Started::new(command.arg("--port-file").arg(&file));
    let address = loop {
        match std::fs::read_to_string(&file) {
            Ok(text) => break text,
            Err(_) => assert!(broker.child.try_wait().unwrap().is_none(), "it ended"),
        }
        pause();
    };
    for _ in 0..2 {
        let mut command = kurier(&["-b", address.trim(), "topic", "list"]);
        for property in [
            "security.protocol=SASL_PLAINTEXT",
            "sasl.mechanism=PLAIN",
            "sasl.username=alice",
            "sasl.password=looking-glass",
        ] {
            command.args(["-X", property]);
        }
        run(&mut command, "").failed(1);
    }
    broker.signal("-TERM");
    let ended = broker.end();
    let notes = ended.stderr.lines().filter(|line| line.starts_with("kurier: note: "));
    let wanted = "kurier: note: broker 1 refused a login: PLAIN: user name, password or token is \
                  wrong";
    assert_eq!(notes.collect::<Vec<_>>(), [wanted], "{ended:?}");
}

#[test]
fn a_port_in_use_and_an_unknown_release_are_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = run(&mut kurier(&["broker", "--port", &port]), "");
    let line = ended.failed(1);
    assert!(line.contains(&format!("127.0.0.1:{port}")) && line.contains("in use"), "{line}");
    for command in ["broker", "demo"] {
        let ended = run(&mut kurier(&[command, "--as", "5.9"]), "");
        let known =
            ended.stderr.contains("known are latest, 0.10.0") && ended.stderr.contains("4.4");
        assert!(ended.status == Some(2) && ended.stderr.contains("5.9") && known, "{ended:?}");
    }
}

#[test]
fn settings_go_by_kafkas_names_to_brokers_topics_and_racks() {
    let broker = Broker::start(&[
        "--topics",
        "t:1",
        "--config",
        "num.partitions=5",
        "--config",
        "t:max.message.bytes=1000",
        "--config",
        "1:broker.rack=east",
    ]);
    broker.run(&["produce", "made"], "a\n").done();
    let made = broker.run(&["topic", "describe", "made"], "").text();
    assert_eq!(made.lines().count(), 7, "a line a partition: {made}");
    let line = "x".repeat(2000);
    let ended = broker.run(&["produce", "t"], line);
    assert!(ended.failed(1).contains("MESSAGE_TOO_LARGE"), "{ended:?}");
}

#[test]
fn settings_that_cannot_be_are_wrong_usage_and_the_nearest_name_is_told() {
    for (config, parts) in [
        ("num.partition=3", &["num.partition is", "did you mean num.partitions?"][..]),
        ("nosuch=1", &["--config", "nosuch is no setting of brokers", "--help"]),
        ("num.partitions=999999999", &["num.partitions", "at most 100000 partitions"]),
        ("group.min.session.timeout.ms=9000000", &["group.max.session.timeout.ms, 1800000"]),
        (
            "default.replication.factor=3",
            &["factor is 3, more than there are brokers, 1; see --br"],
        ),
        ("num.partitions=0", &["num.partitions cannot be \"0\"", "at least 1"]),
        ("num.partitions=many", &["num.partitions cannot be \"many\"", "INT"]),
        ("log.retention.ms=1", &["log.retention.ms is set for each topic, as retention.ms"]),
        ("log.retention.hours=1", &["--config TOPIC:retention.ms=VALUE", "--topics"]),
        ("min.insync.replicas=2", &["each topic; write --config TOPIC:min.insync.replicas=VALUE"]),
        ("log.flush.interval.messages=1", &["is set for each topic, as flush.messages"]),
        ("offsets.topic.replication.facto=1", &["mean offsets.topic.replication.factor?"]),
        ("log.cleanup.polcy=compact", &["did you mean log.cleanup.policy?"]),
        ("broker.id=2", &["broker.id cannot be \"2\" here, where it is 1"]),
        ("advertised.listeners=PLAINTEXT://a:1", &["advertised.listeners is", "--advertise HOST"]),
        ("listeners=PLAINTEXT://:9092", &["listeners is decided by", "--host and --port"]),
        ("sasl.enabled.mechanisms=PLAIN", &["sasl.enabled.mechanisms is not taken", "--user"]),
        ("fetch.max.bytes=1000", &["fetch.max.bytes cannot be set here: clients would see it"]),
        ("t:retention.m=1", &["retention.m is", "did you mean retention.ms?"]),
        ("t:retention.ms=soon", &["topic \"t\"", "retention.ms", "LONG"]),
        ("u:retention.ms=1", &["topic \"u\"", "not added", "--topics"]),
        ("broker.rack=east", &["1:broker.rack=east"]),
        ("9:broker.rack=east", &["no broker 9"]),
        ("num.partitions", &["NAME=VALUE"]),
    ] {
        let mut command = kurier(&["broker", "--port", "0", "--topics", "t", "--config", config]);
        let ended = run(&mut command, "");
        assert_eq!(ended.status, Some(2), "{config}: {ended:?}");
        for part in parts {
            assert!(ended.stderr.contains(part), "{config}: no {part:?} in {ended:?}");
        }
    }
}

#[test]
fn settings_that_no_client_could_see_are_taken_with_one_warning() {
    let mut command = kurier(&["broker", "--port", "0", "--until-stdin-ends"]);
    for config in [
        "offsets.topic.replication.factor=1",
        "broker.id=1",
        "num.partitions=2",
        "zookeeper.connect=zookeeper:2181",
    ] {
        command.args(["--config", config]);
    }
    let ended = run(&mut command, "");
    let warning = "kurier: warning: --config: no client could see what these set: \
                   offsets.topic.replication.factor, zookeeper.connect";
    let warnings = ended.stderr.lines().filter(|line| line.contains("warning"));
    assert_eq!((ended.status, warnings.collect::<Vec<_>>()), (Some(0), vec![warning]), "{ended:?}");
    let ended = run(command.arg("-q"), "");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn old_records_are_deleted_at_the_interval_that_is_set() {
    let upkeep = ["--config", "log.retention.check.interval.ms=50"];
    let topics = ["--topics", "old,new", "--config", "old:retention.ms=1"];
    let broker = Broker::start(&[&upkeep[..], &topics].concat());
    for topic in ["old", "new"] {
        broker.run(&["produce", topic], "a\n").done();
    }
    let read = |topic| broker.run(&["consume", topic, "-o", "beginning", "-e"], "").text();
    while !read("old").is_empty() {
        pause();
    }
    assert_eq!(read("new"), "a\n");
}
