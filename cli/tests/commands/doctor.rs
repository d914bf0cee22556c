//! `kurier doctor`: on a cluster that is well, and on ones that are not.

use std::net::TcpListener;
use std::time::Duration;

use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, TestCluster};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::brokers::{Broker, impostor};
use crate::process::{Ended, Started, kurier, run};

/// The report of `kurier doctor --format json`, and how it ended.
struct Report {
    object: Value,
    ended: Ended,
}

fn doctor(bootstrap: &str, args: &[&str]) -> Report {
    let json = ["-b", bootstrap, "doctor", "--format", "json"];
    let ended = run(kurier(&json).args(args), "");
    let object = serde_json::from_slice(&ended.stdout);
    let object = object.unwrap_or_else(|why| panic!("{why}: {ended:?}"));
    Report { object, ended }
}

impl Report {
    fn checks(&self) -> &[Value] {
        self.object["checks"].as_array().unwrap()
    }

    fn with_status(&self, status: &str) -> Vec<&Value> {
        self.checks().iter().filter(|check| check["status"] == status).collect()
    }

    /// Asserts that a check has this status, has found this, and advises this.
    #[track_caller]
    fn has(&self, (check, status): (&str, &str), found: &str, fix: &str) -> &Self {
        let is_it = |one: &&Value| {
            (one["check"].as_str(), one["status"].as_str()) == (Some(check), Some(status))
                && one["found"].as_str().unwrap().contains(found)
                && one["fix"].as_str().unwrap_or_default().contains(fix)
        };
        let all = self.checks();
        assert!(all.iter().any(|one| is_it(&one)), "{check} {status} {found:?} {fix:?}: {all:#?}");
        self
    }

    /// Asserts that something is wrong, and that the command says so.
    #[track_caller]
    fn wrong(&self, check: &str, found: &str, fix: &str) -> &Self {
        self.has((check, "wrong"), found, fix);
        let count = self.with_status("wrong").len();
        let checks = self.checks().len();
        let line = format!("kurier: {count} of {checks} checks found something wrong\n");
        assert_eq!((self.ended.status, self.ended.stderr.as_str()), (Some(1), line.as_str()));
        assert_eq!(self.object["wrong"], count);
        self
    }

    /// Asserts that nothing is wrong.
    #[track_caller]
    fn well(&self) -> &Self {
        assert_eq!(self.ended.status, Some(0), "{:#?}", self.with_status("wrong"));
        assert_eq!(self.ended.stderr, "");
        self
    }
}

#[test]
fn a_cluster_that_is_well_has_nothing_wrong() {
    let topic = ["--topics", "orders:3", "--config", "orders:min.insync.replicas=2"];
    let broker = Broker::start(&[&["--brokers", "3"][..], &topic].concat());
    let named = ["-t", "orders", "-g", "billing", "--transactional-id", "pay"];
    let report = doctor(&broker.bootstrap, &named);
    report.well();
    for check in ["name", "connection", "protocol", "metadata", "brokers", "listener", "topic"] {
        report.has((check, "ok"), "", "");
    }
    report.has(("topic_rights", "ok"), "may read and write", "");
    report.has(("group_rights", "ok"), "may use it", "");
    report.has(("transaction_rights", "ok"), "may use it", "");
    report.has(("min_insync", "ok"), "min.insync.replicas=2 of 3", "");
    report.has(("clock", "not_known"), "--probe-topic", "");
    let listeners = report.checks().iter().filter(|check| check["check"] == "listener");
    assert_eq!(listeners.count(), 3);
    assert_eq!((&report.object["version"], &report.object["release"]), (&1.into(), &"4.4".into()));
    let numbers = report.checks().iter().map(|check| check["number"].as_u64().unwrap());
    assert!(numbers.eq(1..=report.checks().len() as u64));

    let table = broker.run(&["doctor"], "").text();
    assert!(table.starts_with("  #   CHECK"), "{table}");
    assert!(table.contains("ok, ") && table.contains(" 0 wrong, "), "{table}");
}

