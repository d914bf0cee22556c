//! `verifiable producer`, `consumer` and `copier`: the contract of Kafka's system tests.

use std::collections::BTreeSet;
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use kurier_protocol::ApiKey;
#[cfg(unix)]
use kurier_testkit::{Fault, Requests, TestCluster};
use serde_json::Value;
#[cfg(unix)]
use tokio::runtime::Runtime;

use crate::brokers::{Broker, scratch};
use crate::process::{Started, kurier, pause, run};

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["name"].as_str().unwrap()).collect()
}

#[test]
fn each_record_is_told_with_where_it_lies() {
    let broker = Broker::start(&["--topics", "t:2"]);
    let options = ["--max-messages", "5", "--repeating-keys", "2", "--value-prefix", "7"];
    let create = ["--message-create-time", "1700000000000", "--acks", "-1"];
    let args = [&["verifiable", "producer", "--topic", "t"][..], &options, &create].concat();
    let said = lines(&broker.run(&args, "").text());
    let mut expected = vec!["startup_complete"];
    expected.extend(["producer_send_success"; 5]);
    expected.extend(["shutdown_complete", "tool_data"]);
    assert_eq!(names(&said), expected);
    let told: BTreeSet<_> = said[1..6]
        .iter()
        .map(|line| {
            let of = |name: &str| line[name].as_str().unwrap().to_owned();
            assert_eq!(line["topic"], "t");
            format!("{} {} {} {}", line["partition"], line["offset"], of("key"), of("value"))
        })
        .collect();
    let stored = broker.run(&["consume", "t", "-e", "-f", r"%p %o %k %s\n"], "").text();
    assert_eq!(told, stored.lines().map(String::from).collect());
    assert!(told.iter().any(|line| line.ends_with(" 1 7.3")), "{told:?}");
    let times = broker.run(&["consume", "t", "-e", "-f", r"%T\n"], "").text();
    assert!(times.lines().all(|time| time.starts_with("17000000")), "{times}");
    let summary = &said[7];
    assert_eq!((&summary["sent"], &summary["acked"]), (&5.into(), &5.into()));
    assert_eq!(summary["target_throughput"], -1);
    assert!(summary["avg_throughput"].as_f64().unwrap() > 0.0);
}

#[test]
fn kafkas_names_of_options_and_a_file_are_taken_and_failures_are_told() {
    let broker = Broker::start(&["--topics", "t:1"]);
    let file = scratch("verifiable.properties");
    let settings = "max.block.ms=300\nallow.auto.create.topics=false\nacks=1\n";
    std::fs::write(&file, settings).unwrap();
    for (servers, config) in
        [("--broker-list", "--producer.config"), ("--bootstrap-server", "--command-config")]
    {
        let of = |topic: &str| {
            let mut command = kurier(&["verifiable", "producer", servers, &broker.bootstrap]);
            command.arg(config).arg(&file).args(["--topic", topic, "--max-messages", "2"]);
            lines(&run(&mut command, "").text())
        };
        assert_eq!(names(&of("t"))[1..3], ["producer_send_success"; 2]);
        let said = of("none");
        assert_eq!(names(&said)[1..3], ["producer_send_error"; 2]);
        let message = said[1]["message"].as_str().unwrap();
        assert!(message.contains("topic none"), "{message}");
        assert_eq!((&said[1]["key"], &said[1]["value"]), (&Value::Null, &"0".into()));
        assert_eq!((&said[4]["sent"], &said[4]["acked"]), (&2.into(), &0.into()));
    }
    std::fs::remove_file(file).unwrap();
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_with_an_outcome_for_each_record() {
    let broker = Broker::start(&["--topics", "t:1"]);
    let args = ["-b", &broker.bootstrap, "verifiable", "producer", "--topic", "t"];
    let mut started = Started::new(kurier(&args).args(["--throughput", "200"]));
    let end = || broker.run(&["consume", "t", "-e", "-f", "%o\n"], "").text().lines().count();
    while end() < 20 {
        pause();
    }
    started.signal("-TERM");
    let ended = started.end();
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let said = lines(std::str::from_utf8(&ended.stdout).unwrap());
    let [.., shutdown, summary] = &said[..] else { panic!("{said:?}") };
    assert_eq!(
        (&shutdown["name"], &summary["name"]),
        (&"shutdown_complete".into(), &"tool_data".into())
    );
    let told = said.iter().filter(|line| line["name"] == "producer_send_success").count();
    assert_eq!(
        (summary["sent"].as_u64(), summary["acked"].as_u64()),
        (Some(told as u64), Some(told as u64))
    );
    assert_eq!(end(), told);
    assert_eq!(summary["target_throughput"], 200);
}

/// The values of a field in lines of one name.
fn all<'a>(said: &'a [Value], name: &str, field: &str) -> Vec<&'a Value> {
    said.iter().filter(|line| line["name"] == name).map(|line| &line[field]).collect()
}