#[test]
fn a_look_changes_nothing() {
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    let cluster = TestCluster::builder().topic("orders", 1).build();
    let served = runtime.block_on(cluster.serve_tcp("127.0.0.1", 0)).unwrap();
    let named = ["-t", "orders", "-t", "none", "-g", "billing", "--transactional-id", "pay"];
    doctor(&served.bootstrap()[0], &named);
    assert_eq!(cluster.topics(), ["orders"]);
    assert_eq!(cluster.high_watermark("orders", 0), 0);
    let asked = cluster.requests();
    let writes =
        [ApiKey::PRODUCE, ApiKey::CREATE_TOPICS, ApiKey::JOIN_GROUP, ApiKey::ADD_PARTITIONS_TO_TXN];
    assert!(asked.iter().all(|request| !writes.contains(&request.api)));
}

#[test]
fn every_release_that_is_well_is_found_well() {
    for release in ["0.10.0", "0.10.2", "0.11.0", "1.1", "2.2", "2.8", "3.9"] {
        let broker = Broker::start(&["--as", release, "--topics", "orders"]);
        let report = doctor(&broker.bootstrap, &["-t", "orders", "-g", "billing"]);
        report.well().has(("topic_rights", "ok"), "may read and write", "");
        assert_eq!(report.object["release"], release);
    }
}

#[test]
fn names_ports_and_protocols_that_are_wrong_are_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    doctor(&closed, &[]).wrong("connection", "connection refused", "check the port");
    let nowhere = doctor("no-such-host.invalid:9092", &["--timeout", "20"]);
    nowhere.wrong("name", "cannot be resolved", "check the spelling");
    nowhere.has(("metadata", "not_known"), "no broker could be asked", "");
    let http = impostor(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    doctor(&http, &[]).wrong("protocol", "speaks HTTP", "9092");
    let tls = Broker::start(&["--tls"]);
    doctor(&tls.bootstrap, &[]).wrong("protocol", "speaks TLS", "security.protocol=SSL");
    let plain = Broker::start(&[]);
    let report = doctor(&plain.bootstrap, &["-X", "security.protocol=SSL"]);
    report.wrong("tls", "in the TLS handshake", "security.protocol=PLAINTEXT");
}

#[test]
fn a_login_is_a_step_of_its_own() {
    let broker = Broker::start(&["--sasl", "PLAIN", "--user", "alice:wonderland"]);
    let login = |password: &str| {
        let password = format!("sasl.password={password}");
        let set = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=PLAIN", &password];
        let set = set.into_iter().chain(["sasl.username=alice"]);
        let args: Vec<&str> = set.flat_map(|pair| ["-X", pair]).collect();
        doctor(&broker.bootstrap, &args)
    };
    let heard = "logged in as alice by PLAIN";
    login("wonderland").well().has(("login", "warning"), heard, "security.protocol=SASL_SSL");
    let refused = login("looking-glass");
    refused.wrong("login", "SASL_AUTHENTICATION_FAILED", "check user name and password");
    assert!(!String::from_utf8_lossy(&refused.ended.stdout).contains("looking-glass"));
    doctor(&broker.bootstrap, &[]).wrong("metadata", "want a login", "sasl.mechanism");
}

#[test]
fn an_advertised_address_that_leads_nowhere_or_elsewhere_is_named_with_its_broker() {
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    let cluster = TestCluster::builder().brokers(3).topic("orders", 3).build();
    let served = runtime.block_on(cluster.serve_tcp("127.0.0.1", 0)).unwrap();
    let bootstrap = served.bootstrap().join(",");
    let lie = |host: &str, port: u16| {
        cluster.clear_faults();
        cluster.fault(Fault::any().always().claim_address(2, host, port));
        doctor(&bootstrap, &[])
    };
    let fix = "set advertised.listeners of broker 2";
    lie("kafka-2", 9092).wrong("listener", "a name of the brokers' own network", fix);
    lie("0.0.0.0", 9092).wrong("listener", "no address to connect to", fix);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    lie("127.0.0.1", closed.port()).wrong("listener", "refused", "start broker 2 if it is down");
    let third: std::net::SocketAddr = served.bootstrap()[2].parse().unwrap();
    lie("127.0.0.1", third.port()).wrong("listener", "and so does broker 3", fix);
    lie("localhost", third.port()).wrong("listener", "another broker answers", fix);
}