#[test]
fn a_member_tells_of_what_it_reads_and_commits_and_leaves() {
    let broker = Broker::start(&["--topics", "t:1"]);
    broker.run(&["produce", "t", "-K", ":"], "k:a\nk:b\n").done();
    broker.run(&["produce", "t"], "c\nd\n").done();
    for (protocol, group) in [("classic", "g"), ("CONSUMER", "h")] {
        let args = ["verifiable", "consumer", "--topic", "t", "--group-id", group];
        let first = ["--max-messages", "3", "--verbose", "--group-protocol", protocol];
        let ended = broker.run(&[&args[..], &first].concat(), "");
        assert_eq!(ended.status, Some(0), "{ended:?}");
        let said = lines(std::str::from_utf8(&ended.stdout).unwrap());
        let names = names(&said);
        assert_eq!(names[0], "startup_complete");
        let last = ["partitions_revoked", "shutdown_complete", "shutdown_requested"];
        assert!(names.ends_with(&last), "{names:?}");
        assert_eq!(names[names.len() - 4], "offsets_committed");
        let at = |name| names.iter().position(|of| *of == name).unwrap();
        assert!(at("partitions_assigned") < at("record_data"), "{names:?}");
        assert!(at("records_consumed") < at("offsets_committed"), "{names:?}");
        let values: Vec<_> = all(&said, "record_data", "value");
        assert_eq!(values, ["a", "b", "c"]);
        assert_eq!(all(&said, "record_data", "key"), [&"k".into(), &"k".into(), &Value::Null]);
        let committed = all(&said, "offsets_committed", "offsets");
        assert_eq!(committed.last().unwrap()[0]["offset"], 3);
        assert!(all(&said, "offsets_committed", "success").iter().all(|is| **is == true));

        // The next member goes on where the last one has committed, also by the clock.
        let next = ["--enable-autocommit", "--max-messages", "1", "--group-protocol", protocol];
        let said = lines(&broker.run(&[&args[..], &next].concat(), "").text());
        assert_eq!(all(&said, "records_consumed", "partitions")[0][0]["minOffset"], 3);
        assert!(all(&said, "offsets_committed", "success").is_empty());
        let stored = format!("group.id={group}");
        let rest = broker.run(&["consume", "t", "-e", "-o", "stored", "-X", &stored], "");
        assert_eq!(rest.text(), "", "all of it is committed");
    }
}

#[cfg(unix)]
#[test]
fn a_member_that_is_told_to_end_leaves_before_it_does() {
    let broker = Broker::start(&["--topics", "t:2"]);
    let args = ["-b", &broker.bootstrap, "verifiable", "consumer", "--topic", "t"];
    let mut started = Started::new(kurier(&args).args(["--group-id", "g"]));
    broker.run(&["produce", "t", "-p", "0"], "a\n").done();
    let stored = ["consume", "t", "-e", "-q", "-p", "0", "-o", "stored", "-X", "group.id=g"];
    while !broker.run(&stored, "").text().is_empty() {
        pause();
    }
    started.signal("-TERM");
    let ended = started.end();
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let said = lines(std::str::from_utf8(&ended.stdout).unwrap());
    let last = ["shutdown_requested", "partitions_revoked", "shutdown_complete"];
    assert!(names(&said).ends_with(&last), "{said:?}");
    assert_eq!(said[said.len() - 2]["partitions"].as_array().unwrap().len(), 2);
}