#[test]
fn a_broker_that_is_down_is_found_by_what_it_should_serve() {
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    let builder = TestCluster::builder().brokers(3).topic("orders", 3).replication_default(3);
    let cluster = builder.topic_config("orders", "min.insync.replicas", "3").build();
    let served = runtime.block_on(cluster.serve_tcp("127.0.0.1", 0)).unwrap();
    cluster.kill_broker(3);
    let report = doctor(&served.bootstrap().join(","), &["-t", "orders"]);
    report.wrong("connection", "refused", "check the port");
    report.wrong("brokers", "broker 3 is down, 1, 2 run", "start broker 3");
    report.wrong("partitions", "NOT_ENOUGH_REPLICAS", "start or mend broker 3");
}

#[test]
fn topics_that_are_not_safe_are_found_with_the_command_that_mends_them() {
    let broker = Broker::start(&[
        "--brokers",
        "3",
        "--no-auto-create",
        "--topics",
        "thin,loose",
        "--config",
        "thin:min.insync.replicas=4",
        "--config",
        "loose:unclean.leader.election.enable=true",
    ]);
    let report = doctor(&broker.bootstrap, &[]);
    report.wrong("min_insync", "min.insync.replicas=4 asks for more", "min.insync.replicas=2");
    let at = &broker.bootstrap;
    let fix = format!(
        "kafka-configs.sh --bootstrap-server {at} --alter --entity-type topics --entity-name loose \
         --add-config unclean.leader.election.enable=false;"
    );
    let fix = &*fix;
    report.wrong("unclean_election", "acknowledged records are lost", fix);
    let missing = doctor(&broker.bootstrap, &["-t", "missing"]);
    let fix = format!("kurier -b {at} topic create missing -p 1 -r 3");
    missing.wrong("topic", "auto.create.topics.enable=false", &fix);
    let words = fix.split_once(&format!("{at} ")).unwrap().1;
    broker.run(&words.split(' ').collect::<Vec<_>>(), "").done();
}

#[test]
fn a_transaction_timeout_over_the_limit_is_found_before_the_first_transaction() {
    let broker = Broker::start(&["--config", "transaction.max.timeout.ms=30000"]);
    let check = ("transaction_timeout", "warning");
    doctor(&broker.bootstrap, &[]).well().has(check, "=30000", "at most 30000");
    let file = crate::brokers::scratch("doctor.properties");
    std::fs::write(&file, "transactional.id=pay\ntransaction.timeout.ms=40000\n").unwrap();
    let report = doctor(&broker.bootstrap, &["-F", file.to_str().unwrap()]);
    report.wrong("transaction_timeout", "transaction.timeout.ms=40000 is over", "at most 30000");
    report.has(("transaction_rights", "ok"), "may use it", "");
    let set = ["-X", "transaction.timeout.ms=30000"];
    doctor(&broker.bootstrap, &set).well().has(("transaction_timeout", "ok"), "within", "");
}

#[test]
fn a_topic_that_the_broker_stamps_tells_the_clock() {
    let config = ["--config", "stamped:message.timestamp.type=LogAppendTime"];
    let broker = Broker::start(&[&["--topics", "stamped,plain"][..], &config].concat());
    let report = doctor(&broker.bootstrap, &["--probe-topic", "stamped"]);
    report.well().has(("clock", "ok"), "no difference", "");
    assert_eq!(broker.run(&["consume", "stamped", "-e"], "").text(), "kurier doctor\n");
    let report = doctor(&broker.bootstrap, &["--probe-topic", "plain"]);
    report.well().has(("clock", "not_known"), "CreateTime", "");
    assert_eq!(broker.run(&["consume", "plain", "-e"], "").text(), "");
}

#[test]
fn whoever_says_nothing_does_not_take_all_of_the_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = Broker::start(&["--topics", "orders"]);
    let both = format!("{},{}", silent.local_addr().unwrap(), broker.bootstrap);
    let report = doctor(&both, &["--timeout", "6"]);
    report.wrong("protocol", "nothing came within 2 s", "a Kafka listener's");
    report.has(("listener", "ok"), "leads to it", "");
    report.has(("partitions", "ok"), "all have leaders", "");
}

#[test]
fn one_question_that_is_never_answered_leaves_the_others_as_they_are() {
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    let cluster = TestCluster::builder().topic("orders", 1).build();
    let served = runtime.block_on(cluster.serve_tcp("127.0.0.1", 0)).unwrap();
    let late = Duration::from_secs(60);
    cluster.fault(Fault::on(ApiKey::DESCRIBE_CONFIGS).always().delay_answer(late));
    let at = &served.bootstrap()[0];
    let report = doctor(&format!("{at},{at}"), &["-g", "billing", "--timeout", "6"]);
    report.wrong("protocol", "no answer to DescribeConfigs within 2 s", "the broker's log");
    assert_eq!(report.with_status("wrong").len(), 1);
    report.has(("min_insync", "not_known"), "no answer to DescribeConfigs within 2 s", "");
    report.has(("partitions", "ok"), "all have leaders", "");
    report.has(("group_rights", "ok"), "may use it", "");
    let servers = report.checks().iter().filter(|check| check["check"] == "name");
    assert_eq!(servers.count(), 1, "a server that is given twice is one");
}

#[test]
fn what_was_found_before_a_signal_is_printed() {
    for signal in ["-INT", "-TERM"] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = silent.local_addr().unwrap().to_string();
        let mut doctor = Started::new(&mut kurier(&["-b", &at, "doctor", "--format", "json"]));
        let held = silent.accept().unwrap();
        doctor.signal(signal);
        let ended = doctor.end();
        drop(held);
        let object = serde_json::from_slice(&ended.stdout).unwrap();
        let report = Report { object, ended };
        report.wrong("time", "stopped by a signal", "--timeout");
        report.has(("name", "ok"), "127.0.0.1", "");
    }
}

#[test]
fn wrong_usage_has_status_two() {
    for (args, part) in [
        (&["--timeout", "0"][..], "0"),
        (&["-t", "a b"], "letters, digits"),
        (&["-X", "transaction.timeout.ms=soon"], "transaction.timeout.ms"),
        (&["-b", "host:port"], "HOST:PORT"),
    ] {
        let ended = run(kurier(&["doctor"]).args(args), "");
        assert_eq!((ended.status, ended.stdout.len()), (Some(2), 0), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(part), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn settings_that_cannot_be_used_are_told_to_programs_too() {
    for (args, part) in [
        (["-X", "transaction.timeout.ms=soon"], "transaction.timeout.ms"),
        (["-X", "ssl.truststore.locatoin=ca.pem"], "ssl.truststore.location"),
        (["-F", "/no/such/file"], "/no/such/file"),
    ] {
        let report = doctor("localhost:9092", &args);
        report.has(("settings", "wrong"), part, "docs/configuration.md");
        assert_eq!((report.ended.status, &report.object["wrong"]), (Some(2), &1.into()));
        assert!(report.ended.stderr.contains(part), "{}", report.ended.stderr);
    }
    let tls = ["-X", "security.protocol=SSL", "-X", "ssl.truststore.location=/no/such/ca.pem"];
    let report = doctor("localhost:9092", &tls);
    report.has(("settings", "wrong"), "/no/such/ca.pem\" cannot be read", "");
    assert_eq!(report.ended.status, Some(2));
}