#[cfg(unix)]
#[test]
fn a_member_that_is_told_to_end_while_it_commits_tells_what_came_of_that_first() {
    let runtime = Runtime::new().unwrap();
    let cluster = TestCluster::builder().topic("t", 1).build();
    let served = runtime.block_on(cluster.serve_tcp("127.0.0.1", 0)).unwrap();
    let bootstrap = served.bootstrap().join(",");
    run(&mut kurier(&["-b", &bootstrap, "produce", "t"]), "a\n").done();
    cluster.fault(Fault::on(ApiKey::OFFSET_COMMIT).delay_answer(Duration::from_secs(2)));
    let args = ["-b", &bootstrap, "verifiable", "consumer", "--topic", "t", "--group-id", "g"];
    let mut started = Started::new(&mut kurier(&args));
    let commits = Requests::of(ApiKey::OFFSET_COMMIT);
    runtime.block_on(cluster.wait_for_requests(&commits, 1));
    started.signal("-TERM");
    let ended = started.end();
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let said = lines(std::str::from_utf8(&ended.stdout).unwrap());
    let names = names(&said);
    let last = ["shutdown_requested", "partitions_revoked", "shutdown_complete"];
    assert!(names.ends_with(&last), "{said:?}");
    let last = ["records_consumed", "offsets_committed"];
    assert!(names[..names.len() - 3].ends_with(&last), "{said:?}");
    assert_eq!(all(&said, "offsets_committed", "success"), [&Value::Bool(true)]);
    assert_eq!(cluster.requests_of(&commits).len(), 1);
}

/// The copies that readers of committed records see.
fn copied(broker: &Broker) -> Vec<String> {
    let args = ["consume", "out", "-e", "--isolation", "read_committed", "-f", r"%p %k %s\n"];
    let mut all: Vec<String> = broker.run(&args, "").text().lines().map(String::from).collect();
    all.sort();
    all
}

#[test]
fn each_record_is_copied_once_whatever_is_aborted() {
    let broker = Broker::start(&["--topics", "t:2,out:2"]);
    let mut expected = Vec::new();
    for n in 0..30 {
        let partition = (n % 2).to_string();
        broker.run(&["produce", "t", "-p", &partition, "-K", ":"], format!("k:{n:02}\n")).done();
        expected.push(format!("{partition} k {n:02}"));
    }
    expected.sort();
    let copier = ["verifiable", "copier", "--input-topic", "t", "--output-topic", "out"];
    let who = ["--transactional-id", "c", "--transaction-size", "4", "--enable-random-aborts"];
    let copy = |more: &[&str]| {
        let ended = broker.run(&[&copier[..], &who, more].concat(), "");
        assert_eq!(ended.status, Some(0), "{ended:?}");
        lines(std::str::from_utf8(&ended.stdout).unwrap())
    };
    // One partition up to a number, in whole transactions, then to its end; then nothing is left.
    let mut totals = Vec::new();
    for most in ["5", "-1", "-1"] {
        let of = ["--consumer-group", "g", "--input-partition", "1", "--max-messages", most];
        let said = copy(&of);
        let last = said.last().unwrap();
        let number = |name: &str| last[name].as_i64().unwrap();
        assert_eq!(
            (&last["transactionalId"], &last["stage"]),
            (&"c".into(), &"ShutdownComplete".into())
        );
        assert_eq!(number("consumed"), number("totalProcessed"));
        totals.push((number("totalProcessed"), number("remaining")));
        assert!(said.iter().rev().skip(1).all(|line| line["stage"] == "ProcessLoop"));
    }
    let [(first, beyond), rest, none] = totals[..] else { panic!("{totals:?}") };
    assert!((5..=8).contains(&first) && first + beyond == 5, "{totals:?}");
    assert_eq!((rest, none), ((15 - first, 0), (0, 0)));
    let of_one: Vec<_> = expected.iter().filter(|of| of.starts_with('1')).cloned().collect();
    assert_eq!(copied(&broker), of_one);

    // Both, as a member of another group that has copied nothing yet.
    let said = copy(&["--consumer-group", "h", "--group-mode"]);
    let number = |of: &Value, name: &str| of[name].as_i64().unwrap();
    let given = said.iter().find(|line| line["stage"] == "RebalanceComplete").unwrap();
    assert_eq!(number(given, "totalProcessed") + number(given, "remaining"), 30);
    assert_eq!(said.last().unwrap()["totalProcessed"], 30);
    let mut all = [expected, of_one].concat();
    all.sort();
    assert_eq!(copied(&broker), all);
}
